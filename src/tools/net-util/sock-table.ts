// The sockets of a network namespace as sock_diag and /proc/net/{tcp,udp,raw} show them, and who holds them. TCP comes from
// its tables, so that orphans and TIME_WAIT are there; datagram sockets are found at the processes that hold them.

import type { Ns } from "../../base/time.ts";
import { netnsOf } from "../../host/host.ts";
import { PacketSock } from "../../net/core/af-packet.ts";
import { skbTruesize } from "../../net/core/neighbour.ts";
import { AF_INET6, SOCK_DGRAM, SOCK_RAW, type Sock } from "../../net/core/sock.ts";
import { DatagramSock } from "../../net/ipv4/inet-sock.ts";
import { type TcpListed, tcpSocks } from "../../net/ipv4/tcp-info.ts";
import { TCP_CLOSE, TCP_ESTABLISHED } from "../../net/ipv4/tcp-sock.ts";
import { Socket } from "../../net/socket.ts";
import type { Machine, Process } from "../../posix/process.ts";

export type SocketKind = "tcp" | "udp" | "raw" | "icmp" | "packet";

export interface SocketOwner {
  readonly pid: number;
  /** comm */
  readonly name: string;
  /** first word of its command line, or the title that it gave itself */
  readonly program: string;
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
  /** of raw sockets the protocol, of packet sockets the EtherType */
  readonly localPort: number;
  readonly remote: number;
  readonly remotePort: number;
  readonly boundDevIf: number;
  readonly inode: number;
  readonly uid: number;
  readonly timer: SocketTimer;
  readonly sock: Sock | undefined;
  /** the socket, or the request or time-wait socket that stands for one */
  readonly object: object;
  readonly owners: readonly SocketOwner[];
}

const NO_TIMER: SocketTimer = { kind: "off", remainingNs: 0, retransmits: 0 };

/** Every socket of the process's namespace: listeners, connections, then datagram and raw sockets. */
export function socketEntries(proc: Process): SocketEntry[] {
  const owners = ownersOf(proc);
  const ns = netnsOf(proc);
  const held = (sock: Sock): readonly SocketOwner[] => owners.get(sock) ?? [];
  const entries: SocketEntry[] = [];
  for (const listed of tcpSocks(ns.tcp)) entries.push(tcpEntry(listed, listed.sock ? held(listed.sock) : []));
  for (const sock of owners.keys()) if (sock instanceof DatagramSock) entries.push(datagramEntry(sock, held(sock)));
  for (const sock of owners.keys()) if (sock instanceof PacketSock) entries.push(packetEntry(sock, held(sock)));
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
      list.push({ pid: process.pidFor(proc), name: process.comm, program: process.commandLine[0] ?? "", fd });
      owners.set(file.sock, list);
    }
  return owners;
}

/** The first process of a machine that holds a socket. */
export function socketOwner(machine: Machine, sock: Sock): SocketOwner | undefined {
  for (const process of machine.processes.values())
    for (const [fd, file] of process.fds)
      if (file instanceof Socket && file.sock === sock)
        return { pid: process.pid, name: process.comm, program: process.commandLine[0] ?? "", fd };
  return undefined;
}

const TIMER_KINDS = ["off", "on", "keepalive", "timewait", "persist"] as const;

function tcpEntry(listed: TcpListed, owners: readonly SocketOwner[]): SocketEntry {
  return {
    kind: "tcp",
    ipv6: listed.family === AF_INET6,
    state: listed.state,
    receiveQueue: listed.recvQ,
    sendQueue: listed.sendQ,
    local: listed.saddr,
    localPort: listed.sport,
    remote: listed.daddr,
    remotePort: listed.dport,
    boundDevIf: listed.boundDevIf,
    inode: listed.inode,
    uid: listed.kind === "socket" ? listed.uid : 0,
    timer: {
      kind: TIMER_KINDS[listed.timer]!,
      remainingNs: listed.timerExpiresNs,
      retransmits: listed.retrans,
    },
    sock: listed.sock ?? undefined,
    object: listed.object,
    owners,
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
    object: sock,
    owners,
  };
}

/** With the buffers' overhead, as the kernel counts them. */
export function queuedBytes(sock: DatagramSock): number {
  let bytes = 0;
  for (let skb = sock.received.head; skb; skb = skb.next) bytes += skbTruesize(skb);
  return bytes;
}

function packetEntry(sock: PacketSock, owners: readonly SocketOwner[]): SocketEntry {
  const { protocol, ifindex } = sock.bound;
  return {
    kind: "packet",
    ipv6: false,
    state: TCP_CLOSE,
    receiveQueue: 0,
    sendQueue: 0,
    local: 0,
    localPort: protocol,
    remote: 0,
    remotePort: 0,
    boundDevIf: ifindex,
    inode: sock.inode,
    uid: sock.uid,
    timer: NO_TIMER,
    sock,
    object: sock,
    owners,
  };
}
