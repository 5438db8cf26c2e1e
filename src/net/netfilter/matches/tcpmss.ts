// Match tcpmss: the MSS option of a SYN. Answers to xt_tcpmss.c.

import { IPPROTO_TCP } from "../../../wire/ipv4.ts";
import { get16 } from "../../../wire/layout.ts";
import type { XtMatch } from "../x-tables.ts";

export interface TcpmssInfo {
  min: number;
  max: number;
  invert: boolean;
}

export const tcpmssMatch: XtMatch<TcpmssInfo> = {
  name: "tcpmss",
  proto: IPPROTO_TCP,
  create({ min, max, invert }) {
    return {
      fn: (par) => {
        const { skb, thoff } = par;
        const b = skb.head;
        if (skb.tail - thoff < 20) {
          par.hotdrop = true;
          return false;
        }
        const end = Math.min(thoff + ((b[thoff + 12]! >>> 4) << 2), skb.tail);
        for (let at = thoff + 20; at < end; ) {
          const kind = b[at]!;
          if (kind === 2 && end - at >= 4 && b[at + 1] === 4) {
            const mss = get16(b, at + 2);
            return (mss >= min && mss <= max) !== invert;
          }
          at += kind < 2 ? 1 : Math.max(b[at + 1] ?? 1, 1);
        }
        return invert;
      },
    };
  },
};
