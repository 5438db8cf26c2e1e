// A packet of IPv6 on its way through a machine's rules, as far as they ask of it.

import { type Addr6, addr6Text } from "./address.ts";

export interface Packet6 {
  readonly protocol: "tcp" | "udp" | "icmp";
  src: Addr6;
  sport: number;
  dst: Addr6;
  dport: number;
  /** ICMPv6's type */
  readonly type: number;
  in: string;
  out: string;
  mark: number;
  readonly uid: number;
  readonly state: "NEW" | "ESTABLISHED";
  /** the destination before DNAT, which made it another */
  original: { readonly dst: Addr6; readonly dport: number } | null;
  snat: boolean;
  tracked: boolean;
}

export function end6Text(address: Addr6, port: number): string {
  return port === 0 ? addr6Text(address) : `[${addr6Text(address)}]:${port}`;
}

export function packet6Text({ src, sport, dst, dport }: Packet6): string {
  return `${end6Text(src, sport)} → ${end6Text(dst, dport)}`;
}
