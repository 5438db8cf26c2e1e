// The forwarding database of one bridge: which port a station was last heard on. Open addressing over typed arrays, so that
// learning and looking up allocate nothing. Answers to net/bridge/br_fdb.c: its entries, flags, ageing and list order
// (newest first, as `bridge fdb show` prints). Leaves out externally learned entries and the fdb_n_learned limit.

import type { Ns } from "../../base/time.ts";
import { macHigh16, macLow32 } from "../../wire/ethernet.ts";

/** The bridge's or a port's own address; frames to it go up. */
export const BR_FDB_LOCAL = 1;
/** Does not age. */
export const BR_FDB_STATIC = 2;
/** Does not move to another port. */
export const BR_FDB_STICKY = 4;
export const BR_FDB_ADDED_BY_USER = 8;

/** `port` of an entry that belongs to the bridge itself. */
export const FDB_NO_PORT = 0;

const INITIAL_ENTRIES = 64;

/** Entries are small integers, valid until deleted. A MAC is six bytes at an offset; vid 0 is "no VLAN". */
export class Fdb {
  private capacity = INITIAL_ENTRIES;
  /** twice as many slots as entries; entry + 1, 0 is empty */
  private slots: Int32Array = new Int32Array(INITIAL_ENTRIES * 2);
  private high: Uint16Array = new Uint16Array(INITIAL_ENTRIES);
  private low: Uint32Array = new Uint32Array(INITIAL_ENTRIES);
  private _vid: Uint16Array = new Uint16Array(INITIAL_ENTRIES);
  private _port: Uint16Array = new Uint16Array(INITIAL_ENTRIES);
  private _flags: Uint8Array = new Uint8Array(INITIAL_ENTRIES);
  private _updated: Float64Array = new Float64Array(INITIAL_ENTRIES);
  private _used: Float64Array = new Float64Array(INITIAL_ENTRIES);
  /** list by age: next leads to the older entry; free entries are chained the same way */
  private next: Int32Array = new Int32Array(INITIAL_ENTRIES);
  private previous: Int32Array = new Int32Array(INITIAL_ENTRIES);
  private newest = -1;
  private free = -1;
  private fresh = 0;
  size = 0;
  /** called when a known address leads elsewhere, or nowhere */
  onChange: (() => void) | null = null;

  /** The entry of a MAC, or −1. */
  find(b: Uint8Array, at: number, vid: number): number {
    const high = macHigh16(b, at);
    const low = macLow32(b, at);
    const slots = this.slots;
    const mask = slots.length - 1;
    for (let i = slotOf(high, low, vid, mask); ; i = (i + 1) & mask) {
      const entry = slots[i]! - 1;
      if (entry < 0) return -1;
      if (this.low[entry] === low && this.high[entry] === high && this._vid[entry] === vid) return entry;
    }
  }

  /** Adds an entry that is not there yet; returns it. */
  create(b: Uint8Array, at: number, vid: number, port: number, flags: number, now: Ns): number {
    let entry = this.free;
    if (entry >= 0) this.free = this.next[entry]!;
    else {
      if (this.fresh === this.capacity) this.#grow();
      entry = this.fresh++;
    }
    this.high[entry] = macHigh16(b, at);
    this.low[entry] = macLow32(b, at);
    this._vid[entry] = vid;
    this._port[entry] = port;
    this._flags[entry] = flags;
    this._updated[entry] = now;
    this._used[entry] = now;
    this.next[entry] = this.newest;
    this.previous[entry] = -1;
    if (this.newest >= 0) this.previous[this.newest] = entry;
    this.newest = entry;
    this.#place(entry);
    this.size++;
    return entry;
  }

  delete(entry: number): void {
    this.onChange?.();
    this.#displace(entry);
    const next = this.next[entry]!;
    const previous = this.previous[entry]!;
    if (previous >= 0) this.next[previous] = next;
    else this.newest = next;
    if (next >= 0) this.previous[next] = previous;
    this.next[entry] = this.free;
    this.free = entry;
    this.size--;
  }

  /** Entries, newest first; deleting while it runs is allowed for the entry just given. */
  *entries(): Generator<number, void, undefined> {
    for (let entry = this.newest; entry >= 0; ) {
      const next = this.next[entry]!;
      yield entry;
      entry = next;
    }
  }

  port(entry: number): number {
    return this._port[entry]!;
  }

  setPort(entry: number, port: number): void {
    this.onChange?.();
    this._port[entry] = port;
  }

  flags(entry: number): number {
    return this._flags[entry]!;
  }

  setFlags(entry: number, flags: number): void {
    this.onChange?.();
    this._flags[entry] = flags;
  }

  vid(entry: number): number {
    return this._vid[entry]!;
  }

  /** When the station was last heard. */
  updated(entry: number): Ns {
    return this._updated[entry]!;
  }

  setUpdated(entry: number, now: Ns): void {
    this._updated[entry] = now;
  }

  /** When a frame was last sent to it. */
  used(entry: number): Ns {
    return this._used[entry]!;
  }

  setUsed(entry: number, now: Ns): void {
    this._used[entry] = now;
  }

  /** Writes the entry's MAC to `out`. */
  mac(entry: number, out: Uint8Array): Uint8Array {
    const high = this.high[entry]!;
    const low = this.low[entry]!;
    out[0] = high >>> 8;
    out[1] = high;
    out[2] = low >>> 24;
    out[3] = low >>> 16;
    out[4] = low >>> 8;
    out[5] = low;
    return out;
  }

  #place(entry: number): void {
    const slots = this.slots;
    const mask = slots.length - 1;
    let i = slotOf(this.high[entry]!, this.low[entry]!, this._vid[entry]!, mask);
    while (slots[i] !== 0) i = (i + 1) & mask;
    slots[i] = entry + 1;
  }

  /** Empties an entry's slot and moves those back that were pushed behind it (no tombstones). */
  #displace(entry: number): void {
    const slots = this.slots;
    const mask = slots.length - 1;
    let hole = slotOf(this.high[entry]!, this.low[entry]!, this._vid[entry]!, mask);
    while (slots[hole] !== entry + 1) hole = (hole + 1) & mask;
    for (let i = (hole + 1) & mask; slots[i] !== 0; i = (i + 1) & mask) {
      const other = slots[i]! - 1;
      const home = slotOf(this.high[other]!, this.low[other]!, this._vid[other]!, mask);
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        slots[hole] = slots[i]!;
        hole = i;
      }
    }
    slots[hole] = 0;
  }

  #grow(): void {
    const capacity = this.capacity * 2;
    this.high = grown(this.high, new Uint16Array(capacity));
    this.low = grown(this.low, new Uint32Array(capacity));
    this._vid = grown(this._vid, new Uint16Array(capacity));
    this._port = grown(this._port, new Uint16Array(capacity));
    this._flags = grown(this._flags, new Uint8Array(capacity));
    this._updated = grown(this._updated, new Float64Array(capacity));
    this._used = grown(this._used, new Float64Array(capacity));
    this.next = grown(this.next, new Int32Array(capacity));
    this.previous = grown(this.previous, new Int32Array(capacity));
    this.slots = new Int32Array(capacity * 2);
    this.capacity = capacity;
    for (let entry = this.newest; entry >= 0; entry = this.next[entry]!) this.#place(entry);
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}

function slotOf(high: number, low: number, vid: number, mask: number): number {
  let h = Math.imul(low ^ (high << 16) ^ (vid << 4), 0x9e3779b1);
  h ^= h >>> 15;
  return (Math.imul(h, 0x85ebca6b) >>> 8) & mask;
}
