// printf(1) and the escapes of echo: one formatter for the builtin and the program. Bytes that an escape names (\xff) are
// carried in strings as lone low surrogates U+DC80 … U+DCFF until `encodeRaw` writes them.

import { concatBytes } from "../base/bytes.ts";
import { encodeUtf8 } from "../base/text.ts";
import { backslashQuote } from "./quote.ts";
import { strftime } from "./strftime.ts";

/** A byte as a character that `encodeRaw` turns back into that byte. */
function rawByte(byte: number): string {
  return byte < 0x80 ? String.fromCharCode(byte) : String.fromCharCode(0xdc00 + byte);
}

/** UTF-8, but characters that stand for raw bytes become those bytes. */
export function encodeRaw(text: string): Uint8Array {
  if (!/[\udc80-\udcff]/.test(text)) return encodeUtf8(text);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0xd800 && code < 0xdc00) i++;
    else if (code >= 0xdc80 && code <= 0xdcff) {
      parts.push(encodeUtf8(text.slice(from, i)), Uint8Array.of(code & 255));
      from = i + 1;
    }
  }
  parts.push(encodeUtf8(text.slice(from)));
  return concatBytes(parts);
}

/** Text with escapes done; `stop` when \c ended the output. */
export interface Unescaped {
  readonly text: string;
  readonly stop: boolean;
}

/**
 * The escapes of `echo -e` and `printf %b`: \0nnn, \xHH, \uHHHH, \c …
 * @param plainOctal \nnn without the zero too (printf's format and %b)
 */
export function unescapeText(text: string, plainOctal: boolean, isFormat = false): Unescaped {
  let out = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c !== "\\") {
      out += c;
      continue;
    }
    const next = text[++i];
    const simple = next === undefined ? -1 : "abeEfnrtv\\".indexOf(next);
    if (next === undefined) out += "\\";
    else if (simple >= 0) out += "\x07\b\x1b\x1b\f\n\r\t\v\\"[simple]!;
    else if (isFormat && (next === '"' || next === "'" || next === "?")) out += next;
    else if (next === "c" && !isFormat) return { text: out, stop: true };
    else if (next === "x") {
      const digits = /^[0-9A-Fa-f]{1,2}/.exec(text.slice(i + 1))?.[0];
      if (digits === undefined) out += "\\x";
      else {
        out += rawByte(Number.parseInt(digits, 16));
        i += digits.length;
      }
    } else if (next === "u" || next === "U") {
      const digits = (next === "u" ? /^[0-9A-Fa-f]{1,4}/ : /^[0-9A-Fa-f]{1,8}/).exec(text.slice(i + 1))?.[0];
      if (digits === undefined) out += `\\${next}`;
      else {
        const code = Number.parseInt(digits, 16);
        out += code <= 0x10ffff ? String.fromCodePoint(code) : "";
        i += digits.length;
      }
    } else if (next === "0" && !isFormat) {
      const digits = /^[0-7]{0,3}/.exec(text.slice(i + 1))![0];
      out += rawByte(Number.parseInt(digits || "0", 8) & 255);
      i += digits.length;
    } else if (next >= "0" && next <= "7" && plainOctal) {
      const digits = /^[0-7]{1,3}/.exec(text.slice(i))![0];
      out += rawByte(Number.parseInt(digits, 8) & 255);
      i += digits.length - 1;
    } else out += `\\${next}`;
  }
  return { text: out, stop: false };
}

/** What printf made: the text, messages for stderr (without "printf: "), and its status. */
export interface Printed {
  readonly text: string;
  readonly errors: readonly string[];
  readonly status: number;
}

/**
 * printf(1): the format is used again until the arguments are used up.
 * @param wallClockNs for %(…)T with -1 or no argument
 * @param startNs for %(…)T with -2
 */
export function printf(format: string, args: readonly string[], wallClockNs: bigint, startNs: bigint): Printed {
  return new Formatter(format, args, wallClockNs, startNs).run();
}

const DIRECTIVE = /^%([-+ #0']*)(\*|\d+)?(?:\.(\*|-?\d*))?(?:hh|h|ll|l|L|j|z|t)?(\([^)]*\)T|[diouxXeEfFgGaAcsbqQ%])/;

class Formatter {
  readonly #format: string;
  readonly #args: readonly string[];
  readonly #now: bigint;
  readonly #start: bigint;
  readonly #errors: string[] = [];
  #status = 0;
  #next = 0;
  #out = "";

  constructor(format: string, args: readonly string[], now: bigint, start: bigint) {
    this.#format = format;
    this.#args = args;
    this.#now = now;
    this.#start = start;
  }

  run(): Printed {
    do {
      const before = this.#next;
      if (!this.#once() || this.#next === before) break;
    } while (this.#next < this.#args.length);
    return { text: this.#out, errors: this.#errors, status: this.#status };
  }

  #fail(message: string): void {
    this.#errors.push(message);
    this.#status = 1;
  }

  #argument(): string | undefined {
    return this.#args[this.#next++];
  }

  /** One pass over the format; false when the output is to end. */
  #once(): boolean {
    let rest = this.#format;
    while (rest !== "") {
      const at = rest.indexOf("%");
      const literal = at < 0 ? rest : rest.slice(0, at);
      this.#out += unescapeText(literal, true, true).text;
      if (at < 0) break;
      rest = rest.slice(at);
      const match = DIRECTIVE.exec(rest);
      if (!match) {
        const bad = /^%[-+ #0'*.\d]*(.?)/.exec(rest)!;
        this.#fail(
          bad[1] === "" ? `\`${rest[0]}': missing format character` : `\`${bad[1]}': invalid format character`,
        );
        return false;
      }
      rest = rest.slice(match[0].length);
      if (!this.#directive(match)) return false;
    }
    return true;
  }

  #directive(match: RegExpExecArray): boolean {
    const letter = match[4]!;
    if (letter === "%") {
      this.#out += "%";
      return true;
    }
    let flags = match[1]!;
    let width = 0;
    if (match[2] === "*") {
      width = Number(this.#integer(this.#argument()));
      if (width < 0) {
        flags += "-";
        width = -width;
      }
    } else if (match[2] !== undefined) width = Number(match[2]);
    let precision: number | undefined;
    if (match[3] === "*") precision = Number(this.#integer(this.#argument()));
    else if (match[3] !== undefined) precision = Number(match[3] || "0");
    if (precision !== undefined && precision < 0) precision = undefined;
    const argument = this.#argument();
    if (letter.endsWith(")T")) {
      const which = argument === undefined || argument === "" ? -1n : this.#integer(argument);
      const ns = which === -1n ? this.#now : which === -2n ? this.#start : which * 1_000_000_000n;
      const text = strftime(letter.slice(1, -2) || "%X", ns);
      this.#out += pad(precision === undefined ? text : text.slice(0, precision), width, flags, false);
      return true;
    }
    switch (letter) {
      case "s":
        this.#out += pad(cut(argument ?? "", precision), width, flags, false);
        return true;
      case "b": {
        const { text, stop } = unescapeText(argument ?? "", true);
        this.#out += pad(cut(text, precision), width, flags, false);
        return !stop;
      }
      case "q":
        this.#out += pad(cut(backslashQuote(argument ?? ""), precision), width, flags, false);
        return true;
      case "Q":
        this.#out += pad(backslashQuote(cut(argument ?? "", precision)), width, flags, false);
        return true;
      case "c":
        this.#out += pad([...(argument ?? "")][0] ?? "", width, flags, false);
        return true;
      case "d":
      case "i":
      case "o":
      case "u":
      case "x":
      case "X":
        this.#out += formatInteger(this.#integer(argument), letter, flags, width, precision);
        return true;
      default:
        this.#out += formatFloat(this.#float(argument), letter, flags, width, precision);
        return true;
    }
  }

  #integer(text: string | undefined): bigint {
    if (text === undefined || text === "") return 0n;
    if (text[0] === "'" || text[0] === '"') return BigInt(text.codePointAt(1) ?? 0);
    const match = /^\s*([+-]?)(0[xX][0-9A-Fa-f]+|\d+)/.exec(text);
    if (!match) {
      this.#fail(`${text}: invalid number`);
      return 0n;
    }
    let digits = match[2]!;
    let valid = match[0].length === text.length;
    if (/^0\d/.test(digits)) {
      const octal = /^0[0-7]*/.exec(digits)![0];
      if (octal.length < digits.length) valid = false;
      digits = `0o${octal.slice(1) || "0"}`;
    }
    if (!valid) this.#fail(`${text}: invalid number`);
    const value = match[1] === "-" ? -BigInt(digits) : BigInt(digits);
    const limit = 1n << 63n;
    if (value >= limit || value < -limit) {
      this.#fail(`warning: ${text}: Numerical result out of range`);
      return value < 0n ? -limit : limit - 1n;
    }
    return value;
  }

  #float(text: string | undefined): number {
    if (text === undefined || text === "") return 0;
    if (text[0] === "'" || text[0] === '"') return text.codePointAt(1) ?? 0;
    const match = /^\s*[+-]?(?:0[xX][0-9A-Fa-f]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)/i.exec(text);
    if (!match) {
      this.#fail(`${text}: invalid number`);
      return 0;
    }
    if (match[0].length !== text.length) this.#fail(`${text}: invalid number`);
    const word = match[0].trim().toLowerCase();
    if (/inf/.test(word)) return word.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    if (/nan/.test(word)) return Number.NaN;
    return Number(word);
  }
}

function cut(text: string, precision: number | undefined): string {
  return precision === undefined ? text : [...text].slice(0, precision).join("");
}

function pad(text: string, width: number, flags: string, numeric: boolean): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (numeric && flags.includes("0")) {
    const sign = /^[+ -]?(?:0[xX])?/.exec(text)![0];
    return sign + "0".repeat(missing) + text.slice(sign.length);
  }
  return " ".repeat(missing) + text;
}

/** C's integer conversions d i o u x X. */
export function formatInteger(
  value: bigint,
  letter: string,
  flags: string,
  width: number,
  precision: number | undefined,
): string {
  let digits: string;
  let sign = "";
  if (letter === "d" || letter === "i") {
    digits = String(value < 0n ? -value : value);
    sign = value < 0n ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  } else {
    const unsigned = BigInt.asUintN(64, value);
    digits = unsigned.toString(letter === "o" ? 8 : letter === "u" ? 10 : 16);
    if (letter === "X") digits = digits.toUpperCase();
    if (flags.includes("#") && unsigned !== 0n) {
      if (letter === "o") digits = `0${digits}`;
      else if (letter !== "u") sign = `0${letter}`;
    }
  }
  if (precision !== undefined) {
    digits = digits.padStart(precision, "0");
    if (precision === 0 && value === 0n) digits = "";
    flags = flags.replaceAll("0", "");
  }
  return pad(sign + digits, width, flags, true);
}

/** C's floating conversions e E f F g G (a and A as e). */
export function formatFloat(
  value: number,
  letter: string,
  flags: string,
  width: number,
  precision: number | undefined,
): string {
  const negative = value < 0 || Object.is(value, -0);
  const size = Math.abs(value);
  let text: string;
  const kind = letter.toLowerCase();
  if (!Number.isFinite(value)) {
    text = Number.isNaN(value) ? "nan" : "inf";
    flags = flags.replaceAll("0", "");
  } else if (kind === "f") text = fixed(size, precision ?? 6);
  else if (kind === "e" || kind === "a") text = exponent(size, precision ?? 6);
  else text = general(size, precision ?? 6, flags.includes("#"));
  if (flags.includes("#") && precision === 0 && kind === "f") text += ".";
  if (letter !== kind) text = text.toUpperCase();
  const sign = negative ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  return pad(sign + text, width, flags, true);
}

/** As toFixed, for any size and for more than 100 digits' worth of value. */
function fixed(value: number, digits: number): string {
  if (value < 1e21) return value.toFixed(Math.min(digits, 100)) + "0".repeat(Math.max(0, digits - 100));
  return BigInt(value).toString() + (digits > 0 ? `.${"0".repeat(digits)}` : "");
}

function exponent(value: number, digits: number): string {
  const [mantissa, power] = value.toExponential(Math.min(digits, 100)).split("e");
  const number = Number(power);
  return `${mantissa}e${number < 0 ? "-" : "+"}${String(Math.abs(number)).padStart(2, "0")}`;
}

function general(value: number, precision: number, keepZeros: boolean): string {
  const digits = precision === 0 ? 1 : precision;
  const power = value === 0 ? 0 : Number(value.toExponential(Math.min(digits - 1, 100)).split("e")[1]);
  let text: string;
  if (power < -4 || power >= digits) text = exponent(value, digits - 1);
  else text = fixed(value, digits - 1 - power);
  if (keepZeros) return text;
  return text.replace(/(\.\d*?)0+(e|$)/, "$1$2").replace(/\.(e|$)/, "$1");
}
