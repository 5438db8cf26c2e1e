// POSIX regular expressions (XBD 9), basic and extended with GNU's additions (\+ \? \| \< \> \b \w \s), translated to
// JavaScript's. Difference that remains: among alternatives JavaScript takes the first that leads to a match, POSIX the
// longest; alternatives of which one begins another are put longest first where they are plain text.

import { characterClass } from "./pattern.ts";

/** A regular expression that POSIX would refuse; the message is GNU's: "Unmatched ( or \\(". */
export class RegexError extends Error {
  override readonly name: string = "RegexError";
}

/** Where tools differ in what they read. */
export interface Dialect {
  /** \n \t and the like are the characters they name (sed, awk) */
  readonly cEscapes?: boolean;
  /** {2,3} is ordinary text (mawk) */
  readonly noIntervals?: boolean;
}

/** An extended regular expression as the source of a JavaScript one (flag u or none). Throws RegexError. */
export function ereSource(pattern: string, dialect: Dialect = {}): string {
  return new Translator(pattern, true, dialect).translate();
}

/** A basic regular expression, likewise. Throws RegexError. */
export function breSource(pattern: string, dialect: Dialect = {}): string {
  return new Translator(pattern, false, dialect).translate();
}

const GNU_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["<", "(?<![0-9A-Za-z_])(?=[0-9A-Za-z_])"],
  [">", "(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])"],
  ["b", "\\b"],
  ["B", "\\B"],
  ["w", "[0-9A-Za-z_]"],
  ["W", "[^0-9A-Za-z_]"],
  ["s", "[ \\t\\n\\r\\f\\v]"],
  ["S", "[^ \\t\\n\\r\\f\\v]"],
  ["`", "(?<![^])"],
  ["'", "(?![^])"],
]);

class Translator {
  readonly #text: string;
  readonly #extended: boolean;
  readonly #dialect: Dialect;
  #at = 0;
  #groups = 0;

  constructor(text: string, extended: boolean, dialect: Dialect) {
    this.#text = text;
    this.#extended = extended;
    this.#dialect = dialect;
  }

  translate(): string {
    const out = this.#alternation(0);
    if (this.#at < this.#text.length) throw new RegexError("Unmatched ) or \\)");
    return out;
  }

  /** The operator at the present place: "(", "|", "*" …, or undefined for an ordinary character. */
  #operator(): { op: string; length: number } | undefined {
    const c = this.#text[this.#at];
    if (c === undefined) return undefined;
    const special = this.#dialect.noIntervals ? "()|+?" : "(){}|+?";
    if (this.#extended) return special.includes(c) && c !== "}" ? { op: c, length: 1 } : undefined;
    const next = this.#text[this.#at + 1];
    if (c === "\\" && next !== undefined && special.includes(next)) return { op: next, length: 2 };
    return undefined;
  }

  #alternation(depth: number): string {
    const branches = [this.#branch(depth)];
    for (let op = this.#operator(); op?.op === "|"; op = this.#operator()) {
      this.#at += op.length;
      branches.push(this.#branch(depth));
    }
    if (branches.length > 1 && branches.every((b) => /^[0-9A-Za-z_ :,-]+$/.test(b)))
      branches.sort((a, b) => b.length - a.length);
    return branches.join("|");
  }

  #branch(depth: number): string {
    let out = "";
    let start = true;
    while (this.#at < this.#text.length) {
      const op = this.#operator();
      if (op?.op === "|") break;
      if (op?.op === ")") {
        if (depth > 0) break;
        if (this.#extended) {
          // a lone ) is ordinary in GNU's extended syntax only when unmatched is allowed; glibc refuses it
          throw new RegexError("Unmatched ) or \\)");
        }
        throw new RegexError("Unmatched ) or \\)");
      }
      const atom = this.#atom(start, depth);
      const anchor = atom === "^" || atom === "(?<![^])";
      out += atom + (anchor ? "" : this.#repeat());
      start = anchor;
    }
    return out;
  }

  #atom(start: boolean, depth: number): string {
    const op = this.#operator();
    if (op?.op === "(") {
      this.#at += op.length;
      this.#groups++;
      const inner = this.#alternation(depth + 1);
      const close = this.#operator();
      if (close?.op !== ")") throw new RegexError("Unmatched ( or \\(");
      this.#at += close.length;
      return `(${inner})`;
    }
    const c = this.#text[this.#at]!;
    if (op && (op.op === "+" || op.op === "?" || op.op === "{")) {
      // nothing to repeat: ordinary in GNU
      this.#at += op.length;
      return escapeChar(op.op);
    }
    this.#at++;
    switch (c) {
      case "*":
        // nothing to repeat
        return "\\*";
      case ".":
        return "[^]";
      case "[":
        return this.#bracket();
      case "^":
        return this.#extended || start ? "^" : "\\^";
      case "$": {
        const after = this.#operator();
        const last = this.#at >= this.#text.length || after?.op === ")" || after?.op === "|";
        return this.#extended || last ? "$" : "\\$";
      }
      case "\\":
        return this.#escaped();
    }
    const code = this.#text.codePointAt(this.#at - 1)!;
    const char = String.fromCodePoint(code);
    this.#at += char.length - 1;
    return escapeChar(char);
  }

  #escaped(): string {
    const c = this.#text[this.#at++];
    if (c === undefined) throw new RegexError("Trailing backslash");
    if (c >= "1" && c <= "9") {
      if (Number(c) > this.#groups) throw new RegexError("Invalid back reference");
      return `(?:\\${c})`;
    }
    if (this.#dialect.cEscapes) {
      const at = "abfnrtv".indexOf(c);
      if (at >= 0 && (c !== "b" || this.#dialect.noIntervals))
        return ["\\x07", "\\x08", "\\f", "\\n", "\\r", "\\t", "\\v"][at]!;
    }
    const gnu = GNU_ESCAPES.get(c);
    if (gnu !== undefined) return gnu;
    return escapeChar(c);
  }

  #repeat(): string {
    let out = "";
    for (;;) {
      if (this.#text[this.#at] === "*") {
        this.#at++;
        out = combine(out, "*");
        continue;
      }
      const op = this.#operator();
      if (op?.op === "+" || op?.op === "?") {
        this.#at += op.length;
        out = combine(out, op.op);
        continue;
      }
      if (op?.op === "{") {
        const interval = /^(\d*)(?:(,)(\d*))?/.exec(this.#text.slice(this.#at + op.length))!;
        const end = this.#at + op.length + interval[0].length;
        const close = this.#extended ? "}" : "\\}";
        const valid = interval[0] !== "" && this.#text.startsWith(close, end);
        if (!valid) {
          if (this.#extended) return out;
          throw new RegexError("Unmatched \\{");
        }
        this.#at = end + close.length;
        const low = interval[1] === "" ? "0" : interval[1]!;
        if (interval[3] !== undefined && interval[3] !== "" && Number(interval[3]) < Number(low))
          throw new RegexError("Invalid content of \\{\\}");
        out = combine(out, `{${low}${interval[2] ?? ""}${interval[3] ?? ""}}`);
        continue;
      }
      return out;
    }
  }

  #bracket(): string {
    const text = this.#text;
    let i = this.#at;
    if (i >= text.length) throw new RegexError("Invalid regular expression");
    const misspelt = /^:[a-z]+:\]/.exec(text.slice(i));
    if (misspelt && !this.#dialect.noIntervals)
      throw new RegexError(`character class syntax is [[:space:]], not [:space:]`);
    const negated = text[i] === "^";
    if (negated) i++;
    let out = "";
    let first = true;
    for (;;) {
      const c = text[i];
      if (c === undefined) throw new RegexError("Unmatched [, [^, [:, [., or [=");
      if (c === "]" && !first) break;
      first = false;
      const named = c === "[" ? /^\[([:.=])([^\]]*?)\1\]/.exec(text.slice(i)) : null;
      if (named) {
        if (named[1] === ":") {
          const members = characterClass(named[2]!);
          if (members === undefined) throw new RegexError("Invalid character class name");
          out += members;
        } else out += classChar(named[2]!);
        i += named[0].length;
        continue;
      }
      let char = String.fromCodePoint(text.codePointAt(i)!);
      i += char.length;
      if (char === "\\" && this.#dialect.cEscapes && text[i] !== undefined) {
        const at = "fnrtv\\/".indexOf(text[i]!);
        if (
          at >= 0 &&
          (text[i] !== "\\" || this.#dialect.noIntervals) &&
          (text[i] !== "/" || this.#dialect.noIntervals)
        ) {
          char = "\f\n\r\t\v\\/"[at]!;
          i++;
        } else if (text[i] === "]" && this.#dialect.noIntervals) {
          char = "]";
          i++;
        }
      }
      if (text[i] === "-" && text[i + 1] !== "]" && text[i + 1] !== undefined) {
        const to = String.fromCodePoint(text.codePointAt(i + 1)!);
        i += 1 + to.length;
        if (char > to) throw new RegexError("Invalid range end");
        out += `${classChar(char)}-${classChar(to)}`;
      } else out += classChar(char);
    }
    this.#at = i + 1;
    return `[${negated ? "^" : ""}${out}]`;
  }
}

/** Two repetitions in a row: a** is a*, a+* is a*. */
function combine(one: string, other: string): string {
  if (one === "") return other;
  if (one === other) return one;
  if (/^[*+?]$/.test(one) && /^[*+?]$/.test(other)) return "*";
  return one + other;
}

function escapeChar(c: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(c) ? `\\${c}` : c;
}

function classChar(c: string): string {
  return /[\\\]^[\-&|(){}/]/.test(c) ? `\\${c}` : c;
}
