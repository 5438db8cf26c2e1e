// Programs that pass bytes along: cat, head, tail, tee, wc, tac, rev, nl, yes.

import { MSEC } from "../../base/time.ts";
import type { OpenFile } from "../../posix/file.ts";
import type { Process, Program } from "../../posix/process.ts";
import { RegularFile } from "../../posix/vfs.ts";
import type { Task } from "../../sim/task.ts";
import {
  complain,
  curly,
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
]);
