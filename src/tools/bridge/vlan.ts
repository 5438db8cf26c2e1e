// `bridge vlan`, on a kernel without VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING is not set): there is nothing to show,
// and nothing can be added. Answers to iproute2's bridge/vlan.c.

import { bridgePortOf } from "../../net/bridge/br-private.ts";
import type { Context } from "../ip/context.ts";
import { Args, CommandError, matches } from "../ip/lib/args.ts";
import { deviceNamed } from "./common.ts";

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
  if (matches(verb, "show") || matches(verb, "lst") || matches(verb, "list")) return show(ctx, args, HEADING);
  if (matches(verb, "tunnelshow")) return show(ctx, args, "port              vlan-id    tunnel-id");
  if (matches(verb, "set")) return modify(ctx, args, true);
  if (matches(verb, "global")) {
    const what = args.word || "show";
    if (!matches(what, "show") && !matches(what, "lst") && !matches(what, "list")) return modify(ctx, args, true);
    ctx.out.fp(`${HEADING}\n`);
    throw new CommandError("RTNETLINK answers: Operation not supported\nDump terminated\n", 1);
  }
  if (matches(verb, "help")) throw new CommandError(USAGE, 255);
  throw new CommandError(`Command "${verb}" is unknown, try "bridge vlan help".\n`, 255);
}

/** vlan_modify: the kernel refuses to add, and has no objection to a deletion. */
function modify(ctx: Context, args: Args, add: boolean): number {
  let device: string | undefined;
  let vid: string | undefined;
  for (; !args.done; args.advance()) {
    if (args.is("dev")) device = args.next();
    else if (args.is("vid")) vid = args.next();
    else if (args.matches("help")) throw new CommandError(USAGE, 255);
  }
  if (device === undefined || vid === undefined)
    throw new CommandError("Device and VLAN ID are required arguments.\n", 255);
  const dev = deviceNamed(ctx, device);
  const [first, last] = vid.split("-");
  for (const part of last === undefined ? [first!] : [first!, last]) {
    const id = Number.parseInt(part, 10) || 0;
    if (id >= 4096) throw new CommandError(`Invalid VLAN ID "${part}"\n`, 255);
  }
  if (add || !bridgePortOf(dev)) throw new CommandError("RTNETLINK answers: Operation not supported\n", 255);
  return 0;
}

function show(ctx: Context, args: Args, heading: string): number {
  for (; !args.done; args.advance()) {
    if (args.is("dev")) deviceNamed(ctx, args.next());
    else if (args.is("vid")) args.next();
  }
  ctx.out.begin();
  ctx.out.fp(`${heading}\n`);
  ctx.out.end();
  return 0;
}
