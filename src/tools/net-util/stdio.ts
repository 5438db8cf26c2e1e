// A program's standard output as the C library keeps it: collected in a buffer when it is a file or a pipe, line by line on
// a terminal. What matters is when bytes reach the reader, and that a program killed by a signal loses what it had not
// flushed.

import { decodeUtf8, encodeUtf8 } from "../../base/text.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";

/** BUFSIZ of a pipe or a file (st_blksize). */
const BUFFER_BYTES = 4096;

export class Stdout {
  readonly #proc: Process;
  readonly #lineBuffered: boolean;
  #text = "";

  /** @param lineBuffered setlinebuf(3); by default what isatty(1) says */
  constructor(proc: Process, lineBuffered: boolean = proc.fds.get(1)?.isTty ?? false) {
    this.#proc = proc;
    this.#lineBuffered = lineBuffered;
  }

  /** printf(3) */
  *print(text: string): Task<void> {
    this.#text += text;
    if (this.#text.length > BUFFER_BYTES) yield* this.#writeBlocks();
    else if (this.#lineBuffered && text.includes("\n")) {
      const end = this.#text.lastIndexOf("\n") + 1;
      const lines = this.#text.slice(0, end);
      this.#text = this.#text.slice(end);
      yield* this.#proc.printBytes(encodeUtf8(lines));
    }
  }

  /** A full buffer goes out whole; what does not fill another stays (_IO_new_file_xsputn). */
  *#writeBlocks(): Task<void> {
    const bytes = encodeUtf8(this.#text);
    let end = bytes.length - (bytes.length % BUFFER_BYTES);
    // the rest is kept as text, so that a character is not cut in two
    while ((bytes[end]! & 0xc0) === 0x80) end--;
    yield* this.#proc.printBytes(bytes.subarray(0, end));
    this.#text = decodeUtf8(bytes.subarray(end));
  }

  /** fflush(3); also what exit(3) does: call it before the program returns. */
  *flush(): Task<void> {
    const text = this.#text;
    this.#text = "";
    if (text !== "") yield* this.#proc.printBytes(encodeUtf8(text));
  }
}
