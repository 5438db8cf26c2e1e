// packetdrill's words. Every token knows its line, for messages.

import { ScriptError } from "./script.ts";

export type Token =
  | { readonly type: "number"; readonly line: number; readonly value: number; readonly text: string }
  | {
      readonly type: "word" | "string" | "backquoted" | "code" | "option" | "ipv4";
      readonly line: number;
      readonly text: string;
    }
  /** one character, or "..." */
  | { readonly type: "mark"; readonly line: number; readonly text: string };

/** In the order in which they are tried; the longest of the numeric ones wins by standing first. */
const PATTERNS: readonly (readonly [string, RegExp])[] = [
  ["space", /[ \t\r\n]+/y],
  ["space", /\/\/[^\n]*/y],
  ["space", /\/\*[\s\S]*?\*\//y],
  ["code", /%\{[\s\S]*?\}%/y],
  ["option", /--[a-zA-Z0-9_]+/y],
  ["ipv4", /\d+\.\d+\.\d+\.\d+/y],
  ["hex", /0x[0-9a-fA-F]+/y],
  ["number", /-?\d*\.\d+/y],
  ["wordOrNumber", /-?[a-zA-Z0-9_]+/y],
  ["string", /"(?:\\[\s\S]|[^"\\])*"/y],
  ["backquoted", /`(?:\\[\s\S]|[^`\\])*`/y],
  ["mark", /\.\.\./y],
  ["mark", /[^ \t\n]/y],
];

/** Throws ScriptError for a text that has no end. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const [type, found] = match(text, at);
    const token = tokenOf(type, found, line);
    if (token) tokens.push(token);
    at += found.length;
    for (let i = 0; i < found.length; i++) if (found[i] === "\n") line++;
  }
  return tokens;
}

function match(text: string, at: number): [string, string] {
  for (const [type, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found === undefined) continue;
    if (type !== "wordOrNumber") return [type, found];
    if (/^-?\d+$/.test(found)) return ["number", found];
    // a minus that stands before a word is a mark of its own (no TCP flags)
    if (found.startsWith("-")) return ["mark", "-"];
    return ["word", found];
  }
  return ["mark", text[at]!];
}

function tokenOf(type: string, text: string, line: number): Token | null {
  switch (type) {
    case "space":
      return null;
    case "number":
      return { type: "number", line, value: Number(text), text };
    case "hex":
      return { type: "number", line, value: Number.parseInt(text.slice(2), 16), text };
    case "string":
      return { type: "string", line, text: unescaped(text.slice(1, -1)) };
    case "backquoted":
      return { type: "backquoted", line, text: text.slice(1, -1) };
    case "code":
      return { type: "code", line, text: text.slice(2, -2) };
    case "option":
      return { type: "option", line, text: text.slice(2) };
    case "word":
    case "ipv4":
      return { type, line, text };
    default:
      if (text === '"' || text === "`") throw new ScriptError(line, `a ${text} that is not closed`);
      return { type: "mark", line, text };
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "0": "\0" };

function unescaped(text: string): string {
  return text.replaceAll(/\\(?:x([0-9a-fA-F]{2})|([\s\S]))/g, (_all, hex: string | undefined, char: string) =>
    hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
