// Match icmp: type and a range of codes. Answers to ip_tables' icmp_match.

import { IPPROTO_ICMP } from "../../../wire/ipv4.ts";
import { KEY_ICMP, keyOf } from "../rule-keys.ts";
import type { XtMatch } from "../x-tables.ts";

export interface IcmpInfo {
  /** 255: any */
  type: number;
  code: [number, number];
  invert: boolean;
}

export const icmpMatch: XtMatch<IcmpInfo> = {
  name: "icmp",
  proto: IPPROTO_ICMP,
  create({ type, code: [min, max], invert }) {
    return {
      fn: (par) => {
        if (par.fragoff !== 0) return false;
        const { skb, thoff } = par;
        if (skb.tail - thoff < 8) {
          par.hotdrop = true;
          return false;
        }
        if (type === 255) return !invert;
        const code = skb.head[thoff + 1]!;
        return (skb.head[thoff] === type && code >= min && code <= max) !== invert;
      },
    };
  },
  keys: ({ type, code: [min, max], invert }) => {
    if (invert || type === 255) return [];
    return [min === max ? keyOf(KEY_ICMP, (type << 8) | min) : keyOf(KEY_ICMP, type << 8, 0xff00)];
  },
};
