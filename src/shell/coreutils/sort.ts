// sort(1): keys, numbers, versions, human sizes, months, uniqueness; byte order (LC_ALL=C), as the recordings have it.

import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { bytesOf, complain, curly, eachInput, getopt, printBinary, readText, toBinary } from "./util.ts";

interface Ordering {
  blanks: boolean;
  dictionary: boolean;
  fold: boolean;
  numeric: boolean;
  general: boolean;
  human: boolean;
  month: boolean;
  version: boolean;
  reverse: boolean;
}

interface Key extends Ordering {
  readonly fromField: number;
  readonly fromChar: number;
  /** 0: to the end of the line */
  readonly toField: number;
  /** 0: to the end of the field */
  readonly toChar: number;
  readonly endBlanks: boolean;
  /** has ordering letters of its own */
  readonly own: boolean;
}

function ordering(letters: string): Ordering {
  return {
    blanks: letters.includes("b"),
    dictionary: letters.includes("d"),
    fold: letters.includes("f"),
    numeric: letters.includes("n"),
    general: letters.includes("g"),
    human: letters.includes("h"),
    month: letters.includes("M"),
    version: letters.includes("V"),
    reverse: letters.includes("r"),
  };
}

function parseKey(text: string): Key | undefined {
  const match = /^(\d+)(?:\.(\d+))?([bdfghinrMV]*)(?:,(\d+)(?:\.(\d+))?([bdfghinrMV]*))?$/.exec(text);
  if (!match || Number(match[1]) === 0) return undefined;
  const letters = match[3]! + (match[6] ?? "");
  return {
    ...ordering(letters),
    blanks: match[3]!.includes("b"),
    endBlanks: (match[6] ?? "").includes("b"),
    fromField: Number(match[1]),
    fromChar: Number(match[2] ?? 1),
    toField: Number(match[4] ?? 0),
    toChar: Number(match[5] ?? 0),
    own: letters !== "",
  };
}

/** Where fields begin and end: without -t a field takes the blanks before it. */
function fieldsOf(line: string, separator: string | undefined): [start: number, end: number][] {
  const out: [number, number][] = [];
  if (separator !== undefined) {
    let from = 0;
    for (;;) {
      const at = line.indexOf(separator, from);
      out.push([from, at < 0 ? line.length : at]);
      if (at < 0) return out;
      from = at + 1;
    }
  }
  for (const match of line.matchAll(/[ \t]*[^ \t]+|[ \t]+$/g)) out.push([match.index, match.index + match[0].length]);
  return out;
}

function keyText(line: string, key: Key, separator: string | undefined): string {
  const fields = fieldsOf(line, separator);
  const first = fields[key.fromField - 1];
  if (!first) return "";
  let [start] = first;
  if (key.blanks) while (start < first[1] && /[ \t]/.test(line[start]!)) start++;
  start = Math.min(line.length, start + key.fromChar - 1);
  let end = line.length;
  if (key.toField > 0) {
    const last = fields[key.toField - 1];
    if (last) {
      end = last[1];
      if (key.toChar > 0) {
        let from = last[0];
        if (key.endBlanks) while (from < last[1] && /[ \t]/.test(line[from]!)) from++;
        end = Math.min(last[1], from + key.toChar);
      }
    }
  }
  return line.slice(start, Math.max(start, end));
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function numberOf(text: string): number {
  const match = /^[ \t]*(-?(?:\d+(?:\.\d*)?|\.\d+))/.exec(text);
  return match ? Number(match[1]) : 0;
}

function humanOf(text: string): [order: number, value: number] {
  const match = /^[ \t]*(-?)(\d*\.?\d*)([kKMGTPEZY]?)/.exec(text)!;
  const value = Number(match[2] || 0);
  const rank = value === 0 ? 0 : "KMGTPEZY".indexOf(match[3]!.toUpperCase()) + (match[3] === "" ? 0 : 1);
  return match[1] === "-" ? [-rank, -value] : [rank, value];
}

/** As strverscmp's GNU successor (filevercmp), for the parts that scripts meet: digits by value, the rest by bytes. */
function compareVersions(a: string, b: string): number {
  const split = (text: string): string[] => text.match(/\d+|\D+/g) ?? [];
  const left = split(a);
  const right = split(b);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const x = left[i];
    const y = right[i];
    if (x === undefined) return -1;
    if (y === undefined) return 1;
    const digits = /^\d/.test(x) && /^\d/.test(y);
    const order = digits ? Number(x) - Number(y) : compareTexts(x, y);
    if (order !== 0) return order < 0 ? -1 : 1;
  }
  return 0;
}

function compareBy(a: string, b: string, how: Ordering): number {
  let order: number;
  if (how.numeric) order = numberOf(a) - numberOf(b);
  else if (how.general) {
    const x = Number.parseFloat(a);
    const y = Number.parseFloat(b);
    order = Number.isNaN(x) ? (Number.isNaN(y) ? 0 : -1) : Number.isNaN(y) ? 1 : x - y;
  } else if (how.human) {
    const [rankA, valueA] = humanOf(a);
    const [rankB, valueB] = humanOf(b);
    order = rankA - rankB || valueA - valueB;
  } else if (how.month) {
    const month = (text: string): number => MONTHS.indexOf(text.trimStart().slice(0, 3).toUpperCase());
    order = month(a) - month(b);
  } else {
    const prepare = (text: string): string => {
      let out = text;
      if (how.dictionary) out = out.replace(/[^A-Za-z0-9 \t]/g, "");
      return how.fold ? out.toUpperCase() : out;
    };
    order = how.version ? compareVersions(a, b) : compareTexts(prepare(a), prepare(b));
  }
  return how.reverse ? -order : order;
}

function* sort(proc: Process): Task<number> {
  const { options, list, operands } = yield* getopt(proc, {
    short: "bcCdfghik:Mmno:rsS:t:T:uVz",
    long: {
      "ignore-leading-blanks": "b",
      check: "c",
      "dictionary-order": "d",
      "ignore-case": "f",
      "general-numeric-sort": "g",
      "human-numeric-sort": "h",
      key: "k",
      "month-sort": "M",
      merge: "m",
      "numeric-sort": "n",
      output: "o",
      reverse: "r",
      stable: "s",
      "field-separator": "t",
      unique: "u",
      "version-sort": "V",
      "zero-terminated": "z",
    },
    status: 2,
  });
  const letters = list.map(([letter]) => letter).join("");
  const global = ordering(letters);
  let separator = options.get("t");
  if (separator === "\\0") separator = "\0";
  if (separator !== undefined) {
    separator = toBinary(separator);
    if (separator === "") return yield* complain(proc, "empty tab", 2);
    if (separator.length > 1) return yield* complain(proc, `multi-character tab ${curly(separator)}`, 2);
  }
  const keys: Key[] = [];
  for (const [letter, text] of list) {
    if (letter !== "k") continue;
    const key = parseKey(text);
    if (!key) {
      const zero = /^0/.test(text);
      return yield* complain(
        proc,
        zero
          ? `field number is zero: invalid field specification ${curly(text)}`
          : `invalid number at field start: invalid count at start of ${curly(text)}`,
        2,
      );
    }
    // a key without letters takes the global ones
    keys.push(key.own ? key : { ...key, ...global, endBlanks: global.blanks });
  }
  const lines: string[] = [];
  const end = options.has("z") ? "\0" : "\n";
  const status = yield* eachInput(
    proc,
    operands,
    function* (file) {
      const text = yield* readText(file);
      const parts = text.split(end);
      if (parts.at(-1) === "") parts.pop();
      for (const part of parts) lines.push(part);
    },
    { status: 2, message: (path, text) => `cannot read: ${path}: ${text}` },
  );
  if (status !== 0) return status;
  const primary = (a: string, b: string): number => {
    if (keys.length === 0) {
      if (global.blanks) return compareBy(a.trimStart(), b.trimStart(), global);
      return compareBy(a, b, global);
    }
    for (const key of keys) {
      const order = compareBy(keyText(a, key, separator), keyText(b, key, separator), key);
      if (order !== 0) return order;
    }
    return 0;
  };
  const whole = (a: string, b: string): number => {
    const order = primary(a, b);
    if (order !== 0 || options.has("s") || options.has("u")) return order;
    return global.reverse ? compareTexts(b, a) : compareTexts(a, b);
  };
  if (options.has("c") || options.has("C")) {
    for (let i = 1; i < lines.length; i++) {
      const order = whole(lines[i - 1]!, lines[i]!);
      if (order < 0 || (order === 0 && !options.has("u"))) continue;
      if (options.has("c")) yield* proc.printError(`sort: ${operands[0] ?? "-"}:${i + 1}: disorder: ${lines[i]}\n`);
      return 1;
    }
    return 0;
  }
  lines.sort(whole);
  const kept = options.has("u") ? lines.filter((line, i) => i === 0 || primary(lines[i - 1]!, line) !== 0) : lines;
  const text = kept.map((line) => line + end).join("");
  const target = options.get("o");
  if (target === undefined) yield* printBinary(proc, text);
  else {
    try {
      proc.root.writeFile(proc, target, bytesOf(text));
    } catch {
      return yield* complain(proc, `open failed: ${target}: No such file or directory`, 2);
    }
  }
  return 0;
}

export const sortPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([["sort", sort]]);
