// Compiles capture filter expressions (`tcpdump icmp and host 10.0.0.1`) to classic BPF, instruction for instruction as
// libpcap 1.10.3 does before it optimises (the functions of gencode.c are named below). Link types: Ethernet and
// LINUX_SLL2.
import type { Ipv4Addr } from "../wire/addr.ts";
import * as ethernet from "../wire/ethernet.ts";
import { get16, get32 } from "../wire/layout.ts";
import {
  BPF_ABS,
  BPF_ALU,
  BPF_AND,
  BPF_B,
  BPF_H,
  BPF_IND,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_JSET,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_MSH,
  BPF_W,
  type BpfInstruction,
  noAncillary,
  SKF_AD_IFINDEX,
  SKF_AD_OFF,
  SKF_AD_PKTTYPE,
} from "./bpf.ts";
import { compileBpf } from "./bpf-compile.ts";
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2 } from "./capture.ts";
import { compileComparison, type LoadContext, Registers } from "./filter-arithmetic.ts";
import { Block, both, either, finish, layOut, negated, returning, type Statement } from "./filter-blocks.ts";
import {
  addressMask6,
  checkPortProto,
  IPV4_ONLY,
  macBytes,
  PROTOCOL_NUMBERS,
  partialAddress,
  portNamed,
  portRangeNamed,
  prefixMask,
  protocolNamed,
} from "./filter-names.ts";
import { optimize } from "./filter-optimize.ts";
import {
  type AddressKind,
  type Direction,
  type Expression,
  FilterError,
  type Identifier,
  type Proto,
  parseFilter,
  type Qualifier,
  type Span,
} from "./filter-parse.ts";
import { PACKET_OUTGOING } from "./sll2.ts";

export { FilterError, pointAt } from "./filter-parse.ts";

/** True when the frame `b[from..from+length)` passes; `wireLength` is its length before it was cut. */
export type FrameFilter = (
  b: Uint8Array,
  length: number,
  from?: number,
  wireLength?: number,
  ancillary?: (what: number) => number,
) => boolean;

export interface FilterOptions {
  /** LINKTYPE_ number of the capture; Ethernet unless given. */
  readonly linkType?: number;
  /** Of an interface, whose frames come with what the kernel knows of them. */
  readonly live?: boolean;
  /** The interface's netmask, for `ip broadcast`; 0 when it has none. */
  readonly netmask?: number;
  /** As libpcap's program before it optimises (tcpdump -O). */
  readonly unoptimized?: boolean;
  /** What the program returns for a frame that passes; 262144 unless given. */
  readonly snapLength?: number;
  /** IPv4 addresses of a host name; without it no name is known. */
  readonly resolveHost?: (name: string) => readonly Ipv4Addr[] | undefined;
}

/** Compiles an expression; an empty one passes every frame. Throws FilterError with the words after `tcpdump: `. */
export function compileFilter(text: string, options: FilterOptions = {}): FrameFilter {
  const run = compileBpf(filterProgram(text, options));
  return (b, length, from = 0, wireLength = length, ancillary = noAncillary) =>
    run(b, from, length, wireLength, ancillary) !== 0;
}

/** The program of an expression, which returns how many bytes of a frame to keep: 0 or the snapshot length. */
export function filterProgram(text: string, options: FilterOptions = {}): BpfInstruction[] {
  const accept = options.snapLength ?? 262144;
  const expression = parseFilter(text);
  if (expression === undefined) return layOut(returning(accept));
  const root = finish(new Compiler(options).compile(expression), accept);
  if (options.unoptimized) return layOut(root);
  const program = layOut(optimize(root));
  if (program.length === 1 && program[0]!.k === 0) throw new FilterError("expression rejects all packets");
  return program;
}

const ETHERMTU = 1500;
const STP_SAP = 0x42;
const ALL_ONES = 0xffffffff;
/** Where a transport header's fields are: behind IPv4's header of any length, or IPv6's fixed one. */
type Transport = "ip" | "ip6";

class Compiler implements LoadContext {
  /** Where the link layer's type and payload are; a vlan test moves both on. */
  private typeAt: number;
  payloadAt: number;
  readonly registers: Registers = new Registers();
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

  compile(expression: Expression): Block {
    switch (expression.node) {
      case "and":
      case "or": {
        const left = this.compile(expression.left);
        const right = this.compile(expression.right); // in this order: a vlan test on the left moves the right
        return expression.node === "and" ? both(left, right) : either(left, right);
      }
      case "not":
        return negated(this.compile(expression.operand));
      case "proto":
        return this.abbreviation(expression.proto);
      case "match":
        return at(expression.at, () => this.match(expression.qualifier, expression.id));
      case "compare":
        return compileComparison(expression, this);
      case "broadcast":
        return this.broadcast(expression.proto);
      case "multicast":
        return this.multicast(expression.proto);
      case "less":
        return negated(new Block([{ code: BPF_LD | BPF_LEN, k: 0 }], BPF_JMP | BPF_JGT, expression.bytes));
      case "greater":
        return new Block([{ code: BPF_LD | BPF_LEN, k: 0 }], BPF_JMP | BPF_JGE, expression.bytes);
      case "inbound":
      case "outbound":
        return this.passage(expression.node === "outbound");
      case "ifindex":
        return this.ifindex(expression.index);
      case "vlan":
        return this.vlan(expression.id);
    }
  }

  /** A field of the network header. */
  field(offset: number, size: number, k: number, mask: number = ALL_ONES, jump: number = BPF_JEQ): Block {
    return test([load(this.payloadAt + offset, size)], k, mask, jump);
  }

  /** gen_linktype, gen_ether_linktype */
  private etherType(type: number): Block {
    const here = load(this.typeAt, BPF_H);
    if (type > ETHERMTU || !this.isEthernet) return test([here], type);
    // A number this low is an LLC service access point; the network layer's come in pairs.
    const llc = negated(test([here], ETHERMTU, ALL_ONES, BPF_JGT));
    const isPair = type === 0xfe || type === 0x06 || type === 0xf0;
    return both(llc, isPair ? this.field(0, BPF_H, (type << 8) | type) : this.field(0, BPF_B, type));
  }

  /** A protocol's name alone (gen_proto_abbrev). */
  abbreviation(proto: Proto): Block {
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
        return IPV4_ONLY.has(proto)
          ? this.ipProtocol(number)
          : either(this.ipProtocol(number), this.nextHeader(number));
      }
    }
  }

  private ipProtocol(number: number): Block {
    return both(this.etherType(ethernet.ETH_P_IP), this.field(9, BPF_B, number));
  }

  /** IPv6's next header, or that of a fragment header right behind it. */
  private nextHeader(number: number): Block {
    const behindFragment = both(this.field(6, BPF_B, 44), this.field(40, BPF_B, number));
    return both(this.etherType(ethernet.ETH_P_IPV6), either(this.field(6, BPF_B, number), behindFragment));
  }

  private match(qualifier: Qualifier, id: Identifier): Block {
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

  private matchName({ proto, direction, kind }: Qualifier, name: string): Block {
    switch (kind) {
      case "default":
      case "host": {
        if (proto === "link") throw new FilterError(`unknown ether host '${name}'`);
        const addresses = this.options.resolveHost?.(name) ?? [];
        if (addresses.length === 0) throw new FilterError(`unknown host '${name}'`);
        return addresses
          .map((address) => this.ipHost(address, 0xffffffff, proto, direction, kind))
          .reduce((left, right) => either(left, right));
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
        return this.port(low, high, proto !== "default" ? proto : (only ?? "default"), direction, true);
      }
      case "proto":
        return this.protocol(protocolNamed(name, proto), proto, direction);
      case "gateway":
        throw new FilterError("'gateway' not supported in this configuration");
    }
  }

  private matchNumber({ proto, direction, kind }: Qualifier, value: number): Block {
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
        return this.port(value, value, proto, direction, kind === "portrange");
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
  ): Block {
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

  private matchAddress6({ proto, direction, kind }: Qualifier, text: string, prefix: number = 128): Block {
    const { address, mask } = addressMask6(text, prefix);
    if (kind !== "net" && kind !== "host" && kind !== "default") {
      throw new FilterError("invalid qualifier against IPv6 address");
    }
    if (kind !== "net" && prefix !== 128) throw new FilterError("Mask syntax for networks only");
    const what = kind === "net" ? "net" : "host";
    if (proto === "link") throw new FilterError(`link-layer modifier applied to ip6 ${what}`);
    if (proto !== "default" && proto !== "ip6") throw new FilterError(`'${proto}' modifier applied to ip6 ${what}`);
    const at = (offset: number): Block => {
      const words = [0, 4, 8, 12].map((i) => this.field(offset + i, BPF_W, get32(address, i), get32(mask, i)));
      return both(
        this.etherType(ethernet.ETH_P_IPV6),
        words.reduceRight((rest, word) => both(word, rest)),
      );
    };
    return directed(
      direction,
      () => at(8),
      () => at(24),
    );
  }

  /** gen_host, gen_hostop */
  private ipHost(address: number, mask: number, proto: Proto, direction: Direction, kind: AddressKind): Block {
    const what = kind === "net" ? "net" : "host";
    if (proto === "ip6") throw new FilterError("'ip6' modifier applied to ip host");
    if (proto === "link") throw new FilterError(`link-layer modifier applied to ${what}`);
    if (proto !== "default" && proto !== "ip" && proto !== "arp" && proto !== "rarp") {
      throw new FilterError(`'${proto}' modifier applied to ${what}`);
    }
    const at = (type: number, source: number, destination: number): Block => {
      const one = (offset: number): Block =>
        both(this.etherType(type), this.field(offset, BPF_W, (address & mask) >>> 0, mask));
      return directed(
        direction,
        () => one(source),
        () => one(destination),
      );
    };
    if (proto === "ip") return at(ethernet.ETH_P_IP, 12, 16);
    if (proto === "arp") return at(ethernet.ETH_P_ARP, 14, 24);
    if (proto === "rarp") return at(ethernet.ETH_P_RARP, 14, 24);
    const ip = at(ethernet.ETH_P_IP, 12, 16);
    return either(either(ip, at(ethernet.ETH_P_ARP, 14, 24)), at(ethernet.ETH_P_RARP, 14, 24));
  }

  /** gen_ehostop, gen_bcmp: the last four bytes first */
  private etherHost(mac: Uint8Array, direction: Direction): Block {
    if (!this.isEthernet) {
      throw new FilterError(
        "ethernet addresses supported only on ethernet/FDDI/token ring/802.11/ATM LANE/Fibre Channel",
      );
    }
    const at = (offset: number): Block =>
      both(test([load(offset + 2, BPF_W)], get32(mac, 2)), test([load(offset, BPF_H)], get16(mac, 0)));
    return directed(
      direction,
      () => at(ethernet.SOURCE),
      () => at(ethernet.DESTINATION),
    );
  }

  private protocol(number: number, proto: Proto, direction: Direction): Block {
    if (direction !== "default") throw new FilterError("direction applied to 'proto'");
    switch (proto) {
      case "default":
        return either(this.ipProtocol(number), this.nextHeader(number));
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

  /**
   * Ports from `low` to `high` of TCP, UDP or SCTP, in IPv4 packets that are no later fragments and in plain IPv6
   * (gen_port, gen_port6, gen_portrange).
   */
  private port(low: number, high: number, proto: Proto, direction: Direction, isRange: boolean = false): Block {
    if (low > high) return this.port(high, low, proto, direction, isRange);
    const wanted = PROTOCOL_NUMBERS.get(proto);
    const protocols = wanted === undefined ? [132, 6, 17] : [wanted];
    const within = (transport: Transport, offset: number): Block => {
      const field = (k: number, jump: number): Block => test(this.transport(transport, offset), k, ALL_ONES, jump);
      return isRange ? both(field(low, BPF_JGE), negated(field(high, BPF_JGT))) : field(low, BPF_JEQ);
    };
    const ports = (transport: Transport): Block =>
      directed(
        direction,
        () => within(transport, 0),
        () => within(transport, 2),
      );
    const ip = protocols
      .map((number) => both(both(this.field(9, BPF_B, number), this.noLaterFragment()), ports("ip")))
      .reduce((left, right) => either(left, right));
    const ip6 = protocols
      .map((number) => both(this.field(6, BPF_B, number), ports("ip6")))
      .reduce((left, right) => either(left, right));
    return either(both(this.etherType(ethernet.ETH_P_IPV6), ip6), both(this.etherType(ethernet.ETH_P_IP), ip));
  }

  private transport(transport: Transport, offset: number): Statement[] {
    if (transport === "ip6") return [load(this.payloadAt + 40 + offset, BPF_H)];
    return [this.ipHeaderLength(), { code: BPF_LD | BPF_IND | BPF_H, k: this.payloadAt + offset }];
  }

  ipHeaderLength(): Statement {
    return { code: BPF_LDX | BPF_MSH | BPF_B, k: this.payloadAt };
  }

  /** gen_ipfrag */
  noLaterFragment(): Block {
    return negated(this.field(6, BPF_H, 0x1fff, ALL_ONES, BPF_JSET));
  }

  private broadcast(proto: Proto): Block {
    if (proto === "default" || proto === "link") {
      if (!this.isEthernet) throw new FilterError("not a broadcast link");
      return this.etherHost(new Uint8Array(6).fill(255), "dst");
    }
    if (proto !== "ip") throw new FilterError("only link-layer/IP broadcast filters supported");
    const hostMask = ~(this.options.netmask ?? 0) >>> 0;
    const zeros = this.field(16, BPF_W, 0, hostMask);
    return both(this.etherType(ethernet.ETH_P_IP), either(zeros, this.field(16, BPF_W, hostMask, hostMask)));
  }

  private multicast(proto: Proto): Block {
    if ((proto === "default" || proto === "link") && this.isEthernet) {
      return test([load(0, BPF_B)], 1, ALL_ONES, BPF_JSET);
    }
    if (proto === "ip") {
      return both(this.etherType(ethernet.ETH_P_IP), this.field(16, BPF_B, 224, ALL_ONES, BPF_JGE));
    }
    if (proto === "ip6") return both(this.etherType(ethernet.ETH_P_IPV6), this.field(24, BPF_B, 255));
    throw new FilterError(
      "link-layer multicast filters supported only on ethernet/FDDI/token ring/ARCNET/802.11/ATM LANE/Fibre Channel",
    );
  }

  /** A cooked capture's frames say which way they went; of others the kernel knows. */
  private passage(outbound: boolean): Block {
    if (this.isEthernet && this.options.live) {
      const sent = test([load(SKF_AD_OFF + SKF_AD_PKTTYPE, BPF_H)], PACKET_OUTGOING);
      return outbound ? sent : negated(sent);
    }
    if (this.isEthernet) throw new FilterError("inbound/outbound not supported on Ethernet when reading savefiles");
    const outgoing = test([load(10, BPF_B)], PACKET_OUTGOING);
    return outbound ? outgoing : negated(outgoing);
  }

  /** gen_ifindex */
  private ifindex(index: number): Block {
    if (!this.isEthernet) return test([load(4, BPF_W)], index);
    if (!this.options.live) throw new FilterError("ifindex not supported on Ethernet when reading savefiles");
    return test([load(SKF_AD_OFF + SKF_AD_IFINDEX, BPF_W)], index);
  }

  /** gen_vlan_no_bpf_extensions */
  private vlan(id: number | undefined): Block {
    if (!this.isEthernet) throw new FilterError("no VLAN support for Linux cooked v2");
    if (id !== undefined && id > 4095) throw new FilterError(`VLAN tag ${id} greater than maximum 4095`);
    const tagged = either(either(this.etherType(0x8100), this.etherType(0x88a8)), this.etherType(0x9100));
    const matched = id === undefined ? tagged : both(tagged, this.field(0, BPF_H, id, 0x0fff));
    this.typeAt += 4;
    this.payloadAt += 4;
    return matched;
  }
}

/** A mistake that is found while something is compiled is there. */
function at<Result>(span: Span, compile: () => Result): Result {
  try {
    return compile();
  } catch (error) {
    if (error instanceof FilterError) error.at ??= span;
    throw error;
  }
}

function load(at: number, size: number): Statement {
  return { code: BPF_LD | BPF_ABS | size, k: at };
}

/** gen_ncmp */
function test(statements: Statement[], k: number, mask: number = ALL_ONES, jump: number = BPF_JEQ): Block {
  if (mask !== ALL_ONES) statements.push({ code: BPF_ALU | BPF_AND, k: mask });
  return new Block(statements, BPF_JMP | jump, k);
}

function directed(direction: Direction, source: () => Block, destination: () => Block): Block {
  switch (direction) {
    case "src":
      return source();
    case "dst":
      return destination();
    case "and":
      return both(source(), destination());
    default:
      return either(source(), destination());
  }
}
