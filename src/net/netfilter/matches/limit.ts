// Match limit: so many packets per unit of time, with a burst. iptables-nft makes it nftables' limit expression, a bucket
// of nanoseconds. Answers to nft_limit.c.

import { SEC } from "../../../base/time.ts";
import type { XtMatch } from "../x-tables.ts";

export interface LimitInfo {
  /** packets … */
  rate: number;
  /** … per so many seconds */
  unit: number;
  burst: number;
}

export const limitMatch: XtMatch<LimitInfo> = {
  name: "limit",
  create({ rate, unit, burst }, { env }) {
    const { net } = env;
    const cost = Math.floor((unit * SEC) / rate);
    const max = cost * (burst === 0 ? 5 : burst);
    let tokens = max;
    let last = net.now;
    return {
      fn: () => {
        const { now } = net;
        tokens = Math.min(tokens + now - last, max);
        last = now;
        if (tokens < cost) return false;
        tokens -= cost;
        return true;
      },
    };
  },
};
