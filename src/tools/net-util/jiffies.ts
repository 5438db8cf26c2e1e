// How late the kernel's timer wheel makes a timeout that is counted in ticks: SO_RCVTIMEO and friends sleep by
// schedule_timeout, which rounds up to the granularity of the wheel's level. poll, select and sleep use exact timers and
// are not concerned. Answers to kernel/time/timer.c (calc_index) at HZ = 250.

import { type Ns, SEC } from "../../base/time.ts";

const HZ = 250;
const TICK_NS: Ns = SEC / HZ;
/** Timers less far away than this many ticks go into the first level; each level is eight times as coarse. */
const FIRST_LEVEL_TICKS = 63;
const LEVELS = 9;

/** How long a timeout of `ns` that starts at `now` really lasts. */
export function scheduleTimeout(now: Ns, ns: Ns): Ns {
  const start = Math.floor(now / TICK_NS);
  const expires = start + Math.ceil(ns / TICK_NS);
  let granularity = 1;
  for (let level = 0; level < LEVELS - 1; level++) {
    if (expires - start < FIRST_LEVEL_TICKS * granularity) break;
    granularity *= 8;
  }
  const bucket = (Math.floor(expires / granularity) + 1) * granularity;
  return bucket * TICK_NS - now;
}
