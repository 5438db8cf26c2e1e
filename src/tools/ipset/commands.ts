// One command line of ipset 7.17, or all lines of `ipset restore`, on a namespace's sets. Answers to src/ipset.c and
// lib/ipset.c, lib/args.c.

import type { IpSets } from "../../net/netfilter/ip-set.ts";
import { MAX_TIMEOUT, type SetExtensions, type SetOptions } from "../../net/netfilter/ip-set-hash.ts";
import { SET_TYPES, SetError } from "../../net/netfilter/ip-set-types.ts";
import { type HostNames, PLAIN_NAMES } from "../iptables/names.ts";
import { ElementReader, formatElement, parseNumber } from "./element.ts";
import { IpsetError, kernelError, syntaxError, usageError } from "./errors.ts";
import { listSets } from "./list.ts";

export interface IpsetResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface IpsetContext {
  readonly sets: IpSets;
  now(): number;
}

const VERSION = "ipset v7.17";

const COMMANDS: ReadonlyMap<string, string> = new Map(
  (
    [
      ["create", "-N", "n"],
      ["destroy", "-X", "x"],
      ["add", "-A"],
      ["del", "-D"],
      ["test", "-T"],
      ["list", "-L"],
      ["save", "-S"],
      ["restore", "-R"],
      ["flush", "-F"],
      ["rename", "-E", "e"],
      ["swap", "-W", "w"],
      ["help", "-H", "-h"],
      ["version", "-V", "-v"],
    ] as const
  ).flatMap(([name, ...more]) => [name, `--${name}`, ...more].map((word): [string, string] => [word, name])),
);

/** How many words a command must have after it, and may have. */
const OPERANDS: Readonly<Record<string, readonly [number, number]>> = {
  create: [2, 2],
  add: [2, 2],
  del: [2, 2],
  test: [2, 2],
  destroy: [0, 1],
  flush: [0, 1],
  list: [0, 1],
  save: [0, 1],
  rename: [2, 2],
  swap: [2, 2],
  restore: [0, 0],
  help: [0, 1],
  version: [0, 0],
};

/** Types that ipset knows and this kernel has not. */
const UNKNOWN_TYPES = [
  "bitmap:ip",
  "bitmap:ip,mac",
  "bitmap:port",
  "hash:ip,mac",
  "hash:ip,mark",
  "hash:mac",
  "hash:net,net",
  "hash:net,port,net",
  "hash:net,iface",
  "list:set",
];
const OLD_TYPES: ReadonlyMap<string, string> = new Map([
  ["iphash", "hash:ip"],
  ["nethash", "hash:net"],
  ["ipporthash", "hash:ip,port"],
  ["ipportiphash", "hash:ip,port,ip"],
  ["ipportnethash", "hash:ip,port,net"],
]);
const MAX_NAME = 31;
const MAX_COMMENT = 255;
const U32 = 0xffffffff;

/** Options before and after the command (lib/ipset.c: ipset_envopts). */
class Settings {
  exist = false;
  quiet = false;
  sorted = false;
  namesOnly = false;
  terse = false;
  mode: "plain" | "save" | "xml" | undefined;
  file: string | undefined;
}

/** Elements of one set, added or deleted together, as ipset hands them to the kernel. */
interface Batch {
  readonly command: string;
  readonly set: string;
  /** as the first of them says */
  readonly exist: boolean;
  readonly steps: { readonly line: number; readonly run: (exist: boolean) => void }[];
}

/**
 * One run of ipset: `begin` with its words, and where these are `restore` each line of the input, then `finish`. Both may be
 * called again with the same when a name had to be looked up first: nothing has changed by then.
 */
export class IpsetSession {
  readonly #context: IpsetContext;
  #names: HostNames = PLAIN_NAMES;
  #restores = false;
  readonly #settings: Settings = new Settings();
  #stdout = "";
  #stderr = "";
  #status = 0;
  /** line of `restore`; 0 outside */
  #line = 0;
  #batch: Batch | undefined;

  constructor(context: IpsetContext) {
    this.#context = context;
  }

  begin(args: readonly string[], names: HostNames): void {
    this.#names = names;
    this.#attempt(() => this.#command(args));
  }

  /** The command was `restore`, and no line has failed: lines are wanted. */
  get restoring(): boolean {
    return this.#restores && this.#status === 0;
  }

  /** -file: of `restore` where to read, of `list` and `save` where stdout belongs */
  get file(): string | undefined {
    return this.#settings.file;
  }

  /** A line of `restore`'s input. @param number counted from 1 */
  line(number: number, text: string, names: HostNames): void {
    this.#names = names;
    this.#line = number;
    const { exist } = this.#settings;
    const words = restoreWords(text);
    if (words.length > 0 && !words[0]!.startsWith("#")) this.#attempt(() => this.#command(words));
    this.#settings.exist = exist;
  }

  finish(): IpsetResult {
    if (this.#status === 0) this.#attempt(() => this.#flushBatch());
    return { status: this.#status, stdout: this.#stdout, stderr: this.#stderr };
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#complain(error);
    }
  }

  #complain(error: unknown): void {
    if (!(error instanceof IpsetError || error instanceof SetError)) throw error;
    const message = error instanceof SetError ? kernelError(error.code) : error.message;
    const isUsage = error instanceof IpsetError && error.status === 2;
    this.#status = isUsage ? 2 : 1;
    if (this.#settings.quiet) return;
    const where = this.#line > 0 && !isUsage ? `Error in line ${this.#line}: ` : "";
    this.#stderr += `${VERSION}: ${where}${message}\n`;
    if (isUsage) this.#stderr += "Try `ipset help' for more information.\n";
  }

  /** Takes the options out of the words, wherever they stand. */
  #options(args: readonly string[]): string[] {
    const words: string[] = [];
    const settings = this.#settings;
    for (let i = 0; i < args.length; i++) {
      const arg = args[i]!;
      const argument = (): string => args[++i] ?? usageError(`Missing mandatory argument to option ${arg}`);
      switch (arg) {
        case "-!":
        case "-exist":
        case "--exist":
          settings.exist = true;
          break;
        case "-q":
        case "-quiet":
        case "--quiet":
          settings.quiet = true;
          break;
        case "-s":
        case "-sorted":
        case "--sorted":
          settings.sorted = true;
          break;
        case "-n":
        case "-name":
        case "--name":
          settings.namesOnly = true;
          break;
        case "-t":
        case "-terse":
        case "--terse":
          settings.terse = true;
          break;
        case "-o":
        case "-output":
        case "--output": {
          const mode = argument();
          if (mode !== "plain" && mode !== "save" && mode !== "xml") syntaxError(`unknown output mode '${mode}'`);
          settings.mode = mode;
          break;
        }
        case "-f":
        case "-file":
        case "--file":
          settings.file = argument();
          break;
        default:
          words.push(arg);
      }
    }
    return words;
  }

  #command(args: readonly string[]): void {
    const [word, ...rest] = this.#options(args);
    if (word === undefined) usageError("No command specified.");
    const command = COMMANDS.get(word) ?? usageError(`No command specified: unknown argument ${word}`);
    const [least, most] = OPERANDS[command]!;
    if (rest.length < least)
      usageError(`Missing ${rest.length === 0 ? "" : "second "}mandatory argument to command ${command}`);
    if (!["create", "add", "del", "test"].includes(command) && rest.length > most)
      usageError(`Unknown argument ${rest[most]}`);
    if (command !== this.#batch?.command || rest[0] !== this.#batch.set) this.#flushBatch();
    const [first, second] = rest;
    const { sets } = this.#context;
    switch (command) {
      case "create":
        this.#create(first!, second!, rest.slice(2));
        return;
      case "add":
      case "del":
      case "test":
        this.#element(command, first!, second!, rest.slice(2));
        return;
      case "destroy":
        if (first === undefined) sets.destroyAll();
        else sets.destroy(first);
        return;
      case "flush":
        for (const set of first === undefined ? sets.all : [sets.find(first)]) set.flush();
        return;
      case "list":
      case "save":
        this.#list(command, first);
        return;
      case "rename":
        checkName(second!);
        sets.rename(first!, second!);
        return;
      case "swap":
        sets.swap(first!, second!);
        return;
      case "restore":
        if (this.#line > 0) usageError("Command `restore' is invalid in restore mode");
        this.#restores = true;
        return;
      case "version":
        this.#stdout += `${VERSION}, protocol version: 7\n`;
        return;
      default:
        throw new IpsetError("help: the texts on commands are not available here");
    }
  }

  #create(name: string, typeName: string, words: readonly string[]): void {
    checkName(name);
    const known = OLD_TYPES.get(typeName) ?? typeName;
    const type = SET_TYPES.get(known);
    if (!type) {
      if (UNKNOWN_TYPES.includes(known)) throw new SetError("TYPE");
      syntaxError(`typename '${typeName}' is unknown`);
    }
    const options: { -readonly [K in keyof SetOptions]?: SetOptions[K] } = {};
    const reader = new OptionReader(words);
    for (const option of reader) {
      switch (option) {
        case "family": {
          const family = reader.value();
          if (family === "inet6" || family === "-6")
            throw new IpsetError("Kernel error received: IPv6 is not supported");
          if (family !== "inet" && family !== "-4") syntaxError(`unknown inet family ${family}`);
          break;
        }
        case "hashsize":
        case "maxelem":
        case "initval":
          options[option] = reader.number(0, U32);
          break;
        case "bucketsize": {
          const size = reader.number(1, 255);
          options.bucketsize = Math.min(Math.max(2, size - (size % 2)), 12);
          break;
        }
        case "timeout":
          options.timeout = reader.number(0, MAX_TIMEOUT);
          break;
        case "netmask":
          if (!type.hasNetmask) reader.unknown();
          options.netmask = reader.netmask();
          break;
        case "counters":
        case "comment":
        case "forceadd":
          options[option] = true;
          break;
        case "skbinfo":
          throw new IpsetError("Kernel error received: skbinfo is not supported");
        default:
          reader.unknown();
      }
    }
    this.#context.sets.create(name, known, options, this.#settings.exist);
  }

  #element(command: "add" | "del" | "test", name: string, text: string, words: readonly string[]): void {
    const set = this.#context.sets.find(name);
    const elements = new ElementReader(set.type, set.options.netmask, this.#names).read(text);
    const { exist } = this.#settings;
    const extensions = this.#extensions(command, set.type.netAt >= 0, words);
    if (command === "test") {
      const [element] = elements;
      const [asked] = new ElementReader(set.type, 32, this.#names).read(text);
      const shown = formatElement(set.type, asked!);
      const entry = set.lookup({ ...element! });
      const isIn = entry !== undefined && entry.nomatch === (extensions.nomatch ?? false);
      if (!this.#settings.quiet)
        this.#stderr += isIn ? `Warning: ${shown} is in set ${name}.\n` : `${shown} is NOT in set ${name}.\n`;
      if (!isIn) this.#status = 1;
      return;
    }
    const run = (exist: boolean): void => {
      for (const element of elements)
        if (command === "add") set.add(element, extensions, exist);
        else deleteElement(() => set.delete(element, exist));
    };
    if (this.#line === 0) {
      run(exist);
      return;
    }
    this.#batch ??= { command, set: name, exist, steps: [] };
    this.#batch.steps.push({ line: this.#line, run });
  }

  #extensions(command: string, isNet: boolean, words: readonly string[]): SetExtensions {
    const extensions: SetExtensions = {};
    const reader = new OptionReader(words);
    for (const option of reader) {
      if (option === "nomatch" && isNet) extensions.nomatch = true;
      else if (command !== "add") reader.unknown();
      else if (option === "timeout") extensions.timeout = reader.number(0, MAX_TIMEOUT);
      else if (option === "packets" || option === "bytes") extensions[option] = reader.number(0, 2 ** 64);
      else if (option === "comment") {
        const comment = reader.value();
        if (comment.includes('"')) syntaxError('" character is not permitted in comments');
        if (comment.length > MAX_COMMENT)
          syntaxError(`Comment is longer than the maximum allowed ${MAX_COMMENT} characters`);
        extensions.comment = comment;
      } else if (option === "skbmark" || option === "skbprio" || option === "skbqueue")
        throw new IpsetError("Kernel error received: skbinfo is not supported");
      else reader.unknown();
    }
    return extensions;
  }

  #list(command: "list" | "save", name: string | undefined): void {
    const { sets } = this.#context;
    const { sorted, namesOnly, terse } = this.#settings;
    const shown = name === undefined ? sets.all : [sets.find(name)];
    const mode = this.#settings.mode ?? (command === "save" ? "save" : "plain");
    this.#stdout += listSets(shown, { mode, sorted, namesOnly, terse, now: this.#context.now() });
  }

  #flushBatch(): void {
    const batch = this.#batch;
    this.#batch = undefined;
    const line = this.#line;
    for (const step of batch?.steps ?? []) {
      this.#line = step.line;
      step.run(batch!.exist);
    }
    this.#line = line;
  }
}

function checkName(name: string): void {
  if (name.length > MAX_NAME) syntaxError(`setname '${name}' is longer than ${MAX_NAME} characters`);
}

/** A missing element has a sentence of its own when it was to be deleted. */
function deleteElement(run: () => void): void {
  try {
    run();
  } catch (error) {
    throw error instanceof SetError && error.code === "EXIST" ? new SetError("MISSING") : error;
  }
}

/** Words of a line; double quotes keep blanks. */
function restoreWords(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

/** Options of a set or an element with their values. */
class OptionReader implements Iterable<string> {
  readonly #words: readonly string[];
  readonly #seen: Set<string> = new Set();
  #at = 0;
  #option = "";

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  *[Symbol.iterator](): Generator<string> {
    while (this.#at < this.#words.length) {
      this.#option = this.#words[this.#at++]!.replace(/^--/, "");
      yield this.#option;
    }
  }

  unknown(): never {
    usageError(`Unknown argument: \`${this.#option}'`);
  }

  value(): string {
    const value = this.#words[this.#at++] ?? usageError(`Missing mandatory argument of option \`${this.#option}'`);
    if (this.#seen.has(this.#option)) syntaxError(`${this.#option} already specified`);
    this.#seen.add(this.#option);
    return value;
  }

  number(min: number, max: number): number {
    return parseNumber(this.value(), min, max);
  }

  netmask(): number {
    try {
      return this.number(1, 32);
    } catch (error) {
      if (!(error instanceof IpsetError)) throw error;
      throw new IpsetError(`${error.message}\nSyntax error: netmask is out of the inclusive range of 1-32`);
    }
  }
}
