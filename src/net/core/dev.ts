// Devices and the way of a frame through them: registration, up and down, transmit (`devQueueXmit`: taps, queue,
// driver) and receive (`netifReceiveSkb`: taps, VLAN, rx handler, packet type). Answers to net/core/dev.c.

import { Errno, NetError } from "../../base/errno.ts";
import * as ethernet from "../../wire/ethernet.ts";
import { DropReason } from "./drop-reason.ts";
import { completeChecksum, needsSegmenting, segmentAndSend } from "./gso.ts";
import { defaultOperstate, refreshFlags } from "./link-watch.ts";
import type { Net } from "./net.ts";
import {
  IFF_ALLMULTI,
  IFF_PROMISC,
  IFF_UP,
  NET_XMIT_CN,
  NET_XMIT_SUCCESS,
  type NetDevice,
  RX_HANDLER_ANOTHER,
  RX_HANDLER_CONSUMED,
  RX_HANDLER_EXACT,
  type Tap,
} from "./net-device.ts";
import {
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_CHANGEMTU,
  NETDEV_CHANGENAME,
  NETDEV_DOWN,
  NETDEV_GOING_DOWN,
  NETDEV_REGISTER,
  NETDEV_UNREGISTER,
  NETDEV_UP,
} from "./netdev-events.ts";
import {
  CHECKSUM_PARTIAL,
  drop,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_LOOPBACK,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  type SkBuff,
  trace,
} from "./skb.ts";

/** Bytes of a VLAN tag. */
export const VLAN_HLEN = 4;

/** Longest interface name (IFNAMSIZ − 1). */
export const IFNAMSIZ = 16;

/** dev_valid_name: no slash, colon or blank, not "." or "..", at most 15 bytes. */
export function devValidName(name: string): boolean {
  return name !== "" && name.length < IFNAMSIZ && name !== "." && name !== ".." && !/[/:\s]/.test(name);
}

/** "veth%d" → "veth0", the first free one (dev_alloc_name). */
export function devAllocName(net: Net, pattern: string): string {
  if (!pattern.includes("%d")) return pattern;
  for (let i = 0; ; i++) {
    const name = pattern.replace("%d", String(i));
    if (!net.deviceByName(name)) return name;
  }
}

/**
 * Makes a device known in its namespace (register_netdevice). A name with %d gets the first free number.
 * Throws NetError: EINVAL (bad name), EEXIST (name or index taken).
 * @param ifindex a wished index, 0 for the next free one
 */
export function registerNetdevice(dev: NetDevice, ifindex = 0): void {
  const { net } = dev;
  dev.name = devAllocName(net, dev.name);
  if (!devValidName(dev.name)) throw new NetError(Errno.EINVAL);
  if (net.deviceByName(dev.name)) throw new NetError(Errno.EEXIST);
  if (ifindex !== 0 && net.deviceByIndex(ifindex)) throw new NetError(Errno.EEXIST);
  dev.ifindex = ifindex !== 0 ? ifindex : net.allocateIfindex();
  dev.registered = true;
  if (!dev.carrier) dev.operstate = defaultOperstate(dev);
  net.addDevice(dev);
  net.notify(NETDEV_REGISTER, dev);
}

/** Takes a device away: down first, then told to all, then gone (unregister_netdevice). */
export function unregisterNetdevice(dev: NetDevice): void {
  if (!dev.registered) return;
  const { linkWatch } = dev.net.kernel;
  linkWatch.hold();
  devClose(dev);
  dev.qdisc?.reset();
  dev.net.notify(NETDEV_UNREGISTER, dev);
  dev.ops.uninit?.(dev);
  dev.registered = false;
  dev.net.removeDevice(dev);
  linkWatch.forget(dev);
  linkWatch.release();
}

/**
 * Moves a device to another namespace (dev_change_net_namespace): down there, out here, in there under the same name and,
 * where free, the same index. Addresses, routes and taps stay behind. Throws EEXIST when the name is taken there.
 */
export function devChangeNetNamespace(dev: NetDevice, net: Net, newName?: string, newIndex = 0): void {
  if (dev.net === net) return;
  const name = newName ?? dev.name;
  if (dev.settings.netnsImmutable) throw new NetError(Errno.EINVAL, "The interface netns is immutable");
  if (net.deviceByName(name))
    throw new NetError(Errno.EEXIST, "An interface with the same name exists in the target netns");
  if (newIndex !== 0 && net.deviceByIndex(newIndex))
    throw new NetError(Errno.EBUSY, "An interface with the same ifindex exists in the target netns");
  const { linkWatch } = net.kernel;
  linkWatch.hold();
  devClose(dev);
  dev.moving = true;
  dev.net.notify(NETDEV_UNREGISTER, dev);
  dev.qdisc?.reset();
  dev.qdisc = null;
  dev.activated = false;
  const before = dev.net;
  before.removeDevice(dev);
  dev.taps.length = 0;
  dev.inDev = null;
  before.nsidOf(net);
  const wished = newIndex || dev.ifindex;
  dev.net = net;
  dev.name = name;
  dev.ifindex = net.deviceByIndex(wished) ? net.allocateIfindex() : wished;
  net.addDevice(dev);
  dev.moving = false;
  net.notify(NETDEV_REGISTER, dev);
  linkWatch.release();
}

/** Gives a device another name (dev_change_name). Throws EINVAL, EEXIST. */
export function devChangeName(dev: NetDevice, name: string): void {
  const wanted = devAllocName(dev.net, name);
  if (!devValidName(wanted)) throw new NetError(Errno.EINVAL);
  if (wanted === dev.name) return;
  if (dev.net.deviceByName(wanted)) throw new NetError(Errno.EEXIST);
  dev.net.renameDevice(dev, wanted);
  dev.change({ nameAssignType: 4 });
  dev.net.notify(NETDEV_CHANGENAME, dev);
}

/** A further name (netdev_name_node_alt_create). Throws EEXIST. */
export function devAddAltName(dev: NetDevice, name: string): void {
  if (dev.net.deviceByName(name)) throw new NetError(Errno.EEXIST);
  dev.altNames = [...dev.altNames, name];
  dev.net.setAltName(dev, name, true);
}

/** Takes a further name away (netdev_name_node_alt_destroy). Throws ENOENT. */
export function devDelAltName(dev: NetDevice, name: string): void {
  const at = dev.altNames.indexOf(name);
  if (at < 0) throw new NetError(dev.name === name ? Errno.EINVAL : Errno.ENOENT);
  dev.altNames = dev.altNames.toSpliced(at, 1);
  dev.net.setAltName(dev, name, false);
}

/** Up (dev_open): the driver may refuse with a NetError. */
export function devOpen(dev: NetDevice): void {
  if (dev.flags & IFF_UP) return;
  const { linkWatch } = dev.net.kernel;
  linkWatch.hold();
  dev.flags |= IFF_UP;
  try {
    dev.ops.open?.(dev);
    dev.activated = true;
    dev.txActive = dev.carrier;
    devSetRxMode(dev);
    refreshFlags(dev);
    dev.net.notify(NETDEV_UP, dev);
    dev.net.notify(NETDEV_CHANGE, dev);
  } catch (error) {
    dev.flags &= ~IFF_UP;
    throw error;
  } finally {
    linkWatch.release();
  }
}

/** Down (dev_close). */
export function devClose(dev: NetDevice): void {
  if (!(dev.flags & IFF_UP)) return;
  const { linkWatch } = dev.net.kernel;
  linkWatch.hold();
  dev.net.notify(NETDEV_GOING_DOWN, dev);
  dev.flags &= ~IFF_UP;
  dev.ops.stop?.(dev);
  dev.txActive = false;
  refreshFlags(dev);
  dev.net.notify(NETDEV_DOWN, dev);
  dev.net.notify(NETDEV_CHANGE, dev);
  linkWatch.release();
}

/** netif_carrier_on / off: told to all when the device is up. */
export function netifCarrier(dev: NetDevice, on: boolean): void {
  if (dev.carrier === on) return;
  dev.carrier = on;
  if (!dev.registered) return;
  dev.carrierChanges++;
  refreshFlags(dev);
  dev.net.kernel.linkWatch.fire(dev);
}

/** dev_set_mtu. Throws EINVAL outside minMtu … maxMtu. */
export function devSetMtu(dev: NetDevice, mtu: number): void {
  if (mtu === dev.mtu) return;
  if (mtu < dev.settings.minMtu) throw new NetError(Errno.EINVAL, "mtu less than device minimum");
  if (dev.settings.maxMtu > 0 && mtu > dev.settings.maxMtu)
    throw new NetError(Errno.EINVAL, "mtu greater than device maximum");
  dev.ops.changeMtu?.(dev, mtu);
  dev.mtu = mtu;
  dev.net.notify(NETDEV_CHANGEMTU, dev);
}

/** dev_set_mac_address: six bytes. Throws EADDRNOTAVAIL for a group or all-zero address. */
export function devSetMacAddress(dev: NetDevice, address: Uint8Array): void {
  if (address[0]! & 1 || address.every((b) => b === 0)) throw new NetError(Errno.EADDRNOTAVAIL);
  dev.ops.setMacAddress?.(dev, address);
  dev.address.set(address);
  dev.change({ addrAssignType: 3 });
  dev.net.notify(NETDEV_CHANGEADDR, dev);
}

/** The flags that user space is told (dev_get_flags): promiscuity as the user asked for it, not as a capture did. */
export function devGetFlags(dev: NetDevice): number {
  return (dev.flags & ~(IFF_PROMISC | IFF_ALLMULTI)) | (dev.gflags & (IFF_PROMISC | IFF_ALLMULTI));
}

/** dev_set_promiscuity: +1 or −1. */
export function devSetPromiscuity(dev: NetDevice, by: number): void {
  if (changePromiscuity(dev, by)) devSetRxMode(dev);
}

/** __dev_set_promiscuity. True: the flag changed. */
function changePromiscuity(dev: NetDevice, by: number): boolean {
  const before = dev.promiscuity > 0;
  dev.promiscuity += by;
  const after = dev.promiscuity > 0;
  if (before === after) return false;
  if (after) dev.flags |= IFF_PROMISC;
  else dev.flags &= ~IFF_PROMISC;
  dev.net.pathFlush();
  dev.net.kernel.printk(`${dev.name}: ${after ? "entered" : "left"} promiscuous mode`);
  dev.ops.changeRxFlags?.(dev, IFF_PROMISC);
  return true;
}

/** dev_set_allmulti: +1 or −1. */
export function devSetAllmulti(dev: NetDevice, by: number): void {
  const before = dev.allmulti > 0;
  dev.allmulti += by;
  const after = dev.allmulti > 0;
  if (before === after) return;
  if (after) dev.flags |= IFF_ALLMULTI;
  else dev.flags &= ~IFF_ALLMULTI;
  dev.net.kernel.printk(`${dev.name}: ${after ? "entered" : "left"} allmulticast mode`);
  dev.ops.changeRxFlags?.(dev, IFF_ALLMULTI);
  devSetRxMode(dev);
}

/** The address lists changed (dev_set_rx_mode): a driver that cannot pick further addresses takes every frame. */
export function devSetRxMode(dev: NetDevice): void {
  if (!dev.up) return;
  const further = !dev.settings.unicastFilter && dev.ucAddresses.size > 0;
  if (further !== dev.ucPromisc) {
    dev.ucPromisc = further;
    changePromiscuity(dev, further ? 1 : -1);
  }
  dev.ops.setRxMode?.(dev);
}

/**
 * Sends a frame by skb.dev (dev_queue_xmit): taps see it as it stands (a checksum left to offload, a super-packet where
 * the device segments), then the queue, then the driver. skb.data stands at the link header. Takes the packet over.
 * Returns NET_XMIT_*.
 */
export function devQueueXmit(skb: SkBuff): number {
  const dev = skb.dev!;
  if (skb.pool.trace !== null) trace(skb, "devQueueXmit");
  if (!dev.up) {
    dev.stats.txDropped++;
    drop(skb, DropReason.DEV_READY);
    return NET_XMIT_CN;
  }
  if (!dev.txActive) {
    // without a carrier the queue is noop's, and no tap sees the frame
    dev.stats.txDropped++;
    drop(skb, DropReason.QDISC_DROP);
    return NET_XMIT_CN;
  }
  skb.macHeader = skb.data;
  return dev.qdisc ? dev.qdisc.enqueue(skb, dev) : devHardStartXmit(skb, dev);
}

/** What a queue calls when a frame's turn has come (dev_hard_start_xmit with validate_xmit_skb before it). */
export function devHardStartXmit(skb: SkBuff, dev: NetDevice): number {
  if (skb.gsoSize > 0 && needsSegmenting(skb, dev)) {
    let last: number = NET_XMIT_SUCCESS;
    segmentAndSend(skb, dev, (segment) => {
      last = xmitOne(segment, dev);
    });
    return last;
  }
  if (skb.ipSummed === CHECKSUM_PARTIAL && !dev.features.txCsum) completeChecksum(skb);
  return xmitOne(skb, dev);
}

function xmitOne(skb: SkBuff, dev: NetDevice): number {
  const { kernel } = dev.net;
  kernel.sim.elapse(kernel.costs.transmit);
  if (skb.pool.trace !== null) trace(skb, "devHardStartXmit", dev);
  tapSent(skb, dev);
  return dev.ops.startXmit(skb, dev);
}

/** A driver hands a received frame to the stack later (netif_rx). skb.dev is set, skb.data is at the link header's end. */
export function netifRx(skb: SkBuff): boolean {
  return skb.dev!.net.kernel.backlog.enqueue(skb);
}

/** A frame for another device of this machine, as if received there (dev_forward_skb). skb.data is at the link header. */
export function devForwardSkb(skb: SkBuff, to: NetDevice): boolean {
  skb.scrub(skb.dev!.net !== to.net);
  ethTypeTrans(skb, to);
  return netifRx(skb);
}

/**
 * Takes the Ethernet header off and says for whom the frame is (eth_type_trans): sets protocol, pktType, macHeader; data
 * goes to what follows.
 */
export function ethTypeTrans(skb: SkBuff, dev: NetDevice): void {
  const { head } = skb;
  const at = skb.data;
  skb.dev = dev;
  skb.macHeader = at;
  skb.pull(ethernet.HEADER_LENGTH);
  skb.networkHeader = skb.data;
  skb.macLen = ethernet.HEADER_LENGTH;
  skb.pktType = pktTypeAt(head, at, dev);
  const type = ethernet.getEtherType(head, at);
  skb.protocol = type >= ethernet.ETH_P_802_3_MIN ? type : ethernet.ETH_P_802_2;
}

/** For whom the frame with its destination at `at` is, as `dev` sees it: PACKET_*. */
export function pktTypeAt(head: Uint8Array, at: number, dev: NetDevice): number {
  if (ethernet.equalMac(head, at, dev.address, 0)) return PACKET_HOST;
  if ((head[at]! & 1) === 0) return PACKET_OTHERHOST;
  return ethernet.equalMac(head, at, dev.broadcast, 0) ? PACKET_BROADCAST : PACKET_MULTICAST;
}

/** Hands a frame up: taps, VLAN, rx handler, packet type (__netif_receive_skb_core). Takes the packet over. */
export function netifReceiveSkb(skb: SkBuff): void {
  let dev = skb.dev!;
  const { kernel } = dev.net;
  kernel.sim.elapse(kernel.costs.receive);
  if (!dev.up) {
    dev.stats.rxDropped++;
    drop(skb, DropReason.DEV_READY);
    return;
  }
  skb.tstampNs = kernel.sim.now;
  skb.skbIif = dev.ifindex;
  for (;;) {
    if (skb.pool.trace !== null) trace(skb, "netifReceiveSkb", dev);
    skb.networkHeader = skb.data;
    skb.transportHeader = skb.data;
    // a group's packet that comes back to its sender's host was seen going out
    if (skb.pktType !== PACKET_LOOPBACK) deliverToTaps(skb, dev);
    // a tag that travels beside the frame comes first
    if (skb.vlanProto === 0 && (skb.protocol === ethernet.ETH_P_8021Q || skb.protocol === ethernet.ETH_P_8021AD)) {
      if (!vlanUntag(skb)) return;
    }
    if (skb.vlanProto !== 0 && dev.vlans) {
      const target = dev.vlans.get((skb.vlanProto << 12) | (skb.vlanTci & 0xfff));
      if (target) {
        vlanReceive(skb, target);
        dev = target;
        if (!dev.up) {
          dev.stats.rxDropped++;
          drop(skb, DropReason.DEV_READY);
          return;
        }
        continue;
      }
    }
    if (dev.rxHandler) {
      const result = dev.rxHandler(skb, dev);
      if (result === RX_HANDLER_CONSUMED) return;
      if (result === RX_HANDLER_ANOTHER) {
        dev = skb.dev!;
        skb.skbIif = dev.ifindex;
        continue;
      }
      if (result === RX_HANDLER_EXACT) {
        dev.stats.rxNohandler++;
        drop(skb, DropReason.UNHANDLED_PROTO);
        return;
      }
    }
    break;
  }
  if (skb.vlanProto !== 0) {
    // a tag for a VLAN that nobody has here
    if ((skb.vlanTci & 0xfff) !== 0) skb.pktType = PACKET_OTHERHOST;
    skb.vlanProto = 0;
    skb.vlanTci = 0;
  }
  const { net } = dev;
  const handler = skb.protocol === ethernet.ETH_P_IP ? net.packetTypes.ipv4 : net.packetTypes.get(skb.protocol);
  if (!handler) {
    dev.stats.rxNohandler++;
    drop(skb, DropReason.UNHANDLED_PROTO);
    return;
  }
  handler(skb, dev);
}

/** Takes an 802.1Q or 802.1ad tag off into skb.vlanTci (skb_vlan_untag). False: too short, dropped. */
function vlanUntag(skb: SkBuff): boolean {
  if (skb.len < 4) {
    drop(skb, DropReason.HDR_TRUNC);
    return false;
  }
  const { head } = skb;
  const at = skb.data;
  skb.vlanProto = skb.protocol;
  skb.vlanTci = (head[at]! << 8) | head[at + 1]!;
  const type = (head[at + 2]! << 8) | head[at + 3]!;
  head.copyWithin(skb.macHeader + 4, skb.macHeader, skb.macHeader + 12);
  skb.macHeader += 4;
  skb.pull(4);
  skb.networkHeader = skb.data;
  skb.protocol = type >= ethernet.ETH_P_802_3_MIN ? type : ethernet.ETH_P_802_2;
  return true;
}

function vlanReceive(skb: SkBuff, target: NetDevice): void {
  skb.dev = target;
  skb.skbIif = target.ifindex;
  skb.vlanProto = 0;
  skb.vlanTci = 0;
  if (skb.pktType === PACKET_OTHERHOST) {
    const { head } = skb;
    let same = true;
    for (let i = 0; i < 6; i++) if (head[skb.macHeader + i] !== target.address[i]) same = false;
    if (same) skb.pktType = PACKET_HOST;
  }
  target.stats.rxPackets++;
  target.stats.rxBytes += skb.len;
  if (skb.pktType === PACKET_MULTICAST) target.stats.multicast++;
}

function tapAll(taps: readonly Tap[], skb: SkBuff, dev: NetDevice, outgoing: boolean): void {
  const { captured } = dev.net.kernel;
  captured.advance();
  for (let i = 0; i < taps.length; i++) taps[i]!.capture(skb, dev, outgoing, captured);
}

/** All that listen on a device see a frame that it sends; skb.data is at the link header. */
export function tapSent(skb: SkBuff, dev: NetDevice): void {
  if (dev.taps.length > 0) tapAll(dev.taps, skb, dev, true);
  if (dev.net.taps.length > 0) tapAll(dev.net.taps, skb, dev, true);
}

/** All that listen on a device see a received frame. */
export function deliverToTaps(skb: SkBuff, dev: NetDevice): void {
  if (dev.taps.length > 0) tapReceived(dev.taps, skb, dev);
  if (dev.net.taps.length > 0) tapReceived(dev.net.taps, skb, dev);
}

/** A tap sees a received frame from its link header on. */
function tapReceived(taps: readonly Tap[], skb: SkBuff, dev: NetDevice): void {
  const { data } = skb;
  skb.data = skb.macHeader;
  tapAll(taps, skb, dev, false);
  skb.data = data;
}
