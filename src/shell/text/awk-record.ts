// The current record of an awk program: split into fields when one is asked for, joined again when one was changed.

import { awkRegExp } from "./awk-lex.ts";
import { fromInput, toText, type Value } from "./awk-values.ts";

/** The variables that splitting and joining look at. */
export interface RecordVariables {
  text(name: "FS" | "OFS" | "RS" | "CONVFMT"): string;
}

export class AwkRecord {
  readonly #variables: RecordVariables;
  readonly #regexes: Map<string, RegExp> = new Map();
  #whole = "";
  #fields: Value[] = [];
  #isSplit = true;
  #changed = false;

  constructor(variables: RecordVariables) {
    this.#variables = variables;
  }

  /** A new $0. */
  set(text: string): void {
    this.#whole = text;
    this.#isSplit = false;
    this.#changed = false;
  }

  /** $0 */
  get whole(): string {
    if (this.#changed) {
      const format = this.#variables.text("CONVFMT");
      this.#whole = this.fields.map((field) => toText(field, format)).join(this.#variables.text("OFS"));
      this.#changed = false;
    }
    return this.#whole;
  }

  /** $1 … $NF */
  get fields(): Value[] {
    if (!this.#isSplit) {
      const paragraph = this.#variables.text("RS") === "";
      this.#fields = this.split(this.#whole, this.#variables.text("FS"), paragraph).map(fromInput);
      this.#isSplit = true;
    }
    return this.#fields;
  }

  setField(index: number, value: Value): void {
    const { fields } = this;
    while (fields.length < index) fields.push("");
    fields[index - 1] = value;
    this.#changed = true;
  }

  /** Assignment to NF: cuts or pads. */
  setCount(count: number): void {
    const { fields } = this;
    while (fields.length < count) fields.push("");
    fields.length = Math.max(0, count);
    this.#changed = true;
  }

  /** Splits as FS says: " " at blanks, one character, else a regular expression; in paragraph mode at newlines too. */
  split(text: string, separator: string, paragraph = false): string[] {
    if (separator === " ") {
      const trimmed = text.replace(/^[ \t\n]+|[ \t\n]+$/g, "");
      return trimmed === "" ? [] : trimmed.split(/[ \t\n]+/);
    }
    if (text === "") return [];
    if (separator === "") return [...text];
    const special = /[.[\]|^$*+?(){}\\]/.test(separator);
    if (separator.length === 1 && !paragraph && !special) return text.split(separator);
    const source = separator.length === 1 && special ? `\\${separator}` : separator;
    return splitAt(text, this.regex(paragraph ? `(${source})|\n` : source));
  }

  /** A dynamic regular expression, compiled once. */
  regex(source: string): RegExp {
    let expression = this.#regexes.get(source);
    if (!expression) {
      expression = awkRegExp(source);
      this.#regexes.set(source, expression);
    }
    return expression;
  }
}

/** Splits at the matches of an expression; an empty match does not split. */
export function splitAt(text: string, expression: RegExp): string[] {
  const out: string[] = [];
  let at = 0;
  expression.lastIndex = 0;
  for (const match of text.matchAll(expression)) {
    if (match[0] === "") continue;
    out.push(text.slice(at, match.index));
    at = match.index + match[0].length;
  }
  out.push(text.slice(at));
  return out;
}
