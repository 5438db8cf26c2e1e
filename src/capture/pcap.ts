// The classic pcap file (draft-ietf-opsawg-pcap; libpcap's sf-pcap.c): read in both byte orders with micro- or nanoseconds,
// written as tcpdump does, little-endian. Leaves out the modified formats of old Linux kernels.
import { type HeaderLayout, header } from "../wire/layout.ts";
import { type Capture, type CapturedFrame, CaptureError, MAXIMUM_SNAPLEN } from "./capture.ts";
import { FILE_HEADER_LENGTH, RECORD_HEADER_LENGTH } from "./pcap-lengths.ts";

type FileField = "magic" | "major" | "minor" | "zone" | "accuracy" | "snapLength" | "linkType";

/** As tcpdump writes it on the machines of today; a file of the other byte order is read by the same offsets. */
export const fileLayout: HeaderLayout<FileField> = header(
  [
    ["magic", "32le"],
    ["major", "16le"],
    ["minor", "16le"],
    ["zone", "32le"],
    ["accuracy", "32le"],
    ["snapLength", "32le"],
    ["linkType", "32le"],
  ],
  FILE_HEADER_LENGTH,
);

export const recordLayout: HeaderLayout<"seconds" | "fraction" | "capturedLength" | "wireLength"> = header(
  [
    ["seconds", "32le"],
    ["fraction", "32le"],
    ["capturedLength", "32le"],
    ["wireLength", "32le"],
  ],
  RECORD_HEADER_LENGTH,
);

export const MAGIC_MICROSECONDS = 0xa1b2c3d4;
export const MAGIC_NANOSECONDS = 0xa1b23c4d;
const FRACTION = recordLayout.offsetOf("fraction");
const CAPTURED_LENGTH: number = recordLayout.offsetOf("capturedLength");
const WIRE_LENGTH = recordLayout.offsetOf("wireLength");

/** Writes tcpdump's file header (version 2.4, zone and accuracy zero); returns the offset after it. */
export function emitFileHeader(b: Uint8Array, at: number, linkType: number, snapLength: number, nano: boolean): number {
  const magic = nano ? MAGIC_NANOSECONDS : MAGIC_MICROSECONDS;
  fileLayout.encode({ magic, major: 2, minor: 4, zone: 0, accuracy: 0, snapLength, linkType }, b, at);
  return at + FILE_HEADER_LENGTH;
}

/** Writes a record's header, `fraction` in the file's unit. */
export function emitRecordHeader(
  out: DataView,
  at: number,
  seconds: number,
  fraction: number,
  capturedLength: number,
  wireLength: number,
): void {
  out.setInt32(at, seconds, true);
  out.setInt32(at + FRACTION, fraction, true);
  out.setInt32(at + CAPTURED_LENGTH, capturedLength, true);
  out.setInt32(at + WIRE_LENGTH, wireLength, true);
}

/** True when the bytes begin like a classic pcap file. */
export function isPcap(b: Uint8Array): boolean {
  return b.length >= 4 && magicOf(b) !== undefined;
}

function magicOf(b: Uint8Array): { little: boolean; nano: boolean } | undefined {
  for (const little of [true, false]) {
    const magic = read32(b, 0, little);
    if (magic === MAGIC_MICROSECONDS) return { little, nano: false };
    if (magic === MAGIC_NANOSECONDS) return { little, nano: true };
  }
  return undefined;
}

function read32(b: Uint8Array, at: number, little: boolean): number {
  return little
    ? (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0
    : ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
}

/** Frames in a file that begins like a classic pcap file, by its first piece and those that follow; null when it is cut short. */
export function countPcap(first: Uint8Array, others: Iterator<Uint8Array>): number | null {
  const { little } = magicOf(first)!;
  const header = new Uint8Array(RECORD_HEADER_LENGTH);
  let frames = 0;
  /** bytes of the file that are still to be passed over, and of a record's header that have been seen */
  let skip = FILE_HEADER_LENGTH;
  let seen = 0;
  for (let piece: Uint8Array | undefined = first; piece !== undefined; piece = others.next().value) {
    let at = 0;
    while (at < piece.length) {
      const passed = Math.min(skip, piece.length - at);
      at += passed;
      skip -= passed;
      while (at < piece.length && seen < RECORD_HEADER_LENGTH) header[seen++] = piece[at++]!;
      if (seen < RECORD_HEADER_LENGTH) break;
      skip = read32(header, CAPTURED_LENGTH, little);
      if (skip > MAXIMUM_SNAPLEN) return null;
      seen = 0;
      frames++;
    }
  }
  return skip === 0 && seen === 0 ? frames : null;
}

/** Reads a whole file. Throws CaptureError for what is no pcap file, or one that is cut short. */
export function readPcap(b: Uint8Array): Capture {
  if (b.length < 4)
    throw new CaptureError(`truncated dump file; tried to read 4 file header bytes, only got ${b.length}`);
  const magic = magicOf(b);
  if (magic === undefined) throw new CaptureError("unknown file format");
  if (b.length < FILE_HEADER_LENGTH) {
    throw new CaptureError(
      `truncated dump file; tried to read ${FILE_HEADER_LENGTH} file header bytes, only got ${b.length}`,
    );
  }
  const { little, nano } = magic;
  const snapLength = read32(b, fileLayout.offsetOf("snapLength"), little);
  const linkType = read32(b, fileLayout.offsetOf("linkType"), little) & 0xffff;
  const frames: CapturedFrame[] = [];
  let at = FILE_HEADER_LENGTH;
  while (at < b.length) {
    if (at + RECORD_HEADER_LENGTH > b.length) {
      throw new CaptureError(
        `truncated dump file; tried to read ${RECORD_HEADER_LENGTH} header bytes, only got ${b.length - at}`,
      );
    }
    const capturedLength = read32(b, at + CAPTURED_LENGTH, little);
    if (capturedLength > MAXIMUM_SNAPLEN) {
      throw new CaptureError(
        `invalid packet capture length ${capturedLength}, bigger than maximum of ${MAXIMUM_SNAPLEN}`,
      );
    }
    const from = at + RECORD_HEADER_LENGTH;
    if (from + capturedLength > b.length) {
      throw new CaptureError(
        `truncated dump file; tried to read ${capturedLength} captured bytes, only got ${b.length - from}`,
      );
    }
    frames.push({
      from,
      to: from + capturedLength,
      seconds: read32(b, at, little),
      nanoseconds: read32(b, at + FRACTION, little) * (nano ? 1 : 1000),
      wireLength: read32(b, at + WIRE_LENGTH, little),
      interfaceId: 0,
    });
    at = from + capturedLength;
  }
  return { bytes: b, frames, interfaces: [{ linkType, snapLength }], digits: nano ? 9 : 6 };
}
