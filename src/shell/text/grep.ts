// grep, egrep and fgrep: GNU's options and output, POSIX patterns, lines as they come. -P takes JavaScript's regular
// expressions, with \K.

import { NetError } from "../../base/errno.ts";
import type { OpenFile } from "../../posix/file.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { VfsNode } from "../../posix/vfs.ts";
import type { Task } from "../../sim/task.ts";
import {
  errorText,
  fromBinary,
  type Given,
  getopt,
  LineReader,
  openInput,
  readText,
  toBinary,
} from "../coreutils/util.ts";
import { patternRegExp } from "../pattern.ts";
import { breSource, ereSource, RegexError } from "../regex.ts";
import { BlockOutput } from "./output.ts";

type Syntax = "basic" | "extended" | "fixed" | "perl";

interface Settings {
  readonly expression: RegExp;
  readonly invert: boolean;
  readonly count: boolean;
  /** "l": names of files with a match; "L": of those without */
  readonly names: "l" | "L" | undefined;
  readonly quiet: boolean;
  readonly silent: boolean;
  readonly numbers: boolean;
  readonly bytes: boolean;
  readonly only: boolean;
  readonly max: number;
  readonly before: number;
  readonly after: number;
  readonly text: boolean;
  readonly separator: string;
}

const LONG = {
  "extended-regexp": "E",
  "fixed-strings": "F",
  "basic-regexp": "G",
  "perl-regexp": "P",
  regexp: "e",
  file: "f",
  "ignore-case": "i",
  "no-ignore-case": "%nocase",
  "invert-match": "v",
  "word-regexp": "w",
  "line-regexp": "x",
  count: "c",
  color: "%color",
  colour: "%color",
  "files-without-match": "L",
  "files-with-matches": "l",
  "max-count": "m",
  "only-matching": "o",
  quiet: "q",
  silent: "q",
  "no-messages": "s",
  "byte-offset": "b",
  "with-filename": "H",
  "no-filename": "h",
  "line-number": "n",
  null: "Z",
  "after-context": "A",
  "before-context": "B",
  context: "C",
  text: "a",
  "line-buffered": "%line",
  recursive: "r",
  "dereference-recursive": "R",
  include: "%include",
  exclude: "%exclude",
  "exclude-dir": "%excludedir",
  "null-data": "z",
};

function grepAs(syntax: Syntax): Program {
  return (proc) => grep(proc, syntax);
}

function* grep(proc: Process, fallback: Syntax): Task<number> {
  const given = yield* getopt(
    proc,
    {
      short: "EFGPe:f:ivwxcLlm:oqsbHhnZA:B:C:arRzUy",
      long: LONG,
      valued: ["%include", "%exclude", "%excludedir"],
      status: 2,
      terse: true,
    },
    // -5 is -C 5; --color=WHEN takes an optional value
    proc.argv
      .map((word, i) => (i > 0 && /^-\d+$/.test(word) ? `-C${word.slice(1)}` : word))
      .filter((word) => {
        return !/^--colou?r(=(never|auto|no|none|tty))?$/.test(word);
      }),
  );
  const { options, list } = given;
  if (options.has("%color")) return yield* usage(proc, "option --color=always is not supported");
  let syntax = fallback;
  for (const [letter] of list)
    syntax = ({ E: "extended", F: "fixed", G: "basic", P: "perl" } as const)[letter as "E"] ?? syntax;
  const operands = [...given.operands];
  const patterns: string[] = [];
  for (const [letter, value] of list) {
    if (letter === "e") patterns.push(...value.split("\n"));
    else if (letter === "f") {
      try {
        const file = openInput(proc, value);
        const text = fromBinary(yield* readText(file));
        file.release();
        if (text !== "") patterns.push(...text.replace(/\n$/, "").split("\n"));
      } catch (error) {
        return yield* usage(proc, `${value}: ${errorText(error)}`);
      }
    }
  }
  if (!options.has("e") && !options.has("f")) {
    const first = operands.shift();
    if (first === undefined) {
      yield* proc.printError(
        `Usage: ${proc.name} [OPTION]... PATTERNS [FILE]...\nTry '${proc.name} --help' for more information.\n`,
      );
      return 2;
    }
    patterns.push(...first.split("\n"));
  }
  const number = (letter: string): number | undefined => {
    const text = options.get(letter);
    return text === undefined ? undefined : /^\d+$/.test(text) ? Number(text) : Number.NaN;
  };
  const context = number("C");
  const [after, before, max] = [
    number("A") ?? context ?? 0,
    number("B") ?? context ?? 0,
    number("m") ?? Number.POSITIVE_INFINITY,
  ];
  if (Number.isNaN(after) || Number.isNaN(before))
    return yield* usage(
      proc,
      `${options.get("C") ?? options.get("A") ?? options.get("B")}: invalid context length argument`,
    );
  if (Number.isNaN(max)) return yield* usage(proc, "invalid max count");
  let expression: RegExp;
  try {
    expression = compile(patterns, syntax, options);
  } catch (error) {
    if (error instanceof RegexError || error instanceof SyntaxError) return yield* usage(proc, error.message);
    throw error;
  }
  const names = list.filter(([letter]) => letter === "l" || letter === "L").at(-1)?.[0] as "l" | "L" | undefined;
  const settings: Settings = {
    expression,
    invert: options.has("v"),
    count: options.has("c"),
    names,
    quiet: options.has("q"),
    silent: options.has("s"),
    numbers: options.has("n"),
    bytes: options.has("b"),
    only: options.has("o"),
    max,
    before: options.has("o") ? 0 : before,
    after: options.has("o") ? 0 : after,
    text: options.has("a"),
    separator: options.has("z") ? "\0" : "\n",
  };
  return yield* new Search(proc, settings, given).run(operands);
}

function* usage(proc: Process, message: string): Task<number> {
  yield* proc.printError(`${proc.name}: ${message}\n`);
  return 2;
}

function compile(patterns: readonly string[], syntax: Syntax, options: ReadonlyMap<string, string>): RegExp {
  // no pattern at all (an empty -f file) matches nothing
  if (patterns.length === 0) return /(?!)/gu;
  const sources = patterns.map((pattern) => {
    if (syntax === "fixed") return pattern.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    if (syntax === "extended") return ereSource(pattern);
    if (syntax === "perl") return pattern.replace(/^(.*)\\K(.*)$/s, "(?<=$1)$2");
    return breSource(pattern);
  });
  let source = sources.length === 1 ? sources[0]! : sources.map((each) => `(?:${each})`).join("|");
  if (options.has("x")) source = `^(?:${source})$`;
  else if (options.has("w")) source = `(?<![0-9A-Za-z_])(?:${source})(?![0-9A-Za-z_])`;
  const ignore = (options.has("i") || options.has("y")) && !options.has("%nocase");
  try {
    return new RegExp(source, ignore ? "giu" : "gu");
  } catch (error) {
    if (syntax === "perl" && error instanceof SyntaxError) return new RegExp(source, ignore ? "gi" : "g");
    throw error;
  }
}

class Search {
  readonly #proc: Process;
  readonly #settings: Settings;
  readonly #options: ReadonlyMap<string, string>;
  readonly #list: Given["list"];
  readonly #out: BlockOutput;
  #withName = false;
  #matched = false;
  #failed = false;
  /** a group of context was printed before: the next one needs a "--" */
  #printed = false;

  constructor(proc: Process, settings: Settings, given: Given) {
    this.#proc = proc;
    this.#settings = settings;
    this.#options = given.options;
    this.#list = given.list;
    this.#out = new BlockOutput(proc, given.options.has("%line"));
  }

  *run(operands: readonly string[]): Task<number> {
    const recursive = this.#options.has("r") || this.#options.has("R");
    const paths = operands.length > 0 ? operands : recursive ? ["."] : ["-"];
    this.#withName = paths.length > 1 || recursive;
    if (this.#options.has("H")) this.#withName = true;
    if (this.#options.has("h")) this.#withName = false;
    for (const path of paths) {
      yield* this.#path(path, recursive, operands.length === 0 && recursive);
      if (this.#matched && this.#settings.quiet) return 0;
    }
    yield* this.#out.flush();
    if (this.#failed && !(this.#matched && this.#settings.quiet)) return 2;
    return this.#matched ? 0 : 1;
  }

  *#path(path: string, recursive: boolean, bare: boolean): Task<void> {
    const { root } = this.#proc;
    let node: VfsNode | undefined;
    try {
      node = path === "-" ? undefined : root.lookup(this.#proc, path);
    } catch (error) {
      yield* this.#complain(path, errorText(error));
      return;
    }
    if (node && (node.kind === "dir" || node.kind === "syntheticDir")) {
      if (!recursive) {
        yield* this.#complain(path, "Is a directory");
        return;
      }
      for (const name of root.list(this.#proc, path)) {
        const inside = bare ? name : `${path.replace(/\/+$/, "")}/${name}`;
        const child = root.find(this.#proc, inside, true);
        if (!child || (child.kind === "link" && !this.#options.has("R"))) continue;
        if (child.kind === "dir" ? this.#excluded(name, "%excludedir") : this.#skipped(name)) continue;
        yield* this.#path(inside, true, false);
        if (this.#matched && this.#settings.quiet) return;
      }
      return;
    }
    let file: OpenFile;
    try {
      file = openInput(this.#proc, path);
    } catch (error) {
      yield* this.#complain(path, errorText(error));
      return;
    }
    try {
      yield* this.#file(file, path === "-" ? "(standard input)" : path);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      yield* this.#complain(path, errorText(error));
    } finally {
      file.release();
    }
  }

  #excluded(name: string, option: string): boolean {
    return this.#list.some(([letter, glob]) => letter === option && patternRegExp(glob).test(name));
  }

  #skipped(name: string): boolean {
    const included = this.#list.filter(([letter]) => letter === "%include");
    if (included.length > 0 && !included.some(([, glob]) => patternRegExp(glob).test(name))) return true;
    return this.#excluded(name, "%exclude");
  }

  *#complain(path: string, text: string): Task<void> {
    this.#failed = true;
    if (!this.#settings.silent) yield* this.#proc.printError(`${this.#proc.name}: ${path}: ${text}\n`);
  }

  *#file(file: OpenFile, name: string): Task<void> {
    const s = this.#settings;
    const lines = new LineReader(file, s.separator);
    const context: string[] = [];
    let number = 0;
    let offset = 0;
    let hits = 0;
    let trailing = 0;
    let lastShown = 0;
    let binaryFile = false;
    const silent = s.count || s.names !== undefined || s.quiet;
    for (let raw = yield* lines.next(); raw !== null; raw = yield* lines.next()) {
      number++;
      const start = offset;
      offset += raw.length + 1;
      const line = fromBinary(raw);
      if (!s.text && !binaryFile) binaryFile = (s.separator === "\n" && raw.includes("\0")) || line.includes("\ufffd");
      s.expression.lastIndex = 0;
      const hit = s.expression.test(line) !== s.invert;
      if (!hit) {
        if (silent) continue;
        if (trailing > 0) {
          trailing--;
          yield* this.#show(name, number, start, line, "-");
          lastShown = number;
        } else if (s.before > 0) {
          context.push(line);
          if (context.length > s.before) context.shift();
        }
        continue;
      }
      if (hits >= s.max) break;
      hits++;
      this.#matched = true;
      if (s.quiet) return;
      if (s.names) break;
      if (!silent) {
        if (binaryFile) {
          yield* this.#out.flush();
          yield* this.#proc.printError(`${this.#proc.name}: ${name}: binary file matches\n`);
          return;
        }
        const first = number - context.length;
        if ((s.before > 0 || s.after > 0) && this.#printed && (lastShown === 0 || first > lastShown + 1))
          yield* this.#out.add("--\n");
        for (const [i, each] of context.entries()) yield* this.#show(name, first + i, start, each, "-");
        context.length = 0;
        yield* this.#show(name, number, start, line, ":");
        this.#printed = true;
        lastShown = number;
        trailing = s.after;
      }
      if (hits >= s.max && trailing === 0) break;
    }
    const lead = this.#withName ? `${name}${this.#options.has("Z") ? "\0" : ":"}` : "";
    if (s.names) {
      if (hits > 0 === (s.names === "l"))
        yield* this.#out.add(toBinary(`${name}${this.#options.has("Z") ? "\0" : "\n"}`));
    } else if (s.count && !s.quiet) yield* this.#out.add(toBinary(`${lead}${hits}\n`));
  }

  *#show(name: string, number: number, start: number, line: string, mark: ":" | "-"): Task<void> {
    const s = this.#settings;
    const lead = (at: number): string =>
      (this.#withName ? `${name}${this.#options.has("Z") ? "\0" : mark}` : "") +
      (s.numbers ? `${number}${mark}` : "") +
      (s.bytes ? `${start + at}${mark}` : "");
    if (!s.only) {
      yield* this.#out.add(toBinary(`${lead(0)}${line}${s.separator}`));
      return;
    }
    if (s.invert) return;
    s.expression.lastIndex = 0;
    for (const match of line.matchAll(s.expression))
      if (match[0] !== "") yield* this.#out.add(toBinary(`${lead(match.index)}${match[0]}${s.separator}`));
  }
}

export const grepPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["grep", grepAs("basic")],
  ["egrep", grepAs("extended")],
  ["fgrep", grepAs("fixed")],
]);
