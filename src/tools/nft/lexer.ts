// Words of nft's language with where they stand, and the errors that point at them. Answers to src/scanner.l and
// src/erec.c of nftables 1.0.6.

/** A text that is read: the command line, a file, standard input. */
export interface Source {
  /** null: the command line, which has no name */
  readonly name: string | null;
  readonly text: string;
}

export interface Loc {
  readonly source: Source;
  /** offsets in the source's text: first character, and the one after the last */
  readonly from: number;
  readonly to: number;
}

export type TokenKind = "word" | "number" | "quoted" | "addr" | "time" | "op" | "newline" | "end";

export interface Token extends Loc {
  readonly kind: TokenKind;
  readonly text: string;
}

/** An error with the place it is about, and another that it has to do with. */
export class NftProblem extends Error {
  override readonly name: string = "NftProblem";
  readonly loc: Loc | null;
  readonly related: Loc | null;

  constructor(message: string, loc: Loc | null, related: Loc | null = null) {
    super(message);
    this.loc = loc;
    this.related = related;
  }
}

export function span(from: Loc, to: Loc): Loc {
  return { source: from.source, from: from.from, to: Math.max(to.to, from.to) };
}

const ADDR =
  /^(?:(?:[0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}|(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]*::?(?:[0-9a-fA-F]{0,4}:{1,2}){1,7}[0-9a-fA-F]{0,4})(?![\w.])/;
const TIME = /^(?=\d+(?:d|h|m|s))(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?(?![\w])/;
const NUMBER = /^(?:0[xX][0-9a-fA-F]+|\d+)/;
const WORD = /^[A-Za-z_.][A-Za-z0-9_./-]*(?:\\?\*)?/;
const OPS = ["<<", ">>", "==", "!=", "<=", ">=", "&&", "||"];

/** All tokens of a text; the last is "end". */
export function tokenize(source: Source): Token[] {
  const { text } = source;
  const tokens: Token[] = [];
  let at = 0;
  const add = (kind: TokenKind, length: number, value = text.slice(at, at + length)): void => {
    tokens.push({ kind, text: value, source, from: at, to: at + length });
    at += length;
  };
  while (at < text.length) {
    const c = text[at]!;
    if (c === " " || c === "\t" || c === "\r") at++;
    else if (c === "\\" && text[at + 1] === "\n") at += 2;
    else if (c === "#") {
      const end = text.indexOf("\n", at);
      at = end < 0 ? text.length : end;
    } else if (c === "\n") add("newline", 1);
    else if (c === '"') {
      const end = text.indexOf('"', at + 1);
      if (end < 0) throw new NftProblem("syntax error, unexpected junk", { source, from: at, to: at + 1 });
      add("quoted", end + 1 - at, text.slice(at + 1, end));
    } else {
      const rest = text.slice(at, at + 128);
      const addr = ADDR.exec(rest);
      const time = TIME.exec(rest);
      const number = NUMBER.exec(rest);
      const word = WORD.exec(text.slice(at));
      const op = OPS.find((o) => rest.startsWith(o));
      if (addr) add("addr", addr[0].length);
      else if (time) add("time", time[0].length);
      else if (number) add("number", number[0].length);
      else if (word && c !== ".") add("word", word[0].length);
      else if (word && word[0].length > 1) add("word", word[0].length);
      else if (op !== undefined) add("op", op.length);
      else add("op", 1);
    }
  }
  add("end", 0);
  return tokens;
}

/** "file:line:first-last: Error: text", the line, and what is meant underlined (erec_print). */
export function problemText({ message, loc, related }: NftProblem): string {
  if (loc === null) return `Error: ${message}\n`;
  const { text, name } = loc.source;
  const start = text.lastIndexOf("\n", loc.from - 1) + 1;
  // past the last line, the text shown is the last line's
  const isPast = start === text.length && start > 0 && text.endsWith("\n");
  const shownFrom = isPast ? text.lastIndexOf("\n", start - 2) + 1 : start;
  const newline = text.indexOf("\n", start);
  const line = isPast ? text.slice(shownFrom, start - 1) : text.slice(start, newline < 0 ? text.length : newline);
  const first = loc.from - start;
  const lineEnd = newline < 0 ? text.length : newline;
  const last = Math.max(first, Math.min(loc.to, lineEnd + 1) - start - 1);
  let place = "";
  if (name !== null) {
    const number = text.slice(0, start).split("\n").length;
    place = `${name}:${number}:${first + 1}-${last + 1}: `;
  }
  let marks = "";
  const width = Math.max(last + 1, first + 1, related === null ? 0 : related.to - start);
  for (let i = 0; i < width; i++) {
    if (i >= first && i <= last) marks += "^";
    else if (related !== null && i + start >= related.from && i + start < related.to) marks += "~";
    else marks += line[i] === "\t" ? "\t" : " ";
  }
  return `${place}Error: ${message}\n${line}\n${marks}\n`;
}
