// /proc/net/tcp and tcp6: one line a socket. Answers to tcp4_seq_show in net/ipv4/tcp_ipv4.c and tcp6_seq_show. A socket's
// address in the kernel, which the real file scrambles, is its inode number here.

import { AF_INET6 } from "./core/sock.ts";
import { type TcpListed, tcpSocks } from "./ipv4/tcp-info.ts";
import { HZ, TCP_INFINITE_SSTHRESH, TCP_LISTEN, TcpSock } from "./ipv4/tcp-sock.ts";
import type { NetNamespace } from "./netns.ts";

const HEAD4 = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const HEAD6 =
  "  sl  local_address                         remote_address                        " +
  "st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
/** Lines of the IPv4 file are padded to this length. */
const WIDTH = 149;

export function procTcpText(ns: NetNamespace, ipv6: boolean): string {
  let text = ipv6 ? `${HEAD6}\n` : `${HEAD4.padEnd(WIDTH)}\n`;
  let number = 0;
  for (const entry of tcpSocks(ns.tcp)) {
    if ((entry.sock?.family === AF_INET6) !== ipv6) continue;
    const row = rowOf(entry, number++, ipv6);
    text += `${ipv6 ? row : row.padEnd(WIDTH)}\n`;
  }
  return text;
}

const hex = (value: number, digits: number): string => (value >>> 0).toString(16).toUpperCase().padStart(digits, "0");

/** As the machine holds it, the first byte last. */
function addressHex(address: number, ipv6: boolean): string {
  const swapped =
    ((address & 0xff) << 24) | ((address & 0xff00) << 8) | ((address >>> 8) & 0xff00) | ((address >>> 24) & 0xff);
  if (!ipv6) return hex(swapped, 8);
  return address === 0 ? "0".repeat(32) : `0000000000000000FFFF0000${hex(swapped, 8)}`;
}

function rowOf(entry: TcpListed, number: number, ipv6: boolean): string {
  const { sock } = entry;
  const end = (address: number, port: number): string => `${addressHex(address, ipv6)}:${hex(port, 4)}`;
  const when = Math.floor(entry.timerExpiresNs / 10_000_000);
  const txQueue = entry.state === TCP_LISTEN ? 0 : entry.sendQ;
  let row = `${String(number).padStart(4)}: ${end(entry.saddr, entry.sport)} ${end(entry.daddr, entry.dport)} `;
  row += `${hex(entry.state, 2)} ${hex(txQueue, 8)}:${hex(entry.recvQ, 8)} ${hex(entry.timer, 2)}:${hex(when, 8)} `;
  row += `${hex(sock ? sock.icskRetransmits : entry.retrans, 8)} ${String(entry.uid).padStart(5)} `;
  row += `${String(sock?.icskProbesOut ?? 0).padStart(8)} ${entry.inode} `;
  if (!(sock instanceof TcpSock)) return `${row}${entry.kind === "request" ? 0 : 3} ${"0".repeat(16)}`;
  const jiffy = (ticks: number): number => Math.floor((ticks * 100) / HZ);
  row += `1 ${entry.inode.toString(16).padStart(16, "0")} `;
  row += `${jiffy(sock.icskRto)} ${jiffy(sock.ackAto)} ${(sock.ackQuick << 1) | +entry.pingpong} ${sock.sndCwnd} `;
  if (entry.state === TCP_LISTEN) return `${row}${sock.fastopenMaxQlen}`;
  return `${row}${sock.sndSsthresh >= TCP_INFINITE_SSTHRESH ? -1 : sock.sndSsthresh}`;
}
