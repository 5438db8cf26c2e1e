// `bridge vlan`: which VLANs the ports of a bridge, and the bridge itself, belong to. Answers to iproute2's bridge/vlan.c and
// the kernel's br_netlink.c (br_afspec). Tunnels and options per VLAN are refused by name.

import { Errno, NetError } from "../../base/errno.ts";
import { BR_STATE_NAMES, bridgeOf, bridgePortOf, type NetBridge } from "../../net/bridge/br-private.ts";
import { brVlanAdd, brVlanDelete, VLAN_PVID, VLAN_UNTAGGED } from "../../net/bridge/br-vlan.ts";
import type { BridgeVlan, VlanGroup } from "../../net/bridge/br-vlan-state.ts";
import type { NetDevice } from "../../net/core/net-device.ts";
import { type Context, devicesByIndex } from "../ip/context.ts";
import { Args, CommandError, matches, rtnl } from "../ip/lib/args.ts";
import type { Out } from "../ip/lib/out.ts";
import { bridgeNamed, deviceNamed, notSupported } from "./common.ts";

const USAGE = `Usage: bridge vlan { add | del } vid VLAN_ID dev DEV [ tunnel_info id TUNNEL_ID ]
                                                     [ pvid ] [ untagged ]
                                                     [ self ] [ master ]
       bridge vlan { set } vid VLAN_ID dev DEV [ state STP_STATE ]
                                               [ mcast_router MULTICAST_ROUTER ]
       bridge vlan { show } [ dev DEV ] [ vid VLAN_ID ]
       bridge vlan { tunnelshow } [ dev DEV ] [ vid VLAN_ID ]
       bridge vlan global { set } vid VLAN_ID dev DEV
                      [ mcast_snooping MULTICAST_SNOOPING ]
                      [ mcast_querier MULTICAST_QUERIER ]
                      [ mcast_igmp_version IGMP_VERSION ]
                      [ mcast_mld_version MLD_VERSION ]
                      [ mcast_last_member_count LAST_MEMBER_COUNT ]
                      [ mcast_last_member_interval LAST_MEMBER_INTERVAL ]
                      [ mcast_startup_query_count STARTUP_QUERY_COUNT ]
                      [ mcast_startup_query_interval STARTUP_QUERY_INTERVAL ]
                      [ mcast_membership_interval MEMBERSHIP_INTERVAL ]
                      [ mcast_querier_interval QUERIER_INTERVAL ]
                      [ mcast_query_interval QUERY_INTERVAL ]
                      [ mcast_query_response_interval QUERY_RESPONSE_INTERVAL ]
       bridge vlan global { show } [ dev DEV ] [ vid VLAN_ID ]
`;
const HEADING = "port              vlan-id  ";

export function doVlan(ctx: Context, words: readonly string[]): number {
  const verb = words[0] ?? "show";
  const args = new Args(words.slice(1));
  if (matches(verb, "add")) return modify(ctx, args, true);
  if (matches(verb, "delete")) return modify(ctx, args, false);
  if (matches(verb, "show") || matches(verb, "lst") || matches(verb, "list")) return show(ctx, args);
  if (matches(verb, "tunnelshow")) return showTunnels(ctx, args);
  if (matches(verb, "set")) notSupported("vlan set");
  if (matches(verb, "global")) {
    const what = args.word || "show";
    if (!matches(what, "show") && !matches(what, "lst") && !matches(what, "list")) notSupported("vlan global set");
    ctx.out.fp(`${HEADING}\n`);
    throw new CommandError("RTNETLINK answers: Operation not supported\nDump terminated\n", 1);
  }
  if (matches(verb, "help")) throw new CommandError(USAGE, 255);
  throw new CommandError(`Command "${verb}" is unknown, try "bridge vlan help".\n`, 255);
}

function bad(text: string): never {
  throw new CommandError(text, 255);
}

/** C's atoi into a short */
function atoi(word: string): number {
  return (Number.parseInt(/^\s*[-+]?\d+/.exec(word)?.[0] ?? "0", 10) << 16) >> 16;
}

/** vlan_modify */
function modify(ctx: Context, args: Args, add: boolean): number {
  let device: string | undefined;
  let range: string | undefined;
  let self = false;
  let master = false;
  let flags = 0;
  for (; !args.done; args.advance()) {
    if (args.is("dev")) device = args.next();
    else if (args.is("vid")) range = args.next();
    else if (args.is("self")) self = true;
    else if (args.is("master")) master = true;
    else if (args.is("pvid")) flags |= VLAN_PVID;
    else if (args.is("untagged")) flags |= VLAN_UNTAGGED;
    else if (args.is("tunnel_info")) notSupported("tunnel_info");
    else if (args.matches("help")) args.next();
  }
  if (device === undefined || range === undefined) bad("Device and VLAN ID are required arguments.\n");
  const dev = bridgeNamed(ctx, device);
  const [low, high] = range.split(/-(.*)/s);
  const first = atoi(low!);
  const last = high === undefined ? first : atoi(high);
  if (first >= 4096) bad(`Invalid VLAN ID "${first & 0xffff}"\n`);
  if (high !== undefined) {
    if (last >= 4096 || first >= last) bad(`Invalid VLAN range "${first & 0xffff}-${last & 0xffff}"\n`);
    if (flags & VLAN_PVID) bad("pvid cannot be configured for a vlan range\n");
  }
  rtnl(
    ctx.proc,
    () => {
      if (master || !self) {
        const port = bridgePortOf(dev);
        if (!port) throw new NetError(Errno.EOPNOTSUPP);
        for (let vid = first; vid <= last; vid++)
          if (add) brVlanAdd(port.br, port, vid, flags);
          else brVlanDelete(port.br, port, vid);
      }
      if (!self) return;
      const br = bridgeOf(dev);
      if (!br) throw new NetError(Errno.EOPNOTSUPP);
      for (let vid = first; vid <= last; vid++)
        if (add) brVlanAdd(br, null, vid, flags);
        else brVlanDelete(br, null, vid);
    },
    255,
  );
  return 0;
}

/** What a dump of links tells of VLANs: each port's, and each bridge's own. */
interface Membership {
  readonly dev: NetDevice;
  readonly br: NetBridge;
  readonly group: VlanGroup;
  readonly state: string;
}

function memberships(ctx: Context, only: NetDevice | null): Membership[] {
  const out: Membership[] = [];
  for (const dev of devicesByIndex(ctx.ns.net)) {
    if (only && dev !== only) continue;
    const port = bridgePortOf(dev);
    if (port?.vlan) out.push({ dev, br: port.br, group: port.vlan, state: BR_STATE_NAMES[3]! });
    const br = bridgeOf(dev);
    if (br?.vlan) out.push({ dev, br, group: br.vlan.own, state: BR_STATE_NAMES[3]! });
  }
  return out;
}

/** VLANs that lie beside one another and are alike, as -c and -d show them. */
function ranges({ vlans, pvid }: VlanGroup): { first: BridgeVlan; last: number }[] {
  const out: { first: BridgeVlan; last: number }[] = [];
  for (const one of vlans.values()) {
    const before = out.at(-1);
    const alike =
      before &&
      before.last === one.vid - 1 &&
      before.first.untagged === one.untagged &&
      one.vid !== pvid &&
      before.last !== pvid;
    if (alike) before.last = one.vid;
    else out.push({ first: one, last: one.vid });
  }
  return out;
}

/** vlan_show */
function show(ctx: Context, args: Args): number {
  let device: string | undefined;
  let vid = 0;
  for (; !args.done; args.advance()) {
    if (args.is("dev")) device = args.next();
    else if (args.is("vid")) vid = atoi(args.next());
  }
  const only = device === undefined ? null : deviceNamed(ctx, device);
  const { out, options } = ctx;
  out.begin();
  out.fp(`${HEADING}\n`);
  const all = memberships(ctx, only);
  // counters are asked for in two dumps: those of bridges, then those of ports
  const sorted =
    options.stats && !options.details
      ? [...all.filter((m) => bridgeOf(m.dev)), ...all.filter((m) => !bridgeOf(m.dev))]
      : all;
  for (const one of sorted) printMembership(ctx, one, vid);
  out.end();
  return 0;
}

function printMembership({ out, options }: Context, { dev, br, group, state }: Membership, vid: number): void {
  const grouped = options.details > 0 || (options.compressVlans === true && !options.stats);
  const all = grouped ? ranges(group) : [...group.vlans.values()].map((first) => ({ first, last: first.vid }));
  const shown = all.filter(({ first, last }) => vid === 0 || (first.vid <= vid && vid <= last));
  if (shown.length === 0) return;
  out.openObject();
  shown.forEach(({ first, last }, i) => {
    if (i === 0) {
      out.any("ifname", `${dev.name.padEnd(16)}  `, dev.name);
      out.openArray("vlans");
    } else out.fp(`${"".padEnd(16)}  `);
    out.openObject();
    if (options.stats && !options.details) out.any("vid", String(first.vid), first.vid);
    else {
      out.any("vlan", String(first.vid), first.vid);
      if (last !== first.vid) out.any("vlanEnd", `-${last}`, last);
    }
    printFlags(out, group, first);
    out.nl();
    if (options.details) {
      out.fp("".padEnd(20));
      out.any("state", `state ${state} `, state);
      out.any("mcast_router", "mcast_router 1 ", 1);
      out.nl();
    }
    if (options.stats) printCounters(out, br, first);
    out.closeObject();
  });
  out.closeArray();
  out.closeObject();
}

/** print_vlan_flags */
function printFlags(out: Out, group: VlanGroup, one: BridgeVlan): void {
  const pvid = group.pvid === one.vid;
  if (!pvid && !one.untagged) return;
  out.openArray("flags");
  if (pvid) out.any(null, " PVID", "PVID");
  if (one.untagged) out.any(null, " Egress Untagged", "Egress Untagged");
  out.closeArray();
}

/** __print_one_vlan_stats */
function printCounters(out: Out, br: NetBridge, one: BridgeVlan): void {
  const { rxBytes, rxPackets, txBytes, txPackets } = br.vlan!.statsPerPort ? one : br.vlan!.totals(one.vid);
  out.fp("".padEnd(20));
  out.any("rx_bytes", `RX: ${rxBytes} bytes`, rxBytes);
  out.any("rx_packets", ` ${rxPackets} packets\n`, rxPackets);
  out.fp("".padEnd(20));
  out.any("tx_bytes", `TX: ${txBytes} bytes`, txBytes);
  out.any("tx_packets", ` ${txPackets} packets\n`, txPackets);
}

/** `bridge vlan tunnelshow`: no VLAN has a tunnel here. */
function showTunnels(ctx: Context, args: Args): number {
  for (; !args.done; args.advance()) {
    if (args.is("dev")) deviceNamed(ctx, args.next());
    else if (args.is("vid")) args.next();
  }
  ctx.out.begin();
  ctx.out.fp("port              vlan-id    tunnel-id\n");
  ctx.out.end();
  return 0;
}
