// Programs that pass bytes along: cat, head, tail, tee, wc, tac, rev, nl, yes, tr, dd.

import { NetError } from "../../base/errno.ts";
import { MSEC } from "../../base/time.ts";
import type { OpenFile } from "../../posix/file.ts";
import type { Process, Program } from "../../posix/process.ts";
import { RegularFile } from "../../posix/vfs.ts";
import type { Task } from "../../sim/task.ts";
import {
  binary,
  complain,
  eachInput,
  errorText,
  getopt,
  LineReader,
  openInput,
  parseSize,
  printBinary,
  quoted,
  readText,
  usageError,
} from "./util.ts";

function* cat(proc: Process): Task<number> {
  const { list, operands } = yield* getopt(proc, {
    short: "AbeEnstTuv",
    long: {
      "show-all": "A",
      "number-nonblank": "b",
      "show-ends": "E",
      number: "n",
      "squeeze-blank": "s",
      "show-tabs": "T",
      "show-nonprinting": "v",
    },
  });
  const on = new Set<string>();
  for (const [letter] of list) for (const each of { A: "vET", e: "vE", t: "vT" }[letter] ?? letter) on.add(each);
  on.delete("u");
  if (on.size === 0)
    return yield* eachInput(proc, operands, function* (file) {
      for (;;) {
        const part = yield* file.read(65536);
        if (part === null) break;
        yield* proc.printBytes(part);
      }
    });
  let number = 0;
  let blank = false;
  let atStart = true;
  return yield* eachInput(proc, operands, function* (file) {
    const lines = new LineReader(file);
    for (;;) {
      const line = yield* lines.next();
      if (line === null) break;
      const empty = line === "" && lines.terminated;
      if (on.has("s") && empty && blank) continue;
      blank = empty;
      let out = "";
      if (atStart && (on.has("b") ? !empty : on.has("n"))) out += `${String(++number).padStart(6)}\t`;
      out += on.has("v") ? visible(line) : line;
      if (on.has("T")) out = out.replace(/\t/g, (tab, at: number) => (at === 6 && number > 0 && atStart ? tab : "^I"));
      if (lines.terminated) out += on.has("E") ? "$\n" : "\n";
      atStart = lines.terminated;
      yield* printBinary(proc, out);
    }
  });
}

function visible(line: string): string {
  let out = "";
  for (let i = 0; i < line.length; i++) {
    let code = line.charCodeAt(i);
    if (code >= 128) {
      out += "M-";
      code -= 128;
      if (code === 9 || code === 10) {
        out += `^${String.fromCharCode(code + 64)}`;
        continue;
      }
    }
    if (code === 9) out += "\t";
    else if (code < 32) out += `^${String.fromCharCode(code + 64)}`;
    else if (code === 127) out += "^?";
    else out += String.fromCharCode(code);
  }
  return out;
}

const CANNOT_OPEN = {
  message: (path: string, text: string): string => `cannot open ${quoted(path)} for reading: ${text}`,
};

/** "-5" as the old form of -n 5. */
function oldCount(argv: readonly string[]): string[] {
  return argv.map((word, i) => {
    const value = i > 1 && /^-[ncs]$/.test(argv[i - 1]!);
    return i > 0 && !value && /^-\d+$/.test(word) ? `-n${word.slice(1)}` : word;
  });
}

function* head(proc: Process): Task<number> {
  const { options, operands, list } = yield* getopt(
    proc,
    {
      short: "c:n:qvz",
      long: { bytes: "c", lines: "n", quiet: "q", silent: "q", verbose: "v", "zero-terminated": "z" },
    },
    oldCount(proc.argv),
  );
  const last = list.filter(([letter]) => letter === "c" || letter === "n").at(-1);
  const byBytes = last?.[0] === "c";
  const text = last?.[1] ?? "10";
  const fromEnd = text.startsWith("-");
  const count = parseSize(text.replace(/^[-+]/, ""));
  if (count === undefined)
    return yield* complain(proc, `invalid number of ${byBytes ? "bytes" : "lines"}: ${curly(text)}`);
  const headers = options.has("v") || (operands.length > 1 && !options.has("q"));
  let first = true;
  const separator = options.has("z") ? "\0" : "\n";
  return yield* eachInput(
    proc,
    operands,
    function* (file, path) {
      if (headers) yield* proc.print(`${first ? "" : "\n"}==> ${path === "-" ? "standard input" : path} <==\n`);
      first = false;
      if (fromEnd) {
        const all = yield* readText(file);
        yield* printBinary(
          proc,
          byBytes ? all.slice(0, Math.max(0, all.length - count)) : dropLast(all, count, separator),
        );
        return;
      }
      let left = count;
      while (left > 0) {
        const part = yield* file.read(byBytes ? Math.min(65536, left) : 65536);
        if (part === null) break;
        if (byBytes) {
          left -= part.length;
          yield* proc.printBytes(part);
          continue;
        }
        let end = part.length;
        for (let i = 0; i < part.length; i++)
          if (part[i] === separator.charCodeAt(0) && --left === 0) {
            end = i + 1;
            break;
          }
        yield* proc.printBytes(part.slice(0, end));
        // as lseek does: a pipe keeps no rest
        if (end < part.length && file instanceof RegularFile) file.unread(part.slice(end));
      }
    },
    CANNOT_OPEN,
  );
}

function curly(text: string): string {
  return `‘${text}’`;
}

function dropLast(text: string, count: number, separator: string): string {
  if (count === 0) return text;
  let at = text.endsWith(separator) ? text.length - 1 : text.length;
  for (let i = 0; i < count; i++) {
    at = text.lastIndexOf(separator, at - 1);
    if (at < 0) return "";
  }
  return text.slice(0, at + 1);
}

const FOLLOW_NS = 1000 * MSEC; // tail -f without inotify: --sleep-interval=1.0

function* tail(proc: Process): Task<number> {
  const { options, operands, list } = yield* getopt(
    proc,
    {
      short: "c:fFn:qs:vz",
      long: {
        bytes: "c",
        follow: "f",
        lines: "n",
        quiet: "q",
        silent: "q",
        verbose: "v",
        "sleep-interval": "s",
        "zero-terminated": "z",
      },
    },
    oldCount(proc.argv),
  );
  const last = list.filter(([letter]) => letter === "c" || letter === "n").at(-1);
  const byBytes = last?.[0] === "c";
  const text = last?.[1] ?? "10";
  const fromStart = text.startsWith("+");
  const count = parseSize(text.replace(/^[-+]/, ""));
  if (count === undefined)
    return yield* complain(proc, `invalid number of ${byBytes ? "bytes" : "lines"}: ${curly(text)}`);
  const headers = options.has("v") || (operands.length > 1 && !options.has("q"));
  const separator = options.has("z") ? "\0" : "\n";
  let first = true;
  const followed: RegularFile[] = [];
  const status = yield* eachInput(
    proc,
    operands,
    function* (file, path) {
      if (headers) yield* proc.print(`${first ? "" : "\n"}==> ${path === "-" ? "standard input" : path} <==\n`);
      first = false;
      const all = yield* readText(file);
      if (fromStart)
        yield* printBinary(proc, byBytes ? all.slice(Math.max(0, count - 1)) : skipLines(all, count - 1, separator));
      else
        yield* printBinary(
          proc,
          byBytes ? all.slice(Math.max(0, all.length - count)) : lastLines(all, count, separator),
        );
      if ((options.has("f") || options.has("F")) && file instanceof RegularFile) followed.push(file.retain());
    },
    CANNOT_OPEN,
  );
  if (followed.length === 0) return status;
  const interval = options.has("s") ? Number(options.get("s")) * 1000 * MSEC : FOLLOW_NS;
  for (;;) {
    for (const file of followed) {
      const part = yield* file.read(65536);
      if (part !== null) yield* proc.printBytes(part);
    }
    yield* proc.cpu(interval);
  }
}

function skipLines(text: string, count: number, separator: string): string {
  let at = 0;
  for (let i = 0; i < count; i++) {
    const next = text.indexOf(separator, at);
    if (next < 0) return "";
    at = next + 1;
  }
  return text.slice(at);
}

function lastLines(text: string, count: number, separator: string): string {
  if (count === 0) return "";
  let at = text.endsWith(separator) ? text.length - 1 : text.length;
  for (let i = 0; i < count; i++) {
    const before = at === 0 ? -1 : text.lastIndexOf(separator, at - 1);
    if (before < 0) return text;
    at = before;
  }
  return text.slice(at + 1);
}

function* tee(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "aip",
    long: { append: "a", "ignore-interrupts": "i" },
  });
  if (options.has("i")) proc.onSignal(2, "ignore");
  let status = 0;
  const files: OpenFile[] = [];
  for (const path of operands) {
    try {
      files.push(
        proc.root.open(proc, path, {
          write: true,
          create: true,
          append: options.has("a"),
          truncate: !options.has("a"),
        }),
      );
    } catch (error) {
      status = yield* complain(proc, `${path}: ${errorText(error)}`);
    }
  }
  const stdin = openInput(proc, "-");
  for (;;) {
    const part = yield* stdin.read(65536);
    if (part === null) break;
    for (const file of files) yield* file.write(part);
    yield* proc.printBytes(part);
  }
  for (const file of files) file.release();
  return status;
}

function* wc(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "clLmw",
    long: { bytes: "c", chars: "m", lines: "l", words: "w", "max-line-length": "L" },
  });
  const wanted = options.size === 0 ? ["l", "w", "c"] : ["l", "w", "m", "c", "L"].filter((each) => options.has(each));
  const rows: { counts: number[]; path: string }[] = [];
  const total = new Map<string, number>();
  let size = 0;
  let other = operands.length === 0;
  const status = yield* eachInput(proc, operands, function* (file, path) {
    const text = yield* readText(file);
    const node = path === "-" ? undefined : proc.root.find(proc, path);
    if (node?.kind === "file") size += node.size;
    else other = true;
    const counts = new Map([
      ["l", text.split("\n").length - 1],
      ["w", text.split(/[ \t\n\v\f\r]+/).filter((word) => word !== "").length],
      ["c", text.length],
      ["m", text.replace(/[\x80-\xbf]/g, "").length],
      ["L", Math.max(0, ...text.split("\n").map((line) => line.length))],
    ]);
    for (const [key, value] of counts)
      total.set(key, key === "L" ? Math.max(total.get(key) ?? 0, value) : (total.get(key) ?? 0) + value);
    rows.push({ counts: wanted.map((each) => counts.get(each)!), path });
  });
  if (operands.length > 1) rows.push({ counts: wanted.map((each) => total.get(each) ?? 0), path: "total" });
  // columns as wide as the sizes of regular files make them; 7 where a size is not known beforehand
  let width = wanted.length === 1 && rows.length <= 1 ? 1 : Math.max(String(size).length, other ? 7 : 1);
  if (rows.length === 0) width = 1;
  for (const { counts, path } of rows) {
    const name = operands.length === 0 ? "" : ` ${path}`;
    yield* proc.print(`${counts.map((count) => String(count).padStart(width)).join(" ")}${name}\n`);
  }
  return status;
}

function* tac(proc: Process): Task<number> {
  const { operands } = yield* getopt(proc, { short: "" });
  return yield* eachInput(proc, operands, function* (file) {
    const text = yield* readText(file);
    const lines = text.split("\n");
    const tailPart = lines.pop()!;
    let out = lines
      .reverse()
      .map((line) => `${line}\n`)
      .join("");
    out = tailPart + out;
    yield* printBinary(proc, out);
  });
}

function* rev(proc: Process): Task<number> {
  const { operands } = yield* getopt(proc, { short: "" });
  return yield* eachInput(proc, operands, function* (file) {
    const lines = new LineReader(file);
    for (let line = yield* lines.next(); line !== null; line = yield* lines.next())
      yield* printBinary(proc, [...line].reverse().join("") + (lines.terminated ? "\n" : ""));
  });
}

function* nl(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "b:i:n:s:v:w:",
    long: {
      "body-numbering": "b",
      "line-increment": "i",
      "number-format": "n",
      "number-separator": "s",
      "starting-line-number": "v",
      "number-width": "w",
    },
  });
  const style = options.get("b") ?? "t";
  if (!/^[atn]$/.test(style)) return yield* usageError(proc, `invalid body numbering style: ${curly(style)}`);
  const width = Number(options.get("w") ?? 6);
  const separator = options.get("s") ?? "\t";
  const format = options.get("n") ?? "rn";
  const step = Number(options.get("i") ?? 1);
  let number = Number(options.get("v") ?? 1);
  return yield* eachInput(proc, operands, function* (file) {
    const lines = new LineReader(file);
    for (let line = yield* lines.next(); line !== null; line = yield* lines.next()) {
      if (style === "n" || (style === "t" && line === "")) {
        yield* printBinary(proc, `${" ".repeat(width + separator.length)}${line}\n`);
        continue;
      }
      const text = String(number);
      const shown = format === "ln" ? text.padEnd(width) : text.padStart(width, format === "rz" ? "0" : " ");
      yield* printBinary(proc, `${shown}${separator}${line}\n`);
      number += step;
    }
  });
}

function* yes(proc: Process): Task<number> {
  const { operands } = yield* getopt(proc, { short: "", stop: true });
  const line = `${operands.length > 0 ? operands.join(" ") : "y"}\n`;
  const block = line.repeat(Math.max(1, Math.floor(8192 / line.length)));
  for (;;) {
    yield* proc.print(block);
    yield* proc.cpu(2000);
  }
}

/** The members of a set of tr(1): ranges, classes, escapes, [x*n] (null stands for the filler's length). */
function trSet(text: string): { chars: string; fill: { char: string; at: number } | undefined; problem?: string } {
  let out = "";
  let fill: { char: string; at: number } | undefined;
  let i = 0;
  const one = (): string => {
    const c = text[i++]!;
    if (c !== "\\" || i >= text.length) return c;
    const octal = /^[0-7]{1,3}/.exec(text.slice(i))?.[0];
    if (octal !== undefined) {
      i += octal.length;
      return String.fromCharCode(Number.parseInt(octal, 8) & 255);
    }
    const e = text[i++]!;
    const at = "abfnrtv\\".indexOf(e);
    return at < 0 ? e : "\x07\b\f\n\r\t\v\\"[at]!;
  };
  while (i < text.length) {
    const rest = text.slice(i);
    const named = /^\[:([a-z]+):\]/.exec(rest);
    if (named) {
      const members = TR_CLASSES.get(named[1]!);
      if (members === undefined)
        return { chars: "", fill: undefined, problem: `invalid character class ${quoted(named[1]!)}` };
      out += members;
      i += named[0].length;
      continue;
    }
    const equal = /^\[=(.)=\]/.exec(rest);
    if (equal) {
      out += equal[1];
      i += equal[0].length;
      continue;
    }
    const repeat = /^\[(\\?[^])\*(\d*)\]/.exec(rest);
    if (repeat) {
      i++;
      const char = one();
      i = text.length - rest.length + repeat[0].length;
      const count = repeat[2] === "" ? 0 : Number.parseInt(repeat[2]!, repeat[2]!.startsWith("0") ? 8 : 10);
      if (count === 0) fill = { char, at: out.length };
      else out += char.repeat(count);
      continue;
    }
    const from = one();
    if (text[i] === "-" && i + 1 < text.length) {
      i++;
      const to = one();
      if (from > to)
        return {
          chars: "",
          fill: undefined,
          problem: `range-endpoints of '${from}-${to}' are in reverse collating sequence order`,
        };
      for (let code = from.charCodeAt(0); code <= to.charCodeAt(0); code++) out += String.fromCharCode(code);
    } else out += from;
  }
  return { chars: out, fill };
}

function members(test: RegExp): string {
  let out = "";
  for (let code = 0; code < 256; code++) if (test.test(String.fromCharCode(code))) out += String.fromCharCode(code);
  return out;
}

const TR_CLASSES: ReadonlyMap<string, string> = new Map([
  ["alpha", members(/[A-Za-z]/)],
  ["digit", members(/[0-9]/)],
  ["alnum", members(/[A-Za-z0-9]/)],
  ["upper", members(/[A-Z]/)],
  ["lower", members(/[a-z]/)],
  ["space", "\t\n\v\f\r "],
  ["blank", "\t "],
  ["punct", members(/[!-/:-@[-`{-~]/)],
  ["xdigit", members(/[0-9A-Fa-f]/)],
  ["cntrl", `${members(/[\0-\x1f]/)}\x7f`],
  ["print", members(/[ -~]/)],
  ["graph", members(/[!-~]/)],
]);

function* tr(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "cCdst",
    long: { complement: "c", delete: "d", "squeeze-repeats": "s", "truncate-set1": "t" },
    stop: true,
  });
  const [one, other, extra] = operands;
  const deleting = options.has("d");
  const squeezing = options.has("s");
  if (one === undefined) return yield* usageError(proc, "missing operand");
  if (other === undefined && !deleting && !squeezing)
    return yield* usageError(proc, `missing operand after ${curly(one)}\nTwo strings must be given when translating.`);
  if (extra !== undefined || (deleting && !squeezing && other !== undefined))
    return yield* usageError(
      proc,
      `extra operand ${curly(extra ?? other!)}${deleting && extra === undefined ? "\nOnly one string may be given when deleting without squeezing repeats." : ""}`,
    );
  const first = trSet(toBytes(one));
  const second = other === undefined ? undefined : trSet(toBytes(other));
  const problem = first.problem ?? second?.problem;
  if (problem !== undefined) return yield* complain(proc, problem);
  let from = first.chars;
  if (options.has("c") || options.has("C"))
    from = members(/[^]/).replace(/[^]/g, (c) => (first.chars.includes(c) ? "" : c));
  const map = new Array<number>(256);
  for (let i = 0; i < 256; i++) map[i] = i;
  const gone = new Uint8Array(256);
  const squeeze = new Uint8Array(256);
  if (deleting) for (const c of from) gone[c.charCodeAt(0)] = 1;
  else if (second) {
    let to = second.chars;
    if (second.fill) {
      const missing = Math.max(0, from.length - to.length);
      to = to.slice(0, second.fill.at) + second.fill.char.repeat(missing) + to.slice(second.fill.at);
    }
    if (to === "") return yield* complain(proc, "when not truncating set1, string2 must be non-empty");
    if (options.has("t")) from = from.slice(0, to.length);
    for (let i = 0; i < from.length; i++) map[from.charCodeAt(i)] = to.charCodeAt(Math.min(i, to.length - 1));
  }
  if (squeezing) for (const c of second?.chars ?? from) squeeze[c.charCodeAt(0)] = 1;
  const stdin = openInput(proc, "-");
  let before = -1;
  for (;;) {
    const part = yield* stdin.read(65536);
    if (part === null) return 0;
    const out = new Uint8Array(part.length);
    let n = 0;
    for (const byte of part) {
      if (gone[byte]) continue;
      const mapped = map[byte]!;
      if (squeeze[mapped] && mapped === before) continue;
      out[n++] = mapped;
      before = mapped;
    }
    yield* proc.printBytes(out.subarray(0, n));
  }
}

function toBytes(text: string): string {
  return binary(new Uint8Array([...text].flatMap((c) => [...utf8(c)])));
}

function utf8(c: string): number[] {
  const code = c.codePointAt(0)!;
  if (code < 0x80) return [code];
  if (code < 0x800) return [0xc0 | (code >> 6), 0x80 | (code & 63)];
  if (code < 0x10000) return [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
  return [0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
}

const DD_OPERANDS: ReadonlySet<string> = new Set([
  "if",
  "of",
  "bs",
  "ibs",
  "obs",
  "count",
  "skip",
  "seek",
  "status",
  "conv",
]);

function* dd(proc: Process): Task<number> {
  const given = new Map<string, string>();
  for (const word of proc.argv.slice(1)) {
    const at = word.indexOf("=");
    const key = word.slice(0, Math.max(0, at));
    if (!DD_OPERANDS.has(key)) return yield* usageError(proc, `unrecognized operand ${curly(word)}`);
    given.set(key, word.slice(at + 1));
  }
  const size = (key: string, fallback: number): number =>
    parseSize(given.get(key)?.replace(/c$/, "") ?? "") ?? fallback;
  for (const key of ["bs", "ibs", "obs", "count", "skip", "seek"]) {
    const text = given.get(key);
    if (text !== undefined && parseSize(text.replace(/c$/, "")) === undefined)
      return yield* complain(proc, `invalid number: ${curly(text)}`);
  }
  const conversions = (given.get("conv") ?? "").split(",").filter((each) => each !== "");
  for (const each of conversions)
    if (each !== "notrunc" && each !== "fsync" && each !== "fdatasync")
      return yield* usageError(proc, `invalid conversion: ${curly(each)}`);
  const block = size("bs", size("ibs", 512));
  const count = given.has("count") ? size("count", 0) : Number.POSITIVE_INFINITY;
  const started = proc.sim.now;
  let input: OpenFile;
  let output: OpenFile | undefined;
  try {
    input = openInput(proc, given.get("if") ?? "-");
  } catch (error) {
    return yield* complain(proc, `failed to open '${given.get("if")}': ${errorText(error)}`);
  }
  try {
    const path = given.get("of");
    if (path !== undefined) {
      const keep = conversions.includes("notrunc");
      output = proc.root.open(proc, path, { write: true, create: true, truncate: !keep && !given.has("seek") });
      if (output instanceof RegularFile) output.seek(size("seek", 0) * block);
    }
  } catch (error) {
    return yield* complain(proc, `failed to open '${given.get("of")}': ${errorText(error)}`);
  }
  for (let i = size("skip", 0) * block; i > 0; ) {
    const part = yield* input.read(Math.min(i, 65536));
    if (part === null) break;
    i -= part.length;
  }
  let full = 0;
  let partial = 0;
  let bytes = 0;
  try {
    while (full + partial < count) {
      const part = yield* input.read(block);
      if (part === null) break;
      if (part.length === block) full++;
      else partial++;
      bytes += part.length;
      if (output) yield* output.write(part);
      else yield* proc.printBytes(part);
    }
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return yield* complain(proc, `error writing '${given.get("of") ?? "standard output"}': ${errorText(error)}`);
  } finally {
    input.release();
    output?.release();
  }
  if (given.get("status") !== "none") {
    const records = `${full}+${partial} records in\n${full}+${partial} records out\n`;
    yield* proc.printError(records);
    if (given.get("status") !== "noxfer") yield* proc.printError(ddSummary(bytes, (proc.sim.now - started) / 1e9));
  }
  return 0;
}

function ddSummary(bytes: number, seconds: number): string {
  const human = (n: number, base: number, units: readonly string[]): string => {
    let i = 0;
    let value = n;
    while (value >= base && i < units.length - 1) {
      value /= base;
      i++;
    }
    return i === 0 ? `${n} ${units[0]}` : `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[i]}`;
  };
  const si = human(bytes, 1000, ["B", "kB", "MB", "GB"]);
  const iec = human(bytes, 1024, ["B", "KiB", "MiB", "GiB"]);
  const sizes = bytes < 1000 ? "" : bytes < 1024 ? ` (${si})` : ` (${si}, ${iec})`;
  const rate = human(seconds > 0 ? bytes / seconds : 0, 1000, ["B", "kB", "MB", "GB"]);
  const time = Number(seconds.toPrecision(6));
  return `${bytes} byte${bytes === 1 ? "" : "s"}${sizes} copied, ${time} s, ${rate}/s\n`;
}

export const streamPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["cat", cat],
  ["head", head],
  ["tail", tail],
  ["tee", tee],
  ["wc", wc],
  ["tac", tac],
  ["rev", rev],
  ["nl", nl],
  ["yes", yes],
  ["tr", tr],
  ["dd", dd],
]);
