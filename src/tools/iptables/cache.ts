// What the kernel has of iptables' tables, as a command sees it while it works out what to ask for: chains that it is
// about to make are in it, too. Answers to iptables/nft-cache.c.

import { NF_ACCEPT } from "../../net/core/netfilter.ts";
import type { Chain } from "../../net/netfilter/nf-table.ts";
import type { NfTables } from "../../net/netfilter/nf-tables.ts";
import type { NftRule } from "../../net/netfilter/nft/rule.ts";
import type { Rule } from "../../net/netfilter/rule.ts";
import { type RuleSpec, XtRule } from "../../net/netfilter/xt-rule.ts";
import { BUILTIN_TABLES, type BuiltinChain, type BuiltinTable, findChain, findTable } from "./builtin.ts";
import { fromNft } from "./from-nft.ts";

export interface CachedRule {
  readonly spec: RuleSpec;
  packets: number;
  bytes: number;
}

export interface CachedChain {
  readonly name: string;
  /** undefined: a user chain */
  readonly builtin: BuiltinChain | undefined;
  readonly policy: number;
  packets: number;
  bytes: number;
  rules: CachedRule[];
}

export class CachedTable {
  readonly builtin: BuiltinTable;
  exists: boolean;
  /** it has base chains that are not iptables' */
  tainted = false;
  /** it has rules that only nft can show */
  incompatible = false;
  readonly #chains: Map<string, CachedChain> = new Map();

  constructor(builtin: BuiltinTable, exists: boolean) {
    this.builtin = builtin;
    this.exists = exists;
  }

  get name(): string {
    return this.builtin.name;
  }

  find(chain: string): CachedChain | undefined {
    return this.#chains.get(chain);
  }

  /** Base chains in the order of their hooks, then user chains: as they were made, or by name. */
  chains(sorted: boolean): CachedChain[] {
    const base = this.builtin.chains.flatMap(({ name }) => this.#chains.get(name) ?? []);
    const user = [...this.#chains.values()].filter((chain) => chain.builtin === undefined);
    if (sorted) user.sort((a, b) => (a.name < b.name ? -1 : 1));
    return [...base, ...user];
  }

  add(chain: CachedChain): CachedChain {
    this.#chains.set(chain.name, chain);
    return chain;
  }

  /** An empty chain; a built-in one accepts. */
  addEmpty(name: string): CachedChain {
    const builtin = findChain(this.builtin, name);
    return this.add({ name, builtin, policy: NF_ACCEPT, packets: 0, bytes: 0, rules: [] });
  }

  delete(name: string): void {
    this.#chains.delete(name);
  }

  clear(): void {
    this.#chains.clear();
  }

  /** Rules that jump or go to a chain. */
  references(name: string): number {
    let count = 0;
    for (const { rules } of this.#chains.values())
      for (const { spec } of rules)
        if ((spec.target.kind === "jump" || spec.target.kind === "goto") && spec.target.chain === name) count++;
    return count;
  }
}

export class Cache {
  readonly tables: readonly CachedTable[];

  constructor(kernel: NfTables) {
    this.tables = BUILTIN_TABLES.map((builtin) => {
      const table = kernel.tables.get(builtin.name);
      const cached = new CachedTable(builtin, table !== undefined);
      for (const chain of table?.chains.values() ?? []) copyChain(chain, cached);
      return cached;
    });
  }

  table(name: string): CachedTable {
    const index = BUILTIN_TABLES.indexOf(findTable(name)!);
    return this.tables[index]!;
  }
}

function copyChain(chain: Chain, table: CachedTable): void {
  const builtin = findChain(table.builtin, chain.name);
  if (chain.base !== null && builtin === undefined) {
    table.tainted = true;
    return;
  }
  const { name, policy, packets, bytes } = chain;
  const rules = chain.rules.map((rule) => copyRule(rule, table));
  table.add({ name, builtin, policy, packets, bytes, rules });
}

function copyRule(rule: Rule, table: CachedTable): CachedRule {
  if (rule instanceof XtRule) {
    const { spec, packets, bytes } = rule;
    return { spec, packets, bytes };
  }
  const read = fromNft(rule as NftRule);
  if (!read.compatible) table.incompatible = true;
  return { spec: read.spec, packets: read.packets, bytes: read.bytes };
}
