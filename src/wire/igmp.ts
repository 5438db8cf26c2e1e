// IGMP: the eight-byte message of versions 1 and 2 (RFC 1112, RFC 2236) and version 3's query and report (RFC 3376), whose
// group records are walked by offset. Leaves out DVMRP and PIMv1, which share the protocol number.

import type { Ipv4Addr } from "./addr.ts";
import { internetChecksum } from "./checksum.ts";
import { get16, get32, type HeaderLayout, header, set16, set32 } from "./layout.ts";

export const layout: HeaderLayout<"type" | "maxResponse" | "checksum" | "group"> = header([
  ["type", 8],
  ["maxResponse", 8],
  ["checksum", 16],
  ["group", 32],
]);

/** A version 3 report: its group records follow. */
export const reportLayout: HeaderLayout<"type" | "reserved1" | "checksum" | "reserved2" | "recordCount"> = header([
  ["type", 8],
  ["reserved1", 8],
  ["checksum", 16],
  ["reserved2", 16],
  ["recordCount", 16],
]);

/** One group record of a version 3 report: its sources and auxiliary data follow. */
export const recordLayout: HeaderLayout<"type" | "auxLength" | "sourceCount" | "group"> = header([
  ["type", 8],
  ["auxLength", 8],
  ["sourceCount", 16],
  ["group", 32],
]);

export const HEADER_LENGTH: number = layout.spanBytes;
export const REPORT_LENGTH: number = reportLayout.spanBytes;
export const RECORD_LENGTH: number = recordLayout.spanBytes;
/** A version 3 query without sources. */
export const QUERY_V3_LENGTH = 12;
const TYPE = layout.offsetOf("type");
const MAX_RESPONSE = layout.offsetOf("maxResponse");
const CHECKSUM = layout.offsetOf("checksum");
const GROUP = layout.offsetOf("group");
const RECORD_COUNT = reportLayout.offsetOf("recordCount");

export const IGMP_HOST_MEMBERSHIP_QUERY = 0x11;
export const IGMP_HOST_MEMBERSHIP_REPORT = 0x12;
export const IGMPV2_HOST_MEMBERSHIP_REPORT = 0x16;
export const IGMP_HOST_LEAVE_MESSAGE = 0x17;
export const IGMPV3_HOST_MEMBERSHIP_REPORT = 0x22;

// Record types of a version 3 report (RFC 3376 section 4.2.12).
export const IGMPV3_MODE_IS_INCLUDE = 1;
export const IGMPV3_MODE_IS_EXCLUDE = 2;
export const IGMPV3_CHANGE_TO_INCLUDE = 3;
export const IGMPV3_CHANGE_TO_EXCLUDE = 4;
export const IGMPV3_ALLOW_NEW_SOURCES = 5;
export const IGMPV3_BLOCK_OLD_SOURCES = 6;

export function getType(b: Uint8Array, at: number): number {
  return b[at + TYPE]!;
}

export function setType(b: Uint8Array, at: number, value: number): void {
  b[at + TYPE] = value;
}

/** Tenths of a second in version 2; in version 3 a code that is one below 128. */
export function getMaxResponse(b: Uint8Array, at: number): number {
  return b[at + MAX_RESPONSE]!;
}

export function setMaxResponse(b: Uint8Array, at: number, value: number): void {
  b[at + MAX_RESPONSE] = value;
}

export function getChecksum(b: Uint8Array, at: number): number {
  return get16(b, at + CHECKSUM);
}

export function setChecksum(b: Uint8Array, at: number, value: number): void {
  set16(b, at + CHECKSUM, value);
}

export function getGroup(b: Uint8Array, at: number): Ipv4Addr {
  return get32(b, at + GROUP) as Ipv4Addr;
}

export function setGroup(b: Uint8Array, at: number, value: number): void {
  set32(b, at + GROUP, value);
}

/** Group records of a version 3 report. */
export function getRecordCount(b: Uint8Array, at: number): number {
  return get16(b, at + RECORD_COUNT);
}

/** Computes and stores the checksum of the message `b[at..end)`. */
export function updateChecksum(b: Uint8Array, at: number, end: number): void {
  set16(b, at + CHECKSUM, 0);
  set16(b, at + CHECKSUM, internetChecksum(b, at, end));
}

/** The eight bytes that every version but a version 3 report has. */
export interface Header {
  type: number;
  maxResponse: number;
  checksum: number;
  group: Ipv4Addr;
}

export function parse(b: Uint8Array, at: number, end: number): Header | undefined {
  if (end - at < HEADER_LENGTH) return undefined;
  const raw = layout.decode(b, at);
  return { ...raw, group: raw.group as Ipv4Addr };
}

/** Writes the header; returns the offset after it. */
export function emit(h: Header, b: Uint8Array, at: number): number {
  layout.encode(h, b, at);
  return at + HEADER_LENGTH;
}

export interface GroupRecord {
  type: number;
  group: Ipv4Addr;
  sources: Ipv4Addr[];
}

/** The records of the version 3 report `b[at..end)`; undefined when they do not fit in it. */
export function parseReport(b: Uint8Array, at: number, end: number): GroupRecord[] | undefined {
  if (end - at < REPORT_LENGTH || getType(b, at) !== IGMPV3_HOST_MEMBERSHIP_REPORT) return undefined;
  const records: GroupRecord[] = [];
  let next = at + REPORT_LENGTH;
  for (let left = getRecordCount(b, at); left > 0; left--) {
    if (end - next < RECORD_LENGTH) return undefined;
    const raw = recordLayout.decode(b, next);
    const sourcesAt = next + RECORD_LENGTH;
    next = sourcesAt + 4 * (raw.sourceCount + raw.auxLength);
    if (next > end) return undefined;
    const sources = Array.from({ length: raw.sourceCount }, (_, i) => get32(b, sourcesAt + 4 * i) as Ipv4Addr);
    records.push({ type: raw.type, group: raw.group as Ipv4Addr, sources });
  }
  return records;
}

/** Writes a whole version 3 report with its checksum; returns the offset after it. */
export function emitReport(records: readonly GroupRecord[], b: Uint8Array, at: number): number {
  reportLayout.encode(
    { type: IGMPV3_HOST_MEMBERSHIP_REPORT, reserved1: 0, checksum: 0, reserved2: 0, recordCount: records.length },
    b,
    at,
  );
  let next = at + REPORT_LENGTH;
  for (const { type, group, sources } of records) {
    recordLayout.encode({ type, auxLength: 0, sourceCount: sources.length, group }, b, next);
    next += RECORD_LENGTH;
    for (const source of sources) {
      set32(b, next, source);
      next += 4;
    }
  }
  updateChecksum(b, at, next);
  return next;
}
