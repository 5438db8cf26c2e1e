// Writes captures while frames flow: records go into chunks that grow from small to large, so that a frame costs one
// copy. Given a sink, full chunks are handed over and used again.
//
// The moment of a frame is taken as two integers, because a number of nanoseconds since 1970 (or since the start) is a double, which
// V8 puts on the heap, 16 bytes for each frame, wherever it is handed to a function that was not inlined.
import { LITTLE_ENDIAN } from "../wire/layout.ts";
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2, MAXIMUM_SNAPLEN } from "./capture.ts";
import { emitFileHeader, emitRecordHeader } from "./pcap.ts";
import {
  CHUNK_START,
  FILE_HEADER_LENGTH,
  FIRST_CHUNK,
  HALF_WORD,
  LARGEST_CHUNK,
  RECORD_HEADER_LENGTH,
  SINK_CHUNK,
  SLACK,
  STRAIGHT,
} from "./pcap-lengths.ts";
import * as sll2 from "./sll2.ts";

export interface CaptureWriterOptions {
  /** LINKTYPE_ number; Ethernet unless given. */
  readonly linkType?: number;
  /** Longest part of a frame that is kept, in bytes; tcpdump's 262144 unless given. */
  readonly snapLength?: number;
  /** What time stamp 0 means, in seconds since 1970. */
  readonly startSeconds?: number;
  /** Nanoseconds in the file instead of tcpdump's microseconds. */
  readonly nanoseconds?: boolean;
  /** Receives the file piece by piece; each piece is valid only during the call. */
  readonly sink?: (piece: Uint8Array) => void;
  /** Where the sink would have the next piece: memory of so many bytes or more. Null: anywhere. */
  readonly room?: (bytes: number) => Uint8Array | null;
}

const NO_BYTES = new Uint8Array(0);

export class CaptureWriter {
  /** Frames written so far. */
  frames = 0;
  readonly linkType: number;
  private readonly snapLength: number;
  private readonly startSeconds: number;
  private readonly nanoseconds: boolean;
  private readonly sink: ((piece: Uint8Array) => void) | undefined;
  private readonly room: ((bytes: number) => Uint8Array | null) | undefined;
  private readonly full: Uint8Array[] = [];
  /** this writer's own memory, and where it writes, which may be the sink's */
  private own: Uint8Array = NO_BYTES;
  private chunk: Uint8Array = NO_BYTES;
  /** the same bytes, for numbers at any offset and for words */
  private out!: DataView;
  private chunkWords!: Int32Array;
  /** what is not handed over begins there, and ends there */
  private start: number = CHUNK_START;
  private used: number = CHUNK_START;
  /** less the length of a frame: where its record begins at the latest to find room in the chunk */
  private lastStart!: number;
  /** longest frame that is written in words as it is */
  private readonly mostByWords: number;

  constructor(options: CaptureWriterOptions = {}) {
    this.linkType = options.linkType ?? LINKTYPE_ETHERNET;
    this.snapLength = options.snapLength ?? MAXIMUM_SNAPLEN;
    this.startSeconds = options.startSeconds ?? 0;
    this.nanoseconds = options.nanoseconds ?? false;
    this.sink = options.sink;
    this.room = options.room;
    this.mostByWords = LITTLE_ENDIAN ? this.snapLength : -1;
    this.takeOwn(FIRST_CHUNK);
    this.used = emitFileHeader(this.chunk, CHUNK_START, this.linkType, this.snapLength, this.nanoseconds);
  }

  /** Writes the frame `b[from..to)`, seen `timeNs` after the start; `wireLength` is its length before it was cut. */
  write(b: Uint8Array, from: number, to: number, timeNs: number, wireLength: number = to - from): void {
    const length = Math.min(to - from, this.snapLength);
    const at = this.makeRoom(length);
    const whole = Math.floor(timeNs / 1_000_000_000);
    this.emitHeader(this.startSeconds + whole, timeNs - whole * 1_000_000_000, length, wireLength);
    copy(b, from, length, this.chunk, at);
  }

  /**
   * Writes all that a view shows, seen at a moment since 1970. For those who keep their views: no frame makes one then
   * (SkBuff.view).
   */
  writeView(frame: Uint8Array, seconds: number, nanoseconds: number): void {
    const wireLength = frame.length;
    const length = Math.min(wireLength, this.snapLength);
    const at = this.makeRoom(length);
    this.emitHeader(seconds, nanoseconds, length, wireLength);
    if (length === wireLength) this.chunk.set(frame, at);
    else copy(frame, 0, length, this.chunk, at);
  }

  /**
   * Writes a short frame, seen at a moment since 1970, that begins at the byte `from` of a buffer of words.
   *
   * Two taps on 60-byte frames cost half this way of what they do with `set`, which is a call out of compiled code and wants a view
   * (`npm run bench`: forward_60B_pcap); beyond some 128 bytes `set` is faster. Here all lies at half words, the record's header, too, as it
   * does while lengths are multiples of four: then nothing needs to be shifted, and a record takes 17 ns instead of 30. The shortest
   * frame's words stand here one by one, and others follow four a turn, because V8 asks in each turn of a loop whether the arrays are still
   * what they were. One function of more than 460 bytes of bytecode is compiled by itself: in the middle of what forwards a frame
   * (netfilter/flow-paths.ts) the loop had become 42 instructions a word.
   */
  writeWords(words: Int32Array, from: number, length: number, seconds: number, nanoseconds: number): void {
    if (length > this.mostByWords || (from & 3) !== HALF_WORD || (this.used & 3) !== HALF_WORD) {
      this.writeOtherwise(words, from, length, seconds, nanoseconds);
      return;
    }
    let t = (this.makeRoom(length) - RECORD_HEADER_LENGTH) >> 2;
    this.frames++;
    const end = (this.used + 3) >> 2;
    const to = this.chunkWords;
    const fraction = this.fractionOf(nanoseconds);
    let w = from >> 2;
    // emitRecordHeader, in words; the first half is the end of the record before
    to[t] = (to[t]! & 0xffff) | (seconds << 16);
    to[t + 1] = (seconds >>> 16) | (fraction << 16);
    to[t + 2] = (fraction >>> 16) | (length << 16);
    to[t + 3] = (length >>> 16) | (length << 16);
    to[t + 4] = (length >>> 16) | (words[w]! & 0xffff0000);
    to[t + 5] = words[w + 1]!;
    to[t + 6] = words[w + 2]!;
    to[t + 7] = words[w + 3]!;
    to[t + 8] = words[w + 4]!;
    to[t + 9] = words[w + 5]!;
    to[t + 10] = words[w + 6]!;
    to[t + 11] = words[w + 7]!;
    if (end - t >= STRAIGHT) {
      to[t + 12] = words[w + 8]!;
      to[t + 13] = words[w + 9]!;
      to[t + 14] = words[w + 10]!;
      to[t + 15] = words[w + 11]!;
      to[t + 16] = words[w + 12]!;
      to[t + 17] = words[w + 13]!;
      to[t + 18] = words[w + 14]!;
      to[t + 19] = words[w + 15]!;
      t += 8;
      w += 8;
    }
    w += 8;
    for (t += 12; t < end; t += 4) {
      to[t] = words[w]!;
      to[t + 1] = words[w + 1]!;
      to[t + 2] = words[w + 2]!;
      to[t + 3] = words[w + 3]!;
      w += 4;
    }
  }

  /** … that begins anywhere, or is cut. */
  private writeOtherwise(words: Int32Array, from: number, length: number, seconds: number, nanoseconds: number): void {
    if (length > this.mostByWords) {
      this.writeView(new Uint8Array(words.buffer, words.byteOffset + from, length), seconds, nanoseconds);
      return;
    }
    const at = this.makeRoom(length);
    const to = this.chunkWords;
    // Whole words are written, so up to three bytes more in front, of the record's header, which comes last, and behind.
    const end = (at + length + 3) >> 2;
    /** the bytes lie so many bits later in their words there than here */
    const shift = ((at - from) & 3) << 3;
    let t = at >> 2;
    let w = (from - (at & 3) + (shift >> 3)) >> 2;
    if (shift === 0) {
      while (t < end) to[t++] = words[w++]!;
    } else {
      const back = 32 - shift;
      let before = words[w - 1]!;
      for (; t + 4 <= end; t += 4) {
        const a = words[w]!;
        const b = words[w + 1]!;
        const c = words[w + 2]!;
        const d = words[w + 3]!;
        to[t] = (before >>> back) | (a << shift);
        to[t + 1] = (a >>> back) | (b << shift);
        to[t + 2] = (b >>> back) | (c << shift);
        to[t + 3] = (c >>> back) | (d << shift);
        before = d;
        w += 4;
      }
      while (t < end) {
        const word = words[w++]!;
        to[t++] = (before >>> back) | (word << shift);
        before = word;
      }
    }
    this.emitHeader(seconds, nanoseconds, length, length);
  }

  /**
   * Writes an Ethernet frame the way `-i any` shows it, seen at a moment since 1970: its Ethernet header replaced by Linux's cooked one.
   * `arphrd` is the device's hardware type, `packetType` one of sll2's PACKET_ numbers. The writer's link type must be LINUX_SLL2.
   */
  writeCooked(
    b: Uint8Array,
    from: number,
    to: number,
    seconds: number,
    nanoseconds: number,
    ifindex: number,
    arphrd: number,
    packetType: number,
  ): void {
    if (this.linkType !== LINKTYPE_LINUX_SLL2)
      throw new Error("a cooked frame needs a capture of link type LINUX_SLL2");
    const wireLength = to - from - sll2.ETHERNET_LENGTH + sll2.HEADER_LENGTH;
    const length = Math.min(wireLength, Math.max(this.snapLength, sll2.HEADER_LENGTH));
    const at = this.makeRoom(length);
    this.emitHeader(seconds, nanoseconds, length, wireLength);
    const payload = sll2.emit(b, from, ifindex, arphrd, packetType, this.chunk, at);
    copy(b, from + sll2.ETHERNET_LENGTH, length - sll2.HEADER_LENGTH, this.chunk, payload);
  }

  /** The whole file so far, in new memory. Not with a sink, which has it already. */
  bytes(): Uint8Array {
    if (this.sink !== undefined) throw new Error("this capture went to its sink");
    let size = this.used - CHUNK_START;
    for (const piece of this.full) size += piece.length;
    const file = new Uint8Array(size);
    let at = 0;
    for (const piece of this.full) {
      file.set(piece, at);
      at += piece.length;
    }
    file.set(this.chunk.subarray(CHUNK_START, this.used), at);
    return file;
  }

  /** Hands what is written so far to the sink. */
  flush(): void {
    if (this.sink === undefined || this.used === this.start) return;
    this.sink(this.chunk.subarray(this.start, this.used));
    if (this.chunk.buffer === this.own.buffer) this.used = CHUNK_START;
    else {
      // the memory is the sink's again
      this.start = this.used;
      this.lastStart = -1;
    }
  }

  /** Makes room for a record and returns where its bytes go; its header comes in front of them. */
  private makeRoom(length: number): number {
    if (this.used + length > this.lastStart) this.nextChunk(length);
    const at = this.used + RECORD_HEADER_LENGTH;
    this.used = at + length;
    return at;
  }

  /** The header of the record that room was made for. */
  private emitHeader(seconds: number, nanoseconds: number, length: number, wireLength: number): void {
    this.frames++;
    const at = this.used - length - RECORD_HEADER_LENGTH;
    emitRecordHeader(this.out, at, seconds, this.fractionOf(nanoseconds), length, wireLength);
  }

  /** Of a second, in the file's unit. */
  private fractionOf(nanoseconds: number): number {
    return this.nanoseconds ? nanoseconds : (nanoseconds / 1000) | 0;
  }

  /** A chunk that a record of so many bytes finds room in. */
  private nextChunk(length: number): void {
    const needed = RECORD_HEADER_LENGTH + length + SLACK;
    const largest = this.sink === undefined ? LARGEST_CHUNK : SINK_CHUNK;
    const size = Math.max(CHUNK_START + needed, Math.min(this.own.length * 2, largest));
    if (this.sink === undefined) {
      if (this.used > CHUNK_START) this.full.push(this.chunk.subarray(CHUNK_START, this.used));
      this.takeOwn(size);
      return;
    }
    this.flush();
    const room = this.room?.(needed);
    if (room) this.writeInto(room);
    else this.takeOwn(size);
  }

  private takeOwn(bytes: number): void {
    if (this.sink === undefined || this.own.length < bytes) this.own = new Uint8Array(bytes);
    this.writeInto(this.own.subarray(CHUNK_START));
  }

  /** What comes next goes where `room` shows. */
  private writeInto({ buffer, byteOffset, length }: Uint8Array): void {
    if (this.chunk.buffer !== buffer) {
      this.chunk = new Uint8Array(buffer);
      this.out = new DataView(buffer);
      this.chunkWords = new Int32Array(buffer, 0, buffer.byteLength >> 2);
    }
    this.start = byteOffset;
    this.used = byteOffset;
    this.lastStart = byteOffset + length - RECORD_HEADER_LENGTH - SLACK;
  }
}

/** An empty pcap file: what tcpdump leaves when nothing came. */
export function emptyCapture(linkType: number = LINKTYPE_ETHERNET): Uint8Array {
  const b = new Uint8Array(FILE_HEADER_LENGTH);
  emitFileHeader(b, 0, linkType, MAXIMUM_SNAPLEN, false);
  return b;
}

/** Through a view of just the bytes: short-lived, and still half the price of copying 60 bytes one by one. */
function copy(from: Uint8Array, fromAt: number, length: number, to: Uint8Array, toAt: number): void {
  to.set(from.subarray(fromAt, fromAt + length), toAt);
}
