// Routing of received packets: for this host, to be forwarded, or not believed (`ipRouteInput`), with reverse-path filter,
// martians, and what a redirect teaches. Answers to net/ipv4/route.c (ip_route_input_slow, __mkroute_input) and
// net/ipv4/fib_frontend.c (fib_validate_source). Multicast routing is left out.

import { Errno } from "../../base/errno.ts";
import { hex } from "../../base/text.ts";
import { SEC } from "../../base/time.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { ETH_P_IP } from "../../wire/ethernet.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { DropReason } from "../core/drop-reason.ts";
import type { NetDevice } from "../core/net-device.ts";
import type { SkBuff } from "../core/skb.ts";
import { type InDevice, inDevOf } from "./devconf.ts";
import { inetAddrOnlink, inetLookupIfaddr } from "./devinet-addr.ts";
import { selectMultipath } from "./fib-semantics.ts";
import {
  FIB_LOOKUP_IGNORE_LINKSTATE,
  type FibNh,
  type FibResult,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
  RTN_UNREACHABLE,
} from "./fib-types.ts";
import { IPSKB_DOREDIRECT } from "./ip-cb.ts";
import type { Ipv4 } from "./ipv4.ts";
import {
  fibMultipathHash,
  flowOfQuoted,
  inetAddrType,
  ipRouteOutputKey,
  isLocalMulticast,
  isMulticast,
  routeScratch,
} from "./route.ts";
import { fillFromException, findException, updateException } from "./route-exception.ts";
import {
  DST_ERROR,
  DST_FORWARD,
  DST_LOCAL_DELIVER,
  DST_RT_BUG,
  type FlowKey,
  RTCF_BROADCAST,
  RTCF_LOCAL,
  RTCF_MULTICAST,
  Rtable,
} from "./rtable.ts";

/**
 * Decides what becomes of a received packet and sets skb.dst (ip_route_input_noref). Null: done, though the route may be
 * one whose `input` answers with an error; else why the packet must be dropped.
 */
export function ipRouteInput(
  ip4: Ipv4,
  skb: SkBuff,
  daddr: number,
  saddr: number,
  tos: number,
  dev: NetDevice,
): DropReason | null {
  const inDev = inDevOf(dev);
  if (!inDev) return DropReason.NOT_SPECIFIED;
  if (isMulticast(daddr)) return routeInputMulticast(ip4, skb, daddr, saddr, tos, dev, inDev);
  if (isMulticast(saddr) || saddr === 0xffffffff)
    return martianSource(ip4, skb, daddr, saddr, dev, inDev, DropReason.IP_INVALID_SOURCE);
  if (daddr === 0xffffffff || (saddr === 0 && daddr === 0))
    return broadcastInput(ip4, skb, daddr, saddr, tos, dev, inDev, null);
  if (saddr === 0) return martianSource(ip4, skb, daddr, saddr, dev, inDev, DropReason.IP_INVALID_SOURCE);
  if (daddr === 0) return martianDestination(ip4, daddr, saddr, dev, inDev, DropReason.IP_INVALID_DEST);
  if (daddr >>> 24 === 127) {
    if (!dev.loopback && !inDev.routeLocalnet)
      return martianDestination(ip4, daddr, saddr, dev, inDev, DropReason.IP_LOCALNET);
  } else if (saddr >>> 24 === 127 && !dev.loopback && !inDev.routeLocalnet)
    return martianSource(ip4, skb, daddr, saddr, dev, inDev, DropReason.IP_LOCALNET);

  const fl = routeScratch.inputFlow.reset();
  fl.daddr = daddr;
  fl.saddr = saddr;
  fl.iif = dev.ifindex;
  fl.mark = skb.mark;
  fl.tos = tos;
  if (ip4.fib.customRules || ip4.sysctl.fibMultipathHashPolicy === 1) dissectPorts(skb, fl);
  const res = routeScratch.res;
  const err = ip4.fib.lookup(fl, res);
  if (err !== 0) {
    res.clear();
    setErrorRoute(ip4, skb, inDev.forwarding ? err : Errno.EHOSTUNREACH);
    return null;
  }
  if (res.type === RTN_BROADCAST && !inDev.and("bcForwarding"))
    return broadcastInput(ip4, skb, daddr, saddr, tos, dev, inDev, res);
  if (res.type === RTN_LOCAL) {
    const checked = fibValidateSource(ip4, skb, saddr, daddr, tos, 0, dev, inDev);
    if (typeof checked === "string") return martianSource(ip4, skb, daddr, saddr, dev, inDev, checked);
    localInput(ip4, skb, res, RTN_LOCAL, RTCF_LOCAL);
    return null;
  }
  if (!inDev.forwarding) {
    setErrorRoute(ip4, skb, Errno.EHOSTUNREACH);
    return null;
  }
  if (res.type !== RTN_UNICAST && res.type !== RTN_BROADCAST)
    return martianDestination(ip4, daddr, saddr, dev, inDev, DropReason.IP_INVALID_DEST);
  return mkrouteInput(ip4, skb, res, fl, dev, inDev);
}

/** Ports of an unfragmented TCP or UDP packet, for rules and the multipath hash (fib4_rules_early_flow_dissect). */
function dissectPorts(skb: SkBuff, fl: FlowKey): void {
  const { head } = skb;
  const at = skb.networkHeader;
  if (skb.protocol !== ETH_P_IP) return;
  fl.proto = ipv4.getProtocol(head, at);
  if (fl.proto !== ipv4.IPPROTO_TCP && fl.proto !== ipv4.IPPROTO_UDP) return;
  const l4 = at + ipv4.getHeaderLength(head, at);
  if (ipv4.isFragment(head, at) || l4 + 4 > skb.tail) return;
  fl.sport = (head[l4]! << 8) | head[l4 + 1]!;
  fl.dport = (head[l4 + 2]! << 8) | head[l4 + 3]!;
}

/** ip_route_input_mc */
function routeInputMulticast(
  ip4: Ipv4,
  skb: SkBuff,
  daddr: number,
  saddr: number,
  tos: number,
  dev: NetDevice,
  inDev: InDevice,
): DropReason | null {
  if (inDev.group(daddr) === undefined) return DropReason.IP_INVALID_DEST;
  if (isMulticast(saddr) || saddr === 0xffffffff) return DropReason.IP_INVALID_SOURCE;
  if (skb.protocol !== ETH_P_IP) return DropReason.IP_INVALID_SOURCE;
  if (saddr >>> 24 === 127 && !dev.loopback && !inDev.routeLocalnet) return DropReason.IP_LOCALNET;
  if (saddr === 0) {
    const igmp = ipv4.getProtocol(skb.head, skb.networkHeader) === ipv4.IPPROTO_IGMP;
    if (!isLocalMulticast(daddr) && !igmp) return DropReason.IP_INVALID_SOURCE;
  } else {
    const checked = fibValidateSource(ip4, skb, saddr, 0, tos, 0, dev, inDev);
    if (typeof checked === "string") return checked;
  }
  localInput(ip4, skb, null, RTN_MULTICAST, RTCF_MULTICAST | RTCF_LOCAL);
  return null;
}

function broadcastInput(
  ip4: Ipv4,
  skb: SkBuff,
  daddr: number,
  saddr: number,
  tos: number,
  dev: NetDevice,
  inDev: InDevice,
  res: FibResult | null,
): DropReason | null {
  if (skb.protocol !== ETH_P_IP) return DropReason.IP_INVALID_DEST;
  if (saddr !== 0) {
    const checked = fibValidateSource(ip4, skb, saddr, 0, tos, 0, dev, inDev);
    if (typeof checked === "string") return martianSource(ip4, skb, daddr, saddr, dev, inDev, checked);
  }
  localInput(ip4, skb, res, RTN_BROADCAST, RTCF_BROADCAST | RTCF_LOCAL);
  return null;
}

/** Delivery to this host; the entry is kept at the nexthop of the local route, if there is one. */
function localInput(ip4: Ipv4, skb: SkBuff, res: FibResult | null, type: number, flags: number): void {
  const nh = res?.info ? res.nh : null;
  const cached = nh?.rthInput;
  if (cached && !cached.expired) {
    skb.dst = cached;
    return;
  }
  const rt = new Rtable(ip4, ip4.loopback, flags, type);
  rt.isInput = true;
  rt.inputKind = DST_LOCAL_DELIVER;
  rt.outputKind = DST_RT_BUG;
  rt.fromFib = res?.info ?? null;
  if (nh) nh.rthInput = rt;
  skb.dst = rt;
}

/** A route whose input answers with an ICMP error, or drops (ip_error). */
function setErrorRoute(ip4: Ipv4, skb: SkBuff, errno: number): void {
  const { inputErrors } = ip4.route;
  let rt = inputErrors.get(errno);
  if (!rt) {
    rt = new Rtable(ip4, ip4.loopback, 0, RTN_UNREACHABLE);
    rt.isInput = true;
    rt.inputKind = DST_ERROR;
    rt.outputKind = DST_RT_BUG;
    rt.error = errno;
    inputErrors.set(errno, rt);
  }
  rt.genid = ip4.rtGenid;
  skb.dst = rt;
}

/** Forwarding (ip_mkroute_input, __mkroute_input). */
function mkrouteInput(
  ip4: Ipv4,
  skb: SkBuff,
  res: FibResult,
  fl: FlowKey,
  dev: NetDevice,
  inDev: InDevice,
): DropReason | null {
  const { daddr, saddr, tos } = fl;
  if (res.info!.nh.next !== null) selectMultipath(ip4, res, fibMultipathHash(ip4, fl, skb), 0);
  const { nh } = res;
  const outDev = nh.dev ? inDevOf(nh.dev) : null;
  if (!outDev) return DropReason.NOT_SPECIFIED;
  const { info, type } = res;
  const checked = fibValidateSource(ip4, skb, saddr, daddr, tos, nh.oif, dev, inDev);
  if (typeof checked === "string") return martianSource(ip4, skb, daddr, saddr, dev, inDev, checked);
  if (outDev === inDev && checked && outDev.sendRedirects) {
    if (outDev.or("sharedMedia") || inetAddrOnlink(outDev, saddr, nh.gw)) skb.ipcbFlags |= IPSKB_DOREDIRECT;
  }
  // ARP asks: only proxy_arp_pvlan answers on the link where the question came in
  if (skb.protocol !== ETH_P_IP && outDev === inDev && !inDev.or("proxyArpPvlan")) return DropReason.NOT_SPECIFIED;

  const fnhe = findException(ip4, nh, daddr);
  const cached = fnhe ? fnhe.rthInput : nh.rthInput;
  if (cached && !cached.expired) {
    skb.dst = cached;
    return null;
  }
  const rt = new Rtable(ip4, nh.dev!, 0, type);
  rt.isInput = true;
  rt.inputKind = DST_FORWARD;
  rt.fromFib = info;
  if (nh.gw !== 0 && nh.scope === RT_SCOPE_LINK) rt.gateway = nh.gw;
  if (fnhe) {
    fillFromException(rt, fnhe);
    fnhe.rthInput = rt;
  } else nh.rthInput = rt;
  skb.dst = rt;
  return null;
}

/**
 * Would a packet to this source leave by the device that it came in by (fib_validate_source)? A drop reason when it must
 * not be believed; else whether the source is a neighbour on that device.
 * @param oif where it will leave, 0 when it is for this host
 */
export function fibValidateSource(
  ip4: Ipv4,
  skb: SkBuff,
  src: number,
  dst: number,
  tos: number,
  oif: number,
  dev: NetDevice,
  inDev: InDevice,
): DropReason | boolean {
  const rpf = inDev.rpFilter;
  if (rpf === 0 && (dev.ifindex !== oif || !inDev.sendRedirects)) {
    if (inDev.acceptLocal) return false;
    if (!ip4.fib.customLocalRoutes && !ip4.fib.customRules)
      return inetLookupIfaddr(ip4, src) ? DropReason.IP_LOCAL_SOURCE : false;
  }
  const fl = routeScratch.sourceFlow.reset();
  const res = routeScratch.sourceRes;
  fl.daddr = src;
  fl.saddr = dst;
  fl.tos = tos;
  fl.iif = oif !== 0 ? oif : ip4.loopback.ifindex;
  fl.mark = inDev.or("srcValidMark") ? skb.mark : 0;
  if (ip4.fib.customRules) {
    dissectPorts(skb, fl);
    const { sport } = fl;
    fl.sport = fl.dport;
    fl.dport = sport;
  }
  if (ip4.fib.lookup(fl, res) !== 0) return rpf !== 0 ? DropReason.IP_RPFILTER : false;
  if (res.type !== RTN_UNICAST) {
    if (res.type !== RTN_LOCAL) return DropReason.IP_INVALID_SOURCE;
    if (!inDev.acceptLocal) return DropReason.IP_LOCAL_SOURCE;
  }
  for (let nh: FibNh | null = res.info!.nh; nh; nh = nh.next) if (nh.dev === dev) return res.nh.scope >= RT_SCOPE_HOST;
  if (res.type === RTN_LOCAL && dev.loopback) return res.nh.scope >= RT_SCOPE_HOST;
  if (inDev.addrs.length === 0) return rpf !== 0 ? DropReason.IP_RPFILTER : false;
  if (rpf === 1) return DropReason.IP_RPFILTER;
  fl.oif = dev.ifindex;
  if (ip4.fib.lookup(fl, res, FIB_LOOKUP_IGNORE_LINKSTATE) === 0 && res.type === RTN_UNICAST)
    return res.nh.scope >= RT_SCOPE_HOST;
  return false;
}

/** ip_handle_martian_source */
function martianSource(
  ip4: Ipv4,
  skb: SkBuff,
  daddr: number,
  saddr: number,
  dev: NetDevice,
  inDev: InDevice,
  reason: DropReason,
): DropReason {
  if (inDev.or("logMartians")) {
    ip4.net.kernel.printk(`IPv4: martian source ${formatIpv4(daddr)} from ${formatIpv4(saddr)}, on dev ${dev.name}`);
    if (dev.hardHeaderLen > 0 && skb.macHeader >= 0) {
      const header = hex(skb.head.slice(skb.macHeader, skb.macHeader + dev.hardHeaderLen), " ");
      ip4.net.kernel.printk(`ll header: 00000000: ${header}`);
    }
  }
  return reason;
}

function martianDestination(
  ip4: Ipv4,
  daddr: number,
  saddr: number,
  dev: NetDevice,
  inDev: InDevice,
  reason: DropReason,
): DropReason {
  if (inDev.or("logMartians"))
    ip4.net.kernel.printk(`IPv4: martian destination ${formatIpv4(daddr)} from ${formatIpv4(saddr)}, dev ${dev.name}`);
  return reason;
}

/** Time after which a redirect is forgotten (ip_rt_gc_timeout). */
const REDIRECT_EXPIRES = 300 * SEC;

/**
 * An ICMP redirect arrived about packets on route `rt` (__ip_do_redirect): believed from the gateway in use only, and when
 * the device accepts redirects.
 * @param fl the flow that it is about
 * @param oldGw who sent it
 */
export function ipDoRedirect(
  ip4: Ipv4,
  rt: Rtable,
  dev: NetDevice,
  fl: FlowKey,
  oldGw: number,
  newGw: number,
  code: number,
): void {
  if ((code & 7) > 3 || rt.gateway === 0 || rt.gateway !== oldGw) return;
  const inDev = inDevOf(dev);
  if (!inDev) return;
  let refuse = newGw === oldGw || !inDev.acceptRedirects || isMulticast(newGw) || newGw === 0xffffffff || newGw === 0;
  if (!refuse) {
    if (inDev.or("sharedMedia")) refuse = inetAddrType(ip4, newGw) !== RTN_UNICAST;
    else
      refuse =
        !inetAddrOnlink(inDev, newGw, oldGw) || (inDev.or("secureRedirects") && !ip4.fib.isDefaultGateway(newGw, dev));
  }
  if (refuse) {
    if (inDev.or("logMartians"))
      ip4.net.kernel.printk(
        `Redirect from ${formatIpv4(oldGw)} on ${dev.name} about ${formatIpv4(newGw)} ignored\n  Advised path = ${formatIpv4(fl.saddr)} -> ${formatIpv4(fl.daddr)}`,
      );
    return;
  }
  const neigh = ip4.arp.lookupOrCreate(rt.dev, newGw);
  if (!neigh) return;
  if (!neigh.valid) {
    neigh.eventSend(null);
    return;
  }
  const res = routeScratch.pmtuRes;
  if (ip4.fib.lookup(fl, res) === 0) {
    updateException(res.nh, fl.daddr, newGw, 0, false, ip4.net.now + REDIRECT_EXPIRES);
    rt.dead = true;
  }
}

/**
 * A redirect about a packet of ours that skb quotes (ipv4_redirect): skb.data is at the quoted header, skb.networkHeader
 * at the redirect's own.
 * @param oif device that the sender was bound to, 0 none
 */
export function ipv4Redirect(
  ip4: Ipv4,
  skb: SkBuff,
  oif: number,
  protocol: number,
  code: number,
  gateway: number,
): void {
  const fl = flowOfQuoted(ip4, skb, oif, protocol, 0);
  const rt = ipRouteOutputKey(ip4, fl);
  if (rt.error !== 0 || !skb.dev) return;
  ipDoRedirect(ip4, rt, skb.dev, fl, ipv4.getSource(skb.head, skb.networkHeader), gateway, code);
}
