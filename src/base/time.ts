// Virtual time: integer nanoseconds since the lab was switched on, in a double (exact for 104 days).
// Wall time (what `date` prints and captures carry) is that plus the lab's start date.

/** Integer nanoseconds of virtual time, a moment or a duration. */
export type Ns = number;

export const USEC: Ns = 1_000;
export const MSEC: Ns = 1_000_000;
export const SEC: Ns = 1_000_000_000;

/** "1.5 s", "20 ms", "3 µs": for people. */
export function formatNs(ns: Ns): string {
  if (ns >= SEC) return `${+(ns / SEC).toFixed(3)} s`;
  if (ns >= MSEC) return `${+(ns / MSEC).toFixed(3)} ms`;
  return `${+(ns / USEC).toFixed(3)} µs`;
}
