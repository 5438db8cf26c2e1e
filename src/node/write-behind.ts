// Writes a growing file beside what makes it: full pieces go to a thread of libuv's pool, as tcpdump is another process beside the
// kernel. Of a frame of 1,442 bytes in two captures half of the time had been write(2), and ext4's work with new pages most of that
// (`npm run bench`: forward_1442B_pcap; a third more frames a second, and a tenth of that because pieces end where large pages do).
//
// Who makes the file does not come back to the event loop before it is done, so that nobody hears the pool's answer. But the file's length
// tells: it is one writer's, pieces are written one at a time, and a write(2) moves the end of a file behind the bytes that it has copied
// (generic_perform_write, mm/filemap.c; ext4_da_write_end). Where the end does not come, the same bytes are written to the same place here,
// which does no harm if they were only late, and throws what the pool has been told.
//
// Who makes much of it makes it where it is written from (`room`): of two captures' frames of 60 bytes a twelfth of the time was a copy into
// the piece, and of frames of 1,442 bytes a fifth.

import { closeSync, ftruncateSync, readSync, write, writeSync } from "node:fs";
import { HALF_WORD } from "../capture/pcap-lengths.ts";

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
/**
 * So few wakings of a thread, which cost 20 us or more on both sides: with a quarter of it a large frame took 1,055 ns in two captures where
 * it takes 564, a small one 347 and 200 (in a virtual machine, whose idle processors are slow to wake).
 */
export const PIECE: number = 16 * BOUNDARY;
/** Behind a piece, for a record of 64 KiB that goes beyond its end. */
const BEYOND = BOUNDARY + 1024;
/** How often it is asked at once whether a piece has come, some 3 us apart: for longer than writing one takes, … */
const MOST_LOOKS = 256;
const LOOK_APART = 2000;
/** … and how many times behind a sleep: for a quarter of a second, as a sleep takes 0.2 ms all in all. */
const POLL_MS = 0.05;
const MOST_POLLS = 1000;
/** New memory costs a first touch of each page: so many pieces wait for the next file. */
const MOST_SPARE = 4;

const sleep = new Int32Array(new SharedArrayBuffer(4));
const oneByte = new Uint8Array(1);
const spare: Uint8Array[] = [];
const newMemory = (): Uint8Array => spare.pop() ?? new Uint8Array(2 * HALF_WORD + PIECE + BEYOND);

/** Where in its memory a piece begins that begins there in the file: frames of Ethernet lie to words as CaptureWriter would have them. */
const startIn = (from: number): number => HALF_WORD + (from & 3);

export class WriteBehind {
  readonly #fd: number;
  readonly #disk: Disk;
  /** so many bytes lie in the file */
  #written = 0;
  /** behind them comes what the pool has been given: memory with so many bytes of the file (startIn) */
  #away: Uint8Array = newMemory();
  #awayBytes = 0;
  /** and then the piece that it will get next */
  #memory: Uint8Array = newMemory();
  #used = 0;
  /** somebody may be writing behind what there is */
  #lent = false;
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

  /** @param fd an empty regular file, open for both, that nobody else writes to; is closed by `close` */
  constructor(fd: number, disk: Disk = REAL) {
    this.#fd = fd;
    this.#disk = disk;
  }

  /**
   * Memory of `bytes` or more in which what comes next may be made; what is appended from its beginning is not copied. Nobody writes there
   * any more once it is appended, or anything else is. Null: there is none, and it may be made anywhere.
   */
  room(bytes: number): Uint8Array | null {
    const at = this.#start + this.#used;
    const end = Math.max(this.#start + this.#limit, at + bytes);
    if (this.#error !== null || end > this.#memory.length) return null;
    this.#lent = true;
    return this.#memory.subarray(at, end);
  }

  /** Adds to the end; the bytes are only lent. False: the disk has no more room, and nothing was added. */
  append(bytes: Uint8Array): boolean {
    if (this.#error !== null) return false;
    const { length } = bytes;
    if (bytes.buffer === this.#memory.buffer && bytes.byteOffset === this.#start + this.#used && this.#lent) {
      if (this.#used + length >= this.#limit && !this.#arrive()) return false;
      this.#lent = false;
      this.#used += length;
      if (this.#used >= this.#limit) this.#send();
      return true;
    }
    if (this.#lent) this.#leaveMemory();
    const room = this.#limit - this.#used;
    if (length < room) {
      this.#add(bytes);
      return true;
    }
    if (!this.#arrive()) return false;
    if (length - room >= PIECE) return this.finish() && this.#writeNow(bytes);
    this.#add(bytes.subarray(0, room));
    this.#send();
    this.#add(bytes.subarray(room));
    return true;
  }

  /** Everything is in the file; false: but for `rest`. */
  finish(): boolean {
    if (this.#error !== null || !this.#arrive()) return false;
    if (this.#used === 0) return true;
    if (!this.#writeNow(this.#piece)) return false;
    this.#used = 0;
    // the next piece begins where somebody may be writing
    if (this.#lent) this.#leaveMemory();
    return true;
  }

  /** After `finish`: how much is in the file, … */
  get written(): number {
    return this.#written;
  }

  /** … what found no room behind it, and why. */
  get rest(): Uint8Array {
    return Buffer.concat([this.#awayPiece, this.#piece]);
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
    if (this.#error !== null || spare.length >= MOST_SPARE) return;
    spare.push(this.#away);
    if (!this.#lent) spare.push(this.#memory);
  }

  /** Another file might get its number, and what the pool is late with. */
  #mayClose(): boolean {
    return this.#closed && (!this.#late || this.#unanswered === 0);
  }

  /** Where the piece begins in the file, … */
  get #from(): number {
    return this.#written + this.#awayBytes;
  }

  /** … in its memory, … */
  get #start(): number {
    return startIn(this.#from);
  }

  /** … and how long it is when it is full. */
  get #limit(): number {
    return PIECE - (this.#from % BOUNDARY);
  }

  get #piece(): Uint8Array {
    return this.#memory.subarray(this.#start, this.#start + this.#used);
  }

  get #awayPiece(): Uint8Array {
    const start = startIn(this.#written);
    return this.#away.subarray(start, start + this.#awayBytes);
  }

  #add(bytes: Uint8Array): void {
    this.#memory.set(bytes, this.#start + this.#used);
    this.#used += bytes.length;
  }

  /** Whoever has it keeps it. */
  #leaveMemory(): void {
    const memory = newMemory();
    memory.set(this.#piece, this.#start);
    this.#memory = memory;
    this.#lent = false;
  }

  /** The pool gets the piece, which is full; the one before has come. What is beyond its end begins the next one. */
  #send(): void {
    const full = this.#piece;
    const bytes = this.#limit;
    [this.#memory, this.#away] = [this.#away, this.#memory];
    this.#awayBytes = bytes;
    this.#used = 0;
    this.#add(full.subarray(bytes));
    this.#unanswered++;
    this.#disk.write(this.#fd, full, 0, bytes, this.#written, this.#answered);
  }

  /** What the pool was given lies in the file. */
  #arrive(): boolean {
    if (this.#awayBytes === 0) return true;
    const end = this.#written + this.#awayBytes;
    for (let polls = 0; !this.#reaches(end); polls++) {
      if (polls === MOST_LOOKS + MOST_POLLS) return this.#writeAgain();
      if (polls < MOST_LOOKS) for (let i = 0; i < LOOK_APART; i++) Atomics.load(sleep, 0);
      else Atomics.wait(sleep, 0, 0, POLL_MS);
    }
    this.#written = end;
    this.#awayBytes = 0;
    return true;
  }

  /** The file has so many bytes. Its last byte is asked for, because fstat makes objects. */
  #reaches(length: number): boolean {
    return readSync(this.#fd, oneByte, 0, 1, length - 1) === 1;
  }

  /** The pool has failed, or is late: then it may come to this piece after all, which nobody else may use. */
  #writeAgain(): boolean {
    this.#late = true;
    if (!this.#writeNow(this.#awayPiece)) return false;
    this.#awayBytes = 0;
    this.#away = newMemory();
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
