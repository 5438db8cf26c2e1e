// Match addrtype: what kind of address source or destination is to this host's routing (LOCAL, BROADCAST …). Answers to
// xt_addrtype.c (revision 1).

import { get32 } from "../../../wire/layout.ts";
import type { NetDevice } from "../../core/net-device.ts";
import {
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
} from "../../core/netfilter.ts";
import type { Span } from "../../core/packet-box.ts";
import { inetAddrType, inetDevAddrType } from "../../ipv4/route.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export const XT_ADDRTYPE_INVERT_SOURCE = 1;
export const XT_ADDRTYPE_INVERT_DEST = 2;
export const XT_ADDRTYPE_LIMIT_IFACE_IN = 4;
export const XT_ADDRTYPE_LIMIT_IFACE_OUT = 8;

export interface AddrtypeInfo {
  /** bits 1 << RTN_*; 0 not asked */
  source: number;
  dest: number;
  flags: number;
}

const LIMIT_BOTH = XT_ADDRTYPE_LIMIT_IFACE_IN | XT_ADDRTYPE_LIMIT_IFACE_OUT;

export const addrtypeMatch: XtMatch<AddrtypeInfo> = {
  name: "addrtype",
  memo: () => true,
  box:
    ({ source, dest }, { ip4 }) =>
    (par, box) => {
      const part = (into: Span, at: number): void => {
        const span = ip4.fib.spanOf(get32(par.skb.head, at));
        if (span === null) par.skb.record = null;
        else into.meet(span);
      };
      if (source !== 0) part(box.saddr, par.iph + 12);
      if (dest !== 0) part(box.daddr, par.iph + 16);
    },
  create({ source, dest, flags }, check) {
    if ((flags & LIMIT_BOTH) === LIMIT_BOTH) invalid();
    const outgoing = (1 << NF_INET_LOCAL_OUT) | (1 << NF_INET_POST_ROUTING);
    const incoming = (1 << NF_INET_PRE_ROUTING) | (1 << NF_INET_LOCAL_IN);
    if (flags & XT_ADDRTYPE_LIMIT_IFACE_IN && check.hookMask & outgoing) invalid();
    if (flags & XT_ADDRTYPE_LIMIT_IFACE_OUT && check.hookMask & incoming) invalid();
    const { ip4 } = check.env;
    const type = (dev: NetDevice | null, addr: number): number =>
      1 << (dev === null ? inetAddrType(ip4, addr) : inetDevAddrType(ip4, dev, addr));
    const invertSource = (flags & XT_ADDRTYPE_INVERT_SOURCE) !== 0;
    const invertDest = (flags & XT_ADDRTYPE_INVERT_DEST) !== 0;
    return {
      fn: (par) => {
        const b = par.skb.head;
        const dev = flags & XT_ADDRTYPE_LIMIT_IFACE_IN ? par.in : flags & XT_ADDRTYPE_LIMIT_IFACE_OUT ? par.out : null;
        if (source !== 0 && ((type(dev, get32(b, par.iph + 12)) & source) !== 0) === invertSource) return false;
        return dest === 0 || ((type(dev, get32(b, par.iph + 16)) & dest) !== 0) !== invertDest;
      },
    };
  },
};
