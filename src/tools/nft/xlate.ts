// iptables' rules as nft lists them: what iptables-nft wrote as expressions of nf_tables in their own form, and extensions as
// libxtables translates them; "xt match NAME" where it does not. Answers to iptables/nft-shared.c, to the xlate functions of
// extensions/libxt_*.c of iptables 1.8.9, and to xt_stmt_xlate of nftables' src/xt.c.

import { hex as hexBytes } from "../../base/text.ts";
import type { AddrtypeInfo } from "../../net/netfilter/matches/addrtype.ts";
import { type ConntrackInfo, XT_CONNTRACK_STATE_ALIAS } from "../../net/netfilter/matches/conntrack.ts";
import type { IcmpInfo } from "../../net/netfilter/matches/icmp.ts";
import type { IprangeInfo } from "../../net/netfilter/matches/iprange.ts";
import type { LimitInfo } from "../../net/netfilter/matches/limit.ts";
import type { MacInfo } from "../../net/netfilter/matches/mac.ts";
import type { MarkInfo } from "../../net/netfilter/matches/mark.ts";
import type { MultiportInfo } from "../../net/netfilter/matches/multiport.ts";
import type { OwnerInfo } from "../../net/netfilter/matches/owner.ts";
import type { PkttypeInfo } from "../../net/netfilter/matches/pkttype.ts";
import type { QuotaInfo } from "../../net/netfilter/matches/quota.ts";
import type { StatisticInfo } from "../../net/netfilter/matches/statistic.ts";
import { type TcpInfo, XT_TCP_INV_DSTPT, XT_TCP_INV_FLAGS, XT_TCP_INV_SRCPT } from "../../net/netfilter/matches/tcp.ts";
import type { TcpmssInfo } from "../../net/netfilter/matches/tcpmss.ts";
import type { UdpInfo } from "../../net/netfilter/matches/udp.ts";
import {
  type NatRange,
  NF_NAT_RANGE_MAP_IPS,
  NF_NAT_RANGE_PERSISTENT,
  NF_NAT_RANGE_PROTO_OFFSET,
  NF_NAT_RANGE_PROTO_RANDOM,
  NF_NAT_RANGE_PROTO_RANDOM_FULLY,
  NF_NAT_RANGE_PROTO_SPECIFIED,
} from "../../net/netfilter/nat.ts";
import {
  NF_LOG_IPOPT,
  NF_LOG_MACDECODE,
  NF_LOG_TCPOPT,
  NF_LOG_TCPSEQ,
  NF_LOG_UID,
} from "../../net/netfilter/nf-log.ts";
import {
  IPT_INV_DSTIP,
  IPT_INV_FRAG,
  IPT_INV_PROTO,
  IPT_INV_SRCIP,
  IPT_INV_VIA_IN,
  IPT_INV_VIA_OUT,
  type IptIp,
} from "../../net/netfilter/rule.ts";
import { type CtInfo, XT_CT_NOTRACK } from "../../net/netfilter/targets/ct.ts";
import type { LogInfo, NflogInfo } from "../../net/netfilter/targets/log.ts";
import {
  type ConnmarkTgInfo,
  type MarkTgInfo,
  XT_CONNMARK_RESTORE,
  XT_CONNMARK_SET,
} from "../../net/netfilter/targets/mark.ts";
import type { RejectInfo } from "../../net/netfilter/targets/reject.ts";
import type { ExtSpec, RuleTarget, XtRule } from "../../net/netfilter/xt-rule.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { dataType, formatValue } from "./datatypes.ts";
import { counterText, type Format, rateText } from "./print-rule.ts";
import {
  connbytesText,
  cpuText,
  dccpText,
  devgroupText,
  ecnText,
  hashlimitText,
  realmText,
  rpfilterText,
  sctpText,
  spiText,
  timeText,
} from "./xlate-more.ts";

const not = (invert: unknown): string => (invert ? "!= " : "");
const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

/** The whole rule, without its handle. */
export function xtRuleText({ spec, packets, bytes }: XtRule, format: Format): string {
  const parts = headerTexts(spec.ip, spec.matches, format);
  for (const match of spec.matches) parts.push(...matchTexts(match, spec.ip.proto, format));
  parts.push(counterText({ packets, bytes }, format), ...targetTexts(spec.target, format));
  return parts.join(" ");
}

function headerTexts(ip: IptIp, matches: readonly ExtSpec[], format: Format): string[] {
  const parts: string[] = [];
  const name = (text: string): string => `"${text.endsWith("+") ? `${text.slice(0, -1)}*` : text}"`;
  if (ip.iniface !== "") parts.push(`iifname ${not(ip.invflags & IPT_INV_VIA_IN)}${name(ip.iniface)}`);
  if (ip.outiface !== "") parts.push(`oifname ${not(ip.invflags & IPT_INV_VIA_OUT)}${name(ip.outiface)}`);
  // a port says the protocol, too, where no extension of the old kind comes between
  const [first] = matches;
  const implied = (first?.name === "tcp" || first?.name === "udp") && isNative(first) && !(ip.invflags & IPT_INV_PROTO);
  if (ip.proto !== 0 && !implied)
    parts.push(
      `meta l4proto ${not(ip.invflags & IPT_INV_PROTO)}${formatValue(ip.proto, dataType("inet_proto"), format, format.names)}`,
    );
  if (ip.smsk !== 0) parts.push(addressText("ip saddr", ip.src, ip.smsk, ip.invflags & IPT_INV_SRCIP));
  if (ip.dmsk !== 0) parts.push(addressText("ip daddr", ip.dst, ip.dmsk, ip.invflags & IPT_INV_DSTIP));
  if (ip.frag) parts.push(`ip frag-off & 8191 ${ip.invflags & IPT_INV_FRAG ? "==" : "!="} 0`);
  return parts;
}

function addressText(what: string, address: number, mask: number, invert: number): string {
  const bits = (~mask >>> 0) + 1;
  const isPrefix = (bits & (bits - 1)) === 0;
  if (!isPrefix) return `${what} & ${formatIpv4(mask >>> 0)} ${invert ? "!=" : "=="} ${formatIpv4(address >>> 0)}`;
  const length = 32 - Math.log2(bits);
  return `${what} ${not(invert)}${formatIpv4(address >>> 0)}${length === 32 ? "" : `/${length}`}`;
}

/** Ports and flags became expressions of their own. */
function isNative({ info }: ExtSpec): boolean {
  const { spts, dpts, option, flgMask } = info as TcpInfo;
  if (option) return false;
  const any = ([low, high]: readonly [number, number]): boolean => low === 0 && high === 0xffff;
  return !any(spts) || !any(dpts) || (flgMask ?? 0) !== 0;
}

function matchTexts(match: ExtSpec, proto: number, format: Format): string[] {
  const { name } = match;
  const info = match.info as never;
  if (name === "tcp" || name === "udp") return portTexts(name, match, format);
  const translate = MATCHES[name];
  const text = translate?.(info, proto, format) ?? null;
  return [text === null ? `xt match ${name}` : text];
}

function portTexts(proto: string, match: ExtSpec, format: Format): string[] {
  const info = match.info as UdpInfo & Partial<TcpInfo>;
  const parts: string[] = [];
  const ports = (side: string, [low, high]: readonly [number, number], invert: number): void => {
    if (low === 0 && high === 0xffff) return;
    const value = (port: number): string => formatValue(port, dataType("inet_service"), format, format.names);
    if (low === high) parts.push(`${proto} ${side} ${not(invert)}${value(low)}`);
    else if (low === 0) parts.push(`${proto} ${side} ${invert ? ">" : "<="} ${value(high)}`);
    else parts.push(`${proto} ${side} ${not(invert)}${value(low)}-${value(high)}`);
  };
  ports("sport", info.spts, info.invflags & XT_TCP_INV_SRCPT);
  ports("dport", info.dpts, info.invflags & XT_TCP_INV_DSTPT);
  if (info.flgMask) {
    const flags = (mask: number): string => formatValue(mask, dataType("tcp_flag"), format, format.names);
    const inverted = (info.invflags & XT_TCP_INV_FLAGS) !== 0;
    // none of them is "not any of them"
    if (info.flgCmp === 0) parts.push(`tcp flags ${inverted ? "" : "! "}${flags(info.flgMask)}`);
    else parts.push(`tcp flags ${not(inverted)}${flags(info.flgCmp!)} / ${flags(info.flgMask)}`);
  }
  if (info.option) parts.push(`tcp option ${info.option} ${info.invflags & 0x08 ? "missing" : "exists"}`);
  return parts.length > 0 ? parts : [""];
}

type Translate = (info: never, proto: number, format: Format) => string | null;

const STATES: readonly (readonly [number, string])[] = [
  [1, "invalid"],
  [8, "new"],
  [4, "related"],
  [2, "established"],
  [256, "untracked"],
];
const ADDR_TYPES = [
  "unspec",
  "unicast",
  "local",
  "broadcast",
  "anycast",
  "multicast",
  "blackhole",
  "unreachable",
  "prohibit",
];
const ICMP_TYPES: ReadonlyMap<number, string> = new Map(
  dataType("icmp_type").symbols!.map(([name, value]) => [value, name]),
);
const PKT_TYPES = ["unicast", "broadcast", "multicast"];

const MATCHES: Readonly<Record<string, Translate>> = {
  comment: () => "",
  connbytes: connbytesText as Translate,
  time: timeText as Translate,
  ecn: ecnText as Translate,
  sctp: sctpText as Translate,
  dccp: dccpText as Translate,
  esp: spiText("esp") as Translate,
  ah: spiText("ah") as Translate,
  cpu: cpuText as Translate,
  hashlimit: hashlimitText as Translate,
  realm: realmText as Translate,
  devgroup: devgroupText as Translate,
  rpfilter: rpfilterText as Translate,
  conntrack: conntrackText as Translate,
  addrtype: (({ source, dest, flags }: AddrtypeInfo) => {
    const side = (what: string, bits: number, invert: number): string => {
      const names = ADDR_TYPES.filter((_, i) => bits & (1 << i));
      const dev = flags & 4 ? " . iif" : flags & 8 ? " . oif" : "";
      return `fib ${what}${dev} type ${not(invert)}${names.length > 1 ? `{ ${names.join(", ")} }` : names[0]}`;
    };
    // of two sides only the first is written, with the inversion of both
    if (source) return side("saddr", source, dest ? flags & 3 : flags & 1);
    return side("daddr", dest, flags & 2);
  }) as Translate,
  multiport: ((info: MultiportInfo, proto: number) => {
    const name = ({ 6: "tcp", 17: "udp", 33: "dccp", 132: "sctp", 136: "udplite" } as Record<number, string>)[proto]!;
    const items = info.ports.map(([low, high]) => (low === high ? `${low}` : `${low}-${high}`));
    if (info.flags === 2) {
      const flat = info.ports.flatMap(([low, high]) => (low === high ? [low] : [low, high]));
      const pairs = flat.map((port) => `0-65535 . ${port}, ${port} . 0-65535`);
      return `${name} sport . ${name} dport { ${pairs.join(", ")} }`;
    }
    const set = items.length > 1 ? `{ ${items.join(", ")} }` : items[0];
    return `${name} ${info.flags === 0 ? "sport" : "dport"} ${not(info.invert)}${set}`;
  }) as Translate,
  limit: (({ rate, unit, burst }: LimitInfo) =>
    `limit ${rateText({ rate, unit, burst, bytes: false, over: false })}`) as Translate,
  mark: (({ mark, mask, invert }: MarkInfo, _proto: number, format: Format) => {
    const value = (v: number): string => formatValue(v >>> 0, dataType("mark"), format, format.names);
    if (mask >>> 0 === 0xffffffff) return `meta mark ${not(invert)}${value(mark)}`;
    return `meta mark & ${value(mask)} ${invert ? "!=" : "=="} ${value(mark)}`;
  }) as Translate,
  connmark: (({ mark, mask, invert }: MarkInfo) => {
    if (mask >>> 0 === 0xffffffff) return `ct mark ${not(invert)}${hex(mark)}`;
    return `ct mark and ${hex(mask)} ${invert ? "!=" : "=="} ${hex(mark)}`;
  }) as Translate,
  iprange: (({ srcMin, srcMax, dstMin, dstMax, flags }: IprangeInfo) => {
    const parts = [];
    const range = (low: number, high: number): string => `${formatIpv4(low)}-${formatIpv4(high)}`;
    if (flags & 1) parts.push(`ip saddr ${not(flags & 16)}${range(srcMin, srcMax)}`);
    if (flags & 2) parts.push(`ip daddr ${not(flags & 32)}${range(dstMin, dstMax)}`);
    return parts.join(" ");
  }) as Translate,
  statistic: (({ mode, invert, probability, every, packet }: StatisticInfo) =>
    mode === 0
      ? `meta random & 2147483647 ${invert ? ">=" : "<"} ${probability}`
      : `numgen inc mod ${every + 1} ${not(invert)}${packet}`) as Translate,
  pkttype: (({ pkttype, invert }: PkttypeInfo) =>
    `pkttype ${not(invert)}${PKT_TYPES[pkttype] ?? hex(pkttype)}`) as Translate,
  mac: (({ srcaddr, invert }: MacInfo) =>
    `ether saddr ${not(invert)}${hexBytes(Uint8Array.from(srcaddr), ":")}`) as Translate,
  length: rangeText("meta length") as Translate,
  tcpmss: rangeText("tcp option maxseg size") as Translate,
  ttl: (({ mode, ttl }: { mode: number; ttl: number }) =>
    `ip ttl ${["", "!= ", "lt ", "gt "][mode]}${ttl}`) as Translate,
  dscp: (({ dscp, invert }: { dscp: number; invert: boolean }) =>
    `ip dscp ${not(invert)}0x${dscp.toString(16).padStart(2, "0")}`) as Translate,
  owner: (({ uidMin, uidMax, gidMin, gidMax, match, invert }: OwnerInfo) => {
    const id = (low: number, high: number): string => (low === high ? `${low}` : `${low}-${high}`);
    if (match & 1) return `skuid ${not(invert & 1)}${id(uidMin, uidMax)}`;
    return match & 2 ? `skgid ${not(invert & 2)}${id(gidMin, gidMax)}` : null;
  }) as Translate,
  quota: (({ quota, invert }: QuotaInfo) => `quota ${invert ? "over " : ""}${quota} bytes`) as Translate,
  icmp: (({ type, code: [min, max], invert }: IcmpInfo) => {
    if (type === 255) return "ip protocol icmp";
    if (min !== 0 || max !== 255) return null;
    const name = ICMP_TYPES.get(type);
    return name === undefined ? null : `icmp type ${not(invert)}${name}`;
  }) as Translate,
};

function rangeText(what: string): (info: TcpmssInfo) => string {
  return ({ min, max, invert }) => `${what} ${not(invert)}${min === max ? min : `${min}-${max}`}`;
}

function conntrackText(info: ConntrackInfo): string | null {
  const { matchFlags, invertFlags, stateMask, statusMask } = info;
  const asked = matchFlags & ~XT_CONNTRACK_STATE_ALIAS;
  const parts: string[] = [];
  const inv = (flag: number): boolean => (invertFlags & flag) !== 0;
  if (asked & 4096) parts.push(`ct direction ${inv(4096) ? "reply" : "original"}`);
  if (asked & 1) {
    const nat = [...(stateMask & 64 ? ["snat"] : []), ...(stateMask & 128 ? ["dnat"] : [])];
    const states = STATES.filter(([bit]) => stateMask & bit).map(([, name]) => name);
    // one or the other
    if (nat.length > 0) parts.push(`ct status ${inv(1) ? "! " : ""}${nat.join(",")}`);
    else if (states.length > 0) parts.push(`ct state ${inv(1) ? "! " : ""}${states.join(",")}`);
  }
  if (asked & 2) parts.push(`ct original protocol ${not(inv(2))}${info.l4proto}`);
  const directions = ["original saddr", "original daddr", "reply saddr", "reply daddr"];
  for (let i = 0; i < 4; i++) {
    if (!(asked & (4 << i))) continue;
    const [address, mask] = info.addrs[i]!;
    const bits = 32 - Math.log2((~mask >>> 0) + 1);
    parts.push(`ct ${directions[i]} ${not(inv(4 << i))}${formatIpv4(address >>> 0)}${bits === 32 ? "" : `/${bits}`}`);
  }
  for (let i = 0; i < 4; i++) {
    if (!(asked & (256 << i))) continue;
    const [low, high] = info.ports[i]!;
    const side = `${i < 2 ? "original" : "reply"} proto-${i % 2 === 0 ? "src" : "dst"}`;
    parts.push(`ct ${side} ${not(inv(256 << i))}${low === high ? low : `${low}-${high}`}`);
  }
  if (asked & 64) {
    const names = (
      [
        [1, "expected"],
        [2, "seen-reply"],
        [4, "assured"],
        [8, "confirmed"],
      ] as const
    ).filter(([bit]) => statusMask & bit);
    const listed = names.length > 0 ? ` ${names.map(([, name]) => name).join(",")}` : "";
    parts.push(`ct status${inv(64) ? " !" : ""}${listed}`);
  }
  if (asked & 128) {
    const [low, high] = info.expires;
    parts.push(`ct expiration ${not(inv(128))}${low === high ? low : `${low}-${high}`}`);
  }
  return parts.join(" ");
}

function targetTexts(target: RuleTarget, format: Format): string[] {
  if (target.kind === "none") return [];
  if (target.kind === "verdict") return [target.verdict.toLowerCase()];
  if (!("info" in target)) return [`${target.kind} ${target.chain}`];
  const text = TARGETS[target.name]?.(target.info as never, 0, format) ?? null;
  return [text ?? `xt target ${target.name}`];
}

const LEVELS = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];
const LOG_ALL = NF_LOG_TCPSEQ | NF_LOG_TCPOPT | NF_LOG_IPOPT | NF_LOG_UID | NF_LOG_MACDECODE;

const TARGETS: Readonly<Record<string, Translate>> = {
  LOG: (({ level, logflags, prefix }: LogInfo) => {
    let text = "log";
    if (prefix !== "") text += ` prefix "${prefix}"`;
    if (level !== 4) text += ` level ${LEVELS[level]}`;
    if ((logflags & LOG_ALL) === LOG_ALL) return `${text} flags all`;
    const tcp = [...(logflags & NF_LOG_TCPSEQ ? ["sequence"] : []), ...(logflags & NF_LOG_TCPOPT ? ["options"] : [])];
    if (tcp.length > 0) text += ` flags tcp ${tcp.join(",")}`;
    if (logflags & NF_LOG_IPOPT) text += " flags ip options";
    if (logflags & NF_LOG_UID) text += " flags skuid";
    if (logflags & NF_LOG_MACDECODE) text += " flags ether";
    return text;
  }) as Translate,
  NFLOG: (({ group, prefix, size, threshold }: NflogInfo) => {
    let text = "log";
    if (prefix !== "") text += ` prefix "${prefix}"`;
    text += ` group ${group}`;
    if (size > 0) text += ` snaplen ${size}`;
    return threshold > 0 ? `${text} queue-threshold ${threshold}` : text;
  }) as Translate,
  REJECT: ((info: RejectInfo) => {
    if (info.with === "icmp-port-unreachable") return "reject";
    if (info.with === "tcp-reset") return "reject with tcp reset";
    return `reject with icmp type ${info.with.replace("icmp-", "").replace("proto-", "prot-")}`;
  }) as Translate,
  MARK: (({ mark, mask }: MarkTgInfo) => `meta mark set ${markOperation("mark", mark, mask)}`) as Translate,
  CONNMARK: (({ mode, ctmark, ctmask, nfmask }: ConnmarkTgInfo) => {
    if (mode === XT_CONNMARK_SET) {
      const text = markOperation("ct mark", ctmark, ctmask);
      return `ct mark set ${text.replace(/ (and \S+) (xor \S+)/, " $2 $1")}`;
    }
    const restore = mode === XT_CONNMARK_RESTORE;
    const all = nfmask >>> 0 === 0xffffffff && ctmask >>> 0 === 0xffffffff;
    const source = restore ? "ct mark" : "mark";
    if (!all && nfmask >>> 0 !== ctmask >>> 0) return null;
    return `${restore ? "meta" : "ct"} mark set ${source}${all ? "" : ` and ${hex(nfmask)}`}`;
  }) as Translate,
  SNAT: natText("snat") as Translate,
  DNAT: natText("dnat") as Translate,
  MASQUERADE: natText("masquerade") as Translate,
  REDIRECT: natText("redirect") as Translate,
  TCPMSS: (({ mss }: { mss: number }) => `tcp option maxseg size set ${mss === 0xffff ? "rt mtu" : mss}`) as Translate,
  // iptables 1.8.9 writes the family of IPv6 here
  TOS: (({ value, mask }: { value: number; mask: number }) => tosText(value >>> 2, mask >>> 2)) as Translate,
  DSCP: (({ dscp }: { dscp: number }) => `ip dscp set 0x${dscp.toString(16).padStart(2, "0")}`) as Translate,
  CT: (({ flags }: CtInfo) => (flags & XT_CT_NOTRACK ? "notrack" : null)) as Translate,
  CLASSIFY: (({ priority }: { priority: number }) => {
    if (priority === 0) return "meta priority set none";
    if (priority >>> 0 === 0xffffffff) return "meta priority set root";
    return `meta priority set ${(priority >>> 16).toString(16)}:${(priority & 0xffff).toString(16)}`;
  }) as Translate,
  TRACE: () => "meta nftrace set 1",
};

/** Of the six bits of the code point: set, kept by a mask, added. */
function tosText(dscp: number, mask: number): string {
  const hex2 = (value: number): string => `0x${value.toString(16).padStart(2, "0")}`;
  if (mask === 0x3f) return `ip6 dscp set ${hex2(dscp)}`;
  if (dscp === 0) return `ip6 dscp set ip6 dscp and ${hex2(mask ^ 0x3f)}`;
  if (dscp === mask) return `ip6 dscp set ip6 dscp or ${hex2(dscp)}`;
  if (mask === 0) return `ip6 dscp set ip6 dscp xor ${hex2(dscp)}`;
  return `ip6 dscp set ip6 dscp and ${hex2(mask ^ 0x3f)} xor ${hex2(dscp)}`;
}

/** "0x5", "mark and 0x4", "mark or 0x4", "mark xor 0x4" */
function markOperation(what: string, mark: number, mask: number): string {
  const m = mask >>> 0;
  const value = mark >>> 0;
  if (m === 0xffffffff) return hex(value);
  if (value === 0) return `${what} and ${hex(~m)}`;
  if (value === m) return `${what} or ${hex(value)}`;
  if (m === 0) return `${what} xor ${hex(value)}`;
  return `${what} and ${hex(~m)} xor ${hex(value)}`;
}

function natText(type: string): (range: NatRange) => string | null {
  return ({ flags, minAddr, maxAddr, minProto, maxProto }) => {
    if (flags & NF_NAT_RANGE_PROTO_OFFSET) return null;
    let text = type;
    if (flags & (NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED)) text += " to ";
    if (flags & NF_NAT_RANGE_MAP_IPS)
      text += minAddr === maxAddr ? formatIpv4(minAddr) : `${formatIpv4(minAddr)}-${formatIpv4(maxAddr)}`;
    if (flags & NF_NAT_RANGE_PROTO_SPECIFIED) text += `:${minProto}${minProto === maxProto ? "" : `-${maxProto}`}`;
    const names: string[] = [];
    if (flags & NF_NAT_RANGE_PROTO_RANDOM) names.push("random");
    if (flags & NF_NAT_RANGE_PROTO_RANDOM_FULLY) names.push("fully-random");
    if (flags & NF_NAT_RANGE_PERSISTENT) names.push("persistent");
    return names.length === 0 ? text : `${text} ${names.join(",")}`;
  };
}
