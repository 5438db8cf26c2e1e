// `ip link set … type bridge_slave`: what a bridge keeps about a port (iproute2's ip/iplink_bridge_slave.c,
// br_setport of the kernel). Also what `bridge link set` changes.

import { Errno, NetError } from "../../../base/errno.ts";
import { brFdbDeleteByPort } from "../../../net/bridge/br-fdb.ts";
import {
  BR_BCAST_FLOOD,
  BR_BPDU_GUARD,
  BR_FLOOD,
  BR_HAIRPIN_MODE,
  BR_ISOLATED,
  BR_KERNEL_STP,
  BR_LEARNING,
  BR_MCAST_FLOOD,
  BR_MULTICAST_FAST_LEAVE,
  BR_NEIGH_SUPPRESS,
  BR_PORT_LOCKED,
  BR_ROOT_BLOCK,
  BR_STATE_BLOCKING,
  BR_STATE_DISABLED,
  BR_STATE_NAMES,
  type BridgePort,
  bridgePortOf,
  portIsOperational,
} from "../../../net/bridge/br-private.ts";
import { brSetPortFlag, PORT_SETTINGS } from "../../../net/bridge/br-settings.ts";
import { brSetState, portStateSelection } from "../../../net/bridge/br-stp.ts";
import { brStpSetPathCost, brStpSetPortPriority } from "../../../net/bridge/br-stp-if.ts";
import type { NetDevice } from "../../../net/core/net-device.ts";
import type { Context } from "../context.ts";
import { type Args, CommandError, invarg, parseOnOff, parseUnsigned } from "../lib/args.ts";
import type { Out } from "../lib/out.ts";
import { bridgeIdText, printHex, printTimer } from "./bridge.ts";
import { type LinkKind, unknownOption } from "./kind.ts";

export type PortChange = (port: BridgePort) => void;

/** On-off options and the flag that each is. */
export const PORT_FLAGS: ReadonlyMap<string, number> = new Map([
  ["hairpin", BR_HAIRPIN_MODE],
  ["guard", BR_BPDU_GUARD],
  ["root_block", BR_ROOT_BLOCK],
  ["fastleave", BR_MULTICAST_FAST_LEAVE],
  ["learning", BR_LEARNING],
  ["flood", BR_FLOOD],
  ["mcast_flood", BR_MCAST_FLOOD],
  ["bcast_flood", BR_BCAST_FLOOD],
  ["mcast_fast_leave", BR_MULTICAST_FAST_LEAVE],
  ["isolated", BR_ISOLATED],
  ["locked", BR_PORT_LOCKED],
]);

/** Known to iproute2, not modelled here. */
const REFUSED: readonly string[] = [
  "mcast_to_unicast",
  "proxy_arp",
  "proxy_arp_wifi",
  "neigh_suppress",
  "vlan_tunnel",
  "backup_port",
  "nobackup_port",
];

/** br_set_port_state: not while the kernel runs spanning tree; a port without carrier is disabled. */
export function setPortState(port: BridgePort, state: number): void {
  if (state > BR_STATE_BLOCKING) throw new NetError(Errno.EINVAL);
  if (port.br.stpEnabled === BR_KERNEL_STP) throw new NetError(Errno.EBUSY);
  if (!portIsOperational(port.dev) && state !== BR_STATE_DISABLED) throw new NetError(Errno.ENETDOWN);
  brSetState(port, state);
  portStateSelection(port.br);
}

export const bridgeSlave: LinkKind = {
  name: "bridge_slave",
  parse(_ctx: Context, args: Args): PortChange[] {
    const changes: PortChange[] = [];
    for (; !args.done; args.advance()) {
      const number = (max: number, message: string): number => {
        const word = args.next();
        return parseUnsigned(word, max) ?? invarg(message, word);
      };
      if (args.matches("fdb_flush")) changes.push((port) => brFdbDeleteByPort(port.br, port, false));
      else if (args.matches("state")) {
        const state = number(255, "state is invalid");
        changes.push((port) => setPortState(port, state));
      } else if (args.matches("priority")) {
        const priority = number(65535, "priority is invalid");
        changes.push((port) => brStpSetPortPriority(port, priority));
      } else if (args.matches("cost")) {
        const cost = number(0xffffffff, "cost is invalid");
        changes.push((port) => brStpSetPathCost(port, cost));
      } else if (args.matches("mcast_router")) {
        const router = number(255, "invalid mcast_router");
        changes.push((port) => PORT_SETTINGS.get("multicast_router")!.set(port, router));
      } else if (args.matches("group_fwd_mask")) {
        const mask = number(65535, "invalid group_fwd_mask");
        changes.push((port) => PORT_SETTINGS.get("group_fwd_mask")!.set(port, mask));
      } else {
        const found = [...PORT_FLAGS].find(([word]) => args.matches(word));
        if (!found) {
          const refused = REFUSED.find((word) => args.matches(word));
          if (refused) throw new CommandError(`bridge_slave: "${refused}" is not supported by vethlab\n`, 1);
          unknownOption("bridge_slave", args.word);
        }
        const on = parseOnOff(found[0], args.next());
        changes.push((port) => brSetPortFlag(port, found[1], on));
      }
    }
    return changes;
  },
  create(): NetDevice {
    throw new NetError(Errno.EOPNOTSUPP, "Unknown device type");
  },
  change(_ctx: Context, dev: NetDevice, data: unknown): void {
    const port = bridgePortOf(dev);
    if (!port) throw new NetError(Errno.EINVAL);
    for (const change of data as PortChange[]) change(port);
  },
  print({ out }: Context, dev: NetDevice): void {
    const port = bridgePortOf(dev)!;
    const onOff = (key: string, flag: number, word = key): void =>
      printOnOff(out, key, (port.flags & flag) !== 0, word);
    const state = BR_STATE_NAMES[port.state]!;
    out.any("state", `state ${state} `, state);
    out.any("priority", `priority ${port.priority} `, port.priority);
    out.any("cost", `cost ${port.pathCost} `, port.pathCost);
    onOff("hairpin", BR_HAIRPIN_MODE);
    onOff("guard", BR_BPDU_GUARD);
    onOff("root_block", BR_ROOT_BLOCK);
    onOff("fastleave", BR_MULTICAST_FAST_LEAVE);
    onOff("learning", BR_LEARNING);
    onOff("flood", BR_FLOOD);
    printHex(out, "id", port.portId, "port_id");
    printHex(out, "no", port.portNo, "port_no");
    out.any("designated_port", `designated_port ${port.designatedPort} `, port.designatedPort);
    out.any("designated_cost", `designated_cost ${port.designatedCost} `, port.designatedCost);
    const bridgeId = bridgeIdText(port.designatedBridge);
    out.any("bridge_id", `designated_bridge ${bridgeId} `, bridgeId);
    const rootId = bridgeIdText(port.designatedRoot);
    out.any("root_id", `designated_root ${rootId} `, rootId);
    printTimer(out, "hold_timer", port.holdTimer);
    printTimer(out, "message_age_timer", port.messageAgeTimer);
    printTimer(out, "forward_delay_timer", port.forwardDelayTimer);
    out.any("topology_change_ack", `topology_change_ack ${+port.topologyChangeAck} `, +port.topologyChangeAck);
    out.any("config_pending", `config_pending ${+port.configPending} `, +port.configPending);
    printOnOff(out, "proxy_arp", false);
    printOnOff(out, "proxy_arp_wifi", false);
    out.any("multicast_router", `mcast_router ${port.multicast.router} `, port.multicast.router);
    out.fp(`mcast_fast_leave ${port.flags & BR_MULTICAST_FAST_LEAVE ? "on" : "off"} `);
    onOff("mcast_flood", BR_MCAST_FLOOD);
    onOff("bcast_flood", BR_BCAST_FLOOD);
    printOnOff(out, "mcast_to_unicast", false);
    onOff("neigh_suppress", BR_NEIGH_SUPPRESS);
    printHex(out, "group_fwd_mask", port.groupFwdMask);
    const mask = fwdMaskText(port.groupFwdMask);
    out.any("group_fwd_mask_str", `group_fwd_mask_str ${mask} `, mask);
    printOnOff(out, "vlan_tunnel", false);
    onOff("isolated", BR_ISOLATED);
    onOff("locked", BR_PORT_LOCKED);
  },
};

export function printOnOff(out: Out, key: string, on: boolean, word: string = key): void {
  out.any(key, `${word} ${on ? "on" : "off"} `, on);
}

function fwdMaskText(mask: number): string {
  const names = new Map([
    [0, "stp"],
    [2, "lacp"],
    [14, "lldp"],
  ]);
  const out: string[] = [];
  for (let bit = 0; bit < 16; bit++) if (mask & (1 << bit)) out.push(names.get(bit) ?? `0x${(1 << bit).toString(16)}`);
  return out.length === 0 ? "0x0" : out.join(",");
}
