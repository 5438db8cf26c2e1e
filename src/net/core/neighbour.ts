// Neighbours: who on the link has an address, how sure we are of it (NUD states), the packets that wait for an answer,
// and the probing. Answers to net/core/neighbour.c; ARP says how to ask (ipv4/arp.ts), neigh-table.ts keeps them all.

import { smallBytes, smallInts } from "../../base/bytes.ts";
import { Errno, NetError } from "../../base/errno.ts";
import { MSEC, type Ns, SEC } from "../../base/time.ts";
import type { Timer } from "../../sim/sim.ts";
import * as ethernet from "../../wire/ethernet.ts";
import { devQueueXmit } from "./dev.ts";
import { DropReason } from "./drop-reason.ts";
import type { NeighParms } from "./neigh-parms.ts";
import type { NeighTable } from "./neigh-table.ts";
import { NET_XMIT_DROP, type NeighHop, type NetDevice } from "./net-device.ts";
import {
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_OVERRIDE,
  NEIGH_UPDATE_F_WEAK_OVERRIDE,
  NUD_CONNECTED,
  NUD_DELAY,
  NUD_FAILED,
  NUD_IN_TIMER,
  NUD_INCOMPLETE,
  NUD_NOARP,
  NUD_NONE,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
  NUD_VALID,
} from "./nud.ts";
import { drop, type SkBuff, SkbQueue, trace } from "./skb.ts";
import { wheelExpiry } from "./timer-wheel.ts";

export { NeighParms } from "./neigh-parms.ts";
export * from "./nud.ts";

/** Shortest time between two probes (HZ/100). */
const MIN_TICK: Ns = 10 * MSEC;

const NO_WORDS = new Int32Array(4);
/** where a header is put together */
const headerBytes: Uint8Array = new Uint8Array(16);
const headerWords: Int32Array = new Int32Array(headerBytes.buffer);

/** What a protocol does for its neighbours (struct neigh_ops and neigh_table's functions). */
export interface NeighOps {
  /** Fills in a new entry's type, state and link address; false: there can be none (EINVAL). */
  construct(neigh: Neighbour): boolean;
  /** Asks for the neighbour's address; `skb` is the last packet that waits, not to be kept. */
  solicit(neigh: Neighbour, skb: SkBuff | null): void;
  /** A packet that waited in vain; takes it over. */
  errorReport(neigh: Neighbour, skb: SkBuff): void;
  /** A delayed proxy request's time has come; takes it over. */
  proxyRedo(skb: SkBuff): void;
}

/** One address on one link. `key` is the protocol address: an unsigned 32-bit number for IPv4. */
export class Neighbour {
  readonly table: NeighTable;
  readonly key: number;
  readonly dev: NetDevice;
  readonly parms: NeighParms;
  /** link-layer address; meaningful while NUD_VALID */
  readonly ha: Uint8Array = smallBytes(6);
  /** NUD_* */
  nudState: number = NUD_NONE;
  /** RTN_* of the key, as ARP sees it */
  type = 0;
  /** NTF_* */
  flags = 0;
  /** RTPROT_* of who added it */
  protocol = 0;
  probes = 0;
  used: Ns;
  confirmed: Ns;
  updated: Ns;
  dead = false;
  /** packets for an address that is not known yet */
  private queue: SkbQueue | null = null;
  private queueBytes = 0;
  private readonly timer: Timer;
  /** the link header of packets of this EtherType, 0: not made */
  private headerFor = 0;
  private headerGenid = 0;
  private header: Int32Array = NO_WORDS;
  /** sends its frames in one step; null: step by step */
  private _hop: NeighHop | null = null;

  constructor(table: NeighTable, key: number, dev: NetDevice, parms: NeighParms) {
    this.table = table;
    this.key = key;
    this.dev = dev;
    this.parms = parms;
    const { sim } = table.net;
    this.used = sim.now;
    this.updated = sim.now;
    this.confirmed = sim.now - 2 * parms.baseReachableTime;
    this.timer = table.net.kernel.timers.timer(expired, this);
  }

  /** the first of the packets that wait for its address */
  get firstWaiting(): SkBuff | null {
    return this.queue?.head ?? null;
  }

  /** How its frames are sent in one step; null: they are not. */
  get hop(): NeighHop | null {
    return this._hop;
  }

  get valid(): boolean {
    return (this.nudState & NUD_VALID) !== 0;
  }

  get inTimer(): boolean {
    return this.timer.pending;
  }

  get connected(): boolean {
    return (this.nudState & NUD_CONNECTED) !== 0;
  }

  /** Sends a packet to the neighbour (neigh_output): skb.data is at the network header. Takes it over. 0 or an errno. `plain`: see NeighHop. */
  output(skb: SkBuff, plain = false): number {
    if ((this.nudState & NUD_CONNECTED) === 0 && this.eventSend(skb)) return 0;
    const hop = this._hop;
    if (hop !== null && this.headerFor !== 0) {
      if (!hop.isCurrent()) this.#makeHeader(this.headerFor);
      else if (hop.takes(skb)) return hop.send(skb, plain);
    }
    const { dev } = this;
    skb.dev = dev;
    if (dev.hardHeaderLen === ethernet.HEADER_LENGTH) {
      const at = skb.push(ethernet.HEADER_LENGTH);
      if ((at & 3) === 2) this.#copyHeader(skb.words, (at - 2) >> 2, skb.protocol);
      else ethernet.emit14(this.ha, dev.address, skb.protocol, skb.head, at);
    }
    return devQueueXmit(skb) === NET_XMIT_DROP ? Errno.ENOBUFS : 0;
  }

  /** A packet on its trail is about to leave by this hop (trail.ts): that is where packets of its kind would leave now. */
  leadsBy(hop: NeighHop): boolean {
    return (
      this._hop === hop && this.headerFor !== 0 && hop.isCurrent() && !this.dead && (this.nudState & NUD_VALID) !== 0
    );
  }

  /** … and it leaves: what `output` does before it sends. */
  outputBy(): void {
    if ((this.nudState & NUD_CONNECTED) === 0) this.eventSend(null);
  }

  /** The link header with two bytes in front of it, as words (neigh_hh_output, struct hh_cache). */
  #copyHeader(words: Int32Array, w: number, protocol: number): void {
    if (this.headerFor !== protocol || this.headerGenid !== this.table.net.pathGenid) this.#makeHeader(protocol);
    const header = this.header;
    words[w] = header[0]!;
    words[w + 1] = header[1]!;
    words[w + 2] = header[2]!;
    words[w + 3] = header[3]!;
  }

  #makeHeader(protocol: number): void {
    ethernet.emit14(this.ha, this.dev.address, protocol, headerBytes, 2);
    // made anew because something has changed, mostly something else
    if (!sameWords(this.header, headerWords)) {
      this.header = smallInts(4);
      this.header.set(headerWords);
    }
    this.headerFor = protocol;
    this.headerGenid = this.table.net.pathGenid;
    this._hop = protocol === ethernet.ETH_P_IP ? (this.dev.ops.hop?.(this.dev, this.header) ?? null) : null;
  }

  /**
   * Somebody wants to send (neigh_event_send). True: not yet; `skb`, if given, was queued or dropped. Starts the probing
   * that the state calls for.
   */
  eventSend(skb: SkBuff | null): boolean {
    const { now } = this.table.net;
    this.used = now;
    if (this.nudState & (NUD_CONNECTED | NUD_DELAY | NUD_PROBE)) return false;
    if (this.dead) {
      if (skb) drop(skb, DropReason.NEIGH_DEAD);
      return true;
    }
    const { parms } = this;
    let probeNow = false;
    if (!(this.nudState & (NUD_STALE | NUD_INCOMPLETE))) {
      if (parms.mcastProbes + parms.appProbes === 0) {
        this.nudState = NUD_FAILED;
        this.updated = now;
        if (skb) drop(skb, DropReason.NEIGH_FAILED);
        return true;
      }
      this.probes = parms.ucastProbes;
      this.nudState = NUD_INCOMPLETE;
      this.updated = now;
      probeNow = true;
      this.#arm(now + Math.max(parms.retransTime, MIN_TICK));
    } else if (this.nudState & NUD_STALE) {
      this.nudState = NUD_DELAY;
      this.updated = now;
      this.#arm(now + parms.delayProbeTime);
    }
    const wait = this.nudState === NUD_INCOMPLETE;
    if (wait && skb) this.#enqueue(skb);
    if (probeNow) this.#probe();
    return wait;
  }

  #enqueue(skb: SkBuff): void {
    if (skb.pool.trace !== null) trace(skb, "neighResolveOutput", this.dev, "waits");
    const size = skbTruesize(skb);
    while (this.queueBytes + size > this.parms.queueLenBytes) {
      const oldest = this.queue?.shift();
      if (!oldest) break;
      this.queueBytes -= skbTruesize(oldest);
      drop(oldest, DropReason.NEIGH_QUEUEFULL);
    }
    this.queue ??= new SkbQueue();
    this.queue.push(skb);
    this.queueBytes += size;
  }

  /** neigh_probe */
  #probe(): void {
    // the packet stays in the queue; the question only reads its source
    this.table.ops.solicit(this, this.queue?.tail ?? null);
    this.probes++;
  }

  #maxProbes(): number {
    const { parms } = this;
    return parms.ucastProbes + parms.appProbes + (this.nudState & NUD_PROBE ? parms.mcastReprobes : parms.mcastProbes);
  }

  #arm(at: Ns): void {
    this.timer.mod(wheelExpiry(this.table.net.now, at));
  }

  /** @internal neigh_timer_handler */
  onTimer(): void {
    const { now } = this.table.net;
    const { parms } = this;
    const state = this.nudState;
    let next: Ns = now + SEC;
    if (!(state & NUD_IN_TIMER)) return;
    if (state & NUD_REACHABLE) {
      const reachable = this.table.reachableTime(parms);
      if (now <= this.confirmed + reachable) next = this.confirmed + reachable;
      else if (now <= this.used + parms.delayProbeTime) {
        this.nudState = NUD_DELAY;
        this.updated = now;
        next = now + parms.delayProbeTime;
      } else {
        this.nudState = NUD_STALE;
        this.updated = now;
      }
    } else if (state & NUD_DELAY) {
      if (now <= this.confirmed + parms.delayProbeTime) {
        this.nudState = NUD_REACHABLE;
        this.updated = now;
        next = this.confirmed + this.table.reachableTime(parms);
      } else {
        this.nudState = NUD_PROBE;
        this.updated = now;
        this.probes = 0;
        next = now + Math.max(parms.retransTime, MIN_TICK);
      }
    } else next = now + Math.max(parms.retransTime, MIN_TICK);

    if (this.nudState & (NUD_INCOMPLETE | NUD_PROBE) && this.probes >= this.#maxProbes()) {
      this.nudState = NUD_FAILED;
      this.#invalidate();
      return;
    }
    if (this.nudState & NUD_IN_TIMER) this.#arm(Math.max(next, now + MIN_TICK));
    if (this.nudState & (NUD_INCOMPLETE | NUD_PROBE)) this.#probe();
  }

  /** Nobody answered: whoever waits is told (neigh_invalidate). */
  #invalidate(): void {
    this.updated = this.table.net.now;
    while (this.nudState === NUD_FAILED) {
      const skb = this.queue?.shift();
      if (!skb) break;
      this.table.ops.errorReport(this, skb);
    }
    this.#purge();
  }

  #purge(): void {
    this.queue?.purge(DropReason.NEIGH_FAILED);
    this.queue = null;
    this.queueBytes = 0;
  }

  /**
   * News about the neighbour, or an order of the user (__neigh_update).
   * @param lladdr six bytes at `lladdrAt`, null: none given
   * @param state NUD_* that the news claims
   * @param flags NEIGH_UPDATE_F_*
   * Throws EPERM, EINVAL only with NEIGH_UPDATE_F_ADMIN.
   */
  update(lladdr: Uint8Array | null, lladdrAt: number, state: number, flags: number): void {
    const admin = (flags & NEIGH_UPDATE_F_ADMIN) !== 0;
    const old = this.nudState;
    const { now } = this.table.net;
    if (this.dead) {
      if (admin) throw new NetError(Errno.EPERM, "Neighbor entry is now dead");
      return;
    }
    if (!admin && old & (NUD_NOARP | NUD_PERMANENT)) return;
    if (!(state & NUD_VALID)) {
      this.timer.del();
      this.nudState = state;
      if (old & (NUD_INCOMPLETE | NUD_PROBE) && state & NUD_FAILED) this.#invalidate();
      return;
    }
    let changed = false;
    if (lladdr) changed = !(old & NUD_VALID) || !ethernet.equalMac(lladdr, lladdrAt, this.ha, 0);
    else if (!(old & NUD_VALID)) {
      if (admin) throw new NetError(Errno.EINVAL, "No link layer address given");
      return;
    }
    if (state & NUD_CONNECTED) this.confirmed = now;
    if (old & NUD_VALID) {
      if (changed && !(flags & NEIGH_UPDATE_F_OVERRIDE)) {
        if (!(flags & NEIGH_UPDATE_F_WEAK_OVERRIDE && old & NUD_CONNECTED)) return;
        changed = false;
        state = NUD_STALE;
      } else if (!changed && state === NUD_STALE && !admin) state = old;
    }
    if (state !== old || changed) this.updated = now;
    if (state !== old) {
      this.timer.del();
      if (state & NUD_PROBE) this.probes = 0;
      if (state & NUD_IN_TIMER) this.#arm(now + (state & NUD_REACHABLE ? this.table.reachableTime(this.parms) : 0));
      this.nudState = state;
    }
    if (changed) {
      ethernet.copyMac(lladdr!, lladdrAt, this.ha, 0);
      this.headerFor = 0;
      if (!(state & NUD_CONNECTED)) this.confirmed = now - 2 * this.parms.baseReachableTime;
    }
    if (state === old || old & NUD_VALID) return;
    while (this.nudState & NUD_VALID) {
      const skb = this.queue?.shift();
      if (!skb) break;
      this.queueBytes -= skbTruesize(skb);
      this.output(skb);
    }
    this.#purge();
  }

  /** Upper layers have heard from it (neigh_confirm): no probe is needed for a while. */
  confirm(): void {
    this.confirmed = this.table.net.now;
  }

  /** @internal the entry leaves the table (neigh_flush_dev, neigh_destroy) */
  kill(): void {
    this.dead = true;
    this.timer.del();
    this.#purge();
    this.nudState = this.nudState & NUD_VALID ? NUD_NOARP : NUD_NONE;
  }
}

/** What the queue and socket buffers charge for a packet: its buffer as slab allocators round it, and the skb itself. */
export function skbTruesize(skb: SkBuff): number {
  const need = skb.len + 64 + 320;
  // small ones have a cache of their own (skb_small_head)
  return (need <= 576 ? 576 : need <= 1024 ? 1024 : need <= 2048 ? 2048 : 1 << (32 - Math.clz32(need - 1))) + 256;
}

/** One entry as dumped (RTM_GETNEIGH). */
export interface NeighInfo {
  readonly key: number;
  readonly dev: NetDevice;
  /** null while unknown */
  readonly lladdr: Uint8Array | null;
  readonly state: number;
  readonly flags: number;
  readonly protocol: number;
  /** only the table holds it: no timer does */
  readonly unused: boolean;
  readonly probes: number;
  /** ns ago: last wanted, last confirmed, last changed (ndm_used, ndm_confirmed, ndm_updated) */
  readonly usedNs: Ns;
  readonly confirmedNs: Ns;
  readonly updatedNs: Ns;
}

const expired = (neigh: Neighbour): void => neigh.onTimer();

function sameWords(a: Int32Array, b: Int32Array): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}
