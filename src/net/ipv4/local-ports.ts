// Which local ports may be handed out: net.ipv4.ip_local_port_range and ip_local_reserved_ports. Answers to
// net/ipv4/inet_connection_sock.c (inet_get_local_port_range) and include/net/ip.h (inet_is_local_reserved_port).

import { Errno, NetError } from "../../base/errno.ts";
import type { Ipv4 } from "./ipv4.ts";

/** True when the port is kept for who names it. */
export function isReservedPort(ip4: Ipv4, port: number): boolean {
  for (const [low, high] of ip4.sysctl.localReservedPorts) if (port >= low && port <= high) return true;
  return false;
}

/** "8080,9148-9150" to ranges; throws EINVAL. */
export function parsePortList(text: string): [number, number][] {
  const out: [number, number][] = [];
  for (const part of text.trim().split(/[,\s]+/)) {
    if (part === "") continue;
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    const low = Number(match?.[1]);
    const high = Number(match?.[2] ?? match?.[1]);
    if (!match || low > high || high > 65535) throw new NetError(Errno.EINVAL);
    out.push([low, high]);
  }
  return out.sort((a, b) => a[0] - b[0]);
}

export function formatPortList(ranges: readonly (readonly [number, number])[]): string {
  return ranges.map(([low, high]) => (low === high ? `${low}` : `${low}-${high}`)).join(",");
}
