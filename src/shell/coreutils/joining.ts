// paste, comm, join: lines of several files put together.

import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import {
  complain,
  errorText,
  getopt,
  LineReader,
  openInput,
  printBinary,
  readText,
  toBinary,
  usageError,
} from "./util.ts";

/** The delimiters of paste -d: "\n", "\t", "\\", "\0" (none). */
function delimiterList(text: string): string[] {
  return [...toBinary(text).matchAll(/\\([\s\S])|[\s\S]/g)].map(([all, letter]) =>
    letter === undefined ? all : letter === "n" ? "\n" : letter === "t" ? "\t" : letter === "0" ? "" : letter,
  );
}

function* paste(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "d:sz",
    long: { delimiters: "d", serial: "s", "zero-terminated": "z" },
  });
  const delimiters = delimiterList(options.get("d") ?? "\t");
  if (delimiters.length === 0) delimiters.push("");
  const paths = operands.length > 0 ? operands : ["-"];
  const readers: LineReader[] = [];
  let stdin: LineReader | undefined;
  for (const path of paths) {
    if (path === "-" && stdin) {
      readers.push(stdin);
      continue;
    }
    try {
      const reader = new LineReader(openInput(proc, path));
      if (path === "-") stdin = reader;
      readers.push(reader);
    } catch (error) {
      return yield* complain(proc, `${path}: ${errorText(error)}`);
    }
  }
  if (options.has("s")) {
    for (const reader of readers) {
      let out = "";
      let i = 0;
      for (let line = yield* reader.next(); line !== null; line = yield* reader.next())
        out += i++ === 0 ? line : delimiters[(i - 2) % delimiters.length]! + line;
      yield* printBinary(proc, `${out}\n`);
    }
    return 0;
  }
  for (;;) {
    const parts: (string | null)[] = [];
    for (const reader of readers) parts.push(yield* reader.next());
    if (parts.every((part) => part === null)) return 0;
    let out = "";
    parts.forEach((part, i) => {
      out += (part ?? "") + (i < parts.length - 1 ? delimiters[i % delimiters.length]! : "\n");
    });
    yield* printBinary(proc, out);
  }
}

function* allLines(proc: Process, path: string): Task<string[]> {
  const file = openInput(proc, path);
  try {
    const text = yield* readText(file);
    const lines = text.split("\n");
    if (lines.at(-1) === "") lines.pop();
    return lines;
  } finally {
    file.release();
  }
}

/** Two input files as lines, or the status after saying what is wrong. */
function* twoFiles(proc: Process, operands: readonly string[]): Task<[string[], string[]] | number> {
  const [one, other, extra] = operands;
  if (one === undefined) return yield* usageError(proc, "missing operand");
  if (other === undefined) return yield* usageError(proc, `missing operand after ‘${one}’`);
  if (extra !== undefined) return yield* usageError(proc, `extra operand ‘${extra}’`);
  const out: string[][] = [];
  for (const path of [one, other]) {
    try {
      out.push(yield* allLines(proc, path));
    } catch (error) {
      return yield* complain(proc, `${path}: ${errorText(error)}`);
    }
  }
  return [out[0]!, out[1]!];
}

function* comm(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "123z",
    long: {
      "check-order": "%check",
      "nocheck-order": "%nocheck",
      "output-delimiter": "%output",
      total: "%total",
    },
    valued: ["%output"],
  });
  const files = yield* twoFiles(proc, operands);
  if (typeof files === "number") return files;
  const [a, b] = files;
  const gap = options.get("%output") ?? "\t";
  const lead2 = options.has("1") ? "" : gap;
  const lead3 = lead2 + (options.has("2") ? "" : gap);
  const counts = [0, 0, 0];
  const unsorted = [false, false];
  let i = 0;
  let j = 0;
  let out = "";
  const check = (lines: readonly string[], at: number, which: number): void => {
    if (at > 0 && lines[at]! < lines[at - 1]!) unsorted[which] = true;
  };
  while (i < a.length || j < b.length) {
    const left = a[i];
    const right = b[j];
    if (right === undefined || (left !== undefined && left < right)) {
      check(a, i, 0);
      if (!options.has("1")) out += `${left}\n`;
      counts[0]!++;
      i++;
    } else if (left === undefined || right < left) {
      check(b, j, 1);
      if (!options.has("2")) out += `${lead2}${right}\n`;
      counts[1]!++;
      j++;
    } else {
      if (!options.has("3")) out += `${lead3}${left}\n`;
      counts[2]!++;
      i++;
      j++;
    }
  }
  if (options.has("%total")) out += `${counts.join(gap)}${gap}total\n`;
  yield* printBinary(proc, out);
  if (options.has("%nocheck") || !unsorted.includes(true)) return 0;
  for (const which of [0, 1])
    if (unsorted[which]) yield* proc.printError(`comm: file ${which + 1} is not in sorted order\n`);
  yield* proc.printError("comm: input is not in sorted order\n");
  return 1;
}

function* join(proc: Process): Task<number> {
  const { options, list, operands } = yield* getopt(proc, {
    short: "a:e:ij:o:t:v:1:2:",
    long: { "ignore-case": "i" },
  });
  const files = yield* twoFiles(proc, operands);
  if (typeof files === "number") return files;
  const separator = options.get("t");
  const fields = (line: string): string[] =>
    separator === undefined ? line.split(/[ \t]+/).filter((part) => part !== "") : line.split(separator);
  const at1 = Number(options.get("1") ?? options.get("j") ?? 1) - 1;
  const at2 = Number(options.get("2") ?? options.get("j") ?? 1) - 1;
  const fold = (text: string): string => (options.has("i") ? text.toLowerCase() : text);
  const unpaired = new Set(list.filter(([letter]) => letter === "a" || letter === "v").map(([, value]) => value));
  const pairs = !options.has("v");
  const empty = options.get("e") ?? "";
  const glue = separator ?? " ";
  const format = options.get("o")?.split(/[, ]+/);
  const [a, b] = [files[0].map(fields), files[1].map(fields)];
  const line = (key: string, one: readonly string[] | undefined, other: readonly string[] | undefined): string => {
    if (format)
      return format
        .map((spec) => {
          if (spec === "0") return key;
          const [file, field] = spec.split(".");
          return (file === "1" ? one : other)?.[Number(field) - 1] ?? empty;
        })
        .join(glue);
    const rest = [...(one ?? []).filter((_f, i) => i !== at1), ...(other ?? []).filter((_f, i) => i !== at2)];
    return [key, ...rest].join(glue);
  };
  let out = "";
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const left = a[i] ? (a[i]![at1] ?? "") : undefined;
    const right = b[j] ? (b[j]![at2] ?? "") : undefined;
    if (right === undefined || (left !== undefined && fold(left) < fold(right))) {
      if (unpaired.has("1")) out += `${line(left!, a[i], undefined)}\n`;
      i++;
    } else if (left === undefined || fold(right) < fold(left)) {
      if (unpaired.has("2")) out += `${line(right, undefined, b[j])}\n`;
      j++;
    } else {
      let i2 = i;
      while (a[i2] && fold(a[i2]![at1] ?? "") === fold(left)) i2++;
      let j2 = j;
      while (b[j2] && fold(b[j2]![at2] ?? "") === fold(right)) j2++;
      if (pairs) for (let x = i; x < i2; x++) for (let y = j; y < j2; y++) out += `${line(left, a[x], b[y])}\n`;
      i = i2;
      j = j2;
    }
  }
  yield* printBinary(proc, out);
  return 0;
}

export const joiningPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["paste", paste],
  ["comm", comm],
  ["join", join],
]);
