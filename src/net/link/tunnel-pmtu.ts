// A frame too long for the way through a tunnel: its route learns the tunnel's MTU, and where the tunnel is a bridge's port
// its sender, which no ICMP of this host would reach, gets an answer made in the receiver's name. Answers to
// net/ipv4/ip_tunnel_core.c (skb_tunnel_check_pmtu, iptunnel_pmtud_build_icmp). Leaves out IPv6.

import { internetChecksum } from "../../wire/checksum.ts";
import * as ethernet from "../../wire/ethernet.ts";
import * as icmp from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { set16 } from "../../wire/layout.ts";
import * as tcp from "../../wire/tcp.ts";
import { CHECKSUM_NONE, type SkBuff } from "../core/skb.ts";
import { flowOfQuoted, ipRtUpdatePmtu, type Rtable, skbRtable } from "../ipv4/route.ts";

/** RFC 791: what every host takes whole. */
const MIN_REASSEMBLED = 576;

/**
 * @param skb data at the inner link header
 * @param route of the outer packet
 * @param headroom bytes that the tunnel adds to the inner IP packet
 * @param reply answer the sender
 * True: `skb` has become the answer, an Ethernet frame to the sender; the packet itself is lost.
 */
export function tunnelCheckPmtu(skb: SkBuff, route: Rtable, headroom: number, reply: boolean): boolean {
  if (skb.protocol !== ethernet.ETH_P_IP) return false;
  const { head } = skb;
  const ip = skb.data + ethernet.HEADER_LENGTH;
  const mtu = route.mtu() - headroom;
  const length = skb.gsoSize > 0 ? segmentLength(head, ip, skb.gsoSize) : skb.tail - ip;
  if (length <= mtu) return false;
  learn(skb, mtu);
  if (!reply || mtu < MIN_REASSEMBLED || ipv4.getFlagsAndOffset(head, ip) !== ipv4.DF) return false;
  const saddr = ipv4.getSource(head, ip);
  if (isGroup(ipv4.getDestination(head, ip)) || isGroup(saddr)) return false;
  if (saddr >>> 24 === 0 || saddr >>> 24 === 127) return false;
  if (ipv4.getProtocol(head, ip) === ipv4.IPPROTO_ICMP) {
    if (icmp.isError(icmp.getType(head, ip + ipv4.getHeaderLength(head, ip)))) return false;
  }
  buildAnswer(skb, mtu);
  return true;
}

function segmentLength(head: Uint8Array, ip: number, gsoSize: number): number {
  const headerLength = ipv4.getHeaderLength(head, ip);
  return headerLength + tcp.getDataOffset(head, ip + headerLength) + gsoSize;
}

/** Limited broadcast and multicast. */
function isGroup(addr: number): boolean {
  return addr === 0xffffffff || addr >>> 28 === 0xe;
}

/** The route by which this host sent the packet remembers the MTU (skb_dst_update_pmtu). */
function learn(skb: SkBuff, mtu: number): void {
  const rt = skbRtable(skb);
  if (!rt) return;
  skb.pull(ethernet.HEADER_LENGTH);
  const { head, data } = skb;
  const fl = flowOfQuoted(rt.ip4, skb, skb.dev!.ifindex, ipv4.getProtocol(head, data), skb.mark);
  ipRtUpdatePmtu(rt.ip4, rt, fl, mtu);
  skb.push(ethernet.HEADER_LENGTH);
}

/** iptunnel_pmtud_build_icmp */
function buildAnswer(skb: SkBuff, mtu: number): void {
  const { head } = skb;
  const link = skb.data;
  const quoted = skb.pull(ethernet.HEADER_LENGTH);
  const ttl = ipv4.getTtl(head, quoted);
  const saddr = ipv4.getDestination(head, quoted);
  const daddr = ipv4.getSource(head, quoted);
  // the addresses of the link header, before the answer's headers are written over it
  const to = head.slice(link + ethernet.SOURCE, link + ethernet.SOURCE + ethernet.ADDRESS_LENGTH);
  const from = head.slice(link, link + ethernet.ADDRESS_LENGTH);
  skb.gsoSize = 0;
  skb.gsoSegs = 0;
  skb.gsoType = 0;
  skb.ipSummed = CHECKSUM_NONE;
  skb.trim(Math.min(skb.len, MIN_REASSEMBLED - ipv4.HEADER_LENGTH - icmp.HEADER_LENGTH));
  const at = skb.push(icmp.HEADER_LENGTH);
  head.fill(0, at, at + icmp.HEADER_LENGTH);
  head[at] = icmp.ICMP_DEST_UNREACH;
  head[at + 1] = icmp.ICMP_FRAG_NEEDED;
  set16(head, at + 6, mtu);
  set16(head, at + icmp.CHECKSUM, internetChecksum(head, at, skb.tail));
  skb.transportHeader = at;
  const ip = skb.push(ipv4.HEADER_LENGTH);
  head.fill(0, ip, ip + ipv4.HEADER_LENGTH);
  ipv4.setVersionAndHeaderLength(head, ip);
  ipv4.setTotalLength(head, ip, skb.len);
  ipv4.setFlagsAndOffset(head, ip, ipv4.DF);
  ipv4.setTtl(head, ip, ttl);
  ipv4.setProtocol(head, ip, ipv4.IPPROTO_ICMP);
  ipv4.setSource(head, ip, saddr);
  ipv4.setDestination(head, ip, daddr);
  ipv4.updateChecksum(head, ip);
  skb.networkHeader = ip;
  const mac = skb.push(ethernet.HEADER_LENGTH);
  ethernet.setDestination(head, mac, to);
  ethernet.setSource(head, mac, from);
  ethernet.setEtherType(head, mac, ethernet.ETH_P_IP);
  skb.macHeader = mac;
}
