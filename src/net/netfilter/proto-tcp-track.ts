// What conntrack keeps of a TCP connection: its state and what each side has shown of its window. Answers to struct
// ip_ct_tcp of the kernel (linux/netfilter/nf_conntrack_tcp.h).

import type { ConnRows } from "./conntrack-rows.ts";
import { CONN, LAST_INDEX, SIDE_FLAGS, SIDE_SCALE, SIDE_WORDS, STATE, TRACK } from "./proto-tcp-layout.ts";
import { PackedTracks, packedState } from "./proto-tcp-packed.ts";

/** enum tcp_conntrack; the index into the names, the timeouts and the columns of the table below. */
export const TcpState = {
  NONE: 0,
  SYN_SENT: 1,
  SYN_RECV: 2,
  ESTABLISHED: 3,
  FIN_WAIT: 4,
  CLOSE_WAIT: 5,
  LAST_ACK: 6,
  TIME_WAIT: 7,
  CLOSE: 8,
  SYN_SENT2: 9,
} as const;

export const TCP_STATE_NAMES: readonly string[] = [
  "NONE",
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
  "SYN_SENT2",
];

/** Timeouts that belong to no state: retransmissions without an answer, unacknowledged data. */
export const TCP_TIMEOUT_RETRANS = 10;
export const TCP_TIMEOUT_UNACK = 11;

/** Default timeouts in seconds, by state, then RETRANS and UNACK. */
export function tcpDefaultTimeouts(): number[] {
  return [0, 120, 60, 432000, 120, 60, 30, 120, 10, 120, 300, 300];
}

// What a segment is by its flags: the rows of the table.
export const SYN_SET = 0;
export const SYNACK_SET = 1;
export const FIN_SET = 2;
export const ACK_SET = 3;
export const RST_SET = 4;
export const NONE_SET = 5;

/**
 * The windows of TCP connections of a namespace (struct ip_ct_tcp). Those that are talked on have 64 bytes each in one array:
 * `words[at(track) + LAST_SEQ]`, `words[side(track, dir) + END]`, `bytes[byteAt(track) + STATE]`, where `track` is the number that
 * `track(conn)` gives and that counts until that is asked of another connection. When a few thousand have come in use, all are packed
 * (PackedTracks): a million connections take 28 bytes each for their windows instead of 71 (`npm run bench`: bytes_per_conntrack_tcp).
 * Sequence numbers are signed here, so that V8 boxes none.
 */
export class TcpTracks {
  private readonly rows: ConnRows;
  private readonly packed: PackedTracks;
  words: Int32Array = NO_WORDS;
  bytes: Uint8Array = NO_BYTES;
  private top = 1;
  private readonly _free: number[] = [];

  constructor(rows: ConnRows) {
    this.rows = rows;
    this.packed = new PackedTracks(rows);
  }

  /** Bytes of memory that it has. */
  get byteLength(): number {
    return this.words.byteLength + this.packed.byteLength;
  }

  at(track: number): number {
    return track << TRACK;
  }

  side(track: number, dir: number): number {
    return (track << TRACK) + dir * SIDE_WORDS;
  }

  byteAt(track: number): number {
    return track << (TRACK + 2);
  }

  /** The number of a connection's windows, unpacked; 0: it has none. */
  track(conn: number): number {
    const track = this.rows.track(conn);
    return track >= 0 ? track : this.#unpack(conn, -track);
  }

  /** The state, without unpacking anything; NONE while nothing is known of the connection. */
  stateOf(conn: number): number {
    const track = this.rows.track(conn);
    if (track === 0) return TcpState.NONE;
    return track > 0 ? this.state(track) : packedState(this.rows.packed(conn));
  }

  state(track: number): number {
    return this.bytes[(track << (TRACK + 2)) + STATE]!;
  }

  setState(track: number, state: number): void {
    this.bytes[(track << (TRACK + 2)) + STATE] = state;
  }

  /** FLAG_* of a side. */
  flags(track: number, dir: number): number {
    return this.bytes[(track << (TRACK + 2)) + SIDE_FLAGS + dir]!;
  }

  setFlags(track: number, dir: number, flags: number): void {
    this.bytes[(track << (TRACK + 2)) + SIDE_FLAGS + dir] = flags;
  }

  /** Window scale of a side. */
  scale(track: number, dir: number): number {
    return this.bytes[(track << (TRACK + 2)) + SIDE_SCALE + dir]!;
  }

  setScale(track: number, dir: number, scale: number): void {
    this.bytes[(track << (TRACK + 2)) + SIDE_SCALE + dir] = scale;
  }

  /** Blank windows for a connection that has none. */
  alloc(conn: number): number {
    if (this._free.length === 0 && this.top << TRACK >= this.words.length) this.#makeRoom();
    const track = this._free.pop() ?? this.top++;
    this.rows.setTrack(conn, track);
    this.words[(track << TRACK) + CONN] = conn;
    this.clear(track);
    return track;
  }

  /** Harmless for a connection without windows. */
  free(conn: number): void {
    const track = this.rows.track(conn);
    if (track > 0) this.#close(track);
    else if (track < 0) this.packed.free(-track);
    this.rows.setTrack(conn, 0);
  }

  clear(track: number): void {
    this.words.fill(0, track << TRACK, (track << TRACK) + CONN);
    this.bytes[this.byteAt(track) + LAST_INDEX] = NONE_SET;
  }

  /** All that a side has shown is forgotten but `flags`. */
  resetSide(track: number, dir: number, flags: number): void {
    const side = this.side(track, dir);
    this.words.fill(0, side, side + SIDE_WORDS);
    this.setFlags(track, dir, flags);
    this.setScale(track, dir, 0);
  }

  #close(track: number): void {
    this.words[(track << TRACK) + CONN] = 0;
    this._free.push(track);
  }

  #unpack(conn: number, record: number): number {
    const track = this.alloc(conn);
    this.packed.unpack(conn, record, this.words, this.at(track), this.bytes, this.byteAt(track));
    return track;
  }

  /** All windows are in use: those that can be packed are. Where too few can, there will be room for half as many more. */
  #makeRoom(): void {
    const tracks = this.words.length >> TRACK;
    if (tracks >= PACKED_FROM) {
      this.#packAll();
      if (this._free.length * 2 >= tracks) return;
    }
    const words = new Int32Array(Math.max(32, tracks + (tracks >> 1)) << TRACK);
    words.set(this.words);
    this.words = words;
    this.bytes = new Uint8Array(words.buffer);
  }

  #packAll(): void {
    const { words, bytes } = this;
    // from the last on, so that the free ones are taken from the first on
    for (let track = this.top - 1; track > 0; track--) {
      const at = track << TRACK;
      const conn = words[at + CONN]!;
      if (conn === 0) continue;
      const record = this.packed.pack(conn, words, at, bytes, this.byteAt(track));
      if (record === 0) continue;
      this.rows.setTrack(conn, -record);
      this.#close(track);
    }
  }
}

/** So many windows are not worth packing: 256 KB. */
const PACKED_FROM = 4096;
const NO_WORDS = new Int32Array(0);
const NO_BYTES = new Uint8Array(0);

/** Sequence numbers wrap (RFC 9293 section 3.4). */
export function after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}

/** Sequence numbers wrap (RFC 9293 section 3.4). */
export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}
