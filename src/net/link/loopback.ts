// The loopback device: what is sent comes in again, with its route, connection and checksum state. Answers to
// drivers/net/loopback.c. A tap sees a frame going out and coming in, as on Linux; tcpdump itself leaves out the former.

import { ethTypeTrans, netifRx, registerNetdevice } from "../core/dev.ts";
import type { Net } from "../core/net.ts";
import { ARPHRD_LOOPBACK, IFF_LOOPBACK, NET_XMIT_SUCCESS, NetDevice, type NetDeviceOps } from "../core/net-device.ts";
import type { SkBuff } from "../core/skb.ts";

const LOOPBACK_MTU = 65536;
const NO_ADDRESS: Uint8Array = new Uint8Array(6);

/** Makes a namespace's `lo`, down, with ifindex 1 in a new namespace, and keeps it in net.loopback. */
export function createLoopback(net: Net): NetDevice {
  const dev = new NetDevice(net, "lo", "", ARPHRD_LOOPBACK, loopbackOps);
  dev.flags = IFF_LOOPBACK;
  dev.mtu = LOOPBACK_MTU;
  dev.broadcast = NO_ADDRESS;
  dev.change({ minMtu: 0, maxMtu: 0, netnsImmutable: true, nameAssignType: 2 });
  net.loopback = dev;
  registerNetdevice(dev);
  return dev;
}

const loopbackOps: NetDeviceOps = {
  startXmit(skb: SkBuff, dev: NetDevice): number {
    const length = skb.len;
    ethTypeTrans(skb, dev);
    if (!netifRx(skb)) return NET_XMIT_SUCCESS;
    const { stats } = dev;
    stats.txPackets++;
    stats.txBytes += length;
    stats.rxPackets++;
    stats.rxBytes += length;
    return NET_XMIT_SUCCESS;
  },
};
