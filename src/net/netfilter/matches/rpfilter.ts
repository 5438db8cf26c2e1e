// Match rpfilter: would an answer leave by the interface on which the packet came? Answers to ipt_rpfilter.c.

import { isMulticast4 } from "../../../wire/addr.ts";
import { get32 } from "../../../wire/layout.ts";
import type { NetDevice } from "../../core/net-device.ts";
import { NF_INET_PRE_ROUTING } from "../../core/netfilter.ts";
import { FibResult, RTN_LOCAL, RTN_UNICAST } from "../../ipv4/fib-types.ts";
import { FlowKey } from "../../ipv4/route.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export const XT_RPFILTER_LOOSE = 1;
export const XT_RPFILTER_VALID_MARK = 2;
export const XT_RPFILTER_ACCEPT_LOCAL = 4;
export const XT_RPFILTER_INVERT = 8;

export interface RpfilterInfo {
  flags: number;
}

export const rpfilterMatch: XtMatch<RpfilterInfo> = {
  name: "rpfilter",
  hooks: 1 << NF_INET_PRE_ROUTING,
  create({ flags }, check) {
    if (check.table !== "raw" && check.table !== "mangle") invalid();
    const { ip4 } = check.env;
    const fl = new FlowKey();
    const res = new FibResult();
    const invert = (flags & XT_RPFILTER_INVERT) !== 0;
    const leavesBy = (dev: NetDevice): boolean => {
      if (ip4.fib.lookup(fl, res) !== 0) return false;
      const local = res.type === RTN_LOCAL && (flags & XT_RPFILTER_ACCEPT_LOCAL) !== 0;
      if (res.type !== RTN_UNICAST && !local) return false;
      if (flags & XT_RPFILTER_LOOSE) return true;
      const { nhs } = res.info!;
      for (let i = 0; i < nhs.length; i++) if (nhs[i]!.dev === dev) return true;
      return false;
    };
    return {
      fn: ({ skb, in: dev, iph }) => {
        if (dev === null || dev.loopback) return !invert;
        const saddr = get32(skb.head, iph + 12);
        const daddr = get32(skb.head, iph + 16);
        if (saddr === 0 && (isMulticast4(daddr) || daddr === 0xffffffff)) return !invert;
        fl.reset();
        fl.daddr = saddr;
        fl.saddr = isMulticast4(daddr) || daddr === 0xffffffff ? 0 : daddr;
        fl.tos = skb.head[iph + 1]! & 0xfc;
        fl.iif = ip4.loopback.ifindex;
        fl.mark = flags & XT_RPFILTER_VALID_MARK ? skb.mark : 0;
        return leavesBy(dev) !== invert;
      },
    };
  },
};
