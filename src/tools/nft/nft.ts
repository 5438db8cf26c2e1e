// nft(8) of nftables 1.0.6: reads commands from its arguments, a file or its input, works all of them out, asks the kernel
// for them in one transaction, lists and monitors. Answers to src/main.c and src/libnftables.c. JSON, the interactive
// prompt and the optimizer are refused by name, as are families other than ip and inet.

import { decodeUtf8 } from "../../base/text.ts";
import { netnsOf } from "../../host/host.ts";
import { type Table, tableKey } from "../../net/netfilter/nf-table.ts";
import type { NfTables } from "../../net/netfilter/nf-tables.ts";
import { objectKey } from "../../net/netfilter/nft/set-steps.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { readTextFile } from "../net-util/sockets.ts";
import type { Cmd, Handle } from "./ast.ts";
import type { Names } from "./datatypes.ts";
import { NftProblem, problemText, type Source, type Token, tokenize } from "./lexer.ts";
import { type MonitorCmd, nftMonitor } from "./monitor.ts";
import { type Parsed, parseNft } from "./parse.ts";
import { ruleLine, SHOW_ALL, type Show, setText, tableText, warningOf } from "./print.ts";
import type { Format } from "./print-rule.ts";
import { Transaction } from "./transaction.ts";
import { LONG_OPTIONS, USAGE, VERSION, VERSION_EXTENDED, WITH_ARGUMENT } from "./usage.ts";
import { ValueReader } from "./values.ts";

const DEFAULT_INCLUDE = "/etc";
const MAX_ERRORS = 10;

export function* nft(proc: Process): Task<number> {
  const tool = new NftTool(proc);
  const options = parseOptions(proc.argv.slice(1));
  if (typeof options === "string") {
    yield* proc.printError(options);
    return 1;
  }
  return yield* tool.run(options);
}

interface Options {
  readonly flags: ReadonlySet<string>;
  readonly file: string | null;
  readonly defines: readonly string[];
  readonly includes: readonly string[];
  readonly words: readonly string[];
}

/** getopt_long; a text says what is wrong. */
function parseOptions(args: readonly string[]): Options | string {
  const flags: Set<string> = new Set();
  const words: string[] = [];
  const defines: string[] = [];
  const includes: string[] = [];
  let file: string | null = null;
  const take = (letter: string, value: string): void => {
    if (letter === "f") file = value;
    else if (letter === "D") defines.push(value);
    else if (letter === "I") includes.push(value);
    else flags.add(letter);
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      words.push(...args.slice(i + 1));
      break;
    }
    if (arg.startsWith("--")) {
      const [name, value] = arg.slice(2).split(/=(.*)/s);
      const letter = LONG_OPTIONS[name!];
      if (letter === undefined) return `nft: unrecognized option '${arg}'\n`;
      if (!WITH_ARGUMENT.includes(letter)) flags.add(letter);
      else {
        const given = value ?? args[++i];
        if (given === undefined) return `nft: option '--${name}' requires an argument\n`;
        take(letter, given);
      }
      continue;
    }
    if (!arg.startsWith("-") || arg === "-") {
      words.push(arg);
      continue;
    }
    for (let at = 1; at < arg.length; at++) {
      const letter = arg[at]!;
      if (!Object.values(LONG_OPTIONS).includes(letter) && letter !== "V")
        return `nft: invalid option -- '${letter}'\n`;
      if (!WITH_ARGUMENT.includes(letter)) {
        flags.add(letter);
        continue;
      }
      const value = at + 1 < arg.length ? arg.slice(at + 1) : args[++i];
      if (value === undefined) return `nft: option requires an argument -- '${letter}'\n`;
      take(letter, value);
      break;
    }
  }
  return { flags, file, defines, includes, words };
}

const REFUSED: Readonly<Record<string, string>> = {
  i: "the interactive prompt (-i)",
  j: "JSON (-j)",
  d: "debugging (-d)",
};

class NftTool {
  readonly #proc: Process;
  readonly #kernel: NfTables;
  readonly #names: Names;

  constructor(proc: Process) {
    this.#proc = proc;
    const { net, nf } = netnsOf(proc);
    this.#kernel = nf.tables;
    this.#names = {
      ifindexOf: (name) => net.deviceByName(name)?.ifindex,
      ifnameOf: (index) => net.deviceByIndex(index)?.name,
    };
  }

  *run({ flags, file, defines, includes, words }: Options): Task<number> {
    const proc = this.#proc;
    if (flags.has("h")) return yield* this.#say(USAGE);
    if (flags.has("v")) return yield* this.#say(VERSION);
    if (flags.has("V")) return yield* this.#say(VERSION_EXTENDED);
    for (const [letter, what] of Object.entries(REFUSED))
      if (flags.has(letter)) {
        yield* proc.printError(`nft: ${what} is not emulated\n`);
        return 1;
      }
    const format = this.#format(flags);
    const variables: Map<string, readonly Token[]> = new Map();
    for (const define of defines) {
      const [name, value] = define.split(/=(.*)/s);
      if (value === undefined) {
        yield* proc.printError(`Error: Failed to define variable: ${define}\n`);
        return 1;
      }
      variables.set(name!, tokenize({ name: null, text: value }).slice(0, -1));
    }
    let source: Source;
    if (file !== null) {
      const read = yield* this.#read(file);
      if (typeof read === "string") {
        yield* proc.printError(read);
        return 1;
      }
      source = read;
    } else {
      if (words.length === 0) {
        yield* proc.printError("nft: no command specified\n");
        return 1;
      }
      source = { name: null, text: words.join(" ") };
    }
    const paths = [...includes, DEFAULT_INCLUDE];
    const include = (path: string): string | undefined => {
      if (path.startsWith("/") || path.startsWith("./") || path.startsWith("../")) return readTextFile(proc, path);
      for (const folder of paths) {
        const text = readTextFile(proc, `${folder}/${path}`);
        if (text !== undefined) return text;
      }
      return undefined;
    };
    return yield* this.#execute(parseNft(source, variables, include), format, flags);
  }

  *#say(text: string): Task<number> {
    yield* this.#proc.print(text);
    return 0;
  }

  *#read(file: string): Task<Source | string> {
    if (file === "-") return { name: "/dev/stdin", text: decodeUtf8(yield* this.#proc.readAll()) };
    const text = readTextFile(this.#proc, file);
    if (text === undefined)
      return `internal:0:0-0: Error: Could not open file "${file}": No such file or directory\n\n\n`;
    return { name: file, text };
  }

  #format(flags: ReadonlySet<string>): Format {
    const all = flags.has("n");
    return {
      symbols: all,
      protocols: all || flags.has("p"),
      priorities: all || flags.has("y"),
      services: flags.has("S") && !all,
      users: flags.has("u"),
      handles: flags.has("a"),
      stateless: flags.has("s"),
      terse: flags.has("t"),
      names: this.#names,
      now: this.#kernel.env.net.now,
    };
  }

  *#execute({ cmds, problems }: Parsed, format: Format, flags: ReadonlySet<string>): Task<number> {
    if (problems.length > 0) return yield* this.#tell(problems);
    const transaction = new Transaction(this.#kernel, this.#names, format);
    for (const cmd of cmds) {
      transaction.add(cmd);
      if (transaction.problems.length >= MAX_ERRORS) break;
    }
    if (transaction.problems.length > 0) return yield* this.#tell(transaction.problems);
    const checkOnly = flags.has("c");
    const { pid, name } = this.#proc;
    this.#kernel.monitor.actor = { pid, name };
    if (!transaction.commit(checkOnly)) return yield* this.#tell(transaction.problems);
    if (flags.has("e") && !checkOnly) yield* this.#echo(cmds, format);
    for (const cmd of cmds) {
      try {
        if (cmd.c === "monitor") yield* this.#monitor(cmd, flags);
        else yield* this.#show(cmd, format);
      } catch (error) {
        if (!(error instanceof NftProblem)) throw error;
        return yield* this.#tell([error]);
      }
    }
    return 0;
  }

  /** Never returns where the command is sound. */
  *#monitor({ event, eventLoc, object }: Cmd & { c: "monitor" }, flags: ReadonlySet<string>): Task<void> {
    if (event !== null && event !== "new" && event !== "destroy")
      throw new NftProblem(`invalid event ${event}`, eventLoc);
    const cmd: MonitorCmd = { event: event ?? "any", object: (object ?? "any") as MonitorCmd["object"] };
    yield* nftMonitor(this.#proc, this.#kernel, cmd, () => this.#format(flags));
  }

  *#tell(problems: readonly NftProblem[]): Task<number> {
    const told = problems.filter(({ message }) => message !== "").slice(0, MAX_ERRORS);
    yield* this.#proc.printError(told.map(problemText).join(""));
    return 1;
  }

  /** -e: what has been added, as it would be written. */
  *#echo(cmds: readonly Cmd[], format: Format): Task<void> {
    let text = "";
    for (const cmd of cmds) {
      if (!("h" in cmd) || !["add", "create", "insert", "replace"].includes(cmd.verb)) continue;
      const { h } = cmd;
      const verb = cmd.verb === "create" ? "add" : cmd.verb;
      const table = this.#kernel.tables.get(tableKey(h.family, h.table));
      const handle = (number: number | undefined): string => (format.handles ? ` # handle ${number}` : "");
      if (cmd.c === "table") text += `add table ${h.family} ${h.table}${handle(table?.handle)}\n`;
      else if (cmd.c === "rule") {
        const rules = table?.chains.get(h.name)?.rules ?? [];
        const rule = verb === "insert" ? rules[0] : rules.at(-1);
        if (rule) text += `${verb} rule ${h.family} ${h.table} ${h.name} ${ruleLine(rule, format)}\n`;
      } else if (cmd.c === "chain")
        text += `add chain ${h.family} ${h.table} ${h.name}${handle(table?.chains.get(h.name)?.handle)}\n`;
    }
    yield* this.#proc.print(`${text}# new generation ${this.#kernel.generation} by process ${this.#proc.pid} (nft)\n`);
  }

  *#show(cmd: Cmd, format: Format): Task<void> {
    if (cmd.verb === "get") {
      yield* this.#get(cmd as Cmd & { c: "element" }, format);
      return;
    }
    if ((cmd.verb !== "list" && cmd.verb !== "reset") || cmd.c === "monitor") return;
    if (cmd.c === "ruleset") {
      for (const table of this.#tables(cmd.family)) yield* this.#print(table, SHOW_ALL, format);
      return;
    }
    if (cmd.c === "all") {
      yield* this.#list(cmd, format);
      return;
    }
    const { h } = cmd;
    const table = this.#kernel.tables.get(tableKey(h.family, h.table));
    if (!table) throw new NftProblem("No such file or directory", h.tableLoc);
    const none: Show = {
      sets: () => false,
      chains: () => false,
      objects: () => false,
      declarations: false,
      dense: true,
    };
    if (cmd.c === "table") yield* this.#print(table, SHOW_ALL, format);
    else if (cmd.c === "chain") {
      const chain = table.chains.get(h.name) ?? missing(h);
      yield* this.#print(table, { ...none, chains: (other) => other === chain }, format);
    } else if (cmd.c === "set") {
      const set = table.sets.get(h.name);
      if (!set || (set.spec.dataTypes !== null) !== cmd.isMap) missing(h);
      yield* this.#print(table, { ...none, sets: (other) => other === set }, format);
    } else if (cmd.c === "object") {
      const key = objectKey({ type: cmd.type, name: h.name });
      const object = table.objects.get(key) ?? missing(h);
      yield* this.#print(table, { ...none, objects: (other) => other === object }, format);
      if (cmd.verb === "reset") this.#kernel.commit([{ type: "OBJ_RESET", table: table.key, key }]);
    }
  }

  *#print(table: Table, show: Show, format: Format): Task<void> {
    const warning = warningOf(table, show);
    if (warning !== "") yield* this.#proc.printError(warning);
    yield* this.#proc.print(tableText(table, show, format));
  }

  #tables(family: string | null): Table[] {
    return [...this.#kernel.tables.values()].filter((table) => family === null || table.family === family);
  }

  *#list(cmd: Cmd & { c: "all" }, format: Format): Task<void> {
    const { what, family } = cmd;
    if (what === "tables") {
      for (const table of this.#tables(family)) yield* this.#proc.print(`table ${table.family} ${table.name}\n`);
      return;
    }
    const only = cmd.table === null ? null : this.#kernel.tables.get(tableKey(cmd.table.family, cmd.table.table));
    if (cmd.table !== null && !only) throw new NftProblem("No such file or directory", cmd.table.tableLoc);
    const type = { counters: "counter", quotas: "quota", limits: "limit", "ct helpers": "ct helper" }[what];
    const show: Show = {
      chains: () => what === "chains",
      sets: (set) => (what === "sets" ? set.spec.dataTypes === null : what === "maps" && set.spec.dataTypes !== null),
      objects: (object) => object.type === type,
      declarations: true,
      dense: true,
    };
    for (const table of only ? [only] : this.#tables(family)) yield* this.#proc.print(tableText(table, show, format));
  }

  /** get element: those that are there. */
  *#get({ h, elements, loc }: Cmd & { c: "element" }, format: Format): Task<void> {
    const table = this.#kernel.tables.get(tableKey(h.family, h.table));
    const set = table?.sets.get(h.name) ?? missing(h);
    const values = new ValueReader(this.#names);
    const items = elements.t === "set" ? elements.items : [];
    const found = items.map((item) => {
      const { key } = values.element(item, set.spec.keyTypes, null);
      const element = set.find(
        key.map(({ low }) => low),
        format.now,
      );
      if (!element) throw new NftProblem("Could not process rule: No such file or directory", loc);
      return element;
    });
    yield* this.#proc.print(`table ${h.family} ${h.table} {\n${setText(set, format, found)}}\n`);
  }
}

function missing(h: Handle): never {
  throw new NftProblem("No such file or directory", h.nameLoc);
}
