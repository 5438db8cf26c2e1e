// `bridge mdb`: which ports want which multicast group. Answers to iproute2's bridge/mdb.c and the kernel's br_mdb.c.
// Groups are IPv4 and without sources; others are refused by name.

import { Errno, NetError } from "../../base/errno.ts";
import type { Ns } from "../../base/time.ts";
import { addGroup, groupKey, portIsRouter, removeHost, removeMember } from "../../net/bridge/br-multicast.ts";
import type { MdbEntry } from "../../net/bridge/br-multicast-state.ts";
import { BR_STATE_DISABLED, bridgeOf, bridgePortOf, type NetBridge } from "../../net/bridge/br-private.ts";
import type { NetDevice } from "../../net/core/net-device.ts";
import { formatIpv4, parseIpv4, parseMac } from "../../wire/addr.ts";
import { type Context, devicesByIndex } from "../ip/context.ts";
import { Args, CommandError, matches, rtnl } from "../ip/lib/args.ts";
import { deviceNamed, notSupported } from "./common.ts";

const USAGE = `Usage: bridge mdb { add | del } dev DEV port PORT grp GROUP [src SOURCE] [permanent | temp] [vid VID]
       bridge mdb {show} [ dev DEV ] [ vid VID ]
`;

export function doMdb(ctx: Context, words: readonly string[]): number {
  const verb = words[0] ?? "show";
  const args = new Args(words.slice(1));
  if (matches(verb, "add")) return modify(ctx, args, true);
  if (matches(verb, "delete")) return modify(ctx, args, false);
  if (matches(verb, "show") || matches(verb, "lst") || matches(verb, "list")) return show(ctx, args);
  if (matches(verb, "help")) throw new CommandError(USAGE, 255);
  throw new CommandError(`Command "${verb}" is unknown, try "bridge mdb help".\n`, 255);
}

/** mdb_show */
function show(ctx: Context, args: Args): number {
  let device: string | undefined;
  let vid = 0;
  for (; !args.done; args.advance()) {
    if (args.is("dev")) device = args.next();
    else if (args.is("vid")) vid = Number.parseInt(args.next(), 10) || 0;
  }
  const only = device === undefined ? null : deviceNamed(ctx, device);
  const { out, options } = ctx;
  const bridges: NetBridge[] = [];
  for (const dev of devicesByIndex(ctx.ns.net)) {
    const br = bridgeOf(dev);
    if (br && (!only || dev === only)) bridges.push(br);
  }
  out.begin();
  out.openObject();
  out.openArray("mdb");
  for (const br of bridges) printGroups(ctx, br, vid);
  out.closeArray();
  out.openObject("router");
  if (options.details) for (const br of bridges) printRouters(ctx, br);
  out.closeObject();
  out.closeObject();
  out.end();
  return 0;
}

function printGroups({ out, options }: Context, br: NetBridge, onlyVid: number): void {
  const { now } = br;
  const print = (port: string, { group, vid }: MdbEntry, permanent: boolean, expires: Ns, member: boolean): void => {
    out.openObject();
    out.js("index", br.dev.ifindex);
    out.any("dev", `dev ${br.dev.name}`, br.dev.name);
    out.any("port", ` port ${port}`, port);
    out.any("grp", ` grp ${formatIpv4(group)}`, formatIpv4(group));
    const state = permanent ? "permanent" : "temp";
    out.any("state", ` ${state}`, state);
    if (options.details && member) out.any("protocol", " proto static ", "static");
    out.openArray("flags");
    out.closeArray();
    if (vid !== 0) out.any("vid", ` vid ${vid}`, vid);
    if (options.stats) {
      const left = permanent ? 0 : Math.max(0, expires - now);
      const text = (Math.floor(left / 1e7) / 100).toFixed(2);
      out.any("timer", ` ${text.padStart(7)}`, text);
    }
    out.nl();
    out.closeObject();
  };
  for (const entry of [...br.multicast.groups.values()].reverse()) {
    if (onlyVid !== 0 && entry.vid !== onlyVid) continue;
    if (entry.hostJoined) print(br.dev.name, entry, false, entry.timer.expires, false);
    for (const { port, permanent, timer } of entry.ports) print(port.dev.name, entry, permanent, timer.expires, true);
  }
}

function printRouters({ out }: Context, br: NetBridge): void {
  const routers = br.ports.filter(portIsRouter);
  if (routers.length === 0) return;
  out.fp(`router ports on ${br.dev.name}: `);
  out.openArray(br.dev.name);
  for (const { dev } of routers) {
    out.openObject();
    out.any("port", `${dev.name} `, dev.name);
    out.closeObject();
  }
  out.closeArray();
  out.nl();
}

/** mdb_modify */
function modify(ctx: Context, args: Args, add: boolean): number {
  let device: string | undefined;
  let portName: string | undefined;
  let group: string | undefined;
  let permanent = false;
  let vid = 0;
  for (; !args.done; args.advance()) {
    if (args.is("dev")) device = args.next();
    else if (args.is("grp")) group = args.next();
    else if (args.is("port")) portName = args.next();
    else if (args.is("permanent")) permanent = true;
    else if (args.is("temp")) permanent = false;
    else if (args.is("vid")) vid = Number.parseInt(args.next(), 10) || 0;
    else if (args.is("src")) notSupported(args.word);
    else if (args.matches("help")) throw new CommandError(USAGE, 255);
  }
  if (device === undefined || portName === undefined || group === undefined)
    throw new CommandError("Device, group address and port name are required arguments.\n", 255);
  const dev = deviceNamed(ctx, device);
  const portDev = deviceNamed(ctx, portName);
  const address = parseIpv4(group);
  if (address === undefined) {
    const mac = parseMac(group);
    if (mac && !(mac[0]! & 1)) throw new CommandError("Error: L2 entry group is not multicast.\n", 255);
    if (mac || /^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(group)) notSupported(`grp ${group}`);
    throw new CommandError(`Invalid address "${group}"\n`, 255);
  }
  rtnl(
    ctx.proc,
    () => (add ? addEntry(dev, portDev, address, vid, permanent) : deleteEntry(dev, portDev, address, vid)),
    255,
  );
  return 0;
}

/** rtnl_validate_mdb_entry */
function validate(dev: NetDevice, group: number): NetBridge {
  const refuse = (text: string): never => {
    throw new NetError(Errno.EINVAL, text);
  };
  if (group === 0) refuse("bridge: IPv4 entry group address 0.0.0.0 is not allowed");
  if (group >>> 28 !== 0xe) refuse("IPv4 entry group address is not multicast or 0.0.0.0");
  if (group >>> 8 === 0xe00000) refuse("IPv4 entry group address is local multicast");
  return bridgeOf(dev) ?? refuse("Device does not support MDB operations");
}

/** br_mdb_add */
function addEntry(dev: NetDevice, portDev: NetDevice, group: number, vid: number, permanent: boolean): void {
  const br = validate(dev, group);
  const refuse = (text: string, errno: number = Errno.EINVAL): never => {
    throw new NetError(errno, `bridge: ${text}`);
  };
  if (!br.dev.up) refuse("Bridge device is not running");
  if (!br.multicast.enabled) refuse("Bridge's multicast processing is disabled");
  const port = portDev === br.dev ? null : bridgePortOf(portDev);
  if (portDev !== br.dev) {
    if (!port) refuse("Net device is not a bridge port");
    else if (port.br !== br) refuse("Port belongs to a different bridge device");
    else if (port.state === BR_STATE_DISABLED && !permanent)
      refuse("Port is in disabled state and entry is not permanent");
  } else if (permanent) refuse("Flags are not allowed for host groups");
  const vlans = port ? port.vlan : br.vlan?.own;
  if (br.vlan?.filtering && vid !== 0 && !vlans?.vlans.has(vid)) refuse("Specified VLAN is not configured on the port");
  const there = br.multicast.groups.get(groupKey(group, vid));
  if (!port && there?.hostJoined) refuse("Group is already joined by host", Errno.EEXIST);
  if (port && there?.ports.some((member) => member.port === port))
    refuse("(*, G) group is already joined by port", Errno.EEXIST);
  addGroup(br, port, group, vid, permanent);
}

/** br_mdb_del */
function deleteEntry(dev: NetDevice, portDev: NetDevice, group: number, vid: number): void {
  const br = validate(dev, group);
  const entry = br.multicast.groups.get(groupKey(group, vid));
  if (entry?.hostJoined && portDev === br.dev) {
    removeHost(br, entry);
    return;
  }
  const member = entry?.ports.find((other) => other.port.dev === portDev);
  if (!entry || !member) throw new NetError(Errno.EINVAL);
  removeMember(br, entry, member);
}
