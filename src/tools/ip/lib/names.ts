// Names that iproute2 has for the kernel's numbers: /etc/iproute2/rt_scopes, rt_protos, rt_tables, rt_dsfield and the
// types of routes, as Debian ships them.

import { parseUnsigned } from "./args.ts";

type Table = readonly (readonly [number, string])[];

const SCOPES: Table = [
  [0, "global"],
  [255, "nowhere"],
  [254, "host"],
  [253, "link"],
  [200, "site"],
];

const PROTOS: Table = [
  [0, "unspec"],
  [1, "redirect"],
  [2, "kernel"],
  [3, "boot"],
  [4, "static"],
  [8, "gated"],
  [9, "ra"],
  [10, "mrt"],
  [11, "zebra"],
  [12, "bird"],
  [13, "dnrouted"],
  [14, "xorp"],
  [15, "ntk"],
  [16, "dhcp"],
  [18, "keepalived"],
  [42, "babel"],
  [99, "openr"],
  [186, "bgp"],
  [187, "isis"],
  [188, "ospf"],
  [189, "rip"],
  [192, "eigrp"],
];

const TABLES: Table = [
  [255, "local"],
  [254, "main"],
  [253, "default"],
  [0, "unspec"],
];

const DSFIELDS: Table = [
  [0x00, "default"],
  [0x28, "AF11"],
  [0x30, "AF12"],
  [0x38, "AF13"],
  [0x48, "AF21"],
  [0x50, "AF22"],
  [0x58, "AF23"],
  [0x68, "AF31"],
  [0x70, "AF32"],
  [0x78, "AF33"],
  [0x88, "AF41"],
  [0x90, "AF42"],
  [0x98, "AF43"],
  [0x20, "CS1"],
  [0x40, "CS2"],
  [0x60, "CS3"],
  [0x80, "CS4"],
  [0xa0, "CS5"],
  [0xc0, "CS6"],
  [0xe0, "CS7"],
  [0xb8, "EF"],
];

const TYPES: Table = [
  [0, "none"],
  [1, "unicast"],
  [2, "local"],
  [3, "broadcast"],
  [4, "anycast"],
  [5, "multicast"],
  [6, "blackhole"],
  [7, "unreachable"],
  [8, "prohibit"],
  [9, "throw"],
  [10, "nat"],
  [11, "xresolve"],
];

const GROUPS: Table = [[0, "default"]];

const IP_PROTOS: Table = [
  [1, "icmp"],
  [2, "igmp"],
  [4, "ipencap"],
  [6, "tcp"],
  [17, "udp"],
  [47, "gre"],
  [50, "esp"],
  [51, "ah"],
  [58, "ipv6-icmp"],
  [132, "sctp"],
];

function nameOf(table: Table, value: number): string | undefined {
  return table.find(([number]) => number === value)?.[1];
}

function numberOf(table: Table, name: string): number | undefined {
  return table.find(([, other]) => other === name)?.[0];
}

export function scopeName(scope: number): string {
  return nameOf(SCOPES, scope) ?? String(scope);
}

export function parseScope(word: string): number | undefined {
  return numberOf(SCOPES, word) ?? parseUnsigned(word, 255);
}

export function protoName(proto: number): string {
  return nameOf(PROTOS, proto) ?? String(proto);
}

export function parseProto(word: string): number | undefined {
  return numberOf(PROTOS, word) ?? parseUnsigned(word, 255);
}

export function tableName(table: number): string {
  return nameOf(TABLES, table) ?? String(table);
}

export function parseTable(word: string): number | undefined {
  return numberOf(TABLES, word) ?? parseUnsigned(word);
}

export function dsfieldName(tos: number): string {
  return nameOf(DSFIELDS, tos) ?? `0x${tos.toString(16).padStart(2, "0")}`;
}

export function parseDsfield(word: string): number | undefined {
  const named = numberOf(DSFIELDS, word);
  if (named !== undefined) return named;
  return /^(0x)?[0-9a-fA-F]{1,2}$/.test(word) ? Number.parseInt(word.replace(/^0x/, ""), 16) : undefined;
}

export function routeTypeName(type: number): string {
  return nameOf(TYPES, type) ?? String(type);
}

export function parseRouteType(word: string): number | undefined {
  if (word === "brd") return 3;
  return numberOf(TYPES, word);
}

export function groupName(group: number): string {
  return nameOf(GROUPS, group) ?? String(group);
}

export function parseGroup(word: string): number | undefined {
  return numberOf(GROUPS, word) ?? parseUnsigned(word);
}

export function ipProtoName(proto: number): string {
  return nameOf(IP_PROTOS, proto) ?? `ipproto-${proto}`;
}

export function parseIpProto(word: string): number | undefined {
  return numberOf(IP_PROTOS, word) ?? parseUnsigned(word, 255);
}
