// Prints UDP as tcpdump does (print-udp.c): DNS, VXLAN with the frame inside, OTV on Linux's VXLAN port, SIP; every other
// payload shows its length, also those of the port numbers for which tcpdump has a decoder that is not here.
import { pseudoHeaderSum4, pseudoHeaderSum6 } from "./checksum.ts";
import * as ipv4 from "./ipv4.ts";
import * as ipv6 from "./ipv6.ts";
import { printBootp } from "./print-bootp.ts";
import { type Dissector, hex } from "./print-core.ts";
import { printDns } from "./print-dns.ts";
import { printNtp } from "./print-ntp.ts";
import { finalDestination } from "./print-tcp.ts";
import { printHttp } from "./print-text.ts";
import * as udp from "./udp.ts";
import * as vxlan from "./vxlan.ts";

/** Prints a datagram at `at`; the IP header, of either version, is at `ipAt`. */
export function printUdp(d: Dissector, at: number, length: number, ipAt: number, fragmented: boolean): void {
  d.protocol = "udp";
  const v6 = d.u8(ipAt) >>> 4 === 6;
  const direct = d.u8(ipAt + (v6 ? 6 : 9)) === ipv4.IPPROTO_UDP;
  if (!d.has(at + udp.DESTINATION_PORT, 2)) {
    if (direct) d.out += `${addressText(d, ipAt, v6, "source")} > ${addressText(d, ipAt, v6, "destination")}: `;
    d.truncated();
    return;
  }
  const sport = d.u16(at);
  const dport = d.u16(at + 2);
  const from = d.port(sport, "udp");
  const to = d.port(dport, "udp");
  d.out += direct
    ? `${addressText(d, ipAt, v6, "source")}.${from} > ${addressText(d, ipAt, v6, "destination")}.${to}: `
    : `${from} > ${to}: `;
  if (length < udp.HEADER_LENGTH) {
    d.out += `truncated-udp ${length}`;
    return;
  }
  if (!d.has(at + 4, 2)) {
    d.truncated();
    return;
  }
  let claimed = d.u16(at + 4);
  if (claimed === 0 && length > 65535) claimed = length;
  if (claimed < udp.HEADER_LENGTH) {
    d.out += `truncated-udplength ${claimed}`;
    return;
  }
  claimed -= udp.HEADER_LENGTH;
  length = Math.min(length - udp.HEADER_LENGTH, claimed);
  const data = at + udp.HEADER_LENGTH;
  if (data > d.end) {
    d.truncated();
    return;
  }
  if (d.options.verbose > 0 && !d.options.noChecksums && !fragmented) printChecksum(d, at, length, ipAt, v6);
  if (d.options.quiet === 0 && printPayload(d, data, length, sport, dport)) return;
  d.out += claimed > length && !fragmented ? `UDP, bad length ${claimed} > ${length}` : `UDP, length ${claimed}`;
}

function addressText(d: Dissector, ipAt: number, v6: boolean, which: "source" | "destination"): string {
  if (v6) return d.ip6(ipAt + (which === "source" ? ipv6.SOURCE : ipv6.DESTINATION));
  return d.ip4(ipAt + (which === "source" ? ipv4.SOURCE : ipv4.DESTINATION));
}

function printChecksum(d: Dissector, at: number, dataLength: number, ipAt: number, v6: boolean): void {
  if (!v6 && d.options.verbose < 2) return;
  const length = dataLength + udp.HEADER_LENGTH;
  if (!v6 && d.u16(at + udp.CHECKSUM) === 0) {
    d.out += "[no cksum] ";
    return;
  }
  if (!d.has(at, length)) return;
  const pseudo = v6
    ? pseudoHeaderSum6(d.bytes, ipAt + ipv6.SOURCE, ipAt + ipv6.DESTINATION, ipv4.IPPROTO_UDP, length)
    : pseudoHeaderSum4(d.u32(ipAt + ipv4.SOURCE), finalDestination(d, ipAt), ipv4.IPPROTO_UDP, length);
  const stored = udp.getChecksum(d.bytes, at);
  const should = d.checksumShouldBe(stored, at, at + length, pseudo);
  d.out += should === undefined ? "[udp sum ok] " : `[bad udp cksum 0x${hex(stored, 4)} -> 0x${hex(should, 4)}!] `;
}

/** False when the port is not one whose payload is decoded. */
function printPayload(d: Dissector, at: number, length: number, sport: number, dport: number): boolean {
  const either = (port: number): boolean => sport === port || dport === port;
  if (either(53)) printDns(d, at, length, false, false);
  else if (either(5353)) printDns(d, at, length, false, true);
  else if (either(67) || either(68)) printBootp(d, at, length);
  else if (either(123)) d.orTruncated(() => printNtp(d, at, length));
  else if (either(5060)) printHttp(d, at, length, "sip");
  else if (either(vxlan.LINUX_PORT)) printOtv(d, at, length);
  else if (either(vxlan.PORT)) printVxlan(d, at, length);
  else if ((isRx(sport) || isRx(dport)) && !d.has(at, RX_HEADER_LENGTH)) d.out += ` [|rx] (${length})`;
  else return false;
  return true;
}

/** AFS's ports, where tcpdump looks for Rx; only what is too short for its header is told as it tells it (print-rx.c). */
function isRx(port: number): boolean {
  return port >= 7000 && port <= 7009;
}
const RX_HEADER_LENGTH = 28;

function printVxlan(d: Dissector, at: number, length: number): void {
  d.protocol = "vxlan";
  d.out += "VXLAN";
  if (length < vxlan.HEADER_LENGTH) {
    d.invalid();
    return;
  }
  const flags = d.u8(at);
  d.out += `, flags [${(flags & vxlan.FLAG_VNI) !== 0 ? "I" : "invalid"}] (0x${hex(flags, 2)}), `;
  d.out += `vni ${d.u24(at + 4)}\n`;
  d.need(at, vxlan.HEADER_LENGTH);
  const inner = at + vxlan.HEADER_LENGTH;
  d.within(d.end, () => void d.printers.ether(d, inner, length - vxlan.HEADER_LENGTH, d.end - inner));
}

/** Port 8472 is Overlay Transport Virtualization to tcpdump; the header is laid out as VXLAN's. */
function printOtv(d: Dissector, at: number, length: number): void {
  d.protocol = "otv";
  d.out += "OTV, ";
  if (length < vxlan.HEADER_LENGTH) {
    d.out += `[length ${length} < ${vxlan.HEADER_LENGTH}]`;
    d.invalid();
    d.need(at, length);
    return;
  }
  const flags = d.u8(at);
  d.out += `flags [${(flags & vxlan.FLAG_VNI) !== 0 ? "I" : "."}] (0x${hex(flags, 2)}), `;
  d.out += `overlay ${d.u24(at + 1)}, `;
  d.out += `instance ${d.u24(at + 4)}\n`;
  d.need(at, vxlan.HEADER_LENGTH);
  const inner = at + vxlan.HEADER_LENGTH;
  d.within(d.end, () => void d.printers.ether(d, inner, length - vxlan.HEADER_LENGTH, d.end - inner));
}
