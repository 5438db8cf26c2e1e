// Prints IPv4 as tcpdump does: the header and its options, and the hand-over to the protocol above (print-ip.c,
// print-ip-demux.c). Protocols without a printer show their number.
import { pseudoHeaderSum4 } from "./checksum.ts";
import * as ipv4 from "./ipv4.ts";
import { bitNames, type Dissector, IP_PROTOCOLS, PROTOCOL_NAMES } from "./print-core.ts";
import { printGre, printVrrp } from "./print-gre.ts";
import { printIcmp } from "./print-icmp.ts";
import { printIgmp } from "./print-igmp.ts";
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
    case 47:
      if (!printGre(d, at, length)) d.out += ` ${protocolText(d, protocol)} ${length}`;
      return;
    case 112:
      if (version === 4)
        d.orTruncated(() => printVrrp(d, at, length, ipv4.getTtl(d.bytes, ipAt), vrrpPseudo(d, ipAt, length)));
      else d.out += ` ${protocolText(d, protocol)} ${length}`;
      return;
    case 59:
      d.out += "no next header";
      return;
    default:
      d.out += ` ${protocolText(d, protocol)} ${length}`;
  }
}

function vrrpPseudo(d: Dissector, ipAt: number, length: number): number {
  return pseudoHeaderSum4(d.u32(ipAt + ipv4.SOURCE), d.u32(ipAt + ipv4.DESTINATION), 112, length);
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
