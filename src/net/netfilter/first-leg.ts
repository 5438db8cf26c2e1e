// A host on a shared trail (core/trail.ts) that forwards: packets that begin a connection take the way that is known of their like
// (first-packets.ts). What FirstPackets.receive does, without what nobody sees of a packet that goes on to the next host at once, as
// flow-leg.ts does for known connections.

import * as ip from "../../wire/ipv4.ts";
import { half, numberOf, wordOf } from "../../wire/layout.ts";
import type { NeighHop } from "../core/net-device.ts";
import { SIGN } from "../core/packet-box.ts";
import type { SkBuff } from "../core/skb.ts";
import { HZ } from "../core/timer-wheel.ts";
import type { ForwardLeg } from "../core/trail.ts";
import type { FirstPackets, FirstPath } from "./first-packets.ts";
import { type FlowWay, halves, leave, modulo, pass, sumUp, type Tracking, TTL_CHANGE } from "./flow-leg.ts";

export class FirstLeg implements ForwardLeg, Tracking {
  readonly #firsts: FirstPackets;
  readonly #first: FirstPath;
  readonly #way: FlowWay;
  next: ForwardLeg | null = null;
  /** the packet's, as the table has them */
  #saddr = 0;
  #daddr = 0;
  #ports = 0;
  /** as connection tracking has begun it: its row, and the jiffy after which traffic makes it a stream */
  #conn = 0;
  #streamAt = 0;

  constructor(firsts: FirstPackets, first: FirstPath, way: FlowWay) {
    this.#firsts = firsts;
    this.#first = first;
    this.#way = way;
  }

  get hop(): NeighHop {
    return this.#way.hop;
  }

  get holds(): boolean {
    const way = this.#way;
    return way.path.genid === way.net.pathGenid && way.neigh.leadsBy(way.hop);
  }

  leads(skb: SkBuff): boolean {
    const way = this.#way;
    const first = this.#first;
    const firsts = this.#firsts;
    const { path, ct } = way;
    const { words, data } = skb;
    const w = data >> 2;
    const src = numberOf(words[w + 3]!);
    const dst = numberOf(words[w + 4]!);
    const ports = numberOf(words[w + 5]!);
    this.#saddr = src;
    this.#daddr = dst;
    this.#ports = ports;
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

  track(): void {
    const { ct } = this.#way;
    this.#streamAt = (ct.jiffies() + 2 * HZ) | 0;
    this.#conn = ct.take(ip.IPPROTO_UDP);
  }

  pass(skb: SkBuff): void {
    const way = this.#way;
    const firsts = this.#firsts;
    pass(skb, way, this);
    const bytes = skb.tail - skb.data;
    firsts.confirm(this.#first, this.#conn, this.#saddr, this.#daddr, this.#ports, this.#streamAt, bytes);
    this.#rewrite(skb);
    leave(skb, way, this.#conn);
  }

  /** TTL, source, checksums: UDP's is the pseudo-header's sum, as it is left to the device. */
  #rewrite({ words, data }: SkBuff): void {
    const { addr, port } = this.#firsts;
    const w = data >> 2;
    const source = numberOf(addr);
    const change = halves(source) - halves(words[w + 3]!);
    words[w + 3] = source;
    words[w + 5] = wordOf(half(port), half(this.#ports));
    sumUp(words, w, this.#way.ttlProtocol, modulo(TTL_CHANGE - change), modulo(change));
  }
}
