// Which connections a command means. Answers to nfct_filter and its parts in src/conntrack.c, to nfct_cmp of
// libnetfilter_conntrack, and to what ctnetlink filters in the kernel.

import {
  IPS_DST_NAT_DONE,
  IPS_SRC_NAT_DONE,
  NF_CT_ZONE_DIR_ORIG,
  NF_CT_ZONE_DIR_REPL,
} from "../../net/netfilter/conntrack-entry.ts";
import type { ConnInfo } from "../../net/netfilter/conntrack-info.ts";
import type { Tuple } from "../../net/netfilter/tuple.ts";
import { type CtCommand, type NatPart, parameterProblem, type Template, type TuplePart } from "./parse.ts";

/** Masks need an address that they mask. */
export function checkMasks({ used }: CtCommand): void {
  if (used.has("{") && !used.has("s")) parameterProblem("Can't use --mask-src without --src");
  if (used.has("}") && !used.has("d")) parameterProblem("Can't use --mask-dst without --dst");
}

/** True when a listing, a deletion or an event is about `conn`. */
export function wanted(command: CtCommand, conn: ConnInfo): boolean {
  const { template, used, family } = command;
  if (family === "ipv6") return false;
  if (!matchesNat(command, conn) || !matchesMark(command, conn)) return false;
  return matchesTuples(template, used, conn) && matchesRest(template, conn);
}

/** What the kernel itself leaves out of a dump: only `-L` asks it about the status. */
export function dumped({ template, used, name }: CtCommand, conn: ConnInfo): boolean {
  if (name !== "list" || !used.has("u")) return true;
  return (conn.status & (template.statusMask ?? 0)) === (template.status ?? 0);
}

function matchesMark({ template, used }: CtCommand, conn: ConnInfo): boolean {
  return !used.has("m") || (conn.mark & template.markMask!) >>> 0 === template.mark;
}

/** The tool takes ports from where ICMP has its id and type, so that a ping counts as translated. */
export function translated(conn: ConnInfo): { snat?: number; dnat?: number; spat?: number; dpat?: number } {
  const { orig, reply, status } = conn;
  const source = (status & IPS_SRC_NAT_DONE) !== 0;
  const destination = (status & IPS_DST_NAT_DONE) !== 0;
  return {
    ...(source && reply.dst !== orig.src ? { snat: reply.dst } : {}),
    ...(source && reply.dstU !== orig.srcU ? { spat: reply.dstU } : {}),
    ...(destination && reply.src !== orig.dst ? { dnat: reply.src } : {}),
    ...(destination && reply.srcU !== orig.dstU ? { dpat: reply.srcU } : {}),
  };
}

function matchesNat({ template, used }: CtCommand, conn: ConnInfo): boolean {
  const any = used.has("j");
  if (!any && !used.has("n") && !used.has("g")) return true;
  const { snat, dnat, spat, dpat } = translated(conn);
  const source = (used.has("n") || any) && natted(template.snat, snat, spat);
  const destination = (used.has("g") || any) && natted(template.dnat, dnat, dpat);
  if (any) return source || destination;
  return (!used.has("n") || source) && (!used.has("g") || destination);
}

/** @param address, port what it was translated to; undefined: it was not */
function natted(want: NatPart, address: number | undefined, port: number | undefined): boolean {
  if (want.address === undefined && want.port === undefined) return address !== undefined || port !== undefined;
  if (want.address !== undefined && want.address !== address) return false;
  return want.port === undefined || want.port === port;
}

function matchesTuples(template: Template, used: ReadonlySet<string>, conn: ConnInfo): boolean {
  const { orig, reply, proto, icmpType, icmpCode, icmpId } = template;
  const srcMask = used.has("{") ? template.srcMask! : 0xffffffff;
  const dstMask = used.has("}") ? template.dstMask! : 0xffffffff;
  if (orig.src !== undefined && ((conn.orig.src ^ orig.src) & srcMask) !== 0) return false;
  if (orig.dst !== undefined && ((conn.orig.dst ^ orig.dst) & dstMask) !== 0) return false;
  if (reply.src !== undefined && conn.reply.src !== reply.src) return false;
  if (reply.dst !== undefined && conn.reply.dst !== reply.dst) return false;
  if (!matchesPorts(orig, conn.orig) || !matchesPorts(reply, conn.reply)) return false;
  if (proto !== undefined && conn.protonum !== proto) return false;
  if (icmpType !== undefined && conn.orig.dstU >>> 8 !== icmpType) return false;
  if (icmpCode !== undefined && (conn.orig.dstU & 255) !== icmpCode) return false;
  return icmpId === undefined || conn.orig.srcU === icmpId;
}

function matchesPorts({ sport, dport }: TuplePart, tuple: Tuple): boolean {
  return (sport === undefined || tuple.srcU === sport) && (dport === undefined || tuple.dstU === dport);
}

function matchesRest(template: Template, conn: ConnInfo): boolean {
  const { status, tcpState, id, zone, origZone, replyZone } = template;
  if (status !== undefined && (conn.status & status) !== status) return false;
  if (tcpState !== undefined && (conn.tcpState ?? undefined) !== tcpState) return false;
  if (id !== undefined && conn.id !== id) return false;
  if (zone !== undefined && conn.zoneId(0) !== zone && conn.zone !== zone) return false;
  if (origZone !== undefined && !(conn.zoneDir === NF_CT_ZONE_DIR_ORIG && conn.zone === origZone)) return false;
  return replyZone === undefined || (conn.zoneDir === NF_CT_ZONE_DIR_REPL && conn.zone === replyZone);
}
