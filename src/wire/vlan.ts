// The IEEE 802.1Q tag: the two bytes of priority, drop-eligible bit and VLAN id that follow a tag's EtherType, and the
// EtherType that follows them. `at` is the first byte after the 0x8100 or 0x88a8. Leaves out MVRP.
import { get16, type HeaderLayout, header, set16 } from "./layout.ts";

export const layout: HeaderLayout<"tci" | "etherType"> = header([
  ["tci", 16],
  ["etherType", 16],
]);

export const TAG_LENGTH: number = layout.spanBytes;
const TCI = layout.offsetOf("tci");
const ETHER_TYPE = layout.offsetOf("etherType");

export const VID_MASK = 0x0fff;
export const PRIO_SHIFT = 13;
/** Drop eligible indicator (formerly CFI). */
export const DEI = 0x1000;

export function getTci(b: Uint8Array, at: number): number {
  return get16(b, at + TCI);
}

export function setTci(b: Uint8Array, at: number, value: number): void {
  set16(b, at + TCI, value);
}

export function getVid(b: Uint8Array, at: number): number {
  return get16(b, at + TCI) & VID_MASK;
}

export function getPriority(b: Uint8Array, at: number): number {
  return get16(b, at + TCI) >>> PRIO_SHIFT;
}

export function getEtherType(b: Uint8Array, at: number): number {
  return get16(b, at + ETHER_TYPE);
}

export function setEtherType(b: Uint8Array, at: number, value: number): void {
  set16(b, at + ETHER_TYPE, value);
}

export interface Header {
  priority: number;
  dropEligible: boolean;
  vid: number;
  etherType: number;
}

export function parse(b: Uint8Array, at: number, end: number): Header | undefined {
  if (end - at < TAG_LENGTH) return undefined;
  const { tci, etherType } = layout.decode(b, at);
  return { priority: tci >>> PRIO_SHIFT, dropEligible: (tci & DEI) !== 0, vid: tci & VID_MASK, etherType };
}

/** Writes the tag; returns the offset after it. */
export function emit(h: Header, b: Uint8Array, at: number): number {
  const tci = (h.priority << PRIO_SHIFT) | (h.dropEligible ? DEI : 0) | (h.vid & VID_MASK);
  layout.encode({ tci, etherType: h.etherType }, b, at);
  return at + TAG_LENGTH;
}
