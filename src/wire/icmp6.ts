// ICMPv6 (RFC 4443) and the message types of neighbour discovery (RFC 4861) and multicast listener discovery (RFC 2710,
// RFC 3810): the eight-byte header and the numbers of linux/icmpv6.h, enough to dissect and print.

import { internetChecksum, pseudoHeaderSum6 } from "./checksum.ts";
import { get16, get32, type HeaderLayout, header, set16, set32 } from "./layout.ts";

export const layout: HeaderLayout<"type" | "code" | "checksum" | "identifier" | "sequence"> = header([
  ["type", 8],
  ["code", 8],
  ["checksum", 16],
  ["identifier", 16],
  ["sequence", 16],
]);

export const HEADER_LENGTH: number = layout.spanBytes;
export const CHECKSUM: number = layout.offsetOf("checksum");
const TYPE = layout.offsetOf("type");
const CODE = layout.offsetOf("code");
const IDENTIFIER = layout.offsetOf("identifier");
const SEQUENCE = layout.offsetOf("sequence");

export const ICMPV6_DEST_UNREACH = 1;
export const ICMPV6_PKT_TOOBIG = 2;
export const ICMPV6_TIME_EXCEED = 3;
export const ICMPV6_PARAMPROB = 4;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;
export const ICMPV6_MGM_QUERY = 130;
export const ICMPV6_MGM_REPORT = 131;
export const ICMPV6_MGM_REDUCTION = 132;
export const NDISC_ROUTER_SOLICITATION = 133;
export const NDISC_ROUTER_ADVERTISEMENT = 134;
export const NDISC_NEIGHBOUR_SOLICITATION = 135;
export const NDISC_NEIGHBOUR_ADVERTISEMENT = 136;
export const NDISC_REDIRECT = 137;
export const ICMPV6_MLD2_REPORT = 143;

// Codes of ICMPV6_DEST_UNREACH.
export const ICMPV6_NOROUTE = 0;
export const ICMPV6_ADM_PROHIBITED = 1;
export const ICMPV6_NOT_NEIGHBOUR = 2;
export const ICMPV6_ADDR_UNREACH = 3;
export const ICMPV6_PORT_UNREACH = 4;

export function getType(b: Uint8Array, at: number): number {
  return b[at + TYPE]!;
}

export function setType(b: Uint8Array, at: number, value: number): void {
  b[at + TYPE] = value;
}

export function getCode(b: Uint8Array, at: number): number {
  return b[at + CODE]!;
}

export function setCode(b: Uint8Array, at: number, value: number): void {
  b[at + CODE] = value;
}

export function getChecksum(b: Uint8Array, at: number): number {
  return get16(b, at + CHECKSUM);
}

export function setChecksum(b: Uint8Array, at: number, value: number): void {
  set16(b, at + CHECKSUM, value);
}

export function getIdentifier(b: Uint8Array, at: number): number {
  return get16(b, at + IDENTIFIER);
}

export function setIdentifier(b: Uint8Array, at: number, value: number): void {
  set16(b, at + IDENTIFIER, value);
}

export function getSequence(b: Uint8Array, at: number): number {
  return get16(b, at + SEQUENCE);
}

export function setSequence(b: Uint8Array, at: number, value: number): void {
  set16(b, at + SEQUENCE, value);
}

/** The four bytes after the checksum: MTU, pointer, or flags. */
export function getRest32(b: Uint8Array, at: number): number {
  return get32(b, at + IDENTIFIER);
}

export function setRest32(b: Uint8Array, at: number, value: number): void {
  set32(b, at + IDENTIFIER, value);
}

/** Computes and stores the checksum of the message `b[at..end)`, the addresses being those at the given offsets of `b`. */
export function updateChecksum(b: Uint8Array, at: number, end: number, sourceAt: number, destinationAt: number): void {
  set16(b, at + CHECKSUM, 0);
  const pseudo = pseudoHeaderSum6(b, sourceAt, destinationAt, 58, end - at);
  set16(b, at + CHECKSUM, internetChecksum(b, at, end, pseudo));
}

export interface Header {
  type: number;
  code: number;
  checksum: number;
  identifier: number;
  sequence: number;
}

export function parse(b: Uint8Array, at: number, end: number): Header | undefined {
  return end - at < HEADER_LENGTH ? undefined : layout.decode(b, at);
}

/** Writes the header; returns the offset after it. */
export function emit(h: Header, b: Uint8Array, at: number): number {
  layout.encode(h, b, at);
  return at + HEADER_LENGTH;
}
