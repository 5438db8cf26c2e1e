// The IPv4 header (RFC 791, ToS as RFC 2474 and RFC 3168 read it). Accessors are over (bytes, offset of the header) and
// check nothing: whoever received the packet has. Options are kept as bytes; their meaning is left out.

import type { Ipv4Addr } from "./addr.ts";
import { internetChecksum, replace16 } from "./checksum.ts";
import { IPV4_LENGTH as HEADER_LENGTH } from "./header-lengths.ts";
import { get16, get32, type HeaderLayout, header, set16, set32 } from "./layout.ts";

export * from "./ip-protocols.ts";
export { HEADER_LENGTH };

type Field =
  | "versionAndHeaderLength"
  | "tos"
  | "totalLength"
  | "identification"
  | "flagsAndOffset"
  | "ttl"
  | "protocol"
  | "checksum"
  | "source"
  | "destination";

export const layout: HeaderLayout<Field> = header(
  [
    ["versionAndHeaderLength", 8],
    ["tos", 8],
    ["totalLength", 16],
    ["identification", 16],
    ["flagsAndOffset", 16],
    ["ttl", 8],
    ["protocol", 8],
    ["checksum", 16],
    ["source", 32],
    ["destination", 32],
  ],
  HEADER_LENGTH,
);

export const MAX_HEADER_LENGTH = 60;
/** Offsets from the header's first byte, for those who repair a checksum. */
export const CHECKSUM: number = layout.offsetOf("checksum");
export const SOURCE: number = layout.offsetOf("source");
export const DESTINATION: number = layout.offsetOf("destination");
const VERSION_AND_HEADER_LENGTH = layout.offsetOf("versionAndHeaderLength");
const TOS = layout.offsetOf("tos");
const TOTAL_LENGTH = layout.offsetOf("totalLength");
const IDENTIFICATION = layout.offsetOf("identification");
const FLAGS_AND_OFFSET = layout.offsetOf("flagsAndOffset");
export const TTL: number = layout.offsetOf("ttl");
const PROTOCOL = layout.offsetOf("protocol");

/** Don't fragment, more fragments, the reserved bit ("evil", RFC 3514), and the offset in units of eight bytes. */
export const DF = 0x4000;
export const MF = 0x2000;
export const RESERVED = 0x8000;
export const OFFSET_MASK = 0x1fff;

export function getVersion(b: Uint8Array, at: number): number {
  return b[at + VERSION_AND_HEADER_LENGTH]! >>> 4;
}

/** In bytes, 0 to 60; below 20 the header is not one. */
export function getHeaderLength(b: Uint8Array, at: number): number {
  return (b[at + VERSION_AND_HEADER_LENGTH]! & 15) << 2;
}

/** Writes version 4 and the header length in bytes, a multiple of four. */
export function setVersionAndHeaderLength(b: Uint8Array, at: number, lengthBytes: number = HEADER_LENGTH): void {
  b[at + VERSION_AND_HEADER_LENGTH] = 0x40 | (lengthBytes >>> 2);
}

export function setHeaderLength(b: Uint8Array, at: number, lengthBytes: number): void {
  setVersionAndHeaderLength(b, at, lengthBytes);
}

export function getTos(b: Uint8Array, at: number): number {
  return b[at + TOS]!;
}

export function setTos(b: Uint8Array, at: number, value: number): void {
  b[at + TOS] = value;
}

export function getTotalLength(b: Uint8Array, at: number): number {
  return get16(b, at + TOTAL_LENGTH);
}

export function setTotalLength(b: Uint8Array, at: number, value: number): void {
  set16(b, at + TOTAL_LENGTH, value);
}

export function getIdentification(b: Uint8Array, at: number): number {
  return get16(b, at + IDENTIFICATION);
}

export function setIdentification(b: Uint8Array, at: number, value: number): void {
  set16(b, at + IDENTIFICATION, value);
}

export function getFlagsAndOffset(b: Uint8Array, at: number): number {
  return get16(b, at + FLAGS_AND_OFFSET);
}

export function setFlagsAndOffset(b: Uint8Array, at: number, value: number): void {
  set16(b, at + FLAGS_AND_OFFSET, value);
}

/** Offset of this fragment's data in the whole payload, in bytes. */
export function getFragmentOffset(b: Uint8Array, at: number): number {
  return (get16(b, at + FLAGS_AND_OFFSET) & OFFSET_MASK) << 3;
}

/** True for every fragment, the first among them (ip_is_fragment). */
export function isFragment(b: Uint8Array, at: number): boolean {
  return (get16(b, at + FLAGS_AND_OFFSET) & (MF | OFFSET_MASK)) !== 0;
}

export function getTtl(b: Uint8Array, at: number): number {
  return b[at + TTL]!;
}

export function setTtl(b: Uint8Array, at: number, value: number): void {
  b[at + TTL] = value;
}

export function getProtocol(b: Uint8Array, at: number): number {
  return b[at + PROTOCOL]!;
}

export function setProtocol(b: Uint8Array, at: number, value: number): void {
  b[at + PROTOCOL] = value;
}

export function getChecksum(b: Uint8Array, at: number): number {
  return get16(b, at + CHECKSUM);
}

export function setChecksum(b: Uint8Array, at: number, value: number): void {
  set16(b, at + CHECKSUM, value);
}

export function getSource(b: Uint8Array, at: number): Ipv4Addr {
  return get32(b, at + SOURCE) as Ipv4Addr;
}

export function setSource(b: Uint8Array, at: number, value: number): void {
  set32(b, at + SOURCE, value);
}

export function getDestination(b: Uint8Array, at: number): Ipv4Addr {
  return get32(b, at + DESTINATION) as Ipv4Addr;
}

export function setDestination(b: Uint8Array, at: number, value: number): void {
  set32(b, at + DESTINATION, value);
}

/** Computes and stores the header's checksum (ip_send_check). */
export function updateChecksum(b: Uint8Array, at: number): void {
  set16(b, at + CHECKSUM, 0);
  set16(b, at + CHECKSUM, internetChecksum(b, at, at + getHeaderLength(b, at)));
}

/** Lowers the TTL by one and repairs the checksum; returns the new TTL (ip_decrease_ttl). */
export function decreaseTtl(b: Uint8Array, at: number): number {
  const ttl = (b[at + TTL]! - 1) & 255;
  const old = get16(b, at + TTL);
  b[at + TTL] = ttl;
  set16(b, at + CHECKSUM, replace16(get16(b, at + CHECKSUM), old, get16(b, at + TTL)));
  return ttl;
}

/** `options` is padded by its owner to a multiple of four bytes, at most forty. */
export interface Header {
  tos: number;
  totalLength: number;
  identification: number;
  flagsAndOffset: number;
  ttl: number;
  protocol: number;
  checksum: number;
  source: Ipv4Addr;
  destination: Ipv4Addr;
  options: Uint8Array;
}

/** Undefined unless version, header length and total length are possible within `end`. */
export function parse(b: Uint8Array, at: number, end: number): Header | undefined {
  if (end - at < HEADER_LENGTH || getVersion(b, at) !== 4) return undefined;
  const headerLength = getHeaderLength(b, at);
  if (headerLength < HEADER_LENGTH || at + headerLength > end) return undefined;
  const { versionAndHeaderLength: _, ...fields } = layout.decode(b, at);
  if (fields.totalLength < headerLength) return undefined;
  return {
    ...fields,
    source: fields.source as Ipv4Addr,
    destination: fields.destination as Ipv4Addr,
    options: b.slice(at + HEADER_LENGTH, at + headerLength),
  };
}

/** Writes the header with the checksum it holds; returns the offset after it. */
export function emit(h: Header, b: Uint8Array, at: number): number {
  const headerLength = HEADER_LENGTH + h.options.length;
  const { options, ...fields } = h;
  layout.encode({ versionAndHeaderLength: 0x40 | (headerLength >>> 2), ...fields }, b, at);
  b.set(options, at + HEADER_LENGTH);
  return at + headerLength;
}
