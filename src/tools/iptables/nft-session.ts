// Commands gathered and then asked of the kernel in one transaction, with what they print on the way and the errors of
// both sides. Answers to iptables/nft.c and nft-cmd.c: nft_prepare, nft_action and the functions they call.

import { strerror } from "../../base/errno.ts";
import { NF_ACCEPT, NF_DROP } from "../../net/core/netfilter.ts";
import type { NfTables } from "../../net/netfilter/nf-tables.ts";
import type { TableOp } from "../../net/netfilter/table-op.ts";
import { type RuleSpec, xtRule } from "../../net/netfilter/xt-rule.ts";
import { type BuiltinTable, findChain } from "./builtin.ts";
import { Cache, type CachedChain, type CachedRule, type CachedTable } from "./cache.ts";
import type { NameService } from "./names.ts";
import { type ListFormat, listHeader, listRule, policyName, saveRule, verboseRule } from "./rule-text.ts";
import { OTHER_PROBLEM, type Output, parameterProblem, RESOURCE_PROBLEM, XtablesError } from "./xtables.ts";

/** A command that cannot be: what nft_strerror makes of it, for "iptables: text." */
export class NftFailure extends Error {
  override readonly name: string = "NftFailure";
  /** line of the input that iptables-restore read */
  readonly line: number;
  /** EINVAL: the program advises to look at the kernel's log */
  readonly invalid: boolean;

  constructor(message: string, line: number, invalid: boolean) {
    super(message);
    this.line = line;
    this.invalid = invalid;
  }
}

const NO_SUCH = "No chain/target/match by that name";
const NO_RULE = "Bad rule (does a matching rule exist in that chain?)";

interface Step {
  readonly line: number;
  readonly op: TableOp;
}

export interface RuleRequest {
  readonly table: string;
  readonly chain: string;
  readonly spec: RuleSpec;
  readonly packets: number;
  readonly bytes: number;
  readonly verbose: boolean;
}

export class NftSession {
  readonly #kernel: NfTables;
  readonly output: Output;
  readonly #names: NameService;
  readonly #commands: { readonly line: number; readonly run: () => void }[] = [];
  #steps: Step[] = [];
  #cache: Cache;
  #line = 0;

  constructor(kernel: NfTables, output: Output, names: NameService) {
    this.#kernel = kernel;
    this.output = output;
    this.#names = names;
    this.#cache = new Cache(kernel);
  }

  /** Gathers a command. @param line of iptables-restore's input, 0 for a command line */
  add(line: number, run: () => void): void {
    this.#commands.push({ line, run });
  }

  /** Forgets what was gathered. */
  abort(): void {
    this.#commands.length = 0;
  }

  /** Does all that was gathered, or nothing. Throws NftFailure, XtablesError. */
  commit(): void {
    this.#cache = new Cache(this.#kernel);
    this.#steps = [];
    const commands = this.#commands.splice(0);
    for (const { line, run } of commands) {
      this.#line = line;
      run();
    }
    const steps = this.#steps;
    const errors = this.#kernel.commit(steps.map(({ op }) => op));
    let text = "";
    for (const { index, errno } of errors) {
      const { line, op } = steps[index]!;
      text += `${line > 0 ? `\nline ${line}:` : ""} ${op.type} failed (${strerror(errno)}): ${subject(op)}`;
      if (line === 0) break;
    }
    if (errors.length > 0) throw new XtablesError(RESOURCE_PROBLEM, text);
  }

  #fail(message: string, invalid = false): never {
    throw new NftFailure(message, this.#line, invalid);
  }

  #step(op: TableOp): void {
    this.#steps.push({ line: this.#line, op });
  }

  /** What was asked for a chain's rules and is not yet done need not be done (batch_chain_flush). */
  #dropSteps(table: string, chain: string | undefined): void {
    this.#steps = this.#steps.filter(
      ({ op }) =>
        !(op.type.startsWith("RULE_") && op.type !== "RULE_FLUSH" && op.table === table && "chain" in op) ||
        (chain !== undefined && op.chain !== chain),
    );
  }

  #tableInit(name: string): CachedTable {
    const table = this.#cache.table(name);
    if (!table.exists) {
      this.#step({ type: "TABLE_ADD", table: name });
      table.exists = true;
    }
    return table;
  }

  /** Makes a built-in chain, or all of them (nft_xt_builtin_init). */
  #chainInit(tableName: string, chain: string | undefined): CachedTable {
    const table = this.#tableInit(tableName);
    for (const { name, base } of table.builtin.chains) {
      if ((chain !== undefined && name !== chain) || table.find(name)) continue;
      this.#step({ type: "CHAIN_ADD", table: tableName, chain: name, base });
      table.addEmpty(name);
    }
    return table;
  }

  #exists(table: CachedTable, chain: string): boolean {
    return findChain(table.builtin, chain) !== undefined || table.find(chain) !== undefined;
  }

  #checkJump(table: string, { target }: RuleSpec): void {
    if ((target.kind === "jump" || target.kind === "goto") && !this.#exists(this.#cache.table(table), target.chain))
      parameterProblem(`Chain '${target.chain}' does not exist`);
  }

  #printRule({ spec, verbose }: RuleRequest): void {
    if (verbose) this.output.out += verboseRule(spec, this.#names);
  }

  /** -A */
  append(request: RuleRequest): void {
    this.#checkJump(request.table, request.spec);
    this.#append(request);
  }

  #append(request: RuleRequest): void {
    const { table, chain, spec, packets, bytes } = request;
    const cached = this.#chainInit(table, chain).find(chain);
    this.#step({ type: "RULE_APPEND", table, chain, rule: xtRule(spec), packets, bytes });
    this.#printRule(request);
    if (!cached) this.#fail(NO_SUCH);
    cached.push({ spec, packets, bytes });
  }

  /** -I. @param index counted from 0 */
  insert(request: RuleRequest, index: number): void {
    const { table, chain, spec, packets, bytes } = request;
    this.#checkJump(table, spec);
    const cached = this.#chainInit(table, chain).find(chain);
    if (!cached) this.#fail(NO_SUCH);
    if (index > 0 && index === cached.length) {
      this.#append(request);
      return;
    }
    if (index > cached.length) this.#fail("Index of insertion too big");
    this.#step({ type: "RULE_INSERT", table, chain, rule: xtRule(spec), packets, bytes, index });
    this.#printRule(request);
    cached.insert(index, { spec, packets, bytes });
  }

  /** -R */
  replace(request: RuleRequest, index: number): void {
    const { table, chain, spec, packets, bytes } = request;
    this.#checkJump(table, spec);
    const cached = this.#cache.table(table).find(chain);
    if (!cached) this.#fail(NO_SUCH);
    if (!cached.rules[index]) this.#fail("Index of replacement too big");
    this.#replace(table, cached, index, { spec, packets, bytes });
    this.#printRule(request);
  }

  #replace(table: string, chain: CachedChain, index: number, rule: CachedRule): void {
    const { spec, packets, bytes } = rule;
    this.#step({ type: "RULE_REPLACE", table, chain: chain.name, index, rule: xtRule(spec), packets, bytes });
    chain.rules[index] = rule;
  }

  #indexOf(chain: CachedChain | undefined, spec: RuleSpec): number {
    return chain?.indexOf(spec) ?? -1;
  }

  /** -D with a rule */
  delete(request: RuleRequest): void {
    const { table, chain, spec } = request;
    this.#checkJump(table, spec);
    const cached = this.#cache.table(table).find(chain);
    const index = this.#indexOf(cached, spec);
    if (index < 0) this.#fail(NO_RULE);
    this.#step({ type: "RULE_DELETE", table, chain, index });
    cached!.remove(index);
    this.#printRule(request);
  }

  /** -D with a number */
  deleteNumber(table: string, chain: string, index: number): void {
    const cached = this.#cache.table(table).find(chain);
    if (!cached) this.#fail(NO_SUCH);
    if (index < 0 || index >= cached.length) this.#fail("Index of deletion too big");
    this.#step({ type: "RULE_DELETE", table, chain, index });
    cached.remove(index);
  }

  /** -C */
  check(request: RuleRequest): void {
    const { table, chain, spec } = request;
    this.#checkJump(table, spec);
    if (this.#indexOf(this.#cache.table(table).find(chain), spec) < 0) this.#fail(NO_RULE);
    this.#printRule(request);
  }

  /** -F. @param chain undefined: all */
  flush(table: string, chain: string | undefined, verbose: boolean): void {
    const cached = this.#cache.table(table);
    if (chain !== undefined || verbose) this.#chainInit(table, chain);
    else if (!cached.exists) return;
    if (chain === undefined && !verbose) {
      this.#dropSteps(table, undefined);
      this.#step({ type: "RULE_FLUSH", table, chain: null });
      for (const each of cached.chains(false)) each.clear();
      return;
    }
    const one = chain === undefined ? undefined : (cached.find(chain) ?? this.#fail(NO_SUCH));
    for (const each of one ? [one] : cached.chains(true)) {
      this.#dropSteps(table, each.name);
      if (verbose) this.output.out += `Flushing chain \`${each.name}'\n`;
      this.#step({ type: "RULE_FLUSH", table, chain: each.name });
      each.clear();
    }
  }

  /** -Z */
  zero(table: string, chain: string | undefined, verbose: boolean): void {
    const cached = this.#cache.table(table);
    const isOld = this.output.version === "1.8.9";
    const one = chain === undefined ? undefined : cached.find(chain);
    if (chain !== undefined && !one) {
      // later versions see a built-in chain that is not there yet as empty
      if (isOld || findChain(cached.builtin, chain) === undefined) this.#fail(NO_SUCH);
      return;
    }
    if (!isOld && !cached.exists) return;
    for (const each of one ? [one] : cached.chains(verbose)) {
      if (verbose) this.output.out += `Zeroing chain \`${each.name}'\n`;
      if (each.builtin) {
        const { name, policy } = each;
        this.#step({ type: "CHAIN_ZERO", table, chain: name, policy, base: each.builtin.base, packets: 0, bytes: 0 });
      }
      for (const [i, { spec, packets, bytes }] of each.rules.entries())
        if (packets > 0 || bytes > 0) this.#replace(table, each, i, { spec, packets: 0, bytes: 0 });
    }
  }

  /** -Z with a number; 1.8.9 says nothing when there is no such rule. */
  zeroRule(table: string, chain: string, index: number): void {
    const cached = this.#cache.table(table).find(chain) ?? this.#fail(NO_RULE);
    const rule = cached.rules[index];
    if (rule) this.#replace(table, cached, index, { spec: rule.spec, packets: 0, bytes: 0 });
    else if (this.output.version !== "1.8.9") this.#fail(NO_RULE);
  }

  /** -N */
  newChain(table: string, chain: string): void {
    const cached = this.#tableInit(table);
    if (this.#exists(cached, chain)) this.#fail("Chain already exists");
    this.#step({ type: "CHAIN_USER_ADD", table, chain });
    cached.addEmpty(chain);
  }

  /** -X. @param chain undefined: all, built-in ones too where they say nothing */
  deleteChain(table: string, chain: string | undefined, verbose: boolean): void {
    const cached = this.#cache.table(table);
    const one = chain === undefined ? undefined : (cached.find(chain) ?? this.#fail(NO_SUCH));
    for (const each of one ? [one] : cached.chains(verbose)) {
      if (verbose && !each.builtin) this.output.out += `Deleting chain \`${each.name}'\n`;
      const inUse = each.builtin && (each.policy !== NF_ACCEPT || each.length > 0);
      if (inUse && chain !== undefined) this.#fail("Directory not empty");
      if (!inUse) this.#step({ type: "CHAIN_DEL", table, chain: each.name });
      cached.delete(each.name);
    }
  }

  /** -E */
  renameChain(table: string, chain: string, newName: string): void {
    const cached = this.#cache.table(table);
    if (this.#exists(cached, newName)) this.#fail("File exists");
    if (!cached.find(chain)) this.#fail(NO_SUCH);
    this.#step({ type: "CHAIN_RENAME", table, chain, newName });
  }

  /** -P, and a built-in chain's line in iptables-restore, where "-" leaves the policy. */
  setPolicy(table: string, chain: string, policy: string, packets: number, bytes: number): void {
    const verdict = policy === "DROP" ? NF_DROP : policy === "ACCEPT" ? NF_ACCEPT : undefined;
    if (verdict === undefined && policy !== "-") this.#fail("Bad policy name", true);
    if (!findChain(this.#chainInit(table, chain).builtin, chain)) this.#fail("Bad built-in chain name");
    this.#step({ type: "CHAIN_UPDATE", table, chain, policy: verdict, packets, bytes });
  }

  /** A table's line in iptables-restore without --noflush: the table goes, and comes anew when it is needed. */
  flushTable(table: string): void {
    const cached = this.#cache.table(table);
    if (cached.exists) this.#step({ type: "TABLE_FLUSH", table });
    cached.exists = false;
    cached.clear();
  }

  /** A user chain's line in iptables-restore. */
  restoreChain(table: string, chain: string): void {
    const cached = this.#tableInit(table);
    const found = cached.find(chain);
    if (found) {
      this.#step({ type: "RULE_FLUSH", table, chain });
      found.clear();
      return;
    }
    this.#step({ type: "CHAIN_USER_ADD", table, chain });
    cached.addEmpty(chain);
  }

  /** The table with chains that are not there yet as they would be (nft_xt_fake_builtin_chains). */
  #view(name: string, chain: string | undefined): { table: CachedTable; chains: CachedChain[] } {
    const table = this.#cache.table(name);
    table.readForeign();
    if (table.incompatible) throw new XtablesError(OTHER_PROBLEM, `table \`${name}' is incompatible, use 'nft' tool.`);
    for (const builtin of table.builtin.chains)
      if ((chain === undefined || builtin.name === chain) && !table.find(builtin.name)) table.addEmpty(builtin.name);
    if (chain === undefined) return { table, chains: table.chains(true) };
    const found = table.find(chain);
    if (!found && this.output.version !== "1.8.9") this.#fail(NO_SUCH);
    if (!found)
      throw new XtablesError(OTHER_PROBLEM, `chain \`${chain}' in table \`${name}' is incompatible, use 'nft' tool.`);
    return { table, chains: [found] };
  }

  #taint(table: CachedTable): void {
    if (table.tainted)
      this.output.out += `# Table \`${table.name}' contains incompatible base-chains, use 'nft' tool to list them.\n`;
  }

  /** -L. @param number of one rule, which is shown without titles; 0: all */
  list(tableName: string, chain: string | undefined, number: number, format: ListFormat): void {
    const { table, chains } = this.#view(tableName, chain);
    if (chain === undefined) this.#taint(table);
    const oneRule = chain !== undefined && number > 0;
    for (const [i, each] of chains.entries()) {
      if (i > 0) this.output.out += "\n";
      if (!oneRule) this.output.out += listHeader(each, table.references(each.name), format);
      for (const [index, rule] of rulesOf(each, number))
        this.output.out += listRule(rule, index + 1, format, this.#names);
    }
  }

  /** -S */
  listRules(tableName: string, chain: string | undefined, number: number, counters: boolean): void {
    const { table, chains } = this.#view(tableName, chain);
    if (chain === undefined) this.#taint(table);
    if (chain === undefined || number === 0) for (const each of chains) this.output.out += declaration(each, counters);
    for (const each of chains)
      for (const [, rule] of rulesOf(each, number))
        this.output.out += saveRule(each.name, rule, counters ? "within" : "none", this.#names);
  }

  /** iptables-save: one table. @param date as ctime(3) writes it */
  save(builtin: BuiltinTable, counters: boolean, program: string, date: string): void {
    const { table, chains } = this.#view(builtin.name, undefined);
    this.#taint(table);
    let text = `# Generated by ${program} on ${date}\n*${builtin.name}\n`;
    for (const { name, builtin: base, policy, packets, bytes } of chains)
      text += `:${name} ${base ? policyName(policy) : "-"} [${packets}:${bytes}]\n`;
    for (const each of chains)
      for (const rule of each.rules) text += saveRule(each.name, rule, counters ? "before" : "none", this.#names);
    this.output.out += `${text}COMMIT\n# Completed on ${date}\n`;
  }

  /** True when the kernel has the table. */
  hasTable(name: string): boolean {
    return this.#kernel.tables.has(name);
  }
}

/** "-P INPUT ACCEPT", "-N foo" */
function declaration({ name, builtin, policy, packets, bytes }: CachedChain, counters: boolean): string {
  if (!builtin) return `-N ${name}\n`;
  return `-P ${name} ${policyName(policy)}${counters ? ` -c ${packets} ${bytes}` : ""}\n`;
}

function* rulesOf(chain: CachedChain, number: number): Generator<[number, CachedRule]> {
  for (const [i, rule] of chain.rules.entries()) if (number === 0 || i + 1 === number) yield [i, rule];
}

function subject(op: TableOp): string {
  if (op.type === "TABLE_ADD" || op.type === "TABLE_FLUSH") return `table ${op.table}`;
  if (op.type.startsWith("RULE_")) return `rule in chain ${"chain" in op ? (op.chain ?? "(null)") : ""}`;
  return `chain ${op.type === "CHAIN_RENAME" ? op.newName : "chain" in op ? op.chain : ""}`;
}
