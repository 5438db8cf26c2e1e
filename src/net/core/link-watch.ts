// What follows a change of carrier: operational state, IFF_RUNNING, and word to all. As in Linux it waits until the
// running configuration step is over (the real one needs the RTNL lock), so that a pair's ends are judged together.
// Answers to net/core/link_watch.c (default_operstate, linkwatch_do_dev); its rate limit of one run a second is left out.

import { IFF_LOWER_UP, IFF_RUNNING, type NetDevice, OperState } from "./net-device.ts";

export class LinkWatch {
  readonly #pending: Set<NetDevice> = new Set();
  readonly #changed: (dev: NetDevice) => void;
  #held = 0;

  /** @param changed told of each device that is up, after it was judged (NETDEV_CHANGE) */
  constructor(changed: (dev: NetDevice) => void) {
    this.#changed = changed;
  }

  /** A configuration step begins: events wait for its `release`. */
  hold(): void {
    this.#held++;
  }

  release(): void {
    if (--this.#held === 0) this.#run();
  }

  /** linkwatch_fire_event: the carrier of `dev` has changed. */
  fire(dev: NetDevice): void {
    this.#pending.add(dev);
    if (this.#held === 0) this.#run();
  }

  #run(): void {
    for (const dev of this.#pending) {
      this.#pending.delete(dev);
      dev.operstate = defaultOperstate(dev);
      refreshFlags(dev);
      if (dev.up && dev.registered) this.#changed(dev);
    }
  }
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
