// What the script's descriptors stand for, and what poll sees of them.

import type { Ns } from "../base/time.ts";
import type { Sock } from "../net/core/sock.ts";
import { TcpStreamSock } from "../net/ipv4/tcp.ts";
import type { Socket } from "../net/socket.ts";
import { type Task, waitAny } from "../sim/task.ts";
import type { Connection } from "./connection.ts";
import {
  EPOLLET,
  EPOLLONESHOT,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
} from "./symbols.ts";

const TCP_SYN_SENT = 2;
const TCP_SYN_RECV = 3;
const TCP_CLOSE = 7;
const TCP_LISTEN = 10;

export interface SocketDescriptor {
  readonly kind: "socket";
  readonly socket: Socket;
  readonly connection: Connection;
  nonBlocking: boolean;
  /** a connect that does not wait is on its way */
  connecting: boolean;
}

export interface EpollItem {
  readonly descriptor: SocketDescriptor;
  events: number;
  /** the text of the data field as the script gave it */
  data: string;
  /** EPOLLET: what was told last, and how far the socket had come then */
  told: number;
  stamp: number;
  off: boolean;
}

export interface EpollDescriptor {
  readonly kind: "epoll";
  readonly items: Map<number, EpollItem>;
}

export interface FileDescriptor {
  readonly kind: "file";
  readonly bytes: Uint8Array;
  offset: number;
}

export interface PipeDescriptor {
  readonly kind: "pipe";
  readonly end: "read" | "write";
  /** what lies in it; only how much is kept, as scripts never see the bytes */
  readonly buffer: { bytes: number };
}

export type Descriptor = SocketDescriptor | EpollDescriptor | FileDescriptor | PipeDescriptor;

/** tcp_poll and datagram_poll: the events that hold now. */
export function pollMask(sock: Sock): number {
  let mask = 0;
  if (!(sock instanceof TcpStreamSock)) {
    if (sock.readable()) mask |= POLLIN | POLLRDNORM;
    if (sock.writable()) mask |= POLLOUT | POLLWRNORM;
    return sock.err !== 0 ? mask | POLLERR : mask;
  }
  if (sock.state === TCP_LISTEN) return sock.readable() ? POLLIN | POLLRDNORM : 0;
  if ((sock.rcvShutdown && sock.sndShutdown) || sock.state === TCP_CLOSE) mask |= POLLHUP;
  if (sock.rcvShutdown) mask |= POLLIN | POLLRDNORM | POLLRDHUP;
  if (sock.state === TCP_SYN_SENT && sock.deferConnect) mask |= POLLOUT | POLLWRNORM;
  if (sock.state !== TCP_SYN_SENT && (sock.state !== TCP_SYN_RECV || sock.fastopenRsk)) {
    if (sock.readable()) mask |= POLLIN | POLLRDNORM;
    if (sock.sndShutdown || sock.writable()) mask |= POLLOUT | POLLWRNORM;
    if (sock.urgData & 0x0100) mask |= POLLPRI;
  }
  return sock.err !== 0 || sock.errQueue.length > 0 ? mask | POLLERR : mask;
}

/** Waits until `ready` gives something, at most `timeoutMs` (−1: for ever). Null: the time has passed. */
export function* waitFor<T>(
  sockets: readonly SocketDescriptor[],
  timeoutMs: number,
  now: () => Ns,
  ready: () => T | null,
): Task<T | null> {
  const deadline = timeoutMs < 0 ? Number.POSITIVE_INFINITY : now() + timeoutMs * 1_000_000;
  for (;;) {
    const found = ready();
    if (found !== null) return found;
    const left = deadline - now();
    if (left <= 0) return null;
    const queues = sockets.flatMap(({ socket }) => [socket.readQueue, socket.writeQueue]);
    yield* waitAny(queues, left);
  }
}

/** What epoll_wait reports now: items with their events; edge-triggered ones only when something has happened since. */
export function epollReady(epoll: EpollDescriptor, most: number): { item: EpollItem; events: number }[] {
  const found: { item: EpollItem; events: number }[] = [];
  for (const item of epoll.items.values()) {
    if (item.off || found.length === most) continue;
    const { sock } = item.descriptor.socket;
    const events = pollMask(sock) & (item.events | POLLERR | POLLHUP);
    if (events === 0) {
      item.told = 0;
      continue;
    }
    const stamp = progress(sock);
    if (item.events & EPOLLET && (events & ~item.told) === 0 && stamp === item.stamp) continue;
    item.told = events;
    item.stamp = stamp;
    if (item.events & EPOLLONESHOT) item.off = true;
    found.push({ item, events });
  }
  return found;
}

/** Changes with everything that wakes a poller. */
function progress(sock: Sock): number {
  return sock instanceof TcpStreamSock ? sock.segsIn + sock.acceptQueue.length : 0;
}
