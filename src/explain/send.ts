// Puts the packet of a question on the emulated machine: into a device as if received, or out of a namespace as if a process
// there had sent it.

import type { Host } from "../host/host.ts";
import { ethTypeTrans, netifRx } from "../net/core/dev.ts";
import type { SkBuff } from "../net/core/skb.ts";
import { inetAddrDump, ipDevFind } from "../net/ipv4/devinet.ts";
import { ipLocalOut } from "../net/ipv4/ip-output.ts";
import { RawSock } from "../net/ipv4/raw.ts";
import { ipRouteOutputKey } from "../net/ipv4/route.ts";
import { FlowKey } from "../net/ipv4/rtable.ts";
import type { NetNamespace } from "../net/netns.ts";
import { namespacesOf } from "../scenario/namespaces.ts";
import { formatIpv4 } from "../wire/addr.ts";
import { internetChecksum, pseudoHeaderSum4 } from "../wire/checksum.ts";
import * as ethernet from "../wire/ethernet.ts";
import * as icmp from "../wire/icmp.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import { type Place, type Question, QuestionError } from "./question.ts";

const PROTOCOLS = { tcp: ipv4.IPPROTO_TCP, udp: ipv4.IPPROTO_UDP, icmp: ipv4.IPPROTO_ICMP } as const;
const DEFAULT_SOURCE_PORT = 40000;
const SOURCE_MAC = [0x02, 0, 0, 0, 0, 0xfe];

/** The namespace of a container, of `ip netns`, or the machine's own ("host"). Throws QuestionError. */
export function namespaceOf(host: Host, name: string): NetNamespace {
  if (name === "host") return host.netns;
  const found = namespacesOf(host).find((each) => each.name === name);
  if (!found) throw new QuestionError(`there is no container or namespace '${name}' on ${host.name}`);
  return found.netns;
}

function addressOf(host: Host, { address, name }: Place): number {
  if (address !== undefined) return address;
  const { ipv4: ip4, net } = namespaceOf(host, name!);
  for (const dev of net.devices.values()) if (!dev.loopback) for (const ifa of inetAddrDump(ip4, dev)) return ifa.local;
  throw new QuestionError(`'${name}' has no address`);
}

/** Something to send, and the number that traces know it by; `send` says an errno when nothing left. */
export interface Prepared {
  readonly packet: number;
  readonly origin: NetNamespace;
  readonly send: () => number;
}

/** What a packet is in its connection. */
export interface Segment {
  /** TCP's flags and numbers */
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  /** ICMP's type and identifier */
  readonly type: number;
  readonly id: number;
}

export const OPENING: Segment = { flags: tcp.SYN, seq: 1, ack: 0, type: icmp.ICMP_ECHO, id: 1 };

/** Throws QuestionError. */
export function prepare(host: Host, question: Question, segment: Segment = OPENING): Prepared {
  const { from, dev: inName, mark, protocol } = question;
  const daddr = addressOf(host, question.to);
  const sport = from.port ?? DEFAULT_SOURCE_PORT;
  if (inName !== undefined) {
    const dev = [...host.netns.net.devices.values()].find((each) => each.name === inName);
    if (!dev) throw new QuestionError(`there is no device '${inName}' on ${host.name}`);
    const skb = build(host.netns, question, from.address!, daddr, sport, segment);
    const at = skb.push(ethernet.HEADER_LENGTH);
    skb.head.set(dev.address, at);
    skb.head.set(SOURCE_MAC, at + 6);
    skb.head[at + 12] = 0x08;
    skb.head[at + 13] = 0x00;
    ethTypeTrans(skb, dev);
    skb.mark = mark;
    const send = (): number => {
      netifRx(skb);
      return 0;
    };
    return { packet: skb.id, origin: host.netns, send };
  }
  const origin = from.name === undefined ? host.netns : namespaceOf(host, from.name);
  if (from.address !== undefined && !ipDevFind(origin.ipv4, from.address))
    throw new QuestionError(
      `${formatIpv4(from.address)} is not an address of ${host.name}: say by which device it comes ('in eth0')`,
    );
  const fl = new FlowKey();
  fl.daddr = daddr;
  fl.saddr = from.address ?? 0;
  fl.mark = mark;
  fl.proto = PROTOCOLS[protocol];
  fl.sport = protocol === "icmp" ? 0 : sport;
  fl.dport = question.to.port ?? 0;
  const rt = ipRouteOutputKey(origin.ipv4, fl);
  const skb = build(origin, question, fl.saddr, daddr, sport, segment);
  const sock = new RawSock(origin.ipv4, 255);
  sock.uid = question.uid ?? 0;
  skb.sk = sock;
  skb.networkHeader = skb.data;
  skb.transportHeader = skb.data + ipv4.HEADER_LENGTH;
  skb.dst = rt;
  skb.mark = mark;
  const send = (): number => {
    if (rt.error === 0) return ipLocalOut(origin.ipv4, skb);
    skb.pool.consume(skb);
    return rt.error;
  };
  return { packet: skb.id, origin, send };
}

function build(
  { net }: NetNamespace,
  { protocol, to }: Question,
  saddr: number,
  daddr: number,
  sport: number,
  { flags, seq, ack, type, id }: Segment,
): SkBuff {
  const length = ipv4.HEADER_LENGTH + (protocol === "tcp" ? 20 : protocol === "udp" ? 12 : 64);
  const skb = net.kernel.skbs.alloc(length);
  const at = skb.put(length);
  const b = skb.head;
  b.fill(0, at, at + length);
  ipv4.setVersionAndHeaderLength(b, at);
  ipv4.setTotalLength(b, at, length);
  ipv4.setFlagsAndOffset(b, at, ipv4.DF);
  ipv4.setTtl(b, at, 64);
  ipv4.setProtocol(b, at, PROTOCOLS[protocol]);
  ipv4.setSource(b, at, saddr);
  ipv4.setDestination(b, at, daddr);
  ipv4.updateChecksum(b, at);
  const th = at + ipv4.HEADER_LENGTH;
  const end = at + length;
  const sum = (): number => internetChecksum(b, th, end, pseudoHeaderSum4(saddr, daddr, PROTOCOLS[protocol], end - th));
  if (protocol === "tcp") {
    tcp.setSourcePort(b, th, sport);
    tcp.setDestinationPort(b, th, to.port!);
    tcp.setSequence(b, th, seq);
    tcp.setAcknowledgment(b, th, ack);
    tcp.setDataOffset(b, th, 20);
    tcp.setFlags(b, th, flags);
    tcp.setWindow(b, th, 64240);
    tcp.setChecksum(b, th, sum());
  } else if (protocol === "udp") {
    udp.setSourcePort(b, th, sport);
    udp.setDestinationPort(b, th, to.port!);
    udp.setLength(b, th, end - th);
    udp.setChecksum(b, th, sum());
  } else {
    icmp.setType(b, th, type);
    icmp.setIdentifier(b, th, id);
    icmp.setSequence(b, th, 1);
    icmp.updateChecksum(b, th, end);
  }
  return skb;
}
