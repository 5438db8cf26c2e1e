// The table of a protocol's neighbours in one namespace: looking up, making, forgetting; what a user adds and lists; and the
// queue of proxied requests. Answers to net/core/neighbour.c. The kernel's periodic work is done when somebody next looks,
// so that an idle lab stays idle.

import { Errno, NetError } from "../../base/errno.ts";
import { type Ns, SEC } from "../../base/time.ts";
import type { Rng } from "../../sim/rng.ts";
import type { Timer } from "../../sim/sim.ts";
import { DropReason } from "./drop-reason.ts";
import { NeighParms } from "./neigh-parms.ts";
import {
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_OVERRIDE,
  Neighbour,
  type NeighInfo,
  type NeighOps,
  NTF_EXT_LEARNED,
  NTF_ROUTER,
  NTF_USE,
  NUD_FAILED,
  NUD_IN_TIMER,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_STALE,
} from "./neighbour.ts";
import type { Net } from "./net.ts";
import { IFF_POINTOPOINT, type NetDevice } from "./net-device.ts";
import { drop, type SkBuff, SkbQueue } from "./skb.ts";
import { wheelExpiry } from "./timer-wheel.ts";

/** Reachable times are drawn anew this often. */
const RAND_INTERVAL: Ns = 300 * SEC;

/** A proxied address (`ip neigh add proxy`). */
export interface ProxyEntry {
  readonly key: number;
  /** null: on every device */
  readonly dev: NetDevice | null;
  /** NTF_ROUTER or 0 */
  readonly flags: number;
}

/** What every table starts with; never changed. */
const DEFAULT_PARMS: NeighParms = new NeighParms();
const NO_PROXIES: readonly ProxyEntry[] = [];

/** The neighbours of one protocol in one namespace (struct neigh_table). */
export class NeighTable {
  readonly net: Net;
  readonly ops: NeighOps;
  /** for messages: "arp_cache" */
  readonly name: string;
  private readonly rng: Rng;
  private _parms: NeighParms = DEFAULT_PARMS;
  proxies: readonly ProxyEntry[] = NO_PROXIES;
  /** entries that count against the thresholds */
  entries = 0;
  gcThresh1 = 128;
  gcThresh2 = 512;
  gcThresh3 = 1024;
  gcInterval: Ns = 30 * SEC;
  private lastGc: Ns = 0;
  private lastFlush: Ns = 0;
  /** made with the first proxied question that waits */
  private proxyQueue: SkbQueue | null = null;
  private proxyTimer: Timer | null = null;

  constructor(net: Net, name: string, ops: NeighOps, rng: Rng) {
    this.net = net;
    this.name = name;
    this.ops = ops;
    this.rng = rng;
  }

  /** net.ipv4.neigh.default.*: what a new device starts with */
  get parms(): NeighParms {
    if (this._parms === DEFAULT_PARMS) this._parms = new NeighParms();
    return this._parms;
  }

  /** The device's settings and entries, made when missing (neigh_parms_alloc). */
  parmsOf(dev: NetDevice): NeighParms {
    let parms = dev.neighParms;
    if (!parms) {
      parms = this._parms.copy();
      parms.lastRand = this.net.now;
      parms.reachableTime = this.#drawReachableTime(parms);
      dev.neighParms = parms;
    }
    return parms;
  }

  /** those of a device, if it has any */
  knownParms(dev: NetDevice): NeighParms | undefined {
    return dev.neighParms ?? undefined;
  }

  *devices(): Generator<[NetDevice, NeighParms]> {
    for (const dev of this.net.devices.values()) if (dev.neighParms) yield [dev, dev.neighParms];
  }

  /** The device is gone for good (neigh_parms_release). */
  release(dev: NetDevice): void {
    this.ifdown(dev);
    dev.neighParms = null;
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
    return base === 0 ? 0 : Math.floor(this.rng.unit() * base) + Math.floor(base / 2);
  }

  /** After base_reachable_time was written. */
  redraw(parms: NeighParms): void {
    parms.reachableTime = this.#drawReachableTime(parms);
  }

  /** neigh_lookup */
  lookup(dev: NetDevice, key: number): Neighbour | null {
    return dev.neighParms?.entries.get(key | 0) ?? null;
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
    // where there is nobody to tell apart all share one entry
    if (dev.loopback || dev.flags & IFF_POINTOPOINT) {
      key = 0;
      const shared = this.lookup(dev, key);
      if (shared) return shared;
    }
    const neigh = new Neighbour(this, key, dev, parms);
    if (!this.ops.construct(neigh)) return null;
    parms.add(neigh);
    this.entries++;
    return neigh;
  }

  #makeRoom(): boolean {
    const { now } = this.net;
    if (this.entries < this.gcThresh2) return true;
    if (this.entries < this.gcThresh3 && now - this.lastFlush <= 5 * SEC) return true;
    this.lastFlush = now;
    let surplus = this.entries - this.gcThresh2;
    for (const [, parms] of this.devices())
      for (const neigh of parms.entries.values()) {
        if (surplus <= 0) return true;
        const state = neigh.nudState;
        if (state & NUD_PERMANENT) continue;
        // a group's or a broadcast's address is made again in no time
        const cheap = state === NUD_FAILED || state === NUD_NOARP;
        if (!cheap && now - neigh.updated <= 5 * SEC) continue;
        this.#unlink(neigh);
        surplus--;
      }
    return this.entries < this.gcThresh3;
  }

  /** Forgets entries that are long stale, when there are many (neigh_periodic_work). */
  #periodicWork(): void {
    const { now } = this.net;
    if (this.entries < this.gcThresh1 || now - this.lastGc < this._parms.baseReachableTime / 2) return;
    this.lastGc = now;
    for (const [, parms] of this.devices())
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
    if (this.proxies.length > 0) this.proxies = this.proxies.filter((proxy) => proxy.dev !== dev);
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
    const parms = dev.neighParms;
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
    how: { create: boolean; exclusive: boolean; replace: boolean; protocol?: number; flags?: number },
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
    const wanted = how.flags ?? 0;
    if (wanted & NTF_USE) {
      neigh.eventSend(null);
      return;
    }
    neigh.flags = (neigh.flags & ~(NTF_ROUTER | NTF_EXT_LEARNED)) | (wanted & (NTF_ROUTER | NTF_EXT_LEARNED));
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
    for (const [owner, parms] of this.devices()) {
      if (dev && owner !== dev) continue;
      for (const neigh of parms.entries.values())
        out.push({
          key: neigh.key,
          dev: owner,
          lladdr: neigh.valid ? neigh.ha.slice() : null,
          state: neigh.nudState,
          flags: neigh.flags,
          protocol: neigh.protocol,
          unused: !neigh.inTimer,
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
    this.proxyQueue ??= new SkbQueue();
    this.proxyTimer ??= this.net.sim.timer(() => this.#onProxyTimer());
    if (this.proxyQueue.length > parms.proxyQlen) {
      drop(skb, DropReason.NOT_SPECIFIED);
      return;
    }
    const at = this.net.now + Math.floor(this.rng.unit() * parms.proxyDelay);
    skb.cb0 = 1;
    skb.cb1 = at;
    skb.dst = null;
    this.proxyQueue.push(skb);
    const due = wheelExpiry(this.net.now, at);
    if (!this.proxyTimer.pending || this.proxyTimer.expires > due) this.proxyTimer.mod(due);
  }

  #onProxyTimer(): void {
    const { now } = this.net;
    const queue = this.proxyQueue!;
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
    if (next !== Number.POSITIVE_INFINITY) this.proxyTimer!.mod(wheelExpiry(now, next));
  }

  #dropProxied(dev: NetDevice): void {
    const queue = this.proxyQueue;
    if (queue === null) return;
    for (let n = queue.length; n > 0; n--) {
      const skb = queue.shift()!;
      if (skb.dev === dev) drop(skb, DropReason.NOT_SPECIFIED);
      else queue.push(skb);
    }
  }
}
