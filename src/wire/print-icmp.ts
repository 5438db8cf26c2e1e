// Prints ICMP as tcpdump does (print-icmp.c), with -v also the packet that an error quotes and its RFC 4884 extensions.
import * as icmp from "./icmp.ts";
import * as ipv4 from "./ipv4.ts";
import { type Dissector, hex } from "./print-core.ts";

/** Prints a message of `length` bytes at `at`. */
export function printIcmp(d: Dissector, at: number, length: number, fragmented: boolean): void {
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
