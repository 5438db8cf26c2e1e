// Threads of a program in virtual time. A Task is a generator: it runs until it must wait and yields what it waits for;
// the agenda resumes it. No promises are involved, so the order is the agenda's alone, and a thread can be cancelled or
// interrupted where it waits (its `finally` blocks run). The one door to the outside is `external`, which freezes
// virtual time until a promise settles (a library that is loaded lazily).

import { assert } from "../base/assert.ts";
import { LazySet } from "../base/lazy.ts";
import type { Ns } from "../base/time.ts";
import type { Cpu, Sim, Timer } from "./sim.ts";

/** A computation that may wait in virtual time: `const x = yield* task`. */
// biome-ignore lint/suspicious/noExplicitAny: what a wait hands back depends on the wait; the helpers below type it
export type Task<T> = Generator<Wait, T, any>;

/** What a thread can wait for. `arm` registers the thread; `disarm` takes it back when it is woken by something else. */
export interface Wait {
  arm(thread: Thread): void;
  disarm(thread: Thread): void;
}

/** What is told when a thread ends; without `onExit` an error ends the simulation. */
export type OnExit = ((result: unknown, error: unknown) => void) | ThreadOwner;

/** Is told of the ends of its threads: an object that is there anyway, instead of a function for each of them. */
export interface ThreadOwner {
  threadEnded(thread: Thread, result: unknown, error: unknown): void;
}

/** A running Task. */
export class Thread {
  readonly tasks: Tasks;
  /** for people */
  readonly name: string;
  done = false;
  private readonly gen: Task<unknown>;
  private wait: Wait | null = null;
  private running = false;
  private pendingThrow: { error: unknown } | null = null;
  private pendingCancel = false;
  private readonly onExit: OnExit | undefined;
  private readonly timer: Timer;
  private wakeValue: unknown = undefined;
  private paused = false;
  private dueWhilePaused = false;
  /** where it ran last */
  private cpu: Cpu;

  constructor(tasks: Tasks, name: string, gen: Task<unknown>, onExit?: OnExit) {
    this.tasks = tasks;
    this.name = name;
    this.gen = gen;
    this.onExit = onExit;
    [this.cpu] = tasks.sim.cpus;
    this.timer = tasks.sim.timer(resume, this);
  }

  /** @internal its moment has come */
  resume(): void {
    if (this.paused) this.dueWhilePaused = true;
    else if (this.#schedule()) this.#step("next", this.wakeValue);
  }

  /** Makes the thread runnable `latency` ns from now; `value` is what its wait returns. For Waits. */
  wake(value: unknown, latency: Ns = this.tasks.wakeLatencyNs): void {
    if (this.done) return;
    this.wait?.disarm(this);
    this.wait = null;
    if (this.timer.pending) return;
    this.wakeValue = value;
    this.timer.after(latency);
    if (latency > 0 && this.tasks.sim.inSoftirq) this.tasks.sim.elapse(this.tasks.wakeCostNs);
  }

  /** Throws `error` where the thread waits (a signal with a handler, say). */
  interrupt(error: unknown): void {
    if (this.done) return;
    this.pendingThrow = { error };
    this.wake(undefined);
  }

  /** Ends the thread where it waits; its `finally` blocks run. */
  cancel(): void {
    if (this.done) return;
    if (this.running) {
      this.pendingCancel = true;
      return;
    }
    this.wait?.disarm(this);
    this.wait = null;
    this.timer.del();
    this.#step("return", undefined);
  }

  /** Holds the thread (SIGSTOP): what it waits for may come, but it does not run before `pause(false)` (SIGCONT). */
  pause(paused: boolean): void {
    this.paused = paused;
    if (paused || !this.dueWhilePaused || this.done) return;
    this.dueWhilePaused = false;
    this.timer.after(this.tasks.wakeLatencyNs);
  }

  /**
   * Takes a CPU: where it ran last, if that is idle (select_idle_sibling). The softirqs that it raised itself come before
   * it goes on. False when it must wait for a CPU; then its timer is armed for that.
   */
  #schedule(): boolean {
    const { sim } = this.tasks;
    const home = this.cpu;
    if (home.raised > 0 && home.owner === this) {
      home.whenDrained(this.timer);
      return false;
    }
    const cpu = sim.idleCpu(home);
    if (cpu === null) {
      const [a, b] = sim.cpus;
      (a.raised < b.raised || (a.raised === b.raised && a.clock < b.clock) ? a : b).whenDrained(this.timer);
      return false;
    }
    this.cpu = cpu;
    cpu.owner = this;
    sim.cpu = cpu;
    return true;
  }

  #step(how: "next" | "return", value: unknown): void {
    if (this.done) return;
    if (this.running) assert(false, `thread ${this.name} is resumed while it runs`);
    this.running = true;
    const { sim } = this.tasks;
    sim.inThread = true;
    let result: IteratorResult<Wait, unknown>;
    const throwing = this.pendingThrow;
    this.pendingThrow = null;
    try {
      if (how === "return") result = this.gen.return(undefined as never);
      else if (throwing) result = this.gen.throw(throwing.error);
      else result = this.gen.next(value);
    } catch (error) {
      this.running = false;
      this.#finish(undefined, error);
      return;
    } finally {
      sim.inThread = false;
    }
    this.running = false;
    if (result.done) {
      this.#finish(result.value, undefined);
      return;
    }
    if (this.pendingCancel) {
      this.pendingCancel = false;
      this.#step("return", undefined);
      return;
    }
    this.wait = result.value;
    result.value.arm(this);
  }

  #finish(result: unknown, error: unknown): void {
    this.done = true;
    this.timer.del();
    this.tasks.live.delete(this);
    const onExit = this.onExit;
    if (typeof onExit === "function") onExit(result, error);
    else if (onExit) onExit.threadEnded(this, result, error);
    else if (error !== undefined) throw error;
  }
}

const resume = (thread: Thread): void => thread.resume();

/** All threads of a lab. */
export class Tasks {
  readonly sim: Sim;
  readonly live: Set<Thread> = new Set();
  /** From an event to the woken thread's first instruction: the scheduler's latency. */
  wakeLatencyNs: Ns = 12_000;
  /** What waking a thread costs a softirq: on a virtual machine the interrupt to the other CPU leaves the guest. */
  wakeCostNs: Ns = 8_000;
  /** Promises that freeze virtual time until they settle; see `external`. */
  readonly externals: Set<Promise<unknown>> = new Set();

  constructor(sim: Sim) {
    this.sim = sim;
  }

  /** Starts a thread; its first instruction runs after `latency` ns. `onExit` gets its result or its error. */
  spawn<T>(
    name: string,
    gen: Task<T>,
    onExit?: ((result: T | undefined, error: unknown) => void) | ThreadOwner,
    latency: Ns = this.wakeLatencyNs,
  ): Thread {
    const thread = new Thread(this, name, gen as Task<unknown>, onExit as never);
    this.live.add(thread);
    thread.wake(undefined, latency);
    return thread;
  }
}

class Sleep implements Wait {
  private readonly ns: Ns;
  private timer: Timer | null = null;

  constructor(ns: Ns) {
    this.ns = ns;
  }

  arm(thread: Thread): void {
    this.timer = thread.tasks.sim.timer(wakeNow, thread);
    this.timer.after(this.ns);
  }

  disarm(): void {
    this.timer?.del();
  }
}

const wakeNow = (thread: Thread): void => thread.wake(undefined, 0);

/** Waits `ns` of virtual time. */
export function* sleep(ns: Ns): Task<void> {
  yield new Sleep(ns);
}

/** Who waits in a queue. */
interface Waiter {
  wake(): void;
}

const NOBODY: readonly Waiter[] = [];

/** Threads that wait for one condition, in the order in which they came (wait_queue_head). */
export class WaitQueue {
  /** null until somebody waits: most never are waited for */
  private waiters: LazySet<Waiter> | null = null;

  get empty(): boolean {
    return this.waiters === null || this.waiters.size === 0;
  }

  /** Wakes every waiter. */
  wakeAll(): void {
    if (this.waiters === null || this.waiters.size === 0) return;
    for (const waiter of [...this.waiters]) waiter.wake();
  }

  /** Wakes the waiter that came first. */
  wakeOne(): void {
    for (const waiter of this.waiters ?? NOBODY) {
      waiter.wake();
      return;
    }
  }

  /** Waits to be woken; false when `timeout` ns passed first. */
  *wait(timeout: Ns = Number.POSITIVE_INFINITY): Task<boolean> {
    return ((yield new AnyOf([this], timeout)) as number) >= 0;
  }

  /** @internal */
  add(waiter: Waiter): void {
    this.waiters ??= new LazySet();
    this.waiters.add(waiter);
  }

  /** @internal */
  remove(waiter: Waiter): void {
    this.waiters?.delete(waiter);
  }
}

/** A thread that waits for the `index`th of several queues. */
class ThreadWaiter implements Waiter {
  private readonly thread: Thread;
  private readonly index: number;

  constructor(thread: Thread, index: number) {
    this.thread = thread;
    this.index = index;
  }

  wake(): void {
    this.thread.wake(this.index);
  }
}

class AnyOf implements Wait {
  private readonly queues: readonly WaitQueue[];
  private readonly timeout: Ns;
  private waiters: readonly Waiter[] = NOBODY;
  private timer: Timer | null = null;

  constructor(queues: readonly WaitQueue[], timeout: Ns) {
    this.queues = queues;
    this.timeout = timeout;
  }

  arm(thread: Thread): void {
    this.waiters = this.queues.map((queue, i) => {
      const waiter = new ThreadWaiter(thread, i);
      queue.add(waiter);
      return waiter;
    });
    if (this.timeout !== Number.POSITIVE_INFINITY)
      this.timer = thread.tasks.sim.after(this.timeout, () => {
        this.timer = null;
        thread.wake(-1, 0);
      });
  }

  disarm(): void {
    this.queues.forEach((queue, i) => {
      const waiter = this.waiters[i];
      if (waiter) queue.remove(waiter);
    });
    this.timer?.del();
  }
}

/** Waits for the first of several queues: its index, or −1 when `timeout` ns passed first. */
export function* waitAny(queues: readonly WaitQueue[], timeout: Ns = Number.POSITIVE_INFINITY): Task<number> {
  return (yield new AnyOf(queues, timeout)) as number;
}

/** Waits until the thread is cancelled or interrupted: `yield NEVER`. */
export const NEVER: Wait = { arm: () => {}, disarm: () => {} };

class External implements Wait {
  private readonly promise: Promise<unknown>;

  constructor(promise: Promise<unknown>) {
    this.promise = promise;
  }

  arm(thread: Thread): void {
    const { externals } = thread.tasks;
    const settled = this.promise.then(
      (value) => {
        externals.delete(settled);
        thread.wake({ value }, 0);
      },
      (error) => {
        externals.delete(settled);
        thread.wake({ error }, 0);
      },
    );
    externals.add(settled);
  }

  disarm(): void {}
}

/** Waits for a promise of the outside world; virtual time stands still meanwhile. */
export function* external<T>(promise: Promise<T>): Task<T> {
  const settled = (yield new External(promise)) as { value: T } | { error: unknown };
  if ("error" in settled) throw settled.error;
  return settled.value;
}
