// Builtins that read and write: echo, printf, read, mapfile, test.

import { concatBytes } from "../../base/bytes.ts";
import { decodeUtf8 } from "../../base/text.ts";
import { SEC } from "../../base/time.ts";
import { FedFile, type OpenFile } from "../../posix/file.ts";
import { type Task, waitAny } from "../../sim/task.ts";
import { encodeRaw, printf, unescapeText } from "../printf.ts";
import type { Shell } from "../shell.ts";
import { evaluateTest, TestError } from "../test.ts";
import { runPendingTraps } from "../traps.ts";
import { NAME } from "../variables.ts";
import { type Builtin, readOptions, usage, writeOut } from "./builtin.ts";

/** What `echo` writes: bash's reading of -n -e -E, or dash's (escapes always, only -n). */
export function echoText(words: readonly string[], dash: boolean, escapesByDefault = false): string {
  let newline = true;
  let escapes = dash || escapesByDefault;
  let i = 0;
  if (dash) {
    if (words[0] === "-n") {
      newline = false;
      i = 1;
    }
  } else
    for (; i < words.length && /^-[neE]+$/.test(words[i]!); i++)
      for (const letter of words[i]!.slice(1)) {
        if (letter === "n") newline = false;
        else escapes = letter === "e";
      }
  const text = words.slice(i).join(" ");
  if (!escapes) return newline ? `${text}\n` : text;
  const done = unescapeText(text, false);
  return done.text + (newline && !done.stop ? "\n" : "");
}

function* echo(shell: Shell, argv: readonly string[]): Task<number> {
  const text = echoText(argv.slice(1), shell.dash, shell.shopts.has("xpg_echo"));
  return yield* writeOut(shell, "echo", encodeRaw(text));
}

function* printfBuiltin(shell: Shell, argv: readonly string[]): Task<number> {
  let words = argv.slice(1);
  let variable: string | undefined;
  if (words[0] === "-v" && !shell.dash) {
    variable = words[1];
    words = words.slice(2);
    if (variable === undefined) return yield* usage(shell, "printf", "-v: option requires an argument", SYNOPSIS);
  } else if (words[0]?.startsWith("-") && words[0].length > 1 && words[0] !== "--")
    return yield* usage(shell, "printf", `${words[0].slice(0, 2)}: invalid option`, SYNOPSIS);
  if (words[0] === "--") words = words.slice(1);
  const [format, ...rest] = words;
  if (format === undefined) {
    yield* shell.proc.printError(`printf: usage: ${SYNOPSIS}\n`);
    return 2;
  }
  const { machine, startedNs } = shell.proc;
  const made = printf(format, rest, machine.wallClockNs(), machine.wallClockNs(startedNs));
  for (const error of made.errors)
    yield* shell.error(
      `printf: ${shell.dash ? error.replace(/: invalid number$/, ": expected numeric value") : error}`,
    );
  if (variable === undefined) {
    if (made.text !== "") {
      const status = yield* writeOut(shell, "printf", encodeRaw(made.text));
      if (status !== 0) return status;
    }
    return made.status;
  }
  const element = /^([A-Za-z_][A-Za-z0-9_]*)\[(.*)\]$/.exec(variable);
  if (element) shell.vars.setElement(element[1]!, element[2]!, made.text);
  else if (NAME.test(variable)) shell.vars.set(variable, made.text);
  else return yield* shell.complain("printf", `\`${variable}': not a valid identifier`);
  return made.status;
}

const SYNOPSIS = "printf [-v var] format [arguments]";

function* testBuiltin(shell: Shell, argv: readonly string[]): Task<number> {
  let words = argv.slice(1);
  if (argv[0] === "[") {
    if (words.at(-1) !== "]") return yield* shell.complain("[", shell.dash ? "missing ]" : "missing `]'", 2);
    words = words.slice(0, -1);
  }
  if (shell.dash && words.includes("==")) return yield* shell.complain(argv[0]!, `${words[0]}: unexpected operator`, 2);
  try {
    return evaluateTest({ proc: shell.proc, shell }, words) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof TestError)) throw error;
    return yield* shell.complain(argv[0]!, shell.dash ? dashTestMessage(error.message, words) : error.message, 2);
  }
}

function dashTestMessage(message: string, words: readonly string[]): string {
  const integer = /^(.*): integer expression expected$/.exec(message);
  if (integer) return `Illegal number: ${integer[1]}`;
  return `${/^(.*): (?:unary|binary) operator expected$/.test(message) ? words[0] : (words[0] ?? "")}: unexpected operator`;
}

interface ReadHow {
  readonly delimiter: number;
  readonly raw: boolean;
  /** characters at most; exactly that many with `exact` */
  readonly limit: number;
  readonly exact: boolean;
  /** virtual time at which to give up */
  readonly deadline: number;
}

interface ReadLine {
  readonly bytes: Uint8Array;
  readonly end: "delimiter" | "limit" | "eof" | "timeout";
}

/** Reads up to a delimiter and no byte further. */
export function* readLine(shell: Shell, file: OpenFile, how: ReadHow): Task<ReadLine> {
  const parts: Uint8Array[] = [];
  const canUnread = file.unread(new Uint8Array(0));
  let characters = 0;
  let escaped = false;
  for (;;) {
    // what the outside feeds stops the clock until it comes
    while (!file.readable() && !(file instanceof FedFile && how.deadline === Number.POSITIVE_INFINITY)) {
      const left = how.deadline - shell.proc.sim.now;
      const woken = yield* waitAny([file.readQueue, shell.signalled], left);
      if (woken < 0) return { bytes: concatBytes(parts), end: "timeout" };
      if (shell.pending.length > 0) yield* runPendingTraps(shell);
    }
    const chunk = yield* file.read(canUnread ? 4096 : 1);
    if (chunk === null) return { bytes: concatBytes(parts), end: "eof" };
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      const atDelimiter = byte === how.delimiter && !how.exact && !escaped;
      escaped = !how.raw && !escaped && byte === 0x5c;
      if (!atDelimiter && (byte & 0xc0) !== 0x80) characters++;
      const over = characters > how.limit;
      if (!atDelimiter && !over) continue;
      parts.push(chunk.slice(0, i));
      const rest = chunk.subarray(over ? i : i + 1);
      if (rest.length > 0) file.unread(rest);
      return { bytes: concatBytes(parts), end: over ? "limit" : "delimiter" };
    }
    parts.push(chunk.slice());
    if (characters >= how.limit && !canUnread) return { bytes: concatBytes(parts), end: "limit" };
    if (characters >= how.limit) {
      // enough, and nothing more is at hand
      return { bytes: concatBytes(parts), end: "limit" };
    }
  }
}

function* read(shell: Shell, argv: readonly string[]): Task<number> {
  const letters = shell.dash ? "p:r" : "a:d:n:N:p:rst:u:";
  const { given, rest, problem } = readOptions(argv, letters);
  if (problem !== undefined)
    return yield* usage(
      shell,
      "read",
      shell.dash ? problem.replace(/^-(.): invalid option$/, "Illegal option -$1") : problem,
      "read [-ers] [-a array] [-d delim] [-i text] [-n nchars] [-N nchars] [-p prompt] [-t timeout] [-u fd] [name ...]",
    );
  for (const name of rest)
    if (!/^[A-Za-z_][A-Za-z0-9_]*(\[.*\])?$/.test(name))
      return yield* shell.complain("read", `\`${name}': not a valid identifier`);
  const fd = Number(given.get("u") ?? 0);
  const file = shell.proc.fds.get(fd);
  if (!file) {
    if (given.has("u"))
      return yield* shell.complain("read", `${given.get("u")}: invalid file descriptor: Bad file descriptor`);
    return yield* shell.complain("read", "read error: 0: Bad file descriptor");
  }
  let deadline = Number.POSITIVE_INFINITY;
  const timeout = given.get("t");
  if (timeout !== undefined) {
    if (!/^(\d+\.?\d*|\.\d+)$/.test(timeout))
      return yield* shell.complain("read", `${timeout}: invalid timeout specification`);
    if (Number(timeout) === 0) return file.readable() ? 0 : 1;
    deadline = shell.proc.sim.now + Number(timeout) * SEC;
  }
  const count = given.get("N") ?? given.get("n");
  if (count !== undefined && !/^\d+$/.test(count)) return yield* shell.complain("read", `${count}: invalid number`);
  if (given.has("p") && file.isTty) yield* shell.proc.printError(given.get("p")!);
  const delimiter = given.get("d");
  const raw = given.has("r");
  const line = yield* readLine(shell, file, {
    delimiter: delimiter === undefined ? 10 : delimiter === "" ? 0 : delimiter.charCodeAt(0),
    raw,
    limit: count === undefined ? Number.POSITIVE_INFINITY : Number(count),
    exact: given.has("N"),
    deadline,
  });
  const text = decodeUtf8(line.bytes).replaceAll("\0", "");
  assignRead(shell, text, raw, given.has("N"), given.get("a"), rest);
  if (line.end === "timeout") return 142;
  return line.end === "eof" ? 1 : 0;
}

/** A character of input, and whether a backslash quoted it. */
interface Char {
  readonly c: string;
  readonly quoted: boolean;
}

function readChars(text: string, raw: boolean): Char[] {
  const out: Char[] = [];
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (raw || c !== "\\") out.push({ c, quoted: false });
    else {
      const next = text[++i];
      if (next !== undefined && next !== "\n") out.push({ c: next, quoted: true });
    }
  }
  return out;
}

function assignRead(
  shell: Shell,
  text: string,
  raw: boolean,
  whole: boolean,
  array: string | undefined,
  names: readonly string[],
): void {
  const chars = readChars(text, raw);
  const plain = (list: readonly Char[]): string => list.map((char) => char.c).join("");
  if (array !== undefined) {
    const variable = shell.vars.setArray(array, false);
    splitChars(chars, shell.ifs, Number.POSITIVE_INFINITY).forEach((field, i) => {
      shell.vars.setElement(variable.name, String(i), plain(field));
    });
    return;
  }
  if (names.length === 0) {
    shell.vars.set("REPLY", plain(chars));
    return;
  }
  const fields = whole ? [chars] : splitChars(chars, shell.ifs, names.length);
  names.forEach((name, i) => {
    const value = plain(fields[i] ?? []);
    const element = /^([^[]*)\[(.*)\]$/.exec(name);
    if (element) shell.vars.setElement(element[1]!, element[2]!, value);
    else shell.vars.set(name, value);
  });
}

/** Splits at IFS into at most `limit` fields; the last takes the rest. */
function splitChars(chars: readonly Char[], ifs: string, limit: number): Char[][] {
  const isIfs = (char: Char | undefined): boolean => char !== undefined && !char.quoted && ifs.includes(char.c);
  const isBlank = (char: Char | undefined): boolean => isIfs(char) && " \t\n".includes(char!.c);
  const fields: Char[][] = [];
  let i = 0;
  while (isBlank(chars[i])) i++;
  while (i < chars.length) {
    const start = i;
    while (i < chars.length && !isIfs(chars[i])) i++;
    const end = i;
    while (isBlank(chars[i])) i++;
    if (isIfs(chars[i]) && !isBlank(chars[i])) {
      i++;
      while (isBlank(chars[i])) i++;
    }
    if (fields.length === limit - 1 && i < chars.length) {
      let last = chars.length;
      while (last > start && isBlank(chars[last - 1])) last--;
      fields.push(chars.slice(start, last));
      return fields;
    }
    fields.push(chars.slice(start, end));
  }
  return fields;
}

function* mapfile(shell: Shell, argv: readonly string[]): Task<number> {
  const name = argv[0]!;
  const { given, rest, problem } = readOptions(argv, "d:n:O:s:tu:");
  if (problem !== undefined)
    return yield* usage(
      shell,
      name,
      problem,
      `${name} [-d delim] [-n count] [-O origin] [-s count] [-t] [-u fd] [array]`,
    );
  const target = rest[0] ?? "MAPFILE";
  if (!NAME.test(target)) return yield* shell.complain(name, `\`${target}': not a valid identifier`);
  const file = shell.proc.fds.get(Number(given.get("u") ?? 0));
  if (!file) return yield* shell.complain(name, `${given.get("u")}: invalid file descriptor: Bad file descriptor`);
  const delimiter = given.get("d");
  const ending = delimiter === undefined ? "\n" : delimiter === "" ? "\0" : delimiter[0]!;
  const count = Number(given.get("n") ?? 0);
  let skip = Number(given.get("s") ?? 0);
  let index = Number(given.get("O") ?? 0);
  shell.vars.setArray(target, given.has("O"));
  for (let taken = 0; count === 0 || taken < count; ) {
    const line = yield* readLine(shell, file, {
      delimiter: ending.charCodeAt(0),
      raw: true,
      limit: Number.POSITIVE_INFINITY,
      exact: false,
      deadline: Number.POSITIVE_INFINITY,
    });
    if (line.end === "eof" && line.bytes.length === 0) break;
    if (skip > 0) skip--;
    else {
      const text = decodeUtf8(line.bytes);
      const kept = given.has("t") || line.end === "eof" ? "" : ending;
      shell.vars.setElement(target, String(index++), text + kept);
      taken++;
    }
    if (line.end === "eof") break;
  }
  return 0;
}

export const ioBuiltins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ["echo", { run: echo }],
  ["printf", { run: printfBuiltin }],
  ["test", { run: testBuiltin }],
  ["[", { run: testBuiltin }],
  ["read", { run: read }],
  ["mapfile", { run: mapfile, bashOnly: true }],
  ["readarray", { run: mapfile, bashOnly: true }],
]);
