// Processes: a program running with arguments, environment, descriptors, a root and namespaces; signals; waiting for
// children. Answers to fork/exec/wait4/kill as shells and servers use them. Process groups exist only as far as a shell
// needs them (a job's pids).

import { Errno, NetError } from "../base/errno.ts";
import { LazyMap, LazySet } from "../base/lazy.ts";
import { decodeUtf8, encodeUtf8 } from "../base/text.ts";
import type { Ns } from "../base/time.ts";
import type { Rng } from "../sim/rng.ts";
import type { Sim } from "../sim/sim.ts";
import { sleep, type Task, type Tasks, type Thread, type ThreadOwner, WaitQueue, waitAny } from "../sim/task.ts";
import { NullFile, type OpenFile } from "./file.ts";
import type { NsInodes } from "./ns-inodes.ts";
import type { Vfs } from "./vfs.ts";

/** A program: runs in a process and returns its exit status (0 … 255). */
export type Program = (proc: Process) => Task<number>;

export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGQUIT = 3;
export const SIGKILL = 9;
export const SIGUSR1 = 10;
export const SIGUSR2 = 12;
export const SIGPIPE = 13;
export const SIGALRM = 14;
export const SIGTERM = 15;
export const SIGCHLD = 17;
export const SIGCONT = 18;
export const SIGSTOP = 19;
export const SIGTSTP = 20;
export const SIGTTIN = 21;
export const SIGTTOU = 22;
export const SIGURG = 23;
export const SIGWINCH = 28;

/** Names without SIG, by number: `SIGNALS[15] === "TERM"`; [0] is "EXIT". (signal(7), x86) */
export const SIGNALS: readonly string[] =
  "EXIT HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS".split(
    " ",
  );

const SIGNAL_NAMES: ReadonlyMap<string, number> = new Map(
  SIGNALS.map((name, number) => [name, number] as const).slice(1),
);

/** "TERM", "SIGTERM", "15" → 15; undefined when there is no such signal. */
export function signalNumber(name: string): number | undefined {
  if (/^\d+$/.test(name)) return Number(name) <= 64 ? Number(name) : undefined;
  return SIGNAL_NAMES.get(name.toUpperCase().replace(/^SIG/, ""));
}

/** 15 → "TERM". */
export function signalName(signal: number): string {
  return (signal > 0 && SIGNALS[signal]) || String(signal);
}

/** Thrown where a thread waits when its process gets a signal for which it asked `interrupt` (EINTR, in effect). */
export class Interrupted extends Error {
  override readonly name: string = "Interrupted";
  readonly signal: number;

  constructor(signal: number) {
    super(`interrupted by signal ${signal}`);
    this.signal = signal;
  }
}

/** Thrown by `proc.exit()`; ends the program from any depth. */
export class Exit extends Error {
  override readonly name: string = "Exit";
  readonly status: number;

  constructor(status: number) {
    super(`exit ${status}`);
    this.status = status;
  }
}

/** What a signal does: the kernel's default, nothing, an `Interrupted` where the program waits, or a call. */
export type Disposition = "default" | "ignore" | "interrupt" | (() => void);

/** The namespaces of a process. `net` is opaque here: the host knows what it is. */
export interface Namespaces {
  readonly net: object;
  readonly uts: { hostname: string };
  /** absent: the machine's own */
  readonly pid?: PidNamespace;
  /** what /proc/PID/ns shows */
  readonly inodes: NsInodes;
}

/** A PID namespace below the machine's own: its processes have numbers from 1 on besides (pid_namespaces(7)). */
export class PidNamespace {
  /** by the number they have here */
  readonly processes: LazyMap<number, Process> = new LazyMap();
  #next = 1;

  /** @internal */
  allocatePid(): number {
    return this.#next++;
  }

  /** Numbers that something took which is not emulated: threads of the program that made the namespace. */
  skip(count: number): void {
    this.#next += count;
  }
}

/** Who a process is, and what it may do besides. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  /** without CAP_: "NET_ADMIN"; undefined: all there are (capabilities(7)) */
  readonly capabilities?: ReadonlySet<string>;
  /** /proc/sys and /sys are mounted for reading only */
  readonly readOnlySysctl?: boolean;
}

const NO_THREADS: readonly Thread[] = [];
const NO_CHILDREN: ReadonlySet<Process> = new Set();

const ROOT: Credentials = { uid: 0, gid: 0 };

export interface SpawnOptions {
  readonly argv: readonly string[];
  readonly env?: ReadonlyMap<string, string>;
  readonly cwd?: string;
  /** retained by the child; the parent's when absent */
  readonly fds?: ReadonlyMap<number, OpenFile>;
  readonly root?: Vfs;
  readonly ns?: Namespaces;
  /** the parent's when absent */
  readonly cred?: Credentials;
}

/** How a process ended: `code` 0 … 255, or the signal that killed it. `status` is what a shell's `$?` shows. */
export interface ExitStatus {
  readonly code: number;
  readonly signal: number;
  readonly status: number;
}

/** One machine's processes (the PID space), and what every program needs of the world. */
export class Machine {
  readonly sim: Sim;
  readonly tasks: Tasks;
  readonly rng: Rng;
  /** Nanoseconds since 1970 at virtual time 0, as a bigint. */
  readonly epochNs: bigint;
  readonly processes: Map<number, Process> = new Map();
  /** the host that this is the process table of; opaque here */
  owner: object | null = null;
  #nextPid: number;

  constructor(tasks: Tasks, rng: Rng, epochNs: bigint, firstPid = 1) {
    this.sim = tasks.sim;
    this.tasks = tasks;
    this.rng = rng;
    this.epochNs = epochNs;
    this.#nextPid = firstPid;
  }

  /** @internal */
  allocatePid(): number {
    return this.#nextPid++;
  }

  /** Wall clock, nanoseconds since 1970: now, or at a moment of virtual time, such as a file's last change. */
  wallClockNs(at: Ns = this.sim.now): bigint {
    return this.epochNs + BigInt(Math.round(at));
  }

  /** The same in whole seconds (time(2), st_mtime). */
  wallSeconds(at?: Ns): number {
    return Number(this.wallClockNs(at) / 1_000_000_000n);
  }

  /** kill(2) on a process group, by its leader's `hostPid`; the number of processes that got it. */
  killGroup(pgid: number, signal: number): number {
    const members = [...this.processes.values()].filter((process) => process.pgid === pgid);
    for (const process of members) process.kill(signal);
    return members.length;
  }

  /** Starts `program` in a new process. Without a parent, `options` must name everything. */
  spawn(parent: Process | null, program: Program, options: SpawnOptions): Process {
    return new Process(this, parent, program, options);
  }
}

export class Process implements ThreadOwner {
  readonly machine: Machine;
  /** its number in its own PID namespace (getpid) */
  readonly pid: number;
  /** its number on the machine */
  readonly hostPid: number;
  /** the one that started it; when that has ended, its PID namespace's first process where it has one of its own */
  parent: Process | null;
  /** argv[0] first; a program may rename itself */
  argv: readonly string[];
  readonly env: LazyMap<string, string>;
  cwd: string;
  /** changes only where a program moves into another root (setns, chroot) */
  root: Vfs;
  ns: Namespaces;
  cred: Credentials;
  readonly fds: LazyMap<number, OpenFile> = new LazyMap();
  #children: LazySet<Process> | null = null;
  readonly startedNs: Ns;
  /** undefined while it runs */
  exitStatus: ExitStatus | undefined;
  #exited: WaitQueue | null = null;
  /** Where the program is in its own text, for those who report on it: a shell's line number. */
  currentLine: (() => number) | undefined;
  #stateChanged: WaitQueue | null = null;
  #onExit: readonly (() => void)[] = [];
  /** Process group, by its leader's `hostPid`: inherited; a shell with job control gives each job its own (setpgid). */
  pgid: number;
  /** Permission bits that new files and directories do not get (umask). */
  umask = 0o022;
  /** Suspended by SIGSTOP or SIGTSTP until SIGCONT. */
  stopped = false;
  /** besides the main one */
  #threads: readonly Thread[] = NO_THREADS;
  /** children that have ended and for which it has not waited; null: never any */
  #zombies: LazySet<Process> | null = null;
  /** null: all as they are at first */
  #dispositions: LazyMap<number, Disposition> | null = null;
  readonly #pidNamespace: PidNamespace | undefined;
  #main: Thread;

  /** @internal use Machine.spawn or proc.spawn */
  constructor(machine: Machine, parent: Process | null, program: Program, options: SpawnOptions) {
    this.machine = machine;
    this.parent = parent;
    this.hostPid = machine.allocatePid();
    this.argv = options.argv;
    this.env = new LazyMap(options.env ?? parent?.env);
    this.cwd = options.cwd ?? parent?.cwd ?? "/";
    const root = options.root ?? parent?.root;
    const ns = options.ns ?? parent?.ns;
    if (!root || !ns) throw new NetError(Errno.EINVAL);
    this.root = root;
    this.ns = ns;
    this.pid = ns.pid?.allocatePid() ?? this.hostPid;
    this.cred = options.cred ?? parent?.cred ?? ROOT;
    this.startedNs = machine.sim.now;
    this.pgid = parent?.pgid ?? this.hostPid;
    if (parent) {
      this.umask = parent.umask;
      // ignored signals stay ignored over fork and exec (signal(7))
      for (const [signal, how] of parent.#dispositions ?? []) if (how === "ignore") this.onSignal(signal, how);
    }
    for (const [fd, file] of options.fds ?? parent?.fds ?? []) this.fds.set(fd, file.retain());
    machine.processes.set(this.hostPid, this);
    ns.pid?.processes.set(this.pid, this);
    this.#pidNamespace = ns.pid;
    if (parent) {
      parent.#children ??= new LazySet();
      parent.#children.add(this);
    }
    this.#main = machine.tasks.spawn(this.argv[0] ?? "", program(this), this);
  }

  get children(): { readonly size: number; has(child: Process): boolean } & Iterable<Process> {
    return this.#children ?? NO_CHILDREN;
  }

  /** Woken when the process ends. */
  get exited(): WaitQueue {
    this.#exited ??= new WaitQueue();
    return this.#exited;
  }

  /** Woken when it is stopped or continued. */
  get stateChanged(): WaitQueue {
    this.#stateChanged ??= new WaitQueue();
    return this.#stateChanged;
  }

  get sim(): Sim {
    return this.machine.sim;
  }

  /** The parent's number; 1 when it has ended (or there was none), 0 when it is outside the PID namespace (getppid). */
  get ppid(): number {
    const { parent } = this;
    if (this.#pidNamespace) {
      if (this.pid === 1 || !parent || parent.#pidNamespace !== this.#pidNamespace) return 0;
      return parent.exitStatus ? 1 : parent.pid;
    }
    if (!parent) return this.pid === 1 ? 0 : 1;
    return parent.exitStatus ? 1 : parent.pid;
  }

  /** The processes that it sees: those of its PID namespace, by the numbers there. */
  get visible(): ReadonlyMap<number, Process> {
    return this.#pidNamespace?.processes ?? this.machine.processes;
  }

  /** The number under which `viewer` sees it. */
  pidFor(viewer: Process): number {
    return viewer.#pidNamespace === this.#pidNamespace ? this.pid : this.hostPid;
  }

  /** The number of its parent under which `viewer` sees that. */
  ppidFor(viewer: Process): number {
    if (viewer.#pidNamespace === this.#pidNamespace) return this.ppid;
    return this.parent && !this.parent.exitStatus ? this.parent.hostPid : 1;
  }

  /** The number of its process group under which `viewer` sees that; 0 when it is outside. */
  pgidFor(viewer: Process): number {
    const leader = this.machine.processes.get(this.pgid);
    if (!leader) return viewer.#pidNamespace ? 0 : this.pgid;
    return viewer.#pidNamespace && leader.#pidNamespace !== viewer.#pidNamespace ? 0 : leader.pidFor(viewer);
  }

  /** May it do what that capability is for? */
  capable(capability: string): boolean {
    return this.cred.capabilities?.has(capability) ?? true;
  }

  /** The last part of argv[0], at most 15 bytes: what a program calls itself. */
  get name(): string {
    // a title that a program gave itself ("nginx: master process …") leaves its comm
    const [path] = (this.argv[0] ?? "").split(": ", 1);
    return path!.split("/").at(-1)!.slice(0, 15);
  }

  /** What it was executed as, where it goes by other words since: a multi-call binary, a title. Undefined: as argv. */
  executedAs: { readonly comm: string; readonly argv: readonly string[] } | undefined;

  /** /proc/PID/comm */
  get comm(): string {
    return this.executedAs?.comm ?? this.name;
  }

  /** /proc/PID/cmdline */
  get commandLine(): readonly string[] {
    return this.executedAs?.argv ?? this.argv;
  }

  /** A child with this process's environment, folder, root, namespaces and descriptors unless `options` differ. */
  spawn(program: Program, options: SpawnOptions): Process {
    return this.machine.spawn(this, program, options);
  }

  /** A further thread of this process; ends with it. */
  thread(name: string, task: Task<void>): Thread {
    const thread = this.machine.tasks.spawn(name, task, this);
    this.#threads = [...this.#threads, thread];
    return thread;
  }

  /** @internal */
  threadEnded(thread: Thread, result: unknown, error: unknown): void {
    if (thread === this.#main) {
      this.#mainEnded(result as number | undefined, error);
      return;
    }
    this.#threads = this.#threads.filter((other) => other !== thread);
    if (error !== undefined && !(error instanceof Exit) && !(error instanceof Interrupted)) throw error;
  }

  /** Computes for `ns`: other work goes on meanwhile. */
  *cpu(ns: Ns): Task<void> {
    yield* sleep(ns);
  }

  /** Waits until it has ended. */
  *wait(): Task<ExitStatus> {
    while (!this.exitStatus) yield* this.exited.wait();
    if (this.parent) this.parent.#zombies?.delete(this);
    return this.exitStatus;
  }

  /** Waits until it ends, stops or continues. */
  *exitedOrStopped(): Task<void> {
    if (!this.exitStatus) yield* waitAny([this.exited, this.stateChanged]);
  }

  /** Ends the program now, from any depth. */
  exit(status: number): never {
    throw new Exit(status & 255);
  }

  /** What `signal` does from now on. SIGKILL and SIGSTOP cannot be changed. */
  onSignal(signal: number, disposition: Disposition): void {
    if (signal === SIGKILL || signal === SIGSTOP) return;
    this.#dispositions ??= new LazyMap();
    this.#dispositions.set(signal, disposition);
  }

  /** Calls `fn` when the process ends, after its descriptors are closed. */
  onExit(fn: () => void): void {
    this.#onExit = this.#onExit.concat(fn);
  }

  /** What `signal` does now. */
  disposition(signal: number): Disposition {
    return this.#dispositions?.get(signal) ?? "default";
  }

  /** What execve(2) does to signals: caught ones return to their default, ignored ones stay ignored. */
  resetSignals(): void {
    for (const [signal, how] of [...(this.#dispositions ?? [])])
      if (how !== "ignore") this.#dispositions?.delete(signal);
  }

  /**
   * kill(2): delivers a signal; harmless when the process has ended. The first process of a PID namespace gets only what
   * it handles, and from outside what nobody can handle (SIGNAL_UNKILLABLE).
   * @param sender who kills; absent: the kernel, or somebody outside
   */
  kill(signal: number, sender?: Process): void {
    if (this.exitStatus || signal === 0) return;
    if (this.#pidNamespace && this.pid === 1 && !this.#dispositions?.has(signal)) {
      const forced = signal === SIGKILL || signal === SIGSTOP;
      if (forced ? sender !== undefined && sender.#pidNamespace === this.#pidNamespace : signal !== SIGCONT) return;
    }
    if (signal === SIGCONT) this.#suspend(false);
    const disposition = this.disposition(signal);
    if (disposition === "ignore") return;
    if (disposition === "interrupt") {
      this.#main.interrupt(new Interrupted(signal));
      return;
    }
    if (typeof disposition === "function") {
      disposition();
      return;
    }
    if (signal === SIGCHLD || signal === SIGCONT || signal === SIGURG || signal === SIGWINCH) return;
    if (signal >= SIGSTOP && signal <= SIGTTOU) this.#suspend(true);
    else this.#end({ code: 0, signal, status: 128 + signal });
  }

  #suspend(stopped: boolean): void {
    if (this.stopped === stopped) return;
    this.stopped = stopped;
    this.#main.pause(stopped);
    for (const thread of this.#threads) thread.pause(stopped);
    this.#stateChanged?.wakeAll();
    this.parent?.kill(SIGCHLD);
  }

  /** Throws `Interrupted` where the program's main thread waits, as a signal with disposition "interrupt" does. */
  interrupt(signal: number): void {
    this.#main.interrupt(new Interrupted(signal));
  }

  /** A descriptor, or NetError EBADF. */
  fd(number: number): OpenFile {
    const file = this.fds.get(number);
    if (!file) throw new NetError(Errno.EBADF);
    return file;
  }

  /** Installs an open file under the lowest free number (or a given one, closing what was there). */
  install(file: OpenFile, number?: number): number {
    let fd = number ?? 0;
    if (number === undefined) while (this.fds.has(fd)) fd++;
    this.fds.get(fd)?.release();
    this.fds.set(fd, file);
    return fd;
  }

  /** close(2) */
  close(fd: number): void {
    const file = this.fd(fd);
    this.fds.delete(fd);
    file.release();
  }

  /** Writes text to stdout. A broken pipe ends the process as SIGPIPE does. */
  *print(text: string): Task<void> {
    yield* this.#output(1, encodeUtf8(text));
  }

  /** Writes text to stderr. */
  *printError(text: string): Task<void> {
    yield* this.#output(2, encodeUtf8(text));
  }

  /** Writes bytes to stdout. */
  *printBytes(bytes: Uint8Array): Task<void> {
    yield* this.#output(1, bytes);
  }

  *#output(fd: number, bytes: Uint8Array): Task<void> {
    const file = this.fds.get(fd);
    if (!file || bytes.length === 0) return;
    try {
      yield* file.write(bytes);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      if (fd === 1 && error.errno === Errno.ENOSPC) {
        yield* this.printError(`${this.name}: write error: ${error.message}\n`);
        throw new Exit(1);
      }
      if (error.errno !== Errno.EPIPE) throw error;
      if (this.disposition(SIGPIPE) === "default") {
        this.kill(SIGPIPE);
        throw new Exit(128 + SIGPIPE);
      }
    }
  }

  /** All of stdin as bytes, until its end. */
  *readAll(fd = 0): Task<Uint8Array> {
    const file = this.fds.get(fd) ?? new NullFile();
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const part = yield* file.read(65536);
      if (part === null) break;
      parts.push(part);
      length += part.length;
    }
    const out = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  /** All of stdin as text. */
  *readAllText(fd = 0): Task<string> {
    return decodeUtf8(yield* this.readAll(fd));
  }

  #mainEnded(status: number | undefined, error: unknown): void {
    if (this.exitStatus) return;
    if (error instanceof Exit) this.#end({ code: error.status, signal: 0, status: error.status });
    else if (error instanceof Interrupted) this.#end({ code: 0, signal: error.signal, status: 128 + error.signal });
    else if (error !== undefined) {
      this.#end({ code: 1, signal: 0, status: 1 });
      throw error;
    } else this.#end({ code: (status ?? 0) & 255, signal: 0, status: (status ?? 0) & 255 });
  }

  #end(exitStatus: ExitStatus): void {
    if (this.exitStatus) return;
    this.exitStatus = exitStatus;
    this.#main.cancel();
    for (const thread of this.#threads) thread.cancel();
    this.#threads = NO_THREADS;
    for (const file of this.fds.values()) file.release();
    this.fds.clear();
    this.machine.processes.delete(this.hostPid);
    this.#pidNamespace?.processes.delete(this.pid);
    this.#forgetChildren();
    const { parent } = this;
    if (parent) parent.#children?.delete(this);
    if (parent && !parent.exitStatus && parent.disposition(SIGCHLD) !== "ignore") {
      parent.#zombies ??= new LazySet();
      parent.#zombies.add(this);
    }
    this.stopped = false;
    for (const callback of this.#onExit) callback();
    this.#exited?.wakeAll();
    this.parent?.kill(SIGCHLD);
  }

  /** Children, ended ones too, get another parent (exit.c forget_original_parent, find_new_reaper). */
  #forgetChildren(): void {
    const orphans = [...this.children, ...(this.#zombies ?? [])];
    this.#zombies?.clear();
    const reaper = this.#pidNamespace?.processes.get(1);
    if (!reaper || reaper === this) return;
    for (const orphan of orphans) {
      orphan.parent = reaper;
      if (!orphan.exitStatus) {
        reaper.#children ??= new LazySet();
        reaper.#children.add(orphan);
      } else reaper.kill(SIGCHLD);
    }
  }
}
