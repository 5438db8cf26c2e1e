// What an iproute2 command prints, as text for people or as JSON: each value is given once, with its text and its key.
// Answers to iproute2's lib/json_print.c.

import { JsonWriter } from "./json-writer.ts";

export class Out {
  readonly oneline: boolean;
  readonly #json: boolean;
  readonly #pretty: boolean;
  #writer: JsonWriter | null = null;
  #text = "";

  constructor(options: { json?: boolean; pretty?: boolean; oneline?: boolean } = {}) {
    this.#json = options.json ?? false;
    this.#pretty = options.pretty ?? false;
    this.oneline = options.oneline ?? false;
  }

  /** A list of objects follows (new_json_obj). */
  begin(): void {
    if (!this.#json) return;
    this.#writer = new JsonWriter(this.#pretty);
    this.#writer.openArray();
  }

  /** … and ends (delete_json_obj). */
  end(): void {
    if (!this.#writer) return;
    this.#writer.closeArray();
    this.#text += this.#writer.finish();
    this.#writer = null;
  }

  /** Values go to JSON now. */
  get json(): boolean {
    return this.#writer !== null;
  }

  /** A value: `text` for people, key and value in JSON. A null key is an array's element. */
  any(key: string | null, text: string, value: string | number | boolean | null): void {
    if (this.#writer) this.#value(key, value);
    else this.#text += text;
  }

  /** For people only. */
  fp(text: string): void {
    if (!this.#writer) this.#text += text;
  }

  /** In JSON only. */
  js(key: string | null, value: string | number | boolean | null): void {
    if (this.#writer) this.#value(key, value);
  }

  /** A number with its decimals kept ("0.00"), unquoted in JSON. */
  number(key: string, text: string, literal: string): void {
    if (this.#writer) {
      this.#writer.name(key);
      this.#writer.raw(literal);
    } else this.#text += text;
  }

  /** Line break, or a backslash with -oneline (print_nl). */
  nl(): void {
    this.fp(this.sl);
  }

  get sl(): string {
    return this.oneline ? "\\" : "\n";
  }

  openObject(key: string | null = null): void {
    if (!this.#writer) return;
    if (key !== null) this.#writer.name(key);
    this.#writer.openObject();
  }

  closeObject(): void {
    this.#writer?.closeObject();
  }

  openArray(key: string, text = ""): void {
    if (this.#writer) {
      this.#writer.name(key);
      this.#writer.openArray();
    } else this.#text += text;
  }

  closeArray(text = ""): void {
    if (this.#writer) this.#writer.closeArray();
    else this.#text += text;
  }

  /** All that was printed; forgets it. */
  take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }

  #value(key: string | null, value: string | number | boolean | null): void {
    const writer = this.#writer!;
    if (key !== null) writer.name(key);
    if (typeof value === "string") writer.string(value);
    else writer.raw(String(value));
  }
}
