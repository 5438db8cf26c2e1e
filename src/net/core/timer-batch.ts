// Timers of one tick run together: the kernel expires a wheel slot whole in TIMER_SOFTIRQ, before NET_RX_SOFTIRQ handles
// anything that those timers sent. Answers to kernel/time/timer.c (expire_timers).

import type { Ns } from "../../base/time.ts";
import type { Sim, Timer } from "../../sim/sim.ts";
import { JIFFY_NS, jiffyStart, wheelExpiry } from "./timer-wheel.ts";

interface Due {
  run(): void;
}

/** One for all namespaces of a lab. */
export class TimerBatch {
  private readonly sim: Sim;
  private readonly due: Due[] = [];
  private readonly flush: Timer;

  constructor(sim: Sim) {
    this.sim = sim;
    this.flush = sim.timer(() => {
      // a slot is a list that grows at its head: what was armed last goes first (enqueue_timer). What is armed meanwhile for
      // this moment waits for the next round
      for (const due of this.due.splice(0).reverse()) due.run();
    });
  }

  /** A timer that is armed with the moment that is meant, and goes off when the wheel gets to it. */
  wheelTimer(fn: () => void): WheelTimer {
    return new WheelTimer(this, this.sim, fn);
  }

  /** A timer to be armed with wheelExpiry's moments; its function runs with all others of its tick. */
  timer(fn: () => void): Timer;
  timer<A>(fn: (arg: A) => void, arg: A): Timer;
  timer(fn: (arg: never) => void, arg?: unknown): Timer {
    return this.sim.timer(expire, new BatchEntry(this, fn, arg));
  }

  /** @internal its turn has come: it runs with the others of its tick */
  add(due: Due): void {
    this.due.push(due);
    if (this.due.length === 1) this.flush.mod(this.sim.now);
  }
}

class BatchEntry implements Due {
  readonly batch: TimerBatch;
  private readonly fn: (arg: never) => void;
  private readonly arg: unknown;

  constructor(batch: TimerBatch, fn: (arg: never) => void, arg: unknown) {
    this.batch = batch;
    this.fn = fn;
    this.arg = arg;
  }

  run(): void {
    this.fn(this.arg as never);
  }
}

const expire = (entry: BatchEntry): void => entry.batch.add(entry);

/** struct timer_list: `expires` is what was asked for, in whole jiffies; the wheel is a little late. */
export class WheelTimer implements Due {
  readonly sim: Sim;
  expires: Ns = 0;
  private readonly batch: TimerBatch;
  private readonly fn: () => void;
  /** made when it is first armed: most never are */
  private timer: Timer | null = null;
  /** its turn has come, but others of its tick run first */
  private due = false;

  constructor(batch: TimerBatch, sim: Sim, fn: () => void) {
    this.batch = batch;
    this.sim = sim;
    this.fn = fn;
  }

  /** @internal the wheel has got to it */
  expire(): void {
    this.due = true;
    this.batch.add(this);
  }

  /** @internal */
  run(): void {
    if (!this.due) return;
    this.due = false;
    this.fn();
  }

  get pending(): boolean {
    return this.due || (this.timer?.pending ?? false);
  }

  /** mod_timer */
  mod(expires: Ns): void {
    this.due = false;
    this.expires = jiffyStart(Math.floor(expires / JIFFY_NS));
    this.timer ??= this.sim.timer(expireWheel, this);
    this.timer.mod(wheelExpiry(this.sim.now, expires));
  }

  after(delay: Ns): void {
    this.mod(jiffyStart(Math.floor(this.sim.now / JIFFY_NS)) + delay);
  }

  /** timer_delete */
  del(): void {
    this.due = false;
    this.timer?.del();
  }
}

const expireWheel = (timer: WheelTimer): void => timer.expire();
