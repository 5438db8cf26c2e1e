// Builtins on jobs and processes: wait, kill, jobs, fg, bg, disown.

import { USEC } from "../../base/time.ts";
import { SIGCONT, SIGTERM, signalName, signalNumber } from "../../posix/process.ts";
import { type Task, waitAny } from "../../sim/task.ts";
import { isDone, type Job, jobLine, jobStatus, obituary } from "../jobs.ts";
import type { Shell } from "../shell.ts";
import { runPendingTraps } from "../traps.ts";
import { type Builtin, output, readOptions, usage } from "./builtin.ts";
import { signalTable } from "./flow.ts";

/** Between a child's end and the shell's noticing it: at least a scheduling round. */
const REAP_DELAY_NS = 50 * USEC;

/** Says what became of jobs that ended (as a shell does between commands) and forgets them. */
export function* reapJobs(shell: Shell, keep?: Job): Task<void> {
  for (const job of [...shell.jobs.list]) {
    if (shell.interactive && !shell.dash) yield* tellStop(shell, job);
    if (!isDone(job) || job.notified || job === keep) continue;
    // a shell hears of a child's end a moment later
    if (!shell.interactive && shell.proc.sim.now - (job.endedNs ?? 0) < REAP_DELAY_NS) continue;
    job.notified = true;
    if (shell.dash) continue;
    if (shell.interactive) yield* shell.proc.printError(`${jobLine(shell.jobs, job, false)}\n`);
    else {
      const text = obituary(job);
      if (text !== undefined) yield* shell.error(text);
      else continue;
    }
    shell.jobs.remove(job);
  }
}

/** Says that a job in the background was stopped, once. */
function* tellStop(shell: Shell, job: Job): Task<void> {
  const stopped = !isDone(job) && job.processes.some((process) => process.stopped);
  if (stopped && !job.stopNotified) yield* shell.proc.printError(`${jobLine(shell.jobs, job, false)}\n`);
  job.stopNotified = stopped;
}

/** Waits for a job's end; a trapped signal ends the wait: 128 + its number. */
function* waitForJob(shell: Shell, job: Job): Task<number> {
  while (!isDone(job)) {
    const running = job.processes.find((process) => !process.exitStatus)!;
    const woken = yield* waitAny([running.exited, shell.signalled]);
    const interrupted = yield* afterWake(shell, woken);
    if (interrupted !== undefined) return interrupted;
  }
  return jobStatus(job);
}

function* afterWake(shell: Shell, woken: number): Task<number | undefined> {
  if (shell.pending.length === 0) return undefined;
  const signal = shell.pending[0]!;
  yield* runPendingTraps(shell);
  // SIGCHLD's trap does not end a wait
  return woken === 1 && signal !== 17 ? 128 + signal : undefined;
}

function* wait(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, rest, problem } = readOptions(argv, shell.dash ? "" : "fnp:");
  if (problem !== undefined) return yield* usage(shell, "wait", problem, "wait [-fn] [-p var] [id ...]");
  const variable = given.get("p");
  if (given.has("n")) return yield* waitNext(shell, rest, variable);
  if (rest.length === 0) {
    for (const job of [...shell.jobs.list]) {
      const status = yield* waitForJob(shell, job);
      if (!isDone(job)) return status;
      yield* conclude(shell, job);
    }
    shell.jobs.ended.clear();
    return 0;
  }
  let status = 0;
  for (const text of rest) {
    const job = yield* jobOf(shell, "wait", text, true);
    if (typeof job === "number") {
      status = job;
      continue;
    }
    const pid = /^\d+$/.test(text) ? Number(text) : undefined;
    status = yield* waitForJob(shell, job);
    if (!isDone(job)) return status;
    if (pid !== undefined) status = job.processes.find((each) => each.pid === pid)!.exitStatus!.status;
    if (variable !== undefined) shell.vars.set(variable, String(pid ?? job.processes.at(-1)!.pid));
    yield* conclude(shell, job);
  }
  return status;
}

function* conclude(shell: Shell, job: Job): Task<void> {
  const text = shell.interactive || shell.dash || job.notified ? undefined : obituary(job);
  if (text !== undefined) yield* shell.error(text);
  job.notified = true;
  shell.jobs.remove(job);
}

function* waitNext(shell: Shell, ids: readonly string[], variable: string | undefined): Task<number> {
  let jobs = shell.jobs.list;
  if (ids.length > 0) {
    jobs = [];
    for (const id of ids) {
      const job = yield* jobOf(shell, "wait", id, false);
      if (typeof job !== "number") jobs.push(job);
    }
  }
  if (jobs.length === 0) return 127;
  for (;;) {
    const done = jobs.find(isDone);
    if (done) {
      const status = jobStatus(done);
      if (variable !== undefined) shell.vars.set(variable, String(done.processes.at(-1)!.pid));
      yield* conclude(shell, done);
      return status;
    }
    const running = jobs.flatMap((job) => job.processes.filter((process) => !process.exitStatus));
    const woken = yield* waitAny([...running.map((process) => process.exited), shell.signalled]);
    const interrupted = yield* afterWake(shell, woken === running.length ? 1 : 0);
    if (interrupted !== undefined) return interrupted;
  }
}

/** The job that an argument means; or the status to give, after a message. */
function* jobOf(shell: Shell, name: string, text: string, remembered: boolean): Task<Job | number> {
  if (text.startsWith("%")) {
    const job = shell.jobs.find(text);
    if (job === "ambiguous") {
      yield* shell.error(`${name}: ${text}: ambiguous job spec`);
      return 127;
    }
    if (!job) {
      yield* shell.error(`${name}: ${text}: no such job`);
      return 127;
    }
    return job;
  }
  if (!/^\d+$/.test(text)) {
    yield* shell.error(
      shell.dash ? `${name}: Illegal number: ${text}` : `${name}: \`${text}': not a pid or valid job spec`,
    );
    return shell.dash ? 2 : 1;
  }
  const pid = Number(text);
  const job = shell.jobs.byPid(pid);
  if (job) return job;
  const status = shell.jobs.ended.get(pid);
  if (remembered && status !== undefined) return status;
  if (!shell.dash) yield* shell.error(`${name}: pid ${text} is not a child of this shell`);
  return 127;
}

function* kill(shell: Shell, argv: readonly string[]): Task<number> {
  const words = argv.slice(1);
  let signal: number = SIGTERM;
  const synopsis = "kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]";
  const first = words[0];
  if (first === undefined) {
    yield* shell.proc.printError(`kill: usage: ${synopsis}\n`);
    return 2;
  }
  if (first === "-l" || first === "-L") return yield* listSignals(shell, words.slice(1));
  if (first === "-s" || first === "-n") {
    const found = words[1] === undefined ? undefined : signalNumber(words[1]);
    if (found === undefined && words[1] !== "0")
      return yield* shell.complain(
        "kill",
        `${words[1] ?? `${first}: option requires an argument`}${words[1] ? ": invalid signal specification" : ""}`,
      );
    signal = found ?? 0;
    words.splice(0, 2);
  } else if (first === "--") words.shift();
  else if (/^-./.test(first)) {
    const found = signalNumber(first.slice(1));
    if (found === undefined) return yield* shell.complain("kill", `${first.slice(1)}: invalid signal specification`);
    signal = found;
    words.shift();
  }
  if (words[0] === "--") words.shift();
  if (words.length === 0) {
    yield* shell.proc.printError(`kill: usage: ${synopsis}\n`);
    return 2;
  }
  let status = 1;
  for (const text of words) if (yield* killOne(shell, text, signal)) status = 0;
  return status;
}

function* killOne(shell: Shell, text: string, signal: number): Task<boolean> {
  const { machine } = shell.proc;
  if (text.startsWith("%")) {
    const job = shell.jobs.find(text);
    if (!job || job === "ambiguous") {
      yield* shell.error(`kill: ${text}: ${job ? "ambiguous job spec" : "no such job"}`);
      return false;
    }
    for (const process of job.processes) process.kill(signal);
    return true;
  }
  if (!/^-?\d+$/.test(text)) {
    yield* shell.error(`kill: ${text}: arguments must be process or job IDs`);
    return false;
  }
  const pid = Number(text);
  let found = true;
  if (pid > 0) {
    const target = shell.proc.visible.get(pid);
    if (target) target.kill(signal, shell.proc);
    else found = false;
  } else if (pid === 0) machine.killGroup(shell.proc.pgid, signal);
  else if (pid === -1) {
    for (const process of [...shell.proc.visible.values()])
      if (process !== shell.proc && process.pid !== 1) process.kill(signal, shell.proc);
  } else found = machine.killGroup(shell.proc.visible.get(-pid)?.hostPid ?? -pid, signal) > 0;
  if (!found) yield* shell.error(shell.dash ? "kill: No such process\n" : `kill: (${text}) - No such process`);
  return found;
}

function* listSignals(shell: Shell, words: readonly string[]): Task<number> {
  if (words.length === 0) return yield* output(shell, "kill", signalTable());
  let status = 0;
  for (const word of words) {
    let number = signalNumber(word);
    if (/^\d+$/.test(word) && Number(word) > 128) number = Number(word) - 128;
    if (number === undefined) status = yield* shell.complain("kill", `${word}: invalid signal specification`);
    else yield* output(shell, "kill", `${/^\d+$/.test(word) ? signalName(number) : number}\n`);
  }
  return status;
}

function* jobs(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, rest, problem } = readOptions(argv, "lnprs");
  if (problem !== undefined)
    return yield* usage(shell, "jobs", problem, "jobs [-lnprs] [jobspec ...] or jobs -x command [args]");
  let list = [...shell.jobs.list];
  if (rest.length > 0) {
    list = [];
    for (const text of rest) {
      const job = yield* jobOf(shell, "jobs", text, false);
      if (typeof job === "number") return 1;
      list.push(job);
    }
  }
  for (const job of list) {
    const done = isDone(job);
    if (given.has("r") && done) continue;
    if (given.has("p")) yield* output(shell, "jobs", `${job.processes[0]!.pid}\n`);
    else yield* output(shell, "jobs", `${jobLine(shell.jobs, job, given.has("l"))}\n`);
    if (done) shell.jobs.remove(job);
  }
  return 0;
}

function* foreground(shell: Shell, argv: readonly string[]): Task<number> {
  if (!shell.option("monitor")) return yield* shell.complain("fg", "no job control");
  const job = shell.jobs.find(argv[1] ?? "%%");
  if (!job || job === "ambiguous") return yield* shell.complain("fg", `${argv[1] ?? "current"}: no such job`);
  yield* output(shell, "fg", `${job.texts.join(" | ")}\n`);
  shell.jobs.remove(job);
  for (const process of job.processes) process.kill(SIGCONT);
  return yield* shell.engine.waitForeground(shell, job.processes, job.texts);
}

function* background(shell: Shell, argv: readonly string[]): Task<number> {
  if (!shell.option("monitor")) return yield* shell.complain("bg", "no job control");
  const job = shell.jobs.find(argv[1] ?? "%%");
  if (!job || job === "ambiguous") return yield* shell.complain("bg", `${argv[1] ?? "current"}: no such job`);
  yield* output(shell, "bg", `[${job.id}]${shell.jobs.mark(job)} ${job.texts.join(" | ")} &\n`);
  for (const process of job.processes) process.kill(SIGCONT);
  return 0;
}

function* disown(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, rest, problem } = readOptions(argv, "ahr");
  if (problem !== undefined) return yield* usage(shell, "disown", problem, "disown [-h] [-ar] [jobspec ... | pid ...]");
  if (given.has("h")) return 0;
  const all = given.has("a") || given.has("r");
  const found: Job[] = all ? [...shell.jobs.list] : [];
  if (!all)
    for (const text of rest.length > 0 ? rest : ["%%"]) {
      const job = text.startsWith("%") ? shell.jobs.find(text) : shell.jobs.byPid(Number(text));
      if (!job || job === "ambiguous")
        return yield* shell.complain("disown", `${text === "%%" ? "current" : text}: no such job`);
      found.push(job);
    }
  for (const job of found) shell.jobs.remove(job);
  return 0;
}

export const jobBuiltins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ["wait", { run: wait }],
  ["kill", { run: kill }],
  ["jobs", { run: jobs }],
  ["fg", { run: foreground }],
  ["bg", { run: background }],
  ["disown", { run: disown, bashOnly: true }],
]);
