// Rewrites a captured frame so that only what a kernel draws at random or takes from its clock is lost, and the rest can be
// compared field by field: the rules of the kernel recordings' comparison. Each frame becomes a list of named fields.
//
//   MAC addresses       numbered by first appearance, except group addresses, zero, 02:42:<IPv4> and 02:00:00:*:*:*
//   IPv4 identification for TCP relative to the first of its flow and direction (0 stays 0); else zero or not
//   TCP and UDP ports   those of 1024 and up that are not to be kept are numbered by first appearance
//   TCP seq, ack, SACK  relative to the nearest first sequence number of each side
//   TCP timestamps      the value: present; the echo: zero or not
//   ICMP echo id        numbered by first appearance; the first 16 bytes of data (ping's clock) are blanked
//   checksums           become what they are: valid, partial (the pseudo-header's sum, left to offload), zero or wrong
//   HTTP Date, DNS id   blanked;  VXLAN: the frame inside is rewritten likewise;  IGMP, MLD: membership() names them

import { latin1 } from "../base/bytes.ts";
import { hex } from "../base/text.ts";
import { formatIpv4, formatIpv6, formatMac } from "../wire/addr.ts";
import * as checksum from "../wire/checksum.ts";
import { get16, get32 } from "../wire/layout.ts";

export interface Field {
  readonly name: string;
  readonly value: string;
}

type Side = string;

/** Rewrites the frames of one capture in order, keeping what it has numbered. */
export class Canon {
  private readonly macs = new Map<string, number>();
  private readonly ports = new Map<number, number>();
  private readonly echoIds = new Map<number, number>();
  private readonly firstSequences = new Map<Side, number[]>();
  private readonly firstIds = new Map<string, number>();
  private readonly keepPorts: ReadonlySet<number>;
  private fields: Field[] = [];
  private prefix = "";

  constructor(keepPorts: ReadonlySet<number>) {
    this.keepPorts = keepPorts;
  }

  /** The fields of the Ethernet frame `raw`; a frame too short for a header is one field. */
  frame(raw: Uint8Array): Field[] {
    this.fields = [];
    this.prefix = "";
    if (raw.length < 14) this.add("frame", hex(raw));
    else this.ethernet(raw);
    return this.fields;
  }

  private add(name: string, value: string | number): void {
    this.fields.push({ name: this.prefix + name, value: String(value) });
  }

  private number<Key>(table: Map<Key, number>, key: Key): number {
    let value = table.get(key);
    if (value === undefined) {
      value = table.size + 1;
      table.set(key, value);
    }
    return value;
  }

  private mac(b: Uint8Array): string {
    const text = formatMac(b);
    const docker = b[0] === 2 && b[1] === 0x42 && (b[2] === 0xac || b[2] === 0xc0 || b[2] === 0x0a);
    const lab = b[0] === 2 && b[1] === 0 && b[2] === 0;
    if ((b[0]! & 1) !== 0 || docker || lab || text === "00:00:00:00:00:00") return text;
    return `mac${this.number(this.macs, text)}`;
  }

  private port(port: number): string {
    return port < 1024 || this.keepPorts.has(port) ? String(port) : `port${this.number(this.ports, port)}`;
  }

  private ethernet(raw: Uint8Array): void {
    this.add("ethernet destination", this.mac(raw.subarray(0, 6)));
    this.add("ethernet source", this.mac(raw.subarray(6, 12)));
    let type = get16(raw, 12);
    let body = raw.subarray(14);
    while ((type === 0x8100 || type === 0x88a8) && body.length >= 4) {
      this.add("vlan tag", hex(body.subarray(0, 2)));
      type = get16(body, 2);
      body = body.subarray(4);
    }
    this.add("ethernet type", `0x${type.toString(16).padStart(4, "0")}`);
    if (type === 0x0806 && body.length >= 28) this.arp(body);
    else if (type === 0x0800 && body.length >= 20) this.ipv4(body, false);
    else if (type === 0x86dd && body.length >= 40) this.ipv6(body);
    else this.add("payload", hex(body));
  }

  private arp(b: Uint8Array): void {
    this.add("arp hardware", hex(b.subarray(0, 6)));
    this.add("arp operation", get16(b, 6));
    this.add("arp sender mac", this.mac(b.subarray(8, 14)));
    this.add("arp sender ip", formatIpv4(get32(b, 14)));
    this.add("arp target mac", this.mac(b.subarray(18, 24)));
    this.add("arp target ip", formatIpv4(get32(b, 24)));
    this.add("arp padding", hex(b.subarray(28)));
  }

  private ipv4(body: Uint8Array, quoted: boolean): void {
    const headerLength = Math.min((body[0]! & 15) * 4, body.length);
    const total = get16(body, 2);
    const id = get16(body, 4);
    const fragment = get16(body, 6);
    const protocol = body[9]!;
    const source = body.subarray(12, 16);
    const destination = body.subarray(16, 20);
    const payload = quoted ? body.subarray(headerLength) : body.subarray(headerLength, Math.max(total, headerLength));
    const trailer = quoted ? new Uint8Array(0) : body.subarray(total);
    this.add("ip version and header length", `0x${hex(body.subarray(0, 1))}`);
    this.add("ip tos", `0x${hex(body.subarray(1, 2))}`);
    this.add("ip total length", total);
    this.add("ip id", this.idText(body, payload, id, protocol, quoted));
    this.add("ip flags and offset", `0x${fragment.toString(16).padStart(4, "0")}`);
    this.add("ip ttl", body[8]!);
    this.add("ip protocol", protocol);
    this.add("ip checksum", checksum.headerIsValid(body, 0, headerLength) ? "valid" : "wrong");
    this.add("ip source", formatIpv4(get32(source, 0)));
    this.add("ip destination", formatIpv4(get32(destination, 0)));
    this.add("ip options", hex(body.subarray(20, headerLength)));
    if ((fragment & 0x1fff) !== 0) this.add("ip fragment data", hex(payload));
    else this.transport(protocol, source, destination, payload, quoted || (fragment & 0x2000) !== 0);
    this.add("trailer", hex(trailer));
  }

  private idText(body: Uint8Array, payload: Uint8Array, id: number, protocol: number, quoted: boolean): string {
    if (protocol !== 6 || quoted || id === 0) return id === 0 ? "0" : "nonzero";
    const flow = hex(body.subarray(12, 20)) + hex(payload.subarray(0, 4));
    const first = this.firstIds.get(flow) ?? id;
    this.firstIds.set(flow, first);
    return `first+${(id - first) & 0xffff}`;
  }

  private ipv6(body: Uint8Array): void {
    const length = get16(body, 4);
    const next = body[6]!;
    const source = body.subarray(8, 24);
    const destination = body.subarray(24, 40);
    const payload = body.subarray(40, 40 + length);
    this.add("ip6 traffic class", (get16(body, 0) >>> 4) & 255);
    this.add("ip6 payload length", length);
    this.add("ip6 hop limit", body[7]!);
    this.add("ip6 source", formatIpv6(source));
    this.add("ip6 destination", formatIpv6(destination));
    if (next === 58 && payload.length >= 8) this.icmp6(source, destination, payload);
    else this.transport(next, source, destination, payload, false);
    this.add("trailer", hex(body.subarray(40 + length)));
  }

  private icmp6(source: Uint8Array, destination: Uint8Array, b: Uint8Array): void {
    const type = b[0]!;
    this.add("icmp6 type", type);
    this.add("icmp6 code", b[1]!);
    this.add("icmp6 checksum", transportChecksum(58, source, destination, b, 2));
    if (type === 128 || type === 129) this.echo("icmp6", b);
    else if ((type === 135 || type === 136) && b.length >= 32) {
      this.add("icmp6 target", hex(b.subarray(4, 24)));
      this.add("icmp6 option", hex(b.subarray(24, 26)));
      this.add("icmp6 option mac", this.mac(b.subarray(26, 32)));
      this.add("icmp6 rest", hex(b.subarray(32)));
    } else this.add("icmp6 rest", hex(b.subarray(4)));
  }

  private echo(name: string, b: Uint8Array): void {
    this.add(`${name} echo id`, `id${this.number(this.echoIds, get16(b, 4))}`);
    this.add(`${name} echo seq`, get16(b, 6));
    const blank = Math.min(16, b.length - 8);
    this.add(`${name} echo data`, "--".repeat(blank) + hex(b.subarray(8 + blank)));
  }

  /** `cut`: the segment may not be all there, so that its checksum says nothing. */
  private transport(protocol: number, source: Uint8Array, destination: Uint8Array, b: Uint8Array, cut: boolean): void {
    if (protocol === 1 && b.length >= 8) this.icmp(b, cut);
    else if (protocol === 17 && b.length >= 8) this.udp(source, destination, b, cut);
    else if (protocol === 6 && b.length >= 20) this.tcp(source, destination, b, cut);
    else this.add("ip payload", hex(b));
  }

  private icmp(b: Uint8Array, cut: boolean): void {
    const type = b[0]!;
    this.add("icmp type", type);
    this.add("icmp code", b[1]!);
    this.add("icmp checksum", cut ? "cut" : checksum.sum(b, 0, b.length) === 0xffff ? "valid" : "wrong");
    if (type === 0 || type === 8) this.echo("icmp", b);
    else if ((type === 3 || type === 4 || type === 5 || type === 11 || type === 12) && b.length >= 28) {
      this.add("icmp rest", hex(b.subarray(4, 8)));
      this.within("quoted ", () => this.ipv4(b.subarray(8), true));
    } else this.add("icmp rest", hex(b.subarray(4)));
  }

  private within(label: string, body: () => void): void {
    const before = this.prefix;
    this.prefix += label;
    body();
    this.prefix = before;
  }

  private udp(source: Uint8Array, destination: Uint8Array, b: Uint8Array, cut: boolean): void {
    const sport = get16(b, 0);
    const dport = get16(b, 2);
    this.add("udp source port", this.port(sport));
    this.add("udp destination port", this.port(dport));
    this.add("udp length", get16(b, 4));
    this.add("udp checksum", cut ? "cut" : transportChecksum(17, source, destination, b, 6));
    const data = b.subarray(8);
    if ((dport === 4789 || dport === 8472) && data.length >= 22) {
      this.add("vxlan header", hex(data.subarray(0, 8)));
      this.within("inner ", () => this.ethernet(data.subarray(8)));
    } else if ((sport === 53 || dport === 53) && data.length > 2) this.add("udp data", `0000${hex(data.subarray(2))}`);
    else this.add("udp data", hex(data));
  }

  /** A number counted from that side's nearest first sequence number; "?" where none is known and none may begin. */
  private relative(side: Side, number: number, mayBegin: boolean): string {
    const known = this.firstSequences.get(side);
    if (known === undefined) {
      if (!mayBegin) return "?";
      this.firstSequences.set(side, [number]);
      return "0";
    }
    return String(Math.min(...known.map((first) => (number - first) >>> 0)));
  }

  private tcp(source: Uint8Array, destination: Uint8Array, b: Uint8Array, cut: boolean): void {
    const sport = get16(b, 0);
    const dport = get16(b, 2);
    const sequence = get32(b, 4);
    const acknowledgment = get32(b, 8);
    const flags = get16(b, 12) & 0x1ff;
    const headerLength = (b[12]! >>> 4) * 4;
    const mine = `${hex(source)}:${sport} ${hex(destination)}:${dport}`;
    const theirs = `${hex(destination)}:${dport} ${hex(source)}:${sport}`;
    if ((flags & 2) !== 0 && !cut) {
      // One more beginning: two SYN-ACKs may race.
      const known = this.firstSequences.get(mine);
      if (known === undefined) this.firstSequences.set(mine, [sequence]);
      else known.push(sequence);
    }
    const mayBegin = (flags & 4) === 0 && !cut; // a reset or a quoted header may name another connection's numbers
    const relativeSequence = this.relative(mine, sequence, mayBegin);
    let relativeAck = mayBegin ? String(acknowledgment) : "0";
    if ((flags & 16) !== 0) relativeAck = this.relative(theirs, acknowledgment, mayBegin);
    const kind = cut ? "cut" : transportChecksum(6, source, destination, b, 16);
    const options = this.tcpOptions(b.subarray(20, Math.max(headerLength, 20)), theirs);
    this.add("tcp source port", this.port(sport));
    this.add("tcp destination port", this.port(dport));
    this.add("tcp seq", relativeSequence);
    this.add("tcp ack", relativeAck);
    this.add("tcp flags", flagText(flags));
    this.add("tcp window", get16(b, 14));
    this.add("tcp urgent pointer", get16(b, 18));
    this.add("tcp checksum", kind);
    this.add("tcp options", options);
    this.add("tcp data", latin1(b.subarray(headerLength)).replace(/Date: [^\r]*GMT/g, "Date: -"));
  }

  private tcpOptions(b: Uint8Array, theirs: Side): string {
    const texts: string[] = [];
    for (let at = 0; at < b.length; ) {
      const kind = b[at]!;
      if (kind < 2) {
        texts.push(kind === 0 ? "eol" : "nop");
        at++;
        continue;
      }
      const length = b[at + 1] ?? 0;
      if (length < 2) {
        texts.push(`broken ${hex(b.subarray(at))}`);
        break;
      }
      texts.push(this.tcpOption(kind, b.subarray(at + 2, at + length), theirs));
      at += length;
    }
    return texts.join(" ");
  }

  private tcpOption(kind: number, value: Uint8Array, theirs: Side): string {
    if (kind === 8 && value.length === 8) return `ts ecr ${get32(value, 4) === 0 ? "zero" : "echo"}`;
    if (kind !== 5 || value.length % 4 !== 0) return `${kind}:${hex(value)}`;
    const edges: string[] = [];
    for (let i = 0; i < value.length; i += 4) edges.push(this.relative(theirs, get32(value, i), false));
    return `sack ${edges.join(",")}`;
  }
}

const FLAG_NAMES = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"];

function flagText(flags: number): string {
  const names = FLAG_NAMES.filter((_, bit) => (flags & (1 << bit)) !== 0);
  return names.length === 0 ? "none" : names.join("|");
}

function transportChecksum(
  protocol: number,
  source: Uint8Array,
  destination: Uint8Array,
  segment: Uint8Array,
  at: number,
): checksum.ChecksumKind {
  const pseudo = checksum.fold(
    checksum.sum(source, 0, source.length) +
      checksum.sum(destination, 0, destination.length) +
      protocol +
      (segment.length >>> 16) +
      (segment.length & 0xffff),
  );
  return checksum.checksumKind(segment, 0, at, segment.length, pseudo, protocol === 17);
}

/** True for IGMP and MLD, also inside VXLAN: membership reports leave at random moments. */
export function isMembership(raw: Uint8Array): boolean {
  if (raw.length < 14) return false;
  const type = get16(raw, 12);
  if (type === 0x0800 && raw.length >= 34) {
    if (raw[23] === 2) return true;
    const at = 14 + (raw[14]! & 15) * 4;
    if (raw[23] !== 17 || raw.length < at + 30) return false;
    const port = get16(raw, at + 2);
    return (port === 4789 || port === 8472) && isMembership(raw.subarray(at + 16));
  }
  if (type !== 0x86dd || raw.length < 63 || raw[20] !== 0 || raw[54] !== 58) return false;
  const kind = raw[62]!;
  return kind === 0x82 || kind === 0x83 || kind === 0x84 || kind === 0x8f;
}
