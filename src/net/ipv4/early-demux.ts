// A packet for a socket of this host, straight from the backlog to its transport: netifReceiveSkb, ipRcv, ipRcvFinish, ipLocalDeliver
// and for UDP the look-up, in one, where nothing on that way has a say: no hook functions, no bridge or VLAN, no raw socket. The route is
// the one that an earlier packet was given (route-cache.ts), as Linux's early demux takes it from the socket (ip_rcv_finish_core,
// udp_v4_early_demux). Times, counters and captures are those of the long way (test/net/flow-paths.test.ts); a third of what
// that takes (`npm run bench`: forward_60B).

import type { Deferred } from "../../sim/sim.ts";
import * as ip from "../../wire/ipv4.ts";
import { firstHalf, get16, getInt32, half, numberOf, secondHalf } from "../../wire/layout.ts";
import { deliverToTaps } from "../core/dev.ts";
import type { FlowPathCache } from "../core/net.ts";
import type { NetDevice } from "../core/net-device.ts";
import { NF_INET_LOCAL_IN, NF_INET_PRE_ROUTING } from "../core/netfilter.ts";
import { SIGN, type Span } from "../core/packet-box.ts";
import { isPlainReceived } from "../core/plain.ts";
import { PACKET_HOST, type SkBuff } from "../core/skb.ts";
import { ipHeaderIsValid } from "../core/skb-ip-header.ts";
import type { LastLeg, Trail } from "../core/trail.ts";
import { RTN_LOCAL } from "./fib-types.ts";
import type { Ipv4 } from "./ipv4.ts";
import { DST_LOCAL_DELIVER, type Rtable } from "./rtable.ts";
import type { UdpSock } from "./udp.ts";
import type { UdpTable } from "./udp-table.ts";

export class EarlyDemux implements FlowPathCache, Deferred {
  private readonly ip4: Ipv4;
  /** no hook function sees a packet for this host; true of this pathGenid */
  private open = false;
  private genid = 0;
  /** packets and bytes of IP that are still to be counted, and those of the packets that have ECN's bits set */
  private packets = 0;
  private bytes = 0;
  private ecn = 0;
  /** of the trail that was noted last */
  private latest: UdpLeg | null = null;

  constructor(ip4: Ipv4) {
    this.ip4 = ip4;
  }

  receive(skb: SkBuff, dev: NetDevice): boolean {
    const ip4 = this.ip4;
    const { net } = ip4;
    if (this.genid !== net.pathGenid) this.#look();
    if (!this.open || dev.rxHandler !== null || !dev.up || skb.pktType !== PACKET_HOST || !isPlainReceived(skb))
      return false;
    if (!this.isStillOpen()) return false;
    const { head, data } = skb;
    const saddr = getInt32(head, data + ip.SOURCE);
    const daddr = getInt32(head, data + ip.DESTINATION);
    const tos = head[data + 1]!;
    const rt = ip4.route.inputs.find(daddr, saddr, tos, dev.ifindex, net.pathGenid);
    if (rt === null || rt.inputKind !== DST_LOCAL_DELIVER || rt.type !== RTN_LOCAL) return false;
    if (!ipHeaderIsValid(skb, data, ip.HEADER_LENGTH)) return false;
    const at = data + ip.HEADER_LENGTH;
    let sock: UdpSock | null = null;
    if (head[data + 9] === ip.IPPROTO_UDP) {
      sock = ip4.udp.lookup(saddr, get16(head, at), daddr, get16(head, at + 2), dev.ifindex);
      if (sock === null) return false;
    }

    if (skb.trail !== null) this.#noteLeg(skb.trail, skb, dev, rt, sock);
    this.deliver(skb, dev, tos);
    skb.dst = rt;
    if (sock !== null) {
      // udpRcv
      skb.trim(get16(head, at + 4));
      sock.receive(skb);
    } else ip4.protocols[head[data + 9]!]!.handler(skb, ip4);
    return true;
  }

  /** @internal netifReceiveSkb, and ipRcv to ipLocalDeliverFinish, but for the route. */
  deliver(skb: SkBuff, dev: NetDevice, tos: number): void {
    const { data } = skb;
    const { sim, costs } = dev.net.kernel;
    const at = data + ip.HEADER_LENGTH;
    sim.elapse(costs.receive);
    skb.tstampNs = sim.now;
    skb.skbIif = dev.ifindex;
    skb.networkHeader = data;
    skb.transportHeader = data;
    deliverToTaps(skb, dev);
    skb.data = at;
    skb.transportHeader = at;
    this.#count(skb.tail - data, tos);
  }

  /** Of what changes without a new generation: nobody else wants to see it. @internal */
  isStillOpen(): boolean {
    const ip4 = this.ip4;
    return (!ip4.hasRaw || ip4.raw.empty) && !ip4.net.sniffsIpv4;
  }

  /** The packet's whole way is being noted: it ends here, if at a socket of UDP. */
  #noteLeg(trail: Trail, skb: SkBuff, dev: NetDevice, rt: Rtable, sock: UdpSock | null): void {
    if (sock !== null && trail.notes(skb))
      trail.arrive(skb, trail.shared ? new AnyUdpLeg(this, skb, dev, rt) : this.#udpLeg(skb, dev, rt, sock));
    skb.trail = null;
  }

  /** That of the last trail that ends here, if it is the same: 1,000 sockets that send to one have one (flows_1000). */
  #udpLeg(skb: SkBuff, dev: NetDevice, rt: Rtable, sock: UdpSock): UdpLeg {
    const leg = new UdpLeg(this, skb, dev, rt, sock);
    if (this.latest?.is(leg)) return this.latest;
    this.latest = leg;
    return leg;
  }

  #look(): void {
    const { net } = this.ip4;
    const { hooksIpv4 } = net;
    this.genid = net.pathGenid;
    this.open = hooksIpv4.entries(NF_INET_PRE_ROUTING).length === 0 && hooksIpv4.entries(NF_INET_LOCAL_IN).length === 0;
  }

  #count(bytes: number, tos: number): void {
    if (this.packets === 0) this.ip4.net.sim.defer(this);
    this.packets++;
    this.bytes += bytes;
    if ((tos & 3) === 0) return;
    this.ecn++;
    this.ip4.mib.countEcn(tos, 1);
  }

  /** Counts what has been put off. */
  settle(): void {
    const { mib } = this.ip4;
    mib.ip.InReceives += this.packets;
    mib.ip.InDelivers += this.packets;
    mib.ipExt.InOctets += this.bytes;
    mib.countEcn(0, this.packets - this.ecn);
    this.packets = 0;
    this.bytes = 0;
    this.ecn = 0;
  }
}

/** The end of a trail (core/trail.ts): this host, and a socket there. */
class UdpLeg implements LastLeg {
  readonly holds = false;
  private readonly demux: EarlyDemux;
  private readonly dev: NetDevice;
  private readonly rt: Rtable;
  private readonly genid: number;
  private readonly sock: UdpSock;
  private readonly udp: UdpTable;
  private readonly generation: number;
  private readonly tos: number;

  constructor(demux: EarlyDemux, { head, data }: SkBuff, dev: NetDevice, rt: Rtable, sock: UdpSock) {
    this.demux = demux;
    this.dev = dev;
    this.rt = rt;
    this.genid = dev.net.pathGenid;
    this.sock = sock;
    this.udp = rt.ip4.udp;
    this.generation = this.udp.generation;
    this.tos = head[data + 1]!;
  }

  /** As good as the other. */
  is(other: UdpLeg): boolean {
    return (
      this.sock === other.sock &&
      this.rt === other.rt &&
      this.dev === other.dev &&
      this.genid === other.genid &&
      this.generation === other.generation &&
      this.tos === other.tos
    );
  }

  #leads(): boolean {
    const rt = this.rt;
    return (
      this.genid === this.dev.net.pathGenid &&
      this.generation === this.udp.generation &&
      this.demux.isStillOpen() &&
      !rt.expired &&
      this.sock.encapRcv === null
    );
  }

  pass(skb: SkBuff): boolean {
    if (!this.#leads()) return false;
    this.demux.deliver(skb, this.dev, this.tos);
    this.sock.receive(skb);
    return true;
  }
}

/** The same of a shared trail: whoever among this host's sockets a packet is for. */
class AnyUdpLeg implements LastLeg {
  private readonly demux: EarlyDemux;
  private readonly dev: NetDevice;
  private readonly rt: Rtable;
  private readonly genid: number;
  private readonly tos: number;
  /** Packets from this source to these destinations take the same route here: the one's word in headers, the bits that the others' have in common. */
  private readonly source: number;
  private readonly mask: number;
  private readonly prefix: number;
  private readonly udp: UdpTable;

  constructor(demux: EarlyDemux, { head, data }: SkBuff, dev: NetDevice, rt: Rtable) {
    const saddr = getInt32(head, data + ip.SOURCE);
    const daddr = getInt32(head, data + ip.DESTINATION);
    const span = rt.ip4.fib.spanOf(daddr);
    this.demux = demux;
    this.dev = dev;
    this.rt = rt;
    this.genid = dev.net.pathGenid;
    this.tos = head[data + 1]!;
    this.source = numberOf(saddr);
    const hostBits = span === null ? 0 : blockWithin(span, daddr ^ SIGN);
    this.mask = numberOf(~hostBits);
    this.prefix = numberOf(daddr & ~hostBits);
    this.udp = rt.ip4.udp;
  }

  get holds(): boolean {
    return this.genid === this.dev.net.pathGenid && !this.rt.expired;
  }

  /** Who gets it; null: it does not come here, or to nobody. */
  #socketOf({ words, data }: SkBuff): UdpSock | null {
    const rt = this.rt;
    const w = data >> 2;
    if (
      this.genid !== this.dev.net.pathGenid ||
      rt.expired ||
      !this.demux.isStillOpen() ||
      words[w + 3] !== this.source ||
      (words[w + 4]! & this.mask) !== this.prefix
    )
      return null;
    const ports = words[w + 5]!;
    const dport = half(secondHalf(ports));
    const sock =
      this.udp.takerOf(dport) ??
      this.udp.lookup(numberOf(this.source), half(firstHalf(ports)), numberOf(words[w + 4]!), dport, this.dev.ifindex);
    return sock !== null && sock.encapRcv === null ? sock : null;
  }

  pass(skb: SkBuff): boolean {
    const sock = this.#socketOf(skb);
    if (sock === null) return false;
    this.demux.deliver(skb, this.dev, this.tos);
    sock.receive(skb);
    return true;
  }
}

/** The low bits by which an address differs from others of the largest block of a power of two that lies in the span, too. */
function blockWithin({ low, high }: Span, turned: number): number {
  let bits = 0;
  while (bits !== MOST_HOST_BITS) {
    const more = (bits << 1) | 1;
    if ((turned & ~more) < low || (turned | more) > high) break;
    bits = more;
  }
  return bits;
}

/** Half of all addresses; one more, and signs would not tell any more what lies in the span. */
const MOST_HOST_BITS = 0x7fffffff;
