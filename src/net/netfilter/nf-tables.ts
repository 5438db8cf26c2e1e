// Tables, chains and rules of one namespace, and the transaction that changes them: all of it or nothing. Base chains
// hang on hooks once they exist, as iptables-nft makes them: each when it is first needed. Answers to
// net/netfilter/nf_tables_api.c and nft_compat.c as far as iptables uses them. Family: IPv4.

import { Errno, NetError } from "../../base/errno.ts";
import * as ip from "../../wire/ipv4.ts";
import { get32 } from "../../wire/layout.ts";
import { NF_ACCEPT, NF_DROP, NF_STOLEN, type NfHookFn, type NfHookState } from "../core/netfilter.ts";
import type { SkBuff } from "../core/skb.ts";
import { ipRouteMeHarder } from "../ipv4/route.ts";
import { ChainProgram, type CompiledTable } from "./nft-program.ts";
import type { Rule, RuleSource } from "./rule.ts";
import type { XtEnv } from "./x-tables.ts";

/** Calls may nest this deep (NFT_JUMP_STACK_SIZE). */
export const JUMP_STACK_SIZE = 16;

export type ChainType = "filter" | "nat" | "route";

export interface BaseChain {
  readonly hook: number;
  readonly priority: number;
  readonly type: ChainType;
}

export class Chain {
  readonly table: Table;
  name: string;
  /** null: a user chain */
  readonly base: BaseChain | null;
  policy: number = NF_ACCEPT;
  /** counted since somebody asked for it (iptables -P, -Z, iptables-restore) */
  counting = false;
  packets = 0;
  bytes = 0;
  rules: Rule[] = [];
  /** @internal where it begins in the table's compiled rules */ start = 0;
  /** @internal takes it off its hook */ unregister: (() => void) | null = null;

  constructor(table: Table, name: string, base: BaseChain | null) {
    this.table = table;
    this.name = name;
    this.base = base;
  }

  /** Rules that jump or go here. */
  get references(): number {
    let count = 0;
    for (const chain of this.table.chains.values())
      for (const rule of chain.rules) for (const name of rule.jumps()) if (name === this.name) count++;
    return count;
  }
}

export class Table {
  readonly name: string;
  readonly chains: Map<string, Chain> = new Map();
  /** @internal made when a packet comes; null: a rule has changed since */ compiled: CompiledTable | null = null;

  constructor(name: string) {
    this.name = name;
  }
}

/** One step of a transaction; names as iptables-nft calls them in its errors. */
export type TableOp =
  | { readonly type: "TABLE_ADD" | "TABLE_FLUSH"; readonly table: string }
  | { readonly type: "CHAIN_ADD"; readonly table: string; readonly chain: string; readonly base: BaseChain }
  | { readonly type: "CHAIN_USER_ADD"; readonly table: string; readonly chain: string }
  | { readonly type: "CHAIN_DEL"; readonly table: string; readonly chain: string }
  | {
      readonly type: "CHAIN_UPDATE" | "CHAIN_ZERO";
      readonly table: string;
      readonly chain: string;
      /** undefined: unchanged */
      readonly policy?: number | undefined;
      /** CHAIN_ZERO: a chain that is not there is made */
      readonly base?: BaseChain | undefined;
      readonly packets: number;
      readonly bytes: number;
    }
  | { readonly type: "CHAIN_RENAME"; readonly table: string; readonly chain: string; readonly newName: string }
  | {
      readonly type: "RULE_APPEND" | "RULE_INSERT";
      readonly table: string;
      readonly chain: string;
      readonly rule: RuleSource;
      readonly packets: number;
      readonly bytes: number;
      /** RULE_INSERT: at this index, 0 the first */
      readonly index?: number;
    }
  | {
      readonly type: "RULE_REPLACE";
      readonly table: string;
      readonly chain: string;
      readonly rule: RuleSource;
      readonly packets: number;
      readonly bytes: number;
      readonly index: number;
    }
  | { readonly type: "RULE_DELETE"; readonly table: string; readonly chain: string; readonly index: number }
  /** all rules of a chain, or of all chains of the table */
  | { readonly type: "RULE_FLUSH"; readonly table: string; readonly chain: string | null };

export interface OpError {
  /** index of the step that failed */
  readonly index: number;
  readonly errno: number;
}

export class NfTables {
  readonly tables: Map<string, Table> = new Map();
  readonly env: XtEnv;
  /** counts transactions */
  generation = 1;

  constructor(env: XtEnv) {
    this.env = env;
  }

  /** Applies all steps, or none: then the errors say which steps failed and why. */
  commit(ops: readonly TableOp[]): OpError[] {
    const first = this.#attempt(ops, false);
    if (first.length > 0 || this.#lastValid) return first;
    // the rules are sound one by one but not together: find the step that made it so
    return this.#attempt(ops, true);
  }

  #lastValid = true;

  #attempt(ops: readonly TableOp[], validateEach: boolean): OpError[] {
    const undo: (() => void)[] = [];
    const onCommit: (() => void)[] = [];
    const errors: OpError[] = [];
    const touched: Set<string> = new Set();
    this.#lastValid = true;
    for (const [index, op] of ops.entries()) {
      touched.add(op.table);
      try {
        this.#apply(op, undo, onCommit);
        if (validateEach && op.type.startsWith("RULE_")) this.#validate(op.table);
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        errors.push({ index, errno: error.errno });
      }
    }
    if (errors.length === 0) {
      try {
        for (const table of touched) this.#validate(table);
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        this.#lastValid = false;
        if (validateEach) errors.push({ index: ops.length - 1, errno: error.errno });
      }
    }
    if (errors.length > 0 || !this.#lastValid) {
      for (const step of undo.reverse()) step();
      return errors;
    }
    this.generation++;
    for (const step of onCommit) step();
    for (const name of touched) this.#activate(name);
    return [];
  }

  #table(name: string): Table {
    const table = this.tables.get(name);
    if (!table) throw new NetError(Errno.ENOENT);
    return table;
  }

  #chain(table: string, name: string): Chain {
    const chain = this.#table(table).chains.get(name);
    if (!chain) throw new NetError(Errno.ENOENT);
    return chain;
  }

  #apply(op: TableOp, undo: (() => void)[], onCommit: (() => void)[]): void {
    switch (op.type) {
      case "TABLE_ADD": {
        if (this.tables.has(op.table)) return;
        this.tables.set(op.table, new Table(op.table));
        undo.push(() => this.tables.delete(op.table));
        return;
      }
      case "TABLE_FLUSH":
        this.#deleteTable(this.#table(op.table), undo, onCommit);
        return;
      case "CHAIN_ADD":
      case "CHAIN_USER_ADD":
        this.#addChain(op.table, op.chain, op.type === "CHAIN_ADD" ? op.base : null, undo);
        return;
      case "CHAIN_DEL":
        this.#deleteChain(this.#chain(op.table, op.chain), undo, onCommit);
        return;
      case "CHAIN_UPDATE":
      case "CHAIN_ZERO": {
        if (op.base !== undefined) this.#addChain(op.table, op.chain, op.base, undo);
        const chain = this.#chain(op.table, op.chain);
        const { policy, counting, packets, bytes } = chain;
        undo.push(() => Object.assign(chain, { policy, counting, packets, bytes }));
        if (op.policy !== undefined) chain.policy = op.policy;
        chain.counting = true;
        chain.packets = op.packets;
        chain.bytes = op.bytes;
        return;
      }
      case "CHAIN_RENAME":
        this.#renameChain(this.#chain(op.table, op.chain), op.newName, undo);
        return;
      case "RULE_APPEND":
      case "RULE_INSERT": {
        const chain = this.#chain(op.table, op.chain);
        const { rules } = chain;
        const rule = this.#newRule(chain, op.rule, op.packets, op.bytes);
        const at = op.type === "RULE_APPEND" ? rules.length : (op.index ?? 0);
        rules.splice(at, 0, rule);
        undo.push(() => {
          rules.splice(at, 1);
          rule.destroy();
        });
        return;
      }
      case "RULE_REPLACE": {
        const chain = this.#chain(op.table, op.chain);
        const { rules } = chain;
        const old = rules[op.index];
        if (!old) throw new NetError(Errno.ENOENT);
        const rule = this.#newRule(chain, op.rule, op.packets, op.bytes);
        rules[op.index] = rule;
        undo.push(() => {
          rules[op.index] = old;
          rule.destroy();
        });
        onCommit.push(() => old.destroy());
        return;
      }
      case "RULE_DELETE": {
        const { rules } = this.#chain(op.table, op.chain);
        const old = rules[op.index];
        if (!old) throw new NetError(Errno.ENOENT);
        rules.splice(op.index, 1);
        undo.push(() => {
          rules.splice(op.index, 0, old);
        });
        onCommit.push(() => old.destroy());
        return;
      }
      case "RULE_FLUSH": {
        const chains = op.chain === null ? this.#table(op.table).chains.values() : [this.#chain(op.table, op.chain)];
        for (const chain of chains) flushRules(chain, undo, onCommit);
      }
    }
  }

  #addChain(tableName: string, name: string, base: BaseChain | null, undo: (() => void)[]): void {
    const table = this.#table(tableName);
    if (table.chains.has(name)) {
      if (base !== null) return;
      throw new NetError(Errno.EEXIST);
    }
    table.chains.set(name, new Chain(table, name, base));
    undo.push(() => table.chains.delete(name));
  }

  #deleteChain(chain: Chain, undo: (() => void)[], onCommit: (() => void)[]): void {
    if (chain.references > 0 || (chain.base !== null && chain.rules.length > 0)) throw new NetError(Errno.EBUSY);
    if (chain.rules.length > 0) throw new NetError(Errno.EBUSY);
    const { chains } = chain.table;
    const before = [...chains];
    chains.delete(chain.name);
    undo.push(() => restore(chains, before));
    onCommit.push(() => detach(chain));
  }

  #deleteTable(table: Table, undo: (() => void)[], onCommit: (() => void)[]): void {
    const before = [...this.tables];
    this.tables.delete(table.name);
    undo.push(() => restore(this.tables, before));
    onCommit.push(() => {
      for (const chain of table.chains.values()) {
        detach(chain);
        for (const rule of chain.rules) rule.destroy();
      }
    });
  }

  #renameChain(chain: Chain, newName: string, undo: (() => void)[]): void {
    const { chains } = chain.table;
    if (chains.has(newName)) throw new NetError(Errno.EEXIST);
    const before = [...chains];
    const oldName = chain.name;
    const rename = (from: string, to: string): void => {
      for (const other of chains.values()) for (const rule of other.rules) rule.renamed(from, to);
    };
    restore(
      chains,
      before.map(([name, value]) => [name === oldName ? newName : name, value]),
    );
    chain.name = newName;
    rename(oldName, newName);
    undo.push(() => {
      restore(chains, before);
      chain.name = oldName;
      rename(newName, oldName);
    });
  }

  #newRule(chain: Chain, source: RuleSource, packets: number, bytes: number): Rule {
    const hookMask = chain.base === null ? 0 : 1 << chain.base.hook;
    const check = { env: this.env, table: chain.table.name, hookMask, proto: 0, invProto: false };
    const rule = source.create(check, packets, bytes);
    try {
      for (const name of rule.jumps()) {
        const to = chain.table.chains.get(name);
        if (!to) throw new NetError(Errno.ENOENT);
        if (to.base !== null) throw new NetError(Errno.EOPNOTSUPP);
      }
    } catch (error) {
      rule.destroy();
      throw error;
    }
    return rule;
  }

  /** nft_table_validate: from every base chain, jumps end and targets may stand at its hook. Throws EMLINK, EINVAL. */
  #validate(name: string): void {
    const table = this.tables.get(name);
    if (!table) return;
    for (const chain of table.chains.values()) {
      if (chain.base === null) continue;
      const sound: Map<Chain, number> = new Map();
      this.#validateChain(chain, 1 << chain.base.hook, 0, sound);
    }
  }

  #validateChain(chain: Chain, hookMask: number, level: number, sound: Map<Chain, number>): void {
    if (level === JUMP_STACK_SIZE) throw new NetError(Errno.EMLINK);
    // reached before at this depth or deeper, and found sound
    if ((sound.get(chain) ?? -1) >= level) return;
    for (const rule of chain.rules) {
      rule.validate(hookMask);
      for (const name of rule.jumps()) this.#validateChain(chain.table.chains.get(name)!, hookMask, level + 1, sound);
    }
    sound.set(chain, level);
  }

  /** A table has changed: the next packet finds it compiled anew, and new base chains on their hooks. */
  #activate(name: string): void {
    const table = this.tables.get(name);
    if (!table) return;
    table.compiled = null;
    for (const chain of table.chains.values())
      if (chain.base !== null && chain.unregister === null) this.#register(chain, chain.base);
  }

  #register(chain: Chain, base: BaseChain): void {
    const program = new ChainProgram(chain);
    const run: NfHookFn = (skb, state) => program.run(skb, state);
    if (base.type === "nat") {
      chain.unregister = this.env.nat.registerChain(base.hook, { priority: base.priority, fn: run });
      return;
    }
    const fn = base.type === "route" ? this.#rerouting(run) : run;
    chain.unregister = this.env.net.hooksIpv4.register(base.hook, {
      priority: base.priority,
      name: `${chain.table.name} ${chain.name}`,
      fn,
    });
  }

  /** A chain of type route: what it changed may lead another way (nf_route_table_hook4). */
  #rerouting(run: NfHookFn): NfHookFn {
    const { ip4 } = this.env;
    return (skb: SkBuff, state: NfHookState): number => {
      const b = skb.head;
      const iph = skb.networkHeader;
      const saddr = get32(b, iph + ip.SOURCE);
      const daddr = get32(b, iph + ip.DESTINATION);
      const tos = ip.getTos(b, iph);
      const { mark } = skb;
      const verdict = run(skb, state);
      if (verdict === NF_DROP || verdict === NF_STOLEN) return verdict;
      if (
        (saddr !== get32(b, iph + ip.SOURCE) ||
          daddr !== get32(b, iph + ip.DESTINATION) ||
          mark !== skb.mark ||
          tos !== ip.getTos(b, iph)) &&
        ipRouteMeHarder(ip4, skb) !== 0
      )
        return NF_DROP;
      return verdict;
    };
  }
}

function flushRules(chain: Chain, undo: (() => void)[], onCommit: (() => void)[]): void {
  const before = chain.rules;
  if (before.length === 0) return;
  chain.rules = [];
  undo.push(() => {
    chain.rules = before;
  });
  onCommit.push(() => {
    for (const rule of before) rule.destroy();
  });
}

function detach(chain: Chain): void {
  chain.unregister?.();
  chain.unregister = null;
}

function restore<K, V>(map: Map<K, V>, entries: readonly (readonly [K, V])[]): void {
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}
