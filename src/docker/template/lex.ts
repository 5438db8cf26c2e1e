// The tokens inside `{{ … }}` and the text between them. Answers to text/template/parse/lex.go.

/** A template that cannot be read. The message is Go's, after "template: NAME:". */
export class TemplateError extends Error {
  override readonly name: string = "TemplateError";
}

export type TokenKind =
  | "text"
  | "open"
  | "close"
  | "field"
  | "variable"
  | "identifier"
  | "string"
  | "number"
  | "bool"
  | "nil"
  | "dot"
  | "pipe"
  | "declare"
  | "assign"
  | "comma"
  | "lparen"
  | "rparen"
  | "space"
  | "eof";

export interface Token {
  readonly kind: TokenKind;
  readonly value: string;
  /** offset in the template */
  readonly at: number;
  readonly line: number;
}

const SPACE = /[ \t\r\n]/;
const WORD = /[A-Za-z0-9_\u0080-\uffff]/;

/** Throws TemplateError with Go's text, e.g. ":1: unclosed action". */
export function lex(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let trimNext = false;
  const lineOf = (offset: number) => text.slice(0, offset).split("\n").length;
  const push = (kind: TokenKind, value: string, offset: number) =>
    tokens.push({ kind, value, at: offset, line: lineOf(offset) });
  const fail = (message: string, offset: number): never => {
    throw new TemplateError(`:${lineOf(offset)}: ${message}`);
  };
  while (at < text.length) {
    const open = text.indexOf("{{", at);
    let piece = open < 0 ? text.slice(at) : text.slice(at, open);
    if (trimNext) piece = piece.replace(/^[ \t\r\n]+/, "");
    trimNext = false;
    const trimLeft = open >= 0 && /^\{\{-[ \t\r\n]/.test(text.slice(open, open + 4));
    if (trimLeft) piece = piece.replace(/[ \t\r\n]+$/, "");
    if (piece !== "") push("text", piece, at);
    if (open < 0) break;
    at = open + 2 + (trimLeft ? 2 : 0);
    const comment = /^\s*\/\*/.exec(text.slice(at));
    if (comment) {
      const end = text.indexOf("*/", at);
      if (end < 0) fail("unclosed comment", open);
      const close = /^\*\/(\s-)?\}\}/.exec(text.slice(end));
      if (!close) fail("comment ends before closing delimiter", open);
      trimNext = close![1] !== undefined;
      at = end + close![0].length;
      continue;
    }
    push("open", "{{", open);
    for (;;) {
      if (at >= text.length) fail("unclosed action", text.length);
      const rest = text.slice(at);
      const close = /^[ \t\r\n]-\}\}/.exec(rest);
      if (close) {
        push("close", "}}", at);
        at += close[0].length;
        trimNext = true;
        break;
      }
      if (rest.startsWith("}}")) {
        push("close", "}}", at);
        at += 2;
        break;
      }
      at = lexInside(text, at, push, fail);
    }
  }
  push("eof", "", text.length);
  return tokens;
}

function lexInside(
  text: string,
  at: number,
  push: (kind: TokenKind, value: string, offset: number) => void,
  fail: (message: string, offset: number) => never,
): number {
  const c = text[at]!;
  const wordEnd = (from: number) => {
    let end = from;
    while (end < text.length && WORD.test(text[end]!)) end++;
    return end;
  };
  if (SPACE.test(c)) {
    let end = at;
    while (end < text.length && SPACE.test(text[end]!) && !/^[ \t\r\n]-\}\}/.test(text.slice(end))) end++;
    if (end === at) end++;
    push("space", text.slice(at, end), at);
    return end;
  }
  if (c === ":" && text[at + 1] === "=") {
    push("declare", ":=", at);
    return at + 2;
  }
  const single: Partial<Record<string, TokenKind>> = {
    "=": "assign",
    "|": "pipe",
    "(": "lparen",
    ")": "rparen",
    ",": "comma",
  };
  const kind = single[c];
  if (kind) {
    push(kind, c, at);
    return at + 1;
  }
  if (c === '"') {
    let end = at + 1;
    while (end < text.length && text[end] !== '"') {
      if (text[end] === "\n") fail("unterminated quoted string", at);
      end += text[end] === "\\" ? 2 : 1;
    }
    if (end >= text.length) fail("unterminated quoted string", at);
    push("string", unquote(text.slice(at + 1, end)), at);
    return end + 1;
  }
  if (c === "`") {
    const end = text.indexOf("`", at + 1);
    if (end < 0) fail("unterminated raw quoted string", at);
    push("string", text.slice(at + 1, end), at);
    return end + 1;
  }
  if (c === "$") {
    const end = wordEnd(at + 1);
    push("variable", text.slice(at, end), at);
    return end;
  }
  if (c === ".") {
    if (/[0-9]/.test(text[at + 1] ?? "")) return lexNumber(text, at, push, fail);
    const end = wordEnd(at + 1);
    push(end === at + 1 ? "dot" : "field", text.slice(at, end), at);
    return end;
  }
  if (/[0-9+-]/.test(c)) return lexNumber(text, at, push, fail);
  if (WORD.test(c)) {
    const end = wordEnd(at);
    const word = text.slice(at, end);
    if (word === "true" || word === "false") push("bool", word, at);
    else if (word === "nil") push("nil", word, at);
    else push("identifier", word, at);
    return end;
  }
  const code = c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
  return fail(`unrecognized character in action: U+${code} '${c}'`, at);
}

function lexNumber(
  text: string,
  at: number,
  push: (kind: TokenKind, value: string, offset: number) => void,
  fail: (message: string, offset: number) => never,
): number {
  const match = /^[+-]?(0[xX][0-9a-fA-F]+|[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?)/.exec(text.slice(at));
  if (!match) return fail(`bad number syntax: ${JSON.stringify(text[at])}`, at);
  push("number", match[0], at);
  return at + match[0].length;
}

/** The text between double quotes of a Go string. */
function unquote(text: string): string {
  return text.replace(/\\(n|t|r|\\|"|'|a|b|f|v|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[0-7]{3})/g, (_all, code: string) => {
    const named: Partial<Record<string, string>> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };
    const known = named[code];
    if (known !== undefined) return known;
    if (code[0] === "x" || code[0] === "u") return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
    return code;
  });
}
