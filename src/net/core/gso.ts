// What the stack does in software when a device does not: completing a checksum that was left to offload, and cutting a
// super-packet into segments. Answers to net/core/dev.c (skb_checksum_help, validate_xmit_skb) and net/core/gso.c.

import { internetChecksum, pseudoHeaderSumAt, replacePartial16 } from "../../wire/checksum.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import * as tcp from "../../wire/tcp.ts";
import * as udp from "../../wire/udp.ts";
import type { NetDevice } from "./net-device.ts";
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, consumeSkb, SEGMENT_VIEWS, SKB_GSO_TCPV4, type SkBuff } from "./skb.ts";
import { ipSendCheck } from "./skb-ip-header.ts";

/** Fills in a checksum left to offload (skb_checksum_help): csumStart … tail is summed, the result goes to csumOffset. */
export function completeChecksum(skb: SkBuff): void {
  if (skb.ipSummed !== CHECKSUM_PARTIAL) return;
  const at = skb.csumStart + skb.csumOffset;
  const sum = internetChecksum(skb.head, skb.csumStart, skb.tail) || 0xffff;
  skb.head[at] = sum >> 8;
  skb.head[at + 1] = sum & 255;
  skb.ipSummed = CHECKSUM_NONE;
}

/** netif_needs_gso: the device does not take this super-packet as it is. */
export function needsSegmenting(skb: SkBuff, dev: NetDevice): boolean {
  return skb.gsoSize > 0 && (!dev.features.tso || skb.len > dev.gsoMaxSize);
}

/**
 * Cuts a TCP super-packet into segments of gsoSize and hands each to `xmit` (tcp_gso_segment, inet_gso_segment):
 * identification one more each, CWR on the first only, FIN and PSH on the last only. Checksums stay partial unless the
 * device does not finish them. skb.data may stand at the link or at the IP header; a tunnel's outer IP and UDP headers
 * (skb.networkHeader before the inner ones) are cut along. Takes the packet over.
 */
export function segmentAndSend(skb: SkBuff, dev: NetDevice, xmit: (skb: SkBuff, dev: NetDevice) => void): void {
  if (!(skb.gsoType & SKB_GSO_TCPV4)) {
    xmit(skb, dev);
    return;
  }
  const { head, gsoSize: mss } = skb;
  const partial = skb.ipSummed === CHECKSUM_PARTIAL;
  const tcpAt = partial ? skb.csumStart : skb.transportHeader;
  const payloadAt = tcpAt + tcp.getDataOffset(head, tcpAt);
  const outerAt = skb.networkHeader;
  const innerAt = ipv4.getProtocol(head, outerAt) === ipv4.IPPROTO_TCP ? outerAt : tcpAt - ipv4.HEADER_LENGTH;
  const end = skb.tail;
  const total = end - tcpAt;
  const seq = tcp.getSequence(head, tcpAt);
  const flags = tcp.getFlags(head, tcpAt);
  for (let from = payloadAt, i = 0; from < end; from += mss, i++) {
    const n = Math.min(mss, end - from);
    const last = from + n === end;
    skb.tail = payloadAt; // a copy of the headers
    const segment = skb.pool.copy(skb, payloadAt + n);
    segment.head.set(skb.view(SEGMENT_VIEWS + i, from, n), segment.put(n));
    segment.gsoSize = 0;
    segment.gsoSegs = 0;
    segment.gsoType = 0;
    if (skb.pagePhase > 0) segment.pagePhase = ((skb.pagePhase - 1 + from - payloadAt) & 4095) + 1;
    tcp.setSequence(segment.head, tcpAt, (seq + (from - payloadAt)) >>> 0);
    let mine = flags;
    if (i > 0) mine &= ~tcp.CWR;
    if (!last) mine &= ~(tcp.FIN | tcp.PSH);
    tcp.setFlags(segment.head, tcpAt, mine);
    shorten(segment, innerAt, i);
    tcpChecksum(segment, innerAt, tcpAt, partial, total);
    if (outerAt !== innerAt) shortenOuter(segment, outerAt, i);
    if (partial && !dev.features.txCsum) completeChecksum(segment);
    xmit(segment, dev);
  }
  skb.tail = end;
  consumeSkb(skb);
}

/** An IP header of the i-th segment. */
function shorten(segment: SkBuff, at: number, i: number): void {
  const { head } = segment;
  ipv4.setTotalLength(head, at, segment.tail - at);
  ipv4.setIdentification(head, at, (ipv4.getIdentification(head, at) + i) & 0xffff);
  ipSendCheck(segment, at);
}

/**
 * A tunnel's outer headers, IP and UDP (skb_udp_tunnel_segment). A UDP checksum, if there was one, is completed: what of the
 * inner segment is still to be summed adds up to its own partial sum's complement.
 */
function shortenOuter(segment: SkBuff, at: number, i: number): void {
  shorten(segment, at, i);
  const { head } = segment;
  if (ipv4.getProtocol(head, at) !== ipv4.IPPROTO_UDP) return;
  const udpAt = at + ipv4.getHeaderLength(head, at);
  const length = segment.tail - udpAt;
  udp.setLength(head, udpAt, length);
  if (udp.getChecksum(head, udpAt) === 0) return;
  udp.setChecksum(head, udpAt, 0);
  const pseudo = pseudoHeaderSumAt(head, at, ipv4.IPPROTO_UDP, length);
  const tcpAt = segment.csumStart;
  const sum =
    segment.ipSummed === CHECKSUM_PARTIAL
      ? internetChecksum(head, udpAt, tcpAt, pseudo + (~tcp.getChecksum(head, tcpAt) & 0xffff))
      : internetChecksum(head, udpAt, segment.tail, pseudo);
  udp.setChecksum(head, udpAt, sum || 0xffff);
}

/** The TCP checksum for the shorter length: partial as it was, or complete. */
function tcpChecksum(segment: SkBuff, ipAt: number, at: number, partial: boolean, total: number): void {
  const { head } = segment;
  const length = segment.tail - at;
  if (partial) {
    tcp.setChecksum(head, at, replacePartial16(tcp.getChecksum(head, at), total & 0xffff, length));
    return;
  }
  tcp.setChecksum(head, at, 0);
  const pseudo = pseudoHeaderSumAt(head, ipAt, ipv4.IPPROTO_TCP, length);
  tcp.setChecksum(head, at, internetChecksum(head, at, segment.tail, pseudo));
}
