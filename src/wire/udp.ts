// The UDP header (RFC 768). A stored checksum of 0 means that there is none. Leaves out UDP-Lite.
import { UDP_LENGTH as HEADER_LENGTH } from "./header-lengths.ts";
import { get16, type HeaderLayout, header, set16 } from "./layout.ts";

export { HEADER_LENGTH };

export const layout: HeaderLayout<"sourcePort" | "destinationPort" | "length" | "checksum"> = header(
  [
    ["sourcePort", 16],
    ["destinationPort", 16],
    ["length", 16],
    ["checksum", 16],
  ],
  HEADER_LENGTH,
);

export const SOURCE_PORT: number = layout.offsetOf("sourcePort");
export const DESTINATION_PORT: number = layout.offsetOf("destinationPort");
export const CHECKSUM: number = layout.offsetOf("checksum");
const LENGTH = layout.offsetOf("length");

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

/** Header and data, in bytes. */
export function getLength(b: Uint8Array, at: number): number {
  return get16(b, at + LENGTH);
}

export function setLength(b: Uint8Array, at: number, value: number): void {
  set16(b, at + LENGTH, value);
}

export function getChecksum(b: Uint8Array, at: number): number {
  return get16(b, at + CHECKSUM);
}

export function setChecksum(b: Uint8Array, at: number, value: number): void {
  set16(b, at + CHECKSUM, value);
}

export interface Header {
  sourcePort: number;
  destinationPort: number;
  length: number;
  checksum: number;
}

export function parse(b: Uint8Array, at: number, end: number): Header | undefined {
  return end - at < HEADER_LENGTH ? undefined : layout.decode(b, at);
}

/** Writes the header; returns the offset after it. */
export function emit(h: Header, b: Uint8Array, at: number): number {
  layout.encode(h, b, at);
  return at + HEADER_LENGTH;
}
