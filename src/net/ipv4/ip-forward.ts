// A packet passes through (RFC 1812): TTL, what is too long, a better way for its sender, FORWARD. Answers to
// net/ipv4/ip_forward.c and ip_rt_send_redirect.

import {
  ICMP_DEST_UNREACH,
  ICMP_EXC_TTL,
  ICMP_FRAG_NEEDED,
  ICMP_REDIR_HOST,
  ICMP_REDIRECT,
  ICMP_SR_FAILED,
  ICMP_TIME_EXCEEDED,
} from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { DropReason } from "../core/drop-reason.ts";
import { NF_INET_FORWARD } from "../core/netfilter.ts";
import { CHECKSUM_COMPLETE, CHECKSUM_NONE, drop, PACKET_HOST, type SkBuff, trace } from "../core/skb.ts";
import { inDevOf } from "./devconf.ts";
import { peerRedirectAllow } from "./inet-peer.ts";
import { IPSKB_DOREDIRECT, IPSKB_FORWARDED, IPSKB_IGNORE_DF } from "./ip-cb.ts";
import { hasRouterAlert, hasSourceRoute, ipForwardOptions, isStrictRoute } from "./ip-options.ts";
import { gsoNetworkLength } from "./ip-output.ts";
import type { Ipv4 } from "./ipv4.ts";
import { type Rtable, skbRtable } from "./rtable.ts";

/** skb->priority of a TOS (rt_tos2priority: ip_tos2prio). */
const TOS_TO_PRIORITY: readonly number[] = [0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4];

/** Forwards a routed packet (ip_forward). Takes it over. */
export function ipForward(ip4: Ipv4, skb: SkBuff): void {
  if (skb.pool.trace !== null) trace(skb, "ipForward");
  const { kernel } = ip4.net;
  kernel.sim.elapse(kernel.costs.forward);
  const { ip: mib } = ip4.mib;
  // broadcasts and strangers' frames are not passed on, nor what a socket claims
  if (skb.pktType !== PACKET_HOST || skb.sk !== null) {
    drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  if (hasRouterAlert(skb) && ip4.hasRaw && ip4.raw.callRouterAlert(skb)) return;
  if (skb.ipSummed === CHECKSUM_COMPLETE) skb.ipSummed = CHECKSUM_NONE;
  const { head } = skb;
  const at = skb.data;
  if (ipv4.getTtl(head, at) <= 1) {
    mib.InHdrErrors++;
    ip4.ops.icmpSend(skb, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
    drop(skb, DropReason.IP_INHDR);
    return;
  }
  const rt = skbRtable(skb)!;
  if (isStrictRoute(skb) && rt.gateway !== 0) {
    ip4.ops.icmpSend(skb, ICMP_DEST_UNREACH, ICMP_SR_FAILED, 0);
    drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  mib.ForwDatagrams++;
  skb.ipcbFlags |= IPSKB_FORWARDED;
  const mtu = rt.forwardMtu();
  if (ipExceedsMtu(skb, mtu)) {
    mib.FragFails++;
    ip4.ops.icmpSend(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
    drop(skb, DropReason.PKT_TOO_BIG);
    return;
  }
  // skb_cow: what is forwarded no longer shares its bytes with its sender's queue
  skb.cloneOf = null;
  ipv4.decreaseTtl(head, at);
  if (skb.ipcbFlags & IPSKB_DOREDIRECT && !hasSourceRoute(skb)) ipRtSendRedirect(ip4, skb, rt);
  if (ip4.sysctl.ipForwardUpdatePriority) skb.priority = tosToPriority(ipv4.getTos(head, at));
  if (!ip4.net.hooksIpv4.run(NF_INET_FORWARD, skb, skb.dev, rt.dev, null)) return;
  // ip_forward_finish
  if (skb.optLen > 0) ipForwardOptions(ip4, skb);
  skbRtable(skb)!.output(skb);
}

/** rt_tos2priority */
export function tosToPriority(tos: number): number {
  return TOS_TO_PRIORITY[(tos & 0x1e) >> 1]!;
}

/** It is longer than the way on carries, and must not be cut (ip_exceeds_mtu). */
function ipExceedsMtu(skb: SkBuff, mtu: number): boolean {
  if (skb.len <= mtu) return false;
  if ((ipv4.getFlagsAndOffset(skb.head, skb.data) & ipv4.DF) === 0) return false;
  if (skb.fragMaxSize > mtu) return true;
  if (skb.ipcbFlags & IPSKB_IGNORE_DF) return false;
  return !(skb.gsoSize > 0 && gsoNetworkLength(skb) <= mtu);
}

/** Tells the sender of a better gateway on its own link (ip_rt_send_redirect). */
function ipRtSendRedirect(ip4: Ipv4, skb: SkBuff, rt: Rtable): void {
  const inDev = inDevOf(rt.dev);
  if (!inDev?.sendRedirects) return;
  const { head, data } = skb;
  if (!peerRedirectAllow(ip4, ipv4.getSource(head, data))) return;
  ip4.ops.icmpSend(skb, ICMP_REDIRECT, ICMP_REDIR_HOST, rt.nexthop(ipv4.getDestination(head, data)));
}
