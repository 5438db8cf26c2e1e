// Programs on lines and fields: cut, uniq, fold, expand, unexpand, column, split, seq.

import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { formatFloat } from "../printf.ts";
import {
  bytesOf,
  complain,
  eachInput,
  errorText,
  getopt,
  LineReader,
  openInput,
  printBinary,
  quoted,
  readText,
  toBinary,
  usageError,
} from "./util.ts";

type Range = readonly [from: number, to: number];

/** "1,3-5,7-" → ranges; undefined when it is no list. */
function parseRanges(text: string): Range[] | undefined {
  const out: Range[] = [];
  for (const part of text.split(/[, ]/)) {
    const match = /^(\d*)(-?)(\d*)$/.exec(part);
    if (!match || part === "" || part === "-") return undefined;
    const from = match[1] === "" ? 1 : Number(match[1]);
    const to = match[2] === "" ? from : match[3] === "" ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (from === 0 || to < from) return undefined;
    out.push([from, to]);
  }
  return out;
}

function* cut(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "b:c:d:f:nsz",
    long: {
      bytes: "b",
      characters: "c",
      delimiter: "d",
      fields: "f",
      complement: "%complement",
      "only-delimited": "s",
      "output-delimiter": "%output",
      "zero-terminated": "z",
    },
    valued: ["%output"],
  });
  const modes = ["b", "c", "f"].filter((each) => options.has(each));
  if (modes.length === 0) return yield* usageError(proc, "you must specify a list of bytes, characters, or fields");
  if (modes.length > 1) return yield* usageError(proc, "only one type of list may be specified");
  const mode = modes[0]!;
  const ranges = parseRanges(options.get(mode)!);
  if (!ranges) {
    const what = mode === "f" ? "field" : "byte/character position";
    return yield* usageError(
      proc,
      /(^|,)0/.test(options.get(mode)!)
        ? mode === "f"
          ? "fields are numbered from 1"
          : "byte/character positions are numbered from 1"
        : `invalid ${what} range`,
    );
  }
  const delimiter = toBinary(options.get("d") ?? "\t");
  if (delimiter.length > 1) return yield* usageError(proc, "the delimiter must be a single character");
  const complement = options.has("%complement");
  const wanted = (n: number): boolean => ranges.some(([from, to]) => n >= from && n <= to) !== complement;
  const joiner = options.get("%output") ?? (mode === "f" ? delimiter : "");
  const separator = options.has("z") ? "\0" : "\n";
  return yield* eachInput(proc, operands, function* (file) {
    const lines = new LineReader(file, separator);
    for (let line = yield* lines.next(); line !== null; line = yield* lines.next()) {
      if (mode === "f" && !line.includes(delimiter)) {
        if (!options.has("s")) yield* printBinary(proc, line + separator);
        continue;
      }
      const parts = mode === "f" ? line.split(delimiter) : [...line];
      yield* printBinary(proc, parts.filter((_part, i) => wanted(i + 1)).join(joiner) + separator);
    }
  });
}

function* uniq(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "cdDf:is:uw:z",
    long: {
      count: "c",
      repeated: "d",
      "ignore-case": "i",
      unique: "u",
      "skip-fields": "f",
      "skip-chars": "s",
      "check-chars": "w",
      "zero-terminated": "z",
    },
  });
  const key = (line: string): string => {
    let text = line;
    for (let n = Number(options.get("f") ?? 0); n > 0; n--) text = text.replace(/^[ \t]*[^ \t]*/, "");
    text = text.slice(Number(options.get("s") ?? 0));
    if (options.has("w")) text = text.slice(0, Number(options.get("w")));
    return options.has("i") ? text.toLowerCase() : text;
  };
  if (operands.length > 2) return yield* usageError(proc, `extra operand ‘${operands[2]}’`);
  let collected = "";
  const status = yield* eachInput(proc, operands.slice(0, 1), function* (file) {
    const lines = new LineReader(file, options.has("z") ? "\0" : "\n");
    const end = options.has("z") ? "\0" : "\n";
    let group: string[] = [];
    const emit = function* (): Task<void> {
      if (group.length === 0) return;
      const repeated = group.length > 1;
      if ((options.has("d") || options.has("D")) && !repeated) return;
      if (options.has("u") && repeated) return;
      const count = options.has("c") ? `${String(group.length).padStart(7)} ` : "";
      const text = (options.has("D") ? group : group.slice(0, 1)).map((line) => count + line + end).join("");
      if (operands.length < 2) yield* printBinary(proc, text);
      else collected += text;
    };
    for (let line = yield* lines.next(); line !== null; line = yield* lines.next()) {
      if (group.length > 0 && key(group[0]!) === key(line)) group.push(line);
      else {
        yield* emit();
        group = [line];
      }
    }
    yield* emit();
  });
  if (operands.length === 2) proc.root.writeFile(proc, operands[1]!, bytesOf(collected));
  return status;
}

function* fold(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(
    proc,
    { short: "bsw:", long: { bytes: "b", spaces: "s", width: "w" } },
    proc.argv.map((word) => (/^-\d+$/.test(word) ? `-w${word.slice(1)}` : word)),
  );
  const width = Number(options.get("w") ?? 80);
  if (!(width > 0)) return yield* complain(proc, `invalid number of columns: ‘${options.get("w")}’`);
  return yield* eachInput(proc, operands, function* (file) {
    const lines = new LineReader(file);
    for (let line = yield* lines.next(); line !== null; line = yield* lines.next()) {
      let rest = line;
      let out = "";
      while (columnsOf(rest, options.has("b")) > width) {
        let end = 0;
        while (columnsOf(rest.slice(0, end + 1), options.has("b")) <= width) end++;
        end = Math.max(end, 1);
        if (options.has("s")) {
          const blank = Math.max(rest.lastIndexOf(" ", end - 1), rest.lastIndexOf("\t", end - 1));
          if (blank >= 0) end = blank + 1;
        }
        out += `${rest.slice(0, end)}\n`;
        rest = rest.slice(end);
      }
      yield* printBinary(proc, out + rest + (lines.terminated ? "\n" : ""));
    }
  });
}

function columnsOf(text: string, bytes: boolean): number {
  if (bytes) return text.length;
  let column = 0;
  for (const c of text)
    column = c === "\t" ? (Math.floor(column / 8) + 1) * 8 : c === "\b" ? Math.max(0, column - 1) : column + 1;
  return column;
}

function* expand(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, { short: "it:", long: { initial: "i", tabs: "t" } });
  const size = Number(options.get("t") ?? 8);
  return yield* eachInput(proc, operands, function* (file) {
    const lines = new LineReader(file);
    for (let line = yield* lines.next(); line !== null; line = yield* lines.next()) {
      let out = "";
      let inside = false;
      for (const c of line) {
        if (c === "\t" && !(options.has("i") && inside)) out += " ".repeat(size - (out.length % size));
        else out += c;
        if (c !== "\t" && c !== " ") inside = true;
      }
      yield* printBinary(proc, out + (lines.terminated ? "\n" : ""));
    }
  });
}

function* unexpand(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "at:",
    long: { all: "a", tabs: "t", "first-only": "%first" },
  });
  const size = Number(options.get("t") ?? 8);
  const all = (options.has("a") || options.has("t")) && !options.has("%first");
  return yield* eachInput(proc, operands, function* (file) {
    const lines = new LineReader(file);
    for (let line = yield* lines.next(); line !== null; line = yield* lines.next()) {
      let out = "";
      let column = 0;
      let blanks = "";
      let leading = true;
      for (const c of line) {
        if ((c === " " || c === "\t") && (leading || all)) {
          blanks += c;
          column = c === "\t" ? (Math.floor(column / size) + 1) * size : column + 1;
          if (column % size === 0) {
            out += blanks === " " && !leading ? " " : "\t";
            blanks = "";
          }
          continue;
        }
        out += blanks + c;
        blanks = "";
        leading = false;
        column++;
      }
      yield* printBinary(proc, out + blanks + (lines.terminated ? "\n" : ""));
    }
  });
}

function* column(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "c:o:s:tx",
    long: { table: "t", separator: "s", "output-separator": "o", "output-width": "c", fillrows: "x" },
  });
  const lines: string[] = [];
  const status = yield* eachInput(proc, operands, function* (file) {
    const reader = new LineReader(file);
    for (let line = yield* reader.next(); line !== null; line = yield* reader.next())
      if (line.trim() !== "") lines.push(line);
  });
  if (options.has("t")) {
    const separators = options.get("s");
    const rows = lines.map((line) => {
      if (separators !== undefined) return line.split(new RegExp(`[${separators.replace(/[\\\]^-]/g, "\\$&")}]`));
      return line.split(/[ \t]+/).filter((part) => part !== "");
    });
    const widths: number[] = [];
    for (const row of rows)
      row.forEach((cell, i) => {
        widths[i] = Math.max(widths[i] ?? 0, cell.length);
      });
    const gap = options.get("o") ?? "  ";
    for (const row of rows) {
      const cells = row.map((cell, i) =>
        i < row.length - 1 || i < widths.length - 1 ? cell.padEnd(widths[i]!) : cell,
      );
      while (cells.length < widths.length)
        cells.push(" ".repeat(cells.length < widths.length - 1 ? widths[cells.length]! : 0));
      yield* printBinary(proc, `${cells.join(gap)}\n`);
    }
    return status;
  }
  const total = Number(options.get("c") ?? 80);
  const width = (Math.floor(Math.max(0, ...lines.map((line) => line.length)) / 8) + 1) * 8;
  const across = Math.max(1, Math.floor(total / width));
  const down = Math.ceil(lines.length / across);
  const count = options.has("x") ? Math.ceil(lines.length / across) : down;
  for (let row = 0; row < count; row++) {
    let out = "";
    for (let i = 0; i < across; i++) {
      const cell = lines[options.has("x") ? row * across + i : i * down + row];
      if (cell === undefined) continue;
      const more =
        lines[options.has("x") ? row * across + i + 1 : (i + 1) * down + row] !== undefined && i + 1 < across;
      out += cell + (more ? "\t".repeat(Math.ceil((width - cell.length) / 8)) : "");
    }
    yield* printBinary(proc, `${out}\n`);
  }
  return status;
}

function* split(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "a:b:dl:",
    long: { "suffix-length": "a", bytes: "b", "numeric-suffixes": "d", lines: "l" },
  });
  const [path = "-", prefix = "x"] = operands;
  let text: string;
  try {
    const file = openInput(proc, path);
    text = yield* readText(file);
    file.release();
  } catch (error) {
    return yield* complain(proc, `cannot open ${quoted(path)} for reading: ${errorText(error)}`);
  }
  const pieces: string[] = [];
  if (options.has("b")) {
    const unit = /^(\d+)([kKmM]?)$/.exec(options.get("b")!);
    if (!unit) return yield* complain(proc, `invalid number of bytes: ‘${options.get("b")}’`);
    const size = Number(unit[1]) * (unit[2] === "" ? 1 : unit[2]!.toLowerCase() === "k" ? 1024 : 1024 * 1024);
    for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size));
  } else {
    const count = Number(options.get("l") ?? 1000);
    if (!(count > 0)) return yield* complain(proc, `invalid number of lines: ‘${options.get("l")}’`);
    const lines = text.split(/(?<=\n)/);
    for (let at = 0; at < lines.length; at += count) pieces.push(lines.slice(at, at + count).join(""));
  }
  const length = Number(options.get("a") ?? 2);
  const suffix = (index: number): string => {
    const base = options.has("d") ? 10 : 26;
    let out = "";
    for (let n = index, i = 0; i < length; i++, n = Math.floor(n / base))
      out = (options.has("d") ? String(n % 10) : String.fromCharCode(97 + (n % 26))) + out;
    return out;
  };
  for (const [i, piece] of pieces.entries())
    if (piece !== "") proc.root.writeFile(proc, prefix + suffix(i), bytesOf(piece));
  return 0;
}

function* seq(proc: Process): Task<number> {
  // negative numbers look like options
  const argv = proc.argv.flatMap((word, i) => (i > 0 && /^-[\d.]/.test(word) ? ["--", word] : [word]));
  const firstDashes = argv.indexOf("--");
  const words = argv.filter((word, i) => word !== "--" || i === firstDashes);
  const { options, operands } = yield* getopt(
    proc,
    { short: "f:s:w", long: { format: "f", separator: "s", "equal-width": "w" } },
    words,
  );
  if (operands.length === 0) return yield* usageError(proc, "missing operand");
  if (operands.length > 3) return yield* usageError(proc, `extra operand ‘${operands[3]}’`);
  for (const each of operands)
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(each))
      return yield* usageError(proc, `invalid floating point argument: ‘${each}’`);
  const first = operands.length > 1 ? operands[0]! : "1";
  const step = operands.length === 3 ? operands[1]! : "1";
  const last = operands.at(-1)!;
  if (Number(step) === 0) return yield* usageError(proc, `invalid Zero increment value: ‘${step}’`);
  const digits = Math.max(decimals(first), decimals(step));
  const format = options.get("f");
  const separator = options.get("s") ?? "\n";
  const show = (value: number): string =>
    format === undefined
      ? value.toFixed(digits)
      : format.replace(
          /%(-?[+ 0#]*)(\d*)(?:\.(\d+))?([gfe])/,
          (_all, flags: string, width: string, precision: string | undefined, letter: string) =>
            formatFloat(
              value,
              letter,
              flags,
              Number(width || 0),
              precision === undefined ? undefined : Number(precision),
            ),
        );
  const count = Math.floor((Number(last) - Number(first)) / Number(step) + 1e-10);
  const width = options.has("w")
    ? Math.max(
        show(Number(first)).length,
        show(Number(first) + count * Number(step)).length,
        Number(last).toFixed(digits).length,
      )
    : 0;
  let out = "";
  for (let i = 0; i <= count; i++) {
    let text = show(Number(first) + i * Number(step));
    if (width > 0)
      text = text.startsWith("-") ? `-${text.slice(1).padStart(width - 1, "0")}` : text.padStart(width, "0");
    out += (i > 0 ? separator : "") + text;
    if (out.length > 4096) {
      yield* proc.print(out);
      out = "";
    }
  }
  if (count >= 0) yield* proc.print(`${out}\n`);
  return 0;
}

function decimals(text: string): number {
  const at = text.indexOf(".");
  return at < 0 ? 0 : text.length - at - 1;
}

export const columnPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["cut", cut],
  ["uniq", uniq],
  ["fold", fold],
  ["expand", expand],
  ["unexpand", unexpand],
  ["column", column],
  ["split", split],
  ["seq", seq],
]);
