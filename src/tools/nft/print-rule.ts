// Rules as nft lists them. Answers to src/statement.c and src/expression.c of nftables 1.0.6.

import {
  NF_NAT_RANGE_PERSISTENT,
  NF_NAT_RANGE_PROTO_RANDOM,
  NF_NAT_RANGE_PROTO_RANDOM_FULLY,
} from "../../net/netfilter/nat.ts";
import {
  NF_LOG_IPOPT,
  NF_LOG_MACDECODE,
  NF_LOG_TCPOPT,
  NF_LOG_TCPSEQ,
  NF_LOG_UID,
} from "../../net/netfilter/nf-log.ts";
import type {
  KeyPart,
  MatchRight,
  NftElement,
  NftExpr,
  NftSetRef,
  NftStmt,
  NftVerdict,
  SetSpec,
} from "../../net/netfilter/nft/expr.ts";
import { isVerdict } from "../../net/netfilter/nft/set.ts";
import { type DataType, dataType, durationText, formatValue, type Names, type NumericFlags } from "./datatypes.ts";
import { META_UNQUALIFIED, typeOf, typesOf } from "./fields.ts";

export interface Format extends NumericFlags {
  /** -a */
  readonly handles: boolean;
  /** -s */
  readonly stateless: boolean;
  /** -t */
  readonly terse: boolean;
  readonly names: Names;
  /** virtual ns of now, for what expires */
  readonly now: number;
}

const LEVELS = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];
const LOG_ALL = NF_LOG_TCPSEQ | NF_LOG_TCPOPT | NF_LOG_IPOPT | NF_LOG_UID | NF_LOG_MACDECODE;
const UNITS: ReadonlyMap<number, string> = new Map([
  [1, "second"],
  [60, "minute"],
  [3600, "hour"],
  [86400, "day"],
  [604800, "week"],
]);

export function ruleText(stmts: readonly NftStmt[], comment: string | null, format: Format): string {
  const parts = stmts.flatMap((stmt) => (stmt.kind === "match" && stmt.implied ? [] : [stmtText(stmt, format)]));
  if (comment !== null) parts.push(`comment "${comment}"`);
  return parts.join(" ");
}

function stmtText(stmt: NftStmt, format: Format): string {
  switch (stmt.kind) {
    case "match":
      return matchText(stmt, format);
    case "vmap":
      return `${exprText(stmt.left, format)} vmap ${setRefText(stmt.set, format)}`;
    case "verdict":
      return verdictText(stmt.verdict);
    case "counter":
      return counterText(stmt, format);
    case "limit":
      return `limit ${rateText(stmt)}`;
    case "quota":
      return `quota ${quotaText(stmt, format)}`;
    case "log":
      return logText(stmt);
    case "reject":
      return rejectText(stmt, format);
    case "nat":
      return natText(stmt, format);
    case "assign":
      return `${exprText(stmt.to, format)} set ${assignedText(stmt.value, stmt.to, format)}`;
    case "notrack":
      return "notrack";
    case "object":
      return stmt.type === "ct helper" ? `ct helper set "${stmt.name}"` : `${stmt.type} name "${stmt.name}"`;
    case "dynset": {
      const timeout = stmt.timeoutNs === null ? "" : ` timeout ${durationText(stmt.timeoutNs)}`;
      return `${stmt.op} @${stmt.set} { ${exprText(stmt.key, format)}${timeout} }`;
    }
  }
}

export function counterText(counter: { packets: number; bytes: number }, format: Format): string {
  return format.stateless ? "counter" : `counter packets ${counter.packets} bytes ${counter.bytes}`;
}

export function exprText(expr: NftExpr, format: Format): string {
  switch (expr.kind) {
    case "payload":
      if (expr.proto === "")
        return `@${{ link: "ll", network: "nh", transport: "th" }[expr.base]},${expr.offset},${expr.bits}`;
      return `${expr.proto} ${expr.field}`;
    case "meta":
      return META_UNQUALIFIED.has(expr.key) && UNQUALIFIED_SHOWN.has(expr.key) ? expr.key : `meta ${expr.key}`;
    case "ct": {
      const ip = (expr.key === "saddr" || expr.key === "daddr") && expr.dir !== null ? "ip " : "";
      return `ct ${expr.dir === null ? "" : expr.dir === 0 ? "original " : "reply "}${ip}${expr.key}`;
    }
    case "fib":
      return `fib ${expr.flags.join(" . ")} ${expr.result}`;
    case "rt":
      return expr.key === "nexthop" ? "rt ip nexthop" : "rt mtu";
    case "numgen":
      return `numgen ${expr.mode} mod ${expr.mod}${expr.offset === 0 ? "" : ` offset ${expr.offset}`}`;
    case "tcpopt":
      return "tcp option maxseg size";
    case "concat":
      return expr.parts.map((part) => exprText(part, format)).join(" . ");
    case "bitwise":
      return bitwiseText(expr, format);
    case "map":
      return `${exprText(expr.key, format)} map ${setRefText(expr.set, format)}`;
    case "immediate":
      return String(expr.value);
  }
}

/** "& mask", "^ bits", "| bits", as far as each does something. */
function bitwiseText({ left, and, xor }: Extract<NftExpr, { kind: "bitwise" }>, format: Format): string {
  const type = dataType(typeOf(left));
  const or = (xor & ~and) >>> 0;
  const flip = (xor & and) >>> 0;
  const keep = (and | or) >>> 0;
  let text = exprText(left, format);
  if (keep !== 0xffffffff) text += ` & ${valueText(keep, type, format)}`;
  if (flip !== 0) text += ` ^ ${valueText(flip, type, format)}`;
  return or === 0 ? text : `${text} | ${valueText(or, type, format)}`;
}

/** Keys that are listed without "meta". */
const UNQUALIFIED_SHOWN: ReadonlySet<string> = new Set(["iif", "iifname", "oif", "oifname", "iifgroup", "oifgroup"]);

function valueText(value: number | string, type: DataType, format: Format): string {
  return formatValue(value, type, format, format.names);
}

function matchText({ left, op, explicit, right }: Extract<NftStmt, { kind: "match" }>, format: Format): string {
  const subject = exprText(left, format);
  const [typeName] = typesOf(left);
  const type = dataType(typeName!);
  let sign = op === "==" ? "" : `${op} `;
  if (op === "==" && left.kind === "bitwise") sign = "== ";
  if (op === "==" && explicit && type.isBitmask && right.kind === "value") sign = "== ";
  if (op === "!=" && explicit && right.kind === "flags") sign = "! ";
  return `${subject} ${sign}${rightText(right, type, format)}`;
}

function rightText(right: MatchRight, type: DataType, format: Format): string {
  switch (right.kind) {
    case "value":
      return valueText(right.value, type, format);
    case "prefix":
      return `${valueText(right.value, type, format)}/${right.length}`;
    case "range":
      return rangeText(right.low, right.high, type, format);
    case "flags":
      return valueText(right.mask, type, format);
    case "masked":
      return `${valueText(right.value, type, format)} / ${valueText(right.mask, type, format)}`;
    case "wildcard":
      return `"${right.text}*"`;
    case "set":
      return setRefText(right.set, format);
  }
}

export function verdictText({ verdict, chain }: NftVerdict): string {
  return chain === "" ? verdict : `${verdict} ${chain}`;
}

/** "1.2.3.0/24", "1-5", "10.0.0.1 . 80" */
export function keyText(key: readonly KeyPart[], types: readonly string[], format: Format): string {
  return key.map((part, i) => partText(part, dataType(types[i] ?? "integer"), format)).join(" . ");
}

function partText({ low, high }: KeyPart, type: DataType, format: Format): string {
  const first = valueText(low, type, format);
  if (low === high) return first;
  if (type.hasPrefix && typeof low === "number" && typeof high === "number") {
    const size = high - low + 1;
    const bits = Math.log2(size);
    if (Number.isInteger(bits) && low % size === 0) return `${first}/${type.bits - bits}`;
  }
  return rangeText(low, high, type, format);
}

/** Both ends as numbers, where names would not be. */
function rangeText(low: number | string, high: number | string, type: DataType, format: Format): string {
  const plain = { ...format, services: false };
  return `${valueText(low, type, plain)}-${valueText(high, type, plain)}`;
}

export function elementText(element: NftElement, spec: SetSpec, format: Format): string {
  let text = keyText(element.key, spec.keyTypes, format);
  if (element.counter) text += ` ${counterText(element.counter, format)}`;
  if (element.timeoutNs !== null) text += ` timeout ${durationText(element.timeoutNs)}`;
  if (!format.stateless && Number.isFinite(element.expires) && spec.timeout)
    text += ` expires ${durationText(Math.max(0, element.expires - format.now))}`;
  if (element.comment !== null) text += ` comment "${element.comment}"`;
  const { data } = element;
  if (data === null) return text;
  return `${text} : ${isVerdict(data) ? verdictText(data) : keyText(data, spec.dataTypes ?? [], format)}`;
}

/** By key, part by part. */
export function sortedElements(elements: readonly NftElement[]): NftElement[] {
  return [...elements].sort((a, b) => {
    for (const [i, { low }] of a.key.entries()) {
      const other = b.key[i]!.low;
      if (low !== other) return low < other ? -1 : 1;
    }
    return 0;
  });
}

function setRefText(set: NftSetRef, format: Format): string {
  if ("name" in set) return `@${set.name}`;
  return `{ ${sortedElements(set.elements)
    .map((element) => elementText(element, set.spec, format))
    .join(", ")} }`;
}

const KILO = 1024;

/** "1 mbytes": the largest unit that divides it. */
function bytesUnit(bytes: number): [number, string] {
  if (bytes !== 0 && bytes % (KILO * KILO) === 0) return [bytes / (KILO * KILO), "mbytes"];
  if (bytes !== 0 && bytes % KILO === 0) return [bytes / KILO, "kbytes"];
  return [bytes, "bytes"];
}

export function rateText(limit: { rate: number; unit: number; burst: number; bytes: boolean; over: boolean }): string {
  const over = limit.over ? "over " : "";
  const unit = UNITS.get(limit.unit) ?? String(limit.unit);
  if (!limit.bytes) {
    const burst = limit.burst > 0 && limit.burst !== 5 ? ` burst ${limit.burst} packets` : "";
    return `rate ${over}${limit.rate}/${unit}${burst}`;
  }
  const [rate, rateUnit] = bytesUnit(limit.rate);
  const [burst, burstUnit] = bytesUnit(limit.burst);
  return `rate ${over}${rate} ${rateUnit}/${unit}${limit.burst > 0 ? ` burst ${burst} ${burstUnit}` : ""}`;
}

export function quotaText(quota: { bytes: number; over: boolean; used: number }, format: Format): string {
  const [size, unit] = bytesUnit(quota.bytes);
  const [used, usedUnit] = bytesUnit(Math.min(quota.used, quota.bytes));
  const shown = !format.stateless && quota.used > 0 ? ` used ${used} ${usedUnit}` : "";
  return `${quota.over ? "over " : ""}${size} ${unit}${shown}`;
}

function logText({ prefix, level, flags, group, snaplen, threshold }: Extract<NftStmt, { kind: "log" }>): string {
  let text = "log";
  if (prefix !== null) text += ` prefix "${prefix}"`;
  if (group !== null) text += ` group ${group}`;
  if (snaplen !== null) text += ` snaplen ${snaplen}`;
  if (threshold !== null) text += ` queue-threshold ${threshold}`;
  if (level !== null && level !== 4) text += ` level ${LEVELS[level]}`;
  if ((flags & LOG_ALL) === LOG_ALL) return `${text} flags all`;
  const tcp = [...(flags & NF_LOG_TCPSEQ ? ["sequence"] : []), ...(flags & NF_LOG_TCPOPT ? ["options"] : [])];
  if (tcp.length > 0) text += ` flags tcp ${tcp.join(",")}`;
  if (flags & NF_LOG_IPOPT) text += " flags ip options";
  if (flags & NF_LOG_UID) text += " flags skuid";
  if (flags & NF_LOG_MACDECODE) text += " flags ether";
  return text;
}

function rejectText(stmt: Extract<NftStmt, { kind: "reject" }>, format: Format): string {
  if (stmt.with === "tcp") return "reject with tcp reset";
  if (stmt.isDefault) return "reject";
  return `reject with ${stmt.with} ${valueText(stmt.code, dataType(stmt.with === "icmp" ? "icmp_code" : "icmpx_code"), format)}`;
}

function natText({ type, target, flags, family }: Extract<NftStmt, { kind: "nat" }>, format: Format): string {
  const range = ([low, high]: readonly [NftExpr, NftExpr], typeName: string): string => {
    if (low.kind !== "immediate" || high.kind !== "immediate") return exprText(low, format);
    return `${valueText(low.value, dataType(typeName), format)}${low.value === high.value ? "" : `-${valueText(high.value, dataType(typeName), format)}`}`;
  };
  let text: string = type;
  if (family) text += " ip";
  if (target.both !== null) text += `${family ? "" : " ip"} to ${exprText(target.both, format)}`;
  else if (target.addr !== null) text += ` to ${range(target.addr, "ipv4_addr")}`;
  else if (target.port !== null) text += " to ";
  if (target.port !== null) text += `:${range(target.port, "inet_service")}`;
  const names: string[] = [];
  if (flags & NF_NAT_RANGE_PROTO_RANDOM) names.push("random");
  if (flags & NF_NAT_RANGE_PROTO_RANDOM_FULLY) names.push("fully-random");
  if (flags & NF_NAT_RANGE_PERSISTENT) names.push("persistent");
  return names.length === 0 ? text : `${text} ${names.join(",")}`;
}

function assignedText(value: NftExpr, to: NftExpr, format: Format): string {
  if (value.kind === "immediate") return valueText(value.value, dataType(typeOf(to)), format);
  return exprText(value, format);
}
