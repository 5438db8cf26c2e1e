// The bridge as a device of its host: what the host sends through it, up and down, address and MTU. Answers to
// net/bridge/br_device.c. Leaves out ARP suppression and netpoll.

import * as ethernet from "../../wire/ethernet.ts";
import { registerNetdevice } from "../core/dev.ts";
import { DropReason } from "../core/drop-reason.ts";
import { ethHwAddrRandom } from "../core/eth-address.ts";
import type { Net } from "../core/net.ts";
import { ARPHRD_ETHER, NET_XMIT_SUCCESS, NetDevice, type NetDeviceOps } from "../core/net-device.ts";
import { drop, type SkBuff } from "../core/skb.ts";
import { brFdbAddLocal } from "./br-fdb.ts";
import { BR_PKT_BROADCAST, BR_PKT_MULTICAST, BR_PKT_UNICAST, brFlood, brForward } from "./br-forward.ts";
import { brDeviceEvent, delNbp } from "./br-if.ts";
import {
  brMulticastFlood,
  brMulticastInit,
  brMulticastOpen,
  brMulticastRcv,
  brMulticastStop,
  querierExists,
} from "./br-multicast.ts";
import { NetBridge } from "./br-private.ts";
import { brStpChangeBridgeId, brStpDisableBridge, brStpEnableBridge } from "./br-stp-if.ts";
import { brStpRegister } from "./br-stp-rcv.ts";
import { brStpTimerInit } from "./br-stp-timer.ts";
import { brAllowedIngress } from "./br-vlan.ts";

export interface BridgeOptions {
  /** six bytes; the bridge keeps it whatever ports come */
  readonly address?: Uint8Array;
  readonly mtu?: number;
  readonly ifindex?: number;
}

/** Makes a bridge without ports, down (br_dev_setup, register_netdevice). Throws as registerNetdevice does. */
export function createBridge(net: Net, name: string, options: BridgeOptions = {}): NetBridge {
  const dev = new NetDevice(net, name, "bridge", ARPHRD_ETHER, bridgeOps);
  dev.change({ unicastFilter: true, netnsImmutable: true });
  if (options.address) {
    dev.address.set(options.address);
    dev.change({ addrAssignType: 3 });
  } else ethHwAddrRandom(dev);
  if (options.mtu !== undefined) dev.mtu = options.mtu;
  const br = new NetBridge(dev);
  dev.priv = br;
  brStpTimerInit(br);
  brMulticastInit(br);
  brStpRegister(net);
  registerNetdevice(dev, options.ifindex ?? 0);
  // one for all bridges: with one each, a thousand would be told of each other's every change
  if (!net.hasNotifier(brDeviceEvent)) net.registerNotifier(brDeviceEvent);
  brFdbAddLocal(br, null, dev.address, 0);
  if (options.address) brStpChangeBridgeId(br, options.address);
  return br;
}

const bridgeOps: NetDeviceOps = {
  startXmit: brDevXmit,
  open(dev: NetDevice): void {
    const br = dev.priv as NetBridge;
    brStpEnableBridge(br);
    brMulticastOpen(br);
  },
  stop(dev: NetDevice): void {
    const br = dev.priv as NetBridge;
    brStpDisableBridge(br);
    brMulticastStop(br);
  },
  uninit(dev: NetDevice): void {
    const br = dev.priv as NetBridge;
    for (const port of br.ports) delNbp(port);
    brStpDisableBridge(br);
    brMulticastStop(br);
  },
  changeMtu(dev: NetDevice): void {
    (dev.priv as NetBridge).mtuSetByUser = true;
  },
  setMacAddress(dev: NetDevice, address: Uint8Array): void {
    if (!ethernet.equalMac(dev.address, 0, address, 0)) brStpChangeBridgeId(dev.priv as NetBridge, address);
  },
};

/** The host sends by the bridge (br_dev_xmit): to the station's port, to a group, or to all. */
function brDevXmit(skb: SkBuff, dev: NetDevice): number {
  const br = dev.priv as NetBridge;
  if (br.xmitHook?.(skb)) return NET_XMIT_SUCCESS;
  dev.stats.txPackets++;
  dev.stats.txBytes += skb.len;
  skb.macHeader = skb.data;
  skb.pull(ethernet.HEADER_LENGTH);
  const vid = brAllowedIngress(br, null, skb);
  if (vid < 0) return NET_XMIT_SUCCESS;
  const { head } = skb;
  if (ethernet.isMulticast(head, skb.macHeader)) {
    if (ethernet.isBroadcast(head, skb.macHeader)) brFlood(br, skb, BR_PKT_BROADCAST, false, true);
    else xmitMulticast(br, skb, vid);
    return NET_XMIT_SUCCESS;
  }
  const { fdb } = br;
  const entry = fdb.find(head, skb.macHeader, vid);
  if (entry < 0) brFlood(br, skb, BR_PKT_UNICAST, false, true);
  else brForward(br.portByNo[fdb.port(entry)] ?? null, skb, false, true);
  return NET_XMIT_SUCCESS;
}

function xmitMulticast(br: NetBridge, skb: SkBuff, vid: number): void {
  brMulticastRcv(br, null, skb, vid);
  const { verdict } = br.multicast;
  if (verdict.drop) drop(skb, DropReason.NOT_SPECIFIED);
  else if ((verdict.mdb || verdict.routersOnly) && querierExists(br))
    brMulticastFlood(br, verdict.mdb, skb, false, true);
  else brFlood(br, skb, BR_PKT_MULTICAST, false, true);
}
