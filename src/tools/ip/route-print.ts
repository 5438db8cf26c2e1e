// One route as `ip route` prints it, from the tables or as the answer of `ip route get`. Answers to iproute2's
// ip/iproute.c, print_route and its helpers.

import { MSEC } from "../../base/time.ts";
import {
  type FibRoute,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RTN_UNICAST,
  RTNH_F_DEAD,
  RTNH_F_LINKDOWN,
  RTNH_F_ONLINK,
  RTNH_F_PERVASIVE,
  RTPROT_BOOT,
} from "../../net/ipv4/fib-types.ts";
import type { RouteGetAnswer } from "../../net/ipv4/route-get.ts";
import {
  type RouteMetrics,
  RTCF_BROADCAST,
  RTCF_DOREDIRECT,
  RTCF_LOCAL,
  RTCF_MULTICAST,
  RTCF_NOTIFY,
  RTCF_REDIRECTED,
} from "../../net/ipv4/rtable.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import type { Context } from "./context.ts";
import { dsfieldName, protoName, routeTypeName, scopeName, tableName } from "./lib/names.ts";
import { Out } from "./lib/out.ts";

/** What was asked for is not repeated in the answer. */
export interface RouteFilter {
  /** 0: all */
  table: number;
  protocol: number | undefined;
  scope: number | undefined;
  tos: number | undefined;
  metric: number | undefined;
  oif: number;
  /** a host was given for via, src */
  viaHost: boolean;
  srcHost: boolean;
}

/** No selector: nothing is left out of a line. */
export const EVERYTHING: RouteFilter = {
  table: 0,
  protocol: undefined,
  scope: undefined,
  tos: undefined,
  metric: undefined,
  oif: 0,
  viaHost: false,
  srcHost: false,
};

/** A route as `ip -o route show table all` has it. */
export function routeLine(route: FibRoute): string {
  const out = new Out({ oneline: true });
  printRoute({ out, options: { details: 0 } }, route, EVERYTHING);
  return out.take().trim();
}

export function printRoute(
  ctx: { readonly out: Out; readonly options: { readonly details: number } },
  route: FibRoute,
  filter: RouteFilter,
): void {
  const { out } = ctx;
  const details = ctx.options.details > 0;
  const single = route.nexthops.length === 1 ? route.nexthops[0]! : undefined;
  out.openObject();
  if (route.type !== RTN_UNICAST || details) {
    const type = routeTypeName(route.type);
    out.any("type", `${type} `, type);
  }
  const dst = destination(route.dst, route.dstLen);
  out.any("dst", `${dst} `, dst);
  if (route.tos && filter.tos === undefined) printTos(out, route.tos);
  if (single && single.gw !== 0 && !filter.viaHost) printGateway(out, single.gw);
  if (single && single.oif !== 0 && !filter.oif) {
    const name = single.dev?.name ?? `if${single.oif}`;
    out.any("dev", `dev ${name} `, name);
  }
  if (!filter.table && (route.table !== RT_TABLE_MAIN || details)) {
    const table = tableName(route.table);
    out.any("table", `table ${table} `, table);
  }
  if ((route.protocol !== RTPROT_BOOT || details) && filter.protocol === undefined) {
    const protocol = protoName(route.protocol);
    out.any("protocol", `proto ${protocol} `, protocol);
  }
  if ((route.scope !== RT_SCOPE_UNIVERSE || details) && filter.scope === undefined) {
    const scope = scopeName(route.scope);
    out.any("scope", `scope ${scope} `, scope);
  }
  if (route.prefsrc !== 0 && !filter.srcHost) printPrefsrc(out, route.prefsrc);
  if (route.priority !== 0 && filter.metric === undefined)
    out.any("metric", `metric ${route.priority} `, route.priority);
  printFlags(out, route.flags | (single?.flags ?? 0));
  if (route.metrics) printMetrics(out, route.metrics);
  if (route.nexthops.length > 1) {
    out.openArray("nexthops");
    for (const nh of route.nexthops) {
      out.openObject();
      out.fp(`${out.sl}\tnexthop `);
      if (nh.gw !== 0) printGateway(out, nh.gw);
      const name = nh.dev?.name ?? `if${nh.oif}`;
      out.any("dev", `dev ${name} `, name);
      out.any("weight", `weight ${nh.weight} `, nh.weight);
      printFlags(out, nh.flags);
      out.closeObject();
    }
    out.closeArray();
  }
  out.fp("\n");
  out.closeObject();
}

function destination(address: number, length: number): string {
  if (length === 32) return formatIpv4(address);
  return length === 0 && address === 0 ? "default" : `${formatIpv4(address)}/${length}`;
}

function printTos(out: Out, tos: number): void {
  const name = dsfieldName(tos);
  out.any("tos", `tos ${name} `, name);
}

function printGateway(out: Out, gw: number): void {
  const text = formatIpv4(gw);
  out.any("gateway", `via ${text} `, text);
}

function printPrefsrc(out: Out, address: number): void {
  const text = formatIpv4(address);
  out.any("prefsrc", `src ${text} `, text);
}

const RTM_F_NOTIFY = 0x100;
/** RTM_F_OFFLOAD_FAILED, a bit that the kernel also uses for multicast in the answer to `ip route get`. */
const RTM_F_OFFLOAD_FAILED = 0x20000000;

function printFlags(out: Out, flags: number): void {
  out.openArray("flags");
  const print = (bit: number, name: string): void => {
    if (flags & bit) out.any(null, `${name} `, name);
  };
  print(RTNH_F_DEAD, "dead");
  print(RTNH_F_ONLINK, "onlink");
  print(RTNH_F_PERVASIVE, "pervasive");
  print(RTNH_F_LINKDOWN, "linkdown");
  print(RTM_F_NOTIFY, "notify");
  print(RTM_F_OFFLOAD_FAILED, "rt_offload_failed");
  out.closeArray();
}

function printMetrics(out: Out, metrics: RouteMetrics): void {
  const numbers: readonly (readonly [string, number | undefined, (boolean | undefined)?])[] = [
    ["mtu", metrics.mtu, metrics.mtuLock],
    ["window", metrics.window],
  ];
  const later: readonly (readonly [string, number | undefined])[] = [
    ["ssthresh", metrics.ssthresh],
    ["cwnd", metrics.cwnd],
    ["advmss", metrics.advmss],
    ["reordering", metrics.reordering],
    ["hoplimit", metrics.hoplimit],
    ["initcwnd", metrics.initcwnd],
  ];
  out.openArray("metrics");
  out.openObject();
  for (const [name, value, locked] of numbers)
    if (value) out.any(name, `${name} ${locked ? "lock " : ""}${value} `, value);
  if (metrics.rtt) printTime(out, "rtt", Math.floor(metrics.rtt / 8));
  if (metrics.rttvar) printTime(out, "rttvar", Math.floor(metrics.rttvar / 4));
  for (const [name, value] of later) if (value) out.any(name, `${name} ${value} `, value);
  if (metrics.features) out.any("ecn", "features ecn ", null);
  if (metrics.rtoMin) {
    // iproute2 always locks it
    out.fp("rto_min lock ");
    printTimeValue(out, "rto_min", metrics.rtoMin);
  }
  if (metrics.initrwnd) out.any("initrwnd", `initrwnd ${metrics.initrwnd} `, metrics.initrwnd);
  if (metrics.quickack) out.any("quickack", `quickack ${metrics.quickack} `, metrics.quickack);
  if (metrics.congctl) out.any("congestion", `congctl ${metrics.congctl} `, metrics.congctl);
  if (metrics.fastopenNoCookie)
    out.any("fastopen_no_cookie", `fastopen_no_cookie ${metrics.fastopenNoCookie} `, metrics.fastopenNoCookie);
  out.closeObject();
  out.closeArray();
}

function printTime(out: Out, key: string, ms: number): void {
  out.fp(`${key} `);
  printTimeValue(out, key, ms);
}

function printTimeValue(out: Out, key: string, ms: number): void {
  out.any(key, ms >= 1000 ? `${ms / 1000}s ` : `${ms}ms `, ms);
}

const CACHE_FLAGS: readonly (readonly [number, string])[] = [
  [RTCF_LOCAL, "local"],
  [RTCF_MULTICAST, "mc"],
  [RTCF_BROADCAST, "brd"],
  [RTCF_REDIRECTED, "redirected"],
  [RTCF_DOREDIRECT, "redirect"],
  [RTCF_NOTIFY, "notify"],
];
/** USER_HZ: in such ticks the kernel tells of times. */
const CLOCK_TICK_NS = 10 * MSEC;

/** A route as a packet takes it: the answer to `ip route get`, or a line of the cache (print_route, RTM_F_CLONED). */
export function printCachedRoute(ctx: Context, route: RouteGetAnswer): void {
  const { out } = ctx;
  const details = ctx.options.details > 0;
  out.openObject();
  if (route.type !== RTN_UNICAST || details) {
    const type = routeTypeName(route.type);
    out.any("type", `${type} `, type);
  }
  const dst = formatIpv4(route.dst);
  out.any("dst", `${dst} `, dst);
  if (route.src !== 0) {
    const from = formatIpv4(route.src);
    out.any("from", `from ${from} `, from);
  }
  if (route.tos) printTos(out, route.tos);
  if (route.gateway !== 0) printGateway(out, route.gateway);
  out.any("dev", `dev ${route.dev.name} `, route.dev.name);
  if (route.table !== 0 && (route.table !== RT_TABLE_MAIN || details)) {
    const name = tableName(route.table);
    out.any("table", `table ${name} `, name);
  }
  if (route.prefsrc !== 0) printPrefsrc(out, route.prefsrc);
  printFlags(out, (route.flags & ~0xffff) | (route.flags & RTCF_NOTIFY ? RTM_F_NOTIFY : 0));
  if (route.mark) {
    const { mark } = route;
    out.any("mark", mark >= 16 ? `mark 0x${mark.toString(16)} ` : `mark ${mark} `, mark);
  }
  if (route.uid !== null) out.any("uid", `uid ${route.uid} `, route.uid);
  let flags = route.flags & ~0xffff;
  out.openArray("cache", `${out.sl}    cache ${flags ? "<" : ""}`);
  for (const [bit, name] of CACHE_FLAGS) {
    if (!(flags & bit)) continue;
    flags &= ~bit;
    out.any(null, `${name}${flags ? "," : "> "}`, name);
  }
  out.closeArray();
  printCacheInfo(ctx, route);
  if (route.metrics) printMetrics(out, route.metrics);
  if (route.iif) out.any("iif", `iif ${route.iif.name} `, route.iif.name);
  out.fp("\n");
  out.closeObject();
}

/** print_rta_cacheinfo */
function printCacheInfo({ out, options }: Context, route: RouteGetAnswer): void {
  const ticks = Math.floor((route.expiresNs ?? 0) / CLOCK_TICK_NS);
  if (ticks !== 0) out.any("expires", `expires ${Math.floor(ticks / 100)}sec `, Math.floor(ticks / 100));
  if (options.stats === 0) return;
  out.any("users", `users ${route.users} `, route.users);
  const age = Math.floor(route.ageNs / CLOCK_TICK_NS);
  if (age !== 0) out.any("age", `age ${Math.floor(age / 100)}sec `, Math.floor(age / 100));
}
