// Match multiport: up to fifteen ports or ranges, of source, destination or either. Answers to xt_multiport.c (rev. 1).

import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from "../../../wire/ipv4.ts";
import { get16 } from "../../../wire/layout.ts";
import { KEY_DPORT, KEY_SPORT, keyRanges } from "../rule-keys.ts";
import { IPPROTO_DCCP } from "../tuple.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export const XT_MULTIPORT_SOURCE = 0;
export const XT_MULTIPORT_DESTINATION = 1;
export const XT_MULTIPORT_EITHER = 2;

export interface MultiportInfo {
  flags: number;
  /** lowest and highest port of each item */
  ports: [number, number][];
  invert: boolean;
}

const PROTOS = [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_DCCP];

export const multiportMatch: XtMatch<MultiportInfo> = {
  name: "multiport",
  memo: () => true,
  box:
    ({ ports }) =>
    ({ skb, thoff }, box) => {
      for (const [low, high] of ports) {
        box.sport.part(low, high, get16(skb.head, thoff));
        box.dport.part(low, high, get16(skb.head, thoff + 2));
      }
    },
  create({ flags, ports, invert }, check) {
    if (check.invProto || !PROTOS.includes(check.proto)) invalid();
    const low = Uint16Array.from(ports, (p) => p[0]);
    const high = Uint16Array.from(ports, (p) => p[1]);
    const useSource = flags !== XT_MULTIPORT_DESTINATION;
    const useDest = flags !== XT_MULTIPORT_SOURCE;
    return {
      fn: (par) => {
        if (par.fragoff !== 0) return false;
        const { skb, thoff } = par;
        if (skb.tail - thoff < 4) {
          par.hotdrop = true;
          return false;
        }
        const source = get16(skb.head, thoff);
        const dest = get16(skb.head, thoff + 2);
        for (let i = 0; i < low.length; i++) {
          const from = low[i]!;
          const to = high[i]!;
          if ((useSource && source >= from && source <= to) || (useDest && dest >= from && dest <= to)) return !invert;
        }
        return invert;
      },
    };
  },
  keys: ({ flags, ports, invert }) =>
    invert || flags === XT_MULTIPORT_EITHER
      ? []
      : [keyRanges(flags === XT_MULTIPORT_SOURCE ? KEY_SPORT : KEY_DPORT, ports, 16)],
};
