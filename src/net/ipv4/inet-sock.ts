// What UDP, ping and raw sockets have in common: a queue of received packets, an error queue, the IP-level options, and the
// sending of one message. Answers to include/net/inet_sock.h, net/ipv4/ip_sockglue.c and net/core/datagram.c.

import { Errno, NetError } from "../../base/errno.ts";
import type { Ns } from "../../base/time.ts";
import type { Task } from "../../sim/task.ts";
import * as icmp from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { DropReason } from "../core/drop-reason.ts";
import { skbTruesize } from "../core/neighbour.ts";
import type { NetDevice } from "../core/net-device.ts";
import { consumeSkb, drop, type SkBuff, SkbQueue } from "../core/skb.ts";
import {
  AF_INET,
  type Message,
  type RecvOptions,
  type SendOptions,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  Sock,
  type SockAddr,
} from "../core/sock.ts";
import { RTN_UNICAST } from "./fib-types.ts";
import { ipMcJoinGroup, ipMcLeaveGroup } from "./igmp.ts";
import type { IpCookie } from "./ip-append.ts";
import { type IpOptions, ipOptionsGet } from "./ip-options.ts";
import { flowOfSock } from "./ip-output.ts";
import type { Ipv4 } from "./ipv4.ts";
import { ipRouteOutputKey, isMulticast } from "./route.ts";
import { FLOWI_FLAG_ANYSRC, FlowKey, RTCF_BROADCAST, type Rtable } from "./rtable.ts";

/** errno and whether it ends a connection, by code of ICMP_DEST_UNREACH (icmp_err_convert). */
export const ICMP_ERR_CONVERT: readonly { readonly errno: number; readonly fatal: boolean }[] = [
  { errno: Errno.ENETUNREACH, fatal: false },
  { errno: Errno.EHOSTUNREACH, fatal: false },
  { errno: Errno.ENOPROTOOPT, fatal: true },
  { errno: Errno.ECONNREFUSED, fatal: true },
  { errno: Errno.EMSGSIZE, fatal: false },
  { errno: Errno.EOPNOTSUPP, fatal: false },
  { errno: Errno.ENETUNREACH, fatal: true },
  { errno: Errno.EHOSTDOWN, fatal: true },
  { errno: Errno.ENONET, fatal: true },
  { errno: Errno.ENETUNREACH, fatal: true },
  { errno: Errno.EHOSTUNREACH, fatal: true },
  { errno: Errno.ENETUNREACH, fatal: false },
  { errno: Errno.EHOSTUNREACH, fatal: false },
  { errno: Errno.EHOSTUNREACH, fatal: true },
  { errno: Errno.EHOSTUNREACH, fatal: true },
  { errno: Errno.EHOSTUNREACH, fatal: true },
];

/** One entry of the error queue (struct sock_exterr_skb). */
export interface SockError {
  readonly errno: number;
  /** SO_EE_ORIGIN_*: 1 local, 2 ICMP */
  readonly origin: number;
  readonly type: number;
  readonly code: number;
  readonly info: number;
  readonly offender: number;
  /** destination of the packet that it is about */
  readonly to: SockAddr;
  readonly payload: Uint8Array;
  /** of the ICMP message: its TTL and when it came; none for a local error */
  readonly ttl?: number;
  readonly tstampNs?: Ns;
}

const SO_EE_ORIGIN_LOCAL = 1;
const SO_EE_ORIGIN_ICMP = 2;

/** A socket that the kernel itself sends by: ICMP's, and that of resets. */
export class ControlSock extends Sock {
  bind(): void {
    throw new NetError(Errno.EOPNOTSUPP);
  }

  connectStart(): void {
    throw new NetError(Errno.EOPNOTSUPP);
  }

  *sendmsg(): Task<number> {
    throw new NetError(Errno.EOPNOTSUPP);
  }

  recvNow(): Message | null {
    return null;
  }

  shutdown(): void {}

  readable(): boolean {
    return false;
  }

  writable(): boolean {
    return true;
  }

  close(): void {}
}

export abstract class DatagramSock extends Sock {
  readonly ip4: Ipv4;
  readonly received: SkbQueue = new SkbQueue();
  private rmem = 0;
  readonly errors: SockError[] = [];
  /** connected: packets of others are not for us */
  established = false;
  closed = false;
  /** IP_MULTICAST_IF: ifindex and source; IP_MULTICAST_TTL, IP_MULTICAST_LOOP */
  mcIndex = 0;
  mcAddr = 0;
  mcTtl = 1;
  mcLoop = true;
  /** IP_FREEBIND, IP_TRANSPARENT */
  freebind = false;
  transparent = false;
  recvTtl = false;
  recvTos = false;
  recvOpts = false;
  recvPktinfo = false;
  options: IpOptions | null = null;
  /** groups joined: ifindex and group */
  readonly memberships: { readonly ifindex: number; readonly group: number }[] = [];
  protected readonly fl: FlowKey = new FlowKey();
  private readonly _cookie: IpCookie = { addr: 0, options: null, ttl: 0, tos: -1, mark: 0, priority: 0, mcTtl: 1 };

  constructor(ip4: Ipv4, type: number, protocol: number) {
    super(ip4.net, AF_INET, type, protocol);
    this.ip4 = ip4;
  }

  // --- receiving

  /** Queues a packet for the reader (sock_queue_rcv_skb); false: no room, dropped. Takes it over. */
  enqueue(skb: SkBuff): boolean {
    const size = skbTruesize(skb);
    if (this.rmem >= this.rcvBuf) {
      drop(skb, DropReason.SOCKET_RCVBUFF);
      return false;
    }
    this.rmem += size;
    skb.dst = null;
    this.received.push(skb);
    if (!this.readQueue.empty) this.readQueue.wakeAll();
    return true;
  }

  /** What a queued packet is to its reader. */
  protected abstract toMessage(skb: SkBuff, max: number): Message;

  recvNow(max: number, options: RecvOptions): Message | null {
    if (options.errQueue) {
      const error = this.errors.shift();
      if (!error) throw new NetError(Errno.EAGAIN);
      // sock_dequeue_err_skb: the pending error is always that of the next ICMP error in line
      const next = this.errors[0];
      if (next?.origin === SO_EE_ORIGIN_ICMP) this.err = next.errno;
      else if (error.origin === SO_EE_ORIGIN_ICMP) this.err = 0;
      return errorMessage(error, max);
    }
    this.throwError();
    const skb = this.received.head;
    if (!skb) return this.rcvShutdown ? { bytes: new Uint8Array(0), from: { addr: 0, port: 0 } } : null;
    const message = this.toMessage(skb, max);
    if (!options.peek) this.discard();
    return message;
  }

  /** The next packet has been read. */
  protected discard(): void {
    const skb = this.received.shift()!;
    this.rmem -= skbTruesize(skb);
    consumeSkb(skb);
  }

  readable(): boolean {
    return this.received.length > 0 || this.err !== 0 || this.errors.length > 0 || this.rcvShutdown;
  }

  writable(): boolean {
    return true;
  }

  /** IP-level parts of a message: destination, TTL, TOS, options. */
  protected ipParts(skb: SkBuff): Partial<Message> {
    const { head } = skb;
    const ip = skb.networkHeader;
    const ihl = ipv4.getHeaderLength(head, ip);
    return {
      to: ipv4.getDestination(head, ip),
      ttl: ipv4.getTtl(head, ip),
      tos: ipv4.getTos(head, ip),
      tstampNs: skb.tstampNs,
      ifindex: skb.skbIif,
      ...(ihl > ipv4.HEADER_LENGTH ? { ipOptions: head.slice(ip + ipv4.HEADER_LENGTH, ip + ihl) } : {}),
    };
  }

  // --- errors

  /** An ICMP error for the error queue (ip_icmp_error): skb.data at the quoted IP header, payload from `payloadAt`. */
  icmpError(
    skb: SkBuff,
    errno: number,
    port: number,
    info: number,
    type: number,
    code: number,
    payloadAt: number,
  ): void {
    const { head, data } = skb;
    const outer = skb.networkHeader;
    this.errors.push({
      errno,
      origin: SO_EE_ORIGIN_ICMP,
      type,
      code,
      info,
      offender: ipv4.getSource(head, outer),
      to: { addr: ipv4.getDestination(head, data), port },
      payload: head.slice(Math.min(payloadAt, skb.tail), skb.tail),
      ttl: ipv4.getTtl(head, outer),
      tstampNs: skb.tstampNs,
    });
  }

  /** An error of our own, such as a message too long (ip_local_error). */
  localError(errno: number, daddr: number, port: number, info: number): void {
    if (!this.recvErr) return;
    this.errors.push({
      errno,
      origin: SO_EE_ORIGIN_LOCAL,
      type: 0,
      code: 0,
      info,
      offender: 0,
      to: { addr: daddr, port },
      payload: new Uint8Array(0),
    });
  }

  /** sk_error_report */
  reportError(errno: number): void {
    this.err = errno;
    this.wake();
  }

  /** errno of an ICMP error, and whether it is fatal to an unconnected reader's call. */
  protected convertError(type: number, code: number): { errno: number; hard: boolean } | null {
    switch (type) {
      case icmp.ICMP_SOURCE_QUENCH:
        return null;
      case icmp.ICMP_PARAMETERPROB:
        return { errno: Errno.EPROTO, hard: true };
      case icmp.ICMP_DEST_UNREACH: {
        if (code === icmp.ICMP_FRAG_NEEDED)
          return {
            errno: Errno.EMSGSIZE,
            hard: this.pmtuDisc !== 0 && !(this.pmtuDisc < 0 && this.ip4.sysctl.noPmtuDisc !== 0),
          };
        const converted = ICMP_ERR_CONVERT[code];
        return converted
          ? { errno: converted.errno, hard: converted.fatal }
          : { errno: Errno.EHOSTUNREACH, hard: false };
      }
      default:
        return { errno: Errno.EHOSTUNREACH, hard: false };
    }
  }

  // --- sending

  /** the connected peer as an address, made once */
  private readonly peer: { addr: number; port: number } = { addr: 0, port: 0 };

  /** What this message's IP header gets. */
  protected cookie(daddr: number): IpCookie {
    const cookie = this._cookie;
    cookie.addr = daddr;
    cookie.options = this.options;
    cookie.mark = this.mark;
    cookie.priority = this.priority;
    cookie.mcTtl = this.mcTtl;
    return cookie;
  }

  /** Routes a message to `daddr`; fl.saddr is the source it gets. Throws ENETUNREACH, EACCES (broadcast not allowed) … */
  protected route(daddr: number, dport: number, sport: number): Rtable {
    const { ip4 } = this;
    const fl = flowOfSock(this.fl, this, daddr, this.saddr, this.protocol);
    fl.dport = dport;
    fl.sport = sport;
    if (isMulticast(daddr)) {
      if (fl.oif === 0) fl.oif = this.mcIndex;
      if (fl.saddr === 0) fl.saddr = this.mcAddr;
    }
    if (this.options?.srr) fl.daddr = this.options.faddr;
    if (this.transparent || this.freebind || this.hdrIncl) fl.flags = FLOWI_FLAG_ANYSRC;
    const { outputs } = ip4.route;
    const asked = fl.saddr | 0;
    // the oif that the look-up may write back is not part of the question
    const { oif } = fl;
    const ordinary = fl.mark === 0 && fl.flags === 0 && fl.scope === 0 && fl.daddr !== 0;
    if (ordinary) {
      const known = outputs.find(fl.daddr | 0, asked, fl.tos, oif, ip4.net.pathGenid);
      if (known !== null) {
        fl.saddr = outputs.saddr >>> 0;
        return known;
      }
    }
    const rt = ipRouteOutputKey(ip4, fl);
    if (rt.error !== 0) {
      if (rt.error === Errno.ENETUNREACH) ip4.mib.ip.OutNoRoutes++;
      throw new NetError(rt.error);
    }
    if (rt.flags & RTCF_BROADCAST && !this.broadcast) throw new NetError(Errno.EACCES);
    if (ordinary && !(rt.flags & RTCF_BROADCAST) && rt.lasting && !ip4.fib.severalDefaults) {
      const genid = ip4.net.pathGenid;
      outputs.remember(fl.daddr | 0, asked, fl.tos, oif, genid, rt, fl.saddr | 0);
      // a local address is its own source
      const span = rt.type === RTN_UNICAST ? ip4.fib.spanOf(fl.daddr) : null;
      if (span !== null) outputs.rememberSpan(span, asked, fl.tos, oif, genid, rt, fl.saddr | 0);
    }
    return rt;
  }

  /** Where a message goes: as said, or to whom the socket is connected. Throws EDESTADDRREQ, EINVAL. */
  protected destination(options: SendOptions): SockAddr {
    if (options.to) return options.to;
    if (!this.established) throw new NetError(Errno.EDESTADDRREQ);
    const peer = this.peer;
    peer.addr = this.daddr;
    peer.port = this.dport;
    return peer;
  }

  // --- binding and connecting

  /** May this address be bound to (inet_bind_check)? Throws EADDRNOTAVAIL. */
  protected checkBindable(addr: number): void {
    if (addr === 0 || this.ip4.sysctl.nonlocalBind || this.freebind || this.transparent) return;
    const type = this.ip4.fib.addrType(addr);
    // local, multicast, broadcast
    if (type !== 2 && type !== 5 && type !== 3) throw new NetError(Errno.EADDRNOTAVAIL);
  }

  /** __ip4_datagram_connect: remembers the peer, and the source that a route to it gives. */
  protected datagramConnect(address: SockAddr): void {
    let saddr = this.saddr;
    const fl = flowOfSock(this.fl, this, address.addr, saddr, this.protocol);
    fl.dport = address.port;
    if (isMulticast(address.addr)) {
      if (fl.oif === 0) fl.oif = this.mcIndex;
      if (saddr === 0) fl.saddr = this.mcAddr;
    }
    const rt = ipRouteOutputKey(this.ip4, fl);
    if (rt.error !== 0) {
      if (rt.error === Errno.ENETUNREACH) this.ip4.mib.ip.OutNoRoutes++;
      throw new NetError(rt.error);
    }
    if (rt.flags & RTCF_BROADCAST && !this.broadcast) throw new NetError(Errno.EACCES);
    saddr = fl.saddr;
    if (this.saddr === 0) this.saddr = saddr;
    if (this.rcvSaddr === 0) this.rcvSaddr = saddr;
    this.daddr = fl.daddr;
    this.dport = address.port;
    this.established = true;
    this.inetId = this.ip4.idents.random16();
  }

  /** __udp_disconnect: connect to AF_UNSPEC. */
  override disconnect(): void {
    this.established = false;
    this.daddr = 0;
    this.dport = 0;
  }

  shutdown(how: number): void {
    if (!this.established) throw new NetError(Errno.ENOTCONN);
    if (how === SHUT_RD || how === SHUT_RDWR) this.rcvShutdown = true;
    if (how === SHUT_WR || how === SHUT_RDWR) this.sndShutdown = true;
    this.wake();
  }

  /** Leaves groups and forgets what waits; for close(). */
  protected release(): void {
    if (this.closed) return;
    this.closed = true;
    this.dead = true;
    for (const { ifindex, group } of this.memberships) {
      const dev = this.net.deviceByIndex(ifindex);
      if (dev) ipMcLeaveGroup(this.ip4, dev, group);
    }
    this.memberships.length = 0;
    this.received.purge(DropReason.SOCKET_CLOSE);
    this.wake();
  }

  // --- options by Linux name

  /** Something that headers or routes depend on was set. */
  protected optionsChanged(): void {}

  override setOption(name: string, value: number): void {
    this.optionsChanged();
    switch (name) {
      case "SO_REUSEADDR":
        this.reuseAddr = value !== 0;
        return;
      case "SO_REUSEPORT":
        this.reusePort = value !== 0;
        return;
      case "SO_BROADCAST":
        this.broadcast = value !== 0;
        return;
      case "SO_DONTROUTE":
        this.localRoute = value !== 0;
        return;
      case "SO_MARK":
        this.mark = value >>> 0;
        return;
      case "SO_PRIORITY":
        this.priority = value;
        return;
      case "SO_BINDTODEVICE":
        if (value !== 0 && !this.net.deviceByIndex(value)) throw new NetError(Errno.ENODEV);
        this.boundDevIf = value;
        return;
      case "SO_SNDBUF":
        this.sndBuf = Math.max(value * 2, 4608);
        return;
      case "SO_RCVBUF":
        this.rcvBuf = Math.max(value * 2, 2304);
        return;
      case "IP_TTL":
        if (value !== -1 && (value < 1 || value > 255)) throw new NetError(Errno.EINVAL);
        this.ttl = value;
        return;
      case "IP_TOS":
        this.tos = value & 255;
        return;
      case "IP_MTU_DISCOVER":
        if (value < 0 || value > 5) throw new NetError(Errno.EINVAL);
        this.pmtuDisc = value;
        return;
      case "IP_RECVERR":
        this.recvErr = value !== 0;
        if (value === 0) this.errors.length = 0;
        return;
      case "IP_RECVTTL":
        this.recvTtl = value !== 0;
        return;
      case "IP_RECVTOS":
        this.recvTos = value !== 0;
        return;
      case "IP_RECVOPTS":
      case "IP_RETOPTS":
        this.recvOpts = value !== 0;
        return;
      case "IP_PKTINFO":
        this.recvPktinfo = value !== 0;
        return;
      case "IP_MULTICAST_TTL":
        if (value < -1 || value > 255) throw new NetError(Errno.EINVAL);
        this.mcTtl = value === -1 ? 1 : value;
        return;
      case "IP_MULTICAST_LOOP":
        this.mcLoop = value !== 0;
        return;
      case "IP_MULTICAST_IF":
        if (value !== 0 && !this.net.deviceByIndex(value)) throw new NetError(Errno.EADDRNOTAVAIL);
        this.mcIndex = value;
        return;
      case "IP_FREEBIND":
        this.freebind = value !== 0;
        return;
      case "IP_TRANSPARENT":
        this.transparent = value !== 0;
        return;
      default:
        throw new NetError(Errno.ENOPROTOOPT);
    }
  }

  override getOption(name: string): number {
    switch (name) {
      case "SO_BROADCAST":
        return +this.broadcast;
      case "SO_MARK":
        return this.mark;
      case "SO_SNDBUF":
        return this.sndBuf;
      case "SO_RCVBUF":
        return this.rcvBuf;
      case "SO_BINDTODEVICE":
        return this.boundDevIf;
      case "IP_TTL":
        return this.ttl >= 0 ? this.ttl : this.ip4.sysctl.defaultTtl;
      case "IP_TOS":
        return this.tos;
      case "IP_MTU_DISCOVER":
        return this.pmtuDisc >= 0 ? this.pmtuDisc : this.ip4.sysctl.noPmtuDisc ? 0 : 1;
      case "IP_MTU": {
        if (!this.established) throw new NetError(Errno.ENOTCONN);
        const rt = ipRouteOutputKey(this.ip4, flowOfSock(this.fl, this, this.daddr, this.saddr, this.protocol));
        if (rt.error !== 0) throw new NetError(Errno.ENOTCONN);
        return rt.mtu();
      }
      case "IP_RECVERR":
        return +this.recvErr;
      case "IP_MULTICAST_TTL":
        return this.mcTtl;
      case "IP_MULTICAST_LOOP":
        return +this.mcLoop;
      default:
        throw new NetError(Errno.ENOPROTOOPT);
    }
  }

  /** setsockopt IP_OPTIONS: the options' bytes without the fixed header, none to take them away. Throws EINVAL. */
  setIpOptions(options: Uint8Array): void {
    this.optionsChanged();
    if (options.length === 0) {
      this.options = null;
      return;
    }
    const compiled = ipOptionsGet(this.ip4, options);
    if (!compiled) throw new NetError(Errno.EINVAL);
    this.options = compiled;
  }

  /** IP_ADD_MEMBERSHIP: listen to a group on a device (0: the one that the route names). Throws EADDRINUSE, ENODEV. */
  joinGroup(group: number, ifindex: number): void {
    if (!isMulticast(group)) throw new NetError(Errno.EINVAL);
    const dev = this.#groupDevice(group, ifindex);
    if (this.memberships.some((m) => m.group === group && m.ifindex === dev.ifindex))
      throw new NetError(Errno.EADDRINUSE);
    if (this.memberships.length >= this.ip4.sysctl.igmpMaxMemberships) throw new NetError(Errno.ENOBUFS);
    this.memberships.push({ ifindex: dev.ifindex, group });
    ipMcJoinGroup(this.ip4, dev, group);
  }

  /** IP_DROP_MEMBERSHIP. Throws EADDRNOTAVAIL. */
  leaveGroup(group: number, ifindex: number): void {
    const dev = this.#groupDevice(group, ifindex);
    const at = this.memberships.findIndex((m) => m.group === group && m.ifindex === dev.ifindex);
    if (at < 0) throw new NetError(Errno.EADDRNOTAVAIL);
    this.memberships.splice(at, 1);
    ipMcLeaveGroup(this.ip4, dev, group);
  }

  #groupDevice(group: number, ifindex: number): NetDevice {
    const fl = this.fl.reset();
    fl.daddr = group;
    const dev = ifindex !== 0 ? this.net.deviceByIndex(ifindex) : ipRouteOutputKey(this.ip4, fl).dev;
    if (!dev) throw new NetError(Errno.ENODEV);
    return dev;
  }
}

function errorMessage(error: SockError, max: number): Message {
  return {
    bytes: error.payload.slice(0, max),
    from: error.to,
    ...(error.ttl === undefined ? {} : { ttl: error.ttl }),
    ...(error.tstampNs === undefined ? {} : { tstampNs: error.tstampNs }),
    error: {
      errno: error.errno,
      origin: error.origin,
      type: error.type,
      code: error.code,
      info: error.info,
      offender: error.offender,
    },
  };
}
