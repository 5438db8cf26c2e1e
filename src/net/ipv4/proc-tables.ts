// The rows of /proc/net/route and /proc/net/arp, which net-tools shows in columns of its own. Answers to
// net/ipv4/fib_trie.c (fib_route_seq_show) and net/ipv4/arp.c (arp_seq_show).

import { formatIpv4, formatMac } from "../../wire/addr.ts";
import { NUD_NOARP, NUD_PERMANENT, NUD_VALID } from "../core/neighbour.ts";
import { RT_TABLE_MAIN, RTN_BROADCAST, RTN_MULTICAST, RTN_PROHIBIT, RTN_UNREACHABLE } from "./fib-types.ts";
import type { Ipv4 } from "./ipv4.ts";

export const RTF_UP = 0x0001;
export const RTF_GATEWAY = 0x0002;
export const RTF_HOST = 0x0004;
export const RTF_REJECT = 0x0200;

/** The whole line is this long. */
const PADDED = 127;

export interface RouteRow {
  /** "*": by no device */
  readonly iface: string;
  readonly dst: number;
  readonly gateway: number;
  /** RTF_* */
  readonly flags: number;
  readonly metric: number;
  readonly mask: number;
  /** an MSS that was set, and 40 */
  readonly mtu: number;
  readonly window: number;
  readonly irtt: number;
}

/** Table main without broadcasts and groups; of several nexthops the first. */
export function routeRows(ip4: Ipv4): RouteRow[] {
  const rows: RouteRow[] = [];
  for (const route of ip4.fib.dump(RT_TABLE_MAIN)) {
    if (route.type === RTN_BROADCAST || route.type === RTN_MULTICAST) continue;
    const nh = route.nexthops[0];
    const rejects = route.type === RTN_UNREACHABLE || route.type === RTN_PROHIBIT;
    const gateway = nh?.gw ?? 0;
    const flags =
      RTF_UP | (rejects ? RTF_REJECT : 0) | (gateway !== 0 ? RTF_GATEWAY : 0) | (route.dstLen === 32 ? RTF_HOST : 0);
    const { advmss = 0, window = 0, rtt = 0 } = route.metrics ?? {};
    rows.push({
      iface: nh?.dev?.name ?? "*",
      dst: route.dst,
      gateway,
      flags,
      metric: route.priority,
      mask: route.dstLen === 0 ? 0 : (-1 << (32 - route.dstLen)) >>> 0,
      mtu: advmss === 0 ? 0 : advmss + 40,
      window,
      irtt: rtt >> 3,
    });
  }
  return rows;
}

export function routeText(ip4: Ipv4): string {
  const line = (text: string): string => `${text.padEnd(PADDED)}\n`;
  let text = line("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
  for (const row of routeRows(ip4)) {
    const flags = row.flags.toString(16).toUpperCase().padStart(4, "0");
    const head = `${row.iface}\t${littleEndian(row.dst)}\t${littleEndian(row.gateway)}\t${flags}\t0\t0\t${row.metric}`;
    text += line(`${head}\t${littleEndian(row.mask)}\t${row.mtu}\t${row.window}\t${row.irtt}`);
  }
  return text;
}

/** An address as a little-endian machine prints the word. */
function littleEndian(address: number): string {
  const octets = [address & 255, (address >>> 8) & 255, (address >>> 16) & 255, address >>> 24];
  return octets.map((octet) => octet.toString(16).toUpperCase().padStart(2, "0")).join("");
}

export const ATF_COM = 0x02;
export const ATF_PERM = 0x04;
export const ATF_PUBL = 0x08;

export interface ArpRow {
  readonly address: number;
  /** ATF_*, 0 while nobody answers */
  readonly flags: number;
  /** "00:00:00:00:00:00" where none is known */
  readonly mac: string;
  /** "*": proxied on every device */
  readonly device: string;
}

const NO_MAC = "00:00:00:00:00:00";

/** Neighbours that need ARP, then those for whom this host answers. */
export function arpRows(ip4: Ipv4): ArpRow[] {
  const rows: ArpRow[] = [];
  for (const neigh of ip4.arp.dump()) {
    if (neigh.state & ~NUD_NOARP) {
      const flags = neigh.state & NUD_PERMANENT ? ATF_PERM | ATF_COM : neigh.state & NUD_VALID ? ATF_COM : 0;
      const mac = neigh.lladdr ? formatMac(neigh.lladdr) : NO_MAC;
      rows.push({ address: neigh.key, flags, mac, device: neigh.dev.name });
    }
  }
  for (const { key, dev } of ip4.arp.proxies)
    rows.push({ address: key, flags: ATF_PUBL | ATF_PERM, mac: NO_MAC, device: dev?.name ?? "*" });
  return rows;
}

export function arpText(ip4: Ipv4): string {
  let text = "IP address       HW type     Flags       HW address            Mask     Device\n";
  for (const row of arpRows(ip4)) {
    const address = formatIpv4(row.address).padEnd(16);
    const flags = row.flags.toString(16).padEnd(10);
    text += `${address} 0x${"1".padEnd(10)}0x${flags}${row.mac.padEnd(17)}     *        ${row.device}\n`;
  }
  return text;
}
