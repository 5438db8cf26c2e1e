// Targets that change a field of the IP header: TOS, DSCP, TTL; and CLASSIFY (the packet's priority), CHECKSUM (computes
// what was left to the device), TRACE. Answers to xt_DSCP.c, xt_HL.c, xt_CLASSIFY.c, xt_CHECKSUM.c, xt_TRACE.c.

import { replace16 } from "../../../wire/checksum.ts";
import * as ip from "../../../wire/ipv4.ts";
import { get16, set16 } from "../../../wire/layout.ts";
import { completeChecksum } from "../../core/gso.ts";
import { NF_INET_FORWARD, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING } from "../../core/netfilter.ts";
import { CHECKSUM_PARTIAL } from "../../core/skb.ts";
import { invalid, XT_CONTINUE, type XtTarget } from "../x-tables.ts";

/** Writes a 16-bit word of the IP header and repairs the header's checksum. */
function setWord(b: Uint8Array, iph: number, offset: number, value: number): void {
  const old = get16(b, iph + offset);
  if (old === value) return;
  set16(b, iph + offset, value);
  set16(b, iph + ip.CHECKSUM, replace16(get16(b, iph + ip.CHECKSUM), old, value));
}

export interface TosTgInfo {
  value: number;
  mask: number;
}

export const tosTarget: XtTarget<TosTgInfo> = {
  name: "TOS",
  table: "mangle",
  create: ({ value, mask }) => ({
    fn: ({ skb, iph }) => {
      const tos = skb.head[iph + 1]!;
      setWord(skb.head, iph, 0, (skb.head[iph]! << 8) | (((tos & ~mask) ^ value) & 255));
      return XT_CONTINUE;
    },
  }),
};

export interface DscpTgInfo {
  dscp: number;
}

export const dscpTarget: XtTarget<DscpTgInfo> = {
  name: "DSCP",
  table: "mangle",
  create({ dscp }) {
    if (dscp > 63) invalid();
    return {
      fn: ({ skb, iph }) => {
        setWord(skb.head, iph, 0, (skb.head[iph]! << 8) | (skb.head[iph + 1]! & 3) | (dscp << 2));
        return XT_CONTINUE;
      },
    };
  },
};

export const IPT_TTL_SET = 0;
export const IPT_TTL_INC = 1;
export const IPT_TTL_DEC = 2;

export interface TtlTgInfo {
  mode: number;
  ttl: number;
}

export const ttlTarget: XtTarget<TtlTgInfo> = {
  name: "TTL",
  table: "mangle",
  create({ mode, ttl }) {
    if (mode !== IPT_TTL_SET && ttl === 0) invalid();
    return {
      fn: ({ skb, iph }) => {
        const old = skb.head[iph + 8]!;
        const fresh =
          mode === IPT_TTL_SET ? ttl : mode === IPT_TTL_INC ? Math.min(old + ttl, 255) : Math.max(old - ttl, 0);
        setWord(skb.head, iph, 8, (fresh << 8) | skb.head[iph + 9]!);
        return XT_CONTINUE;
      },
    };
  },
};

export interface ClassifyInfo {
  priority: number;
}

export const classifyTarget: XtTarget<ClassifyInfo> = {
  name: "CLASSIFY",
  hooks: (1 << NF_INET_LOCAL_OUT) | (1 << NF_INET_FORWARD) | (1 << NF_INET_POST_ROUTING),
  create: ({ priority }) => ({
    fn: ({ skb }) => {
      skb.priority = priority;
      return XT_CONTINUE;
    },
  }),
};

export interface ChecksumInfo {
  fill: true;
}

export const checksumTarget: XtTarget<ChecksumInfo> = {
  name: "CHECKSUM",
  table: "mangle",
  create: () => ({
    fn: ({ skb }) => {
      if (skb.ipSummed === CHECKSUM_PARTIAL && skb.gsoSize === 0) completeChecksum(skb);
      return XT_CONTINUE;
    },
  }),
};

export interface TraceInfo {
  trace: true;
}

export const traceTarget: XtTarget<TraceInfo> = {
  name: "TRACE",
  create: () => ({
    fn: ({ skb }) => {
      skb.nfTrace = true;
      return XT_CONTINUE;
    },
  }),
};
