// Addresses: IPv4 as a branded unsigned 32-bit number, MAC and IPv6 as six and sixteen bytes in a frame or as text at the
// borders (RFC 791, RFC 4632, RFC 5952, IEEE 802). ip-num lives only here, for ranges and pools; whatever a packet's path
// needs is written by hand.
import { IPv4CidrRange, IPv4Prefix } from "ip-num";
import { get16, get32, set16 } from "./layout.ts";

/** An IPv4 address: unsigned 32 bits, first octet highest. */
export type Ipv4Addr = number & { readonly __ipv4: true };
/** A MAC address as text, `02:42:ac:11:00:02`: for borders, printing and Map keys. */
export type MacAddr = string & { readonly __mac: true };
/** An IPv4 network or interface address with its prefix length, 0 to 32; host bits are kept as written. */
export interface Ipv4Cidr {
  readonly address: Ipv4Addr;
  readonly prefix: number;
}
/** First and last address of a range, both inside it. */
export interface Ipv4Range {
  readonly first: Ipv4Addr;
  readonly last: Ipv4Addr;
}

export const INADDR_ANY: Ipv4Addr = 0 as Ipv4Addr;
export const INADDR_LOOPBACK: Ipv4Addr = 0x7f000001 as Ipv4Addr;
export const INADDR_BROADCAST: Ipv4Addr = 0xffffffff as Ipv4Addr;

/** Brands any number as an address, cutting it to unsigned 32 bits. */
export function ipv4Addr(value: number): Ipv4Addr {
  return (value >>> 0) as Ipv4Addr;
}

/** `a.b.c.d`, four decimal octets without leading zeros, as inet_pton(3) takes it; else undefined. */
export function parseIpv4(text: string): Ipv4Addr | undefined {
  let value = 0;
  let octet = -1;
  let dots = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 48 && c <= 57) {
      if (octet === 0) return undefined;
      octet = Math.max(octet, 0) * 10 + c - 48;
      if (octet > 255) return undefined;
      digits++;
    } else if (c === 46 && digits > 0 && dots < 3) {
      value = value * 256 + octet;
      octet = -1;
      digits = 0;
      dots++;
    } else return undefined;
  }
  return dots === 3 && digits > 0 ? ((value * 256 + octet) as Ipv4Addr) : undefined;
}

/** One to four numbers, decimal, octal or hexadecimal, the last filling the rest, as inet_aton(3) takes it; else undefined. */
export function parseInetAton(text: string): Ipv4Addr | undefined {
  const parts = text.split(".");
  if (parts.length > 4) return undefined;
  let value = 0;
  for (const [index, part] of parts.entries()) {
    if (!/^(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.test(part)) return undefined;
    const number = /^0[0-7]+$/.test(part) ? Number.parseInt(part, 8) : Number(part);
    const last = index === parts.length - 1;
    if (number >= (last ? 256 ** (5 - parts.length) : 256)) return undefined;
    value = last ? value * 256 ** (5 - parts.length) + number : value * 256 + number;
  }
  return value as Ipv4Addr;
}

/** `a.b.c.d`. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** Netmask of a prefix length: 24 → 255.255.255.0. */
export function prefixToMask(prefix: number): Ipv4Addr {
  return (prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0) as Ipv4Addr;
}

/** Prefix length of a netmask; undefined when its ones are not contiguous. */
export function maskToPrefix(mask: number): number | undefined {
  const prefix = Math.clz32(~mask);
  return prefixToMask(prefix) === mask >>> 0 ? prefix : undefined;
}

/** `a.b.c.d/len` or `a.b.c.d/mask`; a bare address is a /32. Undefined when either half is not one. */
export function parseCidr(text: string): Ipv4Cidr | undefined {
  const slash = text.indexOf("/");
  const address = parseIpv4(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  if (slash < 0) return { address, prefix: 32 };
  const after = text.slice(slash + 1);
  if (/^\d{1,2}$/.test(after)) return Number(after) <= 32 ? { address, prefix: Number(after) } : undefined;
  const mask = parseIpv4(after);
  const prefix = mask === undefined ? undefined : maskToPrefix(mask);
  return prefix === undefined ? undefined : { address, prefix };
}

export function formatCidr(address: number, prefix: number): string {
  return `${formatIpv4(address)}/${prefix}`;
}

export function networkOf(address: number, prefix: number): Ipv4Addr {
  return ((address & prefixToMask(prefix)) >>> 0) as Ipv4Addr;
}

export function broadcastOf(address: number, prefix: number): Ipv4Addr {
  return ((address | ~prefixToMask(prefix)) >>> 0) as Ipv4Addr;
}

/** True when `address` lies in `network/prefix`. */
export function inNetwork(address: number, network: number, prefix: number): boolean {
  return ((address ^ network) & prefixToMask(prefix)) === 0;
}

export function isMulticast4(address: number): boolean {
  return address >>> 28 === 14;
}

export function isLoopback4(address: number): boolean {
  return address >>> 24 === 127;
}

export function isLinkLocal4(address: number): boolean {
  return address >>> 16 === 0xa9fe;
}

/** All addresses of a network, network and broadcast address among them. */
export function rangeOf(cidr: Ipv4Cidr): Ipv4Range {
  const range = ipNumRange(cidr);
  return {
    first: Number(range.getFirst().getValue()) as Ipv4Addr,
    last: Number(range.getLast().getValue()) as Ipv4Addr,
  };
}

/** True when two networks share an address: the larger holds the other. */
export function cidrsOverlap(a: Ipv4Cidr, b: Ipv4Cidr): boolean {
  // not by ip-num, whose ranges take 40 µs: each new network of Docker's is held against all others
  return inNetwork(a.address, b.address, Math.min(a.prefix, b.prefix));
}

/** A network cut into equal subnets of `prefix`, in order: an address pool of dockerd's kind. At most 65,536 of them. */
export function splitCidr(cidr: Ipv4Cidr, prefix: number): Ipv4Cidr[] {
  if (prefix < cidr.prefix || prefix > 32 || prefix - cidr.prefix > 16) {
    throw new RangeError(`cannot cut a /${cidr.prefix} into subnets of /${prefix}`);
  }
  const cut = ipNumRange(cidr).splitInto(IPv4Prefix.fromNumber(BigInt(prefix)));
  return cut.map((range) => ({ address: Number(range.getFirst().getValue()) as Ipv4Addr, prefix }));
}

function ipNumRange(cidr: Ipv4Cidr): IPv4CidrRange {
  return IPv4CidrRange.fromCidr(formatCidr(cidr.address, cidr.prefix));
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/** The six bytes at `at` as `02:42:ac:11:00:02`. */
export function formatMac(b: Uint8Array, at: number = 0): MacAddr {
  return `${HEX[b[at]!]}:${HEX[b[at + 1]!]}:${HEX[b[at + 2]!]}:${HEX[b[at + 3]!]}:${HEX[b[at + 4]!]}:${HEX[b[at + 5]!]}` as MacAddr;
}

/** Six hexadecimal octets parted by colons, one or two digits each, to six new bytes; undefined when it is none. */
export function parseMac(text: string): Uint8Array | undefined {
  const parts = text.split(":");
  if (parts.length !== 6) return undefined;
  const mac = new Uint8Array(6);
  for (const [index, part] of parts.entries()) {
    if (!/^[0-9a-fA-F]{1,2}$/.test(part)) return undefined;
    mac[index] = Number.parseInt(part, 16);
  }
  return mac;
}

/** The six bytes at `at` as one number below 2^48: a key for tables. */
export function macToNumber(b: Uint8Array, at: number = 0): number {
  return get16(b, at) * 0x1_0000_0000 + get32(b, at + 2);
}

/** Writes the low 48 bits of `mac` as six bytes. */
export function macFromNumber(mac: number, b: Uint8Array, at: number = 0): void {
  set16(b, at, Math.floor(mac / 0x1_0000_0000));
  const low = mac >>> 0;
  set16(b, at + 2, low >>> 16);
  set16(b, at + 4, low & 0xffff);
}

/** The sixteen bytes at `at` as inet_ntop(3) writes them: RFC 5952, with dotted quads for ::ffff:a.b.c.d and ::a.b.c.d. */
export function formatIpv6(b: Uint8Array, at: number = 0): string {
  let bestStart = -1;
  let bestLength = 1; // one lone zero group is written out (RFC 5952 section 4.2.2)
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && get16(b, at + 2 * end) === 0) end++;
    if (end - i > bestLength) {
      bestStart = i;
      bestLength = end - i;
    }
    if (end > i) i = end;
  }
  const mapped = bestStart === 0 && bestLength === 5 && get16(b, at + 10) === 0xffff;
  const compatible = bestStart === 0 && bestLength === 6;
  let text = "";
  for (let i = 0; i < 8; i++) {
    if (i === bestStart) {
      text += i === 0 ? "::" : ":";
      i += bestLength - 1;
      continue;
    }
    if (i === 6 && (mapped || compatible)) return text + formatIpv4(get32(b, at + 12));
    text += get16(b, at + 2 * i).toString(16);
    if (i < 7) text += ":";
  }
  return text;
}

/** Text to sixteen new bytes, as inet_pton(3) takes it; else undefined. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const address = new Uint8Array(16);
  for (const [i, group] of head.entries()) set16(address, 2 * i, group);
  for (const [i, group] of tail.entries()) set16(address, 16 - 2 * tail.length + 2 * i, group);
  return address;
}

function groupsOf(text: string, mayEndInQuad: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else {
      const quad = mayEndInQuad && index === parts.length - 1 ? parseIpv4(part) : undefined;
      if (quad === undefined) return undefined;
      groups.push(quad >>> 16, quad & 0xffff);
    }
  }
  return groups;
}
