// A shell at a prompt: fed line by line, it knows when a command is not finished, gives every job its own process group,
// and survives errors and Ctrl-C. `bash` with a terminal as stdin reads its lines through this too.

import { Interrupted, type Process, SIGINT, SIGQUIT, SIGTERM } from "../posix/process.ts";
import type { Task } from "../sim/task.ts";
import { reapJobs } from "./builtins/jobs.ts";
import { ExpansionError, FunctionReturn, LoopJump, ShellExit } from "./control.ts";
import { expandHere } from "./expand.ts";
import { isIncomplete, Source } from "./parse.ts";
import type { Interpreter } from "./run.ts";
import type { Shell } from "./shell.ts";
import { newShell } from "./startup.ts";
import { strftime } from "./strftime.ts";

/** What a fed line led to: a prompt for the next command, one for more of this, or the end of the shell. */
export type Fed = "ready" | "more" | "exit";

/** An interactive shell in a process. */
export class Session {
  readonly shell: Shell;
  readonly #interpreter: Interpreter;
  #pending = "";
  #line = 1;

  /** @param argv0 what messages call the shell */
  constructor(interpreter: Interpreter, proc: Process, argv0 = "bash") {
    this.#interpreter = interpreter;
    this.shell = newShell(interpreter, proc, new Source("", argv0), false);
    const { shell } = this;
    shell.argv0 = argv0;
    shell.interactive = true;
    shell.setOption("monitor", true);
    shell.shopts.add("checkwinsize");
    if (shell.vars.get("PS1") === undefined) shell.vars.set("PS1", "\\u@\\h:\\w\\$ ");
    if (shell.vars.get("PS2") === undefined) shell.vars.set("PS2", "> ");
    proc.pgid = proc.pid;
    proc.onSignal(SIGTERM, "ignore");
    proc.onSignal(SIGQUIT, "ignore");
    proc.onSignal(SIGINT, () => this.interrupt());
  }

  /** True while a command is not finished: the next line continues it. */
  get incomplete(): boolean {
    return this.#pending !== "";
  }

  /** The prompt for the next line: PS1, or PS2 inside a command. */
  *prompt(): Task<string> {
    const { shell } = this;
    const raw = shell.vars.get(this.incomplete ? "PS2" : "PS1") ?? "";
    return yield* expandHere(shell, decodePrompt(shell, raw));
  }

  /**
   * Takes one line, without its newline, and runs the command if it is complete.
   * @returns what to do next; after "exit" the status is in `shell.status`
   */
  *feed(line: string): Task<Fed> {
    const { shell } = this;
    const text = `${this.#pending}${line}\n`;
    if (isIncomplete(text)) {
      this.#pending = text;
      return "more";
    }
    this.#pending = "";
    const source = new Source(text, shell.argv0, this.#line);
    this.#line += text.split("\n").length - 1;
    try {
      yield* this.#interpreter.text(shell, source, { prefix: "" });
    } catch (error) {
      if (error instanceof ShellExit) {
        shell.status = yield* this.#interpreter.exitTrap(shell, error.status);
        return "exit";
      }
      if (error instanceof Interrupted) {
        yield* shell.proc.printError("\n");
        shell.status = 128 + error.signal;
      } else if (!(error instanceof ExpansionError || error instanceof LoopJump || error instanceof FunctionReturn))
        throw error;
    }
    yield* reapJobs(shell);
    return "ready";
  }

  /** The end of input (Ctrl-D): runs the EXIT trap; the status of the shell. */
  *end(): Task<number> {
    const { shell } = this;
    if (this.#pending !== "") {
      const text = this.#pending;
      this.#pending = "";
      yield* this.#interpreter.text(shell, new Source(text, shell.argv0, this.#line), { prefix: "" });
    }
    return yield* this.#interpreter.exitTrap(shell, shell.status);
  }

  /** Ctrl-C: SIGINT to the job in the foreground, or the command line is abandoned. */
  interrupt(): void {
    const { shell } = this;
    const [first] = shell.foreground;
    this.#pending = "";
    if (first) {
      if (shell.proc.machine.killGroup(first.pgid, SIGINT) === 0)
        for (const each of shell.foreground) each.kill(SIGINT);
    } else shell.proc.interrupt(SIGINT);
  }
}

/** Backslash escapes of a prompt (bash(1) PROMPTING). */
function decodePrompt(shell: Shell, text: string): string {
  const { proc } = shell;
  return text.replace(/\\([0-7]{3}|[\s\S])/g, (all, code: string) => {
    switch (code) {
      case "u":
        return "root";
      case "h":
        return proc.ns.uts.hostname.split(".")[0]!;
      case "H":
        return proc.ns.uts.hostname;
      case "w":
      case "W": {
        const home = shell.vars.get("HOME");
        const { cwd } = proc;
        const shown =
          home !== undefined && (cwd === home || cwd.startsWith(`${home}/`)) ? `~${cwd.slice(home.length)}` : cwd;
        return code === "w" ? shown : shown === "/" ? "/" : shown.split("/").at(-1)!;
      }
      case "$":
        return "#";
      case "s":
        return shell.argv0.split("/").at(-1)!;
      case "v":
        return "5.2";
      case "V":
        return "5.2.15";
      case "n":
        return "\n";
      case "r":
        return "\r";
      case "a":
        return "\x07";
      case "e":
        return "\x1b";
      case "j":
        return String(shell.jobs.list.length);
      case "t":
        return strftime("%H:%M:%S", proc.machine.wallClockNs());
      case "A":
        return strftime("%H:%M", proc.machine.wallClockNs());
      case "d":
        return strftime("%a %b %d", proc.machine.wallClockNs());
      case "[":
      case "]":
        return "";
      case "\\":
        return "\\\\";
    }
    if (/^[0-7]{3}$/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
    return all;
  });
}
