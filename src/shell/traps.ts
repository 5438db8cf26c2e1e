// Traps: commands that run when a signal comes, when a command fails, when the shell ends. A trapped signal is noted when
// it comes and its trap runs between commands, as in bash.

import { SIGHUP, SIGINT, SIGNALS, SIGTERM, signalNumber } from "../posix/process.ts";
import type { Task } from "../sim/task.ts";
import { Source } from "./parse.ts";
import type { Shell } from "./shell.ts";

/** Signals at which a shell with an EXIT trap still runs it. */
const FATAL: readonly number[] = [SIGHUP, SIGINT, SIGTERM];

/** "INT", "SIGINT", "2", "exit", "0", "ERR" → the name under which a trap is kept; undefined when there is none. */
export function trapName(text: string): string | undefined {
  const upper = text.toUpperCase().replace(/^SIG/, "");
  if (upper === "0" || upper === "EXIT") return "EXIT";
  if (upper === "ERR" || upper === "DEBUG" || upper === "RETURN") return upper;
  const number = signalNumber(text);
  return number === undefined || number === 0 ? undefined : SIGNALS[number];
}

/** Sets (""  ignores, undefined resets) what happens at a signal or event. */
export function setTrap(shell: Shell, name: string, action: string | undefined): void {
  if (action === undefined) shell.traps.delete(name);
  else shell.traps.set(name, action);
  const number = SIGNALS.indexOf(name);
  if (number > 0) {
    if (action === undefined) shell.proc.onSignal(number, "default");
    else if (action === "") shell.proc.onSignal(number, "ignore");
    else
      shell.proc.onSignal(number, () => {
        shell.pending.push(number);
        shell.signalled.wakeAll();
      });
  }
  const exits = (shell.traps.get("EXIT") ?? "") !== "";
  for (const signal of FATAL) {
    const now = shell.proc.disposition(signal);
    if (exits && now === "default") shell.proc.onSignal(signal, "interrupt");
    else if (!exits && now === "interrupt") shell.proc.onSignal(signal, "default");
  }
}

/** Runs the traps of the signals that came meanwhile. */
export function* runPendingTraps(shell: Shell): Task<void> {
  while (shell.pending.length > 0) yield* runTrap(shell, SIGNALS[shell.pending.shift()!]!);
}

/** Runs one trap; `$?` is as before afterwards. */
export function* runTrap(shell: Shell, name: string): Task<void> {
  const action = shell.traps.get(name);
  if (!action) return;
  const { status, pipeStatus } = shell;
  if (name === "ERR") shell.guard++;
  try {
    yield* shell.engine.text(shell, new Source(action, shell.source.name, shell.line), { prefix: "trap handler: " });
  } finally {
    if (name === "ERR") shell.guard--;
  }
  shell.status = status;
  shell.pipeStatus = pipeStatus;
}
