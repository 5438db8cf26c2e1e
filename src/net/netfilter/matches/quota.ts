// Match quota: until so many bytes have passed. Answers to xt_quota.c.

import type { XtMatch } from "../x-tables.ts";

export interface QuotaInfo {
  /** bytes */
  quota: bigint;
  invert: boolean;
}

export const quotaMatch: XtMatch<QuotaInfo> = {
  name: "quota",
  create({ quota, invert }) {
    let left = Number(quota);
    return {
      fn: ({ skb, iph }) => {
        const length = skb.tail - iph;
        if (left < length) {
          left = 0; // nor may a smaller one pass from now on
          return invert;
        }
        left -= length;
        return !invert;
      },
    };
  },
};
