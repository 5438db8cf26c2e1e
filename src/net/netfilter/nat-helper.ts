// Text in a TCP segment replaced, with lengths, checksums and the shift of what follows; and expected connections
// translated as the one that announced them. Answers to net/netfilter/nf_nat_helper.c.

import { internetChecksum, pseudoHeaderSumAt, replacePartial16, updateField16 } from "../../wire/checksum.ts";
import * as ip from "../../wire/ipv4.ts";
import { get16, get32, set16 } from "../../wire/layout.ts";
import { CHECKSUM_PARTIAL, type SkBuff } from "../core/skb.ts";
import type { Conntrack } from "./conntrack.ts";
import { IPS_SEQ_ADJUST } from "./conntrack-entry.ts";
import type { Expectation } from "./conntrack-expect.ts";
import {
  type Nat,
  NF_NAT_MANIP_DST,
  NF_NAT_MANIP_SRC,
  NF_NAT_RANGE_MAP_IPS,
  NF_NAT_RANGE_PROTO_SPECIFIED,
  natRange,
} from "./nat.ts";
import { seqadjSet } from "./seqadj.ts";
import { Tuple } from "./tuple.ts";

/**
 * Puts `text` in place of `length` bytes at offset `at` of the packet's buffer (nf_nat_mangle_tcp_packet). False: there is no
 * room for it.
 */
export function mangleTcpPacket(
  { rows }: Conntrack,
  skb: SkBuff,
  conn: number,
  ctinfo: number,
  th: number,
  at: number,
  length: number,
  text: Uint8Array,
): boolean {
  const more = text.length - length;
  if (more > skb.tailroom && !skb.pool.grow(skb, more)) return false;
  const b = skb.head;
  const iph = skb.networkHeader;
  b.copyWithin(at + text.length, at + length, skb.tail);
  b.set(text, at);
  skb.tail += more;
  const oldTotal = get16(b, iph + 2);
  set16(b, iph + 2, oldTotal + more);
  updateField16(b, iph + ip.CHECKSUM, oldTotal, oldTotal + more, false, false);
  if (skb.ipSummed === CHECKSUM_PARTIAL) {
    const l4Length = skb.tail - th;
    set16(b, th + 16, replacePartial16(get16(b, th + 16), l4Length - more, l4Length));
  } else {
    set16(b, th + 16, 0);
    const pseudo = pseudoHeaderSumAt(b, iph, ip.IPPROTO_TCP, skb.tail - th);
    set16(b, th + 16, internetChecksum(b, th, skb.tail, pseudo));
  }
  if (more !== 0) {
    rows.addStatus(conn, IPS_SEQ_ADJUST);
    seqadjSet(rows.needExt(conn), ctinfo, get32(b, th + 4), more);
  }
  return true;
}

/** The expected connection goes where its master goes (nf_nat_follow_master). */
export function followMaster(nat: Nat, { rows }: Conntrack): (conn: number, exp: Expectation) => void {
  return (conn, exp) => {
    const back = rows.tuple(exp.master, 1 - exp.dir, new Tuple());
    const range = natRange();
    range.flags = NF_NAT_RANGE_MAP_IPS;
    range.minAddr = back.dst;
    range.maxAddr = back.dst;
    nat.setupInfo(conn, range, NF_NAT_MANIP_SRC);
    range.flags = NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED;
    range.minProto = exp.savedPort;
    range.maxProto = exp.savedPort;
    range.minAddr = back.src;
    range.maxAddr = back.src;
    nat.setupInfo(conn, range, NF_NAT_MANIP_DST);
  };
}
