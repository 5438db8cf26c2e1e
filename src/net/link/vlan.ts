// IEEE 802.1Q and 802.1ad devices on top of another: what they send carries a tag, and frames with that tag come in by them
// (core/dev.ts takes the tag off and looks in `vlans`). Answers to net/8021q/vlan.c and vlan_dev.c. Leaves out priority
// maps, GVRP and MVRP. A tag travels beside the frame (hardware acceleration), as on veth; taps put it back.

import { Errno, NetError } from "../../base/errno.ts";
import * as ethernet from "../../wire/ethernet.ts";
import {
  devClose,
  devOpen,
  devQueueXmit,
  devSetMtu,
  netifCarrier,
  registerNetdevice,
  unregisterNetdevice,
} from "../core/dev.ts";
import { AddressSync, countRxFlags, devAddAddress, devDelAddress, passRxFlags } from "../core/dev-address-list.ts";
import {
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_CHANGEMTU,
  NETDEV_DOWN,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  type Net,
} from "../core/net.ts";
import { ARPHRD_ETHER, IFF_ALLMULTI, IFF_PROMISC, NetDevice, type NetDeviceOps } from "../core/net-device.ts";
import type { SkBuff } from "../core/skb.ts";
import { pushTag } from "../core/vlan-tag.ts";
import type { LinkOptions } from "./dummy.ts";
import { countSent } from "./tx-stats.ts";

export interface VlanConfig {
  readonly lower: NetDevice;
  /** 0 … 4094 */
  readonly vid: number;
  /** ETH_P_8021Q or ETH_P_8021AD */
  readonly protocol: number;
  /** follow the lower device's state loosely: stay up when it goes down */
  readonly looseBinding: boolean;
  /** reorder_hdr, gvrp, mvrp: kept and shown */
  readonly reorderHdr: boolean;
}

export class Vlan {
  readonly config: VlanConfig;
  readonly onLower: (event: string) => void;
  readonly addresses: AddressSync = new AddressSync();
  /** the lower device's address as it was last seen; its own, if another, the lower device listens to as well */
  lowerAddress: Uint8Array;

  constructor(config: VlanConfig, onLower: (event: string) => void) {
    this.config = config;
    this.onLower = onLower;
    this.lowerAddress = config.lower.address.slice();
  }
}

export function vlanOf(dev: NetDevice): Vlan | null {
  return dev.priv instanceof Vlan ? dev.priv : null;
}

function keyOf(config: VlanConfig): number {
  return (config.protocol << 12) | config.vid;
}

/** Throws EEXIST "VLAN device already exists", and what registerNetdevice throws. */
export function createVlan(net: Net, name: string, config: VlanConfig, options: LinkOptions = {}): NetDevice {
  const { lower } = config;
  if (lower.loopback) throw new NetError(Errno.EOPNOTSUPP, "VLANs not supported on device");
  if (lower.vlans?.has(keyOf(config))) throw new NetError(Errno.EEXIST, "VLAN device already exists");
  const dev = new NetDevice(net, name, "vlan", ARPHRD_ETHER, vlanOps);
  dev.change({ unicastFilter: true });
  const own = options.address !== undefined;
  dev.address.set(options.address ?? lower.address);
  dev.change({ addrAssignType: own ? 3 : 2 });
  dev.mtu = options.mtu ?? lower.mtu;
  if (dev.mtu > lower.mtu) throw new NetError(Errno.ERANGE);
  dev.change({ minMtu: 0, maxMtu: 65535 });
  dev.lower = lower;
  dev.change({ speedMbps: lower.settings.speedMbps });
  const onLower = (event: string): void => lowerEvent(dev, config, event);
  dev.priv = new Vlan(config, onLower);
  dev.carrier = lower.carrier;
  registerNetdevice(dev, options.ifindex ?? 0);
  lower.vlans ??= new Map();
  lower.vlans.set(keyOf(config), dev);
  lower.uppers = [...lower.uppers, onLower];
  dev.net.kernel.linkWatch.fire(dev);
  return dev;
}

/** vlan_device_event: the device below changed. */
function lowerEvent(dev: NetDevice, config: VlanConfig, event: string): void {
  const { lower } = config;
  switch (event) {
    case NETDEV_CHANGE:
      netifCarrier(dev, lower.carrier && lower.up);
      return;
    case NETDEV_CHANGEADDR:
      if (dev.up) followAddress(dev, lower);
      return;
    case NETDEV_CHANGEMTU:
      if (dev.mtu > lower.mtu) devSetMtu(dev, lower.mtu);
      return;
    case NETDEV_DOWN:
      if (!config.looseBinding) devClose(dev);
      netifCarrier(dev, false);
      return;
    case NETDEV_UP:
      if (!config.looseBinding) devOpen(dev);
      netifCarrier(dev, lower.carrier);
      return;
    case NETDEV_UNREGISTER:
      if (!lower.moving) unregisterNetdevice(dev);
      return;
  }
}

/** vlan_sync_address: the address is the lower device's until it is given one. */
function followAddress(dev: NetDevice, lower: NetDevice): void {
  const vlan = dev.priv as Vlan;
  const { lowerAddress: old } = vlan;
  if (ethernet.equalMac(old, 0, lower.address, 0)) return;
  if (!inheritAddress(dev, lower)) {
    const wasOld = ethernet.equalMac(dev.address, 0, old, 0);
    const isNew = ethernet.equalMac(dev.address, 0, lower.address, 0);
    if (!wasOld && isNew) devDelAddress(lower, dev.address);
    if (wasOld && !isNew) devAddAddress(lower, dev.address);
  }
  vlan.lowerAddress = lower.address.slice();
}

/** vlan_dev_inherit_address */
function inheritAddress(dev: NetDevice, lower: NetDevice): boolean {
  if (dev.settings.addrAssignType !== 2) return false;
  dev.address.set(lower.address);
  dev.net.notify(NETDEV_CHANGEADDR, dev);
  return true;
}

function hasLowerAddress(dev: NetDevice, lower: NetDevice): boolean {
  return ethernet.equalMac(dev.address, 0, lower.address, 0);
}

const vlanOps: NetDeviceOps = {
  iflink: (dev) => (dev.priv as Vlan).config.lower.ifindex,
  linkNet: (dev) => (dev.priv as Vlan).config.lower.net,
  startXmit(skb: SkBuff, dev: NetDevice): number {
    const { config } = dev.priv as Vlan;
    if (skb.vlanProto !== 0) pushTag(skb);
    skb.vlanProto = config.protocol;
    skb.vlanTci = config.vid;
    const { len } = skb;
    skb.dev = config.lower;
    const result = devQueueXmit(skb);
    countSent(dev, len, result);
    return result;
  },
  open(dev: NetDevice): void {
    const { config } = dev.priv as Vlan;
    const { lower } = config;
    if (!lower.up && !config.looseBinding) throw new NetError(Errno.ENETDOWN);
    if (!hasLowerAddress(dev, lower) && !inheritAddress(dev, lower)) devAddAddress(lower, dev.address);
    countRxFlags(lower, dev, IFF_ALLMULTI | IFF_PROMISC, 1);
    (dev.priv as Vlan).lowerAddress = lower.address.slice();
    netifCarrier(dev, config.lower.carrier && config.lower.up);
  },
  stop(dev: NetDevice): void {
    const { config, addresses } = dev.priv as Vlan;
    const { lower } = config;
    addresses.unsync(lower);
    countRxFlags(lower, dev, IFF_ALLMULTI | IFF_PROMISC, -1);
    if (!hasLowerAddress(dev, lower)) devDelAddress(lower, dev.address);
    if (!config.looseBinding) netifCarrier(dev, false);
  },
  changeRxFlags(dev: NetDevice, changed: number): void {
    passRxFlags((dev.priv as Vlan).config.lower, dev, changed);
  },
  setRxMode(dev: NetDevice): void {
    const { config, addresses } = dev.priv as Vlan;
    addresses.sync(config.lower, dev);
  },
  setMacAddress(dev: NetDevice, address: Uint8Array): void {
    const { lower } = (dev.priv as Vlan).config;
    if (!dev.up) return;
    if (!ethernet.equalMac(address, 0, lower.address, 0)) devAddAddress(lower, address);
    if (!hasLowerAddress(dev, lower)) devDelAddress(lower, dev.address);
  },
  uninit(dev: NetDevice): void {
    const { config, onLower } = dev.priv as Vlan;
    config.lower.uppers = config.lower.uppers.filter((upper) => upper !== onLower);
    config.lower.vlans?.delete(keyOf(config));
    if (config.lower.vlans?.size === 0) config.lower.vlans = null;
  },
  changeMtu(dev: NetDevice, mtu: number): void {
    if (mtu > (dev.priv as Vlan).config.lower.mtu) throw new NetError(Errno.ERANGE);
  },
};
