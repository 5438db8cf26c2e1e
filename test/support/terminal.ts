// Somebody at the terminal of a session: types keys, looks at the screen, lets time pass.

import { SEC } from "../../src/base/time.ts";
import { type SessionOptions, ShellSession } from "../../src/scenario/session.ts";

export class Typist {
  readonly session: ShellSession;
  #screen = "";
  readonly #decoder = new TextDecoder();

  private constructor(options: Partial<SessionOptions>) {
    this.session = new ShellSession({
      terminal: { columns: 80, rows: 24 },
      stderr: () => {},
      ...options,
      stdout: (bytes) => {
        this.#screen += this.#decoder.decode(bytes, { stream: true });
      },
    });
  }

  /** A session at its first prompt. */
  static async sitDown(options: Partial<SessionOptions> = {}): Promise<Typist> {
    const typist = new Typist(options);
    await typist.session.begin();
    await typist.#untilPrompt();
    return typist;
  }

  /** Types keys and waits until somebody waits for more; what appeared on the screen meanwhile. */
  async type(keys: string): Promise<string> {
    this.#screen = "";
    this.session.type(new TextEncoder().encode(keys));
    await this.#untilPrompt();
    return this.#screen;
  }

  /** Types keys and lets so many seconds pass. */
  async typeAndWait(keys: string, seconds: number): Promise<string> {
    this.#screen = "";
    this.session.type(new TextEncoder().encode(keys));
    const until = this.session.lab.now + seconds * SEC;
    while ((await this.session.run(false, until)) === "more");
    return this.#screen;
  }

  /** Types a command line; what it printed, without echo and prompt, with plain newlines. */
  async command(line: string): Promise<string> {
    const shown = (await this.type(`${line}\r`)).replaceAll("\r", "");
    return shown.slice(shown.indexOf("\n") + 1).replace(/[^\n]*[#$>] $/, "");
  }

  async #untilPrompt(): Promise<void> {
    while ((await this.session.run(true)) === "more");
  }
}

export const CTRL_C = "\x03";
export const CTRL_D = "\x04";
export const CTRL_Z = "\x1a";
export const UP = "\x1b[A";
export const LEFT = "\x1b[D";
