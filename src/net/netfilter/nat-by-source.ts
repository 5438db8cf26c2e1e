// Connections by where they come from, so that NAT gives one source one mapping (nat_bysource of net/netfilter/nf_nat_core.c):
// chains through the connections' own rows, the latest first, linked both ways so that one goes at once however long its chain is:
// a socket that writes to a million hosts makes one chain.

import type { ConnRows } from "./conntrack-rows.ts";
import type { Tuple } from "./tuple.ts";

const MIN_CHAINS = 64;
const NO_CHAINS = new Int32Array(1);

/** hash_by_src */
export function hashOfSource(src: number, srcU: number, protonum: number, zone: number): number {
  let h = Math.imul(src ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul((h ^ (h >>> 15)) + ((zone << 16) ^ srcU), 0xc2b2ae35);
  h = Math.imul((h ^ (h >>> 13)) + protonum, 0x27d4eb2f);
  return h ^ (h >>> 16);
}

/** Does the connection come from where `tuple` does? (same_src) */
export function hasSource(rows: ConnRows, conn: number, { src, srcU, protonum }: Tuple, zone: number): boolean {
  return (
    rows.src(conn, 0) === src &&
    rows.srcU(conn, 0) === srcU &&
    rows.protonum(conn) === protonum &&
    rows.zoneId(conn, 0) === zone
  );
}

export class SourceChains {
  private readonly rows: ConnRows;
  /** the latest of each chain; 0: it is empty */
  private heads: Int32Array = NO_CHAINS;
  private size = 0;

  constructor(rows: ConnRows) {
    this.rows = rows;
  }

  /** Bytes of memory that it has. */
  get byteLength(): number {
    return this.heads.byteLength;
  }

  /** The latest of the chain in which connections from `tuple`'s source are, besides others; `rows.next` leads on; 0: none. */
  first({ src, srcU, protonum }: Tuple, zone: number): number {
    return this.firstOf(hashOfSource(src, srcU, protonum, zone));
  }

  /** The same, of a source's hash. */
  firstOf(hash: number): number {
    return this.heads[hash & (this.heads.length - 1)]!;
  }

  add(conn: number): void {
    this.addHashed(conn, this.#hashOf(conn));
  }

  /** The same for who knows its source's hash. */
  addHashed(conn: number, hash: number): void {
    if (this.size >= this.heads.length || this.heads === NO_CHAINS) this.#grow();
    this.size++;
    this.#push(conn, hash);
  }

  /** Harmless for one that is in no chain. */
  remove(conn: number): void {
    const rows = this.rows;
    if (!rows.isChained(conn)) return;
    this.size--;
    const next = rows.unchain(conn);
    if (next >= 0) this.heads[this.#hashOf(conn) & (this.heads.length - 1)] = next;
  }

  #hashOf(conn: number): number {
    const rows = this.rows;
    return hashOfSource(rows.src(conn, 0), rows.srcU(conn, 0), rows.protonum(conn), rows.zoneId(conn, 0));
  }

  #push(conn: number, hash: number): void {
    const chain = hash & (this.heads.length - 1);
    this.rows.chain(conn, this.heads[chain]!);
    this.heads[chain] = conn;
  }

  /** Each chain is divided into two; from its end on, so that the order stays. */
  #grow(): void {
    const rows = this.rows;
    const old = this.heads;
    this.heads = new Int32Array(Math.max(MIN_CHAINS, old.length * 2));
    for (let first of old) {
      let last = 0;
      for (; first !== 0; first = rows.next(first)) last = first;
      while (last !== 0) {
        const prev = rows.prev(last);
        this.#push(last, this.#hashOf(last));
        last = prev;
      }
    }
  }
}
