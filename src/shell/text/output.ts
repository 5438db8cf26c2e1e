// A filter's standard output as C's stdio buffers it: whole blocks to a pipe or file, lines to a terminal or when asked.

import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { printBinary } from "../coreutils/util.ts";

const BLOCK = 4096;

export class BlockOutput {
  readonly #proc: Process;
  readonly #byLine: boolean;
  #text = "";

  /** @param byLine write every line at once (--line-buffered, -u) */
  constructor(proc: Process, byLine: boolean) {
    this.#proc = proc;
    this.#byLine = byLine || proc.fds.get(1)?.isTty === true;
  }

  /** Adds a binary string. */
  *add(text: string): Task<void> {
    this.#text += text;
    if (this.#text.length >= BLOCK || (this.#byLine && text.endsWith("\n"))) yield* this.flush();
  }

  *flush(): Task<void> {
    const text = this.#text;
    this.#text = "";
    yield* printBinary(this.#proc, text);
  }
}
