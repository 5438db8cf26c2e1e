// IP identifications (RFC 6864): a connected socket counts for itself; packets with DF and no such socket have 0; all
// others count in one of many hashed counters, which jump by a random part of the time passed. Answers to
// include/net/ip.h (ip_select_ident_segs) and net/ipv4/route.c (__ip_select_ident, ip_idents_reserve).

import type { Rng } from "../../sim/rng.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { getInt32 } from "../../wire/layout.ts";
import { JiffyClock } from "../core/jiffy-clock.ts";
import type { Kernel } from "../core/net.ts";
import type { SkBuff } from "../core/skb.ts";
import type { Sock } from "../core/sock.ts";
import { IPSKB_IGNORE_DF } from "./ip-cb.ts";
import type { Ipv4 } from "./ipv4.ts";

const BUCKETS = 2048;

/**
 * The counters, which all namespaces of a lab share (ip_idents): of each its value and, 32 bits of it, the jiffy of its last use
 * (ip_tstamps).
 */
class IdentTable {
  readonly counters: Int32Array = new Int32Array(BUCKETS * 2);

  constructor(rng: Rng) {
    for (let i = 0; i < BUCKETS; i++) this.counters[i * 2] = rng.u32() & 0xffff;
  }
}

/** A namespace's way into the counters: by a key of its own (net.ipv4.ip_id_key). */
export class IpIdents {
  private readonly clock: JiffyClock;
  private readonly counters: Int32Array;
  private readonly rng: Rng;
  private readonly key: number;

  constructor(kernel: Kernel, rng: Rng) {
    const table = kernel.shared(IdentTable, () => new IdentTable(kernel.rng.fork("ip-idents")));
    this.clock = new JiffyClock(kernel.sim);
    this.counters = table.counters;
    this.rng = rng;
    this.key = rng.u32();
  }

  /** Which of the counters is that of packets from `saddr` to `daddr`. */
  counter(daddr: number, saddr: number, protocol: number): number {
    let h = Math.imul(daddr ^ this.key, 0x9e3779b1);
    h = Math.imul((h ^ (h >>> 15)) + saddr, 0x85ebca6b);
    h = Math.imul((h ^ (h >>> 13)) + protocol, 0xc2b2ae35);
    return (h ^ (h >>> 16)) & (BUCKETS - 1);
  }

  /** The next of `segs` numbers of a counter. */
  count(counter: number, segs: number): number {
    const { counters } = this;
    const at = counter << 1;
    const jiffies = this.clock.jiffies();
    const passed = (jiffies - counters[at | 1]!) | 0;
    let id = counters[at]!;
    // below 0: the last one's CPU was ahead
    if (passed > 0) {
      counters[at | 1] = jiffies;
      id = (id + this.rng.below(passed)) & 0xffff;
    }
    counters[at] = (id + segs) & 0xffff;
    return id;
  }

  random16(): number {
    return this.rng.u32() & 0xffff;
  }
}

/** Writes the identification of skb's IP header (ip_select_ident_segs): `segs` packets will be made of it. */
export function ipSelectIdent(ip4: Ipv4, skb: SkBuff, sk: Sock | null, segs: number): void {
  const { head } = skb;
  const at = skb.networkHeader;
  if (sk !== null && sk.daddr !== 0) {
    const id = sk.inetId;
    sk.inetId = (id + segs) & 0xffff;
    ipv4.setIdentification(head, at, id);
    return;
  }
  if (ipv4.getFlagsAndOffset(head, at) & ipv4.DF && !(skb.ipcbFlags & IPSKB_IGNORE_DF))
    ipv4.setIdentification(head, at, 0);
  else ipSelectIdentHashed(ip4, head, at, segs);
}

/** From the hashed counters (__ip_select_ident). */
export function ipSelectIdentHashed(ip4: Ipv4, head: Uint8Array, at: number, segs: number): void {
  const { idents } = ip4;
  const counter = idents.counter(
    getInt32(head, at + ipv4.DESTINATION),
    getInt32(head, at + ipv4.SOURCE),
    ipv4.getProtocol(head, at),
  );
  const id = idents.count(counter, segs);
  ipv4.setIdentification(head, at, id);
}
