// The way in: checks, PRE_ROUTING, routing, and delivery on this host: defragmentation, LOCAL_IN, raw sockets, the
// transport. Answers to net/ipv4/ip_input.c.

import { Errno } from "../../base/errno.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_HOST_UNREACH,
  ICMP_NET_UNREACH,
  ICMP_PKT_FILTERED,
  ICMP_PROT_UNREACH,
} from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { getInt32 } from "../../wire/layout.ts";
import { DropReason } from "../core/drop-reason.ts";
import type { NetDevice } from "../core/net-device.ts";
import { NF_INET_LOCAL_IN, NF_INET_PRE_ROUTING } from "../core/netfilter.ts";
import { type PacketBox, SIGN } from "../core/packet-box.ts";
import type { PathRecord } from "../core/path-record.ts";
import {
  consumeSkb,
  drop,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  type SkBuff,
  trace,
} from "../core/skb.ts";
import { ipHeaderIsValid } from "../core/skb-ip-header.ts";
import { inDevOf } from "./devconf.ts";
import { RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST, RTN_UNICAST } from "./fib-types.ts";
import { peerErrorAllow } from "./inet-peer.ts";
import { IPSKB_DOREDIRECT } from "./ip-cb.ts";
import { IP_DEFRAG_LOCAL_DELIVER, ipDefrag } from "./ip-fragment.ts";
import { ipRcvOptions } from "./ip-options.ts";
import type { Ipv4 } from "./ipv4.ts";
import { ipRouteInput } from "./route-input.ts";
import { DST_FORWARD, DST_OUTPUT, type Rtable, skbRtable } from "./rtable.ts";

/** Receives an IPv4 packet (ip_rcv): skb.data is at its IP header. Takes the packet over. */
export function ipRcv(ip4: Ipv4, skb: SkBuff, dev: NetDevice): void {
  if (skb.pool.trace !== null) trace(skb, "ipRcv", dev);
  if (!ipRcvCore(ip4, skb)) return;
  if (ip4.net.hooksIpv4.run(NF_INET_PRE_ROUTING, skb, dev, null, null)) ipRcvFinish(ip4, skb);
}

/** ip_rcv_core: is it a sound packet, and for us to look at? False: dropped. */
function ipRcvCore(ip4: Ipv4, skb: SkBuff): boolean {
  const { ip: mib, ipExt } = ip4.mib;
  if (skb.pktType === PACKET_OTHERHOST) {
    drop(skb, DropReason.OTHERHOST);
    return false;
  }
  mib.InReceives++;
  const { head } = skb;
  const at = skb.data;
  skb.networkHeader = at;
  ipExt.InOctets += skb.len;
  if (skb.len < ipv4.HEADER_LENGTH) return headerError(ip4, skb, DropReason.PKT_TOO_SMALL);
  const ihl = ipv4.getHeaderLength(head, at);
  if (ipv4.getVersion(head, at) !== 4 || ihl < ipv4.HEADER_LENGTH) return headerError(ip4, skb, DropReason.IP_INHDR);
  ip4.mib.countEcn(ipv4.getTos(head, at), 1);
  if (skb.len < ihl) return headerError(ip4, skb, DropReason.IP_INHDR);
  if (!ipHeaderIsValid(skb, at, ihl)) {
    ipExt.InCsumErrors++;
    return headerError(ip4, skb, DropReason.IP_CSUM);
  }
  const length = ipv4.getTotalLength(head, at);
  if (skb.len < length) {
    ipExt.InTruncatedPkts++;
    drop(skb, DropReason.PKT_TOO_SMALL);
    return false;
  }
  if (length < ihl) return headerError(ip4, skb, DropReason.IP_INHDR);
  // the link may have padded the frame
  skb.trim(length);
  skb.transportHeader = at + ihl;
  skb.ipcbFlags = 0;
  skb.fragMaxSize = 0;
  skb.optOffset = 0;
  skb.optLen = 0;
  skb.sk = null;
  return true;
}

function headerError(ip4: Ipv4, skb: SkBuff, reason: DropReason): boolean {
  ip4.mib.ip.InHdrErrors++;
  drop(skb, reason);
  return false;
}

/** After PRE_ROUTING (ip_rcv_finish): routes the packet and hands it on. Takes it over. */
export function ipRcvFinish(ip4: Ipv4, skb: SkBuff): void {
  const dev = skb.dev!;
  const { head } = skb;
  const at = skb.data;
  if (skb.dst === null) {
    const reason = routeReceived(ip4, skb, dev);
    if (reason !== null) {
      if (reason === DropReason.IP_RPFILTER) ip4.mib.linux.IPReversePathFilter++;
      drop(skb, reason);
      return;
    }
    if (skb.pool.trace !== null) trace(skb, "ipRouteInput", dev);
  }
  if (ipv4.getHeaderLength(head, at) > ipv4.HEADER_LENGTH && !ipRcvOptions(ip4, skb, dev)) {
    drop(skb, DropReason.IP_INHDR);
    return;
  }
  const rt = skbRtable(skb)!;
  if (skb.record !== null) noteRoute(ip4, skb, skb.record, rt);
  if (rt.type === RTN_MULTICAST) {
    ip4.mib.ipExt.InMcastPkts++;
    ip4.mib.ipExt.InMcastOctets += skb.len;
  } else if (rt.type === RTN_BROADCAST) {
    ip4.mib.ipExt.InBcastPkts++;
    ip4.mib.ipExt.InBcastOctets += skb.len;
  } else if (skb.pktType === PACKET_BROADCAST || skb.pktType === PACKET_MULTICAST) {
    // RFC 1122 section 3.3.6: a unicast address in a link-layer broadcast
    if (inDevOf(dev)?.or("dropUnicastInL2Multicast")) {
      drop(skb, DropReason.UNICAST_IN_L2_MULTICAST);
      return;
    }
  }
  rt.input(skb);
}

/** Only unicast that is forwarded by a route which lasts, and causes no redirect, is remembered. */
function noteRoute(ip4: Ipv4, skb: SkBuff, record: PathRecord, rt: Rtable): void {
  const remembered =
    rt.inputKind === DST_FORWARD &&
    rt.type === RTN_UNICAST &&
    rt.outputKind === DST_OUTPUT &&
    rt.lasting &&
    !(skb.ipcbFlags & IPSKB_DOREDIRECT) &&
    skb.pktType === PACKET_HOST;
  record.dst = rt;
  record.nfBridge = skb.nfBridge;
  if (!remembered || (record.box !== null && !partByRoutes(ip4, skb, rt, record.box))) skb.record = null;
}

/** Packets of a box go the same way: destinations by the same route, sources that are believed for the same reason. */
function partByRoutes(ip4: Ipv4, skb: SkBuff, rt: Rtable, box: PacketBox): boolean {
  // whether it leaves where it came in by a redirect depends on subnets
  if (rt.dev === skb.dev) return false;
  const saddr = getInt32(skb.head, skb.data + ipv4.SOURCE);
  const source = ip4.fib.spanOf(saddr);
  if (source === null) return false;
  box.saddr.meet(source);
  // an address of this host is none of a sender's, also without a route
  for (const addr of ip4.localAddrs.keys()) box.saddr.part(addr ^ SIGN, addr ^ SIGN, saddr ^ SIGN);
  const destination = ip4.fib.spanOf(getInt32(skb.head, skb.data + ipv4.DESTINATION));
  if (destination === null) return false;
  box.daddr.meet(destination);
  return true;
}

/** As an earlier packet with these addresses, if nothing has changed since; else by the tables. */
function routeReceived(ip4: Ipv4, skb: SkBuff, dev: NetDevice): DropReason | null {
  const { head } = skb;
  const at = skb.data;
  const daddr = getInt32(head, at + ipv4.DESTINATION);
  const saddr = getInt32(head, at + ipv4.SOURCE);
  const tos = ipv4.getTos(head, at);
  const { inputs } = ip4.route;
  const { ifindex } = dev;
  if (skb.mark === 0) {
    const known = inputs.find(daddr, saddr, tos, ifindex, ip4.net.pathGenid);
    if (known !== null) {
      skb.dst = known;
      return null;
    }
  }
  const reason = ipRouteInput(ip4, skb, daddr >>> 0, saddr >>> 0, tos, dev);
  if (reason === null && skb.mark === 0 && !(skb.ipcbFlags & IPSKB_DOREDIRECT)) {
    const rt = skbRtable(skb)!;
    if (rt.lasting) {
      const genid = ip4.net.pathGenid;
      inputs.remember(daddr, saddr, tos, ifindex, genid, rt, 0);
      const span = rt.type === RTN_UNICAST || rt.type === RTN_LOCAL ? ip4.fib.spanOf(daddr) : null;
      if (span !== null) inputs.rememberSpan(span, saddr, tos, ifindex, genid, rt, 0);
    }
  }
  return reason;
}

/** For this host (ip_local_deliver): whole packets only go on. Takes the packet over. */
export function ipLocalDeliver(ip4: Ipv4, skb: SkBuff): void {
  if (skb.pool.trace !== null) trace(skb, "ipLocalDeliver");
  let whole: SkBuff | null = skb;
  if (ipv4.isFragment(skb.head, skb.networkHeader)) {
    whole = ipDefrag(ip4, skb, IP_DEFRAG_LOCAL_DELIVER);
    if (!whole) return;
  }
  if (ip4.net.hooksIpv4.run(NF_INET_LOCAL_IN, whole, whole.dev, null, null)) ipLocalDeliverFinish(ip4, whole);
}

/** To raw sockets, then to the protocol (ip_local_deliver_finish, ip_protocol_deliver_rcu). */
function ipLocalDeliverFinish(ip4: Ipv4, skb: SkBuff): void {
  const { head } = skb;
  const at = skb.networkHeader;
  const protocol = ipv4.getProtocol(head, at);
  skb.data = at + ipv4.getHeaderLength(head, at);
  skb.transportHeader = skb.data;
  const raw = ip4.hasRaw && ip4.raw.localDeliver(skb, protocol);
  const handler = ip4.protocols[protocol];
  if (handler) {
    ip4.mib.ip.InDelivers++;
    handler.handler(skb, ip4);
    return;
  }
  if (raw) {
    ip4.mib.ip.InDelivers++;
    consumeSkb(skb);
    return;
  }
  ip4.mib.ip.InUnknownProtos++;
  ip4.ops.icmpSend(skb, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0);
  drop(skb, DropReason.IP_NOPROTO);
}

/** No way on for a received packet (ip_error): a router says so, within limits. Takes the packet over. */
export function ipError(ip4: Ipv4, skb: SkBuff): void {
  const rt = skbRtable(skb)!;
  const inDev = skb.dev ? inDevOf(skb.dev) : null;
  const { ip: mib } = ip4.mib;
  if (!inDev) {
    drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  if (!inDev.forwarding) {
    if (rt.error === Errno.EHOSTUNREACH) {
      mib.InAddrErrors++;
      drop(skb, DropReason.IP_INADDRERRORS);
    } else if (rt.error === Errno.ENETUNREACH) {
      ip4.mib.ipExt.InNoRoutes++;
      drop(skb, DropReason.IP_INNOROUTES);
    } else drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  let code: number;
  let reason: DropReason = DropReason.NOT_SPECIFIED;
  switch (rt.error) {
    case Errno.EHOSTUNREACH:
      code = ICMP_HOST_UNREACH;
      break;
    case Errno.ENETUNREACH:
      code = ICMP_NET_UNREACH;
      ip4.mib.ipExt.InNoRoutes++;
      reason = DropReason.IP_INNOROUTES;
      break;
    case Errno.EACCES:
      code = ICMP_PKT_FILTERED;
      break;
    default:
      drop(skb, DropReason.NOT_SPECIFIED);
      return;
  }
  if (peerErrorAllow(ip4, ipv4.getSource(skb.head, skb.networkHeader)))
    ip4.ops.icmpSend(skb, ICMP_DEST_UNREACH, code, 0);
  drop(skb, reason);
}
