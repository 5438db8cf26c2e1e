// UDP (RFC 768, RFC 1122 section 4.1): its sockets, checksums left to the device or made here, and ICMP errors back to the
// sender; ports, and who gets a datagram, are udp-table.ts's. Answers to net/ipv4/udp.c. UDP-Lite, segmentation offload and the BPF hooks are left out.

import { Errno, NetError } from "../../base/errno.ts";
import type { Task } from "../../sim/task.ts";
import { internetChecksum, pseudoHeaderSumAt, udpChecksum } from "../../wire/checksum.ts";
import * as icmp from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { getInt32 } from "../../wire/layout.ts";
import * as udp from "../../wire/udp.ts";
import { DropReason } from "../core/drop-reason.ts";
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, drop, READ_VIEW, type SkBuff } from "../core/skb.ts";
import { takeBytes } from "../core/skb-bytes.ts";
import { AF_INET, type InetProtocol, type Message, type SendOptions, SOCK_DGRAM, type SockAddr } from "../core/sock.ts";
import { RTN_BROADCAST, RTN_MULTICAST } from "./fib-types.ts";
import { DatagramSock } from "./inet-sock.ts";
import { ipMakeSkb, ipSendSkb, LocalMtuError } from "./ip-append.ts";
import { ipPlainOut } from "./ip-output.ts";
import type { Ipv4 } from "./ipv4.ts";
import type { UdpMib } from "./mib.ts";
import { dstCheck, inetAddrType, ipv4UpdatePmtu, isMulticast, type Rtable } from "./route.ts";
import { ipv4Redirect } from "./route-input.ts";
import { RTCF_BROADCAST, RTCF_MULTICAST, skbRtable } from "./rtable.ts";
import { UdpDestination, UdpHeaders } from "./udp-headers.ts";
import { receive } from "./udp-table.ts";

/** Receives for a port in place of a socket (udp_tunnel's encap_rcv): skb.data is behind the UDP header. Takes it over. */
export type UdpEncapRcv = (skb: SkBuff) => void;

export class UdpSock extends DatagramSock {
  /** the peer, by the route that is kept for it; where the last datagram went that was for another */
  private peerDestination: UdpDestination | null = null;
  /** MSG_MORE: what has been held back */
  private corked: Uint8Array[] | null = null;
  private latest: UdpDestination | null = null;
  private headers: UdpHeaders;
  private otherHeaders: UdpHeaders | null = null;
  /** a tunnel device's port: packets go there */
  encapRcv: UdpEncapRcv | null = null;
  private dst: Rtable | null = null;
  private readonly mib: UdpMib;

  constructor(ip4: Ipv4) {
    super(ip4, SOCK_DGRAM, ipv4.IPPROTO_UDP);
    this.mib = ip4.mib.udp;
    this.headers = new UdpHeaders(ip4.net);
  }

  /** Whoever sends to its port sends to it: it is bound to no address and no device, and has no peer. */
  get takesAny(): boolean {
    return this.rcvSaddr === 0 && this.daddr === 0 && this.dport === 0 && this.boundDevIf === 0 && !this.ipv6Only;
  }

  /** −1: not for this socket. */
  score(bound: number, saddr: number, sport: number, ifindex: number): number {
    if ((this.rcvSaddr | 0) !== (bound | 0) || this.ipv6Only) return -1;
    let score = this.family === AF_INET ? 2 : 1;
    if (this.daddr !== 0) {
      if ((this.daddr | 0) !== (saddr | 0)) return -1;
      score += 4;
    }
    if (this.dport !== 0) {
      if (this.dport !== sport) return -1;
      score += 4;
    }
    if (this.boundDevIf !== 0) {
      if (this.boundDevIf !== ifindex) return -1;
      score += 4;
    }
    return score;
  }

  bind(address: SockAddr): void {
    if (this.sport !== 0) throw new NetError(Errno.EINVAL);
    this.checkBindable(address.addr);
    this.rcvSaddr = address.addr;
    try {
      this.ip4.udp.getPort(this, address.port);
    } catch (error) {
      this.rcvSaddr = 0;
      throw error instanceof NetError ? new NetError(Errno.EADDRINUSE) : error;
    }
    const type = inetAddrType(this.ip4, address.addr);
    this.saddr = address.addr !== 0 && (type === RTN_MULTICAST || type === RTN_BROADCAST) ? 0 : address.addr;
  }

  connectStart(address: SockAddr): void {
    this.#autobind();
    this.optionsChanged();
    this.datagramConnect(address);
  }

  override disconnect(): void {
    this.optionsChanged();
    super.disconnect();
  }

  #autobind(): void {
    if (this.sport === 0) this.ip4.udp.getPort(this, 0);
  }

  *sendmsg(bytes: Uint8Array, options: SendOptions): Task<number> {
    return this.sendNow(bytes, options);
  }

  /** sendmsg without a task: a datagram never waits. Throws as sendmsg does. */
  sendNow(bytes: Uint8Array, options: SendOptions): number {
    if (bytes.length > 0xffff) throw new NetError(Errno.EMSGSIZE);
    if (options.oob) throw new NetError(Errno.EOPNOTSUPP);
    this.throwError();
    if (this.sndShutdown) throw new NetError(Errno.EPIPE);
    const known = options.to === undefined ? this.#knownPeer() : this.#destinationOf(options.to);
    const ready = known !== null && !options.more && this.#goesAsTheLast(bytes, known) ? known : null;
    if (ready === null || !this.#sendOnTrail(bytes, ready)) this.#sendByRoute(bytes, options, ready);
    return bytes.length;
  }

  /** What is known of datagrams to this address; null: it must be found out. */
  #destinationOf({ addr, port }: SockAddr): UdpDestination | null {
    const headers = this.headers;
    const latest = this.latest;
    // 0.0.0.0 is this host, whatever a route's destinations are
    if (latest === null || port === 0 || addr === 0 || !headers.areForAddress(addr)) return null;
    latest.address(this, headers, headers.saddr, addr | 0, port);
    return latest;
  }

  /** The same of the peer. */
  #knownPeer(): UdpDestination | null {
    const peer = this.peerDestination;
    return peer?.isCurrent(this.ip4.net) ? peer : null;
  }

  /** By the route of the last datagram there, with the headers that are ready. */
  #goesAsTheLast(bytes: Uint8Array, to: UdpDestination): boolean {
    return bytes.length <= to.mostBytes && this.corked === null;
  }

  /** … on its trail, when that is known (core/trail.ts): ipPlainOut, Neighbour.output and the hop's send in one. False: it is not. */
  #sendOnTrail(bytes: Uint8Array, to: UdpDestination): boolean {
    const trail = to.wholeWay;
    if (trail === null || !trail.leads() || !to.leadsTo(trail.neigh!)) return false;
    const { ip4 } = this;
    const skb = to.makeOnTrail(this, bytes);
    const { sim, costs } = ip4.net.kernel;
    sim.elapse(costs.output);
    const { ip: mib, ipExt } = ip4.mib;
    mib.OutRequests++;
    mib.OutTransmits++;
    ipExt.OutOctets += skb.tail - skb.data;
    this.mib.OutDatagrams++;
    trail.start(skb);
    return true;
  }

  /** A connected socket's route, while it is good (sk_dst_check); fl is as it was when the route was found. */
  #connectedRoute(to: SockAddr): Rtable | null {
    return this.established && to.addr === this.daddr && dstCheck(this.dst) ? this.dst : null;
  }

  #routeTo(to: SockAddr): Rtable {
    // also where there is none to be found: `fl` is no longer the peer's
    this.dst = null;
    const rt = this.route(to.addr, to.port, this.sport);
    this.dst = this.established && to.addr === this.daddr && this.#routesAsUsual() ? rt : null;
    return rt;
  }

  /**
   * The route of an earlier datagram to the address (route-cache.ts), straight from there for a socket that has nothing
   * out of the ordinary to ask for; of `fl` only the addresses are set then.
   */
  #knownRoute(daddr: number): Rtable | null {
    const { ip4, fl } = this;
    if (!this.#routesAsUsual() || isMulticast(daddr) || daddr === 0) return null;
    const { outputs } = ip4.route;
    const known = outputs.find(daddr | 0, this.saddr | 0, this.tos, this.boundDevIf, ip4.net.pathGenid);
    if (known === null) return null;
    this.dst = this.established && daddr === this.daddr ? known : null;
    if (!this.established && this.headers.areFor(known)) this.headers.setSpan(outputs.low, outputs.high, outputs.saddr);
    fl.daddr = daddr;
    fl.saddr = outputs.saddr >>> 0;
    return known;
  }

  #routesAsUsual(): boolean {
    return this.mark === 0 && !this.localRoute && !this.transparent && !this.freebind && this.options === null;
  }

  /** Options changed: the next datagram's route and headers are made anew. */
  protected override optionsChanged(): void {
    this.ip4.udp.generation++;
    this.headers.rt = null;
    if (this.otherHeaders !== null) this.otherHeaders.rt = null;
    this.peerDestination = null;
    this.dst = null;
  }

  /**
   * udp_sendmsg and udp_send_skb; `ready`: as the last datagram there, with its headers. One function for all of it, because V8 puts
   * smaller ones in between what each datagram on a trail runs through: spread over more memory that took up to twice as long (`npm
   * run bench`: flows_1000_sendto).
   */
  #sendByRoute(bytes: Uint8Array, options: SendOptions, ready: UdpDestination | null): void {
    if (ready !== null) {
      this.#sendPlain(bytes, ready);
      return;
    }
    const to = this.destination(options);
    if (to.port === 0) throw new NetError(Errno.EINVAL);
    this.#autobind();
    if (options.more) {
      this.corked ??= [];
      this.corked.push(bytes.slice());
      return;
    }
    const held = this.corked;
    this.corked = null;
    const payload = held === null ? bytes : joined(held, bytes);
    const { ip4 } = this;
    const known = this.#connectedRoute(to) ?? this.#knownRoute(to.addr);
    const rt = known ?? this.#routeTo(to);
    const headers = this.#headersFor(rt);
    if (held === null && payload.length <= headers.mostBytes) {
      const { saddr, daddr } = this.fl;
      const isPeer = this.dst === rt && to.port === this.dport;
      const destination = (isPeer ? this.peerDestination : this.latest) ?? new UdpDestination(headers, !isPeer);
      if (isPeer) this.peerDestination = destination;
      else this.latest = destination;
      destination.address(this, headers, saddr | 0, daddr | 0, to.port);
      this.#sendPlain(payload, destination);
      return;
    }
    const err = ipSendSkb(ip4, this.#makeSkb(rt, payload, to, held !== null));
    if (err !== 0) throw new NetError(err);
    this.mib.OutDatagrams++;
  }

  /** Headers by this route; two are kept, for sockets that send on two sides. */
  #headersFor(rt: Rtable): UdpHeaders {
    if (this.headers.areFor(rt)) return this.headers;
    const other = this.otherHeaders;
    this.otherHeaders = this.headers;
    this.headers = other ?? new UdpHeaders(this.ip4.net);
    if (this.headers.areFor(rt)) return this.headers;
    // what is known of the peer was by another route
    if (this.peerDestination?.headers === this.headers) this.peerDestination = null;
    this.headers.make(this, rt);
    return this.headers;
  }

  /** A datagram with the headers that are ready for its destination. */
  #sendPlain(payload: Uint8Array, to: UdpDestination): void {
    const { ip4 } = this;
    const skb = to.makeSkb(this, payload);
    const { plainOut, rt } = to.headers;
    let err: number;
    if (plainOut && skb.pool.trace === null) {
      to.noteTrail(this, skb);
      err = ipPlainOut(ip4, skb, rt!);
      if (err !== 0) ip4.mib.ip.OutDiscards++;
    } else err = ipSendSkb(ip4, skb);
    if (err !== 0) throw new NetError(err);
    this.mib.OutDatagrams++;
  }

  /** ip_make_skb and the UDP header. */
  #makeSkb(rt: Rtable, payload: Uint8Array, to: SockAddr, corked: boolean): SkBuff {
    const { ip4, fl } = this;
    let skb: SkBuff;
    try {
      skb = ipMakeSkb(ip4, this, fl, rt, this.cookie(to.addr), udp.HEADER_LENGTH, payload, corked);
    } catch (error) {
      if (error instanceof LocalMtuError) this.localError(error.errno, fl.daddr, to.port, error.mtu);
      throw error;
    }
    const { head } = skb;
    const at = skb.transportHeader;
    const length = skb.tail - at;
    udp.setSourcePort(head, at, this.sport);
    udp.setDestinationPort(head, at, to.port);
    udp.setLength(head, at, length);
    udp.setChecksum(head, at, 0);
    // the pseudo-header's destination is the final one, also when a source route comes first
    const pseudo = pseudoHeaderSumAt(head, skb.networkHeader, ipv4.IPPROTO_UDP, length);
    if (skb.ipSummed === CHECKSUM_PARTIAL) {
      udp.setChecksum(head, at, pseudo);
      skb.csumStart = at;
      skb.csumOffset = udp.CHECKSUM;
    } else udp.setChecksum(head, at, udpChecksum(internetChecksum(head, at, skb.tail, pseudo)));
    return skb;
  }

  /** A datagram for this socket (udp_queue_rcv_skb): skb.data is at the UDP header. Takes the packet over. */
  receive(skb: SkBuff): void {
    if (this.encapRcv !== null) {
      skb.pull(udp.HEADER_LENGTH);
      this.encapRcv(skb);
      return;
    }
    const mib = this.mib;
    if (this.enqueue(skb)) return;
    mib.RcvbufErrors++;
    mib.InErrors++;
  }

  protected toMessage(skb: SkBuff, max: number): Message {
    const { head } = skb;
    const at = skb.data + udp.HEADER_LENGTH;
    return {
      bytes: head.slice(at, Math.min(skb.tail, at + max)),
      from: { addr: ipv4.getSource(head, skb.networkHeader), port: udp.getSourcePort(head, skb.data) },
      ...this.ipParts(skb),
    };
  }

  /** Puts the next datagram's payload into `buffer` (what is longer is cut); its bytes, or −1 when none waits. */
  recvInto(buffer: Uint8Array): number {
    const skb = this.received.head;
    if (skb === null) {
      this.throwError();
      return -1;
    }
    const from = skb.data + udp.HEADER_LENGTH;
    const length = Math.min(skb.tail - from, buffer.length);
    if (length > 64) buffer.set(skb.view(READ_VIEW, from, length));
    else takeBytes(skb, from, buffer, length);
    this.discard();
    this.mib.InDatagrams++;
    return length;
  }

  override recvNow(max: number, options: { errQueue?: boolean; peek?: boolean }): Message | null {
    const message = super.recvNow(max, options);
    if (message && !options.errQueue && !options.peek) this.mib.InDatagrams++;
    return message;
  }

  /** @internal __udp4_lib_err */
  icmpErr(skb: SkBuff, type: number, code: number, info: number, udpAt: number): void {
    const { ip4 } = this;
    if (type === icmp.ICMP_REDIRECT) {
      ipv4Redirect(ip4, skb, this.boundDevIf, this.protocol, code, info);
      return;
    }
    if (type === icmp.ICMP_DEST_UNREACH && code === icmp.ICMP_FRAG_NEEDED)
      ipv4UpdatePmtu(ip4, skb, info, this.boundDevIf, this.protocol, this.mark);
    const converted = this.convertError(type, code);
    if (!converted || (converted.errno === Errno.EMSGSIZE && !converted.hard)) return;
    if (this.recvErr) {
      const port = udp.getDestinationPort(skb.head, udpAt);
      this.icmpError(skb, converted.errno, port, info, type, code, udpAt + udp.HEADER_LENGTH);
    } else if (!converted.hard || !this.established) return;
    this.reportError(converted.errno);
  }

  close(): void {
    if (this.closed) return;
    if (this.sport !== 0) this.ip4.udp.unhash(this);
    this.release();
  }
}

function joined(parts: readonly Uint8Array[], last: Uint8Array): Uint8Array {
  let length = last.length;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  out.set(last, at);
  return out;
}

/** Registered for IPPROTO_UDP. */
export const udpProtocol: InetProtocol<Ipv4> = {
  name: "udp",
  handler: (skb, ip4) => udpRcv(ip4, skb),
  lookup: (saddr, sport, daddr, dport, ifindex, ip4) => ip4.udp.lookup(saddr, sport, daddr, dport, ifindex),
  errHandler: (skb, type, code, info, ip4) => {
    const { head, data } = skb;
    const at = data + ipv4.getHeaderLength(head, data);
    const sock = ip4.udp.lookup(
      ipv4.getDestination(head, data),
      udp.getDestinationPort(head, at),
      ipv4.getSource(head, data),
      udp.getSourcePort(head, at),
      skb.skbIif,
    );
    if (sock) sock.icmpErr(skb, type, code, info, at);
    else ip4.mib.icmp.InErrors++;
  },
};

/** Receives UDP (__udp4_lib_rcv): skb.data is at its header. Takes the packet over. */
export function udpRcv(ip4: Ipv4, skb: SkBuff): void {
  const { udp: mib } = ip4.mib;
  const { head, data: at } = skb;
  const length = skb.len >= udp.HEADER_LENGTH ? udp.getLength(head, at) : 0;
  if (length < udp.HEADER_LENGTH || length > skb.len) {
    mib.InErrors++;
    drop(skb, DropReason.PKT_TOO_SMALL);
    return;
  }
  skb.trim(length);
  const ip = skb.networkHeader;
  if (!checksumIsGood(skb, ip, at, length)) {
    mib.InCsumErrors++;
    mib.InErrors++;
    drop(skb, DropReason.UDP_CSUM);
    return;
  }
  const saddr = getInt32(head, ip + ipv4.SOURCE);
  const daddr = getInt32(head, ip + ipv4.DESTINATION);
  const sport = udp.getSourcePort(head, at);
  const dport = udp.getDestinationPort(head, at);
  if ((skbRtable(skb)?.flags ?? 0) & (RTCF_BROADCAST | RTCF_MULTICAST)) {
    ip4.udp.deliverToMany(skb, saddr, sport, daddr, dport);
    return;
  }
  const sock = ip4.udp.lookup(saddr, sport, daddr, dport, skb.skbIif);
  if (sock) {
    receive(sock, skb);
    return;
  }
  mib.NoPorts++;
  ip4.ops.icmpSend(skb, icmp.ICMP_DEST_UNREACH, icmp.ICMP_PORT_UNREACH, 0);
  drop(skb, DropReason.NO_SOCKET);
}

function checksumIsGood(skb: SkBuff, ip: number, at: number, length: number): boolean {
  if (skb.ipSummed === CHECKSUM_PARTIAL || skb.ipSummed === CHECKSUM_UNNECESSARY) return true;
  const { head } = skb;
  if (udp.getChecksum(head, at) === 0) return true;
  if (internetChecksum(head, at, at + length, pseudoHeaderSumAt(head, ip, ipv4.IPPROTO_UDP, length)) !== 0)
    return false;
  if (skb.ipSummed === CHECKSUM_NONE) skb.ipSummed = CHECKSUM_UNNECESSARY;
  return true;
}
