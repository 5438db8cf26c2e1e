// `bridge link`: bridge ports, shown and set. Answers to iproute2's bridge/link.c and the kernel's br_netlink.c
// (br_setlink, br_setport). Options that the emulated bridge does not have are refused by name.

import { Errno, NetError } from "../../base/errno.ts";
import {
  BR_BCAST_FLOOD,
  BR_BPDU_GUARD,
  BR_FLOOD,
  BR_HAIRPIN_MODE,
  BR_ISOLATED,
  BR_LEARNING,
  BR_MCAST_FLOOD,
  BR_MULTICAST_FAST_LEAVE,
  BR_PORT_LOCKED,
  BR_ROOT_BLOCK,
  BR_STATE_NAMES,
  bridgeOf,
  bridgePortOf,
} from "../../net/bridge/br-private.ts";
import { brSetPortFlag, PORT_SETTINGS } from "../../net/bridge/br-settings.ts";
import { brStpSetPathCost, brStpSetPortPriority } from "../../net/bridge/br-stp-if.ts";
import { devGetFlags } from "../../net/core/dev.ts";
import { IFF_UP, type NetDevice } from "../../net/core/net-device.ts";
import { type Context, devicesByIndex } from "../ip/context.ts";
import { PORT_FLAGS, type PortChange, printOnOff, setPortState } from "../ip/kinds/bridge-slave.ts";
import { Args, CommandError, matches, rtnl } from "../ip/lib/args.ts";
import type { Out } from "../ip/lib/out.ts";
import { printFlags } from "../ip/link-show.ts";
import { bridgeNamed, deviceNamed, notSupported } from "./common.ts";

const USAGE = `Usage: bridge link set dev DEV [ cost COST ] [ priority PRIO ] [ state STATE ]
                               [ guard {on | off} ]
                               [ hairpin {on | off} ]
                               [ fastleave {on | off} ]
                               [ root_block {on | off} ]
                               [ learning {on | off} ]
                               [ learning_sync {on | off} ]
                               [ flood {on | off} ]
                               [ mcast_router MULTICAST_ROUTER ]
                               [ mcast_flood {on | off} ]
                               [ bcast_flood {on | off} ]
                               [ mcast_to_unicast {on | off} ]
                               [ neigh_suppress {on | off} ]
                               [ vlan_tunnel {on | off} ]
                               [ isolated {on | off} ]
                               [ locked {on | off} ]
                               [ hwmode {vepa | veb} ]
                               [ backup_port DEVICE ] [ nobackup_port ]
                               [ self ] [ master ]
       bridge link show [dev DEV]
`;

export function doLink(ctx: Context, words: readonly string[]): number {
  const verb = words[0] ?? "show";
  const args = new Args(words.slice(1));
  if (matches(verb, "set") || matches(verb, "change")) return set(ctx, args);
  if (matches(verb, "show") || matches(verb, "lst") || matches(verb, "list")) return show(ctx, args);
  if (matches(verb, "help")) usage();
  throw new CommandError(`Command "${verb}" is unknown, try "bridge link help".\n`, 255);
}

function usage(): never {
  throw new CommandError(USAGE, 255);
}

/** brlink_show */
function show(ctx: Context, args: Args): number {
  let device: string | undefined;
  for (; !args.done; args.advance()) if (args.is("dev")) device = args.next();
  const only = device === undefined ? null : deviceNamed(ctx, device);
  ctx.out.begin();
  for (const dev of devicesByIndex(ctx.ns.net)) if (!only || dev === only) printPort(ctx, dev);
  ctx.out.end();
  return 0;
}

/** "veth0@eth0"; true when the other end is here and down. This dump tells no namespace: an index is looked up here. */
function printName(out: Out, dev: NetDevice): boolean {
  const iflink = dev.iflink();
  if (iflink === dev.ifindex) {
    out.any("ifname", `${dev.name}: `, dev.name);
    return false;
  }
  const other = iflink === 0 ? undefined : dev.net.deviceByIndex(iflink);
  const link = iflink === 0 ? "NONE" : (other?.name ?? `if${iflink}`);
  out.js("link", iflink === 0 ? null : link);
  out.any("ifname", `${dev.name}@${link}: `, dev.name);
  return other !== undefined && !(other.flags & IFF_UP);
}

/** print_linkinfo of bridge/link.c */
function printPort({ out, options }: Context, dev: NetDevice): void {
  const port = bridgePortOf(dev);
  if (!port) return;
  out.openObject();
  out.any("ifindex", `${dev.ifindex}: `, dev.ifindex);
  const otherIsDown = printName(out, dev);
  printFlags(out, devGetFlags(dev), otherIsDown);
  out.any("mtu", `mtu ${dev.mtu} `, dev.mtu);
  const master = port.br.dev.name;
  out.any("master", `master ${master} `, master);
  const state = BR_STATE_NAMES[port.state]!;
  out.any("state", `state ${state} `, state);
  out.any("priority", `priority ${port.priority} `, port.priority);
  out.any("cost", `cost ${port.pathCost} `, port.pathCost);
  if (options.details) {
    out.nl();
    out.fp("    ");
    const flag = (key: string, bit: number): void => printOnOff(out, key, (port.flags & bit) !== 0);
    flag("hairpin", BR_HAIRPIN_MODE);
    flag("guard", BR_BPDU_GUARD);
    flag("root_block", BR_ROOT_BLOCK);
    flag("fastleave", BR_MULTICAST_FAST_LEAVE);
    flag("learning", BR_LEARNING);
    flag("flood", BR_FLOOD);
    flag("mcast_flood", BR_MCAST_FLOOD);
    flag("bcast_flood", BR_BCAST_FLOOD);
    out.any("mcast_router", `mcast_router ${port.multicast.router} `, port.multicast.router);
    printOnOff(out, "mcast_to_unicast", false);
    printOnOff(out, "neigh_suppress", false);
    printOnOff(out, "vlan_tunnel", false);
    flag("isolated", BR_ISOLATED);
    flag("locked", BR_PORT_LOCKED);
  }
  out.fp("\n");
  out.closeObject();
}

/** C's atoi, in 32 bits. */
function atoi(word: string): number {
  return Number.parseInt(/^\s*[-+]?\d+/.exec(word)?.[0] ?? "0", 10) | 0;
}

function onOff(key: string, word: string): boolean {
  if (word === "on" || word === "off") return word === "on";
  throw new CommandError(`Error: argument of "${key}" must be one of "off", "on", not "${word}"\n`, 234);
}

const REFUSED: readonly string[] = [
  "mcast_to_unicast",
  "neigh_suppress",
  "vlan_tunnel",
  "backup_port",
  "nobackup_port",
  "learning_sync",
];

function parseState(word: string): number {
  if (/^[-+]?\d+$/.test(word)) return Number(word);
  const state = BR_STATE_NAMES.indexOf(word);
  if (state < 0) throw new CommandError("Error: invalid STP port state\n", 255);
  return state;
}

/** brlink_modify */
function set(ctx: Context, args: Args): number {
  let device: string | undefined;
  let cost = -1;
  let priority = -1;
  let state = -1;
  let router = -1;
  let self = false;
  let master = false;
  let hardwareMode = false;
  const changes: PortChange[] = [];
  for (; !args.done; args.advance()) {
    const flag = PORT_FLAGS.get(args.word);
    if (args.is("dev")) device = args.next();
    else if (flag !== undefined) {
      const on = onOff(args.word, args.next());
      changes.push((port) => brSetPortFlag(port, flag, on));
    } else if (args.is("cost")) cost = atoi(args.next());
    else if (args.is("priority")) priority = atoi(args.next());
    else if (args.is("state")) state = parseState(args.next());
    else if (args.is("mcast_router")) router = atoi(args.next()) & 255;
    else if (args.is("hwmode")) {
      const word = args.next();
      if (word !== "vepa" && word !== "veb") throw new CommandError('Mode argument must be "vepa" or "veb".\n', 255);
      hardwareMode = true;
    } else if (args.is("self")) self = true;
    else if (args.is("master")) master = true;
    else if (REFUSED.includes(args.word)) notSupported(args.word);
    else usage();
  }
  if (device === undefined) throw new CommandError("Device is a required argument.\n", 255);
  const dev = bridgeNamed(ctx, device);
  if (hardwareMode) self = true;
  if (cost > 0) changes.push((port) => brStpSetPathCost(port, cost));
  if (priority >= 0) changes.push((port) => brStpSetPortPriority(port, priority & 0xffff));
  if (state >= 0) changes.push((port) => setPortState(port, state));
  if (router >= 0) changes.push((port) => PORT_SETTINGS.get("multicast_router")!.set(port, router));
  rtnl(
    ctx.proc,
    () => {
      if (master || !self) {
        const port = bridgePortOf(dev);
        if (!port) throw new NetError(Errno.EOPNOTSUPP);
        for (const change of changes) change(port);
      }
      // a device's own switch: only a bridge has one, with nothing to set in it
      if (self && !bridgeOf(dev)) throw new NetError(Errno.EOPNOTSUPP);
    },
    255,
  );
  return 0;
}
