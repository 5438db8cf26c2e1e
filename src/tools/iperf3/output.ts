// Where iperf3's text goes (iperf_printf, iperf_err), with what is put before each line.

import { strftime } from "../../shell/strftime.ts";
import type { Task } from "../../sim/task.ts";
import { Stdout } from "../net-util/stdio.ts";
import type { Test } from "./test.ts";

/** Where the text goes: standard output, or --logfile. */
export class Output {
  readonly #stdout: Stdout | undefined;
  #log = "";
  readonly test: Test;

  constructor(test: Test) {
    this.test = test;
    if (test.options.logfile === undefined) this.#stdout = new Stdout(test.proc);
  }

  *print(text: string): Task<void> {
    const { test } = this;
    const lines = this.#marked(text);
    if (test.serverOutput !== undefined) test.serverOutput += lines;
    if (this.#stdout) yield* this.#stdout.print(lines);
    else this.#log += lines;
  }

  /** --timestamps before each line, and on a client --title (iperf_printf). */
  #marked(text: string): string {
    const { options, proc } = this.test;
    const { json, role, timestamps, title } = options;
    if (json) return text;
    const time = timestamps === undefined ? "" : strftime(timestamps, proc.machine.wallClockNs());
    const mark = `${time}${role === "c" && title !== undefined ? `${title}:  ` : ""}`;
    return mark === "" ? text : text.replace(/^(?=[^\n]*\n)/gm, mark);
  }

  *flush(): Task<void> {
    yield* this.#stdout?.flush() ?? none();
    const { proc, options } = this.test;
    if (options.logfile !== undefined) proc.root.writeFile(proc, options.logfile, this.#log);
  }

  /** Standard error, or the log file. */
  *error(text: string): Task<void> {
    if (this.#stdout) yield* this.test.proc.printError(text);
    else this.#log += text;
  }
}

function* none(): Task<void> {}
