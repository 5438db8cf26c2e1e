// Editing a line at a terminal, with readline's keys (emacs mode): moving, killing, yanking, history, incremental search,
// completion. Runs in the process that reads: the keys come out of its terminal, as with the real one.

import { encodeUtf8 } from "../../base/text.ts";
import { EDITING, type TtyFile } from "../../posix/tty.ts";
import type { Task } from "../../sim/task.ts";
import { Display, inColumns } from "./display.ts";
import { type Key, KeyReader } from "./keys.ts";

/** What a completion may replace: the text from `start` up to the cursor becomes one of the candidates. */
export interface Completions {
  readonly start: number;
  /** whole replacements, each with what follows it: a blank, a slash, nothing */
  readonly candidates: readonly { readonly text: string; readonly after: string; readonly shown: string }[];
}

export interface EditOptions {
  readonly prompt: string;
  /** older lines, oldest first */
  readonly history: readonly string[];
  readonly complete?: ((line: string, cursor: number) => Completions) | undefined;
}

/** A line; or how there came none: Ctrl-D on an empty one, the terminal's end; Ctrl-C. */
export type Edited = { readonly line: string } | "eof" | "interrupt";

/** Reads one line from a terminal, whose mode is put back afterwards; what was typed beyond it stays unread. */
export function* editLine(file: TtyFile, options: EditOptions): Task<Edited> {
  const { tty } = file;
  const before = tty.mode;
  const keys = new KeyReader();
  tty.setMode(EDITING);
  try {
    const editor = new LineEditor(options, () => Math.max(2, tty.columns));
    yield* file.write(encodeUtf8(editor.takeOutput()));
    for (;;) {
      for (let key = keys.next(); key !== undefined; key = keys.next()) {
        const result = editor.press(key);
        if (result === undefined) continue;
        const rest = keys.rest();
        if (rest.length > 0) file.unread(rest);
        yield* file.write(encodeUtf8(editor.takeOutput()));
        return result;
      }
      const output = editor.takeOutput();
      if (output !== "") yield* file.write(encodeUtf8(output));
      const bytes = yield* file.read(4096);
      if (bytes === null) return "eof";
      keys.push(bytes);
    }
  } finally {
    tty.setMode(before);
  }
}

/** Letters and digits make words for Alt-B and Alt-F. */
const isWord = (character: string | undefined): boolean => character !== undefined && /[\p{L}\p{N}]/u.test(character);

/** The state of one line; keys in, text for the screen out. */
class LineEditor {
  readonly #options: EditOptions;
  readonly #columns: () => number;
  readonly #display: Display;
  /** What keys do that neither end the line nor leave it. */
  readonly #actions: ReadonlyMap<string, () => void> = new Map([
    ["left", () => this.#move(this.#cursor - 1)],
    ["C-b", () => this.#move(this.#cursor - 1)],
    ["right", () => this.#move(this.#cursor + 1)],
    ["C-f", () => this.#move(this.#cursor + 1)],
    ["home", () => this.#move(0)],
    ["C-a", () => this.#move(0)],
    ["end", () => this.#move(this.#line.length)],
    ["C-e", () => this.#move(this.#line.length)],
    ["M-b", () => this.#move(this.#wordStart())],
    ["M-f", () => this.#move(this.#wordEnd())],
    ["backspace", () => this.#delete(this.#cursor - 1, this.#cursor)],
    ["delete", () => this.#delete(this.#cursor, this.#cursor + 1)],
    ["C-k", () => this.#kill(this.#cursor, this.#line.length)],
    ["C-u", () => this.#kill(0, this.#cursor)],
    ["C-w", () => this.#kill(this.#blankStart(), this.#cursor)],
    ["M-backspace", () => this.#kill(this.#wordStart(), this.#cursor)],
    ["M-d", () => this.#kill(this.#cursor, this.#wordEnd())],
    ["C-y", () => this.#insert(this.#killed)],
    ["C-t", () => this.#transpose()],
    ["up", () => this.#goTo(this.#place - 1)],
    ["C-p", () => this.#goTo(this.#place - 1)],
    ["down", () => this.#goTo(this.#place + 1)],
    ["C-n", () => this.#goTo(this.#place + 1)],
    ["M-<", () => this.#goTo(0)],
    ["M->", () => this.#goTo(this.#options.history.length)],
    ["M-.", () => this.#yankLastArgument()],
    ["M-_", () => this.#yankLastArgument()],
  ]);
  #output = "";
  #line: string[] = [];
  #cursor = 0;
  /** place in the history; its length is the line being typed */
  #place: number;
  /** lines of the history as they were changed, by place; kept until this line is done */
  readonly #changed: Map<number, string[]> = new Map();
  #killed: string[] = [];
  #lastKey = "";
  #search: { text: string; place: number; from: string[]; fromCursor: number } | undefined;
  /** Alt-. again takes the one before */
  #lastArgument: { place: number; length: number } | undefined;

  constructor(options: EditOptions, columns: () => number) {
    this.#options = options;
    this.#columns = columns;
    this.#place = options.history.length;
    this.#display = new Display((text) => {
      this.#output += text;
    });
    this.#display.begin(options.prompt);
  }

  /** What the screen is to get now. */
  takeOutput(): string {
    const out = this.#output;
    this.#output = "";
    return out;
  }

  /** One key. Returns how the line ended, if it did. */
  press(key: Key): Edited | undefined {
    if (this.#search) {
      if (this.#searching(key)) return undefined;
    }
    const name = "name" in key ? key.name : "";
    const last = this.#lastKey;
    this.#lastKey = name;
    if (name !== "M-." && name !== "M-_") this.#lastArgument = undefined;
    if ("text" in key) {
      this.#insert([key.text]);
      return undefined;
    }
    switch (name) {
      case "enter":
        this.#leave();
        return { line: this.#line.join("") };
      case "C-c":
        this.#display.finish(this.#line, this.#columns(), "^C");
        return "interrupt";
      case "C-d":
        if (this.#line.length === 0) return "eof";
        this.#delete(this.#cursor, this.#cursor + 1);
        return undefined;
      case "tab":
        this.#complete(last === "tab");
        return undefined;
      case "C-l":
        this.#output += "\x1b[H\x1b[2J";
        this.#begin();
        return undefined;
      case "C-r":
        this.#search = { text: "", place: this.#options.history.length, from: this.#line, fromCursor: this.#cursor };
        this.#showSearch(true);
        return undefined;
    }
    const action = this.#actions.get(name);
    if (action) action();
    else this.#bell();
    return undefined;
  }

  /** Goes below the line. */
  #leave(): void {
    if (this.#cursor < this.#line.length) this.#display.redraw(this.#line, this.#line.length, this.#columns());
    this.#display.finish(this.#line, this.#columns());
  }

  #bell(): void {
    this.#output += "\x07";
  }

  #redraw(): void {
    this.#display.redraw(this.#line, this.#cursor, this.#columns());
  }

  #insert(characters: readonly string[]): void {
    if (characters.length === 0) return;
    const atEnd = this.#cursor === this.#line.length;
    this.#line.splice(this.#cursor, 0, ...characters);
    this.#cursor += characters.length;
    if (atEnd && characters.length === 1) this.#display.append(characters[0]!, this.#line, this.#columns());
    else this.#redraw();
  }

  #move(to: number): void {
    if (to < 0 || to > this.#line.length) {
      this.#bell();
      return;
    }
    this.#cursor = to;
    this.#redraw();
  }

  #delete(from: number, to: number): void {
    if (from < 0 || from >= this.#line.length) {
      this.#bell();
      return;
    }
    this.#line.splice(from, to - from);
    this.#cursor = from;
    this.#redraw();
  }

  #kill(from: number, to: number): void {
    if (from === to) return;
    this.#killed = this.#line.slice(from, to);
    this.#delete(from, to);
  }

  #transpose(): void {
    const right = Math.min(this.#cursor, this.#line.length - 1);
    if (right < 1) {
      this.#bell();
      return;
    }
    [this.#line[right - 1], this.#line[right]] = [this.#line[right]!, this.#line[right - 1]!];
    this.#move(right + 1);
  }

  #wordStart(): number {
    let at = this.#cursor;
    while (at > 0 && !isWord(this.#line[at - 1])) at--;
    while (at > 0 && isWord(this.#line[at - 1])) at--;
    return at;
  }

  #wordEnd(): number {
    let at = this.#cursor;
    while (at < this.#line.length && !isWord(this.#line[at])) at++;
    while (at < this.#line.length && isWord(this.#line[at])) at++;
    return at;
  }

  #blankStart(): number {
    let at = this.#cursor;
    while (at > 0 && this.#line[at - 1] === " ") at--;
    while (at > 0 && this.#line[at - 1] !== " ") at--;
    return at;
  }

  #goTo(place: number): void {
    const { history } = this.#options;
    if (place < 0 || place > history.length) {
      this.#bell();
      return;
    }
    this.#changed.set(this.#place, this.#line);
    this.#place = place;
    this.#line = this.#changed.get(place) ?? [...(history[place] ?? "")];
    this.#cursor = this.#line.length;
    this.#redraw();
  }

  #yankLastArgument(): void {
    const { history } = this.#options;
    const place = (this.#lastArgument?.place ?? history.length) - 1;
    const argument = history[place]?.trim().split(/\s+/).at(-1);
    if (argument === undefined) {
      this.#bell();
      return;
    }
    if (this.#lastArgument) {
      this.#line.splice(this.#cursor - this.#lastArgument.length, this.#lastArgument.length);
      this.#cursor -= this.#lastArgument.length;
    }
    const characters = [...argument];
    this.#lastArgument = { place, length: characters.length };
    this.#insert(characters);
    this.#redraw();
  }

  /** A key while Ctrl-R searches; false when it ends the search and is to be done as well. */
  #searching(key: Key): boolean {
    const search = this.#search!;
    const name = "name" in key ? key.name : "";
    if ("text" in key) {
      search.text += key.text;
      this.#find(search.place);
      return true;
    }
    if (name === "C-r") {
      this.#find(search.place - 1);
      return true;
    }
    if (name === "backspace") {
      search.text = [...search.text].slice(0, -1).join("");
      this.#find(this.#options.history.length);
      return true;
    }
    this.#search = undefined;
    this.#display.reprompt(this.#options.prompt.slice(this.#options.prompt.lastIndexOf("\n") + 1));
    if (name === "C-g" || name === "C-c") {
      this.#line = search.from;
      this.#cursor = search.fromCursor;
    } else if (search.place < this.#options.history.length) this.#place = search.place;
    this.#redraw();
    return name === "C-g" || name === "?";
  }

  #find(from: number): void {
    const search = this.#search!;
    const { history } = this.#options;
    for (let place = Math.min(from, history.length - 1); place >= 0; place--) {
      const at = history[place]!.indexOf(search.text);
      if (at < 0) continue;
      search.place = place;
      this.#line = [...history[place]!];
      this.#cursor = [...history[place]!.slice(0, at)].length;
      this.#showSearch(true);
      return;
    }
    this.#bell();
    this.#showSearch(search.text === "");
  }

  #showSearch(found: boolean): void {
    this.#display.reprompt(`(${found ? "" : "failed "}reverse-i-search)\`${this.#search!.text}': `);
    this.#redraw();
  }

  /** Tab: as far as all candidates agree; a second one lists them. */
  #complete(again: boolean): void {
    const line = this.#line.join("");
    const before = this.#line.slice(0, this.#cursor).join("");
    const found = this.#options.complete?.(line, before.length);
    if (!found || found.candidates.length === 0) {
      this.#bell();
      return;
    }
    const typed = before.slice(found.start);
    const [only] = found.candidates;
    const common =
      found.candidates.length === 1
        ? only!.text + only!.after
        : commonPrefix(found.candidates.map((candidate) => candidate.text));
    if (common !== typed && (found.candidates.length === 1 || common.length > typed.length)) {
      const kept = [...before.slice(0, found.start)].length;
      this.#line.splice(kept, this.#cursor - kept);
      this.#cursor = kept;
      this.#insert([...common]);
      this.#redraw();
      return;
    }
    if (!again) {
      this.#bell();
      return;
    }
    this.#leave();
    this.#output += inColumns(
      found.candidates.map((candidate) => candidate.shown),
      this.#columns(),
    );
    this.#begin();
  }

  /** Prompt and line on a fresh row. */
  #begin(): void {
    this.#display.begin(this.#options.prompt, this.#line, this.#cursor, this.#columns());
  }
}

/** "docker" and "dockerd" → "docker" */
export function commonPrefix(words: readonly string[]): string {
  let prefix = words[0] ?? "";
  for (const word of words) while (!word.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix;
}
