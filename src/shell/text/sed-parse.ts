// sed scripts read into commands: addresses, functions and their arguments, with GNU's additions and its words for errors.

import { breSource, ereSource, RegexError } from "../regex.ts";

/** A script that sed refuses; the message is GNU's, after "sed: ": "-e expression #1, char 3: …". */
export class SedError extends Error {
  override readonly name: string = "SedError";
}

export type Address =
  | { readonly kind: "line"; readonly line: number }
  | { readonly kind: "last" }
  | { readonly kind: "step"; readonly first: number; readonly step: number }
  /** null: the last expression used */
  | { readonly kind: "regex"; readonly expression: RegExp | null }
  /** addr1,+N and addr1,~N */
  | { readonly kind: "plus" | "multiple"; readonly count: number };

export interface Substitution {
  readonly expression: RegExp | null;
  readonly replacement: readonly ReplacementPart[];
  /** replace from this match on */
  readonly number: number;
  readonly global: boolean;
  readonly print: number;
  readonly file: string | undefined;
}

/** Literal text, a group (0 is &), or a change of case. */
export type ReplacementPart = string | number | { readonly turn: "L" | "U" | "E" | "l" | "u" };

export interface SedCommand {
  readonly name: string;
  readonly from: Address | undefined;
  readonly to: Address | undefined;
  readonly negated: boolean;
  /** text of a i c, label of b t T :, file of r R w W, exit status of q Q, width of l */
  readonly text: string;
  readonly substitution: Substitution | undefined;
  /** y: what each character becomes */
  readonly map: ReadonlyMap<string, string> | undefined;
  /** { }: index of the command after the block; b t T: index of the target */
  target: number;
  /** a range is open, and the line on which it ends if that is known */
  active: boolean;
  until: number;
}

/** One -e or -f: its text, and what errors call it. */
export interface ScriptPart {
  readonly text: string;
  /** "-e expression #1" or "file x.sed" */
  readonly where: string;
}

/** Parses a whole script. Throws SedError. */
export function parseSed(parts: readonly ScriptPart[], extended: boolean): SedCommand[] {
  const commands: SedCommand[] = [];
  const open: { index: number; where: string }[] = [];
  for (const part of parts) new Parser(part, extended, commands, open).run();
  const unclosed = open.at(-1);
  if (unclosed) throw new SedError(`${unclosed.where}, char 0: unmatched \`{'`);
  const labels = new Map<string, number>();
  commands.forEach((command, i) => {
    if (command.name === ":") labels.set(command.text, i);
  });
  for (const command of commands) {
    if (!"btT".includes(command.name)) continue;
    if (command.text === "") command.target = commands.length;
    else {
      const target = labels.get(command.text);
      if (target === undefined) throw new SedError(`can't find label for jump to \`${command.text}'`);
      command.target = target;
    }
  }
  return commands;
}

const KNOWN = "{}:=abcdDFgGhHilnNpPqQrRstTvwWxyz#";

class Parser {
  readonly #text: string;
  readonly #where: string;
  readonly #extended: boolean;
  readonly #commands: SedCommand[];
  readonly #open: { index: number; where: string }[];
  #at = 0;

  constructor(part: ScriptPart, extended: boolean, commands: SedCommand[], open: { index: number; where: string }[]) {
    this.#text = part.text;
    this.#where = part.where;
    this.#extended = extended;
    this.#commands = commands;
    this.#open = open;
  }

  run(): void {
    for (;;) {
      this.#skip(" \t\n;\r");
      if (this.#at >= this.#text.length) return;
      this.#command();
    }
  }

  #fail(message: string): never {
    throw new SedError(`${this.#where}, char ${Math.min(this.#at, this.#text.length)}: ${message}`);
  }

  #skip(chars: string): void {
    while (this.#at < this.#text.length && chars.includes(this.#text[this.#at]!)) this.#at++;
  }

  #command(): void {
    const from = this.#address();
    let to: Address | undefined;
    this.#skip(" \t");
    if (from && this.#text[this.#at] === ",") {
      this.#at++;
      this.#skip(" \t");
      to = this.#rangeEnd();
      if (!to) this.#fail("unexpected `,'");
    }
    this.#skip(" \t");
    let negated = false;
    while (this.#text[this.#at] === "!") {
      negated = true;
      this.#at++;
      this.#skip(" \t");
    }
    const name = this.#text[this.#at++];
    if (name === undefined) this.#fail("missing command");
    if (!KNOWN.includes(name))
      this.#fail(name === "e" || name === "M" ? `command not supported: \`${name}'` : `unknown command: \`${name}'`);
    if (from?.kind === "line" && from.line === 0 && to?.kind !== "regex") this.#fail("invalid usage of line address 0");
    const made: SedCommand = {
      name,
      from,
      to,
      negated,
      text: "",
      substitution: undefined,
      map: undefined,
      target: 0,
      active: false,
      until: 0,
    };
    const add = (rest: Partial<SedCommand>): void => {
      this.#commands.push({ ...made, ...rest });
    };
    switch (name) {
      case "#":
        if (from) this.#fail("comments don't accept any addresses");
        while (this.#at < this.#text.length && this.#text[this.#at] !== "\n") this.#at++;
        return;
      case "{":
        this.#open.push({ index: this.#commands.length, where: this.#where });
        add({});
        return;
      case "}": {
        const open = this.#open.pop();
        if (!open) this.#fail("unexpected `}'");
        if (from) this.#fail("} doesn't want any addresses");
        this.#commands[open.index]!.target = this.#commands.length;
        this.#end();
        return;
      }
      case ":": {
        if (from) this.#fail(": doesn't want any addresses");
        this.#skip(" \t");
        const label = this.#word(/^[^\n;}]*/).trimEnd();
        if (label === "") this.#fail('":" lacks a label');
        add({ text: label });
        return;
      }
      case "b":
      case "t":
      case "T":
        this.#skip(" \t");
        add({ text: this.#word(/^[^\n;}]*/).trimEnd() });
        this.#end();
        return;
      case "a":
      case "i":
      case "c":
        add({ text: this.#appended() });
        return;
      case "r":
      case "R":
      case "w":
      case "W": {
        this.#skip(" \t");
        const file = this.#word(/^[^\n]*/);
        if (file === "") this.#fail("missing filename in r/R/w/W commands");
        add({ text: file });
        return;
      }
      case "q":
      case "Q":
      case "l":
        if (to && name !== "l") this.#fail("command only uses one address");
        this.#skip(" \t");
        add({ text: this.#word(/^\d*/) });
        this.#end();
        return;
      case "s":
        add({ substitution: this.#substitution() });
        this.#end();
        return;
      case "y":
        add({ map: this.#transliteration() });
        this.#end();
        return;
      case "v":
        this.#word(/^[^\n;]*/);
        return;
      default:
        add({});
        this.#end();
    }
  }

  #word(expression: RegExp): string {
    const found = expression.exec(this.#text.slice(this.#at))![0];
    this.#at += found.length;
    return found;
  }

  /** What may follow a command: blanks, then `;`, `}`, `#`, a newline or the end. */
  #end(): void {
    this.#skip(" \t\r");
    const c = this.#text[this.#at];
    if (c === undefined || c === "}" || c === "#") return;
    if (c === ";" || c === "\n") {
      this.#at++;
      return;
    }
    this.#at++;
    this.#fail("extra characters after command");
  }

  #address(): Address | undefined {
    const c = this.#text[this.#at];
    if (c === "$") {
      this.#at++;
      return { kind: "last" };
    }
    if (c !== undefined && c >= "0" && c <= "9") {
      const first = Number(this.#word(/^\d+/));
      if (this.#text[this.#at] !== "~") return { kind: "line", line: first };
      this.#at++;
      return { kind: "step", first, step: Number(this.#word(/^\d*/)) };
    }
    if (c !== "/" && c !== "\\") return undefined;
    let delimiter = "/";
    this.#at++;
    if (c === "\\") delimiter = this.#text[this.#at++] ?? "/";
    const pattern = this.#delimited(delimiter, "unterminated address regex", true);
    let flags = "";
    while ("IM".includes(this.#text[this.#at] ?? "\n")) flags += this.#text[this.#at++];
    return { kind: "regex", expression: this.#regex(pattern, flags) };
  }

  #rangeEnd(): Address | undefined {
    const c = this.#text[this.#at];
    if (c !== "+" && c !== "~") return this.#address();
    this.#at++;
    return { kind: c === "+" ? "plus" : "multiple", count: Number(this.#word(/^\d*/)) };
  }

  /** Text up to an unescaped delimiter; `\delimiter` becomes the delimiter. Brackets protect it in patterns. */
  #delimited(delimiter: string, problem: string, pattern: boolean): string {
    let out = "";
    let bracket = false;
    for (;;) {
      const c = this.#text[this.#at++];
      if (c === undefined || (c === "\n" && pattern && delimiter !== "\n" && problem.includes("address")))
        this.#fail(problem);
      if (c === "\\") {
        const next = this.#text[this.#at++];
        if (next === undefined) this.#fail(problem);
        if (next === delimiter) out += next;
        else if (next === "\n" && pattern) out += "\n";
        else out += c + next;
        continue;
      }
      if (pattern && c === "[" && !bracket) bracket = true;
      else if (c === "]" && bracket && !/(^|[^\\])\[\^?$/.test(out)) bracket = false;
      else if (c === delimiter && !bracket) return out;
      out += c;
    }
  }

  #regex(pattern: string, flags: string): RegExp | null {
    if (pattern === "") return null;
    try {
      const dialect = { cEscapes: true };
      const source = this.#extended ? ereSource(pattern, dialect) : breSource(pattern, dialect);
      return new RegExp(
        source,
        `g${flags.includes("I") || flags.includes("i") ? "i" : ""}${/[Mm]/.test(flags) ? "m" : ""}u`,
      );
    } catch (error) {
      if (error instanceof RegexError || error instanceof SyntaxError) this.#fail(error.message);
      throw error;
    }
  }

  /** The text of a, i, c: on the same line (GNU) or on the lines after a backslash. */
  #appended(): string {
    this.#skip(" \t");
    if (this.#at >= this.#text.length) this.#fail("expected \\ after `a', `c' or `i'");
    if (this.#text[this.#at] === "\\") {
      this.#at++;
      this.#skip(" \t");
      if (this.#text[this.#at] === "\n") this.#at++;
      else if (this.#at >= this.#text.length) this.#fail("expected \\ after `a', `c' or `i'");
      else {
        // "a\text": what follows keeps its blanks
        const blanks = /[ \t]*$/.exec(this.#text.slice(0, this.#at))![0];
        this.#at -= blanks.length;
      }
    }
    let out = "";
    for (;;) {
      const c = this.#text[this.#at++];
      if (c === undefined || c === "\n") return `${out}\n`;
      if (c === "\\") {
        const next = this.#text[this.#at++];
        if (next !== undefined) out += next === "t" ? "\t" : next;
      } else out += c;
    }
  }

  #substitution(): Substitution {
    const delimiter = this.#text[this.#at++];
    if (delimiter === undefined || delimiter === "\n" || delimiter === "\\") this.#fail("unterminated `s' command");
    const pattern = this.#delimited(delimiter, "unterminated `s' command", true);
    const replacement = this.#delimited(delimiter, "unterminated `s' command", false);
    let number = 0;
    let global = false;
    let print = 0;
    let flags = "";
    let file: string | undefined;
    for (;;) {
      const c = this.#text[this.#at];
      if (c === "g") {
        if (global) {
          this.#at++;
          this.#fail("multiple `g' options to `s' command");
        }
        global = true;
      } else if (c === "p") print++;
      else if (c !== undefined && "iImM".includes(c)) flags += c;
      else if (c !== undefined && c >= "0" && c <= "9") {
        if (number > 0) this.#fail("multiple number options to `s' command");
        number = Number(this.#word(/^\d+/));
        if (number === 0) this.#fail("number option to `s' command may not be zero");
        continue;
      } else if (c === "w") {
        this.#at++;
        this.#skip(" \t");
        file = this.#word(/^[^\n]*/);
        break;
      } else if (c === "e") this.#fail("option e of `s' command is not supported");
      else {
        if (c !== undefined && !";}# \t\r\n".includes(c)) {
          this.#at++;
          this.#fail("unknown option to `s'");
        }
        break;
      }
      this.#at++;
    }
    const expression = this.#regex(pattern, flags);
    const parts = replacementParts(replacement);
    const groups = expression ? new RegExp(`${expression.source}|`, expression.flags).exec("")!.length - 1 : 9;
    for (const part of parts)
      if (typeof part === "number" && part > groups) this.#fail(`invalid reference \\${part} on \`s' command's RHS`);
    return { expression, replacement: parts, number: number || 1, global, print, file };
  }

  #transliteration(): Map<string, string> {
    const delimiter = this.#text[this.#at++];
    if (delimiter === undefined) this.#fail("unterminated `y' command");
    const side = (): string[] => {
      const text = this.#delimited(delimiter, "unterminated `y' command", false);
      return [...text.replace(/\\([\\nt])/g, (_all, c: string) => (c === "n" ? "\n" : c === "t" ? "\t" : "\\"))];
    };
    const from = side();
    const to = side();
    if (from.length !== to.length) this.#fail("strings for `y' command are different lengths");
    return new Map(from.map((c, i) => [c, to[i]!]));
  }
}

function replacementParts(text: string): ReplacementPart[] {
  const parts: ReplacementPart[] = [];
  let literal = "";
  const flush = (): void => {
    if (literal !== "") parts.push(literal);
    literal = "";
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === "&") {
      flush();
      parts.push(0);
    } else if (c !== "\\") literal += c;
    else {
      const next = text[++i];
      if (next === undefined) literal += "\\";
      else if (next >= "0" && next <= "9") {
        flush();
        parts.push(Number(next));
      } else if ("LUElu".includes(next)) {
        flush();
        parts.push({ turn: next as "L" });
      } else {
        const at = "afnrtv".indexOf(next);
        literal += at >= 0 ? "\x07\f\n\r\t\v"[at]! : next;
      }
    }
  }
  flush();
  return parts;
}
