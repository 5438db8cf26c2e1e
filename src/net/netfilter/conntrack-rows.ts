// The tracked connections of a namespace (struct nf_conn), not as objects but as rows of one Int32Array, 64 bytes each: an object
// with its tuples costs 570 bytes a connection and several cache misses, a row 64 and one or two (bytes_per_conntrack and
// flows_1000000 of `npm run bench`). A connection is its row's number; 0 is none. What few connections have (a helper, a
// TCP window, counters, times, a mark) lies in tables beside. Answers to include/net/netfilter/nf_conntrack.h and its extensions.
//
// Nobody counts references on the packet path. A row that is not in the table (not yet confirmed, or ended) is `loose`: packets
// under way may still have it, as they have a reference in the kernel. From time to time all packets in use are looked
// through, and the loose rows that none of them has are free again.

import type { SkbPool } from "../core/skb.ts";
import { type ConnExt, IPS_CONFIRMED, IPS_DYING, NF_CT_ZONE_DIR_ORIG, NF_CT_ZONE_DIR_REPL } from "./conntrack-entry.ts";
import {
  CHAINED,
  HAS_ACCT,
  HAS_EXT,
  HAS_TIMES,
  IN_USE,
  MASQ_ELSEWHERE,
  NEXT,
  PACKED,
  PATH,
  PREV,
  PROTO,
  ROW,
  SEQ,
  STATUS,
  TELLS,
  TIMEOUT,
  TUPLE_WORDS,
  ZONE,
  ZONE_DIR_SHIFT,
} from "./conntrack-row.ts";
import type { Tuple } from "./tuple.ts";

/** Loose rows before the first search for free ones. */
const MIN_LOOSE = 256;
const MIN_ROWS = 64;
/** 4 MB */
const LARGE = 65536;
const NOTHING = new Int32Array(1 << ROW);
const NO_ROWS = new Int32Array(0);
const NO_NUMBERS = new Float64Array(0);

export class ConnRows {
  private readonly pool: SkbPool;
  private words: Int32Array = NOTHING;
  /** rows from 1 to _top − 1 have been used */
  private _top = 1;
  /** free rows, linked by NEXT */
  private free = 0;
  private freeCount = 0;
  /** rows that have not been seen in the table: unconfirmed, or ended; not an array, of which 100,000 would take new memory each time */
  private loose: Int32Array = NO_ROWS;
  private looseCount = 0;
  private readonly held: Set<number> = new Set();
  private readonly _ext: Map<number, ConnExt> = new Map();
  private readonly largeMasq: Map<number, number> = new Map();
  /** four numbers a row: packets and bytes of both directions */
  private acct: Float64Array = NO_NUMBERS;
  /** two numbers a row: ns of start and stop */
  private times: Float64Array = NO_NUMBERS;
  /** a mark a row, from the first on that is not 0 */
  private marks: Int32Array = NO_ROWS;
  private nextSeq = 1;
  /** called before the table grows: what has expired may go instead */
  beforeGrowth: (() => void) | null = null;
  /** called when a row becomes free */
  onFree: ((row: number) => void) | null = null;

  constructor(pool: SkbPool) {
    this.pool = pool;
  }

  /** One more than the highest row. */
  get top(): number {
    return this._top;
  }

  /** Bytes of memory that it has, tables of what few connections have aside. */
  get byteLength(): number {
    return this.words.byteLength;
  }

  /** Rows for which there is room. */
  get capacity(): number {
    return this.words.length >> ROW;
  }

  /** The next row is there: what has expired need not go, nor the table grow. */
  get hasRoom(): boolean {
    return this.free !== 0 || this._top < this.capacity;
  }

  /** A blank row with the protocol's number, loose until it is put into the table. */
  alloc(protonum: number): number {
    const row = this.take(protonum);
    const words = this.words;
    const at = row << ROW;
    // fill() takes longer for so few
    for (let i = 0; i < STATUS; i++) words[at + i] = 0;
    for (let i = STATUS + 1; i < 1 << ROW; i++) words[at + i] = 0;
    this.loosen(row);
    return row;
  }

  /** A row for whoever writes all of it at once and puts it into the table before anything else happens. */
  take(protonum: number): number {
    if (this.looseCount >= MIN_LOOSE && this.looseCount >= 4 * this.pool.size) this.#collect();
    if (this.free === 0 && this._top >= this.capacity) this.#makeRoom();
    let row = this.free;
    if (row === 0) row = this._top++;
    else {
      this.free = this.words[(row << ROW) | NEXT]!;
      this.freeCount--;
    }
    this.words[(row << ROW) | STATUS] =
      (protonum << 24) | IN_USE | ((NF_CT_ZONE_DIR_ORIG | NF_CT_ZONE_DIR_REPL) << ZONE_DIR_SHIFT);
    return row;
  }

  /**
   * A row that was taken becomes a connection in the table, of a protocol with ports, with this status besides what it has; `addr` and
   * `port` are where answers come to. Word by word in one go: step by step it took 50 ns longer (`npm run bench`: new_flow).
   */
  write(
    row: number,
    src: number,
    dst: number,
    ports: number,
    addr: number,
    port: number,
    status: number,
    masqIndex: number,
    expires: number,
    proto: number,
  ): void {
    const words = this.words;
    const at = row << ROW;
    this.setWords(row, src, dst, ports, addr, port);
    words[at + STATUS]! |= status;
    words[at + ZONE] = masqIndex;
    words[at + TIMEOUT] = expires;
    words[at + PROTO] = proto;
    words[at + PATH] = 0;
    words[at + PATH + 1] = 0;
    words[at + PACKED] = 0;
    words[at + NEXT] = 0;
    words[at + PREV] = 0;
    if (masqIndex >= MASQ_ELSEWHERE) this.setMasqIndex(row, masqIndex);
    this.enlist(row);
  }

  /** The row has left the table: it is free when no packet has it any more. */
  loosen(row: number): void {
    if (this.looseCount === this.loose.length) {
      const loose = new Int32Array(Math.max(MIN_ROWS, this.looseCount * 2));
      loose.set(this.loose);
      this.loose = loose;
    }
    this.loose[this.looseCount++] = row;
  }

  /** A confirmed row, in use and not ended. */
  isLive(row: number): boolean {
    return (this.words[(row << ROW) | STATUS]! & (IPS_CONFIRMED | IPS_DYING)) === IPS_CONFIRMED;
  }

  /** Numbers the row in the order in which connections come into the table. */
  enlist(row: number): void {
    this.words[(row << ROW) | SEQ] = this.nextSeq;
    this.nextSeq = (this.nextSeq + 1) | 0;
  }

  /** The number that `enlist` gave; with the row it names one connection for ever. */
  seq(row: number): number {
    return this.words[(row << ROW) | SEQ]!;
  }

  /** Sorts rows by the order in which they came into the table. */
  inOrder(rows: number[]): number[] {
    return rows.sort((a, b) => (this.seq(a) - this.seq(b)) | 0);
  }

  status(row: number): number {
    return this.words[(row << ROW) | STATUS]! & 0xffff;
  }

  addStatus(row: number, bits: number): void {
    this.words[(row << ROW) | STATUS]! |= bits;
    this.#forgetPaths(row);
  }

  protonum(row: number): number {
    return this.words[(row << ROW) | STATUS]! >>> 24;
  }

  /** Directions to which the zone applies (both: 3). */
  zoneDir(row: number): number {
    return (this.words[(row << ROW) | STATUS]! >> ZONE_DIR_SHIFT) & 3;
  }

  zone(row: number): number {
    return this.words[(row << ROW) | ZONE]! >>> 16;
  }

  setZone(row: number, zone: number, zoneDir: number): void {
    const at = row << ROW;
    this.words[at + ZONE] = (zone << 16) | (this.words[at + ZONE]! & 0xffff);
    this.words[at + STATUS] = (this.words[at + STATUS]! & ~(3 << ZONE_DIR_SHIFT)) | (zoneDir << ZONE_DIR_SHIFT);
  }

  /** Zone under which a direction is stored (nf_ct_zone_id). */
  zoneId(row: number, dir: number): number {
    return this.zoneDir(row) & (1 << dir) ? this.zone(row) : 0;
  }

  /** Signed: so that it is a small integer to V8 and never a boxed one. */
  src(row: number, dir: number): number {
    return this.words[(row << ROW) | (dir * TUPLE_WORDS)]!;
  }

  /** Signed. */
  dst(row: number, dir: number): number {
    return this.words[(row << ROW) | (dir * TUPLE_WORDS + 1)]!;
  }

  srcU(row: number, dir: number): number {
    return this.words[(row << ROW) | (dir * TUPLE_WORDS + 2)]! >>> 16;
  }

  dstU(row: number, dir: number): number {
    return this.words[(row << ROW) | (dir * TUPLE_WORDS + 2)]! & 0xffff;
  }

  /** Both 16-bit parts: source << 16 | destination, signed. */
  ports(row: number, dir: number): number {
    return this.words[(row << ROW) | (dir * TUPLE_WORDS + 2)]!;
  }

  /** Fills `into` with a direction's tuple. */
  tuple(row: number, dir: number, into: Tuple): Tuple {
    const words = this.words;
    const at = (row << ROW) | (dir * TUPLE_WORDS);
    const ports = words[at + 2]!;
    into.src = words[at]!;
    into.dst = words[at + 1]!;
    into.srcU = ports >>> 16;
    into.dstU = ports & 0xffff;
    into.protonum = words[(row << ROW) | STATUS]! >>> 24;
    return into;
  }

  setTuple(row: number, dir: number, tuple: Tuple): void {
    const words = this.words;
    const at = (row << ROW) | (dir * TUPLE_WORDS);
    words[at] = tuple.src;
    words[at + 1] = tuple.dst;
    words[at + 2] = (tuple.srcU << 16) | tuple.dstU;
  }

  /** Both tuples of a new connection of a protocol with ports; `addr` and `port` are where answers come to. */
  setWords(row: number, src: number, dst: number, ports: number, addr: number, port: number): void {
    const words = this.words;
    const at = row << ROW;
    words[at] = src;
    words[at + 1] = dst;
    words[at + 2] = ports;
    words[at + TUPLE_WORDS] = dst;
    words[at + TUPLE_WORDS + 1] = addr;
    words[at + TUPLE_WORDS + 2] = (ports << 16) | port;
  }

  /** Is this the direction's tuple? */
  hasTuple(row: number, dir: number, src: number, dst: number, ports: number, protonum: number): boolean {
    const words = this.words;
    const at = (row << ROW) | (dir * TUPLE_WORDS);
    return (
      words[at] === src &&
      words[at + 1] === dst &&
      words[at + 2] === ports &&
      words[(row << ROW) | STATUS]! >>> 24 === protonum
    );
  }

  /** Have two rows the same tuple in this direction? */
  sameTuple(a: number, b: number, dir: number): boolean {
    return this.hasTuple(a, dir, this.src(b, dir), this.dst(b, dir), this.ports(b, dir), this.protonum(b));
  }

  /** Jiffy when the connection is forgotten; while unconfirmed, jiffies after confirmation. */
  timeout(row: number): number {
    return this.words[(row << ROW) | TIMEOUT]!;
  }

  setExpires(row: number, jiffy: number): void {
    this.words[(row << ROW) | TIMEOUT] = jiffy;
  }

  /** UDP: jiffy after which traffic makes it a stream (nf_conn.proto.udp.stream_ts). */
  streamAt(row: number): number {
    return this.words[(row << ROW) | PROTO]!;
  }

  setStreamAt(row: number, jiffy: number): void {
    this.words[(row << ROW) | PROTO] = jiffy;
  }

  /** TCP: number of what is kept of its windows (TcpTracks), negative when they are packed (PackedTracks); 0: none yet. */
  track(row: number): number {
    return this.words[(row << ROW) | PROTO]!;
  }

  setTrack(row: number, track: number): void {
    this.words[(row << ROW) | PROTO] = track;
  }

  /** TCP: the word of packed windows that lies here. */
  packed(row: number): number {
    return this.words[(row << ROW) | PACKED]!;
  }

  setPacked(row: number, word: number): void {
    this.words[(row << ROW) | PACKED] = word;
  }

  /** By direction: what the path cache knows of the packets' way; 0 for a new connection. */
  path(row: number, dir: number): number {
    return this.words[(row << ROW) | PATH | dir]!;
  }

  /** The connection is another to those who judge its packets: they walk again. */
  #forgetPaths(row: number): void {
    this.words[(row << ROW) | PATH] = 0;
    this.words[(row << ROW) | PATH | 1] = 0;
  }

  setPath(row: number, dir: number, path: number): void {
    this.words[(row << ROW) | PATH | dir] = path;
  }

  mark(row: number): number {
    return row < this.marks.length ? this.marks[row]! >>> 0 : 0;
  }

  setMark(row: number, mark: number): void {
    if (this.marks.length < this.capacity && mark !== 0) {
      const marks = new Int32Array(this.capacity);
      marks.set(this.marks);
      this.marks = marks;
    }
    if (row < this.marks.length) this.marks[row] = mark;
    this.#forgetPaths(row);
  }

  /** ifindex of the interface whose address MASQUERADE took; 0 none. */
  masqIndex(row: number): number {
    const index = this.words[(row << ROW) | ZONE]! & 0xffff;
    return index === MASQ_ELSEWHERE ? this.largeMasq.get(row)! : index;
  }

  setMasqIndex(row: number, ifindex: number): void {
    const at = (row << ROW) | ZONE;
    if (ifindex >= MASQ_ELSEWHERE) this.largeMasq.set(row, ifindex);
    this.words[at] = (this.words[at]! & ~0xffff) | Math.min(ifindex, MASQ_ELSEWHERE);
  }

  /** Neighbours in the chain of connections with like sources (nat_bysource); 0: none. */
  next(row: number): number {
    return this.words[(row << ROW) | NEXT]!;
  }

  prev(row: number): number {
    return this.words[(row << ROW) | PREV]!;
  }

  /** Is the row in such a chain? */
  isChained(row: number): boolean {
    return (this.words[(row << ROW) | STATUS]! & CHAINED) !== 0;
  }

  /** The row comes into a chain, before the one that was its first; 0: none was. */
  chain(row: number, next: number): void {
    const words = this.words;
    const at = row << ROW;
    words[at + STATUS]! |= CHAINED;
    words[at + NEXT] = next;
    words[at + PREV] = 0;
    if (next !== 0) words[(next << ROW) + PREV] = row;
  }

  /** It leaves its chain, of which it was the first: the one that is now, 0 for none. −1: it was not. */
  unchain(row: number): number {
    const words = this.words;
    const at = row << ROW;
    const next = words[at + NEXT]!;
    const prev = words[at + PREV]!;
    words[at + STATUS]! &= ~CHAINED;
    words[at + NEXT] = 0;
    words[at + PREV] = 0;
    if (next !== 0) words[(next << ROW) + PREV] = prev;
    if (prev === 0) return next;
    words[(prev << ROW) + NEXT] = next;
    return -1;
  }

  /** Somebody listened when the connection began (nf_conntrack_ecache). */
  tells(row: number): boolean {
    return (this.words[(row << ROW) | STATUS]! & TELLS) !== 0;
  }

  setTells(row: number): void {
    this.words[(row << ROW) | STATUS]! |= TELLS;
  }

  /** nf_conntrack_acct: counters from now on, by direction. */
  addCounters(row: number): void {
    if (this.acct.length < this.capacity * 4) this.acct = grown(this.acct, this.capacity * 4);
    this.words[(row << ROW) | STATUS]! |= HAS_ACCT;
    this.clearCounters(row);
  }

  clearCounters(row: number): void {
    this.acct.fill(0, row * 4, row * 4 + 4);
  }

  /** False while accounting was off when the connection began. */
  hasCounters(row: number): boolean {
    return (this.words[(row << ROW) | STATUS]! & HAS_ACCT) !== 0;
  }

  count(row: number, dir: number, bytes: number): void {
    this.acct[row * 4 + dir * 2]!++;
    this.acct[row * 4 + dir * 2 + 1]! += bytes;
  }

  packets(row: number, dir: number): number {
    return this.hasCounters(row) ? this.acct[row * 4 + dir * 2]! : 0;
  }

  bytes(row: number, dir: number): number {
    return this.hasCounters(row) ? this.acct[row * 4 + dir * 2 + 1]! : 0;
  }

  /** nf_conntrack_timestamp: ns when the connection began. */
  setStart(row: number, ns: number): void {
    if (this.times.length < this.capacity * 2) this.times = grown(this.times, this.capacity * 2);
    this.words[(row << ROW) | STATUS]! |= HAS_TIMES;
    this.times[row * 2] = ns;
    this.times[row * 2 + 1] = 0;
  }

  setStop(row: number, ns: number): void {
    if (this.words[(row << ROW) | STATUS]! & HAS_TIMES) this.times[row * 2 + 1] = ns;
  }

  /** 0: not noted. */
  startNs(row: number): number {
    return this.words[(row << ROW) | STATUS]! & HAS_TIMES ? this.times[row * 2]! : 0;
  }

  stopNs(row: number): number {
    return this.words[(row << ROW) | STATUS]! & HAS_TIMES ? this.times[row * 2 + 1]! : 0;
  }

  /** What few connections have; null: this one has none of it. */
  ext(row: number): ConnExt | null {
    return this.words[(row << ROW) | STATUS]! & HAS_EXT ? this._ext.get(row)! : null;
  }

  /** The connection's extensions, made when they are first needed. */
  needExt(row: number): ConnExt {
    let ext = this.ext(row);
    if (ext === null) {
      ext = { helper: null, master: 0, seqadj: null, ftp: null };
      this._ext.set(row, ext);
      this.words[(row << ROW) | STATUS]! |= HAS_EXT;
      this.#forgetPaths(row);
    }
    return ext;
  }

  /** Extensions of all that have any. */
  extensions(): IterableIterator<ConnExt> {
    return this._ext.values();
  }

  /** Loose rows that no packet and no other connection refers to become free. */
  #collect(): void {
    const held = this.held;
    held.clear();
    this.pool.eachInUse((skb) => {
      if (skb.ct > 0) held.add(skb.ct);
    });
    for (const { master } of this._ext.values()) if (master !== 0) held.add(master);
    const loose = this.loose;
    let kept = 0;
    for (let i = 0; i < this.looseCount; i++) {
      const row = loose[i]!;
      const word = this.words[(row << ROW) | STATUS]!;
      // noted twice and free by now; or confirmed since
      if (!(word & IN_USE) || (word & (IPS_CONFIRMED | IPS_DYING)) === IPS_CONFIRMED) continue;
      if (held.has(row)) loose[kept++] = row;
      else this.#release(row);
    }
    this.looseCount = kept;
  }

  #release(row: number): void {
    this.onFree?.(row);
    const at = row << ROW;
    if (this.words[at + STATUS]! & HAS_EXT) this._ext.delete(row);
    if ((this.words[at + ZONE]! & 0xffff) === MASQ_ELSEWHERE) this.largeMasq.delete(row);
    if (row < this.marks.length) this.marks[row] = 0;
    const words = this.words;
    words[at + STATUS] = 0;
    words[at + NEXT] = this.free;
    this.free = row;
    this.freeCount++;
  }

  /** The table is full to the brim: what nobody needs any more makes room, or it grows. */
  #makeRoom(): void {
    this.beforeGrowth?.();
    this.#collect();
    const { capacity } = this;
    if (this.freeCount > capacity >> 3) return;
    // by a quarter, a large one by an eighth: what is not yet used counts in a connection's memory, and copying in its time
    const rows = Math.max(MIN_ROWS, capacity + (capacity >> (capacity < LARGE ? 2 : 3)));
    const words = new Int32Array(rows << ROW);
    words.set(this.words);
    this.words = words;
    if (this.acct.length > 0) this.acct = grown(this.acct, rows * 4);
    if (this.times.length > 0) this.times = grown(this.times, rows * 2);
  }
}

function grown(numbers: Float64Array, length: number): Float64Array {
  const more = new Float64Array(length);
  more.set(numbers);
  return more;
}
