// To whom a UDP socket without a peer, or beside its peer, has sent before: so that the next datagram there needs no route, finds its
// headers ready, and may go by its trail (core/trail.ts). With 1,000 destinations a datagram takes a third less (`npm run
// bench`: flows_1000). Who sends to ever new ones must not pay for it: an address gets its entry when it comes again soon, and what is
// used is kept. Linux has no such thing; its sockets ask the FIB for each datagram.

import { UdpDestination, type UdpHeaders } from "./udp-headers.ts";

/** Powers of two. A socket that sends to many gets room for many: 17 bytes each. */
const FEWEST = 32;
const MOST = 4096;
/** Slots in which an address may be: those whose numbers differ in the lowest bits only. */
const WAYS = 4;

export class UdpDestinations {
  #shift = 0;
  /** by slot: the address and the port that were seen there last, and what is kept for them, if anything */
  #addrs: Int32Array = new Int32Array(0);
  #ports: Int32Array = new Int32Array(0);
  #entries: (UdpDestination | null)[] = [];
  /** 1: found since the last time that another one wanted its place */
  #used: Uint8Array = new Uint8Array(0);
  /** since it has had its size */
  #misses = 0;

  constructor() {
    this.#resize(FEWEST);
  }

  #resize(slots: number): void {
    this.#shift = Math.clz32(slots) + 1;
    this.#addrs = new Int32Array(slots);
    this.#ports = new Int32Array(slots);
    this.#entries = new Array<UdpDestination | null>(slots).fill(null);
    this.#used = new Uint8Array(slots);
    this.#misses = 0;
  }

  /** What is known of an address (signed) and port; null: nothing. */
  find(addr: number, port: number): UdpDestination | null {
    const slot = this.#slotOf(addr, port);
    if (slot < 0) return null;
    this.#used[slot] = 1;
    return this.#entries[slot]!;
  }

  /** The address's entry, one to be filled when it is worth one; null: not yet. */
  admit(addr: number, port: number, headers: UdpHeaders): UdpDestination | null {
    const seen = this.#slotOf(addr, port);
    if (seen >= 0) {
      const entry = this.#entries[seen] ?? new UdpDestination(headers);
      this.#entries[seen] = entry;
      return entry;
    }
    const slots = this.#addrs.length;
    if (++this.#misses > slots && slots < MOST) this.#grow(slots * 4);
    const first = this.#slot(addr, port);
    // any of those that come in question, without an order in which those that come in turn would always push each other out
    const rotation = Math.imul(this.#misses, 0x9e3779b1) >>> 30;
    for (let way = 0; way < WAYS; way++) {
      const slot = first ^ way ^ rotation;
      if (this.#used[slot] === 0) {
        this.#put(slot, addr, port, null);
        break;
      }
    }
    for (let way = 0; way < WAYS; way++) this.#used[first ^ way] = 0;
    return null;
  }

  #put(slot: number, addr: number, port: number, entry: UdpDestination | null): void {
    this.#addrs[slot] = addr;
    this.#ports[slot] = port;
    this.#entries[slot] = entry;
  }

  /** −1: in none. */
  #slotOf(addr: number, port: number): number {
    const first = this.#slot(addr, port);
    const addrs = this.#addrs;
    const ports = this.#ports;
    for (let way = 0; way < WAYS; way++) {
      const slot = first ^ way;
      if (addrs[slot] === addr && ports[slot] === port) return slot;
    }
    return -1;
  }

  /** What is kept moves on, what has only been seen is forgotten. */
  #grow(slots: number): void {
    const entries = this.#entries;
    const addrs = this.#addrs;
    const ports = this.#ports;
    this.#resize(Math.min(slots, MOST));
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      if (entry === null) continue;
      const first = this.#slot(addrs[i]!, ports[i]!);
      for (let way = 0; way < WAYS; way++)
        if (this.#entries[first ^ way] === null) {
          this.#put(first ^ way, addrs[i]!, ports[i]!, entry);
          break;
        }
    }
  }

  #slot(addr: number, port: number): number {
    return Math.imul(Math.imul(addr, 0x9e3779b1) ^ port, 0x85ebca6b) >>> this.#shift;
  }
}
