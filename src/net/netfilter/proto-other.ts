// How conntrack follows UDP, ICMP and everything else: there is no state to follow, only traffic both ways and timeouts;
// and the ICMP errors, which belong to the connection that they quote. Answers to net/netfilter/nf_conntrack_proto_udp.c,
// nf_conntrack_proto_icmp.c, nf_conntrack_proto_gre.c and nf_conntrack_proto_generic.c. SCTP and DCCP are followed as the
// generic protocol.

import { checksumKind, internetChecksum, pseudoHeaderSumAt } from "../../wire/checksum.ts";
import * as icmp from "../../wire/icmp.ts";
import { IPPROTO_UDP } from "../../wire/ipv4.ts";
import { get16, get32 } from "../../wire/layout.ts";
import { NF_ACCEPT, NF_INET_PRE_ROUTING } from "../core/netfilter.ts";
import { CHECKSUM_COMPLETE, CHECKSUM_NONE, type SkBuff } from "../core/skb.ts";
import { HZ } from "../core/timer-wheel.ts";
import type { Conntrack } from "./conntrack.ts";
import {
  IP_CT_IS_REPLY,
  IP_CT_RELATED,
  IPCT_ASSURED,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_NAT_CLASH,
  IPS_SEEN_REPLY,
} from "./conntrack-entry.ts";
import { getTuple, invertTuple } from "./tuple.ts";

/** The checksum is there to be checked: neither offloaded nor known good. */
export function mustVerify(skb: SkBuff): boolean {
  return skb.ipSummed === CHECKSUM_NONE || skb.ipSummed === CHECKSUM_COMPLETE;
}

/** NF_ACCEPT, or −NF_ACCEPT for what belongs to no connection. `uh` is the offset of the UDP header. */
export function udpPacket(ct: Conntrack, conn: number, skb: SkBuff, uh: number, ctinfo: number, hook: number): number {
  const b = skb.head;
  const length = skb.tail - uh;
  if (length < 8) return -NF_ACCEPT;
  const udpLength = get16(b, uh + 4);
  if (udpLength > length || udpLength < 8) return -NF_ACCEPT;
  if (get16(b, uh + 6) !== 0 && ct.sysctl.checksum !== 0 && hook === NF_INET_PRE_ROUTING && mustVerify(skb)) {
    const pseudo = pseudoHeaderSumAt(b, skb.networkHeader, IPPROTO_UDP, length);
    if (checksumKind(b, uh, uh + 6, skb.tail, pseudo) !== "valid") return -NF_ACCEPT;
  }
  const { rows } = ct;
  const status = rows.status(conn);
  if (!(status & IPS_CONFIRMED)) rows.setStreamAt(conn, udpStreamAt(ct));
  udpRefresh(ct, conn, skb, ctinfo);
  return NF_ACCEPT;
}

/** The jiffy after which traffic makes a connection a stream that begins now (udp_packet). */
export function udpStreamAt(ct: Conntrack): number {
  return (ct.jiffies() + 2 * HZ) | 0;
}

/** A sound datagram of the connection: it lives on, and may have become a stream. */
export function udpRefresh(ct: Conntrack, conn: number, skb: SkBuff, ctinfo: number): void {
  const { rows } = ct;
  const status = rows.status(conn);
  const { udpTimeout, udpTimeoutStream } = ct.sysctl;
  if (!(status & IPS_SEEN_REPLY)) {
    ct.refreshAcct(conn, ctinfo, skb, udpTimeout);
    return;
  }
  // a request and its answer are no stream; what goes on for longer is
  const stream = ((ct.jiffies() - rows.streamAt(conn)) | 0) > 0;
  ct.refreshAcct(conn, ctinfo, skb, stream ? udpTimeoutStream : udpTimeout);
  if (stream && !(status & (IPS_NAT_CLASH | IPS_ASSURED))) {
    rows.addStatus(conn, IPS_ASSURED);
    ct.events.note(conn, IPCT_ASSURED);
  }
}

/** A query or its answer. Only queries begin a connection. */
export function icmpPacket(ct: Conntrack, conn: number, skb: SkBuff, ctinfo: number): number {
  const type = ct.rows.dstU(conn, 0) >>> 8;
  if (
    type !== icmp.ICMP_ECHO &&
    type !== icmp.ICMP_TIMESTAMP &&
    type !== icmp.ICMP_INFO_REQUEST &&
    type !== icmp.ICMP_ADDRESS
  )
    return -NF_ACCEPT;
  ct.refreshAcct(conn, ctinfo, skb, ct.sysctl.icmpTimeout);
  return NF_ACCEPT;
}

/** GRE without keys: what is answered lasts longer and is assured. */
export function grePacket(ct: Conntrack, conn: number, skb: SkBuff, ctinfo: number): number {
  const { greTimeout, greTimeoutStream } = ct.sysctl;
  const { rows } = ct;
  const answered = (rows.status(conn) & IPS_SEEN_REPLY) !== 0;
  ct.refreshAcct(conn, ctinfo, skb, answered ? greTimeoutStream : greTimeout);
  if (answered && !(rows.status(conn) & IPS_ASSURED)) {
    rows.addStatus(conn, IPS_ASSURED);
    ct.events.note(conn, IPCT_ASSURED);
  }
  return NF_ACCEPT;
}

export function genericPacket(ct: Conntrack, conn: number, skb: SkBuff, ctinfo: number): number {
  ct.refreshAcct(conn, ctinfo, skb, ct.sysctl.genericTimeout);
  return NF_ACCEPT;
}

/**
 * An ICMP packet before anything else (nf_conntrack_icmpv4_error): an error about a known connection becomes RELATED to
 * it (skb.ct is set). NF_ACCEPT: go on; −NF_ACCEPT: it belongs to no connection. `ih` is the offset of the ICMP header.
 */
export function icmpError(ct: Conntrack, skb: SkBuff, ih: number, hook: number, zone: number): number {
  const b = skb.head;
  if (skb.tail - ih < icmp.HEADER_LENGTH) return -NF_ACCEPT;
  if (ct.sysctl.checksum !== 0 && hook === NF_INET_PRE_ROUTING && mustVerify(skb)) {
    if (internetChecksum(b, ih, skb.tail) !== 0) return -NF_ACCEPT;
  }
  const type = b[ih]!;
  if (type > icmp.ICMP_ADDRESSREPLY) return -NF_ACCEPT;
  if (!icmp.isError(type)) return NF_ACCEPT;
  const { quoted, wanted } = ct;
  if (!getTuple(b, ih + icmp.HEADER_LENGTH, skb.tail, quoted)) return -NF_ACCEPT;
  if (!invertTuple(wanted, quoted)) return -NF_ACCEPT;
  const found = ct.find(wanted, zone);
  if (found < 0) return -NF_ACCEPT;
  const conn = found >> 1;
  const dir = found & 1;
  // the error must go to the one who sent what it quotes
  if ((get32(b, skb.networkHeader + 16) | 0) !== ct.rows.dst(conn, dir)) return -NF_ACCEPT;
  skb.ct = conn;
  skb.ctinfo = dir === 0 ? IP_CT_RELATED : IP_CT_RELATED + IP_CT_IS_REPLY;
  return NF_ACCEPT;
}
