// Commands become steps of one transaction, worked out against what the kernel has and what the commands before them add;
// and the kernel's errors become errors about a place in the text. Answers to cmd_evaluate of src/evaluate.c, to
// src/cmd.c and to nft_netlink of src/libnftables.c.

import { Errno, strerror } from "../../base/errno.ts";
import { type BaseChain, type Chain, type ChainType, type Table, tableKey } from "../../net/netfilter/nf-table.ts";
import type { NfTables } from "../../net/netfilter/nf-tables.ts";
import type { NftElement, NftObject, SetSpec } from "../../net/netfilter/nft/expr.ts";
import { nftRule } from "../../net/netfilter/nft/rule.ts";
import { objectKey } from "../../net/netfilter/nft/set-steps.ts";
import type { OpError, TableOp } from "../../net/netfilter/table-op.ts";
import type { AstSet, Cmd, Handle } from "./ast.ts";
import { dataType, type Names } from "./datatypes.ts";
import { mergeElements } from "./elements.ts";
import { RuleEvaluator } from "./evaluate-rule.ts";
import { typesOf } from "./fields.ts";
import { type Loc, NftProblem } from "./lexer.ts";
import { nearestChain, nearestSet, nearestTable } from "./misspell.ts";
import { exprText, type Format } from "./print-rule.ts";
import { HOOKS } from "./priorities.ts";
import { ValueReader } from "./values.ts";

interface Step {
  readonly op: TableOp;
  readonly cmd: Cmd;
  readonly places: Readonly<Partial<Record<NonNullable<OpError["at"]> | "whole", Loc>>>;
}

export class Transaction {
  readonly steps: Step[] = [];
  readonly problems: NftProblem[] = [];
  readonly #kernel: NfTables;
  readonly #names: Names;
  readonly #format: Format;
  /** sets that earlier commands make, by table key and name */
  readonly #sets: Map<string, SetSpec> = new Map();
  readonly #elements: Map<string, NftElement[]> = new Map();
  readonly #madeTables: Set<string> = new Set();
  readonly #madeChains: Set<string> = new Set();
  #flushed = false;

  constructor(kernel: NfTables, names: Names, format: Format) {
    this.#kernel = kernel;
    this.#names = names;
    this.#format = format;
  }

  /** Works a command out; errors are kept. */
  add(cmd: Cmd): void {
    try {
      this.#add(cmd);
    } catch (error) {
      if (!(error instanceof NftProblem)) throw error;
      this.problems.push(error);
    }
  }

  /** Asks the kernel. False: nothing has changed, and the problems say why. */
  commit(checkOnly: boolean): boolean {
    if (this.steps.length === 0) return true;
    const errors = this.#kernel.commit(
      this.steps.map(({ op }) => op),
      checkOnly,
    );
    for (const error of errors) this.problems.push(this.#kernelProblem(error));
    return errors.length === 0;
  }

  #kernelProblem({ index, errno, at }: OpError): NftProblem {
    const { places, cmd } = this.steps[index]!;
    const loc = (at === undefined ? undefined : places[at]) ?? places.whole ?? cmd.loc;
    if (errno === Errno.ENOENT && "h" in cmd) {
      const hint = this.#hint(cmd, at);
      if (hint !== undefined) return new NftProblem(`No such file or directory; did you mean ${hint}?`, loc);
    }
    return new NftProblem(`Could not process rule: ${strerror(errno)}`, loc);
  }

  /** What was probably meant (nft_cmd_enoent of src/cmd.c). */
  #hint(cmd: Cmd & { readonly h: Handle }, at: OpError["at"]): string | undefined {
    const { h, verb } = cmd;
    if (cmd.c === "rule" || (cmd.c === "chain" && verb === "delete" && cmd.byHandle === null)) {
      const near = nearestChain(this.#kernel, h.name);
      if (!near || (near.table.name === h.table && near.name === h.name)) return undefined;
      if (near.table.name !== h.table) return `table ‘${near.table.name}’ in family ${near.table.family}`;
      return `chain ‘${near.name}’ in table ${near.table.family} ‘${near.table.name}’`;
    }
    if (at === "table" && !("byHandle" in cmd && cmd.byHandle !== null)) {
      const near = nearestTable(this.#kernel, h.table);
      return near && `table ‘${near.name}’ in family ${near.family}`;
    }
    return at === "set" ? this.#setHint(h.name) : undefined;
  }

  #setHint(name: string): string | undefined {
    const near = nearestSet(this.#kernel, name);
    return near && `set ‘${near.name}’ in table ${near.table.family} ‘${near.table.name}’`;
  }

  #tableMissing(h: Handle): NftProblem {
    const near = nearestTable(this.#kernel, h.table);
    const hint = near ? `; did you mean table ‘${near.name}’ in family ${near.family}?` : "";
    return new NftProblem(`No such file or directory${hint}`, h.tableLoc);
  }

  #setMissing(name: string, loc: Loc): NftProblem {
    const hint = this.#setHint(name);
    return new NftProblem(`No such file or directory${hint === undefined ? "" : `; did you mean ${hint}?`}`, loc);
  }

  #step(cmd: Cmd, op: TableOp, places: Step["places"] = {}): void {
    const named: Step["places"] =
      "h" in cmd ? { table: cmd.h.tableLoc, chain: cmd.h.nameLoc, set: cmd.h.nameLoc, name: cmd.h.nameLoc } : {};
    this.steps.push({ op, cmd, places: { ...named, ...places } });
  }

  #table({ family, table }: Handle): Table | undefined {
    return this.#flushed ? undefined : this.#kernel.tables.get(tableKey(family, table));
  }

  #add(cmd: Cmd): void {
    switch (cmd.c) {
      case "table":
        this.#tableCmd(cmd);
        return;
      case "chain":
        this.#chainCmd(cmd);
        return;
      case "rule":
        this.#ruleCmd(cmd);
        return;
      case "set":
        this.#setCmd(cmd);
        return;
      case "element":
        this.#elementCmd(cmd);
        return;
      case "object":
        this.#objectCmd(cmd);
        return;
      case "ruleset":
        if (cmd.verb !== "flush") return;
        this.#flushed = cmd.family === null;
        for (const table of this.#kernel.tables.values())
          if (cmd.family === null || table.family === cmd.family)
            this.#step(cmd, { type: "TABLE_FLUSH", table: table.key });
        return;
      default:
    }
  }

  #tableCmd(cmd: Cmd & { c: "table" }): void {
    const { verb, h } = cmd;
    const key = tableKey(h.family, h.table);
    if (verb === "add" || verb === "create") {
      this.#madeTables.add(key);
      this.#step(cmd, {
        type: "TABLE_ADD",
        table: key,
        exclusive: verb === "create",
        dormant: cmd.dormant,
        comment: cmd.comment,
      });
    } else if (verb === "delete") {
      const { byHandle } = cmd;
      const found = byHandle === null ? null : [...this.#kernel.tables.values()].find((t) => t.handle === byHandle);
      const at = cmd.handleLoc ?? h.tableLoc;
      this.#step(cmd, { type: "TABLE_FLUSH", table: byHandle === null ? key : (found?.key ?? "\0") }, { table: at });
    } else if (verb === "flush") this.#step(cmd, { type: "RULE_FLUSH", table: key, chain: null });
  }

  #chainOf(h: Handle): Chain | undefined {
    return this.#table(h)?.chains.get(h.name);
  }

  #chainCmd(cmd: Cmd & { c: "chain" }): void {
    const { verb, h, chain, byHandle } = cmd;
    const table = tableKey(h.family, h.table);
    if (verb === "add" || verb === "create") {
      if (!this.#table(h) && !this.#madeTables.has(table)) throw this.#tableMissing(h);
      if (chain.base?.priority instanceof NftProblem) throw chain.base.priority;
      const base: BaseChain | null = chain.base && {
        hook: HOOKS.indexOf(chain.base.hook),
        priority: chain.base.priority as number,
        type: chain.base.type as ChainType,
      };
      this.#madeChains.add(`${table}\n${h.name}`);
      const places = { whole: cmd.loc };
      if (base !== null && !hookSuits(base)) {
        this.#refuseStep(cmd, places);
        return;
      }
      this.#step(
        cmd,
        {
          type: "CHAIN_NEW",
          table,
          chain: h.name,
          base,
          policy: chain.policy,
          comment: chain.comment,
          exclusive: verb === "create",
        },
        places,
      );
    } else if (verb === "delete") {
      const found =
        byHandle === null ? null : [...(this.#table(h)?.chains.values() ?? [])].find((c) => c.handle === byHandle);
      const name = byHandle === null ? h.name : (found?.name ?? "\0");
      this.#step(cmd, { type: "CHAIN_DEL", table, chain: name }, { chain: cmd.handleLoc ?? h.nameLoc });
    } else if (verb === "flush") this.#step(cmd, { type: "RULE_FLUSH", table, chain: h.name });
    else if (verb === "rename") {
      if (!this.#chainOf(h) && !this.#madeChains.has(`${table}\n${h.name}`)) {
        const near = nearestChain(this.#kernel, h.name);
        const hint = near
          ? `; did you mean chain ‘${near.name}’ in table ${near.table.family} ‘${near.table.name}’?`
          : "";
        throw new NftProblem(`No such file or directory${hint}`, h.nameLoc);
      }
      this.#step(cmd, { type: "CHAIN_RENAME", table, chain: h.name, newName: cmd.newName }, { whole: cmd.loc });
    }
  }

  /** A chain that cannot be: the kernel says so when it sees it. */
  #refuseStep(cmd: Cmd & { c: "chain" }, places: Step["places"]): void {
    const { h } = cmd;
    const base: BaseChain = { hook: 0, priority: -2147483648, type: "nat" };
    this.#step(
      cmd,
      {
        type: "CHAIN_NEW",
        table: tableKey(h.family, h.table),
        chain: h.name,
        base,
        policy: undefined,
        comment: undefined,
        exclusive: false,
      },
      places,
    );
  }

  #ruleCmd(cmd: Cmd & { c: "rule" }): void {
    const { verb, h, rule, position } = cmd;
    const table = tableKey(h.family, h.table);
    const chain = h.name;
    if (verb === "delete") {
      this.#step(
        cmd,
        { type: "RULE_DELETE", table, chain, index: -1, handle: position!.value },
        { handle: position!.loc },
      );
      return;
    }
    const places = { whole: cmd.loc, ...(position ? { position: position.loc, handle: position.loc } : {}) };
    const jump = rule!.stmts.find((stmt) => stmt.s === "verdict" && stmt.expr.chainLoc !== null);
    const dynset = rule!.stmts.find((stmt) => stmt.s === "dynset");
    const object = rule!.stmts.find((stmt) => stmt.s === "object");
    Object.assign(places, {
      ...(jump?.s === "verdict" ? { jump: jump.expr.chainLoc! } : {}),
      ...(dynset ? { "set statement": dynset.loc } : {}),
      ...(object?.s === "object" ? { name: object.nameLoc } : {}),
    });
    const stmts = new RuleEvaluator({
      family: h.family,
      names: this.#names,
      set: (name) => this.#setSpec(h, name),
      setHint: (name) => this.#setHint(name),
    }).rule(rule!);
    for (const stmt of stmts) {
      const made = stmt.kind === "dynset" ? this.#sets.get(`${table}\n${stmt.set}`) : undefined;
      if (made) made.dynamic = true;
    }
    const source = nftRule(stmts, rule!.comment);
    const common = { table, chain, rule: source, packets: 0, bytes: 0 };
    if (verb === "replace") {
      this.#step(cmd, { type: "RULE_REPLACE", ...common, index: -1, handle: position!.value }, places);
      return;
    }
    const type = verb === "insert" ? "RULE_INSERT" : "RULE_APPEND";
    const at = position === null ? undefined : this.#positionHandle(h, position);
    this.#step(cmd, { type, ...common, position: at }, places);
  }

  /** The handle of the rule that a position means. */
  #positionHandle(h: Handle, position: NonNullable<(Cmd & { c: "rule" })["position"]>): number {
    const chain = this.#chainOf(h);
    if (!chain) throw new NftProblem("No such file or directory", h.nameLoc);
    if (position.kind === "handle") return position.value;
    const rule = chain.rules[position.value];
    if (!rule) throw new NftProblem("Could not process rule: No such file or directory", position.loc);
    return rule.handle;
  }

  #setSpec(h: Handle, name: string): SetSpec | undefined {
    return this.#sets.get(`${tableKey(h.family, h.table)}\n${name}`) ?? this.#table(h)?.sets.get(name)?.spec;
  }

  #setCmd(cmd: Cmd & { c: "set" }): void {
    const { verb, h, byHandle } = cmd;
    const table = tableKey(h.family, h.table);
    if (verb === "add" || verb === "create") {
      const spec = this.#evaluateSet(h, cmd.set);
      const key = `${table}\n${h.name}`;
      if (!this.#sets.has(key)) this.#sets.set(key, spec);
      this.#step(cmd, { type: "SET_ADD", table, spec, exclusive: verb === "create" });
    } else if (verb === "delete") {
      const found =
        byHandle === null ? null : [...(this.#table(h)?.sets.values() ?? [])].find((s) => s.handle === byHandle);
      const name = byHandle === null ? h.name : (found?.spec.name ?? "\0");
      this.#step(cmd, { type: "SET_DEL", table, set: name }, { set: cmd.handleLoc ?? h.nameLoc });
    } else if (verb === "flush") {
      const spec = this.#setSpec(h, h.name);
      if (!spec) throw this.#setMissing(h.name, h.nameLoc);
      if ((spec.dataTypes !== null) !== cmd.isMap) throw new NftProblem("No such file or directory", h.nameLoc);
      this.#step(cmd, { type: "SET_FLUSH", table, set: h.name });
    }
  }

  #evaluateSet(h: Handle, set: AstSet): SetSpec {
    const evaluator = new RuleEvaluator({
      family: h.family,
      names: this.#names,
      set: () => undefined,
      setHint: () => undefined,
    });
    const typeOf = set.typeOf === null ? null : evaluator.left(set.typeOf);
    const dataTypeOf = set.dataTypeOf === null ? null : evaluator.left(set.dataTypeOf);
    return {
      name: h.name,
      anonymous: false,
      keyTypes: set.keyTypes ?? (typeOf === null ? [] : typesOf(typeOf)),
      typeOf: typeOf === null ? null : exprText(typeOf, this.#format),
      dataTypes: set.dataTypes ?? (dataTypeOf === null ? null : typesOf(dataTypeOf)),
      dataTypeOf: dataTypeOf === null ? null : exprText(dataTypeOf, this.#format),
      constant: set.flags.has("constant"),
      interval: set.flags.has("interval"),
      timeout: set.flags.has("timeout") || set.timeoutNs !== null,
      dynamic: set.flags.has("dynamic"),
      autoMerge: set.autoMerge,
      counter: set.counter,
      timeoutNs: set.timeoutNs,
      gcIntervalNs: set.gcIntervalNs,
      size: set.size,
      policy: set.policy,
      comment: set.comment,
    };
  }

  #elementCmd(cmd: Cmd & { c: "element" }): void {
    const { verb, h, elements } = cmd;
    const table = tableKey(h.family, h.table);
    const spec = this.#setSpec(h, h.name);
    if (!spec) throw this.#setMissing(h.name, h.nameLoc);
    if (verb === "get" || elements.t !== "set") return;
    const now = this.#kernel.env.net.now;
    const key = `${table}\n${h.name}`;
    const before = this.#elements.get(key) ?? [...(this.#table(h)?.sets.get(h.name)?.living(now) ?? [])];
    const fresh = elements.items.map((item) => ({ item, element: this.#element(h, spec, item) }));
    if (verb === "delete") {
      for (const { item, element } of fresh)
        this.#step(
          cmd,
          { type: "ELEM_DEL", table, set: h.name, element, exclusive: false, now },
          { element: item.key.loc },
        );
      return;
    }
    if (spec.autoMerge && spec.dataTypes === null && spec.keyTypes.length === 1) {
      const merged = mergeElements([...before, ...fresh.map(({ element }) => element)], false);
      this.#elements.set(key, merged);
      if (before.length > 0) this.#step(cmd, { type: "SET_FLUSH", table, set: h.name });
      for (const element of merged)
        this.#step(
          cmd,
          { type: "ELEM_ADD", table, set: h.name, element, exclusive: false, now },
          { element: elements.loc },
        );
      return;
    }
    for (const { item, element } of fresh) {
      if (spec.interval && spec.keyTypes.length === 1) {
        const other = before.find((old) => overlaps(old, element) && !same(old, element));
        if (other) throw new NftProblem("interval overlaps with an existing one", item.key.loc);
      }
      before.push(element);
      this.#step(
        cmd,
        { type: "ELEM_ADD", table, set: h.name, element, exclusive: verb === "create", now },
        { element: item.key.loc },
      );
    }
    this.#elements.set(key, before);
  }

  #element(
    _h: Handle,
    spec: SetSpec,
    item: (Cmd & { c: "element" })["elements"] extends infer T
      ? T extends { t: "set"; items: readonly (infer I)[] }
        ? I
        : never
      : never,
  ): NftElement {
    if (!spec.interval && item.key.t === "prefix")
      throw new NftProblem(
        "You must add 'flags interval' to your set declaration if you want to add prefix elements",
        item.key.loc,
      );
    if (!spec.interval && item.key.t === "range")
      throw new NftProblem(
        "You must add 'flags interval' to your set declaration if you want to add range elements",
        item.key.loc,
      );
    if (spec.dataTypes !== null && item.data === null)
      throw new NftProblem(`Could not process rule: ${strerror(Errno.EINVAL)}`, item.key.loc);
    const values = new ValueReader(this.#names);
    return values.element(item, spec.keyTypes, spec.dataTypes, dataType(spec.keyTypes[0] ?? "integer").bits);
  }

  #objectCmd(cmd: Cmd & { c: "object" }): void {
    const { verb, h, object, type } = cmd;
    const table = tableKey(h.family, h.table);
    if (object !== null) {
      const made: NftObject = { ...object, name: h.name, handle: 0 };
      this.#step(cmd, { type: "OBJ_ADD", table, object: made, exclusive: verb === "create" });
    } else if (verb === "delete") this.#step(cmd, { type: "OBJ_DEL", table, key: objectKey({ type, name: h.name }) });
  }
}

function overlaps(a: NftElement, b: NftElement): boolean {
  return a.key[0]!.low <= b.key[0]!.high && b.key[0]!.low <= a.key[0]!.high;
}

function same(a: NftElement, b: NftElement): boolean {
  return a.key[0]!.low === b.key[0]!.low && a.key[0]!.high === b.key[0]!.high;
}

/** Where chains of a type may hang (nft_chain_nat.c, nft_chain_route.c). */
function hookSuits({ type, hook }: BaseChain): boolean {
  if (type === "nat") return hook !== 2;
  return type !== "route" || hook === 3;
}
