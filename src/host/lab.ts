// A lab: hosts, cables between them, one clock and one seed. It runs programs in virtual time until they end. Nothing of
// the outside world is used here; what must be loaded lazily (text filters) comes in through the options.

import { assert } from "../base/assert.ts";
import { concatBytes } from "../base/bytes.ts";
import { decodeUtf8, encodeUtf8 } from "../base/text.ts";
import type { Ns } from "../base/time.ts";
import { devOpen } from "../net/core/dev.ts";
import { Kernel } from "../net/core/net.ts";
import type { NetDevice } from "../net/core/net-device.ts";
import { forgetRoutes } from "../net/ipv4/route.ts";
import { createVethPair } from "../net/link/veth.ts";
import { BytesFile, NullFile, SinkFile } from "../posix/file.ts";
import { type ExitStatus, type Process, type Program, SIGKILL } from "../posix/process.ts";
import { Rng } from "../sim/rng.ts";
import { LimitReached, Sim, type SimLimits } from "../sim/sim.ts";
import { Tasks } from "../sim/task.ts";
import { Host } from "./host.ts";

export interface LabOptions {
  /** All that a kernel draws at random follows from it; 32 bits. Default 1. */
  readonly seed?: number;
  /** Wall clock at virtual time 0, milliseconds since 1970. Default 2026-01-01T00:00:00Z. */
  readonly startMs?: number;
  readonly limits?: SimLimits;
  /** Programs by name; every host gets them under /usr/bin. */
  readonly programs: ReadonlyMap<string, Program>;
  /** Puts devices, /proc and the like into a host's file system. */
  readonly furnish?: (host: Host) => void;
}

/** 2026-01-01T00:00:00Z */
export const DEFAULT_START_MS = 1767225600000;
/** Events between two looks at the outside world. */
const SLICE_EVENTS = 20_000;

/** Nothing will ever happen again, and the program has not ended. */
export class Stuck extends Error {
  override readonly name: string = "Stuck";
}

/** Somebody asked for the run to end (Ctrl-C). */
export class LabInterrupted extends LimitReached {
  override readonly name: string = "LabInterrupted";
}

export interface ShellResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Lab {
  readonly sim: Sim;
  readonly tasks: Tasks;
  readonly kernel: Kernel;
  readonly rng: Rng;
  readonly seed: number;
  readonly startMs: number;
  readonly hosts: Map<string, Host> = new Map();
  readonly #options: LabOptions;
  #interrupted = false;

  constructor(options: LabOptions) {
    this.#options = options;
    this.seed = (options.seed ?? 1) >>> 0;
    this.startMs = options.startMs ?? DEFAULT_START_MS;
    this.sim = new Sim();
    this.sim.limits = options.limits ?? {};
    this.tasks = new Tasks(this.sim);
    this.rng = new Rng(this.seed);
    this.kernel = new Kernel(this.sim, this.rng.fork("kernel"));
    this.kernel.epochMs = this.startMs;
  }

  /** A new machine with a loopback that is up and no cable. Throws when the name is taken. */
  addHost(name: string): Host {
    if (this.hosts.has(name)) throw new Error(`there is a host ${name} already`);
    const host = new Host(this.kernel, this.tasks, this.rng.fork(`host/${name}`), BigInt(this.startMs) * 1_000_000n, {
      name,
      programs: this.#options.programs,
    });
    this.#options.furnish?.(host);
    devOpen(host.netns.net.loopback);
    this.hosts.set(name, host);
    return host;
  }

  /**
   * A cable: a veth pair whose ends are interfaces of two hosts, both up.
   * @param macA six bytes, random when absent
   */
  cable(a: Host, nameA: string, b: Host, nameB: string, macA?: Uint8Array, macB?: Uint8Array): [NetDevice, NetDevice] {
    const [one, other] = createVethPair(a.netns.net, nameA, b.netns.net, nameB);
    if (macA) one.address.set(macA);
    if (macB) other.address.set(macB);
    devOpen(one);
    devOpen(other);
    return [one, other];
  }

  /** Virtual nanoseconds since the lab was switched on. */
  get now(): Ns {
    return this.sim.now;
  }

  /**
   * Runs until `done()`; virtual time stands still while something of the outside world is awaited. Throws Stuck when
   * nothing can happen any more, LimitReached at a limit.
   * @param between called after each slice of events, for progress; may wait
   */
  async runUntil(done: () => boolean, between?: () => Promise<void> | void): Promise<void> {
    for (;;) {
      const how = await this.slice(done);
      if (how === "done") return;
      if (how === "idle") throw new Stuck("everything waits for something that will never come");
      if (how === "more" && between) await between();
    }
  }

  /**
   * Runs until `done()`, for a while, or up to a moment of virtual time (the clock stands there then). Throws LimitReached.
   * @returns why it stopped: "idle" when nothing will happen any more, "more" when it was only a slice of the work
   */
  async slice(done: () => boolean, until: Ns = Number.POSITIVE_INFINITY): Promise<"done" | "time" | "idle" | "more"> {
    const { sim, tasks } = this;
    let left = SLICE_EVENTS;
    sim.run(() => done() || tasks.externals.size > 0 || --left < 0, until);
    if (done()) return "done";
    if (this.#interrupted) {
      this.#interrupted = false;
      throw new LabInterrupted("interrupted");
    }
    if (tasks.externals.size > 0) {
      await Promise.race(tasks.externals);
      return "more";
    }
    if (left < 0) return "more";
    return sim.idle ? "idle" : "time";
  }

  /** Ends the present `runUntil` with LabInterrupted. */
  interrupt(): void {
    this.#interrupted = true;
  }

  /** Lets `ns` of virtual time pass. */
  async advance(ns: Ns): Promise<void> {
    let passed = false;
    const timer = this.sim.after(ns, () => {
      passed = true;
    });
    await this.runUntil(() => passed);
    timer.del();
  }

  /** Runs until a process has ended. */
  async wait(proc: Process, between?: () => Promise<void> | void): Promise<ExitStatus> {
    await this.runUntil(() => proc.exitStatus !== undefined, between);
    assert(proc.exitStatus);
    return proc.exitStatus;
  }

  /**
   * Runs a command line (or a whole script) with bash on a host, until the shell ends; background jobs go on.
   * @returns stdout, stderr and exit status, as text and number
   */
  async sh(host: Host, script: string, stdin: string = ""): Promise<ShellResult> {
    const stdout: Uint8Array[] = [];
    const stderr: Uint8Array[] = [];
    const shell = this.#options.programs.get("bash");
    assert(shell, "a lab without bash");
    const proc = host.spawn(shell, {
      argv: ["bash", "-c", script],
      cwd: "/root",
      env: defaultEnvironment(),
      fds: new Map([
        [0, stdin === "" ? new NullFile() : new BytesFile(encodeUtf8(stdin))],
        [1, new SinkFile((bytes) => stdout.push(bytes.slice()))],
        [2, new SinkFile((bytes) => stderr.push(bytes.slice()))],
      ]),
    });
    const { status } = await this.wait(proc);
    return { status, stdout: decodeUtf8(concatBytes(stdout)), stderr: decodeUtf8(concatBytes(stderr)) };
  }

  /** Ends every process of every host outright, as the end of the recorder's namespaces does. */
  killAll(): void {
    for (const host of this.hosts.values()) for (const proc of [...host.machine.processes.values()]) proc.kill(SIGKILL);
    // who runs many labs one after another finds all of the last one collected at the next look
    forgetRoutes();
  }
}

/** The environment in which a scenario starts. */
export function defaultEnvironment(): Map<string, string> {
  return new Map([
    ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["HOME", "/root"],
    ["USER", "root"],
    ["LOGNAME", "root"],
    ["SHELL", "/bin/bash"],
    ["LANG", "C.UTF-8"],
    ["PWD", "/root"],
  ]);
}
