// Match udp: ports. Answers to xt_tcpudp.c (udp_mt) and, as iptables-nft uses it, nft_payload.c.

import { IPPROTO_UDP } from "../../../wire/ipv4.ts";
import { get16 } from "../../../wire/layout.ts";
import { KEY_DPORT, KEY_SPORT, keyRanges, type RuleKey } from "../rule-keys.ts";
import { type BoxFn, invalid, type MatchFn, type XtMatch } from "../x-tables.ts";

export const XT_UDP_INV_SRCPT = 1;
export const XT_UDP_INV_DSTPT = 2;

export interface UdpInfo {
  spts: [number, number];
  dpts: [number, number];
  invflags: number;
}

export const udpMatch: XtMatch<UdpInfo> = {
  name: "udp",
  memo: () => true,
  box: portsBox,
  create(info, { proto, invProto }) {
    // with ports it has become expressions, which say nothing of the protocol
    if (!anyPorts(info)) return { fn: portsMt(info) };
    if (proto !== IPPROTO_UDP || invProto) invalid();
    return { fn: wholeHeaderMt(8) };
  },
  keys: portKeys,
};

/** Ports that are not inverted, as keys. */
export function portKeys({ spts, dpts, invflags }: UdpInfo): RuleKey[] {
  const keys: RuleKey[] = [];
  const isAny = ([low, high]: readonly [number, number]): boolean => low === 0 && high === 0xffff;
  if (!isAny(spts) && !(invflags & XT_UDP_INV_SRCPT)) keys.push(keyRanges(KEY_SPORT, [spts], 16));
  if (!isAny(dpts) && !(invflags & XT_UDP_INV_DSTPT)) keys.push(keyRanges(KEY_DPORT, [dpts], 16));
  return keys;
}

/** How the answer depends on ports. */
export function portsBox({ spts, dpts }: UdpInfo): BoxFn {
  return ({ skb, thoff }, box) => {
    box.sport.part(spts[0], spts[1], get16(skb.head, thoff));
    box.dport.part(dpts[0], dpts[1], get16(skb.head, thoff + 2));
  };
}

/** Nothing is asked of the ports. */
export function anyPorts({ spts, dpts, invflags }: UdpInfo): boolean {
  return spts[0] === 0 && spts[1] === 0xffff && dpts[0] === 0 && dpts[1] === 0xffff && invflags === 0;
}

/** The header must be there, or the packet goes. */
function wholeHeaderMt(headerLength: number): MatchFn {
  return (par) => {
    if (par.fragoff !== 0) return false;
    if (par.skb.tail - par.thoff >= headerLength) return true;
    par.hotdrop = true;
    return false;
  };
}

/** Source and destination port, both single and both not to be: iptables-nft compares them as one number. */
function isPair({ spts, dpts, invflags }: UdpInfo): boolean {
  const inverted = XT_UDP_INV_SRCPT | XT_UDP_INV_DSTPT;
  const single = spts[0] === spts[1] && dpts[0] === dpts[1] && spts[0] !== 0 && dpts[0] !== 0;
  return single && (invflags & inverted) === inverted;
}

/** Ports at the beginning of a transport header; what is not there does not match. */
export function portsMt(info: UdpInfo): MatchFn {
  const [smin, smax] = info.spts;
  const [dmin, dmax] = info.dpts;
  const invSport = (info.invflags & XT_UDP_INV_SRCPT) !== 0;
  const invDport = (info.invflags & XT_UDP_INV_DSTPT) !== 0;
  const pair = isPair(info);
  return (par) => {
    const { thoff, skb } = par;
    if (par.fragoff !== 0 || skb.tail - thoff < 4) return false;
    const sport = get16(skb.head, thoff);
    const dport = get16(skb.head, thoff + 2);
    if (pair) return sport !== smin || dport !== dmin;
    if ((sport >= smin && sport <= smax) === invSport) return false;
    return (dport >= dmin && dport <= dmax) !== invDport;
  };
}
