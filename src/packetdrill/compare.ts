// Is what the kernel sent what the script expects? The first difference is said in packetdrill's words.

import * as icmp from "../wire/icmp.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { get32 } from "../wire/layout.ts";
import * as tcp from "../wire/tcp.ts";
import { OPT_NOP, OPT_TIMESTAMP } from "../wire/tcp-options.ts";
import * as udp from "../wire/udp.ts";
import { packetBytes } from "./packet-bytes.ts";
import type { PacketSpec, TcpSpec } from "./script.ts";
import { findOptions, optionText } from "./tcp-option-bytes.ts";

const HEADER_NAMES: Readonly<Record<number, string>> = {
  [ipv4.IPPROTO_TCP]: "TCP",
  [ipv4.IPPROTO_UDP]: "UDP",
  [ipv4.IPPROTO_ICMP]: "ICMPv4",
};

export interface TimestampCheck {
  /** µs that one tick of TS val means; 0: not compared */
  readonly tickUs: number;
  readonly toleranceUs: number;
}

/**
 * @param actual the packet in the script's numbers
 * @returns the first difference, or null
 */
export function difference(spec: PacketSpec, actual: Uint8Array, timestamps: TimestampCheck): string | null {
  const expected = packetBytes(spec);
  const wanted = ipv4.getProtocol(expected, 0);
  const found = ipv4.getProtocol(actual, 0);
  if (wanted !== found)
    return `live packet header: expected: ${HEADER_NAMES[wanted]} header vs actual: ${HEADER_NAMES[found] ?? found} header`;
  const looseOptions = spec.protocol === "tcp" && spec.options === null;
  const at = ipv4.getHeaderLength(actual, 0);
  const allowance = looseOptions ? tcp.getDataOffset(actual, at) - tcp.HEADER_LENGTH : 0;
  return (
    field("ipv4_header_length", 5, at / 4) ??
    // a datagram that is to be answered by ICMP says nothing of what is quoted
    (spec.protocol === "icmp" ? null : field("ipv4_total_length", expected.length + allowance, actual.length)) ??
    tosDifference(spec, ipv4.getTos(actual, 0)) ??
    (spec.ip.ttl === undefined ? null : field("ttl", spec.ip.ttl, ipv4.getTtl(actual, 0))) ??
    transportDifference(spec, expected, actual, at, allowance) ??
    (spec.protocol === "tcp" && !looseOptions ? optionsDifference(expected, actual, at, timestamps) : null) ??
    (spec.protocol === "icmp" ? null : payloadDifference(spec, actual, at))
  );
}

function field(name: string, expected: number, actual: number): string | null {
  if (expected === actual) return null;
  const hex = (value: number): string => `${value} (0x${value.toString(16)})`;
  return `live packet field ${name}: expected: ${hex(expected)} vs actual: ${hex(actual)}`;
}

function tosDifference({ ip }: PacketSpec, tos: number): string | null {
  if (ip.tos !== undefined) return field("tos", ip.tos, tos);
  if (ip.ecn === "ect01")
    return (tos & 3) === 1 || (tos & 3) === 2
      ? null
      : `live packet field ip_ecn: expected: 0x1 or 0x2 vs actual: 0x${tos & 3}`;
  return ip.ecn === undefined ? null : field("ip_ecn", ip.ecn, tos & 3);
}

function transportDifference(
  spec: PacketSpec,
  expected: Uint8Array,
  actual: Uint8Array,
  at: number,
  allowance: number,
): string | null {
  if (spec.protocol === "udp") return field("udp_len", udp.HEADER_LENGTH + spec.payload, udp.getLength(actual, at));
  if (spec.protocol === "icmp")
    return (
      field("icmp_type", spec.type, icmp.getType(actual, at)) ?? field("icmp_code", spec.code, icmp.getCode(actual, at))
    );
  return tcpDifference(spec, expected, actual, at, allowance);
}

const FLAG_FIELDS: readonly (readonly [string, number])[] = [
  ["tcp_fin", tcp.FIN],
  ["tcp_syn", tcp.SYN],
  ["tcp_rst", tcp.RST],
  ["tcp_psh", tcp.PSH],
  ["tcp_ack", tcp.ACK],
  ["tcp_urg", tcp.URG],
  ["tcp_ece", tcp.ECE],
  ["tcp_cwr", tcp.CWR],
  ["tcp_ae", tcp.AE],
];

function tcpDifference(
  spec: TcpSpec,
  expected: Uint8Array,
  actual: Uint8Array,
  at: number,
  allowance: number,
): string | null {
  const offset = field(
    "tcp_data_offset",
    (tcp.getDataOffset(expected, ipv4.HEADER_LENGTH) + allowance) / 4,
    tcp.getDataOffset(actual, at) / 4,
  );
  if (offset) return offset;
  const flags = tcp.getFlags(actual, at);
  for (const [name, bit] of FLAG_FIELDS) {
    const wrong = field(name, +((spec.flags & bit) !== 0), +((flags & bit) !== 0));
    if (wrong) return wrong;
  }
  return (
    field("tcp_seq", spec.seq, tcp.getSequence(actual, at)) ??
    field("tcp_ack_seq", spec.ack, tcp.getAcknowledgment(actual, at)) ??
    (spec.window === null ? null : field("tcp_window", spec.window, tcp.getWindow(actual, at))) ??
    field("tcp_urg_ptr", spec.urgent, tcp.getUrgentPointer(actual, at))
  );
}

/** Options come in a fixed order, so that padding counts too. */
function optionsDifference(
  expected: Uint8Array,
  actual: Uint8Array,
  at: number,
  { tickUs, toleranceUs }: TimestampCheck,
): string | null {
  const wantedEnd = ipv4.HEADER_LENGTH + tcp.getDataOffset(expected, ipv4.HEADER_LENGTH);
  const wanted = findOptions(expected, ipv4.HEADER_LENGTH + tcp.HEADER_LENGTH, wantedEnd);
  const found = findOptions(actual, at + tcp.HEADER_LENGTH, at + tcp.getDataOffset(actual, at));
  for (let i = 0; i < Math.max(wanted.length, found.length); i++) {
    const [want, have] = [wanted[i], found[i]];
    if (!want || !have || want.kind !== have.kind) return "bad outbound TCP options";
    if (want.kind <= OPT_NOP) continue;
    if (want.kind === OPT_TIMESTAMP) {
      const off = Math.abs((get32(actual, have.at + 2) - get32(expected, want.at + 2)) | 0);
      if (off * tickUs > toleranceUs) return `bad outbound TCP timestamp value, tolerance ${toleranceUs}`;
      continue;
    }
    const [wantText, haveText] = [optionText(expected, want), optionText(actual, have)];
    if (wantText !== haveText)
      return `bad value in outbound TCP option (kind=${want.kind}): expected: ${wantText} actual: ${haveText}`;
  }
  return null;
}

/** Whatever a script writes is zeros, unless it names a text. */
function payloadDifference(spec: PacketSpec, actual: Uint8Array, at: number): string | null {
  const from = at + (spec.protocol === "tcp" ? tcp.getDataOffset(actual, at) : udp.HEADER_LENGTH);
  for (let i = from; i < actual.length; i++) if (actual[i] !== 0) return "incorrect outbound data payload";
  return null;
}

/** Payload bytes of a TCP packet or a datagram. */
export function payloadLength(b: Uint8Array): number {
  const at = ipv4.getHeaderLength(b, 0);
  switch (ipv4.getProtocol(b, 0)) {
    case ipv4.IPPROTO_TCP:
      return b.length - at - tcp.getDataOffset(b, at);
    case ipv4.IPPROTO_UDP:
      return b.length - at - udp.HEADER_LENGTH;
    default:
      return 0;
  }
}

/** Flags that all segments of what was one packet have in common. */
const COMMON_FLAGS: number = tcp.SYN | tcp.RST | tcp.ACK | tcp.URG | tcp.ECE | tcp.AE;

/** Why a segment does not continue the one before it, as segments of one super-packet would; null when it does. */
export function continuationDifference(before: Uint8Array, next: Uint8Array, isLast: boolean): string | null {
  const at = ipv4.getHeaderLength(before, 0);
  const nextAt = ipv4.getHeaderLength(next, 0);
  const payload = payloadLength(before);
  if (!isLast && payloadLength(next) !== payload)
    return `fragment payload: expected ${payload} bytes vs actual ${payloadLength(next)} bytes`;
  return (
    field("tcp_data_offset", tcp.getDataOffset(before, at) / 4, tcp.getDataOffset(next, nextAt) / 4) ??
    field("tcp_flags", tcp.getFlags(before, at) & COMMON_FLAGS, tcp.getFlags(next, nextAt) & COMMON_FLAGS) ??
    field("tcp_seq", (tcp.getSequence(before, at) + payload) >>> 0, tcp.getSequence(next, nextAt)) ??
    field("tcp_ack_seq", tcp.getAcknowledgment(before, at), tcp.getAcknowledgment(next, nextAt)) ??
    field("tcp_window", tcp.getWindow(before, at), tcp.getWindow(next, nextAt))
  );
}

/** Segments that follow one another as one packet: the last one's headers, the first one's sequence number and CWR. */
export function joinSegments(segments: readonly Uint8Array[]): Uint8Array {
  const first = segments[0]!;
  const last = segments.at(-1)!;
  if (segments.length === 1) return first;
  const at = ipv4.getHeaderLength(last, 0);
  const header = at + tcp.getDataOffset(last, at);
  const joined = new Uint8Array(header + segments.reduce((sum, segment) => sum + payloadLength(segment), 0));
  joined.set(last.subarray(0, header));
  let end = header;
  for (const segment of segments) {
    const payload = segment.subarray(segment.length - payloadLength(segment));
    joined.set(payload, end);
    end += payload.length;
  }
  ipv4.setTotalLength(joined, 0, joined.length);
  tcp.setSequence(joined, at, tcp.getSequence(first, ipv4.getHeaderLength(first, 0)));
  const cwr = tcp.getFlags(first, ipv4.getHeaderLength(first, 0)) & tcp.CWR;
  tcp.setFlags(joined, at, (tcp.getFlags(joined, at) & ~tcp.CWR) | cwr);
  return joined;
}
