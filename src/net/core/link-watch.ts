// What follows a change of carrier: operational state, a working queue, IFF_RUNNING, and word to all. It waits until the
// running configuration step is over (the real one needs the RTNL lock), so that a pair's ends are judged together; and what
// is not urgent waits further, for a round that comes once a second. Answers to net/core/link_watch.c.

import { SEC } from "../../base/time.ts";
import type { Sim, Timer } from "../../sim/sim.ts";
import { IFF_LOWER_UP, IFF_RUNNING, type NetDevice, OperState } from "./net-device.ts";
import { wheelExpiry } from "./timer-wheel.ts";

export class LinkWatch {
  private readonly sim: Sim;
  private readonly pending: Set<NetDevice> = new Set();
  private readonly changed: (dev: NetDevice) => void;
  /** the round for all is due */
  private readonly timer: Timer;
  private held = 0;
  /** a run waits for the configuration step to end */
  private due = false;
  /** when what is not urgent has its next turn (linkwatch_nextevent) */
  private nextEvent = 0;

  /** @param changed told of each device that is up, after it was judged (NETDEV_CHANGE) */
  constructor(sim: Sim, changed: (dev: NetDevice) => void) {
    this.sim = sim;
    this.changed = changed;
    this.timer = sim.timer(() => this.#run());
  }

  /** A configuration step begins: events wait for its `release`. */
  hold(): void {
    this.held++;
  }

  release(): void {
    if (--this.held === 0 && this.due) this.#run();
  }

  /** linkwatch_fire_event: the carrier of `dev` has changed. */
  fire(dev: NetDevice): void {
    const urgent = isUrgent(dev);
    if (this.pending.has(dev) && !urgent) return;
    this.pending.add(dev);
    if (urgent || this.sim.now >= this.nextEvent) this.due = true;
    else if (!this.timer.pending) this.timer.mod(wheelExpiry(this.sim.now, this.nextEvent));
    if (this.due && this.held === 0) this.#run();
  }

  /** linkwatch_sync_dev: somebody asks for this device's state, so it is judged at once (rtnl_getlink, carrier_show, ethtool). */
  sync(dev: NetDevice): void {
    if (this.pending.delete(dev)) this.#judge(dev);
  }

  /** The device is gone. */
  forget(dev: NetDevice): void {
    this.pending.delete(dev);
  }

  /** __linkwatch_run_queue */
  #run(): void {
    this.due = false;
    const { now } = this.sim;
    const urgentOnly = this.nextEvent > now;
    if (!urgentOnly) this.nextEvent = now + SEC;
    for (const dev of this.pending) {
      if (urgentOnly && !isUrgent(dev)) continue;
      this.pending.delete(dev);
      this.#judge(dev);
    }
    if (this.pending.size > 0 && !this.timer.pending) this.timer.mod(wheelExpiry(now, this.nextEvent));
  }

  /** linkwatch_do_dev */
  #judge(dev: NetDevice): void {
    dev.operstate = defaultOperstate(dev);
    if (dev.up) dev.txActive = dev.carrier;
    dev.net.pathFlush();
    refreshFlags(dev);
    if (dev.up && dev.registered) this.changed(dev);
  }
}

/**
 * linkwatch_urgent_event: the device is up and on top of another, or one end of a pair (unless both ends happen to have the
 * same number), or it could send again.
 */
function isUrgent(dev: NetDevice): boolean {
  if (!dev.up) return false;
  if (dev.iflink() !== dev.ifindex) return true;
  return dev.carrier && dev.activated && !dev.txActive;
}

/** default_operstate: down because the device below has no carrier either, or by itself. */
export function defaultOperstate(dev: NetDevice): OperState {
  if (dev.carrier) return OperState.UP;
  const iflink = dev.iflink();
  if (iflink === dev.ifindex) return OperState.DOWN;
  const lower = dev.net.deviceByIndex(iflink);
  return !lower || lower.carrier ? OperState.DOWN : OperState.LOWERLAYERDOWN;
}

/** dev_get_flags: IFF_RUNNING follows operstate, IFF_LOWER_UP the carrier, of a device that is up. */
export function refreshFlags(dev: NetDevice): void {
  dev.flags &= ~(IFF_RUNNING | IFF_LOWER_UP);
  if (!dev.up) return;
  if (dev.operstate === OperState.UP || dev.operstate === OperState.UNKNOWN) dev.flags |= IFF_RUNNING;
  if (dev.carrier) dev.flags |= IFF_LOWER_UP;
}
