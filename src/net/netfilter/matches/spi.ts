// Matches ah, esp and ipcomp: the number of a security association in its protocol's header. Answers to ipt_ah.c, xt_esp.c,
// xt_ipcomp.c.

import { IPPROTO_AH, IPPROTO_ESP } from "../../../wire/ipv4.ts";
import { get16, get32 } from "../../../wire/layout.ts";
import type { XtMatch } from "../x-tables.ts";

export const IPPROTO_COMP = 108;

export interface SpiInfo {
  min: number;
  max: number;
  invert: boolean;
}

function spiMatch(name: string, proto: number, offset: number, size: 2 | 4, headerLength: number): XtMatch<SpiInfo> {
  return {
    name,
    proto,
    create: ({ min, max, invert }) => ({
      fn: (par) => {
        const { skb, thoff, fragoff } = par;
        if (fragoff !== 0) return false;
        if (skb.tail - thoff < headerLength) {
          par.hotdrop = true;
          return false;
        }
        const spi = size === 4 ? get32(skb.head, thoff + offset) : get16(skb.head, thoff + offset);
        return (spi >= min && spi <= max) !== invert;
      },
    }),
  };
}

export const ahMatch: XtMatch<SpiInfo> = spiMatch("ah", IPPROTO_AH, 4, 4, 12);
export const espMatch: XtMatch<SpiInfo> = spiMatch("esp", IPPROTO_ESP, 0, 4, 8);
export const ipcompMatch: XtMatch<SpiInfo> = spiMatch("ipcomp", IPPROTO_COMP, 2, 2, 4);
