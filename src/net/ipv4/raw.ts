// Raw sockets: packets of one IP protocol with their IP header, copies of what the host receives; with IP_HDRINCL the
// sender writes the header too. Answers to net/ipv4/raw.c. IP_ROUTER_ALERT and raw multicast routing are left out.

import { Errno, NetError } from "../../base/errno.ts";
import { LazyMap } from "../../base/lazy.ts";
import type { Task } from "../../sim/task.ts";
import { ETH_P_IP } from "../../wire/ethernet.ts";
import * as icmp from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { NF_DROP, NF_INET_LOCAL_OUT } from "../core/netfilter.ts";
import { type SkBuff, trace } from "../core/skb.ts";
import { type Message, type SendOptions, SOCK_RAW, type SockAddr } from "../core/sock.ts";
import { RTN_BROADCAST, RTN_MULTICAST } from "./fib-types.ts";
import { DatagramSock } from "./inet-sock.ts";
import { icmpOutCount, ipMakeSkb, ipSendSkb, LocalMtuError } from "./ip-append.ts";
import { ipSelectIdent } from "./ip-ident.ts";
import type { Ipv4 } from "./ipv4.ts";
import { inetAddrType, ipv4UpdatePmtu } from "./route.ts";
import { ipv4Redirect } from "./route-input.ts";
import { type Rtable, skbRtable } from "./rtable.ts";

/** The raw sockets of one namespace, by IP protocol. */
export class RawTable {
  private readonly socks: LazyMap<number, RawSock[]> = new LazyMap();

  hash(sock: RawSock): void {
    const list = this.socks.get(sock.sport);
    if (list) list.unshift(sock);
    else this.socks.set(sock.sport, [sock]);
  }

  unhash(sock: RawSock): void {
    const list = (this.socks.get(sock.sport) ?? []).filter((other) => other !== sock);
    if (list.length > 0) this.socks.set(sock.sport, list);
    else this.socks.delete(sock.sport);
  }

  /** There is no raw socket. */
  get empty(): boolean {
    return this.socks.size === 0;
  }

  /** Copies to every socket that wants the packet (raw_local_deliver); skb.data is behind the IP header. */
  localDeliver(skb: SkBuff, protocol: number): boolean {
    if (this.socks.size === 0) return false;
    const list = this.socks.get(protocol);
    if (!list) return false;
    const { head } = skb;
    const ip = skb.networkHeader;
    const saddr = ipv4.getSource(head, ip);
    const daddr = ipv4.getDestination(head, ip);
    let delivered = false;
    for (const sock of list) {
      if (!sock.matches(saddr, daddr, skb.skbIif)) continue;
      delivered = true;
      if (protocol === ipv4.IPPROTO_ICMP && sock.filters(icmp.getType(head, skb.data))) continue;
      const copy = skb.pool.copy(skb);
      copy.data = copy.networkHeader;
      if (skb.pool.trace !== null) trace(copy, "rawRcv", copy.dev, "", null, sock);
      sock.enqueue(copy);
    }
    return delivered;
  }

  /** An ICMP error for the raw sockets that may have sent the quoted packet (raw_icmp_error). */
  icmpError(skb: SkBuff, protocol: number, type: number, code: number, info: number): void {
    const list = this.socks.get(protocol);
    if (!list) return;
    const { head, data } = skb;
    const remote = ipv4.getDestination(head, data);
    const local = ipv4.getSource(head, data);
    for (const sock of [...list]) if (sock.matches(remote, local, skb.skbIif)) sock.icmpErr(skb, type, code, info);
  }

  /** ip_call_ra_chain: nobody here asks for router alerts. */
  callRouterAlert(_skb: SkBuff): boolean {
    return false;
  }

  all(): RawSock[] {
    return [...this.socks.values()].flat();
  }
}

export class RawSock extends DatagramSock {
  /** ICMP_FILTER: bit n set blocks type n */
  icmpFilter = 0;

  constructor(ip4: Ipv4, protocol: number) {
    super(ip4, SOCK_RAW, protocol);
    this.sport = protocol;
    if (protocol === ipv4.IPPROTO_RAW) this.hdrIncl = true;
    ip4.raw.hash(this);
  }

  /** raw_v4_match */
  matches(remote: number, local: number, ifindex: number): boolean {
    return (
      (this.daddr === 0 || this.daddr === remote) &&
      (this.rcvSaddr === 0 || this.rcvSaddr === local) &&
      (this.boundDevIf === 0 || this.boundDevIf === ifindex)
    );
  }

  filters(type: number): boolean {
    return type < 32 && (this.icmpFilter & (1 << type)) !== 0;
  }

  bind(address: SockAddr): void {
    this.checkBindable(address.addr);
    this.rcvSaddr = address.addr;
    const type = inetAddrType(this.ip4, address.addr);
    this.saddr = address.addr !== 0 && (type === RTN_MULTICAST || type === RTN_BROADCAST) ? 0 : address.addr;
  }

  connectStart(address: SockAddr): void {
    this.datagramConnect({ addr: address.addr, port: 0 });
  }

  *sendmsg(bytes: Uint8Array, options: SendOptions): Task<number> {
    if (bytes.length > 0xffff) throw new NetError(Errno.EMSGSIZE);
    if (options.oob) throw new NetError(Errno.EOPNOTSUPP);
    // ip_append_data asks for a pending error only where there is a transport header to make
    if (this.hdrIncl) this.throwError();
    const to = this.destination(options);
    const { ip4 } = this;
    const rt = this.route(to.addr, 0, 0);
    if (this.hdrIncl) return this.#sendHdrInc(bytes, rt);
    let skb: SkBuff;
    try {
      skb = ipMakeSkb(ip4, this, this.fl, rt, this.cookie(to.addr), 0, bytes);
    } catch (error) {
      if (error instanceof LocalMtuError) this.localError(error.errno, to.addr, 0, error.mtu);
      throw error;
    }
    const err = ipSendSkb(ip4, skb);
    if (err !== 0) throw new NetError(err);
    return bytes.length;
  }

  /** raw_send_hdrinc: source, identification, length and checksum are filled in where they are 0. */
  #sendHdrInc(bytes: Uint8Array, rt: Rtable): number {
    const { ip4 } = this;
    const length = bytes.length;
    if (length > rt.dev.mtu) {
      this.localError(Errno.EMSGSIZE, this.fl.daddr, 0, rt.dev.mtu);
      throw new NetError(Errno.EMSGSIZE);
    }
    if (length < ipv4.HEADER_LENGTH) throw new NetError(Errno.EINVAL);
    const skb = ip4.net.kernel.skbs.alloc(length);
    const at = skb.put(length);
    const { head } = skb;
    head.set(bytes, at);
    const ihl = ipv4.getHeaderLength(head, at);
    if (ihl > length) {
      ip4.net.kernel.skbs.consume(skb);
      throw new NetError(Errno.EINVAL);
    }
    skb.networkHeader = at;
    skb.transportHeader = at + ihl;
    skb.protocol = ETH_P_IP;
    skb.dst = rt;
    skb.sk = this;
    skb.mark = this.mark;
    skb.priority = this.priority;
    if (ihl >= ipv4.HEADER_LENGTH) {
      if (ipv4.getSource(head, at) === 0) ipv4.setSource(head, at, this.fl.saddr);
      ipv4.setTotalLength(head, at, length);
      if (ipv4.getIdentification(head, at) === 0) ipSelectIdent(ip4, skb, null, 1);
      ipv4.updateChecksum(head, at);
      if (ipv4.getProtocol(head, at) === ipv4.IPPROTO_ICMP && length >= ihl + icmp.HEADER_LENGTH)
        icmpOutCount(ip4, icmp.getType(head, at + ihl));
    }
    const hooks = ip4.net.hooksIpv4;
    if (!hooks.run(NF_INET_LOCAL_OUT, skb, null, rt.dev, this)) {
      if (hooks.lastVerdict === NF_DROP) throw new NetError(Errno.EPERM);
      return length;
    }
    const err = skbRtable(skb)!.output(skb);
    if (err !== 0) {
      ip4.mib.ip.OutDiscards++;
      throw new NetError(err);
    }
    return length;
  }

  protected toMessage(skb: SkBuff, max: number): Message {
    const { head } = skb;
    return {
      bytes: head.slice(skb.data, Math.min(skb.tail, skb.data + max)),
      from: { addr: ipv4.getSource(head, skb.networkHeader), port: 0 },
      ...this.ipParts(skb),
    };
  }

  /** @internal raw_err */
  icmpErr(skb: SkBuff, type: number, code: number, info: number): void {
    const { ip4 } = this;
    if (type === icmp.ICMP_DEST_UNREACH && code === icmp.ICMP_FRAG_NEEDED)
      ipv4UpdatePmtu(ip4, skb, info, this.boundDevIf, this.protocol, this.mark);
    else if (type === icmp.ICMP_REDIRECT) {
      ipv4Redirect(ip4, skb, this.boundDevIf, this.protocol, code, info);
      return;
    }
    if (!this.recvErr && !this.established) return;
    const converted = this.convertError(type, code);
    if (!converted) return;
    if (this.recvErr) {
      const { head, data } = skb;
      const payloadAt = this.hdrIncl ? data : data + ipv4.getHeaderLength(head, data);
      this.icmpError(skb, converted.errno, 0, info, type, code, payloadAt);
    }
    if (this.recvErr || converted.hard) this.reportError(converted.errno);
  }

  override setOption(name: string, value: number): void {
    if (name === "ICMP_FILTER") {
      if (this.protocol !== ipv4.IPPROTO_ICMP) throw new NetError(Errno.EOPNOTSUPP);
      this.icmpFilter = value;
    } else if (name === "IP_HDRINCL") this.hdrIncl = value !== 0;
    else super.setOption(name, value);
  }

  close(): void {
    if (this.closed) return;
    this.ip4.raw.unhash(this);
    this.release();
  }
}
