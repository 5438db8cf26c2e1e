// iptables-restore 1.8.9: tables read as iptables-save writes them, each changed at once at its COMMIT. Answers to
// iptables/xtables-restore.c.

import type { Netfilter } from "../../net/netfilter/netfilter.ts";
import { getopt, type LongOption } from "../../posix/getopt.ts";
import { type BuiltinTable, findChain, findTable } from "./builtin.ts";
import { restoreUsage } from "./help.ts";
import { type NameService, PLAIN_NAMES, withSets } from "./names.ts";
import { NftSession } from "./nft-session.ts";
import { checkChainName, parseCommand } from "./parse.ts";
import { guarded, queueCommand, Reader, type Result, type Settings } from "./run.ts";
import { Output, parameterProblem, XtablesExit } from "./xtables.ts";

const PROGRAM = "iptables-restore";
const MAX_WORD = 1024;

const LONG: readonly LongOption[] = [
  { name: "counters", argument: 0, short: "c" },
  { name: "verbose", argument: 0, short: "v" },
  { name: "version", argument: 0, short: "V" },
  { name: "test", argument: 0, short: "t" },
  { name: "help", argument: 0, short: "h" },
  { name: "noflush", argument: 0, short: "n" },
  { name: "modprobe", argument: 1, short: "M" },
  { name: "table", argument: 1, short: "T" },
  { name: "ipv4", argument: 0, short: "4" },
  { name: "ipv6", argument: 0, short: "6" },
  { name: "wait", argument: 2, short: "w" },
  { name: "wait-interval", argument: 2, short: "W" },
];

export interface RestoreOptions {
  readonly counters: boolean;
  readonly verbose: number;
  readonly test: boolean;
  readonly noflush: boolean;
  /** restore this table only */
  readonly table: string | undefined;
  /** undefined: standard input */
  readonly file: string | undefined;
}

/** Reads the command line. A Result instead of options: there is nothing more to do. */
export function restoreOptions(
  args: readonly string[],
  settings: Settings = {},
  program: string = PROGRAM,
): RestoreOptions | Result {
  const { options, operands, error } = getopt(args, "bcvVthnM:T:wW", { long: LONG });
  let stderr = "";
  const flags: Map<string, number> = new Map();
  let table: string | undefined;
  for (const { name, value } of options) {
    if (name === "V") return { status: 0, stdout: `${PROGRAM} v${new Output(settings.version).fullVersion}\n`, stderr };
    if (name === "h") return { status: 0, stdout: "", stderr: stderr + restoreUsage(PROGRAM) };
    if (name === "b") stderr += "-b/--binary option is not implemented\n";
    // the real one takes these long options for mistakes, too
    if (name === "4" || name === "6")
      return { status: 1, stdout: "", stderr: `Try \`${PROGRAM} -h' for more information.\n` };
    if (name === "T") table = value;
    flags.set(name, (flags.get(name) ?? 0) + 1);
  }
  if (error !== undefined) {
    stderr += `${program}: ${error}\nTry \`${PROGRAM} -h' for more information.\n`;
    return { status: 1, stdout: "", stderr };
  }
  const waits = (flags.get("w") ?? 0) + (flags.get("W") ?? 0);
  const files = operands.slice(Math.min(waits, operands.length > 1 ? waits : 0));
  if (files.length > 1) return { status: 1, stdout: "", stderr: `${stderr}Unknown arguments found on commandline\n` };
  return {
    counters: flags.has("c"),
    verbose: flags.get("v") ?? 0,
    test: flags.has("t"),
    noflush: flags.has("n"),
    table,
    file: files[0],
  };
}

/** Restores from text, at once. @param text what a file or standard input holds */
export function restoreTables(nf: Netfilter, text: string, options: RestoreOptions, settings: Settings = {}): Result {
  const reader = new Reader();
  return guarded(PROGRAM, reader, settings, (output) => new Restore(nf, reader, output, options, settings).run(text));
}

class Restore {
  readonly #reader: Reader;
  readonly #output: Output;
  readonly #options: RestoreOptions;
  readonly #names: NameService;
  readonly #session: NftSession;
  #table: BuiltinTable | undefined;
  #inTable = false;

  constructor(nf: Netfilter, reader: Reader, output: Output, options: RestoreOptions, settings: Settings) {
    this.#reader = reader;
    this.#output = output;
    this.#options = options;
    this.#names = withSets(settings.names ?? PLAIN_NAMES, nf.sets);
    this.#session = new NftSession(nf.tables, output, this.#names);
  }

  run(text: string): void {
    const lines = text.split("\n");
    if (lines.at(-1) === "") lines.pop();
    for (const line of lines) {
      this.#reader.line++;
      if (!this.#take(line)) this.#failed();
    }
    if (!this.#inTable) return;
    this.#output.err += `${PROGRAM}: COMMIT expected at line ${this.#reader.line + 1}\n`;
    throw new XtablesExit(1);
  }

  #failed(): void {
    const { table } = this.#options;
    if (table !== undefined && this.#table && table !== this.#table.name) return;
    this.#output.err += `${PROGRAM}: line ${this.#reader.line} failed\n`;
    throw new XtablesExit(1);
  }

  /** False: the line stands where it may not. */
  #take(line: string): boolean {
    if (line === "") return true;
    if (line.startsWith("#")) {
      if (this.#options.verbose > 0) this.#output.out += `${line}\n`;
      return true;
    }
    if (this.#inTable && line === "COMMIT") {
      if (this.#options.test) this.#session.abort();
      else this.#session.commit();
      this.#inTable = false;
      return true;
    }
    if (line.startsWith("*") && !this.#inTable) return this.#newTable(line);
    if (!this.#inTable) return false;
    if (line.startsWith(":")) this.#chain(line);
    else this.#rule(line);
    return true;
  }

  #newTable(line: string): boolean {
    const name = words(line.slice(1))[0];
    const where = `${PROGRAM}: line ${this.#reader.line}`;
    if (name === undefined) parameterProblem(`${where} table name invalid`);
    this.#table = findTable(name) ?? parameterProblem(`${where} table name '${name}' invalid`);
    if (this.#options.table !== undefined && this.#options.table !== name) return true;
    if (!this.#options.noflush) this.#queue(() => this.#flush(name));
    this.#inTable = true;
    return true;
  }

  #queue(run: () => void): void {
    this.#session.add(this.#reader.line, run);
  }

  #flush(table: string): void {
    if (this.#options.verbose === 0) {
      this.#session.flushTable(table);
      return;
    }
    this.#session.flush(table, undefined, true);
    this.#session.deleteChain(table, undefined, true);
  }

  #chain(line: string): void {
    const table = this.#table!;
    const [chain, policy, counters] = words(line.slice(1));
    const where = `${PROGRAM}: line ${this.#reader.line}`;
    if (chain === undefined) parameterProblem(`${where} chain name invalid`);
    checkChainName(chain);
    if (policy === undefined) parameterProblem(`${where} policy invalid`);
    if (!findChain(table, chain)) {
      this.#queue(() => this.#session.restoreChain(table.name, chain));
      return;
    }
    let packets = 0;
    let bytes = 0;
    if (this.#options.counters) {
      const match = /^\[(\d+):(\d+)\]/.exec(counters ?? "");
      if (!match) parameterProblem(`invalid policy counters for chain '${chain}'`);
      packets = Number(match[1]);
      bytes = Number(match[2]);
    }
    this.#queue(() => this.#session.setPolicy(table.name, chain, policy, packets, bytes));
  }

  #rule(line: string): void {
    const { line: number } = this.#reader;
    const { noflush, verbose, counters } = this.#options;
    const argv = [PROGRAM, "-t", this.#table!.name];
    if (!noflush) for (let i = 0; i < verbose; i++) argv.push("-v");
    let rest = line;
    if (line.startsWith("[")) {
      const close = line.indexOf("]");
      if (close < 0) parameterProblem(`Bad line ${number}: need ]`);
      const inside = line.slice(1).split(":");
      const bytes = inside.slice(1).join(":").split("]")[0];
      if (!bytes) parameterProblem(`Bad line ${number}: need ]`);
      if (counters) argv.push("--set-counters", inside[0]!, bytes);
      rest = line.slice(close + 1);
    }
    argv.push(...quotedWords(rest));
    const command = parseCommand(argv, {
      output: this.#output,
      names: this.#names,
      program: PROGRAM,
      line: number,
    });
    queueCommand(this.#session, { command, rules: null }, number);
  }
}

function words(text: string): string[] {
  return text.split(/[ \t]+/).filter((word) => word !== "");
}

/** A rule's words: double quotes keep blanks, a backslash within them the next character (add_param_to_argv). */
export function quotedWords(text: string): string[] {
  const found: string[] = [];
  let word = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quoted && char === "\\") word += text[++i] ?? "";
    else if (char === '"') {
      if (quoted && word !== "") {
        found.push(word);
        word = "";
      }
      quoted = !quoted;
    } else if (!quoted && (char === " " || char === "\t")) {
      if (word !== "") found.push(word);
      word = "";
    } else word += char;
    if (word.length >= MAX_WORD) parameterProblem("Parameter too long!");
  }
  if (word !== "") found.push(word);
  return found;
}
