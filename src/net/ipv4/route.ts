// Routing of packets made here: which device, which next hop, which source address (`ipRouteOutputKey`), and what is
// learned about routes afterwards: path MTUs. Received packets are routed by route-input.ts. Answers to net/ipv4/route.c.

import { Errno } from "../../base/errno.ts";
import { LazyMap } from "../../base/lazy.ts";
import { SEC } from "../../base/time.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import type { NetDevice } from "../core/net-device.ts";
import { type SkBuff, trace } from "../core/skb.ts";
import type { Sock } from "../core/sock.ts";
import { inDevOf } from "./devconf.ts";
import { inetSelectAddr, ipDevFind } from "./devinet-addr.ts";
import { fibResultPrefsrc, selectDefault, selectMultipath } from "./fib-semantics.ts";
import { forgetFibResults } from "./fib-tables.ts";
import {
  FibResult,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
  RTN_UNREACHABLE,
} from "./fib-types.ts";
import type { Ipv4 } from "./ipv4.ts";
import { RouteCache } from "./route-cache.ts";
import { fillFromException, findException, updateException } from "./route-exception.ts";
import {
  DST_LOCAL_DELIVER,
  DST_MC_OUTPUT,
  DST_RT_BUG,
  FLOWI_FLAG_ANYSRC,
  FlowKey,
  RTCF_BROADCAST,
  RTCF_LOCAL,
  RTCF_MULTICAST,
  Rtable,
} from "./rtable.ts";

export * from "./rtable.ts";

/**
 * Scratch of routing, re-used from packet to packet. One for all namespaces: a look-up ends before anything is sent, and what
 * is sent to another namespace waits in the backlog.
 */
export const routeScratch: {
  readonly res: FibResult;
  readonly sourceRes: FibResult;
  readonly pmtuRes: FibResult;
  readonly fl: FlowKey;
  readonly inputFlow: FlowKey;
  readonly sourceFlow: FlowKey;
  readonly meHarderFlow: FlowKey;
  readonly pmtuFlow: FlowKey;
  readonly arpFlow: FlowKey;
} = {
  res: new FibResult(),
  sourceRes: new FibResult(),
  pmtuRes: new FibResult(),
  fl: new FlowKey(),
  inputFlow: new FlowKey(),
  sourceFlow: new FlowKey(),
  meHarderFlow: new FlowKey(),
  pmtuFlow: new FlowKey(),
  arpFlow: new FlowKey(),
};

/** Lets go of the last look-ups' answers, by which a lab that is over would stay in memory. */
export function forgetRoutes(): void {
  for (const res of [routeScratch.res, routeScratch.sourceRes, routeScratch.pmtuRes]) res.clear();
  forgetFibResults();
}

/** What routing keeps in one namespace. */
export class RouteState {
  /** the ways of earlier packets, received and sent */
  readonly inputs: RouteCache = new RouteCache();
  readonly outputs: RouteCache = new RouteCache();
  private readonly ip4: Ipv4;
  /** −1: not drawn yet */
  private _hashSeed = -1;
  private _errors: LazyMap<number, Rtable> | null = null;
  private _inputErrors: LazyMap<number, Rtable> | null = null;

  constructor(ip4: Ipv4) {
    this.ip4 = ip4;
  }

  /** of multipath routes */
  get hashSeed(): number {
    if (this._hashSeed < 0) this._hashSeed = this.ip4.rng.fork("multipath").u32();
    return this._hashSeed;
  }

  /** answers of look-ups that failed, by errno */
  get errors(): LazyMap<number, Rtable> {
    this._errors ??= new LazyMap();
    return this._errors;
  }

  /** input routes of packets that cannot go on, by errno */
  get inputErrors(): LazyMap<number, Rtable> {
    this._inputErrors ??= new LazyMap();
    return this._inputErrors;
  }
}

/** The answer when there is no route: an Rtable by loopback whose `error` says why. */
export function errorRoute(ip4: Ipv4, errno: number): Rtable {
  const { errors } = ip4.route;
  let rt = errors.get(errno);
  if (!rt) {
    rt = new Rtable(ip4, ip4.loopback, 0, RTN_UNREACHABLE);
    rt.error = errno;
    rt.outputKind = DST_RT_BUG;
    rt.dead = true;
    errors.set(errno, rt);
  }
  return rt;
}

/**
 * Routes a packet made here (ip_route_output_key_hash_rcu). Writes back fl.saddr, and fl.daddr when it was 0. Allocates
 * nothing when the nexthop's cached entry is good. `error` of the answer is 0 or a positive errno: ENETUNREACH,
 * EHOSTUNREACH, EACCES, EINVAL, ENODEV.
 */
export function ipRouteOutputKey(ip4: Ipv4, fl: FlowKey): Rtable {
  return outputRoute(ip4, fl, routeScratch.res);
}

/** As ipRouteOutputKey, with the table look-up's answer left in `res` for those who show it. */
export function outputRoute(ip4: Ipv4, fl: FlowKey, res: FibResult): Rtable {
  const { net } = ip4;
  const loopback = ip4.loopback;
  let origOif = fl.oif;
  let flags = 0;
  let devOut: NetDevice | null = null;
  fl.iif = loopback.ifindex;
  res.clear();
  res.type = RTN_UNICAST;
  res.prefixLen = 0;

  if (fl.saddr !== 0) {
    if (isMulticast(fl.saddr) || fl.saddr === 0xffffffff) return errorRoute(ip4, Errno.EINVAL);
    if (fl.oif === 0 && (isMulticast(fl.daddr) || fl.daddr === 0xffffffff)) {
      // a sender bound to one of our addresses means that address's device
      devOut = ipDevFind(ip4, fl.saddr);
      if (!devOut) return errorRoute(ip4, Errno.ENETUNREACH);
      fl.oif = devOut.ifindex;
      return mkrouteOutput(ip4, fl, res, devOut, origOif, flags);
    }
    if (!(fl.flags & FLOWI_FLAG_ANYSRC) && !ipDevFind(ip4, fl.saddr)) return errorRoute(ip4, Errno.ENETUNREACH);
  }

  if (fl.oif !== 0) {
    devOut = net.deviceByIndex(fl.oif) ?? null;
    if (!devOut) return errorRoute(ip4, Errno.ENODEV);
    if (!devOut.up || !inDevOf(devOut)) return errorRoute(ip4, Errno.ENETUNREACH);
    if (isLocalMulticast(fl.daddr) || fl.daddr === 0xffffffff || fl.proto === ipv4.IPPROTO_IGMP) {
      if (fl.saddr === 0) fl.saddr = inetSelectAddr(ip4, devOut, 0, RT_SCOPE_LINK);
      return mkrouteOutput(ip4, fl, res, devOut, origOif, flags);
    }
    if (fl.saddr === 0) {
      if (isMulticast(fl.daddr)) fl.saddr = inetSelectAddr(ip4, devOut, 0, fl.scope);
      else if (fl.daddr === 0) fl.saddr = inetSelectAddr(ip4, devOut, 0, RT_SCOPE_HOST);
    }
  }

  if (fl.daddr === 0) {
    fl.daddr = fl.saddr;
    if (fl.daddr === 0) {
      fl.saddr = 0x7f000001;
      fl.daddr = 0x7f000001;
    }
    fl.oif = loopback.ifindex;
    res.type = RTN_LOCAL;
    return mkrouteOutput(ip4, fl, res, loopback, origOif, RTCF_LOCAL);
  }

  const err = ip4.fib.lookup(fl, res);
  if (err !== 0) {
    res.clear();
    if (fl.oif !== 0) {
      // the sender names the device: take the destination to be on its link
      if (fl.saddr === 0) fl.saddr = inetSelectAddr(ip4, devOut, 0, RT_SCOPE_LINK);
      res.type = RTN_UNICAST;
      return mkrouteOutput(ip4, fl, res, devOut!, origOif, flags);
    }
    return errorRoute(ip4, err);
  }

  if (res.type === RTN_LOCAL) {
    if (fl.saddr === 0) fl.saddr = res.info!.prefsrc !== 0 ? res.info!.prefsrc : fl.daddr;
    origOif = res.nh.oif;
    fl.oif = loopback.ifindex;
    flags |= RTCF_LOCAL;
    return mkrouteOutput(ip4, fl, res, loopback, origOif, flags);
  }

  fibSelectPath(ip4, fl, res, null);
  return mkrouteOutput(ip4, fl, res, res.nh.dev!, origOif, flags);
}

/** Chooses one of several nexthops or default routes, and the source (fib_select_path). */
export function fibSelectPath(ip4: Ipv4, fl: FlowKey, res: FibResult, skb: SkBuff | null): void {
  if (fl.oif === 0) {
    if (res.info!.nh.next !== null) selectMultipath(ip4, res, fibMultipathHash(ip4, fl, skb), fl.saddr);
    else if (
      res.prefixLen === 0 &&
      res.type === RTN_UNICAST &&
      res.aliases!.next !== null &&
      (ip4.fib.get(res.tableId)?.numDefault ?? 0) > 1
    )
      selectDefault(ip4, fl, res);
  }
  if (fl.saddr === 0) fl.saddr = fibResultPrefsrc(ip4, res);
}

/** 31 bits of a flow's addresses, or of its ports too with policy 1 (fib_multipath_hash). */
export function fibMultipathHash(ip4: Ipv4, fl: FlowKey, skb: SkBuff | null): number {
  let h = ip4.route.hashSeed;
  let { saddr, daddr } = fl;
  if (skb && ip4.sysctl.fibMultipathHashPolicy === 0) {
    const inner = quotedHeader(skb);
    if (inner >= 0) {
      // an ICMP error goes the way of the flow that it is about
      saddr = ipv4.getDestination(skb.head, inner);
      daddr = ipv4.getSource(skb.head, inner);
    }
  }
  h = mix(h, saddr);
  h = mix(h, daddr);
  if (ip4.sysctl.fibMultipathHashPolicy === 1) {
    h = mix(h, fl.proto);
    h = mix(h, (fl.sport << 16) | fl.dport);
  }
  return h >>> 1;
}

/** Offset of the IP header that an ICMP error quotes, −1 when the packet is none. */
function quotedHeader(skb: SkBuff): number {
  const { head } = skb;
  const ip = skb.networkHeader;
  if (ipv4.getProtocol(head, ip) !== ipv4.IPPROTO_ICMP) return -1;
  const at = ip + ipv4.getHeaderLength(head, ip);
  if (at + 28 > skb.tail) return -1;
  const type = head[at]!;
  return type === 3 || type === 5 || type === 11 || type === 12 ? at + 8 : -1;
}

function mix(h: number, value: number): number {
  h = Math.imul(h ^ value, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** __mkroute_output */
function mkrouteOutput(
  ip4: Ipv4,
  fl: FlowKey,
  res: FibResult,
  devOut: NetDevice,
  origOif: number,
  flags: number,
): Rtable {
  const inDev = inDevOf(devOut);
  if (!inDev) return errorRoute(ip4, Errno.EINVAL);
  if (fl.saddr >>> 24 === 127 && !devOut.loopback && !inDev.routeLocalnet) return errorRoute(ip4, Errno.EINVAL);
  let { type, info } = res;
  if (fl.daddr === 0xffffffff) {
    type = RTN_BROADCAST;
    info = null;
  } else if (isMulticast(fl.daddr)) type = RTN_MULTICAST;
  else if (fl.daddr === 0) return errorRoute(ip4, Errno.EINVAL);

  if (devOut.loopback) flags |= RTCF_LOCAL;
  let cache = true;
  if (type === RTN_BROADCAST) flags |= RTCF_BROADCAST | RTCF_LOCAL;
  else if (type === RTN_MULTICAST) {
    flags |= RTCF_MULTICAST;
    if (inDev.group(fl.daddr) !== undefined) {
      flags |= RTCF_LOCAL;
      cache = false;
    } else flags &= ~RTCF_LOCAL;
    // a multicast destination has no gateway by a default route
    if (info && res.prefixLen < 4) info = null;
  } else if (type === RTN_LOCAL && origOif !== 0 && origOif !== devOut.ifindex) cache = false;

  const nh = info ? res.nh : null;
  cache &&= nh !== null;
  const fnhe = nh ? findException(ip4, nh, fl.daddr) : null;
  if (cache) {
    const cached = fnhe ? fnhe.rthOutput : nh!.rthOutput;
    if (cached && !cached.expired) return cached;
  }

  const rt = new Rtable(ip4, devOut, flags, type);
  if (flags & RTCF_LOCAL) rt.inputKind = DST_LOCAL_DELIVER;
  rt.rtIif = origOif;
  if (flags & (RTCF_BROADCAST | RTCF_MULTICAST) && flags & RTCF_LOCAL && !devOut.loopback)
    rt.outputKind = DST_MC_OUTPUT;
  rt.fromFib = info;
  if (nh) {
    if (nh.gw !== 0 && nh.scope === RT_SCOPE_LINK) rt.gateway = nh.gw;
    if (fnhe) {
      fillFromException(rt, fnhe);
      if (cache) fnhe.rthOutput = rt;
    } else if (cache) nh.rthOutput = rt;
  }
  return rt;
}

/** True while a cached route may be used (dst_check). */
export function dstCheck(rt: Rtable | null): rt is Rtable {
  return rt !== null && !rt.expired;
}

/** RTN_* of an address: UNICAST unless it is ours, a broadcast or a multicast address (inet_addr_type). */
export function inetAddrType(ip4: Ipv4, addr: number): number {
  return ip4.fib.addrTypeIn(addr, RT_TABLE_LOCAL);
}

/** The same, where an address of another device counts as UNICAST (inet_dev_addr_type). */
export function inetDevAddrType(ip4: Ipv4, dev: NetDevice, addr: number): number {
  return ip4.fib.addrTypeIn(addr, RT_TABLE_LOCAL, dev);
}

/**
 * Routes a packet again whose addresses, mark or TOS changed in LOCAL_OUT, or that was made there (ip_route_me_harder).
 * 0, or a positive errno with the packet left as it was.
 * @param addrType RTN_* of its source where the caller knows better; 0: look
 */
export function ipRouteMeHarder(ip4: Ipv4, skb: SkBuff, addrType = 0): number {
  const { head } = skb;
  const at = skb.networkHeader;
  const saddr = ipv4.getSource(head, at);
  const type = addrType !== 0 ? addrType : inetAddrType(ip4, saddr);
  const fl = routeScratch.meHarderFlow.reset();
  if (type === RTN_LOCAL || type === RTN_UNICAST) {
    fl.saddr = saddr;
    fl.flags = FLOWI_FLAG_ANYSRC;
  }
  const sk = skb.sk as Sock | null;
  fl.daddr = ipv4.getDestination(head, at);
  fl.tos = ipv4.getTos(head, at);
  fl.mark = skb.mark;
  fl.proto = ipv4.getProtocol(head, at);
  if (sk) {
    fl.oif = sk.boundDevIf;
    fl.uid = sk.uid;
  }
  const rt = ipRouteOutputKey(ip4, fl);
  if (rt.error !== 0) return rt.error;
  skb.dst = rt;
  if (skb.pool.trace !== null) trace(skb, "ipRouteMeHarder", rt.dev);
  return 0;
}

/** Learns a path MTU for fl.daddr behind `rt`'s nexthop (__ip_rt_update_pmtu). */
export function ipRtUpdatePmtu(ip4: Ipv4, rt: Rtable, fl: FlowKey, mtu: number): void {
  if (rt.mtuIsLocked()) return;
  const { minPmtu, mtuExpires } = ip4.sysctl;
  const old = rt.mtu();
  if (old < mtu) return;
  let locked = false;
  if (mtu < minPmtu) {
    locked = true;
    mtu = Math.min(old, minPmtu);
  }
  const { now } = ip4.net;
  if (rt.pmtu === mtu && !locked && now < rt.expires - (mtuExpires * SEC) / 2) return;
  const res = routeScratch.pmtuRes;
  if (ip4.fib.lookup(fl, res) !== 0) return;
  fibSelectPath(ip4, fl, res, null);
  updateException(res.nh, fl.daddr, 0, mtu, locked, now + mtuExpires * SEC);
}

/**
 * An ICMP "fragmentation needed" about a packet of ours (ipv4_update_pmtu): skb.data stands at the quoted header.
 * @param oif device that the sender was bound to, 0 none
 */
export function ipv4UpdatePmtu(ip4: Ipv4, skb: SkBuff, mtu: number, oif: number, protocol: number, mark = 0): void {
  const fl = flowOfQuoted(ip4, skb, oif, protocol, mark);
  const rt = ipRouteOutputKey(ip4, fl);
  if (rt.error === 0) ipRtUpdatePmtu(ip4, rt, fl, mtu);
}

/** The flow of the packet that an ICMP error quotes at skb.data (__build_flow_key). */
export function flowOfQuoted(ip4: Ipv4, skb: SkBuff, oif: number, protocol: number, mark: number): FlowKey {
  const { head, data } = skb;
  const fl = routeScratch.pmtuFlow.reset();
  fl.daddr = ipv4.getDestination(head, data);
  fl.saddr = ipv4.getSource(head, data);
  fl.tos = ipv4.getTos(head, data);
  fl.oif = oif;
  fl.proto = protocol;
  fl.scope = RT_SCOPE_UNIVERSE;
  fl.mark = mark !== 0 ? mark : ip4.sysctl.fwmarkReflect ? skb.mark : 0;
  return fl;
}

export function isMulticast(addr: number): boolean {
  return addr >>> 28 === 14;
}

/** 224.0.0.0/24: never forwarded. */
export function isLocalMulticast(addr: number): boolean {
  return addr >>> 8 === 0xe00000;
}
