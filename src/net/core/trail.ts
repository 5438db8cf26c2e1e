// The whole way of a socket's packets, over several hosts to the socket that gets them, remembered at its sender: which hops by
// themselves know a packet's way (netfilter/flow-paths.ts, ipv4/early-demux.ts) has been found out for an earlier packet with the same
// headers, so that nothing needs to be looked up again in any of them, and the packet crosses them one after the other without
// a queue between. That it may do only where nothing else would come in between: from an empty backlog, and while nothing
// else is due. Each leg is asked before it is gone whether it is still what it was; where one is not, the packet goes on from there as
// any other. Times, counters, captures are those of the step by step way (test/net/flow-paths.test.ts); half of its time
// (`npm run bench`: forward_60B).
//
// A connected socket has a trail of its own, with legs that know its connection by heart. Whoever sends to many shares one among
// all that go by one route: its legs look the connection up for each packet, and leave alone those that go another way. That takes
// less than a trail for each of 1,000 destinations would, of which little is still in the processor's caches when its turn comes
// (flows_1000_sendto), and less than half of the ways of single hosts (flows_1000000).

import { assert } from "../../base/assert.ts";
import type { Sim } from "../../sim/sim.ts";
import type { Neighbour } from "./neighbour.ts";
import type { NeighHop } from "./net-device.ts";
import type { SkBuff } from "./skb.ts";

/** One host that passes the packet on: from a device's backlog into the next one's. */
export interface ForwardLeg {
  /** by which it leaves */
  readonly hop: NeighHop;
  /** the host behind it, if that one forwards, too */
  next: ForwardLeg | null;
  /** the packet, which has come to it, would pass as the earlier one did */
  leads(skb: SkBuff): boolean;
  /** where it does not lead: it is as before, it was the packet that goes elsewhere; asked right after `leads` */
  readonly holds: boolean;
  /** It passes, and has left by `hop`. */
  pass(skb: SkBuff): void;
}

/** The host with the socket. */
export interface LastLeg {
  /** It comes to the socket, and is taken over. False: it does not, and is as it was. */
  pass(skb: SkBuff): boolean;
  /** as of a host that forwards */
  readonly holds: boolean;
}

/** More hosts than this on a way are not remembered. */
const MOST_LEGS = 8;
/** After so many packets in a row that a shared trail has not led to its end, it is another one's turn. */
const PATIENCE = 64;

export class Trail {
  private readonly sim: Sim;
  /** Packets of many connections take it: of its legs each looks for the packet's connection. */
  readonly shared: boolean;
  private strayed = 0;
  /** how it begins: from the sender to the first host */
  neigh: Neighbour | null = null;
  hop: NeighHop | null = null;
  private first: ForwardLeg | null = null;
  private last: LastLeg | null = null;
  /** id of the packet whose way is being noted, and of the one that has shown the way to its end: those sent before are elsewhere */
  private noting = -1;
  private since = -1;

  constructor(sim: Sim, shared: boolean) {
    this.sim = sim;
    this.shared = shared;
  }

  /** A packet leaves by it; it is noted anew when it is not known, or does not begin like this. */
  begin(skb: SkBuff, neigh: Neighbour, hop: NeighHop): void {
    skb.trail = this;
    if (this.last !== null && this.neigh === neigh && this.hop === hop) return;
    this.forget();
    this.neigh = neigh;
    this.hop = hop;
    this.noting = skb.id;
  }

  /** A packet may begin on it now: it is known, and begins as it did. */
  leads(): boolean {
    return this.last !== null && this.hop!.ready && this.neigh!.leadsBy(this.hop!);
  }

  /** A packet that has been made for it leaves. Takes it over. */
  start(skb: SkBuff): void {
    const hop = this.hop!;
    skb.trail = this;
    this.neigh!.outputBy();
    hop.cross(skb);
    hop.arrive(skb);
  }

  forget(): void {
    this.first = null;
    this.last = null;
    this.noting = -1;
    this.strayed = 0;
  }

  /** The packet's way is being noted: a host that knows it calls `forward` or `arrive`. */
  notes(skb: SkBuff): boolean {
    return this.noting === skb.id;
  }

  /** The packet will pass by this leg. */
  forward(skb: SkBuff, leg: ForwardLeg): void {
    assert(this.notes(skb), "a trail notes one packet's way");
    let before = this.first;
    if (before === null) {
      this.first = leg;
      return;
    }
    let legs = 1;
    for (; before.next !== null; before = before.next) legs++;
    if (legs < MOST_LEGS) before.next = leg;
    else skb.trail = null;
  }

  /** The packet ends by this leg: the trail is known. */
  arrive(skb: SkBuff, leg: LastLeg): void {
    assert(this.notes(skb), "a trail notes one packet's way");
    this.since = skb.id;
    this.noting = -1;
    this.last = leg;
  }

  /**
   * A packet that carries the trail comes out of a backlog. One that is not taken over goes the ordinary way, and keeps the trail only
   * while its way is being noted.
   * @param alone nothing waits behind it
   * @returns how many times it would have come out of a backlog on what it has passed; 0: it was not taken over
   */
  take(skb: SkBuff, alone: boolean): number {
    const last = this.last;
    if (last === null) {
      if (this.noting !== skb.id) skb.trail = null;
      return 0;
    }
    skb.trail = null;
    if (!alone || skb.id <= this.since || skb.pool.trace !== null) {
      skb.bare = false;
      return 0;
    }
    let passed = 0;
    for (let leg = this.first; leg !== null; leg = leg.next) {
      if (!leg.leads(skb)) return this.#leave(skb, passed, leg.holds);
      leg.pass(skb);
      passed++;
      if (this.sim.needResched()) {
        skb.bare = false;
        leg.hop.arrive(skb);
        return passed;
      }
    }
    if (!last.pass(skb)) return this.#leave(skb, passed, last.holds);
    this.strayed = 0;
    return passed + 1;
  }

  /** It does not lead any further than here: the next packet's way is noted anew, unless only this one has gone astray. */
  #leave(skb: SkBuff, passed: number, holds: boolean): number {
    skb.bare = false;
    let before = this.first;
    for (let i = 1; i < passed; i++) before = before!.next;
    if (!holds || ++this.strayed > PATIENCE) this.forget();
    if (passed > 0) before!.hop.arrive(skb);
    return passed;
  }
}
