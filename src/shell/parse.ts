// From script text to a syntax tree. The grammar is the library unbash's; this file keeps source positions, says syntax
// errors in bash's words, and knows what an unfinished line looks like (for prompts and for scripts read from stdin).

import { type HereDoc, type ParsedScript, type ParseError, parse, type Statement, type Word } from "unbash";

/** A text that was parsed, and where its lines are counted from. */
export class Source {
  readonly text: string;
  /** what error messages call it: the script's name, as given */
  readonly name: string;
  readonly firstLine: number;
  #starts: number[] | undefined;

  constructor(text: string, name: string, firstLine = 1) {
    this.text = text;
    this.name = name;
    this.firstLine = firstLine;
  }

  /** Line number of a position. */
  lineAt(pos: number): number {
    const starts = this.#lineStarts();
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const mid = (low + high + 1) >> 1;
      if (starts[mid]! <= pos) low = mid;
      else high = mid - 1;
    }
    return this.firstLine + low;
  }

  /** The text of the line that holds a position, without its newline. */
  lineText(pos: number): string {
    const starts = this.#lineStarts();
    const index = this.lineAt(pos) - this.firstLine;
    return this.text.slice(starts[index]!, (starts[index + 1] ?? this.text.length + 1) - 1);
  }

  #lineStarts(): number[] {
    if (!this.#starts) {
      this.#starts = [0];
      for (let i = this.text.indexOf("\n"); i >= 0; i = this.text.indexOf("\n", i + 1)) this.#starts.push(i + 1);
    }
    return this.#starts;
  }
}

/** A script that bash would not parse. `message` has no file and line; `line` is where; `echo` the offending line. */
export class ShellSyntaxError extends Error {
  override readonly name: string = "ShellSyntaxError";
  readonly line: number;
  /** the source line that bash prints under the message, or undefined */
  readonly echo: string | undefined;
  /** true when more input could complete it */
  readonly incomplete: boolean;
  /** the word that was wanted ("fi"), or undefined */
  readonly expected: string | undefined;

  constructor(message: string, line: number, echo: string | undefined, incomplete: boolean, expected?: string) {
    super(message);
    this.expected = expected;
    this.line = line;
    this.echo = echo;
    this.incomplete = incomplete;
  }
}

/** What of a text can run: the statements before an error, and the error. */
export interface Parsed {
  readonly source: Source;
  readonly statements: readonly Statement[];
  readonly error: ShellSyntaxError | undefined;
}

const TEXTS_KEPT = 8;

/** Texts that were parsed lately, with their trees, which nobody changes: a sweep runs one script a thousand times. */
export class ParsedTexts {
  readonly #trees: Map<string, ParsedScript> = new Map();

  parse(text: string): ParsedScript {
    let tree = this.#trees.get(text);
    if (!tree) {
      tree = parse(text);
      for (const [oldest] of this.#trees) if (this.#trees.size >= TEXTS_KEPT) this.#trees.delete(oldest);
      this.#trees.set(text, tree);
    }
    return tree;
  }
}

/**
 * Parses a whole text. bash reads a script command by command, so what stands on the lines before a syntax error runs:
 * `statements` are those. Never throws.
 */
export function parseScript(source: Source, texts?: ParsedTexts): Parsed {
  return checked(texts ? texts.parse(source.text) : parse(source.text), source);
}

/** A script that unbash parsed inside a word, checked as `parseScript` does. */
export function checked(script: ParsedScript, source: Source): Parsed {
  const first = script.errors?.[0];
  if (!first) return { source, statements: script.commands, error: undefined };
  const error = syntaxError(first, source);
  return { source, statements: beforeError(script.commands, first.pos, source), error };
}

function beforeError(statements: readonly Statement[], errorPos: number, source: Source): readonly Statement[] {
  let keep = statements.filter((s) => s.end <= errorPos).length;
  // the last may be the broken one, as far as it was read
  const last = statements[keep - 1];
  if (last && (last.end <= last.pos || parse(source.text.slice(last.pos, errorPos)).errors)) keep--;
  const inside = statements[keep];
  let line = source.lineAt(inside && inside.pos < errorPos ? inside.pos : errorPos);
  while (keep > 0 && source.lineAt(statements[keep - 1]!.end) >= line) {
    keep--;
    line = Math.min(line, source.lineAt(statements[keep]!.pos));
  }
  return statements.slice(0, keep);
}

const CLOSERS: ReadonlyMap<string, string> = new Map([
  ["unterminated double quote", '"'],
  ["unterminated single quote", "'"],
  ["unterminated ANSI-C quote", "'"],
  ["unterminated backtick", "`"],
  ["unterminated command substitution", ")"],
  ["unterminated process substitution", ")"],
  ["unterminated extended glob", ")"],
  ["unterminated arithmetic command", ")"],
  ["unterminated arithmetic expansion", ")"],
  ["unterminated arithmetic for header", ")"],
  ["unterminated parameter expansion", "}"],
  ["unterminated array subscript", "]"],
]);

/** bash's sentence for one of unbash's errors. */
function syntaxError(error: ParseError, source: Source): ShellSyntaxError {
  const { message, pos } = error;
  const eof = source.lineAt(source.text.length);
  const closer = CLOSERS.get(message);
  if (closer !== undefined) {
    const line = message === "unterminated command substitution" ? eof : source.lineAt(pos);
    return new ShellSyntaxError(
      `unexpected EOF while looking for matching \`${closer}'`,
      line,
      undefined,
      true,
      closer,
    );
  }
  if (message.startsWith("maximum "))
    return new ShellSyntaxError(`syntax error: ${message}`, source.lineAt(pos), undefined, false);
  let from = pos;
  if (message.endsWith("in brace group") || message.endsWith("in subshell")) from++;
  if (message === "expected 'do'" && source.text[pos] === ";") from++;
  const [token, at] = tokenAt(source.text, from, /redirect target|word after|operator/.test(message));
  if (message.startsWith("expected ']]'")) {
    if (token === "")
      return new ShellSyntaxError("unexpected EOF while looking for `]]'", source.lineAt(pos), undefined, true);
    return new ShellSyntaxError("conditional binary operator expected", source.lineAt(at), undefined, false);
  }
  if (message.includes("conditional operator") || message.includes("test operator"))
    return new ShellSyntaxError("conditional binary operator expected", source.lineAt(pos), undefined, false);
  if (token === "")
    return new ShellSyntaxError(
      "syntax error: unexpected end of file",
      source.text.endsWith("\n") ? eof : eof + 1,
      undefined,
      true,
      /^expected '([^']+)'/.exec(message)?.[1] ?? (/after '(?:el)?if'/.test(message) ? "then" : undefined),
    );
  return near("syntax error near unexpected token", token, source, at);
}

function near(message: string, token: string, source: Source, at: number): ShellSyntaxError {
  return new ShellSyntaxError(`${message} \`${token}'`, source.lineAt(at), source.lineText(at), false);
}

const OPERATORS = [";;&", "&>>", "<<<", "<<-", ";;", ";&", "&&", "||", "|&", "&>", "<<", ">>", "<&", ">&", "<>", ">|"];

/** The token at or after a position and where it starts; "" at the end; newlines are skipped unless they matter. */
function tokenAt(text: string, pos: number, newlineMatters: boolean): [string, number] {
  let i = pos;
  for (;;) {
    const c = text[i];
    if (c === " " || c === "\t" || (c === "\n" && !newlineMatters)) i++;
    else if (c === "\\" && text[i + 1] === "\n") i += 2;
    else if (c === "#") while (i < text.length && text[i] !== "\n") i++;
    else break;
  }
  const c = text[i];
  if (c === undefined) return newlineMatters ? ["newline", Math.max(0, text.length - 1)] : ["", text.length];
  if (c === "\n") return ["newline", i];
  for (const operator of OPERATORS) if (text.startsWith(operator, i)) return [operator, i];
  if (";&|()<>".includes(c)) return [c, i];
  let end = i;
  let quote = "";
  while (end < text.length) {
    const d = text[end]!;
    if (quote === "" && " \t\n;&|()<>".includes(d)) break;
    if (quote === "" && (d === "'" || d === '"')) quote = d;
    else if (d === quote) quote = "";
    else if (d === "\\" && quote !== "'") end++;
    end++;
  }
  return [text.slice(i, end), i];
}

/** True when `text` is the beginning of something longer: an open quote, `if` without `fi`, a here-document, a `\` at the end. */
export function isIncomplete(text: string): boolean {
  if (/(^|[^\\])(\\\\)*\\\n?$/.test(text)) return true;
  const script = parse(text);
  const first = script.errors?.[0];
  if (first && syntaxError(first, new Source(text, "")).incomplete) return true;
  if (first) return false;
  return openHereDoc(script) !== undefined;
}

/** The first here-document of a script that its end delimits (bash warns about it), or undefined. */
export function openHereDoc(script: ParsedScript | { commands: readonly Statement[] }): HereDoc | undefined {
  const stack: unknown[] = [...script.commands];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (typeof node !== "object" || node === null) continue;
    const typed = node as { type?: string };
    if (typed.type === "HereDoc" && !(node as HereDoc).closing) return node as HereDoc;
    if (typed.type === "Word") continue;
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) stack.push(...value);
      else if (typeof value === "object") stack.push(value);
    }
  }
  return undefined;
}

/** One word, parsed by itself ("a$x"'b'): for text that only a run makes into a word (brace expansion, array elements). */
export function parseWord(text: string): Word | undefined {
  const script = parse(`: ${text}\n`);
  const command = script.commands[0]?.command;
  if (script.errors || script.commands.length !== 1 || command?.type !== "Command") return undefined;
  const word = command.suffix[0];
  if (command.suffix.length !== 1) return undefined;
  if (word?.type === "Word") return word;
  return undefined;
}

/** The expansions of a text as in double quotes but with quotes literal: unbash's reading of a here-document. */
export function parseHereText(text: string): HereDoc["body"] | undefined {
  const delimiter = "\u0001END";
  const script = parse(`: <<${delimiter}\n${text}\n${delimiter}\n`);
  const command = script.commands[0]?.command;
  if (command?.type !== "Command") return undefined;
  const doc = command.suffix[0];
  return doc?.type === "HereDoc" ? doc.body : undefined;
}
