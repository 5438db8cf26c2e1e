// The VXLAN header (RFC 7348 section 5): flags, of which only I is used, and the 24-bit network identifier. Leaves out the
// group policy and generic protocol extensions.
import { type HeaderLayout, header } from "./layout.ts";

export const layout: HeaderLayout<"flags" | "reserved1" | "vni" | "reserved2"> = header([
  ["flags", 8],
  ["reserved1", 24],
  ["vni", 24],
  ["reserved2", 8],
]);

export const HEADER_LENGTH: number = layout.spanBytes;
/** IANA's port, and the one that Linux takes when none is given. */
export const PORT = 4789;
export const LINUX_PORT = 8472;
/** The identifier is valid. */
export const FLAG_VNI = 0x08;
const FLAGS = layout.offsetOf("flags");
const VNI = layout.offsetOf("vni");

export function getFlags(b: Uint8Array, at: number): number {
  return b[at + FLAGS]!;
}

export function setFlags(b: Uint8Array, at: number, value: number): void {
  b[at + FLAGS] = value;
}

export function getVni(b: Uint8Array, at: number): number {
  const i = at + VNI;
  return (b[i]! << 16) | (b[i + 1]! << 8) | b[i + 2]!;
}

export function setVni(b: Uint8Array, at: number, value: number): void {
  const i = at + VNI;
  b[i] = value >>> 16;
  b[i + 1] = value >>> 8;
  b[i + 2] = value;
}

export interface Header {
  flags: number;
  vni: number;
}

export function parse(b: Uint8Array, at: number, end: number): Header | undefined {
  if (end - at < HEADER_LENGTH) return undefined;
  const { flags, vni } = layout.decode(b, at);
  return { flags, vni };
}

/** Writes the header, its reserved bits zero; returns the offset after it. */
export function emit(h: Header, b: Uint8Array, at: number): number {
  layout.encode({ flags: h.flags, reserved1: 0, vni: h.vni, reserved2: 0 }, b, at);
  return at + HEADER_LENGTH;
}
