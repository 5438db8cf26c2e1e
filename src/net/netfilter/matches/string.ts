// Match string: bytes somewhere in the packet, from its IP header on. Answers to xt_string.c; both algorithms find the
// same, so there is one search.

import { Errno, NetError } from "../../../base/errno.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export interface StringInfo {
  from: number;
  to: number;
  algo: string;
  /** octets */
  pattern: number[];
  invert: boolean;
  icase: boolean;
}

const lower = (c: number): number => (c >= 65 && c <= 90 ? c + 32 : c);

export const stringMatch: XtMatch<StringInfo> = {
  name: "string",
  create({ from, to, algo, pattern, invert, icase }) {
    if (from > to || pattern.length > 128) invalid();
    if (algo !== "bm" && algo !== "kmp") throw new NetError(Errno.ENOENT);
    const wanted = Uint8Array.from(pattern, icase ? lower : (c) => c);
    return {
      fn: ({ skb, iph }) => {
        const b = skb.head;
        const last = Math.min(iph + to, skb.tail) - wanted.length;
        for (let at = iph + from; at <= last; at++) {
          let i = 0;
          while (i < wanted.length && (icase ? lower(b[at + i]!) : b[at + i]) === wanted[i]) i++;
          if (i === wanted.length) return !invert;
        }
        return invert;
      },
    };
  },
};
