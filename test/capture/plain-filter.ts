// What a capture filter means, worked out from its expression frame by frame without any program: the other account
// against which the compiled programs are held. A read past the end of the frame rejects it whatever the rest says, a vlan
// test moves all later tests four bytes on.

import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2 } from "../../src/capture/capture.ts";
import type { FilterOptions, FrameFilter } from "../../src/capture/filter.ts";
import {
  checkPortProto,
  IPV4_ONLY,
  macBytes,
  PROTOCOL_NUMBERS,
  partialAddress,
  portNamed,
  portRangeNamed,
  prefixMask,
  protocolNamed,
} from "../../src/capture/filter-names.ts";
import {
  type AddressKind,
  type Arithmetic,
  type Direction,
  type Expression,
  FilterError,
  type Identifier,
  type Proto,
  parseFilter,
  type Qualifier,
} from "../../src/capture/filter-parse.ts";
import { PACKET_OUTGOING } from "../../src/capture/sll2.ts";
import { parseIpv6 } from "../../src/wire/addr.ts";
import * as ethernet from "../../src/wire/ethernet.ts";
import { get16, get32 } from "../../src/wire/layout.ts";

/** Compiles an expression; an empty one passes every frame. Throws FilterError with the words after `tcpdump: `. */
export function plainFilter(text: string, options: FilterOptions = {}): FrameFilter {
  const expression = parseFilter(text);
  if (expression === undefined) return () => true;
  const test = new Compiler(options).compile(expression);
  const frame: Frame = { b: EMPTY, at: 0, end: 0, wireLength: 0, failed: false };
  return (b, length, from = 0, wireLength = length) => {
    frame.b = b;
    frame.at = from;
    frame.end = from + length;
    frame.wireLength = wireLength;
    frame.failed = false;
    return test(frame) && !frame.failed;
  };
}

const EMPTY = new Uint8Array(0);

/** The frame under test; `failed` once a test has read past its end. */
interface Frame {
  b: Uint8Array;
  at: number;
  end: number;
  wireLength: number;
  failed: boolean;
}
type Test = (frame: Frame) => boolean;
type Value = (frame: Frame) => number;

function u8(frame: Frame, offset: number): number {
  const at = frame.at + offset;
  if (offset >= 0 && at < frame.end) return frame.b[at]!;
  frame.failed = true;
  return 0;
}

function u16(frame: Frame, offset: number): number {
  const at = frame.at + offset;
  if (offset >= 0 && at + 2 <= frame.end) return get16(frame.b, at);
  frame.failed = true;
  return 0;
}

function u32(frame: Frame, offset: number): number {
  const at = frame.at + offset;
  if (offset >= 0 && at + 4 <= frame.end) return get32(frame.b, at);
  frame.failed = true;
  return 0;
}

const STP_SAP = 0x42;
const ETHERMTU = 1500;

const both =
  (left: Test, right: Test): Test =>
  (frame) =>
    left(frame) && right(frame);
const any =
  (left: Test, right: Test): Test =>
  (frame) =>
    left(frame) || right(frame);

class Compiler {
  /** Where the link layer's type and payload are; a vlan test moves both on. */
  private typeAt: number;
  private payloadAt: number;
  private readonly isEthernet: boolean;
  private readonly options: FilterOptions;

  constructor(options: FilterOptions) {
    this.options = options;
    const linkType = options.linkType ?? LINKTYPE_ETHERNET;
    this.isEthernet = linkType === LINKTYPE_ETHERNET;
    if (!this.isEthernet && linkType !== LINKTYPE_LINUX_SLL2) {
      throw new FilterError(`link type ${linkType} filtering not implemented`);
    }
    this.typeAt = this.isEthernet ? 12 : 0;
    this.payloadAt = this.isEthernet ? 14 : 20;
  }

  compile(expression: Expression): Test {
    switch (expression.node) {
      case "and":
      case "or": {
        const left = this.compile(expression.left);
        const right = this.compile(expression.right); // in this order: a vlan test on the left moves the right
        return expression.node === "and" ? both(left, right) : any(left, right);
      }
      case "not": {
        const operand = this.compile(expression.operand);
        return (frame) => !operand(frame);
      }
      case "proto":
        return this.abbreviation(expression.proto);
      case "match":
        return this.match(expression.qualifier, expression.id);
      case "compare":
        return this.comparison(expression);
      case "broadcast":
        return this.broadcast(expression.proto);
      case "multicast":
        return this.multicast(expression.proto);
      case "less":
        return (frame) => frame.wireLength <= expression.bytes;
      case "greater":
        return (frame) => frame.wireLength >= expression.bytes;
      case "inbound":
      case "outbound":
        return this.passage(expression.node === "outbound");
      case "ifindex":
        if (this.isEthernet) throw new FilterError("ifindex not supported on Ethernet when reading savefiles");
        return (frame) => u16(frame, 4) * 65536 + u16(frame, 6) === expression.index;
      case "vlan":
        return this.vlan(expression.id);
    }
  }

  private etherType(type: number): Test {
    const { typeAt, isEthernet } = this;
    if (type > ETHERMTU) return (frame) => u16(frame, typeAt) === type;
    // A number this low is an LLC service access point.
    if (isEthernet) return (frame) => u16(frame, typeAt) <= ETHERMTU && u8(frame, typeAt + 2) === type;
    return (frame) => u16(frame, typeAt) === type;
  }

  /** A protocol's name alone. */
  private abbreviation(proto: Proto): Test {
    switch (proto) {
      case "ip":
        return this.etherType(ethernet.ETH_P_IP);
      case "ip6":
        return this.etherType(ethernet.ETH_P_IPV6);
      case "arp":
        return this.etherType(ethernet.ETH_P_ARP);
      case "rarp":
        return this.etherType(ethernet.ETH_P_RARP);
      case "stp":
        return this.etherType(STP_SAP);
      case "link":
      case "default":
        throw new FilterError("link layer applied in wrong context");
      case "icmp6":
        return this.nextHeader(58);
      default: {
        const number = PROTOCOL_NUMBERS.get(proto)!;
        return IPV4_ONLY.has(proto) ? this.ipProtocol(number) : any(this.ipProtocol(number), this.nextHeader(number));
      }
    }
  }

  private ipProtocol(number: number): Test {
    const { payloadAt } = this;
    return both(this.etherType(ethernet.ETH_P_IP), (frame) => u8(frame, payloadAt + 9) === number);
  }

  /** IPv6's next header, or that of a fragment header right behind it. */
  private nextHeader(number: number): Test {
    const { payloadAt } = this;
    return both(this.etherType(ethernet.ETH_P_IPV6), (frame) => {
      const next = u8(frame, payloadAt + 6);
      return next === number || (next === 44 && u8(frame, payloadAt + 40) === number);
    });
  }

  private match(qualifier: Qualifier | undefined, id: Identifier): Test {
    if (qualifier === undefined) throw new FilterError("syntax error in filter expression");
    switch (id.kind) {
      case "name":
        return this.matchName(qualifier, id.text);
      case "number":
        return this.matchNumber(qualifier, id.value);
      case "address4":
        return this.matchAddress4(qualifier, id.text, id.prefix, id.mask);
      case "address6":
        return this.matchAddress6(qualifier, id.text, id.prefix);
      case "mac":
        if (qualifier.proto !== "link" || (qualifier.kind !== "host" && qualifier.kind !== "default")) {
          throw new FilterError("ethernet address used in non-ether expression");
        }
        return this.etherHost(macBytes(id.text), qualifier.direction);
    }
  }

  private matchName({ proto, direction, kind }: Qualifier, name: string): Test {
    switch (kind) {
      case "default":
      case "host": {
        if (proto === "link") throw new FilterError(`unknown ether host '${name}'`);
        const addresses = this.options.resolveHost?.(name) ?? [];
        if (addresses.length === 0) throw new FilterError(`unknown host '${name}'`);
        return addresses
          .map((address) => this.ipHost(address, 0xffffffff, proto, direction, kind))
          .reduce((left, right) => any(left, right));
      }
      case "net":
        throw new FilterError(`unknown network '${name}'`);
      case "port": {
        checkPortProto(proto, "port");
        const { port, protocols } = portNamed(name);
        if (proto !== "default" && !protocols.some((known) => known === proto)) {
          throw new FilterError(`port '${name}' is ${protocols[0]}`);
        }
        return this.port(
          port,
          port,
          proto !== "default" ? proto : protocols.length === 1 ? protocols[0]! : "default",
          direction,
        );
      }
      case "portrange": {
        checkPortProto(proto, "portrange");
        const { low, high, only } = portRangeNamed(name);
        if (proto !== "default" && only !== undefined && only !== proto) {
          throw new FilterError(`port in range '${name}' is ${only}`);
        }
        return this.port(low, high, proto !== "default" ? proto : (only ?? "default"), direction);
      }
      case "proto":
        return this.protocol(protocolNamed(name, proto), proto, direction);
      case "gateway":
        throw new FilterError("'gateway' not supported in this configuration");
    }
  }

  private matchNumber({ proto, direction, kind }: Qualifier, value: number): Test {
    switch (kind) {
      case "default":
      case "host":
      case "net": {
        if (proto === "link") throw new FilterError("illegal link layer address");
        let mask = 0xffffffff;
        if (kind === "net") {
          while (value !== 0 && value >>> 24 === 0) {
            value = (value << 8) >>> 0;
            mask = (mask << 8) >>> 0;
          }
        }
        return this.ipHost(value, mask, proto, direction, kind);
      }
      case "port":
      case "portrange":
        checkPortProto(proto, kind);
        if (value > 65535) throw new FilterError(`illegal port number ${value} > 65535`);
        return this.port(value, value, proto, direction);
      case "proto":
        return this.protocol(value, proto, direction);
      case "gateway":
        throw new FilterError("'gateway' requires a name");
    }
  }

  private matchAddress4(
    { proto, direction, kind }: Qualifier,
    text: string,
    prefix: number | undefined,
    maskText: string | undefined,
  ): Test {
    const { address, mask } = partialAddress(text);
    if (prefix === undefined && maskText === undefined) {
      if (kind === "port" || kind === "portrange" || kind === "proto") {
        throw new FilterError(`'${kind}' modifier applied to ip host`);
      }
      if (kind === "gateway") throw new FilterError("'gateway' requires a name");
      if (proto === "link") throw new FilterError("illegal link layer address");
      return this.ipHost(address, mask, proto, direction, kind);
    }
    const given = maskText === undefined ? `${text}/${prefix}` : `${text} mask ${maskText}`;
    const wanted = maskText === undefined ? prefixMask(prefix!) : partialAddress(maskText).address;
    if ((address & ~wanted) !== 0) throw new FilterError(`non-network bits set in "${given}"`);
    if (kind !== "net") throw new FilterError("Mask syntax for networks only");
    return this.ipHost(address, wanted, proto, direction, kind);
  }

  private matchAddress6({ proto, direction, kind }: Qualifier, text: string, prefix: number = 128): Test {
    const address = parseIpv6(text);
    if (address === undefined) throw new FilterError(`bogus IPv6 address ${text}`);
    if (prefix > 128) throw new FilterError("mask length must be <= 128");
    const mask = Uint8Array.from(
      { length: 16 },
      (_, i) => (0xff00 >>> Math.min(8, Math.max(0, prefix - 8 * i))) & 0xff,
    );
    if (address.some((byte, i) => (byte & ~mask[i]!) !== 0)) {
      throw new FilterError(`non-network bits set in "${text}/${prefix}"`);
    }
    if (kind !== "net" && kind !== "host" && kind !== "default") {
      throw new FilterError("invalid qualifier against IPv6 address");
    }
    if (kind !== "net" && prefix !== 128) throw new FilterError("Mask syntax for networks only");
    const what = kind === "net" ? "net" : "host";
    if (proto === "link") throw new FilterError(`link-layer modifier applied to ip6 ${what}`);
    if (proto !== "default" && proto !== "ip6") throw new FilterError(`'${proto}' modifier applied to ip6 ${what}`);
    const words = [0, 4, 8, 12]
      .map((at) => ({ at, value: get32(address, at), mask: get32(mask, at) }))
      .filter((word) => word.mask !== 0);
    const { payloadAt } = this;
    const at =
      (offset: number): Test =>
      (frame) => {
        for (const word of words) {
          if ((u32(frame, payloadAt + offset + word.at) & word.mask) >>> 0 !== word.value) return false;
        }
        return true;
      };
    return both(this.etherType(ethernet.ETH_P_IPV6), directed(direction, at(8), at(24)));
  }

  private ipHost(address: number, mask: number, proto: Proto, direction: Direction, kind: AddressKind): Test {
    const what = kind === "net" ? "net" : "host";
    if (proto === "ip6") throw new FilterError("'ip6' modifier applied to ip host");
    if (proto === "link") throw new FilterError(`link-layer modifier applied to ${what}`);
    if (proto !== "default" && proto !== "ip" && proto !== "arp" && proto !== "rarp") {
      throw new FilterError(`'${proto}' modifier applied to ${what}`);
    }
    const { payloadAt } = this;
    const at =
      (offset: number): Test =>
      (frame) =>
        mask === 0 || ((u32(frame, payloadAt + offset) ^ address) & mask) === 0;
    const ip = (): Test => both(this.etherType(ethernet.ETH_P_IP), directed(direction, at(12), at(16)));
    const arp = (type: number): Test => both(this.etherType(type), directed(direction, at(14), at(24)));
    if (proto === "ip") return ip();
    if (proto === "arp") return arp(ethernet.ETH_P_ARP);
    if (proto === "rarp") return arp(ethernet.ETH_P_RARP);
    return any(ip(), any(arp(ethernet.ETH_P_ARP), arp(ethernet.ETH_P_RARP)));
  }

  private etherHost(mac: Uint8Array, direction: Direction): Test {
    if (!this.isEthernet) {
      throw new FilterError(
        "ethernet addresses supported only on ethernet/FDDI/token ring/802.11/ATM LANE/Fibre Channel",
      );
    }
    const at =
      (offset: number): Test =>
      (frame) =>
        u32(frame, offset + 2) === get32(mac, 2) && u16(frame, offset) === get16(mac, 0);
    return directed(direction, at(ethernet.SOURCE), at(ethernet.DESTINATION));
  }

  private protocol(number: number, proto: Proto, direction: Direction): Test {
    if (direction !== "default") throw new FilterError("direction applied to 'proto'");
    switch (proto) {
      case "default":
        return any(this.ipProtocol(number), this.nextHeader(number));
      case "link":
        return this.etherType(number);
      case "ip":
        return this.ipProtocol(number);
      case "ip6":
        return this.nextHeader(number);
      case "arp":
      case "rarp":
        throw new FilterError(`${proto} does not encapsulate another protocol`);
      default:
        throw new FilterError(`'${proto} proto' is bogus`);
    }
  }

  /** Ports from `low` to `high` of TCP, UDP or SCTP, in IPv4 packets that are no later fragments and in plain IPv6. */
  private port(low: number, high: number, proto: Proto, direction: Direction): Test {
    if (low > high) return this.port(high, low, proto, direction);
    const wanted = PROTOCOL_NUMBERS.get(proto);
    const carries = (protocol: number): boolean =>
      wanted === undefined ? protocol === 6 || protocol === 17 || protocol === 132 : protocol === wanted;
    const { payloadAt } = this;
    const within = (port: number): boolean => port >= low && port <= high;
    const ports4 = directed(
      direction,
      (frame) => within(u16(frame, transportAt(frame, payloadAt))),
      (frame) => within(u16(frame, transportAt(frame, payloadAt) + 2)),
    );
    const ports6 = directed(
      direction,
      (frame) => within(u16(frame, payloadAt + 40)),
      (frame) => within(u16(frame, payloadAt + 42)),
    );
    const ip: Test = (frame) =>
      carries(u8(frame, payloadAt + 9)) && (u16(frame, payloadAt + 6) & 0x1fff) === 0 && ports4(frame);
    const ip6: Test = (frame) => carries(u8(frame, payloadAt + 6)) && ports6(frame);
    return any(both(this.etherType(ethernet.ETH_P_IP), ip), both(this.etherType(ethernet.ETH_P_IPV6), ip6));
  }

  private broadcast(proto: Proto): Test {
    if (proto === "default" || proto === "link") {
      if (!this.isEthernet) throw new FilterError("not a broadcast link");
      return (frame) => u32(frame, 2) === 0xffffffff && u16(frame, 0) === 0xffff;
    }
    if (proto !== "ip") throw new FilterError("only link-layer/IP broadcast filters supported");
    const hostMask = ~(this.options.netmask ?? 0) >>> 0;
    const { payloadAt } = this;
    return both(this.etherType(ethernet.ETH_P_IP), (frame) => {
      const host = (u32(frame, payloadAt + 16) & hostMask) >>> 0;
      return host === 0 || host === hostMask;
    });
  }

  private multicast(proto: Proto): Test {
    const { payloadAt } = this;
    if ((proto === "default" || proto === "link") && this.isEthernet) return (frame) => (u8(frame, 0) & 1) !== 0;
    if (proto === "ip") {
      return both(this.etherType(ethernet.ETH_P_IP), (frame) => u8(frame, payloadAt + 16) >= 224);
    }
    if (proto === "ip6") {
      return both(this.etherType(ethernet.ETH_P_IPV6), (frame) => u8(frame, payloadAt + 24) === 255);
    }
    throw new FilterError(
      "link-layer multicast filters supported only on ethernet/FDDI/token ring/ARCNET/802.11/ATM LANE/Fibre Channel",
    );
  }

  /** Only a cooked capture's frames say which way they went. */
  private passage(outbound: boolean): Test {
    if (this.isEthernet) throw new FilterError("inbound/outbound not supported on Ethernet when reading savefiles");
    return (frame) => (u8(frame, 10) === PACKET_OUTGOING) === outbound;
  }

  private vlan(id: number | undefined): Test {
    if (!this.isEthernet) throw new FilterError("no VLAN support for Linux cooked v2");
    if (id !== undefined && id > 4095) throw new FilterError(`VLAN tag ${id} greater than maximum 4095`);
    const { typeAt, payloadAt } = this;
    this.typeAt += 4;
    this.payloadAt += 4;
    return (frame) => {
      const type = u16(frame, typeAt);
      if (type !== 0x8100 && type !== 0x88a8 && type !== 0x9100) return false;
      return id === undefined || (u16(frame, payloadAt) & 0x0fff) === id;
    };
  }

  private comparison(expression: Extract<Expression, { node: "compare" }>): Test {
    const checks: Test[] = [];
    const left = this.value(expression.left, checks);
    const right = this.value(expression.right, checks);
    const compare = COMPARISONS.get(expression.operator)!;
    const test: Test = (frame) => compare(left(frame), right(frame));
    return checks.reduceRight((rest, check) => both(check, rest), test);
  }

  /** What computes a value, and in `checks` what must hold before its bytes mean anything. */
  private value(node: Arithmetic, checks: Test[]): Value {
    switch (node.node) {
      case "number":
        return () => node.value;
      case "length":
        return (frame) => frame.wireLength;
      case "negate": {
        const operand = this.value(node.operand, checks);
        return (frame) => -operand(frame) >>> 0;
      }
      case "binary": {
        const left = this.value(node.left, checks);
        const right = this.value(node.right, []); // libpcap, too, keeps only the left side's protocol checks
        if (
          (node.operator === "/" || node.operator === "%") &&
          node.right.node === "number" &&
          node.right.value === 0
        ) {
          throw new FilterError(node.operator === "/" ? "division by zero" : "modulus by zero");
        }
        const operate = OPERATORS.get(node.operator)!;
        return (frame) => operate(left(frame), right(frame), frame);
      }
      case "load": {
        const index = this.value(node.index, checks);
        const base = this.loadBase(node.proto, checks);
        const read = node.size === 1 ? u8 : node.size === 2 ? u16 : u32;
        return (frame) => read(frame, (base(frame) + index(frame)) >>> 0);
      }
    }
  }

  private loadBase(proto: Proto, checks: Test[]): Value {
    const { payloadAt } = this;
    switch (proto) {
      case "link":
        return () => 0;
      case "ip":
      case "ip6":
      case "arp":
      case "rarp":
        checks.push(this.abbreviation(proto));
        return () => payloadAt;
      case "icmp6":
        checks.push(this.abbreviation("ip6"), (frame) => u8(frame, payloadAt + 6) === 58);
        return () => payloadAt + 40;
      case "tcp":
      case "udp":
      case "sctp":
      case "icmp":
      case "igmp":
      case "igrp":
      case "pim":
      case "vrrp":
      case "carp":
        checks.push(
          this.abbreviation("ip"),
          this.abbreviation(proto),
          (frame) => (u16(frame, payloadAt + 6) & 0x1fff) === 0,
        );
        return (frame) => transportAt(frame, payloadAt);
      default:
        throw new FilterError("unsupported index operation");
    }
  }
}

function transportAt(frame: Frame, payloadAt: number): number {
  return payloadAt + (u8(frame, payloadAt) & 15) * 4;
}

function directed(direction: Direction, source: Test, destination: Test): Test {
  switch (direction) {
    case "src":
      return source;
    case "dst":
      return destination;
    case "and":
      return both(source, destination);
    default:
      return any(source, destination);
  }
}

const COMPARISONS: ReadonlyMap<string, (a: number, b: number) => boolean> = new Map([
  [">", (a: number, b: number): boolean => a > b],
  [">=", (a: number, b: number): boolean => a >= b],
  ["=", (a: number, b: number): boolean => a === b],
  ["<", (a: number, b: number): boolean => a < b],
  ["<=", (a: number, b: number): boolean => a <= b],
  ["!=", (a: number, b: number): boolean => a !== b],
]);

/** Unsigned 32-bit arithmetic; dividing by zero rejects the frame. */
const OPERATORS: ReadonlyMap<string, (a: number, b: number, frame: Frame) => number> = new Map([
  ["+", (a: number, b: number): number => (a + b) >>> 0],
  ["-", (a: number, b: number): number => (a - b) >>> 0],
  ["*", (a: number, b: number): number => Math.imul(a, b) >>> 0],
  ["/", (a: number, b: number, frame: Frame): number => (b === 0 ? divideByZero(frame) : Math.floor(a / b))],
  ["%", (a: number, b: number, frame: Frame): number => (b === 0 ? divideByZero(frame) : a % b)],
  ["&", (a: number, b: number): number => (a & b) >>> 0],
  ["|", (a: number, b: number): number => (a | b) >>> 0],
  ["^", (a: number, b: number): number => (a ^ b) >>> 0],
  ["<<", (a: number, b: number): number => (a << b) >>> 0],
  [">>", (a: number, b: number): number => a >>> b],
]);

function divideByZero(frame: Frame): number {
  frame.failed = true;
  return 0;
}
