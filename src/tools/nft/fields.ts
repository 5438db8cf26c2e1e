// Fields of headers, meta and ct keys: where they are and of what type. Answers to src/proto.c, src/meta.c and src/ct.c of
// nftables 1.0.6.

import type { NftExpr } from "../../net/netfilter/nft/expr.ts";

export interface Field {
  readonly offset: number;
  readonly bits: number;
  readonly type: string;
}

function fields(rows: string): ReadonlyMap<string, Field> {
  return new Map(
    rows
      .trim()
      .split(/\s*;\s*/)
      .filter((row) => row !== "")
      .map((row) => {
        const [name, offset, bits, type] = row.split(/\s+/);
        return [name!, { offset: Number(offset), bits: Number(bits), type: type! }];
      }),
  );
}

const PORTS = "sport 0 16 inet_service; dport 16 16 inet_service;";

/** By header: its fields, offset and length in bits. */
export const PROTOCOLS: ReadonlyMap<string, ReadonlyMap<string, Field>> = new Map([
  ["ether", fields("daddr 0 48 ether_addr; saddr 48 48 ether_addr; type 96 16 ether_type")],
  ["vlan", fields("pcp 112 3 integer; dei 115 1 integer; id 116 12 integer; type 128 16 ether_type")],
  [
    "arp",
    fields("htype 0 16 integer; ptype 16 16 ether_type; hlen 32 8 integer; plen 40 8 integer; operation 48 16 arp_op"),
  ],
  [
    "ip",
    fields(
      "version 0 4 integer; hdrlength 4 4 integer; dscp 8 6 dscp; ecn 14 2 ecn; length 16 16 integer; id 32 16 integer;" +
        "frag-off 48 16 integer; ttl 64 8 integer; protocol 72 8 inet_proto; checksum 80 16 integer;" +
        "saddr 96 32 ipv4_addr; daddr 128 32 ipv4_addr",
    ),
  ],
  [
    "icmp",
    fields(
      "type 0 8 icmp_type; code 8 8 icmp_code; checksum 16 16 integer; id 32 16 integer; sequence 48 16 integer;" +
        "gateway 32 32 integer; mtu 48 16 integer",
    ),
  ],
  ["igmp", fields("type 0 8 igmp_type; mrt 8 8 integer; checksum 16 16 integer; group 32 32 ipv4_addr")],
  [
    "tcp",
    fields(
      `${PORTS} sequence 32 32 integer; ackseq 64 32 integer; doff 96 4 integer; reserved 100 4 integer;` +
        "flags 104 8 tcp_flag; window 112 16 integer; checksum 128 16 integer; urgptr 144 16 integer",
    ),
  ],
  ["udp", fields(`${PORTS} length 32 16 integer; checksum 48 16 integer`)],
  ["udplite", fields(`${PORTS} csumcov 32 16 integer; checksum 48 16 integer`)],
  ["sctp", fields(`${PORTS} vtag 32 32 integer; checksum 64 32 integer`)],
  ["dccp", fields(`${PORTS} type 67 4 integer`)],
  ["th", fields(PORTS)],
  ["esp", fields("spi 0 32 integer; sequence 32 32 integer")],
  ["ah", fields("hdrlength 8 8 integer; reserved 16 16 integer; spi 32 32 integer; sequence 64 32 integer")],
  ["comp", fields("nexthdr 0 8 inet_proto; flags 8 8 integer; cpi 16 16 integer")],
]);

/** IP protocol of a transport header. */
export const L4_NUMBERS: ReadonlyMap<string, number> = new Map([
  ["icmp", 1],
  ["igmp", 2],
  ["tcp", 6],
  ["udp", 17],
  ["dccp", 33],
  ["esp", 50],
  ["ah", 51],
  ["comp", 108],
  ["sctp", 132],
  ["udplite", 136],
]);

export function baseOf(proto: string): "link" | "network" | "transport" {
  if (proto === "ether" || proto === "vlan") return "link";
  return proto === "ip" || proto === "arp" || proto === "ip6" ? "network" : "transport";
}

/** All meta keys, in the order in which an error lists them. */
export const META_KEYS: ReadonlySet<string> = new Set(
  (
    "length protocol priority mark iif oif iifname oifname iiftype oiftype skuid skgid nftrace rtclassid secmark nfproto " +
    "l4proto ibrname obrname pkttype cpu iifgroup oifgroup cgroup random ipsec iifkind oifkind ibrpvid ibrvproto time day " +
    "hour sdif sdifname"
  ).split(" "),
);

/** Keys that may stand without "meta". */
export const META_UNQUALIFIED: ReadonlySet<string> = new Set(
  "mark iif iifname iiftype oif oifname oiftype skuid skgid nftrace rtclassid ibriport obriport ibrname obrname pkttype cpu iifgroup oifgroup cgroup".split(
    " ",
  ),
);

const META_TYPES: Readonly<Record<string, string>> = {
  length: "integer",
  protocol: "ether_type",
  priority: "classid",
  mark: "mark",
  iif: "iface_index",
  oif: "iface_index",
  iifname: "ifname",
  oifname: "ifname",
  iiftype: "iface_type",
  oiftype: "iface_type",
  skuid: "uid",
  skgid: "gid",
  nftrace: "integer",
  nfproto: "nf_proto",
  l4proto: "inet_proto",
  pkttype: "pkt_type",
  cpu: "integer",
  iifgroup: "devgroup",
  oifgroup: "devgroup",
  random: "integer",
};

export const CT_TYPES: Readonly<Record<string, string>> = {
  state: "ct_state",
  direction: "ct_dir",
  status: "ct_status",
  mark: "mark",
  expiration: "time",
  helper: "string",
  l3proto: "nf_proto",
  protocol: "inet_proto",
  saddr: "ipv4_addr",
  daddr: "ipv4_addr",
  src: "ipv4_addr",
  dst: "ipv4_addr",
  "proto-src": "inet_service",
  "proto-dst": "inet_service",
  zone: "integer",
  id: "integer",
  packets: "integer",
  bytes: "integer",
};

/** Name of the data type of what an expression reads; undefined: this is not emulated. */
export function metaType(key: string): string | undefined {
  return META_TYPES[key];
}

/** Types of the parts of an expression. */
export function typesOf(expr: NftExpr): readonly string[] {
  if (expr.kind === "concat") return expr.parts.flatMap(typesOf);
  return [typeOf(expr)];
}

export function typeOf(expr: NftExpr): string {
  switch (expr.kind) {
    case "payload":
      return PROTOCOLS.get(expr.proto)?.get(expr.field)?.type ?? "integer";
    case "meta":
      return META_TYPES[expr.key] ?? "integer";
    case "ct":
      return CT_TYPES[expr.key] ?? "integer";
    case "fib":
      if (expr.present) return "boolean";
      return expr.result === "type" ? "fib_addrtype" : expr.result === "oif" ? "iface_index" : "ifname";
    case "rt":
      return expr.key === "nexthop" ? "ipv4_addr" : "integer";
    case "bitwise":
      return typeOf(expr.left);
    case "map":
      return "spec" in expr.set ? (expr.set.spec.dataTypes?.[0] ?? "integer") : "integer";
    default:
      return "integer";
  }
}

/** Length in bits, for values that must fit. */
export function bitsOf(expr: NftExpr): number {
  if (expr.kind === "payload") return expr.bits;
  if (expr.kind === "bitwise") return bitsOf(expr.left);
  if (expr.kind === "tcpopt") return 16;
  return 32;
}
