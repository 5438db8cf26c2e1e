// Match tcp: ports, flags, one option. iptables-nft turns it into expressions over the transport header, so a later
// fragment never matches, inverted or not. Answers to xt_tcpudp.c (tcp_mt) and nft_payload.c.

import { IPPROTO_TCP } from "../../../wire/ipv4.ts";
import { get16 } from "../../../wire/layout.ts";
import type { MatchFn, XtMatch } from "../x-tables.ts";

export const XT_TCP_INV_SRCPT = 1;
export const XT_TCP_INV_DSTPT = 2;
export const XT_TCP_INV_FLAGS = 4;
export const XT_TCP_INV_OPTION = 8;

export interface TcpInfo {
  /** first and last port */
  spts: [number, number];
  dpts: [number, number];
  /** option kind, 0 none */
  option: number;
  flgMask: number;
  flgCmp: number;
  invflags: number;
}

export const tcpMatch: XtMatch<TcpInfo> = {
  name: "tcp",
  proto: IPPROTO_TCP,
  create: (info) => ({ fn: tcpMt(info) }),
};

function tcpMt(info: TcpInfo): MatchFn {
  const [smin, smax] = info.spts;
  const [dmin, dmax] = info.dpts;
  const { option, flgMask, flgCmp, invflags } = info;
  const invSport = (invflags & XT_TCP_INV_SRCPT) !== 0;
  const invDport = (invflags & XT_TCP_INV_DSTPT) !== 0;
  const invFlags = (invflags & XT_TCP_INV_FLAGS) !== 0;
  const invOption = (invflags & XT_TCP_INV_OPTION) !== 0;
  const anySport = smin === 0 && smax === 0xffff && !invSport;
  const anyDport = dmin === 0 && dmax === 0xffff && !invDport;
  const anyFlags = flgMask === 0 && !invFlags;
  const wantOption = option !== 0 || invOption;
  return (par) => {
    const { thoff, skb } = par;
    if (par.fragoff !== 0) {
      if (par.fragoff === 1) par.hotdrop = true; // RFC 1858: it would overwrite the flags
      return false;
    }
    if (skb.tail - thoff < 20) {
      par.hotdrop = true;
      return false;
    }
    const b = skb.head;
    if (!anySport) {
      const port = get16(b, thoff);
      if ((port >= smin && port <= smax) === invSport) return false;
    }
    if (!anyDport) {
      const port = get16(b, thoff + 2);
      if ((port >= dmin && port <= dmax) === invDport) return false;
    }
    if (!anyFlags && ((b[thoff + 13]! & flgMask) === flgCmp) === invFlags) return false;
    return !wantOption || hasOption(b, thoff, skb.tail, option) !== invOption;
  };
}

function hasOption(b: Uint8Array, th: number, tail: number, option: number): boolean {
  const end = th + ((b[th + 12]! >>> 4) << 2);
  if (end > tail) return false;
  for (let at = th + 20; at < end; ) {
    const kind = b[at]!;
    if (kind === option) return true;
    at += kind < 2 ? 1 : Math.max(b[at + 1]!, 1);
  }
  return false;
}
