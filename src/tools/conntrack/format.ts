// A connection as conntrack(8) prints it: the plain line, XML, and the options that would make it. Answers to
// snprintf_default.c and snprintf_xml.c of libnetfilter_conntrack and to ct_save_snprintf of src/conntrack.c.

import { SEC } from "../../base/time.ts";
import type { Conntrack } from "../../net/netfilter/conntrack.ts";
import {
  IPS_ASSURED,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
  NF_CT_ZONE_DIR_ORIG,
  NF_CT_ZONE_DIR_REPL,
} from "../../net/netfilter/conntrack-entry.ts";
import type { Expectation } from "../../net/netfilter/conntrack-expect.ts";
import { ConnInfo } from "../../net/netfilter/conntrack-info.ts";
import { countersText, l4ProtoName, secondsLeft, stateText, tupleText } from "../../net/netfilter/conntrack-text.ts";
import { hasPorts } from "../../net/netfilter/tuple.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { IPPROTO_ICMP } from "../../wire/ipv4.ts";
import { dateText } from "../net-util/date.ts";
import { translated } from "./filter.ts";
import type { OutputKind } from "./parse.ts";

export type EventType = "new" | "update" | "destroy";

export interface Shown {
  readonly ct: Conntrack;
  readonly conn: ConnInfo;
  readonly output: ReadonlySet<OutputKind>;
  /** nanoseconds since 1970 at virtual time 0 */
  readonly epochNs: number;
  /** an event rather than an entry of a listing */
  readonly event?: EventType;
  /** references that are shown, 0: none; a connection that was looked up has one more */
  readonly use: number;
  /** an event about TCP's state or a mark */
  readonly withState?: boolean;
  readonly withMark?: boolean;
}

const PREFIXES: Readonly<Record<EventType, string>> = {
  new: "    [NEW] ",
  update: " [UPDATE] ",
  destroy: "[DESTROY] ",
};

/** Listings show counters and times; of events only the last one does. */
function counts({ event }: Shown): boolean {
  return event === undefined || event === "destroy";
}

export function connText(shown: Shown): string {
  const { output } = shown;
  if (output.has("save")) return saveText(shown);
  return output.has("xml") ? xmlText(shown) : plainText(shown);
}

function plainText(shown: Shown): string {
  const { ct, conn, output, epochNs, event, use, withState, withMark } = shown;
  const counters = (dir: 0 | 1): string => (counts(shown) ? countersText(conn, dir) : "");
  const state = withState === false ? undefined : stateText(conn);
  let text = event ? PREFIXES[event] : "";
  if (output.has("extended")) text += "ipv4     2 ";
  text += `${l4ProtoName(conn.protonum).padEnd(8)} ${conn.protonum} ${secondsLeft(ct, conn)}`;
  if (state !== undefined) text += ` ${state}`;
  text += ` ${tupleText(conn.orig)}${zoneText(conn, NF_CT_ZONE_DIR_ORIG, " zone-orig=")}${counters(0)}`;
  if (!(conn.status & IPS_SEEN_REPLY)) text += " [UNREPLIED]";
  text += ` ${tupleText(conn.reply)}${zoneText(conn, NF_CT_ZONE_DIR_REPL, " zone-reply=")}${counters(1)}`;
  if (conn.status & IPS_ASSURED) text += " [ASSURED]";
  if (withMark || conn.mark !== 0 || !event) text += ` mark=${conn.mark}`;
  text += zoneText(conn, NF_CT_ZONE_DIR_ORIG | NF_CT_ZONE_DIR_REPL, " zone=");
  if (conn.startNs !== 0 && counts(shown)) text += timestamps(ct, conn, output.has("ktimestamp"), epochNs);
  if (conn.helper !== "") text += ` helper=${conn.helper}`;
  if (use > 0) text += ` use=${use}`;
  if (output.has("id")) text += ` id=${conn.id}`;
  return text;
}

/** An expectation in a listing, or as an event. */
export function expectText(ct: Conntrack, exp: Expectation, event?: "new" | "destroy"): string {
  const { orig } = new ConnInfo(ct, exp.master);
  const seconds = Math.max(0, Math.floor((exp.timeout - ct.now) / SEC));
  return (
    `${event ? PREFIXES[event] : ""}${seconds} proto=${exp.protonum} src=${formatIpv4(exp.src)} dst=${formatIpv4(exp.dst)} ` +
    `sport=0 dport=${exp.port} mask-src=255.255.255.255 mask-dst=255.255.255.255 sport=0 dport=65535 ` +
    `master-src=${formatIpv4(orig.src)} master-dst=${formatIpv4(orig.dst)} sport=${orig.srcU} dport=${orig.dstU} ` +
    `class=0 helper=${exp.helper.name}`
  );
}

function zoneText(conn: ConnInfo, dirs: number, name: string): string {
  return conn.zoneDir === dirs && conn.zone !== 0 ? name + conn.zone : "";
}

function timestamps(ct: Conntrack, conn: ConnInfo, withDates: boolean, epochNs: number): string {
  const stop = conn.stopNs === 0 ? ct.now : conn.stopNs;
  let text = ` delta-time=${Math.floor((epochNs + stop) / SEC) - Math.floor((epochNs + conn.startNs) / SEC)}`;
  if (!withDates) return text;
  const date = (ns: number): string => dateText(Math.floor((epochNs + ns) / SEC)).replace(" UTC", "");
  text += ` [start=${date(conn.startNs)}]`;
  return conn.stopNs === 0 ? text : `${text} [stop=${date(conn.stopNs)}]`;
}

function xmlText(shown: Shown): string {
  const { ct, conn, output, event, use, withState, withMark } = shown;
  const state = withState === false ? undefined : stateText(conn);
  let text = `<flow${event ? ` type="${event}"` : ""}>${xmlDirection(conn, 0, counts(shown))}${xmlDirection(conn, 1, counts(shown))}`;
  text += '<meta direction="independent">';
  if (state !== undefined) text += `<state>${state}</state>`;
  text += `<timeout>${secondsLeft(ct, conn)}</timeout>`;
  if (withMark || conn.mark !== 0 || !event) text += `<mark>${conn.mark}</mark>`;
  if (conn.zone !== 0) text += `<zone>${conn.zone}</zone>`;
  if (use > 0) text += `<use>${use}</use>`;
  text += `<id>${conn.id}</id>`;
  if (conn.status & IPS_ASSURED) text += "<assured/>";
  if (!(conn.status & IPS_SEEN_REPLY)) text += "<unreplied/>";
  if (conn.startNs !== 0 && counts(shown) && !output.has("ktimestamp"))
    text += `<deltatime>${Math.floor(((conn.stopNs || ct.now) - conn.startNs) / SEC)}</deltatime>`;
  return `${text}</meta>${conn.helper === "" ? "" : `<helper>${conn.helper}</helper>`}</flow>`;
}

function xmlDirection(conn: ConnInfo, dir: 0 | 1, counted: boolean): string {
  const tuple = conn.tuple(dir);
  const { protonum } = conn;
  let text = `<meta direction="${dir === 0 ? "original" : "reply"}"><layer3 protonum="2" protoname="ipv4">`;
  text += `<src>${formatIpv4(tuple.src)}</src><dst>${formatIpv4(tuple.dst)}</dst></layer3>`;
  text += `<layer4 protonum="${protonum}" protoname="${l4ProtoName(protonum)}">`;
  if (hasPorts(protonum)) text += `<sport>${tuple.srcU}</sport><dport>${tuple.dstU}</dport>`;
  text += "</layer4>";
  if (conn.acct !== null && counted)
    text += `<counters><packets>${conn.acct.packets[dir]}</packets><bytes>${conn.acct.bytes[dir]}</bytes></counters>`;
  return `${text}</meta>`;
}

const SAVED_STATUSES: readonly (readonly [number, string])[] = [
  [IPS_EXPECTED, "EXPECTED"],
  [IPS_SEEN_REPLY, "SEEN_REPLY"],
  [IPS_ASSURED, "ASSURED"],
  [IPS_FIXED_TIMEOUT, "FIXED_TIMEOUT"],
];

function saveText({ ct, conn, event }: Shown): string {
  const { orig, reply } = conn;
  const words = [event === "update" ? "-U" : event === "destroy" ? "-D" : "-A"];
  words.push("-t", String(secondsLeft(ct, conn)));
  const statuses = SAVED_STATUSES.filter(([bit]) => conn.status & bit).map(([, name]) => name);
  words.push("-u", statuses.join(",") || "UNSET");
  if (conn.zone !== 0) words.push(zoneOption(conn), String(conn.zone));
  words.push("-s", formatIpv4(orig.src), "-d", formatIpv4(orig.dst));
  const { snat, dnat } = translated(conn);
  words.push(dnat === undefined ? "-r" : "-g", formatIpv4(reply.src));
  words.push(snat === undefined ? "-q" : "-n", formatIpv4(reply.dst));
  const name = l4ProtoName(conn.protonum);
  words.push("-p", name === "unknown" ? String(conn.protonum) : name);
  if (conn.protonum === IPPROTO_ICMP) {
    words.push("--icmp-type", String(orig.dstU >>> 8), "--icmp-code", String(orig.dstU & 255));
    words.push("--icmp-id", String(orig.srcU));
  } else if (hasPorts(conn.protonum)) {
    words.push("--sport", String(orig.srcU), "--dport", String(orig.dstU));
    words.push("--reply-port-src", String(reply.srcU), "--reply-port-dst", String(reply.dstU));
  }
  const state = stateText(conn);
  if (state !== undefined) words.push("--state", state);
  return words.join(" ");
}

function zoneOption(conn: ConnInfo): string {
  if (conn.zoneDir === NF_CT_ZONE_DIR_ORIG) return "--orig-zone";
  return conn.zoneDir === NF_CT_ZONE_DIR_REPL ? "--reply-zone" : "-w";
}
