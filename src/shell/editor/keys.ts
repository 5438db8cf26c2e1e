// Keys of a terminal: bytes (UTF-8, control characters, the escape sequences of xterm) become names and characters.

import { decodeUtf8 } from "../../base/text.ts";

/** A character that was typed, or a key by its name: "C-a" for Ctrl-A, "M-b" for Alt-B, "up", "delete" … */
export type Key = { readonly text: string } | { readonly name: string };

const CONTROL_NAMES: ReadonlyMap<number, string> = new Map([
  [8, "backspace"],
  [9, "tab"],
  [10, "enter"],
  [13, "enter"],
  [127, "backspace"],
]);

/** After "ESC [" or "ESC O": what stands there up to its last byte. */
const SEQUENCES: ReadonlyMap<string, string> = new Map([
  ["A", "up"],
  ["B", "down"],
  ["C", "right"],
  ["D", "left"],
  ["H", "home"],
  ["F", "end"],
  ["1~", "home"],
  ["7~", "home"],
  ["4~", "end"],
  ["8~", "end"],
  ["3~", "delete"],
  ["1;5C", "M-f"],
  ["1;3C", "M-f"],
  ["5C", "M-f"],
  ["1;5D", "M-b"],
  ["1;3D", "M-b"],
  ["5D", "M-b"],
  ["3;5~", "M-d"],
]);

/** Takes keys one by one off bytes that may end in the middle of one. */
export class KeyReader {
  #bytes: number[] = [];

  push(bytes: Uint8Array): void {
    this.#bytes.push(...bytes);
  }

  /** The next key; undefined while it is not complete. A sequence that means nothing is the key "?". */
  next(): Key | undefined {
    const bytes = this.#bytes;
    const first = bytes[0];
    if (first === undefined) return undefined;
    if (first === 27) return this.#escape();
    if (first < 32 || first === 127) {
      bytes.shift();
      return { name: CONTROL_NAMES.get(first) ?? `C-${String.fromCharCode(first + 96)}` };
    }
    const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (bytes.length < length) return undefined;
    return { text: decodeUtf8(Uint8Array.from(bytes.splice(0, length))) };
  }

  /** What was pushed and not yet taken. */
  rest(): Uint8Array {
    return Uint8Array.from(this.#bytes.splice(0));
  }

  #escape(): Key | undefined {
    const bytes = this.#bytes;
    const second = bytes[1];
    if (second === undefined) return undefined;
    if (second !== 0x5b && second !== 0x4f) {
      bytes.splice(0, 2);
      if (second === 127 || second === 8) return { name: "M-backspace" };
      return { name: `M-${String.fromCharCode(second).toLowerCase()}` };
    }
    let end = 2;
    while (end < bytes.length && !(bytes[end]! >= 0x40 && bytes[end]! <= 0x7e)) end++;
    if (end === bytes.length) return undefined;
    const sequence = String.fromCharCode(...bytes.splice(0, end + 1).slice(2));
    return { name: SEQUENCES.get(sequence) ?? "?" };
  }
}
