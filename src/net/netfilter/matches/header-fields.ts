// Matches on single fields of the IP header: length, ttl, tos, dscp, ecn. Answers to xt_length.c, xt_hl.c, xt_dscp.c,
// xt_ecn.c.

import { Errno, NetError } from "../../../base/errno.ts";
import { IPPROTO_TCP } from "../../../wire/ipv4.ts";
import { get16 } from "../../../wire/layout.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export interface LengthInfo {
  min: number;
  max: number;
  invert: boolean;
}

export const lengthMatch: XtMatch<LengthInfo> = {
  name: "length",
  create({ min, max, invert }) {
    return {
      fn: ({ skb, iph }) => {
        // a super-packet's total length may not fit in its field
        const length = get16(skb.head, iph + 2) || skb.tail - iph;
        return (length >= min && length <= max) !== invert;
      },
    };
  },
};

export const IPT_TTL_EQ = 0;
export const IPT_TTL_NE = 1;
export const IPT_TTL_LT = 2;
export const IPT_TTL_GT = 3;

export interface TtlInfo {
  mode: number;
  ttl: number;
}

export const ttlMatch: XtMatch<TtlInfo> = {
  name: "ttl",
  create({ mode, ttl }) {
    return {
      fn: ({ skb, iph }) => {
        const value = skb.head[iph + 8]!;
        if (mode === IPT_TTL_EQ) return value === ttl;
        if (mode === IPT_TTL_NE) return value !== ttl;
        return mode === IPT_TTL_LT ? value < ttl : value > ttl;
      },
    };
  },
};

export interface TosInfo {
  value: number;
  mask: number;
  invert: boolean;
}

export const tosMatch: XtMatch<TosInfo> = {
  name: "tos",
  memo: () => true,
  box: () => null,
  create: ({ value, mask, invert }) => ({
    fn: ({ skb, iph }) => ((skb.head[iph + 1]! & mask) === value) !== invert,
  }),
};

export interface DscpInfo {
  dscp: number;
  invert: boolean;
}

export const dscpMatch: XtMatch<DscpInfo> = {
  name: "dscp",
  memo: () => true,
  box: () => null,
  create({ dscp, invert }) {
    if (dscp > 63) throw new NetError(Errno.EINVAL);
    return { fn: ({ skb, iph }) => (skb.head[iph + 1]! >>> 2 === dscp) !== invert };
  },
};

export const XT_ECN_OP_MATCH_IP = 1;
export const XT_ECN_OP_MATCH_ECE = 16;
export const XT_ECN_OP_MATCH_CWR = 32;

export interface EcnInfo {
  operation: number;
  invert: number;
  ipEct: number;
}

export const ecnMatch: XtMatch<EcnInfo> = {
  name: "ecn",
  create({ operation, invert, ipEct }, check) {
    const tcp = operation & (XT_ECN_OP_MATCH_ECE | XT_ECN_OP_MATCH_CWR);
    if (tcp !== 0 && (check.proto !== IPPROTO_TCP || check.invProto)) invalid();
    return {
      fn: (par) => {
        const { skb, iph, thoff } = par;
        if (operation & XT_ECN_OP_MATCH_IP) {
          const same = (skb.head[iph + 1]! & 3) === ipEct;
          if (same === ((invert & XT_ECN_OP_MATCH_IP) !== 0)) return false;
        }
        if (tcp === 0) return true;
        if (par.fragoff !== 0 || skb.tail - thoff < 20) return false;
        const flags = skb.head[thoff + 13]!;
        for (const [op, bit] of TCP_BITS)
          if (operation & op && ((flags & bit) !== 0) === ((invert & op) !== 0)) return false;
        return true;
      },
    };
  },
};

const TCP_BITS: readonly (readonly [number, number])[] = [
  [XT_ECN_OP_MATCH_ECE, 0x40],
  [XT_ECN_OP_MATCH_CWR, 0x80],
];
