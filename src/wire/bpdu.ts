// Spanning tree messages: the LLC header 42 42 03 and the configuration and topology-change BPDUs of IEEE 802.1D-1998
// (clause 9), as Linux's br_stp_bpdu.c sends and reads them; the rapid version's flags are named for printing. Times are in
// 1/256 s. `at` is the first byte after the LLC header. Leaves out MSTP.
import { get16, type HeaderLayout, header } from "./layout.ts";

type Field =
  | "protocol"
  | "version"
  | "type"
  | "flags"
  | "rootPriority"
  | "rootMac"
  | "rootPathCost"
  | "bridgePriority"
  | "bridgeMac"
  | "port"
  | "messageAge"
  | "maxAge"
  | "helloTime"
  | "forwardDelay";

export const layout: HeaderLayout<Field> = header([
  ["protocol", 16],
  ["version", 8],
  ["type", 8],
  ["flags", 8],
  ["rootPriority", 16],
  ["rootMac", 48],
  ["rootPathCost", 32],
  ["bridgePriority", 16],
  ["bridgeMac", 48],
  ["port", 16],
  ["messageAge", 16],
  ["maxAge", 16],
  ["helloTime", 16],
  ["forwardDelay", 16],
]);

/** A configuration BPDU, and the four bytes that a topology change notification has. */
export const CONFIG_LENGTH: number = layout.spanBytes;
export const TCN_LENGTH = 4;
export const LLC_LENGTH = 3;
const VERSION = layout.offsetOf("version");
const TYPE = layout.offsetOf("type");
const FLAGS = layout.offsetOf("flags");

export const BPDU_TYPE_CONFIG = 0x00;
export const BPDU_TYPE_TCN = 0x80;
export const BPDU_TYPE_RST = 0x02;
export const FLAG_TOPOLOGY_CHANGE = 0x01;
export const FLAG_TOPOLOGY_CHANGE_ACK = 0x80;
/** Where BPDUs go (IEEE 802.1D table 7-9) as a number below 2^48: 01:80:c2:00:00:00. */
export const GROUP_MAC = 0x0180c2000000;
export const LLC_SAP_BSPAN = 0x42;

/** Writes the LLC header at `at`; returns the offset after it. */
export function emitLlc(b: Uint8Array, at: number): number {
  b[at] = LLC_SAP_BSPAN;
  b[at + 1] = LLC_SAP_BSPAN;
  b[at + 2] = 3;
  return at + LLC_LENGTH;
}

/** True when the LLC header at `at` announces a BPDU. */
export function isLlc(b: Uint8Array, at: number): boolean {
  return get16(b, at) === 0x4242 && b[at + 2] === 3;
}

export function getVersion(b: Uint8Array, at: number): number {
  return b[at + VERSION]!;
}

export function getType(b: Uint8Array, at: number): number {
  return b[at + TYPE]!;
}

export function getFlags(b: Uint8Array, at: number): number {
  return b[at + FLAGS]!;
}

/** Bridge ids as priority and MAC; MACs are numbers below 2^48, times in 1/256 s. */
export interface Header {
  flags: number;
  rootPriority: number;
  rootMac: number;
  rootPathCost: number;
  bridgePriority: number;
  bridgeMac: number;
  /** Priority and number of the sending port. */
  port: number;
  messageAge: number;
  maxAge: number;
  helloTime: number;
  forwardDelay: number;
}

/** A configuration BPDU of 802.1D; undefined for every other. */
export function parse(b: Uint8Array, at: number, end: number): Header | undefined {
  if (end - at < CONFIG_LENGTH) return undefined;
  const { protocol, version, type, ...h } = layout.decode(b, at);
  return protocol === 0 && version === 0 && type === BPDU_TYPE_CONFIG ? h : undefined;
}

/** Writes a configuration BPDU; returns the offset after it. */
export function emit(h: Header, b: Uint8Array, at: number): number {
  layout.encode({ protocol: 0, version: 0, type: BPDU_TYPE_CONFIG, ...h }, b, at);
  return at + CONFIG_LENGTH;
}

export function isTcn(b: Uint8Array, at: number, end: number): boolean {
  return end - at >= TCN_LENGTH && get16(b, at) === 0 && b[at + VERSION] === 0 && b[at + TYPE] === BPDU_TYPE_TCN;
}

/** Writes a topology change notification; returns the offset after it. */
export function emitTcn(b: Uint8Array, at: number): number {
  b[at] = 0;
  b[at + 1] = 0;
  b[at + VERSION] = 0;
  b[at + TYPE] = BPDU_TYPE_TCN;
  return at + TCN_LENGTH;
}
