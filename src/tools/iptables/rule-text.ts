// Rules and chains as text: the columns of -L, the options of -S and iptables-save, the line that -v prints of a rule that
// is added. Answers to the printing half of iptables/xshared.c, nft-shared.c and nft-ipv4.c.

import { NF_DROP } from "../../net/core/netfilter.ts";
import {
  IPT_INV_DSTIP,
  IPT_INV_FRAG,
  IPT_INV_PROTO,
  IPT_INV_SRCIP,
  IPT_INV_VIA_IN,
  IPT_INV_VIA_OUT,
  type IptIp,
} from "../../net/netfilter/rule.ts";
import type { ExtSpec, RuleSpec } from "../../net/netfilter/xt-rule.ts";
import { formatIpv4, maskToPrefix } from "../../wire/addr.ts";
import type { CachedChain, CachedRule } from "./cache.ts";
import type { PrintContext, UserExtension } from "./extension.ts";
import { MATCH_TEXTS } from "./matches/index.ts";
import { type NameService, protocolName } from "./names.ts";
import { TARGET_TEXTS } from "./targets/index.ts";
import { addressName, maskSuffix, printNumber } from "./xtables.ts";

export interface ListFormat {
  /** -n */
  readonly numeric: boolean;
  /** -v: counters and interfaces */
  readonly verbose: boolean;
  /** -x */
  readonly exact: boolean;
  readonly lineNumbers: boolean;
  /** -n shows protocols as numbers, too */
  readonly numericProtocols: boolean;
}

export function policyName(policy: number): string {
  return policy === NF_DROP ? "DROP" : "ACCEPT";
}

/** The chain's line and the line of column titles. */
export function listHeader(chain: CachedChain, references: number, format: ListFormat): string {
  const { verbose, exact, lineNumbers } = format;
  let text = `Chain ${chain.name}`;
  if (chain.builtin) {
    text += ` (policy ${policyName(chain.policy)}`;
    if (verbose)
      text += ` ${printNumber(chain.packets, exact, false)}packets, ${printNumber(chain.bytes, exact, false)}bytes`;
    text += ")\n";
  } else text += ` (${references} references)\n`;
  if (lineNumbers) text += "num  ";
  if (verbose) text += exact ? "    pkts      bytes " : " pkts bytes ";
  text += "target     prot opt";
  if (verbose) text += " in     out    ";
  return `${text} source               destination         \n`;
}

/** One rule as a row of -L. */
export function listRule(rule: CachedRule, number: number, format: ListFormat, names: NameService): string {
  const { ip } = rule.spec;
  const { numeric } = format;
  let text = "";
  if (format.lineNumbers) text += `${String(number).padEnd(4)} `;
  if (format.verbose) text += printNumber(rule.packets, format.exact) + printNumber(rule.bytes, format.exact);
  text += `${targetName(rule.spec).padEnd(9)} `;
  text += ip.invflags & IPT_INV_PROTO ? "!" : " ";
  const protocol = numeric && format.numericProtocols ? undefined : protocolName(ip.proto, numeric);
  text += `${(protocol ?? String(ip.proto)).padEnd(4)} ${fragment(ip)} `;
  if (format.verbose) {
    const [iniface, outiface] = interfaces(ip, numeric ? "*" : "any");
    text += ` ${iniface.padEnd(6)} ${outiface.padEnd(6)} `;
  }
  text += `${ip.invflags & IPT_INV_SRCIP ? "!" : " "}${address(ip.src, ip.smsk, numeric, names).padEnd(19)} `;
  text += `${ip.invflags & IPT_INV_DSTIP ? "!" : " "}${address(ip.dst, ip.dmsk, numeric, names).padEnd(19)} `;
  return `${text}${details(rule.spec, { numeric, ip, names })}\n`;
}

/** One rule as -v shows it when it is added, inserted, deleted or found. */
export function verboseRule(spec: RuleSpec, names: NameService): string {
  const { ip } = spec;
  const protocol = protocolName(ip.proto, true) ?? String(ip.proto);
  const [iniface, outiface] = interfaces(ip, "*");
  const source = `${ip.invflags & IPT_INV_SRCIP ? "!" : " "}${address(ip.src, ip.smsk, true, names)}`;
  const destination = `${ip.invflags & IPT_INV_DSTIP ? "!" : " "}-> ${address(ip.dst, ip.dmsk, true, names)}`;
  const inverse = ip.invflags & IPT_INV_PROTO ? "!" : " ";
  return (
    `${targetName(spec)} ${inverse}${protocol} opt ${fragment(ip)} in ${iniface} out ${outiface} ` +
    `${source} ${destination}  ${details(spec, { numeric: true, ip, names })}\n`
  );
}

function targetName({ target }: RuleSpec): string {
  if (target.kind === "verdict") return target.verdict;
  if (target.kind === "jump" || target.kind === "goto") return target.chain;
  return target.kind === "target" ? target.name : "";
}

function fragment(ip: IptIp): string {
  return `${ip.invflags & IPT_INV_FRAG ? "!" : "-"}${ip.frag ? "f" : "-"}`;
}

function interfaces(ip: IptIp, any: string): [string, string] {
  const iniface = `${ip.invflags & IPT_INV_VIA_IN ? "!" : ""}${ip.iniface || any}`;
  const outiface = `${ip.invflags & IPT_INV_VIA_OUT ? "!" : ""}${ip.outiface || any}`;
  return [iniface, outiface];
}

function address(addr: number, mask: number, numeric: boolean, names: NameService): string {
  if (mask === 0 && !numeric) return "anywhere";
  return (numeric ? formatIpv4(addr) : addressName(addr, names)) + maskSuffix(mask);
}

function details({ matches, target }: RuleSpec, context: PrintContext): string {
  let text = target.kind === "goto" ? "[goto] " : "";
  for (const match of matches) text += matchText(match).print?.(match.info, context) ?? "";
  if (target.kind === "target") text += targetText(target).print?.(target.info, context) ?? "";
  return text;
}

function matchText({ name }: ExtSpec): UserExtension<unknown> {
  return MATCH_TEXTS.get(name) as unknown as UserExtension<unknown>;
}

function targetText({ name }: ExtSpec): UserExtension<unknown> {
  return TARGET_TEXTS.get(name) as unknown as UserExtension<unknown>;
}

/** How a rule's counters are shown: not, as [1:2] before it, as -c 1 2 within it. */
export type SaveCounters = "none" | "before" | "within";

/** One rule as the command that appends it. */
export function saveRule(chain: string, rule: CachedRule, counters: SaveCounters, names: NameService): string {
  const { spec, packets, bytes } = rule;
  const context: PrintContext = { numeric: true, ip: spec.ip, names };
  let text = counters === "before" ? `[${packets}:${bytes}] ` : "";
  text += `-A ${chain}${saveIp(spec.ip)}`;
  for (const match of spec.matches) {
    const ext = matchText(match);
    text += ` -m ${ext.shownName?.(match.info) ?? ext.name}${ext.save?.(match.info, context) ?? ""}`;
  }
  if (counters === "within") text += ` -c ${packets} ${bytes}`;
  return `${text}${saveTarget(spec, context)}\n`;
}

function saveTarget({ target }: RuleSpec, context: PrintContext): string {
  switch (target.kind) {
    case "none":
      return "";
    case "verdict":
      return ` -j ${target.verdict}`;
    case "jump":
      return ` -j ${target.chain}`;
    case "goto":
      return ` -g ${target.chain}`;
    case "target": {
      const ext = targetText(target);
      return ` -j ${ext.shownName?.(target.info) ?? ext.name}${ext.save?.(target.info, context) ?? ""}`;
    }
  }
}

function saveIp(ip: IptIp): string {
  const { invflags } = ip;
  const not = (flag: number): string => (invflags & flag ? " !" : "");
  let text =
    saveAddress("s", ip.src, ip.smsk, not(IPT_INV_SRCIP)) + saveAddress("d", ip.dst, ip.dmsk, not(IPT_INV_DSTIP));
  if (ip.iniface !== "") text += `${not(IPT_INV_VIA_IN)} -i ${ip.iniface}`;
  if (ip.outiface !== "") text += `${not(IPT_INV_VIA_OUT)} -o ${ip.outiface}`;
  if (ip.proto > 0) text += `${not(IPT_INV_PROTO)} -p ${protocolName(ip.proto, false) ?? ip.proto}`;
  if (ip.frag) text += `${not(IPT_INV_FRAG)} -f`;
  return text;
}

function saveAddress(letter: string, addr: number, mask: number, not: string): string {
  if (mask === 0 && addr === 0 && not === "") return "";
  return `${not} -${letter} ${formatIpv4(addr)}/${maskToPrefix(mask) ?? formatIpv4(mask)}`;
}
