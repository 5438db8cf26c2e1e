// The tables and base chains that iptables-nft knows, in its order. Answers to xtables_ipv4 in iptables/nft.c.

import {
  NF_INET_FORWARD,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
} from "../../net/core/netfilter.ts";
import type { BaseChain } from "../../net/netfilter/nf-table.ts";

export interface BuiltinChain {
  readonly name: string;
  readonly base: BaseChain;
}

export interface BuiltinTable {
  readonly name: string;
  /** in the order of their hooks */
  readonly chains: readonly BuiltinChain[];
}

const NAMES = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];

function chain(hook: number, priority: number, type: BaseChain["type"] = "filter"): BuiltinChain {
  return { name: NAMES[hook]!, base: { hook, priority, type } };
}

const IN = NF_INET_LOCAL_IN;
const OUT = NF_INET_LOCAL_OUT;

export const BUILTIN_TABLES: readonly BuiltinTable[] = [
  {
    name: "mangle",
    chains: [
      chain(NF_INET_PRE_ROUTING, -150),
      chain(IN, -150),
      chain(NF_INET_FORWARD, -150),
      chain(OUT, -150, "route"),
      chain(NF_INET_POST_ROUTING, -150),
    ],
  },
  { name: "security", chains: [chain(IN, 150), chain(NF_INET_FORWARD, 150), chain(OUT, 150)] },
  { name: "raw", chains: [chain(NF_INET_PRE_ROUTING, -300), chain(OUT, -300)] },
  { name: "filter", chains: [chain(IN, 0), chain(NF_INET_FORWARD, 0), chain(OUT, 0)] },
  {
    name: "nat",
    chains: [
      chain(NF_INET_PRE_ROUTING, -100, "nat"),
      chain(IN, 100, "nat"),
      chain(OUT, -100, "nat"),
      chain(NF_INET_POST_ROUTING, 100, "nat"),
    ],
  },
];

const TABLES: ReadonlyMap<string, BuiltinTable> = new Map(BUILTIN_TABLES.map((table) => [table.name, table]));

const CHAINS: ReadonlyMap<BuiltinTable, ReadonlyMap<string, BuiltinChain>> = new Map(
  BUILTIN_TABLES.map((table) => [table, new Map(table.chains.map((each) => [each.name, each]))]),
);

export function findTable(name: string): BuiltinTable | undefined {
  return TABLES.get(name);
}

export function findChain(table: BuiltinTable, name: string): BuiltinChain | undefined {
  return CHAINS.get(table)!.get(name);
}
