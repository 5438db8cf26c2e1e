// The jobs of a shell: pipelines that run in the background (or were stopped), how they are named (%1, %+, %cmd), and the
// exit statuses of children that `wait` may still ask for.

import { type ExitStatus, type Process, SIGINT, SIGPIPE, SIGTERM } from "../posix/process.ts";

/** One pipeline of the shell. */
export interface Job {
  readonly id: number;
  readonly processes: readonly Process[];
  /** the command's text of each process, for messages */
  readonly texts: readonly string[];
  /** `set -o pipefail` when it was started */
  readonly pipefail: boolean;
  /** said (or not to be said) that it ended */
  notified: boolean;
  /** said that it was stopped */
  stopNotified?: boolean;
  /** virtual time of its end; undefined while it runs */
  endedNs: number | undefined;
}

/** glibc's strsignal for the signals that end processes. */
export function signalText(signal: number): string {
  return SIGNAL_TEXTS[signal] || `Unknown signal ${signal}`;
}

const SIGNAL_TEXTS: readonly string[] = [
  "",
  "Hangup",
  "Interrupt",
  "Quit",
  "Illegal instruction",
  "Trace/breakpoint trap",
  "Aborted",
  "Bus error",
  "Floating point exception",
  "Killed",
  "User defined signal 1",
  "Segmentation fault",
  "User defined signal 2",
  "Broken pipe",
  "Alarm clock",
  "Terminated",
  "Stack fault",
  "Child exited",
  "Continued",
  "Stopped (signal)",
  "Stopped",
  "Stopped (tty input)",
  "Stopped (tty output)",
  "Urgent I/O condition",
  "CPU time limit exceeded",
  "File size limit exceeded",
  "Virtual timer expired",
  "Profiling timer expired",
  "Window changed",
  "I/O possible",
  "Power failure",
  "Bad system call",
];

/** The status of a pipeline whose processes have ended. */
export function pipelineStatus(statuses: readonly ExitStatus[], pipefail: boolean): number {
  if (pipefail) {
    for (let i = statuses.length - 1; i >= 0; i--) if (statuses[i]!.status !== 0) return statuses[i]!.status;
    return 0;
  }
  return statuses.at(-1)?.status ?? 0;
}

export class Jobs {
  readonly list: Job[] = [];
  /** statuses of ended background processes, by pid */
  readonly ended: Map<number, number> = new Map();
  /** job ids, most recent last: %+ is the last, %- the one before */
  readonly #recent: number[] = [];

  add(processes: readonly Process[], texts: readonly string[], pipefail: boolean): Job {
    let id = 1;
    for (const job of this.list) if (job.id >= id) id = job.id + 1;
    const job: Job = { id, processes, texts, pipefail, notified: false, endedNs: undefined };
    this.list.push(job);
    this.touch(job);
    for (const process of processes)
      process.onExit(() => {
        if (process.exitStatus) this.ended.set(process.pid, process.exitStatus.status);
        if (isDone(job)) job.endedNs = process.sim.now;
      });
    return job;
  }

  /** What a subshell of `jobs | …` and `$(jobs)` still knows of its parent's jobs: to be listed, not to be told of. */
  view(): Jobs {
    const copy = new Jobs();
    for (const job of this.list) copy.list.push({ ...job, notified: true });
    copy.#recent.push(...this.#recent);
    return copy;
  }

  /** Makes it the current job. */
  touch(job: Job): void {
    this.#forget(job);
    this.#recent.push(job.id);
  }

  remove(job: Job): void {
    const at = this.list.indexOf(job);
    if (at >= 0) this.list.splice(at, 1);
    this.#forget(job);
  }

  #forget(job: Job): void {
    const at = this.#recent.indexOf(job.id);
    if (at >= 0) this.#recent.splice(at, 1);
  }

  get current(): Job | undefined {
    return this.list.find((job) => job.id === this.#recent.at(-1));
  }

  get previous(): Job | undefined {
    return this.list.find((job) => job.id === this.#recent.at(-2));
  }

  /** "+", "-" or " ". */
  mark(job: Job): string {
    return job === this.current ? "+" : job === this.previous ? "-" : " ";
  }

  /** %1 %% %+ %- %cmd %?text; undefined when there is none, "ambiguous" when several fit. */
  find(spec: string): Job | "ambiguous" | undefined {
    const name = spec.slice(1);
    if (name === "" || name === "%" || name === "+") return this.current;
    if (name === "-") return this.previous;
    if (/^\d+$/.test(name)) return this.list.find((job) => job.id === Number(name));
    const fits = this.list.filter((job) => {
      const text = job.texts.join(" | ");
      return name.startsWith("?") ? text.includes(name.slice(1)) : text.startsWith(name);
    });
    return fits.length > 1 ? "ambiguous" : fits[0];
  }

  byPid(pid: number): Job | undefined {
    return this.list.find((job) => job.processes.some((process) => process.pid === pid));
  }
}

export function isDone(job: Job): boolean {
  return job.processes.every((process) => process.exitStatus !== undefined);
}

/** A job's status; 0 while it runs. */
export function jobStatus(job: Job): number {
  return pipelineStatus(
    job.processes.flatMap((process) => (process.exitStatus ? [process.exitStatus] : [])),
    job.pipefail,
  );
}

/** "Running", "Done", "Exit 3", "Killed", "Stopped" */
export function stateText(job: Job): string {
  if (!isDone(job)) return job.processes.some((process) => process.stopped) ? "Stopped" : "Running";
  return endText(job.processes.at(-1)!.exitStatus!);
}

function endText(status: ExitStatus): string {
  if (status.signal !== 0) return signalText(status.signal);
  return status.code === 0 ? "Done" : `Exit ${status.code}`;
}

/** A line of `jobs`: "[1]+  Running                 sleep 5 &". */
export function jobLine(jobs: Jobs, job: Job, withPid: boolean): string {
  const state = stateText(job);
  const pid = withPid ? `${job.processes[0]!.pid} ` : " ";
  const text = job.texts.join(" | ");
  return `[${job.id}]${jobs.mark(job)} ${pid}${state.padEnd(23)} ${text}${state === "Running" ? " &" : ""}`;
}

/**
 * What a shell that is not interactive says about a pipeline that a signal ended, after "scenario.sh: line 3: ";
 * undefined when it says nothing. (jobs.c notify_of_job_status, pretty_print_job)
 */
export function obituary(job: Job): string | undefined {
  const signal = job.processes.at(-1)?.exitStatus?.signal ?? 0;
  if (signal === 0 || signal === SIGINT || signal === SIGTERM || signal === SIGPIPE) return undefined;
  const lines: string[] = [];
  job.processes.forEach((process, i) => {
    const state = endText(process.exitStatus!);
    const pid = String(process.pid).padStart(5);
    lines.push(`${i > 0 ? "     " : ""}${pid} ${state.padEnd(23)} ${i > 0 ? "| " : ""}${job.texts[i]}`);
  });
  return lines.join("\n");
}
