// The sockets of a network namespace as sock_diag and /proc/net/{tcp,udp,raw} show them, and who holds them. TCP comes from
// its tables, so that orphans and TIME_WAIT are there; datagram sockets are found at the processes that hold them.

import type { Ns } from "../../base/time.ts";
import { netnsOf } from "../../host/host.ts";
import { skbTruesize } from "../../net/core/neighbour.ts";
import { AF_INET6, AF_PACKET, SOCK_DGRAM, SOCK_RAW, type Sock } from "../../net/core/sock.ts";
import { DatagramSock } from "../../net/ipv4/inet-sock.ts";
import {
  ICSK_TIME_LOSS_PROBE,
  ICSK_TIME_PROBE0,
  ICSK_TIME_REO_TIMEOUT,
  ICSK_TIME_RETRANS,
  JIFFY_NS,
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  TCP_NEW_SYN_RECV,
  TCP_SYN_RECV,
  TCP_TIME_WAIT,
  TcpSock,
} from "../../net/ipv4/tcp-sock.ts";
import { TimewaitSock } from "../../net/ipv4/tcp-timewait.ts";
import { Socket } from "../../net/socket.ts";
import type { Machine, Process } from "../../posix/process.ts";

export type SocketKind = "tcp" | "udp" | "raw" | "icmp" | "packet";

export interface SocketOwner {
  readonly pid: number;
  readonly name: string;
  readonly fd: number;
}

/** Names of ss and netstat; `remaining` in ns. */
export interface SocketTimer {
  readonly kind: "off" | "on" | "keepalive" | "timewait" | "persist";
  readonly remainingNs: Ns;
  readonly retransmits: number;
}

export interface SocketEntry {
  readonly kind: SocketKind;
  /** AF_INET6: its IPv4 addresses are mapped ones (::ffff:a.b.c.d), 0 is :: */
  readonly ipv6: boolean;
  /** TCP_* */
  readonly state: number;
  readonly receiveQueue: number;
  readonly sendQueue: number;
  readonly local: number;
  /** of raw sockets the protocol */
  readonly localPort: number;
  readonly remote: number;
  readonly remotePort: number;
  readonly boundDevIf: number;
  readonly inode: number;
  readonly uid: number;
  readonly timer: SocketTimer;
  readonly sock: Sock | undefined;
  readonly owners: readonly SocketOwner[];
}

const NO_TIMER: SocketTimer = { kind: "off", remainingNs: 0, retransmits: 0 };

/** Every socket of the process's namespace: listeners, connections, then datagram and raw sockets. */
export function socketEntries(proc: Process): SocketEntry[] {
  const owners = ownersOf(proc);
  const ns = netnsOf(proc);
  const held = (sock: Sock): readonly SocketOwner[] => owners.get(sock) ?? [];
  const { now } = ns.net;
  const entries: SocketEntry[] = [];
  const tcp = [...ns.tcp.all];
  for (const sock of tcp) if (sock.state === TCP_LISTEN) entries.push(tcpEntry(sock, held(sock), now));
  for (const entry of ns.tcp.hash.established) {
    if (entry instanceof TcpSock) entries.push(tcpEntry(entry, held(entry), now));
    else entries.push(halfEntry(entry, now));
  }
  for (const sock of owners.keys()) if (sock instanceof DatagramSock) entries.push(datagramEntry(sock, held(sock)));
  for (const sock of owners.keys()) if (sock.family === AF_PACKET) entries.push(packetEntry(sock, held(sock)));
  return entries;
}

/** Who holds each socket of the namespace, in the order of processes and descriptors. */
function ownersOf(proc: Process): Map<Sock, SocketOwner[]> {
  const { net } = netnsOf(proc);
  const owners = new Map<Sock, SocketOwner[]>();
  for (const process of proc.visible.values())
    for (const [fd, file] of process.fds) {
      if (!(file instanceof Socket) || file.sock.net !== net) continue;
      const list = owners.get(file.sock) ?? [];
      list.push({ pid: process.pidFor(proc), name: process.name, fd });
      owners.set(file.sock, list);
    }
  return owners;
}

/** The first process of a machine that holds a socket. */
export function socketOwner(machine: Machine, sock: Sock): SocketOwner | undefined {
  for (const process of machine.processes.values())
    for (const [fd, file] of process.fds)
      if (file instanceof Socket && file.sock === sock) return { pid: process.pid, name: process.name, fd };
  return undefined;
}

function tcpEntry(sock: TcpSock, owners: readonly SocketOwner[], now: Ns): SocketEntry {
  const listening = sock.state === TCP_LISTEN;
  return {
    kind: "tcp",
    ipv6: sock.family === AF_INET6,
    state: sock.state,
    receiveQueue: listening ? sock.acceptQueue.length : Math.max(0, (sock.rcvNxt - sock.copiedSeq) | 0),
    sendQueue: listening ? sock.maxAckBacklog : (sock.writeSeq - sock.sndUna) >>> 0,
    local: sock.rcvSaddr,
    localPort: sock.sport,
    remote: sock.daddr,
    remotePort: sock.dport,
    boundDevIf: sock.boundDevIf,
    inode: sock.inode,
    uid: sock.uid,
    timer: listening ? NO_TIMER : tcpTimer(sock, now),
    sock,
    owners,
  };
}

function tcpTimer(sock: TcpSock, now: Ns): SocketTimer {
  const left = (jiffies: number): Ns => Math.max(0, jiffies * JIFFY_NS - now);
  switch (sock.icskPending) {
    case ICSK_TIME_RETRANS:
    case ICSK_TIME_REO_TIMEOUT:
    case ICSK_TIME_LOSS_PROBE:
      return { kind: "on", remainingNs: timerLeft(sock.retransmitTimer, now), retransmits: sock.icskRetransmits };
    case ICSK_TIME_PROBE0:
      return { kind: "persist", remainingNs: timerLeft(sock.retransmitTimer, now), retransmits: sock.icskProbesOut };
    default:
      if (!sock.keepaliveTimer.pending) return NO_TIMER;
      return { kind: "keepalive", remainingNs: left(sock.keepaliveExpires), retransmits: sock.icskProbesOut };
  }
}

function timerLeft(timer: { readonly pending: boolean; readonly expires: Ns }, now: Ns): Ns {
  return timer.pending ? Math.max(0, timer.expires - now) : 0;
}

/** A connection that is no full socket: TIME_WAIT, or a request that waits for its ACK. */
function halfEntry(
  entry: {
    readonly state: number;
    readonly rcvSaddr: number;
    readonly daddr: number;
    readonly sport: number;
    readonly dport: number;
    readonly boundDevIf: number;
    readonly family?: number;
    /** of a request: its family is the listener's */
    readonly listener?: { readonly family: number };
  },
  now: Ns,
): SocketEntry {
  const waiting = entry instanceof TimewaitSock;
  const timer: SocketTimer = waiting
    ? { kind: "timewait", remainingNs: timerLeft(entry.timer, now), retransmits: 0 }
    : NO_TIMER;
  return {
    kind: "tcp",
    ipv6: (entry.listener ?? entry).family === AF_INET6,
    state: waiting ? entry.substate : entry.state === TCP_NEW_SYN_RECV ? TCP_SYN_RECV : entry.state,
    receiveQueue: 0,
    sendQueue: 0,
    local: entry.rcvSaddr,
    localPort: entry.sport,
    remote: entry.daddr,
    remotePort: entry.dport,
    boundDevIf: entry.boundDevIf,
    inode: 0,
    uid: 0,
    timer,
    sock: undefined,
    owners: [],
  };
}

const IPPROTO_ICMP = 1;

function datagramEntry(sock: DatagramSock, owners: readonly SocketOwner[]): SocketEntry {
  const raw = sock.type === SOCK_RAW;
  const ping = sock.type === SOCK_DGRAM && sock.protocol === IPPROTO_ICMP;
  return {
    kind: raw ? "raw" : ping ? "icmp" : "udp",
    ipv6: sock.family === AF_INET6,
    state: sock.established ? TCP_ESTABLISHED : TCP_CLOSE,
    receiveQueue: queuedBytes(sock),
    sendQueue: 0,
    local: sock.rcvSaddr,
    localPort: raw ? sock.protocol : sock.sport,
    remote: sock.daddr,
    remotePort: raw ? 0 : sock.dport,
    boundDevIf: sock.boundDevIf,
    inode: sock.inode,
    uid: sock.uid,
    timer: NO_TIMER,
    sock,
    owners,
  };
}

/** With the buffers' overhead, as the kernel counts them. */
function queuedBytes(sock: DatagramSock): number {
  let bytes = 0;
  for (let skb = sock.received.head; skb; skb = skb.next) bytes += skbTruesize(skb);
  return bytes;
}

function packetEntry(sock: Sock, owners: readonly SocketOwner[]): SocketEntry {
  return {
    kind: "packet",
    ipv6: false,
    state: TCP_CLOSE,
    receiveQueue: 0,
    sendQueue: 0,
    local: 0,
    localPort: sock.protocol,
    remote: 0,
    remotePort: 0,
    boundDevIf: sock.boundDevIf,
    inode: sock.inode,
    uid: sock.uid,
    timer: NO_TIMER,
    sock,
    owners,
  };
}

/** Connections that are closed but bound or remembered count apart: TIME_WAIT. */
export function isTimewait(entry: SocketEntry): boolean {
  return entry.kind === "tcp" && entry.state === TCP_TIME_WAIT;
}
