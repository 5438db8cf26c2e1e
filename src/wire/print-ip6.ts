// Prints IPv6 and ICMPv6 as tcpdump does (print-ip6.c, print-ip6opts.c, print-frag6.c, print-icmp6.c): hop-by-hop and
// destination options, fragments, errors, echo, neighbour discovery and multicast listener discovery. Leaves out routing
// and mobility headers, RPL, node information and router renumbering, which show their type only.
import { formatIpv6 } from "./addr.ts";
import { pseudoHeaderSum6 } from "./checksum.ts";
import * as icmp6 from "./icmp6.ts";
import * as ipv6 from "./ipv6.ts";
import { bitNames, type Dissector, hex, IP_PROTOCOLS } from "./print-core.ts";
import { printProtocol } from "./print-ip.ts";

/** Prints an IPv6 packet at `at`, of which the layer below gave `length` bytes. */
export function printIp6(d: Dissector, at: number, length: number): void {
  d.protocol = "ip6";
  if (!d.has(at, ipv6.HEADER_LENGTH)) {
    d.truncated();
    return;
  }
  if (length < ipv6.HEADER_LENGTH) {
    d.out += `truncated-ip6 ${length}`;
    return;
  }
  if (!d.options.linkHeader) d.out += "IP6 ";
  if (ipv6.getVersion(d.bytes, at) !== 6) {
    d.out += `version error: ${ipv6.getVersion(d.bytes, at)} != 6`;
    return;
  }
  const payloadLength = ipv6.getPayloadLength(d.bytes, at);
  const total = (payloadLength !== 0 ? payloadLength : length) + ipv6.HEADER_LENGTH;
  if (payloadLength !== 0 && length < total) d.out += `truncated-ip6 - ${total - length} bytes missing!`;
  const nextHeader = ipv6.getNextHeader(d.bytes, at);
  if (d.options.verbose > 0) {
    const trafficClass = ipv6.getTrafficClass(d.bytes, at);
    const flowLabel = ipv6.getFlowLabel(d.bytes, at);
    d.out += "(";
    if (trafficClass !== 0) d.out += `class 0x${hex(trafficClass, 2)}, `;
    if (flowLabel !== 0) d.out += `flowlabel 0x${hex(flowLabel, 5)}, `;
    d.out += `hlim ${ipv6.getHopLimit(d.bytes, at)}, next-header ${IP_PROTOCOLS.get(nextHeader) ?? "unknown"} (${nextHeader})`;
    d.out += ` payload length: ${payloadLength}) `;
  }
  d.within(at + total, () => printHeaders(d, at, total, nextHeader, payloadLength));
}

/** Walks the extension headers to the protocol above. */
function printHeaders(d: Dissector, at: number, left: number, next: number, payloadLength: number): void {
  let p = at;
  let advance = ipv6.HEADER_LENGTH;
  let fragmented = false;
  let extended = false;
  let hopByHop = false;
  while (p < d.end && advance > 0) {
    if (left < advance) {
      d.truncated();
      return;
    }
    p += advance;
    left -= advance;
    if (!extended && next !== 6 && next !== 17 && next !== 33 && next !== 132) {
      d.out += `${d.ip6(at + ipv6.SOURCE)} > ${d.ip6(at + ipv6.DESTINATION)}: `;
    }
    switch (next) {
      case ipv6.NEXTHDR_HOP:
        if (extended) {
          d.out += hopByHop
            ? "[The Hop-by-Hop Options header was already found]"
            : "[The Hop-by-Hop Options header don't follow the IPv6 header]";
          d.invalid();
          return;
        }
        hopByHop = true;
        advance = printOptionsHeader(d, p, "hbhopt", "HBH ");
        break;
      case ipv6.NEXTHDR_DEST:
        advance = printOptionsHeader(d, p, "dstopt", "DSTOPT ");
        break;
      case ipv6.NEXTHDR_FRAGMENT:
        advance = printFragment(d, p, at);
        if (advance < 0 || d.end <= p + advance) return;
        fragmented = true;
        break;
      default:
        if (payloadLength === 0) {
          if (extended) {
            d.truncated();
            return;
          }
          left = 0;
          d.end = Math.min(d.end, p);
        }
        printProtocol(d, p, left, 6, fragmented, next, at, printIcmp6);
        return;
    }
    if (advance < 0) return;
    extended = true;
    next = d.u8(p);
    d.protocol = "ip6";
  }
}

/** Returns the header's length, or a negative number when it is cut off. */
function printOptionsHeader(d: Dissector, at: number, protocol: string, label: string): number {
  d.protocol = protocol;
  const length = (d.u8(at + 1) + 1) * 8;
  if (!d.has(at, length)) {
    d.truncated();
    return -1;
  }
  d.out += label;
  if (printOptions(d, at + 2, length - 2)) return length;
  d.truncated();
  return -1;
}

function printOptions(d: Dissector, at: number, length: number): boolean {
  const verbose = d.options.verbose > 0;
  for (let i = 0; i < length; ) {
    const kind = d.u8(at + i);
    if (kind !== 0 && i + 1 >= length) return false;
    const size = kind === 0 ? 1 : d.u8(at + i + 1) + 2;
    if (i + size > length) return false;
    if (kind === 5 && size !== 4) {
      d.out += length - i < 4 ? "(rtalert: trunc)" : `(rtalert: invalid len ${size - 2})`;
      return false;
    }
    if (verbose) {
      if (kind === 0) d.out += "(pad1)";
      else if (kind === 1) d.out += "(padn)";
      else if (kind === 5) d.out += `(rtalert: 0x${hex(d.u16(at + i + 2), 4)}) `;
      else d.out += `(opt_type 0x${hex(kind, 2)}: len=${size - 2})`;
    }
    i += size;
  }
  if (verbose) d.out += " ";
  return true;
}

function printFragment(d: Dissector, at: number, ipAt: number): number {
  d.protocol = "frag6";
  const length = ipv6.HEADER_LENGTH + ipv6.getPayloadLength(d.bytes, ipAt) - (at - ipAt) - 8;
  const offset = d.u16(at + 2) & 0xfff8;
  d.out += `frag (${d.options.verbose > 0 ? `0x${hex(d.u32(at + 4), 8)}:` : ""}${offset}|${length})`;
  if (offset !== 0) return -1;
  d.out += " ";
  return 8;
}

const TYPES: ReadonlyMap<number, string> = new Map([
  [icmp6.ICMPV6_DEST_UNREACH, "destination unreachable"],
  [icmp6.ICMPV6_PKT_TOOBIG, "packet too big"],
  [icmp6.ICMPV6_TIME_EXCEED, "time exceeded in-transit"],
  [icmp6.ICMPV6_PARAMPROB, "parameter problem"],
  [icmp6.ICMPV6_ECHO_REQUEST, "echo request"],
  [icmp6.ICMPV6_ECHO_REPLY, "echo reply"],
  [icmp6.ICMPV6_MGM_QUERY, "multicast listener query"],
  [icmp6.ICMPV6_MGM_REPORT, "multicast listener report"],
  [icmp6.ICMPV6_MGM_REDUCTION, "multicast listener done"],
  [icmp6.NDISC_ROUTER_SOLICITATION, "router solicitation"],
  [icmp6.NDISC_ROUTER_ADVERTISEMENT, "router advertisement"],
  [icmp6.NDISC_NEIGHBOUR_SOLICITATION, "neighbor solicitation"],
  [icmp6.NDISC_NEIGHBOUR_ADVERTISEMENT, "neighbor advertisement"],
  [icmp6.NDISC_REDIRECT, "redirect"],
  [138, "router renumbering"],
  [139, "node information query"],
  [140, "node information reply"],
  [141, "inverse neighbor solicitation"],
  [142, "inverse neighbor advertisement"],
  [icmp6.ICMPV6_MLD2_REPORT, "multicast listener report v2"],
  [144, "ha discovery request"],
  [145, "ha discovery reply"],
  [146, "mobile router solicitation"],
  [147, "mobile router advertisement"],
  [155, "RPL"],
  [200, "mtrace response"],
  [201, "mtrace message"],
]);
const UNREACHABLE = [
  "unreachable route",
  " unreachable prohibited",
  "beyond scope",
  "unreachable address",
  "unreachable port",
];
const ADVERTISEMENT_FLAGS: readonly (readonly [number, string])[] = [
  [0x80, "router"],
  [0x40, "solicited"],
  [0x20, "override"],
];
const ROUTER_FLAGS: readonly (readonly [number, string])[] = [
  [0x80, "managed"],
  [0x40, "other stateful"],
  [0x20, "home agent"],
  [0x02, "ipv6 only"],
];
const PREFIX_FLAGS: readonly (readonly [number, string])[] = [
  [0x80, "onlink"],
  [0x40, "auto"],
  [0x20, "router"],
];
const PREFERENCES = ["medium", "high", "rsv", "low"];

function printIcmp6(d: Dissector, at: number, length: number, ipAt: number, fragmented: boolean): void {
  d.protocol = "icmp6";
  const { verbose } = d.options;
  if (length === 0) {
    d.out += "ICMP6, length 0";
    d.invalid();
    return;
  }
  if (verbose > 0 && !fragmented && d.has(at, length)) {
    const stored = d.u16(at + icmp6.CHECKSUM);
    const pseudo = pseudoHeaderSum6(d.bytes, ipAt + ipv6.SOURCE, ipAt + ipv6.DESTINATION, 58, length);
    const should = d.checksumShouldBe(stored, at, at + length, pseudo);
    d.out +=
      should === undefined ? "[icmp6 sum ok] " : `[bad icmp6 cksum 0x${hex(stored, 4)} -> 0x${hex(should, 4)}!] `;
  }
  const type = d.u8(at);
  d.out += `ICMP6, ${TYPES.get(type) ?? `unknown icmp6 type (${type})`}`;
  const discovery = type >= icmp6.NDISC_ROUTER_SOLICITATION && type <= icmp6.NDISC_REDIRECT;
  if (verbose > 0 && discovery) d.out += `, length ${length}`;
  const outcome = printMessage(d, at, length, type, d.u8(at + 1));
  if (outcome === "truncated") d.truncated();
  else if (outcome === "done" && verbose === 0) d.out += `, length ${length}`;
}

/** Prints what follows the type; "silent" when nothing more is to be said. */
function printMessage(
  d: Dissector,
  at: number,
  length: number,
  type: number,
  code: number,
): "done" | "silent" | "truncated" {
  const { verbose } = d.options;
  const quoted = at + icmp6.HEADER_LENGTH;
  const options = (from: number): "done" | "truncated" =>
    verbose === 0 || printNdOptions(d, at + from, length - from, at) ? "done" : "truncated";
  switch (type) {
    case icmp6.ICMPV6_DEST_UNREACH:
      return printUnreachable(d, at, length, code);
    case icmp6.ICMPV6_PKT_TOOBIG:
      d.out += `, mtu ${d.u32(at + 4)}`;
      return "done";
    case icmp6.ICMPV6_TIME_EXCEED:
      if (code === 0) d.out += ` for ${d.ip6(quoted + ipv6.DESTINATION)}`;
      else d.out += code === 1 ? " (reassembly)" : `, unknown code (${code})`;
      return "done";
    case icmp6.ICMPV6_PARAMPROB: {
      if (!d.has(quoted + ipv6.DESTINATION, 16)) return "truncated";
      const what = ["erroneous", "next header", "option", "incomplete header chain"][code];
      d.out += what === undefined ? `, code-#${code}` : `, ${what} - octet ${d.u32(at + 4)}`;
      return "done";
    }
    case icmp6.ICMPV6_ECHO_REQUEST:
    case icmp6.ICMPV6_ECHO_REPLY:
      d.out += `, id ${d.u16(at + 4)}, seq ${d.u16(at + 6)}`;
      return "done";
    case icmp6.ICMPV6_MGM_QUERY:
      if (length === 24) printMld(d, at);
      else if (length >= 28) printMld2Query(d, at, length);
      else d.out += ` unknown-version (len ${length}) `;
      return "done";
    case icmp6.ICMPV6_MGM_REPORT:
    case icmp6.ICMPV6_MGM_REDUCTION:
      printMld(d, at);
      return "done";
    case icmp6.ICMPV6_MLD2_REPORT:
      printMld2Report(d, at, length);
      return "done";
    case icmp6.NDISC_ROUTER_SOLICITATION:
      return options(8);
    case icmp6.NDISC_ROUTER_ADVERTISEMENT:
      if (verbose > 0) {
        const flags = d.u8(at + 5);
        const timers = `reachable time ${d.u32(at + 8)}ms, retrans timer ${d.u32(at + 12)}ms`;
        d.out += `\n\thop limit ${d.u8(at + 4)}, Flags [${bitNames(ROUTER_FLAGS, flags, "none", ", ")}]`;
        d.out += `, pref ${PREFERENCES[(flags >>> 3) & 3]}, router lifetime ${d.u16(at + 6)}s, ${timers}`;
      }
      return options(16);
    case icmp6.NDISC_NEIGHBOUR_SOLICITATION:
      d.out += `, who has ${d.ip6(at + 8)}`;
      return options(24);
    case icmp6.NDISC_NEIGHBOUR_ADVERTISEMENT:
      d.out += `, tgt is ${d.ip6(at + 8)}`;
      if (verbose > 0) d.out += `, Flags [${bitNames(ADVERTISEMENT_FLAGS, d.u32(at + 4) >>> 24, "none", ", ")}]`;
      return options(24);
    case icmp6.NDISC_REDIRECT:
      d.out += `, ${d.ip6(at + 24)} to ${d.ip6(at + 8)}`;
      return options(40);
    case 141:
    case 142:
      return "done";
    default:
      d.out += `, length ${length}`;
      if (verbose <= 1) d.printUnknown("\n\t", at, length);
      return "silent";
  }
}

function printUnreachable(d: Dissector, at: number, length: number, code: number): "done" | "silent" | "truncated" {
  const quoted = at + icmp6.HEADER_LENGTH;
  d.out += `, ${UNREACHABLE[code] ?? `unknown unreach code (${code})`}`;
  const destination = (): string => d.ip6(quoted + ipv6.DESTINATION);
  switch (code) {
    case icmp6.ICMPV6_NOROUTE:
    case icmp6.ICMPV6_ADM_PROHIBITED:
    case icmp6.ICMPV6_ADDR_UNREACH:
      d.out += ` ${destination()}`;
      return "done";
    case icmp6.ICMPV6_NOT_NEIGHBOUR:
      d.out += ` ${destination()}, source address ${d.ip6(quoted + ipv6.SOURCE)}`;
      return "done";
    case icmp6.ICMPV6_PORT_UNREACH: {
      const upper = upperLayer(d, quoted);
      if (upper === undefined) return "truncated";
      const port = d.u16(upper.at + 2);
      const name = upper.protocol === 6 ? "tcp" : "udp";
      d.out += `, ${destination()} ${name} port ${d.port(port, name)}`;
      return "done";
    }
    default:
      if (d.options.verbose > 1) return "done";
      d.printUnknown("\n\t", at, length);
      return "silent";
  }
}

/** Where the ports of a quoted TCP or UDP packet are; undefined when they were not quoted. */
function upperLayer(d: Dissector, at: number): { at: number; protocol: number } | undefined {
  if (!d.has(at + 6, 1)) return undefined;
  let next = d.u8(at + 6);
  let p = at + ipv6.HEADER_LENGTH;
  while (p < d.end) {
    if (next === 6 || next === 17) return d.has(p, 4) ? { at: p, protocol: next } : undefined;
    if (next !== ipv6.NEXTHDR_HOP && next !== ipv6.NEXTHDR_DEST && next !== ipv6.NEXTHDR_ROUTING) return undefined;
    if (!d.has(p, 2)) return undefined;
    next = d.u8(p);
    p += (d.u8(p + 1) + 1) * 8;
  }
  return undefined;
}

/** Options of neighbour discovery (RFC 4861 section 4.6); false when one is cut off. */
function printNdOptions(d: Dissector, at: number, length: number, message: number): boolean {
  let p = at;
  while (p < d.end) {
    if (!d.has(p + 1, 1)) return false;
    if (length <= 0) return true;
    const type = d.u8(p);
    const units = d.u8(p + 1);
    const size = units * 8;
    if (units === 0 || p + size > d.end) return false;
    d.out += `\n\t  ${ND_OPTIONS.get(type) ?? "unknown"} option (${type}), length ${size} (${units}): `;
    if (!printNdOption(d, p, type, units, at)) {
      if (d.options.verbose <= 1) {
        d.printUnknown("\n\t  ", p + 2, size - 2);
        return true;
      }
    }
    if (d.options.verbose > 1) d.printUnknown("\n\t    ", p + 2, size - 2);
    p += size;
    length -= size;
  }
  return message <= p;
}

const ND_OPTIONS: ReadonlyMap<number, string> = new Map([
  [1, "source link-address"],
  [2, "destination link-address"],
  [3, "prefix info"],
  [4, "redirected header"],
  [5, "mtu"],
  [7, "advertisement interval"],
  [8, "homeagent information"],
  [24, "route info"],
  [25, "rdnss"],
  [31, "dnssl"],
]);

/** False for an option whose data is not understood. */
function printNdOption(d: Dissector, at: number, type: number, units: number, optionsAt: number): boolean {
  const lifetime = (seconds: number): string => (seconds === 0xffffffff ? "infinity" : `${seconds}s`);
  switch (type) {
    case 1:
    case 2:
      d.out += Array.from(d.bytes.subarray(at + 2, at + units * 8), (byte) => hex(byte, 2)).join(":");
      return true;
    case 3:
      d.out += `${d.ip6(at + 16)}/${d.u8(at + 2)}${units !== 4 ? "badlen" : ""}`;
      d.out += `, Flags [${bitNames(PREFIX_FLAGS, d.u8(at + 3), "none", ", ")}]`;
      d.out += `, valid time ${lifetime(d.u32(at + 4))}, pref. time ${lifetime(d.u32(at + 8))}`;
      return true;
    case 4:
      d.printUnknown("\n\t    ", optionsAt, units * 8);
      return true;
    case 5:
      d.out += ` ${d.u32(at + 4)}${units !== 1 ? "bad option length" : ""}`;
      return true;
    case 24: {
      const prefix = new Uint8Array(16);
      prefix.set(d.bytes.subarray(at + 8, at + units * 8).subarray(0, 16));
      d.need(at, units * 8);
      const preference = ["medium", "high", "rsv", "low"][(d.u8(at + 3) >>> 3) & 3];
      d.out += ` ${formatIpv6(prefix, 0)}/${d.u8(at + 2)}, pref=${preference}, lifetime=${lifetime(d.u32(at + 4))}`;
      return true;
    }
    case 31:
      d.out += ` lifetime ${d.u32(at + 4)}s, domain(s):`;
      printDomains(d, at + 8, at + units * 8);
      return true;
    case 25:
      d.out += ` lifetime ${d.u32(at + 4)}s,`;
      for (let i = 0; i < Math.floor((units - 1) / 2); i++) d.out += ` addr: ${d.ip6(at + 8 + 16 * i)}`;
      return true;
    default:
      return false;
  }
}

/** Names one after the other, padded with zeros. */
function printDomains(d: Dissector, at: number, end: number): void {
  while (at < end && d.u8(at) !== 0) {
    d.out += " ";
    for (let length = d.u8(at); length !== 0 && at < end; length = d.u8(at)) {
      d.printChars(at + 1, length);
      d.out += ".";
      at += 1 + length;
    }
    at++;
  }
}

function printMld(d: Dissector, at: number): void {
  if (d.has(at, 24)) d.out += `max resp delay: ${d.u16(at + 4)} addr: ${d.ip6(at + 8)}`;
}

function printMld2Query(d: Dissector, at: number, length: number): void {
  d.out += " v2";
  const verbose = d.options.verbose > 0;
  const code = d.u16(at + 4);
  const delay = code < 32768 ? code : ((code & 0x0fff) | 0x1000) << (((code & 0x7000) >>> 12) + 3);
  if (verbose) d.out += ` [max resp delay=${delay}]`;
  d.out += ` [gaddr ${d.ip6(at + 8)}`;
  if (verbose) {
    const flags = d.u8(at + 24);
    if ((flags & 8) !== 0) d.out += " sflag";
    if ((flags & 7) !== 0) d.out += ` robustness=${flags & 7}`;
    const interval = d.u8(at + 25);
    d.out += ` qqi=${interval < 128 ? interval : ((interval & 15) | 16) << (((interval & 0x70) >>> 4) + 3)}`;
  }
  const sources = d.u16(at + 26);
  if (sources > 0) {
    if (length < 28 + sources * 16) d.out += " [invalid number of sources]";
    else printSources(d, at + 28, sources);
  }
  d.out += "]";
}

const RECORD_TYPES = ["", "is_in", "is_ex", "to_in", "to_ex", "allow", "block"];

function printMld2Report(d: Dissector, at: number, length: number): void {
  if (length < 8) {
    d.out += ` [invalid len ${length}]`;
    return;
  }
  const records = d.u16(at + 6);
  d.out += `, ${records} group record(s)`;
  if (d.options.verbose === 0) return;
  let group = 8;
  for (let i = 0; i < records; i++) {
    if (length < group + 20) {
      d.out += " [invalid number of groups]";
      return;
    }
    const type = d.u8(at + group);
    d.out += ` [gaddr ${d.ip6(at + group + 4)} ${type > 0 && RECORD_TYPES[type] ? RECORD_TYPES[type] : ` [v2-report-#${type}]`}`;
    const sources = d.u16(at + group + 2);
    if (length < group + 20 + sources * 16) {
      d.out += ` [invalid number of sources ${sources}]`;
      return;
    }
    printSources(d, at + group + 20, sources);
    group += 20 + sources * 16;
    d.out += "]";
  }
}

function printSources(d: Dissector, at: number, count: number): void {
  if (d.options.verbose <= 1) {
    d.out += `, ${count} source(s)`;
    return;
  }
  d.out += " {";
  for (let i = 0; i < count; i++) d.out += ` ${d.ip6(at + 16 * i)}`;
  d.out += " }";
}
