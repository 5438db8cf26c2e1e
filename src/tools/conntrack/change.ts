// Connections made and changed by hand: `conntrack -I`, `-A`, `-U`, `-G`. Answers to ctnetlink_create_conntrack,
// ctnetlink_change_conntrack and ctnetlink_get_conntrack of net/netfilter/nf_conntrack_netlink.c.

import { Errno, NetError } from "../../base/errno.ts";
import { type Conntrack, spanOf } from "../../net/netfilter/conntrack.ts";
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
} from "../../net/netfilter/conntrack-entry.ts";
import { ConnInfo } from "../../net/netfilter/conntrack-info.ts";
import { FLAG_BE_LIBERAL, FLAG_CLOSE_INIT, FLAG_SACK_PERM } from "../../net/netfilter/proto-tcp-layout.ts";
import { TcpState } from "../../net/netfilter/proto-tcp-track.ts";
import { hasPorts, invertTuple, Tuple } from "../../net/netfilter/tuple.ts";
import { IPPROTO_ICMP, IPPROTO_TCP } from "../../wire/ipv4.ts";
import type { CtCommand, Template, TuplePart } from "./parse.ts";

function fill(tuple: Tuple, part: TuplePart, { proto, icmpType, icmpCode, icmpId }: Template): Tuple {
  const { src = 0, dst = 0, sport = 0, dport = 0 } = part;
  if (proto === IPPROTO_ICMP) return tuple.set(src, dst, icmpId ?? 0, ((icmpType ?? 0) << 8) | (icmpCode ?? 0), proto);
  return tuple.set(src, dst, sport, dport, proto!);
}

/** The tuples of both directions; what was given of one only is turned round for the other. */
function tuplesOf({ template, used }: CtCommand): { orig: Tuple; reply: Tuple } {
  const orig = new Tuple();
  const reply = new Tuple();
  const hasOrig = used.has("s") || used.has("d");
  const hasReply = used.has("r") || used.has("q");
  if (hasOrig) fill(orig, template.orig, template);
  if (hasReply) fill(reply, template.reply, template);
  if (hasReply && template.proto === IPPROTO_ICMP) {
    const answer = new Tuple();
    if (!invertTuple(answer, hasOrig ? orig : reply)) throw new NetError(Errno.EINVAL);
    reply.srcU = answer.srcU;
    reply.dstU = answer.dstU;
  }
  if (!hasReply && !invertTuple(reply, orig)) throw new NetError(Errno.EINVAL);
  if (!hasOrig && !invertTuple(orig, reply)) throw new NetError(Errno.EINVAL);
  return { orig, reply };
}

/** -I and -A. Throws NetError: EEXIST (a tuple is taken), EINVAL. */
export function createConn(ct: Conntrack, command: CtCommand): void {
  const { template } = command;
  const { orig, reply } = tuplesOf(command);
  const { rows } = ct;
  const conn = ct.allocate(orig.protonum);
  rows.setExpires(conn, spanOf(Math.max(0, template.timeout ?? 0)));
  rows.addStatus(conn, (template.status ?? 0) & (IPS_EXPECTED | IPS_SEEN_REPLY | IPS_ASSURED | IPS_FIXED_TIMEOUT));
  rows.setMark(conn, template.mark ?? 0);
  const { zone, origZone, replyZone } = template;
  const onlyOrig = zone === undefined && origZone !== undefined;
  const onlyReply = zone === undefined && origZone === undefined && replyZone !== undefined;
  rows.setZone(
    conn,
    zone ?? origZone ?? replyZone ?? 0,
    (onlyReply ? 0 : NF_CT_ZONE_DIR_ORIG) | (onlyOrig ? 0 : NF_CT_ZONE_DIR_REPL),
  );
  rows.addStatus(conn, translate(reply, template));
  rows.setTuple(conn, 0, orig);
  rows.setTuple(conn, 1, reply);
  if (template.proto === IPPROTO_TCP) track(ct, conn, template.tcpState ?? TcpState.NONE);
  if (!ct.insertByHand(conn)) throw new NetError(Errno.EEXIST);
}

/**
 * Changes the answer's tuple as -n and -g say; returns the status bits of that. What changes nothing of it is no translation, even
 * if it was asked for (nf_nat_setup_info).
 */
function translate(reply: Tuple, { snat, dnat }: Template): number {
  const ports = hasPorts(reply.protonum);
  const before = new Tuple().copy(reply);
  if (snat.address !== undefined) reply.dst = snat.address | 0;
  if (snat.port !== undefined && ports) reply.dstU = snat.port;
  if (dnat.address !== undefined) reply.src = dnat.address | 0;
  if (dnat.port !== undefined && ports) reply.srcU = dnat.port;
  let status = 0;
  if (reply.dst !== before.dst || reply.dstU !== before.dstU) status |= IPS_SRC_NAT;
  if (reply.src !== before.src || reply.srcU !== before.srcU) status |= IPS_DST_NAT;
  if (snat.address !== undefined || snat.port !== undefined) status |= IPS_SRC_NAT_DONE;
  if (dnat.address !== undefined || dnat.port !== undefined) status |= IPS_DST_NAT_DONE;
  return status;
}

/** Windows of such a connection are unknown: both sides are believed. */
function track({ tcp }: Conntrack, conn: number, state: number): void {
  const number = tcp.alloc(conn);
  tcp.setState(number, state);
  const flags = FLAG_BE_LIBERAL | FLAG_SACK_PERM | (state >= TcpState.TIME_WAIT ? FLAG_CLOSE_INIT : 0);
  for (const dir of [0, 1]) tcp.setFlags(number, dir, flags);
}

/** -U of one connection; false: there is nothing to change. Throws NetError EBUSY. */
export function updateConn(ct: Conntrack, conn: number, { template, used }: CtCommand): boolean {
  const { rows } = ct;
  const old = new ConnInfo(ct, conn);
  const mark = used.has("m") ? ((old.mark & ~template.markMask!) ^ template.mark!) >>> 0 : old.mark;
  const status = old.status | (template.status ?? 0);
  const state = template.tcpState ?? old.tcpState;
  const same = mark === old.mark && status === old.status && state === old.tcpState;
  if (same && template.timeout === undefined) return false;
  if ((status ^ old.status) & (IPS_EXPECTED | IPS_CONFIRMED | IPS_DYING)) throw new NetError(Errno.EBUSY);
  const added = status & ~old.status;
  rows.addStatus(conn, added);
  if (template.timeout !== undefined && !(status & IPS_FIXED_TIMEOUT))
    rows.setExpires(conn, ct.inSeconds(Math.max(0, template.timeout)));
  if (old.tcpState !== null && state !== null) ct.tcp.setState(ct.tcp.track(conn), state);
  rows.setMark(conn, mark);
  ct.events.note(conn, IPCT_PROTOINFO | IPCT_MARK);
  if (added & IPS_SEEN_REPLY) ct.events.note(conn, IPCT_REPLY);
  if (added & IPS_ASSURED) ct.events.note(conn, IPCT_ASSURED);
  ct.events.flush(conn);
  return true;
}

/** -G: the connection with the given tuple, of either direction; null: there is none. */
export function getConn(ct: Conntrack, { template, used }: CtCommand): ConnInfo | null {
  const tuple = new Tuple();
  fill(tuple, used.has("s") || used.has("d") ? template.orig : template.reply, template);
  const found = ct.find(tuple, template.zone ?? 0);
  return found < 0 ? null : new ConnInfo(ct, found >> 1);
}
