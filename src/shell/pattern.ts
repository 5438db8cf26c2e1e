// Shell patterns (POSIX XCU 2.14, with bash's extended globs) as regular expressions. A pattern is text in which a
// backslash makes the next character ordinary: expansion writes quoted characters that way.

const CLASSES: ReadonlyMap<string, string> = new Map([
  ["alpha", "A-Za-z"],
  ["digit", "0-9"],
  ["alnum", "A-Za-z0-9"],
  ["upper", "A-Z"],
  ["lower", "a-z"],
  ["space", " \\t\\n\\r\\f\\v"],
  ["blank", " \\t"],
  ["punct", "!-\\/:-@\\[-`{-~"],
  ["xdigit", "0-9A-Fa-f"],
  ["cntrl", "\\x00-\\x1f\\x7f"],
  ["print", "\\x20-\\x7e"],
  ["graph", "\\x21-\\x7e"],
  ["word", "A-Za-z0-9_"],
]);

/** The contents of a POSIX bracket class, for a JavaScript regular expression: "alpha" → "A-Za-z". */
export function characterClass(name: string): string | undefined {
  return CLASSES.get(name);
}

/** Puts a backslash before every character that a pattern, a regular expression or a replacement would take for itself. */
export function escapePattern(text: string): string {
  return text.replace(/[\\*?[\]()|!@+^.${}&-]/g, "\\$&");
}

/** The text that a pattern without active characters stands for. */
export function unescapePattern(pattern: string): string {
  return pattern.replace(/\\([\s\S])/g, "$1");
}

export interface PatternOptions {
  /** `*` and `?` do not match a slash, nor a leading dot */
  readonly path?: boolean;
  readonly ignoreCase?: boolean;
}

/** A pattern compiled, to match a whole string. */
export function patternRegExp(pattern: string, options: PatternOptions = {}): RegExp {
  return new RegExp(`^(?:${patternSource(pattern, options)})$`, options.ignoreCase ? "ui" : "u");
}

/** The source of a regular expression that matches what a pattern matches; greedy. */
export function patternSource(pattern: string, options: PatternOptions = {}): string {
  return new Translator(pattern, options).sequence("");
}

function escapeChar(c: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(c) ? `\\${c}` : c;
}

class Translator {
  readonly #text: string;
  readonly #any: string;
  readonly #options: PatternOptions;
  #at = 0;

  constructor(text: string, options: PatternOptions) {
    this.#text = text;
    this.#options = options;
    this.#any = options.path ? "[^/]" : "[^]";
  }

  /** Translates up to an unescaped character of `stop`, or the end. */
  sequence(stop: string): string {
    let out = "";
    while (this.#at < this.#text.length) {
      const c = this.#text[this.#at]!;
      if (stop.includes(c) && stop !== "") return out;
      const next = this.#text[this.#at + 1];
      if (next === "(" && "?*+@!".includes(c)) {
        this.#at += 2;
        const alternatives = this.#alternatives();
        if (c === "!") {
          const rest = this.sequence(stop);
          const end = stop === "" ? "$" : "";
          return `${out}(?!(?:${alternatives})${rest}${end})${this.#any}*${rest}`;
        }
        out += `(?:${alternatives})${c === "@" ? "" : c}`;
        continue;
      }
      this.#at++;
      if (c === "\\") {
        const escaped = this.#text.codePointAt(this.#at);
        if (escaped === undefined) out += "\\\\";
        else {
          const char = String.fromCodePoint(escaped);
          this.#at += char.length;
          out += escapeChar(char);
        }
      } else if (c === "*") {
        while (this.#text[this.#at] === "*" && this.#text[this.#at + 1] !== "(") this.#at++;
        out += `${this.#any}*`;
      } else if (c === "?") out += this.#any;
      else if (c === "[") out += this.#bracket();
      else {
        const char = String.fromCodePoint(this.#text.codePointAt(this.#at - 1)!);
        this.#at += char.length - 1;
        out += escapeChar(char);
      }
    }
    return out;
  }

  #alternatives(): string {
    const parts: string[] = [];
    for (;;) {
      parts.push(this.sequence("|)"));
      const c = this.#text[this.#at++];
      if (c !== "|") return parts.join("|");
    }
  }

  #bracket(): string {
    const start = this.#at;
    let i = start;
    const negated = this.#text[i] === "!" || this.#text[i] === "^";
    if (negated) i++;
    let out = "";
    let first = true;
    for (;;) {
      const c = this.#text[i];
      if (c === undefined) {
        this.#at = start;
        return "\\[";
      }
      if (c === "]" && !first) break;
      first = false;
      const named = c === "[" ? /^\[:([a-z]+):\]/.exec(this.#text.slice(i)) : null;
      if (named) {
        out += CLASSES.get(named[1]!) ?? "";
        i += named[0].length;
        continue;
      }
      const [char, after] = this.#bracketChar(i);
      i = after;
      if (this.#text[i] === "-" && this.#text[i + 1] !== "]" && this.#text[i + 1] !== undefined) {
        const [to, end] = this.#bracketChar(i + 1);
        i = end;
        if (char <= to) out += `${classChar(char)}-${classChar(to)}`;
      } else out += classChar(char);
    }
    this.#at = i + 1;
    const slash = this.#options.path ? "(?!/)" : "";
    if (out === "") return negated ? this.#any : "(?!)";
    return `${slash}[${negated ? "^" : ""}${out}]`;
  }

  #bracketChar(at: number): [string, number] {
    if (this.#text[at] === "\\" && at + 1 < this.#text.length) at++;
    const char = String.fromCodePoint(this.#text.codePointAt(at)!);
    return [char, at + char.length];
  }
}

function classChar(c: string): string {
  return /[\\\]^[\-&|(){}/]/.test(c) ? `\\${c}` : c;
}
