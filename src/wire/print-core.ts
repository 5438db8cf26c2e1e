// The ground under the printers of frames: bounds-checked reads that give up as tcpdump's do (its longjmp is one private
// exception here, caught in print.ts), the text so far, tables of names, hex dumps. Answers to tcpdump 4.99's netdissect.h,
// util-print.c and print-ascii.c. A printer is a function (dissector, offset, length); lengths are what headers claim.
import { formatIpv4, formatIpv6, formatMac } from "./addr.ts";
import { internetChecksum } from "./checksum.ts";
import { get16, get32 } from "./layout.ts";

/** What tcpdump's options ask for; every count is how often the letter was given. */
export interface PrintOptions {
  /** -v */
  readonly verbose: number;
  /** -q */
  readonly quiet: number;
  /** -e */
  readonly linkHeader: boolean;
  /** -n: numbers for ports, protocols and vendors. */
  readonly numeric: boolean;
  /** -t: 0 time of day, 1 none, 2 seconds since 1970, 3 since the previous frame, 4 date and time, 5 since the first. */
  readonly time: number;
  /** -x, -xx */
  readonly hex: number;
  /** -X, -XX */
  readonly hexAscii: number;
  /** -A, -AA */
  readonly ascii: number;
  /** -S */
  readonly absoluteSequence: boolean;
  /** -K */
  readonly noChecksums: boolean;
  /** -# */
  readonly number: boolean;
  /** Nine digits of a second instead of six. */
  readonly nanoseconds: boolean;
  /** Local time's distance from UTC. */
  readonly utcOffsetSeconds: number;
  /** A port's service name; asked only without -n. */
  readonly portName?: ((port: number, protocol: "tcp" | "udp") => string | undefined) | undefined;
  /** An address's host name; asked only without -n. */
  readonly hostName?: ((address: string) => string | undefined) | undefined;
  /** The interface that a cooked capture's frame was seen on. */
  readonly interfaceName?: ((ifindex: number) => string | undefined) | undefined;
}

/** Printers that are reached from below them: Ethernet inside VXLAN, IP inside ICMP. Filled in by print.ts. */
export interface Printers {
  ether(d: Dissector, at: number, length: number, capturedLength: number): number;
  ip(d: Dissector, at: number, length: number): void;
  ip6(d: Dissector, at: number, length: number): void;
}

/** First sequence numbers of a conversation, so that later ones print relative to them. */
export interface TcpConversation {
  sequence: number;
  acknowledgment: number;
}

/** Thrown when a printer reads past the captured bytes; never leaves print.ts. */
export class Truncated extends Error {}
const TRUNCATED = new Truncated("printer ran out of bytes");
const MAX_DEPTH = 64; // headers within headers, beyond which a frame is no packet but a trap

export class Dissector {
  out = "";
  bytes: Uint8Array = new Uint8Array(0);
  /** One past the last byte that may be read; printers narrow it to what a header says. */
  end = 0;
  /** What a truncation is reported as: `[|tcp]`. */
  protocol = "";
  linkHeaderLength = 0;
  depth = 0;
  readonly options: PrintOptions;
  readonly printers: Printers;
  readonly conversations: Map<string, TcpConversation> = new Map();

  constructor(options: PrintOptions, printers: Printers) {
    this.options = options;
    this.printers = printers;
  }

  has(at: number, length: number): boolean {
    return at >= 0 && length >= 0 && at + length <= this.end;
  }

  need(at: number, length: number): void {
    if (!this.has(at, length)) throw TRUNCATED;
  }

  u8(at: number): number {
    this.need(at, 1);
    return this.bytes[at]!;
  }

  u16(at: number): number {
    this.need(at, 2);
    return get16(this.bytes, at);
  }

  u24(at: number): number {
    this.need(at, 3);
    return (this.bytes[at]! << 16) | get16(this.bytes, at + 1);
  }

  u32(at: number): number {
    this.need(at, 4);
    return get32(this.bytes, at);
  }

  ip4(at: number): string {
    const text = formatIpv4(this.u32(at));
    return this.named(text);
  }

  ip6(at: number): string {
    this.need(at, 16);
    return this.named(formatIpv6(this.bytes, at));
  }

  mac(at: number): string {
    this.need(at, 6);
    const text = formatMac(this.bytes, at);
    if (this.options.numeric) return text;
    if (text === "ff:ff:ff:ff:ff:ff") return "Broadcast";
    return `${text} (oui ${OUI.get(this.u24(at)) ?? "Unknown"})`;
  }

  port(number: number, protocol: "tcp" | "udp"): string {
    return (this.options.numeric ? undefined : this.options.portName?.(number, protocol)) ?? String(number);
  }

  private named(address: string): string {
    return (this.options.numeric ? undefined : this.options.hostName?.(address)) ?? address;
  }

  /** Runs `body` with the end of the packet brought forward to `end`, if that is nearer. */
  within(end: number, body: () => void): void {
    const saved = this.end;
    this.end = Math.min(saved, end);
    if (++this.depth > MAX_DEPTH) throw TRUNCATED;
    body();
    this.depth--;
    this.end = saved;
  }

  truncated(): void {
    this.out += ` [|${this.protocol}]`;
  }

  /** What comes to the end of the bytes in here is told here, and the layers around it go on. */
  orTruncated(body: () => void): void {
    try {
      body();
    } catch (error) {
      if (!(error instanceof Truncated)) throw error;
      this.truncated();
    }
  }

  invalid(): void {
    this.out += " (invalid)";
  }

  /** One byte as text: `^M`, `M-^A`. */
  printChar(c: number): void {
    if (c > 127) this.out += "M-";
    c &= 127;
    this.out += c < 32 || c === 127 ? `^${String.fromCharCode(c ^ 0x40)}` : String.fromCharCode(c);
  }

  /** `length` bytes as text, up to the end of the packet; false when it came first. */
  printChars(at: number, length: number): boolean {
    const last = Math.min(at + length, this.end);
    for (let i = at; i < last; i++) this.printChar(this.bytes[i]!);
    return last >= at + length;
  }

  asciiOf(at: number, length: number): string {
    let text = "";
    for (let i = at; i < at + length; i++) text += String.fromCharCode(this.bytes[i]!);
    return text;
  }

  /** Lines of sixteen bytes in hexadecimal, each after `prefix`. */
  hexDump(prefix: string, at: number, length: number): void {
    const last = Math.min(at + length, this.end);
    for (let line = at, offset = 0; line < last; line += 16, offset += 16) {
      this.out += `${prefix}0x${hex(offset, 4)}: ${hexPairs(this.bytes, line, Math.min(line + 16, last))}`;
    }
    if (last < at + length) throw TRUNCATED;
  }

  /** The same with the bytes as text beside them. */
  hexAsciiDump(prefix: string, at: number, length: number): void {
    const last = Math.min(at + length, this.end);
    for (let line = at, offset = 0; line < last; line += 16, offset += 16) {
      const end = Math.min(line + 16, last);
      let text = "";
      for (let i = line; i < end; i++) {
        const c = this.bytes[i]!;
        text += c > 32 && c < 127 ? String.fromCharCode(c) : ".";
      }
      this.out += `${prefix}0x${hex(offset, 4)}: ${hexPairs(this.bytes, line, end).padEnd(40)}  ${text}`;
    }
    if (last < at + length) throw TRUNCATED;
  }

  /** What tcpdump does with a payload it cannot name, unless a dump was asked for anyway, or brevity. */
  defaultPrint(at: number, length: number): void {
    const { hex, hexAscii, quiet } = this.options;
    if (hex === 0 && hexAscii === 0 && quiet === 0) this.hexAsciiDump("\n\t", at, length);
  }

  /** Unknown bytes in hexadecimal, as far as they were captured. */
  printUnknown(prefix: string, at: number, length: number): void {
    if (at > this.end) {
      this.out += `${prefix}Dissector error: print_unknown_data called with pointer past end of packet`;
      return;
    }
    this.hexDump(prefix, at, Math.min(length, this.end - at));
  }

  /** The checksum that would be right, given the stored one and the sum over everything; undefined when it is right. */
  checksumShouldBe(stored: number, from: number, to: number, pseudo: number = 0): number | undefined {
    const computed = internetChecksum(this.bytes, from, to, pseudo);
    if (computed === 0) return undefined;
    const should = stored + computed;
    return (should & 0xffff) + (should >>> 16);
  }
}

export function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

function hexPairs(b: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) text += `${(i - from) % 2 === 0 ? " " : ""}${hex(b[i]!, 2)}`;
  return text;
}

/** Names of the bits set, in the table's order; `none` when no known bit is set. */
export function bitNames(
  table: readonly (readonly [number, string])[],
  value: number,
  none: string,
  separator: string,
): string {
  const names = table.filter(([bit]) => (value & bit) === bit).map(([, name]) => name);
  return names.length > 0 ? names.join(separator) : none;
}

/** Seconds as 1d2h3m4s, without the parts that are zero. */
export function relativeSeconds(seconds: number): string {
  if (seconds === 0) return "0s";
  let text = "";
  for (const [unit, size] of UNITS) {
    if (seconds < size) continue;
    text += `${Math.floor(seconds / size)}${unit}`;
    seconds %= size;
  }
  return text;
}

const UNITS = [
  ["y", 31536000],
  ["w", 604800],
  ["d", 86400],
  ["h", 3600],
  ["m", 60],
  ["s", 1],
] as const;

export const OUI: ReadonlyMap<number, string> = new Map([
  [0x000000, "Ethernet"],
  [0x00000c, "Cisco"],
  [0x00005e, "IANA"],
  [0x000081, "Nortel Networks SONMP"],
  [0x0000f8, "Cisco bridged"],
  [0x0080c2, "Ethernet bridged"],
  [0x00a03e, "ATM Forum"],
  [0x00e02f, "DOCSIS Spanning Tree"],
  [0x080007, "Appletalk"],
  [0x009069, "Juniper"],
  [0x080009, "Hewlett-Packard"],
  [0x00120f, "IEEE 802.3 Private"],
  [0x0012bb, "ANSI/TIA"],
  [0x001b21, "DCBX"],
  [0x002320, "Nicira Networks"],
]);

/** How tcpdump calls EtherTypes. */
export const ETHER_TYPES: ReadonlyMap<number, string> = new Map([
  [0x0800, "IPv4"],
  [0x8847, "MPLS unicast"],
  [0x8848, "MPLS multicast"],
  [0x86dd, "IPv6"],
  [0x8100, "802.1Q"],
  [0x9100, "802.1Q-9100"],
  [0x88a8, "802.1Q-QinQ"],
  [0x9200, "802.1Q-9200"],
  [0x88e5, "802.1AE MACsec"],
  [0x0200, "PUP"],
  [0x0806, "ARP"],
  [0x8035, "Reverse ARP"],
  [0x0600, "NS"],
  [0x0500, "Sprite"],
  [0x1000, "Trail"],
  [0x6001, "MOP DL"],
  [0x6002, "MOP RC"],
  [0x6003, "DN"],
  [0x6004, "LAT"],
  [0x6007, "SCA"],
  [0x6558, "TEB"],
  [0x8038, "Lanbridge"],
  [0x803c, "DEC DNS"],
  [0x803e, "DEC DTS"],
  [0x805b, "VEXP"],
  [0x805c, "VPROD"],
  [0x809b, "Appletalk"],
  [0x80f3, "Appletalk ARP"],
  [0x8137, "IPX"],
  [0x880b, "PPP"],
  [0x8808, "MPCP"],
  [0x8809, "Slow Protocols"],
  [0x8863, "PPPoE D"],
  [0x8864, "PPPoE S"],
  [0x888e, "EAPOL"],
  [0x8899, "Realtek protocols"],
  [0x886f, "MS NLB heartbeat"],
  [0x8870, "Jumbo"],
  [0x894f, "NSH"],
  [0x9000, "Loopback"],
  [0xfefe, "OSI"],
  [0x00fe, "GRE-OSI"],
  [0xabcd, "CFM (old)"],
  [0x8902, "CFM"],
  [0x893a, "IEEE1905.1"],
  [0x88cc, "LLDP"],
  [0x88ca, "TIPC"],
  [0x0707, "GeoNet (old)"],
  [0x8947, "GeoNet"],
  [0x1111, "CALM FAST"],
  [0x88a2, "AoE"],
  [0x88f7, "PTP"],
  [0xd28b, "Arista Vendor Specific Protocol"],
]);

/** How tcpdump -v calls IP protocols. */
export const IP_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [0, "Options"],
  [1, "ICMP"],
  [2, "IGMP"],
  [4, "IPIP"],
  [6, "TCP"],
  [8, "EGP"],
  [9, "IGRP"],
  [17, "UDP"],
  [33, "DCCP"],
  [41, "IPv6"],
  [43, "Routing"],
  [44, "Fragment"],
  [46, "RSVP"],
  [47, "GRE"],
  [50, "ESP"],
  [51, "AH"],
  [55, "Mobile IP"],
  [58, "ICMPv6"],
  [62, "Mobile IP (old)"],
  [88, "EIGRP"],
  [89, "OSPF"],
  [103, "PIM"],
  [108, "Compressed IP"],
  [112, "VRRP"],
  [113, "PGM"],
  [132, "SCTP"],
  [135, "Mobility"],
  [143, "Ethernet"],
]);

/** How /etc/protocols calls those that a fragment without -n may show. */
export const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [0, "hopopt"],
  [1, "icmp"],
  [2, "igmp"],
  [4, "ipencap"],
  [6, "tcp"],
  [8, "egp"],
  [9, "igp"],
  [12, "pup"],
  [17, "udp"],
  [20, "hmp"],
  [22, "xns-idp"],
  [27, "rdp"],
  [29, "iso-tp4"],
  [33, "dccp"],
  [36, "xtp"],
  [37, "ddp"],
  [38, "idpr-cmtp"],
  [41, "ipv6"],
  [43, "ipv6-route"],
  [44, "ipv6-frag"],
  [45, "idrp"],
  [46, "rsvp"],
  [47, "gre"],
  [50, "esp"],
  [51, "ah"],
  [57, "skip"],
  [58, "ipv6-icmp"],
  [59, "ipv6-nonxt"],
  [60, "ipv6-opts"],
  [73, "rspf"],
  [81, "vmtp"],
  [88, "eigrp"],
  [89, "ospf"],
  [93, "ax.25"],
  [94, "ipip"],
  [97, "etherip"],
  [98, "encap"],
  [103, "pim"],
  [108, "ipcomp"],
  [112, "vrrp"],
  [113, "pgm"],
  [115, "l2tp"],
  [124, "isis"],
  [132, "sctp"],
  [133, "fc"],
  [135, "mobility-header"],
  [136, "udplite"],
  [137, "mpls-in-ip"],
  [138, "manet"],
  [139, "hip"],
  [140, "shim6"],
  [141, "wesp"],
  [142, "rohc"],
  [255, "reserved"],
]);
