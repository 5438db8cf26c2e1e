// What conntrack keeps of a TCP connection: its state and what each side has shown of its window. Answers to struct
// ip_ct_tcp of the kernel (linux/netfilter/nf_conntrack_tcp.h).

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

export const FLAG_WINDOW_SCALE = 1;
export const FLAG_SACK_PERM = 2;
export const FLAG_CLOSE_INIT = 4;
export const FLAG_BE_LIBERAL = 8;
export const FLAG_DATA_UNACKED = 16;
export const FLAG_MAXACK_SET = 32;
export const EXP_CHALLENGE_ACK = 64;
export const SIMULTANEOUS_OPEN = 128;

// Words of one connection: each side's four, what the last segment said, then bytes.
const TRACK = 4;
const SIDE_WORDS = 4;
/** Of a side: highest sequence number sent, its end; the highest that the other side allows; its largest window, scaled; … */
export const END = 0;
export const MAX_END = 1;
export const MAX_WIN = 2;
/** … and the highest that it has acknowledged. */
export const MAX_ACK = 3;
/** Of the connection. */
export const LAST_SEQ = 8;
export const LAST_ACK = 9;
export const LAST_END = 10;
export const LAST_WIN = 11;
// Bytes, counted from the connection's first word.
export const STATE = 48;
export const LAST_DIR = 49;
export const LAST_INDEX = 50;
export const LAST_SCALE = 51;
export const LAST_FLAGS = 52;
export const RETRANS = 53;
const SIDE_FLAGS = 54;
const SIDE_SCALE = 56;

/**
 * The windows of all TCP connections of a namespace (struct ip_ct_tcp), 64 bytes each in one array: `words[at(track) + LAST_SEQ]`,
 * `words[side(track, dir) + END]`, `bytes[byteAt(track) + STATE]`. Sequence numbers are signed here, so that V8 boxes none.
 */
export class TcpTracks {
  words: Int32Array = NO_WORDS;
  bytes: Uint8Array = NO_BYTES;
  #top = 1;
  readonly #free: number[] = [];

  at(track: number): number {
    return track << TRACK;
  }

  side(track: number, dir: number): number {
    return (track << TRACK) + dir * SIDE_WORDS;
  }

  byteAt(track: number): number {
    return track << (TRACK + 2);
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

  /** A blank one. */
  alloc(): number {
    const track = this.#free.pop() ?? this.#top++;
    if (track << TRACK >= this.words.length) this.#grow();
    this.clear(track);
    return track;
  }

  free(track: number): void {
    this.#free.push(track);
  }

  clear(track: number): void {
    this.words.fill(0, track << TRACK, (track + 1) << TRACK);
    this.bytes[this.byteAt(track) + LAST_INDEX] = NONE_SET;
  }

  /** All that a side has shown is forgotten but `flags`. */
  resetSide(track: number, dir: number, flags: number): void {
    const side = this.side(track, dir);
    this.words.fill(0, side, side + SIDE_WORDS);
    this.setFlags(track, dir, flags);
    this.setScale(track, dir, 0);
  }

  #grow(): void {
    const tracks = this.words.length >> TRACK;
    const words = new Int32Array(Math.max(32, tracks + (tracks >> 2)) << TRACK);
    words.set(this.words);
    this.words = words;
    this.bytes = new Uint8Array(words.buffer);
  }
}

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
