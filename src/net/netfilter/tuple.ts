// What identifies one direction of a connection: addresses, two 16-bit protocol parts and the protocol
// (struct nf_conntrack_tuple), taken from a packet and turned round for the reply. Answers to nf_ct_get_tuple and
// nf_ct_invert_tuple of net/netfilter/nf_conntrack_core.c. IPv4 only; GRE has no keys here, as without PPTP.

import * as icmp from "../../wire/icmp.ts";
import * as ip from "../../wire/ipv4.ts";
import { get16, get32 } from "../../wire/layout.ts";

export const IP_CT_DIR_ORIGINAL = 0;
export const IP_CT_DIR_REPLY = 1;

/**
 * One direction. Addresses are signed, so that V8 does not box them: above 127.255.255.255 they are negative. `srcU` and `dstU` are ports; for ICMP the identifier and type << 8 | code; 0 for protocols without
 * either.
 */
export class Tuple {
  src = 0;
  dst = 0;
  srcU = 0;
  dstU = 0;
  protonum = 0;

  set(src: number, dst: number, srcU: number, dstU: number, protonum: number): this {
    this.src = src | 0;
    this.dst = dst | 0;
    this.srcU = srcU;
    this.dstU = dstU;
    this.protonum = protonum;
    return this;
  }

  copy(from: Tuple): this {
    this.src = from.src;
    this.dst = from.dst;
    this.srcU = from.srcU;
    this.dstU = from.dstU;
    this.protonum = from.protonum;
    return this;
  }

  /** nf_ct_tuple_equal */
  equals(other: Tuple): boolean {
    return (
      this.src === other.src &&
      this.dst === other.dst &&
      this.srcU === other.srcU &&
      this.dstU === other.dstU &&
      this.protonum === other.protonum
    );
  }
}

/** True for protocols whose first four bytes are two ports. */
export function hasPorts(protonum: number): boolean {
  return (
    protonum === ip.IPPROTO_TCP ||
    protonum === ip.IPPROTO_UDP ||
    protonum === ip.IPPROTO_UDPLITE ||
    protonum === ip.IPPROTO_SCTP ||
    protonum === IPPROTO_DCCP
  );
}

export const IPPROTO_DCCP = 33;

/**
 * Fills `tuple` from the packet whose IP header is at `iph` and whose bytes end at `end`. False: it is a later fragment,
 * or too short (nf_ct_get_tuplepr).
 */
export function getTuple(b: Uint8Array, iph: number, end: number, tuple: Tuple): boolean {
  if (end - iph < ip.HEADER_LENGTH) return false;
  if ((get16(b, iph + 6) & ip.OFFSET_MASK) !== 0) return false;
  const headerLength = (b[iph]! & 15) << 2;
  const dataoff = iph + headerLength;
  if (headerLength < ip.HEADER_LENGTH || dataoff > end) return false;
  const protonum = b[iph + 9]!;
  tuple.src = get32(b, iph + 12) | 0;
  tuple.dst = get32(b, iph + 16) | 0;
  tuple.protonum = protonum;
  if (hasPorts(protonum)) {
    if (end - dataoff < 4) return false;
    tuple.srcU = get16(b, dataoff);
    tuple.dstU = get16(b, dataoff + 2);
  } else if (protonum === ip.IPPROTO_ICMP) {
    if (end - dataoff < icmp.HEADER_LENGTH) return false;
    tuple.srcU = get16(b, dataoff + 4);
    tuple.dstU = get16(b, dataoff);
  } else {
    tuple.srcU = 0;
    tuple.dstU = 0;
  }
  return true;
}

/** Type of the answer to an ICMP query type, plus one; 0 where there is none (invmap). */
const ICMP_INVERSE = new Uint8Array(256);
for (const [a, b] of [
  [icmp.ICMP_ECHO, icmp.ICMP_ECHOREPLY],
  [icmp.ICMP_TIMESTAMP, icmp.ICMP_TIMESTAMPREPLY],
  [icmp.ICMP_INFO_REQUEST, icmp.ICMP_INFO_REPLY],
  [icmp.ICMP_ADDRESS, icmp.ICMP_ADDRESSREPLY],
] as const) {
  ICMP_INVERSE[a] = b + 1;
  ICMP_INVERSE[b] = a + 1;
}

/** Writes into `inverse` what an answer to `tuple` looks like. False: nothing answers it (an ICMP error, say). */
export function invertTuple(inverse: Tuple, tuple: Tuple): boolean {
  inverse.src = tuple.dst;
  inverse.dst = tuple.src;
  inverse.protonum = tuple.protonum;
  if (tuple.protonum === ip.IPPROTO_ICMP) {
    const type = ICMP_INVERSE[tuple.dstU >>> 8]!;
    if (type === 0) return false;
    inverse.srcU = tuple.srcU;
    inverse.dstU = ((type - 1) << 8) | (tuple.dstU & 255);
    return true;
  }
  inverse.srcU = tuple.dstU;
  inverse.dstU = tuple.srcU;
  return true;
}
