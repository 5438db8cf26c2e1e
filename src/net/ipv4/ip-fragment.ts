// Puts fragments together (RFC 815) and gives up after a while. Answers to net/ipv4/ip_fragment.c and
// net/ipv4/inet_fragment.c. The whole packet comes back in the buffer of the fragment that completed it, as in the kernel,
// so that a hook can go on with the skb that it was given.

import { LazyMap } from "../../base/lazy.ts";
import { SEC } from "../../base/time.ts";
import type { Timer } from "../../sim/sim.ts";
import { ICMP_EXC_FRAGTIME, ICMP_TIME_EXCEEDED } from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { DropReason } from "../core/drop-reason.ts";
import { skbTruesize } from "../core/neighbour.ts";
import { CHECKSUM_NONE, consumeSkb, drop, type SkBuff, trace } from "../core/skb.ts";
import { moveBytes } from "../core/skb-bytes.ts";
import { wheelExpiry } from "../core/timer-wheel.ts";
import { RTN_LOCAL } from "./fib-types.ts";
import { IPSKB_FRAG_PMTU } from "./ip-cb.ts";
import type { Ipv4 } from "./ipv4.ts";
import { ipRouteInput } from "./route-input.ts";
import { skbRtable } from "./rtable.ts";

/** Who asks for a whole packet (enum ip_defrag_users): packets of different users are kept apart. */
export const IP_DEFRAG_LOCAL_DELIVER = 0;
export const IP_DEFRAG_CALL_RA_CHAIN = 1;
export const IP_DEFRAG_CONNTRACK_IN = 2;
export const IP_DEFRAG_CONNTRACK_OUT = 3;
export const IP_DEFRAG_CONNTRACK_BRIDGE_IN = 4;

const FIRST_IN = 1;
const LAST_IN = 2;

/** What the ECN bits of all fragments make of the whole (RFC 3168 section 5.3); −1: they contradict each other. */
function combinedEcn(seen: number): number {
  if (seen & 1 && seen !== 1) return -1;
  return seen & 8 && seen !== 8 ? 3 : 0;
}

/** The fragments of one packet (struct ipq). */
class FragQueue {
  readonly saddr: number;
  readonly daddr: number;
  readonly id: number;
  readonly protocol: number;
  readonly user: number;
  readonly hash: number;
  next: FragQueue | null = null;
  /** by offset; skb.data is at the fragment's payload, cb0 its offset, cb1 its end */
  frags: SkBuff[] = [];
  flags = 0;
  length = 0;
  meat = 0;
  maxSize = 0;
  maxDfSize = 0;
  ecn = 0;
  iif = 0;
  rid = 0;
  memory = 0;
  readonly timer: Timer;

  constructor(key: FragKey, timer: Timer) {
    this.saddr = key.saddr;
    this.daddr = key.daddr;
    this.id = key.id;
    this.protocol = key.protocol;
    this.user = key.user;
    this.hash = key.hash;
    this.timer = timer;
  }
}

interface FragKey {
  saddr: number;
  daddr: number;
  id: number;
  protocol: number;
  user: number;
  hash: number;
}

/** All packets that wait for fragments in one namespace (fqdir). */
export class IpFragments {
  private readonly ip4: Ipv4;
  private readonly _queues: LazyMap<number, FragQueue> = new LazyMap();
  private readonly key: FragKey = { saddr: 0, daddr: 0, id: 0, protocol: 0, user: 0, hash: 0 };
  /** fragments seen from each source: distance is counted in them (inet_peer.rid) */
  private readonly rids: LazyMap<number, number> = new LazyMap();
  memory = 0;

  /** Packets that are being put together. */
  get queues(): number {
    let count = 0;
    for (const first of this._queues.values()) for (let q: FragQueue | null = first; q; q = q.next) count++;
    return count;
  }

  constructor(ip4: Ipv4) {
    this.ip4 = ip4;
  }

  /** Takes a fragment; true when `skb` is now the whole packet. */
  add(skb: SkBuff, user: number): boolean {
    const { mib } = this.ip4;
    mib.ip.ReasmReqds++;
    const queue = this.#find(skb, user);
    if (!queue) {
      mib.ip.ReasmFails++;
      drop(skb, DropReason.FRAG_QUEUE_LIMIT);
      return false;
    }
    return this.#insert(queue, skb);
  }

  /** ip_find */
  #find(skb: SkBuff, user: number): FragQueue | null {
    const { ipfragHighThresh } = this.ip4.sysctl;
    // a full table refuses what would complete a packet, too
    if (ipfragHighThresh === 0 || this.memory > ipfragHighThresh) return null;
    const { head } = skb;
    const ip = skb.networkHeader;
    const key = this.key;
    key.saddr = ipv4.getSource(head, ip);
    key.daddr = ipv4.getDestination(head, ip);
    key.id = ipv4.getIdentification(head, ip);
    key.protocol = ipv4.getProtocol(head, ip);
    key.user = user;
    let h = Math.imul(key.saddr, 0x9e3779b1) ^ key.daddr;
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ (key.id | (key.protocol << 16) | (user << 24));
    key.hash = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    for (let queue = this._queues.get(key.hash) ?? null; queue; queue = queue.next)
      if (
        queue.saddr === key.saddr &&
        queue.daddr === key.daddr &&
        queue.id === key.id &&
        queue.protocol === key.protocol &&
        queue.user === user
      )
        return queue;
    const made: FragQueue = new FragQueue(
      key,
      this.ip4.net.sim.timer(() => this.#expire(made)),
    );
    this.#arm(made);
    made.next = this._queues.get(key.hash) ?? null;
    this._queues.set(key.hash, made);
    return made;
  }

  #arm(queue: FragQueue): void {
    const { now } = this.ip4.net;
    queue.timer.mod(wheelExpiry(now, now + this.ip4.sysctl.ipfragTime * SEC));
  }

  /** ip_frag_queue */
  #insert(queue: FragQueue, skb: SkBuff): boolean {
    const { mib } = this.ip4;
    if (this.#tooFar(queue)) this.#reinit(queue);
    const { head } = skb;
    const ip = skb.networkHeader;
    const word = ipv4.getFlagsAndOffset(head, ip);
    const ihl = ipv4.getHeaderLength(head, ip);
    const offset = (word & ipv4.OFFSET_MASK) << 3;
    let end = offset + (skb.tail - ip) - ihl;
    if ((word & ipv4.MF) === 0) {
      if (end < queue.length || (queue.flags & LAST_IN && end !== queue.length)) return this.#discard(queue, skb);
      queue.flags |= LAST_IN;
      queue.length = end;
    } else {
      end &= ~7;
      if (end > queue.length) {
        if (queue.flags & LAST_IN) return this.#discard(queue, skb);
        queue.length = end;
      }
    }
    if (end <= offset) return this.#discard(queue, skb);
    skb.data = ip + ihl;
    skb.tail = skb.data + (end - offset);
    skb.cb0 = offset;
    skb.cb1 = end;

    const { frags } = queue;
    let at = frags.length;
    while (at > 0 && frags[at - 1]!.cb0 > offset) at--;
    const before = frags[at - 1];
    const after = frags[at];
    if ((before && before.cb1 >= end) || (after && after.cb0 === offset && after.cb1 >= end)) {
      drop(skb, DropReason.DUP_FRAG);
      return false;
    }
    if ((before && before.cb1 > offset) || (after && after.cb0 < end)) {
      mib.ipExt.ReasmOverlaps++;
      return this.#discard(queue, skb, DropReason.FRAG_OVERLAP);
    }
    frags.splice(at, 0, skb);
    if (skb.dev) queue.iif = skb.dev.ifindex;
    queue.meat += end - offset;
    queue.ecn |= 1 << (ipv4.getTos(head, ip) & 3);
    const size = skbTruesize(skb);
    queue.memory += size;
    this.memory += size;
    if (offset === 0) queue.flags |= FIRST_IN;
    const fragSize = end - offset + ihl;
    queue.maxSize = Math.max(queue.maxSize, fragSize);
    if (word & ipv4.DF) queue.maxDfSize = Math.max(queue.maxDfSize, fragSize);

    if (queue.flags === (FIRST_IN | LAST_IN) && queue.meat === queue.length) return this.#reassemble(queue, skb);
    if (skb.pool.trace !== null) trace(skb, "ipFragQueue");
    skb.dst = null;
    skb.sk = null;
    return false;
  }

  /** Too many other fragments of this source came since this packet's last (ip_frag_too_far). */
  #tooFar(queue: FragQueue): boolean {
    const max = this.ip4.sysctl.ipfragMaxDist;
    if (max === 0) return false;
    const key = queue.saddr | 0;
    const rid = (this.rids.get(key) ?? 0) + 1;
    if (this.rids.size >= 4096 && !this.rids.has(key)) this.rids.clear();
    this.rids.set(key, rid);
    const start = queue.rid;
    queue.rid = rid;
    if (queue.frags.length === 0 || rid - start <= max) return false;
    this.ip4.mib.ip.ReasmFails++;
    return true;
  }

  /** Begins anew (ip_frag_reinit). */
  #reinit(queue: FragQueue): void {
    for (const skb of queue.frags) drop(skb, DropReason.FRAG_TOO_FAR);
    this.memory -= queue.memory;
    queue.memory = 0;
    queue.frags = [];
    queue.flags = 0;
    queue.length = 0;
    queue.meat = 0;
    queue.ecn = 0;
    queue.maxSize = 0;
    queue.maxDfSize = 0;
    this.#arm(queue);
  }

  #discard(queue: FragQueue, skb: SkBuff, reason: DropReason = DropReason.NOT_SPECIFIED): boolean {
    this.#kill(queue, reason);
    this.ip4.mib.ip.ReasmFails++;
    drop(skb, reason);
    return false;
  }

  #kill(queue: FragQueue, reason: DropReason | null): void {
    queue.timer.del();
    this.memory -= queue.memory;
    queue.memory = 0;
    const first = this._queues.get(queue.hash) ?? null;
    if (first === queue) {
      if (queue.next) this._queues.set(queue.hash, queue.next);
      else this._queues.delete(queue.hash);
    } else for (let other = first; other; other = other.next) if (other.next === queue) other.next = queue.next;
    if (reason !== null) for (const skb of queue.frags) drop(skb, reason);
    else for (const skb of queue.frags) consumeSkb(skb);
    queue.frags = [];
  }

  /** ip_frag_reasm: `last` becomes the whole packet. */
  #reassemble(queue: FragQueue, last: SkBuff): boolean {
    const { mib } = this.ip4;
    const { frags } = queue;
    const first = frags[0]!;
    const ecn = combinedEcn(queue.ecn);
    const ihl = ipv4.getHeaderLength(first.head, first.networkHeader);
    const total = ihl + queue.length;
    if (ecn < 0 || total > 65535) {
      mib.ip.ReasmFails++;
      this.#kill(queue, DropReason.NOT_SPECIFIED);
      return false;
    }
    const whole = last.pool.alloc(total);
    const ip = whole.put(total);
    const { head } = whole;
    moveBytes(head, ip, first.head, first.networkHeader, ihl);
    for (const skb of frags) moveBytes(head, ip + ihl + skb.cb0, skb.head, skb.data, skb.len);
    const sizes = frags.map((skb) => skb.len);
    ipv4.setTotalLength(head, ip, total);
    ipv4.setTos(head, ip, ipv4.getTos(head, ip) | ecn);
    // all fragments of the largest size asked not to be cut: nor may they be from here on
    const pmtu = queue.maxDfSize === queue.maxSize;
    ipv4.setFlagsAndOffset(head, ip, pmtu ? ipv4.DF : 0);
    ipv4.updateChecksum(head, ip);

    last.pktType = first.pktType;
    last.mark = first.mark;
    last.priority = first.priority;
    last.skbIif = first.skbIif;
    last.physInDev = first.physInDev;
    last.physOutDev = first.physOutDev;
    last.ipcbFlags = first.ipcbFlags | (pmtu ? IPSKB_FRAG_PMTU : 0);
    last.optOffset = first.optOffset;
    last.optLen = first.optLen;
    last.fragMaxSize = Math.max(queue.maxDfSize, queue.maxSize);
    // the link header of the first fragment, for those who look back at it
    if (first.macHeader >= 0) {
      const macLen = first.networkHeader - first.macHeader;
      moveBytes(head, ip - macLen, first.head, first.macHeader, macLen);
      whole.macHeader = ip - macLen;
    }
    if (last.pool.trace !== null) for (const skb of frags) trace(skb, "ipFragReasm", last.dev, "", null, last);
    frags.splice(frags.indexOf(last), 1);
    this.#kill(queue, null);
    morph(last, whole);
    last.networkHeader = ip;
    last.transportHeader = ip + ihl;
    last.ipSummed = CHECKSUM_NONE;
    last.fragSizes = sizes;
    last.cb0 = 0;
    last.cb1 = 0;
    mib.ip.ReasmOKs++;
    return true;
  }

  /** The rest did not come in time (ip_expire). */
  #expire(queue: FragQueue): void {
    const ip4 = this.ip4;
    ip4.mib.ip.ReasmFails++;
    ip4.mib.ip.ReasmTimeout++;
    const first = queue.flags & FIRST_IN ? queue.frags.shift() : undefined;
    this.#kill(queue, DropReason.FRAG_REASM_TIMEOUT);
    if (!first) return;
    this.#tellTimeout(queue, first);
    drop(first, DropReason.FRAG_REASM_TIMEOUT);
  }

  /** Only the host for which a packet is says that it did not become whole (RFC 792). */
  #tellTimeout(queue: FragQueue, first: SkBuff): void {
    const ip4 = this.ip4;
    const dev = ip4.net.deviceByIndex(queue.iif);
    if (!dev) return;
    const { head } = first;
    const ip = first.networkHeader;
    first.dev = dev;
    const reason = ipRouteInput(
      ip4,
      first,
      ipv4.getDestination(head, ip),
      ipv4.getSource(head, ip),
      ipv4.getTos(head, ip),
      dev,
    );
    if (reason !== null) return;
    if (queue.user >= IP_DEFRAG_CONNTRACK_IN && skbRtable(first)?.type !== RTN_LOCAL) return;
    ip4.ops.icmpSend(first, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0);
  }

  /** The namespace goes: nothing may go off any more. */
  destroy(): void {
    for (const first of [...this._queues.values()])
      for (let queue: FragQueue | null = first; queue; queue = queue.next) this.#kill(queue, DropReason.NOT_SPECIFIED);
  }
}

/** `skb` takes over the bytes of `donor`, which goes back to the pool with skb's old buffer (skb_morph). */
function morph(skb: SkBuff, donor: SkBuff): void {
  skb.swapHeads(donor);
  skb.data = donor.data;
  skb.tail = donor.tail;
  skb.macHeader = donor.macHeader;
  donor.pool.consume(donor);
}

/**
 * Takes a fragment (ip_defrag): skb.networkHeader is at its IP header. Null: it was kept or dropped and is no longer the
 * caller's. Else the same skb, now the whole packet, with data at its IP header and fragMaxSize set.
 */
export function ipDefrag(ip4: Ipv4, skb: SkBuff, user: number): SkBuff | null {
  return ip4.fragments.add(skb, user) ? skb : null;
}
