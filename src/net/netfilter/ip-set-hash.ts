// One set: its elements in buckets, in the kernel's order, with time-outs, counters and comments. Answers to
// net/netfilter/ipset/ip_set_hash_gen.h. Nothing is allocated when a packet asks.

import type { Ns } from "../../base/time.ts";
import { SEC } from "../../base/time.ts";
import { prefixToMask } from "../../wire/addr.ts";
import * as ip from "../../wire/ipv4.ts";
import type { Net } from "../core/net.ts";
import { type SetElement, SetError, type SetType } from "./ip-set-types.ts";
import { jhash2 } from "./jhash.ts";
import { hasPorts } from "./tuple.ts";
import type { XtPar } from "./x-tables.ts";

export interface SetOptions {
  readonly hashsize: number;
  readonly maxelem: number;
  readonly netmask: number;
  /** seconds; 0 for ever; undefined: elements have no time-out */
  readonly timeout: number | undefined;
  readonly counters: boolean;
  readonly comment: boolean;
  readonly forceadd: boolean;
  readonly bucketsize: number;
  readonly initval: number;
}

/** What is said of an element besides itself. */
export interface SetExtensions {
  nomatch?: boolean;
  /** seconds */
  timeout?: number;
  packets?: number;
  bytes?: number;
  comment?: string;
}

export interface SetEntry extends SetElement {
  nomatch: boolean;
  /** moment at which it goes; 0: it stays */
  expires: Ns;
  packets: number;
  bytes: number;
  comment: string;
}

/** enum IPSET_COUNTER_* */
export type CounterOp = "none" | "eq" | "ne" | "lt" | "gt";

export interface CounterTest {
  readonly op: CounterOp;
  readonly value: number;
}

/** How a rule asks (struct ip_set_adt_opt). */
export interface SetQuery {
  readonly dim: number;
  /** bit k: dimension k (from 1) is of the source */
  readonly flags: number;
  readonly returnNomatch: boolean;
  readonly skipCounters: boolean;
  /** of the sets in a list:set */
  readonly skipSubcounters: boolean;
  readonly packets: CounterTest;
  readonly bytes: CounterTest;
}

/** Elements that a new bucket has room for, and by how many it grows (AHASH_INIT_SIZE). */
const BUCKET_GROWTH = 2;
const BUCKET_HEADER = 32;
const COMMENT_HEADER = 16;
/** Seconds that fit in milliseconds in 32 bits. */
export const MAX_TIMEOUT = 2147483;

const words = new Int32Array(3);

export class HashSet {
  private readonly net: Net;
  name: string;
  readonly type: SetType;
  readonly options: SetOptions;
  references = 0;
  private _hashsize: number;
  private buckets: (SetEntry | undefined)[][];
  private count = 0;
  /** lengths of networks in it, longest first, with how many there are of each */
  private readonly cidrs: { readonly cidr: number; count: number }[] = [];
  private readonly probe: SetElement = { ip: 0, ip2: 0, proto: 0, port: 0, cidr: 32 };

  constructor(net: Net, name: string, type: SetType, options: SetOptions) {
    this.net = net;
    this.name = name;
    this.type = type;
    this.options = options;
    this._hashsize = options.hashsize;
    this.buckets = [];
  }

  get hashsize(): number {
    return this._hashsize;
  }

  /** hash_ip_same_set and the like: what `create -exist` compares. */
  isLike(other: SetOptions): boolean {
    const { maxelem, timeout, netmask, counters, comment } = this.options;
    return (
      maxelem === other.maxelem &&
      timeout === other.timeout &&
      netmask === other.netmask &&
      counters === other.counters &&
      comment === other.comment
    );
  }

  /** In the order of the kernel's list. */
  get entries(): SetEntry[] {
    const found: SetEntry[] = [];
    for (let i = 0; i < this._hashsize; i++)
      for (const entry of this.buckets[i] ?? []) if (entry && !this.#isExpired(entry)) found.push(entry);
    return found;
  }

  /** What the kernel says that it takes (mtype_head). */
  get memory(): number {
    const { timeout, counters, comment } = this.options;
    let size = this.type.elementSize;
    const add = (bytes: number): void => {
      size = Math.ceil(size / 8) * 8 + bytes;
    };
    if (counters) add(16);
    if (comment) add(8);
    if (timeout !== undefined) add(8);
    let total = this.type.memory;
    // each time that a bucket grows its header is counted again
    const grown = BUCKET_HEADER + BUCKET_GROWTH * size;
    for (const bucket of this.buckets) if (bucket) total += (bucket.length / BUCKET_GROWTH) * grown;
    for (const { comment: text } of this.entries) if (text !== "") total += COMMENT_HEADER + text.length + 1;
    return total;
  }

  #isExpired(entry: SetEntry): boolean {
    return entry.expires !== 0 && entry.expires <= this.net.now;
  }

  #bucketOf(element: SetElement): number {
    const count = this.type.words(element, words);
    return jhash2(words, count, this.options.initval) & (this._hashsize - 1);
  }

  #find(element: SetElement): SetEntry | undefined {
    const bucket = this.buckets[this.#bucketOf(element)];
    if (!bucket) return undefined;
    for (let i = 0; i < bucket.length; i++) {
      const entry = bucket[i];
      if (entry && same(entry, element) && !this.#isExpired(entry)) return entry;
    }
    return undefined;
  }

  /** Adds an element; `exist`: one that is there takes over what is said of it. Throws SetError. */
  add(element: SetElement, extensions: SetExtensions, exist: boolean): void {
    const { options } = this;
    if (extensions.timeout !== undefined && options.timeout === undefined) throw new SetError("TIMEOUT");
    if ((extensions.packets ?? extensions.bytes) !== undefined && !options.counters) throw new SetError("COUNTER");
    if (extensions.comment !== undefined && !options.comment) throw new SetError("COMMENT");
    const there = this.#find(element);
    if (there) {
      if (!exist) throw new SetError("EXIST");
      this.#describe(there, extensions);
      return;
    }
    if (this.count >= options.maxelem) {
      this.#collect();
      if (this.count >= options.maxelem && options.forceadd) this.#evict(element);
      if (this.count >= options.maxelem) {
        this.net.kernel.printk(`Set ${this.name} is full, maxelem ${options.maxelem} reached`);
        throw new SetError("HASH_FULL");
      }
    }
    const entry: SetEntry = { ...element, nomatch: false, expires: 0, packets: 0, bytes: 0, comment: "" };
    this.#describe(entry, extensions);
    this.#place(entry);
    this.count++;
    this.#countCidr(entry.cidr, 1);
  }

  #describe(entry: SetEntry, { nomatch, timeout, packets, bytes, comment }: SetExtensions): void {
    entry.nomatch = nomatch ?? false;
    const seconds = timeout ?? this.options.timeout ?? 0;
    entry.expires = seconds === 0 ? 0 : this.net.now + seconds * SEC;
    entry.packets = packets ?? 0;
    entry.bytes = bytes ?? 0;
    entry.comment = comment ?? "";
  }

  #place(entry: SetEntry): void {
    for (;;) {
      const index = this.#bucketOf(entry);
      this.buckets[index] ??= new Array<SetEntry | undefined>(BUCKET_GROWTH).fill(undefined);
      const bucket = this.buckets[index];
      const free = bucket.findIndex((other) => other === undefined || this.#isExpired(other));
      if (free >= 0) {
        const old = bucket[free];
        if (old) this.#forget(old);
        bucket[free] = entry;
        return;
      }
      if (bucket.length < this.options.bucketsize) {
        const at = bucket.length;
        for (let i = 0; i < BUCKET_GROWTH; i++) bucket.push(undefined);
        bucket[at] = entry;
        return;
      }
      this.#resize();
    }
  }

  /** mtype_resize: twice as many buckets. */
  #resize(): void {
    const { entries } = this;
    this._hashsize *= 2;
    this.buckets = [];
    for (const entry of entries) this.#place(entry);
  }

  #forget(entry: SetEntry): void {
    this.count--;
    this.#countCidr(entry.cidr, -1);
  }

  /** Drops what has expired. */
  #collect(): void {
    for (const [index, bucket] of this.buckets.entries())
      bucket?.forEach((entry, i) => {
        if (!entry || !this.#isExpired(entry)) return;
        bucket[i] = undefined;
        this.#forget(entry);
        if (bucket.every((other) => other === undefined)) delete this.buckets[index];
      });
  }

  /** forceadd: an element of the bucket makes room. */
  #evict(element: SetElement): void {
    const bucket = this.buckets[this.#bucketOf(element)];
    const at = bucket?.findIndex((entry) => entry !== undefined) ?? -1;
    if (at < 0) return;
    this.#forget(bucket![at]!);
    bucket![at] = undefined;
  }

  #countCidr(cidr: number, by: number): void {
    if (this.type.netAt < 0) return;
    let at = this.cidrs.findIndex((other) => other.cidr <= cidr);
    if (at < 0) at = this.cidrs.length;
    const known = this.cidrs[at];
    if (known?.cidr === cidr) {
      known.count += by;
      if (known.count === 0) this.cidrs.splice(at, 1);
    } else this.cidrs.splice(at, 0, { cidr, count: by });
  }

  delete(element: SetElement, exist: boolean): void {
    const index = this.#bucketOf(element);
    const bucket = this.buckets[index];
    const at = bucket?.findIndex((entry) => entry && same(entry, element) && !this.#isExpired(entry)) ?? -1;
    if (at < 0) {
      if (exist) return;
      throw new SetError("EXIST");
    }
    this.#forget(bucket![at]!);
    bucket![at] = undefined;
    this.#shrink(index);
  }

  /** mtype_del: an empty bucket goes, one with room to spare gets smaller. */
  #shrink(index: number): void {
    const bucket = this.buckets[index]!;
    const last = bucket.findLastIndex((entry) => entry !== undefined);
    if (last < 0) {
      delete this.buckets[index];
      return;
    }
    const used = bucket.filter((entry) => entry !== undefined);
    if (last + 1 - used.length < BUCKET_GROWTH) return;
    const size = bucket.length - BUCKET_GROWTH;
    this.buckets[index] = Array.from({ length: size }, (_, i) => used[i]);
  }

  flush(): void {
    this.buckets = [];
    this.count = 0;
    this.cidrs.length = 0;
  }

  /** The entry that an element falls under: an address under the longest network that holds it (mtype_test). */
  lookup(element: SetElement): SetEntry | undefined {
    const { netAt } = this.type;
    if (netAt < 0 || element.cidr !== 32) return this.#find(element);
    const address = netAt === 0 ? element.ip : element.ip2;
    for (let i = 0; i < this.cidrs.length; i++) {
      const { cidr } = this.cidrs[i]!;
      const masked = (address & prefixToMask(cidr)) >>> 0;
      element.cidr = cidr;
      if (netAt === 0) element.ip = masked;
      else element.ip2 = masked;
      const entry = this.#find(element);
      if (entry) return entry;
    }
    return undefined;
  }

  /** ip_set_test: is a packet in it, by the rule's query? */
  matches(par: XtPar, query: SetQuery): boolean {
    if (query.dim < this.type.dimensions.length) return false;
    const probe = this.probe;
    if (!this.#read(par, query.flags, probe)) return false;
    probe.cidr = 32;
    const entry = this.lookup(probe);
    if (!entry) return false;
    if (this.options.counters) {
      if (!query.skipCounters) {
        entry.packets++;
        entry.bytes += par.skb.tail - par.iph;
      }
      if (!counterHolds(entry.packets, query.packets) || !counterHolds(entry.bytes, query.bytes)) return false;
    }
    return entry.nomatch === query.returnNomatch;
  }

  /** ip_set_add, ip_set_del: what the target SET does with a packet. */
  update(
    par: XtPar,
    dim: number,
    flags: number,
    change: "add" | "del",
    exist: boolean,
    timeout: number | undefined,
  ): void {
    if (dim < this.type.dimensions.length) return;
    const element: SetElement = { ip: 0, ip2: 0, proto: 0, port: 0, cidr: 32 };
    if (!this.#read(par, flags, element)) return;
    const { netAt } = this.type;
    if (netAt >= 0) {
      element.cidr = this.cidrs[0]?.cidr ?? 32;
      const mask = prefixToMask(element.cidr);
      if (netAt === 0) element.ip = (element.ip & mask) >>> 0;
      else element.ip2 = (element.ip2 & mask) >>> 0;
    }
    const { options } = this;
    const extensions: SetExtensions = {};
    if (options.timeout !== undefined && timeout !== undefined) extensions.timeout = timeout;
    if (options.counters) {
      extensions.packets = 1;
      extensions.bytes = par.skb.tail - par.iph;
    }
    try {
      if (change === "add") this.add(element, extensions, exist);
      else this.delete(element, true);
    } catch (error) {
      if (!(error instanceof SetError)) throw error; // full or already there: the packet goes on
    }
  }

  /** What a packet has for each dimension; false where it has no such thing. */
  #read(par: XtPar, flags: number, element: SetElement): boolean {
    const { dimensions } = this.type;
    const b = par.skb.head;
    for (let i = 0; i < dimensions.length; i++) {
      const isSource = (flags & (2 << i)) !== 0;
      if (dimensions[i] === "port") {
        if (!readPort(par, isSource, element)) return false;
        continue;
      }
      const at = par.iph + (isSource ? ip.SOURCE : ip.DESTINATION);
      const address = ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
      if (i === 2) element.ip2 = address;
      else element.ip = this.type.hasNetmask ? (address & prefixToMask(this.options.netmask)) >>> 0 : address;
    }
    return element.ip !== 0 || dimensions[0] === "net";
  }
}

function same(a: SetElement, b: SetElement): boolean {
  return a.ip === b.ip && a.port === b.port && a.proto === b.proto && a.ip2 === b.ip2 && a.cidr === b.cidr;
}

function counterHolds(counter: number, { op, value }: CounterTest): boolean {
  switch (op) {
    case "none":
      return true;
    case "eq":
      return counter === value;
    case "ne":
      return counter !== value;
    case "lt":
      return counter < value;
    case "gt":
      return counter > value;
  }
}

/** ip_set_get_ip4_port: protocol with port, or type and code of ICMP. */
function readPort({ skb, thoff, fragoff, protonum }: XtPar, isSource: boolean, element: SetElement): boolean {
  if (fragoff !== 0) return false;
  const b = skb.head;
  element.proto = protonum;
  element.port = 0;
  if (protonum === ip.IPPROTO_ICMP || hasPorts(protonum)) {
    if (skb.tail - thoff < 4) return false;
    const at = protonum === ip.IPPROTO_ICMP || isSource ? thoff : thoff + 2;
    element.port = (b[at]! << 8) | b[at + 1]!;
  }
  return true;
}
