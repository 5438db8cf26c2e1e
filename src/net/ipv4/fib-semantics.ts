// What makes a route valid, and what becomes of it when its device or its source address goes. Answers to
// net/ipv4/fib_semantics.c. Nexthop objects (`ip nexthop`), light-weight tunnels and realms are left out.

import { Errno, NetError } from "../../base/errno.ts";
import type { NetDevice } from "../core/net-device.ts";
import { inDevOf } from "./devconf.ts";
import { inetSelectAddr } from "./devinet-addr.ts";
import type { FibTables } from "./fib-tables.ts";
import {
  FIB_LOOKUP_IGNORE_LINKSTATE,
  FIB_PROPS,
  type FibConfig,
  FibInfo,
  FibNh,
  type FibResult,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTN_ANYCAST,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MAX,
  RTN_MULTICAST,
  RTN_UNICAST,
  RTNH_F_DEAD,
  RTNH_F_LINKDOWN,
  RTNH_F_ONLINK,
  RTNH_F_PERVASIVE,
} from "./fib-types.ts";
import type { Ipv4 } from "./ipv4.ts";
import type { FlowKey } from "./rtable.ts";

function refuse(errno: number, extack?: string): never {
  throw new NetError(errno, extack);
}

/** Checks a wished route and makes its shared part (fib_create_info). Throws NetError with the kernel's sentence. */
export function fibCreateInfo(tables: FibTables, config: FibConfig): FibInfo {
  if (config.type > RTN_MAX) refuse(Errno.EINVAL);
  const props = FIB_PROPS[config.type]!;
  if (props.scope > config.scope) refuse(Errno.EINVAL, "Invalid scope");
  if (config.flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN))
    refuse(Errno.EINVAL, "Invalid rtm_flags - can not contain DEAD or LINKDOWN");
  const nhs = makeNexthops(config);
  const info = new FibInfo(config, nhs);
  if (props.error !== 0) {
    if (config.gw !== 0 || config.oif !== 0 || config.multipath)
      refuse(Errno.EINVAL, "Gateway, device and multipath can not be specified for this route type");
    return info;
  }
  switch (config.type) {
    case RTN_UNICAST:
    case RTN_LOCAL:
    case RTN_BROADCAST:
    case RTN_ANYCAST:
    case RTN_MULTICAST:
      break;
    default:
      refuse(Errno.EINVAL, "Invalid route type");
  }
  if (config.scope > RT_SCOPE_HOST) refuse(Errno.EINVAL, "Invalid scope");
  if (config.scope === RT_SCOPE_HOST) checkHostScope(tables, nhs);
  else {
    let linkdown = 0;
    for (const nh of nhs) {
      if (nh.gw !== 0) checkGateway(tables, nh, config.table, config.scope);
      else checkOnLink(tables, nh);
      if (nh.flags & RTNH_F_LINKDOWN) linkdown++;
    }
    if (linkdown === nhs.length) info.flags |= RTNH_F_LINKDOWN;
  }
  if (config.prefsrc !== 0 && !validPrefsrc(tables, config)) refuse(Errno.EINVAL, "Invalid prefsrc address");
  for (const nh of nhs) updateSaddr(tables.ip4, nh, info.scope);
  rebalance(info);
  return info;
}

function makeNexthops(config: FibConfig): FibNh[] {
  if (!config.multipath) return [new FibNh(config.oif, config.gw, 1, config.flags & 0xff)];
  if (config.multipath.length === 0) refuse(Errno.EINVAL, "Invalid nexthop configuration - extra data after nexthop");
  return config.multipath.map((nh) => {
    if (nh.flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN))
      refuse(Errno.EINVAL, "Invalid flags for nexthop - can not contain DEAD or LINKDOWN");
    return new FibNh(nh.oif, nh.gw, nh.weight, (config.flags & ~0xff) | nh.flags);
  });
}

/** An address of this host: one nexthop, which is the device. */
function checkHostScope(tables: FibTables, nhs: FibNh[]): void {
  if (nhs.length !== 1) refuse(Errno.EINVAL, "Route with host scope can not have multiple nexthops");
  const nh = nhs[0]!;
  if (nh.gw !== 0) refuse(Errno.EINVAL, "Route with host scope can not have a gateway");
  nh.scope = RT_SCOPE_NOWHERE;
  nh.dev = tables.ip4.net.deviceByIndex(nh.oif) ?? null;
  if (!nh.dev) refuse(Errno.ENODEV);
}

/** fib_check_nh_nongw */
function checkOnLink(tables: FibTables, nh: FibNh): void {
  if (nh.flags & (RTNH_F_PERVASIVE | RTNH_F_ONLINK))
    refuse(Errno.EINVAL, "Invalid flags for nexthop - PERVASIVE and ONLINK can not be set");
  const dev = tables.ip4.net.deviceByIndex(nh.oif);
  if (!dev || !inDevOf(dev)) refuse(Errno.ENODEV);
  if (!dev.up) refuse(Errno.ENETDOWN, "Device for nexthop is not up");
  nh.dev = dev;
  nh.scope = RT_SCOPE_HOST;
  if (!dev.carrier) nh.flags |= RTNH_F_LINKDOWN;
}

/** fib_check_nh_v4_gw: the gateway must be reachable on a link by what is routed already. */
function checkGateway(tables: FibTables, nh: FibNh, table: number, scope: number): void {
  const { ip4 } = tables;
  if (nh.flags & RTNH_F_ONLINK) {
    if (scope >= RT_SCOPE_LINK) refuse(Errno.EINVAL, "Nexthop has invalid scope");
    const dev = ip4.net.deviceByIndex(nh.oif);
    if (!dev) refuse(Errno.ENODEV, "Nexthop device required for onlink");
    if (!dev.up) refuse(Errno.ENETDOWN, "Nexthop device is down");
    if (tables.addrType(nh.gw) !== RTN_UNICAST) refuse(Errno.EINVAL, "Nexthop has invalid gateway");
    if (!dev.carrier) nh.flags |= RTNH_F_LINKDOWN;
    nh.dev = dev;
    nh.scope = RT_SCOPE_LINK;
    return;
  }
  const fl = tables.scratchFlow();
  fl.daddr = nh.gw;
  fl.scope = Math.max(scope + 1, RT_SCOPE_LINK);
  fl.oif = nh.oif;
  fl.iif = ip4.loopback?.ifindex ?? 1;
  const res = tables.scratchResult();
  const own = table !== 0 && table !== RT_TABLE_MAIN ? tables.get(table) : undefined;
  let err = own ? own.lookup(fl, res, FIB_LOOKUP_IGNORE_LINKSTATE) : -1;
  if (err !== 0) err = tables.lookup(fl, res, FIB_LOOKUP_IGNORE_LINKSTATE);
  if (err !== 0) refuse(err, "Nexthop has invalid gateway");
  if (res.type !== RTN_UNICAST && res.type !== RTN_LOCAL) refuse(Errno.EINVAL, "Nexthop has invalid gateway");
  nh.scope = res.scope;
  nh.oif = res.nh.oif;
  nh.dev = res.nh.dev;
  if (!nh.dev) refuse(Errno.EINVAL, "No egress device for nexthop");
  if (!nh.dev.carrier) nh.flags |= RTNH_F_LINKDOWN;
  if (!nh.dev.up) refuse(Errno.ENETDOWN);
}

/** fib_valid_prefsrc: the preferred source must be an address of this host. */
function validPrefsrc(tables: FibTables, config: FibConfig): boolean {
  if (config.type === RTN_LOCAL && config.dst !== 0 && config.prefsrc === config.dst) return true;
  const table = config.table === RT_TABLE_MAIN || config.table === 0 ? RT_TABLE_LOCAL : config.table;
  if (tables.addrTypeIn(config.prefsrc, table) === RTN_LOCAL) return true;
  return table !== RT_TABLE_LOCAL && tables.addrTypeIn(config.prefsrc, RT_TABLE_LOCAL) === RTN_LOCAL;
}

/** Text that two FibInfos have in common exactly when they may be one (fib_find_info). */
export function infoKey(info: FibInfo): string {
  const metrics = info.metrics ? JSON.stringify(Object.entries(info.metrics).sort()) : "";
  const nhs = info.nhs
    .map((nh) => `${nh.oif}/${nh.gw}/${nh.scope}/${nh.weight}/${nh.flags & ~(RTNH_F_DEAD | RTNH_F_LINKDOWN)}`)
    .join();
  return `${info.protocol} ${info.scope} ${info.prefsrc} ${info.priority} ${info.type} ${info.tableId} ${nhs} ${metrics}`;
}

/** What a deletion says about gateway, device and priority fits this route (fib_nh_match, fib_metrics_match). */
export function matchesNexthops(config: FibConfig, info: FibInfo): boolean {
  if (config.priority !== 0 && config.priority !== info.priority) return false;
  if (config.metrics) {
    const have = info.metrics as Readonly<Record<string, unknown>> | null;
    for (const [name, value] of Object.entries(config.metrics)) if (have?.[name] !== value) return false;
  }
  if (config.oif !== 0 || config.gw !== 0) {
    const nh = info.nh;
    return (config.oif === 0 || config.oif === nh.oif) && (config.gw === 0 || config.gw === nh.gw);
  }
  if (!config.multipath) return true;
  for (const [i, wanted] of config.multipath.entries()) {
    const nh = info.nhs[i];
    if (!nh) return false;
    if (wanted.oif !== 0 && wanted.oif !== nh.oif) return false;
    if (wanted.gw !== 0 && wanted.gw !== nh.gw) return false;
  }
  return true;
}

/** Shares of the hash range by weight; a nexthop that is out of use gets none (fib_rebalance). */
export function rebalance(info: FibInfo): void {
  if (info.nh.next === null) return;
  const usable = (nh: FibNh): boolean =>
    !(nh.flags & RTNH_F_DEAD) &&
    !(nh.flags & RTNH_F_LINKDOWN && nh.dev !== null && (inDevOf(nh.dev)?.ignoreLinkdown ?? false));
  let total = 0;
  for (const nh of info.nhs) if (usable(nh)) total += nh.weight;
  let weight = 0;
  for (const nh of info.nhs) {
    if (!usable(nh)) {
      nh.upperBound = -1;
      continue;
    }
    weight += nh.weight;
    nh.upperBound = Math.round((weight * 0x80000000) / total) - 1;
  }
}

/** Chooses among several nexthops by a 31-bit hash (fib_select_multipath); one whose address is `saddr` is preferred. */
export function selectMultipath(ip4: Ipv4, res: FibResult, hash: number, saddr: number): void {
  let found = false;
  const wanted = saddr | 0;
  for (let nh: FibNh | null = res.info!.nh; nh; nh = nh.next) {
    if (nh.upperBound === -1) continue;
    if (ip4.sysctl.fibMultipathUseNeigh && !goodNeighbour(ip4, nh)) continue;
    if (!found) {
      res.nh = nh;
      found = saddr === 0 || nh.saddr === wanted;
    }
    if (hash > nh.upperBound) continue;
    if (saddr === 0 || nh.saddr === wanted) {
      res.nh = nh;
      return;
    }
    if (found) return;
  }
}

/** fib_good_nh: nothing speaks against the gateway's neighbour entry. */
function goodNeighbour(ip4: Ipv4, nh: FibNh): boolean {
  if (nh.scope !== RT_SCOPE_LINK || nh.gw === 0 || !nh.dev) return true;
  const neigh = ip4.arp.lookup(nh.dev, nh.gw);
  return neigh === null || neigh.valid;
}

/**
 * Among several default routes of one priority, the first whose gateway answers (fib_select_default); the one used last
 * is kept while nothing better is known.
 */
export function selectDefault(ip4: Ipv4, fl: FlowKey, res: FibResult): void {
  const firstPriority = res.info!.priority;
  let fallback: FibInfo | null = null;
  for (let alias = res.aliases; alias; alias = alias.next) {
    if (alias.tos !== res.tos || alias.info.priority !== firstPriority) continue;
    if (alias.type !== res.type || alias.info.scope !== res.scope) continue;
    if (alias.info.flags & RTNH_F_DEAD) continue;
    const nh = alias.info.nh;
    if (nh.gw === 0 || nh.scope !== RT_SCOPE_LINK || !nh.dev) continue;
    if (fl.oif !== 0 && fl.oif !== nh.oif) continue;
    fallback ??= alias.info;
    const neigh = ip4.arp.lookup(nh.dev, nh.gw);
    if (!neigh || neigh.valid) {
      res.info = alias.info;
      res.nh = nh;
      return;
    }
  }
  if (fallback) {
    res.info = fallback;
    res.nh = fallback.nh;
  }
}

/** The source that packets of this route get (fib_result_prefsrc). */
export function fibResultPrefsrc(ip4: Ipv4, res: FibResult): number {
  const info = res.info!;
  if (info.prefsrc !== 0) return info.prefsrc;
  const { nh } = res;
  if (nh.saddrGenid !== ip4.fib.addrGenid) updateSaddr(ip4, nh, info.scope);
  return nh.saddr >>> 0;
}

function updateSaddr(ip4: Ipv4, nh: FibNh, scope: number): void {
  nh.saddr = nh.dev ? inetSelectAddr(ip4, nh.dev, nh.gw, scope) | 0 : 0;
  nh.saddrGenid = ip4.fib.addrGenid;
}

/** Routes that prefer a source address which is gone are dead (fib_sync_down_addr). Returns how many. */
export function syncDownAddr(tables: FibTables, local: number): number {
  let count = 0;
  for (const info of tables.infos) {
    if (info.prefsrc !== local || local === 0 || info.tableId !== RT_TABLE_MAIN) continue;
    info.flags |= RTNH_F_DEAD;
    count++;
  }
  return count;
}

export type LinkEvent = "down" | "unregister" | "change";

/** Nexthops by a device are dead or without link (fib_sync_down_dev). `force`: those of local addresses too. */
export function syncDownDev(tables: FibTables, dev: NetDevice, event: LinkEvent, force: boolean): number {
  let count = 0;
  for (const info of tables.infosBy(dev)) {
    let dead = 0;
    for (const nh of info.nhs) {
      if (nh.flags & RTNH_F_DEAD) dead++;
      else if (nh.dev === dev && (force || nh.scope !== RT_SCOPE_NOWHERE)) {
        if (event !== "change") nh.flags |= RTNH_F_DEAD;
        nh.flags |= RTNH_F_LINKDOWN;
        dead++;
      }
      if (event === "unregister" && nh.dev === dev) {
        dead = info.nhs.length;
        break;
      }
    }
    if (dead === info.nhs.length) {
      if (event !== "change") info.flags |= RTNH_F_DEAD;
      info.flags |= RTNH_F_LINKDOWN;
      count++;
    }
    rebalance(info);
  }
  return count;
}

/** Nexthops by a device that is up, or has its carrier, again live (fib_sync_up). */
export function syncUp(tables: FibTables, dev: NetDevice, flags: number): number {
  if (!dev.up) return 0;
  if (flags & RTNH_F_DEAD && dev.operational) flags |= RTNH_F_LINKDOWN;
  let count = 0;
  for (const info of tables.infosBy(dev)) {
    let alive = 0;
    for (const nh of info.nhs) {
      if (!(nh.flags & flags)) {
        alive++;
        continue;
      }
      if (!nh.dev?.up || nh.dev !== dev || !inDevOf(dev)) continue;
      alive++;
      nh.flags &= ~flags;
    }
    if (alive > 0) {
      info.flags &= ~flags;
      count++;
    }
    rebalance(info);
  }
  return count;
}

/** What was learned about paths by a device cannot exceed its MTU (fib_sync_mtu). */
export function syncMtu(tables: FibTables, dev: NetDevice): void {
  for (const info of tables.infosBy(dev))
    for (const nh of info.nhs) {
      if (nh.dev !== dev || !nh.exceptions) continue;
      for (const fnhe of nh.exceptions.values()) {
        if (fnhe.pmtu <= dev.mtu) continue;
        fnhe.pmtu = dev.mtu;
        fnhe.mtuLocked = false;
      }
    }
}
