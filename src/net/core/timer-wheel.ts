// When a kernel timer really goes off: timers lie in a wheel whose slots grow coarser with distance, and never go off
// early. At HZ=250 a second is 4 to 32 ms late, five seconds up to 256 ms, half a minute up to two seconds; captures show
// it, and what happens first depends on it. Answers to kernel/time/timer.c (calc_wheel_index).

import { type Ns, SEC } from "../../base/time.ts";
import { JIFFY_NS } from "./jiffies.ts";

export { HZ, JIFFY_NS } from "./jiffies.ts";

/**
 * When a jiffy begins: jiffy × JIFFY_NS, by way of a fraction. V8 takes a product of integers for a small one and compiles everything on a
 * packet's way anew when the clock passes 2^31 ns (see Sim's constructor).
 */
export function jiffyStart(jiffy: number): Ns {
  return (jiffy + 0.5) * JIFFY_NS - JIFFY_NS / 2;
}

/** The moment at which a timer goes off that is armed now for `expires`. */
export function wheelExpiry(now: Ns, expires: Ns): Ns {
  const clock = Math.floor(now / JIFFY_NS);
  const wanted = Math.max(Math.floor(expires / JIFFY_NS), clock);
  // level n begins at 63 · 8^(n−1) ticks from now and has slots of 8^n ticks
  let slot = 1;
  for (let start = 63; wanted - clock >= start && slot < 8 ** 8; start *= 8) slot *= 8;
  return jiffyStart((Math.floor(wanted / slot) + 1) * slot);
}

/** round_jiffies: timers that need not be exact go off together, at a full second, unless that is past. */
export function roundJiffies(now: Ns, expires: Ns): Ns {
  const over = expires % SEC;
  const rounded = over < SEC / 4 ? expires - over : expires - over + SEC;
  return rounded > now ? rounded : expires;
}
