// A packet of the script becomes the bytes of an IP packet. Addresses, ports, and what the script counts from zero are
// filled in when it is sent (connection.ts).

import { internetChecksum, pseudoHeaderSumAt, udpChecksum } from "../wire/checksum.ts";
import * as icmp from "../wire/icmp.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { set32 } from "../wire/layout.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import { type IcmpSpec, type IpInfo, type PacketSpec, ScriptError, type TcpSpec, type UdpSpec } from "./script.ts";
import { optionBytes } from "./tcp-option-bytes.ts";

/** Bytes that an ICMP error quotes behind the IP header. */
const QUOTED_BYTES = 8;

/** The packet with addresses, ports and checksums of 0. Throws ScriptError: options that do not fill words of 4 bytes. */
export function packetBytes(spec: PacketSpec): Uint8Array {
  switch (spec.protocol) {
    case "tcp":
      return tcpBytes(spec);
    case "udp":
      return udpBytes(spec);
    case "icmp":
      return icmpBytes(spec);
  }
}

function ipBytes(ip: IpInfo, protocol: number, payload: number): Uint8Array {
  const b = new Uint8Array(ipv4.HEADER_LENGTH + payload);
  ipv4.setVersionAndHeaderLength(b, 0);
  ipv4.setTos(b, 0, ip.tos ?? (typeof ip.ecn === "number" ? ip.ecn : 0));
  ipv4.setTotalLength(b, 0, b.length);
  ipv4.setTtl(b, 0, ip.ttl ?? 255);
  ipv4.setProtocol(b, 0, protocol);
  return b;
}

function tcpBytes(spec: TcpSpec): Uint8Array {
  const options = optionBytes(spec.options ?? []);
  if (options.length % 4 !== 0)
    throw new ScriptError(spec.line, `TCP options of ${options.length} bytes: they must fill words of 4 bytes (nop)`);
  const headerLength = tcp.HEADER_LENGTH + options.length;
  if (headerLength > tcp.MAX_HEADER_LENGTH)
    throw new ScriptError(spec.line, `TCP options of ${options.length} bytes: there is room for 40`);
  const b = ipBytes(spec.ip, ipv4.IPPROTO_TCP, headerLength + spec.payload);
  const at = ipv4.HEADER_LENGTH;
  tcp.setSequence(b, at, spec.seq);
  tcp.setAcknowledgment(b, at, spec.ack);
  tcp.setDataOffsetAndFlags(b, at, headerLength, spec.flags);
  tcp.setWindow(b, at, spec.window ?? 0);
  tcp.setUrgentPointer(b, at, spec.urgent);
  b.set(options, at + tcp.HEADER_LENGTH);
  return b;
}

function udpBytes(spec: UdpSpec): Uint8Array {
  const b = ipBytes(spec.ip, ipv4.IPPROTO_UDP, udp.HEADER_LENGTH + spec.payload);
  udp.setLength(b, ipv4.HEADER_LENGTH, udp.HEADER_LENGTH + spec.payload);
  return b;
}

/** The quoted packet is one that the kernel under test has sent: it is addressed the other way. */
function icmpBytes(spec: IcmpSpec): Uint8Array {
  const { quoted } = spec;
  const inner = quoted.protocol === "raw" ? 0 : ipv4.HEADER_LENGTH + QUOTED_BYTES;
  const length = quoted.protocol === "raw" ? Math.max(quoted.bytes, icmp.HEADER_LENGTH) : icmp.HEADER_LENGTH + inner;
  const b = ipBytes(spec.ip, ipv4.IPPROTO_ICMP, length);
  const at = ipv4.HEADER_LENGTH;
  icmp.setType(b, at, spec.type);
  icmp.setCode(b, at, spec.code);
  if (spec.mtu > 0) icmp.setNextHopMtu(b, at, spec.mtu);
  if (spec.id > 0) icmp.setIdentifier(b, at, spec.id);
  if (quoted.protocol === "raw") return b;
  const ipAt = at + icmp.HEADER_LENGTH;
  const isTcp = quoted.protocol === "tcp";
  ipv4.setVersionAndHeaderLength(b, ipAt);
  ipv4.setTotalLength(b, ipAt, ipv4.HEADER_LENGTH + (isTcp ? tcp.HEADER_LENGTH : udp.HEADER_LENGTH) + quoted.payload);
  ipv4.setTtl(b, ipAt, 255);
  ipv4.setProtocol(b, ipAt, isTcp ? ipv4.IPPROTO_TCP : ipv4.IPPROTO_UDP);
  if (isTcp) set32(b, ipAt + ipv4.HEADER_LENGTH + 4, quoted.seq);
  return b;
}

/** Where the quoted IP header of an ICMP error begins, or −1. */
export function quotedAt(spec: IcmpSpec): number {
  return spec.quoted.protocol === "raw" ? -1 : ipv4.HEADER_LENGTH + icmp.HEADER_LENGTH;
}

/** Writes every checksum, when nothing changes any more. */
export function completeChecksums(b: Uint8Array): void {
  const at = ipv4.HEADER_LENGTH;
  const protocol = ipv4.getProtocol(b, 0);
  ipv4.updateChecksum(b, 0);
  const pseudo = pseudoHeaderSumAt(b, 0, protocol, b.length - at);
  if (protocol === ipv4.IPPROTO_TCP) {
    tcp.setChecksum(b, at, 0);
    tcp.setChecksum(b, at, internetChecksum(b, at, b.length, pseudo));
  } else if (protocol === ipv4.IPPROTO_UDP) {
    udp.setChecksum(b, at, 0);
    udp.setChecksum(b, at, udpChecksum(internetChecksum(b, at, b.length, pseudo)));
  } else {
    const inner = at + icmp.HEADER_LENGTH;
    if (icmp.isError(icmp.getType(b, at)) && b.length > inner) ipv4.updateChecksum(b, inner);
    icmp.updateChecksum(b, at, b.length);
  }
}
