// Several devices that share one Ethernet address and are told apart by IP address: l2 (one link) or l3 (the namespace of the
// device below routes for them, and nothing is broadcast). Answers to drivers/net/ipvlan. Leaves out l3s and IPv6. What is sent
// to many waits for a kernel thread, as in Linux.

import { Errno, NetError } from "../../base/errno.ts";
import * as ethernet from "../../wire/ethernet.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { get32 } from "../../wire/layout.ts";
import {
  devForwardSkb,
  devQueueXmit,
  netifCarrier,
  netifRx,
  registerNetdevice,
  unregisterNetdevice,
} from "../core/dev.ts";
import { AddressSync, devAddAddress, devDelAddress, passRxFlags } from "../core/dev-address-list.ts";
import { DropReason } from "../core/drop-reason.ts";
import {
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_CHANGEMTU,
  NETDEV_DOWN,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  type Net,
} from "../core/net.ts";
import {
  ARPHRD_ETHER,
  IFF_ALLMULTI,
  IFF_NOARP,
  NET_XMIT_DROP,
  NET_XMIT_SUCCESS,
  NetDevice,
  type NetDeviceOps,
  RX_HANDLER_ANOTHER,
  RX_HANDLER_CONSUMED,
  RX_HANDLER_PASS,
} from "../core/net-device.ts";
import {
  consumeSkb,
  drop,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_LOOPBACK,
  PACKET_MULTICAST,
  type SkBuff,
  SkbQueue,
} from "../core/skb.ts";
import { Work } from "../core/workqueue.ts";
import { inDevOf } from "../ipv4/devconf.ts";
import { RTN_LOCAL, RTN_UNICAST } from "../ipv4/fib-types.ts";
import { ipLocalOut } from "../ipv4/ip-output.ts";
import type { Ipv4 } from "../ipv4/ipv4.ts";
import { FLOWI_FLAG_ANYSRC, FlowKey, ipRouteOutputKey } from "../ipv4/route.ts";
import { listensTo } from "./multicast-filter.ts";
import { countSent } from "./tx-stats.ts";

export const IPVLAN_MODES = ["l2", "l3"] as const;
export type IpvlanMode = (typeof IPVLAN_MODES)[number];
/** between the devices: directly, not at all, or by way of an outside switch */
export const IPVLAN_FLAGS = ["bridge", "private", "vepa"] as const;
export type IpvlanFlag = (typeof IPVLAN_FLAGS)[number];

/** frames to many that wait (IPVLAN_QBACKLOG_LIMIT) */
const BACKLOG_LIMIT = 1000;
const ARP_SENDER_IP = 14;
const ARP_TARGET_IP = 24;

/** What the device below keeps: mode and flag are those of all devices on it (struct ipvl_port). */
class IpvlanPort {
  readonly lower: NetDevice;
  readonly devices: NetDevice[] = [];
  mode: IpvlanMode = "l3";
  flag: IpvlanFlag = "bridge";
  private readonly backlog: SkbQueue = new SkbQueue();
  private readonly work: Work;

  constructor(lower: NetDevice) {
    this.lower = lower;
    this.work = new Work(lower.net.kernel, () => {
      for (let skb = this.backlog.shift(); skb; skb = this.backlog.shift()) processMulticast(this, skb);
    });
  }

  /** ipvlan_multicast_enqueue; skb.dev is the sender, or the device below. */
  enqueue(skb: SkBuff): void {
    if (this.backlog.length >= BACKLOG_LIMIT) {
      skb.dev!.stats.rxDropped++;
      drop(skb, DropReason.NOT_SPECIFIED);
      return;
    }
    this.backlog.push(skb);
    this.work.schedule();
  }

  purge(): void {
    for (let skb = this.backlog.shift(); skb; skb = this.backlog.shift()) consumeSkb(skb);
  }

  /** The device that is up and has an address (ipvlan_ht_addr_lookup). */
  owner(address: number): NetDevice | null {
    for (const dev of this.devices) if (dev.up && inDevOf(dev)?.addrs.some((ifa) => ifa.local === address)) return dev;
    return null;
  }
}

export class Ipvlan {
  readonly port: IpvlanPort;
  readonly onLower: (event: string) => void;
  readonly addresses: AddressSync = new AddressSync();

  constructor(port: IpvlanPort, onLower: (event: string) => void) {
    this.port = port;
    this.onLower = onLower;
  }
}

export function ipvlanOf(dev: NetDevice): Ipvlan | null {
  return dev.priv instanceof Ipvlan ? dev.priv : null;
}

/** An ipvlan on an ipvlan is one on the device below that. Throws EINVAL (no Ethernet device), EBUSY (has a handler). */
export function createIpvlan(
  net: Net,
  name: string,
  below: NetDevice,
  mode: IpvlanMode = "l3",
  flag: IpvlanFlag = "bridge",
  ifindex = 0,
): NetDevice {
  const lower = ipvlanOf(below)?.port.lower ?? below;
  if (lower.type !== ARPHRD_ETHER || lower.loopback) throw new NetError(Errno.EINVAL);
  const port = lower.rxHandlerData instanceof IpvlanPort ? lower.rxHandlerData : new IpvlanPort(lower);
  if (lower.rxHandler && lower.rxHandlerData !== port) throw new NetError(Errno.EBUSY);
  const dev = new NetDevice(net, name, "ipvlan", ARPHRD_ETHER, ipvlanOps);
  dev.change({ unicastFilter: true });
  dev.address.set(lower.address);
  dev.mtu = lower.mtu;
  dev.lower = lower;
  dev.change({ speedMbps: lower.settings.speedMbps });
  dev.carrier = lower.carrier;
  const onLower = (event: string): void => lowerEvent(dev, lower, event);
  dev.priv = new Ipvlan(port, onLower);
  registerNetdevice(dev, ifindex);
  port.devices.push(dev);
  port.flag = flag;
  lower.rxHandler = ipvlanHandleFrame;
  lower.rxHandlerData = port;
  lower.uppers = [...lower.uppers, onLower];
  ipvlanSetMode(dev, mode);
  dev.net.kernel.linkWatch.fire(dev);
  return dev;
}

/** An address belongs to one of them only (ipvlan_addr4_validator_event). Throws EADDRINUSE. */
export function ipvlanValidateAddress(dev: NetDevice, address: number): void {
  const devices = ipvlanOf(dev)?.port.devices ?? [];
  if (devices.some((one) => inDevOf(one)?.addrs.some((ifa) => ifa.local === address)))
    throw new NetError(Errno.EADDRINUSE, "Address already assigned to an ipvlan device");
}

/** ipvlan_set_port_mode: for all devices beside this one, too. */
export function ipvlanSetMode(dev: NetDevice, mode: IpvlanMode): void {
  const { port } = dev.priv as Ipvlan;
  port.mode = mode;
  for (const one of port.devices) setNoarp(one, mode);
}

function setNoarp(dev: NetDevice, mode: IpvlanMode): void {
  if (mode === "l3") dev.flags |= IFF_NOARP;
  else dev.flags &= ~IFF_NOARP;
}

/** ipvlan_device_event */
function lowerEvent(dev: NetDevice, lower: NetDevice, event: string): void {
  switch (event) {
    case NETDEV_UP:
    case NETDEV_DOWN:
    case NETDEV_CHANGE:
      netifCarrier(dev, lower.carrier && lower.up);
      return;
    case NETDEV_CHANGEMTU:
      dev.mtu = lower.mtu;
      dev.net.notify(NETDEV_CHANGEMTU, dev);
      return;
    case NETDEV_CHANGEADDR:
      dev.address.set(lower.address);
      dev.net.notify(NETDEV_CHANGEADDR, dev);
      return;
    case NETDEV_UNREGISTER:
      if (!lower.moving) unregisterNetdevice(dev);
      return;
  }
}

const ipvlanOps: NetDeviceOps = {
  iflink: (dev) => (dev.priv as Ipvlan).port.lower.ifindex,
  linkNet: (dev) => (dev.priv as Ipvlan).port.lower.net,
  startXmit(skb: SkBuff, dev: NetDevice): number {
    const { port } = dev.priv as Ipvlan;
    const { len } = skb;
    const result = port.mode === "l2" ? xmitL2(skb, dev, port) : xmitL3(skb, dev, port);
    countSent(dev, len, result);
    return result;
  },
  open(dev: NetDevice): void {
    const { port } = dev.priv as Ipvlan;
    setNoarp(dev, port.mode);
    devAddAddress(port.lower, port.lower.address);
    netifCarrier(dev, port.lower.carrier && port.lower.up);
  },
  stop(dev: NetDevice): void {
    const { port, addresses } = dev.priv as Ipvlan;
    const { lower } = port;
    addresses.unsync(lower);
    try {
      devDelAddress(lower, lower.address);
    } catch (error) {
      // its address has changed since: the old one stays, as in Linux
      if (!(error instanceof NetError)) throw error;
    }
  },
  uninit(dev: NetDevice): void {
    const { port, onLower } = dev.priv as Ipvlan;
    const { lower, devices } = port;
    devices.splice(devices.indexOf(dev), 1);
    lower.uppers = lower.uppers.filter((upper) => upper !== onLower);
    if (devices.length > 0) return;
    port.purge();
    lower.rxHandler = null;
    lower.rxHandlerData = null;
  },
  changeRxFlags(dev: NetDevice, changed: number): void {
    passRxFlags((dev.priv as Ipvlan).port.lower, dev, changed & IFF_ALLMULTI);
  },
  setRxMode(dev: NetDevice): void {
    const { port, addresses } = dev.priv as Ipvlan;
    addresses.sync(port.lower, dev);
  },
  setMacAddress(): void {
    throw new NetError(Errno.EOPNOTSUPP);
  },
};

/**
 * Whose address a packet names as its receiver, or sender: of IP, or of the question or answer that ARP carries
 * (ipvlan_get_L3_hdr, ipvlan_addr_lookup). `at` is where its network header is.
 */
function ownerOf(port: IpvlanPort, skb: SkBuff, at: number, destination: boolean): NetDevice | null {
  const { head, tail } = skb;
  if (skb.protocol === ethernet.ETH_P_ARP) {
    const field = at + (destination ? ARP_TARGET_IP : ARP_SENDER_IP);
    return field + 4 <= tail ? port.owner(get32(head, field)) : null;
  }
  if (skb.protocol !== ethernet.ETH_P_IP || tail - at < ipv4.HEADER_LENGTH) return null;
  if (ipv4.getVersion(head, at) !== 4 || ipv4.getHeaderLength(head, at) < ipv4.HEADER_LENGTH) return null;
  return port.owner(destination ? ipv4.getDestination(head, at) : ipv4.getSource(head, at));
}

/** ipvlan_xmit_mode_l2 */
function xmitL2(skb: SkBuff, dev: NetDevice, port: IpvlanPort): number {
  const { lower, flag } = port;
  const { head, data } = skb;
  if (flag !== "vepa" && ethernet.equalMac(head, data, head, data + ethernet.SOURCE)) {
    const target = ownerOf(port, skb, data + ethernet.HEADER_LENGTH, true);
    if (target) return deliverBeside(skb, target, flag);
    // for nobody here, but with our address: for the device below itself
    return devForwardSkb(skb, lower) ? NET_XMIT_SUCCESS : NET_XMIT_DROP;
  }
  if (ethernet.isMulticast(head, data)) {
    skb.macHeader = data;
    skb.scrub(true);
    skb.dev = dev;
    port.enqueue(skb);
    return NET_XMIT_SUCCESS;
  }
  skb.dev = lower;
  return devQueueXmit(skb);
}

/** To a device beside the sender, without leaving the machine (ipvlan_rcv_frame with `local`). */
function deliverBeside(skb: SkBuff, to: NetDevice, flag: IpvlanFlag): number {
  if (flag === "private") {
    consumeSkb(skb);
    return NET_XMIT_DROP;
  }
  const length = skb.len + ethernet.HEADER_LENGTH;
  skb.pktType = PACKET_HOST;
  countReceived(to, length, devForwardSkb(skb, to), false);
  return NET_XMIT_SUCCESS;
}

function countReceived(dev: NetDevice, length: number, success: boolean, multicast: boolean): void {
  const { stats } = dev;
  if (!success) {
    stats.rxErrors++;
    stats.rxDropped++;
    return;
  }
  stats.rxPackets++;
  stats.rxBytes += length;
  if (multicast) stats.multicast++;
}

/** ipvlan_xmit_mode_l3: the namespace of the device below sends it, as if it were its own. */
function xmitL3(skb: SkBuff, dev: NetDevice, port: IpvlanPort): number {
  if (port.flag !== "vepa") {
    const target = ownerOf(port, skb, skb.data + ethernet.HEADER_LENGTH, true);
    if (target) return deliverBeside(skb, target, port.flag);
  }
  const { lower } = port;
  const ip4 = inDevOf(lower)?.ip4;
  skb.scrub(dev.net !== lower.net);
  skb.dev = lower;
  if (!ip4 || ethernet.isMulticast(skb.head, skb.data) || skb.protocol !== ethernet.ETH_P_IP) {
    drop(skb, DropReason.NOT_SPECIFIED);
    return NET_XMIT_DROP;
  }
  skb.pull(ethernet.HEADER_LENGTH);
  skb.macHeader = -1;
  skb.networkHeader = skb.data;
  return outbound(skb, lower, ip4);
}

const fl: FlowKey = new FlowKey();

/** ipvlan_process_v4_outbound */
function outbound(skb: SkBuff, lower: NetDevice, ip4: Ipv4): number {
  const { head, data } = skb;
  fl.reset();
  fl.oif = lower.ifindex;
  fl.mark = skb.mark;
  fl.tos = ipv4.getTos(head, data) & 0x1e;
  fl.daddr = ipv4.getDestination(head, data);
  fl.saddr = ipv4.getSource(head, data);
  fl.flags = FLOWI_FLAG_ANYSRC;
  const rt = ipRouteOutputKey(ip4, fl);
  if (rt.error !== 0 || (rt.type !== RTN_UNICAST && rt.type !== RTN_LOCAL)) {
    lower.stats.txErrors++;
    drop(skb, DropReason.NOT_SPECIFIED);
    return NET_XMIT_DROP;
  }
  skb.dst = rt;
  if (ipLocalOut(ip4, skb) === 0) return NET_XMIT_SUCCESS;
  lower.stats.txErrors++;
  return NET_XMIT_DROP;
}

/** ipvlan_handle_frame: the rx handler of the device below. */
function ipvlanHandleFrame(skb: SkBuff, dev: NetDevice): number {
  const port = dev.rxHandlerData as IpvlanPort;
  if (skb.pktType === PACKET_LOOPBACK) return RX_HANDLER_PASS;
  const { head, macHeader } = skb;
  if (port.mode === "l2" && ethernet.isMulticast(head, macHeader)) {
    if (isExternal(port, skb)) {
      const copy = skb.pool.copy(skb);
      copy.scrub(true);
      copy.dev = dev;
      port.enqueue(copy);
    }
    return RX_HANDLER_PASS;
  }
  const target = ownerOf(port, skb, skb.data, true);
  if (!target) return RX_HANDLER_PASS;
  countReceived(target, skb.len + ethernet.HEADER_LENGTH, true, false);
  const crosses = target.net !== dev.net;
  skb.dev = target;
  if (!crosses) return RX_HANDLER_ANOTHER;
  // the receiving loop belongs to the lower device's namespace
  skb.scrub(true);
  netifRx(skb);
  return RX_HANDLER_CONSUMED;
}

/** Not one of our own broadcasts that a switch sent back (ipvlan_external_frame). */
function isExternal(port: IpvlanPort, skb: SkBuff): boolean {
  const { head, macHeader } = skb;
  if (!ethernet.equalMac(head, macHeader + ethernet.SOURCE, port.lower.address, 0)) return true;
  return ownerOf(port, skb, skb.data, false) === null;
}

/** ipvlan_process_multicast: a copy for each device that listens; what a device sent goes out, too. */
function processMulticast(port: IpvlanPort, skb: SkBuff): void {
  const sender = skb.dev === port.lower ? null : skb.dev;
  const { head, macHeader } = skb;
  const kind = ethernet.isBroadcast(head, macHeader) ? PACKET_BROADCAST : PACKET_MULTICAST;
  for (const dev of port.devices) {
    if (dev === sender || !dev.up || !listensTo(dev, head, macHeader)) continue;
    const length = skb.len + ethernet.HEADER_LENGTH;
    const copy = skb.pool.copy(skb);
    let taken: boolean;
    if (sender) taken = devForwardSkb(copy, dev);
    else {
      copy.pktType = kind;
      copy.dev = dev;
      taken = netifRx(copy);
    }
    countReceived(dev, length, taken, true);
  }
  if (!sender) {
    consumeSkb(skb);
    return;
  }
  skb.dev = port.lower;
  skb.pktType = kind;
  devQueueXmit(skb);
}
