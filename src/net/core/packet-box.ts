// Of which packets what was found out about one holds, too: those whose addresses and ports lie in the same ranges as its own.
// Whatever looks at one of them while a packet's way is noted (path-record.ts) cuts the box down to those of which it says the
// same. Open vSwitch's megaflows do this with masks; ranges say more of rules that do not match.

/** Turns an address into a signed number of the same order, and back. */
export const SIGN: number = 1 << 31;

/** Numbers next to each other: from the lowest to the highest, both included. */
export class Span {
  low: number;
  high: number;

  constructor(low: number, high: number) {
    this.low = low;
    this.high = high;
  }

  set(low: number, high: number): this {
    this.low = low;
    this.high = high;
    return this;
  }

  /** Keeps those that lie in `first` … `last` as `at` does, or on the same side of it. */
  part(first: number, last: number, at: number): void {
    if (at < first) {
      if (first - 1 < this.high) this.high = first - 1;
    } else if (at > last) {
      if (last + 1 > this.low) this.low = last + 1;
    } else {
      if (first > this.low) this.low = first;
      if (last < this.high) this.high = last;
    }
  }

  /** Keeps those that lie in `other`, too. */
  meet({ low, high }: Span): void {
    if (low > this.low) this.low = low;
    if (high < this.high) this.high = high;
  }
}

/** Addresses have their highest bit turned (SIGN). */
export class PacketBox {
  readonly saddr: Span = new Span(0, 0);
  readonly daddr: Span = new Span(0, 0);
  readonly sport: Span = new Span(0, 0);
  readonly dport: Span = new Span(0, 0);

  /** All packets. */
  reset(): void {
    this.saddr.set(SIGN, ~SIGN);
    this.daddr.set(SIGN, ~SIGN);
    this.sport.set(0, 0xffff);
    this.dport.set(0, 0xffff);
  }
}

/** What a box had been cut down to when it was done, for who keeps it. */
export class BoxBounds {
  private readonly saddrLow: number;
  private readonly saddrHigh: number;
  private readonly daddrLow: number;
  private readonly daddrHigh: number;
  private readonly sportLow: number;
  private readonly sportHigh: number;
  private readonly dportLow: number;
  private readonly dportHigh: number;

  constructor({ saddr, daddr, sport, dport }: PacketBox) {
    this.saddrLow = saddr.low;
    this.saddrHigh = saddr.high;
    this.daddrLow = daddr.low;
    this.daddrHigh = daddr.high;
    this.sportLow = sport.low;
    this.sportHigh = sport.high;
    this.dportLow = dport.low;
    this.dportHigh = dport.high;
  }

  /** Nobody looked at what the packet differs in. Addresses with their highest bit turned. */
  has(saddr: number, daddr: number, sport: number, dport: number): boolean {
    return (
      daddr >= this.daddrLow &&
      daddr <= this.daddrHigh &&
      saddr >= this.saddrLow &&
      saddr <= this.saddrHigh &&
      dport >= this.dportLow &&
      dport <= this.dportHigh &&
      sport >= this.sportLow &&
      sport <= this.sportHigh
    );
  }
}

/** An address was compared with `value` under `mask`. False: such a mask leaves no range. */
export function partByMask(span: Span, addr: number, value: number, mask: number): boolean {
  const rest = ~mask;
  if ((rest & (rest + 1)) !== 0) return false;
  const first = (value & mask) ^ SIGN;
  span.part(first, mask === 0 ? ~SIGN : first | rest, addr ^ SIGN);
  return true;
}
