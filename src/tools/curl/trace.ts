// What curl tells on stderr while it transfers: -v's lines and the progress meter, in the order in which the real one mixes
// them. Blocks of data that follow one another are told of once.

import type { Ns } from "../../base/time.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { BAR_DONE, METER_HEADING, meterLine } from "./progress.ts";
import type { TransferInfo } from "./write-out.ts";

/** -v on stderr; silent without. */
export class Verbose {
  readonly #proc: Process;
  readonly #on: boolean;
  #inData = false;

  constructor(proc: Process, on: boolean) {
    this.#proc = proc;
    this.#on = on;
  }

  /** "* …" */
  *say(line: string): Task<void> {
    if (!this.#on) return;
    this.#inData = false;
    yield* this.#proc.printError(`* ${line}\n`);
  }

  /** A line of a head, sent (">") or received ("<"). */
  *head(mark: ">" | "<", line: string): Task<void> {
    if (!this.#on) return;
    this.#inData = false;
    yield* this.#proc.printError(`${mark} ${line}\n`);
  }

  /** Bytes of a body, sent ("}") or received ("{"). */
  *data(mark: "}" | "{", bytes: number): Task<void> {
    if (!this.#on || this.#inData) return;
    this.#inData = true;
    yield* this.#proc.printError(`${mark} [${bytes} bytes data]\n`);
  }
}

/** One URL's progress meter: a heading and zeros when it begins, then a line for every request that ends. */
export class Meter {
  readonly #proc: Process;
  readonly #kind: "none" | "lines" | "bar";
  #begun = false;
  #bars = 0;

  constructor(proc: Process, kind: "none" | "lines" | "bar") {
    this.#proc = proc;
    this.#kind = kind;
  }

  *begin(): Task<void> {
    if (this.#begun) return;
    this.#begun = true;
    if (this.#kind === "lines") yield* this.#proc.printError(METER_HEADING + meterLine({ ...NOTHING, elapsedNs: 0 }));
  }

  /** A request ended (Curl_pgrsDone), well or not. */
  *done(info: TransferInfo, request: Progressed, elapsedNs: Ns): Task<void> {
    if (this.#kind === "none") return;
    if (this.#kind === "bar") {
      if (request.downloaded === 0) return;
      this.#bars++;
      yield* this.#proc.printError(`\r${BAR_DONE}`);
      return;
    }
    const length = info.headers.get("content-length");
    const downloadTotal = length === undefined ? -1 : Number(length);
    const { downloaded, uploaded } = request;
    const progress = { downloadTotal, downloaded, uploadTotal: uploaded, uploaded, elapsedNs };
    yield* this.#proc.printError(`${meterLine(progress)}\n`);
  }

  /** All is done and written out: a bar's line ends. */
  *end(): Task<void> {
    if (this.#bars > 0) yield* this.#proc.printError("\n");
  }
}

/** Body bytes of one request. */
export interface Progressed {
  readonly downloaded: number;
  readonly uploaded: number;
}

const NOTHING = { downloadTotal: 0, downloaded: 0, uploadTotal: 0, uploaded: 0 } as const;
