// ls, stat, readlink, realpath, find: programs that show what is in the file system, in GNU's forms.

import { NetError, strerror } from "../../base/errno.ts";
import type { Process, Program } from "../../posix/process.ts";
import { joinPath, type VfsNode } from "../../posix/vfs.ts";
import type { Task } from "../../sim/task.ts";
import { runCommand } from "../exec.ts";
import { patternRegExp } from "../pattern.ts";
import { calendar, strftime } from "../strftime.ts";
import { nodeSize } from "../test.ts";
import { complain, errorText, getopt, quoted, usageError } from "./util.ts";

/** The letter of ls -l for a node: d, l, c or -. */
function typeLetter(node: VfsNode): string {
  switch (node.kind) {
    case "dir":
    case "syntheticDir":
      return "d";
    case "link":
    case "namespace":
      return "l";
    case "device":
      return "c";
    default:
      return "-";
  }
}

/** "drwxr-xr-x" */
export function modeText(node: VfsNode): string {
  const mode = node.kind === "link" || node.kind === "namespace" ? 0o777 : node.mode;
  let out = typeLetter(node);
  for (let i = 8; i >= 0; i--) out += (mode >> i) & 1 ? "rwx"[(8 - i) % 3] : "-";
  if (mode & 0o1000) out = out.slice(0, 9) + (mode & 1 ? "t" : "T");
  return out;
}

/** What a link or a reference to a namespace points to. */
export function linkTarget(node: VfsNode): string | undefined {
  if (node.kind === "link") return node.target;
  if (node.kind === "namespace") return `${node.type}:[${node.inode}]`;
  return undefined;
}

/** Wall clock of a node's last change, nanoseconds since 1970. */
export function wallTime(proc: Process, node: VfsNode): bigint {
  return proc.machine.epochNs + BigInt(Math.round(node.mtimeNs));
}

function linkCount(node: VfsNode): number {
  if (node.kind === "dir") {
    let count = 2;
    for (const child of node.children.values()) if (child.kind === "dir") count++;
    return count;
  }
  if (node.kind === "syntheticDir") return 2;
  return node.kind === "file" ? 1 + (node.links ?? 0) : 1;
}

/** Kibibytes on disk, as `total` counts them. */
function blocks(node: VfsNode): number {
  if (node.kind === "dir") return 4;
  if (node.kind === "file" || node.kind === "program") return Math.ceil(nodeSize(node) / 4096) * 4;
  return 0;
}

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly node: VfsNode;
}

function find(proc: Process, path: string, noFollow: boolean): VfsNode {
  return proc.root.lookup(proc, path, noFollow);
}

function* ls(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "1aAcCdFghiklLnopqrRsStuUX",
    long: {
      all: "a",
      "almost-all": "A",
      directory: "d",
      classify: "F",
      "human-readable": "h",
      inode: "i",
      dereference: "L",
      "numeric-uid-gid": "n",
      reverse: "r",
      recursive: "R",
      size: "s",
      color: "%color",
      "group-directories-first": "%group",
      "full-time": "%full",
      "time-style": "%style",
    },
    valued: ["%style"],
    status: 2,
  });
  for (const letter of ["c", "k", "q", "u", "X"])
    if (options.has(letter)) return yield* complain(proc, `option -${letter} is not supported`, 2);
  let status = 0;
  const files: Entry[] = [];
  const folders: Entry[] = [];
  for (const path of operands.length > 0 ? operands : ["."]) {
    let node: VfsNode;
    try {
      const long = options.has("l") || options.has("d") || options.has("F");
      node = find(proc, path, !options.has("L") && long);
      // a link to a folder is opened unless -l or -d asks about the link itself; with a slash it is always
      if (node.kind === "link" && !options.has("d") && (path.endsWith("/") || !long)) node = find(proc, path, false);
    } catch (error) {
      yield* proc.printError(`ls: cannot access ${quoted(path)}: ${errorText(error)}\n`);
      status = 2;
      continue;
    }
    const isFolder = node.kind === "dir" || node.kind === "syntheticDir";
    (isFolder && !options.has("d") ? folders : files).push({ name: path, path, node });
  }
  order(options, files);
  order(options, folders);
  if (files.length > 0) yield* proc.print(format(proc, options, files, false, [...files, ...folders]));
  const headers = operands.length > 1 || options.has("R");
  let first = files.length === 0;
  for (const folder of folders) {
    if (!first) yield* proc.print("\n");
    first = false;
    if (headers) yield* proc.print(`${folder.name}:\n`);
    const worst = yield* showFolder(proc, options, folder);
    status = Math.max(status, worst);
  }
  return status;
}

function* showFolder(proc: Process, options: ReadonlyMap<string, string>, folder: Entry): Task<number> {
  let names: string[];
  try {
    names = proc.root.list(proc, folder.path);
  } catch (error) {
    yield* proc.printError(`ls: cannot open directory ${quoted(folder.name)}: ${errorText(error)}\n`);
    return 2;
  }
  if (!options.has("a") && !options.has("A")) names = names.filter((name) => !name.startsWith("."));
  if (options.has("a")) names.unshift(".", "..");
  const entries: Entry[] = [];
  for (const name of names) {
    const path = joinPath(joinPath(proc.cwd, folder.path), name);
    try {
      entries.push({ name, path, node: find(proc, path, !options.has("L")) });
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
    }
  }
  order(options, entries);
  yield* proc.print(format(proc, options, entries, true));
  let status = 0;
  if (options.has("R"))
    for (const entry of entries) {
      if (entry.node.kind !== "dir" || entry.name === "." || entry.name === "..") continue;
      const name = `${folder.name.replace(/\/$/, "")}/${entry.name}`;
      yield* proc.print(`\n${name}:\n`);
      status = Math.max(status, yield* showFolder(proc, options, { ...entry, name }));
    }
  return status;
}

function order(options: ReadonlyMap<string, string>, entries: Entry[]): void {
  if (options.has("U")) return;
  const byName = (a: Entry, b: Entry): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  entries.sort((a, b) => {
    if (options.has("t")) return b.node.mtimeNs - a.node.mtimeNs || byName(a, b);
    if (options.has("S")) return nodeSize(b.node) - nodeSize(a.node) || byName(a, b);
    return byName(a, b);
  });
  if (options.has("r")) entries.reverse();
  if (options.has("%group")) entries.sort((a, b) => Number(b.node.kind === "dir") - Number(a.node.kind === "dir"));
}

/** 1536 → "1.5K" */
export function humanSize(bytes: number): string {
  if (bytes < 1024) return String(bytes);
  let value = bytes;
  let unit = -1;
  while (value >= 1024) {
    value /= 1024;
    unit++;
  }
  const shown = value < 10 ? (Math.ceil(value * 10) / 10).toFixed(1) : String(Math.ceil(value));
  return `${shown}${"KMGTP"[unit]}`;
}

function suffix(options: ReadonlyMap<string, string>, node: VfsNode): string {
  const folder = node.kind === "dir" || node.kind === "syntheticDir";
  if (!options.has("F")) return options.has("p") && folder ? "/" : "";
  if (folder) return "/";
  if (node.kind === "link") return options.has("l") ? "" : "@";
  if (node.kind === "program" || (node.kind === "file" && node.mode & 0o111)) return "*";
  return "";
}

/** @param measured what the columns must be wide enough for: all operands, even folders that are listed later */
function format(
  proc: Process,
  options: ReadonlyMap<string, string>,
  entries: readonly Entry[],
  total: boolean,
  measured: readonly Entry[] = entries,
): string {
  const long = options.has("l") || options.has("n") || options.has("g") || options.has("o") || options.has("%full");
  const inode = (entry: Entry): string => (options.has("i") ? `${proc.root.inode(entry.node)} ` : "");
  const lead = (entry: Entry): string => inode(entry) + (options.has("s") ? `${blocks(entry.node)} ` : "");
  const sum = entries.reduce((n, entry) => n + blocks(entry.node), 0);
  const head =
    total && (long || options.has("s"))
      ? `total ${options.has("h") ? humanSize(sum * 1024).replace(/^0$/, "0") : sum}\n`
      : "";
  if (!long) {
    const names = entries.map((entry) => lead(entry) + entry.name + suffix(options, entry.node));
    const columns = options.has("C") || (proc.fds.get(1)?.isTty === true && !options.has("1"));
    return head + (columns ? inColumns(names) : names.map((name) => `${name}\n`).join(""));
  }
  const now = proc.machine.wallClockNs();
  const owner = options.has("n") ? "0" : "root";
  const row = (entry: Entry) => {
    const { node } = entry;
    const size =
      node.kind === "device" ? "1, 3" : options.has("h") ? humanSize(nodeSize(node)) : String(nodeSize(node));
    const target = linkTarget(node);
    return {
      lead: lead(entry),
      mode: modeText(node),
      links: String(linkCount(node)),
      size,
      date: dateColumn(options, wallTime(proc, node), now),
      name: entry.name + suffix(options, node) + (target === undefined ? "" : ` -> ${target}`),
    };
  };
  const all = measured.map(row);
  const width = (pick: (each: ReturnType<typeof row>) => string): number =>
    Math.max(0, ...all.map((each) => pick(each).length));
  const links = width((each) => each.links);
  const size = width((each) => each.size);
  const leadWidth = width((each) => each.lead);
  const owners = (options.has("g") ? "" : `${owner} `) + (options.has("o") ? "" : `${owner} `);
  return (
    head +
    entries
      .map(row)
      .map(
        (each) =>
          `${each.lead.padStart(leadWidth)}${each.mode} ${each.links.padStart(links)} ${owners}${each.size.padStart(size)} ${each.date} ${each.name}\n`,
      )
      .join("")
  );
}

const HALF_YEAR_NS = 15778476n * 1_000_000_000n;

function dateColumn(options: ReadonlyMap<string, string>, time: bigint, now: bigint): string {
  const style = options.get("%style");
  if (options.has("%full") || style === "full-iso") return strftime("%Y-%m-%d %H:%M:%S.%N %z", time);
  if (style === "long-iso") return strftime("%Y-%m-%d %H:%M", time);
  if (style?.startsWith("+")) return strftime(style.slice(1), time);
  const recent = time > now - HALF_YEAR_NS && time <= now;
  return strftime(recent ? "%b %e %H:%M" : "%b %e  %Y", time);
}

/** As on a terminal of 80 columns: down, then across. */
function inColumns(names: readonly string[]): string {
  if (names.length === 0) return "";
  for (let rows = 1; rows <= names.length; rows++) {
    const columns = Math.ceil(names.length / rows);
    const widths: number[] = [];
    for (let c = 0; c < columns; c++)
      widths.push(
        Math.max(...names.slice(c * rows, (c + 1) * rows).map((name) => name.length)) + (c < columns - 1 ? 2 : 0),
      );
    if (widths.reduce((a, b) => a + b, 0) > 80 && rows < names.length) continue;
    let out = "";
    for (let r = 0; r < rows; r++) {
      let line = "";
      for (let c = 0; c < columns; c++) {
        const name = names[c * rows + r];
        if (name === undefined) continue;
        line += names[(c + 1) * rows + r] === undefined ? name : name.padEnd(widths[c]!);
      }
      out += `${line}\n`;
    }
    return out;
  }
  return "";
}

function typeName(node: VfsNode): string {
  switch (typeLetter(node)) {
    case "d":
      return "directory";
    case "l":
      return "symbolic link";
    case "c":
      return "character special file";
  }
  return nodeSize(node) === 0 ? "regular empty file" : "regular file";
}

function* stat(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "c:fLt",
    long: { format: "c", printf: "%printf", dereference: "L", "file-system": "f", terse: "t" },
    valued: ["%printf"],
  });
  if (options.has("f") || options.has("t")) return yield* complain(proc, "only -c, --printf and -L are supported");
  if (operands.length === 0) return yield* usageError(proc, "missing operand");
  let status = 0;
  for (const path of operands) {
    let node: VfsNode;
    try {
      node = find(proc, path, !options.has("L"));
    } catch (error) {
      status = yield* complain(proc, `cannot statx ${quoted(path)}: ${errorText(error)}`);
      continue;
    }
    const escapes = (text: string): string => text.replace(/\\n/g, "\n").replace(/\\t/g, "\t");
    const custom = options.get("c");
    const print = options.get("%printf");
    if (custom !== undefined) yield* proc.print(`${statFormat(proc, custom, path, node)}\n`);
    else if (print !== undefined) yield* proc.print(statFormat(proc, escapes(print), path, node));
    else yield* proc.print(statFormat(proc, STAT_DEFAULT, path, node));
  }
  return status;
}

const STAT_DEFAULT = `  File: %N
  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F
Device: 0,40\tInode: %-11i Links: %h
Access: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)
Access: %x
Modify: %y
Change: %z
 Birth: -
`;

function statFormat(proc: Process, format: string, path: string, node: VfsNode): string {
  const time = wallTime(proc, node);
  const human = strftime("%Y-%m-%d %H:%M:%S.%N %z", time);
  const target = linkTarget(node);
  const octal = (target !== undefined ? 0o777 : node.mode).toString(8);
  return format.replace(
    /%(-?)(0?)(\d*)(?:\.\d+)?([A-Za-z%])/g,
    (all, left: string, zero: string, width: string, letter: string) => {
      const text = new Map([
        ["%", "%"],
        ["a", octal],
        ["A", modeText(node)],
        ["b", String(blocks(node) * 2)],
        ["B", "512"],
        ["d", "40"],
        [
          "f",
          (
            (typeLetter(node) === "d"
              ? 0o40000
              : target !== undefined
                ? 0o120000
                : typeLetter(node) === "c"
                  ? 0o20000
                  : 0o100000) | Number.parseInt(octal, 8)
          ).toString(16),
        ],
        ["F", typeName(node)],
        ["g", "0"],
        ["G", "root"],
        ["h", String(linkCount(node))],
        ["i", String(proc.root.inode(node))],
        ["m", "/"],
        ["n", path],
        ["N", target === undefined ? path : `${path} -> ${target}`],
        ["o", "4096"],
        ["s", String(nodeSize(node))],
        ["u", "0"],
        ["U", "root"],
        ["x", human],
        ["y", human],
        ["z", human],
        ["X", String(calendar(time).epochSeconds)],
        ["Y", String(calendar(time).epochSeconds)],
        ["Z", String(calendar(time).epochSeconds)],
        ["w", "-"],
        ["W", "0"],
      ]).get(letter);
      if (text === undefined) return all;
      if (width === "") return text;
      return left ? text.padEnd(Number(width)) : text.padStart(Number(width), zero ? "0" : " ");
    },
  );
}

function* readlink(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "efmnqsvz",
    long: {
      canonicalize: "f",
      "canonicalize-existing": "e",
      "canonicalize-missing": "m",
      "no-newline": "n",
      quiet: "q",
      silent: "s",
      verbose: "v",
      zero: "z",
    },
  });
  if (operands.length === 0) return yield* usageError(proc, "missing operand");
  let status = 0;
  for (const path of operands) {
    const end = options.has("n") && operands.length === 1 ? "" : options.has("z") ? "\0" : "\n";
    try {
      let text: string | undefined;
      if (options.has("f") || options.has("e") || options.has("m"))
        text = canonical(proc, path, options.has("e") ? "existing" : options.has("m") ? "missing" : "parent");
      else text = linkTarget(find(proc, path, true));
      if (text === undefined) throw new NetError(22);
      yield* proc.print(text + end);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      status = 1;
      if (options.has("v")) yield* complain(proc, `${path}: ${strerror(error.errno)}`);
    }
  }
  return status;
}

/** The path with every link followed. Throws NetError ENOENT when a part that must exist does not. */
function canonical(proc: Process, path: string, need: "existing" | "parent" | "missing"): string {
  const full = proc.root.realPath(proc, path);
  if (need === "existing") proc.root.lookup(proc, full);
  if (need === "parent") {
    const parent = proc.root.lookup(proc, joinPath(full, ".."));
    if (parent.kind !== "dir" && parent.kind !== "syntheticDir") throw new NetError(20);
  }
  return full;
}

function* realpath(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "emqsz",
    long: {
      "canonicalize-existing": "e",
      "canonicalize-missing": "m",
      quiet: "q",
      strip: "s",
      "no-symlinks": "s",
      zero: "z",
    },
  });
  if (operands.length === 0) return yield* usageError(proc, "missing operand");
  let status = 0;
  for (const path of operands) {
    try {
      const text = options.has("s")
        ? joinPath(proc.cwd, path)
        : canonical(proc, path, options.has("e") ? "existing" : options.has("m") ? "missing" : "parent");
      yield* proc.print(`${text}${options.has("z") ? "\0" : "\n"}`);
    } catch (error) {
      status = 1;
      const text = errorText(error);
      if (!options.has("q")) yield* complain(proc, `${path}: ${text}`);
    }
  }
  return status;
}

/** One step of a find expression. */
type Test = (path: string, node: VfsNode) => Task<boolean>;

function* findProgram(proc: Process): Task<number> {
  const words = proc.argv.slice(1);
  const starts: string[] = [];
  while (words.length > 0 && !/^[-(!]/.test(words[0]!)) starts.push(words.shift()!);
  const parser = new FindParser(proc, words);
  let test: Test;
  try {
    test = parser.parse();
  } catch (error) {
    if (!(error instanceof FindError)) throw error;
    return yield* complain(proc, error.message);
  }
  let status = 0;
  const walk = function* (path: string, depth: number): Task<void> {
    let node: VfsNode;
    try {
      node = proc.root.lookup(proc, path, true);
    } catch (error) {
      status = yield* complain(
        proc,
        `${quoted(path).replace(/^'|'$/g, (q, at: number) => (at === 0 ? "‘" : q === "'" ? "’" : q))}: ${errorText(error)}`,
      );
      return;
    }
    const shown = depth >= parser.minDepth;
    parser.pruned = false;
    if (shown && !parser.depthFirst) yield* test(path, node);
    if ((node.kind === "dir" || node.kind === "syntheticDir") && depth < parser.maxDepth && !parser.pruned)
      for (const name of proc.root.list(proc, path)) yield* walk(`${path.replace(/\/$/, "")}/${name}`, depth + 1);
    if (shown && parser.depthFirst) yield* test(path, node);
  };
  for (const start of starts.length > 0 ? starts : ["."]) yield* walk(start, 0);
  return status;
}

class FindError extends Error {
  override readonly name: string = "FindError";
}

class FindParser {
  maxDepth = Number.POSITIVE_INFINITY;
  minDepth = 0;
  depthFirst = false;
  pruned = false;
  readonly #proc: Process;
  readonly #words: string[];
  #acted = false;

  constructor(proc: Process, words: string[]) {
    this.#proc = proc;
    this.#words = words;
  }

  parse(): Test {
    const test =
      this.#words.length > 0
        ? this.#or()
        : function* (): Task<boolean> {
            return true;
          };
    if (this.#words.length > 0) throw new FindError(`paths must precede expression: \`${this.#words[0]}'`);
    if (this.#acted) return test;
    const proc = this.#proc;
    return function* (path, node) {
      if (yield* test(path, node)) yield* proc.print(`${path}\n`);
      return true;
    };
  }

  #or(): Test {
    const left = this.#and();
    if (this.#words[0] !== "-o" && this.#words[0] !== "-or") return left;
    this.#words.shift();
    const right = this.#or();
    return function* (path, node) {
      return (yield* left(path, node)) || (yield* right(path, node));
    };
  }

  #and(): Test {
    let left = this.#primary();
    for (;;) {
      const word = this.#words[0];
      if (word === undefined || word === "-o" || word === "-or" || word === ")") return left;
      if (word === "-a" || word === "-and") this.#words.shift();
      const before = left;
      const right = this.#primary();
      left = function* (path, node) {
        return (yield* before(path, node)) && (yield* right(path, node));
      };
    }
  }

  #value(word: string): string {
    const value = this.#words.shift();
    if (value === undefined) throw new FindError(`missing argument to \`${word}'`);
    return value;
  }

  #primary(): Test {
    const proc = this.#proc;
    const word = this.#words.shift();
    if (word === undefined) throw new FindError("expected an expression");
    if (word === "!" || word === "-not") {
      const inner = this.#primary();
      return function* (path, node) {
        return !(yield* inner(path, node));
      };
    }
    if (word === "(") {
      const inner = this.#or();
      if (this.#words.shift() !== ")")
        throw new FindError("invalid expression; I was expecting to find a ')' somewhere but did not see one.");
      return inner;
    }
    const simple = (test: (path: string, node: VfsNode) => boolean): Test =>
      function* (path, node) {
        return test(path, node);
      };
    switch (word) {
      case "-maxdepth":
        this.maxDepth = Number(this.#value(word));
        return simple(() => true);
      case "-mindepth":
        this.minDepth = Number(this.#value(word));
        return simple(() => true);
      case "-depth":
        this.depthFirst = true;
        return simple(() => true);
      case "-name":
      case "-iname":
      case "-path":
      case "-wholename": {
        const expression = patternRegExp(this.#value(word), { ignoreCase: word === "-iname" });
        const whole = word === "-path" || word === "-wholename";
        return simple((path) => expression.test(whole ? path : path.replace(/\/+$/, "").split("/").at(-1) || path));
      }
      case "-type": {
        const letters = this.#value(word).split(",");
        return simple((_path, node) => letters.includes(typeLetter(node) === "-" ? "f" : typeLetter(node)));
      }
      case "-empty":
        return simple((_path, node) =>
          node.kind === "dir" ? node.children.size === 0 : node.kind === "file" && node.size === 0,
        );
      case "-newer": {
        const other = proc.root.lookup(proc, this.#value(word));
        return simple((_path, node) => node.mtimeNs > other.mtimeNs);
      }
      case "-size": {
        const match = /^([+-]?)(\d+)([cwbkMG]?)$/.exec(this.#value(word));
        if (!match) throw new FindError("invalid argument to -size");
        const unit = { c: 1, w: 2, b: 512, k: 1024, M: 1048576, G: 1073741824 }[match[3] || "b"]!;
        return simple((_path, node) => {
          const units = Math.ceil(nodeSize(node) / unit);
          const wanted = Number(match[2]);
          return match[1] === "+" ? units > wanted : match[1] === "-" ? units < wanted : units === wanted;
        });
      }
      case "-true":
        return simple(() => true);
      case "-false":
        return simple(() => false);
      case "-prune":
        return simple(() => {
          this.pruned = true;
          return true;
        });
      case "-print":
      case "-print0":
        this.#acted = true;
        return function* (path) {
          yield* proc.print(path + (word === "-print" ? "\n" : "\0"));
          return true;
        };
      case "-delete":
        this.#acted = true;
        this.depthFirst = true;
        return function* (path, node) {
          try {
            proc.root.remove(proc, path, { directory: node.kind === "dir" });
          } catch (error) {
            yield* complain(proc, `cannot delete ${quoted(path)}: ${errorText(error)}`);
            return false;
          }
          return true;
        };
      case "-exec": {
        this.#acted = true;
        const end = this.#words.indexOf(";");
        if (end < 0) throw new FindError("missing argument to `-exec'");
        const command = this.#words.splice(0, end + 1).slice(0, -1);
        return function* (path) {
          const argv = command.map((part) => part.replaceAll("{}", path));
          return (yield* runCommand(proc, argv)).status === 0;
        };
      }
    }
    throw new FindError(`unknown predicate \`${word}'`);
  }
}

export const listingPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["ls", ls],
  ["stat", stat],
  ["readlink", readlink],
  ["realpath", realpath],
  ["find", findProgram],
]);
