// Match tcp: ports, flags, one option. iptables-nft turns it into expressions over the transport header, so a later
// fragment never matches, inverted or not. Answers to xt_tcpudp.c (tcp_mt) and nft_payload.c.

import { IPPROTO_TCP } from "../../../wire/ipv4.ts";
import { KEY_TCPFLAGS, keyOf } from "../rule-keys.ts";
import { invalid, type MatchFn, type XtMatch } from "../x-tables.ts";
import { anyPorts, portKeys, portsBox, portsMt } from "./udp.ts";

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
  memo: ({ option, flgMask }) => option === 0 && flgMask === 0,
  box: portsBox,
  create(info, { proto, invProto }) {
    if (!isPlain(info)) return { fn: expressionsMt(info) };
    if (proto !== IPPROTO_TCP || invProto) invalid();
    return { fn: tcpMt(info) };
  },
  keys: (info) => {
    const { flgMask, flgCmp, invflags } = info;
    const keys = portKeys(info);
    if (flgMask !== 0 && !(invflags & XT_TCP_INV_FLAGS)) keys.push(keyOf(KEY_TCPFLAGS, flgCmp, flgMask));
    return keys;
  },
};

/** What iptables-nft leaves to xt_tcpudp: a rule about an option, or about nothing. */
function isPlain({ spts, dpts, option, flgMask, flgCmp, invflags }: TcpInfo): boolean {
  const bare = anyPorts({ spts, dpts, invflags }) && flgMask === 0 && flgCmp === 0;
  return bare || option !== 0 || (invflags & XT_TCP_INV_OPTION) !== 0;
}

/** Ports and flags as nf_tables compares them: what is not there does not match. */
function expressionsMt(info: TcpInfo): MatchFn {
  const { flgMask, flgCmp, invflags } = info;
  const invFlags = (invflags & XT_TCP_INV_FLAGS) !== 0;
  const ports = portsMt({ ...info, invflags: invflags & (XT_TCP_INV_SRCPT | XT_TCP_INV_DSTPT) });
  if (flgMask === 0) return ports;
  return (par) => {
    const { thoff, skb } = par;
    if (skb.tail - thoff < 14 || !ports(par)) return false;
    return ((skb.head[thoff + 13]! & flgMask) === flgCmp) !== invFlags;
  };
}

function tcpMt(info: TcpInfo): MatchFn {
  const ports = portsMt({ ...info, invflags: info.invflags & (XT_TCP_INV_SRCPT | XT_TCP_INV_DSTPT) });
  const { option, flgMask, flgCmp, invflags } = info;
  const invFlags = (invflags & XT_TCP_INV_FLAGS) !== 0;
  const invOption = (invflags & XT_TCP_INV_OPTION) !== 0;
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
    if (!ports(par)) return false;
    const b = skb.head;
    if (flgMask !== 0 && ((b[thoff + 13]! & flgMask) === flgCmp) === invFlags) return false;
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
