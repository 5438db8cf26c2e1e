// Prints IPv4 as tcpdump does: the header and its options, ICMP with the packet that an error quotes, IGMP, and the hand-over
// to TCP and UDP (print-ip.c, print-ip-demux.c, print-icmp.c, print-igmp.c). Protocols without a printer show their number.
import * as icmp from "./icmp.ts";
import * as igmp from "./igmp.ts";
import * as ipv4 from "./ipv4.ts";
import { bitNames, type Dissector, hex, IP_PROTOCOLS, PROTOCOL_NAMES, relativeSeconds } from "./print-core.ts";
import { printTcp } from "./print-tcp.ts";
import { printUdp } from "./print-udp.ts";

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [ipv4.MF, "+"],
  [ipv4.DF, "DF"],
  [ipv4.RESERVED, "rsvd"],
];
const ECN_NAMES = ["", ",ECT(1)", ",ECT(0)", ",CE"];

/** Prints an IPv4 packet at `at`, of which the layer below gave `length` bytes. */
export function printIp(d: Dissector, at: number, length: number): void {
  d.protocol = "ip";
  const version = d.u8(at) >>> 4;
  if (version !== 4) {
    d.out += version === 6 ? "IP6, wrong link-layer encapsulation" : `IP${version}`;
    d.invalid();
    return;
  }
  const { verbose, linkHeader } = d.options;
  if (!linkHeader) d.out += "IP ";
  if (!d.has(at, ipv4.HEADER_LENGTH)) {
    d.truncated();
    return;
  }
  if (length < ipv4.HEADER_LENGTH) {
    d.out += `truncated-ip ${length}`;
    return;
  }
  const headerLength = ipv4.getHeaderLength(d.bytes, at);
  if (headerLength < ipv4.HEADER_LENGTH) {
    d.out += `bad-hlen ${headerLength}`;
    return;
  }
  const totalLength = ipv4.getTotalLength(d.bytes, at);
  if (length < totalLength) d.out += `truncated-ip - ${totalLength - length} bytes missing! `;
  if (totalLength < headerLength) {
    d.out += `bad-len ${totalLength}`;
    return;
  }
  d.within(at + totalLength, () => {
    if (verbose > 0 && !printHeader(d, at, headerLength)) return;
    printPayload(d, at, headerLength, totalLength - headerLength);
  });
}

/** The parenthesis of -v; false when the options are cut short, after saying so. */
function printHeader(d: Dissector, at: number, headerLength: number): boolean {
  const b = d.bytes;
  const tos = ipv4.getTos(b, at);
  const flags = ipv4.getFlagsAndOffset(b, at);
  const protocol = ipv4.getProtocol(b, at);
  d.out += `(tos 0x${tos.toString(16)}${ECN_NAMES[tos & 3]}`;
  if (ipv4.getTtl(b, at) >= 1) d.out += `, ttl ${ipv4.getTtl(b, at)}`;
  d.out += `, id ${ipv4.getIdentification(b, at)}, offset ${(flags & ipv4.OFFSET_MASK) * 8}`;
  d.out += `, flags [${bitNames(FLAG_NAMES, flags, "none", ", ")}]`;
  d.out += `, proto ${IP_PROTOCOLS.get(protocol) ?? "unknown"} (${protocol}), length ${ipv4.getTotalLength(b, at)}`;
  let whole = true;
  if (headerLength > ipv4.HEADER_LENGTH) {
    d.out += ", options (";
    whole = printOptions(d, at + ipv4.HEADER_LENGTH, headerLength - ipv4.HEADER_LENGTH);
    if (!whole) d.out += " [truncated-option]";
    d.out += ")";
  }
  if (!d.options.noChecksums && at + headerLength <= d.end) {
    const stored = ipv4.getChecksum(b, at);
    const should = d.checksumShouldBe(stored, at, at + headerLength);
    if (should !== undefined) d.out += `, bad cksum ${stored.toString(16)} (->${should.toString(16)})!`;
  }
  d.out += ")\n    ";
  if (whole) return true;
  printAddresses(d, at);
  d.out += ": ";
  d.truncated();
  return false;
}

function printAddresses(d: Dissector, at: number): void {
  d.out += `${d.ip4(at + ipv4.SOURCE)} > ${d.ip4(at + ipv4.DESTINATION)}`;
}

function printPayload(d: Dissector, at: number, headerLength: number, length: number): void {
  const flags = ipv4.getFlagsAndOffset(d.bytes, at);
  const protocol = ipv4.getProtocol(d.bytes, at);
  if ((flags & ipv4.OFFSET_MASK) !== 0) {
    if (d.options.quiet > 1) return;
    printAddresses(d, at);
    d.out += `: ${protocolText(d, protocol)}`;
    return;
  }
  if (protocol !== 6 && protocol !== 17 && protocol !== 132 && protocol !== 33) {
    printAddresses(d, at);
    d.out += ": ";
  }
  if (!d.has(at, headerLength)) {
    d.out += ` [remaining caplen(${d.end - at}) < header length(${headerLength})]`;
    d.need(at, headerLength);
  }
  printProtocol(d, at + headerLength, length, 4, (flags & ipv4.MF) !== 0, protocol, at);
}

function protocolText(d: Dissector, protocol: number): string {
  return (d.options.numeric ? undefined : PROTOCOL_NAMES.get(protocol)) ?? `ip-proto-${protocol}`;
}

/** Hands `length` bytes at `at` to the printer of an IP protocol; the IP header is at `ipAt`. */
export function printProtocol(
  d: Dissector,
  at: number,
  length: number,
  version: 4 | 6,
  fragmented: boolean,
  protocol: number,
  ipAt: number,
  printIcmp6?: (d: Dissector, at: number, length: number, ipAt: number, fragmented: boolean) => void,
): void {
  switch (protocol) {
    case ipv4.IPPROTO_TCP:
      printTcp(d, at, length, ipAt, fragmented);
      return;
    case ipv4.IPPROTO_UDP:
      printUdp(d, at, length, ipAt, fragmented);
      return;
    case ipv4.IPPROTO_ICMP:
      if (version === 4) printIcmp(d, at, length, fragmented);
      else printWrongVersion(d, protocol, 4);
      return;
    case ipv4.IPPROTO_ICMPV6:
      if (version === 6 && printIcmp6 !== undefined) printIcmp6(d, at, length, ipAt, fragmented);
      else printWrongVersion(d, protocol, 6);
      return;
    case ipv4.IPPROTO_IGMP:
      if (version === 4) printIgmp(d, at, length);
      else printWrongVersion(d, protocol, 4);
      return;
    case ipv4.IPPROTO_IPIP:
      d.printers.ip(d, at, length);
      return;
    case ipv4.IPPROTO_IPV6:
      d.printers.ip6(d, at, length);
      return;
    case 59:
      d.out += "no next header";
      return;
    default:
      d.out += ` ${protocolText(d, protocol)} ${length}`;
  }
}

function printWrongVersion(d: Dissector, protocol: number, version: number): void {
  d.out += `[${IP_PROTOCOLS.get(protocol)} requires IPv${version}]`;
  d.invalid();
}

const OPTION_NAMES: ReadonlyMap<number, string> = new Map([
  [0, "EOL"],
  [1, "NOP"],
  [68, "timestamp"],
  [130, "security"],
  [7, "RR"],
  [137, "SSRR"],
  [131, "LSRR"],
  [148, "RA"],
  [82, "traceroute"],
]);

/** False when an option runs past the captured bytes. */
function printOptions(d: Dissector, at: number, length: number): boolean {
  let separator = "";
  while (length > 0) {
    d.out += separator;
    separator = ",";
    const code = d.u8(at);
    d.out += OPTION_NAMES.get(code) ?? `unknown ${code}`;
    let optionLength = 1;
    if (code > 1) {
      optionLength = d.u8(at + 1);
      if (optionLength < 2) {
        d.out += ` [bad length ${optionLength}]`;
        return true;
      }
    }
    if (optionLength > length) {
      d.out += ` [bad length ${optionLength}]`;
      return true;
    }
    if (!d.has(at, optionLength)) return false;
    if (code === 0) return true;
    if (code === 68) printTimestampOption(d, at, optionLength);
    else if (code === 7 || code === 137 || code === 131) printRouteOption(d, at, optionLength);
    else if (code === 148) {
      if (optionLength < 4) d.out += ` [bad length ${optionLength}]`;
      else if (d.u16(at + 2) !== 0) d.out += ` value ${d.u16(at + 2)}`;
    }
    at += optionLength;
    length -= optionLength;
  }
  return true;
}

function printRouteOption(d: Dissector, at: number, length: number): void {
  if (length < 3) {
    d.out += ` [bad length ${length}]`;
    return;
  }
  if (((length + 1) & 3) !== 0) d.out += ` [bad length ${length}]`;
  const pointer = (d.u8(at + 2) - 1) >>> 0;
  if (pointer < 3 || (d.u8(at + 2) & 3) !== 0 || pointer > length + 1) d.out += ` [bad ptr ${d.u8(at + 2)}]`;
  for (let i = 3; i < length; i += 4) d.out += ` ${d.ip4(at + i)}${pointer > i ? "," : ""}`;
}

function printTimestampOption(d: Dissector, at: number, length: number): void {
  if (length < 4) {
    d.out += `[bad length ${length}]`;
    return;
  }
  d.out += " TS{";
  const kind = d.u8(at + 3) & 15;
  const hop = kind !== 0 ? 8 : 4;
  if (((length - 4) & (hop - 1)) !== 0) d.out += `[bad length ${length}]`;
  const pointer = (d.u8(at + 2) - 1) >>> 0;
  if (pointer < 4 || ((pointer - 4) & (hop - 1)) !== 0 || pointer > length + 1) d.out += `[bad ptr ${d.u8(at + 2)}]`;
  const name = kind === 0 ? "TSONLY" : kind === 1 ? "TS+ADDR" : kind === 3 ? "PRESPEC" : undefined;
  let i = 0;
  if (name === undefined) d.out += `[bad ts type ${kind}]`;
  else {
    d.out += name;
    for (i = 4; i < length; i += hop) {
      d.need(at + i, hop);
      d.out += `${pointer === i ? " ^ " : " "}${d.u32(at + i + hop - 4)}@${hop === 8 ? d.ip4(at + i) : ""}`;
    }
  }
  if (pointer === i) d.out += " ^ ";
  const missed = d.u8(at + 3) >>> 4;
  d.out += missed !== 0 ? ` [${missed} hops not recorded]} ` : "}";
}

function printIcmp(d: Dissector, at: number, length: number, fragmented: boolean): void {
  d.protocol = "icmp";
  const type = d.u8(at);
  const text = icmpText(d, at, type, d.u8(at + 1));
  if (text === undefined) {
    d.truncated();
    return;
  }
  d.out += `ICMP ${text}, length ${length}`;
  const { verbose } = d.options;
  if (verbose > 0 && !fragmented && d.has(at, length)) {
    const stored = d.u16(at + icmp.CHECKSUM);
    const should = d.checksumShouldBe(stored, at, at + length);
    if (should !== undefined) d.out += ` (wrong icmp cksum ${stored.toString(16)} (->${should.toString(16)})!)`;
  }
  if (verbose === 0 || !icmp.isError(type)) return;
  d.out += "\n\t";
  const quoted = at + icmp.HEADER_LENGTH;
  const quotedLength = d.u16(quoted + 2);
  d.within(quoted + quotedLength, () => d.printers.ip(d, quoted, d.u16(quoted + 2)));
  d.protocol = "icmp";
  const extensible =
    type === icmp.ICMP_DEST_UNREACH || type === icmp.ICMP_TIME_EXCEEDED || type === icmp.ICMP_PARAMETERPROB;
  if (extensible && length > EXTENSION_AT) printIcmpExtension(d, at, length);
}

/** What an ICMP message says; undefined when it is cut off where tcpdump gives up quietly. */
function icmpText(d: Dissector, at: number, type: number, code: number): string | undefined {
  const quoted = at + icmp.HEADER_LENGTH;
  const destination = (): string => d.ip4(quoted + ipv4.DESTINATION);
  switch (type) {
    case icmp.ICMP_ECHO:
    case icmp.ICMP_ECHOREPLY:
      return `echo ${type === icmp.ICMP_ECHO ? "request" : "reply"}, id ${d.u16(at + 4)}, seq ${d.u16(at + 6)}`;
    case icmp.ICMP_DEST_UNREACH:
      return unreachableText(d, at, code);
    case icmp.ICMP_REDIRECT: {
      const how = ["redirect", "redirect", "redirect-tos", "redirect-tos"][code] ?? `redirect-#${code}`;
      const where = ["to net", "to host", "to net", "to host"][code] ?? "to";
      return `${how} ${destination()} ${where} ${d.ip4(at + 4)}`;
    }
    case icmp.ICMP_ROUTER_ADVERTISEMENT:
      return routerAdvertisementText(d, at);
    case icmp.ICMP_TIME_EXCEEDED:
      if (!d.has(quoted + ipv4.DESTINATION, 4)) return undefined;
      if (code === icmp.ICMP_EXC_TTL) return "time exceeded in-transit";
      return code === icmp.ICMP_EXC_FRAGTIME ? "ip reassembly time exceeded" : `time exceeded-#${code}`;
    case icmp.ICMP_PARAMETERPROB:
      return code !== 0 ? `parameter problem - code ${code}` : `parameter problem - octet ${d.u8(at + 4)}`;
    case icmp.ICMP_ADDRESSREPLY:
      return `address mask is 0x${hex(d.u32(at + 8), 8)}`;
    case icmp.ICMP_TIMESTAMP:
      return `time stamp query id ${d.u16(at + 4)} seq ${d.u16(at + 6)}`;
    case icmp.ICMP_TIMESTAMPREPLY:
      if (!d.has(at + 16, 4)) return undefined;
      return (
        `time stamp reply id ${d.u16(at + 4)} seq ${d.u16(at + 6)}: org ${clockText(d.u32(at + 8))}` +
        `, recv ${clockText(d.u32(at + 12))}, xmit ${clockText(d.u32(at + 16))}`
      );
    case icmp.ICMP_SOURCE_QUENCH:
      return "source quench";
    case icmp.ICMP_ROUTER_SOLICITATION:
      return "router solicitation";
    case icmp.ICMP_INFO_REQUEST:
      return "information request";
    case icmp.ICMP_INFO_REPLY:
      return "information reply";
    case icmp.ICMP_ADDRESS:
      return "address mask request";
    default:
      return `type-#${type}`;
  }
}

function unreachableText(d: Dissector, at: number, code: number): string | undefined {
  const quoted = at + icmp.HEADER_LENGTH;
  const to = (): string => d.ip4(quoted + ipv4.DESTINATION);
  switch (code) {
    case icmp.ICMP_NET_UNREACH:
      return `net ${to()} unreachable`;
    case icmp.ICMP_HOST_UNREACH:
      return `host ${to()} unreachable`;
    case icmp.ICMP_PROT_UNREACH:
      return `${to()} protocol ${d.u8(quoted + 9)} unreachable`;
    case icmp.ICMP_PORT_UNREACH: {
      if (!d.has(quoted + 9, 1)) return undefined;
      const port = d.u16(quoted + (d.u8(quoted) & 15) * 4 + 2);
      const protocol = d.u8(quoted + 9);
      if (protocol === ipv4.IPPROTO_TCP) return `${to()} tcp port ${d.port(port, "tcp")} unreachable`;
      if (protocol === ipv4.IPPROTO_UDP) return `${to()} udp port ${d.port(port, "udp")} unreachable`;
      return `${to()} protocol ${protocol} port ${port} unreachable`;
    }
    case icmp.ICMP_FRAG_NEEDED: {
      const mtu = d.u16(at + 6);
      return `${to()} unreachable - need to frag${mtu !== 0 ? ` (mtu ${mtu})` : ""}`;
    }
    case icmp.ICMP_SR_FAILED:
      return `${to()} unreachable - source route failed`;
    case icmp.ICMP_NET_UNKNOWN:
      return `net ${to()} unreachable - unknown`;
    case icmp.ICMP_HOST_UNKNOWN:
      return `host ${to()} unreachable - unknown`;
    case icmp.ICMP_HOST_ISOLATED:
      return `${to()} unreachable - source host isolated`;
    case icmp.ICMP_NET_ANO:
      return `net ${to()} unreachable - admin prohibited`;
    case icmp.ICMP_HOST_ANO:
      return `host ${to()} unreachable - admin prohibited`;
    case icmp.ICMP_NET_UNR_TOS:
      return `net ${to()} unreachable - tos prohibited`;
    case icmp.ICMP_HOST_UNR_TOS:
      return `host ${to()} unreachable - tos prohibited`;
    case icmp.ICMP_PKT_FILTERED:
      return `host ${to()} unreachable - admin prohibited filter`;
    case icmp.ICMP_PREC_VIOLATION:
      return `host ${to()} unreachable - host precedence violation`;
    case icmp.ICMP_PREC_CUTOFF:
      return `host ${to()} unreachable - precedence cutoff`;
    default:
      return `${to()} unreachable - #${code}`;
  }
}

function routerAdvertisementText(d: Dissector, at: number): string | undefined {
  if (!d.has(at + 4, 4)) return undefined;
  const lifetime = d.u16(at + 6);
  const two = (n: number): string => String(n).padStart(2, "0");
  let text = "router advertisement lifetime ";
  if (lifetime < 60) text += lifetime;
  else if (lifetime < 3600) text += `${Math.floor(lifetime / 60)}:${two(lifetime % 60)}`;
  else text += `${Math.floor(lifetime / 3600)}:${two(Math.floor((lifetime % 3600) / 60))}:${two(lifetime % 60)}`;
  const count = d.u8(at + 4);
  text += ` ${count}:`;
  const size = d.u8(at + 5);
  if (size !== 2) return `${text} [size ${size}]`;
  for (let i = 0, p = at + 8; i < count; i++, p += 8) {
    if (!d.has(p, 8)) return undefined;
    text += ` {${d.ip4(p)} ${d.u32(p + 4)}}`;
  }
  return text;
}

/** Milliseconds since midnight as hours, minutes, seconds. */
function clockText(milliseconds: number): string {
  const two = (n: number): string => String(n).padStart(2, "0");
  const seconds = Math.floor(milliseconds / 1000);
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${clock}.${String(milliseconds % 1000).padStart(3, "0")}`;
}

/** Where an RFC 4884 extension begins when the quoted packet is padded to 128 bytes. */
const EXTENSION_AT = 136;

function printIcmpExtension(d: Dissector, at: number, length: number): void {
  if (!d.has(at, EXTENSION_AT + 5)) {
    d.truncated();
    return;
  }
  const extension = at + EXTENSION_AT;
  const extensionLength = length - EXTENSION_AT;
  const captured = d.has(extension, extensionLength);
  const wrong = captured && d.checksumShouldBe(0, extension, extension + extensionLength) !== undefined;
  if (d.u8(at + 5) === 0 && wrong) return;
  const version = d.u8(extension) >>> 4;
  d.out += `\n\tICMP Multi-Part extension v${version}`;
  if (version !== 2) {
    d.out += " packet not supported";
    return;
  }
  if (captured) {
    d.out += `, checksum 0x${hex(d.u16(extension + 2), 4)} (${wrong ? "in" : ""}correct), length ${extensionLength}`;
  }
  let left = extensionLength - 4;
  let p = extension + 4;
  while (left > 4) {
    if (!d.has(p, 4)) {
      d.truncated();
      return;
    }
    const objectLength = d.u16(p);
    const objectClass = d.u8(p + 2);
    const name = objectClass === 1 ? "MPLS Stack Entry" : objectClass === 2 ? "Interface Identification" : "unknown";
    d.out += `\n\t  ${name} Object (${objectClass}), Class-Type: ${d.u8(p + 3)}, length ${objectLength}`;
    if (objectClass === 0 || objectLength < 4) return;
    if (objectClass === 1 && d.u8(p + 3) === 1) {
      const label = d.u32(p + 4);
      d.out += `\n\t    label ${label >>> 12}, tc ${(label >>> 9) & 7}`;
      d.out += `${(label & 0x100) !== 0 ? ", [S]" : ""}, ttl ${label & 255}`;
    } else d.printUnknown("\n\t    ", p + 4, objectLength - 4);
    left -= objectLength;
    p += objectLength;
  }
}

const RECORD_TYPES = ["", "is_in", "is_ex", "to_in", "to_ex", "allow", "block"];

function printIgmp(d: Dissector, at: number, length: number): void {
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
