// Files of /proc/net that take more than one protocol: counters (snmp, netstat), sockets in use (sockstat), devices (dev).
// Answers to net/ipv4/proc.c and net/core/net-procfs.c.

import { ABSENT_MIBS, tcpExtCounters } from "./ipv4/snmp-names.ts";
import { TimewaitSock } from "./ipv4/tcp-timewait.ts";
import type { NetNamespace } from "./netns.ts";

/** Two lines of a group: names, values. */
function group(name: string, counters: readonly (readonly [string, number])[]): string {
  const names = counters.map(([counter]) => counter).join(" ");
  const values = counters.map(([, value]) => value).join(" ");
  return `${name}: ${names}\n${name}: ${values}\n`;
}

function zeros(name: string): [string, number][] {
  return ABSENT_MIBS[name]!.map((counter): [string, number] => [counter, 0]);
}

/** /proc/net/snmp (snmp_seq_show) */
export function snmpText(ns: NetNamespace): string {
  const { mib, sysctl, devconfAll } = ns.ipv4;
  const { OutTransmits, ...ip } = mib.ip;
  const messages: [string, number][] = [];
  for (const [type, count] of mib.icmpMsgIn.sorted()) messages.push([`InType${type}`, count]);
  for (const [type, count] of mib.icmpMsgOut.sorted()) messages.push([`OutType${type}`, count]);
  return [
    group("Ip", [
      ["Forwarding", devconfAll.forwarding ? 1 : 2],
      ["DefaultTTL", sysctl.defaultTtl],
      ...Object.entries(ip),
      ["OutTransmits", OutTransmits],
    ]),
    group("Icmp", Object.entries(mib.icmp)),
    messages.length > 0 ? group("IcmpMsg", messages) : "",
    group("Tcp", Object.entries(ns.tcp.mib.tcp)),
    group("Udp", Object.entries(mib.udp)),
    group("UdpLite", zeros("UdpLite")),
  ].join("");
}

/** /proc/net/netstat (netstat_seq_show) */
export function netstatText(ns: NetNamespace): string {
  const { mib } = ns.ipv4;
  return [
    group("TcpExt", tcpExtCounters(ns.tcp.mib, mib)),
    group("IpExt", Object.entries(mib.ipExt)),
    group("MPTcpExt", zeros("MPTcpExt")),
  ].join("");
}

/** /proc/net/dev (dev_seq_show) */
export function devText(ns: NetNamespace): string {
  let text =
    "Inter-|   Receive                                                |  Transmit\n" +
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";
  const columns = [7, 7, 4, 4, 4, 5, 10, 9, 8, 7, 4, 4, 4, 5, 7, 10];
  for (const dev of ns.net.devices.values()) {
    const { stats } = dev;
    const values = [
      stats.rxBytes,
      stats.rxPackets,
      stats.rxErrors,
      stats.rxDropped,
      0,
      0,
      0,
      stats.multicast,
      stats.txBytes,
      stats.txPackets,
      stats.txErrors,
      stats.txDropped,
      0,
      stats.collisions,
      0,
      0,
    ];
    text += `${dev.name.padStart(6)}: ${values.map((value, i) => String(value).padStart(columns[i]!)).join(" ")}\n`;
  }
  return text;
}

/** Sockets that exist, orphans too. What the real file tells of the whole machine is the namespace's here. */
export interface Sockstat {
  readonly used: number;
  /** TCP sockets that are in a table */
  readonly inuse: number;
  readonly orphans: number;
  readonly timewait: number;
  /** all TCP sockets */
  readonly alloc: number;
}

export function sockstat(ns: NetNamespace): Sockstat {
  const { udp, raw, ping } = ns.ipv4;
  let inuse = 0;
  let orphans = 0;
  let timewait = 0;
  for (const sock of ns.tcp.all) {
    if (sock.hashed) inuse++;
    if (!sock.hasSocket && sock.dead) orphans++;
  }
  for (const entry of ns.tcp.hash.established) if (entry instanceof TimewaitSock) timewait++;
  const used = ns.tcp.all.size + udp.all().length + raw.all().length + ping.all().length;
  return { used, inuse, orphans, timewait, alloc: ns.tcp.all.size };
}

/** /proc/net/sockstat (sockstat_seq_show). */
export function sockstatText(ns: NetNamespace): string {
  const { udp, raw, fragments } = ns.ipv4;
  const { used, inuse, orphans, timewait, alloc } = sockstat(ns);
  return [
    `sockets: used ${used}\n`,
    `TCP: inuse ${inuse} orphan ${orphans} tw ${timewait} alloc ${alloc} mem 0\n`,
    `UDP: inuse ${udp.all().length} mem 0\n`,
    "UDPLITE: inuse 0\n",
    `RAW: inuse ${raw.all().length}\n`,
    `FRAG: inuse ${fragments.queues} memory ${fragments.memory}\n`,
  ].join("");
}
