// How a shell begins and ends: its first variables, the environment it was given, its last trap and exit status.

import { Interrupted, type Process } from "../posix/process.ts";
import type { Task } from "../sim/task.ts";
import { ExpansionError, FunctionReturn, LoopJump, ShellExit } from "./control.ts";
import { DEFAULT_PATH } from "./exec.ts";
import type { Source } from "./parse.ts";
import { type Interpreter, isStackOverflow, overflow } from "./run.ts";
import { Shell } from "./shell.ts";
import { NAME } from "./variables.ts";

/** What `$BASH_VERSION` says: the shell that this one answers to. */
export const BASH_VERSION = "5.2.15(1)-release";

/** A shell in a process: variables from the environment, nothing run yet. */
export function newShell(interpreter: Interpreter, proc: Process, source: Source, dash: boolean): Shell {
  const shell = new Shell(proc, interpreter, source);
  shell.dash = dash;
  const { vars } = shell;
  for (const [name, value] of proc.env) {
    if (!NAME.test(name)) continue;
    const variable = vars.global(name);
    variable.value = value;
    variable.exported = true;
  }
  const preset = (name: string, value: string): void => {
    if (vars.get(name) === undefined) vars.set(name, value);
  };
  vars.set("IFS", " \t\n");
  preset("PATH", DEFAULT_PATH);
  vars.set("OPTIND", "1");
  preset("PS4", "+ ");
  const pwd = vars.global("PWD");
  pwd.value = proc.cwd;
  pwd.exported = true;
  const readonly = (name: string, value: string): void => {
    const variable = vars.global(name);
    variable.value = value;
    variable.readonly = true;
    variable.integer = /^\d+$/.test(value);
    variable.exported = false;
  };
  if (dash) {
    vars.set("PPID", String(proc.ppid));
    shell.installDynamics();
    return shell;
  }
  readonly("PPID", String(proc.ppid));
  readonly("UID", "0");
  readonly("EUID", "0");
  readonly("SHELLOPTS", [...shell.options].sort().join(":"));
  vars.set("BASH", "/bin/bash");
  vars.set("BASH_VERSION", BASH_VERSION);
  const version = vars.setArray("BASH_VERSINFO", false);
  ["5", "2", "15", "1", "release", "x86_64-pc-linux-gnu"].forEach((part, i) => {
    version.list!.set(i, part);
  });
  version.readonly = true;
  preset("HOSTNAME", proc.ns.uts.hostname);
  vars.set("HOSTTYPE", "x86_64");
  vars.set("MACHTYPE", "x86_64-pc-linux-gnu");
  vars.set("OSTYPE", "linux-gnu");
  preset("TERM", "dumb");
  const level = vars.global("SHLVL");
  level.value = String((Number.parseInt(level.value ?? "0", 10) || 0) + 1);
  level.exported = true;
  vars.set("OPTERR", "1");
  shell.installDynamics();
  return shell;
}

/** Runs a shell's whole life: `body`, then the EXIT trap. The process's exit status. */
export function* runToEnd(interpreter: Interpreter, shell: Shell, body: Task<number>): Task<number> {
  let status: number;
  try {
    status = yield* body;
  } catch (error) {
    if (error instanceof ShellExit || error instanceof FunctionReturn) status = error.status;
    else if (error instanceof ExpansionError) status = error.status;
    else if (error instanceof LoopJump) status = 0;
    else if (isStackOverflow(error)) return overflow(shell);
    else if (error instanceof Interrupted) {
      // a signal that ends the shell; its EXIT trap still runs
      yield* interpreter.exitTrap(shell, 128 + error.signal);
      shell.proc.onSignal(error.signal, "default");
      shell.proc.kill(error.signal);
      return 128 + error.signal;
    } else throw error;
  }
  return yield* interpreter.exitTrap(shell, status);
}
