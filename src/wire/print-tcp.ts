// Prints TCP as tcpdump does (print-tcp.c): flags, sequence numbers relative to the first seen of a conversation, options,
// and the first line of text protocols. Of the payloads tcpdump decodes, the text ones and DNS are here; the rest show
// their length only.
import { pseudoHeaderSum4, pseudoHeaderSum6 } from "./checksum.ts";
import * as ipv4 from "./ipv4.ts";
import * as ipv6 from "./ipv6.ts";
import { bitNames, type Dissector, hex, type TcpConversation } from "./print-core.ts";
import { printDns } from "./print-dns.ts";
import { printHttp, printResp, printSshVersion, printText } from "./print-text.ts";
import * as tcp from "./tcp.ts";

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [tcp.FIN, "F"],
  [tcp.SYN, "S"],
  [tcp.RST, "R"],
  [tcp.PSH, "P"],
  [tcp.ACK, "."],
  [tcp.URG, "U"],
  [tcp.ECE, "E"],
  [tcp.CWR, "W"],
];

/** Prints a segment at `at`; the IP header, of either version, is at `ipAt`. */
export function printTcp(d: Dissector, at: number, length: number, ipAt: number, fragmented: boolean): void {
  d.protocol = "tcp";
  const v6 = d.u8(ipAt) >>> 4 === 6;
  const address = (offset4: number, offset6: number): string => (v6 ? d.ip6(ipAt + offset6) : d.ip4(ipAt + offset4));
  const source = (): string => address(ipv4.SOURCE, ipv6.SOURCE);
  const destination = (): string => address(ipv4.DESTINATION, ipv6.DESTINATION);
  if (!d.has(at + tcp.DESTINATION_PORT, 2)) {
    d.out += `${source()} > ${destination()}:`;
    d.truncated();
    return;
  }
  const sourcePort = d.u16(at);
  const destinationPort = d.u16(at + 2);
  const from = d.port(sourcePort, "tcp");
  const to = d.port(destinationPort, "tcp");
  const direct = d.u8(ipAt + (v6 ? 6 : 9)) === ipv4.IPPROTO_TCP;
  d.out += direct ? `${source()}.${from} > ${destination()}.${to}: ` : `${from} > ${to}: `;
  if (!d.has(at, tcp.HEADER_LENGTH)) {
    d.truncated();
    return;
  }
  const headerLength = tcp.getDataOffset(d.bytes, at);
  if (headerLength < tcp.HEADER_LENGTH) {
    d.out += ` tcp ${(length - headerLength) >>> 0} [bad hdr length ${headerLength} - too short, < 20]`;
    return;
  }
  if (d.options.quiet > 0) {
    d.out += `tcp ${(length - headerLength) >>> 0}`;
    if (headerLength > length) d.out += ` [bad hdr length ${headerLength} - too long, > ${length}]`;
    return;
  }
  const flags = tcp.getFlags(d.bytes, at) & 0xff;
  d.out += `Flags [${bitNames(FLAG_NAMES, flags, "none", "")}]`;
  let sequence = tcp.getSequence(d.bytes, at);
  let acknowledgment = tcp.getAcknowledgment(d.bytes, at);
  let sackBase = 0;
  if (!d.options.absoluteSequence && (flags & tcp.ACK) !== 0) {
    const reversed = isReversed(d, ipAt, v6, sourcePort, destinationPort);
    const key = reversed
      ? `${destination()} ${destinationPort} ${source()} ${sourcePort}`
      : `${source()} ${sourcePort} ${destination()} ${destinationPort}`;
    const known = d.conversations.get(key);
    const first = relativeTo(known, flags, reversed, sequence, acknowledgment);
    if (known === undefined) d.conversations.set(key, first);
    else if ((flags & tcp.SYN) === 0) {
      sequence = (sequence - (reversed ? known.acknowledgment : known.sequence)) >>> 0;
      acknowledgment = (acknowledgment - (reversed ? known.sequence : known.acknowledgment)) >>> 0;
    }
    sackBase = reversed ? first.sequence : first.acknowledgment;
  }
  if (headerLength > length) {
    d.out += ` [bad hdr length ${headerLength} - too long, > ${length}]`;
    return;
  }
  const { verbose } = d.options;
  if (verbose > 0 && !d.options.noChecksums && !fragmented && d.has(at, length)) {
    const stored = tcp.getChecksum(d.bytes, at);
    const pseudo = v6
      ? pseudoHeaderSum6(d.bytes, ipAt + ipv6.SOURCE, ipAt + ipv6.DESTINATION, ipv4.IPPROTO_TCP, length)
      : pseudoHeaderSum4(d.u32(ipAt + ipv4.SOURCE), finalDestination(d, ipAt), ipv4.IPPROTO_TCP, length);
    const should = d.checksumShouldBe(stored, at, at + length, pseudo);
    d.out += `, cksum 0x${hex(stored, 4)} ${should === undefined ? "(correct)" : `(incorrect -> 0x${hex(should, 4)})`}`;
  }
  length -= headerLength;
  if (verbose > 1 || length > 0 || (flags & (tcp.SYN | tcp.FIN | tcp.RST)) !== 0) {
    d.out += `, seq ${sequence}`;
    if (length > 0) d.out += `:${(sequence + length) >>> 0}`;
  }
  if ((flags & tcp.ACK) !== 0) d.out += `, ack ${acknowledgment}`;
  d.out += `, win ${tcp.getWindow(d.bytes, at)}`;
  if ((flags & tcp.URG) !== 0) d.out += `, urg ${tcp.getUrgentPointer(d.bytes, at)}`;
  if (headerLength > tcp.HEADER_LENGTH && !printOptions(d, at + tcp.HEADER_LENGTH, at + headerLength, sackBase)) return;
  d.out += `, length ${length}`;
  if (length === 0) return;
  if (!d.has(at, headerLength)) {
    d.out += ` [remaining caplen(${d.end - at}) < header length(${headerLength})]`;
    d.need(at, headerLength);
  }
  printPayload(d, at + headerLength, length, sourcePort, destinationPort, flags);
}

/** Updates a known conversation where a SYN begins it anew, or makes one; returns what numbers are relative to. */
function relativeTo(
  known: TcpConversation | undefined,
  flags: number,
  reversed: boolean,
  sequence: number,
  acknowledgment: number,
): TcpConversation {
  if (known !== undefined && (flags & tcp.SYN) === 0) return known;
  const first = known ?? { sequence: 0, acknowledgment: 0 };
  first.sequence = reversed ? (acknowledgment - 1) >>> 0 : sequence;
  first.acknowledgment = reversed ? sequence : (acknowledgment - 1) >>> 0;
  return first;
}

/** Which end a conversation is filed under: the lower port, then the lower address. */
function isReversed(d: Dissector, ipAt: number, v6: boolean, sourcePort: number, destinationPort: number): boolean {
  if (sourcePort !== destinationPort) return sourcePort > destinationPort;
  const size = v6 ? 16 : 4;
  const source = ipAt + (v6 ? ipv6.SOURCE : ipv4.SOURCE);
  for (let i = 0; i < size; i++) {
    const difference = d.u8(source + i) - d.u8(source + size + i);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/** The last stop of a source route, which the pseudo-header names, or else the header's destination. */
export function finalDestination(d: Dissector, ipAt: number): number {
  const headerEnd = ipAt + ipv4.getHeaderLength(d.bytes, ipAt);
  let at = ipAt + ipv4.HEADER_LENGTH;
  while (at < headerEnd && d.has(at, 1)) {
    const kind = d.u8(at);
    if (kind === 0) break;
    const length = kind === 1 ? 1 : d.has(at + 1, 1) ? d.u8(at + 1) : 0;
    if (length < 1 || (kind !== 1 && length < 2) || at + length > headerEnd || !d.has(at, length)) break;
    if ((kind === 137 || kind === 131) && length >= 7) return d.u32(at + length - 4);
    at += length;
  }
  return d.u32(ipAt + ipv4.DESTINATION);
}

const OPTION_NAMES: ReadonlyMap<number, string> = new Map([
  [0, "eol"],
  [1, "nop"],
  [2, "mss"],
  [3, "wscale"],
  [4, "sackOK"],
  [5, "sack"],
  [6, "echo"],
  [7, "echoreply"],
  [8, "TS"],
  [11, "cc"],
  [12, "ccnew"],
  [13, ""],
  [19, "md5"],
  [20, "scps"],
  [28, "uto"],
  [29, "tcp-ao"],
  [30, "mptcp"],
  [34, "tfo"],
  [254, "exp"],
]);

/** Prints `, options [...]`; false when they are broken, after which nothing more is printed. */
function printOptions(d: Dissector, at: number, end: number, sackBase: number): boolean {
  d.out += ", options [";
  let separator = "";
  let p = at;
  while (p < end) {
    d.out += separator;
    const kind = d.u8(p);
    let length = 1;
    if (kind > 1) {
      length = d.u8(p + 1);
      if (length < 2 || p + length > end) return badOption(d, separator);
    }
    d.out += OPTION_NAMES.get(kind) ?? `unknown-${kind}`;
    const outcome = kind > 1 ? printOption(d, kind, p + 2, length - 2, end, sackBase) : 0;
    if (outcome === BAD) return badOption(d, separator);
    if (outcome === CUT) {
      d.truncated();
      if (separator !== "") d.out += ">";
      return false;
    }
    const size = outcome + (kind > 1 ? 2 : 1);
    if (size !== length) d.out += `[len ${length}]`;
    p += size;
    separator = ",";
    if (kind === 0) break;
  }
  d.out += "]";
  return true;
}

function badOption(d: Dissector, separator: string): false {
  d.out += "[bad opt]";
  if (separator !== "") d.out += "]";
  return false;
}

const BAD = -1;
const CUT = -2;

/** Prints an option's data; returns how many bytes of it were meant, or why it could not be. */
function printOption(d: Dissector, kind: number, at: number, length: number, end: number, sackBase: number): number {
  const check = (size: number): number => (at + size > end ? BAD : d.has(at, size) ? size : CUT);
  switch (kind) {
    case 2:
    case 20:
    case 28: {
      const size = check(2);
      if (size < 0) return size;
      const value = d.u16(at);
      if (kind === 2) d.out += ` ${value}`;
      else if (kind === 20) d.out += ` cap ${hex(value >>> 8, 2)} id ${value & 255}`;
      else d.out += ` 0x${value.toString(16)} ${(value & 1) !== 0 ? (value >>> 1) * 60 : value >>> 1}`;
      return size;
    }
    case 3: {
      const size = check(1);
      if (size > 0) d.out += ` ${d.u8(at)}`;
      return size;
    }
    case 4:
      return 0;
    case 5:
      return printSack(d, at, length, end, sackBase);
    case 6:
    case 7:
    case 11:
    case 12:
    case 13: {
      const size = check(4);
      if (size > 0) d.out += ` ${d.u32(at)}`;
      return size;
    }
    case 8: {
      const size = check(8);
      if (size > 0) d.out += ` val ${d.u32(at)} ecr ${d.u32(at + 4)}`;
      return size;
    }
    case 19: {
      const size = check(16);
      if (size > 0) d.out += ` shared secret not supplied with -M, can't check - ${hexBytes(d, at, 16)}`;
      return size;
    }
    case 29:
      return printAuthentication(d, at, length, check);
    case 34: {
      const size = check(length);
      if (size < 0) return size;
      d.out += " ";
      printFastOpen(d, at, length);
      return length;
    }
    case 254: {
      const size = check(length);
      if (size < 0 || length < 2) return size < 0 ? size : BAD;
      d.out += "-";
      if (d.u16(at) === 0xf989) {
        d.out += "tfo";
        printFastOpen(d, at + 2, length - 2);
      } else d.out += hex(d.u16(at), 4);
      return length;
    }
    default: {
      const size = check(length);
      if (size < 0) return size;
      if (length > 0) d.out += ` 0x${hexBytes(d, at, length)}`;
      return length;
    }
  }
}

function printSack(d: Dissector, at: number, length: number, end: number, base: number): number {
  if (length % 8 !== 0) {
    d.out += " invalid sack";
    return length;
  }
  d.out += ` ${length / 8} `;
  for (let i = 0; i < length; i += 8) {
    if (at + i + 8 > end) return BAD;
    if (!d.has(at + i, 8)) return CUT;
    d.out += `{${(d.u32(at + i) - base) >>> 0}:${(d.u32(at + i + 4) - base) >>> 0}}`;
  }
  return length;
}

function printAuthentication(d: Dissector, at: number, length: number, check: (size: number) => number): number {
  if (length < 2) {
    d.invalid();
    return length;
  }
  for (const [i, label] of [" keyid ", " rnextkeyid "].entries()) {
    const size = check(i + 1);
    if (size < 0) return size;
    d.out += `${label}${d.u8(at + i)}`;
  }
  if (length > 2) d.out += " mac 0x";
  for (let i = 2; i < length; i++) {
    const size = check(i + 1);
    if (size < 0) return size;
    d.out += hex(d.u8(at + i), 2);
  }
  return length;
}

function printFastOpen(d: Dissector, at: number, length: number): void {
  if (length === 0) d.out += " cookiereq";
  else if (length % 2 !== 0 || length < 4 || length > 16) d.invalid();
  else d.out += ` cookie ${hexBytes(d, at, length)}`;
}

function hexBytes(d: Dissector, at: number, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += hex(d.u8(at + i), 2);
  return text;
}

function printPayload(d: Dissector, at: number, length: number, sport: number, dport: number, flags: number): void {
  if ((flags & tcp.RST) !== 0 && d.options.verbose > 0) {
    printResetData(d, at, length);
    return;
  }
  const either = (port: number): boolean => sport === port || dport === port;
  if (either(23)) {
    d.protocol = "telnet"; // only commands are shown, which begin with IAC; tcpdump looks for one
    d.u8(at);
  } else if (either(25)) printText(d, at, length, "smtp");
  else if (either(43)) printText(d, at, length, "whois");
  else if (either(6379)) printResp(d, at, length);
  else if (either(22)) printSshVersion(d, at, length);
  else if (either(21)) printText(d, at, length, "ftp");
  else if (either(80) || either(8080)) printHttp(d, at, length, "http");
  else if (either(554) || either(8554)) printHttp(d, at, length, "rtsp");
  else if (either(53)) printDns(d, at, length, true, false);
}

/** RFC 1122 section 4.2.2.12: a reset may say why, in text. */
function printResetData(d: Dissector, at: number, length: number): void {
  d.out += d.has(at, length) ? " [RST" : " [!RST";
  if (length > 30) d.out += "+";
  d.out += " ";
  d.printChars(at, Math.min(length, 30));
  d.out += "]";
}
