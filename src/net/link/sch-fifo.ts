// First in, first out, with a limit in packets (pfifo), in bytes (bfifo), or Linux's default of old in three bands
// (pfifo_fast); and noqueue put there by hand. Virtual devices take a frame at once, so that nothing ever waits here.
// Answers to net/sched/sch_fifo.c and sch_generic.c.

import { devHardStartXmit } from "../core/dev.ts";
import { DropReason } from "../core/drop-reason.ts";
import { NET_XMIT_DROP, NET_XMIT_SUCCESS, type NetDevice } from "../core/net-device.ts";
import { drop, type SkBuff } from "../core/skb.ts";
import { Sched } from "./sch-generic.ts";

export type FifoKind = "pfifo" | "bfifo" | "pfifo_fast" | "noqueue";

export class Fifo extends Sched {
  readonly kind: FifoKind;
  /** packets or bytes */
  limit: number;

  constructor(dev: NetDevice, handle: number, kind: FifoKind, limit: number) {
    super(dev, handle);
    this.kind = kind;
    this.limit = limit;
  }

  override get qlen(): number {
    return 0;
  }

  override get backlog(): number {
    return 0;
  }

  override enqueue(skb: SkBuff, dev: NetDevice): number {
    if (this.#full(skb)) {
      this.drops++;
      dev.stats.txDropped++;
      drop(skb, DropReason.QDISC_OVERLIMIT);
      return NET_XMIT_DROP;
    }
    this.sent(skb);
    devHardStartXmit(skb, dev);
    return NET_XMIT_SUCCESS;
  }

  /** Nothing ever waits here, so the limit is met only by what it does not let in at all (pfifo_enqueue, bfifo_enqueue). */
  #full(skb: SkBuff): boolean {
    return this.kind === "pfifo" ? this.limit === 0 : this.kind === "bfifo" && skb.len > this.limit;
  }

  override reset(): void {}
}
