// A rule as iptables-nft hands it to the kernel and reads it back: what has become an expression of nf_tables may look
// different from what was typed. Answers to iptables/nft.c (add_match and what it calls), nft-shared.c.

import type { TcpInfo } from "../../net/netfilter/matches/tcp.ts";
import {
  XT_TCP_INV_DSTPT,
  XT_TCP_INV_FLAGS,
  XT_TCP_INV_OPTION,
  XT_TCP_INV_SRCPT,
} from "../../net/netfilter/matches/tcp.ts";
import type { UdpInfo } from "../../net/netfilter/matches/udp.ts";
import { IPT_INV_VIA_IN, IPT_INV_VIA_OUT, type IptIp } from "../../net/netfilter/rule.ts";
import type { ExtSpec, RuleSpec } from "../../net/netfilter/xt-rule.ts";
import { IPPROTO_TCP, IPPROTO_UDP } from "../../wire/ipv4.ts";
import { parameterProblem } from "./xtables.ts";

/** Throws XtablesError where an expression cannot say it. */
export function toNftRule(spec: RuleSpec): RuleSpec {
  return {
    ip: nftIp(spec.ip),
    matches: spec.matches.flatMap((match) => nftMatch(match, spec.ip.proto)),
    target: spec.target,
  };
}

/** An interface that may be any says nothing. */
function nftIp(ip: IptIp): IptIp {
  const iniface = ip.iniface === "+" && !(ip.invflags & IPT_INV_VIA_IN) ? "" : ip.iniface;
  const outiface = ip.outiface === "+" && !(ip.invflags & IPT_INV_VIA_OUT) ? "" : ip.outiface;
  return { ...ip, iniface, outiface };
}

function nftMatch(match: ExtSpec, proto: number): ExtSpec[] {
  if (match.name === "tcp") return nftTcp(match, proto);
  if (match.name === "udp") return nftUdp(match, proto);
  return [match];
}

function nftTcp(match: ExtSpec, proto: number): ExtSpec[] {
  const info = match.info as TcpInfo;
  const bare = anyPorts(info) && info.flgMask === 0 && info.flgCmp === 0;
  if (info.option !== 0 || info.invflags & XT_TCP_INV_OPTION || bare) return [match];
  if (proto !== IPPROTO_TCP) parameterProblem("TCP match requires '-p tcp'");
  const { spts, dpts, invflags } = nftPorts(info);
  const { flgMask } = info;
  const converted: TcpInfo = {
    spts,
    dpts,
    invflags: flgMask === 0 ? invflags & ~XT_TCP_INV_FLAGS : invflags,
    option: 0,
    flgMask,
    flgCmp: flgMask === 0 ? 0 : info.flgCmp,
  };
  return anyPorts(converted) && converted.flgMask === 0 ? [] : [{ name: "tcp", info: converted }];
}

function nftUdp(match: ExtSpec, proto: number): ExtSpec[] {
  const info = match.info as UdpInfo;
  if (anyPorts(info)) return [match];
  if (proto !== IPPROTO_UDP) parameterProblem("UDP match requires '-p udp'");
  const converted = nftPorts(info);
  return anyPorts(converted) ? [] : [{ name: "udp", info: converted }];
}

function anyPorts({ spts, dpts, invflags }: UdpInfo): boolean {
  const isAny = ([low, high]: readonly [number, number]): boolean => low === 0 && high === 0xffff;
  return isAny(spts) && isAny(dpts) && invflags === 0;
}

/** "Not up to 80" becomes "above 80", "not any" is left out. */
function nftPorts(info: UdpInfo): UdpInfo {
  let { invflags } = info;
  const convert = ([low, high]: readonly [number, number], flag: number): [number, number] => {
    if (low !== 0 || (invflags & flag) === 0 || high === 0) return [low, high];
    invflags &= ~flag;
    return high === 0xffff ? [low, high] : [Math.min(high + 1, 0xffff), 0xffff];
  };
  const spts = convert(info.spts, XT_TCP_INV_SRCPT);
  const dpts = convert(info.dpts, XT_TCP_INV_DSTPT);
  return { spts, dpts, invflags };
}

/** The same header, extensions, data and target: what -D and -C look for (nft_rule_cmp). */
export function sameRule(a: RuleSpec, b: RuleSpec): boolean {
  return sameIp(a.ip, b.ip) && sameValue(a.matches, b.matches) && sameValue(a.target, b.target);
}

/** Word by word, because -C and -D hold a rule against all of a chain, and nearly all differ here. */
function sameIp(a: IptIp, b: IptIp): boolean {
  return (
    a.src === b.src &&
    a.dst === b.dst &&
    a.smsk === b.smsk &&
    a.dmsk === b.dmsk &&
    a.iniface === b.iniface &&
    a.outiface === b.outiface &&
    a.proto === b.proto &&
    a.frag === b.frag &&
    a.invflags === b.invflags
  );
}

function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => sameValue(a[key as keyof typeof a], b[key as keyof typeof b]))
  );
}
