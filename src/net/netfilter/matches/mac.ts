// Match mac: the Ethernet source address of a received packet. Answers to xt_mac.c.

import { ARPHRD_ETHER } from "../../core/net-device.ts";
import { NF_INET_FORWARD, NF_INET_LOCAL_IN, NF_INET_PRE_ROUTING } from "../../core/netfilter.ts";
import type { XtMatch } from "../x-tables.ts";

export interface MacInfo {
  /** six octets */
  srcaddr: number[];
  invert: boolean;
}

export const macMatch: XtMatch<MacInfo> = {
  name: "mac",
  memo: () => true,
  box: () => null,
  hooks: (1 << NF_INET_PRE_ROUTING) | (1 << NF_INET_LOCAL_IN) | (1 << NF_INET_FORWARD),
  create({ srcaddr, invert }) {
    const want = Uint8Array.from(srcaddr);
    return {
      fn: (par) => {
        const { skb } = par;
        if (par.in === null || skb.dev === null || skb.dev.type !== ARPHRD_ETHER) return false;
        if (skb.macHeader < 0 || skb.macHeader + 14 > par.iph) return false;
        for (let i = 0; i < 6; i++) if (skb.head[skb.macHeader + 6 + i] !== want[i]) return invert;
        return !invert;
      },
    };
  },
};
