// Match rpfilter: would an answer leave by the interface on which the packet came? Answers to ipt_rpfilter.c.

import { isMulticast4 } from "../../../wire/addr.ts";
import { get32 } from "../../../wire/layout.ts";
import { NF_INET_PRE_ROUTING } from "../../core/netfilter.ts";
import { FlowKey, ipRouteOutputKey } from "../../ipv4/route.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export const XT_RPFILTER_LOOSE = 1;
export const XT_RPFILTER_VALID_MARK = 2;
export const XT_RPFILTER_ACCEPT_LOCAL = 4;
export const XT_RPFILTER_INVERT = 8;

export interface RpfilterInfo {
  flags: number;
}

const RTN_UNICAST = 1;
const RTN_LOCAL = 2;

export const rpfilterMatch: XtMatch<RpfilterInfo> = {
  name: "rpfilter",
  hooks: 1 << NF_INET_PRE_ROUTING,
  create({ flags }, check) {
    if (check.table !== "raw" && check.table !== "mangle") invalid();
    const { ip4 } = check.env;
    const fl = new FlowKey();
    const invert = (flags & XT_RPFILTER_INVERT) !== 0;
    return {
      fn: ({ skb, in: dev, iph }) => {
        if (dev === null || dev.loopback) return !invert;
        const saddr = get32(skb.head, iph + 12);
        const daddr = get32(skb.head, iph + 16);
        if (saddr === 0 && (isMulticast4(daddr) || daddr === 0xffffffff)) return !invert;
        fl.reset();
        fl.daddr = saddr;
        fl.saddr = isMulticast4(daddr) || daddr === 0xffffffff ? 0 : daddr;
        fl.tos = skb.head[iph + 1]!;
        fl.mark = flags & XT_RPFILTER_VALID_MARK ? skb.mark : 0;
        const rt = ipRouteOutputKey(ip4, fl);
        if (rt.error !== 0) return invert;
        const usable = rt.type === RTN_UNICAST || (rt.type === RTN_LOCAL && (flags & XT_RPFILTER_ACCEPT_LOCAL) !== 0);
        return (usable && (rt.dev === dev || (flags & XT_RPFILTER_LOOSE) !== 0)) !== invert;
      },
    };
  },
};
