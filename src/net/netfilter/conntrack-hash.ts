// The connection table: both directions of every confirmed connection under their tuples, open addressing with linear
// probing in typed arrays, so that a look-up touches no object but the one it finds. Answers to nf_conntrack_hash of
// net/netfilter/nf_conntrack_core.c; where the kernel has chains and siphash, this has probes and a multiplicative mix.

import type { NfConn } from "./conntrack-entry.ts";
import type { Tuple } from "./tuple.ts";

/** Words per slot: source, destination, ports, zone << 8 | protocol. */
const STRIDE = 4;
const MIN_SLOTS = 1024;

function hashOf(src: number, dst: number, ports: number, protoZone: number): number {
  let h = Math.imul(src ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul((h ^ (h >>> 15)) + dst, 0xc2b2ae35);
  h = Math.imul((h ^ (h >>> 13)) + ports, 0x27d4eb2f);
  h = Math.imul((h ^ (h >>> 16)) + protoZone, 0x165667b1);
  return (h ^ (h >>> 15)) >>> 0;
}

/** nf_conntrack_buckets: into how many buckets the kernel's table is divided. */
export const BUCKETS = 262144;

/** The bucket of a tuple in a table like the kernel's (reciprocal_scale). */
export function bucketOf(tuple: Tuple, zone: number): number {
  const ports = (tuple.srcU << 16) | tuple.dstU;
  return Math.floor((hashOf(tuple.src | 0, tuple.dst | 0, ports, (zone << 8) | tuple.protonum) / 4294967296) * BUCKETS);
}

export class ConntrackHash {
  #mask: number = MIN_SLOTS - 1;
  #keys: Int32Array = new Int32Array(MIN_SLOTS * STRIDE);
  /** connection index << 1 | direction, plus one; 0 is an empty slot */
  #values: Int32Array = new Int32Array(MIN_SLOTS);
  #used = 0;
  /** connections by index; holes are null */
  readonly entries: (NfConn | null)[] = [];
  readonly #free: number[] = [];

  /** Directions stored: two for each connection. */
  get used(): number {
    return this.#used;
  }

  /** Gives the connection an index here (it keeps it until `remove`). */
  register(ct: NfConn): void {
    const index = this.#free.pop() ?? this.entries.length;
    ct.index = index;
    this.entries[index] = ct;
  }

  unregister(ct: NfConn): void {
    this.entries[ct.index] = null;
    this.#free.push(ct.index);
    ct.index = -1;
  }

  /** index << 1 | direction of what has this tuple, −1 when there is none. */
  find(tuple: Tuple, zone: number): number {
    const src = tuple.src | 0;
    const dst = tuple.dst | 0;
    const ports = (tuple.srcU << 16) | tuple.dstU;
    const protoZone = (zone << 8) | tuple.protonum;
    const mask = this.#mask;
    const keys = this.#keys;
    const values = this.#values;
    let slot = hashOf(src, dst, ports, protoZone) & mask;
    for (;;) {
      const value = values[slot]!;
      if (value === 0) return -1;
      const at = slot << 2;
      if (keys[at] === src && keys[at + 1] === dst && keys[at + 2] === ports && keys[at + 3] === protoZone)
        return value - 1;
      slot = (slot + 1) & mask;
    }
  }

  /** Stores one direction. The caller has made sure that the tuple is not there. */
  insert(tuple: Tuple, zone: number, value: number): void {
    if ((this.#used + 1) * 2 > this.#mask) this.#grow();
    this.#put(tuple.src | 0, tuple.dst | 0, (tuple.srcU << 16) | tuple.dstU, (zone << 8) | tuple.protonum, value + 1);
    this.#used++;
  }

  /** Takes one direction out; harmless when another connection holds the tuple. */
  remove(tuple: Tuple, zone: number, value: number): void {
    const src = tuple.src | 0;
    const dst = tuple.dst | 0;
    const ports = (tuple.srcU << 16) | tuple.dstU;
    const mask = this.#mask;
    const keys = this.#keys;
    const values = this.#values;
    let slot = hashOf(src, dst, ports, (zone << 8) | tuple.protonum) & mask;
    while (values[slot] !== value + 1) {
      if (values[slot] === 0) return;
      slot = (slot + 1) & mask;
    }
    this.#used--;
    // backward shift, so that no tombstones are needed
    let hole = slot;
    for (;;) {
      slot = (slot + 1) & mask;
      const moved = values[slot]!;
      if (moved === 0) break;
      const at = slot << 2;
      const home = hashOf(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!) & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      keys.copyWithin(hole << 2, at, at + STRIDE);
      values[hole] = moved;
      hole = slot;
    }
    values[hole] = 0;
  }

  #put(src: number, dst: number, ports: number, protoZone: number, value: number): void {
    const mask = this.#mask;
    const keys = this.#keys;
    const values = this.#values;
    let slot = hashOf(src, dst, ports, protoZone) & mask;
    while (values[slot] !== 0) slot = (slot + 1) & mask;
    const at = slot << 2;
    keys[at] = src;
    keys[at + 1] = dst;
    keys[at + 2] = ports;
    keys[at + 3] = protoZone;
    values[slot] = value;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    const slots = values.length * 2;
    this.#mask = slots - 1;
    this.#keys = new Int32Array(slots * STRIDE);
    this.#values = new Int32Array(slots);
    for (let slot = 0; slot < values.length; slot++) {
      if (values[slot] === 0) continue;
      const at = slot << 2;
      this.#put(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!, values[slot]!);
    }
  }
}
