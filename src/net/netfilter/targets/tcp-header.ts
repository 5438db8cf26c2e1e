// Targets that change a TCP header: ECN (its bits, and those of the IP header), TCPOPTSTRIP (options become no-operations).
// Answers to ipt_ECN.c, xt_TCPOPTSTRIP.c.

import { replace16, updateField16 } from "../../../wire/checksum.ts";
import * as ip from "../../../wire/ipv4.ts";
import { get16, set16 } from "../../../wire/layout.ts";
import { NF_DROP } from "../../core/netfilter.ts";
import { CHECKSUM_PARTIAL, type SkBuff } from "../../core/skb.ts";
import { invalid, XT_CONTINUE, type XtTarget } from "../x-tables.ts";

const TCP_CHECKSUM = 16;
const ECE = 0x40;
const CWR = 0x80;
const NOP = 1;

/** Writes a 16-bit word of the TCP header and repairs its checksum. */
function setWord(skb: SkBuff, thoff: number, at: number, value: number): void {
  const old = get16(skb.head, at);
  if (old === value) return;
  set16(skb.head, at, value);
  updateField16(skb.head, thoff + TCP_CHECKSUM, old, value, false, skb.ipSummed === CHECKSUM_PARTIAL);
}

export interface EcnTgInfo {
  /** what is set; absent: left as it is */
  ece?: number;
  cwr?: number;
  ect?: number;
}

export const ecnTarget: XtTarget<EcnTgInfo> = {
  name: "ECN",
  table: "mangle",
  create({ ece, cwr, ect }, { proto, invProto }) {
    if ((ece !== undefined || cwr !== undefined) && (proto !== ip.IPPROTO_TCP || invProto)) invalid();
    const mask = (ece === undefined ? 0 : ECE) | (cwr === undefined ? 0 : CWR);
    const bits = (ece ? ECE : 0) | (cwr ? CWR : 0);
    return {
      fn: ({ skb, iph, thoff, fragoff, protonum }) => {
        const b = skb.head;
        if (ect !== undefined && (b[iph + 1]! & 3) !== ect) {
          const old = get16(b, iph);
          b[iph + 1] = (b[iph + 1]! & ~3) | ect;
          set16(b, iph + ip.CHECKSUM, replace16(get16(b, iph + ip.CHECKSUM), old, get16(b, iph)));
        }
        if (mask === 0 || protonum !== ip.IPPROTO_TCP) return XT_CONTINUE;
        if (fragoff !== 0 || skb.tail - thoff < 20) return NF_DROP;
        const word = get16(b, thoff + 12);
        setWord(skb, thoff, thoff + 12, (word & ~mask) | bits);
        return XT_CONTINUE;
      },
    };
  },
};

export interface TcpoptstripInfo {
  /** kinds, ascending */
  strip: number[];
}

export const tcpoptstripTarget: XtTarget<TcpoptstripInfo> = {
  name: "TCPOPTSTRIP",
  table: "mangle",
  proto: ip.IPPROTO_TCP,
  create: ({ strip }) => ({
    fn: ({ skb, thoff, fragoff }) => {
      if (fragoff !== 0) return XT_CONTINUE;
      const b = skb.head;
      if (skb.tail - thoff < 20) return NF_DROP;
      const end = thoff + ((b[thoff + 12]! >>> 4) << 2);
      if (end - thoff < 20 || end > skb.tail) return NF_DROP;
      for (let at = thoff + 20; at < end - 1; ) {
        const length = b[at]! <= 1 ? 1 : Math.max(b[at + 1]!, 1);
        if (at + length > end) break;
        if (strip.includes(b[at]!)) for (let i = at; i < at + length; i++) blank(skb, thoff, i);
        at += length;
      }
      return XT_CONTINUE;
    },
  }),
};

function blank(skb: SkBuff, thoff: number, at: number): void {
  const even = at - ((at - thoff) & 1);
  const word = get16(skb.head, even);
  setWord(skb, thoff, even, even === at ? (NOP << 8) | (word & 0xff) : (word & 0xff00) | NOP);
}
