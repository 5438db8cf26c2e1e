// What every queueing discipline in front of a driver has: a handle, counters, and how it is put on a device. Answers to
// net/sched/sch_generic.c and sch_api.c. A device has one discipline, its root; classes are left out.

import type { Kernel } from "../core/net.ts";
import type { NetDevice, Qdisc } from "../core/net-device.ts";
import type { SkBuff } from "../core/skb.ts";

export abstract class Sched implements Qdisc {
  abstract readonly kind: string;
  readonly dev: NetDevice;
  /** major number: 0x8001 is shown as "8001:" */
  readonly handle: number;
  // gnet_stats
  bytes = 0;
  packets = 0;
  drops = 0;
  overlimits = 0;
  requeues = 0;

  constructor(dev: NetDevice, handle: number) {
    this.dev = dev;
    this.handle = handle;
  }

  /** Frames and bytes that wait. */
  abstract get qlen(): number;
  abstract get backlog(): number;

  /** Returns NET_XMIT_DROP when it is dropped at once; what the driver says later reaches nobody. */
  abstract enqueue(skb: SkBuff, dev: NetDevice): number;
  abstract reset(): void;

  /** A frame's turn has come: counted as sent (qdisc_bstats_update). */
  protected sent(skb: SkBuff): void {
    this.packets++;
    this.bytes += skb.len;
  }
}

/** The discipline that a user put on the device, or null. */
export function schedOf(dev: NetDevice): Sched | null {
  return dev.qdisc instanceof Sched ? dev.qdisc : null;
}

/** The next free handle of the machine (qdisc_alloc_handle): 8001:, 8002: … */
export function allocateHandle(kernel: Kernel): number {
  kernel.lastQdiscHandle++;
  return kernel.lastQdiscHandle;
}

/** Puts a discipline on a device; what waited in the old one is dropped. Null: the device's own, noqueue. */
export function graft(dev: NetDevice, sched: Sched | null): void {
  dev.qdisc?.reset();
  dev.qdisc = sched;
  dev.net.pathFlush();
}
