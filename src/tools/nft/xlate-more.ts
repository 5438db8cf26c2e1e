// Translations of iptables' rarer matches for nft's listing, in the words of libxtables 1.8.9. Answers to the xlate functions
// of extensions/libxt_connbytes.c, libxt_cpu.c, libxt_devgroup.c, libxt_ecn.c, libxt_esp.c, libxt_rpfilter.c,
// libxt_sctp.c, libxt_dccp.c and libxt_time.c. null: there is none.

import type { ConnbytesInfo } from "../../net/netfilter/matches/connbytes.ts";
import type { DccpInfo } from "../../net/netfilter/matches/dccp.ts";
import type { CpuInfo, DevgroupInfo } from "../../net/netfilter/matches/device.ts";
import {
  type HashlimitInfo,
  XT_HASHLIMIT_BYTES,
  XT_HASHLIMIT_HASH_DIP,
  XT_HASHLIMIT_HASH_DPT,
  XT_HASHLIMIT_HASH_SIP,
  XT_HASHLIMIT_HASH_SPT,
  XT_HASHLIMIT_INVERT,
  XT_HASHLIMIT_RATE_MATCH,
} from "../../net/netfilter/matches/hashlimit.ts";
import type { EcnInfo } from "../../net/netfilter/matches/header-fields.ts";
import type { RealmInfo } from "../../net/netfilter/matches/never-set.ts";
import { type RpfilterInfo, XT_RPFILTER_INVERT, XT_RPFILTER_LOOSE } from "../../net/netfilter/matches/rpfilter.ts";
import type { SctpInfo } from "../../net/netfilter/matches/sctp.ts";
import type { SpiInfo } from "../../net/netfilter/matches/spi.ts";
import {
  type TimeInfo,
  XT_TIME_ALL_MONTHDAYS,
  XT_TIME_ALL_WEEKDAYS,
  XT_TIME_MAX_DAYTIME,
} from "../../net/netfilter/matches/time.ts";
import { formatIpv4 } from "../../wire/addr.ts";

const not = (invert: unknown): string => (invert ? "!= " : "");

function range(low: number, high: number): string {
  return low === high ? `${low}` : `${low}-${high}`;
}

/** Two flags for ports of source and destination, their inverse, and what more may be asked, which has no translation. */
function ports(name: string, info: SctpInfo | DccpInfo, others: number): string | null {
  if (info.flags & others) return null;
  const parts: string[] = [];
  if (info.flags & 1) parts.push(`${name} sport ${not(info.invflags & 1)}${range(...info.spts)}`);
  if (info.flags & 2) parts.push(`${name} dport ${not(info.invflags & 2)}${range(...info.dpts)}`);
  return parts.join(" ");
}

export function connbytesText({ from, to, what, direction }: ConnbytesInfo): string {
  const dir = ["original ", "reply ", ""][direction];
  const unit = ["packets", "bytes", "avgpkt"][what];
  const inverted = from > to;
  const [low, high] = inverted ? [to, from] : [from, to];
  // no upper end was given
  const open = high >= 2 ** 64;
  const value = open ? `${inverted ? "lt" : "ge"} ${low}` : `${inverted ? "!= " : ""}${low}-${high}`;
  return `ct ${dir}${unit} ${value}`;
}

export function timeText(info: TimeInfo): string | null {
  const { dateStart, dateStop, daytimeStart, daytimeStop, monthdays, weekdays } = info;
  if (monthdays >>> 0 !== XT_TIME_ALL_MONTHDAYS) return null;
  const date = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
  const hour = (seconds: number): string =>
    [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
      .map((n) => String(n).padStart(2, "0"))
      .join(":");
  if (dateStart !== 0 || dateStop !== 0x7fffffff) return `meta time "${date(dateStart)}"-"${date(dateStop)}"`;
  const parts = [""];
  if (daytimeStart !== 0 || daytimeStop !== XT_TIME_MAX_DAYTIME)
    parts.push(`meta hour "${hour(daytimeStart)}"-"${hour(daytimeStop)}"`);
  if (weekdays !== XT_TIME_ALL_WEEKDAYS) {
    const days = [1, 2, 3, 4, 5, 6, 7].filter((day) => weekdays & (1 << day)).map((day) => day % 7);
    parts.push(`meta day { ${days.join(", ")} }`);
  }
  return parts.join(" ");
}

const XT_ECN_OP_MATCH_IP = 0x01;
const XT_ECN_OP_MATCH_ECE = 0x10;
const XT_ECN_OP_MATCH_CWR = 0x20;

export function ecnText({ operation, invert, ipEct }: EcnInfo): string {
  const parts: string[] = [];
  if (operation & XT_ECN_OP_MATCH_ECE) parts.push(`tcp flags ${not(invert & XT_ECN_OP_MATCH_ECE)}ecn`);
  if (operation & XT_ECN_OP_MATCH_CWR) parts.push(`tcp flags ${not(invert & XT_ECN_OP_MATCH_CWR)}cwr`);
  if (operation & XT_ECN_OP_MATCH_IP)
    parts.push(`ip ecn ${not(invert & XT_ECN_OP_MATCH_IP)}${["not-ect", "ect1", "ect0", "ce"][ipEct]}`);
  return parts.join(" ");
}

export function sctpText(info: SctpInfo): string | null {
  return ports("sctp", info, 4);
}

export function dccpText(info: DccpInfo): string | null {
  return ports("dccp", info, 12);
}

export function spiText(name: string): (info: SpiInfo) => string {
  return ({ min, max, invert }) =>
    min === 0 && max === 0xffffffff ? "" : `${name} spi ${not(invert)}${range(min, max)}`;
}

const RATES = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
] as const;
/** XT_HASHLIMIT_SCALE_v2 */
const SCALE = 1_000_000;
const DEFAULT_BURST = 5;
const DEFAULT_EXPIRE_MS = 1000;

/** "meter NAME { ip saddr limit rate 5/second }" */
export function hashlimitText(info: HashlimitInfo, proto: number): string | null {
  const { name, mode, avg, burst, expire, srcmask, dstmask } = info;
  if (mode & (XT_HASHLIMIT_BYTES | XT_HASHLIMIT_RATE_MATCH)) return null;
  const l4 =
    ({ 6: "tcp", 17: "udp", 33: "dccp", 132: "sctp", 136: "udplite" } as Record<number, string>)[proto] ?? "th";
  const masked = (field: string, bits: number): string =>
    bits === 32 ? field : `${field} and ${formatIpv4(bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0)}`;
  const keys: string[] = [];
  if (mode & XT_HASHLIMIT_HASH_DIP) keys.push(masked("ip daddr", dstmask));
  if (mode & XT_HASHLIMIT_HASH_DPT) keys.push(`${l4} dport`);
  if (mode & XT_HASHLIMIT_HASH_SIP) keys.push(masked("ip saddr", srcmask));
  if (mode & XT_HASHLIMIT_HASH_SPT) keys.push(`${l4} sport`);
  let unit = 0;
  while (unit + 1 < RATES.length) {
    const next = RATES[unit + 1]![1] * SCALE;
    if (avg > next || next / avg < next % avg) break;
    unit++;
  }
  const [unitName, seconds] = RATES[unit]!;
  const timeout = expire === DEFAULT_EXPIRE_MS ? "" : ` timeout ${Math.floor(expire / 1000)}s`;
  const over = mode & XT_HASHLIMIT_INVERT ? "over " : "";
  const more = burst === DEFAULT_BURST ? "" : ` burst ${burst} packets`;
  return `meter ${name} { ${keys.join(" . ")}${timeout} limit rate ${over}${Math.floor((seconds * SCALE) / avg)}/${unitName}${more} }`;
}

export function cpuText({ cpu, invert }: CpuInfo): string {
  return `cpu ${not(invert)}${cpu}`;
}

export function devgroupText(info: DevgroupInfo): string | null {
  const { flags, srcGroup, srcMask, dstGroup, dstMask } = info;
  const side = (what: string, group: number, mask: number, invert: number): string => {
    const value = `0x${group.toString(16)}`;
    if (mask >>> 0 === 0xffffffff) return `${what} ${not(invert)}${value}`;
    return `${what} and 0x${(mask >>> 0).toString(16)} ${invert ? "!=" : "=="} ${value}`;
  };
  const parts: string[] = [];
  if (flags & 1) parts.push(side("iifgroup", srcGroup, srcMask, flags & 2));
  if (flags & 4) parts.push(side("oifgroup", dstGroup, dstMask, flags & 8));
  return parts.join(" ");
}

export function rpfilterText({ flags }: RpfilterInfo): string {
  return `fib saddr${flags & XT_RPFILTER_LOOSE ? "" : " . iif"} oif ${flags & XT_RPFILTER_INVERT ? "" : "!= "}0`;
}

export function realmText({ id, mask, invert }: RealmInfo): string {
  const value = `0x${id.toString(16)}`;
  if (mask >>> 0 === 0xffffffff) return `rtclassid ${not(invert)}${value}`;
  return `rtclassid and 0x${(mask >>> 0).toString(16)} ${invert ? "!=" : "=="} ${value}`;
}
