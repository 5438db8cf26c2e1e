// Tables, chains, rules and sets of one namespace, and the transaction that changes them: all of it or nothing. Base chains
// hang on hooks once they exist, as iptables-nft makes them: each when it is first needed. Answers to
// net/netfilter/nf_tables_api.c and nft_compat.c. Families: ip, and of inet what concerns IPv4.

import { Errno, NetError } from "../../base/errno.ts";
import * as ip from "../../wire/ipv4.ts";
import { get32 } from "../../wire/layout.ts";
import {
  NF_ACCEPT,
  NF_DROP,
  NF_IP_PRI_CONNTRACK,
  NF_STOLEN,
  type NfHookFn,
  type NfHookState,
} from "../core/netfilter.ts";
import type { SkBuff } from "../core/skb.ts";
import { ipRouteMeHarder } from "../ipv4/route.ts";
import { NfMonitor, type TableChange } from "./nf-monitor.ts";
import { type BaseChain, Chain, Table } from "./nf-table.ts";
import { NftError } from "./nft/error.ts";
import { applyToObjects, applyToSets } from "./nft/set-steps.ts";
import { ChainProgram } from "./nft-program.ts";
import type { Rule, RuleSource } from "./rule.ts";
import type { OpError, TableOp } from "./table-op.ts";
import type { XtEnv } from "./x-tables.ts";

/** Calls may nest this deep (NFT_JUMP_STACK_SIZE). */
export const JUMP_STACK_SIZE = 16;

export class NfTables {
  /** by tableKey, in the order of their making */
  readonly tables: Map<string, Table> = new Map();
  private lastHandle = 0;
  readonly env: XtEnv;
  /** traced packets and changes, for those who listen */
  readonly monitor: NfMonitor = new NfMonitor();
  /** of the transaction under way; null: nobody listens */
  private changes: TableChange[] | null = null;
  /** counts transactions */
  generation = 1;

  constructor(env: XtEnv) {
    this.env = env;
  }

  /** Applies all steps, or none: then the errors say which steps failed and why. */
  commit(ops: readonly TableOp[], checkOnly = false): OpError[] {
    const first = this.#attempt(ops, false, checkOnly);
    if (first.length > 0 || this.lastValid) return first;
    // the rules are sound one by one but not together: find the step that made it so
    return this.#attempt(ops, true, checkOnly);
  }

  private lastValid = true;
  /** rules of the transaction under way */
  private readonly fresh: { readonly chain: Chain; readonly rule: Rule }[] = [];

  #attempt(ops: readonly TableOp[], validateEach: boolean, checkOnly: boolean): OpError[] {
    const undo: (() => void)[] = [];
    const onCommit: (() => void)[] = [];
    const errors: OpError[] = [];
    const touched: Set<string> = new Set();
    this.lastValid = true;
    this.fresh.length = 0;
    this.changes = this.monitor.watching ? [] : null;
    for (const [index, op] of ops.entries()) {
      touched.add(op.table);
      if (!op.type.startsWith("RULE_") && op.type !== "CHAIN_USER_ADD") this.#unsound(op.table);
      try {
        this.#apply(op, undo, onCommit);
        if (validateEach && op.type.startsWith("RULE_")) this.#validate(op.table);
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        errors.push({ index, errno: error.errno, at: error instanceof NftError ? error.at : undefined });
      }
    }
    if (errors.length === 0) {
      try {
        for (const table of touched) if (!this.#staysSound(table)) this.#validate(table);
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        this.lastValid = false;
        if (validateEach) errors.push({ index: ops.length - 1, errno: error.errno, at: undefined });
      }
    }
    if (errors.length > 0 || !this.lastValid || checkOnly) {
      for (const step of undo.reverse()) step();
      for (const table of touched) this.#unsound(table);
      return errors;
    }
    // nf_tables_commit: a transaction in which nothing changes does not count
    if (ops.every((op) => op.type === "TABLE_ADD") && undo.length === 0) return [];
    this.generation++;
    if (this.changes !== null) this.monitor.tell(this.changes, this.generation);
    for (const step of onCommit) step();
    for (const name of touched) this.#activate(name);
    return [];
  }

  #table(name: string): Table {
    const table = this.tables.get(name);
    if (!table) throw new NftError(Errno.ENOENT, "table");
    return table;
  }

  #chain(table: string, name: string): Chain {
    const chain = this.#table(table).chains.get(name);
    if (!chain) throw new NftError(Errno.ENOENT, "chain");
    return chain;
  }

  /** Index of the rule that a step means. */
  #ruleIndex(chain: Chain, op: { readonly index: number; readonly handle?: number }): number {
    const { handle } = op;
    const index = handle === undefined ? op.index : chain.rules.findIndex((rule) => rule.handle === handle);
    if (!chain.rules[index]) throw new NftError(Errno.ENOENT, "handle");
    return index;
  }

  #apply(op: TableOp, undo: (() => void)[], onCommit: (() => void)[]): void {
    switch (op.type) {
      case "TABLE_ADD": {
        if (this.tables.has(op.table)) {
          if (op.exclusive) throw new NftError(Errno.EEXIST, "table");
          if (op.dormant !== undefined) this.#setDormant(this.#table(op.table), op.dormant, undo, onCommit);
          return;
        }
        const table = new Table(op.table, ++this.lastHandle);
        table.dormant = op.dormant ?? false;
        table.comment = op.comment ?? null;
        this.tables.set(op.table, table);
        this.changes?.push({ isNew: true, table, kind: "table" });
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
      case "CHAIN_NEW":
        this.#newChain(op, undo);
        return;
      case "SET_ADD":
      case "SET_DEL":
      case "SET_FLUSH":
      case "ELEM_ADD":
      case "ELEM_DEL":
        applyToSets(this.#table(op.table), op, undo, this.changes);
        return;
      case "OBJ_ADD":
      case "OBJ_DEL":
      case "OBJ_RESET":
        applyToObjects(this.#table(op.table), op, undo, this.changes);
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
        this.#chainChanged(chain, false);
        return;
      }
      case "CHAIN_RENAME":
        this.#renameChain(this.#chain(op.table, op.chain), op.newName, undo);
        return;
      case "RULE_APPEND":
      case "RULE_INSERT": {
        const chain = this.#chain(op.table, op.chain);
        const { rules } = chain;
        const at = placeOf(op, rules);
        if (at < 0) throw new NftError(Errno.ENOENT, "position");
        const rule = this.#newRule(chain, op.rule, op.packets, op.bytes);
        rules.splice(at, 0, rule);
        this.fresh.push({ chain, rule });
        this.#ruleChanged(true, chain, rule, op.type === "RULE_INSERT");
        undo.push(() => {
          rules.splice(at, 1);
          rule.destroy();
        });
        return;
      }
      case "RULE_REPLACE": {
        const chain = this.#chain(op.table, op.chain);
        const { rules } = chain;
        const index = this.#ruleIndex(chain, op);
        const old = rules[index]!;
        const rule = this.#newRule(chain, op.rule, op.packets, op.bytes, old.handle);
        rules[index] = rule;
        this.fresh.push({ chain, rule });
        this.#ruleChanged(false, chain, old);
        this.#ruleChanged(true, chain, rule);
        undo.push(() => {
          rules[index] = old;
          rule.destroy();
        });
        onCommit.push(() => old.destroy());
        return;
      }
      case "RULE_DELETE": {
        const chain = this.#chain(op.table, op.chain);
        const { rules } = chain;
        const index = this.#ruleIndex(chain, op);
        const old = rules[index]!;
        rules.splice(index, 1);
        this.#ruleChanged(false, chain, old);
        undo.push(() => {
          rules.splice(index, 0, old);
        });
        onCommit.push(() => old.destroy());
        return;
      }
      case "RULE_FLUSH": {
        const chains = op.chain === null ? this.#table(op.table).chains.values() : [this.#chain(op.table, op.chain)];
        for (const chain of chains) {
          for (const rule of chain.rules) this.#ruleChanged(false, chain, rule);
          flushRules(chain, undo, onCommit);
        }
      }
    }
  }

  #ruleChanged(isNew: boolean, chain: Chain, rule: Rule, inserted = false): void {
    this.changes?.push({ isNew, table: chain.table, kind: "rule", chain, rule, inserted });
  }

  #chainChanged(chain: Chain, exclusive: boolean): void {
    const { table, name, policy } = chain;
    this.changes?.push({ isNew: true, table, kind: "chain", chain, name, policy, exclusive });
  }

  /** nf_tables_updtable: its chains leave their hooks, or come back to them. */
  #setDormant(table: Table, dormant: boolean, undo: (() => void)[], onCommit: (() => void)[]): void {
    const before = table.dormant;
    if (before === dormant) return;
    table.dormant = dormant;
    undo.push(() => {
      table.dormant = before;
    });
    if (dormant)
      onCommit.push(() => {
        for (const chain of table.chains.values()) detach(chain);
      });
  }

  #addChain(tableName: string, name: string, base: BaseChain | null, undo: (() => void)[]): void {
    const table = this.#table(tableName);
    if (table.chains.has(name)) {
      if (base !== null) return;
      throw new NetError(Errno.EEXIST);
    }
    const chain = new Chain(table, name, base);
    table.chains.set(name, chain);
    this.#chainChanged(chain, base === null);
    undo.push(() => table.chains.delete(name));
  }

  /** nf_tables_newchain */
  #newChain(op: Extract<TableOp, { type: "CHAIN_NEW" }>, undo: (() => void)[]): void {
    const { base, policy } = op;
    const table = this.#table(op.table);
    const old = table.chains.get(op.chain);
    if (!old) {
      if (base !== null && base.type === "nat" && base.priority <= NF_IP_PRI_CONNTRACK)
        throw new NetError(Errno.EOPNOTSUPP);
      const chain = new Chain(table, op.chain, base);
      chain.policy = policy ?? NF_ACCEPT;
      chain.comment = op.comment ?? null;
      table.chains.set(op.chain, chain);
      this.#chainChanged(chain, op.exclusive);
      undo.push(() => table.chains.delete(op.chain));
      return;
    }
    if (op.exclusive) throw new NftError(Errno.EEXIST, "chain");
    if (base !== null) {
      if (old.base === null) throw new NftError(Errno.EEXIST, "chain");
      const same = old.base.type === base.type && old.base.hook === base.hook && old.base.priority === base.priority;
      if (!same) throw new NetError(Errno.EOPNOTSUPP);
    } else if (policy !== undefined && old.base === null) throw new NetError(Errno.EOPNOTSUPP);
    if (policy === undefined) {
      this.#chainChanged(old, false);
      return;
    }
    const before = old.policy;
    old.policy = policy;
    this.#chainChanged(old, false);
    undo.push(() => {
      old.policy = before;
    });
  }

  #deleteChain(chain: Chain, undo: (() => void)[], onCommit: (() => void)[]): void {
    if (chain.references > 0 || chain.rules.length > 0) throw new NftError(Errno.EBUSY, "chain");
    const { chains } = chain.table;
    const before = [...chains];
    chains.delete(chain.name);
    this.#chainGone(chain);
    undo.push(() => restore(chains, before));
    onCommit.push(() => detach(chain));
  }

  #chainGone(chain: Chain): void {
    const { table, name, policy } = chain;
    this.changes?.push({ isNew: false, table, kind: "chain", chain, name, policy, exclusive: false });
  }

  /** nft_flush_table: what is in a table goes first. */
  #tableGone(table: Table): void {
    const changes = this.changes;
    if (changes === null) return;
    for (const chain of table.chains.values()) for (const rule of chain.rules) this.#ruleChanged(false, chain, rule);
    for (const set of table.sets.values()) changes.push({ isNew: false, table, kind: "set", set });
    for (const object of table.objects.values()) changes.push({ isNew: false, table, kind: "object", object });
    for (const chain of table.chains.values()) this.#chainGone(chain);
    changes.push({ isNew: false, table, kind: "table" });
  }

  #deleteTable(table: Table, undo: (() => void)[], onCommit: (() => void)[]): void {
    const before = [...this.tables];
    this.tables.delete(table.key);
    this.#tableGone(table);
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
      for (const set of chain.table.sets.values()) set.renamed(from, to);
    };
    restore(
      chains,
      before.map(([name, value]) => [name === oldName ? newName : name, value]),
    );
    chain.name = newName;
    this.#chainChanged(chain, false);
    rename(oldName, newName);
    undo.push(() => {
      restore(chains, before);
      chain.name = oldName;
      rename(newName, oldName);
    });
  }

  /** @param kept the handle of a rule that is replaced */
  #newRule(chain: Chain, source: RuleSource, packets: number, bytes: number, kept?: number): Rule {
    const { table } = chain;
    const hookMask = chain.base === null ? 0 : 1 << chain.base.hook;
    let rule: Rule | null = null;
    try {
      rule = source.create(
        { env: this.env, table: table.name, chain, hookMask, proto: 0, invProto: false },
        packets,
        bytes,
      );
    } finally {
      // after its sets', and also when it came to nothing
      const handle = kept ?? table.nextHandle();
      if (rule !== null) rule.handle = handle;
    }
    try {
      for (const name of rule.jumps()) {
        const to = chain.table.chains.get(name);
        if (!to) throw new NftError(Errno.ENOENT, "jump");
        if (to.base !== null) throw new NftError(Errno.EOPNOTSUPP, "jump");
      }
    } catch (error) {
      rule.destroy();
      throw error;
    }
    return rule;
  }

  #unsound(name: string): void {
    const table = this.tables.get(name);
    if (table) table.sound = false;
  }

  /**
   * The new rules alone need a look: what the last whole look noted at the chains holds after them, too (and after rules that went).
   * So that a rule takes no longer in a table of ten thousand.
   */
  #staysSound(name: string): boolean {
    const table = this.tables.get(name);
    if (!table) return true;
    return table.sound && this.fresh.every(({ chain, rule }) => chain.table !== table || fits(chain, rule));
  }

  /** nft_table_validate: from every base chain, jumps end and targets may stand at its hook. Throws EMLINK, EINVAL. */
  #validate(name: string): void {
    const table = this.tables.get(name);
    if (!table) return;
    table.sound = false;
    for (const chain of table.chains.values()) {
      chain.hooks = 0;
      chain.level = 0;
    }
    for (const chain of table.chains.values()) {
      if (chain.base === null) continue;
      const sound: Map<Chain, number> = new Map();
      this.#validateChain(chain, 1 << chain.base.hook, 0, sound);
    }
    table.sound = true;
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
    chain.hooks |= hookMask;
    chain.level = Math.max(chain.level, level);
  }

  /** A table has changed: the next packet finds it compiled anew, and new base chains on their hooks. */
  #activate(name: string): void {
    const table = this.tables.get(name);
    if (!table) return;
    table.compiled = null;
    this.env.net.pathFlush();
    for (const chain of table.chains.values())
      if (chain.base !== null && chain.unregister === null && !table.dormant) this.#register(chain, chain.base);
  }

  #register(chain: Chain, base: BaseChain): void {
    const program = new ChainProgram(chain, this.monitor);
    const run: NfHookFn = (skb, state) => program.run(skb, state);
    if (base.type === "nat") {
      chain.unregister = this.env.nat.registerChain(base.hook, { priority: base.priority, fn: run });
      return;
    }
    const fn = base.type === "route" ? this.#rerouting(run) : run;
    chain.unregister = this.env.net.hooksIpv4.register(base.hook, {
      priority: base.priority,
      name: `${chain.table.name} ${chain.name}`,
      memo: base.type === "filter",
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

/** May the rule stand in its chain, and what it jumps to below it? Notes the latter; false: a whole look must tell. */
function fits({ table, hooks, level }: Chain, rule: Rule): boolean {
  try {
    for (let bit = 1; bit <= hooks; bit <<= 1) if (hooks & bit) rule.validate(bit);
  } catch (error) {
    if (error instanceof NetError) return false;
    throw error;
  }
  return rule.jumps().every((name) => lower(table.chains.get(name)!, hooks, level + 1));
}

/** A chain can be reached from more hook points, or by deeper jumps, than was known. */
function lower(chain: Chain, hooks: number, level: number): boolean {
  if ((chain.hooks & hooks) === hooks && chain.level >= level) return true;
  if (level === JUMP_STACK_SIZE) return false;
  chain.hooks |= hooks;
  chain.level = Math.max(chain.level, level);
  return chain.rules.every((rule) => fits(chain, rule));
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

/** Where a new rule goes; −1: the rule that it is placed by is not there. */
function placeOf(
  op: { readonly type: string; readonly index?: number; readonly position?: number | undefined },
  rules: readonly Rule[],
): number {
  const isInsert = op.type === "RULE_INSERT";
  if (op.position === undefined) return isInsert ? (op.index ?? 0) : rules.length;
  const at = rules.findIndex((rule) => rule.handle === op.position);
  return at < 0 || isInsert ? at : at + 1;
}

function detach(chain: Chain): void {
  chain.unregister?.();
  chain.unregister = null;
}

function restore<K, V>(map: Map<K, V>, entries: readonly (readonly [K, V])[]): void {
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}
