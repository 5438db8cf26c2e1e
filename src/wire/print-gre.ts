// Prints GRE of version 0 with what it carries, and VRRP, as tcpdump does (print-gre.c, print-vrrp.c). GRE with a routing field and
// PPTP's version 1 are left out.
import { internetChecksum } from "./checksum.ts";
import * as ethernet from "./ethernet.ts";
import { bitNames, type Dissector, ETHER_TYPES, hex } from "./print-core.ts";

const CHECKSUM = 0x8000;
const ROUTING = 0x4000;
const KEY = 0x2000;
const SEQUENCE = 0x1000;
const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [CHECKSUM, "checksum present"],
  [ROUTING, "routing present"],
  [KEY, "key present"],
  [SEQUENCE, "sequence# present"],
  [0x0800, "source routing present"],
  [0x0080, "acknowledgement# present"],
];
const TRANSPARENT_BRIDGING = 0x6558;
const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [TRANSPARENT_BRIDGING, "TEB"],
  [0x880b, "PPP"],
]);

/** False where the header is of a kind that is not told here. */
export function printGre(d: Dissector, at: number, length: number): boolean {
  if (!d.has(at, 2)) {
    d.protocol = "gre";
    d.truncated();
    return true;
  }
  const flags = d.u16(at);
  if ((flags & 7) !== 0 || flags & ROUTING) return false;
  d.protocol = "gre";
  d.out += "GREv0";
  if (d.options.verbose > 0) d.out += `, Flags [${bitNames(FLAG_NAMES, flags, "none", ", ")}]`;
  const type = d.u16(at + 2);
  let next = at + 4;
  if (flags & CHECKSUM) {
    const sum = d.u16(next);
    if (d.options.verbose > 0) d.out += `, sum 0x${sum.toString(16)}`;
    d.out += `, off 0x${d.u16(next + 2).toString(16)}`;
    next += 4;
  }
  if (flags & KEY) {
    d.out += `, key=0x${d.u32(next).toString(16)}`;
    next += 4;
  }
  if (flags & SEQUENCE) {
    d.out += `, seq ${d.u32(next)}`;
    next += 4;
  }
  if (d.options.linkHeader)
    d.out += `, proto ${TYPE_NAMES.get(type) ?? ETHER_TYPES.get(type) ?? "unknown"} (0x${hex(type, 4)})`;
  d.out += `, length ${length}`;
  d.out += d.options.verbose < 1 ? ": " : "\n\t";
  const rest = length - (next - at);
  if (type === ethernet.ETH_P_IP) d.printers.ip(d, next, rest);
  else if (type === ethernet.ETH_P_IPV6) d.printers.ip6(d, next, rest);
  else if (type === TRANSPARENT_BRIDGING) void d.printers.ether(d, next, rest, d.end - next);
  else d.out += `gre-proto-0x${hex(type, 4)}`;
  return true;
}

const AUTH_NAMES: readonly string[] = ["none", "simple", "ah"];

/** @param pseudo sum of the pseudo-header, for version 3 */
export function printVrrp(d: Dissector, at: number, length: number, ttl: number, pseudo: number): void {
  d.protocol = "vrrp";
  const first = d.u8(at);
  const version = first >>> 4;
  const type = first & 15;
  d.out += `VRRPv${version}, ${type === 1 ? "Advertisement" : `[type#${type}]`}`;
  if (ttl !== 255) d.out += `, (ttl ${ttl})`;
  if (version < 2 || version > 3 || type !== 1) return;
  d.out += `, vrid ${d.u8(at + 1)}, prio ${d.u8(at + 2)}`;
  const auth = d.u8(at + 4);
  const addresses = d.u8(at + 3);
  if (version === 2) {
    if (auth !== 0) d.out += `, authtype ${AUTH_NAMES[auth] ?? "none"}`;
    else d.out += ", authtype none";
    d.out += `, intvl ${d.u8(at + 5)}s, length ${length}`;
  } else d.out += `, intvl ${d.u16(at + 4) & 0x0fff}cs, length ${length}`;
  if (d.options.verbose === 0) return;
  if (d.has(at, length)) {
    const stored = d.u16(at + 6);
    const good = internetChecksum(d.bytes, at, at + length, version === 3 ? pseudo : 0) === 0;
    if (!good) d.out += `, (bad vrrp cksum ${stored.toString(16)})`;
  }
  d.out += `, addrs${addresses === 1 ? "" : `(${addresses})`}:`;
  for (let i = 0; i < addresses; i++) d.out += `${i === 0 ? " " : ","}${d.ip4(at + 8 + 4 * i)}`;
  if (version === 2 && auth === 1) {
    d.out += ' auth "';
    d.printChars(at + 8 + 4 * addresses, 8);
    d.out += '"';
  }
}
