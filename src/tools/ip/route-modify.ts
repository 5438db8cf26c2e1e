// `ip route add | change | replace | prepend | append | test | delete`. Answers to iproute2's ip/iproute.c,
// iproute_modify and parse_nexthops. Encapsulations, nexthop objects, realms and expiry are refused by name.

import {
  type FibConfig,
  fibConfig,
  type NexthopConfig,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTN_ANYCAST,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_NAT,
  RTN_UNICAST,
  RTNH_F_ONLINK,
  RTPROT_BOOT,
} from "../../net/ipv4/fib-types.ts";
import type { RouteMetrics } from "../../net/ipv4/rtable.ts";
import { type Context, deviceOrEnd } from "./context.ts";
import {
  type Args,
  CommandError,
  duparg2,
  getAddr,
  getPrefix,
  invarg,
  type Prefix,
  parseUnsigned,
  rtnl,
} from "./lib/args.ts";
import { parseDsfield, parseProto, parseRouteType, parseScope, parseTable } from "./lib/names.ts";
import { routeUsage } from "./route-usage.ts";

const REFUSED: readonly string[] = ["encap", "nhid", "expires", "pref", "ttl-propagate", "as", "from"];

/** @param nlflags NLM_F_* of an addition; null deletes */
export function modifyRoute(ctx: Context, args: Args, nlflags: number | null): number {
  const deleting = nlflags === null;
  let dst: Prefix | undefined;
  let type = deleting ? 0 : RTN_UNICAST;
  let protocol = deleting ? 0 : RTPROT_BOOT;
  let scope: number | undefined;
  let table: number | undefined;
  let tos = 0;
  let priority = 0;
  let prefsrc = 0;
  let gw: number | undefined;
  let device: string | undefined;
  let onlink = false;
  let multipath: NexthopConfig[] | null = null;
  const metrics: RouteMetrics = {};
  let inet = ctx.options.family === "inet";
  const number = (message: string, max = 0xffffffff): number => {
    const word = args.next();
    return parseUnsigned(word, max) ?? invarg(message, word);
  };
  const metric = (key: MetricKey, word: string): void => {
    if (args.is("lock")) {
      args.advance();
      if (key === "mtu") metrics.mtuLock = true;
    }
    metrics[key] = parseUnsigned(args.word) ?? invarg(`"${word}" value is invalid\n`, args.word);
  };
  for (; !args.done; args.advance()) {
    const known = METRICS.find(([word, exact]) => (exact ? args.is(word) : args.matches(word)));
    if (args.is("src")) {
      prefsrc = getAddr(args.next(), inet);
      inet = true;
    } else if (args.is("via")) {
      if (gw !== undefined) invarg("use nexthop syntax to specify multiple via\n", args.word);
      const word = args.next();
      gw = getAddr(word === "inet" ? args.next() : word, inet);
      inet = true;
    } else if (args.is("tos") || args.matches("dsfield")) {
      const word = args.next();
      tos = parseDsfield(word) ?? invarg('"tos" value is invalid\n', word);
    } else if (args.matches("metric") || args.matches("priority") || args.is("preference"))
      priority = number('"metric" value is invalid\n');
    else if (args.is("scope")) {
      const word = args.next();
      scope = parseScope(word) ?? invarg('invalid "scope" value\n', word);
    } else if (known) {
      args.next();
      metric(known[2], known[0] === "advmss" ? "mss" : known[0]);
    } else if (args.is("rtt") || args.matches("rttvar") || args.is("rto_min")) {
      const key = args.word;
      const word = args.next() === "lock" ? args.next() : args.word;
      const ms = parseTime(word) ?? invarg(`"${key}" value is invalid\n`, word);
      // a bare number is in the kernel's own units: eighths and quarters of a millisecond
      const raw = /^\d+$/.test(word);
      if (key === "rtt") metrics.rtt = raw ? ms : ms * 8;
      else if (key === "rto_min") metrics.rtoMin = ms;
      else metrics.rttvar = raw ? ms : ms * 4;
    } else if (args.matches("features")) {
      const word = args.next();
      if (word !== "ecn") invarg('"features" value not valid\n', word);
      metrics.features = 1;
    } else if (args.matches("congctl")) metrics.congctl = args.next() === "lock" ? args.next() : args.word;
    else if (args.is("onlink")) onlink = true;
    else if (args.is("nexthop")) {
      multipath = parseNexthops(ctx, args);
      break;
    } else if (args.matches("protocol")) {
      const word = args.next();
      protocol = parseProto(word) ?? invarg('"protocol" value is invalid\n', word);
    } else if (args.matches("table")) {
      const word = args.next();
      table = parseTable(word) ?? invarg('"table" value is invalid\n', word);
    } else if (args.is("dev") || args.is("oif")) device = args.next();
    else if (REFUSED.includes(args.word) || args.matches("realms") || args.matches("vrf"))
      throw new CommandError(`ip route: "${args.word}" is not supported by vethlab\n`, 2);
    else {
      if (args.is("to")) args.next();
      const named = /^\d/.test(args.word) ? undefined : parseRouteType(args.word);
      if (named !== undefined) {
        args.next();
        type = named;
      }
      if (args.matches("help")) routeUsage();
      if (dst) duparg2("to", args.word);
      dst = getPrefix(args.word, inet);
      if (!dst.any) inet = true;
    }
  }
  if (!dst) routeUsage();
  const oif = device === undefined ? 0 : deviceOrEnd(ctx, device).ifindex;
  table ??= [RTN_LOCAL, RTN_BROADCAST, RTN_NAT, RTN_ANYCAST].includes(type) ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
  scope ??= defaultScope(type, deleting, gw !== undefined || multipath !== null);
  const config: FibConfig = fibConfig({
    dst: dst.address,
    dstLen: dst.length,
    tos,
    protocol,
    scope,
    type,
    table,
    oif,
    gw: gw ?? 0,
    priority,
    prefsrc,
    metrics: Object.keys(metrics).length > 0 ? metrics : null,
    multipath,
    flags: onlink ? RTNH_F_ONLINK : 0,
    nlflags: nlflags ?? 0,
  });
  const { fib } = ctx.ns.ipv4;
  rtnl(ctx.proc, () => (deleting ? fib.delete(config) : fib.insert(config)));
  return 0;
}

function defaultScope(type: number, deleting: boolean, hasGateway: boolean): number {
  if (type === RTN_LOCAL || type === RTN_NAT) return RT_SCOPE_HOST;
  if (type === RTN_BROADCAST || type === RTN_MULTICAST || type === RTN_ANYCAST) return RT_SCOPE_LINK;
  if (type === RTN_UNICAST || type === 0) {
    if (deleting) return RT_SCOPE_NOWHERE;
    if (!hasGateway) return RT_SCOPE_LINK;
  }
  return deleting ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE;
}

type MetricKey =
  | "mtu"
  | "hoplimit"
  | "advmss"
  | "reordering"
  | "window"
  | "cwnd"
  | "initcwnd"
  | "initrwnd"
  | "quickack"
  | "ssthresh"
  | "fastopenNoCookie";

/** option word, must be written out, metric */
const METRICS: readonly (readonly [string, boolean, MetricKey])[] = [
  ["mtu", true, "mtu"],
  ["hoplimit", true, "hoplimit"],
  ["advmss", true, "advmss"],
  ["reordering", false, "reordering"],
  ["window", false, "window"],
  ["cwnd", false, "cwnd"],
  ["initcwnd", false, "initcwnd"],
  ["initrwnd", false, "initrwnd"],
  ["quickack", false, "quickack"],
  ["ssthresh", false, "ssthresh"],
  ["fastopen_no_cookie", false, "fastopenNoCookie"],
];

/** Milliseconds of "200ms", "1s", "0.2" (seconds where there is a point) or plain milliseconds (get_time_rtt). */
function parseTime(word: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(s|sec|secs|ms|msec|msecs)?$/.exec(word);
  if (!match) return undefined;
  const seconds = match[2]?.startsWith("s") === true;
  return Math.ceil(Number(match[1]) * (seconds ? 1000 : 1));
}

function parseNexthops(ctx: Context, args: Args): NexthopConfig[] {
  const out: NexthopConfig[] = [];
  while (!args.done) {
    if (!args.is("nexthop"))
      throw new CommandError(`Error: "nexthop" or end of line is expected instead of "${args.word}"\n`, 255);
    args.advance();
    if (args.done) throw new CommandError('Error: unexpected end of line after "nexthop"\n', 255);
    let gw = 0;
    let oif = 0;
    let weight = 1;
    let flags = 0;
    for (; !args.done && !args.is("nexthop"); args.advance()) {
      if (args.is("via")) {
        const word = args.next();
        gw = getAddr(word === "inet" ? args.next() : word, true);
      } else if (args.is("dev")) oif = deviceOrEnd(ctx, args.next()).ifindex;
      else if (args.is("weight")) {
        const word = args.next();
        weight = parseUnsigned(word, 256) ?? 0;
        if (weight === 0) invarg('"weight" is invalid\n', word);
      } else if (args.is("onlink")) flags |= RTNH_F_ONLINK;
      else if (args.is("encap") || args.matches("realms") || args.is("as"))
        throw new CommandError(`ip route: "${args.word}" is not supported by vethlab\n`, 2);
      else break;
    }
    out.push({ oif, gw, weight, flags });
  }
  return out;
}
