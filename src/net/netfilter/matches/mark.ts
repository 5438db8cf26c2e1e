// Matches mark and connmark: the packet's or the connection's mark under a mask. Answers to xt_mark.c, xt_connmark.c.

import { nfCtGet } from "../conntrack-entry.ts";
import { KEY_MARK } from "../rule-keys.ts";
import type { XtMatch } from "../x-tables.ts";

export interface MarkInfo {
  mark: number;
  mask: number;
  invert: boolean;
}

export const markMatch: XtMatch<MarkInfo> = {
  name: "mark",
  memo: () => true,
  box: () => null,
  create({ mark, mask, invert }) {
    const want = mark | 0;
    return { fn: ({ skb }) => ((skb.mark & mask) === want) !== invert };
  },
  keys: ({ mark, mask, invert }) =>
    invert ? [] : [{ field: KEY_MARK, alternatives: [{ mask: mask | 0, value: mark | 0 }] }],
};

export const connmarkMatch: XtMatch<MarkInfo> = {
  name: "connmark",
  memo: () => true,
  box: () => null,
  create({ mark, mask, invert }, { env }) {
    const want = mark | 0;
    const { rows } = env.ct;
    return {
      fn: ({ skb }) => {
        const conn = nfCtGet(skb);
        return conn !== 0 && ((rows.mark(conn) & mask) === want) !== invert;
      },
      destroy: env.useConntrack(),
    };
  },
  keys: () => [],
};
