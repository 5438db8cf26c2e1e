// Addresses next to each other of which routing says the same: what is found out for one holds for its neighbours up to where
// another prefix begins. Linux has nothing like it; Open vSwitch's megaflows and the caches of hardware routers have.

/** Turns an address into a signed number of the same order, and back. */
export const SIGN: number = 1 << 31;

/** From the lowest to the highest address, both included and both with their highest bit turned (SIGN). */
export class FibSpan {
  low: number = SIGN;
  high: number = ~SIGN;

  /** Every address. */
  reset(): this {
    this.low = SIGN;
    this.high = ~SIGN;
    return this;
  }

  /** Only addresses of a prefix, which has `addr` in it (or else nothing is left). */
  within(prefix: number, length: number): void {
    if (length === 0) return;
    const first = (prefix ^ SIGN) | 0;
    const last = first | lowBits(length);
    if (first > this.low) this.low = first;
    if (last < this.high) this.high = last;
  }

  /** Only addresses on the same side of a prefix as `addr`, which is not in it. */
  without(prefix: number, length: number, addr: number): void {
    const first = (prefix ^ SIGN) | 0;
    const last = first | lowBits(length);
    if (((addr ^ SIGN) | 0) < first) {
      if (first - 1 < this.high) this.high = first - 1;
    } else if (last + 1 > this.low) this.low = last + 1;
  }

  /** Only unicast addresses that are not 127.0.0.0/8 nor 0.0.0.0/8. False: `addr` is none. */
  ordinary(addr: number): boolean {
    const top = addr >>> 24;
    if (top === 0 || top === 127 || top >= 224) return false;
    this.without(0, 8, addr);
    this.without(127 << 24, 8, addr);
    this.without(224 << 24, 3, addr);
    return true;
  }
}

/** The bits behind a prefix. */
function lowBits(length: number): number {
  return length >= 32 ? 0 : -1 >>> length;
}
