// The way out: headers for transports (`ipQueueXmit`), LOCAL_OUT, POST_ROUTING, fragmentation where a packet is too long,
// and the hand-over to the neighbour. Answers to net/ipv4/ip_output.c; corked and datagram sending is in ip-append.ts,
// cutting in ip-do-fragment.ts.

import { Errno } from "../../base/errno.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { internetChecksum, pseudoHeaderSum4 } from "../../wire/checksum.ts";
import { ETH_P_IP } from "../../wire/ethernet.ts";
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED } from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { getInt32, set16 } from "../../wire/layout.ts";
import { netifRx } from "../core/dev.ts";
import { DropReason } from "../core/drop-reason.ts";
import { segmentAndSend } from "../core/gso.ts";
import { IFF_LOOPBACK, IFF_POINTOPOINT, type NetDevice } from "../core/net-device.ts";
import { NF_DROP, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING } from "../core/netfilter.ts";
import {
  CHECKSUM_NONE,
  CHECKSUM_UNNECESSARY,
  drop,
  PACKET_LOOPBACK,
  SKB_GSO_UDP_L4,
  type SkBuff,
  trace,
} from "../core/skb.ts";
import { ipSendCheck } from "../core/skb-ip-header.ts";
import type { Sock } from "../core/sock.ts";
import { RT_SCOPE_LINK, RTN_MULTICAST } from "./fib-types.ts";
import { IPSKB_FORWARDED, IPSKB_IGNORE_DF, IPSKB_REROUTED } from "./ip-cb.ts";
import { ipDoFragment } from "./ip-do-fragment.ts";
import { ipSelectIdent, ipSelectIdentHashed } from "./ip-ident.ts";
import { type IpOptions, ipOptionsBuild } from "./ip-options.ts";
import type { Ipv4 } from "./ipv4.ts";
import { FLOWI_FLAG_ANYSRC, ipRouteOutputKey, routeScratch } from "./route.ts";
import {
  DST_OUTPUT,
  type FlowKey,
  RTCF_BROADCAST,
  RTCF_LOCAL,
  RTCF_MULTICAST,
  type Rtable,
  skbRtable,
} from "./rtable.ts";

export const IP_PMTUDISC_DONT = 0;
export const IP_PMTUDISC_WANT = 1;
export const IP_PMTUDISC_DO = 2;
export const IP_PMTUDISC_PROBE = 3;
export const IP_PMTUDISC_INTERFACE = 4;
export const IP_PMTUDISC_OMIT = 5;

/** The socket's path MTU discovery, or the namespace's default. */
export function pmtuDiscOf(ip4: Ipv4, sk: Sock): number {
  if (sk.pmtuDisc >= 0) return sk.pmtuDisc;
  return ip4.sysctl.noPmtuDisc ? IP_PMTUDISC_DONT : IP_PMTUDISC_WANT;
}

/** ip_dont_fragment: packets of this socket carry DF. */
export function ipDontFragment(ip4: Ipv4, sk: Sock, rt: Rtable): boolean {
  const disc = pmtuDiscOf(ip4, sk);
  return disc === IP_PMTUDISC_DO || (disc === IP_PMTUDISC_WANT && !rt.mtuIsLocked());
}

/** ip_select_ttl */
export function ipSelectTtl(ip4: Ipv4, sk: Sock | null, rt: Rtable): number {
  if (sk && sk.ttl >= 0) return sk.ttl;
  return rt.fromFib?.metrics?.hoplimit || ip4.sysctl.defaultTtl;
}

/** Fills in `fl` with what a connected or bound socket's packets are routed by. */
export function flowOfSock(fl: FlowKey, sk: Sock, daddr: number, saddr: number, protocol: number): FlowKey {
  fl.reset();
  fl.daddr = daddr;
  fl.saddr = saddr;
  fl.oif = sk.boundDevIf;
  fl.tos = sk.tos;
  fl.mark = sk.mark;
  fl.proto = protocol;
  fl.sport = sk.sport;
  fl.dport = sk.dport;
  fl.uid = sk.uid;
  if (sk.localRoute) fl.scope = RT_SCOPE_LINK;
  return fl;
}

/**
 * Sends a segment of a connected socket (ip_queue_xmit): skb.data is at the transport header, whose checksum is the
 * caller's matter. Adds the IP header: DF by the socket's path MTU discovery, identification from sk.inetId (one for each
 * of gsoSegs). Takes the packet over. Returns 0 or a positive errno (EHOSTUNREACH no route; EPERM a rule dropped it).
 * @param rt the socket's cached route; null: skb.dst, or it is looked up
 * @param options the socket's IP options, or null
 */
export function ipQueueXmit(ip4: Ipv4, sk: Sock, skb: SkBuff, rt: Rtable | null, options: IpOptions | null): number {
  let route = rt ?? skbRtable(skb);
  if (!route) {
    const fl = flowOfSock(routeScratch.fl, sk, sk.daddr, sk.saddr, sk.protocol);
    route = ipRouteOutputKey(ip4, fl);
    if (route.error !== 0) {
      ip4.mib.ip.OutNoRoutes++;
      drop(skb, DropReason.IP_OUTNOROUTES);
      return Errno.EHOSTUNREACH;
    }
  }
  skb.dst = route;
  const optionBytes = options ? options.data.length : 0;
  const at = pushHeader(skb, optionBytes, sk.tos, ipSelectTtl(ip4, sk, route), sk.protocol, sk.saddr, sk.daddr);
  const { head } = skb;
  if (ipDontFragment(ip4, sk, route) && !(skb.ipcbFlags & IPSKB_IGNORE_DF)) ipv4.setFlagsAndOffset(head, at, ipv4.DF);
  if (options) ipOptionsBuild(ip4, skb, options, sk.daddr, route);
  ipSelectIdent(ip4, skb, sk, skb.gsoSegs || 1);
  skb.priority = sk.priority;
  skb.mark = sk.mark;
  return ipLocalOut(ip4, skb);
}

/** Puts an IP header in front, but for identification, DF, length and checksum; returns its offset. */
export function pushHeader(
  skb: SkBuff,
  optionBytes: number,
  tos: number,
  ttl: number,
  protocol: number,
  saddr: number,
  daddr: number,
): number {
  skb.transportHeader = skb.data;
  const at = skb.push(ipv4.HEADER_LENGTH + optionBytes);
  skb.networkHeader = at;
  const { head } = skb;
  ipv4.setVersionAndHeaderLength(head, at, ipv4.HEADER_LENGTH + optionBytes);
  ipv4.setTos(head, at, tos);
  ipv4.setFlagsAndOffset(head, at, 0);
  ipv4.setTtl(head, at, ttl);
  ipv4.setProtocol(head, at, protocol);
  ipv4.setSource(head, at, saddr);
  ipv4.setDestination(head, at, daddr);
  return at;
}

/**
 * A packet made here leaves (ip_local_out): total length, header checksum, LOCAL_OUT, then by its route. skb.data is at
 * the IP header, skb.dst is set. Takes the packet over. Returns 0 or a positive errno (EPERM: a rule dropped it).
 */
export function ipLocalOut(ip4: Ipv4, skb: SkBuff): number {
  const { kernel } = ip4.net;
  kernel.sim.elapse(kernel.costs.output);
  const { head } = skb;
  const at = skb.data;
  ip4.mib.ip.OutRequests++;
  ipv4.setTotalLength(head, at, skb.len);
  ipSendCheck(skb, at);
  skb.protocol = ETH_P_IP;
  if (skb.pool.trace !== null) trace(skb, "ipLocalOut", skbRtable(skb)!.dev);
  const hooks = ip4.net.hooksIpv4;
  if (!hooks.run(NF_INET_LOCAL_OUT, skb, null, skbRtable(skb)!.dev, skb.sk))
    return hooks.lastVerdict === NF_DROP ? Errno.EPERM : 0;
  return skbRtable(skb)!.output(skb);
}

/**
 * Packets made here may go by this route with ipPlainOut: unicast, and no hook function sees them. Holds while the namespace's
 * pathGenid does.
 */
export function ipGoesPlain(rt: Rtable): boolean {
  const hooks = rt.ip4.net.hooksIpv4;
  return (
    rt.outputKind === DST_OUTPUT &&
    rt.type !== RTN_MULTICAST &&
    !rt.isBroadcastOrMulticast &&
    hooks.entries(NF_INET_LOCAL_OUT).length === 0 &&
    hooks.entries(NF_INET_POST_ROUTING).length === 0
  );
}

/**
 * ipLocalOut, ipOutput and ipFinishOutput in one, for a packet by a route of which ipGoesPlain is true, that has its header's length
 * and checksum, fits, and is not traced. Takes the packet over. Returns 0 or a positive errno.
 */
export function ipPlainOut(ip4: Ipv4, skb: SkBuff, rt: Rtable): number {
  const { kernel } = ip4.net;
  kernel.sim.elapse(kernel.costs.output);
  ip4.mib.ip.OutRequests++;
  skb.protocol = ETH_P_IP;
  skb.dev = rt.dev;
  return ipFinishOutput2(ip4, skb, true);
}

/** Unicast output of a route (ip_output): POST_ROUTING, then ipFinishOutput. Takes the packet over. */
export function ipOutput(skb: SkBuff): number {
  const rt = skbRtable(skb)!;
  const { ip4, dev } = rt;
  if (skb.pool.trace !== null) trace(skb, "ipOutput", dev);
  const indev = skb.dev;
  skb.dev = dev;
  skb.protocol = ETH_P_IP;
  if (!(skb.ipcbFlags & IPSKB_REROUTED)) {
    const hooks = ip4.net.hooksIpv4;
    if (!hooks.run(NF_INET_POST_ROUTING, skb, indev, dev, skb.sk))
      return hooks.lastVerdict === NF_DROP ? Errno.EPERM : 0;
  }
  if (skb.record !== null) skb.record.done(skb);
  return ipFinishOutput(ip4, skb);
}

/** Output to a group or to all (ip_mc_output): members on this host get a copy too. */
export function ipMcOutput(skb: SkBuff): number {
  const rt = skbRtable(skb)!;
  const { ip4, dev } = rt;
  skb.dev = dev;
  skb.protocol = ETH_P_IP;
  if (rt.flags & RTCF_MULTICAST) {
    const sk = skb.sk as (Sock & { mcLoop?: boolean }) | null;
    if (sk?.mcLoop !== false && (rt.flags & RTCF_LOCAL || !(skb.ipcbFlags & IPSKB_FORWARDED))) loopBack(ip4, skb, dev);
    if (ipv4.getTtl(skb.head, skb.data) === 0) {
      drop(skb, DropReason.NOT_SPECIFIED);
      return 0;
    }
  }
  if (rt.flags & RTCF_BROADCAST) loopBack(ip4, skb, dev);
  if (!(skb.ipcbFlags & IPSKB_REROUTED)) {
    const hooks = ip4.net.hooksIpv4;
    if (!hooks.run(NF_INET_POST_ROUTING, skb, null, dev, skb.sk))
      return hooks.lastVerdict === NF_DROP ? Errno.EPERM : 0;
  }
  return ipFinishOutput(ip4, skb);
}

/** A copy comes back as if received (ip_mc_finish_output, dev_loopback_xmit). */
function loopBack(ip4: Ipv4, skb: SkBuff, dev: NetDevice): void {
  const copy = skb.pool.copy(skb);
  if (!ip4.net.hooksIpv4.run(NF_INET_POST_ROUTING, copy, null, dev, copy.sk)) return;
  copy.macHeader = copy.data;
  copy.networkHeader = copy.data;
  copy.pktType = PACKET_LOOPBACK;
  if (copy.ipSummed === CHECKSUM_NONE) copy.ipSummed = CHECKSUM_UNNECESSARY;
  copy.sk = null;
  copy.dev = dev;
  netifRx(copy);
}

/** Cut or not (__ip_finish_output). */
export function ipFinishOutput(ip4: Ipv4, skb: SkBuff): number {
  const mtu = ipSkbDstMtu(ip4, skb);
  if (skb.gsoSize > 0) return finishOutputGso(ip4, skb, mtu);
  if (skb.len > mtu || skb.fragMaxSize > 0) return ipFragment(ip4, skb, mtu);
  return ipFinishOutput2(ip4, skb);
}

/** ip_skb_dst_mtu: what the route carries; a socket that ignores path MTUs goes by the device. */
function ipSkbDstMtu(ip4: Ipv4, skb: SkBuff): number {
  const rt = skbRtable(skb)!;
  const sk = skb.sk as Sock | null;
  if (sk && pmtuDiscOf(ip4, sk) >= IP_PMTUDISC_PROBE) return Math.min(rt.dev.mtu, 0xffff);
  return skb.ipcbFlags & IPSKB_FORWARDED ? rt.forwardMtu() : rt.mtu();
}

/** A super-packet whose segments fit goes whole; else each is cut by itself (ip_finish_output_gso). */
function finishOutputGso(ip4: Ipv4, skb: SkBuff, mtu: number): number {
  if (gsoNetworkLength(skb) <= mtu) return ipFinishOutput2(ip4, skb);
  if (ipv4.getFlagsAndOffset(skb.head, skb.data) & ipv4.DF && !(skb.ipcbFlags & IPSKB_IGNORE_DF)) {
    ip4.mib.ip.FragFails++;
    ip4.ops.icmpSend(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
    drop(skb, DropReason.PKT_TOO_BIG);
    return Errno.EMSGSIZE;
  }
  segmentAndSend(skb, skb.dev!, (segment) => ipFragment(ip4, segment, mtu));
  return 0;
}

/** Bytes of one segment of a super-packet, IP header included (skb_gso_network_seglen). */
export function gsoNetworkLength(skb: SkBuff): number {
  const { head } = skb;
  const at = skb.networkHeader;
  const ihl = ipv4.getHeaderLength(head, at);
  const transport = skb.gsoType & SKB_GSO_UDP_L4 ? 8 : (head[at + ihl + 12]! >>> 4) << 2;
  return ihl + transport + skb.gsoSize;
}

/** ip_fragment: a packet with DF that this host did not make is refused. */
function ipFragment(ip4: Ipv4, skb: SkBuff, mtu: number): number {
  const df = (ipv4.getFlagsAndOffset(skb.head, skb.data) & ipv4.DF) !== 0;
  const ignoreDf = (skb.ipcbFlags & IPSKB_IGNORE_DF) !== 0;
  if (df && (!ignoreDf || (skb.fragMaxSize > 0 && skb.fragMaxSize > mtu))) {
    ip4.mib.ip.FragFails++;
    ip4.ops.icmpSend(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
    drop(skb, DropReason.PKT_TOO_BIG);
    return Errno.EMSGSIZE;
  }
  return ipDoFragment(ip4, skb, mtu, ipFinishOutput2);
}

/** Hands a packet that fits to the neighbour that is its next hop (ip_finish_output2). `plain`: see NeighHop.send. */
export function ipFinishOutput2(ip4: Ipv4, skb: SkBuff, plain = false): number {
  const rt = skbRtable(skb)!;
  const { dev } = rt;
  const { ip: mib, ipExt } = ip4.mib;
  if (rt.type === RTN_MULTICAST) {
    ipExt.OutMcastPkts++;
    ipExt.OutMcastOctets += skb.len;
  } else if (rt.flags & RTCF_BROADCAST) {
    ipExt.OutBcastPkts++;
    ipExt.OutBcastOctets += skb.len;
  }
  mib.OutTransmits++;
  ipExt.OutOctets += skb.len;
  let key = rt.gateway !== 0 ? rt.gateway | 0 : getInt32(skb.head, skb.data + ipv4.DESTINATION);
  if (dev.flags & (IFF_LOOPBACK | IFF_POINTOPOINT)) key = 0;
  if (skb.pool.trace !== null) trace(skb, "ipFinishOutput2", dev, key === 0 ? "" : formatIpv4(key >>> 0));
  let { neigh } = rt;
  if (neigh === null || neigh.dead || (neigh.key | 0) !== key || neigh.dev !== dev) {
    neigh = ip4.arp.lookup(dev, key) ?? ip4.arp.create(dev, key >>> 0, false);
    if (!neigh) {
      drop(skb, DropReason.NEIGH_CREATEFAIL);
      return Errno.EINVAL;
    }
    rt.neigh = neigh;
  }
  // sock_confirm_neigh
  if (skb.dstPendingConfirm) {
    const sk = skb.sk as Sock | null;
    if (sk) sk.dstPendingConfirm = false;
    neigh.confirm();
  }
  return neigh.output(skb, plain);
}

/** Upper layers heard from the far end: the next hop towards it is alive (dst_confirm_neigh). */
export function ipConfirmNeigh(rt: Rtable, daddr: number): void {
  rt.ip4.arp.lookup(rt.dev, rt.nexthop(daddr))?.confirm();
}

/**
 * Answers a connection request (ip_build_and_send_pkt, the SYN-ACK): skb.data is at the transport header, skb.dst is set.
 * Identification 0 and DF, as the packet is small. Takes the packet over. Returns 0 or a positive errno.
 */
export function ipBuildAndSendPkt(
  ip4: Ipv4,
  sk: Sock,
  skb: SkBuff,
  saddr: number,
  daddr: number,
  options: IpOptions | null,
  tos: number,
): number {
  const rt = skbRtable(skb)!;
  const optionBytes = options ? options.data.length : 0;
  const at = pushHeader(skb, optionBytes, tos, ipSelectTtl(ip4, sk, rt), sk.protocol, saddr, daddr);
  const { head } = skb;
  if (skb.len <= 68 || ipDontFragment(ip4, sk, rt)) {
    ipv4.setFlagsAndOffset(head, at, ipv4.DF);
    ipv4.setIdentification(head, at, 0);
  } else if (sk.protocol === ipv4.IPPROTO_TCP) ipv4.setIdentification(head, at, ip4.idents.random16());
  else ipSelectIdentHashed(ip4, head, at, 1);
  if (options) ipOptionsBuild(ip4, skb, options, daddr, rt);
  skb.priority = sk.priority;
  if (skb.mark === 0) skb.mark = sk.mark;
  return ipLocalOut(ip4, skb);
}

/** How a reply without a socket is sent (struct ip_reply_arg). */
export interface ReplyArg {
  readonly tos: number;
  /** used unless fwmark_reflect gives the request's */
  readonly mark: number;
  /** ifindex or 0 */
  readonly oif: number;
  readonly uid: number;
  /** 0: the namespace's default */
  readonly ttl: number;
  /** IP_REPLY_ARG_NOSRCCHECK (1): the source need not be ours */
  readonly flags: number;
}

/**
 * RST, or ACK of a connection in TIME_WAIT (ip_send_unicast_reply). `request` is what is answered and is not consumed;
 * `reply` has its data at a finished TCP header whose checksum is filled in here, and is taken over. DF, identification 0.
 */
export function ipSendUnicastReply(
  ip4: Ipv4,
  request: SkBuff,
  reply: SkBuff,
  daddr: number,
  saddr: number,
  arg: ReplyArg,
): void {
  const fl = routeScratch.fl.reset();
  const reqIp = request.networkHeader;
  const l4 = reqIp + ipv4.getHeaderLength(request.head, reqIp);
  fl.daddr = daddr;
  fl.saddr = saddr;
  fl.oif = arg.oif;
  fl.mark = ip4.sysctl.fwmarkReflect && request.mark !== 0 ? request.mark : arg.mark;
  fl.tos = arg.tos & 0xfc;
  fl.proto = ipv4.getProtocol(request.head, reqIp);
  fl.dport = (request.head[l4]! << 8) | request.head[l4 + 1]!;
  fl.sport = (request.head[l4 + 2]! << 8) | request.head[l4 + 3]!;
  fl.uid = arg.uid;
  if (arg.flags & 1) fl.flags = FLOWI_FLAG_ANYSRC;
  const rt = ipRouteOutputKey(ip4, fl);
  if (rt.error !== 0) {
    drop(reply, DropReason.IP_OUTNOROUTES);
    return;
  }
  const { head, data } = reply;
  const csum = data + 16;
  set16(head, csum, 0);
  const pseudo = pseudoHeaderSum4(fl.saddr, daddr, fl.proto, reply.len);
  set16(head, csum, internetChecksum(head, data, reply.tail, pseudo));
  const ttl = arg.ttl !== 0 ? arg.ttl : ipSelectTtl(ip4, null, rt);
  const at = pushHeader(reply, 0, arg.tos & 0xfc, ttl, fl.proto, fl.saddr, daddr);
  ipv4.setFlagsAndOffset(head, at, ipv4.DF);
  ipv4.setIdentification(head, at, 0);
  reply.ipSummed = CHECKSUM_NONE;
  reply.mark = fl.mark;
  reply.dst = rt;
  ipLocalOut(ip4, reply);
}
