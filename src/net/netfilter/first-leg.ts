// A host on a shared trail (core/trail.ts) that forwards: packets that begin a connection take the way that is known of their like
// (first-packets.ts). What FirstPackets.receive does, without what nobody sees of a packet that goes on to the next host at once, as
// flow-leg.ts does for known connections.

import { halves } from "../../wire/checksum.ts";
import * as ip from "../../wire/ipv4.ts";
import { half, numberOf, wordOf } from "../../wire/layout.ts";
import type { NeighHop } from "../core/net-device.ts";
import { SIGN } from "../core/packet-box.ts";
import { PACKET_HOST, type SkBuff } from "../core/skb.ts";
import type { ForwardLeg } from "../core/trail.ts";
import type { FirstPackets, FirstPath } from "./first-packets.ts";
import { type FlowWay, leave, modulo, sumUp, TTL_CHANGE, tapped } from "./flow-leg.ts";
import { udpStreamAt } from "./proto-other.ts";

export class FirstLeg implements ForwardLeg {
  private readonly firsts: FirstPackets;
  private readonly first: FirstPath;
  private readonly way: FlowWay;
  next: ForwardLeg | null = null;
  /** the packet's, as the table has them */
  private saddr = 0;
  private daddr = 0;
  private ports = 0;

  constructor(firsts: FirstPackets, first: FirstPath, way: FlowWay) {
    this.firsts = firsts;
    this.first = first;
    this.way = way;
  }

  get hop(): NeighHop {
    return this.way.hop;
  }

  get holds(): boolean {
    return this.way.holds();
  }

  leads(skb: SkBuff): boolean {
    const way = this.way;
    const first = this.first;
    const firsts = this.firsts;
    const { path, ct } = way;
    const { words, data } = skb;
    const w = data >> 2;
    const src = numberOf(words[w + 3]!);
    const dst = numberOf(words[w + 4]!);
    const ports = numberOf(words[w + 5]!);
    this.saddr = src;
    this.daddr = dst;
    this.ports = ports;
    return (
      first.has(src ^ SIGN, dst ^ SIGN, ports >>> 16, ports & 0xffff) &&
      path.learnsAsBefore() &&
      way.leads(skb) &&
      way.leadsTo(dst) &&
      ct.takesAny &&
      firsts.isNew(first, src, dst, ports) &&
      firsts.status >= 0
    );
  }

  /**
   * Its steps are not divided among functions, as other legs' are (flow-leg.ts): V8 puts none of more than 460 bytes of bytecode into
   * another. All of a new connection's way in one piece was more than there is room for (v8-flags.ts), and took a third longer (new_flow).
   */
  pass(skb: SkBuff): void {
    const way = this.way;
    const firsts = this.firsts;
    const { path, sim, costs, net, ct } = way;
    const { port, indev } = path;
    const { words, data } = skb;
    let conn = 0;
    let streamAt = 0;

    // netifReceiveSkb
    sim.elapse(costs.receive);
    if (indev.taps.length > 0 || net.taps.length > 0) tapped(skb, indev, path.pktType);
    if (port !== null) {
      const { br } = port;
      if (path.trackedInBridge === true) {
        streamAt = udpStreamAt(ct);
        conn = ct.take(ip.IPPROTO_UDP);
      }
      if (path.fdbEntry >= 0) br.fdb.setUpdated(path.fdbEntry, sim.now);
      sim.elapse(costs.receive);
      if (br.dev.taps.length > 0 || net.taps.length > 0) tapped(skb, br.dev, PACKET_HOST);
    }
    if (path.trackedInBridge !== true) {
      streamAt = udpStreamAt(ct);
      conn = ct.take(ip.IPPROTO_UDP);
    }

    // ipForward, ipOutput
    sim.elapse(costs.forward);
    firsts.confirm(this.first, conn, this.saddr, this.daddr, this.ports, streamAt, skb.tail - data);
    const w = data >> 2;
    const source = numberOf(firsts.addr);
    const change = halves(source) - halves(words[w + 3]!);
    words[w + 3] = source;
    words[w + 5] = wordOf(half(firsts.port), half(this.ports));
    // UDP's checksum is the pseudo-header's sum, as it is left to the device
    sumUp(words, w, way.ttlProtocol, modulo(TTL_CHANGE - change), modulo(change));
    leave(skb, way, conn);
  }
}
