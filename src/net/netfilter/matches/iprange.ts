// Match iprange: source or destination between two addresses. Answers to xt_iprange.c.

import { get32 } from "../../../wire/layout.ts";
import { SIGN, type Span } from "../../core/packet-box.ts";
import { KEY_DADDR, KEY_SADDR, keyRanges, type RuleKey } from "../rule-keys.ts";
import type { XtMatch } from "../x-tables.ts";

export const IPRANGE_SRC = 1;
export const IPRANGE_DST = 2;
export const IPRANGE_SRC_INV = 16;
export const IPRANGE_DST_INV = 32;

export interface IprangeInfo {
  srcMin: number;
  srcMax: number;
  dstMin: number;
  dstMax: number;
  flags: number;
}

export const iprangeMatch: XtMatch<IprangeInfo> = {
  name: "iprange",
  memo: () => true,
  box:
    ({ srcMin, srcMax, dstMin, dstMax, flags }) =>
    ({ skb, iph }, box) => {
      const part = (span: Span, min: number, max: number, at: number): void =>
        span.part((min ^ SIGN) | 0, (max ^ SIGN) | 0, get32(skb.head, at) ^ SIGN);
      if (flags & IPRANGE_SRC) part(box.saddr, srcMin, srcMax, iph + 12);
      if (flags & IPRANGE_DST) part(box.daddr, dstMin, dstMax, iph + 16);
    },
  create({ srcMin, srcMax, dstMin, dstMax, flags }) {
    return {
      fn: ({ skb, iph }) => {
        if (flags & IPRANGE_SRC) {
          const addr = get32(skb.head, iph + 12);
          if ((addr >= srcMin && addr <= srcMax) === ((flags & IPRANGE_SRC_INV) !== 0)) return false;
        }
        if (flags & IPRANGE_DST) {
          const addr = get32(skb.head, iph + 16);
          if ((addr >= dstMin && addr <= dstMax) === ((flags & IPRANGE_DST_INV) !== 0)) return false;
        }
        return true;
      },
    };
  },
  keys: ({ srcMin, srcMax, dstMin, dstMax, flags }) => {
    const keys: RuleKey[] = [];
    const asks = (flag: number): boolean => (flags & (flag | (flag << 4))) === flag;
    if (asks(IPRANGE_SRC)) keys.push(keyRanges(KEY_SADDR, [[srcMin, srcMax]], 32));
    if (asks(IPRANGE_DST)) keys.push(keyRanges(KEY_DADDR, [[dstMin, dstMax]], 32));
    return keys;
  },
};
