// The TCP header (RFC 9293; AE is the ninth flag, RFC 9768, formerly NS). Options are in tcp-options.ts. Sequence numbers
// are unsigned 32-bit numbers; comparing them modulo 2^32 is the business of those who keep state, with seqDiff.
import { TCP_LENGTH as HEADER_LENGTH } from "./header-lengths.ts";
import { get16, get32, type HeaderLayout, header, set16, set32 } from "./layout.ts";
import { FLAGS_MASK } from "./tcp-flags.ts";

export * from "./tcp-flags.ts";
export { HEADER_LENGTH };

type Field =
  | "sourcePort"
  | "destinationPort"
  | "sequence"
  | "acknowledgment"
  | "offsetAndFlags"
  | "window"
  | "checksum"
  | "urgentPointer";

export const layout: HeaderLayout<Field> = header(
  [
    ["sourcePort", 16],
    ["destinationPort", 16],
    ["sequence", 32],
    ["acknowledgment", 32],
    ["offsetAndFlags", 16],
    ["window", 16],
    ["checksum", 16],
    ["urgentPointer", 16],
  ],
  HEADER_LENGTH,
);

export const MAX_HEADER_LENGTH = 60;
export const SOURCE_PORT: number = layout.offsetOf("sourcePort");
export const DESTINATION_PORT: number = layout.offsetOf("destinationPort");
export const CHECKSUM: number = layout.offsetOf("checksum");
const SEQUENCE = layout.offsetOf("sequence");
const ACKNOWLEDGMENT = layout.offsetOf("acknowledgment");
const OFFSET_AND_FLAGS = layout.offsetOf("offsetAndFlags");
const WINDOW = layout.offsetOf("window");
const URGENT_POINTER = layout.offsetOf("urgentPointer");

export function getSourcePort(b: Uint8Array, at: number): number {
  return get16(b, at + SOURCE_PORT);
}

export function setSourcePort(b: Uint8Array, at: number, value: number): void {
  set16(b, at + SOURCE_PORT, value);
}

export function getDestinationPort(b: Uint8Array, at: number): number {
  return get16(b, at + DESTINATION_PORT);
}

export function setDestinationPort(b: Uint8Array, at: number, value: number): void {
  set16(b, at + DESTINATION_PORT, value);
}

export function getSequence(b: Uint8Array, at: number): number {
  return get32(b, at + SEQUENCE);
}

export function setSequence(b: Uint8Array, at: number, value: number): void {
  set32(b, at + SEQUENCE, value);
}

export function getAcknowledgment(b: Uint8Array, at: number): number {
  return get32(b, at + ACKNOWLEDGMENT);
}

export function setAcknowledgment(b: Uint8Array, at: number, value: number): void {
  set32(b, at + ACKNOWLEDGMENT, value);
}

/** Header length in bytes, options included; below 20 the header is not one. */
export function getDataOffset(b: Uint8Array, at: number): number {
  return (b[at + OFFSET_AND_FLAGS]! >>> 4) << 2;
}

export function setDataOffset(b: Uint8Array, at: number, lengthBytes: number): void {
  const i = at + OFFSET_AND_FLAGS;
  b[i] = (b[i]! & 0x0f) | ((lengthBytes >>> 2) << 4);
}

/** Nine bits, AE highest. */
export function getFlags(b: Uint8Array, at: number): number {
  return get16(b, at + OFFSET_AND_FLAGS) & FLAGS_MASK;
}

export function setFlags(b: Uint8Array, at: number, value: number): void {
  const i = at + OFFSET_AND_FLAGS;
  b[i] = (b[i]! & 0xfe) | ((value >>> 8) & 1);
  b[i + 1] = value;
}

/** Writes data offset and flags at once, the reserved bits zero. */
export function setDataOffsetAndFlags(b: Uint8Array, at: number, lengthBytes: number, flags: number): void {
  set16(b, at + OFFSET_AND_FLAGS, ((lengthBytes >>> 2) << 12) | (flags & FLAGS_MASK));
}

/** As it lies on the wire, not scaled. */
export function getWindow(b: Uint8Array, at: number): number {
  return get16(b, at + WINDOW);
}

export function setWindow(b: Uint8Array, at: number, value: number): void {
  set16(b, at + WINDOW, value);
}

export function getChecksum(b: Uint8Array, at: number): number {
  return get16(b, at + CHECKSUM);
}

export function setChecksum(b: Uint8Array, at: number, value: number): void {
  set16(b, at + CHECKSUM, value);
}

export function getUrgentPointer(b: Uint8Array, at: number): number {
  return get16(b, at + URGENT_POINTER);
}

export function setUrgentPointer(b: Uint8Array, at: number, value: number): void {
  set16(b, at + URGENT_POINTER, value);
}

/** How far sequence number `a` is past `b`, signed: negative when it is before (RFC 9293 section 3.4). */
export function seqDiff(a: number, b: number): number {
  return (a - b) | 0;
}

/** `options` are the raw bytes, padded by their owner to a multiple of four, at most forty. */
export interface Header {
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgment: number;
  /** Nine flags and the three reserved bits above them. */
  flags: number;
  window: number;
  checksum: number;
  urgentPointer: number;
  options: Uint8Array;
}

export function parse(b: Uint8Array, at: number, end: number): Header | undefined {
  if (end - at < HEADER_LENGTH) return undefined;
  const headerLength = getDataOffset(b, at);
  if (headerLength < HEADER_LENGTH || at + headerLength > end) return undefined;
  const { offsetAndFlags, ...fields } = layout.decode(b, at);
  return { ...fields, flags: offsetAndFlags & 0xfff, options: b.slice(at + HEADER_LENGTH, at + headerLength) };
}

/** Writes the header; returns the offset after it. */
export function emit(h: Header, b: Uint8Array, at: number): number {
  const headerLength = HEADER_LENGTH + h.options.length;
  const { flags, options, ...fields } = h;
  layout.encode({ ...fields, offsetAndFlags: ((headerLength >>> 2) << 12) | (flags & 0xfff) }, b, at);
  b.set(options, at + HEADER_LENGTH);
  return at + headerLength;
}
