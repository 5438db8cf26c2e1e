// `ip route`: show, flush, get. Adding and deleting are in route-modify.ts, one line of output in route-print.ts. Answers
// to iproute2's ip/iproute.c.

import {
  type FibRoute,
  fibConfig,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RT_TABLE_MAIN,
} from "../../net/ipv4/fib-types.ts";
import { inetDumpExceptions, inetRtmGetroute, type RouteGetRequest } from "../../net/ipv4/route-get.ts";
import { type Context, deviceOrEnd } from "./context.ts";
import {
  Args,
  CommandError,
  getAddr,
  getPrefix,
  invarg,
  matches,
  type Prefix,
  parseUnsigned,
  rtnlGet,
} from "./lib/args.ts";
import { parseDsfield, parseIpProto, parseProto, parseRouteType, parseScope, parseTable } from "./lib/names.ts";
import { flushRouteCache } from "./route-cache.ts";
import { modifyRoute } from "./route-modify.ts";
import { EVERYTHING, printCachedRoute, printRoute, type RouteFilter } from "./route-print.ts";
import { routeUsage } from "./route-usage.ts";

export function doRoute(ctx: Context, words: readonly string[]): number {
  const verb = words[0] ?? "list";
  const args = new Args(words.slice(1));
  if (matches(verb, "add")) return modifyRoute(ctx, args, NLM_F_CREATE | NLM_F_EXCL);
  if (matches(verb, "change") || verb === "chg") return modifyRoute(ctx, args, NLM_F_REPLACE);
  if (matches(verb, "replace")) return modifyRoute(ctx, args, NLM_F_CREATE | NLM_F_REPLACE);
  if (matches(verb, "prepend")) return modifyRoute(ctx, args, NLM_F_CREATE);
  if (matches(verb, "append")) return modifyRoute(ctx, args, NLM_F_CREATE | NLM_F_APPEND);
  if (matches(verb, "test")) return modifyRoute(ctx, args, NLM_F_EXCL);
  if (matches(verb, "delete")) return modifyRoute(ctx, args, null);
  if (matches(verb, "list") || matches(verb, "show") || matches(verb, "lst")) return listRoutes(ctx, args, false);
  if (matches(verb, "get")) return getRoute(ctx, args);
  if (matches(verb, "flush")) return listRoutes(ctx, args, true);
  if (matches(verb, "help")) routeUsage();
  for (const known of ["save", "restore", "showdump"])
    if (matches(verb, known)) throw new CommandError(`ip route: "${known}" is not supported by vethlab\n`, 2);
  throw new CommandError(`Command "${verb}" is unknown, try "ip route help".\n`, 255);
}

interface Selector extends RouteFilter {
  root: Prefix | undefined;
  match: Prefix | undefined;
  via: Prefix | undefined;
  src: Prefix | undefined;
  typeMask: number;
  cached: boolean;
}

function parseSelector(ctx: Context, args: Args): Selector {
  const selector: Selector = {
    ...EVERYTHING,
    table: RT_TABLE_MAIN,
    root: undefined,
    match: undefined,
    via: undefined,
    src: undefined,
    typeMask: 0,
    cached: false,
  };
  for (; !args.done; args.advance()) {
    if (args.matches("table")) {
      const word = args.next();
      const table = parseTable(word);
      if (table !== undefined) selector.table = table;
      else if (word === "all") selector.table = 0;
      else if (word === "cache") selector.cached = true;
      else if (word === "help") routeUsage();
      else invarg("table id value is invalid\n", word);
    } else if (args.matches("vrf")) invarg("Invalid VRF\n", args.next());
    else if (args.matches("cached") || args.matches("cloned")) selector.cached = true;
    else if (args.is("tos") || args.matches("dsfield")) {
      const word = args.next();
      selector.tos = parseDsfield(word) ?? invarg("TOS value is invalid\n", word);
    } else if (args.matches("protocol")) {
      const word = args.next();
      selector.protocol = parseProto(word);
      if (selector.protocol === undefined && word !== "all") invarg('invalid "protocol"\n', word);
    } else if (args.matches("scope")) {
      const word = args.next();
      selector.scope = parseScope(word);
      if (selector.scope === undefined && word !== "all") invarg('invalid "scope"\n', word);
    } else if (args.matches("type")) {
      const word = args.next();
      selector.typeMask = 1 << (parseRouteType(word) ?? invarg("node type value is invalid\n", word));
    } else if (args.is("dev") || args.is("oif")) selector.oif = deviceOrEnd(ctx, args.next()).ifindex;
    else if (args.is("iif") || args.is("mark") || args.matches("realms"))
      throw new CommandError(`ip route: "${args.word}" is not supported by vethlab\n`, 2);
    else if (args.matches("metric") || args.matches("priority") || args.is("preference")) {
      const word = args.next();
      selector.metric = parseUnsigned(word) ?? invarg('"metric" value is invalid\n', word);
    } else if (args.is("via")) {
      const word = args.next();
      selector.via = getPrefix(word === "inet" ? args.next() : word);
      selector.viaHost = selector.via.length === 32;
    } else if (args.is("src")) {
      selector.src = getPrefix(args.next());
      selector.srcHost = selector.src.length === 32;
    } else {
      if (args.matches("to")) args.next();
      if (args.matches("root")) selector.root = getPrefix(args.next());
      else if (args.matches("match")) selector.match = getPrefix(args.next());
      else {
        if (args.matches("exact")) args.next();
        selector.match = getPrefix(args.word);
        selector.root = selector.match;
      }
    }
  }
  return selector;
}

function within(address: number, prefix: Prefix, length: number): boolean {
  return length === 0 || (address ^ prefix.address) >>> (32 - length) === 0;
}

/** filter_nlmsg */
function selected(selector: Selector, route: FibRoute): boolean {
  const gw = route.nexthops.length === 1 ? route.nexthops[0]!.gw : 0;
  const oif = route.nexthops.length === 1 ? route.nexthops[0]!.oif : 0;
  if (selector.table && route.table !== selector.table) return false;
  if (selector.protocol !== undefined && route.protocol !== selector.protocol) return false;
  if (selector.scope !== undefined && route.scope !== selector.scope) return false;
  if (selector.typeMask && !(selector.typeMask & (1 << route.type))) return false;
  if (selector.tos !== undefined && route.tos !== selector.tos) return false;
  if (selector.metric !== undefined && route.priority !== selector.metric) return false;
  if (selector.oif && oif !== selector.oif) return false;
  if (selector.root) {
    if (selector.root.length > route.dstLen || !within(route.dst, selector.root, selector.root.length)) return false;
  }
  if (selector.match) {
    if (selector.match.length < route.dstLen || !within(route.dst, selector.match, route.dstLen)) return false;
  }
  if (selector.via && !(gw !== 0 && within(gw, selector.via, selector.via.length))) return false;
  if (selector.src && !within(route.prefsrc, selector.src, selector.src.length)) return false;
  return true;
}

/** iproute_list_flush_or_save */
function listRoutes(ctx: Context, args: Args, flush: boolean): number {
  const { options, out } = ctx;
  if (flush && args.done) throw new CommandError('"ip route flush" requires arguments.\n', 1);
  const selector = parseSelector(ctx, args);
  const inet = options.family === "" || options.family === "inet";
  if (selector.cached) {
    if (flush) {
      flushRouteCache(ctx.ns);
      if (options.stats) out.fp("*** IPv4 routing cache is flushed.\n");
      return 0;
    }
    return inet ? listExceptions(ctx, selector) : 0;
  }
  const { fib } = ctx.ns.ipv4;
  if (!flush && selector.table && inet && !fib.get(selector.table)) {
    ctx.err += "Error: ipv4: FIB table does not exist.\nDump terminated\n";
    return 2;
  }
  const routes = (): FibRoute[] => (inet ? fib.dump(selector.table).filter((route) => selected(selector, route)) : []);
  if (flush) return flushRoutes(ctx, selector, routes);
  out.begin();
  for (const route of routes()) printRoute(ctx, route, selector);
  out.end();
  return 0;
}

function flushRoutes(ctx: Context, selector: RouteFilter, routes: () => FibRoute[]): number {
  const { out, options } = ctx;
  for (let round = 0; ; round++) {
    const found = routes();
    if (found.length === 0) {
      if (options.stats)
        out.fp(
          round === 0
            ? "Nothing to flush.\n"
            : `*** Flush is complete after ${round} round${round > 1 ? "s" : ""} ***\n`,
        );
      return 0;
    }
    for (const route of found) {
      if (options.stats > 1) printRoute(ctx, route, selector);
      const nh = route.nexthops.length === 1 ? route.nexthops[0]! : undefined;
      rtnlGet(() =>
        ctx.ns.ipv4.fib.delete(
          fibConfig({
            dst: route.dst,
            dstLen: route.dstLen,
            tos: route.tos,
            protocol: route.protocol,
            scope: route.scope,
            type: route.type,
            table: route.table,
            priority: route.priority,
            prefsrc: route.prefsrc,
            oif: nh?.oif ?? 0,
            gw: nh?.gw ?? 0,
          }),
        ),
      );
    }
    if (options.stats) out.fp(`\n*** Round ${round + 1}, deleting ${found.length} entries ***\n`);
  }
}

/** What was learned about single destinations: `ip route show cache`. */
function listExceptions(ctx: Context, selector: Selector): number {
  const { out } = ctx;
  out.begin();
  for (const route of inetDumpExceptions(ctx.ns.ipv4)) {
    const host = {
      table: route.table,
      dst: route.dst,
      dstLen: 32,
      tos: route.tos,
      type: route.type,
      protocol: 0,
      scope: 0,
      prefsrc: 0,
      priority: 0,
      metrics: null,
      flags: 0,
      nexthops: [{ dev: route.dev, oif: route.dev.ifindex, gw: route.gateway, weight: 1, flags: 0 }],
    };
    if (selected({ ...selector, table: 0 }, host)) printCachedRoute(ctx, { ...route, table: 0 });
  }
  out.end();
  return 0;
}

interface GetWords {
  request: RouteGetRequest;
  fibMatch: boolean;
  connected: boolean;
}

/** iproute_get */
function getRoute(ctx: Context, args: Args): number {
  const { request, fibMatch, connected } = parseGet(ctx, args);
  const answer = rtnlGet(() => inetRtmGetroute(ctx.ns.ipv4, request));
  const { out } = ctx;
  out.begin();
  if (fibMatch) {
    if (!answer.match) throw new CommandError("RTNETLINK answers: No route to host\n", 2);
    printRoute(ctx, answer.match, EVERYTHING);
  } else {
    printCachedRoute(ctx, answer);
    // asked again as if from the source that was found; iproute2 6.1 prints the same twice
    if (connected) printCachedRoute(ctx, answer);
  }
  out.end();
  return 0;
}

function parseGet(ctx: Context, args: Args): GetWords {
  const request: { -readonly [K in keyof RouteGetRequest]: RouteGetRequest[K] } = {};
  let fibMatch = false;
  let connected = false;
  let address: Prefix | undefined;
  for (; !args.done; args.advance()) {
    if (args.is("tos") || args.matches("dsfield")) {
      const word = args.next();
      request.tos = parseDsfield(word) ?? invarg("TOS value is invalid\n", word);
    } else if (args.matches("from")) {
      const word = args.next();
      if (matches(word, "help")) routeUsage();
      request.saddr = getAddr(word);
    } else if (args.matches("iif")) request.iif = deviceOrEnd(ctx, args.next()).ifindex;
    else if (args.matches("mark")) {
      const word = args.next();
      request.mark = parseUnsigned(word) ?? invarg("invalid mark value", word);
    } else if (args.matches("oif") || args.is("dev")) request.oif = deviceOrEnd(ctx, args.next()).ifindex;
    else if (args.matches("notify")) request.notify = true;
    else if (args.matches("connected")) connected = true;
    else if (args.matches("uid")) {
      const word = args.next();
      request.uid = parseUnsigned(word) ?? invarg("invalid UID\n", word);
    } else if (args.matches("fibmatch")) fibMatch = true;
    else if (args.matches("sport")) request.sport = port(args.next(), "invalid sport\n");
    else if (args.matches("dport")) request.dport = port(args.next(), "invalid dport\n");
    else if (args.matches("ipproto")) {
      const word = args.next();
      request.proto = parseIpProto(word) ?? invarg('Invalid "ipproto" value\n', word);
    } else if (args.matches("vrf") || args.is("as"))
      throw new CommandError(`ip route get: "${args.word}" is not supported by vethlab\n`, 2);
    else {
      if (args.is("to")) args.next();
      if (args.matches("help")) routeUsage();
      address = getPrefix(args.word);
      if (address.length !== 32)
        ctx.err += `Warning: /${address.length} as prefix is invalid, only /32 (or none) is supported.\n`;
    }
  }
  if (!address) throw new CommandError("need at least a destination address\n", 1);
  request.daddr = address.address;
  return { request, fibMatch, connected };
}

function port(word: string, message: string): number {
  return parseUnsigned(word, 65535) ?? invarg(message, word);
}
