// What the kernel has of iptables' tables, as a command sees it while it works out what to ask for: chains that it is
// about to make are in it, too. Answers to iptables/nft-cache.c.

import { NF_ACCEPT } from "../../net/core/netfilter.ts";
import type { Chain } from "../../net/netfilter/nf-table.ts";
import type { NfTables } from "../../net/netfilter/nf-tables.ts";
import type { NftRule } from "../../net/netfilter/nft/rule.ts";
import type { Rule } from "../../net/netfilter/rule.ts";
import { headerHash, type RuleSpec, XtRule } from "../../net/netfilter/xt-rule.ts";
import { type BuiltinChain, type BuiltinTable, findChain, findTable } from "./builtin.ts";
import { fromNft } from "./from-nft.ts";
import { sameRule } from "./nft-rule.ts";

export interface CachedRule {
  readonly spec: RuleSpec;
  packets: number;
  bytes: number;
}

/** A chain, whose rules are read when somebody asks for them: most commands put one rule in front of or behind ten thousand. */
export class CachedChain {
  readonly name: string;
  /** undefined: a user chain */
  readonly builtin: BuiltinChain | undefined;
  readonly policy: number;
  packets: number;
  bytes: number;
  readonly #table: CachedTable;
  /** the kernel's, until they are read */
  #source: readonly Rule[];
  #rules: CachedRule[] | null = null;
  /** as long as they are not: what goes before and after them */
  #first: CachedRule[] = [];
  #last: CachedRule[] = [];

  constructor(table: CachedTable, name: string, chain: Chain | null) {
    this.name = name;
    this.builtin = findChain(table.builtin, name);
    this.policy = chain?.policy ?? NF_ACCEPT;
    this.packets = chain?.packets ?? 0;
    this.bytes = chain?.bytes ?? 0;
    this.#table = table;
    this.#source = chain?.rules ?? [];
  }

  get length(): number {
    return this.#rules?.length ?? this.#first.length + this.#source.length + this.#last.length;
  }

  get rules(): CachedRule[] {
    if (this.#rules === null) {
      const read = this.#source.map((rule) => copyRule(rule, this.#table));
      this.#rules = [...this.#first.reverse(), ...read, ...this.#last];
    }
    return this.#rules;
  }

  push(rule: CachedRule): void {
    if (this.#rules === null) this.#last.push(rule);
    else this.#rules.push(rule);
  }

  insert(index: number, rule: CachedRule): void {
    if (this.#rules === null && index === 0) this.#first.push(rule);
    else this.rules.splice(index, 0, rule);
  }

  clear(): void {
    this.#rules = [];
  }

  /** Place of the first rule that says the same; −1: none does. */
  indexOf(spec: RuleSpec): number {
    if (this.#rules !== null || this.#first.length > 0 || this.#last.length > 0)
      return this.rules.findIndex((rule) => sameRule(rule.spec, spec));
    const hash = headerHash(spec.ip);
    return this.#source.findIndex((rule) =>
      rule instanceof XtRule
        ? rule.headerHash === hash && sameRule(rule.spec, spec)
        : sameRule(copyRule(rule, this.#table).spec, spec),
    );
  }

  remove(index: number): void {
    if (this.#rules === null && this.#first.length === 0 && this.#last.length === 0)
      this.#source = this.#source.toSpliced(index, 1);
    else this.rules.splice(index, 1);
  }

  /** Rules that jump or go to a chain. */
  jumpsTo(name: string): number {
    let count = 0;
    if (this.#rules === null && this.#first.length === 0 && this.#last.length === 0) {
      for (const rule of this.#source) if (rule instanceof XtRule && rule.jumpTo === name) count++;
      return count;
    }
    for (const { spec } of this.rules)
      if ((spec.target.kind === "jump" || spec.target.kind === "goto") && spec.target.chain === name) count++;
    return count;
  }

  /** Of rules that iptables did not write it is told by reading whether it can show them. */
  readForeign(): void {
    if (this.#rules === null && !this.#source.every((rule) => rule instanceof XtRule)) void this.rules;
  }
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
    return this.add(new CachedChain(this, name, null));
  }

  delete(name: string): void {
    this.#chains.delete(name);
  }

  clear(): void {
    this.#chains.clear();
  }

  /** Then it is known whether some rules are only nft's to show. */
  readForeign(): void {
    for (const chain of this.#chains.values()) chain.readForeign();
  }

  /** Rules that jump or go to a chain. */
  references(name: string): number {
    let count = 0;
    for (const chain of this.#chains.values()) count += chain.jumpsTo(name);
    return count;
  }
}

/** Tables are read when somebody asks for them: a command speaks of one. */
export class Cache {
  readonly #kernel: NfTables;
  readonly #tables: CachedTable[] = [];

  constructor(kernel: NfTables) {
    this.#kernel = kernel;
  }

  table(name: string): CachedTable {
    return this.#tables.find((table) => table.name === name) ?? this.#read(findTable(name)!);
  }

  #read(builtin: BuiltinTable): CachedTable {
    const table = this.#kernel.tables.get(builtin.name);
    const cached = new CachedTable(builtin, table !== undefined);
    for (const chain of table?.chains.values() ?? []) copyChain(chain, cached);
    this.#tables.push(cached);
    return cached;
  }
}

function copyChain(chain: Chain, table: CachedTable): void {
  const builtin = findChain(table.builtin, chain.name);
  if (chain.base !== null && builtin === undefined) {
    table.tainted = true;
    return;
  }
  table.add(new CachedChain(table, chain.name, chain));
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
