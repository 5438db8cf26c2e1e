// A device that takes every frame and does nothing with it. Answers to drivers/net/dummy.c.

import { registerNetdevice } from "../core/dev.ts";
import { ethHwAddrRandom } from "../core/eth-address.ts";
import type { Net } from "../core/net.ts";
import {
  ARPHRD_ETHER,
  IFF_MULTICAST,
  IFF_NOARP,
  NET_XMIT_SUCCESS,
  NetDevice,
  type NetDeviceOps,
} from "../core/net-device.ts";
import { consumeSkb, type SkBuff } from "../core/skb.ts";

export interface LinkOptions {
  /** six bytes; random when absent */
  readonly address?: Uint8Array;
  readonly mtu?: number;
  readonly ifindex?: number;
  readonly txQueueLen?: number;
}

/** Throws NetError as registerNetdevice does. */
export function createDummy(net: Net, name: string, options: LinkOptions = {}): NetDevice {
  const dev = new NetDevice(net, name, "dummy", ARPHRD_ETHER, dummyOps);
  dev.flags = (dev.flags | IFF_NOARP) & ~IFF_MULTICAST;
  dev.change({ minMtu: 0, maxMtu: 0 });
  applyOptions(dev, options);
  registerNetdevice(dev, options.ifindex ?? 0);
  return dev;
}

/** Address, MTU and queue length as asked for. */
export function applyOptions(dev: NetDevice, options: LinkOptions): void {
  if (options.address) {
    dev.address.set(options.address);
    dev.change({ addrAssignType: 3 });
  } else ethHwAddrRandom(dev);
  if (options.mtu !== undefined) dev.mtu = options.mtu;
  if (options.txQueueLen !== undefined) dev.change({ txQueueLen: options.txQueueLen });
}

const dummyOps: NetDeviceOps = {
  startXmit(skb: SkBuff, dev: NetDevice): number {
    dev.stats.txPackets++;
    dev.stats.txBytes += skb.len;
    consumeSkb(skb);
    return NET_XMIT_SUCCESS;
  },
};
