// What the steps of a journey say: addresses, routes, rules and reasons as text.

import type { SkBuff } from "../net/core/skb.ts";
import { skbRtable } from "../net/ipv4/rtable.ts";
import type { Rule } from "../net/netfilter/rule.ts";
import { XtRule } from "../net/netfilter/xt-rule.ts";
import { type NameService, PLAIN_NAMES } from "../tools/iptables/names.ts";
import { saveRule } from "../tools/iptables/rule-text.ts";
import { ruleLine } from "../tools/nft/print.ts";
import { formatIpv4 } from "../wire/addr.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { get16 } from "../wire/layout.ts";
import type { RuleStep } from "./journey.ts";

export interface Flow {
  readonly protocol: number;
  readonly saddr: number;
  readonly sport: number;
  readonly daddr: number;
  readonly dport: number;
}

export function flowOf({ head, networkHeader: at }: SkBuff): Flow {
  const protocol = ipv4.getProtocol(head, at);
  const th = at + ipv4.getHeaderLength(head, at);
  const ports = protocol === ipv4.IPPROTO_TCP || protocol === ipv4.IPPROTO_UDP;
  return {
    protocol,
    saddr: ipv4.getSource(head, at),
    sport: ports ? get16(head, th) : 0,
    daddr: ipv4.getDestination(head, at),
    dport: ports ? get16(head, th + 2) : 0,
  };
}

export function flowText({ saddr, sport, daddr, dport }: Flow): string {
  const end = (address: number, port: number): string => formatIpv4(address) + (port === 0 ? "" : `:${port}`);
  return `${end(saddr, sport)} → ${end(daddr, dport)}`;
}

export function viaText(via: string): string {
  return via === "" ? "" : `, next hop ${via}`;
}

export function routeText(skb: SkBuff): string {
  const rt = skbRtable(skb)!;
  return `out ${rt.dev.name}${rt.gateway === 0 ? "" : ` via ${formatIpv4(rt.gateway)}`}`;
}

/** A rule as the tool that made it shows it. @param sets names of the namespace's ipsets */
export function ruleText(chain: string, rule: Rule, names: NameService): string {
  if (rule instanceof XtRule)
    return saveRule(chain, { spec: rule.spec, packets: 0, bytes: 0 }, "none", names).trimEnd();
  return ruleLine(rule, {
    handles: false,
    stateless: true,
    terse: true,
    names: PLAIN_NAMES,
    now: 0,
  } as never).trim();
}

/** "filter FORWARD 3 (-A FORWARD …)" */
export function ruleName({ table, chain, number, text }: RuleStep): string {
  return number === 0 ? `${table} ${chain} policy (${text})` : `${table} ${chain} ${number} (${text})`;
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["NEIGH_FAILED", "the next hop does not answer ARP (NEIGH_FAILED)"],
  ["IP_INNOROUTES", "no route to the destination (IP_INNOROUTES)"],
  ["IP_OUTNOROUTES", "no route to the destination (IP_OUTNOROUTES)"],
  ["IP_INADDRERRORS", "not for this machine, and it does not forward here (IP_INADDRERRORS)"],
  ["IP_RPFILTER", "the way back to the source leads by another device (rp_filter: IP_RPFILTER)"],
  ["IP_LOCALNET", "127.0.0.0/8 on a device other than lo (IP_LOCALNET)"],
  ["IP_LOCAL_SOURCE", "the source is this machine's own address (IP_LOCAL_SOURCE)"],
]);

export function reasonText(reason: string): string {
  return REASONS.get(reason) ?? reason;
}
