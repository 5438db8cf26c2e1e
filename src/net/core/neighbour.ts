// Neighbours: who on the link has an address, how sure we are of it (NUD states), the packets that wait for an answer,
// and the probing. Answers to net/core/neighbour.c; ARP says how to ask (ipv4/arp.ts). The periodic work of the kernel is
// done when somebody next looks, so that an idle lab stays idle.

import { Errno, NetError } from "../../base/errno.ts";
import { MSEC, type Ns, SEC } from "../../base/time.ts";
import type { Rng } from "../../sim/rng.ts";
import type { Timer } from "../../sim/sim.ts";
import * as ethernet from "../../wire/ethernet.ts";
import { devQueueXmit } from "./dev.ts";
import { DropReason } from "./drop-reason.ts";
import { NeighParms } from "./neigh-parms.ts";
import type { Net } from "./net.ts";
import type { NetDevice } from "./net-device.ts";
import { drop, type SkBuff, SkbQueue } from "./skb.ts";
import { wheelExpiry } from "./timer-wheel.ts";

export { NeighParms } from "./neigh-parms.ts";

// uapi/linux/neighbour.h
export const NUD_INCOMPLETE = 0x01;
export const NUD_REACHABLE = 0x02;
export const NUD_STALE = 0x04;
export const NUD_DELAY = 0x08;
export const NUD_PROBE = 0x10;
export const NUD_FAILED = 0x20;
export const NUD_NOARP = 0x40;
export const NUD_PERMANENT = 0x80;
export const NUD_NONE = 0x00;
export const NUD_IN_TIMER: number = NUD_INCOMPLETE | NUD_REACHABLE | NUD_DELAY | NUD_PROBE;
export const NUD_VALID: number = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;
export const NUD_CONNECTED: number = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE;

/** What may be overruled in an update. */
export const NEIGH_UPDATE_F_OVERRIDE = 0x01;
export const NEIGH_UPDATE_F_WEAK_OVERRIDE = 0x02;
export const NEIGH_UPDATE_F_ADMIN = -0x80000000;

/** Shortest time between two probes (HZ/100). */
const MIN_TICK: Ns = 10 * MSEC;
/** Reachable times are drawn anew this often. */
const RAND_INTERVAL: Ns = 300 * SEC;

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
  readonly ha: Uint8Array = new Uint8Array(6);
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
  readonly queue: SkbQueue = new SkbQueue();
  #queueBytes = 0;
  readonly #timer: Timer;

  constructor(table: NeighTable, key: number, dev: NetDevice, parms: NeighParms) {
    this.table = table;
    this.key = key;
    this.dev = dev;
    this.parms = parms;
    const { sim } = table.net;
    this.used = sim.now;
    this.updated = sim.now;
    this.confirmed = sim.now - 2 * parms.baseReachableTime;
    this.#timer = sim.timer(() => this.#onTimer());
  }

  get valid(): boolean {
    return (this.nudState & NUD_VALID) !== 0;
  }

  get connected(): boolean {
    return (this.nudState & NUD_CONNECTED) !== 0;
  }

  /** Sends a packet to the neighbour (neigh_output): skb.data is at the network header. Takes it over. 0 or an errno. */
  output(skb: SkBuff): number {
    if ((this.nudState & NUD_CONNECTED) === 0 && this.eventSend(skb)) return 0;
    const { dev } = this;
    skb.dev = dev;
    if (dev.hardHeaderLen === ethernet.HEADER_LENGTH) {
      const at = skb.push(ethernet.HEADER_LENGTH);
      const { head } = skb;
      ethernet.copyMac(this.ha, 0, head, at);
      ethernet.copyMac(dev.address, 0, head, at + 6);
      head[at + 12] = skb.protocol >> 8;
      head[at + 13] = skb.protocol;
    }
    devQueueXmit(skb);
    return 0;
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
    const size = skbTruesize(skb);
    while (this.#queueBytes + size > this.parms.queueLenBytes) {
      const oldest = this.queue.shift();
      if (!oldest) break;
      this.#queueBytes -= skbTruesize(oldest);
      drop(oldest, DropReason.NEIGH_QUEUEFULL);
    }
    this.queue.push(skb);
    this.#queueBytes += size;
  }

  /** neigh_probe */
  #probe(): void {
    // the packet stays in the queue; the question only reads its source
    this.table.ops.solicit(this, this.queue.tail);
    this.probes++;
  }

  #maxProbes(): number {
    const { parms } = this;
    return parms.ucastProbes + parms.appProbes + (this.nudState & NUD_PROBE ? parms.mcastReprobes : parms.mcastProbes);
  }

  #arm(at: Ns): void {
    this.#timer.mod(wheelExpiry(this.table.net.now, at));
  }

  /** neigh_timer_handler */
  #onTimer(): void {
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
      const skb = this.queue.shift();
      if (!skb) break;
      this.table.ops.errorReport(this, skb);
    }
    this.#purge();
  }

  #purge(): void {
    this.queue.purge(DropReason.NEIGH_FAILED);
    this.#queueBytes = 0;
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
      this.#timer.del();
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
      this.#timer.del();
      if (state & NUD_PROBE) this.probes = 0;
      if (state & NUD_IN_TIMER) this.#arm(now + (state & NUD_REACHABLE ? this.table.reachableTime(this.parms) : 0));
      this.nudState = state;
    }
    if (changed) {
      ethernet.copyMac(lladdr!, lladdrAt, this.ha, 0);
      if (!(state & NUD_CONNECTED)) this.confirmed = now - 2 * this.parms.baseReachableTime;
    }
    if (state === old || old & NUD_VALID) return;
    while (this.nudState & NUD_VALID) {
      const skb = this.queue.shift();
      if (!skb) break;
      this.#queueBytes -= skbTruesize(skb);
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
    this.#timer.del();
    this.#purge();
    this.nudState = this.nudState & NUD_VALID ? NUD_NOARP : NUD_NONE;
  }
}

/** What the queue and socket buffers charge for a packet: its buffer as slab allocators round it, and the skb itself. */
export function skbTruesize(skb: SkBuff): number {
  const need = skb.len + 64 + 320;
  let size = 512;
  while (size < need) size *= 2;
  return size + 256;
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
  readonly probes: number;
  /** ns ago: last wanted, last confirmed, last changed (ndm_used, ndm_confirmed, ndm_updated) */
  readonly usedNs: Ns;
  readonly confirmedNs: Ns;
  readonly updatedNs: Ns;
}

/** A proxied address (`ip neigh add proxy`). */
export interface ProxyEntry {
  readonly key: number;
  /** null: on every device */
  readonly dev: NetDevice | null;
}

/** The neighbours of one protocol in one namespace (struct neigh_table). */
export class NeighTable {
  readonly net: Net;
  readonly ops: NeighOps;
  /** for messages: "arp_cache" */
  readonly name: string;
  readonly #rng: Rng;
  /** net.ipv4.neigh.default.*: what a new device starts with */
  readonly parms: NeighParms;
  readonly #byDev: Map<NetDevice, NeighParms> = new Map();
  readonly proxies: ProxyEntry[] = [];
  /** entries that count against the thresholds */
  entries = 0;
  gcThresh1 = 128;
  gcThresh2 = 512;
  gcThresh3 = 1024;
  gcInterval: Ns = 30 * SEC;
  #lastGc: Ns = 0;
  #lastFlush: Ns = 0;
  readonly #proxyQueue: SkbQueue = new SkbQueue();
  readonly #proxyTimer: Timer;

  constructor(net: Net, name: string, ops: NeighOps, rng: Rng) {
    this.net = net;
    this.name = name;
    this.ops = ops;
    this.#rng = rng;
    this.parms = new NeighParms();
    this.#proxyTimer = net.sim.timer(() => this.#onProxyTimer());
  }

  /** The device's settings and entries, made when missing (neigh_parms_alloc). */
  parmsOf(dev: NetDevice): NeighParms {
    let parms = this.#byDev.get(dev);
    if (!parms) {
      parms = this.parms.copy();
      parms.lastRand = this.net.now;
      parms.reachableTime = this.#drawReachableTime(parms);
      this.#byDev.set(dev, parms);
    }
    return parms;
  }

  devices(): IterableIterator<[NetDevice, NeighParms]> {
    return this.#byDev.entries();
  }

  /** The device is gone for good (neigh_parms_release). */
  release(dev: NetDevice): void {
    this.ifdown(dev);
    this.#byDev.delete(dev);
  }

  /** How long a confirmation counts: 0.5 to 1.5 times the base, drawn anew every 300 s. */
  reachableTime(parms: NeighParms): Ns {
    const { now } = this.net;
    if (now - parms.lastRand > RAND_INTERVAL) {
      parms.lastRand = now;
      parms.reachableTime = this.#drawReachableTime(parms);
    }
    return parms.reachableTime;
  }

  #drawReachableTime(parms: NeighParms): Ns {
    const base = parms.baseReachableTime;
    return base === 0 ? 0 : Math.floor(this.#rng.unit() * base) + Math.floor(base / 2);
  }

  /** After base_reachable_time was written. */
  redraw(parms: NeighParms): void {
    parms.reachableTime = this.#drawReachableTime(parms);
  }

  /** neigh_lookup */
  lookup(dev: NetDevice, key: number): Neighbour | null {
    return this.#byDev.get(dev)?.entries.get(key | 0) ?? null;
  }

  /** neigh_create: null when there can be none on this device, or the table is full. */
  lookupOrCreate(dev: NetDevice, key: number): Neighbour | null {
    return this.lookup(dev, key) ?? this.create(dev, key, false);
  }

  /** ___neigh_create */
  create(dev: NetDevice, key: number, exemptFromGc: boolean): Neighbour | null {
    this.#periodicWork();
    if (!exemptFromGc && !this.#makeRoom()) {
      this.net.kernel.printk(`neighbour: ${this.name}: neighbor table overflow!`);
      return null;
    }
    const parms = this.parmsOf(dev);
    const neigh = new Neighbour(this, key, dev, parms);
    if (!this.ops.construct(neigh)) return null;
    parms.entries.set(key | 0, neigh);
    this.entries++;
    return neigh;
  }

  #makeRoom(): boolean {
    const { now } = this.net;
    if (this.entries < this.gcThresh2) return true;
    if (this.entries < this.gcThresh3 && now - this.#lastFlush <= 5 * SEC) return true;
    this.#lastFlush = now;
    let surplus = this.entries - this.gcThresh2;
    for (const parms of this.#byDev.values())
      for (const neigh of [...parms.entries.values()]) {
        if (surplus <= 0) break;
        const state = neigh.nudState;
        const old = now - neigh.updated > 5 * SEC;
        if (state & (NUD_PERMANENT | NUD_NOARP) || !(state === NUD_FAILED || old)) continue;
        this.#unlink(neigh);
        surplus--;
      }
    return this.entries < this.gcThresh3;
  }

  /** Forgets entries that are long stale, when there are many (neigh_periodic_work). */
  #periodicWork(): void {
    const { now } = this.net;
    if (this.entries < this.gcThresh1 || now - this.#lastGc < this.parms.baseReachableTime / 2) return;
    this.#lastGc = now;
    for (const parms of this.#byDev.values())
      for (const neigh of [...parms.entries.values()]) {
        const state = neigh.nudState;
        if (state & (NUD_PERMANENT | NUD_IN_TIMER)) continue;
        const used = Math.max(neigh.used, neigh.confirmed);
        if (state === NUD_FAILED || now > used + parms.gcStaleTime) this.#unlink(neigh);
      }
  }

  #unlink(neigh: Neighbour): void {
    neigh.parms.entries.delete(neigh.key | 0);
    this.entries--;
    neigh.kill();
  }

  /** Takes an entry out of the table (neigh_remove_one). */
  remove(neigh: Neighbour): void {
    this.#unlink(neigh);
  }

  /** The device went down or is going: all its entries go (neigh_ifdown). */
  ifdown(dev: NetDevice): void {
    this.#flushDev(dev, false);
    for (let i = this.proxies.length - 1; i >= 0; i--) if (this.proxies[i]!.dev === dev) this.proxies.splice(i, 1);
    this.#dropProxied(dev);
  }

  /** No carrier: all but permanent entries go (neigh_carrier_down). */
  carrierDown(dev: NetDevice): void {
    this.#flushDev(dev, true);
    this.#dropProxied(dev);
  }

  /** The device's own address changed (neigh_changeaddr). */
  changeaddr(dev: NetDevice): void {
    this.#flushDev(dev, false);
  }

  #flushDev(dev: NetDevice, keepPermanent: boolean): void {
    const parms = this.#byDev.get(dev);
    if (!parms) return;
    for (const neigh of [...parms.entries.values()])
      if (!keepPermanent || !(neigh.nudState & NUD_PERMANENT)) this.#unlink(neigh);
  }

  /** An ARP request or the like came from this neighbour (neigh_event_ns): known or made, STALE. */
  eventNs(lladdr: Uint8Array, lladdrAt: number, key: number, dev: NetDevice): Neighbour | null {
    const neigh = this.lookupOrCreate(dev, key);
    neigh?.update(lladdr, lladdrAt, NUD_STALE, NEIGH_UPDATE_F_OVERRIDE);
    return neigh;
  }

  /**
   * RTM_NEWNEIGH. Throws ENOENT (not there, `create` not asked), EEXIST, EINVAL "No link layer address given".
   * @param state NUD_*
   */
  add(
    dev: NetDevice,
    key: number,
    lladdr: Uint8Array | null,
    state: number,
    how: { create: boolean; exclusive: boolean; replace: boolean; protocol?: number },
  ): void {
    let neigh = this.lookup(dev, key);
    let flags = NEIGH_UPDATE_F_ADMIN | NEIGH_UPDATE_F_OVERRIDE;
    if (!neigh) {
      if (!how.create) throw new NetError(Errno.ENOENT);
      neigh = this.create(dev, key, (state & NUD_PERMANENT) !== 0);
      if (!neigh) throw new NetError(Errno.EINVAL);
    } else {
      if (how.exclusive) throw new NetError(Errno.EEXIST);
      if (!how.replace) flags &= ~NEIGH_UPDATE_F_OVERRIDE;
    }
    if (how.protocol !== undefined) neigh.protocol = how.protocol;
    neigh.update(lladdr, 0, state, flags);
  }

  /** RTM_DELNEIGH. Throws ENOENT. */
  delete(dev: NetDevice, key: number): void {
    const neigh = this.lookup(dev, key);
    if (!neigh) throw new NetError(Errno.ENOENT);
    neigh.update(null, 0, NUD_FAILED, NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN);
    this.#unlink(neigh);
  }

  /** The entries of one device or of all, in order of creation. */
  dump(dev: NetDevice | null = null): NeighInfo[] {
    this.#periodicWork();
    const { now } = this.net;
    const out: NeighInfo[] = [];
    for (const [owner, parms] of this.#byDev) {
      if (dev && owner !== dev) continue;
      for (const neigh of parms.entries.values())
        out.push({
          key: neigh.key,
          dev: owner,
          lladdr: neigh.valid ? neigh.ha.slice() : null,
          state: neigh.nudState,
          flags: neigh.flags,
          protocol: neigh.protocol,
          probes: neigh.probes,
          usedNs: now - neigh.used,
          confirmedNs: now - neigh.confirmed,
          updatedNs: now - neigh.updated,
        });
    }
    return out;
  }

  /** pneigh_lookup */
  isProxied(key: number, dev: NetDevice): boolean {
    for (const proxy of this.proxies) if (proxy.key === key && (proxy.dev === null || proxy.dev === dev)) return true;
    return false;
  }

  /** Answers later, after a random part of proxy_delay (pneigh_enqueue). Takes the packet over. */
  proxyEnqueue(parms: NeighParms, skb: SkBuff): void {
    if (this.#proxyQueue.length > parms.proxyQlen) {
      drop(skb, DropReason.NOT_SPECIFIED);
      return;
    }
    const at = this.net.now + Math.floor(this.#rng.unit() * parms.proxyDelay);
    skb.cb0 = 1;
    skb.cb1 = at;
    skb.dst = null;
    this.#proxyQueue.push(skb);
    const due = wheelExpiry(this.net.now, at);
    if (!this.#proxyTimer.pending || this.#proxyTimer.expires > due) this.#proxyTimer.mod(due);
  }

  #onProxyTimer(): void {
    const { now } = this.net;
    const queue = this.#proxyQueue;
    let next = Number.POSITIVE_INFINITY;
    for (let n = queue.length; n > 0; n--) {
      const skb = queue.shift()!;
      if (skb.cb1 <= now) {
        if (skb.dev?.up) this.ops.proxyRedo(skb);
        else drop(skb, DropReason.NOT_SPECIFIED);
      } else {
        next = Math.min(next, skb.cb1);
        queue.push(skb);
      }
    }
    if (next !== Number.POSITIVE_INFINITY) this.#proxyTimer.mod(wheelExpiry(now, next));
  }

  #dropProxied(dev: NetDevice): void {
    const queue = this.#proxyQueue;
    for (let n = queue.length; n > 0; n--) {
      const skb = queue.shift()!;
      if (skb.dev === dev) drop(skb, DropReason.NOT_SPECIFIED);
      else queue.push(skb);
    }
  }
}
