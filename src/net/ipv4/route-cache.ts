// What the routing tables answered lately, by addresses, TOS and interface, so that the next packet of a flow need not ask
// them again: the routing cache that Linux had until 3.6 (net/ipv4/route.c, rt_hash_table). An answer counts while the
// namespace's pathGenid is what it was. A tenth of the price of a walk down the trie with its source check (`npm run bench`:
// forward_60B, flows_1000_sendto); it begins with two entries and grows where flows push each other out. Beside these are a few spans:
// destinations next to each other of which the tables say the same (fib-span.ts), for packets of which each goes somewhere
// else: 9 % less for the first packet of a flow, which asks in three namespaces (new_flow).

import { smallInts } from "../../base/bytes.ts";
import { SIGN, type Span } from "../core/packet-box.ts";
import type { Rtable } from "./rtable.ts";

const STRIDE = 5;
const FIRST_ENTRIES = 2;
const MOST_ENTRIES = 4096;
const SPAN_STRIDE = 6;
/** A power of two. */
const SPANS = 4;

/** Of a table that remembers nothing yet: one entry of generation 0, which none is. */
const NO_KEYS: Int32Array = new Int32Array(STRIDE);
const NO_SPANS: Int32Array = new Int32Array(0);
const NO_ROUTES: (Rtable | null)[] = [];
const NO_SPAN_ROUTES: Rtable[] = [];

/** Addresses are signed 32-bit numbers here. */
export class RouteCache {
  private mask = 0;
  /** per entry: destination, source, TOS | interface << 8, generation, source chosen */
  private keys: Int32Array = NO_KEYS;
  private routes: (Rtable | null)[] = NO_ROUTES;
  private pushedOut = 0;
  /** per span: lowest and highest destination, then as above */
  private spans: Int32Array = NO_SPANS;
  private spanRoutes: Rtable[] = NO_SPAN_ROUTES;
  private nextSpan = 0;
  /** after `find`: the source address that was chosen for a packet without one, and for which destinations (turned: SIGN) this holds */
  saddr = 0;
  low = 0;
  high = 0;

  /** The route of an earlier packet with the same key, null when there is none that still counts. */
  find(daddr: number, saddr: number, tos: number, ifindex: number, genid: number): Rtable | null {
    const keys = this.keys;
    const slot = this.#slot(daddr, saddr);
    const at = slot * STRIDE;
    if (
      keys[at] !== daddr ||
      keys[at + 1] !== saddr ||
      keys[at + 2] !== (tos | (ifindex << 8)) ||
      keys[at + 3] !== genid
    )
      return this.#findSpan(daddr ^ SIGN, saddr, tos | (ifindex << 8), genid);
    const rt = this.routes[slot]!;
    if (rt.expired) return null;
    this.saddr = keys[at + 4]!;
    this.low = daddr ^ SIGN;
    this.high = daddr ^ SIGN;
    return rt;
  }

  /** `daddr` with its highest bit turned, so that it compares as an address does. */
  #findSpan(daddr: number, saddr: number, tosIf: number, genid: number): Rtable | null {
    const spans = this.spans;
    for (let at = 0, i = 0; at < spans.length; at += SPAN_STRIDE, i++) {
      if (
        daddr < spans[at]! ||
        daddr > spans[at + 1]! ||
        spans[at + 2] !== saddr ||
        spans[at + 3] !== tosIf ||
        spans[at + 4] !== genid
      )
        continue;
      const rt = this.spanRoutes[i]!;
      if (rt.expired) return null;
      this.saddr = spans[at + 5]!;
      this.low = spans[at]!;
      this.high = spans[at + 1]!;
      return rt;
    }
    return null;
  }

  /** The same, for all destinations of a span; the oldest one makes room. */
  rememberSpan(
    { low, high }: Span,
    saddr: number,
    tos: number,
    ifindex: number,
    genid: number,
    rt: Rtable,
    chosen: number,
  ): void {
    if (low === high) return;
    const i = this.nextSpan;
    this.nextSpan = (i + 1) & (SPANS - 1);
    const at = i * SPAN_STRIDE;
    if (at >= this.spans.length) {
      const spans = smallInts(at + SPAN_STRIDE);
      spans.set(this.spans);
      this.spans = spans;
      this.spanRoutes = this.spanRoutes.concat(rt);
    }
    const spans = this.spans;
    spans[at] = low;
    spans[at + 1] = high;
    spans[at + 2] = saddr;
    spans[at + 3] = tos | (ifindex << 8);
    spans[at + 4] = genid;
    spans[at + 5] = chosen;
    this.spanRoutes[i] = rt;
  }

  remember(
    daddr: number,
    saddr: number,
    tos: number,
    ifindex: number,
    genid: number,
    rt: Rtable,
    chosen: number,
  ): void {
    if (this.keys === NO_KEYS) this.#resize(FIRST_ENTRIES);
    let slot = this.#slot(daddr, saddr);
    const keys = this.keys;
    let at = slot * STRIDE;
    if (this.routes[slot] !== null && keys[at + 3] === genid && ++this.pushedOut > this.mask) {
      this.#grow();
      slot = this.#slot(daddr, saddr);
      at = slot * STRIDE;
    }
    this.keys[at] = daddr;
    this.keys[at + 1] = saddr;
    this.keys[at + 2] = tos | (ifindex << 8);
    this.keys[at + 3] = genid;
    this.keys[at + 4] = chosen;
    this.routes[slot] = rt;
  }

  #slot(daddr: number, saddr: number): number {
    const h = Math.imul(daddr ^ Math.imul(saddr, 0x85ebca6b), 0x9e3779b1);
    return (h >>> 16) & this.mask;
  }

  /** An empty table of twice the size: what it held is soon there again. */
  #grow(): void {
    this.pushedOut = 0;
    const entries = this.mask + 1;
    if (entries >= MOST_ENTRIES) return;
    this.#resize(entries * 2);
  }

  #resize(entries: number): void {
    this.mask = entries - 1;
    this.keys = smallInts(entries * STRIDE);
    this.routes = new Array<Rtable | null>(entries).fill(null);
  }
}
