// JSON text as iproute2's json_writer lays it out: compact, or "pretty" with four blanks a level and objects of an array on
// its line.

export class JsonWriter {
  readonly #pretty: boolean;
  #out = "";
  #depth = 0;
  /** what goes before the next value: "" right after a bracket or a name, else a comma */
  #separator = "";

  constructor(pretty: boolean) {
    this.#pretty = pretty;
  }

  name(key: string): void {
    this.#endOfRecord();
    this.#separator = ",";
    this.#newLine();
    this.#separator = "";
    this.#out += `${quote(key)}:${this.#pretty ? " " : ""}`;
  }

  openObject(): void {
    this.#begin("{");
  }

  closeObject(): void {
    this.#end("}");
  }

  openArray(): void {
    this.#begin("[");
    if (this.#pretty) this.#out += " ";
  }

  closeArray(): void {
    if (this.#pretty && this.#separator !== "") this.#out += " ";
    this.#separator = "";
    this.#end("]");
  }

  /** A JSON value that is text already: a number, true, null. */
  raw(text: string): void {
    this.#endOfRecord();
    this.#out += text;
    this.#separator = ",";
  }

  string(value: string): void {
    this.raw(quote(value));
  }

  /** Everything, with the final newline. */
  finish(): string {
    return `${this.#out}\n`;
  }

  #endOfRecord(): void {
    this.#out += this.#separator;
    this.#separator = ",";
  }

  #begin(bracket: string): void {
    this.#endOfRecord();
    this.#out += bracket;
    this.#depth++;
    this.#separator = "";
  }

  #end(bracket: string): void {
    this.#depth--;
    if (this.#separator !== "") this.#newLine();
    this.#out += bracket;
    this.#separator = ",";
  }

  #newLine(): void {
    if (this.#pretty) this.#out += `\n${"    ".repeat(this.#depth)}`;
  }
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\f", "\\f"],
  ["\b", "\\b"],
  ["\\", "\\\\"],
  ['"', '\\"'],
]);

function quote(text: string): string {
  let out = '"';
  for (const c of text) {
    const escaped = ESCAPES.get(c);
    if (escaped) out += escaped;
    else if (c < " ") out += `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
    else out += c;
  }
  return `${out}"`;
}
