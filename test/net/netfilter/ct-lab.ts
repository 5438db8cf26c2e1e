// A host that tracks connections, and packets handed to its hooks one by one.

import { SEC } from "../../../src/base/time.ts";
import type { NetDevice } from "../../../src/net/core/net-device.ts";
import { NF_INET_LOCAL_IN, NF_INET_PRE_ROUTING } from "../../../src/net/core/netfilter.ts";
import { CHECKSUM_NONE, type SkBuff } from "../../../src/net/core/skb.ts";
import { ConnInfo } from "../../../src/net/netfilter/conntrack-info.ts";
import { secondsLeft, stateText } from "../../../src/net/netfilter/conntrack-text.ts";
import { type Netfilter, netfilterInit } from "../../../src/net/netfilter/netfilter.ts";
import { internetChecksum, pseudoHeaderSumAt, udpChecksum } from "../../../src/wire/checksum.ts";
import { set16, set32 } from "../../../src/wire/layout.ts";
import { type Host, ip, Lab } from "../ipv4/ip-lab.ts";

export const CLIENT: number = ip("10.0.0.1");
export const SERVER: number = ip("10.0.0.2");

export interface Segment {
  /** from the server */
  readonly back?: true;
  /** letters of S A F R */
  readonly flags: string;
  readonly seq?: number;
  readonly ack?: number;
  readonly win?: number;
  readonly length?: number;
  /** of a SYN: its window scale */
  readonly wscale?: number;
  /** client's port, server's port */
  readonly ports?: readonly [number, number];
}

const FLAG_BITS: ReadonlyMap<string, number> = new Map([
  ["F", 1],
  ["S", 2],
  ["R", 4],
  ["P", 8],
  ["A", 16],
]);

export class CtLab {
  readonly lab: Lab = new Lab();
  readonly host: Host = this.lab.host("h");
  readonly nf: Netfilter;
  readonly dev: NetDevice;

  constructor() {
    [this.dev] = this.lab.link(this.host, "va", this.host, "vb");
    this.nf = netfilterInit(this.host.net, this.host.ip4);
    this.nf.useConntrack();
  }

  sysctl(key: string, value: number): void {
    this.host.net.sysctl.get(`net/netfilter/nf_conntrack_${key}`)!.write!(String(value));
  }

  wait(seconds: number): void {
    this.lab.sim.run(undefined, this.lab.sim.now + seconds * SEC);
  }

  /** An IP packet around `payload`, its transport checksum at `checkAt` filled in. */
  packet(src: number, dst: number, proto: number, payload: Uint8Array, checkAt: number): SkBuff {
    const skb = this.host.net.kernel.skbs.alloc(20 + payload.length);
    const iph = skb.put(20 + payload.length);
    const b = skb.head;
    b.fill(0, iph, skb.tail);
    b[iph] = 0x45;
    set16(b, iph + 2, 20 + payload.length);
    b[iph + 8] = 64;
    b[iph + 9] = proto;
    set32(b, iph + 12, src);
    set32(b, iph + 16, dst);
    set16(b, iph + 10, internetChecksum(b, iph, iph + 20));
    b.set(payload, iph + 20);
    const pseudo = proto === 1 ? 0 : pseudoHeaderSumAt(b, iph, proto, payload.length);
    const sum = internetChecksum(b, iph + 20, skb.tail, pseudo);
    set16(b, iph + 20 + checkAt, proto === 17 ? udpChecksum(sum) : sum);
    skb.networkHeader = iph;
    skb.transportHeader = iph + 20;
    skb.ipSummed = CHECKSUM_NONE;
    return skb;
  }

  /** Takes a packet in, to the end of LOCAL_IN: what conntrack thinks of it. */
  receive(skb: SkBuff): { passed: boolean; ct: ConnInfo | null; ctinfo: number } {
    const { hooksIpv4 } = this.host.net;
    const passed =
      hooksIpv4.run(NF_INET_PRE_ROUTING, skb, this.dev, null, null) &&
      hooksIpv4.run(NF_INET_LOCAL_IN, skb, this.dev, null, null);
    const ct = passed && skb.ct > 0 ? new ConnInfo(this.nf.ct, skb.ct) : null;
    return { passed, ct, ctinfo: passed ? skb.ctinfo : -1 };
  }

  segment({ back, flags, seq = 0, ack = 0, win = 1000, length = 0, wscale, ports = [1234, 80] }: Segment): SkBuff {
    const header = wscale === undefined ? 20 : 24;
    const tcp = new Uint8Array(header + length);
    const [client, server] = ports;
    set16(tcp, 0, back ? server : client);
    set16(tcp, 2, back ? client : server);
    set32(tcp, 4, seq);
    set32(tcp, 8, ack);
    tcp[12] = header << 2;
    for (const letter of flags) tcp[13]! |= FLAG_BITS.get(letter)!;
    set16(tcp, 14, win);
    if (wscale !== undefined) tcp.set([3, 3, wscale, 0], 20);
    return back ? this.packet(SERVER, CLIENT, 6, tcp, 16) : this.packet(CLIENT, SERVER, 6, tcp, 16);
  }

  /** Hands in segments: the state after each, "invalid" for one that belongs to no connection, "gone" without one. */
  tcp(...segments: Segment[]): string[] {
    return segments.map((segment) => {
      const { passed, ct } = this.receive(this.segment(segment));
      if (!passed) return "dropped";
      if (ct === null) return "invalid";
      return this.nf.ct.isAlive(ct) ? stateText(ct)! : "gone";
    });
  }

  udp(back = false, ports: readonly [number, number] = [1234, 53]): ConnInfo | null {
    const datagram = new Uint8Array(12);
    set16(datagram, 0, ports[back ? 1 : 0]);
    set16(datagram, 2, ports[back ? 0 : 1]);
    set16(datagram, 4, 12);
    const [src, dst] = back ? [SERVER, CLIENT] : [CLIENT, SERVER];
    return this.receive(this.packet(src, dst, 17, datagram, 6)).ct;
  }

  icmp(
    type: number,
    code: number,
    rest: readonly number[],
    body: Uint8Array = new Uint8Array(8),
    back = false,
  ): ConnInfo | null {
    const message = Uint8Array.from([type, code, 0, 0, ...rest, ...body]);
    const [src, dst] = back ? [SERVER, CLIENT] : [CLIENT, SERVER];
    return this.receive(this.packet(src, dst, 1, message, 2)).ct;
  }

  /** Whole seconds that the only connection has left. */
  left(): number {
    const [conn] = this.nf.ct.list;
    return conn ? secondsLeft(this.nf.ct, conn) : -1;
  }
}
