// Timers of one tick run together: the kernel expires a wheel slot whole in TIMER_SOFTIRQ, before NET_RX_SOFTIRQ handles
// anything that those timers sent. Answers to kernel/time/timer.c (expire_timers).

import type { Sim, Timer } from "../../sim/sim.ts";

/** One for all namespaces of a lab. */
export class TimerBatch {
  readonly #sim: Sim;
  readonly #due: (() => void)[] = [];
  readonly #flush: Timer;

  constructor(sim: Sim) {
    this.#sim = sim;
    this.#flush = sim.timer(() => {
      // what is armed meanwhile for this moment waits for the next round
      for (const fn of this.#due.splice(0)) fn();
    });
  }

  /** A timer to be armed with wheelExpiry's moments; its function runs with all others of its tick. */
  timer(fn: () => void): Timer {
    return this.#sim.timer(() => {
      this.#due.push(fn);
      if (this.#due.length === 1) this.#flush.mod(this.#sim.now);
    });
  }
}
