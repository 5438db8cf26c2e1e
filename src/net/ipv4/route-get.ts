// One question to the routing tables as a user asks it (`ip route get`): the answer that a packet would get, with what was
// learned about it. Answers to net/ipv4/route.c (inet_rtm_getroute, rt_fill_info).

import { Errno, NetError } from "../../base/errno.ts";
import type { Ns } from "../../base/time.ts";
import { ETH_P_IP } from "../../wire/ethernet.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import type { NetDevice } from "../core/net-device.ts";
import type { SkBuff } from "../core/skb.ts";
import { FibResult, type FibRoute } from "./fib-types.ts";
import { IPSKB_DOREDIRECT } from "./ip-cb.ts";
import type { Ipv4 } from "./ipv4.ts";
import { outputRoute, routeScratch } from "./route.ts";
import { ipRouteInput } from "./route-input.ts";
import { FlowKey, type RouteMetrics, RTCF_DOREDIRECT, RTCF_NOTIFY, type Rtable, skbRtable } from "./rtable.ts";

/** What is asked; what is left out is 0. */
export interface RouteGetRequest {
  readonly daddr?: number;
  readonly saddr?: number;
  readonly tos?: number;
  readonly oif?: number;
  /** as if received by this device, else as if sent from here */
  readonly iif?: number;
  readonly mark?: number;
  readonly uid?: number;
  readonly proto?: number;
  readonly sport?: number;
  readonly dport?: number;
  /** RTM_F_NOTIFY: the route is marked, for all who ask after this */
  readonly notify?: boolean;
}

export interface RouteGetAnswer {
  /** RTN_* */
  readonly type: number;
  /** of the matched route; 0 when none was looked up */
  readonly table: number;
  readonly dst: number;
  /** the source asked about, 0 none */
  readonly src: number;
  readonly tos: number;
  readonly dev: NetDevice;
  /** 0 on link */
  readonly gateway: number;
  /** source that a packet would get; 0 where it was given, or the packet is received */
  readonly prefsrc: number;
  /** RTCF_* (RTM_F_CLONED besides): <local>, <brd>, <mc>, <redirect>; signed 32 bits */
  readonly flags: number;
  readonly metrics: RouteMetrics | null;
  /** ns until a learned path MTU or redirect is forgotten, null when nothing was learned */
  readonly expiresNs: Ns | null;
  readonly mark: number;
  /** null: not printed */
  readonly uid: number | null;
  /** device that it was asked to be received by */
  readonly iif: NetDevice | null;
  /** who holds the entry, and for how long it has been there (dst->__rcuref, lastuse) */
  readonly users: number;
  readonly ageNs: Ns;
  /** `fibmatch`: the table's route itself */
  readonly match: FibRoute | null;
}

/** Throws NetError: ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, ENODEV … */
export function inetRtmGetroute(ip4: Ipv4, request: RouteGetRequest): RouteGetAnswer {
  const { net } = ip4;
  const res = new FibResult();
  const fl = new FlowKey();
  const dst = request.daddr ?? 0;
  const src = request.saddr ?? 0;
  fl.daddr = dst;
  fl.saddr = src;
  fl.tos = request.tos ?? 0;
  fl.oif = request.oif ?? 0;
  fl.mark = request.mark ?? 0;
  fl.uid = request.uid ?? 0;
  fl.proto = request.proto ?? 0;
  fl.sport = request.sport ?? 0;
  fl.dport = request.dport ?? 0;
  let rt: Rtable;
  let more = 0;
  let iif: NetDevice | null = null;
  if (request.iif) {
    iif = net.deviceByIndex(request.iif) ?? null;
    if (!iif) throw new NetError(Errno.ENODEV);
    const skb = inputRoute(ip4, fl, iif);
    rt = skbRtable(skb)!;
    if (skb.ipcbFlags & IPSKB_DOREDIRECT) more = RTCF_DOREDIRECT;
    net.kernel.skbs.consume(skb);
    Object.assign(res, routeScratch.res);
  } else rt = outputRoute(ip4, fl, res);
  if (rt.error !== 0) throw new NetError(rt.error);
  if (request.notify) rt.flags |= RTCF_NOTIFY;
  const left = rt.expires !== 0 ? rt.expires - net.now : 0;
  const learned = rt.expires !== 0 && left > 0;
  let metrics = rt.fromFib?.metrics ?? null;
  if (rt.pmtu !== 0 && learned) metrics = { ...metrics, mtu: rt.pmtu, ...(rt.mtuLocked ? { mtuLock: true } : {}) };
  return {
    type: rt.type,
    table: res.tableId,
    dst,
    src,
    tos: rt.fromFib ? res.tos : 0,
    dev: rt.dev,
    gateway: rt.gateway,
    prefsrc: !iif && fl.saddr !== src ? fl.saddr : 0,
    flags: rt.flags | more,
    metrics,
    expiresNs: rt.expires !== 0 ? Math.max(left, 0) : null,
    mark: fl.mark,
    uid: iif ? null : fl.uid,
    iif,
    users: iif || !isCached(rt, res) ? 1 : 2,
    ageNs: net.now - rt.madeNs,
    match: fibRouteOf(res),
  };
}

/** The nexthop or an exception keeps it, besides the one who asks. */
function isCached(rt: Rtable, res: FibResult): boolean {
  if (rt.isException) return true;
  return res.info?.nhs.some((nh) => nh.rthOutput === rt) ?? false;
}

/** Routes a made-up packet as if it came in by `dev`. */
function inputRoute(ip4: Ipv4, fl: FlowKey, dev: NetDevice): SkBuff {
  const { skbs } = ip4.net.kernel;
  const skb = skbs.alloc(64);
  const at = skb.put(ipv4.HEADER_LENGTH + 8);
  skb.networkHeader = at;
  skb.protocol = ETH_P_IP;
  skb.dev = dev;
  skb.mark = fl.mark;
  skb.head.fill(0, at, skb.tail);
  ipv4.setVersionAndHeaderLength(skb.head, at);
  ipv4.setProtocol(skb.head, at, fl.proto || ipv4.IPPROTO_UDP);
  ipv4.setSource(skb.head, at, fl.saddr);
  ipv4.setDestination(skb.head, at, fl.daddr);
  const reason = ipRouteInput(ip4, skb, fl.daddr, fl.saddr, fl.tos, dev);
  if (reason !== null) {
    skbs.consume(skb);
    throw new NetError(Errno.EINVAL);
  }
  return skb;
}

/** The route that a look-up found; null: none. */
export function fibRouteOf(res: FibResult): FibRoute | null {
  const { info } = res;
  if (!info) return null;
  return {
    table: res.tableId,
    dst: res.prefix,
    dstLen: res.prefixLen,
    tos: res.tos,
    type: res.type,
    protocol: info.protocol,
    scope: info.scope,
    prefsrc: info.prefsrc,
    priority: info.priority,
    metrics: info.metrics,
    flags: info.flags,
    nexthops: info.nhs.map((nh) => ({ dev: nh.dev, oif: nh.oif, gw: nh.gw, weight: nh.weight, flags: nh.flags })),
  };
}

/** What was learned about single destinations and is in use: `ip route show cache` (fib_dump_info_fnhe). */
export function inetDumpExceptions(ip4: Ipv4): RouteGetAnswer[] {
  const { now } = ip4.net;
  const out: RouteGetAnswer[] = [];
  for (const info of ip4.fib.infos)
    for (const nh of info.nhs)
      for (const fnhe of nh.exceptions?.values() ?? []) {
        if (fnhe.expires !== 0 && now > fnhe.expires) continue;
        const rt = fnhe.rthInput ?? fnhe.rthOutput;
        if (!rt) continue;
        const metrics = fnhe.pmtu !== 0 ? { ...info.metrics, mtu: fnhe.pmtu } : info.metrics;
        out.push({
          type: rt.type,
          table: info.tableId,
          dst: fnhe.daddr,
          src: 0,
          tos: 0,
          dev: rt.dev,
          gateway: rt.gateway,
          prefsrc: 0,
          flags: rt.flags,
          metrics: fnhe.mtuLocked ? { ...metrics, mtuLock: true } : metrics,
          expiresNs: fnhe.expires !== 0 ? fnhe.expires - now : null,
          mark: 0,
          uid: null,
          iif: null,
          users: 1,
          ageNs: now - rt.madeNs,
          match: null,
        });
      }
  return out;
}
