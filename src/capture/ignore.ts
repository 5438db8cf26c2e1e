// What a comparison of captures may be told to overlook, by short names: fields of a frame, gaps between frames, whole kinds
// of frames.

import type { Field } from "./canonical.ts";

/** Name → ends of the names of fields that it stands for. */
const FIELDS: ReadonlyMap<string, readonly string[]> = new Map([
  ["mac", ["ethernet destination", "ethernet source", "arp sender mac", "arp target mac", "icmp6 option mac"]],
  ["vlan", ["vlan tag"]],
  ["ttl", ["ip ttl", "ip6 hop limit"]],
  ["tos", ["ip tos", "ip6 traffic class"]],
  ["ipid", ["ip id"]],
  ["df", ["ip flags and offset"]],
  ["length", ["length on the wire", "ip total length", "ip6 payload length", "udp length"]],
  ["checksum", ["ip checksum", "tcp checksum", "udp checksum", "icmp checksum", "icmp6 checksum"]],
  ["address", ["ip source", "ip destination", "ip6 source", "ip6 destination", "arp sender ip", "arp target ip"]],
  ["port", ["tcp source port", "tcp destination port", "udp source port", "udp destination port"]],
  ["seq", ["tcp seq", "tcp ack"]],
  ["flags", ["tcp flags"]],
  ["window", ["tcp window"]],
  ["options", ["tcp options", "ip options"]],
  ["payload", ["payload", "tcp data", "udp data", "ip payload", "icmp rest"]],
  ["padding", ["trailer", "arp padding"]],
]);

/** Names that are no fields: the time between frames, and frames of one kind. */
const OTHERS: ReadonlyMap<string, string> = new Map([
  ["gap", "times between frames"],
  ["arp", "every ARP frame"],
  ["stp", "every spanning tree frame"],
  ["icmp6", "every ICMPv6 frame"],
]);

/** All names, each with what it stands for. */
export function ignorable(): { readonly name: string; readonly means: string }[] {
  return [
    ...[...FIELDS].map(([name, fields]) => ({ name, means: fields.join(", ") })),
    ...[...OTHERS].map(([name, means]) => ({ name, means })),
  ];
}

/** Names among `names` that mean nothing here. */
export function unknownNames(names: Iterable<string>): string[] {
  return [...names].filter((name) => !FIELDS.has(name) && !OTHERS.has(name));
}

/** The fields that still count. */
export function withoutIgnored(fields: readonly Field[], ignore: ReadonlySet<string>): readonly Field[] {
  if (ignore.size === 0) return fields;
  const ends = [...ignore].flatMap((name) => FIELDS.get(name) ?? []);
  return fields.filter(({ name }) => !ends.some((end) => name === end || name.endsWith(` ${end}`)));
}

/** A frame that is left out altogether. */
export function isIgnoredFrame(b: Uint8Array, ignore: ReadonlySet<string>): boolean {
  if (ignore.size === 0 || b.length < 24) return false;
  const type = (b[12]! << 8) | b[13]!;
  if (type === 0x0806) return ignore.has("arp");
  if (type < 0x0600) return ignore.has("stp") && b[14] === 0x42 && b[15] === 0x42;
  return type === 0x86dd && ignore.has("icmp6") && b[20] === 58;
}
