// The fields that a word's expansion makes: text with its quoting kept beside it, split at IFS where it came from an
// unquoted expansion. Answers to POSIX XCU 2.6.5 (field splitting) and 2.6.7 (quote removal).

import { isPattern } from "./glob.ts";
import { escapePattern } from "./pattern.ts";

/** One field: what it says, and as a pattern in which quoted characters are escaped. */
export interface Field {
  readonly text: string;
  readonly pattern: string;
  /** an unquoted part could make it a pathname pattern */
  readonly active: boolean;
}

export class FieldBuilder {
  readonly fields: Field[] = [];
  /** unquoted expansions are split */
  readonly splits: boolean;
  readonly #ifs: string;
  #text = "";
  #pattern = "";
  #active = false;
  #open = false;
  /** the last field was closed by white space, which a following separator belongs to */
  #closedByBlank = false;

  /** @param split unquoted expansions are split at `ifs` */
  constructor(split: boolean, ifs: string) {
    this.splits = split;
    this.#ifs = ifs;
  }

  /** Text that keeps as it is: literal or quoted. */
  add(text: string, quoted: boolean): void {
    this.#open = true;
    this.#closedByBlank = false;
    this.#text += text;
    if (quoted) this.#pattern += escapePattern(text);
    else {
      this.#pattern += text;
      this.#active = true;
    }
  }

  /** Makes sure that there is a field, even an empty one ("" in the source). */
  touch(): void {
    this.#open = true;
  }

  /** The result of an unquoted expansion: split, and active as a pattern. */
  addSplit(text: string): void {
    if (!this.splits) {
      if (text !== "") this.#append(text);
      return;
    }
    let from = 0;
    for (let i = 0; i < text.length; i++) {
      const c = text[i]!;
      if (!this.#ifs.includes(c)) continue;
      if (i > from) this.#append(text.slice(from, i));
      from = i + 1;
      const blank = c === " " || c === "\t" || c === "\n";
      if (this.#open) {
        this.#close();
        this.#closedByBlank = blank;
      } else if (!blank) {
        if (this.#closedByBlank) this.#closedByBlank = false;
        else {
          this.#open = true;
          this.#close();
        }
      }
    }
    if (from < text.length) this.#append(text.slice(from));
  }

  #append(text: string): void {
    this.#open = true;
    this.#closedByBlank = false;
    this.#text += text;
    this.#pattern += text;
    this.#active = true;
  }

  /** Ends the field, if one is open ("$@" between two parameters). */
  break(): void {
    if (this.#open) this.#close();
    this.#closedByBlank = false;
  }

  /** As `break`, but an empty field counts. */
  forceBreak(): void {
    this.#open = true;
    this.#close();
    this.#closedByBlank = false;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** All fields, the open one ended. */
  finish(): Field[] {
    this.break();
    return this.fields;
  }

  #close(): void {
    this.fields.push({
      text: this.#text,
      pattern: this.#pattern,
      active: this.#active && isPattern(this.#pattern),
    });
    this.#text = "";
    this.#pattern = "";
    this.#active = false;
    this.#open = false;
  }
}
