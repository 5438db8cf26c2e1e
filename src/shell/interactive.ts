// A shell at a prompt: it reads lines (with editing, history and completion at a terminal), knows when a command is not
// finished, gives every job its own process group and the terminal, and survives errors and Ctrl-C.

import { NetError } from "../base/errno.ts";
import { decodeUtf8 } from "../base/text.ts";
import { Interrupted, type Process, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU } from "../posix/process.ts";
import { joinGroup, TtyFile, terminalOf } from "../posix/tty.ts";
import type { Task } from "../sim/task.ts";
import { stoppedJobs } from "./builtins/flow.ts";
import { readLine } from "./builtins/io.ts";
import { reapJobs } from "./builtins/jobs.ts";
import { ExpansionError, FunctionReturn, LoopJump, ShellExit } from "./control.ts";
import { type Completers, completeLine } from "./editor/completion.ts";
import { editLine } from "./editor/line-editor.ts";
import { expandHere } from "./expand.ts";
import { isIncomplete, Source } from "./parse.ts";
import type { Interpreter } from "./run.ts";
import type { Shell } from "./shell.ts";
import { newShell } from "./startup.ts";
import { strftime } from "./strftime.ts";

/** What a fed line led to: a prompt for the next command, one for more of this, or the end of the shell. */
export type Fed = "ready" | "more" | "exit";

/** Lines kept, as bash does (HISTSIZE). */
const HISTORY_LINES = 500;
/** What does not disturb a shell at a prompt; its children have the defaults. */
const DEAF_TO: readonly number[] = [SIGTERM, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU];

/** An interactive shell in a process. */
export class Session {
  readonly shell: Shell;
  readonly #interpreter: Interpreter;
  #pending = "";
  #line = 1;

  /** @param argv0 what messages call the shell */
  constructor(interpreter: Interpreter, proc: Process, argv0 = "bash", dash = false) {
    this.#interpreter = interpreter;
    this.shell = newShell(interpreter, proc, new Source("", argv0), dash);
    const { shell } = this;
    shell.argv0 = argv0;
    shell.interactive = true;
    shell.atPrompt = true;
    shell.setOption("monitor", true);
    shell.shopts.add("checkwinsize");
    // dash has a plain prompt; one that is called bash (in images) looks like bash
    const plain = dash && !/bash$/.test(argv0);
    if (shell.vars.get("PS1") === undefined) shell.vars.set("PS1", plain ? "# " : "\\u@\\h:\\w\\$ ");
    if (shell.vars.get("PS2") === undefined) shell.vars.set("PS2", "> ");
    joinGroup(proc, proc.hostPid);
    shell.tty = terminalOf(proc);
    shell.tty?.setForeground(proc.pgid);
    for (const signal of DEAF_TO) proc.onSignal(signal, () => {});
    proc.onSignal(SIGINT, () => this.interrupt());
    if (!dash) this.#loadHistory();
  }

  /**
   * Shows the prompt and reads a line.
   * @returns the line without its newline; undefined at the end of the input
   * Throws Interrupted at Ctrl-C.
   */
  *read(): Task<string | undefined> {
    const { shell } = this;
    const prompt = yield* this.prompt();
    const stdin = shell.proc.fds.get(0);
    if (stdin instanceof TtyFile) {
      const edited = yield* editLine(stdin, {
        prompt,
        history: shell.history,
        complete: (line, cursor) => {
          const { builtins, completers } = this.#interpreter.services;
          return completeLine(shell, builtins, completers ?? NO_COMPLETERS, line, cursor);
        },
      });
      if (edited === "interrupt") {
        this.#pending = "";
        shell.status = 128 + SIGINT;
        return "";
      }
      if (edited === "eof") return undefined;
      if (!shell.dash) this.#remember(edited.line);
      else shell.history.push(edited.line);
      return edited.line;
    }
    yield* shell.proc.printError(prompt);
    if (!stdin) return undefined;
    const typed = yield* readLine(shell, stdin, {
      delimiter: 10,
      raw: true,
      limit: Number.POSITIVE_INFINITY,
      exact: false,
      deadline: Number.POSITIVE_INFINITY,
    });
    return typed.end === "eof" && typed.bytes.length === 0 ? undefined : decodeUtf8(typed.bytes);
  }

  #historyFile(): string | undefined {
    const { vars } = this.shell;
    if (vars.get("HISTFILE") === undefined) vars.set("HISTFILE", `${vars.get("HOME") ?? ""}/.bash_history`);
    return vars.get("HISTFILE") || undefined;
  }

  #loadHistory(): void {
    const file = this.#historyFile();
    if (file === undefined) return;
    const { proc, history } = this.shell;
    try {
      const text = decodeUtf8(proc.root.readFile(proc, file));
      history.push(
        ...text
          .split("\n")
          .filter((line) => line !== "")
          .slice(-HISTORY_LINES),
      );
    } catch (error) {
      // none yet
      if (!(error instanceof NetError)) throw error;
    }
  }

  /** HISTCONTROL=ignoreboth: no blank ones, none twice in a row. Kept in the file at once. */
  #remember(line: string): void {
    const { history, proc } = this.shell;
    if (line.trim() === "" || line.startsWith(" ") || history.at(-1) === line) return;
    history.push(line);
    if (history.length > HISTORY_LINES) history.splice(0, history.length - HISTORY_LINES);
    const file = this.#historyFile();
    if (file === undefined) return;
    try {
      proc.root.writeFile(proc, file, `${history.join("\n")}\n`);
    } catch (error) {
      // a folder that is not there: it stays in memory
      if (!(error instanceof NetError)) throw error;
    }
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
    const warned = shell.warnedOfJobs;
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
    // a warning before exit holds for the next command only
    if (warned) shell.warnedOfJobs = false;
    yield* reapJobs(shell);
    return "ready";
  }

  /** The end of input (Ctrl-D): runs the EXIT trap; the status of the shell. undefined: it stays, jobs are stopped. */
  *end(): Task<number | undefined> {
    const { shell } = this;
    if (yield* stoppedJobs(shell)) return undefined;
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

const NO_COMPLETERS: Completers = new Map();

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
