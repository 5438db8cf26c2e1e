// The kernel's tick at HZ=250 (include/linux/jiffies.h). Imports no values, so that esbuild puts the constants into the code (see
// netfilter/conntrack-row.ts).

import type { Ns } from "../../base/time.ts";

/** Ticks a second. */
export const HZ = 250;
export const JIFFY_NS: Ns = 4_000_000;
