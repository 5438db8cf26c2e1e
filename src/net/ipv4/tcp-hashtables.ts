// Where sockets are found: connections by their four-tuple, listeners by port, and who is bound to which port; with it the
// rules of bind(2) and the choice of a port. Answers to net/ipv4/inet_hashtables.c and inet_connection_sock.c
// (inet_csk_get_port, __inet_hash_connect).

import { Errno, NetError } from "../../base/errno.ts";
import type { Rng } from "../../sim/rng.ts";
import { AF_INET } from "../core/sock.ts";
import type { Ipv4 } from "./ipv4.ts";
import { TCP_LISTEN, TCP_TIME_WAIT, type TcpSock } from "./tcp-sock.ts";

/** What the established table holds: full sockets, time-wait ones and requests (struct sock_common). */
export interface InetHashed {
  readonly state: number;
  readonly rcvSaddr: number;
  readonly daddr: number;
  readonly sport: number;
  readonly dport: number;
  readonly boundDevIf: number;
}

/** Who occupies a port (struct inet_bind_bucket): sockets and time-wait sockets. */
export interface PortOwner {
  readonly state: number;
  readonly rcvSaddr: number;
  readonly boundDevIf: number;
  readonly reuseAddr: boolean;
  readonly reusePort: boolean;
  readonly uid: number;
  readonly family: number;
  readonly ipv6Only: boolean;
}

interface BindBucket {
  readonly port: number;
  readonly owners: Set<PortOwner>;
  /** some socket here was bound by bind(2): connect(2) leaves the port alone (tb->fastreuse ≥ 0) */
  byBind: boolean;
}

const PERTURB_SIZE = 65536;

export class TcpHashtables {
  private readonly ip4: Ipv4;
  private readonly rng: Rng;
  private slots: (InetHashed | null)[] = new Array<InetHashed | null>(64).fill(null);
  private count = 0;
  private readonly byPort: Map<number, TcpSock[]> = new Map();
  private readonly buckets: Map<number, BindBucket> = new Map();
  /** where the search for a port begins, by hash of the destination (table_perturb) */
  private readonly perturb: Map<number, number> = new Map();
  /** all that the established table holds, in order of arrival */
  readonly established: Set<InetHashed> = new Set();

  constructor(ip4: Ipv4, rng: Rng) {
    this.ip4 = ip4;
    this.rng = rng;
  }

  // --- connections ---

  /** __inet_ehash_insert */
  insert(sk: InetHashed): void {
    if ((this.count + 1) * 2 > this.slots.length) this.#grow();
    place(this.slots, sk);
    this.count++;
    this.established.add(sk);
  }

  /** Takes an entry away; harmless when it is not there. */
  remove(sk: InetHashed): void {
    if (!this.established.delete(sk)) return;
    const slots = this.slots;
    const mask = slots.length - 1;
    let i = hashOf(sk.rcvSaddr, sk.sport, sk.daddr, sk.dport) & mask;
    while (slots[i] !== sk) i = (i + 1) & mask;
    this.count--;
    // close the gap, so that look-ups may stop at the first empty slot
    for (let j = (i + 1) & mask; slots[j]; j = (j + 1) & mask) {
      const other = slots[j]!;
      const home = hashOf(other.rcvSaddr, other.sport, other.daddr, other.dport) & mask;
      if (((j - home) & mask) >= ((j - i) & mask)) {
        slots[i] = other;
        i = j;
      }
    }
    slots[i] = null;
  }

  /** Puts one entry in the place of another of the same tuple. */
  replace(old: InetHashed, sk: InetHashed): void {
    this.remove(old);
    this.insert(sk);
  }

  /** The connection of a segment that arrived on `dif` (__inet_lookup_established). */
  lookupEstablished(saddr: number, sport: number, daddr: number, dport: number, dif: number): InetHashed | null {
    const slots = this.slots;
    const mask = slots.length - 1;
    for (let i = hashOf(daddr, dport, saddr, sport) & mask; ; i = (i + 1) & mask) {
      const sk = slots[i]!;
      if (!sk) return null;
      if (
        sk.daddr === saddr &&
        sk.dport === sport &&
        sk.rcvSaddr === daddr &&
        sk.sport === dport &&
        (sk.boundDevIf === 0 || sk.boundDevIf === dif)
      )
        return sk;
    }
  }

  #grow(): void {
    const old = this.slots;
    this.slots = new Array<InetHashed | null>(old.length * 2).fill(null);
    for (const sk of old) if (sk) place(this.slots, sk);
  }

  // --- listeners ---

  addListener(sk: TcpSock): void {
    const list = this.byPort.get(sk.sport);
    if (list) list.push(sk);
    else this.byPort.set(sk.sport, [sk]);
  }

  removeListener(sk: TcpSock): void {
    const list = this.byPort.get(sk.sport);
    const at = list ? list.indexOf(sk) : -1;
    if (at < 0) return;
    list!.splice(at, 1);
    if (list!.length === 0) this.byPort.delete(sk.sport);
  }

  /** The best listener for a destination; of several with SO_REUSEPORT one by hash (inet_lookup_listener). */
  lookupListener(saddr: number, sport: number, daddr: number, dport: number, dif: number): TcpSock | null {
    const list = this.byPort.get(dport);
    if (!list) return null;
    let best: TcpSock | null = null;
    let bestScore = -1;
    let same = 0;
    for (const sk of list) {
      const score = listenerScore(sk, daddr, dif);
      if (score < 0) continue;
      if (score > bestScore) {
        best = sk;
        bestScore = score;
        same = 1;
      } else if (score === bestScore && sk.reusePort && best?.reusePort) same++;
    }
    if (!best || same < 2) return best;
    let pick = Math.floor(((hashOf(daddr, dport, saddr, sport) >>> 0) * same) / 2 ** 32);
    for (const sk of list) if (listenerScore(sk, daddr, dif) === bestScore && sk.reusePort && pick-- === 0) return sk;
    return best;
  }

  /** All listeners, by port as they came. */
  *listeners(): Generator<TcpSock> {
    for (const list of this.byPort.values()) yield* list;
  }

  // --- ports ---

  /** Keeps a port for `owner`; `byBind`: bind(2) asked, rather than connect(2). */
  bindPort(owner: PortOwner, port: number, byBind: boolean): void {
    let bucket = this.buckets.get(port);
    if (!bucket) {
      bucket = { port, owners: new Set(), byBind };
      this.buckets.set(port, bucket);
    }
    bucket.byBind ||= byBind;
    bucket.owners.add(owner);
  }

  releasePort(owner: PortOwner, port: number): void {
    const bucket = this.buckets.get(port);
    if (!bucket?.owners.delete(owner)) return;
    if (bucket.owners.size === 0) this.buckets.delete(port);
  }

  /** Hands a port over from a socket to its time-wait socket, say. */
  transferPort(from: PortOwner, to: PortOwner, port: number): void {
    const bucket = this.buckets.get(port);
    if (!bucket?.owners.has(from)) return;
    bucket.owners.delete(from);
    bucket.owners.add(to);
  }

  /**
   * bind(2) to `port`, 0 for a free one; returns the port (inet_csk_get_port). Throws EADDRINUSE.
   * @param address the local address asked for, 0 any
   */
  getPort(sk: TcpSock, address: number, port: number): number {
    if (port === 0) port = this.#findOpenPort(sk, address);
    else if (this.#conflicts(sk, address, port, true)) throw new NetError(Errno.EADDRINUSE);
    this.bindPort(sk, port, true);
    return port;
  }

  /** May a socket begin to listen at the port that it has (inet_csk_listen_start asks again)? */
  listenConflicts(sk: TcpSock): boolean {
    return this.#conflicts(sk, sk.rcvSaddr, sk.sport, true);
  }

  /** inet_csk_bind_conflict. `relax` false: nobody at all may share the port, as for one that the kernel picks. */
  #conflicts(sk: TcpSock, address: number, port: number, relax: boolean): boolean {
    const bucket = this.buckets.get(port);
    if (!bucket) return false;
    for (const other of bucket.owners) {
      if (other === (sk as PortOwner)) continue;
      if (sk.boundDevIf !== 0 && other.boundDevIf !== 0 && sk.boundDevIf !== other.boundDevIf) continue;
      if (address !== 0 && other.rcvSaddr !== 0 && address !== other.rcvSaddr) continue;
      if (familiesApart(sk, address, other)) continue;
      if (!relax) return true;
      if (sk.reuseAddr && other.reuseAddr && other.state !== TCP_LISTEN) continue;
      if (sk.reusePort && other.reusePort && (other.state === TCP_TIME_WAIT || sk.uid === other.uid)) continue;
      return true;
    }
    return false;
  }

  #reserved(port: number): boolean {
    for (const [low, high] of this.ip4.sysctl.localReservedPorts) if (port >= low && port <= high) return true;
    return false;
  }

  /** A free port for bind(2): odd ones first, even ones are for connect(2) (inet_csk_find_open_port). */
  #findOpenPort(sk: TcpSock, address: number): number {
    const [low, top] = this.ip4.sysctl.localPortRange;
    const count = top + 1 - low;
    let remaining = count > 1 ? count & ~1 : count;
    // sockets that may share a port look in the upper half first
    let from = low;
    if (sk.reuseAddr && remaining >= 4) {
      const half = low + ((top + 1 - low) >> 2) * 2;
      from = half;
      remaining = (top + 1 - half) & ~1;
    }
    for (;;) {
      const offset = this.rng.below(Math.max(remaining, 1)) | 1;
      for (let parity = 0; parity < 2; parity++) {
        let port = from + ((offset - parity + remaining) % Math.max(remaining, 1));
        for (let i = 0; i < remaining; i += 2, port += 2) {
          if (port > top) port -= remaining;
          if (!this.#reserved(port) && !this.#conflicts(sk, address, port, false)) return port;
        }
      }
      if (from === low) throw new NetError(Errno.EADDRINUSE);
      from = low;
      remaining = count > 1 ? count & ~1 : count;
    }
  }

  /**
   * A local port for connect(2), free for this destination (__inet_hash_connect); the socket keeps it. Ports of the
   * range's own parity come first. Throws EADDRNOTAVAIL.
   * @param free told each candidate that others use as well; true when this connection may have it
   */
  hashConnect(sk: TcpSock, hash: number, free: (port: number) => boolean): number {
    const [low, high] = this.ip4.sysctl.localPortRange;
    let remaining = high + 1 - low;
    if (remaining > 1) remaining &= ~1;
    const index = hash % PERTURB_SIZE;
    const perturb = this.perturb.get(index) ?? this.rng.fork(`perturb/${index}`).u32();
    let offset = ((perturb + Math.floor(hash / PERTURB_SIZE)) >>> 0) % remaining;
    offset &= ~1;
    for (let parity = 0; parity < 2; parity++, offset++) {
      let port = low + offset;
      for (let i = 0; i < remaining; i += 2, port += 2) {
        if (port > high) port -= remaining;
        if (this.#reserved(port)) continue;
        const bucket = this.buckets.get(port);
        if (bucket && (bucket.byBind || !free(port))) continue;
        this.bindPort(sk, port, false);
        this.perturb.set(index, (perturb + Math.max(i, this.rng.below(8) * 2) + 2) >>> 0);
        return port;
      }
    }
    throw new NetError(Errno.EADDRNOTAVAIL);
  }
}

/** One speaks IPv6 only and the other IPv4 only: they may share a port (inet_rcv_saddr_equal). `address`: the first's. */
export function familiesApart(
  one: { readonly family: number; readonly ipv6Only: boolean },
  address: number,
  other: { readonly family: number; readonly ipv6Only: boolean; readonly rcvSaddr: number },
): boolean {
  if (one.ipv6Only) return !other.ipv6Only && (other.family === AF_INET || other.rcvSaddr !== 0);
  return other.ipv6Only && (one.family === AF_INET || address !== 0);
}

function listenerScore(sk: TcpSock, daddr: number, dif: number): number {
  if (sk.ipv6Only) return -1;
  if (sk.boundDevIf !== 0 && sk.boundDevIf !== dif) return -1;
  if (sk.rcvSaddr !== 0 && sk.rcvSaddr !== daddr) return -1;
  return (sk.boundDevIf !== 0 ? 2 : 1) + (sk.family === AF_INET ? 1 : 0) + (sk.rcvSaddr !== 0 ? 4 : 0);
}

function hashOf(laddr: number, lport: number, faddr: number, fport: number): number {
  let h = Math.imul(laddr ^ Math.imul(faddr, 0x9e3779b1), 0x85ebca6b) ^ Math.imul((lport << 16) | fport, 0xc2b2ae35);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return h ^ (h >>> 13);
}

function place(slots: (InetHashed | null)[], sk: InetHashed): void {
  const mask = slots.length - 1;
  let i = hashOf(sk.rcvSaddr, sk.sport, sk.daddr, sk.dport) & mask;
  while (slots[i]) i = (i + 1) & mask;
  slots[i] = sk;
}
