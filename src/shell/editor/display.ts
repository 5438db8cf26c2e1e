// Where the line that is being edited stands on the screen: it may be longer than the screen is wide. Redraws by going back
// to the prompt's row, clearing, and printing all; a character typed at the end is just printed.

/** Columns of a character: none for what combines, two for East Asian wide ones (wcwidth, roughly). */
export function widthOf(character: string): number {
  const code = character.codePointAt(0)!;
  if ((code >= 0x300 && code <= 0x36f) || (code >= 0x200b && code <= 0x200f) || (code >= 0xfe00 && code <= 0xfe0f))
    return 0;
  const wide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return wide ? 2 : 1;
}

/** Columns of a text, escape sequences not counted. */
export function textWidth(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  const plain = text.replace(/\x1b\[[0-9;?]*[@-~]|\x1b\][^\x07]*\x07|[\x00-\x1f]/g, "");
  let width = 0;
  for (const character of plain) width += widthOf(character);
  return width;
}

/** One edited line on a screen of some width. */
export class Display {
  readonly #write: (text: string) => void;
  #prompt = "";
  #promptWidth = 0;
  /** the cursor's row, counted from the prompt's */
  #row = 0;

  /** @param write collects what goes to the screen */
  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Shows a prompt on a fresh line, and what was typed already; of several lines only the last is redrawn later. */
  begin(prompt: string, line: readonly string[] = [], cursor = 0, columns = 80): void {
    const last = prompt.lastIndexOf("\n") + 1;
    this.reprompt(prompt.slice(last));
    this.#row = 0;
    if (line.length === 0) this.#write(prompt);
    else {
      this.#write(prompt.slice(0, last));
      this.redraw(line, cursor, columns);
    }
  }

  /** Another prompt at the next redraw. */
  reprompt(prompt: string): void {
    this.#prompt = prompt;
    this.#promptWidth = textWidth(prompt);
  }

  /** A character was appended at the end and the cursor is behind it. */
  append(text: string, line: readonly string[], columns: number): void {
    const at = this.#promptWidth + lineWidth(line, line.length);
    if (Math.floor(at / columns) !== this.#row || at % columns === 0) this.redraw(line, line.length, columns);
    else this.#write(text);
  }

  /** Shows line and cursor anew. */
  redraw(line: readonly string[], cursor: number, columns: number): void {
    const up = this.#row > 0 ? `\x1b[${this.#row}A` : "";
    const total = this.#promptWidth + lineWidth(line, line.length);
    const at = this.#promptWidth + lineWidth(line, cursor);
    const lastRow = Math.floor(total / columns);
    this.#row = Math.floor(at / columns);
    let out = `${up}\r\x1b[J${this.#prompt}${line.map(shown).join("")}`;
    // a full row leaves the cursor hanging at its end
    if (total > 0 && total % columns === 0) out += "\n";
    if (lastRow > this.#row) out += `\x1b[${lastRow - this.#row}A`;
    if (cursor < line.length || lastRow > this.#row) {
      out += "\r";
      if (at % columns > 0) out += `\x1b[${at % columns}C`;
    }
    this.#write(out);
  }

  /** Leaves the line: the cursor goes below it. */
  finish(line: readonly string[], columns: number, mark = ""): void {
    const total = this.#promptWidth + lineWidth(line, line.length);
    const down = Math.floor(total / columns) - this.#row;
    this.#write(`${down > 0 ? `\x1b[${down}B` : ""}${mark}\n`);
    this.#row = 0;
  }
}

function lineWidth(line: readonly string[], end: number): number {
  let width = 0;
  for (let i = 0; i < end; i++) width += textWidth(shown(line[i]!));
  return width;
}

/** Control characters that were quoted into the line show as ^A. */
function shown(character: string): string {
  return character < " " ? `^${String.fromCharCode(character.charCodeAt(0) ^ 0x40)}` : character;
}

/** Words in columns, as readline lists completions. */
export function inColumns(words: readonly string[], columns: number): string {
  const width = Math.max(...words.map(textWidth)) + 2;
  const across = Math.max(1, Math.floor(columns / width));
  const rows = Math.ceil(words.length / across);
  let out = "";
  for (let row = 0; row < rows; row++) {
    const cells: string[] = [];
    for (let i = row; i < words.length; i += rows) cells.push(words[i]!);
    out += `${cells.map((word, i) => (i === cells.length - 1 ? word : word + " ".repeat(width - textWidth(word)))).join("")}\n`;
  }
  return out;
}
