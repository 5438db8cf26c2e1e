// Work that a kernel thread does a moment later: it has to wake up first, and what softirqs have in hand is done before.
// Answers to kernel/workqueue.c (schedule_work).

import type { Ns } from "../../base/time.ts";
import type { Timer } from "../../sim/sim.ts";
import type { Kernel } from "./net.ts";

/** How long a kworker takes to run, as recorded: longer than an answer from the next namespace. */
const WAKE_UP_NS: Ns = 30_000;

export class Work {
  private readonly timer: Timer;

  constructor(kernel: Kernel, fn: () => void) {
    this.timer = kernel.sim.timer(fn);
  }

  /** Idempotent until it has run. */
  schedule(): void {
    if (!this.timer.pending) this.timer.after(WAKE_UP_NS);
  }
}
