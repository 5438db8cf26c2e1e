// Ethernet II framing (RFC 894, IEEE 802.3): two MAC addresses and a type; a type below 1536 is an 802.3 length and an LLC
// header follows. Also the 802.3 LLC and SNAP headers. Leaves out the frame check sequence, which no capture shows.
import { ETHERNET_LENGTH as HEADER_LENGTH } from "./header-lengths.ts";
import { get16, get32, type HeaderLayout, header, set16, set32 } from "./layout.ts";

export * from "./ether-types.ts";
export { HEADER_LENGTH };

export const layout: HeaderLayout<"destination" | "source" | "etherType"> = header(
  [
    ["destination", 48],
    ["source", 48],
    ["etherType", 16],
  ],
  HEADER_LENGTH,
);

export const ADDRESS_LENGTH = 6;
/** Shortest and longest frame without the frame check sequence. */
export const MIN_FRAME_LENGTH = 60;
/** Offsets from the frame's first byte. */
export const DESTINATION: number = layout.offsetOf("destination");
export const SOURCE: number = layout.offsetOf("source");
const ETHER_TYPE = layout.offsetOf("etherType");

export function getEtherType(b: Uint8Array, at: number): number {
  return get16(b, at + ETHER_TYPE);
}

export function setEtherType(b: Uint8Array, at: number, value: number): void {
  set16(b, at + ETHER_TYPE, value);
}

/** Copies six bytes between buffers, or within one where the two do not overlap. */
export function copyMac(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number): void {
  to[toAt] = from[fromAt]!;
  to[toAt + 1] = from[fromAt + 1]!;
  to[toAt + 2] = from[fromAt + 2]!;
  to[toAt + 3] = from[fromAt + 3]!;
  to[toAt + 4] = from[fromAt + 4]!;
  to[toAt + 5] = from[fromAt + 5]!;
}

/** Writes a header from two addresses and a type. */
export function emit14(
  destination: Uint8Array,
  source: Uint8Array,
  etherType: number,
  b: Uint8Array,
  at: number,
): void {
  copyMac(destination, 0, b, at);
  copyMac(source, 0, b, at + SOURCE);
  set16(b, at + ETHER_TYPE, etherType);
}

/** Sets the frame's destination from six bytes elsewhere. */
export function setDestination(b: Uint8Array, at: number, mac: Uint8Array, macAt: number = 0): void {
  copyMac(mac, macAt, b, at + DESTINATION);
}

/** Sets the frame's source from six bytes elsewhere. */
export function setSource(b: Uint8Array, at: number, mac: Uint8Array, macAt: number = 0): void {
  copyMac(mac, macAt, b, at + SOURCE);
}

export function equalMac(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  return (
    a[aAt + 5] === b[bAt + 5] &&
    a[aAt + 4] === b[bAt + 4] &&
    a[aAt + 3] === b[bAt + 3] &&
    a[aAt + 2] === b[bAt + 2] &&
    a[aAt + 1] === b[bAt + 1] &&
    a[aAt] === b[bAt]
  );
}

/** First sixteen and last thirty-two bits of a MAC at `at`: keys for typed tables that stay small integers. */
export function macHigh16(b: Uint8Array, at: number): number {
  return get16(b, at);
}

export function macLow32(b: Uint8Array, at: number): number {
  return get32(b, at + 2);
}

/** The group bit of the MAC at `at` (of a frame's start: of its destination): multicast or broadcast. */
export function isMulticast(b: Uint8Array, at: number): boolean {
  return (b[at]! & 1) !== 0;
}

export function isBroadcast(b: Uint8Array, at: number): boolean {
  return get16(b, at) === 0xffff && get32(b, at + 2) === 0xffffffff;
}

export function isZero(b: Uint8Array, at: number): boolean {
  return get16(b, at) === 0 && get32(b, at + 2) === 0;
}

/** 01:80:c2:00:00:0X, which an 802.1D bridge keeps to itself (linux is_link_local_ether_addr). */
export function isLinkLocal(b: Uint8Array, at: number): boolean {
  return get16(b, at) === 0x0180 && (get32(b, at + 2) & 0xfffffff0) >>> 0 === 0xc2000000;
}

export function setBroadcast(b: Uint8Array, at: number): void {
  set16(b, at, 0xffff);
  set32(b, at + 2, 0xffffffff);
}

/** Writes the group address of an IPv4 multicast destination: 01:00:5e and its low 23 bits (RFC 1112 section 6.4). */
export function setIpv4MulticastMac(b: Uint8Array, at: number, group: number): void {
  set16(b, at, 0x0100);
  set32(b, at + 2, (0x5e000000 | (group & 0x7fffff)) >>> 0);
}

/** MAC addresses as numbers below 2^48. */
export interface Header {
  destination: number;
  source: number;
  etherType: number;
}

export function parse(b: Uint8Array, at: number, end: number): Header | undefined {
  return end - at < HEADER_LENGTH ? undefined : layout.decode(b, at);
}

/** Writes the header; returns the offset after it. */
export function emit(h: Header, b: Uint8Array, at: number): number {
  layout.encode({ destination: h.destination, source: h.source, etherType: h.etherType }, b, at);
  return at + HEADER_LENGTH;
}
