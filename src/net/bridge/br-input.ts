// A frame comes in by a bridge's port: learn its sender, then forward it, flood it, or hand it up as the bridge's own.
// Answers to net/bridge/br_input.c. Leaves out MRP, CFM, locked ports and ARP suppression.

import * as ethernet from "../../wire/ethernet.ts";
import { netifReceiveSkb } from "../core/dev.ts";
import { DropReason } from "../core/drop-reason.ts";
import { IFF_PROMISC, type NetDevice, RX_HANDLER_CONSUMED, RX_HANDLER_PASS } from "../core/net-device.ts";
import { drop, PACKET_HOST, PACKET_LOOPBACK, type SkBuff, trace } from "../core/skb.ts";
import { brFdbUpdate } from "./br-fdb.ts";
import {
  BR_PKT_BROADCAST,
  BR_PKT_MULTICAST,
  BR_PKT_UNICAST,
  brFlood,
  brForward,
  NF_BR_LOCAL_IN,
  NF_BR_PRE_ROUTING,
} from "./br-forward.ts";
import { bridgeIsRouter, brMulticastFlood, brMulticastRcv, querierExists } from "./br-multicast.ts";
import {
  BR_LEARNING,
  BR_NO_STP,
  BR_PORT_LOCKED,
  BR_STATE_FORWARDING,
  BR_STATE_LEARNING,
  type BridgePort,
  bridgePortOf,
  type NetBridge,
} from "./br-private.ts";
import { brAllowedEgress, brAllowedIngress, brHandleVlan, brShouldLearn } from "./br-vlan.ts";
import { BR_FDB_LOCAL } from "./fdb-table.ts";

/** The last byte of 01:80:c2:00:00:0X: spanning tree, pause, LLDP. */
const GROUP_STP = 0x00;
const GROUP_PAUSE = 0x01;

/** The rx handler of every port (br_handle_frame). */
export function brHandleFrame(skb: SkBuff, dev: NetDevice): number {
  if (skb.pool.trace !== null) trace(skb, "brHandleFrame", dev);
  if (skb.pktType === PACKET_LOOPBACK) return RX_HANDLER_PASS;
  const { head } = skb;
  const mac = skb.macHeader;
  if (ethernet.isMulticast(head, mac + ethernet.SOURCE) || ethernet.isZero(head, mac + ethernet.SOURCE)) {
    drop(skb, DropReason.NOT_SPECIFIED);
    return RX_HANDLER_CONSUMED;
  }
  const port = bridgePortOf(dev)!;
  const { br } = port;
  if (ethernet.isLinkLocal(head, mac) && !forwardsLinkLocal(port, head[mac + 5]!)) {
    const last = head[mac + 5]!;
    if (last === GROUP_PAUSE) {
      drop(skb, DropReason.NOT_SPECIFIED);
      return RX_HANDLER_CONSUMED;
    }
    // it goes to the port's own packet types: BPDUs, LLDP
    const learns = port.state === BR_STATE_LEARNING || port.state === BR_STATE_FORWARDING;
    if (port.flags & BR_LEARNING && learns && !br.noLinkLocalLearn) {
      const vid = brShouldLearn(port, skb);
      if (vid >= 0) brFdbUpdate(br, port, skb, vid);
    }
    return dev.net.hooksBridge.run(NF_BR_LOCAL_IN, skb, dev, null, null) ? RX_HANDLER_PASS : RX_HANDLER_CONSUMED;
  }
  if (port.state !== BR_STATE_FORWARDING && port.state !== BR_STATE_LEARNING) {
    drop(skb, DropReason.BRIDGE_INGRESS_STP_STATE);
    return RX_HANDLER_CONSUMED;
  }
  if (ethernet.equalMac(head, mac, br.dev.address, 0)) skb.pktType = PACKET_HOST;
  if (dev.net.hooksBridge.run(NF_BR_PRE_ROUTING, skb, dev, null, null)) brHandleFrameFinish(skb);
  return RX_HANDLER_CONSUMED;
}

function forwardsLinkLocal(port: BridgePort, last: number): boolean {
  if (last === GROUP_STP && port.br.stpEnabled === BR_NO_STP) return true;
  if (last === GROUP_PAUSE) return false;
  return (((port.br.groupFwdMask | port.groupFwdMask) >> last) & 1) !== 0;
}

/** After PRE_ROUTING (br_handle_frame_finish). skb.dev is the port's device. Takes the packet over. */
export function brHandleFrameFinish(skb: SkBuff): void {
  const port = bridgePortOf(skb.dev!);
  if (!port) {
    drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  const { br } = port;
  const vid = brAllowedIngress(br, port, skb);
  if (vid < 0) return;
  const { head } = skb;
  const mac = skb.macHeader;
  if (port.flags & BR_PORT_LOCKED && !isKnownBehind(port, head, mac + ethernet.SOURCE, vid)) {
    drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  if (port.flags & BR_LEARNING) brFdbUpdate(br, port, skb, vid);
  if (port.state === BR_STATE_LEARNING) {
    drop(skb, DropReason.BRIDGE_INGRESS_STP_STATE);
    return;
  }
  const promisc = (br.dev.flags & IFF_PROMISC) !== 0;
  if (ethernet.isMulticast(head, mac)) {
    if (ethernet.isBroadcast(head, mac)) {
      brFlood(br, skb, BR_PKT_BROADCAST, true, false);
      brPassFrameUp(br, skb, promisc);
    } else handleMulticast(br, port, skb, vid, promisc);
    return;
  }
  const { fdb } = br;
  const entry = fdb.find(head, mac, vid);
  if (entry < 0) brFlood(br, skb, BR_PKT_UNICAST, promisc, false);
  else if (fdb.flags(entry) & BR_FDB_LOCAL) {
    if (skb.record !== null) skb.record.bridge = br.dev;
    brPassFrameUp(br, skb, false);
    return;
  } else {
    fdb.setUsed(entry, br.now);
    brForward(br.portByNo[fdb.port(entry)]!, skb, promisc, false);
  }
  if (promisc) brPassFrameUp(br, skb, true);
}

/** A locked port takes frames only from stations that the forwarding database has behind it. */
function isKnownBehind(port: BridgePort, b: Uint8Array, at: number, vid: number): boolean {
  const { fdb } = port.br;
  const entry = fdb.find(b, at, vid);
  return entry >= 0 && fdb.port(entry) === port.portNo && !(fdb.flags(entry) & BR_FDB_LOCAL);
}

function handleMulticast(br: NetBridge, port: BridgePort, skb: SkBuff, vid: number, promisc: boolean): void {
  brMulticastRcv(br, port, skb, vid);
  const { verdict } = br.multicast;
  if (verdict.drop) {
    drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  const { mdb } = verdict;
  let up = true;
  if ((mdb || verdict.routersOnly) && querierExists(br)) {
    up = promisc || mdb?.hostJoined === true || bridgeIsRouter(br);
    brMulticastFlood(br, mdb, skb, up, false);
  } else brFlood(br, skb, BR_PKT_MULTICAST, true, false);
  if (!up) return;
  br.dev.stats.multicast++;
  brPassFrameUp(br, skb, promisc);
}

/**
 * The frame is received again, as if it had come by the bridge itself (br_pass_frame_up). A copy for a promiscuous bridge
 * leaves its connection to the frame that was forwarded (br_nf_local_in, nf_reset_ct).
 */
export function brPassFrameUp(br: NetBridge, skb: SkBuff, promisc: boolean): void {
  if (promisc) skb.ct = 0;
  const { dev } = br;
  if (skb.pool.trace !== null) trace(skb, "brPassFrameUp", dev);
  dev.stats.rxPackets++;
  dev.stats.rxBytes += skb.len;
  if (!(dev.flags & IFF_PROMISC) && !brAllowedEgress(br, null, skb)) {
    drop(skb, DropReason.VLAN_FILTERED);
    return;
  }
  const indev = skb.dev;
  skb.dev = dev;
  if (!brHandleVlan(br, null, skb)) return;
  if (skb.dst === br.fakeDst) skb.dst = null;
  if (dev.net.hooksBridge.run(NF_BR_LOCAL_IN, skb, indev, null, null)) netifReceiveSkb(skb);
}
