// One route as `ip route` prints it, from the tables or as the answer of `ip route get`. Answers to iproute2's
// ip/iproute.c, print_route and its helpers.

import type { NetDevice } from "../../net/core/net-device.ts";
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
import type { RouteMetrics, Rtable } from "../../net/ipv4/rtable.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import type { Context } from "./context.ts";
import { dsfieldName, protoName, routeTypeName, scopeName, tableName } from "./lib/names.ts";
import type { Out } from "./lib/out.ts";

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

export function printRoute(ctx: Context, route: FibRoute, filter: RouteFilter): void {
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

/** What `ip route get` asked. */
export interface RouteQuestion {
  readonly daddr: number;
  /** undefined: not given */
  readonly from: number | undefined;
  /** source that the look-up chose */
  readonly saddr: number;
  readonly tos: number;
  readonly mark: number;
  readonly uid: number;
  readonly iif: NetDevice | null;
}

const CACHE_FLAGS: readonly (readonly [number, string])[] = [
  [0x80000000, "local"],
  [0x20000000, "mc"],
  [0x10000000, "brd"],
  [0x00040000, "redirected"],
  [0x01000000, "redirect"],
  [0x00010000, "notify"],
];

/** The route that a packet would take (rt_fill_info of the kernel, RTM_F_CLONED). */
export function printCachedRoute(ctx: Context, question: RouteQuestion, rt: Rtable): void {
  const { out } = ctx;
  out.openObject();
  if (rt.type !== RTN_UNICAST || ctx.options.details > 0) {
    const type = routeTypeName(rt.type);
    out.any("type", `${type} `, type);
  }
  const dst = formatIpv4(question.daddr);
  out.any("dst", `${dst} `, dst);
  if (question.from !== undefined) {
    const from = formatIpv4(question.from);
    out.any("from", `from ${from} `, from);
  }
  if (question.tos) printTos(out, question.tos);
  if (rt.gateway !== 0) printGateway(out, rt.gateway);
  out.any("dev", `dev ${rt.dev.name} `, rt.dev.name);
  const table = rt.fromFib?.tableId ?? RT_TABLE_MAIN;
  if (table !== RT_TABLE_MAIN && !rt.isLocal && !rt.isBroadcastOrMulticast) {
    const name = tableName(table);
    out.any("table", `table ${name} `, name);
  }
  if (!question.iif && question.from === undefined) printPrefsrc(out, question.saddr);
  printFlags(out, rt.flags);
  if (question.mark) {
    const { mark } = question;
    out.any("mark", mark >= 16 ? `mark 0x${mark.toString(16)} ` : `mark ${mark} `, mark);
  }
  if (!question.iif) out.any("uid", `uid ${question.uid} `, question.uid);
  let flags = rt.flags & ~0xffff;
  out.openArray("cache", `${out.sl}    cache ${flags ? "<" : ""}`);
  for (const [bit, name] of CACHE_FLAGS) {
    if (!(flags & bit)) continue;
    flags &= ~bit;
    out.any(null, `${name}${flags ? "," : "> "}`, name);
  }
  out.closeArray();
  if (rt.pmtu !== 0 && rt.expires !== 0) {
    const seconds = Math.max(0, Math.floor((rt.expires - ctx.ns.net.now) / 1_000_000_000));
    out.any("expires", `expires ${seconds}sec `, seconds);
  }
  const metrics = rt.pmtu !== 0 ? { ...rt.metrics, mtu: rt.mtu(), mtuLock: rt.mtuLocked } : rt.metrics;
  if (metrics) printMetrics(out, metrics);
  if (question.iif) out.any("iif", `iif ${question.iif.name} `, question.iif.name);
  out.fp("\n");
  out.closeObject();
}
