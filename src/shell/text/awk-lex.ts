// The words of an awk program: numbers, strings, regular expressions, names, operators. Whether a slash divides or begins
// a regular expression depends on what came before; the parser says so. Answers to POSIX awk's lexical conventions.

import { ereSource, RegexError } from "../regex.ts";

/** A program that awk refuses; the message is mawk's, after "awk: ". */
export class AwkError extends Error {
  override readonly name: string = "AwkError";
}

export interface Token {
  readonly kind: "number" | "string" | "regex" | "name" | "call" | "keyword" | "builtin" | "newline" | "end" | "op";
  readonly text: string;
  readonly line: number;
}

const KEYWORDS: ReadonlySet<string> = new Set(
  "BEGIN END function func if else while for do break continue next nextfile exit return delete in getline print printf".split(
    " ",
  ),
);
/** Functions with the numbers of arguments they take. */
export const BUILTINS: ReadonlyMap<string, readonly [number, number]> = new Map([
  ["length", [0, 1]],
  ["substr", [2, 3]],
  ["index", [2, 2]],
  ["split", [2, 3]],
  ["sub", [2, 3]],
  ["gsub", [2, 3]],
  ["match", [2, 2]],
  ["sprintf", [1, Number.POSITIVE_INFINITY]],
  ["sin", [1, 1]],
  ["cos", [1, 1]],
  ["atan2", [2, 2]],
  ["exp", [1, 1]],
  ["log", [1, 1]],
  ["sqrt", [1, 1]],
  ["int", [1, 1]],
  ["rand", [0, 0]],
  ["srand", [0, 1]],
  ["tolower", [1, 1]],
  ["toupper", [1, 1]],
  ["system", [1, 1]],
  ["close", [1, 1]],
  ["fflush", [0, 1]],
  ["systime", [0, 0]],
  ["strftime", [0, 3]],
  ["mktime", [1, 1]],
]);

/** mawk's regular expressions: extended, with C's escapes, no intervals. Throws AwkError. */
export function awkRegExp(source: string): RegExp {
  try {
    return new RegExp(ereSource(source, { cEscapes: true, noIntervals: true }), "g");
  } catch (error) {
    if (error instanceof RegexError || error instanceof SyntaxError)
      throw new AwkError(`regular expression compile failed (${error.message.toLowerCase()})\n${source}`);
    throw error;
  }
}

/** The escapes of a string constant; unknown ones keep their backslash (mawk). */
export function unescapeString(text: string): string {
  return text.replace(/\\([0-7]{1,3}|[\s\S])/g, (all, c: string) => {
    if (c >= "0" && c <= "7") return String.fromCharCode(Number.parseInt(c, 8) & 255);
    if (c === "\n") return "";
    const at = 'abfnrtv\\"'.indexOf(c);
    return at >= 0 ? '\x07\b\f\n\r\t\v\\"'[at]! : all;
  });
}

/** Reads tokens one by one. */
export class AwkLexer {
  readonly #text: string;
  #at = 0;
  #line = 1;
  /** the token before was an operand: a slash divides */
  afterOperand = false;

  constructor(text: string) {
    this.#text = text;
  }

  get line(): number {
    return this.#line;
  }

  /** The text that is not read yet. */
  get rest(): string {
    return this.#text.slice(this.#at);
  }

  /** Where it stands, to come back to. */
  save(): () => void {
    const { afterOperand } = this;
    const at = this.#at;
    const line = this.#line;
    return () => {
      this.#at = at;
      this.#line = line;
      this.afterOperand = afterOperand;
    };
  }

  /** The next token. Throws AwkError. */
  next(): Token {
    const text = this.#text;
    for (;;) {
      const c = text[this.#at];
      if (c === " " || c === "\t" || c === "\r") this.#at++;
      else if (c === "\\" && text[this.#at + 1] === "\n") {
        this.#at += 2;
        this.#line++;
      } else if (c === "\\" && text.startsWith("\r\n", this.#at + 1)) {
        this.#at += 3;
        this.#line++;
      } else if (c === "#") while (this.#at < text.length && text[this.#at] !== "\n") this.#at++;
      else break;
    }
    const line = this.#line;
    const make = (kind: Token["kind"], length: number, value?: string): Token => {
      const raw = text.slice(this.#at, this.#at + length);
      this.#at += length;
      return { kind, text: value ?? raw, line };
    };
    const c = text[this.#at];
    if (c === undefined) return { kind: "end", text: "", line };
    if (c === "\n") {
      this.#line++;
      return make("newline", 1);
    }
    const rest = text.slice(this.#at);
    const number = /^(?:0[xX][0-9A-Fa-f]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/.exec(rest);
    if (number) return make("number", number[0].length);
    const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(rest);
    if (name) {
      const word = name[0];
      if (KEYWORDS.has(word)) return make("keyword", word.length);
      if (BUILTINS.has(word)) return make("builtin", word.length);
      return make(rest[word.length] === "(" ? "call" : "name", word.length);
    }
    if (c === '"') {
      const string = /^"((?:[^"\\\n]|\\[\s\S])*)"/.exec(rest);
      if (!string)
        throw new AwkError(`line ${line}: runaway string constant ${rest.split("\n", 1)[0]!.slice(0, 10)} ...`);
      this.#line += string[0].split("\n").length - 1;
      return make("string", string[0].length, unescapeString(string[1]!));
    }
    if (c === "/" && !this.afterOperand) {
      const end = regexEnd(rest);
      if (end === undefined)
        throw new AwkError(`line ${line}: runaway regular expression ${rest.split("\n", 1)[0]!.slice(0, 10)} ...`);
      return make("regex", end + 1, rest.slice(1, end).replaceAll("\\/", "/"));
    }
    const operator = /^(?:&&|\|\||\+\+|--|\+=|-=|\*=|\/=|%=|\^=|==|<=|>=|!=|>>|!~|[-+*/%^!<>|?:~$=(){}[\];,])/.exec(
      rest,
    );
    if (!operator) throw new AwkError(`line ${line}: syntax error at or near ${c}`);
    return make("op", operator[0].length);
  }
}

/** Index of the slash that ends a regular expression; undefined when it never does. */
function regexEnd(text: string): number | undefined {
  let bracket = false;
  for (let i = 1; i < text.length; i++) {
    const c = text[i]!;
    if (c === "\n") return undefined;
    if (c === "\\") i++;
    else if (c === "[" && !bracket) {
      bracket = true;
      if (text[i + 1] === "^") i++;
      if (text[i + 1] === "]") i++;
    } else if (c === "]") bracket = false;
    else if (c === "/" && !bracket) return i;
  }
  return undefined;
}
