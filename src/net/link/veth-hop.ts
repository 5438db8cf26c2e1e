// The last steps of a packet that goes by a veth pair, in one: link header, devQueueXmit, devHardStartXmit, vethXmit, scrub,
// ethTypeTrans and netifRx (core/neighbour.ts, core/dev.ts, link/veth.ts), with what they ask of devices and addresses answered once
// for as long as both namespaces' pathGenid stays. What changes without (taps, room in the backlog) is looked at each time;
// packets that are not plain, or traced, take the steps. A third less for a forwarded frame's whole way (`npm run bench`: forward_60B).

import { Errno } from "../../base/errno.ts";
import type { Deferred, Sim } from "../../sim/sim.ts";
import { ETH_P_IP, HEADER_LENGTH } from "../../wire/ethernet.ts";
import { tapSent, VLAN_HLEN } from "../core/dev.ts";
import type { Net, PathCosts } from "../core/net.ts";
import type { NeighHop, NetDevice } from "../core/net-device.ts";
import type { SkBuff } from "../core/skb.ts";
import type { Backlog } from "../core/softnet.ts";

export class VethHop implements NeighHop, Deferred {
  private readonly dev: NetDevice;
  private readonly peer: NetDevice;
  private readonly net: Net;
  private readonly peerNet: Net;
  private readonly genid: number;
  private readonly peerGenid: number;
  private readonly sim: Sim;
  private readonly costs: PathCosts;
  private readonly backlog: Backlog;
  /** the link header with two bytes in front of it */
  private readonly h0: number;
  private readonly h1: number;
  private readonly h2: number;
  private readonly h3: number;
  /** longest packet without its link header */
  readonly mostBytes: number;
  private readonly pktType: number;
  private readonly crosses: boolean;
  /** frames and bytes that the devices' counters do not have yet */
  private frames = 0;
  private bytes = 0;

  /**
   * @param header the link header of IPv4 packets for one neighbour, two bytes in front of it
   * @param pktType PACKET_* of such a frame at the peer
   */
  constructor(dev: NetDevice, peer: NetDevice, header: Int32Array, pktType: number) {
    const { kernel } = dev.net;
    this.dev = dev;
    this.peer = peer;
    this.net = dev.net;
    this.peerNet = peer.net;
    this.genid = dev.net.pathGenid;
    this.peerGenid = peer.net.pathGenid;
    this.sim = kernel.sim;
    this.costs = kernel.costs;
    this.backlog = kernel.backlog;
    this.h0 = header[0]!;
    this.h1 = header[1]!;
    this.h2 = header[2]!;
    this.h3 = header[3]!;
    this.mostBytes = peer.mtu + peer.hardHeaderLen + VLAN_HLEN - HEADER_LENGTH;
    this.pktType = pktType;
    this.crosses = dev.net !== peer.net;
  }

  isCurrent(): boolean {
    return this.net.pathGenid === this.genid && this.peerNet.pathGenid === this.peerGenid;
  }

  get ready(): boolean {
    return this.backlog.hasRoom();
  }

  takes(skb: SkBuff): boolean {
    const { data } = skb;
    return (
      skb.tail - data <= this.mostBytes &&
      (data & 3) === 0 &&
      skb.protocol === ETH_P_IP &&
      skb.gsoSize === 0 &&
      skb.pool.trace === null
    );
  }

  send(skb: SkBuff, plain: boolean): number {
    this.#leave(skb);
    skb.scrub(this.crosses);
    skb.priority = 0;
    if (this.#land(skb, plain && this.crosses)) {
      this.#count(skb);
      return 0;
    }
    this.dev.stats.txDropped++;
    return Errno.ENOBUFS;
  }

  /** From here on it is as `send` would have it; what is scrubbed there has not been set (UdpDestination.makeOnTrail). */
  cross(skb: SkBuff): void {
    this.#leave(skb);
    this.#count(skb);
  }

  arrive(skb: SkBuff): void {
    this.#land(skb, true);
  }

  /** The link header, the time that it takes, taps. */
  #leave(skb: SkBuff): void {
    const { data, words } = skb;
    const at = data - HEADER_LENGTH;
    const w = (at - 2) >> 2;
    words[w] = this.h0;
    words[w + 1] = this.h1;
    words[w + 2] = this.h2;
    words[w + 3] = this.h3;
    skb.macHeader = at;
    this.sim.elapse(this.costs.transmit);
    const dev = this.dev;
    if (dev.taps.length > 0 || this.net.taps.length > 0) {
      skb.dev = dev;
      skb.data = at;
      tapSent(skb, dev);
      skb.data = data;
    }
  }

  /** False: there was no room, it is dropped. */
  #land(skb: SkBuff, plain: boolean): boolean {
    skb.dev = this.peer;
    skb.networkHeader = skb.data;
    skb.macLen = HEADER_LENGTH;
    skb.pktType = this.pktType;
    return this.backlog.enqueue(skb, plain);
  }

  #count(skb: SkBuff): void {
    if (this.frames === 0) this.sim.defer(this);
    this.frames++;
    this.bytes += skb.tail - skb.data + HEADER_LENGTH;
  }

  settle(): void {
    const { stats } = this.dev;
    const { stats: peerStats } = this.peer;
    stats.txPackets += this.frames;
    stats.txBytes += this.bytes;
    peerStats.rxPackets += this.frames;
    peerStats.rxBytes += this.bytes;
    this.frames = 0;
    this.bytes = 0;
  }
}
