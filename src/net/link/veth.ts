// A pair of virtual Ethernet devices: what one sends, the other receives, in whatever namespaces they are. Answers to
// drivers/net/veth.c. The carrier needs both ends up; checksum state and super-packets pass through. Leaves out XDP, and
// NAPI with GRO (`ethtool -K veth gro on`).

import {
  ethTypeTrans,
  netifCarrier,
  netifRx,
  pktTypeAt,
  registerNetdevice,
  unregisterNetdevice,
  VLAN_HLEN,
} from "../core/dev.ts";
import { DropReason } from "../core/drop-reason.ts";
import { ethHwAddrRandom } from "../core/eth-address.ts";
import type { Net } from "../core/net.ts";
import { ARPHRD_ETHER, NET_XMIT_DROP, NET_XMIT_SUCCESS, NetDevice, type NetDeviceOps } from "../core/net-device.ts";
import { drop, type SkBuff, trace } from "../core/skb.ts";
import { VethHop } from "./veth-hop.ts";

/** What may be asked of one end; a random address and MTU 1500 otherwise. */
export interface VethEnd {
  readonly address?: Uint8Array;
  readonly mtu?: number;
  /** wished index, 0 for the next free one */
  readonly ifindex?: number;
  readonly txQueueLen?: number;
}

/** veth's private data: the other end, undefined before there is one, null once that is being taken away. */
interface VethPriv {
  peer: NetDevice | null | undefined;
}

/**
 * Makes both ends, down: the second one (netlink's "peer") is registered first and has the lower index.
 * Throws NetError as registerNetdevice does; then neither end exists.
 * @param nameA may contain %d
 */
export function createVethPair(
  netA: Net,
  nameA: string,
  netB: Net,
  nameB: string,
  a: VethEnd = {},
  b: VethEnd = {},
): [NetDevice, NetDevice] {
  const peer = setup(netB, nameB, b);
  const dev = setup(netA, nameA, a);
  const { linkWatch } = netA.kernel;
  linkWatch.hold();
  try {
    registerNetdevice(peer, b.ifindex ?? 0);
    netifCarrier(peer, false);
    try {
      registerNetdevice(dev, a.ifindex ?? 0);
    } catch (error) {
      unregisterNetdevice(peer);
      throw error;
    }
    netifCarrier(dev, false);
    join(dev, peer);
    join(peer, dev);
    dev.net.linkMessage(dev);
  } finally {
    linkWatch.release();
  }
  return [dev, peer];
}

/** The other end of a veth; null when `dev` is none, or its peer is going. */
export function vethPeer(dev: NetDevice): NetDevice | null {
  return dev.ops === vethOps ? ((dev.priv as VethPriv).peer ?? null) : null;
}

function setup(net: Net, name: string, end: VethEnd): NetDevice {
  const dev = new NetDevice(net, name, "veth", ARPHRD_ETHER, vethOps);
  if (end.address) {
    dev.address.set(end.address);
    dev.change({ addrAssignType: 3 });
  } else ethHwAddrRandom(dev);
  if (end.mtu !== undefined) dev.mtu = end.mtu;
  if (end.txQueueLen !== undefined) dev.change({ txQueueLen: end.txQueueLen });
  dev.change({ speedMbps: 10000 });
  dev.priv = { peer: undefined } satisfies VethPriv;
  return dev;
}

function join(dev: NetDevice, peer: NetDevice): void {
  (dev.priv as VethPriv).peer = peer;
}

const vethOps: NetDeviceOps = {
  startXmit: vethXmit,
  hop(dev: NetDevice, header: Int32Array): VethHop | null {
    const { peer } = dev.priv as VethPriv;
    if (!peer?.up || !dev.up || !dev.txActive || dev.qdisc !== null || !dev.features.txCsum) return null;
    return new VethHop(dev, peer, header, pktTypeAt(new Uint8Array(header.buffer, header.byteOffset, 16), 2, peer));
  },
  iflink(dev: NetDevice): number {
    const { peer } = dev.priv as VethPriv;
    return peer === undefined ? dev.ifindex : (peer?.ifindex ?? 0);
  },
  linkNet: (dev) => (dev.priv as VethPriv).peer?.net ?? dev.net,
  open(dev: NetDevice): void {
    const { peer } = dev.priv as VethPriv;
    if (!peer?.up) return;
    setCarriers(dev, peer, true);
  },
  stop(dev: NetDevice): void {
    const { peer } = dev.priv as VethPriv;
    if (peer) setCarriers(dev, peer, false);
    else netifCarrier(dev, false);
  },
  uninit(dev: NetDevice): void {
    const priv = dev.priv as VethPriv;
    const { peer } = priv;
    if (!peer) return;
    priv.peer = null;
    (peer.priv as VethPriv).peer = null;
    unregisterNetdevice(peer);
  },
};

/** Both ends change before either is judged. */
function setCarriers(dev: NetDevice, peer: NetDevice, on: boolean): void {
  const { linkWatch } = dev.net.kernel;
  linkWatch.hold();
  netifCarrier(dev, on);
  netifCarrier(peer, on);
  linkWatch.release();
}

/** veth_xmit: over to the peer's backlog, without what belongs to this namespace. */
function vethXmit(skb: SkBuff, dev: NetDevice): number {
  if (skb.pool.trace !== null) trace(skb, "vethXmit", dev);
  const { peer } = dev.priv as VethPriv;
  if (!peer) {
    dev.stats.txDropped++;
    drop(skb, DropReason.DEV_READY);
    return NET_XMIT_DROP;
  }
  const length = skb.len;
  if (!isSkbForwardable(peer, skb)) {
    peer.stats.rxDropped++;
    dev.stats.txDropped++;
    drop(skb, peer.up ? DropReason.PKT_TOO_BIG : DropReason.DEV_READY);
    return NET_XMIT_DROP;
  }
  skb.scrub(peer.net !== dev.net);
  skb.priority = 0;
  ethTypeTrans(skb, peer);
  if (!netifRx(skb)) {
    dev.stats.txDropped++;
    return NET_XMIT_DROP;
  }
  dev.stats.txPackets++;
  dev.stats.txBytes += length;
  peer.stats.rxPackets++;
  peer.stats.rxBytes += length;
  return NET_XMIT_SUCCESS;
}

/** is_skb_forwardable: the receiver is up, and the frame fits its MTU or is a super-packet. */
function isSkbForwardable(dev: NetDevice, skb: SkBuff): boolean {
  if (!dev.up) return false;
  return skb.len <= dev.mtu + dev.hardHeaderLen + VLAN_HLEN || skb.gsoSize > 0;
}
