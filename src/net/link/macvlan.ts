// Several Ethernet addresses on one device, each a device of its own: private, vepa (by way of an outside switch), bridge
// (directly between them) or passthru (the whole device for one). Answers to drivers/net/macvlan.c. Leaves out source mode.

import { Errno, NetError } from "../../base/errno.ts";
import * as ethernet from "../../wire/ethernet.ts";
import {
  devForwardSkb,
  devQueueXmit,
  devSetMacAddress,
  devSetMtu,
  devSetPromiscuity,
  netifCarrier,
  netifRx,
  registerNetdevice,
  unregisterNetdevice,
} from "../core/dev.ts";
import { AddressSync, countRxFlags, devAddAddress, devDelAddress, passRxFlags } from "../core/dev-address-list.ts";
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
  IFF_PROMISC,
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
import type { LinkOptions } from "./dummy.ts";
import { listensTo } from "./multicast-filter.ts";
import { countSent } from "./tx-stats.ts";

export const MACVLAN_MODES = ["private", "vepa", "bridge", "passthru"] as const;
export type MacvlanMode = (typeof MACVLAN_MODES)[number];

/** bcqueuelen */
const BROADCAST_QUEUE_LENGTH = 1000;

/** What the lower device's rx handler keeps: the devices on top of it (struct macvlan_port). */
class MacvlanPort {
  readonly lower: NetDevice;
  /** the lower device's own address, which a passthru device may replace */
  readonly permanent: Uint8Array;
  readonly devices: NetDevice[] = [];
  passthru = false;
  /** broadcasts that wait to be handed out */
  private readonly broadcasts: SkbQueue = new SkbQueue();
  private readonly work: Work;

  constructor(lower: NetDevice) {
    this.lower = lower;
    this.permanent = lower.address.slice();
    this.work = new Work(lower.net.kernel, () => {
      for (let skb = this.broadcasts.shift(); skb; skb = this.broadcasts.shift()) {
        handOut(this, skb);
        consumeSkb(skb);
      }
    });
  }

  /** macvlan_broadcast_enqueue */
  enqueue(skb: SkBuff): void {
    if (this.broadcasts.length >= BROADCAST_QUEUE_LENGTH) {
      this.lower.stats.rxDropped++;
      return;
    }
    this.broadcasts.push(skb.pool.copy(skb));
    this.work.schedule();
  }

  /** The last device goes. */
  purge(): void {
    for (let skb = this.broadcasts.shift(); skb; skb = this.broadcasts.shift()) consumeSkb(skb);
  }
}

export class Macvlan {
  readonly port: MacvlanPort;
  mode: MacvlanMode;
  readonly onLower: (event: string) => void;
  readonly addresses: AddressSync = new AddressSync();

  constructor(port: MacvlanPort, mode: MacvlanMode, onLower: (event: string) => void) {
    this.port = port;
    this.mode = mode;
    this.onLower = onLower;
  }
}

export function macvlanOf(dev: NetDevice): Macvlan | null {
  return dev.priv instanceof Macvlan ? dev.priv : null;
}

/** A macvlan on a macvlan is one on the device below that. Throws EINVAL (passthru and others), EBUSY (has a handler). */
export function createMacvlan(
  net: Net,
  name: string,
  below: NetDevice,
  mode: MacvlanMode = "vepa",
  options: LinkOptions = {},
): NetDevice {
  const lower = macvlanOf(below)?.port.lower ?? below;
  if (lower.type !== ARPHRD_ETHER) throw new NetError(Errno.EINVAL);
  if (options.mtu !== undefined && options.mtu > lower.mtu) throw new NetError(Errno.EINVAL);
  const dev = new NetDevice(net, name, "macvlan", ARPHRD_ETHER, macvlanOps);
  dev.change({ unicastFilter: true });
  const port = lower.rxHandlerData instanceof MacvlanPort ? lower.rxHandlerData : new MacvlanPort(lower);
  if (port.passthru || (mode === "passthru" && port.devices.length > 0)) throw new NetError(Errno.EINVAL);
  if (lower.rxHandler && lower.rxHandlerData !== port) throw new NetError(Errno.EBUSY);
  if (options.address) {
    dev.address.set(options.address);
    dev.change({ addrAssignType: 3 });
  } else if (mode === "passthru") dev.address.set(lower.address);
  else {
    for (let i = 0; i < 6; i++) dev.address[i] = net.macRng.u32() >>> 24;
    dev.address[0] = (dev.address[0]! & 0xfe) | 2;
    dev.change({ addrAssignType: 1 });
  }
  dev.mtu = options.mtu ?? lower.mtu;
  dev.lower = lower;
  dev.change({ speedMbps: lower.settings.speedMbps });
  dev.carrier = lower.carrier;
  const onLower = (event: string): void => lowerEvent(dev, lower, event);
  dev.priv = new Macvlan(port, mode, onLower);
  registerNetdevice(dev, options.ifindex ?? 0);
  port.passthru = mode === "passthru";
  port.devices.push(dev);
  lower.rxHandler = macvlanHandleFrame;
  lower.rxHandlerData = port;
  lower.uppers = [...lower.uppers, onLower];
  dev.net.kernel.linkWatch.fire(dev);
  return dev;
}

/** macvlan_device_event */
function lowerEvent(dev: NetDevice, lower: NetDevice, event: string): void {
  const { mode } = dev.priv as Macvlan;
  switch (event) {
    case NETDEV_UP:
    case NETDEV_DOWN:
    case NETDEV_CHANGE:
      netifCarrier(dev, lower.carrier && lower.up);
      return;
    case NETDEV_CHANGEMTU:
      if (dev.mtu > lower.mtu) devSetMtu(dev, lower.mtu);
      return;
    case NETDEV_CHANGEADDR:
      if (mode !== "passthru") return;
      dev.address.set(lower.address);
      dev.net.notify(NETDEV_CHANGEADDR, dev);
      return;
    case NETDEV_UNREGISTER:
      if (!lower.moving) unregisterNetdevice(dev);
      return;
  }
}

const macvlanOps: NetDeviceOps = {
  iflink: (dev) => (dev.priv as Macvlan).port.lower.ifindex,
  linkNet: (dev) => (dev.priv as Macvlan).port.lower.net,
  startXmit: macvlanXmit,
  open(dev: NetDevice): void {
    const { port, mode } = dev.priv as Macvlan;
    const { lower } = port;
    if (mode === "passthru") devSetPromiscuity(lower, 1);
    else if (addressInUse(port, dev, dev.address)) throw new NetError(Errno.EADDRINUSE);
    else {
      devAddAddress(lower, dev.address);
      countRxFlags(lower, dev, IFF_ALLMULTI | IFF_PROMISC, 1);
    }
    netifCarrier(dev, lower.carrier && lower.up);
  },
  stop(dev: NetDevice): void {
    const { port, mode, addresses } = dev.priv as Macvlan;
    const { lower } = port;
    addresses.unsync(lower);
    if (mode === "passthru") devSetPromiscuity(lower, -1);
    else {
      countRxFlags(lower, dev, IFF_ALLMULTI | IFF_PROMISC, -1);
      devDelAddress(lower, dev.address);
    }
  },
  changeRxFlags(dev: NetDevice, changed: number): void {
    const { port, mode } = dev.priv as Macvlan;
    passRxFlags(port.lower, dev, mode === "passthru" ? changed & ~IFF_PROMISC : changed);
  },
  setRxMode(dev: NetDevice): void {
    const { port, addresses } = dev.priv as Macvlan;
    addresses.sync(port.lower, dev);
  },
  uninit(dev: NetDevice): void {
    const { port, onLower } = dev.priv as Macvlan;
    const { lower, devices } = port;
    devices.splice(devices.indexOf(dev), 1);
    lower.uppers = lower.uppers.filter((upper) => upper !== onLower);
    if (devices.length > 0) return;
    port.purge();
    lower.rxHandler = null;
    lower.rxHandlerData = null;
    if (port.passthru && !ethernet.equalMac(lower.address, 0, port.permanent, 0))
      devSetMacAddress(lower, port.permanent);
  },
  changeMtu(dev: NetDevice, mtu: number): void {
    if (mtu > (dev.priv as Macvlan).port.lower.mtu) throw new NetError(Errno.EINVAL);
  },
  setMacAddress(dev: NetDevice, address: Uint8Array): void {
    const { port, mode } = dev.priv as Macvlan;
    if (mode === "passthru") devSetMacAddress(port.lower, address);
    else if (dev.up) {
      if (addressInUse(port, dev, address)) throw new NetError(Errno.EADDRINUSE);
      devAddAddress(port.lower, address);
      devDelAddress(port.lower, dev.address);
    }
  },
};

/** macvlan_addr_busy: of the lower device, or of a device beside this one that is up. */
function addressInUse(port: MacvlanPort, dev: NetDevice, address: Uint8Array): boolean {
  if (!port.passthru && ethernet.equalMac(port.lower.address, 0, address, 0)) return true;
  return port.devices.some((other) => other !== dev && other.up && ethernet.equalMac(other.address, 0, address, 0));
}

/** macvlan_start_xmit: in bridge mode to the others directly, else by the lower device. */
function macvlanXmit(skb: SkBuff, dev: NetDevice): number {
  const { port, mode } = dev.priv as Macvlan;
  const { lower } = port;
  const { head } = skb;
  const at = skb.data;
  const { len } = skb;
  if (mode === "bridge") {
    if (ethernet.isMulticast(head, at)) {
      skb.macHeader = at;
      for (const other of port.devices)
        if (
          other !== dev &&
          other.up &&
          (other.priv as Macvlan).mode === "bridge" &&
          listensTo(other, skb.head, skb.macHeader)
        )
          handOver(skb.pool.copy(skb), other);
    } else {
      const other = deviceOf(port, head, at);
      if (other && (other.priv as Macvlan).mode === "bridge") {
        // to a neighbour, by way of the lower device as if received there, for its taps
        devForwardSkb(skb, lower);
        countSent(dev, len, NET_XMIT_SUCCESS);
        return NET_XMIT_SUCCESS;
      }
    }
  }
  if (dev.net !== lower.net) skb.scrub(true);
  skb.dev = lower;
  const result = devQueueXmit(skb);
  countSent(dev, len, result);
  return result;
}

function deviceOf(port: MacvlanPort, b: Uint8Array, at: number): NetDevice | null {
  for (const dev of port.devices) if (dev.up && ethernet.equalMac(b, at, dev.address, 0)) return dev;
  return null;
}

/** A copy of a broadcast for a device beside the sender (macvlan_broadcast_one with `local`). */
function handOver(skb: SkBuff, to: NetDevice): void {
  const { len } = skb;
  if (!devForwardSkb(skb, to)) return;
  to.stats.rxPackets++;
  to.stats.rxBytes += len - ethernet.HEADER_LENGTH;
}

/** macvlan_handle_frame: the rx handler of the lower device. */
function macvlanHandleFrame(skb: SkBuff, dev: NetDevice): number {
  const port = dev.rxHandlerData as MacvlanPort;
  if (skb.pktType === PACKET_LOOPBACK) return RX_HANDLER_PASS;
  const { head, macHeader } = skb;
  if (ethernet.isMulticast(head, macHeader)) {
    // what only one device listens to is handed over at once, the rest by a kernel thread (bc_filter)
    if (ethernet.isBroadcast(head, macHeader) || listeners(port, head, macHeader) > 1) port.enqueue(skb);
    else handOut(port, skb);
    return RX_HANDLER_PASS;
  }
  const target = port.passthru ? (port.devices[0] ?? null) : deviceOf(port, head, macHeader);
  if (!target) return RX_HANDLER_PASS;
  if (!target.up) {
    drop(skb, DropReason.DEV_READY);
    return RX_HANDLER_CONSUMED;
  }
  const crosses = target.net !== dev.net;
  if (crosses) skb.scrub(true);
  target.stats.rxPackets++;
  target.stats.rxBytes += skb.len;
  skb.dev = target;
  skb.pktType = PACKET_HOST;
  if (!crosses) return RX_HANDLER_ANOTHER;
  // the receiving loop belongs to the lower device's namespace
  netifRx(skb);
  return RX_HANDLER_CONSUMED;
}

/** A received broadcast or group frame's copies for the devices that may have it (macvlan_multicast_rx). */
function handOut(port: MacvlanPort, skb: SkBuff): void {
  const { head, macHeader } = skb;
  const source = deviceOf(port, head, macHeader + ethernet.SOURCE);
  const { mode } = source ? (source.priv as Macvlan) : { mode: null };
  for (const other of port.devices) {
    if (!other.up || other === source || !listensTo(other, head, macHeader)) continue;
    const otherMode = (other.priv as Macvlan).mode;
    // in private mode nobody beside the sender hears it, in bridge mode all have it already
    if (source && (mode === "private" || otherMode === "private")) continue;
    if (mode === "bridge" && otherMode === "bridge") continue;
    broadcastTo(skb.pool.copy(skb), other);
  }
}

function listeners(port: MacvlanPort, b: Uint8Array, at: number): number {
  let count = 0;
  for (const dev of port.devices) if (dev.up && listensTo(dev, b, at)) count++;
  return count;
}

/** macvlan_broadcast_one */
function broadcastTo(skb: SkBuff, to: NetDevice): void {
  skb.scrub(skb.dev!.net !== to.net);
  skb.dev = to;
  skb.pktType = ethernet.isBroadcast(skb.head, skb.macHeader) ? PACKET_BROADCAST : PACKET_MULTICAST;
  to.stats.rxPackets++;
  to.stats.rxBytes += skb.len;
  to.stats.multicast++;
  netifRx(skb);
}
