// IP options (RFC 791): record route, timestamp, source routes, router alert: checked and filled in on arrival, again when
// forwarded, turned round for an answer. Answers to net/ipv4/ip_options.c. Security options pass unread.

import { MSEC } from "../../base/time.ts";
import { ICMP_PARAMETERPROB } from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { get32, set32 } from "../../wire/layout.ts";
import type { NetDevice } from "../core/net-device.ts";
import { PACKET_HOST, type SkBuff } from "../core/skb.ts";
import { inDevOf } from "./devconf.ts";
import { inetSelectAddr } from "./devinet-addr.ts";
import { fibResultPrefsrc } from "./fib-semantics.ts";
import { RT_SCOPE_LINK, RT_SCOPE_UNIVERSE, RTN_LOCAL, RTN_UNICAST } from "./fib-types.ts";
import {
  IPOPT_CHANGED,
  IPOPT_RR_NEEDADDR,
  IPOPT_SRR_HIT,
  IPOPT_STRICTROUTE,
  IPOPT_TS_NEEDADDR,
  IPOPT_TS_NEEDTIME,
} from "./ip-cb.ts";
import type { Ipv4 } from "./ipv4.ts";
import { inetAddrType, routeScratch } from "./route.ts";
import { ipRouteInput } from "./route-input.ts";
import { RTCF_BROADCAST, RTCF_LOCAL, RTCF_MULTICAST, type Rtable, skbRtable } from "./rtable.ts";

export const IPOPT_END = 0;
export const IPOPT_NOOP = 1;
export const IPOPT_RR = 7;
export const IPOPT_TIMESTAMP = 68;
export const IPOPT_LSRR = 131;
export const IPOPT_RA = 148;
export const IPOPT_SSRR = 137;
const TS_TSONLY = 0;
const TS_TSANDADDR = 1;
const TS_PRESPEC = 3;

/** A header's options as to be sent (struct ip_options): `data` is a multiple of four bytes; offsets are in the header. */
export interface IpOptions {
  readonly data: Uint8Array;
  /** 0 where there is none */
  readonly rr: number;
  readonly ts: number;
  readonly srr: number;
  /** IPOPT_* bits of ip-cb.ts */
  readonly flags: number;
  /** first hop of a source route, else 0 */
  readonly faddr: number;
}

/** Where the options of a header lie and what is still to be done to them; one re-used object. */
class Compiled {
  rr = 0;
  ts = 0;
  srr = 0;
  ra = 0;
  flags = 0;
  /** offset in the header of what is wrong, −1 nothing */
  bad = -1;
}

/**
 * Walks the options of the header at `ip` (__ip_options_compile). `skb` null: options that a user gave, which are checked
 * and prepared; else received ones, in which this host enters itself.
 */
function compile(ip4: Ipv4, head: Uint8Array, ip: number, length: number, skb: SkBuff | null): Compiled {
  const out = new Compiled();
  const received = skb !== null;
  const fail = (at: number): Compiled => {
    out.bad = at - ip;
    return out;
  };
  const end = ip + length;
  let at = ip + ipv4.HEADER_LENGTH;
  while (at < end) {
    const kind = head[at]!;
    if (kind === IPOPT_END) {
      for (let i = at + 1; i < end; i++)
        if (head[i] !== IPOPT_END) {
          head[i] = IPOPT_END;
          out.flags |= IPOPT_CHANGED;
        }
      break;
    }
    if (kind === IPOPT_NOOP) {
      at++;
      continue;
    }
    if (end - at < 2) return fail(at);
    const optLen = head[at + 1]!;
    if (optLen < 2 || optLen > end - at) return fail(at);
    switch (kind) {
      case IPOPT_SSRR:
      case IPOPT_LSRR:
        if (optLen < 3) return fail(at + 1);
        if (head[at + 2]! < 4) return fail(at + 2);
        if (out.srr !== 0) return fail(at);
        if (!received && (head[at + 2] !== 4 || optLen < 7 || ((optLen - 3) & 3) !== 0)) return fail(at + 1);
        if (kind === IPOPT_SSRR) out.flags |= IPOPT_STRICTROUTE;
        out.srr = at - ip;
        break;
      case IPOPT_RR: {
        if (out.rr !== 0) return fail(at);
        if (optLen < 3) return fail(at + 1);
        const pointer = head[at + 2]!;
        if (pointer < 4) return fail(at + 2);
        if (pointer <= optLen) {
          if (pointer + 3 > optLen) return fail(at + 2);
          if (skb) {
            set32(head, at + pointer - 1, specDst(ip4, skb));
            out.flags |= IPOPT_CHANGED;
          }
          head[at + 2] = pointer + 4;
          out.flags |= IPOPT_RR_NEEDADDR;
        }
        out.rr = at - ip;
        break;
      }
      case IPOPT_TIMESTAMP: {
        if (out.ts !== 0) return fail(at);
        if (optLen < 4) return fail(at + 1);
        if (head[at + 2]! < 5) return fail(at + 2);
        const bad = compileTimestamp(ip4, head, at, optLen, skb, out);
        if (bad >= 0) return fail(bad);
        out.ts = at - ip;
        break;
      }
      case IPOPT_RA:
        if (optLen < 4) return fail(at + 1);
        if (head[at + 2] === 0 && head[at + 3] === 0) out.ra = at - ip;
        break;
    }
    at += optLen;
  }
  return out;
}

function compileTimestamp(
  ip4: Ipv4,
  head: Uint8Array,
  at: number,
  optLen: number,
  skb: SkBuff | null,
  out: Compiled,
): number {
  const pointer = head[at + 2]!;
  if (pointer > optLen) {
    // those who are named have all been asked: nobody else is counted
    if ((head[at + 3]! & 15) === TS_PRESPEC) return -1;
    const overflow = head[at + 3]! >> 4;
    if (overflow === 15) return at + 3;
    if (skb) {
      head[at + 3] = (head[at + 3]! & 15) | ((overflow + 1) << 4);
      out.flags |= IPOPT_CHANGED;
    }
    return -1;
  }
  if (pointer + 3 > optLen) return at + 2;
  let timeAt = -1;
  switch (head[at + 3]! & 15) {
    case TS_TSONLY:
      timeAt = at + pointer - 1;
      out.flags |= IPOPT_TS_NEEDTIME;
      head[at + 2] = pointer + 4;
      break;
    case TS_TSANDADDR:
      if (pointer + 7 > optLen) return at + 2;
      if (skb) set32(head, at + pointer - 1, specDst(ip4, skb));
      timeAt = at + pointer + 3;
      out.flags |= IPOPT_TS_NEEDADDR | IPOPT_TS_NEEDTIME;
      head[at + 2] = pointer + 8;
      break;
    case TS_PRESPEC:
      if (pointer + 7 > optLen) return at + 2;
      if (inetAddrType(ip4, get32(head, at + pointer - 1)) === RTN_UNICAST) break;
      timeAt = at + pointer + 3;
      out.flags |= IPOPT_TS_NEEDTIME;
      head[at + 2] = pointer + 8;
      break;
    default:
      break;
  }
  if (skb && timeAt >= 0) {
    set32(head, timeAt, inetCurrentTimestamp(ip4));
    out.flags |= IPOPT_CHANGED;
  }
  return -1;
}

/** Milliseconds since midnight UTC (inet_current_timestamp). */
export function inetCurrentTimestamp(ip4: Ipv4): number {
  return Math.floor(ip4.net.kernel.epochMs + ip4.net.now / MSEC) % 86_400_000;
}

/** Options that a user gave for a socket (ip_options_get); null: they are malformed (EINVAL). */
export function ipOptionsGet(ip4: Ipv4, options: Uint8Array): IpOptions | null {
  const length = (options.length + 3) & ~3;
  if (length > 40) return null;
  const bytes = new Uint8Array(ipv4.HEADER_LENGTH + length);
  bytes.set(options, ipv4.HEADER_LENGTH);
  const compiled = compile(ip4, bytes, 0, bytes.length, null);
  if (compiled.bad >= 0) return null;
  const data = bytes.slice(ipv4.HEADER_LENGTH);
  let faddr = 0;
  if (compiled.srr !== 0) {
    // the first hop becomes the destination, the others move up, the last place is for the real one
    const at = compiled.srr - ipv4.HEADER_LENGTH;
    const len = data[at + 1]!;
    faddr = get32(data, at + 3);
    if (len > 7) data.copyWithin(at + 3, at + 7, at + len);
  }
  return { data, rr: compiled.rr, ts: compiled.ts, srr: compiled.srr, flags: compiled.flags, faddr };
}

/** Writes options behind the fixed header of a packet to be sent, with our address and time (ip_options_build). */
export function ipOptionsBuild(ip4: Ipv4, skb: SkBuff, options: IpOptions, daddr: number, rt: Rtable): void {
  const { head } = skb;
  const ip = skb.networkHeader;
  head.set(options.data, ip + ipv4.HEADER_LENGTH);
  const { srr, rr, ts, flags } = options;
  if (srr !== 0) set32(head, ip + srr + head[ip + srr + 1]! - 4, daddr);
  if (flags & IPOPT_RR_NEEDADDR) set32(head, ip + rr + head[ip + rr + 2]! - 5, ipRtGetSource(ip4, skb, rt));
  if (flags & IPOPT_TS_NEEDADDR) set32(head, ip + ts + head[ip + ts + 2]! - 9, ipRtGetSource(ip4, skb, rt));
  if (flags & IPOPT_TS_NEEDTIME) set32(head, ip + ts + head[ip + ts + 2]! - 5, inetCurrentTimestamp(ip4));
}

/** In fragments but the first, options that are not to be copied become no-operations (ip_options_fragment). */
export function ipOptionsFragment(skb: SkBuff): void {
  const { head } = skb;
  const ip = skb.networkHeader;
  const end = ip + ipv4.getHeaderLength(head, ip);
  let at = ip + ipv4.HEADER_LENGTH;
  while (at < end) {
    const kind = head[at]!;
    if (kind === IPOPT_END) return;
    if (kind === IPOPT_NOOP) {
      at++;
      continue;
    }
    const len = head[at + 1]!;
    if (len < 2 || at + len > end) return;
    if ((kind & 0x80) === 0) head.fill(IPOPT_NOOP, at, at + len);
    at += len;
  }
}

/**
 * Options of a received packet, which is routed (ip_rcv_options): checked, filled in, source route followed. False: it
 * must be dropped; the sender has been told where that is due.
 */
export function ipRcvOptions(ip4: Ipv4, skb: SkBuff, dev: NetDevice): boolean {
  const { head } = skb;
  const ip = skb.networkHeader;
  const length = ipv4.getHeaderLength(head, ip);
  const compiled = compile(ip4, head, ip, length, skb);
  skb.optLen = length - ipv4.HEADER_LENGTH;
  if (compiled.bad >= 0) {
    ip4.mib.ip.InHdrErrors++;
    ip4.ops.icmpSend(skb, ICMP_PARAMETERPROB, 0, (compiled.bad << 24) >>> 0);
    return false;
  }
  skb.optOffset = compiled.rr | (compiled.ts << 8) | (compiled.srr << 16) | (compiled.ra << 24);
  skb.ipcbFlags |= compiled.flags;
  if (compiled.srr === 0) return true;
  const inDev = inDevOf(dev);
  if (!inDev?.and("acceptSourceRoute")) return false;
  return rcvSourceRoute(ip4, skb, dev);
}

/** ip_options_rcv_srr */
function rcvSourceRoute(ip4: Ipv4, skb: SkBuff, dev: NetDevice): boolean {
  const { head } = skb;
  const ip = skb.networkHeader;
  const at = ip + srrOf(skb);
  let rt = skbRtable(skb);
  if (!rt) return true;
  if (skb.pktType !== PACKET_HOST) return false;
  if (rt.type === RTN_UNICAST) {
    if (!(skb.ipcbFlags & IPOPT_STRICTROUTE)) return true;
    ip4.ops.icmpSend(skb, ICMP_PARAMETERPROB, 0, (16 << 24) >>> 0);
    return false;
  }
  if (rt.type !== RTN_LOCAL) return false;
  const space = head[at + 1]!;
  let pointer = head[at + 2]!;
  let nexthop = 0;
  for (; pointer <= space; pointer += 4) {
    if (pointer + 3 > space) {
      ip4.ops.icmpSend(skb, ICMP_PARAMETERPROB, 0, ((srrOf(skb) + 2) << 24) >>> 0);
      return false;
    }
    nexthop = get32(head, at + pointer - 1);
    const before = rt;
    const reason = ipRouteInput(ip4, skb, nexthop, ipv4.getSource(head, ip), ipv4.getTos(head, ip), dev);
    rt = skbRtable(skb)!;
    if (reason !== null || (rt.type !== RTN_UNICAST && rt.type !== RTN_LOCAL)) {
      skb.dst = before;
      return false;
    }
    if (rt.type !== RTN_LOCAL) break;
    ipv4.setDestination(head, ip, nexthop);
    skb.ipcbFlags |= IPOPT_CHANGED;
  }
  if (pointer <= space) {
    skb.ipcbFlags |= IPOPT_SRR_HIT | IPOPT_CHANGED;
    skb.cb3 = nexthop;
  }
  return true;
}

function srrOf(skb: SkBuff): number {
  return (skb.optOffset >>> 16) & 255;
}

/** True for a packet that asks routers to look at it (RFC 2113). */
export function hasRouterAlert(skb: SkBuff): boolean {
  return skb.optOffset >>> 24 !== 0;
}

/** True when the packet carries a strict source route and so must not use a gateway. */
export function isStrictRoute(skb: SkBuff): boolean {
  return (skb.ipcbFlags & IPOPT_STRICTROUTE) !== 0;
}

export function hasSourceRoute(skb: SkBuff): boolean {
  return srrOf(skb) !== 0;
}

/** A forwarded packet's options get the address that it leaves by (ip_forward_options). */
export function ipForwardOptions(ip4: Ipv4, skb: SkBuff): void {
  const { head } = skb;
  const ip = skb.networkHeader;
  const rt = skbRtable(skb)!;
  if (skb.ipcbFlags & IPOPT_RR_NEEDADDR) {
    const at = ip + (skb.optOffset & 255);
    set32(head, at + head[at + 2]! - 5, ipRtGetSource(ip4, skb, rt));
    skb.ipcbFlags |= IPOPT_CHANGED;
  }
  if (skb.ipcbFlags & IPOPT_SRR_HIT) {
    const at = ip + srrOf(skb);
    const space = head[at + 1]!;
    for (let pointer = head[at + 2]!; pointer + 3 <= space; pointer += 4) {
      if (get32(head, at + pointer - 1) !== skb.cb3) continue;
      ipv4.setDestination(head, ip, skb.cb3);
      set32(head, at + pointer - 1, ipRtGetSource(ip4, skb, rt));
      head[at + 2] = pointer + 4;
      break;
    }
    if (skb.ipcbFlags & IPOPT_TS_NEEDADDR) {
      const ts = ip + ((skb.optOffset >>> 8) & 255);
      set32(head, ts + head[ts + 2]! - 9, ipRtGetSource(ip4, skb, rt));
    }
  }
  if (skb.ipcbFlags & IPOPT_CHANGED) {
    skb.ipcbFlags &= ~IPOPT_CHANGED;
    ipv4.updateChecksum(head, ip);
  }
}

/** The options that an answer to a received packet carries (__ip_options_echo): null where it had none. */
export function ipOptionsEcho(ip4: Ipv4, skb: SkBuff): IpOptions | null {
  const { head } = skb;
  const ip = skb.networkHeader;
  if (skb.optOffset === 0 || skb.optLen === 0) return null;
  const data = new Uint8Array(40);
  let n = 0;
  let flags = 0;
  let rr = 0;
  let ts = 0;
  let srr = 0;
  let faddr = 0;
  const rrFrom = skb.optOffset & 255;
  if (rrFrom !== 0) {
    const from = ip + rrFrom;
    const len = head[from + 1]!;
    const pointer = head[from + 2]!;
    rr = n + ipv4.HEADER_LENGTH;
    data.set(head.subarray(from, from + len), n);
    if (skb.ipcbFlags & IPOPT_RR_NEEDADDR && pointer <= len) {
      if (pointer + 3 > len) return null;
      data[n + 2] = pointer + 4;
      flags |= IPOPT_RR_NEEDADDR;
    }
    n += len;
  }
  const tsFrom = (skb.optOffset >>> 8) & 255;
  if (tsFrom !== 0) {
    const from = ip + tsFrom;
    const len = head[from + 1]!;
    let pointer = head[from + 2]!;
    ts = n + ipv4.HEADER_LENGTH;
    data.set(head.subarray(from, from + len), n);
    if (pointer <= len) {
      if (skb.ipcbFlags & IPOPT_TS_NEEDADDR) {
        if (pointer + 3 > len) return null;
        flags |= IPOPT_TS_NEEDADDR;
        pointer += 4;
      }
      if (skb.ipcbFlags & IPOPT_TS_NEEDTIME) {
        if (pointer + 3 > len) return null;
        if ((data[n + 3]! & 15) !== TS_PRESPEC) {
          flags |= IPOPT_TS_NEEDTIME;
          pointer += 4;
        } else if (pointer + 7 <= len && inetAddrType(ip4, get32(data, n + pointer - 1)) !== RTN_UNICAST) {
          flags |= IPOPT_TS_NEEDTIME;
          pointer += 8;
        }
      }
      data[n + 2] = pointer;
    }
    n += len;
  }
  const srrFrom = srrOf(skb);
  if (srrFrom !== 0) {
    const from = ip + srrFrom;
    const len = head[from + 1]!;
    let pointer = Math.min(head[from + 2]!, len + 1) - 4;
    let to = 0;
    if (pointer > 3) {
      faddr = get32(head, from + pointer - 1);
      for (pointer -= 4, to = 4; pointer > 3; pointer -= 4, to += 4)
        set32(data, n + to - 1, get32(head, from + pointer - 1));
      // the sender itself is no hop of its own route (RFC 1812 section 5.2.4.1)
      if (get32(head, from + pointer + 3) === ipv4.getSource(head, ip)) to -= 4;
    }
    if (to > 3) {
      data[n] = head[from]!;
      data[n + 1] = to + 3;
      data[n + 2] = 4;
      srr = n + ipv4.HEADER_LENGTH;
      n += to + 3;
      flags |= skb.ipcbFlags & IPOPT_STRICTROUTE;
    } else faddr = 0;
  }
  if (n === 0) return null;
  return { data: data.slice(0, (n + 3) & ~3), rr, ts, srr, flags, faddr };
}

/** The address that we would send from by this route (ip_rt_get_source). */
export function ipRtGetSource(ip4: Ipv4, skb: SkBuff, rt: Rtable): number {
  const { head } = skb;
  const ip = skb.networkHeader;
  if (!rt.isInput) return ipv4.getSource(head, ip);
  const fl = routeScratch.pmtuFlow.reset();
  const res = routeScratch.pmtuRes;
  fl.daddr = ipv4.getDestination(head, ip);
  fl.saddr = ipv4.getSource(head, ip);
  fl.tos = ipv4.getTos(head, ip);
  fl.oif = rt.dev.ifindex;
  fl.iif = skb.dev?.ifindex ?? 0;
  fl.mark = skb.mark;
  if (ip4.fib.lookup(fl, res) === 0) return fibResultPrefsrc(ip4, res);
  return inetSelectAddr(ip4, rt.dev, rt.nexthop(fl.daddr), RT_SCOPE_UNIVERSE);
}

/** The address of ours that a received packet was meant for (fib_compute_spec_dst). */
export function specDst(ip4: Ipv4, skb: SkBuff): number {
  const { head } = skb;
  const ip = skb.networkHeader;
  const rt = skbRtable(skb);
  const kind = rt ? rt.flags & (RTCF_BROADCAST | RTCF_MULTICAST | RTCF_LOCAL) : 0;
  if (kind === RTCF_LOCAL) return ipv4.getDestination(head, ip);
  const dev = skb.dev;
  const saddr = ipv4.getSource(head, ip) as number;
  if (saddr === 0) return inetSelectAddr(ip4, dev, 0, RT_SCOPE_LINK);
  const fl = routeScratch.pmtuFlow.reset();
  const res = routeScratch.pmtuRes;
  fl.daddr = saddr;
  fl.iif = ip4.loopback.ifindex;
  fl.tos = ipv4.getTos(head, ip);
  fl.mark = dev && inDevOf(dev)?.or("srcValidMark") ? skb.mark : 0;
  if (ip4.fib.lookup(fl, res) === 0) return fibResultPrefsrc(ip4, res);
  return inetSelectAddr(ip4, dev, saddr, RT_SCOPE_UNIVERSE);
}
