// Addresses next to each other of which routing says the same: what is found out for one holds for its neighbours up to where
// another prefix begins. Linux has nothing like it; Open vSwitch's megaflows and the caches of hardware routers have.

import { SIGN, Span } from "../core/packet-box.ts";

/** Addresses have their highest bit turned (SIGN). */
export class FibSpan extends Span {
  constructor() {
    super(SIGN, ~SIGN);
  }

  /** Only addresses in a prefix as `addr` is, or on the same side of it. */
  cut(prefix: number, length: number, addr: number): void {
    if (length === 0) return;
    const first = (prefix ^ SIGN) | 0;
    this.part(first, length === 32 ? first : first | (-1 >>> length), (addr ^ SIGN) | 0);
  }

  /** Only unicast addresses that are not 127.0.0.0/8 nor 0.0.0.0/8. False: `addr` is none. */
  ordinary(addr: number): boolean {
    const top = addr >>> 24;
    if (top === 0 || top === 127 || top >= 224) return false;
    this.cut(0, 8, addr);
    this.cut(127 << 24, 8, addr);
    this.cut(224 << 24, 3, addr);
    return true;
  }
}
