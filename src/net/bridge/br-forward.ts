// A bridge sends: to one port, to all that want such a frame, or to a group's members. Answers to net/bridge/br_forward.c.
// A frame stands at its network header here (the Ethernet header lies in front), as in the kernel.

import { HEADER_LENGTH } from "../../wire/ethernet.ts";
import { devQueueXmit } from "../core/dev.ts";
import { DropReason } from "../core/drop-reason.ts";
import type { NetDevice } from "../core/net-device.ts";
import { drop, type SkBuff, trace } from "../core/skb.ts";
import {
  BR_BCAST_FLOOD,
  BR_FLOOD,
  BR_HAIRPIN_MODE,
  BR_ISOLATED,
  BR_MCAST_FLOOD,
  BR_STATE_FORWARDING,
  type BridgePort,
  bridgePortOf,
  type NetBridge,
} from "./br-private.ts";
import { brAllowedEgress, brHandleVlan } from "./br-vlan.ts";

// linux/netfilter_bridge.h
export const NF_BR_PRE_ROUTING = 0;
export const NF_BR_LOCAL_IN = 1;
export const NF_BR_FORWARD = 2;
export const NF_BR_LOCAL_OUT = 3;
export const NF_BR_POST_ROUTING = 4;

export const BR_PKT_UNICAST = 0;
export const BR_PKT_MULTICAST = 1;
export const BR_PKT_BROADCAST = 2;

const KIND_NAMES = ["unicast", "multicast", "broadcast"];

const VLAN_HLEN = 4;

/**
 * Sends by one port, if that may be (br_forward).
 * @param to null: nowhere
 * @param localRcv the frame also goes up: a copy is sent, and the caller keeps `skb`; otherwise `skb` is taken over
 * @param localOrig made by this host
 */
export function brForward(to: BridgePort | null, skb: SkBuff, localRcv: boolean, localOrig: boolean): void {
  if (to && shouldDeliver(to, skb)) {
    deliver(to, localRcv ? skb.pool.copy(skb) : skb, localOrig);
    return;
  }
  if (!localRcv) drop(skb, DropReason.BRIDGE_NO_EGRESS_PORT);
}

/** Sends by every port that floods this kind of frame (br_flood); parameters as brForward's. */
export function brFlood(br: NetBridge, skb: SkBuff, kind: number, localRcv: boolean, localOrig: boolean): void {
  const wanted = kind === BR_PKT_UNICAST ? BR_FLOOD : kind === BR_PKT_MULTICAST ? BR_MCAST_FLOOD : BR_BCAST_FLOOD;
  // what this host sends to many goes everywhere
  const always = kind !== BR_PKT_UNICAST && skb.dev === br.dev;
  if (skb.pool.trace !== null) trace(skb, "brFlood", br.dev, KIND_NAMES[kind]!);
  let previous: BridgePort | null = null;
  const { ports } = br;
  for (let i = 0; i < ports.length; i++) {
    const port = ports[i]!;
    if (!(always || port.flags & wanted) || !shouldDeliver(port, skb)) continue;
    if (previous) deliver(previous, skb.pool.copy(skb), localOrig);
    previous = port;
  }
  if (previous) deliver(previous, localRcv ? skb.pool.copy(skb) : skb, localOrig);
  else if (!localRcv) drop(skb, DropReason.BRIDGE_NO_EGRESS_PORT);
}

/** Not back where it came from (unless hairpin), only by a forwarding port, not between isolated ones (should_deliver). */
export function shouldDeliver(port: BridgePort, skb: SkBuff): boolean {
  if (skb.dev === port.dev && !(port.flags & BR_HAIRPIN_MODE)) return false;
  if (port.state !== BR_STATE_FORWARDING || !brAllowedEgress(port.br, port, skb)) return false;
  if (port.flags & BR_ISOLATED) {
    const from = bridgePortOf(skb.dev!);
    if (from && from.flags & BR_ISOLATED) return false;
  }
  return true;
}

/** Through FORWARD or LOCAL_OUT and out; takes the frame over (__br_forward). */
export function deliver(to: BridgePort, skb: SkBuff, localOrig: boolean): void {
  skb.record = null;
  const { kernel } = to.dev.net;
  kernel.sim.elapse(kernel.costs.bridge);
  if (skb.pool.trace !== null) trace(skb, "__brForward", to.dev);
  if (!brHandleVlan(to.br, to, skb)) return;
  const indev = localOrig ? null : skb.dev;
  skb.dev = to.dev;
  const hook = localOrig ? NF_BR_LOCAL_OUT : NF_BR_FORWARD;
  if (to.dev.net.hooksBridge.run(hook, skb, indev, to.dev, null)) brForwardFinish(skb);
}

/** After FORWARD or LOCAL_OUT (br_forward_finish). */
export function brForwardFinish(skb: SkBuff): void {
  const dev = skb.dev!;
  if (dev.net.hooksBridge.run(NF_BR_POST_ROUTING, skb, null, dev, null)) brDevQueuePushXmit(skb);
}

/** The Ethernet header on again, and out (br_dev_queue_push_xmit). */
export function brDevQueuePushXmit(skb: SkBuff): void {
  skb.push(HEADER_LENGTH);
  const dev = skb.dev!;
  if (!isSkbForwardable(dev, skb)) {
    drop(skb, DropReason.PKT_TOO_BIG);
    return;
  }
  devQueueXmit(skb);
}

function isSkbForwardable(dev: NetDevice, skb: SkBuff): boolean {
  return dev.up && (skb.len <= dev.mtu + dev.hardHeaderLen + VLAN_HLEN || skb.gsoSize > 0);
}
