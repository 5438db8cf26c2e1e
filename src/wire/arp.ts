// ARP for IPv4 over Ethernet (RFC 826, probes and announcements as RFC 5227 calls them). The layout is the 28 bytes that
// hardware type 1 and protocol 0x0800 make; other lengths do not parse. Leaves out RARP and InARP.

import type { Ipv4Addr } from "./addr.ts";
import { get16, get32, type HeaderLayout, header, set16, set32 } from "./layout.ts";

type Field =
  | "hardwareType"
  | "protocolType"
  | "hardwareLength"
  | "protocolLength"
  | "operation"
  | "senderMac"
  | "senderIp"
  | "targetMac"
  | "targetIp";

export const layout: HeaderLayout<Field> = header([
  ["hardwareType", 16],
  ["protocolType", 16],
  ["hardwareLength", 8],
  ["protocolLength", 8],
  ["operation", 16],
  ["senderMac", 48],
  ["senderIp", 32],
  ["targetMac", 48],
  ["targetIp", 32],
]);

export const HEADER_LENGTH: number = layout.spanBytes;
/** Offsets of the two MAC addresses, for copyMac. */
export const SENDER_MAC: number = layout.offsetOf("senderMac");
export const TARGET_MAC: number = layout.offsetOf("targetMac");
const HARDWARE_TYPE = layout.offsetOf("hardwareType");
const PROTOCOL_TYPE = layout.offsetOf("protocolType");
const HARDWARE_LENGTH = layout.offsetOf("hardwareLength");
const PROTOCOL_LENGTH = layout.offsetOf("protocolLength");
const OPERATION = layout.offsetOf("operation");
const SENDER_IP = layout.offsetOf("senderIp");
const TARGET_IP = layout.offsetOf("targetIp");

export const OP_REQUEST = 1;
export const OP_REPLY = 2;
export const OP_RREQUEST = 3;
export const OP_RREPLY = 4;
export const HARDWARE_ETHERNET = 1;

export function getHardwareType(b: Uint8Array, at: number): number {
  return get16(b, at + HARDWARE_TYPE);
}

export function setHardwareType(b: Uint8Array, at: number, value: number): void {
  set16(b, at + HARDWARE_TYPE, value);
}

export function getProtocolType(b: Uint8Array, at: number): number {
  return get16(b, at + PROTOCOL_TYPE);
}

export function setProtocolType(b: Uint8Array, at: number, value: number): void {
  set16(b, at + PROTOCOL_TYPE, value);
}

export function getHardwareLength(b: Uint8Array, at: number): number {
  return b[at + HARDWARE_LENGTH]!;
}

export function setHardwareLength(b: Uint8Array, at: number, value: number): void {
  b[at + HARDWARE_LENGTH] = value;
}

export function getProtocolLength(b: Uint8Array, at: number): number {
  return b[at + PROTOCOL_LENGTH]!;
}

export function setProtocolLength(b: Uint8Array, at: number, value: number): void {
  b[at + PROTOCOL_LENGTH] = value;
}

export function getOperation(b: Uint8Array, at: number): number {
  return get16(b, at + OPERATION);
}

export function setOperation(b: Uint8Array, at: number, value: number): void {
  set16(b, at + OPERATION, value);
}

export function getSenderIp(b: Uint8Array, at: number): Ipv4Addr {
  return get32(b, at + SENDER_IP) as Ipv4Addr;
}

export function setSenderIp(b: Uint8Array, at: number, value: number): void {
  set32(b, at + SENDER_IP, value);
}

export function getTargetIp(b: Uint8Array, at: number): Ipv4Addr {
  return get32(b, at + TARGET_IP) as Ipv4Addr;
}

export function setTargetIp(b: Uint8Array, at: number, value: number): void {
  set32(b, at + TARGET_IP, value);
}

/** Writes the first eight bytes of an Ethernet/IPv4 message: types, lengths and operation. */
export function setPreamble(b: Uint8Array, at: number, operation: number): void {
  set32(b, at, 0x00010800);
  set16(b, at + HARDWARE_LENGTH, 0x0604);
  set16(b, at + OPERATION, operation);
}

/** True when the message is for Ethernet and IPv4, so that the other accessors mean something. */
export function isEthernetIpv4(b: Uint8Array, at: number): boolean {
  return get32(b, at) === 0x00010800 && get16(b, at + HARDWARE_LENGTH) === 0x0604;
}

/** MAC addresses as numbers below 2^48. */
export interface Header {
  operation: number;
  senderMac: number;
  senderIp: Ipv4Addr;
  targetMac: number;
  targetIp: Ipv4Addr;
}

export function parse(b: Uint8Array, at: number, end: number): Header | undefined {
  if (end - at < HEADER_LENGTH || !isEthernetIpv4(b, at)) return undefined;
  const raw = layout.decode(b, at);
  return {
    operation: raw.operation,
    senderMac: raw.senderMac,
    senderIp: raw.senderIp as Ipv4Addr,
    targetMac: raw.targetMac,
    targetIp: raw.targetIp as Ipv4Addr,
  };
}

/** Writes the message; returns the offset after it. */
export function emit(h: Header, b: Uint8Array, at: number): number {
  layout.encode(
    { hardwareType: HARDWARE_ETHERNET, protocolType: 0x0800, hardwareLength: 6, protocolLength: 4, ...h },
    b,
    at,
  );
  return at + HEADER_LENGTH;
}
