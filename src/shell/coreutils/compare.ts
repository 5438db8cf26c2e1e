// diff and cmp. Lines are compared by the longest common subsequence (the npm library `diff`, Myers' algorithm); normal,
// unified and brief output as GNU writes them.

import { diffArrays } from "diff";
import { NetError } from "../../base/errno.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { strftime } from "../strftime.ts";
import { complain, errorText, getopt, openInput, printBinary, readText } from "./util.ts";

interface Hunk {
  readonly fromA: number;
  readonly a: readonly string[];
  readonly fromB: number;
  readonly b: readonly string[];
}

function* wrongUsage(proc: Process, message: string): Task<number> {
  yield* proc.printError(`${proc.name}: ${message}\n${proc.name}: Try '${proc.name} --help' for more information.\n`);
  return 2;
}

function* contentOf(proc: Process, path: string): Task<string> {
  const file = openInput(proc, path);
  try {
    return yield* readText(file);
  } finally {
    file.release();
  }
}

function* diff(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "abBcdiNqrsuU:wy",
    long: {
      brief: "q",
      "report-identical-files": "s",
      unified: "u",
      "ignore-case": "i",
      "ignore-space-change": "b",
      "ignore-all-space": "w",
      "ignore-blank-lines": "B",
      "new-file": "N",
      text: "a",
      recursive: "r",
      label: "%label",
      color: "%color",
    },
    valued: ["%label"],
    status: 2,
  });
  for (const letter of ["c", "y", "r", "B"])
    if (options.has(letter)) return yield* complain(proc, `option -${letter} is not supported`, 2);
  const [one, other, extra] = operands;
  if (other === undefined) return yield* wrongUsage(proc, `missing operand after '${one ?? "diff"}'`);
  if (extra !== undefined) return yield* wrongUsage(proc, `extra operand '${extra}'`);
  const texts: string[] = [];
  for (const path of [one!, other]) {
    try {
      texts.push(yield* contentOf(proc, path));
    } catch (error) {
      if (options.has("N") && error instanceof NetError) texts.push("");
      else return yield* complain(proc, `${path}: ${errorText(error)}`, 2);
    }
  }
  const [a, b] = texts.map(linesOf) as [string[], string[]];
  const fold = (line: string): string => {
    let out = line;
    if (options.has("w")) out = out.replace(/[ \t]/g, "");
    else if (options.has("b")) out = out.replace(/[ \t]+/g, " ").replace(/ (?=\n?$)/, "");
    return options.has("i") ? out.toLowerCase() : out;
  };
  const hunks = changes(a, b, fold);
  if (hunks.length === 0) {
    if (options.has("s")) yield* proc.print(`Files ${one} and ${other} are identical\n`);
    return 0;
  }
  if (options.has("q")) yield* proc.print(`Files ${one} and ${other} differ\n`);
  else if (options.has("u") || options.has("U"))
    yield* printBinary(
      proc,
      header(proc, "---", one!) + header(proc, "+++", other) + unified(a, b, hunks, Number(options.get("U") || 3)),
    );
  else yield* printBinary(proc, hunks.map(normal).join(""));
  return 1;
}

/** Lines with their newlines; the last may lack it. */
function linesOf(text: string): string[] {
  return text === "" ? [] : text.split(/(?<=\n)/);
}

function changes(a: readonly string[], b: readonly string[], fold: (line: string) => string): Hunk[] {
  const out: Hunk[] = [];
  let atA = 0;
  let atB = 0;
  let open: { fromA: number; a: string[]; fromB: number; b: string[] } | undefined;
  for (const part of diffArrays(a.map(fold), b.map(fold))) {
    const count = part.value.length;
    if (!part.added && !part.removed) {
      if (open) out.push(open);
      open = undefined;
      atA += count;
      atB += count;
      continue;
    }
    open ??= { fromA: atA, a: [], fromB: atB, b: [] };
    if (part.removed) {
      open.a.push(...a.slice(atA, atA + count));
      atA += count;
    } else {
      open.b.push(...b.slice(atB, atB + count));
      atB += count;
    }
  }
  if (open) out.push(open);
  return out;
}

function shown(mark: string, line: string): string {
  return line.endsWith("\n") ? mark + line : `${mark}${line}\n\\ No newline at end of file\n`;
}

function normal(hunk: Hunk): string {
  const range = (from: number, count: number): string =>
    count === 0 ? String(from) : count === 1 ? String(from + 1) : `${from + 1},${from + count}`;
  const letter = hunk.a.length === 0 ? "a" : hunk.b.length === 0 ? "d" : "c";
  let out = `${range(hunk.fromA, hunk.a.length)}${letter}${range(hunk.fromB, hunk.b.length)}\n`;
  for (const line of hunk.a) out += shown("< ", line);
  if (letter === "c") out += "---\n";
  for (const line of hunk.b) out += shown("> ", line);
  return out;
}

function header(proc: Process, mark: string, path: string): string {
  const node = path === "-" ? undefined : proc.root.find(proc, path);
  const time = proc.machine.wallClockNs(node?.mtimeNs);
  return `${mark} ${path}\t${strftime("%Y-%m-%d %H:%M:%S.%N %z", time)}\n`;
}

function unified(a: readonly string[], b: readonly string[], hunks: readonly Hunk[], context: number): string {
  let out = "";
  for (let i = 0; i < hunks.length; ) {
    let last = i;
    while (
      last + 1 < hunks.length &&
      hunks[last + 1]!.fromA - (hunks[last]!.fromA + hunks[last]!.a.length) <= 2 * context
    )
      last++;
    const first = hunks[i]!;
    const end = hunks[last]!;
    const fromA = Math.max(0, first.fromA - context);
    const fromB = Math.max(0, first.fromB - context);
    const toA = Math.min(a.length, end.fromA + end.a.length + context);
    const toB = Math.min(b.length, end.fromB + end.b.length + context);
    const range = (from: number, to: number): string =>
      to - from === 1 ? String(from + 1) : `${to === from ? from : from + 1},${to - from}`;
    out += `@@ -${range(fromA, toA)} +${range(fromB, toB)} @@\n`;
    let at = fromA;
    for (const hunk of hunks.slice(i, last + 1)) {
      for (; at < hunk.fromA; at++) out += shown(" ", a[at]!);
      for (const line of hunk.a) out += shown("-", line);
      for (const line of hunk.b) out += shown("+", line);
      at = hunk.fromA + hunk.a.length;
    }
    for (; at < toA; at++) out += shown(" ", a[at]!);
    i = last + 1;
  }
  return out;
}

function* cmp(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "bln:s",
    long: { "print-bytes": "b", verbose: "l", bytes: "n", quiet: "s", silent: "s" },
    status: 2,
  });
  const [one, other = "-"] = operands;
  if (one === undefined) return yield* wrongUsage(proc, "missing operand after 'cmp'");
  if (options.has("b")) return yield* complain(proc, "option -b is not supported", 2);
  const texts: string[] = [];
  for (const path of [one, other]) {
    try {
      const text = yield* contentOf(proc, path);
      texts.push(options.has("n") ? text.slice(0, Number(options.get("n"))) : text);
    } catch (error) {
      return yield* complain(proc, `${path}: ${errorText(error)}`, 2);
    }
  }
  const [a, b] = texts as [string, string];
  const shorter = Math.min(a.length, b.length);
  let line = 1;
  let differ = false;
  for (let i = 0; i < shorter; i++) {
    if (a[i] !== b[i]) {
      differ = true;
      if (options.has("s")) return 1;
      if (!options.has("l")) {
        yield* proc.print(`${one} ${other} differ: byte ${i + 1}, line ${line}\n`);
        return 1;
      }
      const octal = (text: string): string => text.charCodeAt(i).toString(8).padStart(3);
      yield* proc.print(`${String(i + 1).padStart(String(shorter).length)} ${octal(a)} ${octal(b)}\n`);
    }
    if (a[i] === "\n") line++;
  }
  if (a.length === b.length) return differ ? 1 : 0;
  if (!options.has("s")) {
    const path = a.length < b.length ? one : other;
    const where =
      shorter === 0
        ? "which is empty"
        : options.has("l")
          ? `after byte ${shorter}`
          : `after byte ${shorter}, ${(a.length < b.length ? a : b).endsWith("\n") ? `line ${line - 1}` : `in line ${line}`}`;
    yield* proc.printError(`cmp: EOF on ${path} ${where}\n`);
  }
  return 1;
}

export const comparePrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["diff", diff],
  ["cmp", cmp],
]);
