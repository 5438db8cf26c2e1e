// ICMP for IPv4 (RFC 792, RFC 950, RFC 1191, RFC 1812): the eight-byte header, whose last four bytes mean what the type
// says, and the numbers of linux/icmp.h. Leaves out router discovery and RFC 4884 extensions beyond their bytes.

import type { Ipv4Addr } from "./addr.ts";
import { internetChecksum } from "./checksum.ts";
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
export const IDENTIFIER: number = layout.offsetOf("identifier");
const TYPE = layout.offsetOf("type");
const CODE = layout.offsetOf("code");
const SEQUENCE = layout.offsetOf("sequence");
/** The four bytes after the checksum, and their two halves: unused or gateway; pointer; next-hop MTU. */
const REST = IDENTIFIER;
const NEXT_HOP_MTU = SEQUENCE;

export const ICMP_ECHOREPLY = 0;
export const ICMP_DEST_UNREACH = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO = 8;
export const ICMP_ROUTER_ADVERTISEMENT = 9;
export const ICMP_ROUTER_SOLICITATION = 10;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETERPROB = 12;
export const ICMP_TIMESTAMP = 13;
export const ICMP_TIMESTAMPREPLY = 14;
export const ICMP_INFO_REQUEST = 15;
export const ICMP_INFO_REPLY = 16;
export const ICMP_ADDRESS = 17;
export const ICMP_ADDRESSREPLY = 18;

// Codes of ICMP_DEST_UNREACH.
export const ICMP_NET_UNREACH = 0;
export const ICMP_HOST_UNREACH = 1;
export const ICMP_PROT_UNREACH = 2;
export const ICMP_PORT_UNREACH = 3;
export const ICMP_FRAG_NEEDED = 4;
export const ICMP_SR_FAILED = 5;
export const ICMP_NET_UNKNOWN = 6;
export const ICMP_HOST_UNKNOWN = 7;
export const ICMP_HOST_ISOLATED = 8;
export const ICMP_NET_ANO = 9;
export const ICMP_HOST_ANO = 10;
export const ICMP_NET_UNR_TOS = 11;
export const ICMP_HOST_UNR_TOS = 12;
export const ICMP_PKT_FILTERED = 13;
export const ICMP_PREC_VIOLATION = 14;
export const ICMP_PREC_CUTOFF = 15;

// Codes of ICMP_REDIRECT.
export const ICMP_REDIR_NET = 0;
export const ICMP_REDIR_HOST = 1;
export const ICMP_REDIR_NETTOS = 2;
export const ICMP_REDIR_HOSTTOS = 3;

// Codes of ICMP_TIME_EXCEEDED.
export const ICMP_EXC_TTL = 0;
export const ICMP_EXC_FRAGTIME = 1;

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

/** Of echo, timestamp, information and address mask messages. */
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

/** The four bytes after the checksum as one number. */
export function getRest32(b: Uint8Array, at: number): number {
  return get32(b, at + REST);
}

export function setRest32(b: Uint8Array, at: number, value: number): void {
  set32(b, at + REST, value);
}

/** Of "fragmentation needed" (RFC 1191 section 4). */
export function getNextHopMtu(b: Uint8Array, at: number): number {
  return get16(b, at + NEXT_HOP_MTU);
}

export function setNextHopMtu(b: Uint8Array, at: number, value: number): void {
  set16(b, at + NEXT_HOP_MTU, value);
}

/** Of a redirect. */
export function getGateway(b: Uint8Array, at: number): Ipv4Addr {
  return get32(b, at + REST) as Ipv4Addr;
}

export function setGateway(b: Uint8Array, at: number, value: number): void {
  set32(b, at + REST, value);
}

/** Of a parameter problem: which octet of the quoted header. */
export function getPointer(b: Uint8Array, at: number): number {
  return b[at + REST]!;
}

export function setPointer(b: Uint8Array, at: number, value: number): void {
  b[at + REST] = value;
}

/** Computes and stores the checksum of the message `b[at..end)`. */
export function updateChecksum(b: Uint8Array, at: number, end: number): void {
  set16(b, at + CHECKSUM, 0);
  set16(b, at + CHECKSUM, internetChecksum(b, at, end));
}

/** True for the types that report an error and quote the packet that caused it (RFC 1122 section 3.2.2). */
export function isError(type: number): boolean {
  return (
    type === ICMP_DEST_UNREACH ||
    type === ICMP_SOURCE_QUENCH ||
    type === ICMP_REDIRECT ||
    type === ICMP_TIME_EXCEEDED ||
    type === ICMP_PARAMETERPROB
  );
}

/** True for the types that carry an identifier and a sequence number. */
export function isQuery(type: number): boolean {
  return type === ICMP_ECHO || type === ICMP_ECHOREPLY || (type >= ICMP_TIMESTAMP && type <= ICMP_ADDRESSREPLY);
}

/** Identifier and sequence are the two halves of the last four bytes, whatever the type calls them. */
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
