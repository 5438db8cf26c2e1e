// Elements of sets as text: "10.0.0.0/24,tcp:80-90,10.1.1.1" read into the elements that it stands for, and printed. Answers
// to lib/parse.c and lib/print.c of ipset 7.17.

import { type SetElement, SetError, type SetType } from "../../net/netfilter/ip-set-types.ts";
import { formatIpv4, parseIpv4, prefixToMask } from "../../wire/addr.ts";
import * as ip from "../../wire/ipv4.ts";
import { icmpByName, icmpName } from "../iptables/matches/icmp.ts";
import { type HostNames, protocolByName, protocolEntryName, serviceByName } from "../iptables/names.ts";
import { numericToIp } from "../iptables/xtables.ts";
import { IpsetError, syntaxError } from "./errors.ts";

interface AddressRange {
  readonly first: number;
  readonly last: number;
  /** undefined: no /cidr was given */
  readonly cidr: number | undefined;
}

interface PortRange {
  readonly proto: number;
  readonly first: number;
  readonly last: number;
}

const WITH_PORTS = [ip.IPPROTO_TCP, ip.IPPROTO_UDP, ip.IPPROTO_SCTP, ip.IPPROTO_UDPLITE];

/** A number within bounds, in C's notation. */
export function parseNumber(text: string, min: number, max: number): number {
  if (!/^[+-]?(0[xX][0-9a-fA-F]+|\d+)$/.test(text)) syntaxError(`'${text}' is invalid as number`);
  const value = /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
  if (value < min || value > max) syntaxError(`'${text}' is out of range ${min}-${max}`);
  return value;
}

/** The parts of an element, as its type has them. */
export class ElementReader {
  readonly #type: SetType;
  readonly #netmask: number;
  readonly #names: HostNames;

  constructor(type: SetType, netmask: number, names: HostNames) {
    this.#type = type;
    this.#netmask = netmask;
    this.#names = names;
  }

  /** All elements that a text means; to be tested only the first. */
  read(text: string): SetElement[] {
    const parts = this.#split(text);
    const { dimensions } = this.#type;
    const addresses: AddressRange[] = [];
    let ports: PortRange = { proto: 0, first: 0, last: 0 };
    for (const [i, dimension] of dimensions.entries()) {
      if (dimension === "port") ports = parsePorts(parts[i]!);
      else addresses.push(this.#addresses(parts[i]!));
    }
    const found: SetElement[] = [];
    for (const first of this.#members(addresses[0]!, dimensions[0] === "net"))
      for (let port = ports.first; port <= ports.last; port++)
        for (const second of addresses[1] ? this.#members(addresses[1], dimensions[2] === "net") : [undefined])
          found.push({
            ip: first.ip,
            ip2: second?.ip ?? 0,
            proto: ports.proto,
            port,
            cidr: this.#type.netAt === 2 ? second!.cidr : first.cidr,
          });
    return found;
  }

  #split(text: string): string[] {
    const { name, dimensions } = this.#type;
    const parts = text.split(",");
    if (parts.length > dimensions.length) {
      if (dimensions.length === 1) syntaxError(`Elem separator in ${text}, but settype ${name} supports none.`);
      if (dimensions.length === 2) syntaxError(`Two elem separators in ${text}, but settype ${name} supports one.`);
      syntaxError(`Three elem separators in ${text}, but settype ${name} supports two.`);
    }
    if (parts.length < dimensions.length)
      syntaxError(`${parts.length === 1 ? "Second" : "Third"} element is missing from ${text}.`);
    return parts;
  }

  #addresses(text: string): AddressRange {
    const dash = text.indexOf("-");
    if (dash > 0) {
      const one = this.#address(text.slice(0, dash));
      const two = this.#address(text.slice(dash + 1));
      return { first: Math.min(one, two), last: Math.max(one, two), cidr: undefined };
    }
    const slash = text.indexOf("/");
    const address = this.#address(slash < 0 ? text : text.slice(0, slash));
    if (slash < 0) return { first: address, last: address, cidr: undefined };
    const cidr = parseNumber(text.slice(slash + 1), 0, 32);
    if (cidr === 0) throw new SetError("INVALID_CIDR");
    const mask = prefixToMask(cidr);
    const first = (address & mask) >>> 0;
    return { first, last: (first | ~mask) >>> 0, cidr };
  }

  #address(text: string): number {
    const fail = (): never => syntaxError(`cannot parse ${text}: resolving to IPv4 address failed`);
    const numeric = parseIpv4(text) ?? (/^[\d.]+$/.test(text) ? inetAton(text) : undefined);
    if (numeric !== undefined) return numeric;
    if (!/^[a-zA-Z][\w.-]*$/.test(text)) return fail();
    const addresses = this.#names.addressesOf(text);
    return typeof addresses === "string" ? fail() : (addresses[0] ?? fail());
  }

  /** Single addresses under the set's netmask, or the networks that a range consists of. */
  *#members({ first, last, cidr }: AddressRange, isNet: boolean): Generator<{ ip: number; cidr: number }> {
    if (!isNet) {
      const step = 2 ** (32 - this.#netmask);
      const mask = prefixToMask(this.#netmask);
      for (let at = (first & mask) >>> 0; at <= last; at += step) {
        if (at === 0) throw new SetError("NULL_ELEMENT");
        yield { ip: at, cidr: 32 };
      }
      return;
    }
    if (cidr !== undefined) {
      yield { ip: first, cidr };
      return;
    }
    for (let at = first; at <= last; ) {
      let bits = 0;
      while (bits < 31 && at % 2 ** (bits + 1) === 0 && at + 2 ** (bits + 1) - 1 <= last) bits++;
      yield { ip: at, cidr: 32 - bits };
      at += 2 ** bits;
    }
  }
}

/** inet_aton(3): "1.2.3" is 1.2.0.3. */
function inetAton(text: string): number | undefined {
  const parts = text.split(".");
  const last = parts.pop()!;
  const head = numericToIp(parts.join("."), false);
  const rest = Number(last);
  if (parts.length === 0) return rest <= 0xffffffff ? rest : undefined;
  if (head === undefined || parts.length > 3 || last === "" || rest >= 2 ** (8 * (4 - parts.length))) return undefined;
  return (head + rest) >>> 0;
}

function parsePorts(text: string): PortRange {
  const colon = text.indexOf(":");
  let proto: number = ip.IPPROTO_TCP;
  let rest = text;
  if (colon >= 0) {
    const name = text.slice(0, colon);
    rest = text.slice(colon + 1);
    proto = /^\d+$/.test(name)
      ? parseNumber(name, 0, 255)
      : (protocolByName(name) ?? syntaxError(`cannot parse '${name}' as a protocol`));
  }
  const protoName = protocolEntryName(proto) ?? String(proto);
  if (proto === ip.IPPROTO_ICMP) {
    const value = parseIcmp(rest);
    return { proto, first: value, last: value };
  }
  if (!WITH_PORTS.includes(proto)) {
    if (rest !== "0") syntaxError(`Protocol ${protoName} can be used with pseudo port value 0 only.`);
    return { proto, first: 0, last: 0 };
  }
  const dash = rest.indexOf("-");
  const first = parsePort(dash < 0 ? rest : rest.slice(0, dash), protoName);
  if (dash < 0) return { proto, first, last: first };
  const last = parsePort(rest.slice(dash + 1), protoName);
  return { proto, first: Math.min(first, last), last: Math.max(first, last) };
}

/** A number or a service; what went wrong is told by each of the attempts. */
function parsePort(text: string, proto: string): number {
  const service = /^\d+$/.test(text) ? undefined : serviceByName(text, proto);
  if (service !== undefined) return service;
  try {
    return parseNumber(text, 0, 65535);
  } catch (error) {
    if (!(error instanceof IpsetError)) throw error;
    throw new IpsetError(
      `${error.message}\nSyntax error: '${proto}' is invalid as number\ncannot parse '${text}' as a ${proto} port`,
    );
  }
}

function parseIcmp(text: string): number {
  const named = icmpByName(text);
  if (named) return (named.type << 8) | named.code;
  const [type = "", code = "0"] = text.split("/");
  return (parseNumber(type, 0, 255) << 8) | parseNumber(code, 0, 255);
}

/** As lists and messages show an element. */
export function formatElement(type: SetType, { ip: first, ip2, proto, port, cidr }: SetElement): string {
  const parts = type.dimensions.map((dimension, i) => {
    if (dimension === "port") return formatPort(proto, port);
    const address = formatIpv4(i === 0 ? first : ip2);
    return dimension === "net" && cidr !== 32 ? `${address}/${cidr}` : address;
  });
  return parts.join(",");
}

function formatPort(proto: number, port: number): string {
  const name = protocolEntryName(proto) ?? String(proto);
  if (proto !== ip.IPPROTO_ICMP) return `${name}:${port}`;
  return `${name}:${icmpName(port >>> 8, port & 255) ?? `${port >>> 8}/${port & 255}`}`;
}

/** The order of `-sorted`: part by part, shorter ones first. */
export function compareElements(a: string, b: string): number {
  const partsA = a.split(/[^\w]/);
  const partsB = b.split(/[^\w]/);
  for (let i = 0; i < Math.min(partsA.length, partsB.length); i++) {
    const one = partsA[i]!;
    const two = partsB[i]!;
    if (one.length !== two.length) return one.length - two.length;
    if (one !== two) return one < two ? -1 : 1;
  }
  return partsA.length - partsB.length;
}
