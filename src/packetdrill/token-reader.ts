// The tokens of a script one after the other, with what every part of the parser asks: the next one, an expected one, and
// user-defined symbols (--define) in the place of words.

import type { Token } from "./lexer.ts";
import { ScriptError } from "./script.ts";

export class TokenReader {
  readonly #tokens: readonly Token[];
  readonly #lastLine: number;
  #at = 0;
  /** --define NAME=VALUE: what stands for a word */
  readonly defines: Map<string, Token>;

  constructor(tokens: readonly Token[], defines: Map<string, Token> = new Map()) {
    this.#tokens = tokens;
    this.#lastLine = tokens.at(-1)?.line ?? 1;
    this.defines = defines;
  }

  get done(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** The line of what comes next. */
  get line(): number {
    return this.#tokens[this.#at]?.line ?? this.#lastLine;
  }

  peek(ahead = 0): Token | undefined {
    const token = this.#tokens[this.#at + ahead];
    return token?.type === "word" ? (this.defines.get(token.text) ?? token) : token;
  }

  next(): Token {
    const token = this.peek();
    if (!token) throw new ScriptError(this.#lastLine, "the script ends in the middle of something");
    this.#at++;
    return token;
  }

  isMark(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token?.type === "mark" && token.text === text;
  }

  isWord(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token?.type === "word" && token.text === text;
  }

  /** Takes the mark if it comes next. */
  takeMark(text: string): boolean {
    if (!this.isMark(text)) return false;
    this.#at++;
    return true;
  }

  takeWord(text: string): boolean {
    if (!this.isWord(text)) return false;
    this.#at++;
    return true;
  }

  expectMark(text: string): void {
    if (!this.takeMark(text)) throw this.unexpected(`'${text}'`);
  }

  word(what: string): string {
    const token = this.peek();
    if (token?.type !== "word") throw this.unexpected(what);
    this.#at++;
    return token.text;
  }

  number(what: string): number {
    const token = this.peek();
    if (token?.type !== "number") throw this.unexpected(what);
    this.#at++;
    return token.value;
  }

  /** A whole number, as 32 bits without sign. */
  uint(what: string): number {
    const value = this.number(what);
    if (!Number.isInteger(value) || value > 0xffffffff || value < -0x80000000) throw this.fail(`${what}: ${value}`);
    return value >>> 0;
  }

  fail(message: string): ScriptError {
    return new ScriptError(this.line, message);
  }

  unexpected(wanted: string): ScriptError {
    const token = this.peek();
    return this.fail(token ? `${wanted} is expected, not '${token.text}'` : `${wanted} is missing at the end`);
  }
}
