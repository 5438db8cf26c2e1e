// A table of the match hashlimit: a bucket of credit for each combination of addresses and ports, and its text in
// /proc/net/ipt_hashlimit. Credit grows with every tick of the kernel's clock, HZ=250. Answers to xt_hashlimit.c (revision 3).

import { MSEC, type Ns, SEC } from "../../base/time.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import type { Net } from "../core/net.ts";
import { JIFFY_NS } from "../core/timer-wheel.ts";

/** What the rule that makes a table says of it. */
export interface HashlimitConfig {
  readonly bytes: boolean;
  readonly rateMatch: boolean;
  /** microseconds per packet; in byte mode the cost of sixteen bytes */
  readonly avg: number;
  readonly burst: number;
  /** milliseconds */
  readonly expire: number;
  /** seconds, with rateMatch */
  readonly interval: number;
  /** entries at most; 0: as many as come */
  readonly max: number;
}

interface Bucket {
  readonly src: number;
  readonly dst: number;
  readonly sport: number;
  readonly dport: number;
  expires: Ns;
  /** tick of the last look */
  prev: number;
  /** with rateMatch what has been seen in this interval */
  credit: number;
  /** in byte mode how often the credit may still be filled up at once */
  cap: number;
  cost: number;
  wasAbove: boolean;
}

const HZ = 250;
/** Credit per tick: the largest powers of two that do not overflow 64 and 32 bits. */
const CREDITS_PER_JIFFY = 2 ** 39;
const CREDITS_PER_JIFFY_BYTES = 2 ** 24;
const SCALE = 1000000;

/** user2credits: what a number of microseconds costs; from 2^64 on the kernel refuses the rule. */
export function creditsOf(user: number): number {
  return user * Math.floor((HZ * CREDITS_PER_JIFFY) / SCALE);
}

export class HashlimitTable {
  private readonly net: Net;
  readonly config: HashlimitConfig;
  private readonly buckets: Map<number, Bucket[]> = new Map();
  private count = 0;

  constructor(net: Net, config: HashlimitConfig) {
    this.net = net;
    this.config = config;
  }

  #tick(): number {
    return Math.floor(this.net.now / JIFFY_NS);
  }

  /** Is a packet of so many bytes within the limit? null: the table is full. */
  take(src: number, dst: number, sport: number, dport: number, length: number): boolean | null {
    const { config } = this;
    const tick = this.#tick();
    const hash = src ^ Math.imul(dst, 31) ^ (sport << 16) ^ dport;
    let bucket = this.#find(hash, src, dst, sport, dport);
    if (!bucket) {
      if (config.max !== 0 && this.count >= config.max) return null;
      bucket = this.#make(hash, src, dst, sport, dport, tick);
    } else this.#recalculate(bucket, tick);
    bucket.expires = this.net.now + config.expire * MSEC;
    if (config.rateMatch) {
      bucket.credit += config.bytes ? length : 1;
      return !bucket.wasAbove && bucket.credit <= bucket.cap;
    }
    const cost = config.bytes ? this.#byteCost(bucket, length) : bucket.cost;
    if (bucket.credit < cost) return false;
    bucket.credit -= cost;
    return true;
  }

  #find(hash: number, src: number, dst: number, sport: number, dport: number): Bucket | undefined {
    const list = this.buckets.get(hash);
    if (!list) return undefined;
    for (let i = 0; i < list.length; i++) {
      const bucket = list[i]!;
      if (bucket.src !== src || bucket.dst !== dst || bucket.sport !== sport || bucket.dport !== dport) continue;
      if (bucket.expires > this.net.now) return bucket;
      list.splice(i, 1);
      this.count--;
      return undefined;
    }
    return undefined;
  }

  /** rateinfo_init */
  #make(hash: number, src: number, dst: number, sport: number, dport: number, tick: number): Bucket {
    const { bytes, rateMatch, avg, burst } = this.config;
    const bucket: Bucket = {
      src,
      dst,
      sport,
      dport,
      expires: 0,
      prev: tick,
      credit: 0,
      cap: 0,
      cost: 0,
      wasAbove: false,
    };
    if (rateMatch) {
      bucket.cost = bytes ? bytesPerSecond(avg) : Math.floor(SCALE / avg);
      bucket.cap = bytes ? bucket.cost * Math.max(burst, 1) : burst;
    } else if (bytes) {
      bucket.credit = CREDITS_PER_JIFFY_BYTES * HZ;
      bucket.cost = Math.floor((avg * HZ * CREDITS_PER_JIFFY_BYTES) / 2 ** 32);
      bucket.cap = burst;
    } else {
      bucket.cap = creditsOf(avg * burst);
      bucket.credit = bucket.cap;
      bucket.cost = creditsOf(avg);
    }
    const list = this.buckets.get(hash);
    if (list) list.push(bucket);
    else this.buckets.set(hash, [bucket]);
    this.count++;
    return bucket;
  }

  /** rateinfo_recalc */
  #recalculate(bucket: Bucket, tick: number): void {
    const { bytes, rateMatch, interval } = this.config;
    const delta = tick - bucket.prev;
    if (delta === 0) return;
    if (rateMatch) {
      if (delta < interval * HZ) return;
      bucket.prev = tick;
      bucket.wasAbove = bucket.credit * interval * HZ > delta * bucket.cost;
      bucket.credit = 0;
      return;
    }
    bucket.prev = tick;
    if (bytes) bucket.credit = Math.min(bucket.credit + CREDITS_PER_JIFFY_BYTES * delta, CREDITS_PER_JIFFY_BYTES * HZ);
    else bucket.credit = Math.min(bucket.credit + CREDITS_PER_JIFFY * delta, bucket.cap);
  }

  /** hashlimit_byte_cost: the burst fills the credit up again. */
  #byteCost(bucket: Bucket, length: number): number {
    const full = CREDITS_PER_JIFFY_BYTES * HZ;
    const cost = Math.min(((length >>> 4) + 1) * bucket.cost, full);
    if (bucket.credit < cost && bucket.cap > 0) {
      bucket.cap--;
      bucket.credit = full;
    }
    return cost;
  }

  /** What reading the table's file gives (dl_seq_real_show). */
  get text(): string {
    const { now } = this.net;
    let text = "";
    for (const list of this.buckets.values())
      for (const bucket of list) {
        if (bucket.expires <= now) continue;
        this.#recalculate(bucket, this.#tick());
        const { src, dst, sport, dport, cost } = bucket;
        // a union: of a rate over an interval it is other fields that lie there
        const { interval, rateMatch } = this.config;
        const credit = rateMatch ? interval + (bucket.wasAbove ? 2 ** 32 : 0) : bucket.credit;
        const cap = rateMatch ? bucket.credit : bucket.cap;
        const seconds = Math.floor((bucket.expires - now) / SEC);
        text += `${seconds} ${formatIpv4(src)}:${sport}->${formatIpv4(dst)}:${dport} ${credit} ${cap} ${cost}\n`;
      }
    return text;
  }
}

/** user2rate_bytes */
function bytesPerSecond(cost: number): number {
  return ((cost === 0 ? 0xffffffff : Math.floor(0xffffffff / cost)) - 1) * 16;
}
