// Connections as text: /proc/net/nf_conntrack and /proc/net/stat/nf_conntrack, and the parts that conntrack(8) prints the
// same way. Answers to net/netfilter/nf_conntrack_standalone.c.

import { SEC } from "../../base/time.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { IPPROTO_GRE, IPPROTO_ICMP, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from "../../wire/ipv4.ts";
import { HZ } from "../core/timer-wheel.ts";
import type { Conntrack } from "./conntrack.ts";
import { IPS_ASSURED, IPS_SEEN_REPLY, NF_CT_ZONE_DIR_ORIG, NF_CT_ZONE_DIR_REPL } from "./conntrack-entry.ts";
import type { ConnInfo } from "./conntrack-info.ts";
import type { Netfilter } from "./netfilter.ts";
import { TCP_STATE_NAMES } from "./proto-tcp-track.ts";
import { hasPorts, IPPROTO_DCCP, type Tuple } from "./tuple.ts";

const L4_NAMES: ReadonlyMap<number, string> = new Map([
  [IPPROTO_ICMP, "icmp"],
  [IPPROTO_TCP, "tcp"],
  [IPPROTO_UDP, "udp"],
  [IPPROTO_DCCP, "dccp"],
  [IPPROTO_GRE, "gre"],
  [IPPROTO_SCTP, "sctp"],
  [IPPROTO_UDPLITE, "udplite"],
]);

/** l4proto_name: "unknown" for what is tracked as the generic protocol. */
export function l4ProtoName(protonum: number): string {
  return L4_NAMES.get(protonum) ?? "unknown";
}

/** "src=… dst=… sport=… dport=…", or type, code and id of ICMP. */
export function tupleText(tuple: Tuple): string {
  const { protonum, srcU, dstU } = tuple;
  const addresses = `src=${formatIpv4(tuple.src)} dst=${formatIpv4(tuple.dst)}`;
  if (protonum === IPPROTO_ICMP) return `${addresses} type=${dstU >>> 8} code=${dstU & 255} id=${srcU}`;
  if (protonum === IPPROTO_GRE) return `${addresses} srckey=0x0 dstkey=0x0`;
  return hasPorts(protonum) ? `${addresses} sport=${srcU} dport=${dstU}` : addresses;
}

/** Whole seconds until a connection is forgotten; timeouts count in jiffies (nf_ct_expires). */
export function secondsLeft(ct: Conntrack, conn: ConnInfo): number {
  return Math.max(0, Math.floor(((conn.timeout - ct.jiffies()) | 0) / HZ));
}

/** TCP's state by name; undefined for other protocols. */
export function stateText(conn: ConnInfo): string | undefined {
  return conn.tcpState === null ? undefined : TCP_STATE_NAMES[conn.tcpState];
}

/** " packets=… bytes=…" of a direction, "" while nothing is counted. */
export function countersText(conn: ConnInfo, dir: 0 | 1): string {
  return conn.acct === null ? "" : ` packets=${conn.acct.packets[dir]} bytes=${conn.acct.bytes[dir]}`;
}

function zoneText(conn: ConnInfo, dirs: number, name: string): string {
  return conn.zoneDir === dirs ? ` ${name}=${conn.zone}` : "";
}

const BOTH = NF_CT_ZONE_DIR_ORIG | NF_CT_ZONE_DIR_REPL;

/** /proc/net/nf_conntrack */
export function nfConntrackText(nf: Netfilter): string {
  const { ct } = nf;
  const references = nf.references();
  let text = "";
  for (const conn of ct.list) {
    const name = l4ProtoName(conn.protonum);
    const state = stateText(conn);
    text += `ipv4     2 ${name.padEnd(8)} ${conn.protonum} ${secondsLeft(ct, conn)}`;
    if (state !== undefined) text += ` ${state}`;
    text += ` ${tupleText(conn.orig)}${zoneText(conn, NF_CT_ZONE_DIR_ORIG, "zone-orig")}${countersText(conn, 0)}`;
    if (!(conn.status & IPS_SEEN_REPLY)) text += " [UNREPLIED]";
    text += ` ${tupleText(conn.reply)}${zoneText(conn, NF_CT_ZONE_DIR_REPL, "zone-reply")}${countersText(conn, 1)}`;
    if (conn.status & IPS_ASSURED) text += " [ASSURED]";
    text += ` mark=${conn.mark}${zoneText(conn, BOTH, "zone")}`;
    if (conn.startNs !== 0) text += ` delta-time=${Math.floor((ct.now - conn.startNs) / SEC)}`;
    text += ` use=${(references.get(conn.row) ?? 0) + 2}\n`;
  }
  return text;
}

/** /proc/net/nf_conntrack_expect (exp_seq_show) */
export function nfConntrackExpectText(ct: Conntrack): string {
  let text = "";
  for (const exp of ct.expectations.living) {
    const seconds = Math.max(0, Math.floor((exp.timeout - ct.now) / SEC));
    text += `${seconds} l3proto = 2 proto=${exp.protonum} src=${formatIpv4(exp.src)} dst=${formatIpv4(exp.dst)} `;
    text += `sport=0 dport=${exp.port} ${exp.helper.name}\n`;
  }
  return text;
}

const STAT_COLUMNS =
  "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  " +
  "expect_new expect_create expect_delete search_restart\n";

/** /proc/net/stat/nf_conntrack: one processor's line. */
export function nfConntrackStatText(ct: Conntrack): string {
  const { stat } = ct;
  const hex = (value: number): string => value.toString(16).padStart(8, "0");
  const tracked = [stat.clashResolve, stat.found, 0, stat.invalid, 0, 0, stat.chainTooLong, stat.insert];
  const failed = [stat.insertFailed, stat.drop, stat.earlyDrop, stat.error];
  return `${STAT_COLUMNS}${hex(ct.count)}  ${[...tracked, ...failed].map(hex).join(" ")}  ${[0, 0, 0, stat.searchRestart].map(hex).join(" ")}\n`;
}
