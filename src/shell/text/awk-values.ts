// awk's values: numbers, strings, and strings that look like numbers; arrays in the order in which mawk walks them.
// Strings are binary strings (a character a byte), as mawk counts.

import { formatFloat, formatInteger } from "../printf.ts";

/** A number, a string, or input that may be either (undefined: never set). */
export type Value = number | string | StrNum | undefined;

/** Text from input that looks like a number: it compares as one. */
export class StrNum {
  readonly text: string;
  readonly value: number;

  constructor(text: string, value: number) {
    this.text = text;
    this.value = value;
  }
}

const NUMERIC =
  /^[ \t\n\r\f\v]*[+-]?(?:0[xX][0-9A-Fa-f]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)[ \t\n\r\f\v]*$/i;
const PREFIX = /^[ \t\n\r\f\v]*([+-]?)(0[xX][0-9A-Fa-f]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)/i;

/** Text from input: a StrNum when it looks like a number. */
export function fromInput(text: string): Value {
  return NUMERIC.test(text) ? new StrNum(text, textNumber(text)) : text;
}

function textNumber(text: string): number {
  const match = PREFIX.exec(text);
  if (!match) return 0;
  const digits = match[2]!.toLowerCase();
  const size = digits.startsWith("inf") ? Number.POSITIVE_INFINITY : digits === "nan" ? Number.NaN : Number(digits);
  return match[1] === "-" ? -size : size;
}

export function toNumber(value: Value): number {
  if (typeof value === "number") return value;
  if (value === undefined) return 0;
  return typeof value === "string" ? textNumber(value) : value.value;
}

/** @param format CONVFMT, or OFMT in print */
export function toText(value: Value, format: string): string {
  if (typeof value === "string") return value;
  if (value === undefined) return "";
  if (typeof value !== "number") return value.text;
  if (Number.isInteger(value) && Math.abs(value) <= 2147483647) return String(value === 0 ? 0 : value);
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  return sprintf(format, [value], format);
}

export function toBoolean(value: Value): boolean {
  if (typeof value === "string") return value !== "";
  return toNumber(value) !== 0;
}

/** −1, 0 or 1: as numbers when both are, else as strings. */
export function compare(a: Value, b: Value, format: string): number {
  const numeric = (value: Value): boolean => typeof value !== "string";
  if (numeric(a) && numeric(b)) {
    const x = toNumber(a);
    const y = toNumber(b);
    return x < y ? -1 : x > y ? 1 : 0;
  }
  const x = toText(a, format);
  const y = toText(b, format);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** sprintf lacked an argument. */
export class MissingArgument extends Error {
  override readonly name: string = "MissingArgument";
}

/** awk's sprintf. Throws MissingArgument. */
export function sprintf(format: string, args: readonly Value[], convert: string): string {
  let next = 0;
  const argument = (): Value => {
    if (next >= args.length) throw new MissingArgument();
    return args[next++];
  };
  return format.replace(
    /%([-+ #0]*)(\*|\d+)?(?:\.(\*|\d*))?(?:hh|h|ll|l|L|q|j|z|t)?([diouxXeEfFgGaAcs%])/g,
    (_all, flagText: string, widthText: string | undefined, precisionText: string | undefined, letter: string) => {
      if (letter === "%") return "%";
      let flags = flagText;
      let width = widthText === "*" ? Math.trunc(toNumber(argument())) : Number(widthText ?? 0);
      if (width < 0) {
        flags += "-";
        width = -width;
      }
      const precision =
        precisionText === undefined
          ? undefined
          : precisionText === "*"
            ? Math.trunc(toNumber(argument()))
            : Number(precisionText || 0);
      const pad = (text: string): string => (flags.includes("-") ? text.padEnd(width) : text.padStart(width));
      const value = argument();
      switch (letter) {
        case "c":
          if (typeof value === "number" || value instanceof StrNum)
            return pad(String.fromCharCode(toNumber(value) & 255));
          return pad(toText(value, convert).slice(0, 1));
        case "s":
          return pad(precision === undefined ? toText(value, convert) : toText(value, convert).slice(0, precision));
        case "d":
        case "i":
          return formatInteger(BigInt(clamp(toNumber(value), -2147483647, 2147483647)), "d", flags, width, precision);
        case "o":
        case "u":
        case "x":
        case "X": {
          const number = toNumber(value);
          const unsigned = number < 0 ? clamp(number, -2147483648, 0) + 4294967296 : clamp(number, 0, 4294967295);
          return formatInteger(BigInt(unsigned), letter, flags, width, precision);
        }
        default:
          return formatFloat(toNumber(value), letter, flags, width, precision);
      }
    },
  );
}

function clamp(value: number, low: number, high: number): number {
  if (Number.isNaN(value)) return low;
  return Math.trunc(Math.min(high, Math.max(low, value)));
}

interface Cell {
  value: Value;
  /** rises each time the element is looked at: mawk moves it to the front of its chain */
  touched: number;
}

const FIRST_BUCKETS = 64;
const MAX_AVERAGE_CHAIN = 2;

/** An associative array. `keys()` lists them as mawk does: by bucket of an FNV-1a hash, last used first. */
export class AwkArray {
  readonly #cells: Map<string, Cell> = new Map();
  #clock = 0;

  get size(): number {
    return this.#cells.size;
  }

  has(key: string): boolean {
    const cell = this.#cells.get(key);
    if (cell) cell.touched = ++this.#clock;
    return cell !== undefined;
  }

  /** The element, made (unset) when it is not there. */
  get(key: string): Value {
    let cell = this.#cells.get(key);
    if (!cell) {
      cell = { value: undefined, touched: 0 };
      this.#cells.set(key, cell);
    }
    cell.touched = ++this.#clock;
    return cell.value;
  }

  set(key: string, value: Value): void {
    const cell = this.#cells.get(key);
    if (cell) {
      cell.value = value;
      cell.touched = ++this.#clock;
    } else this.#cells.set(key, { value, touched: ++this.#clock });
  }

  delete(key: string): void {
    this.#cells.delete(key);
  }

  clear(): void {
    this.#cells.clear();
  }

  keys(): string[] {
    let buckets = FIRST_BUCKETS;
    while (this.#cells.size > buckets * MAX_AVERAGE_CHAIN) buckets *= 2;
    const chains = new Map<number, [string, number][]>();
    for (const [key, { touched }] of this.#cells) {
      let hash = 2166136261;
      for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 16777619);
      const bucket = (hash >>> 0) & (buckets - 1);
      const chain = chains.get(bucket);
      if (chain) chain.push([key, touched]);
      else chains.set(bucket, [[key, touched]]);
    }
    return [...chains.keys()]
      .sort((a, b) => a - b)
      .flatMap((bucket) =>
        chains
          .get(bucket)!
          .sort((a, b) => b[1] - a[1])
          .map(([key]) => key),
      );
  }
}
