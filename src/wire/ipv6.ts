// The IPv6 header (RFC 8200), enough to dissect and print. Addresses stay sixteen bytes in the frame, named by offset.
// Leaves out extension headers, except that hop-by-hop can be stepped over.
import { get16, get32, type HeaderLayout, header, set16, set32 } from "./layout.ts";

type Field =
  | "versionClassLabel"
  | "payloadLength"
  | "nextHeader"
  | "hopLimit"
  | `source${0 | 1 | 2 | 3}`
  | `destination${0 | 1 | 2 | 3}`;

/** Each address is four 32-bit words, because a number cannot hold it whole. */
export const layout: HeaderLayout<Field> = header([
  ["versionClassLabel", 32],
  ["payloadLength", 16],
  ["nextHeader", 8],
  ["hopLimit", 8],
  ["source0", 32],
  ["source1", 32],
  ["source2", 32],
  ["source3", 32],
  ["destination0", 32],
  ["destination1", 32],
  ["destination2", 32],
  ["destination3", 32],
]);

export const HEADER_LENGTH: number = layout.spanBytes;
export const ADDRESS_LENGTH = 16;
/** Offsets of the two addresses. */
export const SOURCE: number = layout.offsetOf("source0");
export const DESTINATION: number = layout.offsetOf("destination0");
const PAYLOAD_LENGTH = layout.offsetOf("payloadLength");
const NEXT_HEADER = layout.offsetOf("nextHeader");
const HOP_LIMIT = layout.offsetOf("hopLimit");

// Extension headers (linux/ipv6.h, RFC 7045).
export const NEXTHDR_HOP = 0;
export const NEXTHDR_ROUTING = 43;
export const NEXTHDR_FRAGMENT = 44;
export const NEXTHDR_ICMP = 58;
export const NEXTHDR_NONE = 59;
export const NEXTHDR_DEST = 60;

export function getVersion(b: Uint8Array, at: number): number {
  return b[at]! >>> 4;
}

export function getTrafficClass(b: Uint8Array, at: number): number {
  return (get16(b, at) >>> 4) & 255;
}

export function getFlowLabel(b: Uint8Array, at: number): number {
  return get32(b, at) & 0xfffff;
}

/** Writes version 6, traffic class and flow label at once. */
export function setVersionClassLabel(b: Uint8Array, at: number, trafficClass: number, flowLabel: number): void {
  set32(b, at, 0x60000000 | ((trafficClass & 255) << 20) | (flowLabel & 0xfffff));
}

/** Bytes after this header. */
export function getPayloadLength(b: Uint8Array, at: number): number {
  return get16(b, at + PAYLOAD_LENGTH);
}

export function setPayloadLength(b: Uint8Array, at: number, value: number): void {
  set16(b, at + PAYLOAD_LENGTH, value);
}

export function getNextHeader(b: Uint8Array, at: number): number {
  return b[at + NEXT_HEADER]!;
}

export function setNextHeader(b: Uint8Array, at: number, value: number): void {
  b[at + NEXT_HEADER] = value;
}

export function getHopLimit(b: Uint8Array, at: number): number {
  return b[at + HOP_LIMIT]!;
}

export function setHopLimit(b: Uint8Array, at: number, value: number): void {
  b[at + HOP_LIMIT] = value;
}

/** Copies a sixteen-byte address. */
export function copyAddress(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number): void {
  for (let i = 0; i < ADDRESS_LENGTH; i++) to[toAt + i] = from[fromAt + i]!;
}

export function equalAddress(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  for (let i = 0; i < ADDRESS_LENGTH; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

export interface Header {
  trafficClass: number;
  flowLabel: number;
  payloadLength: number;
  nextHeader: number;
  hopLimit: number;
  /** Sixteen bytes each. */
  source: Uint8Array;
  destination: Uint8Array;
}

export function parse(b: Uint8Array, at: number, end: number): Header | undefined {
  if (end - at < HEADER_LENGTH || getVersion(b, at) !== 6) return undefined;
  const { versionClassLabel, payloadLength, nextHeader, hopLimit } = layout.decode(b, at);
  return {
    trafficClass: (versionClassLabel >>> 20) & 255,
    flowLabel: versionClassLabel & 0xfffff,
    payloadLength,
    nextHeader,
    hopLimit,
    source: b.slice(at + SOURCE, at + SOURCE + ADDRESS_LENGTH),
    destination: b.slice(at + DESTINATION, at + DESTINATION + ADDRESS_LENGTH),
  };
}

/** Writes the header; returns the offset after it. */
export function emit(h: Header, b: Uint8Array, at: number): number {
  setVersionClassLabel(b, at, h.trafficClass, h.flowLabel);
  setPayloadLength(b, at, h.payloadLength);
  setNextHeader(b, at, h.nextHeader);
  setHopLimit(b, at, h.hopLimit);
  copyAddress(h.source, 0, b, at + SOURCE);
  copyAddress(h.destination, 0, b, at + DESTINATION);
  return at + HEADER_LENGTH;
}
