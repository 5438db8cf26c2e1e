// Match dccp: ports, packet types, one option. Answers to xt_dccp.c.

import { get16 } from "../../../wire/layout.ts";
import { IPPROTO_DCCP } from "../tuple.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export const XT_DCCP_SRC_PORTS = 1;
export const XT_DCCP_DEST_PORTS = 2;
export const XT_DCCP_TYPE = 4;
export const XT_DCCP_OPTION = 8;

export interface DccpInfo {
  dpts: [number, number];
  spts: [number, number];
  /** XT_DCCP_*: what is asked, and what of it inverted */
  flags: number;
  invflags: number;
  typemask: number;
  option: number;
}

const HEADER_LENGTH = 12;

export const dccpMatch: XtMatch<DccpInfo> = {
  name: "dccp",
  proto: IPPROTO_DCCP,
  create({ spts, dpts, flags, invflags, typemask, option }) {
    if (invflags & ~flags) invalid();
    const holds = (flag: number, answer: boolean): boolean =>
      (flags & flag) === 0 || answer !== ((invflags & flag) !== 0);
    return {
      fn: (par) => {
        const { skb, thoff, fragoff } = par;
        if (fragoff !== 0) return false;
        const b = skb.head;
        if (skb.tail - thoff < HEADER_LENGTH) {
          par.hotdrop = true;
          return false;
        }
        const sport = get16(b, thoff);
        const dport = get16(b, thoff + 2);
        if (!holds(XT_DCCP_SRC_PORTS, sport >= spts[0] && sport <= spts[1])) return false;
        if (!holds(XT_DCCP_DEST_PORTS, dport >= dpts[0] && dport <= dpts[1])) return false;
        if (!holds(XT_DCCP_TYPE, (typemask & (1 << ((b[thoff + 8]! >>> 1) & 15))) !== 0)) return false;
        if (!(flags & XT_DCCP_OPTION)) return true;
        const found = hasOption(b, thoff, skb.tail, option);
        if (found === undefined) {
          par.hotdrop = true;
          return false;
        }
        return holds(XT_DCCP_OPTION, found);
      },
    };
  },
};

/** undefined: the header is broken. */
function hasOption(b: Uint8Array, th: number, tail: number, option: number): boolean | undefined {
  const type = (b[th + 8]! >>> 1) & 15;
  const extended = (b[th + 8]! & 1) !== 0;
  const own = (extended ? 16 : 12) + (type === 0 ? 4 : type === 1 ? 12 : type === 2 ? 0 : type === 7 ? 12 : 8);
  const end = th + b[th + 4]! * 4;
  if (end < th + own || end > tail) return undefined;
  for (let at = th + own; at < end; ) {
    if (b[at] === option) return true;
    at += b[at]! < 2 ? 1 : Math.max(b[at + 1]!, 1);
  }
  return false;
}
