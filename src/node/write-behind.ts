// Writes a growing file beside what makes it: full pieces go to a thread of libuv's pool, as tcpdump is another process beside the
// kernel. Of a frame of 1,442 bytes in two captures half of the time had been write(2), and ext4's work with new pages most of that
// (`npm run bench`: forward_1442B_pcap; a third more frames a second, and a tenth of that because pieces end where large pages do).
//
// Who makes the file does not come back to the event loop before it is done, so that nobody hears the pool's answer. But the file's length
// tells: it is one writer's, pieces are written one at a time, and a write(2) moves the end of a file behind the bytes that it has copied
// (generic_perform_write, mm/filemap.c; ext4_da_write_end). Where the end does not come, the same bytes are written to the same place here,
// which does no harm if they were only late, and throws what the pool has been told.

import { closeSync, fstatSync, ftruncateSync, write, writeSync } from "node:fs";

/** What writes: node:fs, or a test's disk. */
export interface Disk {
  readonly write: (
    fd: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ) => void;
  readonly writeSync: (fd: number, bytes: Uint8Array, at: number, length: number, position: number | null) => number;
}

const REAL: Disk = { write, writeSync };

/** Pieces end at such places of the file, so that the page cache takes large folios for them (__filemap_get_folio). */
const BOUNDARY = 1 << 16;
/** So few wakings of a thread, which cost 20 us each; what is larger than a processor's second cache takes longer to write. */
const PIECE = 4 * BOUNDARY;
/** How often, and how many times, it is asked whether a piece has come: for a quarter of a second, as a sleep takes four times as long. */
const POLL_MS = 0.05;
const MOST_POLLS = 1000;
/** New memory costs a first touch of each page: so many pieces wait for the next file. */
const MOST_SPARE = 4;

const sleep = new Int32Array(new SharedArrayBuffer(4));
const spare: Uint8Array[] = [];
const newPiece = (): Uint8Array => spare.pop() ?? new Uint8Array(PIECE);

export class WriteBehind {
  readonly #fd: number;
  readonly #disk: Disk;
  /** so many bytes lie in the file */
  #written = 0;
  /** behind them comes what the pool has been given */
  #away: Uint8Array = newPiece();
  #awayBytes = 0;
  /** and then what it will get next */
  #piece: Uint8Array = newPiece();
  #used = 0;
  /** what the system has said */
  #error: unknown = null;
  /** pieces that the pool has not answered for, and whether one of them may still be written */
  #unanswered = 0;
  #late = false;
  #closed = false;
  readonly #answered = (): void => {
    this.#unanswered--;
    if (this.#late && this.#mayClose()) closeSync(this.#fd);
  };

  /** @param fd an empty regular file that nobody else writes to; is closed by `close` */
  constructor(fd: number, disk: Disk = REAL) {
    this.#fd = fd;
    this.#disk = disk;
  }

  /** Adds to the end; the bytes are only lent. False: the disk has no more room, and nothing was added. */
  append(bytes: Uint8Array): boolean {
    if (this.#error !== null) return false;
    const { length } = bytes;
    // it ends at a boundary of the file
    const room = PIECE - ((this.#written + this.#awayBytes) % BOUNDARY) - this.#used;
    if (length < room) {
      this.#piece.set(bytes, this.#used);
      this.#used += length;
      return true;
    }
    if (!this.#arrive()) return false;
    if (length - room >= PIECE) return this.finish() && this.#writeNow(bytes);
    this.#piece.set(bytes.subarray(0, room), this.#used);
    this.#used += room;
    this.#send();
    this.#piece.set(bytes.subarray(room));
    this.#used = length - room;
    return true;
  }

  /** Everything is in the file; false: but for `rest`. */
  finish(): boolean {
    if (this.#error !== null || !this.#arrive()) return false;
    if (this.#used === 0) return true;
    if (!this.#writeNow(this.#piece.subarray(0, this.#used))) return false;
    this.#used = 0;
    return true;
  }

  /** After `finish`: how much is in the file, … */
  get written(): number {
    return this.#written;
  }

  /** … what found no room behind it, and why. */
  get rest(): Uint8Array {
    return Buffer.concat([this.#away.subarray(0, this.#awayBytes), this.#piece.subarray(0, this.#used)]);
  }

  get error(): unknown {
    return this.#error;
  }

  /** Tries once more to write what found no room. Throws the system's error. */
  writeRest(): void {
    writeWhole(this.#fd, this.rest, this.#written, this.#disk);
  }

  /** Closes the file, as soon as nothing more can be written to it. */
  close(): void {
    if (this.#error === null) this.#arrive();
    this.#closed = true;
    if (this.#mayClose()) closeSync(this.#fd);
    if (this.#error === null && spare.length < MOST_SPARE) spare.push(this.#away, this.#piece);
  }

  /** Another file might get its number, and what the pool is late with. */
  #mayClose(): boolean {
    return this.#closed && (!this.#late || this.#unanswered === 0);
  }

  /** The pool gets the piece, which is full; the one before has come. */
  #send(): void {
    const full = this.#piece;
    this.#piece = this.#away;
    this.#away = full;
    this.#awayBytes = this.#used;
    this.#used = 0;
    this.#unanswered++;
    this.#disk.write(this.#fd, full, 0, this.#awayBytes, this.#written, this.#answered);
  }

  /** What the pool was given lies in the file. */
  #arrive(): boolean {
    if (this.#awayBytes === 0) return true;
    const end = this.#written + this.#awayBytes;
    for (let polls = 0; fstatSync(this.#fd).size < end; polls++) {
      if (polls === MOST_POLLS) return this.#writeAgain();
      Atomics.wait(sleep, 0, 0, POLL_MS);
    }
    this.#written = end;
    this.#awayBytes = 0;
    return true;
  }

  /** The pool has failed, or is late: then it may come to this piece after all, which nobody else may use. */
  #writeAgain(): boolean {
    this.#late = true;
    if (!this.#writeNow(this.#away.subarray(0, this.#awayBytes))) return false;
    this.#awayBytes = 0;
    this.#away = new Uint8Array(PIECE);
    return true;
  }

  #writeNow(bytes: Uint8Array): boolean {
    try {
      writeWhole(this.#fd, bytes, this.#written, this.#disk);
      this.#written += bytes.length;
      return true;
    } catch (error) {
      this.#error = error;
      ftruncateSync(this.#fd, this.#written);
      return false;
    }
  }
}

/** write(2) may take less than it was given, of a full disk what fits. */
export function writeWhole(fd: number, bytes: Uint8Array, position: number | null = null, disk: Disk = REAL): void {
  for (let at = 0; at < bytes.length; )
    at += disk.writeSync(fd, bytes, at, bytes.length - at, position === null ? null : position + at);
}
