// The receive backlogs of the CPUs: `netifRx` queues a frame where it runs, and that CPU's softirq hands frames to
// `netifReceiveSkb` one after the other, so that nothing runs re-entrantly across a device. Answers to net/core/dev.c:
// enqueue_to_backlog, process_backlog, struct softnet_data.

import type { Sim, Softirq } from "../../sim/sim.ts";
import { netifReceiveSkb } from "./dev.ts";
import { DropReason } from "./drop-reason.ts";
import type { Kernel } from "./net.ts";
import { drop, type SkBuff, SkbQueue } from "./skb.ts";

/** One CPU's queue (struct softnet_data). */
class Softnet {
  readonly queue: SkbQueue = new SkbQueue();
  readonly softirq: Softirq;
  /** the softirq is raised or runs: it will find what is queued */
  scheduled = false;

  constructor(sim: Sim, process: (softnet: Softnet) => void) {
    this.softirq = sim.softirq(() => process(this));
  }
}

export class Backlog {
  private readonly sim: Sim;
  private readonly softnet0: Softnet;
  private readonly softnet1: Softnet;
  /** net.core.netdev_max_backlog */
  maxBacklog = 1000;
  /** frames handled before other softirqs get their turn (net.core.dev_weight) */
  readonly weight: number = 64;
  /** NAPI_STATE_SCHED: it is raised, or at work and looks again before it ends */
  private scheduled = false;
  dropped = 0;
  processed = 0;

  constructor(kernel: Kernel) {
    const { sim } = kernel;
    this.sim = sim;
    const process = (softnet: Softnet): void => this.#process(softnet);
    this.softnet0 = new Softnet(sim, process);
    this.softnet1 = new Softnet(sim, process);
  }

  /** The running CPU's. */
  #softnet(): Softnet {
    return this.sim.cpu.id === 0 ? this.softnet0 : this.softnet1;
  }

  /** A frame that is queued now is not dropped. */
  hasRoom(): boolean {
    return this.#softnet().queue.length <= this.maxBacklog;
  }

  /**
   * Queues a received frame; skb.dev is the receiving device. False when the queue was full (the frame is dropped).
   * @param plain it is as isPlain wants it (plain.ts)
   */
  enqueue(skb: SkBuff, plain = false): boolean {
    skb.plain = plain;
    if (!plain) skb.trail = null;
    const softnet = this.#softnet();
    const { queue } = softnet;
    if (queue.length > this.maxBacklog) {
      this.dropped++;
      if (skb.dev) skb.dev.stats.rxDropped++;
      drop(skb, DropReason.CPU_BACKLOG);
      return false;
    }
    queue.push(skb);
    if (!softnet.scheduled) {
      softnet.scheduled = true;
      softnet.softirq.raise();
    }
    return true;
  }

  #process(softnet: Softnet): void {
    const { queue } = softnet;
    for (let i = 0; i < this.weight; i++) {
      const skb = queue.shift();
      if (skb === null) break;
      this.processed++;
      skb.record = null;
      const { trail } = skb;
      const passed = trail === null ? 0 : trail.take(skb, queue.length === 0);
      if (passed === 0) this.#receive(skb);
      else this.processed += passed - 1;
      if (queue.length === 0 || this.sim.needResched()) break;
    }
    if (queue.length > 0) softnet.softirq.raise();
    else softnet.scheduled = false;
  }

  /** By the short way, where the host knows one for it. */
  #receive(skb: SkBuff): void {
    const dev = skb.dev!;
    const { flowPaths, earlyDemux } = dev.net;
    const short = flowPaths ?? earlyDemux;
    if (short?.receive(skb, dev)) return;
    skb.trail = null;
    netifReceiveSkb(skb);
  }
}
