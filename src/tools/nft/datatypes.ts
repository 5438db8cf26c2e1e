// nft's data types: how a value is read and how it is printed. Answers to src/datatype.c, proto.c, ct.c, meta.c and fib.c
// of nftables 1.0.6.

import type { NftScalar } from "../../net/netfilter/nft/expr.ts";
import { formatIpv4, parseIpv4 } from "../../wire/addr.ts";
import { serviceName } from "../../wire/services.ts";
import { protocolByName, protocolName, serviceByName } from "../iptables/names.ts";

/** What -n and its like leave as numbers. */
export interface NumericFlags {
  /** -n, and what it implies */
  readonly symbols: boolean;
  readonly protocols: boolean;
  readonly priorities: boolean;
  /** -S: ports by name */
  readonly services: boolean;
  /** -u: users by name */
  readonly users: boolean;
}

export interface DataType {
  readonly name: string;
  /** as errors call it */
  readonly desc: string;
  readonly bits: number;
  readonly symbols?: readonly (readonly [string, number])[];
  /** values are sets of bits */
  readonly isBitmask?: boolean;
  /** how a number without a name looks */
  readonly number?: (value: number) => string;
  /** may be a prefix */
  readonly hasPrefix?: boolean;
}

const hex =
  (digits: number) =>
  (value: number): string =>
    `0x${value.toString(16).padStart(digits, "0")}`;

function symbols(text: string): [string, number][] {
  return text.split(" ").map((pair) => {
    const [name, value] = pair.split("=");
    return [name!, Number(value)];
  });
}

const ICMP_CODES =
  "net-unreachable=0 host-unreachable=1 prot-unreachable=2 port-unreachable=3 frag-needed=4 net-prohibited=9 host-prohibited=10 admin-prohibited=13";

const TYPES: readonly DataType[] = [
  { name: "ipv4_addr", desc: "IPv4 address", bits: 32, hasPrefix: true },
  { name: "ether_addr", desc: "Ethernet address", bits: 48 },
  { name: "inet_service", desc: "internet network service", bits: 16 },
  { name: "inet_proto", desc: "Internet protocol", bits: 8 },
  { name: "mark", desc: "packet mark", bits: 32, number: hex(8) },
  { name: "ifname", desc: "network interface name", bits: 128 },
  { name: "iface_index", desc: "network interface index", bits: 32 },
  { name: "integer", desc: "integer", bits: 32 },
  { name: "string", desc: "string", bits: 128 },
  { name: "verdict", desc: "netfilter verdict", bits: 0 },
  { name: "uid", desc: "user ID", bits: 32 },
  { name: "gid", desc: "group ID", bits: 32 },
  { name: "time", desc: "relative time", bits: 64 },
  {
    name: "classid",
    desc: "TC classid",
    bits: 32,
    symbols: symbols("none=0 root=4294967295"),
    number: (v) => `${(v >>> 16).toString(16)}:${(v & 0xffff).toString(16)}`,
  },
  { name: "devgroup", desc: "devgroup name", bits: 32, symbols: symbols("default=0") },
  { name: "boolean", desc: "boolean type", bits: 1, symbols: symbols("exists=1 missing=0") },
  {
    name: "ct_state",
    desc: "conntrack state",
    bits: 32,
    isBitmask: true,
    number: hex(0),
    symbols: symbols("invalid=1 established=2 related=4 new=8 untracked=64"),
  },
  { name: "ct_dir", desc: "conntrack direction", bits: 8, symbols: symbols("original=0 reply=1") },
  {
    name: "ct_status",
    desc: "conntrack status",
    bits: 32,
    isBitmask: true,
    number: hex(0),
    symbols: symbols("expected=1 seen-reply=2 assured=4 confirmed=8 snat=16 dnat=32 dying=512"),
  },
  {
    name: "tcp_flag",
    desc: "TCP flag",
    bits: 8,
    isBitmask: true,
    number: hex(0),
    symbols: symbols("fin=1 syn=2 rst=4 psh=8 ack=16 urg=32 ecn=64 cwr=128"),
  },
  {
    name: "icmp_type",
    desc: "ICMP type",
    bits: 8,
    symbols: symbols(
      "echo-reply=0 destination-unreachable=3 source-quench=4 redirect=5 echo-request=8 router-advertisement=9 router-solicitation=10 time-exceeded=11 parameter-problem=12 timestamp-request=13 timestamp-reply=14 info-request=15 info-reply=16 address-mask-request=17 address-mask-reply=18",
    ),
  },
  { name: "icmp_code", desc: "icmp code", bits: 8, symbols: symbols(ICMP_CODES) },
  {
    name: "icmpx_code",
    desc: "icmpx code",
    bits: 8,
    symbols: symbols("no-route=0 port-unreachable=1 host-unreachable=2 admin-prohibited=3"),
  },
  {
    name: "igmp_type",
    desc: "IGMP type",
    bits: 8,
    symbols: symbols(
      "membership-query=17 membership-report-v1=18 membership-report-v2=22 membership-report-v3=34 leave-group=23",
    ),
  },
  {
    name: "pkt_type",
    desc: "packet type",
    bits: 8,
    symbols: symbols("host=0 unicast=0 broadcast=1 multicast=2 other=3"),
  },
  {
    name: "dscp",
    desc: "Differentiated Services Code Point",
    bits: 6,
    number: hex(2),
    symbols: symbols(
      "cs0=0 cs1=8 cs2=16 cs3=24 cs4=32 cs5=40 cs6=48 cs7=56 df=0 be=0 lephb=1 af11=10 af12=12 af13=14 af21=18 af22=20 af23=22 af31=26 af32=28 af33=30 af41=34 af42=36 af43=38 va=44 ef=46",
    ),
  },
  { name: "ecn", desc: "Explicit Congestion Notification", bits: 2, symbols: symbols("not-ect=0 ect1=1 ect0=2 ce=3") },
  {
    name: "ether_type",
    desc: "Ethernet protocol",
    bits: 16,
    number: hex(4),
    symbols: symbols("ip=2048 arp=2054 ip6=34525 8021q=33024 8021ad=34984 vlan=33024"),
  },
  {
    name: "arp_op",
    desc: "ARP operation",
    bits: 16,
    symbols: symbols("request=1 reply=2 rrequest=3 rreply=4 inrequest=8 inreply=9 nak=10"),
  },
  { name: "nf_proto", desc: "netfilter protocol", bits: 8, symbols: symbols("ipv4=2 ipv6=10") },
  {
    name: "iface_type",
    desc: "network interface type",
    bits: 16,
    symbols: symbols("ether=1 ppp=512 ipip=768 loopback=772 sit=776 ipgre=778"),
  },
  {
    name: "fib_addrtype",
    desc: "fib_addrtype",
    bits: 32,
    symbols: symbols(
      "unspec=0 unicast=1 local=2 broadcast=3 anycast=4 multicast=5 blackhole=6 unreachable=7 prohibit=8",
    ),
  },
];

const BY_NAME: ReadonlyMap<string, DataType> = new Map(TYPES.map((type) => [type.name, type]));

export function dataType(name: string): DataType {
  return BY_NAME.get(name) ?? BY_NAME.get("integer")!;
}

/** Names that "type" may give. */
export function isDataType(name: string): boolean {
  return BY_NAME.has(name) && name !== "integer" && name !== "string";
}

/** Looks things up in the machine: devices and users. */
export interface Names {
  ifindexOf(name: string): number | undefined;
  ifnameOf(index: number): string | undefined;
}

/** "1d2h3m4s5ms", or a number of seconds, as nanoseconds. */
export function parseDuration(text: string): number | undefined {
  if (isNumber(text)) return Number(text) * 1e9;
  if (!/^(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$/.test(text)) return undefined;
  let ns = 0;
  for (const [, n, unit] of text.matchAll(/(\d+)(ms|d|h|m|s)/g))
    ns += Number(n) * { d: 86400e9, h: 3600e9, m: 60e9, s: 1e9, ms: 1e6 }[unit as "d"];
  return ns;
}

/** The same printed. */
export function durationText(ns: number): string {
  let ms = Math.floor(ns / 1e6);
  let text = "";
  for (const [unit, size] of [
    ["d", 86400000],
    ["h", 3600000],
    ["m", 60000],
    ["s", 1000],
    ["ms", 1],
  ] as const) {
    const count = Math.floor(ms / size);
    if (count > 0) text += `${count}${unit}`;
    ms -= count * size;
  }
  return text === "" ? "0s" : text;
}

/** A value, or the sentence that says why it is none. */
export type Parsed = NftScalar | { readonly error: string };

function isNumber(text: string): boolean {
  return /^(0[xX][0-9a-fA-F]+|\d+)$/.test(text);
}

/** Reads a value of a type from one word. */
export function parseValue(text: string, type: DataType, bits: number, names: Names): Parsed {
  switch (type.name) {
    case "ipv4_addr":
      return parseAddress(text);
    case "ether_addr": {
      const bytes = text.split(":").map((part) => Number.parseInt(part, 16));
      return bytes.length === 6
        ? bytes.reduce((value, byte) => value * 256 + byte, 0)
        : { error: "Expected Ethernet address" };
    }
    case "inet_service": {
      if (isNumber(text)) return Number(text) > 65535 ? { error: "Service out of range" } : Number(text);
      return serviceByName(text) ?? { error: "Could not resolve service: Servname not supported for ai_socktype" };
    }
    case "inet_proto": {
      if (isNumber(text)) return Number(text) > 255 ? { error: "Protocol out of range" } : Number(text);
      return protocolByName(text) ?? { error: "Could not resolve protocol name" };
    }
    case "ifname":
      return text.length > 15 ? { error: "String exceeds maximum length of 16" } : text;
    case "iface_index":
      if (isNumber(text)) return Number(text);
      return names.ifindexOf(text) ?? { error: "Interface does not exist" };
    case "string":
      return text;
    case "time": {
      const ns = parseDuration(text);
      return ns === undefined ? { error: "Could not parse symbolic relative time expression" } : ns / 1e9;
    }
    case "uid":
    case "gid":
      if (isNumber(text)) return Number(text);
      if (text === "root") return 0;
      return { error: type.name === "uid" ? "User does not exist" : "Group does not exist" };
    case "classid":
      if (/^[0-9a-fA-F]*:[0-9a-fA-F]*$/.test(text)) {
        const [major, minor] = text.split(":");
        return Number.parseInt(major || "0", 16) * 65536 + Number.parseInt(minor || "0", 16);
      }
      break;
    default:
      break;
  }
  const symbol = type.symbols?.find(([name]) => name === text);
  if (symbol) return symbol[1];
  if (isNumber(text)) {
    const value = Number(text);
    if (value >= 2 ** bits) return { error: `Value ${value} exceeds valid range 0-${2 ** bits - 1}` };
    return value;
  }
  if (type.isBitmask || type.name === "pkt_type") return { error: `Could not parse ${type.desc}` };
  return { error: type.symbols ? `Could not parse ${type.desc}` : `Could not parse symbolic ${type.desc} expression` };
}

function parseAddress(text: string): Parsed {
  const address = parseIpv4(text);
  if (address !== undefined) return address;
  if (isNumber(text)) return Number(text) >>> 0;
  const temporary = /[a-z]/i.test(text);
  if (text === "localhost") return 0x7f000001;
  return {
    error: `Could not resolve hostname: ${temporary ? "Temporary failure in name resolution" : "Name or service not known"}`,
  };
}

/** A value as nft prints it; `hint` is the protocol whose services are meant. */
export function formatValue(
  value: NftScalar,
  type: DataType,
  numeric: NumericFlags,
  names: Names,
  quote = true,
): string {
  if (typeof value === "string")
    return quote && (type.name === "ifname" || type.name === "string") ? `"${value}"` : value;
  switch (type.name) {
    case "ipv4_addr":
      return formatIpv4(value);
    case "devgroup":
      return value === 0 && !numeric.symbols ? '"default"' : String(value);
    case "time":
      return durationText(value * 1e9);
    case "ether_addr":
      return value
        .toString(16)
        .padStart(12, "0")
        .replace(/(..)(?!$)/g, "$1:");
    case "inet_service": {
      const service = numeric.services ? (serviceName(value, "tcp") ?? serviceName(value, "udp")) : undefined;
      return service === undefined ? String(value) : `"${service}"`;
    }
    case "inet_proto":
      return numeric.protocols ? String(value) : (protocolName(value, false) ?? String(value));
    case "iface_index": {
      const name = names.ifnameOf(value);
      return name === undefined ? String(value) : `"${name}"`;
    }
    default:
      break;
  }
  if (type.isBitmask) return formatBits(value, type, numeric);
  const symbol = numeric.symbols ? undefined : type.symbols?.find(([, number]) => number === value);
  if (symbol) return symbol[0];
  return type.number ? type.number(value) : String(value);
}

function formatBits(value: number, type: DataType, numeric: NumericFlags): string {
  const parts: string[] = [];
  let rest = value;
  for (const [name, bit] of type.symbols!) {
    if (!(value & bit)) continue;
    parts.push(numeric.symbols ? type.number!(bit) : name);
    rest &= ~bit;
  }
  if (rest !== 0) parts.push(type.number!(rest >>> 0));
  return parts.length === 0 ? type.number!(0) : parts.join(",");
}
