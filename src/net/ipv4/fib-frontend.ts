// Routes that come and go by themselves: those of an address (local, broadcast, connected), and what a device's going
// down, coming up or losing its carrier does to routes. Answers to net/ipv4/fib_frontend.c (fib_add_ifaddr,
// fib_del_ifaddr, fib_netdev_event).

import { NetError } from "../../base/errno.ts";
import {
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_CHANGEMTU,
  NETDEV_CHANGEUPPER,
  NETDEV_DOWN,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  type NetdevEvent,
} from "../core/net.ts";
import type { NetDevice } from "../core/net-device.ts";
import { arpInvalidate } from "./arp.ts";
import { IFA_F_NOPREFIXROUTE, type InIfaddr, inDevOf } from "./devconf.ts";
import { syncDownAddr, syncDownDev, syncMtu, syncUp } from "./fib-semantics.ts";
import {
  type FibConfig,
  fibConfig,
  NLM_F_APPEND,
  NLM_F_CREATE,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_UNICAST,
  RTNH_F_DEAD,
  RTNH_F_LINKDOWN,
  RTPROT_KERNEL,
} from "./fib-types.ts";
import type { Ipv4 } from "./ipv4.ts";

export { FibTables } from "./fib-tables.ts";

/** A route of an address: what an address needs to be reachable, and to reach its subnet. */
interface IfaRoute {
  readonly type: number;
  readonly dst: number;
  readonly dstLen: number;
  readonly prefsrc: number;
  readonly metric: number;
}

/**
 * The routes of an address whose subnet's primary is `prim`, in the order in which Linux adds them.
 * @param onlyLocal the device is down: it is ours all the same
 */
function routesOf(ifa: InIfaddr, prim: InIfaddr, onlyLocal: boolean): IfaRoute[] {
  const { dev } = ifa;
  const prefsrc = prim.local;
  const routes: IfaRoute[] = [{ type: RTN_LOCAL, dst: ifa.local, dstLen: 32, prefsrc, metric: 0 }];
  if (onlyLocal) return routes;
  if (ifa.broadcast !== 0 && ifa.broadcast !== 0xffffffff)
    routes.push({ type: RTN_BROADCAST, dst: ifa.broadcast, dstLen: 32, prefsrc, metric: 0 });
  const prefix = (ifa.address & ifa.mask) >>> 0;
  if (prefix === 0 || ifa.secondary || (prefix === ifa.local && ifa.prefixLen === 32)) return routes;
  if (!(ifa.flags & IFA_F_NOPREFIXROUTE))
    routes.push({
      type: dev.loopback ? RTN_LOCAL : RTN_UNICAST,
      dst: prefix,
      dstLen: ifa.prefixLen,
      prefsrc,
      metric: ifa.metric,
    });
  if (ifa.prefixLen < 31)
    routes.push({ type: RTN_BROADCAST, dst: (prefix | ~ifa.mask) >>> 0, dstLen: 32, prefsrc, metric: 0 });
  return routes;
}

function configOf(dev: NetDevice, route: IfaRoute): FibConfig {
  return fibConfig({
    protocol: RTPROT_KERNEL,
    type: route.type,
    dst: route.dst,
    dstLen: route.dstLen,
    priority: route.metric,
    prefsrc: route.prefsrc,
    oif: dev.ifindex,
    nlflags: NLM_F_CREATE | NLM_F_APPEND,
    table: route.type === RTN_UNICAST ? RT_TABLE_MAIN : RT_TABLE_LOCAL,
    scope: route.type === RTN_LOCAL ? RT_SCOPE_HOST : RT_SCOPE_LINK,
  });
}

/** The first address of the same subnet, which its secondaries stand behind (inet_ifa_byprefix). */
function primaryOf(ifa: InIfaddr): InIfaddr | null {
  if (!ifa.secondary) return ifa;
  return ifa.inDev.addrs.find((other) => other.mask === ifa.mask && other.matches(ifa.address & ifa.mask)) ?? null;
}

/** fib_add_ifaddr: routes that are there already stay as they are. */
export function fibAddIfaddr(ip4: Ipv4, ifa: InIfaddr): void {
  const prim = primaryOf(ifa);
  if (!prim) return;
  for (const route of routesOf(ifa, prim, !ifa.dev.up)) {
    quietly(() => ip4.fib.insert(configOf(ifa.dev, route)));
    if (route.type === RTN_BROADCAST) arpInvalidate(ip4, ifa.dev, route.dst);
  }
}

/** The connected route gets another metric: the new one first, then the old one goes (fib_modify_prefix_metric). */
export function fibModifyPrefixMetric(ip4: Ipv4, ifa: InIfaddr, metric: number): void {
  if (!ifa.dev.up || ifa.secondary) return;
  for (const route of routesOf(ifa, ifa, false)) {
    if (route.type === RTN_BROADCAST || route.dstLen !== ifa.prefixLen || route.dst === ifa.local) continue;
    const config = configOf(ifa.dev, route);
    quietly(() => ip4.fib.insert({ ...config, priority: metric }));
    quietly(() => ip4.fib.delete(config));
  }
}

/**
 * Takes the routes of an address away that no other address of the device needs (fib_del_ifaddr).
 * @param iprim the primary that goes, when secondaries are moved to another
 */
export function fibDelIfaddr(ip4: Ipv4, ifa: InIfaddr, iprim: InIfaddr | null): void {
  const { inDev, dev } = ifa;
  const prim = ifa.secondary ? (iprim ?? primaryOf(ifa)) : ifa;
  if (!prim) return;
  const needed = new Set<string>();
  let gone = true;
  if (!inDev.dead)
    for (const other of inDev.addrs) {
      if (other === ifa) {
        gone = false;
        continue;
      }
      if (iprim?.sameSubnet(other)) continue;
      const otherPrim = other.secondary && other.sameSubnet(prim) ? prim : primaryOf(other);
      if (!otherPrim || otherPrim.local !== prim.local) continue;
      for (const route of routesOf(other, otherPrim, false)) needed.add(keyOf(route));
    }
  const own = routesOf(ifa, prim, false);
  // the connected route first, the local one last
  own.push(own.shift()!);
  for (const route of own) {
    const connected = route.type === RTN_UNICAST || (route.type === RTN_LOCAL && route.dst !== ifa.local);
    if (!connected && needed.has(keyOf(route))) continue;
    quietly(() => ip4.fib.delete({ ...configOf(dev, route), priority: 0 }));
  }
  if (needed.has(keyOf({ type: RTN_LOCAL, dst: ifa.local, dstLen: 32, prefsrc: 0, metric: 0 }))) return;
  if (gone && ip4.fib.addrType(ifa.local) !== RTN_LOCAL && syncDownAddr(ip4.fib, ifa.local) > 0) ip4.fib.flush();
}

function keyOf(route: IfaRoute): string {
  return `${route.type} ${route.dst}/${route.dstLen}`;
}

/** The kernel's own routes are tried in silence: one that is there already, or cannot be, is no error. */
function quietly(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
  }
}

/** fib_inetaddr_event */
export function fibInetaddrEvent(ip4: Ipv4, event: "UP" | "DOWN", ifa: InIfaddr): void {
  ip4.fib.addrGenid++;
  if (event === "UP") {
    fibAddIfaddr(ip4, ifa);
    syncUp(ip4.fib, ifa.dev, RTNH_F_DEAD);
    ip4.rtCacheFlush();
    return;
  }
  fibDelIfaddr(ip4, ifa, null);
  if (ifa.inDev.addrs.length === 0) disableIp(ip4, ifa.dev, "down", true);
  else ip4.rtCacheFlush();
}

/** No route leads by this device any more (fib_disable_ip). */
function disableIp(ip4: Ipv4, dev: NetDevice, event: "down" | "unregister", force: boolean): void {
  if (syncDownDev(ip4.fib, dev, event, force) > 0) ip4.fib.flush();
  else ip4.rtCacheFlush();
  ip4.arp.ifdown(dev);
}

/** fib_netdev_event: after devinet's. */
export function fibNetdevEvent(ip4: Ipv4, event: NetdevEvent, dev: NetDevice): void {
  if (event === NETDEV_UNREGISTER) {
    disableIp(ip4, dev, "unregister", true);
    return;
  }
  const inDev = inDevOf(dev);
  if (!inDev) return;
  switch (event) {
    case NETDEV_UP:
      for (const ifa of [...inDev.addrs]) fibAddIfaddr(ip4, ifa);
      syncUp(ip4.fib, dev, RTNH_F_DEAD);
      ip4.rtCacheFlush();
      return;
    case NETDEV_DOWN:
      disableIp(ip4, dev, "down", false);
      return;
    case NETDEV_CHANGE:
      if (dev.operational) syncUp(ip4.fib, dev, RTNH_F_LINKDOWN);
      else syncDownDev(ip4.fib, dev, "change", false);
      ip4.rtCacheFlush();
      return;
    case NETDEV_CHANGEMTU:
      syncMtu(ip4.fib, dev);
      ip4.rtCacheFlush();
      return;
    case NETDEV_CHANGEUPPER:
      ip4.rtCacheFlush();
      return;
    case NETDEV_CHANGEADDR:
      return;
  }
}
