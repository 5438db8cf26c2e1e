// Writes captures while frames flow: records go into chunks that grow from small to a megabyte, so that a frame costs one
// copy. Given a sink, full chunks are handed over and used again.
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2, MAXIMUM_SNAPLEN } from "./capture.ts";
import { emitFileHeader, emitRecordHeader, FILE_HEADER_LENGTH, RECORD_HEADER_LENGTH } from "./pcap.ts";
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
}

const FIRST_CHUNK = 4096;
const LARGEST_CHUNK = 1 << 20;
export class CaptureWriter {
  /** Frames written so far. */
  frames = 0;
  readonly linkType: number;
  private readonly snapLength: number;
  private readonly startSeconds: number;
  private readonly nanoseconds: boolean;
  private readonly sink: ((piece: Uint8Array) => void) | undefined;
  private readonly full: Uint8Array[] = [];
  private chunk: Uint8Array;
  private used = 0;

  constructor(options: CaptureWriterOptions = {}) {
    this.linkType = options.linkType ?? LINKTYPE_ETHERNET;
    this.snapLength = options.snapLength ?? MAXIMUM_SNAPLEN;
    this.startSeconds = options.startSeconds ?? 0;
    this.nanoseconds = options.nanoseconds ?? false;
    this.sink = options.sink;
    this.chunk = new Uint8Array(this.sink === undefined ? FIRST_CHUNK : LARGEST_CHUNK);
    this.used = emitFileHeader(this.chunk, 0, this.linkType, this.snapLength, this.nanoseconds);
  }

  /** Writes the frame `b[from..to)`, seen `timeNs` after the start; `wireLength` is its length before it was cut. */
  write(b: Uint8Array, from: number, to: number, timeNs: number, wireLength: number = to - from): void {
    const length = Math.min(to - from, this.snapLength);
    const at = this.record(length, timeNs, wireLength);
    copy(b, from, length, this.chunk, at);
    this.used = at + length;
  }

  /** Writes all that a view shows. For those who keep their views: no frame makes one then (SkBuff.view). */
  writeView(frame: Uint8Array, timeNs: number): void {
    const { length } = frame;
    if (length > this.snapLength) {
      this.write(frame, 0, length, timeNs);
      return;
    }
    const at = this.record(length, timeNs, length);
    this.chunk.set(frame, at);
    this.used = at + length;
  }

  /**
   * Writes an Ethernet frame the way `-i any` shows it: its Ethernet header replaced by Linux's cooked one. `arphrd` is the
   * device's hardware type, `packetType` one of sll2's PACKET_ numbers. The writer's link type must be LINUX_SLL2.
   */
  writeCooked(
    b: Uint8Array,
    from: number,
    to: number,
    timeNs: number,
    ifindex: number,
    arphrd: number,
    packetType: number,
  ): void {
    if (this.linkType !== LINKTYPE_LINUX_SLL2)
      throw new Error("a cooked frame needs a capture of link type LINUX_SLL2");
    const wireLength = to - from - sll2.ETHERNET_LENGTH + sll2.HEADER_LENGTH;
    const length = Math.min(wireLength, Math.max(this.snapLength, sll2.HEADER_LENGTH));
    const at = this.record(length, timeNs, wireLength);
    const payload = sll2.emit(b, from, ifindex, arphrd, packetType, this.chunk, at);
    copy(b, from + sll2.ETHERNET_LENGTH, length - sll2.HEADER_LENGTH, this.chunk, payload);
    this.used = at + length;
  }

  /** The whole file so far, in new memory. Not with a sink, which has it already. */
  bytes(): Uint8Array {
    if (this.sink !== undefined) throw new Error("this capture went to its sink");
    let size = this.used;
    for (const piece of this.full) size += piece.length;
    const file = new Uint8Array(size);
    let at = 0;
    for (const piece of this.full) {
      file.set(piece, at);
      at += piece.length;
    }
    file.set(this.chunk.subarray(0, this.used), at);
    return file;
  }

  /** Hands what is written so far to the sink. */
  flush(): void {
    if (this.sink === undefined || this.used === 0) return;
    this.sink(this.chunk.subarray(0, this.used));
    this.used = 0;
  }

  /** Makes room for a record, writes its header, and returns where its bytes go. */
  private record(length: number, timeNs: number, wireLength: number): number {
    if (this.used + RECORD_HEADER_LENGTH + length > this.chunk.length) this.nextChunk(RECORD_HEADER_LENGTH + length);
    const whole = Math.floor(timeNs / 1_000_000_000);
    const rest = timeNs - whole * 1_000_000_000;
    const fraction = this.nanoseconds ? rest : Math.floor(rest / 1000);
    this.frames++;
    return emitRecordHeader(this.chunk, this.used, this.startSeconds + whole, fraction, length, wireLength);
  }

  private nextChunk(needed: number): void {
    if (this.sink !== undefined) {
      this.flush();
      if (needed > this.chunk.length) this.chunk = new Uint8Array(needed);
      return;
    }
    if (this.used > 0) this.full.push(this.chunk.subarray(0, this.used));
    this.chunk = new Uint8Array(Math.max(needed, Math.min(this.chunk.length * 2, LARGEST_CHUNK)));
    this.used = 0;
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
