// The client's terminal and the one inside: keys go in as they are, the size is kept the same, Ctrl-P Ctrl-Q lets go.
// Answers to docker/cli cli/command/container/hijack.go and tty.go, moby/term proxy.go.

import { NetError } from "../../base/errno.ts";
import { type Process, SIGWINCH } from "../../posix/process.ts";
import { RAW, type Tty, terminalOf } from "../../posix/tty.ts";
import type { Task } from "../../sim/task.ts";
import { badRequest } from "../errors.ts";

const CTRL_D = 4;
const CTRL_P = 16;
const CTRL_Q = 17;
export const DETACH_KEYS: readonly number[] = [CTRL_P, CTRL_Q];

/** "ctrl-a,a" → bytes. Throws DaemonError in Docker's words. */
export function parseDetachKeys(text: string): readonly number[] {
  if (text === "") return DETACH_KEYS;
  return text.split(",").map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key);
    if (control) return control[1]!.toUpperCase().charCodeAt(0) & 31;
    if (key.length !== 1) throw badRequest(`Invalid detach keys (${text}) provided`);
    return key.charCodeAt(0);
  });
}

/** A client whose terminal stands for one inside. */
export class TerminalBridge {
  readonly #proc: Process;
  readonly #inner: Tty;
  readonly #outer: Tty | undefined;
  readonly #detachKeys: readonly number[];
  readonly #onDetach: () => void;
  readonly #before: Tty["mode"] | undefined;
  readonly #feeder: { cancel(): void };

  /** Puts the client's terminal into raw mode and begins to hand keys on; `onDetach` is called at the detach keys. */
  constructor(proc: Process, inner: Tty, detachKeys: readonly number[], onDetach: () => void) {
    this.#proc = proc;
    this.#inner = inner;
    this.#detachKeys = detachKeys;
    this.#onDetach = onDetach;
    this.#outer = terminalOf(proc);
    this.#before = this.#outer?.mode;
    this.#outer?.setMode(RAW);
    if (this.#outer) this.#outer.passesTo = inner;
    this.#resize();
    proc.onSignal(SIGWINCH, () => this.#resize());
    this.#feeder = proc.thread("stdin", this.#feed());
  }

  #resize(): void {
    if (this.#outer) this.#inner.resize(this.#outer.columns, this.#outer.rows);
  }

  *#feed(): Task<void> {
    const file = this.#proc.fds.get(0);
    let matched = 0;
    for (;;) {
      let bytes: Uint8Array | null | undefined;
      try {
        bytes = yield* file?.read(4096) ?? nothing();
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
      }
      if (!bytes) {
        // nobody will type any more: a program inside that asks for a line is told so
        yield* this.#inner.type(Uint8Array.of(CTRL_D));
        return;
      }
      for (const byte of bytes) {
        if (byte === this.#detachKeys[matched]) {
          if (++matched < this.#detachKeys.length) continue;
          this.#onDetach();
          return;
        }
        const held = this.#detachKeys.slice(0, matched);
        matched = 0;
        yield* this.#inner.type(Uint8Array.from([...held, byte]));
      }
    }
  }

  /** Gives the terminal back. */
  close(): void {
    this.#feeder.cancel();
    if (this.#outer) this.#outer.passesTo = undefined;
    if (this.#before) this.#outer?.setMode(this.#before);
  }
}

function* nothing(): Task<null> {
  return null;
}
