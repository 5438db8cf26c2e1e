// The kernel's side of a socket: what every protocol's sock has in common, and the calls that the socket face
// (net/socket.ts) forwards. Answers to include/net/sock.h (struct sock, struct proto) and inet_sock.

import { Errno, NetError } from "../../base/errno.ts";
import type { Ns } from "../../base/time.ts";
import { type Task, WaitQueue } from "../../sim/task.ts";
import type { Net } from "./net.ts";
import type { SkBuff } from "./skb.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_PACKET = 17;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;

export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

/** IP address (unsigned 32 bits) and port or, for raw and ping sockets, protocol or id. */
export interface SockAddr {
  readonly addr: number;
  readonly port: number;
}

/** What recvmsg returns. */
export interface Message {
  /** the payload (for raw sockets from the IP header on) */
  readonly bytes: Uint8Array;
  /** sender; for messages of the error queue the original destination */
  readonly from: SockAddr;
  /** destination address as it arrived (IP_PKTINFO) */
  readonly to?: number;
  /** IP_RECVTTL, IP_RECVTOS: of the packet */
  readonly ttl?: number;
  readonly tos?: number;
  /** the packet's IP options (IP_RECVOPTS), without the 20 fixed bytes */
  readonly ipOptions?: Uint8Array;
  /** virtual ns of receipt (SO_TIMESTAMP) */
  readonly tstampNs?: Ns;
  /** MSG_ERRQUEUE of a stream: what else than errors is told of its bytes (SO_TIMESTAMPING, MSG_ZEROCOPY) */
  readonly notice?: StreamNotice;
  /** MSG_ERRQUEUE: an ICMP error about an earlier packet (struct sock_extended_err) */
  readonly error?: {
    readonly errno: number;
    /** SO_EE_ORIGIN_*: 1 local, 2 ICMP */
    readonly origin: number;
    readonly type: number;
    readonly code: number;
    /** MTU for EMSGSIZE */
    readonly info: number;
    /** address of the node that sent the ICMP error; 0 for local */
    readonly offender: number;
  };
  /** AF_PACKET: where the frame came in */
  readonly ifindex?: number;
  readonly pktType?: number;
  readonly protocol?: number;
  readonly hwAddr?: Uint8Array;
  /** TCP_CM_INQ: bytes left to read */
  readonly inq?: number;
}

/** struct sock_extended_err as streams fill it, the time that comes with it, and how long the packet was that it is about. */
export interface StreamNotice {
  readonly errno: number;
  readonly origin: number;
  readonly code: number;
  readonly info: number;
  readonly data: number;
  readonly stampNs: Ns | null;
  readonly bytes: number;
}

export interface SendOptions {
  readonly to?: SockAddr;
  /** AF_PACKET: the interface, protocol and destination MAC */
  readonly ifindex?: number;
  readonly protocol?: number;
  readonly hwAddr?: Uint8Array;
  /** MSG_MORE: more follows (cork) */
  readonly more?: boolean;
  readonly oob?: boolean;
  /** MSG_FASTOPEN: connects to `to` (TCP), the bytes go with the SYN */
  readonly fastopen?: boolean;
  /** MSG_EOR: what is sent later goes into no segment with this */
  readonly eor?: boolean;
  /**
   * the bytes are pages of a file and are not copied (sendfile, MSG_SPLICE_PAGES); the first byte begins a page. No
   * bytes: the file has ended, what was held back by `more` goes (splice_eof)
   */
  readonly splice?: boolean;
  /** MSG_ZEROCOPY: the bytes are not copied, the error queue tells when they may change; lengths of a vector's pieces */
  readonly zerocopy?: boolean;
  readonly pieces?: readonly number[];
  /** do not wait: throws EAGAIN */
  readonly dontWait?: boolean;
}

export interface RecvOptions {
  /** a stream puts what it reads here: the message's bytes are a view of it, good until the next call */
  readonly into?: Uint8Array;
  readonly errQueue?: boolean;
  readonly peek?: boolean;
  readonly oob?: boolean;
  readonly dontWait?: boolean;
  /** give up after this many ns: throws EAGAIN (SO_RCVTIMEO) */
  readonly timeoutNs?: Ns;
}

/** State that every protocol's socket has. */
export abstract class Sock {
  readonly net: Net;
  /** AF_*; a connection that an IPv6 listener accepted is an IPv6 socket of IPv4 addresses (::ffff:a.b.c.d) */
  family: number;
  readonly type: number;
  readonly protocol: number;
  // What each datagram asks for comes first, in one line of the processor's cache (flows_1000).
  /** pending error, positive errno; taken by takeError */
  err = 0;
  sndShutdown = false;
  /** inet_id: next IP identification of a connected socket, 16 bits */
  inetId = 0;
  /** IPV6_V6ONLY: nothing of IPv4 reaches it */
  ipv6Only = false;
  /** what was wrong last, without ending anything; only SO_ERROR and a time-out tell of it */
  softErr = 0;
  /** an error waits in the error queue: poll(2) says POLLERR */
  errorQueued = false;
  /** SOCK_DEAD: nobody holds it any more */
  dead = false;
  rcvShutdown = false;
  readonly readQueue: WaitQueue = new WaitQueue();
  readonly writeQueue: WaitQueue = new WaitQueue();
  /** SO_BINDTODEVICE: ifindex or 0 */
  boundDevIf = 0;
  mark = 0;
  priority = 0;
  reuseAddr = false;
  reusePort = false;
  broadcast = false;
  /** SOCK_LOCALROUTE (SO_DONTROUTE): only to neighbours */
  localRoute = false;
  sndBuf = 212992;
  rcvBuf = 212992;
  /** inet_sock: local and remote address and port; saddr is what packets carry, rcvSaddr what bind asked */
  saddr = 0;
  rcvSaddr = 0;
  daddr = 0;
  /** local port (inet_num); remote port */
  sport = 0;
  dport = 0;
  /** IP_TTL, −1: the namespace's default */
  ttl = -1;
  tos = 0;
  /** IP_MTU_DISCOVER: IP_PMTUDISC_* 0 dont, 1 want, 2 do, 3 probe; −1: the namespace's default */
  pmtuDisc = -1;
  recvErr = false;
  hdrIncl = false;
  /** sk_dst_pending_confirm: the next packet tells the neighbour that the far end answers (sk_dst_confirm) */
  dstPendingConfirm = false;
  /** uid for `owner` matches and `ss -e` */
  uid = 0;
  /** inode number that netstat and ss show */
  inode = 0;

  constructor(net: Net, family: number, type: number, protocol: number) {
    this.net = net;
    this.family = family;
    this.type = type;
    this.protocol = protocol;
  }

  /** bind(2). Throws EADDRINUSE, EADDRNOTAVAIL, EINVAL. */
  abstract bind(address: SockAddr): void;

  /** connect(2) without waiting for a handshake: datagram sockets are connected on return. Throws NetError. */
  abstract connectStart(address: SockAddr): void;

  /** connect(2) to AF_UNSPEC. Throws EOPNOTSUPP where there is no such thing. */
  disconnect(): void {
    throw new NetError(Errno.EOPNOTSUPP);
  }

  /** The same as a thread does it: with a lock that it holds meanwhile, where the protocol has one. */
  *connectNow(address: SockAddr): Task<void> {
    this.connectStart(address);
  }

  /** connect(2), waiting; false when `timeoutNs` passed first. Throws ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH … */
  *connect(address: SockAddr, timeoutNs: Ns = Number.POSITIVE_INFINITY): Task<boolean> {
    const deadline = this.net.now + timeoutNs;
    yield* this.connectNow(address);
    while (!this.writable()) {
      const left = deadline - this.net.now;
      if (left <= 0 || !(yield* this.writeQueue.wait(left))) return this.writable();
    }
    this.throwError();
    return true;
  }

  listen(_backlog: number): void {
    throw new NetError(Errno.EOPNOTSUPP);
  }

  /** accept(2), or null when no connection waits. */
  acceptNow(): Sock | null {
    throw new NetError(Errno.EOPNOTSUPP);
  }

  /** Queues bytes for sending; waits while the send buffer is full. Returns the number of bytes taken (all). */
  abstract sendmsg(bytes: Uint8Array, options: SendOptions): Task<number>;

  /** What there is to read now, or null when a reader must wait. End of stream: a message of no bytes. Throws NetError. */
  abstract recvNow(max: number, options: RecvOptions): Message | null;

  /** The same as a thread does it, for as long as it takes; null when a reader must wait. */
  *recvmsg(max: number, options: RecvOptions): Task<Message | null> {
    return this.recvNow(max, options);
  }

  /** shutdown(2), SHUT_*. Throws ENOTCONN. */
  abstract shutdown(how: number): void;

  /** The same as a thread does it, for as long as it takes. */
  *shutdownWaiting(how: number): Task<void> {
    this.shutdown(how);
  }

  /** recv would not wait: data, end, error, or a connection to accept. */
  abstract readable(): boolean;

  /** connected (or failed) and room in the send buffer. */
  abstract writable(): boolean;

  /** The last descriptor was closed. */
  abstract close(): void;

  /** The same, and waits where close(2) does. */
  *closeWaiting(): Task<void> {
    this.close();
  }

  /** A protocol's own options by Linux name ("TCP_NODELAY"); throws ENOPROTOOPT. */
  setOption(_name: string, _value: number): void {
    throw new NetError(Errno.ENOPROTOOPT);
  }

  getOption(_name: string): number {
    throw new NetError(Errno.ENOPROTOOPT);
  }

  /** SO_ERROR: the pending error or else the soft one, which it clears. */
  takeSoError(): number {
    const err = this.takeError();
    if (err !== 0) return err;
    const { softErr } = this;
    this.softErr = 0;
    return softErr;
  }

  /** The pending error, which it clears (sock_error). */
  takeError(): number {
    const { err } = this;
    this.err = 0;
    return err;
  }

  throwError(): void {
    const err = this.takeError();
    if (err !== 0) throw new NetError(err);
  }

  /** sk_error_report and state changes: whoever waits looks again. */
  wake(): void {
    this.readQueue.wakeAll();
    this.writeQueue.wakeAll();
  }
}

/** What the match `socket` asks of a socket, which may be a mere request or one in TIME_WAIT. */
export interface FoundSock {
  /** 0: bound to no address */
  readonly rcvSaddr: number;
  readonly transparent?: boolean;
  readonly mark?: number;
}

/** What a transport registers for its IP protocol number (struct net_protocol), one for all namespaces: `host` is the one that
 *  the packet is in. Both take no packet beyond the call's end
 *  unless they say so: `handler` takes the packet over; `errHandler` must not keep it. */
export interface InetProtocol<Host> {
  /** skb.data stands at the transport header; takes it over. */
  handler(skb: SkBuff, host: Host): void;
  /**
   * An ICMP error about a packet that this host sent: skb.data stands at the quoted IP header (tcp_v4_err).
   * @param info MTU for fragmentation needed, gateway for redirect, pointer for parameter problem
   */
  errHandler?(skb: SkBuff, type: number, code: number, info: number, host: Host): void;
  /** The socket that a packet between these is for, as netfilter asks (nf_socket_get_sock_v4). */
  lookup?(saddr: number, sport: number, daddr: number, dport: number, ifindex: number, host: Host): FoundSock | null;
  /** icmp_strict_tag_validation: a protocol unreachable makes sense for it */
  readonly name: string;
}
