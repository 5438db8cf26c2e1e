// What the identifiers of a capture filter stand for: ports and port ranges, protocols, partial addresses, MAC addresses
// (libpcap's nametoaddr.c and the tables of gencode.c). Every failure is a FilterError in libpcap's words.
import { parseIpv6 } from "../wire/addr.ts";
import * as ethernet from "../wire/ethernet.ts";
import { PROTOCOL_NAMES } from "../wire/print-core.ts";
import { servicePort } from "../wire/services.ts";
import { FilterError, type Proto } from "./filter-parse.ts";

export const PROTOCOL_NUMBERS: ReadonlyMap<Proto, number> = new Map<Proto, number>([
  ["tcp", 6],
  ["udp", 17],
  ["sctp", 132],
  ["icmp", 1],
  ["igmp", 2],
  ["igrp", 9],
  ["pim", 103],
  ["vrrp", 112],
  ["carp", 112],
  ["ah", 51],
  ["esp", 50],
  ["icmp6", 58],
]);
/** Those that `gencode.c` looks for in IPv4 only. */
export const IPV4_ONLY: ReadonlySet<Proto> = new Set<Proto>(["icmp", "igmp", "igrp", "vrrp", "carp"]);
const ETHER_PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ["ip", ethernet.ETH_P_IP],
  ["ip6", ethernet.ETH_P_IPV6],
  ["arp", ethernet.ETH_P_ARP],
  ["rarp", ethernet.ETH_P_RARP],
  ["atalk", 0x809b],
  ["aarp", 0x80f3],
  ["decnet", 0x6003],
  ["lat", 0x6004],
  ["loopback", 0x9000],
  ["moprc", 0x6002],
  ["mopdl", 0x6001],
  ["sca", 0x6007],
  ["iso", 0xfe],
  ["stp", 0x42],
  ["netbeui", 0xf0],
]);
export function checkPortProto(proto: Proto, kind: "port" | "portrange"): void {
  if (proto !== "default" && proto !== "tcp" && proto !== "udp" && proto !== "sctp") {
    throw new FilterError(`illegal qualifier of '${kind}'`);
  }
}

export function portNamed(name: string): { port: number; protocols: ("tcp" | "udp")[] } {
  const tcp = servicePort(name, "tcp");
  const udp = servicePort(name, "udp");
  const port = tcp ?? udp;
  if (port === undefined) throw new FilterError(`unknown port '${name}'`);
  const protocols: ("tcp" | "udp")[] =
    tcp !== undefined && tcp === udp ? ["tcp", "udp"] : [tcp !== undefined ? "tcp" : "udp"];
  return { port, protocols };
}

/** `8000-8080`, or two service names; `only` when both names are of one protocol. */
export function portRangeNamed(text: string): { low: number; high: number; only: "tcp" | "udp" | undefined } {
  const numbers = /^([0-9]+)-([0-9]+)/.exec(text);
  if (numbers !== null) {
    const low = Number(numbers[1]);
    const high = Number(numbers[2]);
    for (const port of [low, high]) if (port > 65535) throw new FilterError(`illegal port number ${port} > 65535`);
    return { low, high, only: undefined };
  }
  const dash = text.indexOf("-");
  const unknown = new FilterError(`unknown port in range '${text}'`);
  if (dash < 0) throw unknown;
  const ends = [text.slice(0, dash), text.slice(dash + 1)].map((name) => {
    try {
      return portNamed(name);
    } catch {
      throw unknown;
    }
  });
  const [low, high] = ends as [ReturnType<typeof portNamed>, ReturnType<typeof portNamed>];
  const same = low.protocols.join() === high.protocols.join() && low.protocols.length === 1;
  return { low: low.port, high: high.port, only: same ? low.protocols[0] : undefined };
}

export function protocolNamed(name: string, proto: Proto): number {
  if (proto === "link") {
    const type = ETHER_PROTOCOLS.get(name);
    if (type === undefined) throw new FilterError(`unknown ether proto '${name}'`);
    return type;
  }
  if (proto !== "default" && proto !== "ip" && proto !== "ip6") throw new FilterError(`unknown protocol: ${name}`);
  for (const [number, known] of PROTOCOL_NAMES) if (known === name) return number;
  throw new FilterError(`unknown ip proto '${name}'`);
}

/** One to four octets; the mask covers those given. */
export function partialAddress(text: string): { address: number; mask: number } {
  let address = 0;
  const parts = text.split(".");
  for (const part of parts) {
    const octet = Number(part);
    if (octet > 255) throw new FilterError(`invalid IPv4 address '${text}'`);
    address = address * 256 + octet;
  }
  const missing = 8 * (4 - parts.length);
  return { address: (address * 2 ** missing) >>> 0, mask: (-1 << missing) >>> 0 };
}

export function prefixMask(prefix: number): number {
  if (prefix > 32) throw new FilterError("mask length must be <= 32");
  return prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0;
}

/** Six octets however they are parted: colons, dashes, dots or not at all. */
export function macBytes(text: string): Uint8Array {
  const parts = /[:-]/.test(text) ? text.split(/[:-]/) : (text.replaceAll(".", "").match(/../g) ?? []);
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16));
}

/** An IPv6 address and the mask of its prefix, as sixteen bytes each. */
export function addressMask6(text: string, prefix: number): { address: Uint8Array; mask: Uint8Array } {
  const address = parseIpv6(text);
  if (address === undefined) throw new FilterError(`bogus IPv6 address ${text}`);
  if (prefix > 128) throw new FilterError("mask length must be <= 128");
  const mask = Uint8Array.from({ length: 16 }, (_, i) => (0xff00 >>> Math.min(8, Math.max(0, prefix - 8 * i))) & 0xff);
  if (address.some((byte, i) => (byte & ~mask[i]!) !== 0)) {
    throw new FilterError(`non-network bits set in "${text}/${prefix}"`);
  }
  return { address, mask };
}
