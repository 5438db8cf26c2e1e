// What the small programs share: GNU option parsing with its messages, files by name, lines, and text as binary strings
// (one character a byte) so that any byte passes through unharmed.

import { latin1 } from "../../base/bytes.ts";
import { NetError, strerror } from "../../base/errno.ts";
import { decodeUtf8, encodeUtf8 } from "../../base/text.ts";
import type { OpenFile } from "../../posix/file.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";

/** Options of a command line. */
export interface Given {
  /** the last value of each option by its short name; "" for those without a value */
  readonly options: ReadonlyMap<string, string>;
  /** all, in order */
  readonly list: readonly (readonly [name: string, value: string])[];
  readonly operands: readonly string[];
}

export interface OptionSpec {
  /** as getopt(3): "n:qv"; "x::" takes an optional value glued to it */
  readonly short: string;
  /** long names and the short name each stands for; one may be made up ("%color") when there is none */
  readonly long?: Readonly<Record<string, string>>;
  /** exit status of a usage error; 1 when absent */
  readonly status?: number;
  /** options end at the first operand (POSIXLY_CORRECT, "+") */
  readonly stop?: boolean;
  /** no "Try '… --help'" line */
  readonly terse?: boolean;
  /** what `takesValue` says for made-up names */
  readonly valued?: readonly string[];
}

/** Reads the options of a process's argv as getopt_long(3) does. A usage error is printed and ends the process. */
export function* getopt(proc: Process, spec: OptionSpec, argv: readonly string[] = proc.argv): Task<Given> {
  const name = proc.name;
  const list: [string, string][] = [];
  const operands: string[] = [];
  const long = new Map(Object.entries(spec.long ?? {}));
  const fail = function* (message: string): Task<never> {
    yield* proc.printError(`${name}: ${message}\n`);
    if (!spec.terse) yield* proc.printError(`Try '${name} --help' for more information.\n`);
    return proc.exit(spec.status ?? 1);
  };
  const arity = (letter: string): "none" | "required" | "optional" => {
    if (spec.valued?.includes(letter)) return "required";
    const at = spec.short.indexOf(letter);
    if (letter.length > 1 || at < 0 || spec.short[at + 1] !== ":") return "none";
    return spec.short[at + 2] === ":" ? "optional" : "required";
  };
  for (let i = 1; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "--") {
      operands.push(...argv.slice(i + 1));
      break;
    }
    if (word.startsWith("--")) {
      const [key, inline] = splitAt(word.slice(2), "=");
      const fits = long.has(key) ? [key] : [...long.keys()].filter((each) => each.startsWith(key));
      if (fits.length === 0) return yield* fail(`unrecognized option '--${key}'`);
      const letters = new Set(fits.map((each) => long.get(each)!));
      if (letters.size > 1)
        return yield* fail(
          `option '--${key}' is ambiguous; possibilities: ${fits.map((each) => `'--${each}'`).join(" ")}`,
        );
      const full = fits[0]!;
      const letter = long.get(full)!;
      const takes = arity(letter);
      if (takes === "none" && inline !== undefined) return yield* fail(`option '--${full}' doesn't allow an argument`);
      let value = inline;
      if (takes === "required" && value === undefined) {
        value = argv[++i];
        if (value === undefined) return yield* fail(`option '--${full}' requires an argument`);
      }
      list.push([letter, value ?? ""]);
      continue;
    }
    if (word.startsWith("-") && word.length > 1) {
      for (let k = 1; k < word.length; k++) {
        const letter = word[k]!;
        if (letter === ":" || !spec.short.includes(letter)) return yield* fail(`invalid option -- '${letter}'`);
        const takes = arity(letter);
        if (takes === "none") {
          list.push([letter, ""]);
          continue;
        }
        let value: string | undefined = word.slice(k + 1);
        if (value === "" && takes === "required") value = argv[++i];
        if (value === undefined) return yield* fail(`option requires an argument -- '${letter}'`);
        list.push([letter, value]);
        break;
      }
      continue;
    }
    if (spec.stop) {
      operands.push(...argv.slice(i));
      break;
    }
    operands.push(word);
  }
  // of its size: `sleep` keeps it for as long as it runs
  return { options: new Map(list), list, operands: operands.slice() };
}

function splitAt(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** Prints "NAME: message" to stderr; returns `status`. */
export function* complain(proc: Process, message: string, status = 1): Task<number> {
  yield* proc.printError(`${proc.name}: ${message}\n`);
  return status;
}

/** "NAME: missing operand" and the hint; returns `status`. */
export function* usageError(proc: Process, message: string, status = 1): Task<number> {
  yield* proc.printError(`${proc.name}: ${message}\nTry '${proc.name} --help' for more information.\n`);
  return status;
}

/** The text of a NetError as programs print it. */
export function errorText(error: unknown): string {
  if (error instanceof NetError) return strerror(error.errno);
  throw error;
}

/** Opens a file to read; "-" is stdin. Throws NetError. */
export function openInput(proc: Process, path: string): OpenFile {
  if (path === "-") return proc.fd(0).retain();
  return proc.root.open(proc, path, { read: true });
}

/** Runs `each` with every input file (stdin when there is none); says which cannot be read. The worst status. */
export function* eachInput(
  proc: Process,
  paths: readonly string[],
  each: (file: OpenFile, path: string, index: number) => Task<void>,
  how: { readonly status?: number; readonly message?: (path: string, text: string) => string } = {},
): Task<number> {
  const { status = 1, message = (path: string, text: string) => `${path}: ${text}` } = how;
  let worst = 0;
  const all = paths.length > 0 ? paths : ["-"];
  for (const [index, path] of all.entries()) {
    let file: OpenFile;
    try {
      file = openInput(proc, path);
    } catch (error) {
      worst = yield* complain(proc, message(path, errorText(error)), status);
      continue;
    }
    try {
      yield* each(file, path, index);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      worst = yield* complain(proc, `${path}: ${errorText(error)}`, status);
    } finally {
      file.release();
    }
  }
  return worst;
}

/** All bytes of an open file, as a binary string. */
export function* readText(file: OpenFile): Task<string> {
  const parts: string[] = [];
  for (;;) {
    const part = yield* file.read(65536);
    if (part === null) return parts.join("");
    parts.push(latin1(part));
  }
}

/** A binary string → its bytes. */
export function bytesOf(text: string): Uint8Array {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

/** Text → the binary string of its UTF-8. */
export function toBinary(text: string): string {
  return isAscii(text) ? text : latin1(encodeUtf8(text));
}

/** The text that a binary string's UTF-8 says. */
export function fromBinary(text: string): string {
  return isAscii(text) ? text : decodeUtf8(bytesOf(text));
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

/** Writes a binary string to stdout. */
export function* printBinary(proc: Process, text: string): Task<void> {
  if (text !== "") yield* proc.printBytes(bytesOf(text));
}

/** Lines of an open file as they come; each without its newline. */
export class LineReader {
  readonly #file: OpenFile;
  readonly #separator: string;
  #rest = "";
  #ended = false;
  /** the last line returned had its newline */
  terminated = true;

  constructor(file: OpenFile, separator = "\n") {
    this.#file = file;
    this.#separator = separator;
  }

  /** The next line as a binary string, or null at the end. */
  *next(): Task<string | null> {
    for (;;) {
      const at = this.#rest.indexOf(this.#separator);
      if (at >= 0) {
        const line = this.#rest.slice(0, at);
        this.#rest = this.#rest.slice(at + 1);
        this.terminated = true;
        return line;
      }
      if (this.#ended) {
        if (this.#rest === "") return null;
        const line = this.#rest;
        this.#rest = "";
        this.terminated = false;
        return line;
      }
      const part = yield* this.#file.read(65536);
      if (part === null) this.#ended = true;
      else this.#rest += latin1(part);
    }
  }

  /** True when no further line can be had without waiting. */
  get drained(): boolean {
    return !this.#rest.includes(this.#separator);
  }
}

/** Gathers output and writes it in pieces: at once when the reader is waiting for more input, else 4 KiB at a time. */
export class Output {
  readonly #proc: Process;
  #text = "";

  constructor(proc: Process) {
    this.#proc = proc;
  }

  /** Adds a binary string. */
  *add(text: string): Task<void> {
    this.#text += text;
    if (this.#text.length >= 4096) yield* this.flush();
  }

  *flush(): Task<void> {
    const text = this.#text;
    this.#text = "";
    yield* printBinary(this.#proc, text);
  }
}

/** "10K", "2M", "512" → bytes; undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)(b|[kKMGT](?:i?B)?|)$/.exec(text);
  if (!match) return undefined;
  const unit = match[2]!;
  if (unit === "") return Number(match[1]);
  if (unit === "b") return Number(match[1]) * 512;
  const power = "KMGT".indexOf(unit[0]!.toUpperCase()) + 1;
  return Number(match[1]) * (unit.length === 2 ? 1000 : 1024) ** power;
}

/** GNU's quoting of a name in messages: 'name'. */
export function quoted(name: string): string {
  return /['\n]/.test(name) ? `'${name.replaceAll("'", "'\\''")}'` : `'${name}'`;
}

/** GNU's other quoting: ‘name’. */
export function curly(text: string): string {
  return `‘${text}’`;
}
