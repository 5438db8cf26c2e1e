// Where a connection lies, by the tuple of either direction: open addressing with linear probing. A slot holds a row, a
// direction and, in the bits that these leave, some of the hash, so that a look-up among a million connections touches one
// slot and one row. Answers to nf_conntrack_hash of net/netfilter/nf_conntrack_core.c; where the kernel has chains and
// siphash, this has probes and a multiplicative mix.
//
// The mix leaves out the last bits of the ports: four connections whose ports count up, as a client's do, or a generator's, begin their search
// in one line of the processor's cache. Of a million connections no slot is in a cache, and those of neighbours are often wanted one after the
// other (`npm run bench`: flows_1000000, a quarter of a packet's time); to find that a neighbour of theirs is not there takes longer for it.

import type { ConnRows } from "./conntrack-rows.ts";
import type { Tuple } from "./tuple.ts";

const MIN_SLOTS = 128;
/** Of a namespace that has tracked nothing yet. */
const NO_SLOTS = new Int32Array(1);

/** Of so many last bits of the ports each value has a place of its own, … */
const NEAR_BITS = 2;
/** … so many slots apart: in between there is room for the answers. */
const APART_BITS = 2;
const NEAR_MASK: number = (1 << NEAR_BITS) - 1;

/**
 * Of all but the last bits of the ports, and the same for a tuple and for its answer, so that a new connection, which must find neither
 * in the table, reads one place of it instead of two.
 */
function hashOf(src: number, dst: number, ports: number, protoZone: number): number {
  let h = endHash(src, ports >>> (16 + NEAR_BITS)) + endHash(dst, (ports & 0xffff) >>> NEAR_BITS);
  h += Math.imul(protoZone, 0x165667b1);
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f);
  return h ^ (h >>> 15);
}

function endHash(addr: number, port: number): number {
  const h = Math.imul(addr ^ Math.imul(port, 0x9e3779b1), 0x85ebca6b);
  return h ^ (h >>> 15);
}

/** Which of those that lie next to each other; the same for the answer. */
function near(ports: number): number {
  return ((ports >>> 16) + ports) & NEAR_MASK;
}

/** Where the search for a tuple begins. */
function home(slotOfHash: number, ports: number): number {
  return slotOfHash ^ (near(ports) << APART_BITS);
}

/** What tells tuples of one hash apart, by the last bits of their ports, too; the same for the answer, which `lacks` rests on. */
function tagged(hash: number, src: number, dst: number, ports: number): number {
  const last =
    Math.imul(src ^ ((ports >>> 16) & NEAR_MASK), 0x9e3779b1) + Math.imul(dst ^ (ports & NEAR_MASK), 0x9e3779b1);
  return hash ^ (last >>> 20);
}

/** nf_conntrack_buckets: into how many buckets the kernel's table is divided. */
export const BUCKETS = 262144;

/** The bucket of a tuple in a table like the kernel's (reciprocal_scale). */
export function bucketOf(tuple: Tuple, zone: number): number {
  const ports = (tuple.srcU << 16) | tuple.dstU;
  return bucket(hashOf(tuple.src | 0, tuple.dst | 0, ports, (zone << 8) | tuple.protonum), ports);
}

/** Neighbours by their ports are far from each other there, as the kernel has them. */
function bucket(hash: number, ports: number): number {
  return (Math.floor(((hash >>> 0) / 4294967296) * BUCKETS) + near(ports) * FAR) & (BUCKETS - 1);
}

const FAR: number = BUCKETS >> NEAR_BITS;

export class ConntrackHash {
  private readonly rows: ConnRows;
  /** tagged hash << bits | row << 1 | direction; 0 is an empty slot */
  private slots: Int32Array = NO_SLOTS;
  private mask = 0;
  /** hash >>> shift is a slot; where a tuple's search begins `home` says */
  private shift = 0;
  /** how many bits of a slot are row and direction */
  private bits = 8;
  private used = 0;
  /** grows when what is in the table may lie elsewhere */
  private moves = 0;
  /** after `lacks`: tagged hashes of the tuple and of the answer, and slots from which on they belong while moves is what it was */
  private hash = 0;
  private slot = 0;
  private answerHash = 0;
  private answerSlot = 0;
  private lackedAt = 0;

  constructor(rows: ConnRows) {
    this.rows = rows;
  }

  /** Bytes of memory that it has. */
  get byteLength(): number {
    return this.slots.byteLength;
  }

  /** row << 1 | direction of what has this tuple, −1 when there is none. */
  find(tuple: Tuple, zone: number): number {
    return this.findWords(tuple.src | 0, tuple.dst | 0, (tuple.srcU << 16) | tuple.dstU, tuple.protonum, zone);
  }

  /** The same, of signed addresses and source port << 16 | destination port. */
  findWords(src: number, dst: number, ports: number, protonum: number, zone: number): number {
    const rows = this.rows;
    const slots = this.slots;
    const mask = this.mask;
    const bits = this.bits;
    const hash = hashOf(src, dst, ports, (zone << 8) | protonum);
    const tag = tagged(hash, src, dst, ports) << bits;
    const low = (1 << bits) - 1;
    let slot = home(hash >>> this.shift, ports) & mask;
    for (;;) {
      const value = slots[slot]!;
      if (value === 0) return -1;
      if ((value & ~low) === tag) {
        const found = value & low;
        const row = found >>> 1;
        const dir = found & 1;
        if (rows.hasTuple(row, dir, src, dst, ports, protonum) && rows.zoneId(row, dir) === zone) return found;
      }
      slot = (slot + 1) & mask;
    }
  }

  /** Stores one direction. The caller has made sure that the tuple is not there. */
  insert(row: number, dir: number): void {
    if ((this.used + 1) * 8 > this.slots.length * 5) this.#rebuild(Math.max(MIN_SLOTS, this.slots.length * 2));
    else if (row >>> (this.bits - 1) !== 0) this.#rebuild(this.slots.length);
    this.#put(row, dir);
    this.used++;
  }

  /**
   * Of a new connection in zone 0: 0 when something may have its tuple or the plain answer's, 1 when only the answer's that comes to
   * this address and port may be there, 2 when surely nothing has any of them. Both places of the table are read before either
   * is judged: among 100,000 connections each is a cache miss of 130 ns, and so they are waited for together (`npm run bench`: new_flow).
   */
  lacks(src: number, dst: number, ports: number, addr: number, port: number, protonum: number): number {
    const slots = this.slots;
    const mask = this.mask;
    const bits = this.bits;
    const answerPorts = (ports << 16) | port;
    let hash = hashOf(src, dst, ports, protonum);
    let answerHash = hashOf(dst, addr, answerPorts, protonum);
    let slot = home(hash >>> this.shift, ports) & mask;
    let answerSlot = home(answerHash >>> this.shift, answerPorts) & mask;
    hash = tagged(hash, src, dst, ports);
    answerHash = tagged(answerHash, dst, addr, answerPorts);
    let value = slots[slot]!;
    let answer = slots[answerSlot]!;
    const high = -1 << bits;
    for (; value !== 0; value = slots[slot]!) {
      if ((value & high) === hash << bits) return 0;
      slot = (slot + 1) & mask;
    }
    for (; answer !== 0; answer = slots[answerSlot]!) {
      if ((answer & high) === answerHash << bits) return 1;
      answerSlot = (answerSlot + 1) & mask;
    }
    this.hash = hash;
    this.slot = slot;
    this.answerHash = answerHash;
    this.answerSlot = answerSlot;
    this.lackedAt = this.moves;
    return 2;
  }

  /** Stores both directions of a connection of which the table was just found to lack both. */
  insertLacked(row: number): void {
    const slots = this.slots;
    const mask = this.mask;
    const bits = this.bits;
    if (this.lackedAt !== this.moves || (this.used + 2) * 8 > slots.length * 5 || row >>> (bits - 1) !== 0) {
      this.insert(row, 0);
      this.insert(row, 1);
      return;
    }
    let slot = this.slot;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = (this.hash << bits) | (row << 1);
    slot = this.answerSlot;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = (this.answerHash << bits) | (row << 1) | 1;
    this.used += 2;
  }

  /** Takes one direction out; harmless when it is not there. */
  remove(row: number, dir: number): void {
    const slots = this.slots;
    const mask = this.mask;
    const hash = this.#hashOf(row, dir);
    const wanted = this.#valueOf(row, dir, hash);
    let slot = this.#homeOf(row, dir, hash);
    while (slots[slot] !== wanted) {
      if (slots[slot] === 0) return;
      slot = (slot + 1) & mask;
    }
    this.used--;
    this.moves = (this.moves + 1) | 0;
    // backward shift, so that no tombstones are needed
    const low = (1 << this.bits) - 1;
    let hole = slot;
    for (;;) {
      slot = (slot + 1) & mask;
      const moved = slots[slot]!;
      if (moved === 0) break;
      const found = moved & low;
      const begin = this.#homeOf(found >>> 1, found & 1, this.#hashOf(found >>> 1, found & 1));
      if (((slot - begin) & mask) < ((slot - hole) & mask)) continue;
      slots[hole] = moved;
      hole = slot;
    }
    slots[hole] = 0;
  }

  /** Takes out all connections that have ended; `left` are still there. */
  sweep(left: number): void {
    if (this.used === 0) return;
    const old = this.slots;
    const rows = this.rows;
    const low = (1 << this.bits) - 1;
    this.used = 0;
    this.moves = (this.moves + 1) | 0;
    if (left === 0) {
      old.fill(0);
      return;
    }
    this.slots = new Int32Array(old.length);
    for (let slot = 0; slot < old.length; slot++) {
      const found = old[slot]! & low;
      if (old[slot] === 0 || !rows.isLive(found >>> 1)) continue;
      this.#put(found >>> 1, found & 1);
      this.used++;
    }
  }

  /** Rows with a direction in the bucket `first` of a table like the kernel's, or in one of the `count` − 1 after it. */
  inBuckets(first: number, count: number): Set<number> {
    const slots = this.slots;
    const mask = this.mask;
    const low = (1 << this.bits) - 1;
    const found: Set<number> = new Set();
    const spread = Math.ceil((count * slots.length) / BUCKETS);
    for (let ports = 0; ports <= NEAR_MASK; ports++) {
      const from = Math.floor((((first - ports * FAR) & (BUCKETS - 1)) / BUCKETS) * slots.length);
      for (let i = 0; i <= spread; i++) {
        let slot = home(from + i, ports) & mask;
        for (let value = slots[slot]!; value !== 0; value = slots[slot]!) {
          const row = (value & low) >>> 1;
          const at = bucket(this.#hashOf(row, value & 1), this.rows.ports(row, value & 1));
          if (((at - first) & (BUCKETS - 1)) < count) found.add(row);
          slot = (slot + 1) & mask;
        }
      }
    }
    return found;
  }

  /** Where the search for what a row has in a direction begins, … */
  #homeOf(row: number, dir: number, hash: number): number {
    return home(hash >>> this.shift, this.rows.ports(row, dir)) & this.mask;
  }

  /** … and what its slot holds. */
  #valueOf(row: number, dir: number, hash: number): number {
    const rows = this.rows;
    const tag = tagged(hash, rows.src(row, dir), rows.dst(row, dir), rows.ports(row, dir));
    return (tag << this.bits) | (row << 1) | dir;
  }

  #hashOf(row: number, dir: number): number {
    const rows = this.rows;
    const protoZone = (rows.zoneId(row, dir) << 8) | rows.protonum(row);
    return hashOf(rows.src(row, dir), rows.dst(row, dir), rows.ports(row, dir), protoZone);
  }

  #put(row: number, dir: number): void {
    const slots = this.slots;
    const mask = this.mask;
    const hash = this.#hashOf(row, dir);
    let slot = this.#homeOf(row, dir, hash);
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = this.#valueOf(row, dir, hash);
  }

  /** As many slots, and bits for as many rows, as there are now. */
  #rebuild(size: number): void {
    const old = this.slots;
    const low = (1 << this.bits) - 1;
    this.bits = Math.max(8, 33 - Math.clz32(this.rows.capacity));
    this.moves = (this.moves + 1) | 0;
    this.mask = size - 1;
    this.shift = Math.clz32(size - 1);
    this.slots = new Int32Array(size);
    for (let slot = 0; slot < old.length; slot++) {
      const value = old[slot]! & low;
      if (old[slot] !== 0) this.#put(value >>> 1, value & 1);
    }
  }
}
