// The device under test, tun0: what the kernel sends by it is kept with its time, and packets are put into the kernel from
// it. It offers checksum and TCP segmentation offload as packetdrill's does, so super-packets show whole. Answers to
// drivers/net/tun.c as far as packetdrill uses it.

import type { Ns } from "../base/time.ts";
import { ethTypeTrans, netifRx, registerNetdevice } from "../net/core/dev.ts";
import type { Net } from "../net/core/net.ts";
import {
  ARPHRD_ETHER,
  IFF_MULTICAST,
  IFF_NOARP,
  NET_XMIT_SUCCESS,
  NetDevice,
  type NetDeviceOps,
} from "../net/core/net-device.ts";
import { CHECKSUM_UNNECESSARY, consumeSkb, type SkBuff } from "../net/core/skb.ts";
import * as ethernet from "../wire/ethernet.ts";

/** An IP packet as it left the kernel, without link header. */
export interface Sent {
  readonly timeNs: Ns;
  readonly bytes: Uint8Array;
}

/** In front of a packet (NET_SKB_PAD), struct skb_shared_info behind it, struct sk_buff beside it. */
const PAD = 64;
const SHARED_INFO = 320;
const SK_BUFF = 256;
const PAGE = 4096;
/** The most that goes into a packet's own buffer before pages are taken (SKB_MAX_HEAD). */
const GOOD_LINEAR = PAGE - PAD - SHARED_INFO;
/** Small heads come from a cache of one size (SKB_SMALL_HEAD_SIZE). */
const SMALL_HEAD = 640;
const LARGEST_ORDER = 3;

/**
 * What a packet written to the device costs in memory: a buffer of its own, and pages for what is beyond
 * (tun_alloc_skb, sock_alloc_send_pskb, alloc_skb_with_frags).
 */
function charge(skb: SkBuff, length: number): void {
  const linear = PAD + length < PAGE ? length : GOOD_LINEAR;
  const wanted = Math.ceil((PAD + linear) / 64) * 64 + SHARED_INFO;
  const buffer = wanted <= SMALL_HEAD ? SMALL_HEAD : 2 ** Math.ceil(Math.log2(wanted));
  skb.truesize = buffer + SK_BUFF;
  let left = length - linear;
  if (left === 0) skb.endRoom = buffer - SHARED_INFO - PAD - linear;
  for (let order = LARGEST_ORDER; left > 0; ) {
    const pages = Math.ceil(left / PAGE) * PAGE;
    while (order > 0 && pages < PAGE << order) order--;
    skb.truesize += PAGE << order;
    left -= Math.min(left, PAGE << order);
  }
}

export class Tun {
  readonly dev: NetDevice;
  /** packets that have left and were not looked at yet, the oldest first */
  readonly sent: Sent[] = [];

  constructor(net: Net, mtuBytes: number) {
    const ops: NetDeviceOps = {
      startXmit: (skb, dev) => {
        this.#take(skb, dev);
        return NET_XMIT_SUCCESS;
      },
    };
    // the core always writes a link header: one of zeros, which is taken off here
    const dev = new NetDevice(net, "tun0", "tun", ARPHRD_ETHER, ops);
    dev.flags = (dev.flags | IFF_NOARP) & ~IFF_MULTICAST;
    dev.mtu = mtuBytes;
    dev.change({ txQueueLen: 500 });
    registerNetdevice(dev, 0);
    this.dev = dev;
  }

  #take(skb: SkBuff, dev: NetDevice): void {
    dev.stats.txPackets++;
    dev.stats.txBytes += skb.len;
    const bytes = skb.head.slice(skb.data + ethernet.HEADER_LENGTH, skb.tail);
    this.sent.push({ timeNs: dev.net.now, bytes });
    consumeSkb(skb);
  }

  /** A packet arrives. `gsoSize`: it is a super-packet of segments of so many payload bytes; 0 it is not. */
  inject(packet: Uint8Array, gsoSize: number, gsoType: number): void {
    const { dev } = this;
    const skb = dev.net.kernel.skbs.alloc(ethernet.HEADER_LENGTH + packet.length);
    const at = skb.put(ethernet.HEADER_LENGTH + packet.length);
    skb.head.fill(0, at, at + 12);
    skb.head.set(dev.address, at);
    ethernet.setEtherType(skb.head, at, ethernet.ETH_P_IP);
    skb.head.set(packet, at + ethernet.HEADER_LENGTH);
    ethTypeTrans(skb, dev);
    charge(skb, packet.length);
    if (gsoSize > 0) {
      skb.gsoSize = gsoSize;
      skb.gsoSegs = Math.ceil(packet.length / gsoSize);
      skb.gsoType = gsoType;
      skb.ipSummed = CHECKSUM_UNNECESSARY;
    }
    dev.stats.rxPackets++;
    dev.stats.rxBytes += packet.length;
    netifRx(skb);
  }
}
