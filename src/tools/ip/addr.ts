// `ip address`: add, delete, replace, flush, show. Answers to iproute2's ip/ipaddress.c.

import { devGetFlags } from "../../net/core/dev.ts";
import { IFF_UP, type NetDevice } from "../../net/core/net-device.ts";
import {
  IFA_F_DEPRECATED,
  IFA_F_MCAUTOJOIN,
  IFA_F_NOPREFIXROUTE,
  IFA_F_PERMANENT,
  IFA_F_SECONDARY,
  INFINITY_LIFE_TIME,
  type InIfaddr,
  inDevOf,
  inetAddrAdd,
  inetAddrDelete,
} from "../../net/ipv4/devinet.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { type Context, deviceNamed, deviceOrEnd, devicesByIndex } from "./context.ts";
import {
  Args,
  CommandError,
  duparg,
  duparg2,
  getAddr,
  getPrefix,
  invarg,
  matches,
  type Prefix,
  parseUnsigned,
  rtnl,
} from "./lib/args.ts";
import { globMatches } from "./lib/glob.ts";
import { parseGroup, parseScope, scopeName } from "./lib/names.ts";
import { isKind } from "./link.ts";
import { printLinkInfo } from "./link-show.ts";
import { printLinkStats } from "./link-stats.ts";

const ADDR_USAGE = `Usage: ip address {add|change|replace} IFADDR dev IFNAME [ LIFETIME ]
                                                      [ CONFFLAG-LIST ]
       ip address del IFADDR dev IFNAME [mngtmpaddr]
       ip address {save|flush} [ dev IFNAME ] [ scope SCOPE-ID ]
                            [ to PREFIX ] [ FLAG-LIST ] [ label LABEL ] [up]
       ip address [ show [ dev IFNAME ] [ scope SCOPE-ID ] [ master DEVICE ]
                         [ nomaster ]
                         [ type TYPE ] [ to PREFIX ] [ FLAG-LIST ]
                         [ label LABEL ] [up] [ vrf NAME ] ]
       ip address {showdump|restore}
`;

function usage(): never {
  throw new CommandError(ADDR_USAGE, 255);
}

export function doAddr(ctx: Context, words: readonly string[]): number {
  const verb = words[0] ?? "show";
  const args = new Args(words.slice(1));
  if (matches(verb, "add")) return modify(ctx, args, "add");
  if (matches(verb, "change") || verb === "chg") return modify(ctx, args, "change");
  if (matches(verb, "replace")) return modify(ctx, args, "replace");
  if (matches(verb, "delete")) return modify(ctx, args, "delete");
  if (matches(verb, "show") || matches(verb, "lst") || matches(verb, "list")) return showAddrs(ctx, args, false);
  if (matches(verb, "flush")) return showAddrs(ctx, args, true);
  if (matches(verb, "help")) usage();
  for (const known of ["save", "showdump", "restore"])
    if (matches(verb, known)) throw new CommandError(`ip address: "${known}" is not supported by vethlab\n`, 2);
  throw new CommandError(`Command "${verb}" is unknown, try "ip address help".\n`, 255);
}

/** Flags that only IPv6 has, or that nobody can set: a warning, and they are left out. */
const READONLY_FLAGS: readonly string[] = [
  "secondary",
  "temporary",
  "dadfailed",
  "deprecated",
  "tentative",
  "permanent",
  "stable-privacy",
];
const V6_FLAGS: readonly string[] = ["nodad", "optimistic", "home", "mngtmpaddr"];

/** ipaddr_modify */
function modify(ctx: Context, args: Args, verb: "add" | "change" | "replace" | "delete"): number {
  let local: Prefix | undefined;
  let localWord = "";
  let peer: Prefix | undefined;
  let broadcast: number | "+" | "-" | undefined;
  let scope: number | undefined;
  let device: string | undefined;
  let label: string | undefined;
  let metric: number | undefined;
  let validLft: number | undefined;
  let preferredLft: number | undefined;
  let flags = 0;
  if (ctx.options.family === "inet6") refuseIpv6();
  for (; !args.done; args.advance()) {
    if (args.is("peer") || args.is("remote")) {
      const word = args.next();
      if (peer) duparg("peer", word);
      peer = prefixOf(word);
    } else if (args.matches("broadcast") || args.is("brd")) {
      const word = args.next();
      if (broadcast !== undefined) duparg("broadcast", word);
      broadcast = word === "+" || word === "-" ? word : getAddr(word);
    } else if (args.is("scope")) {
      const word = args.next();
      scope = parseScope(word) ?? invarg("invalid scope value.", word);
    } else if (args.is("dev")) device = args.next();
    else if (args.is("label")) label = args.next();
    else if (args.matches("metric") || args.matches("priority") || args.matches("preference")) {
      const word = args.next();
      metric = parseUnsigned(word) ?? invarg('"metric" value is invalid\n', word);
    } else if (args.matches("valid_lft")) validLft = lifetime(args.next(), "valid_lft");
    else if (args.matches("preferred_lft")) preferredLft = lifetime(args.next(), "preferred_lft");
    else if (READONLY_FLAGS.includes(args.word))
      ctx.err += `Warning: ${args.word} option is not mutable from userspace\n`;
    else if (V6_FLAGS.includes(args.word))
      ctx.err += `Warning: ${args.word} option can be set only for IPv6 addresses\n`;
    else if (args.is("noprefixroute")) flags |= IFA_F_NOPREFIXROUTE;
    else if (args.is("autojoin")) flags |= IFA_F_MCAUTOJOIN;
    else if (args.is("anycast")) throw new CommandError(`ip address: "${args.word}" is not supported by vethlab\n`, 2);
    else {
      if (args.is("local")) args.next();
      if (args.matches("help")) usage();
      if (local) duparg2("local", args.word);
      localWord = args.word;
      local = prefixOf(args.word);
    }
  }
  if (device === undefined) throw new CommandError('Not enough information: "dev" argument is required.\n', 1);
  let wildcard = false;
  if (!peer && local) {
    if (verb === "delete" && !local.specified) {
      wildcard = true;
      ctx.err +=
        "Warning: Executing wildcard deletion to stay compatible with old scripts.\n" +
        `         Explicitly specify the prefix length (${localWord}/32) to avoid this warning.\n` +
        "         This special behaviour is likely to disappear in further releases,\n" +
        "         fix your scripts!\n";
    } else peer = local;
  }
  const prefixLen = peer ? peer.length : (local?.length ?? 0);
  let brd: number | undefined;
  if (typeof broadcast === "number") brd = broadcast;
  else if (broadcast !== undefined && peer && prefixLen <= 30) {
    const hosts = prefixLen === 0 ? 0xffffffff : 0xffffffff >>> prefixLen;
    brd = (broadcast === "+" ? peer.address | hosts : peer.address & ~hosts) >>> 0;
  }
  const dev = deviceOrEnd(ctx, device);
  if (validLft === 0) throw new CommandError("valid_lft is zero\n", 1);
  if ((validLft ?? INFINITY_LIFE_TIME) < (preferredLft ?? INFINITY_LIFE_TIME) && preferredLft !== undefined)
    throw new CommandError("preferred_lft is greater than valid_lft\n", 1);
  if (!local) throw new CommandError("RTNETLINK answers: Operation not supported\n", 2);
  const { ipv4 } = ctx.ns;
  const { address } = local;
  if (verb === "delete") {
    rtnl(ctx.proc, () =>
      inetAddrDelete(ipv4, dev, {
        local: address,
        ...(label === undefined ? {} : { label }),
        ...(peer && !wildcard ? { address: peer.address, prefixLen } : {}),
      }),
    );
    return 0;
  }
  rtnl(ctx.proc, () => {
    inetAddrAdd(
      ipv4,
      dev,
      {
        local: address,
        prefixLen,
        ...(peer ? { peer: peer.address } : {}),
        ...(brd === undefined ? {} : { broadcast: brd }),
        scope: scope ?? (address >>> 24 === 127 ? 254 : 0),
        ...(label === undefined ? {} : { label }),
        flags,
        ...(metric === undefined ? {} : { metric }),
        ...(validLft === undefined ? {} : { validLft }),
        ...(preferredLft === undefined ? {} : { preferredLft }),
      },
      verb !== "add",
    );
  });
  return 0;
}

function prefixOf(word: string): Prefix {
  if (word.includes(":")) refuseIpv6();
  return getPrefix(word);
}

/** IPv6 is switched off on every device here; the kernel says so when it is asked for an address. */
function refuseIpv6(): never {
  throw new CommandError("Error: IPv6 is disabled on this device.\n", 2);
}

function lifetime(word: string, key: string): number {
  if (word === "forever") return INFINITY_LIFE_TIME;
  return parseUnsigned(word) ?? invarg(`${key} value`, word);
}

interface Filter {
  dev: NetDevice | undefined;
  to: Prefix | undefined;
  scope: number | undefined;
  up: boolean;
  flags: number;
  flagMask: number;
  label: string | undefined;
  group: number;
  master: NetDevice | null | undefined;
  kind: string | undefined;
}

const FILTER_FLAGS: ReadonlyMap<string, number> = new Map([
  ["secondary", IFA_F_SECONDARY],
  ["temporary", IFA_F_SECONDARY],
  ["permanent", IFA_F_PERMANENT],
  ["noprefixroute", IFA_F_NOPREFIXROUTE],
  ["tentative", 0x40],
  ["deprecated", IFA_F_DEPRECATED],
  ["dadfailed", 0x08],
]);

/** "-tentative", "dynamic", "primary" … (get_filter) */
function flagFilter(filter: Filter, word: string): boolean {
  let inverse = word.startsWith("-");
  let name = inverse ? word.slice(1) : word;
  if (name === "dynamic" || name === "primary") {
    inverse = !inverse;
    name = name === "dynamic" ? "permanent" : "secondary";
  }
  const bit = FILTER_FLAGS.get(name);
  if (bit === undefined) return false;
  filter.flags = inverse ? filter.flags & ~bit : filter.flags | bit;
  filter.flagMask |= bit;
  return true;
}

/** ipaddr_list_flush_or_save */
function showAddrs(ctx: Context, args: Args, flush: boolean): number {
  const { net } = ctx.ns;
  const filter: Filter = {
    dev: undefined,
    to: undefined,
    scope: undefined,
    up: false,
    flags: 0,
    flagMask: 0,
    label: undefined,
    group: -1,
    master: undefined,
    kind: undefined,
  };
  let name: string | undefined;
  if (flush && args.done) throw new CommandError("Flush requires arguments.\n", 1);
  if (flush && ctx.options.family === "link") throw new CommandError("Cannot flush link addresses.\n", 1);
  for (; !args.done; args.advance()) {
    if (args.is("to")) {
      filter.to = getPrefix(args.next());
      // the prefix says which family is meant
      if (ctx.options.family === "" && !filter.to.any) ctx.options.family = "inet";
    } else if (args.is("scope")) {
      const word = args.next();
      filter.scope = parseScope(word);
      if (filter.scope === undefined && word !== "all") invarg('invalid "scope"\n', word);
    } else if (args.is("up")) filter.up = true;
    else if (flagFilter(filter, args.word)) {
      // taken
    } else if (args.is("label")) filter.label = args.next();
    else if (args.is("group")) {
      const word = args.next();
      filter.group = parseGroup(word) ?? invarg('Invalid "group" value\n', word);
    } else if (args.is("master")) {
      const word = args.next();
      filter.master = deviceNamed(net, word) ?? invarg("Device does not exist\n", word);
    } else if (args.is("nomaster")) filter.master = null;
    else if (args.is("type")) filter.kind = args.next();
    else if (args.is("vrf")) invarg("Not a valid VRF name\n", args.next());
    else {
      if (args.is("dev")) args.next();
      else if (args.matches("help")) usage();
      if (name !== undefined) duparg2("dev", args.word);
      name = args.word;
    }
  }
  if (name !== undefined) {
    filter.dev = deviceNamed(net, name);
    if (!filter.dev) throw new CommandError(`Device "${name}" does not exist.\n`, 1);
  }
  return flush ? flushAddrs(ctx, filter) : listAddrs(ctx, filter);
}

function addrMatches(ctx: Context, filter: Filter, ifa: InIfaddr): boolean {
  const { family } = ctx.options;
  if (family !== "" && family !== "inet") return false;
  if (filter.scope !== undefined && filter.scope !== ifa.scope) return false;
  if ((filter.flags ^ ifa.flags) & filter.flagMask) return false;
  if (filter.label !== undefined && !globMatches(filter.label, ifa.label)) return false;
  if (filter.to && filter.to.length > 0 && (ifa.local ^ filter.to.address) >>> (32 - filter.to.length) !== 0)
    return false;
  return true;
}

function addrsOf(dev: NetDevice): readonly InIfaddr[] {
  return inDevOf(dev)?.addrs ?? [];
}

function listAddrs(ctx: Context, filter: Filter): number {
  const { out, options } = ctx;
  const packet = options.family === "link";
  out.begin();
  for (const dev of devicesByIndex(ctx.ns.net)) {
    if (filter.dev && dev !== filter.dev) continue;
    const up = (devGetFlags(dev) & IFF_UP) !== 0;
    if (filter.up && !up) continue;
    if (filter.group !== -1 && dev.settings.group !== filter.group) continue;
    if (filter.master !== undefined && dev.master !== filter.master) continue;
    if (filter.kind !== undefined && !isKind(dev, filter.kind)) continue;
    const addrs = addrsOf(dev);
    const shown = addrs.filter((ifa) => addrMatches(ctx, filter, ifa));
    if (!packet && !listed(ctx, addrs.length, shown.length)) continue;
    out.openObject();
    // with a label filter print_linkinfo says nothing
    const withLink = filter.label === undefined && (options.brief || !options.oneline);
    if (withLink) printLinkInfo(ctx, dev, false);
    if (!packet) {
      out.openArray("addr_info");
      for (const ifa of shown) {
        out.openObject();
        printAddr(ctx, ifa);
        out.closeObject();
      }
      out.closeArray();
      if (options.brief) out.fp("\n");
    }
    if (withLink && options.stats && !options.brief) {
      printLinkStats(ctx, dev);
      out.nl();
    }
    out.closeObject();
  }
  out.end();
  return 0;
}

/** ipaddr_filter: a device without any address is listed only where no family was asked for. */
function listed(ctx: Context, all: number, shown: number): boolean {
  return shown > 0 || (all === 0 && ctx.options.family === "");
}

/** print_addrinfo */
function printAddr(ctx: Context, ifa: InIfaddr): void {
  const { out, options } = ctx;
  const local = formatIpv4(ifa.local);
  if (!options.brief) {
    if (options.oneline) {
      if (out.json) {
        out.js("index", ifa.dev.ifindex);
        out.js("dev", ifa.dev.name);
      } else out.fp(`${ifa.dev.ifindex}: ${ifa.dev.name}`);
    }
    out.any("family", "    inet ", "inet");
  }
  out.any("local", local, local);
  if (ifa.address !== ifa.local) {
    const peer = formatIpv4(ifa.address);
    out.fp(" peer ");
    out.any("address", peer, peer);
  }
  out.any("prefixlen", `/${ifa.prefixLen} `, ifa.prefixLen);
  if (ifa.metric) out.any("metric", `metric ${ifa.metric} `, ifa.metric);
  if (options.brief) return;
  if (ifa.broadcast) {
    const broadcast = formatIpv4(ifa.broadcast);
    out.fp("brd ");
    out.any("broadcast", `${broadcast} `, broadcast);
  }
  const scope = ctx.options.numeric ? String(ifa.scope) : scopeName(ifa.scope);
  out.any("scope", `scope ${scope} `, scope);
  if (ifa.secondary) {
    out.fp("secondary ");
    out.js("secondary", true);
  }
  if (ifa.flags & IFA_F_DEPRECATED) out.any("deprecated", "deprecated ", true);
  if (!(ifa.flags & IFA_F_PERMANENT)) out.any("dynamic", "dynamic ", true);
  if (ifa.flags & IFA_F_NOPREFIXROUTE) {
    out.fp("noprefixroute ");
    out.js("noprefixroute", true);
  }
  if (ifa.flags & IFA_F_MCAUTOJOIN) {
    out.fp("autojoin ");
    out.js("autojoin", true);
  }
  out.any("label", ifa.label, ifa.label);
  out.nl();
  const age = Math.floor((ctx.ns.net.now - ifa.changedNs) / 1_000_000_000);
  // a permanent address's times are not told, even when it is deprecated
  const permanent = (ifa.flags & IFA_F_PERMANENT) !== 0;
  out.fp("       valid_lft ");
  printLifetime(ctx, "valid_life_time", permanent ? INFINITY_LIFE_TIME : ifa.validLft, age);
  out.fp(" preferred_lft ");
  printLifetime(ctx, "preferred_life_time", permanent ? INFINITY_LIFE_TIME : ifa.preferredLft, age);
  out.fp("\n");
}

function printLifetime({ out }: Context, key: string, seconds: number, age: number): void {
  if (seconds === INFINITY_LIFE_TIME) {
    out.any(key, "forever", seconds);
    return;
  }
  const left = Math.max(0, seconds - age);
  out.any(key, `${left}sec`, left);
}

/** ipaddr_flush: rounds of deletion until nothing is left. */
function flushAddrs(ctx: Context, filter: Filter): number {
  const { out, options } = ctx;
  let round = 0;
  for (;;) {
    const found: InIfaddr[] = [];
    for (const dev of devicesByIndex(ctx.ns.net)) {
      if (filter.dev && dev !== filter.dev) continue;
      for (const ifa of addrsOf(dev)) if (addrMatches(ctx, filter, ifa)) found.push(ifa);
    }
    if (found.length === 0) {
      if (options.stats)
        out.fp(
          round === 0
            ? "Nothing to flush.\n"
            : `*** Flush is complete after ${round} round${round > 1 ? "s" : ""} ***\n`,
        );
      return 0;
    }
    round++;
    if (!ctx.proc.capable("NET_ADMIN"))
      throw new CommandError("Failed to send flush request: Operation not permitted\n", 255);
    for (const ifa of found)
      if (addrsOf(ifa.dev).includes(ifa))
        inetAddrDelete(ctx.ns.ipv4, ifa.dev, {
          local: ifa.local,
          label: ifa.label,
          address: ifa.address,
          prefixLen: ifa.prefixLen,
        });
    if (options.stats) out.fp(`\n*** Round ${round}, deleting ${found.length} addresses ***\n`);
  }
}
