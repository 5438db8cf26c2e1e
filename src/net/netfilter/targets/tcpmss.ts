// Target TCPMSS: makes a SYN ask for smaller segments. Answers to xt_TCPMSS.c.

import { replace16, updateField16 } from "../../../wire/checksum.ts";
import * as ip from "../../../wire/ipv4.ts";
import { get16, get32, set16, set32 } from "../../../wire/layout.ts";
import { NF_DROP, NF_INET_FORWARD, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING } from "../../core/netfilter.ts";
import { CHECKSUM_PARTIAL, type SkBuff } from "../../core/skb.ts";
import { FlowKey, ipRouteOutputKey } from "../../ipv4/route.ts";
import { skbRtable } from "../../ipv4/rtable.ts";
import { invalid, XT_CONTINUE, type XtEnv, type XtPar, type XtTarget } from "../x-tables.ts";

export const XT_TCPMSS_CLAMP_PMTU = 0xffff;

export interface TcpmssTgInfo {
  /** XT_TCPMSS_CLAMP_PMTU: as the smaller path MTU of both directions allows */
  mss: number;
}

/** IPv4 and TCP header without options. */
const HEADERS = 40;
/** What a host without the option has to assume (RFC 9293 section 3.7.1). */
const DEFAULT_MSS = 536;

export const tcpmssTarget: XtTarget<TcpmssTgInfo> = {
  name: "TCPMSS",
  proto: ip.IPPROTO_TCP,
  create({ mss }, check) {
    const hooks = (1 << NF_INET_FORWARD) | (1 << NF_INET_LOCAL_OUT) | (1 << NF_INET_POST_ROUTING);
    if (mss === XT_TCPMSS_CLAMP_PMTU && (check.hookMask & ~hooks) !== 0) invalid();
    const { env } = check;
    const fl = new FlowKey();
    return { fn: (par) => mangle(env, par, mss, fl) };
  },
};

function mangle(env: XtEnv, par: XtPar, configured: number, fl: FlowKey): number {
  const { skb, thoff } = par;
  const b = skb.head;
  if (par.fragoff !== 0) return XT_CONTINUE;
  const length = skb.tail - thoff;
  const headerLength = (b[thoff + 12]! >>> 4) << 2;
  if (length < 20 || length < headerLength || headerLength < 20) return NF_DROP;
  let mss = configured;
  if (configured === XT_TCPMSS_CLAMP_PMTU) {
    const mtu = Math.min(skbRtable(skb)?.mtu() ?? 65535, reverseMtu(env, skb, par.iph, fl));
    if (mtu <= HEADERS) return NF_DROP;
    mss = mtu - HEADERS;
  }
  const end = thoff + headerLength;
  for (let at = thoff + 20; at <= end - 4; at += b[at]! <= 1 ? 1 : Math.max(b[at + 1]!, 1)) {
    if (b[at] !== 2 || b[at + 1] !== 4) continue;
    const old = get16(b, at + 2);
    if (old <= mss) return XT_CONTINUE; // never more than was asked
    set16(b, at + 2, mss);
    updateChecksum(skb, thoff, old, mss);
    return XT_CONTINUE;
  }
  if (length > headerLength || headerLength >= 60 || skb.tailroom < 4) return XT_CONTINUE;
  addOption(skb, par.iph, thoff, Math.min(mss, DEFAULT_MSS));
  return XT_CONTINUE;
}

function reverseMtu(env: XtEnv, skb: SkBuff, iph: number, fl: FlowKey): number {
  fl.reset();
  fl.daddr = get32(skb.head, iph + ip.SOURCE);
  const rt = ipRouteOutputKey(env.ip4, fl);
  return rt.error === 0 ? rt.mtu() : 65535;
}

function updateChecksum(skb: SkBuff, thoff: number, from: number, to: number): void {
  updateField16(skb.head, thoff + 16, from, to, false, skb.ipSummed === CHECKSUM_PARTIAL);
}

/** Puts the option in front of the others; the segment carries no data. */
function addOption(skb: SkBuff, iph: number, thoff: number, mss: number): void {
  const b = skb.head;
  const { tail } = skb;
  b.copyWithin(thoff + 24, thoff + 20, tail);
  skb.put(4);
  const lengthBefore = tail - thoff;
  const partial = skb.ipSummed === CHECKSUM_PARTIAL;
  updateField16(b, thoff + 16, lengthBefore, lengthBefore + 4, true, partial);
  set32(b, thoff + 20, (0x02040000 | mss) >>> 0);
  updateChecksum(skb, thoff, 0, 0x0204);
  updateChecksum(skb, thoff, 0, mss);
  const old = get16(b, thoff + 12);
  b[thoff + 12] = b[thoff + 12]! + 0x10;
  updateChecksum(skb, thoff, old, get16(b, thoff + 12));
  const total = get16(b, iph + 2);
  set16(b, iph + 2, total + 4);
  set16(b, iph + ip.CHECKSUM, replace16(get16(b, iph + ip.CHECKSUM), total, total + 4));
}
