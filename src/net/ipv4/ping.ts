// Ping sockets (SOCK_DGRAM with IPPROTO_ICMP): echo requests for everybody in ping_group_range; the kernel writes the
// identifier, which is the socket's port. Answers to net/ipv4/ping.c.

import { Errno, NetError } from "../../base/errno.ts";
import { LazyMap } from "../../base/lazy.ts";
import type { Task } from "../../sim/task.ts";
import * as icmp from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { CHECKSUM_NONE, type SkBuff, trace } from "../core/skb.ts";
import { type Message, type SendOptions, SOCK_DGRAM, type SockAddr } from "../core/sock.ts";
import { DatagramSock } from "./inet-sock.ts";
import { ipMakeSkb, ipSendSkb, LocalMtuError } from "./ip-append.ts";
import type { Ipv4 } from "./ipv4.ts";
import { ipv4UpdatePmtu } from "./route.ts";
import { ipv4Redirect } from "./route-input.ts";

/** A fake errno by which ping sockets tell of source quench and redirects. */
const EREMOTEIO = 121;

/** The ping sockets of one namespace, by identifier. */
export class PingTable {
  private readonly socks: LazyMap<number, PingSock[]> = new LazyMap();
  private rover: number;

  constructor(ip4: Ipv4) {
    this.rover = ip4.rng.fork("ping").u32() & 0xffff;
  }

  /** ping_get_port: `ident` 0 for the next free one. Throws EADDRINUSE. */
  bind(sock: PingSock, ident: number): void {
    if (ident === 0) {
      for (let i = 0; i < 65536; i++) {
        this.rover = (this.rover + 1) & 0xffff;
        if (this.rover !== 0 && !this.socks.has(this.rover)) {
          ident = this.rover;
          break;
        }
      }
      if (ident === 0) throw new NetError(Errno.EADDRINUSE);
    } else if (this.socks.get(ident)?.some((other) => other !== sock && !(other.reuseAddr && sock.reuseAddr)))
      throw new NetError(Errno.EADDRINUSE);
    sock.sport = ident;
    const list = this.socks.get(ident);
    if (list) list.unshift(sock);
    else this.socks.set(ident, [sock]);
  }

  unhash(sock: PingSock): void {
    const list = (this.socks.get(sock.sport) ?? []).filter((other) => other !== sock);
    if (list.length > 0) this.socks.set(sock.sport, list);
    else this.socks.delete(sock.sport);
  }

  /** ping_lookup */
  #lookup(skb: SkBuff, ident: number): PingSock | null {
    const list = this.socks.get(ident);
    if (!list) return null;
    const daddr = ipv4.getDestination(skb.head, skb.networkHeader);
    for (const sock of list) {
      if (sock.rcvSaddr !== 0 && sock.rcvSaddr !== daddr) continue;
      if (sock.boundDevIf !== 0 && sock.boundDevIf !== skb.skbIif) continue;
      return sock;
    }
    return null;
  }

  /** An echo reply (ping_rcv): skb.data is behind the ICMP header. True: taken over. */
  rcv(skb: SkBuff): boolean {
    const sock = this.#lookup(skb, icmp.getIdentifier(skb.head, skb.transportHeader));
    if (!sock) return false;
    skb.data = skb.transportHeader;
    if (skb.pool.trace !== null) trace(skb, "pingRcv", skb.dev, "", null, sock);
    sock.enqueue(skb);
    return true;
  }

  /** An error about an echo request (ping_err): skb.data is at the quoted IP header. */
  err(skb: SkBuff, type: number, code: number, info: number): void {
    const { head, data } = skb;
    const at = data + ipv4.getHeaderLength(head, data);
    if (icmp.getType(head, at) !== icmp.ICMP_ECHO || icmp.getCode(head, at) !== 0) return;
    this.#lookup(skb, icmp.getIdentifier(head, at))?.icmpErr(skb, type, code, info, at);
  }

  all(): PingSock[] {
    return [...this.socks.values()].flat();
  }
}

export class PingSock extends DatagramSock {
  constructor(ip4: Ipv4) {
    super(ip4, SOCK_DGRAM, ipv4.IPPROTO_ICMP);
    const [low, high] = ip4.sysctl.pingGroupRange;
    // every process here runs as group 0 unless it says otherwise
    if (low > 0 || high < 0) throw new NetError(Errno.EACCES);
  }

  bind(address: SockAddr): void {
    this.checkBindable(address.addr);
    if (this.sport !== 0) this.ip4.ping.unhash(this);
    this.rcvSaddr = address.addr;
    this.saddr = address.addr >>> 28 === 14 ? 0 : address.addr;
    this.ip4.ping.bind(this, address.port);
  }

  connectStart(address: SockAddr): void {
    this.#autobind();
    this.datagramConnect(address);
  }

  #autobind(): void {
    if (this.sport === 0) this.ip4.ping.bind(this, 0);
  }

  /** `bytes` is an ICMP echo request from its type on; identifier and checksum are filled in. */
  *sendmsg(bytes: Uint8Array, options: SendOptions): Task<number> {
    if (bytes.length > 0xffff) throw new NetError(Errno.EMSGSIZE);
    if (bytes.length < icmp.HEADER_LENGTH) throw new NetError(Errno.EINVAL);
    if (options.oob) throw new NetError(Errno.EOPNOTSUPP);
    if (bytes[0] !== icmp.ICMP_ECHO || bytes[1] !== 0) throw new NetError(Errno.EINVAL);
    this.throwError();
    this.#autobind();
    const to = this.destination(options);
    const { ip4 } = this;
    const rt = this.route(to.addr, 0, 0);
    const cookie = this.cookie(this.fl.daddr);
    let skb: SkBuff;
    try {
      skb = ipMakeSkb(ip4, this, this.fl, rt, cookie, icmp.HEADER_LENGTH, bytes, false, icmp.HEADER_LENGTH);
    } catch (error) {
      if (error instanceof LocalMtuError) this.localError(error.errno, to.addr, 0, error.mtu);
      throw error;
    }
    const at = skb.transportHeader;
    for (let i = 0; i < icmp.HEADER_LENGTH; i++) skb.head[at + i] = bytes[i]!;
    icmp.setIdentifier(skb.head, at, this.sport);
    icmp.updateChecksum(skb.head, at, skb.tail);
    skb.ipSummed = CHECKSUM_NONE;
    const err = ipSendSkb(ip4, skb);
    if (err !== 0) throw new NetError(err);
    return bytes.length;
  }

  protected toMessage(skb: SkBuff, max: number): Message {
    const { head } = skb;
    return {
      bytes: head.slice(skb.data, Math.min(skb.tail, skb.data + max)),
      from: { addr: ipv4.getSource(head, skb.networkHeader), port: 0 },
      ...this.ipParts(skb),
    };
  }

  /** @internal */
  icmpErr(skb: SkBuff, type: number, code: number, info: number, icmpAt: number): void {
    const { ip4 } = this;
    let errno: number;
    let hard = false;
    if (type === icmp.ICMP_SOURCE_QUENCH) errno = EREMOTEIO;
    else if (type === icmp.ICMP_REDIRECT) {
      ipv4Redirect(ip4, skb, this.boundDevIf, this.protocol, code, info);
      errno = EREMOTEIO;
    } else {
      if (type === icmp.ICMP_DEST_UNREACH && code === icmp.ICMP_FRAG_NEEDED)
        ipv4UpdatePmtu(ip4, skb, info, this.boundDevIf, this.protocol, this.mark);
      const converted = this.convertError(type, code)!;
      if (converted.errno === Errno.EMSGSIZE && !converted.hard) return;
      ({ errno, hard } = converted);
    }
    if (this.recvErr) this.icmpError(skb, errno, 0, info, type, code, icmpAt);
    else if (!hard || !this.established) return;
    this.reportError(errno);
  }

  close(): void {
    if (this.closed) return;
    if (this.sport !== 0) this.ip4.ping.unhash(this);
    this.release();
  }
}
