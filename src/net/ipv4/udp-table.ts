// The UDP sockets of a namespace by their local ports, and which of them gets a datagram. Answers to net/ipv4/udp.c
// (udp_lib_get_port, __udp4_lib_lookup, __udp4_lib_mcast_deliver).

import { smallInts } from "../../base/bytes.ts";
import { Errno, NetError } from "../../base/errno.ts";
import { LazyMap } from "../../base/lazy.ts";
import type { Rng } from "../../sim/rng.ts";
import { consumeSkb, type SkBuff, trace } from "../core/skb.ts";
import type { Ipv4 } from "./ipv4.ts";
import { isReservedPort } from "./local-ports.ts";
import { familiesApart } from "./tcp-hashtables.ts";
import type { UdpSock } from "./udp.ts";

/** A power of two. */
const RECENT = 8;

/** What was found while the table's generation was this one. */
class RecentPorts {
  generation = 0;
  readonly ports: Int32Array = smallInts(RECENT);
  readonly lists: (readonly UdpSock[] | undefined)[] = new Array(RECENT).fill(undefined);
  /** the one socket that gets all that comes to the port, whoever sent it; null: the list must be asked */
  readonly takers: (UdpSock | null)[] = new Array(RECENT).fill(null);

  forget(generation: number): void {
    this.generation = generation;
    this.ports.fill(0);
    this.lists.fill(undefined);
    this.takers.fill(null);
  }

  remember(slot: number, port: number, list: readonly UdpSock[] | undefined): void {
    const only = list?.length === 1 ? list[0]! : null;
    this.ports[slot] = port;
    this.lists[slot] = list;
    this.takers[slot] = only?.takesAny ? only : null;
  }
}

/** Of a table that has not been asked: of no generation. */
const NOTHING_RECENT = new RecentPorts();
NOTHING_RECENT.generation = -1;

/** The UDP sockets of one namespace, by local port. Addresses of packets may be signed or unsigned numbers. */
export class UdpTable {
  private readonly ip4: Ipv4;
  private readonly socks: LazyMap<number, UdpSock[]> = new LazyMap();
  /** what was found lately, by the port's last bits: a quarter of a Map's time */
  private recent: RecentPorts = NOTHING_RECENT;
  /** raised by whatever may change who gets a datagram */
  generation = 0;
  /** made when a port is to be chosen */
  private rng: Rng | null = null;

  constructor(ip4: Ipv4) {
    this.ip4 = ip4;
  }

  all(): UdpSock[] {
    return [...this.socks.values()].flat();
  }

  /** udp_lib_get_port: `port` 0 for a random free one. Throws EADDRINUSE (EAGAIN when all are taken). */
  getPort(sock: UdpSock, port: number): void {
    if (port === 0) {
      const [low, high] = this.ip4.sysctl.localPortRange;
      const count = high - low + 1;
      this.rng ??= this.ip4.rng.fork("udp");
      const first = this.rng.below(count);
      for (let i = 0; i < count; i++) {
        const candidate = low + ((first + i) % count);
        if (this.socks.has(candidate) || isReservedPort(this.ip4, candidate)) continue;
        port = candidate;
        break;
      }
      if (port === 0) throw new NetError(Errno.EAGAIN);
    } else if (this.#inUse(sock, port)) throw new NetError(Errno.EADDRINUSE);
    sock.sport = port;
    this.generation++;
    const list = this.socks.get(port);
    if (list) list.unshift(sock);
    else this.socks.set(port, [sock]);
  }

  /** udp_lib_lport_inuse */
  #inUse(sock: UdpSock, port: number): boolean {
    for (const other of this.socks.get(port) ?? []) {
      if (other === sock || (other.reuseAddr && sock.reuseAddr)) continue;
      if (other.boundDevIf !== 0 && sock.boundDevIf !== 0 && other.boundDevIf !== sock.boundDevIf) continue;
      if (other.rcvSaddr !== 0 && sock.rcvSaddr !== 0 && other.rcvSaddr !== sock.rcvSaddr) continue;
      if (familiesApart(sock, sock.rcvSaddr, other)) continue;
      if (other.reusePort && sock.reusePort && other.uid === sock.uid) continue;
      return true;
    }
    return false;
  }

  unhash(sock: UdpSock): void {
    this.generation++;
    const list = (this.socks.get(sock.sport) ?? []).filter((other) => other !== sock);
    if (list.length > 0) this.socks.set(sock.sport, list);
    else this.socks.delete(sock.sport);
  }

  /** The socket that a unicast datagram is for (__udp4_lib_lookup): bound to its address first, the best match wins. */
  lookup(saddr: number, sport: number, daddr: number, dport: number, ifindex: number): UdpSock | null {
    return this.takerOf(dport) ?? this.#search(saddr, sport, daddr, dport, ifindex);
  }

  /** The socket that gets whatever comes to the port, if it has been looked up lately; null: `lookup` must be asked. */
  takerOf(dport: number): UdpSock | null {
    const { recent } = this;
    const slot = dport & (RECENT - 1);
    return recent.generation === this.generation && recent.ports[slot] === dport ? recent.takers[slot]! : null;
  }

  #search(saddr: number, sport: number, daddr: number, dport: number, ifindex: number): UdpSock | null {
    const list = this.#listOf(dport);
    if (!list) return null;
    if (list.length === 1) {
      const sock = list[0]!;
      return sock.score(sock.rcvSaddr === 0 ? 0 : daddr, saddr, sport, ifindex) < 0 ? null : sock;
    }
    return best(list, daddr, saddr, sport, daddr, dport, ifindex) ?? best(list, 0, saddr, sport, daddr, dport, ifindex);
  }

  /** The sockets of a port, which is remembered with its taker. */
  #listOf(port: number): readonly UdpSock[] | undefined {
    if (this.recent === NOTHING_RECENT) this.recent = new RecentPorts();
    const { recent, generation } = this;
    if (recent.generation !== generation) recent.forget(generation);
    const slot = port & (RECENT - 1);
    if (recent.ports[slot] !== port) recent.remember(slot, port, this.socks.get(port));
    return recent.lists[slot];
  }

  /**
   * Every socket that a multicast or broadcast datagram is for (__udp4_lib_mcast_deliver); addresses as signed numbers. Takes
   * the packet over.
   */
  deliverToMany(skb: SkBuff, saddr: number, sport: number, daddr: number, dport: number): void {
    const list = this.socks.get(dport);
    let first: UdpSock | null = null;
    if (list)
      for (const sock of list) {
        if (sock.ipv6Only) continue;
        if (sock.daddr !== 0 && (sock.daddr | 0) !== saddr) continue;
        if (sock.dport !== 0 && sock.dport !== sport) continue;
        if (sock.rcvSaddr !== 0 && (sock.rcvSaddr | 0) !== daddr) continue;
        if (sock.boundDevIf !== 0 && sock.boundDevIf !== skb.skbIif) continue;
        if (first === null) first = sock;
        else receive(sock, skb.pool.copy(skb));
      }
    if (first) receive(first, skb);
    else {
      this.ip4.mib.udp.IgnoredMulti++;
      consumeSkb(skb);
    }
  }
}

/** A socket gets a datagram, which is told of. Takes it over. */
export function receive(sock: UdpSock, skb: SkBuff): void {
  if (skb.pool.trace !== null) trace(skb, "udpRcv", skb.dev, "", null, sock);
  sock.receive(skb);
}

/** Highest score of those bound to `bound` (compute_score); equal ones with SO_REUSEPORT share by a hash. */
function best(
  list: readonly UdpSock[],
  bound: number,
  saddr: number,
  sport: number,
  daddr: number,
  dport: number,
  ifindex: number,
): UdpSock | null {
  let winner: UdpSock | null = null;
  let high = -1;
  let equals = 0;
  for (let i = 0; i < list.length; i++) {
    const score = list[i]!.score(bound, saddr, sport, ifindex);
    if (score < 0 || score < high) continue;
    if (score > high) {
      high = score;
      winner = list[i]!;
      equals = 1;
    } else if (winner!.reusePort && list[i]!.reusePort) equals++;
  }
  if (equals < 2 || !winner?.reusePort || winner.established) return winner;
  let h = Math.imul(saddr ^ Math.imul(daddr, 0x9e3779b1), 0x85ebca6b) ^ ((sport << 16) | dport);
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35) >>> 0;
  let pick = Math.floor((h / 4294967296) * equals);
  // sockets stand newest first; the group is numbered from its oldest
  for (let i = list.length - 1; i >= 0; i--) {
    const sock = list[i]!;
    if (sock.reusePort && sock.score(bound, saddr, sport, ifindex) === high && pick-- === 0) return sock;
  }
  return winner;
}
