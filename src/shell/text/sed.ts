// sed, as GNU's: the cycle over lines with pattern and hold space, files edited in place, lines written as they come.

import type { OpenFile } from "../../posix/file.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import {
  bytesOf,
  errorText,
  fromBinary,
  getopt,
  LineReader,
  openInput,
  readText,
  toBinary,
} from "../coreutils/util.ts";
import { BlockOutput } from "./output.ts";
import {
  type Address,
  parseSed,
  type ReplacementPart,
  type ScriptPart,
  type SedCommand,
  SedError,
  type Substitution,
} from "./sed-parse.ts";

const LONG = {
  quiet: "n",
  silent: "n",
  expression: "e",
  file: "f",
  "regexp-extended": "E",
  "in-place": "i",
  separate: "s",
  unbuffered: "u",
  "null-data": "z",
  "line-length": "l",
  posix: "%posix",
};

function* sed(proc: Process): Task<number> {
  const { options, list, operands: words } = yield* getopt(proc, { short: "ne:f:Ei::rsuzl:", long: LONG, terse: true });
  const parts: ScriptPart[] = [];
  const operands = [...words];
  let count = 0;
  for (const [letter, value] of list) {
    if (letter === "e") parts.push({ text: value, where: `-e expression #${++count}` });
    else if (letter === "f") {
      try {
        const file = openInput(proc, value);
        parts.push({ text: fromBinary(yield* readText(file)), where: `file ${value}` });
        file.release();
      } catch (error) {
        yield* proc.printError(`sed: couldn't open file ${value}: ${errorText(error)}\n`);
        return 1;
      }
    }
  }
  if (parts.length === 0) {
    const text = operands.shift();
    if (text === undefined) {
      yield* proc.printError("Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...\n");
      return 1;
    }
    parts.push({ text, where: "-e expression #1" });
  }
  let commands: SedCommand[];
  try {
    commands = parseSed(joinParts(parts), options.has("E") || options.has("r"));
  } catch (error) {
    if (!(error instanceof SedError)) throw error;
    yield* proc.printError(`sed: ${error.message}\n`);
    return 1;
  }
  const silent = options.has("n") || parts[0]!.text.startsWith("#n\n");
  const separator = options.has("z") ? "\0" : "\n";
  const out = new BlockOutput(proc, options.has("u"));
  const machine = new Machine(proc, commands, silent, separator, out, Number(options.get("l") ?? 70));
  if (options.has("i")) {
    if (operands.length === 0) {
      yield* proc.printError("sed: no input files\n");
      return 4;
    }
    return yield* machine.inPlace(operands, options.get("i")!);
  }
  const status = options.has("s")
    ? yield* machine.separately(operands)
    : yield* machine.run(new Inputs(proc, operands, separator));
  yield* out.flush();
  return status;
}

/** Consecutive -e parts are one script: "-e a -e text". */
function joinParts(parts: readonly ScriptPart[]): ScriptPart[] {
  const out: ScriptPart[] = [];
  for (const part of parts) {
    const last = out.at(-1);
    if (last && /(^|[^\\])(\\\\)*\\$/.test(last.text))
      out[out.length - 1] = { text: `${last.text}\n${part.text}`, where: last.where };
    else out.push(part);
  }
  return out;
}

/** The input files as one stream of lines, with one line of look-ahead (is it the last?). */
class Inputs {
  readonly #proc: Process;
  readonly #paths: string[];
  readonly #separator: string;
  #file: OpenFile | undefined;
  #lines: LineReader | undefined;
  #ahead: { line: string; terminated: boolean } | undefined;
  failed = false;
  path = "-";

  constructor(proc: Process, paths: readonly string[], separator: string) {
    this.#proc = proc;
    this.#paths = paths.length > 0 ? [...paths] : ["-"];
    this.#separator = separator;
  }

  *next(): Task<{ line: string; terminated: boolean } | undefined> {
    if (!this.#ahead) yield* this.#fill();
    const line = this.#ahead;
    this.#ahead = undefined;
    return line;
  }

  *isLast(): Task<boolean> {
    if (!this.#ahead) yield* this.#fill();
    return this.#ahead === undefined;
  }

  *#fill(): Task<void> {
    for (;;) {
      if (!this.#lines) {
        const path = this.#paths.shift();
        if (path === undefined) return;
        try {
          this.#file = openInput(this.#proc, path);
        } catch (error) {
          this.failed = true;
          const text = errorText(error);
          const what = text === "Is a directory" ? "read error on" : "can't read";
          yield* this.#proc.printError(`sed: ${what} ${path}: ${text}\n`);
          continue;
        }
        this.path = path;
        this.#lines = new LineReader(this.#file, this.#separator);
      }
      const line = yield* this.#lines.next();
      if (line !== null) {
        this.#ahead = { line: fromBinary(line), terminated: this.#lines.terminated };
        return;
      }
      this.close();
    }
  }

  close(): void {
    this.#file?.release();
    this.#file = undefined;
    this.#lines = undefined;
  }
}

class Machine {
  readonly #proc: Process;
  readonly #commands: readonly SedCommand[];
  readonly #silent: boolean;
  readonly #end: string;
  readonly #width: number;
  #out: { add(text: string): Task<void> };
  #hold = "";
  #space = "";
  #terminated = true;
  #number = 0;
  #last: RegExp | undefined;
  #appended: { readonly text?: string; readonly file?: string; readonly line?: string }[] = [];
  readonly #writers: Map<string, OpenFile> = new Map();
  readonly #readers: Map<string, LineReader> = new Map();
  #quit: number | undefined;
  /** output lacked its newline: the next line must add it */
  #owesNewline = false;

  constructor(
    proc: Process,
    commands: readonly SedCommand[],
    silent: boolean,
    end: string,
    out: { add(text: string): Task<void> },
    width: number,
  ) {
    this.#proc = proc;
    this.#commands = commands;
    this.#silent = silent;
    this.#end = end;
    this.#out = out;
    this.#width = width;
  }

  *run(inputs: Inputs): Task<number> {
    this.#openWriters();
    while (this.#quit === undefined) {
      const next = yield* inputs.next();
      if (!next) break;
      this.#number++;
      this.#space = next.line;
      this.#terminated = next.terminated;
      let restart: boolean;
      do restart = yield* this.#cycle(inputs);
      while (restart && this.#quit === undefined);
    }
    inputs.close();
    for (const file of this.#writers.values()) file.release();
    this.#writers.clear();
    return this.#quit ?? (inputs.failed ? 2 : 0);
  }

  *separately(paths: readonly string[]): Task<number> {
    let status = 0;
    for (const path of paths.length > 0 ? paths : ["-"]) {
      this.#number = 0;
      status = Math.max(status, yield* this.run(new Inputs(this.#proc, [path], this.#end)));
      if (this.#quit !== undefined) break;
    }
    return status;
  }

  *inPlace(paths: readonly string[], suffix: string): Task<number> {
    let status = 0;
    const { root } = this.#proc;
    for (const path of paths) {
      let text = "";
      this.#out = {
        *add(piece: string): Task<void> {
          text += piece;
        },
      };
      this.#number = 0;
      const inputs = new Inputs(this.#proc, [path], this.#end);
      this.#owesNewline = false;
      const ended = yield* this.run(inputs);
      status = Math.max(status, inputs.failed ? 2 : ended);
      if (inputs.failed) continue;
      if (this.#quit !== undefined) {
        // what was not read stays
        for (let rest = yield* inputs.next(); rest; rest = yield* inputs.next())
          text += toBinary(rest.line) + (rest.terminated ? this.#end : "");
      }
      if (suffix !== "") {
        const backup = suffix.includes("*") ? suffix.replaceAll("*", path) : path + suffix;
        root.writeFile(this.#proc, backup, root.readFile(this.#proc, path).slice());
      }
      root.writeFile(this.#proc, path, bytesOf(text));
      if (this.#quit !== undefined) break;
    }
    return status;
  }

  #openWriters(): void {
    for (const command of this.#commands) {
      const path = command.name === "w" || command.name === "W" ? command.text : command.substitution?.file;
      if (path === undefined || this.#writers.has(path) || path === "/dev/stdout" || path === "/dev/stderr") continue;
      this.#writers.set(path, this.#proc.root.open(this.#proc, path, { write: true, create: true, truncate: true }));
    }
  }

  *#write(path: string, line: string): Task<void> {
    const text = line + this.#end;
    if (path === "/dev/stdout") yield* this.#out.add(toBinary(text));
    else if (path === "/dev/stderr") yield* this.#proc.printError(text);
    else yield* this.#writers.get(path)!.write(bytesOf(toBinary(text)));
  }

  *#print(line: string, terminated = true): Task<void> {
    yield* this.#out.add((this.#owesNewline ? this.#end : "") + toBinary(line) + (terminated ? this.#end : ""));
    this.#owesNewline = !terminated;
  }

  /** One cycle; true when D asks for another without reading. */
  *#cycle(inputs: Inputs): Task<boolean> {
    let substituted = false;
    let print = !this.#silent;
    let restart = false;
    for (let i = 0; i < this.#commands.length; ) {
      const command = this.#commands[i]!;
      i++;
      if ((yield* this.#selects(command, inputs)) === command.negated) {
        if (command.name === "{") i = command.target;
        continue;
      }
      switch (command.name) {
        case "{":
        case ":":
        case "v":
          continue;
        case "=":
          yield* this.#print(String(this.#number));
          continue;
        case "a":
          this.#appended.push({ text: command.text });
          continue;
        case "i":
          yield* this.#out.add((this.#owesNewline ? this.#end : "") + toBinary(command.text));
          this.#owesNewline = false;
          continue;
        case "c":
          // a range is replaced as a whole, at its end
          if (!command.to || command.negated || !command.active) {
            yield* this.#out.add((this.#owesNewline ? this.#end : "") + toBinary(command.text));
            this.#owesNewline = false;
          }
          print = false;
          i = this.#commands.length;
          continue;
        case "d":
          print = false;
          i = this.#commands.length;
          continue;
        case "D": {
          const at = this.#space.indexOf("\n");
          print = false;
          if (at >= 0) {
            this.#space = this.#space.slice(at + 1);
            restart = true;
          }
          i = this.#commands.length;
          continue;
        }
        case "F":
          yield* this.#print(inputs.path);
          continue;
        case "g":
          this.#space = this.#hold;
          continue;
        case "G":
          this.#space += `\n${this.#hold}`;
          continue;
        case "h":
          this.#hold = this.#space;
          continue;
        case "H":
          this.#hold += `\n${this.#space}`;
          continue;
        case "x":
          [this.#space, this.#hold] = [this.#hold, this.#space];
          continue;
        case "l":
          yield* this.#print(visible(this.#space, Number(command.text || this.#width)));
          continue;
        case "n":
        case "N": {
          if (yield* inputs.isLast()) {
            // without a next line GNU prints the pattern space and ends
            this.#quit = inputs.failed ? 2 : 0;
            if (command.name === "n" && print) yield* this.#print(this.#space, this.#terminated);
            else if (command.name === "N" && print) yield* this.#print(this.#space, this.#terminated);
            yield* this.#flushAppended();
            return false;
          }
          if (command.name === "n" && print) yield* this.#print(this.#space);
          yield* this.#flushAppended();
          const next = (yield* inputs.next())!;
          this.#number++;
          this.#terminated = next.terminated;
          this.#space = command.name === "n" ? next.line : `${this.#space}\n${next.line}`;
          continue;
        }
        case "p":
          yield* this.#print(this.#space);
          continue;
        case "P":
          yield* this.#print(this.#space.split("\n", 1)[0]!);
          continue;
        case "q":
          this.#quit = Number(command.text || 0);
          i = this.#commands.length;
          continue;
        case "Q":
          this.#quit = Number(command.text || 0);
          return false;
        case "r":
          this.#appended.push({ file: command.text });
          continue;
        case "R":
          yield* this.#queueLine(command.text);
          continue;
        case "w":
          yield* this.#write(command.text, this.#space);
          continue;
        case "W":
          yield* this.#write(command.text, this.#space.split("\n", 1)[0]!);
          continue;
        case "s":
          if (yield* this.#substitute(command.substitution!)) substituted = true;
          continue;
        case "y":
          this.#space = [...this.#space].map((c) => command.map!.get(c) ?? c).join("");
          continue;
        case "z":
          this.#space = "";
          continue;
        case "b":
          i = command.target;
          continue;
        case "t":
        case "T":
          if (substituted === (command.name === "t")) i = command.target;
          substituted = false;
          continue;
      }
    }
    if (print) yield* this.#print(this.#space, this.#terminated);
    yield* this.#flushAppended();
    return restart;
  }

  *#flushAppended(): Task<void> {
    const queue = this.#appended;
    this.#appended = [];
    for (const { text, file, line } of queue) {
      let out = text === undefined ? undefined : toBinary(text);
      if (line !== undefined) out = toBinary(line) + this.#end;
      if (file !== undefined) {
        try {
          const opened = openInput(this.#proc, file === "/dev/stdin" ? "-" : file);
          out = yield* readText(opened);
          opened.release();
        } catch (error) {
          errorText(error);
        }
      }
      if (out === undefined || out === "") continue;
      yield* this.#out.add((this.#owesNewline ? this.#end : "") + out);
      this.#owesNewline = false;
    }
  }

  *#queueLine(path: string): Task<void> {
    let reader = this.#readers.get(path);
    if (!reader) {
      try {
        reader = new LineReader(openInput(this.#proc, path));
      } catch (error) {
        errorText(error);
        return;
      }
      this.#readers.set(path, reader);
    }
    const line = yield* reader.next();
    if (line !== null) this.#appended.push({ line: fromBinary(line) });
  }

  *#selects(command: SedCommand, inputs: Inputs): Task<boolean> {
    const { from, to } = command;
    if (!from) return true;
    if (!to) return yield* this.#matches(from, inputs);
    if (!command.active) {
      const zero = from.kind === "line" && from.line === 0;
      if (zero ? this.#number !== 1 : !(yield* this.#matches(from, inputs))) return false;
      command.active = true;
      command.until = Number.POSITIVE_INFINITY;
      if (to.kind === "line") command.until = to.line;
      else if (to.kind === "plus") command.until = this.#number + to.count;
      else if (to.kind === "multiple")
        command.until = to.count > 0 ? this.#number + to.count - (this.#number % to.count) : this.#number;
      if (command.until <= this.#number) command.active = false;
      // a regular expression may end the range on its first line only for 0,/re/
      if (zero && to.kind === "regex" && (yield* this.#matches(to, inputs))) command.active = false;
      if (to.kind === "last" && (yield* inputs.isLast())) command.active = false;
      return true;
    }
    if (to.kind === "line" && this.#number > command.until) {
      command.active = false;
      return yield* this.#matches(from, inputs);
    }
    const ends =
      to.kind === "regex" || to.kind === "last" || to.kind === "step"
        ? yield* this.#matches(to, inputs)
        : this.#number >= command.until;
    if (ends) command.active = false;
    return true;
  }

  *#matches(address: Address, inputs: Inputs): Task<boolean> {
    switch (address.kind) {
      case "line":
        return this.#number === address.line;
      case "last":
        return yield* inputs.isLast();
      case "step":
        return address.step === 0
          ? this.#number === address.first
          : this.#number >= address.first && (this.#number - address.first) % address.step === 0;
      case "regex": {
        const expression = this.#expression(address.expression);
        expression.lastIndex = 0;
        return expression.test(this.#space);
      }
      default:
        return false;
    }
  }

  #expression(own: RegExp | null): RegExp {
    if (own) this.#last = own;
    return this.#last ?? /(?!)/gu;
  }

  *#substitute(how: Substitution): Task<boolean> {
    const expression = this.#expression(how.expression);
    let out = "";
    let at = 0;
    let count = 0;
    expression.lastIndex = 0;
    for (const match of this.#space.matchAll(expression)) {
      // an empty match right after another match does not count
      if (match[0] === "" && match.index === at && count > 0 && at > 0) continue;
      count++;
      if (count < how.number) {
        if (match[0] === "") continue;
        out += this.#space.slice(at, match.index + match[0].length);
        at = match.index + match[0].length;
        continue;
      }
      out += this.#space.slice(at, match.index) + replacementText(how.replacement, match);
      at = match.index + match[0].length;
      if (!how.global) break;
    }
    if (count < how.number) return false;
    this.#space = out + this.#space.slice(at);
    for (let i = 0; i < how.print; i++) yield* this.#print(this.#space);
    if (how.file !== undefined) yield* this.#write(how.file, this.#space);
    return true;
  }
}

function replacementText(parts: readonly ReplacementPart[], match: RegExpMatchArray): string {
  let out = "";
  let turn: "L" | "U" | undefined;
  let once: "l" | "u" | undefined;
  for (const part of parts) {
    if (typeof part === "object") {
      if (part.turn === "E") turn = undefined;
      else if (part.turn === "L" || part.turn === "U") turn = part.turn;
      else once = part.turn;
      continue;
    }
    let text = typeof part === "number" ? (match[part] ?? "") : part;
    if (turn) text = turn === "L" ? text.toLowerCase() : text.toUpperCase();
    if (once && text !== "") {
      const head = once === "l" ? text[0]!.toLowerCase() : text[0]!.toUpperCase();
      text = head + text.slice(1);
      once = undefined;
    }
    out += text;
  }
  return out;
}

/** The command l: escapes, $ at the end, long lines folded with a backslash. */
function visible(text: string, width: number): string {
  const units: string[] = [];
  for (const c of text) {
    const at = "\\\x07\b\f\n\r\t\v".indexOf(c);
    if (at >= 0) units.push(["\\\\", "\\a", "\\b", "\\f", "\\n", "\\r", "\\t", "\\v"][at]!);
    else if (c < " " || c === "\x7f") units.push(`\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
    else if (c > "\x7f") for (const byte of bytesOf(toBinary(c))) units.push(`\\${byte.toString(8)}`);
    else units.push(c);
  }
  units.push("$");
  if (width <= 1) return units.join("");
  let out = "";
  let column = 0;
  for (const [i, unit] of units.entries()) {
    const last = i === units.length - 1;
    if (column + unit.length > width - 1 && !(last && column + unit.length <= width)) {
      out += "\\\n";
      column = 0;
    }
    out += unit;
    column += unit.length;
  }
  return out;
}

export const sedPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([["sed", sed]]);
