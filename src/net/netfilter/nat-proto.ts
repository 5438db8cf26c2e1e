// Rewriting addresses, ports and identifiers in a packet, with every checksum repaired on the next line, partial sums as
// partial sums; and the packet that an ICMP error quotes. Answers to net/netfilter/nf_nat_proto.c.

import { fold, internetChecksum, udpChecksum, updateField16, updateField32 } from "../../wire/checksum.ts";
import * as icmp from "../../wire/icmp.ts";
import * as ip from "../../wire/ipv4.ts";
import { get16, get32, set16, set32 } from "../../wire/layout.ts";
import { CHECKSUM_PARTIAL, type SkBuff } from "../core/skb.ts";
import { ctinfo2dir, IPS_DST_NAT, IPS_NAT_DONE_MASK, IPS_NAT_MASK, IPS_SRC_NAT } from "./conntrack-entry.ts";
import type { ConnRows } from "./conntrack-rows.ts";
import { mustVerify } from "./proto-other.ts";
import { IPPROTO_DCCP, invertTuple, type Tuple } from "./tuple.ts";

export const NF_NAT_MANIP_SRC = 0;
export const NF_NAT_MANIP_DST = 1;

/** Makes the packet's IP and transport header agree with one side of `target` (nf_nat_manip_pkt). `iph`: IP header. */
export function manipPacket(skb: SkBuff, iph: number, target: Tuple, manip: number, protonum: number): void {
  const b = skb.head;
  const l4 = iph + ((b[iph]! & 15) << 2);
  if (protonum === ip.IPPROTO_UDP && skb.tail - l4 >= 8) {
    const source = manip === NF_NAT_MANIP_SRC;
    manipUdp(skb, iph, source ? target.src : target.dst, source ? target.srcU : target.dstU, source);
    return;
  }
  manipTransport(skb, iph, l4, target, manip, protonum);
  const at = iph + (manip === NF_NAT_MANIP_SRC ? ip.SOURCE : ip.DESTINATION);
  const from = get32(b, at) | 0;
  const to = manip === NF_NAT_MANIP_SRC ? target.src : target.dst;
  set32(b, at, to);
  updateField32(b, iph + ip.CHECKSUM, from, to, false, false);
}

/** Both headers of a UDP datagram at once: half of what each field and checksum by itself takes (forward_60B). */
export function manipUdp(skb: SkBuff, iph: number, address: number, port: number, source: boolean): void {
  const b = skb.head;
  const l4 = iph + ((b[iph]! & 15) << 2);
  const at = iph + (source ? ip.SOURCE : ip.DESTINATION);
  const portAt = l4 + (source ? 0 : 2);
  const change = (~get16(b, at) & 0xffff) + (~get16(b, at + 2) & 0xffff) + (address >>> 16) + (address & 0xffff);
  const portChange = (~get16(b, portAt) & 0xffff) + port;
  set32(b, at, address);
  set16(b, portAt, port);
  set16(b, iph + ip.CHECKSUM, ~fold((~get16(b, iph + ip.CHECKSUM) & 0xffff) + change));
  const check = get16(b, l4 + 6);
  if (check === 0) return;
  const changed =
    skb.ipSummed === CHECKSUM_PARTIAL ? fold(check + change) : ~fold((~check & 0xffff) + change + portChange) & 0xffff;
  set16(b, l4 + 6, udpChecksum(changed));
}

function manipTransport(skb: SkBuff, iph: number, l4: number, target: Tuple, manip: number, protonum: number): void {
  const b = skb.head;
  const present = skb.tail - l4;
  if (protonum === ip.IPPROTO_TCP) {
    if (present < 4) return;
    // a header quoted in an ICMP error may end after eight bytes, before its checksum
    manipPort(skb, iph, l4, target, manip, present >= 20 ? l4 + 16 : -1);
  } else if (protonum === ip.IPPROTO_UDP) {
    // a header quoted in an ICMP error that ends before it
  } else if (protonum === ip.IPPROTO_ICMP) {
    if (present < icmp.HEADER_LENGTH || !icmp.isQuery(b[l4]!)) return;
    const from = get16(b, l4 + icmp.IDENTIFIER);
    set16(b, l4 + icmp.IDENTIFIER, target.srcU);
    updateField16(b, l4 + icmp.CHECKSUM, from, target.srcU, false, skb.ipSummed === CHECKSUM_PARTIAL);
  } else if (protonum === ip.IPPROTO_UDPLITE) {
    if (present < 8) return;
    manipPort(skb, iph, l4, target, manip, l4 + 6);
  } else if (protonum === IPPROTO_DCCP) {
    if (present < 12) return;
    manipPort(skb, iph, l4, target, manip, present >= 12 ? l4 + 6 : -1);
  } else if (protonum === ip.IPPROTO_SCTP) {
    // its CRC-32c has no pseudo-header; a device or a later step recomputes it
    if (present >= 4) manipPort(skb, iph, l4, target, manip, -1);
  }
}

function manipPort(skb: SkBuff, iph: number, l4: number, target: Tuple, manip: number, checkAt: number): void {
  const b = skb.head;
  const source = manip === NF_NAT_MANIP_SRC;
  const at = l4 + (source ? 0 : 2);
  const from = get16(b, at);
  const to = source ? target.srcU : target.dstU;
  set16(b, at, to);
  if (checkAt < 0) return;
  const partial = skb.ipSummed === CHECKSUM_PARTIAL;
  const oldAddress = get32(b, iph + (source ? ip.SOURCE : ip.DESTINATION)) | 0;
  updateField32(b, checkAt, oldAddress, source ? target.src : target.dst, true, partial);
  updateField16(b, checkAt, from, to, false, partial);
}

/**
 * An ICMP error that belongs to a translated connection: what it quotes is turned back, then the error itself is
 * addressed like a packet of that direction (nf_nat_icmp_reply_translation). False: it must be dropped. `other` and `scratch` are
 * filled on the way.
 */
export function natIcmpError(
  rows: ConnRows,
  skb: SkBuff,
  conn: number,
  ctinfo: number,
  manip: number,
  other: Tuple,
  scratch: Tuple,
): boolean {
  const b = skb.head;
  const iph = skb.networkHeader;
  const ih = iph + ((b[iph]! & 15) << 2);
  if (skb.tail < ih + icmp.HEADER_LENGTH + ip.HEADER_LENGTH) return false;
  if (mustVerify(skb) && internetChecksum(b, ih, skb.tail) !== 0) return false;
  const status = rows.status(conn);
  if (b[ih] === icmp.ICMP_REDIRECT) {
    // a redirect about a translated connection would mislead whoever gets it
    if ((status & IPS_NAT_DONE_MASK) !== IPS_NAT_DONE_MASK || status & IPS_NAT_MASK) return false;
  }
  const dir = ctinfo2dir(ctinfo);
  let bit = manip === NF_NAT_MANIP_SRC ? IPS_SRC_NAT : IPS_DST_NAT;
  if (dir === 1) bit ^= IPS_NAT_MASK;
  if (!(status & bit)) return true;
  rows.tuple(conn, 1 - dir, other);
  const inner = ih + icmp.HEADER_LENGTH;
  manipPacket(skb, inner, other, 1 - manip, other.protonum);
  if (skb.ipSummed !== CHECKSUM_PARTIAL) icmp.updateChecksum(b, ih, skb.tail);
  invertTuple(scratch, other);
  manipPacket(skb, iph, scratch, manip, ip.IPPROTO_ICMP);
  return true;
}
