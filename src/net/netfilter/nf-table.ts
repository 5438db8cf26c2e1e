// A table of one namespace with its chains, sets and named objects. Answers to struct nft_table and nft_chain of
// net/netfilter/nf_tables.h. Families: ip, and of inet what concerns IPv4.

import { DOUBLE_ZERO } from "../../base/double.ts";
import { NF_ACCEPT } from "../core/netfilter.ts";
import type { NftObject } from "./nft/expr.ts";
import type { NftSet } from "./nft/set.ts";
import type { CompiledTable } from "./nft-program.ts";
import type { Rule } from "./rule.ts";

export type ChainType = "filter" | "nat" | "route";
export type NftFamily = "ip" | "inet";

/** What a table is known by in a transaction: its name, with the family before it where that is not ip. */
export function tableKey(family: NftFamily, name: string): string {
  return family === "ip" ? name : `${family} ${name}`;
}

export interface BaseChain {
  readonly hook: number;
  readonly priority: number;
  readonly type: ChainType;
}

export class Chain {
  readonly table: Table;
  name: string;
  readonly handle: number;
  comment: string | null = null;
  /** null: a user chain */
  readonly base: BaseChain | null;
  policy: number = NF_ACCEPT;
  /** counted since somebody asked for it (iptables -P, -Z, iptables-restore) */
  counting = false;
  packets = 0;
  bytes: number = DOUBLE_ZERO;
  rules: Rule[] = [];
  /** @internal where it begins in the table's compiled rules */ start = 0;
  /** @internal hook points (bits) from which packets may come here, perhaps more, while the table is `sound` */ hooks = 0;
  /** @internal how deep jumps may lead here, perhaps less deep; below every chain that it jumps to */ level = 0;
  /** @internal takes it off its hook */ unregister: (() => void) | null = null;

  constructor(table: Table, name: string, base: BaseChain | null) {
    this.table = table;
    this.name = name;
    this.base = base;
    this.handle = table.nextHandle();
  }

  /** Rules that jump or go here. */
  get references(): number {
    let count = 0;
    for (const chain of this.table.chains.values())
      for (const rule of chain.rules) for (const name of rule.jumps()) if (name === this.name) count++;
    for (const set of this.table.sets.values())
      if (!set.spec.anonymous) for (const name of set.jumps()) if (name === this.name) count++;
    return count;
  }
}

export class Table {
  /** as tableKey has it */
  readonly key: string;
  readonly family: NftFamily;
  readonly name: string;
  readonly handle: number;
  /** its chains are on no hook */
  dormant = false;
  comment: string | null = null;
  readonly chains: Map<string, Chain> = new Map();
  readonly sets: Map<string, NftSet> = new Map();
  /** named counters, quotas, limits, helpers: by kind and name */
  readonly objects: Map<string, NftObject> = new Map();
  /** names of the sets that stand in rules (nf_tables_set_alloc_name) */
  readonly anonymous: Set<string> = new Set();
  private lastHandle = 0;
  /** @internal its chains' `hooks` and `level` hold */ sound = false;
  /** @internal made when a packet comes; null: a rule has changed since */ compiled: CompiledTable | null = null;

  constructor(key: string, handle: number) {
    this.key = key;
    this.family = key.startsWith("inet ") ? "inet" : "ip";
    this.name = this.family === "ip" ? key : key.slice("inet ".length);
    this.handle = handle;
  }

  /** nf_tables_set_alloc_name: the lowest number that is free. */
  takeAnonymousName(prefix: string): string {
    let number = 0;
    while (this.anonymous.has(`${prefix}${number}`)) number++;
    const name = `${prefix}${number}`;
    this.anonymous.add(name);
    return name;
  }

  /** nf_tables_alloc_handle: chains, rules, sets and objects are numbered together. */
  nextHandle(): number {
    return ++this.lastHandle;
  }
}
