// `bridge fdb`: add, append, replace, delete, show, get, flush. Answers to iproute2's bridge/fdb.c. Leaves out nexthop
// groups, learning by `use`, and entries of outside control planes (extern_learn, router, offloaded), refused by name.

import type { NetDevice } from "../../net/core/net-device.ts";
import { formatIpv4, parseMac } from "../../wire/addr.ts";
import { type Context, devicesByIndex } from "../ip/context.ts";
import {
  Args,
  CommandError,
  duparg,
  duparg2,
  getAddr,
  invarg,
  matches,
  parseUnsigned,
  rtnl,
  rtnlGet,
} from "../ip/lib/args.ts";
import { bridgeNamed, deviceNamed, notSupported } from "./common.ts";
import {
  type FdbEntry,
  type FdbFlushFlag,
  type FdbRequest,
  type FdbState,
  fdbAdd,
  fdbDelete,
  fdbDump,
  fdbFlush,
  fdbGet,
} from "./rtnl-fdb.ts";

const USAGE = `Usage: bridge fdb { add | append | del | replace } ADDR dev DEV
              [ self ] [ master ] [ use ] [ router ] [ extern_learn ]
              [ sticky ] [ local | static | dynamic ] [ vlan VID ]
              { [ dst IPADDR ] [ port PORT] [ vni VNI ] | [ nhid NHID ] }
\t       [ via DEV ] [ src_vni VNI ]
       bridge fdb [ show [ br BRDEV ] [ brport DEV ] [ vlan VID ]
              [ state STATE ] [ dynamic ] ]
       bridge fdb get [ to ] LLADDR [ br BRDEV ] { brport | dev } DEV
              [ vlan VID ] [ vni VNI ] [ self ] [ master ] [ dynamic ]
       bridge fdb flush dev DEV [ brport DEV ] [ vlan VID ]
              [ self ] [ master ] [ [no]permanent | [no]static | [no]dynamic ]
              [ [no]added_by_user ] [ [no]extern_learn ] [ [no]sticky ]
              [ [no]offloaded ]
`;

export function doFdb(ctx: Context, words: readonly string[]): number {
  const verb = words[0] ?? "show";
  const rest = words.slice(1);
  if (matches(verb, "add")) return modify(ctx, rest, "add");
  if (matches(verb, "append")) return modify(ctx, rest, "append");
  if (matches(verb, "replace")) return modify(ctx, rest, "replace");
  if (matches(verb, "delete")) return modify(ctx, rest, "delete");
  if (matches(verb, "get")) return get(ctx, rest);
  if (matches(verb, "show") || matches(verb, "lst") || matches(verb, "list")) return show(ctx, rest);
  if (matches(verb, "flush")) return flush(ctx, rest);
  if (matches(verb, "help")) usage();
  throw new CommandError(`Command "${verb}" is unknown, try "bridge fdb help".\n`, 255);
}

function usage(): never {
  throw new CommandError(USAGE, 255);
}

function parseVni(word: string): number {
  const vni = parseUnsigned(word);
  return vni === undefined || vni >= 0x1000000 ? invarg("invalid VNI\n", word) : vni;
}

function parseAddress(word: string): Uint8Array {
  return parseMac(word) ?? bad(`Invalid mac address ${word}\n`);
}

function bad(text: string): never {
  throw new CommandError(text, 255);
}

/** fdb_modify */
function modify(ctx: Context, words: readonly string[], verb: "add" | "append" | "replace" | "delete"): number {
  let device: string | undefined;
  let address: string | undefined;
  let self = false;
  let master = false;
  let vid = -1;
  let noarp = true;
  let permanent = false;
  let reachable = false;
  let sticky = false;
  let dst: number | undefined;
  let port: number | null = null;
  let vni: number | null = null;
  let via: NetDevice | null = null;
  const args = new Args(words);
  for (; !args.done; args.advance()) {
    if (args.is("dev")) device = args.next();
    else if (args.is("dst")) {
      const word = args.next();
      if (dst !== undefined) duparg2("dst", word);
      if (word.includes(":")) notSupported(`dst ${word}`);
      dst = getAddr(word);
    } else if (args.is("nhid")) notSupported("nhid");
    else if (args.is("port")) {
      const word = args.next();
      port = parseUnsigned(word, 65535) ?? invarg("invalid port\n", word);
    } else if (args.is("vni")) vni = parseVni(args.next());
    else if (args.is("src_vni")) parseVni(args.next());
    else if (args.is("via")) via = deviceNamed(ctx, args.next());
    else if (args.is("self")) self = true;
    else if (args.matches("master")) master = true;
    else if (args.matches("router")) notSupported("router");
    else if (args.matches("local") || args.matches("permanent")) permanent = true;
    else if (args.matches("temp") || args.matches("static")) reachable = true;
    else if (args.matches("dynamic")) {
      reachable = true;
      noarp = false;
    } else if (args.matches("vlan")) {
      if (vid >= 0) duparg2("vlan", args.word);
      vid = atoi(args.next());
    } else if (args.matches("use")) notSupported("use");
    else if (args.matches("extern_learn")) notSupported("extern_learn");
    else if (args.matches("sticky")) sticky = true;
    else {
      if (args.is("to")) args.next();
      if (args.matches("help")) usage();
      if (address !== undefined) duparg2("to", args.word);
      address = args.word;
    }
  }
  if (device === undefined || address === undefined) bad("Device and address are required arguments.\n");
  if (!self && !master) self = true;
  if (!permanent && !reachable) permanent = true;
  const mac = parseAddress(address);
  if (vid >= 4096) bad("Error: invalid vlan id.\n");
  const dev = deviceNamed(ctx, device);
  const request: FdbRequest = {
    address: mac,
    self,
    master,
    vid: Math.max(vid, 0),
    permanent,
    noarp,
    reachable,
    sticky,
    create: true,
    exclusive: verb === "add",
    replace: verb === "replace",
    append: verb === "append",
    dst: dst ?? null,
    port,
    vni,
    via,
  };
  rtnl(ctx.proc, () => (verb === "delete" ? fdbDelete(dev, request) : fdbAdd(dev, request)), 255);
  return 0;
}

/** C's atoi */
function atoi(word: string): number {
  return Number.parseInt(/^\s*[-+]?\d+/.exec(word)?.[0] ?? "0", 10);
}

const STATES: readonly (readonly [string, readonly FdbState[] | null])[] = [
  ["permanent", ["permanent"]],
  ["static", ["static"]],
  ["temp", ["static"]],
  ["stale", ["stale"]],
  ["all", null],
];

/** fdb_show */
function show(ctx: Context, words: readonly string[]): number {
  let device: string | undefined;
  let bridge: NetDevice | null = null;
  let dynamic = false;
  let vlan = 0;
  let states: readonly FdbState[] | null = null;
  const args = new Args(words);
  for (; !args.done; args.advance()) {
    if (args.is("brport") || args.is("dev")) device = args.next();
    else if (args.is("br")) bridge = bridgeNamed(ctx, args.next());
    else if (args.is("vlan")) {
      if (vlan) duparg("vlan", args.word);
      vlan = atoi(args.next());
    } else if (args.is("state")) {
      const word = args.next();
      const found = STATES.find(([name]) => matches(word, name));
      if (!found) invarg("invalid state", word);
      states = found[1];
    } else if (args.is("dynamic")) dynamic = true;
    else if (args.matches("help")) usage();
  }
  const only = device === undefined ? null : deviceNamed(ctx, device);
  ctx.out.begin();
  for (const entry of fdbDump(devicesByIndex(ctx.ns.net), bridge)) {
    if (only && entry.dev !== only) continue;
    if (vlan !== 0 && entry.vlan !== vlan) continue;
    if (dynamic && entry.state === "permanent") continue;
    if (states && !states.includes(entry.state)) continue;
    printEntry(ctx, entry, only !== null);
  }
  ctx.out.end();
  return 0;
}

/** print_fdb */
function printEntry(ctx: Context, entry: FdbEntry, devGiven: boolean): void {
  const { out, options } = ctx;
  const { mac, dev, dst, port, vni, via, age, master } = entry;
  out.openObject();
  out.any("mac", `${mac} `, mac);
  if (!devGiven) {
    out.fp("dev ");
    out.any("ifname", `${dev.name} `, dev.name);
  }
  if (dst !== null) out.any("dst", `dst ${formatIpv4(dst)} `, formatIpv4(dst));
  if (entry.vlan !== 0) out.any("vlan", `vlan ${entry.vlan} `, entry.vlan);
  if (port !== null) out.any("port", `port ${port} `, port);
  if (vni !== null) out.any("vni", `vni ${vni} `, vni);
  if (via !== null) {
    const name = ctx.ns.net.deviceByIndex(via)?.name ?? `if${via}`;
    out.any("viaIf", `via ${name} `, name);
  }
  if (options.stats && age) {
    const used = Math.floor(age.used / 1e9);
    const updated = Math.floor(age.updated / 1e9);
    out.fp(`used ${used}/${updated} `);
    out.js("used", used);
    out.js("updated", updated);
  }
  out.openArray("flags");
  if (entry.self) out.any(null, "self ", "self");
  if (entry.sticky) out.any(null, "sticky ", "sticky");
  out.closeArray();
  if (master) out.any("master", `master ${master.name} `, master.name);
  out.any("state", `${entry.state}\n`, entry.state);
  out.closeObject();
}

/** fdb_get */
function get(ctx: Context, words: readonly string[]): number {
  let device: string | undefined;
  let bridge: string | undefined;
  let address: string | undefined;
  let self = false;
  let vid = -1;
  const args = new Args(words);
  for (; !args.done; args.advance()) {
    if (args.is("brport") || args.is("dev")) device = args.next();
    else if (args.is("br")) bridge = args.next();
    else if (args.is("self")) self = true;
    else if (args.matches("master") || args.matches("dynamic")) {
      // the bridge above is what is asked anyway
    } else if (args.is("vlan")) vid = atoi(args.next());
    else if (args.is("vni")) parseVni(args.next());
    else {
      if (args.is("to")) args.next();
      if (args.matches("help")) usage();
      if (address !== undefined) duparg2("to", args.word);
      address = args.word;
    }
  }
  if ((device === undefined && bridge === undefined) || address === undefined)
    bad("Device or master and address are required arguments.\n");
  const mac = parseAddress(address);
  const dev = device === undefined ? null : deviceNamed(ctx, device);
  const br = bridge === undefined ? null : bridgeNamed(ctx, bridge);
  const entry = rtnlGet(() => fdbGet(br, dev, mac, Math.max(vid, 0), self), 254);
  ctx.out.begin();
  printEntry(ctx, entry, false);
  ctx.out.end();
  return 0;
}

const FLUSH_WORDS: ReadonlyMap<string, readonly (readonly [FdbFlushFlag, boolean])[]> = new Map([
  ["permanent", [["permanent", true]]],
  ["nopermanent", [["permanent", false]]],
  [
    "static",
    [
      ["noarp", true],
      ["permanent", false],
    ],
  ],
  ["nostatic", [["noarp", false]]],
  [
    "dynamic",
    [
      ["noarp", false],
      ["permanent", false],
    ],
  ],
  ["nodynamic", [["noarp", true]]],
  ["added_by_user", [["added_by_user", true]]],
  ["noadded_by_user", [["added_by_user", false]]],
  ["sticky", [["sticky", true]]],
  ["nosticky", [["sticky", false]]],
]);

/** fdb_flush */
function flush(ctx: Context, words: readonly string[]): number {
  let device: string | undefined;
  let brport: string | undefined;
  let self = false;
  let master = false;
  let vid = 0;
  const mask = new Set<FdbFlushFlag>();
  const wanted = new Set<FdbFlushFlag>();
  const args = new Args(words);
  for (; !args.done; args.advance()) {
    const flags = FLUSH_WORDS.get(args.word);
    if (args.is("dev")) device = args.next();
    else if (args.is("master")) master = true;
    else if (args.is("self")) self = true;
    else if (args.is("brport")) brport = args.next();
    else if (args.is("vlan")) {
      const word = args.next();
      vid = atoi(word);
      if (vid <= 0 || vid > 4094) bad(`Invalid VLAN ID "${word}"\n`);
    } else if (flags)
      for (const [flag, value] of flags) {
        mask.add(flag);
        if (value) wanted.add(flag);
        else wanted.delete(flag);
      }
    else if (/^(no)?(extern_learn|offloaded)$/.test(args.word)) notSupported(args.word);
    else if (args.is("help")) args.next();
  }
  if (device === undefined) bad("Device is a required argument.\n");
  const dev = bridgeNamed(ctx, device);
  const port = brport === undefined ? null : deviceNamed(ctx, brport);
  if (!self && !master) self = true;
  rtnl(ctx.proc, () => fdbFlush(dev, { self, master, brport: port, vid, mask, wanted }), 255);
  return 0;
}
