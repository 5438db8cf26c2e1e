// A traced packet as `nft monitor trace` writes it: the headers' fields in nft's order, those that it leaves out left out, and what
// is no field as raw bytes. Answers to trace_print_packet and trace_gen_stmts of src/netlink.c and to the `order` and
// `filter` of the protocols in src/proto.c (nftables 1.0.6).

import { ARPHRD_ETHER, type NetDevice } from "../../net/core/net-device.ts";
import type { TracedPacket } from "../../net/netfilter/nf-monitor.ts";
import { formatMac } from "../../wire/addr.ts";
import { dataType, formatValue } from "./datatypes.ts";
import { type Field, L4_NUMBERS, PROTOCOLS } from "./fields.ts";
import type { Format } from "./print-rule.ts";

/** Fields in the order of their listing. */
const SHOWN: Readonly<Record<string, readonly string[]>> = {
  ip: ["saddr", "daddr", "dscp", "ecn", "ttl", "id", "protocol", "length"],
  icmp: ["type", "code", "id", "sequence"],
  igmp: ["type", "mrt"],
  tcp: ["sport", "dport", "flags", "window"],
  udp: ["sport", "dport", "length"],
  udplite: ["sport", "dport", "csumcov", "checksum"],
  sctp: ["sport", "dport", "vtag"],
  dccp: ["sport", "dport"],
  esp: ["spi", "sequence"],
};

/** Bits of a header that its fields take up; what follows is raw. */
const HEADER_BITS: Readonly<Record<string, number>> = {
  ip: 160,
  icmp: 64,
  igmp: 16,
  tcp: 160,
  udp: 64,
  udplite: 64,
  sctp: 96,
  dccp: 32,
  esp: 64,
};

const TRANSPORTS: ReadonlyMap<number, string> = new Map(
  [...L4_NUMBERS].filter(([name]) => name in SHOWN).map(([name, number]) => [number, name]),
);

/** What follows "packet: ". @param inet the table is of family inet */
export function tracedPacketText(packet: TracedPacket, inet: boolean, format: Format): string {
  const { network, transport, link } = packet;
  const parts: string[] = [];
  if (packet.in !== null) parts.push(`iif ${deviceName(packet.in, format)}`);
  if (packet.out !== null) parts.push(`oif ${deviceName(packet.out, format)}`);
  if (link !== null)
    if ((packet.in ?? packet.out)?.type === ARPHRD_ETHER && link.length >= 14)
      parts.push(`ether saddr ${formatMac(link, 6)}`, `ether daddr ${formatMac(link, 0)}`);
    else parts.push(...raw("ll", link, 0));
  const upper = TRANSPORTS.get(network[9]!);
  // where the header that follows says it, the protocol is left out; a table of both families needs it to know the header
  parts.push(...fields("ip", network, format, (name) => name !== "protocol" || inet || upper === undefined));
  parts.push(...raw("nh", network, HEADER_BITS.ip!));
  if (upper === undefined) parts.push(...raw("th", transport, 0));
  else {
    parts.push(...fields(upper, transport, format, () => true));
    parts.push(...raw("th", transport, HEADER_BITS[upper]!));
  }
  return parts.map((part) => `${part} `).join("");
}

function deviceName(device: NetDevice, { names }: Format): string {
  const name = names.ifnameOf(device.ifindex);
  return name === undefined ? String(device.ifindex) : `"${name}"`;
}

function fields(proto: string, bytes: Uint8Array, format: Format, wanted: (name: string) => boolean): string[] {
  const known = PROTOCOLS.get(proto)!;
  return SHOWN[proto]!.flatMap((name) => {
    const field = known.get(name)!;
    if (!wanted(name) || field.offset + field.bits > bytes.length * 8) return [];
    return [`${proto} ${name} ${valueText(field, readBits(bytes, field), format)}`];
  });
}

function valueText({ type }: Field, value: number, format: Format): string {
  const text = formatValue(value, dataType(type), format, format.names);
  if (type !== "tcp_flag") return text;
  // a comparison with all flags: a single one by its name
  return `== ${(value & (value - 1)) === 0 && value !== 0 ? text : `0x${value.toString(16)}`}`;
}

function readBits(bytes: Uint8Array, { offset, bits }: Field): number {
  let value = 0;
  for (let at = offset; at < offset + bits; at++) value = value * 2 + ((bytes[at >>> 3]! >>> (7 - (at & 7))) & 1);
  return value;
}

/** Bytes from this bit on as one number. */
function raw(base: string, bytes: Uint8Array, from: number): string[] {
  const rest = bytes.subarray(from / 8);
  if (rest.length === 0) return [];
  const digits = [...rest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [`@${base},${from},${rest.length * 8} 0x${digits.replace(/^0+(?=.)/, "")}`];
}
