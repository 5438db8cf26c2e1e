// ARP (RFC 826, RFC 5227, RFC 1027 for proxy ARP) as Linux does it: what is asked of whom with which source, which
// questions are answered, and what is believed of what is heard. Answers to net/ipv4/arp.c. RARP is left out.

import { formatIpv4 } from "../../wire/addr.ts";
import * as arp from "../../wire/arp.ts";
import * as ethernet from "../../wire/ethernet.ts";
import { ICMP_DEST_UNREACH, ICMP_HOST_UNREACH } from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { devQueueXmit } from "../core/dev.ts";
import { DropReason } from "../core/drop-reason.ts";
import { NeighTable } from "../core/neigh-table.ts";
import {
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_OVERRIDE,
  type Neighbour,
  type NeighOps,
  NUD_FAILED,
  NUD_NOARP,
  NUD_REACHABLE,
  NUD_STALE,
  NUD_VALID,
} from "../core/neighbour.ts";
import type { NetDevice } from "../core/net-device.ts";
import { IFF_NOARP, IFF_POINTOPOINT } from "../core/net-device.ts";
import { consumeSkb, drop, PACKET_HOST, PACKET_LOOPBACK, PACKET_OTHERHOST, type SkBuff, trace } from "../core/skb.ts";
import { type InDevice, inDevOf } from "./devconf.ts";
import { inetAddrOnlink, inetConfirmAddr, inetSelectAddr } from "./devinet-addr.ts";
import { RT_SCOPE_HOST, RT_SCOPE_LINK, RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST, RTN_UNICAST } from "./fib-types.ts";
import type { Ipv4 } from "./ipv4.ts";
import { inetAddrType, ipRouteOutputKey, routeScratch } from "./route.ts";
import { ipRouteInput } from "./route-input.ts";
import { type FlowKey, skbRtable } from "./rtable.ts";

/** Netfilter's hook points of the ARP family. */
export const NF_ARP_IN = 0;
export const NF_ARP_OUT = 1;

/** The namespace's ARP cache (arp_tbl). */
export function createArpTable(ip4: Ipv4): NeighTable {
  return new NeighTable(ip4.net, "arp_cache", new ArpOps(ip4), ip4.rng.fork("arp"));
}

class ArpOps implements NeighOps {
  private readonly ip4: Ipv4;

  constructor(ip4: Ipv4) {
    this.ip4 = ip4;
  }

  construct(neigh: Neighbour): boolean {
    return arpConstructor(this.ip4, neigh);
  }

  solicit(neigh: Neighbour, skb: SkBuff | null): void {
    arpSolicit(this.ip4, neigh, skb);
  }

  errorReport(_neigh: Neighbour, skb: SkBuff): void {
    dstLinkFailure(this.ip4, skb);
    drop(skb, DropReason.NEIGH_FAILED);
  }

  proxyRedo(skb: SkBuff): void {
    arpProcess(this.ip4, skb, routeScratch.arpFlow);
  }
}

/** The packet's next hop does not answer (dst_link_failure, ipv4_link_failure): its sender is told. */
export function dstLinkFailure(ip4: Ipv4, skb: SkBuff): void {
  ip4.ops.icmpSend(skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
  const rt = skbRtable(skb);
  if (rt && rt.pmtu !== 0) rt.expires = ip4.net.now;
}

/** arp_constructor: groups, broadcasts, and devices that need no ARP have their address from the start. */
function arpConstructor(ip4: Ipv4, neigh: Neighbour): boolean {
  const { dev, key, ha } = neigh;
  const inDev = inDevOf(dev);
  if (!inDev) return false;
  neigh.type = inetAddrType(ip4, key);
  if (dev.hardHeaderLen === 0) {
    neigh.nudState = NUD_NOARP;
    return true;
  }
  if (neigh.type === RTN_MULTICAST) {
    neigh.nudState = NUD_NOARP;
    if (dev.loopback) ha.set(dev.broadcast);
    else ethernet.setIpv4MulticastMac(ha, 0, key);
  } else if (dev.flags & IFF_NOARP || dev.loopback) {
    neigh.nudState = NUD_NOARP;
    ha.set(dev.address);
  } else if (neigh.type === RTN_BROADCAST || dev.flags & IFF_POINTOPOINT) {
    neigh.nudState = NUD_NOARP;
    ha.set(dev.broadcast);
  }
  return true;
}

/** Asks (arp_solicit): the address it had, by unicast, while that may still do; else everybody. */
function arpSolicit(ip4: Ipv4, neigh: Neighbour, skb: SkBuff | null): void {
  const { dev, key: target, parms } = neigh;
  const inDev = inDevOf(dev);
  if (!inDev) return;
  let saddr = 0;
  const announce = inDev.max("arpAnnounce");
  if (skb && announce < 2) {
    const candidate = ipv4.getSource(skb.head, skb.networkHeader);
    if (inetAddrType(ip4, candidate) === RTN_LOCAL && (announce === 0 || inetAddrOnlink(inDev, target, candidate)))
      saddr = candidate;
  }
  if (saddr === 0) saddr = inetSelectAddr(ip4, dev, target, RT_SCOPE_LINK);
  let unicast: Uint8Array | null = null;
  if (neigh.probes < parms.ucastProbes) unicast = neigh.ha;
  else if (neigh.probes < parms.ucastProbes + parms.appProbes) return; // a daemon would be asked
  arpSend(ip4, dev, arp.OP_REQUEST, target, saddr, unicast, 0, null, 0);
}

/**
 * Makes and sends an ARP packet (arp_send).
 * @param destMac where the frame goes, six bytes at `destAt`; null: to all
 * @param targetMac what the message says of the target, six bytes at `targetAt`; null: zeros
 */
export function arpSend(
  ip4: Ipv4,
  dev: NetDevice,
  operation: number,
  targetIp: number,
  senderIp: number,
  destMac: Uint8Array | null,
  destAt: number,
  targetMac: Uint8Array | null,
  targetAt: number,
): void {
  if (dev.flags & IFF_NOARP || dev.hardHeaderLen !== ethernet.HEADER_LENGTH) return;
  const skb = ip4.net.kernel.skbs.alloc(64);
  const { head } = skb;
  const frame = skb.put(ethernet.HEADER_LENGTH + arp.HEADER_LENGTH);
  const at = frame + ethernet.HEADER_LENGTH;
  ethernet.copyMac(destMac ?? dev.broadcast, destMac ? destAt : 0, head, frame);
  ethernet.copyMac(dev.address, 0, head, frame + 6);
  ethernet.setEtherType(head, frame, ethernet.ETH_P_ARP);
  arp.setPreamble(head, at, operation);
  ethernet.copyMac(dev.address, 0, head, at + arp.SENDER_MAC);
  arp.setSenderIp(head, at, senderIp);
  if (targetMac) ethernet.copyMac(targetMac, targetAt, head, at + arp.TARGET_MAC);
  else head.fill(0, at + arp.TARGET_MAC, at + arp.TARGET_MAC + 6);
  arp.setTargetIp(head, at, targetIp);
  skb.dev = dev;
  skb.protocol = ethernet.ETH_P_ARP;
  skb.macHeader = frame;
  skb.networkHeader = at;
  arpXmit(ip4, skb);
}

/** Sends a finished ARP frame by the OUT hook (arp_xmit). */
export function arpXmit(ip4: Ipv4, skb: SkBuff): void {
  if (ip4.net.hooksArp.run(NF_ARP_OUT, skb, null, skb.dev, null)) devQueueXmit(skb);
}

/** Receives ARP (arp_rcv): skb.data is at the message. Takes the packet over. */
export function arpRcv(ip4: Ipv4, skb: SkBuff, dev: NetDevice): void {
  if (skb.pool.trace !== null) trace(skb, "arpRcv", dev);
  if (dev.flags & IFF_NOARP || skb.pktType === PACKET_OTHERHOST || skb.pktType === PACKET_LOOPBACK) {
    consumeSkb(skb);
    return;
  }
  const { head, data } = skb;
  if (
    skb.len < arp.HEADER_LENGTH ||
    arp.getHardwareLength(head, data) !== 6 ||
    arp.getProtocolLength(head, data) !== 4
  ) {
    drop(skb, DropReason.HDR_TRUNC);
    return;
  }
  skb.networkHeader = data;
  skb.transportHeader = data;
  skb.cb0 = 0;
  if (ip4.net.hooksArp.run(NF_ARP_IN, skb, dev, null, null)) arpProcess(ip4, skb, routeScratch.arpFlow);
}

/** arp_process */
function arpProcess(ip4: Ipv4, skb: SkBuff, fl: FlowKey): void {
  const dev = skb.dev!;
  const inDev = inDevOf(dev);
  const { head } = skb;
  const at = skb.networkHeader;
  const operation = arp.getOperation(head, at);
  if (!inDev || !arp.isEthernetIpv4(head, at) || (operation !== arp.OP_REQUEST && operation !== arp.OP_REPLY)) {
    drop(skb, DropReason.ARP_BAD);
    return;
  }
  const sha = at + arp.SENDER_MAC;
  const sip = arp.getSenderIp(head, at) as number;
  const tip = arp.getTargetIp(head, at) as number;
  if (tip >>> 28 === 14 || (tip >>> 24 === 127 && !inDev.routeLocalnet)) {
    drop(skb, DropReason.ARP_BAD);
    return;
  }
  if (sip === tip && inDev.or("dropGratuitousArp")) {
    drop(skb, DropReason.ARP_IGNORED);
    return;
  }
  const reply = (): void => {
    if (skb.pool.trace !== null) trace(skb, "arpSend", dev, "reply");
    arpSend(ip4, dev, arp.OP_REPLY, sip, tip, head, sha, head, sha);
  };

  if (sip === 0) {
    // duplicate address detection (RFC 5227: a probe)
    if (operation === arp.OP_REQUEST && inetAddrType(ip4, tip) === RTN_LOCAL && !arpIgnore(ip4, inDev, sip, tip))
      reply();
    consumeSkb(skb);
    return;
  }

  if (operation === arp.OP_REQUEST && ipRouteInput(ip4, skb, tip, sip, 0, dev) === null) {
    const rt = skbRtable(skb)!;
    if (rt.type === RTN_LOCAL) {
      const silent = arpIgnore(ip4, inDev, sip, tip) || (inDev.or("arpFilter") && arpFilter(ip4, fl, sip, tip, dev));
      if (!silent && ip4.arp.eventNs(head, sha, sip, dev)) reply();
      consumeSkb(skb);
      return;
    }
    if (inDev.forwarding && rt.type === RTN_UNICAST) {
      if (
        forwardsAsProxy(inDev, dev, rt.dev) ||
        forwardsAsPvlan(inDev, dev, rt.dev, sip, tip) ||
        (rt.dev !== dev && ip4.arp.isProxied(tip, dev))
      ) {
        ip4.arp.eventNs(head, sha, sip, dev);
        const delayed = skb.cb0 === 1;
        if (delayed || skb.pktType === PACKET_HOST || inDev.parms.proxyDelay === 0) {
          reply();
          consumeSkb(skb);
        } else ip4.arp.proxyEnqueue(inDev.parms, skb);
        return;
      }
    }
  }
  learn(ip4, skb, inDev, operation, sip, tip, sha);
  consumeSkb(skb);
}

/** What a message that was not for us to answer teaches. */
function learn(
  ip4: Ipv4,
  skb: SkBuff,
  inDev: InDevice,
  operation: number,
  sip: number,
  tip: number,
  sha: number,
): void {
  const { dev } = inDev;
  const { head } = skb;
  let neigh = ip4.arp.lookup(dev, sip);
  const accept = arpAccept(inDev, sip);
  if (!neigh && !accept) return;
  // gratuitous: about itself, of an address that is not ours; a reply must also name the same MAC twice
  let garp = tip === sip;
  const tha = sha - arp.SENDER_MAC + arp.TARGET_MAC;
  if (garp && operation === arp.OP_REPLY) garp = ethernet.equalMac(head, tha, head, sha);
  const unicast = inetAddrType(ip4, sip) === RTN_UNICAST;
  garp &&= unicast;
  if (accept && !neigh && (garp || (operation === arp.OP_REPLY && unicast))) neigh = ip4.arp.lookupOrCreate(dev, sip);
  if (!neigh) return;
  const override = garp || ip4.net.now > neigh.updated + neigh.parms.lockTime;
  // only an answer to ourselves shows that the neighbour hears us
  const state = operation === arp.OP_REPLY && skb.pktType === PACKET_HOST ? NUD_REACHABLE : NUD_STALE;
  if (skb.pool.trace !== null) trace(skb, "neighUpdate", dev, formatIpv4(sip));
  neigh.update(head, sha, state, override ? NEIGH_UPDATE_F_OVERRIDE : 0);
}

/** arp_accept: 1 new neighbours are learned from unsolicited messages, 2 those of our subnets. */
function arpAccept(inDev: InDevice, sip: number): boolean {
  const accept = inDev.max("arpAccept");
  if (accept === 1) return true;
  return accept === 2 && inetAddrOnlink(inDev, sip, 0);
}

/** arp_ignore: is this question for our address to be ignored (RFC-less; Documentation/networking/ip-sysctl.rst)? */
function arpIgnore(ip4: Ipv4, inDev: InDevice, sip: number, tip: number): boolean {
  let where: InDevice | null = inDev;
  let scope = RT_SCOPE_HOST;
  switch (inDev.max("arpIgnore")) {
    case 0:
      return false;
    case 1:
      sip = 0;
      break;
    case 2:
      break;
    case 3:
      // scopes of link and wider only, on any device
      sip = 0;
      scope = RT_SCOPE_LINK;
      where = null;
      break;
    case 4:
    case 5:
    case 6:
    case 7:
      return false;
    case 8:
      return true;
    default:
      return false;
  }
  return inetConfirmAddr(ip4, where, sip, tip, scope) === 0;
}

/** arp_filter: would we reach the asker by another device? */
function arpFilter(ip4: Ipv4, fl: FlowKey, sip: number, tip: number, dev: NetDevice): boolean {
  fl.reset();
  fl.daddr = sip;
  fl.saddr = tip;
  const rt = ipRouteOutputKey(ip4, fl);
  if (rt.error !== 0) return true;
  if (rt.dev === dev) return false;
  ip4.mib.linux.ArpFilter++;
  return true;
}

/** arp_fwd_proxy: the target lies behind another device, and this one answers for it. */
function forwardsAsProxy(inDev: InDevice, dev: NetDevice, out: NetDevice): boolean {
  if (out === dev || !inDev.or("proxyArp")) return false;
  const medium = inDev.conf.mediumId;
  if (medium === 0) return true;
  if (medium === -1) return false;
  const outMedium = inDevOf(out)?.conf.mediumId ?? 0;
  return outMedium !== medium && outMedium !== -1;
}

/** arp_fwd_pvlan: RFC 3069, stations of one private VLAN reach each other by us. */
function forwardsAsPvlan(inDev: InDevice, dev: NetDevice, out: NetDevice, sip: number, tip: number): boolean {
  return out === dev && sip !== tip && inDev.or("proxyArpPvlan");
}

/** An address has become a broadcast: an entry that waits for an answer is void (arp_invalidate, not forced). */
export function arpInvalidate(ip4: Ipv4, dev: NetDevice, addr: number): void {
  const neigh = ip4.arp.lookup(dev, addr);
  if (!neigh || neigh.nudState & NUD_VALID) return;
  neigh.update(null, 0, NUD_FAILED, NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN);
  ip4.arp.remove(neigh);
}

/** A gratuitous ARP of one address (inetdev_send_gratuitous_arp). */
export function arpAnnounce(ip4: Ipv4, dev: NetDevice, addr: number): void {
  arpSend(ip4, dev, arp.OP_REQUEST, addr, addr, null, 0, null, 0);
}
