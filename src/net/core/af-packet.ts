// Packet sockets (AF_PACKET): frames as they are on the link, in and out, for arping, dhcp clients and the like. Answers to
// net/packet/af_packet.c and man 7 packet. Memory-mapped rings, fan-out and socket filters are left out; captures are taps of
// their own.

import { Errno, NetError } from "../../base/errno.ts";
import type { Task } from "../../sim/task.ts";
import * as ethernet from "../../wire/ethernet.ts";
import { devQueueXmit, devSetPromiscuity } from "./dev.ts";
import { DropReason } from "./drop-reason.ts";
import {
  NETDEV_DOWN,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  type Net,
  type NetdevEvent,
  type NetdevNotifier,
  type PacketTypeFn,
} from "./net.ts";
import type { NetDevice, Tap } from "./net-device.ts";
import { drop, PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST, PACKET_OUTGOING, type SkBuff, trace } from "./skb.ts";
import {
  AF_PACKET,
  type Message,
  type RecvOptions,
  type SendOptions,
  SOCK_DGRAM,
  SOCK_RAW,
  Sock,
  type SockAddr,
} from "./sock.ts";

/** Frames that wait for the reader at most, in bytes with what the kernel adds to each. */
const FRAME_OVERHEAD = 768;

/** The handler of an EtherType with sockets in front of it (ptype_base). */
interface HookedPacketType extends PacketTypeFn {
  socks: PacketSock[];
}

export class PacketSock extends Sock implements Tap {
  /** ETH_P_* that it hears; 0 none, ETH_P_ALL all and what goes out too */
  private hears: number;
  /** the one interface that it is bound to, 0 all */
  private ifindex = 0;
  private hooked: (() => void) | null = null;
  private readonly queue: Message[] = [];
  private queued = 0;
  private readonly promiscuous: Set<NetDevice> = new Set();
  drops = 0;
  readonly ring: boolean;
  private readonly notifier: NetdevNotifier;

  /** @param ring its frames go into a ring that its program reads (PACKET_RX_RING): by itself it hears nothing */
  constructor(net: Net, type: number, protocol: number, ring = false) {
    super(net, AF_PACKET, type, protocol);
    this.ring = ring;
    this.hears = ring ? 0 : protocol;
    this.#hook();
    const notifier: NetdevNotifier = (event, dev) => this.#deviceEvent(event, dev);
    this.notifier = notifier;
    net.registerNotifier(this.notifier, true);
  }

  /** packet_notifier: the reader learns that its interface went down. */
  #deviceEvent(event: NetdevEvent, dev: NetDevice): void {
    if (this.ifindex === 0 || dev.ifindex !== this.ifindex) return;
    if (event === NETDEV_DOWN || event === NETDEV_UNREGISTER) {
      if (!this.hooked) return;
      this.hooked();
      this.hooked = null;
      this.err = Errno.ENETDOWN;
      this.wake();
    } else if (event === NETDEV_UP && !this.hooked) this.#hook();
  }

  /** What it is bound to, as sock_diag tells it: EtherType and ifindex, 0 all. */
  get bound(): { readonly protocol: number; readonly ifindex: number } {
    return { protocol: this.ring ? this.protocol : this.hears, ifindex: this.ifindex };
  }

  /** `address.addr` is the ifindex (0 any), `address.port` the EtherType (0: as the socket was made). Throws ENODEV. */
  bind(address: SockAddr): void {
    const dev = address.addr !== 0 ? this.net.deviceByIndex(address.addr) : null;
    if (dev === undefined) throw new NetError(Errno.ENODEV);
    this.ifindex = address.addr;
    if (address.port !== 0) this.hears = address.port;
    this.#hook();
    if (dev && !dev.up) this.err = Errno.ENETDOWN;
  }

  connectStart(): void {
    throw new NetError(Errno.EOPNOTSUPP);
  }

  /** (Re-)registers where frames of its protocol pass. */
  #hook(): void {
    this.hooked?.();
    this.hooked = null;
    if (this.hears === 0) return;
    if (this.hears === ethernet.ETH_P_ALL) {
      const dev = this.ifindex !== 0 ? this.net.deviceByIndex(this.ifindex) : undefined;
      const taps = dev ? dev.taps : this.net.taps;
      taps.push(this);
      const hooked = (): void => {
        const at = taps.indexOf(this);
        if (at >= 0) taps.splice(at, 1);
      };
      this.hooked = hooked;
      return;
    }
    const { socks } = hookedPacketType(this.net, this.hears);
    socks.push(this);
    const hooked = (): void => void socks.splice(socks.indexOf(this), 1);
    this.hooked = hooked;
  }

  /** Tap: every frame of an interface, from its link header on. */
  capture(skb: SkBuff, dev: NetDevice, outgoing: boolean): void {
    this.#take(skb, dev, skb.data, outgoing ? PACKET_OUTGOING : skb.pktType);
  }

  /** @internal a received frame of its protocol; skb.data is behind the link header */
  deliver(skb: SkBuff, dev: NetDevice): void {
    if (this.ifindex !== 0 && this.ifindex !== dev.ifindex) return;
    if (skb.pool.trace !== null) trace(skb, "packetRcv", dev, "", null, this);
    this.#take(skb, dev, skb.macHeader >= 0 ? skb.macHeader : skb.data, skb.pktType);
  }

  #take(skb: SkBuff, dev: NetDevice, mac: number, pktType: number): void {
    const { head } = skb;
    const linked = dev.hardHeaderLen === ethernet.HEADER_LENGTH;
    const from = this.type === SOCK_DGRAM && linked ? mac + ethernet.HEADER_LENGTH : mac;
    if (this.queued + FRAME_OVERHEAD > this.rcvBuf) {
      this.drops++;
      return;
    }
    const bytes = head.slice(from, skb.tail);
    this.queued += bytes.length + FRAME_OVERHEAD;
    this.queue.push({
      bytes,
      from: { addr: 0, port: 0 },
      ifindex: dev.ifindex,
      pktType,
      protocol: linked ? ethernet.getEtherType(head, mac) : skb.protocol,
      hwAddr: linked ? head.slice(mac + 6, mac + 12) : new Uint8Array(6),
      tstampNs: this.net.now,
    });
    this.readQueue.wakeAll();
  }

  /**
   * SOCK_RAW: `bytes` is the frame with its link header. SOCK_DGRAM: what follows it, to options.hwAddr as
   * options.protocol. Throws ENXIO (no interface), ENETDOWN, EMSGSIZE, EINVAL.
   */
  *sendmsg(bytes: Uint8Array, options: SendOptions): Task<number> {
    const ifindex = options.ifindex ?? this.ifindex;
    const dev = this.net.deviceByIndex(ifindex);
    if (!dev) throw new NetError(Errno.ENXIO);
    if (!dev.up) throw new NetError(Errno.ENETDOWN);
    const raw = this.type === SOCK_RAW;
    const linkBytes = dev.hardHeaderLen;
    const payload = raw ? bytes.length - linkBytes : bytes.length;
    if (payload < 0) throw new NetError(Errno.EINVAL);
    if (payload > dev.mtu + (raw ? 4 : 0)) throw new NetError(Errno.EMSGSIZE);
    const skb = this.net.kernel.skbs.alloc(payload + linkBytes);
    const at = skb.put(payload + linkBytes);
    const { head } = skb;
    let protocol = options.protocol ?? this.hears;
    if (raw) {
      head.set(bytes, at);
      if (linkBytes === ethernet.HEADER_LENGTH) protocol = ethernet.getEtherType(head, at);
    } else {
      if (linkBytes === ethernet.HEADER_LENGTH) {
        ethernet.setDestination(head, at, options.hwAddr ?? dev.broadcast);
        ethernet.setSource(head, at, dev.address);
        ethernet.setEtherType(head, at, protocol);
      }
      head.set(bytes, at + linkBytes);
    }
    skb.dev = dev;
    skb.protocol = protocol;
    skb.macHeader = at;
    skb.networkHeader = at + linkBytes;
    skb.transportHeader = skb.networkHeader;
    skb.pktType = linkBytes > 0 && head[at]! & 1 ? PACKET_MULTICAST : PACKET_HOST;
    skb.mark = this.mark;
    skb.priority = this.priority;
    if (skb.pool.trace !== null) trace(skb, "packetSendmsg", skb.dev, "", null, this);
    devQueueXmit(skb);
    return bytes.length;
  }

  recvNow(max: number, options: RecvOptions): Message | null {
    if (options.errQueue) throw new NetError(Errno.EAGAIN);
    this.throwError();
    const message = this.queue[0];
    if (!message) return null;
    if (!options.peek) {
      this.queue.shift();
      this.queued -= message.bytes.length + FRAME_OVERHEAD;
    }
    return message.bytes.length > max ? { ...message, bytes: message.bytes.slice(0, max) } : message;
  }

  shutdown(): void {
    throw new NetError(Errno.EOPNOTSUPP);
  }

  readable(): boolean {
    return this.queue.length > 0 || this.err !== 0;
  }

  writable(): boolean {
    return true;
  }

  /** PACKET_MR_PROMISC with an ifindex: hear every frame of it (PACKET_ADD_MEMBERSHIP). */
  override setOption(name: string, value: number): void {
    switch (name) {
      case "PACKET_MR_PROMISC": {
        const dev = this.net.deviceByIndex(value);
        if (!dev) throw new NetError(Errno.ENODEV);
        if (this.promiscuous.has(dev)) return;
        this.promiscuous.add(dev);
        devSetPromiscuity(dev, 1);
        return;
      }
      case "SO_RCVBUF":
        this.rcvBuf = Math.max(value * 2, 2304);
        return;
      case "SO_BROADCAST":
        this.broadcast = value !== 0;
        return;
      case "SO_MARK":
        this.mark = value >>> 0;
        return;
      case "SO_PRIORITY":
        this.priority = value;
        return;
      default:
        throw new NetError(Errno.ENOPROTOOPT);
    }
  }

  close(): void {
    if (this.dead) return;
    this.dead = true;
    this.hooked?.();
    this.hooked = null;
    this.net.unregisterNotifier(this.notifier);
    for (const dev of this.promiscuous) if (dev.registered) devSetPromiscuity(dev, -1);
    this.promiscuous.clear();
    this.queue.length = 0;
    this.wake();
  }
}

/** Sockets hear a frame before its protocol does; without a protocol the frame still goes to waste. */
function hookedPacketType(net: Net, protocol: number): HookedPacketType {
  const handler = net.packetTypes.get(protocol);
  if (handler && "socks" in handler) return handler as HookedPacketType;
  const socks: PacketSock[] = [];
  const hooked: PacketTypeFn = (skb, dev) => {
    for (const sock of socks) sock.deliver(skb, dev);
    if (handler) handler(skb, dev);
    else drop(skb, skb.pktType === PACKET_OTHERHOST ? DropReason.OTHERHOST : DropReason.UNHANDLED_PROTO);
  };
  const made: HookedPacketType = Object.assign(hooked, { socks });
  net.packetTypes.set(protocol, made);
  if (protocol === ethernet.ETH_P_IP) net.ipv4Sniffers = socks;
  return made;
}

/** socket(AF_PACKET, type, protocol): `protocol` an ETH_P_* number, 0 to hear nothing. Throws ESOCKTNOSUPPORT. */
export function createPacketSock(net: Net, type: number, protocol: number): PacketSock {
  if (type !== SOCK_RAW && type !== SOCK_DGRAM) throw new NetError(Errno.ESOCKTNOSUPPORT);
  return new PacketSock(net, type, protocol);
}
