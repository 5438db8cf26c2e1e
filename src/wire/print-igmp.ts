// Prints IGMP as tcpdump does (print-igmp.c), all three versions. Leaves out DVMRP, PIMv1 and multicast traceroute.
import * as igmp from "./igmp.ts";
import { type Dissector, relativeSeconds } from "./print-core.ts";

const RECORD_TYPES = ["", "is_in", "is_ex", "to_in", "to_ex", "allow", "block"];

/** Prints a message of `length` bytes at `at`. */
export function printIgmp(d: Dissector, at: number, length: number): void {
  d.protocol = "igmp";
  if (d.options.quiet > 0) {
    d.out += "igmp";
    return;
  }
  const type = d.u8(at);
  switch (type) {
    case igmp.IGMP_HOST_MEMBERSHIP_QUERY:
      d.out += "igmp query";
      if (length >= igmp.QUERY_V3_LENGTH) printIgmpV3Query(d, at, length);
      else printIgmpQuery(d, at, length);
      break;
    case igmp.IGMP_HOST_MEMBERSHIP_REPORT:
      d.out += `igmp v1 report ${d.ip4(at + 4)}`;
      if (length !== 8) d.out += ` [len ${length}]`;
      break;
    case igmp.IGMPV2_HOST_MEMBERSHIP_REPORT:
      d.out += `igmp v2 report ${d.ip4(at + 4)}`;
      break;
    case igmp.IGMPV3_HOST_MEMBERSHIP_REPORT:
      d.out += "igmp v3 report";
      printIgmpV3Report(d, at, length);
      break;
    case igmp.IGMP_HOST_LEAVE_MESSAGE:
      d.out += `igmp leave ${d.ip4(at + 4)}`;
      break;
    default:
      d.out += `igmp-${type}`;
  }
  if (d.options.verbose > 0 && length >= 4 && d.has(at, length)) {
    const stored = d.u16(at + 2);
    if (d.checksumShouldBe(stored, at, at + length) !== undefined) d.out += ` bad igmp cksum ${stored.toString(16)}!`;
  }
}

function printIgmpQuery(d: Dissector, at: number, length: number): void {
  const response = d.u8(at + 1);
  d.out += response !== 0 ? " v2" : " v1";
  if (response !== 0 && response !== 100) d.out += ` [max resp time ${response}]`;
  if (d.u32(at + 4) !== 0) d.out += ` [gaddr ${d.ip4(at + 4)}]`;
  if (length !== 8) d.out += ` [len ${length}]`;
}

function printIgmpV3Query(d: Dissector, at: number, length: number): void {
  d.out += " v3";
  if ((length & 3) !== 0) {
    d.out += ` [invalid len ${length}]`;
    return;
  }
  const code = d.u8(at + 1);
  if (code !== 100) {
    const tenths = code < 128 ? code : ((code & 15) | 16) << (((code & 0x70) >>> 4) + 3);
    const time = tenths < 600 ? `${(tenths * 0.1).toFixed(1)}s` : relativeSeconds(Math.floor(tenths / 10));
    d.out += ` [max resp time ${time}]`;
  }
  if (d.u32(at + 4) === 0) return;
  d.out += ` [gaddr ${d.ip4(at + 4)}`;
  const sources = d.u16(at + 10);
  if (sources > 0) {
    if (length < 12 + sources * 4) d.out += " [invalid number of sources]";
    else printIgmpSources(d, at + 12, sources);
  }
  d.out += "]";
}

function printIgmpV3Report(d: Dissector, at: number, length: number): void {
  if (length < 16 || (length & 3) !== 0) {
    d.out += ` [invalid len ${length}]`;
    return;
  }
  const records = d.u16(at + 6);
  d.out += `, ${records} group record(s)`;
  if (d.options.verbose === 0) return;
  let group = igmp.REPORT_LENGTH;
  for (let i = 0; i < records; i++) {
    if (length < group + igmp.RECORD_LENGTH) {
      d.out += " [invalid number of groups]";
      return;
    }
    const type = d.u8(at + group);
    d.out += ` [gaddr ${d.ip4(at + group + 4)} ${type > 0 && RECORD_TYPES[type] ? RECORD_TYPES[type] : ` [v3-report-#${type}]`}`;
    const sources = d.u16(at + group + 2);
    if (length < group + igmp.RECORD_LENGTH + sources * 4) {
      d.out += ` [invalid number of sources ${sources}]`;
      return;
    }
    printIgmpSources(d, at + group + igmp.RECORD_LENGTH, sources);
    group += igmp.RECORD_LENGTH + sources * 4;
    d.out += "]";
  }
}

function printIgmpSources(d: Dissector, at: number, count: number): void {
  if (d.options.verbose <= 1) {
    d.out += `, ${count} source(s)`;
    return;
  }
  d.out += " {";
  for (let i = 0; i < count; i++) d.out += ` ${d.ip4(at + 4 * i)}`;
  d.out += " }";
}
