// Connections made and changed by hand: `conntrack -I`, `-A`, `-U`, `-G`. Answers to ctnetlink_create_conntrack,
// ctnetlink_change_conntrack and ctnetlink_get_conntrack of net/netfilter/nf_conntrack_netlink.c.

import { Errno, NetError } from "../../base/errno.ts";
import { SEC } from "../../base/time.ts";
import type { Conntrack } from "../../net/netfilter/conntrack.ts";
import {
  IPCT_ASSURED,
  IPCT_MARK,
  IPCT_PROTOINFO,
  IPCT_REPLY,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DST_NAT_DONE,
  IPS_DYING,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT,
  IPS_SRC_NAT_DONE,
  NF_CT_ZONE_DIR_ORIG,
  NF_CT_ZONE_DIR_REPL,
  type NfConn,
} from "../../net/netfilter/conntrack-entry.ts";
import {
  FLAG_BE_LIBERAL,
  FLAG_CLOSE_INIT,
  FLAG_SACK_PERM,
  TcpState,
  TcpTrack,
} from "../../net/netfilter/proto-tcp-track.ts";
import { hasPorts, invertTuple, Tuple } from "../../net/netfilter/tuple.ts";
import { IPPROTO_ICMP, IPPROTO_TCP } from "../../wire/ipv4.ts";
import type { CtCommand, Template, TuplePart } from "./parse.ts";

function fill(tuple: Tuple, part: TuplePart, { proto, icmpType, icmpCode, icmpId }: Template): Tuple {
  const { src = 0, dst = 0, sport = 0, dport = 0 } = part;
  if (proto === IPPROTO_ICMP) return tuple.set(src, dst, icmpId ?? 0, ((icmpType ?? 0) << 8) | (icmpCode ?? 0), proto);
  return tuple.set(src, dst, sport, dport, proto!);
}

/** Sets the tuples of both directions; what was given of one only is turned round for the other. */
function setTuples(conn: NfConn, { template, used }: CtCommand): void {
  const hasOrig = used.has("s") || used.has("d");
  const hasReply = used.has("r") || used.has("q");
  if (hasOrig) fill(conn.orig, template.orig, template);
  if (hasReply) fill(conn.reply, template.reply, template);
  if (hasReply && template.proto === IPPROTO_ICMP) {
    const answer = new Tuple();
    if (!invertTuple(answer, hasOrig ? conn.orig : conn.reply)) throw new NetError(Errno.EINVAL);
    conn.reply.srcU = answer.srcU;
    conn.reply.dstU = answer.dstU;
  }
  if (!hasReply && !invertTuple(conn.reply, conn.orig)) throw new NetError(Errno.EINVAL);
  if (!hasOrig && !invertTuple(conn.orig, conn.reply)) throw new NetError(Errno.EINVAL);
}

/** -I and -A. Throws NetError: EEXIST (a tuple is taken), EINVAL. */
export function createConn(ct: Conntrack, command: CtCommand): void {
  const { template } = command;
  const conn = ct.allocate();
  setTuples(conn, command);
  conn.timeout = Math.max(0, template.timeout ?? 0) * SEC;
  conn.status = (template.status ?? 0) & (IPS_EXPECTED | IPS_SEEN_REPLY | IPS_ASSURED | IPS_FIXED_TIMEOUT);
  conn.mark = template.mark ?? 0;
  setZone(conn, template);
  setNat(conn, template);
  if (template.proto === IPPROTO_TCP) conn.tcp = tcpTrack(template.tcpState ?? TcpState.NONE);
  if (!ct.insertByHand(conn)) throw new NetError(Errno.EEXIST);
}

function setZone(conn: NfConn, { zone, origZone, replyZone }: Template): void {
  conn.zone = zone ?? origZone ?? replyZone ?? 0;
  if (zone === undefined && origZone !== undefined) conn.zoneDir = NF_CT_ZONE_DIR_ORIG;
  else if (zone === undefined && replyZone !== undefined) conn.zoneDir = NF_CT_ZONE_DIR_REPL;
}

/** What changes nothing of the answer's tuple is no translation, even if it was asked for (nf_nat_setup_info). */
function setNat(conn: NfConn, { snat, dnat }: Template): void {
  const ports = hasPorts(conn.protonum);
  const { reply } = conn;
  const before = new Tuple().copy(reply);
  if (snat.address !== undefined) reply.dst = snat.address;
  if (snat.port !== undefined && ports) reply.dstU = snat.port;
  if (dnat.address !== undefined) reply.src = dnat.address;
  if (dnat.port !== undefined && ports) reply.srcU = dnat.port;
  if (reply.dst !== before.dst || reply.dstU !== before.dstU) conn.status |= IPS_SRC_NAT;
  if (reply.src !== before.src || reply.srcU !== before.srcU) conn.status |= IPS_DST_NAT;
  if (snat.address !== undefined || snat.port !== undefined) conn.status |= IPS_SRC_NAT_DONE;
  if (dnat.address !== undefined || dnat.port !== undefined) conn.status |= IPS_DST_NAT_DONE;
}

/** Windows of such a connection are unknown: both sides are believed. */
function tcpTrack(state: number): TcpTrack {
  const tcp = new TcpTrack();
  tcp.state = state;
  const flags = FLAG_BE_LIBERAL | FLAG_SACK_PERM | (state >= TcpState.TIME_WAIT ? FLAG_CLOSE_INIT : 0);
  for (const side of tcp.seen) side.flags = flags;
  return tcp;
}

/** -U of one connection; false: there is nothing to change. Throws NetError EBUSY. */
export function updateConn(ct: Conntrack, conn: NfConn, { template, used }: CtCommand): boolean {
  const mark = used.has("m") ? ((conn.mark & ~template.markMask!) ^ template.mark!) >>> 0 : conn.mark;
  const status = conn.status | (template.status ?? 0);
  const state = template.tcpState ?? conn.tcp?.state;
  const same = mark === conn.mark && status === conn.status && state === conn.tcp?.state;
  if (same && template.timeout === undefined) return false;
  if ((status ^ conn.status) & (IPS_EXPECTED | IPS_CONFIRMED | IPS_DYING)) throw new NetError(Errno.EBUSY);
  const added = status & ~conn.status;
  conn.status = status;
  if (template.timeout !== undefined && !(conn.status & IPS_FIXED_TIMEOUT))
    conn.timeout = ct.now + Math.max(0, template.timeout) * SEC;
  if (conn.tcp && state !== undefined) conn.tcp.state = state;
  conn.mark = mark;
  ct.eventCache(conn, IPCT_PROTOINFO | IPCT_MARK);
  if (added & IPS_SEEN_REPLY) ct.eventCache(conn, IPCT_REPLY);
  if (added & IPS_ASSURED) ct.eventCache(conn, IPCT_ASSURED);
  ct.flushEvents(conn);
  return true;
}

/** -G: the connection with the given tuple, of either direction; null: there is none. */
export function getConn(ct: Conntrack, { template, used }: CtCommand): NfConn | null {
  const tuple = new Tuple();
  fill(tuple, used.has("s") || used.has("d") ? template.orig : template.reply, template);
  const found = ct.find(tuple, template.zone ?? 0);
  return found < 0 ? null : ct.table.entries[found >> 1]!;
}
