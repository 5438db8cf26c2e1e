// `ip neighbour`: add, change, replace, delete, show, get, flush. Answers to iproute2's ip/ipneigh.c.

import { Errno, NetError } from "../../base/errno.ts";
import type { ProxyEntry } from "../../net/core/neigh-table.ts";
import {
  type NeighInfo,
  NTF_EXT_LEARNED,
  NTF_ROUTER,
  NTF_USE,
  NUD_DELAY,
  NUD_FAILED,
  NUD_INCOMPLETE,
  NUD_NOARP,
  NUD_NONE,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
} from "../../net/core/neighbour.ts";
import type { NetDevice } from "../../net/core/net-device.ts";
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from "../../net/ipv4/fib-types.ts";
import { formatIpv4, formatMac } from "../../wire/addr.ts";
import { type Context, deviceNamed, deviceOrEnd } from "./context.ts";
import {
  Args,
  CommandError,
  duparg,
  duparg2,
  getAddr,
  getLlAddr,
  invarg,
  matches,
  type Prefix,
  parsePrefix,
  parseUnsigned,
  rtnl,
} from "./lib/args.ts";
import { parseProto, protoName } from "./lib/names.ts";

const NEIGH_USAGE = `Usage: ip neigh { add | del | change | replace }
                { ADDR [ lladdr LLADDR ] [ nud STATE ] proxy ADDR }
                [ dev DEV ] [ router ] [ use ] [ managed ] [ extern_learn ]
                [ protocol PROTO ]

\tip neigh { show | flush } [ proxy ] [ to PREFIX ] [ dev DEV ] [ nud STATE ]
\t\t\t\t  [ vrf NAME ] [ nomaster ]
\tip neigh get { ADDR | proxy ADDR } dev DEV

STATE := { delay | failed | incomplete | noarp | none |
           permanent | probe | reachable | stale }
`;

function usage(): never {
  throw new CommandError(NEIGH_USAGE, 255);
}

export function doNeigh(ctx: Context, words: readonly string[]): number {
  const verb = words[0] ?? "show";
  const args = new Args(words.slice(1));
  if (matches(verb, "add")) return modify(ctx, args, NLM_F_CREATE | NLM_F_EXCL);
  if (matches(verb, "change") || verb === "chg") return modify(ctx, args, NLM_F_REPLACE);
  if (matches(verb, "replace")) return modify(ctx, args, NLM_F_CREATE | NLM_F_REPLACE);
  if (matches(verb, "delete")) return modify(ctx, args, null);
  if (matches(verb, "get")) return getNeigh(ctx, args);
  if (matches(verb, "show") || matches(verb, "lst") || matches(verb, "list")) return showNeigh(ctx, args, false);
  if (matches(verb, "flush")) return showNeigh(ctx, args, true);
  if (matches(verb, "help")) usage();
  throw new CommandError(`Command "${verb}" is unknown, try "ip neigh help".\n`, 255);
}

const STATES: readonly (readonly [string, number, boolean])[] = [
  // name, NUD_*, may be shortened
  ["permanent", NUD_PERMANENT, true],
  ["reachable", NUD_REACHABLE, true],
  ["noarp", NUD_NOARP, false],
  ["none", NUD_NONE, false],
  ["stale", NUD_STALE, false],
  ["incomplete", NUD_INCOMPLETE, false],
  ["delay", NUD_DELAY, false],
  ["probe", NUD_PROBE, false],
  ["failed", NUD_FAILED, true],
];

function parseState(word: string): number | undefined {
  const named = STATES.find(([name, , short]) => (short ? matches(word, name) : word === name));
  if (named) return named[1];
  const value = parseUnsigned(word, 255);
  return value === undefined || value & (value - 1) ? undefined : value;
}

/** ipneigh_modify */
function modify(ctx: Context, args: Args, nlflags: number | null): number {
  let dst: number | undefined;
  let device: string | undefined;
  let lladdr: string | undefined;
  let state = NUD_PERMANENT;
  let proxy = false;
  let protocol = 0;
  let flags = 0;
  for (; !args.done; args.advance()) {
    if (args.matches("lladdr")) {
      const word = args.next();
      if (lladdr !== undefined) duparg("lladdr", word);
      lladdr = word;
    } else if (args.is("nud")) {
      const word = args.next();
      state = parseState(word) ?? invarg("nud state is bad", word);
    } else if (args.matches("proxy")) {
      const word = args.next();
      if (matches(word, "help")) usage();
      if (dst !== undefined) duparg("address", word);
      dst = getAddr(word, ctx.options.family === "inet");
      proxy = true;
    } else if (args.is("dev")) device = args.next();
    else if (args.matches("protocol")) {
      const word = args.next();
      protocol = parseProto(word) ?? invarg('"protocol" value is invalid\n', word);
    } else if (args.is("router")) flags |= NTF_ROUTER;
    else if (args.is("use")) flags |= NTF_USE;
    else if (args.matches("extern_learn")) flags |= NTF_EXT_LEARNED;
    else if (args.is("managed")) throw new CommandError(`ip neigh: "${args.word}" is not supported by vethlab\n`, 2);
    else {
      if (args.is("to")) args.next();
      if (args.matches("help")) usage();
      if (dst !== undefined) duparg2("to", args.word);
      dst = getAddr(args.word, ctx.options.family === "inet");
    }
  }
  if (dst === undefined || (device === undefined && !proxy))
    throw new CommandError("Device and destination are required arguments.\n", 255);
  let bytes: Uint8Array | null = null;
  if (lladdr !== undefined && lladdr !== "null") bytes = getLlAddr(lladdr);
  const dev = device === undefined ? null : deviceOrEnd(ctx, device);
  const table = ctx.ns.ipv4.arp;
  const key = dst;
  rtnl(ctx.proc, () => {
    if (proxy) setProxy(ctx, key, dev, nlflags === null, flags);
    else if (bytes && bytes.length < 6) throw new NetError(Errno.EINVAL, "Invalid link address");
    else if (nlflags === null) table.delete(dev!, key);
    else
      table.add(dev!, key, bytes, state, {
        create: (nlflags & NLM_F_CREATE) !== 0,
        exclusive: (nlflags & NLM_F_EXCL) !== 0,
        replace: (nlflags & NLM_F_REPLACE) !== 0,
        protocol,
        flags,
      });
  });
  return 0;
}

function setProxy(ctx: Context, key: number, dev: NetDevice | null, remove: boolean, flags: number): void {
  const { arp } = ctx.ns.ipv4;
  const { proxies } = arp;
  const at = proxies.findIndex((entry) => entry.key === key && entry.dev === dev);
  if (remove) {
    if (at < 0) throw new NetError(Errno.ENOENT);
    arp.proxies = proxies.toSpliced(at, 1);
  } else if (at < 0) arp.proxies = [{ key, dev, flags }, ...proxies];
  else arp.proxies = proxies.with(at, { key, dev, flags });
}

interface Filter {
  dev: NetDevice | undefined;
  to: Prefix | undefined;
  state: number;
  proxy: boolean;
  unused: boolean;
  protocol: number;
  master: NetDevice | null | undefined;
}

/** state bit of entries without a state, when asked for by name */
const NONE_BIT = 0x100;

function showNeigh(ctx: Context, args: Args, flush: boolean): number {
  if (flush && args.done) throw new CommandError("Flush requires arguments.\n", 1);
  const filter: Filter = {
    dev: undefined,
    to: undefined,
    state: flush ? ~(NUD_PERMANENT | NUD_NOARP) : 0xff & ~NUD_NOARP,
    proxy: false,
    unused: false,
    protocol: 0,
    master: undefined,
  };
  let device: string | undefined;
  let stateGiven = false;
  for (; !args.done; args.advance()) {
    if (args.is("dev")) {
      const word = args.next();
      if (device !== undefined) duparg("dev", word);
      device = word;
    } else if (args.is("master")) {
      const word = args.next();
      filter.master = deviceNamed(ctx.ns.net, word) ?? invarg("Device does not exist\n", word);
    } else if (args.is("nomaster")) filter.master = null;
    else if (args.is("vrf")) invarg("Not a valid VRF name\n", args.next());
    else if (args.is("unused")) {
      filter.unused = true;
    } else if (args.is("nud")) {
      const word = args.next();
      if (!stateGiven) filter.state = 0;
      stateGiven = true;
      let state = parseState(word);
      if (state === undefined) {
        if (word !== "all") invarg("nud state is bad", word);
        state = flush ? ~NUD_NOARP : ~0;
      }
      filter.state |= state === 0 ? NONE_BIT : state;
    } else if (args.is("proxy")) filter.proxy = true;
    else if (args.matches("protocol")) {
      const word = args.next();
      const protocol = parseProto(word);
      if (protocol === undefined && word !== "all") invarg('invalid "protocol"\n', word);
      filter.protocol = protocol ?? 0;
    } else {
      if (args.is("to")) args.next();
      if (args.matches("help")) usage();
      filter.to = parsePrefix(args.word);
      if (!filter.to) throw new CommandError(`Error: any valid prefix is expected rather than "${args.word}".\n`, 1);
    }
  }
  if (device !== undefined) filter.dev = deviceOrEnd(ctx, device);
  return flush ? flushNeigh(ctx, filter) : listNeigh(ctx, filter);
}

function within(key: number, prefix: Prefix | undefined): boolean {
  return !prefix || prefix.length === 0 || (key ^ prefix.address) >>> (32 - prefix.length) === 0;
}

function selected(ctx: Context, filter: Filter): NeighInfo[] {
  const { family } = ctx.options;
  if (family !== "" && family !== "inet") return [];
  return ctx.ns.ipv4.arp.dump(filter.dev ?? null).filter((neigh) => {
    const learned = neigh.flags & NTF_EXT_LEARNED;
    if (!(filter.state & neigh.state) && !learned && (neigh.state !== 0 || !(filter.state & NONE_BIT))) return false;
    if (filter.master !== undefined && neigh.dev.master !== filter.master) return false;
    if (filter.unused && !neigh.unused) return false;
    if (filter.protocol && neigh.protocol !== filter.protocol) return false;
    return within(neigh.key, filter.to);
  });
}

function listNeigh(ctx: Context, filter: Filter): number {
  const { out } = ctx;
  out.begin();
  if (filter.proxy) {
    for (const proxy of ctx.ns.ipv4.arp.proxies) {
      if ((filter.dev && proxy.dev !== filter.dev) || !within(proxy.key, filter.to)) continue;
      printProxy(ctx, proxy, filter.dev !== undefined);
    }
  } else for (const neigh of selected(ctx, filter)) printNeigh(ctx, neigh, filter.dev !== undefined);
  out.end();
  return 0;
}

function printProxy({ out }: Context, { key, dev, flags }: ProxyEntry, devGiven: boolean): void {
  out.openObject();
  const dst = formatIpv4(key);
  out.any("dst", `${dst} `, dst);
  if (!devGiven && dev) out.any("dev", `dev ${dev.name} `, dev.name);
  if (flags & NTF_ROUTER) out.any("router", "router ", null);
  out.any("proxy", "proxy ", null);
  out.fp("\n");
  out.closeObject();
}

/** print_neigh */
function printNeigh(ctx: Context, neigh: NeighInfo, devGiven: boolean): void {
  const { out, options } = ctx;
  const dst = formatIpv4(neigh.key);
  out.openObject();
  if (options.brief) {
    out.any("dst", `${dst.padEnd(39)} `, dst);
    if (!devGiven) out.any("dev", `${neigh.dev.name.padEnd(16)} `, neigh.dev.name);
    if (neigh.lladdr) out.any("lladdr", formatMac(neigh.lladdr), formatMac(neigh.lladdr));
    out.fp("\n");
    out.closeObject();
    return;
  }
  out.any("dst", `${dst} `, dst);
  if (!devGiven) out.any("dev", `dev ${neigh.dev.name} `, neigh.dev.name);
  if (neigh.lladdr) {
    const lladdr = formatMac(neigh.lladdr);
    out.any("lladdr", `lladdr ${lladdr} `, lladdr);
  }
  if (options.stats) {
    const seconds = (ns: number): number => Math.max(0, Math.floor(ns / 1_000_000_000));
    if (!neigh.unused) out.any("refcnt", " ref 1", 1);
    out.any("used", ` used ${seconds(neigh.usedNs)}`, seconds(neigh.usedNs));
    out.any("confirmed", `/${seconds(neigh.confirmedNs)}`, seconds(neigh.confirmedNs));
    out.any("updated", `/${seconds(neigh.updatedNs)}`, seconds(neigh.updatedNs));
    out.any("probes", `probes ${neigh.probes} `, neigh.probes);
  }
  if (neigh.flags & NTF_ROUTER) out.any("router", "router ", null);
  if (neigh.flags & NTF_EXT_LEARNED) out.any("extern_learn", "extern_learn ", null);
  if (neigh.state) {
    out.openArray("state");
    for (const name of stateNames(neigh.state)) out.any(null, `${name} `, name);
    out.closeArray();
  }
  if (neigh.protocol) {
    const protocol = protoName(neigh.protocol);
    out.any("protocol", `proto ${protocol} `, protocol);
  }
  out.fp("\n");
  out.closeObject();
}

function stateNames(state: number): string[] {
  const names: readonly (readonly [number, string])[] = [
    [NUD_INCOMPLETE, "INCOMPLETE"],
    [NUD_REACHABLE, "REACHABLE"],
    [NUD_STALE, "STALE"],
    [NUD_DELAY, "DELAY"],
    [NUD_PROBE, "PROBE"],
    [NUD_FAILED, "FAILED"],
    [NUD_NOARP, "NOARP"],
    [NUD_PERMANENT, "PERMANENT"],
  ];
  return names.filter(([bit]) => state & bit).map(([, name]) => name);
}

/** Rounds of deletion; failed entries go once (do_show_or_flush). */
function flushNeigh(ctx: Context, filter: Filter): number {
  const { out, options } = ctx;
  for (let round = 0; ; round++) {
    const found = selected(ctx, filter);
    if (found.length === 0) {
      if (options.stats)
        out.fp(
          round === 0
            ? "Nothing to flush.\n"
            : `*** Flush is complete after ${round} round${round > 1 ? "s" : ""} ***\n`,
        );
      return 0;
    }
    for (const neigh of found) {
      if (options.stats > 1) printNeigh(ctx, neigh, filter.dev !== undefined);
      ctx.ns.ipv4.arp.delete(neigh.dev, neigh.key);
    }
    if (options.stats) out.fp(`\n*** Round ${round + 1}, deleting ${found.length} entries ***\n`);
    filter.state &= ~NUD_FAILED;
  }
}

function getNeigh(ctx: Context, args: Args): number {
  let dst: number | undefined;
  let device: string | undefined;
  let proxied = false;
  for (; !args.done; args.advance()) {
    if (args.is("dev")) device = args.next();
    else if (args.matches("proxy")) {
      dst = getAddr(args.next());
      proxied = true;
    } else {
      if (args.is("to")) args.next();
      if (args.matches("help")) usage();
      if (dst !== undefined) duparg2("to", args.word);
      dst = getAddr(args.word);
    }
  }
  if (dst === undefined || device === undefined)
    throw new CommandError("Device and address are required arguments.\n", 1);
  const dev = deviceOrEnd(ctx, device);
  if (proxied) {
    const proxy = ctx.ns.ipv4.arp.proxies.find((entry) => entry.key === dst && entry.dev === dev);
    if (!proxy) throw new CommandError("Error: Proxy neighbour entry not found.\n", 2);
    ctx.out.begin();
    printProxy(ctx, proxy, false);
    ctx.out.end();
    return 0;
  }
  const neigh = ctx.ns.ipv4.arp.dump(dev).find((other) => other.key === dst);
  if (!neigh) throw new CommandError("Error: Neighbour entry not found.\n", 2);
  ctx.out.begin();
  printNeigh(ctx, neigh, false);
  ctx.out.end();
  return 0;
}
