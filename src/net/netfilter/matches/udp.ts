// Match udp: ports. Answers to xt_tcpudp.c (udp_mt) and, as iptables-nft uses it, nft_payload.c.

import { IPPROTO_UDP } from "../../../wire/ipv4.ts";
import { get16 } from "../../../wire/layout.ts";
import type { MatchFn, XtMatch } from "../x-tables.ts";

export const XT_UDP_INV_SRCPT = 1;
export const XT_UDP_INV_DSTPT = 2;

export interface UdpInfo {
  spts: [number, number];
  dpts: [number, number];
  invflags: number;
}

export const udpMatch: XtMatch<UdpInfo> = {
  name: "udp",
  proto: IPPROTO_UDP,
  create: (info) => ({ fn: portsMt(info, 8) }),
};

/** Ports at the beginning of a transport header of at least `headerLength` bytes. */
export function portsMt(info: UdpInfo, headerLength: number): MatchFn {
  const [smin, smax] = info.spts;
  const [dmin, dmax] = info.dpts;
  const invSport = (info.invflags & XT_UDP_INV_SRCPT) !== 0;
  const invDport = (info.invflags & XT_UDP_INV_DSTPT) !== 0;
  return (par) => {
    const { thoff, skb } = par;
    if (par.fragoff !== 0) return false;
    if (skb.tail - thoff < headerLength) {
      par.hotdrop = true;
      return false;
    }
    const sport = get16(skb.head, thoff);
    if ((sport >= smin && sport <= smax) === invSport) return false;
    const dport = get16(skb.head, thoff + 2);
    return (dport >= dmin && dport <= dmax) !== invDport;
  };
}
