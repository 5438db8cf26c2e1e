// TCP's windows of connections that are not being talked on, packed: half of what they take in TcpTracks. Nothing is lost: what
// does not fit stays as it is. What makes them smaller is that most numbers lie close to others.

import type { ConnRows } from "./conntrack-rows.ts";
import {
  END,
  FLAG_MAXACK_SET,
  LAST_ACK,
  LAST_DIR,
  LAST_END,
  LAST_FLAGS,
  LAST_INDEX,
  LAST_SCALE,
  LAST_SEQ,
  LAST_WIN,
  MAX_ACK,
  MAX_END,
  MAX_WIN,
  RETRANS,
  SIDE_FLAGS,
  SIDE_SCALE,
  SIDE_WORDS,
  STATE,
} from "./proto-tcp-layout.ts";

// Seven words in a page: END of both sides; of either side two words, `MAX_WIN` << 8 and 24 bits of MAX_END − END, then 16 bits of
// the other's END − MAX_ACK; of the last acknowledgement its length << 16 | window. The eighth lies in the connection's row: the
// state and what else are few bits, from the lowest on 4 of state, 1 last direction, 3 last index, 2 retransmissions, 6 and 6
// flags, 4 and 4 scale, 2 whose the last acknowledgement was.
const PACKED_WORDS = 7;
const FROM_NOBODY = 2;
/** A page has 2 ** PAGE records. Pages, because one array that grows has room for many that are not there yet. */
const PAGE = 11;
const IN_PAGE = (1 << PAGE) - 1;
const WINDOW_BITS = 24;

/** The state that the row's word of a packed connection says. */
export function packedState(word: number): number {
  return word & 15;
}

export class PackedTracks {
  private readonly rows: ConnRows;
  private readonly pages: Int32Array[] = [];
  /** records from 1 to top − 1 have been used */
  private top = 1;
  /** free ones, linked by their first word */
  private _free = 0;

  constructor(rows: ConnRows) {
    this.rows = rows;
  }

  /** Bytes of memory that it has. */
  get byteLength(): number {
    return this.pages.length * ((PACKED_WORDS * 4) << PAGE);
  }

  /** Packs the windows at `words[at]`, whose bytes begin at `byte`. Returns the record's number, or 0 when they do not fit. */
  pack(conn: number, words: Int32Array, at: number, bytes: Uint8Array, byte: number): number {
    const flags0 = bytes[byte + SIDE_FLAGS]!;
    const flags1 = bytes[byte + SIDE_FLAGS + 1]!;
    const retrans = bytes[byte + RETRANS]!;
    if ((flags0 | flags1) > 63 || retrans > 3 || bytes[byte + LAST_FLAGS] !== 0 || bytes[byte + LAST_SCALE] !== 0)
      return 0;
    if (!sideFits(words, at, 0, flags0) || !sideFits(words, at, 1, flags1)) return 0;
    const from = lastFrom(words, at);
    if (from < 0) return 0;

    const record = this.#alloc();
    const page = this.pages[record >>> PAGE]!;
    const to = (record & IN_PAGE) * PACKED_WORDS;
    page[to] = words[at + END]!;
    page[to + 1] = words[at + SIDE_WORDS + END]!;
    for (let dir = 0; dir < 2; dir++) {
      const side = at + dir * SIDE_WORDS;
      const room = words[side + MAX_END]! - words[side + END]!;
      page[to + 2 + dir * 2] = (words[side + MAX_WIN]! << 8) | ((room >>> 16) & 255);
      page[to + 3 + dir * 2] = (room << 16) | unacked(words, at, dir, bytes[byte + SIDE_FLAGS + dir]!);
    }
    page[to + 6] = ((words[at + LAST_END]! - words[at + LAST_SEQ]!) << 16) | words[at + LAST_WIN]!;
    this.rows.setPacked(
      conn,
      bytes[byte + STATE]! |
        (bytes[byte + LAST_DIR]! << 4) |
        (bytes[byte + LAST_INDEX]! << 5) |
        (retrans << 8) |
        (flags0 << 10) |
        (flags1 << 16) |
        (bytes[byte + SIDE_SCALE]! << 22) |
        (bytes[byte + SIDE_SCALE + 1]! << 26) |
        (from << 30),
    );
    return record;
  }

  /** Fills blank windows with those of a record, which is free then. */
  unpack(conn: number, record: number, words: Int32Array, at: number, bytes: Uint8Array, byte: number): void {
    const page = this.pages[record >>> PAGE]!;
    const of = (record & IN_PAGE) * PACKED_WORDS;
    const word = this.rows.packed(conn);
    bytes[byte + STATE] = packedState(word);
    bytes[byte + LAST_DIR] = (word >>> 4) & 1;
    bytes[byte + LAST_INDEX] = (word >>> 5) & 7;
    bytes[byte + RETRANS] = (word >>> 8) & 3;
    bytes[byte + SIDE_FLAGS] = (word >>> 10) & 63;
    bytes[byte + SIDE_FLAGS + 1] = (word >>> 16) & 63;
    bytes[byte + SIDE_SCALE] = (word >>> 22) & 15;
    bytes[byte + SIDE_SCALE + 1] = (word >>> 26) & 15;
    for (let dir = 0; dir < 2; dir++) {
      const side = at + dir * SIDE_WORDS;
      const window = page[of + 2 + dir * 2]!;
      const rest = page[of + 3 + dir * 2]!;
      words[side + END] = page[of + dir]!;
      words[side + MAX_END] = page[of + dir]! + (((window & 255) << 16) | (rest >>> 16));
      words[side + MAX_WIN] = window >>> 8;
      if (bytes[byte + SIDE_FLAGS + dir]! & FLAG_MAXACK_SET)
        words[side + MAX_ACK] = page[of + 1 - dir]! - (rest & 0xffff);
    }
    const from = word >>> 30;
    if (from !== FROM_NOBODY) {
      const side = at + from * SIDE_WORDS;
      words[at + LAST_END] = words[side + END]!;
      words[at + LAST_ACK] = words[side + MAX_ACK]!;
      words[at + LAST_SEQ] = words[side + END]! - (page[of + 6]! >>> 16);
      words[at + LAST_WIN] = page[of + 6]! & 0xffff;
    }
    this.free(record);
  }

  free(record: number): void {
    this.pages[record >>> PAGE]![(record & IN_PAGE) * PACKED_WORDS] = this._free;
    this._free = record;
  }

  #alloc(): number {
    const record = this._free;
    if (record !== 0) {
      this._free = this.pages[record >>> PAGE]![(record & IN_PAGE) * PACKED_WORDS]!;
      return record;
    }
    if (this.top >>> PAGE >= this.pages.length) this.pages.push(new Int32Array(PACKED_WORDS << PAGE));
    return this.top++;
  }
}

/** Of what the other side has sent, how much this one has not acknowledged; 0 while it has acknowledged nothing. */
function unacked(words: Int32Array, at: number, dir: number, flags: number): number {
  if (!(flags & FLAG_MAXACK_SET)) return words[at + dir * SIDE_WORDS + MAX_ACK]!;
  return (words[at + (1 - dir) * SIDE_WORDS + END]! - words[at + dir * SIDE_WORDS + MAX_ACK]!) | 0;
}

function sideFits(words: Int32Array, at: number, dir: number, flags: number): boolean {
  const side = at + dir * SIDE_WORDS;
  const behind = unacked(words, at, dir, flags);
  return (
    words[side + MAX_WIN]! >>> WINDOW_BITS === 0 &&
    (words[side + MAX_END]! - words[side + END]!) >>> WINDOW_BITS === 0 &&
    (flags & FLAG_MAXACK_SET ? behind >>> 16 === 0 : behind === 0)
  );
}

/** The side whose END and MAX_ACK the last acknowledgement says again, FROM_NOBODY when there was none; −1: it says something else. */
function lastFrom(words: Int32Array, at: number): number {
  const seq = words[at + LAST_SEQ]!;
  const ack = words[at + LAST_ACK]!;
  const end = words[at + LAST_END]!;
  const win = words[at + LAST_WIN]!;
  if ((seq | ack | end | win) === 0) return FROM_NOBODY;
  if (win >>> 16 !== 0 || (end - seq) >>> 16 !== 0) return -1;
  for (let dir = 0; dir < 2; dir++)
    if (end === words[at + dir * SIDE_WORDS + END]! && ack === words[at + dir * SIDE_WORDS + MAX_ACK]!) return dir;
  return -1;
}
