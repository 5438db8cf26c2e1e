// IGMP snooping: membership reports tell which ports want a group, queries tell where routers are, and while somebody
// queries, a group's frames go to its members only. Answers to net/bridge/br_multicast.c for IPv4. Leaves out sources
// (IGMPv3 filters by source), MLD, snooping with queriers per VLAN, and fast leave's port option.

import { type Ns, SEC } from "../../base/time.ts";
import { internetChecksum } from "../../wire/checksum.ts";
import * as ethernet from "../../wire/ethernet.ts";
import * as igmp from "../../wire/igmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { devQueueXmit, netifRx } from "../core/dev.ts";
import { devAddAddress, devDelAddress } from "../core/dev-address-list.ts";
import { DropReason } from "../core/drop-reason.ts";
import { drop, type SkBuff } from "../core/skb.ts";
import { deliver, NF_BR_LOCAL_OUT, shouldDeliver } from "./br-forward.ts";
import {
  MDB_RTR_TYPE_DISABLED,
  MDB_RTR_TYPE_PERM,
  MDB_RTR_TYPE_TEMP_QUERY,
  type MdbEntry,
  type MulticastVerdict,
  type PortGroup,
} from "./br-multicast-state.ts";
import { BR_MULTICAST_FAST_LEAVE, BR_STATE_DISABLED, type BridgePort, type NetBridge } from "./br-private.ts";

const ALL_HOSTS = 0xe0000001;
/** RFC 4286 */
const ALL_SNOOPERS = 0xe000006a;
/** the Ethernet address of ff02::6a, listened to even though MLD is left out */
const ALL_SNOOPERS_IPV6: Uint8Array = Uint8Array.of(0x33, 0x33, 0, 0, 0, 0x6a);
const LOCAL_BLOCK = 0xe0000000;
const LOCAL_MASK = 0xffffff00;

/** What IGMPv3 adds to a query: robustness and S, interval, number of sources (RFC 3376, 4.1). */
const V3_QUERY_LENGTH = 4;

/** br_multicast_init */
export function brMulticastInit(br: NetBridge): void {
  const { timers } = br.dev.net.kernel;
  const { multicast } = br;
  multicast.otherQueryTimer = timers.wheelTimer(() => {
    if (multicast.querierEnabled) startQuerier(br);
  });
  multicast.routerTimer = timers.wheelTimer(() => {});
  multicast.ownQueryTimer = timers.wheelTimer(() => {
    if (!multicast.enabled || !multicast.querierEnabled || multicast.otherQueryTimer.pending || !br.dev.up) return;
    sendGeneralQuery(br);
    if (multicast.startupSent < multicast.startupQueryCount) multicast.startupSent++;
    multicast.ownQueryTimer.after(
      multicast.startupSent < multicast.startupQueryCount
        ? multicast.startupQueryIntervalNs
        : multicast.queryIntervalNs,
    );
  });
}

/** The bridge goes up (br_multicast_open): it may ask, and it listens to what other snoopers say. */
export function brMulticastOpen(br: NetBridge): void {
  const { multicast, dev } = br;
  if (!multicast.enabled) return;
  if (multicast.querierEnabled) startQuerier(br);
  if (multicast.joined) return;
  multicast.joined = true;
  dev.net.ipMulticast?.join(dev, ALL_SNOOPERS);
  devAddAddress(dev, ALL_SNOOPERS_IPV6);
}

/** The bridge goes down (br_multicast_stop). */
export function brMulticastStop(br: NetBridge): void {
  if (br.multicast.joined) {
    br.multicast.joined = false;
    br.dev.net.ipMulticast?.leave(br.dev, ALL_SNOOPERS);
    devDelAddress(br.dev, ALL_SNOOPERS_IPV6);
  }
  br.multicast.ownQueryTimer.del();
  br.multicast.otherQueryTimer.del();
  br.multicast.routerTimer.del();
}

/** A port goes: what it wanted is forgotten (br_multicast_del_port). */
export function brMulticastDelPort(port: BridgePort): void {
  port.multicast.routerTimer?.del();
  for (const entry of [...port.br.multicast.groups.values()]) {
    for (const member of entry.ports.filter((member) => member.port === port)) removeMember(port.br, entry, member);
  }
}

/** mcast_querier */
export function brMulticastSetQuerier(br: NetBridge, on: boolean): void {
  const { multicast } = br;
  if (multicast.querierEnabled === on) return;
  multicast.querierEnabled = on;
  if (!on) return;
  // nothing is held back before members have had time to report
  if (!multicast.otherQueryTimer.pending) multicast.otherQueryDelayUntil = br.now + multicast.queryResponseIntervalNs;
  if (br.dev.up) startQuerier(br);
}

function startQuerier(br: NetBridge): void {
  br.multicast.startupSent = 0;
  br.multicast.ownQueryTimer.after(0);
}

/**
 * Looks at a multicast frame and learns from it; the answer is in br.multicast.verdict (br_multicast_rcv).
 * @param port null: sent by the bridge itself
 */
export function brMulticastRcv(br: NetBridge, port: BridgePort | null, skb: SkBuff, vid: number): void {
  const { verdict } = br.multicast;
  verdict.drop = false;
  verdict.routersOnly = false;
  verdict.mdb = null;
  if (!br.multicast.enabled || skb.protocol !== ethernet.ETH_P_IP) return;
  const { head } = skb;
  const at = skb.data;
  if (skb.len < ipv4.HEADER_LENGTH || ipv4.getVersion(head, at) !== 4) return;
  const headerLength = ipv4.getHeaderLength(head, at);
  const daddr = ipv4.getDestination(head, at);
  if (ipv4.getProtocol(head, at) !== ipv4.IPPROTO_IGMP) {
    if (!isLocalMulticast(daddr)) verdict.routersOnly = true;
  } else receiveIgmp(br, port, skb, vid, at + headerLength, verdict);
  verdict.mdb = br.multicast.groups.get(groupKey(daddr, vid)) ?? null;
}

/** A group of one VLAN, 0 for none. */
export function groupKey(group: number, vid: number): number {
  return vid * 2 ** 32 + group;
}

function isLocalMulticast(addr: number): boolean {
  return (addr & LOCAL_MASK) >>> 0 === LOCAL_BLOCK;
}

function receiveIgmp(
  br: NetBridge,
  port: BridgePort | null,
  skb: SkBuff,
  vid: number,
  at: number,
  verdict: MulticastVerdict,
): void {
  const { head } = skb;
  const end = Math.min(skb.tail, skb.data + ipv4.getTotalLength(head, skb.data));
  if (end - at < igmp.HEADER_LENGTH || internetChecksum(head, at, end) !== 0) {
    verdict.drop = true;
    return;
  }
  switch (igmp.getType(head, at)) {
    case igmp.IGMP_HOST_MEMBERSHIP_REPORT:
    case igmp.IGMPV2_HOST_MEMBERSHIP_REPORT:
      verdict.routersOnly = true;
      addGroup(br, port, igmp.getGroup(head, at), vid, false);
      break;
    case igmp.IGMPV3_HOST_MEMBERSHIP_REPORT:
      for (const record of igmp.parseReport(head, at, end) ?? []) {
        const leaves =
          (record.type === igmp.IGMPV3_CHANGE_TO_INCLUDE || record.type === igmp.IGMPV3_MODE_IS_INCLUDE) &&
          record.sources.length === 0;
        if (leaves) leaveGroup(br, port, record.group, vid);
        else if (record.type !== igmp.IGMPV3_BLOCK_OLD_SOURCES) addGroup(br, port, record.group, vid, false);
      }
      break;
    case igmp.IGMP_HOST_MEMBERSHIP_QUERY:
      receivedQuery(br, port, ipv4.getSource(head, skb.data), igmp.getMaxResponse(head, at));
      break;
    case igmp.IGMP_HOST_LEAVE_MESSAGE:
      leaveGroup(br, port, igmp.getGroup(head, at), vid);
      break;
  }
}

/** br_ip4_multicast_query: who asks is a router, and keeps this bridge from asking. */
function receivedQuery(br: NetBridge, port: BridgePort | null, saddr: number, maxResponse: number): void {
  const { multicast } = br;
  if (saddr !== 0 || !multicast.querierEnabled) {
    const was = multicast.otherQueryTimer.pending;
    multicast.otherQueryTimer.after(multicast.querierIntervalNs);
    multicast.ownQueryTimer.del();
    if (!was) multicast.otherQueryDelayUntil = br.now + (maxResponse || 100) * 100_000_000;
  }
  if (port) markRouter(port);
  else if (multicast.router === MDB_RTR_TYPE_TEMP_QUERY) multicast.routerTimer.after(multicast.querierIntervalNs);
}

function markRouter(port: BridgePort): void {
  if (port.multicast.router !== MDB_RTR_TYPE_TEMP_QUERY) return;
  port.multicast.routerTimer ??= port.br.dev.net.kernel.timers.wheelTimer(() => {});
  port.multicast.routerTimer.after(port.br.multicast.querierIntervalNs);
}

/** A port (null: the host) wants a group (br_multicast_add_group); also `bridge mdb add` with `permanent`. */
export function addGroup(br: NetBridge, port: BridgePort | null, group: number, vid: number, permanent: boolean): void {
  const { multicast } = br;
  if (isLocalMulticast(group)) return;
  const key = groupKey(group, vid);
  let entry = multicast.groups.get(key);
  if (!entry) {
    if (multicast.groups.size >= multicast.hashMax) return;
    const made: MdbEntry = {
      group,
      vid,
      hostJoined: false,
      ports: [],
      timer: br.dev.net.kernel.timers.wheelTimer(() => removeHost(br, made)),
    };
    entry = made;
    multicast.groups.set(key, entry);
  }
  if (!port) {
    entry.hostJoined = true;
    entry.timer.after(multicast.membershipIntervalNs);
    return;
  }
  let member = entry.ports.find((other) => other.port === port);
  if (!member) {
    const of = entry;
    const made: PortGroup = {
      port,
      permanent,
      timer: br.dev.net.kernel.timers.wheelTimer(() => removeMember(br, of, made)),
    };
    member = made;
    entry.ports.unshift(member);
  }
  member.permanent ||= permanent;
  if (member.permanent) member.timer.del();
  else member.timer.after(multicast.membershipIntervalNs);
}

/** br_multicast_leave_group: others on that port may still want it, so it is asked first, unless fast leave is on. */
function leaveGroup(br: NetBridge, port: BridgePort | null, group: number, vid: number): void {
  const { multicast } = br;
  const entry = multicast.groups.get(groupKey(group, vid));
  if (!entry) return;
  const delay: Ns = multicast.lastMemberCount * multicast.lastMemberIntervalNs;
  if (!port) {
    if (entry.hostJoined) entry.timer.after(delay);
    return;
  }
  const member = entry.ports.find((other) => other.port === port);
  if (!member || member.permanent) return;
  if (port.flags & BR_MULTICAST_FAST_LEAVE) removeMember(br, entry, member);
  else if (!multicast.otherQueryTimer.pending && multicast.querierEnabled) member.timer.after(delay);
}

/** Takes a port out of a group; the last one takes the group along. */
export function removeMember(br: NetBridge, entry: MdbEntry, member: PortGroup): void {
  member.timer.del();
  entry.ports = entry.ports.filter((other) => other !== member);
  expireIfEmpty(br, entry);
}

/** The host no longer wants a group (br_multicast_host_leave). */
export function removeHost(br: NetBridge, entry: MdbEntry): void {
  entry.hostJoined = false;
  entry.timer.del();
  expireIfEmpty(br, entry);
}

function expireIfEmpty(br: NetBridge, entry: MdbEntry): void {
  if (entry.hostJoined || entry.ports.length > 0) return;
  entry.timer.del();
  br.multicast.groups.delete(groupKey(entry.group, entry.vid));
}

/** br_multicast_querier_exists: without one, snooping holds nothing back. */
export function querierExists(br: NetBridge): boolean {
  const { multicast } = br;
  if (!multicast.enabled || br.now < multicast.otherQueryDelayUntil) return false;
  return multicast.querierEnabled || multicast.otherQueryTimer.pending;
}

/** The bridge itself leads to a multicast router (br_multicast_is_router). */
export function bridgeIsRouter(br: NetBridge): boolean {
  const { router, routerTimer } = br.multicast;
  return router === MDB_RTR_TYPE_PERM || (router === MDB_RTR_TYPE_TEMP_QUERY && routerTimer.pending);
}

/** The port leads to a multicast router. */
export function portIsRouter(port: BridgePort): boolean {
  const { router, routerTimer } = port.multicast;
  if (router === MDB_RTR_TYPE_DISABLED) return false;
  return router === MDB_RTR_TYPE_PERM || routerTimer?.pending === true;
}

/** Sends to a group's members and to the ports that lead to routers (br_multicast_flood); parameters as brForward's. */
export function brMulticastFlood(
  br: NetBridge,
  mdb: MdbEntry | null,
  skb: SkBuff,
  localRcv: boolean,
  localOrig: boolean,
): void {
  let previous: BridgePort | null = null;
  for (const port of br.ports) {
    if (!portIsRouter(port) && !mdb?.ports.some((member) => member.port === port)) continue;
    if (!shouldDeliver(port, skb)) continue;
    if (previous) deliver(previous, skb.pool.copy(skb), localOrig);
    previous = port;
  }
  if (previous) deliver(previous, localRcv ? skb.pool.copy(skb) : skb, localOrig);
  else if (!localRcv) drop(skb, DropReason.BRIDGE_NO_EGRESS_PORT);
}

/** A general query by every port, and up to the host (br_multicast_send_query). */
function sendGeneralQuery(br: NetBridge): void {
  for (const port of br.ports) {
    if (port.state === BR_STATE_DISABLED) continue;
    const skb = buildQuery(br);
    skb.dev = port.dev;
    if (port.dev.net.hooksBridge.run(NF_BR_LOCAL_OUT, skb, null, port.dev, null)) devQueueXmit(skb);
  }
  const skb = buildQuery(br);
  skb.dev = br.dev;
  skb.pull(ethernet.HEADER_LENGTH);
  netifRx(skb);
}

/** br_ip4_multicast_alloc_query: 0.0.0.0 → 224.0.0.1 with router alert. */
function buildQuery(br: NetBridge): SkBuff {
  const { multicast } = br;
  const igmpLength = multicast.igmpVersion === 3 ? igmp.HEADER_LENGTH + V3_QUERY_LENGTH : igmp.HEADER_LENGTH;
  const ipLength = 24 + igmpLength;
  const skb = br.dev.net.kernel.skbs.alloc(ethernet.HEADER_LENGTH + ipLength);
  const at = skb.put(ethernet.HEADER_LENGTH + ipLength);
  const { head } = skb;
  skb.macHeader = at;
  ethernet.setSource(head, at, br.dev.address);
  ethernet.setIpv4MulticastMac(head, at, ALL_HOSTS);
  ethernet.setEtherType(head, at, ethernet.ETH_P_IP);
  const ipAt = at + ethernet.HEADER_LENGTH;
  skb.networkHeader = ipAt;
  head.fill(0, ipAt, ipAt + ipLength);
  // version 4, 24 bytes of header, TOS 0xc0, DF, TTL 1, IGMP, the router alert option (RFC 2113)
  head.set([0x46, 0xc0, 0, ipLength, 0, 0, 0x40, 0, 1, ipv4.IPPROTO_IGMP], ipAt);
  ipv4.setDestination(head, ipAt, ALL_HOSTS);
  head.set([148, 4, 0, 0], ipAt + ipv4.HEADER_LENGTH);
  ipv4.updateChecksum(head, ipAt);
  const igmpAt = ipAt + 24;
  igmp.setType(head, igmpAt, igmp.IGMP_HOST_MEMBERSHIP_QUERY);
  igmp.setMaxResponse(head, igmpAt, Math.round(multicast.queryResponseIntervalNs / 100_000_000));
  if (multicast.igmpVersion === 3) {
    // robustness 2, the interval, no sources
    head[igmpAt + 8] = 2;
    head[igmpAt + 9] = Math.floor(multicast.queryIntervalNs / SEC);
  }
  igmp.updateChecksum(head, igmpAt, igmpAt + igmpLength);
  skb.protocol = ethernet.ETH_P_IP;
  return skb;
}

/** mcast_snooping: off forgets what was learned. */
export function brMulticastSetSnooping(br: NetBridge, on: boolean): void {
  const { multicast } = br;
  if (multicast.enabled === on) return;
  multicast.enabled = on;
  if (on) {
    if (br.dev.up) brMulticastOpen(br);
    return;
  }
  brMulticastStop(br);
  for (const entry of [...multicast.groups.values()]) {
    entry.hostJoined = false;
    for (const member of entry.ports) if (!member.permanent) removeMember(br, entry, member);
    expireIfEmpty(br, entry);
  }
}
