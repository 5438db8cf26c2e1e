// The CPU's receive backlog: `netifRx` queues a frame, and the softirq hands frames to `netifReceiveSkb` one after the
// other, so that nothing runs re-entrantly across a device. Answers to net/core/dev.c: enqueue_to_backlog, process_backlog.

import type { Softirq } from "../../sim/sim.ts";
import { netifReceiveSkb } from "./dev.ts";
import { DropReason } from "./drop-reason.ts";
import type { Kernel } from "./net.ts";
import { drop, type SkBuff, SkbQueue } from "./skb.ts";

export class Backlog {
  readonly #queue: SkbQueue = new SkbQueue();
  readonly #softirq: Softirq;
  /** net.core.netdev_max_backlog */
  maxBacklog = 1000;
  /** frames handled before other softirqs get their turn (net.core.dev_weight) */
  readonly weight: number = 64;
  /** NAPI_STATE_SCHED: it is raised, or at work and looks again before it ends */
  #scheduled = false;
  dropped = 0;
  processed = 0;

  constructor(kernel: Kernel) {
    this.#softirq = kernel.sim.softirq(() => this.#process());
  }

  /** Queues a received frame; skb.dev is the receiving device. False when the queue was full (the frame is dropped). */
  enqueue(skb: SkBuff): boolean {
    if (this.#queue.length > this.maxBacklog) {
      this.dropped++;
      if (skb.dev) skb.dev.stats.rxDropped++;
      drop(skb, DropReason.CPU_BACKLOG);
      return false;
    }
    this.#queue.push(skb);
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#softirq.raise();
    }
    return true;
  }

  #process(): void {
    const queue = this.#queue;
    for (let i = 0; i < this.weight; i++) {
      const skb = queue.shift();
      if (!skb) {
        this.#scheduled = false;
        return;
      }
      this.processed++;
      skb.record = null;
      const dev = skb.dev!;
      const { flowPaths } = dev.net;
      if (flowPaths === null || !flowPaths.receive(skb, dev)) netifReceiveSkb(skb);
    }
    if (queue.length > 0) this.#softirq.raise();
    else this.#scheduled = false;
  }
}
