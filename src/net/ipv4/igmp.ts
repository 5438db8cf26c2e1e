// Group membership of this host: who listens to what, and the reports that tell routers and snooping bridges: of IGMP
// version 3 (RFC 3376), or of 2 or 1 for as long as a router that speaks no more has been heard. Answers to net/ipv4/igmp.c.
// Source filters are left out.

import { LazyMap } from "../../base/lazy.ts";
import { MSEC, type Ns, SEC } from "../../base/time.ts";
import type { Rng } from "../../sim/rng.ts";
import { internetChecksum } from "../../wire/checksum.ts";
import { ETH_P_IP, setIpv4MulticastMac } from "../../wire/ethernet.ts";
import * as igmp from "../../wire/igmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { set16, set32 } from "../../wire/layout.ts";
import { devAddAddress, devDelAddress } from "../core/dev-address-list.ts";
import { ARPHRD_ETHER, type NetDevice } from "../core/net-device.ts";
import { consumeSkb, PACKET_BROADCAST, PACKET_MULTICAST, type SkBuff } from "../core/skb.ts";
import type { InetProtocol } from "../core/sock.ts";
import type { WheelTimer } from "../core/timer-batch.ts";
import { JIFFY_NS } from "../core/timer-wheel.ts";
import { type InDevice, inDevOf, McGroup } from "./devconf.ts";
import { ipSelectIdent } from "./ip-ident.ts";
import { IPOPT_RA } from "./ip-options.ts";
import { ipLocalOut } from "./ip-output.ts";
import type { Ipv4 } from "./ipv4.ts";
import { ipRouteOutputKey, skbRtable } from "./route.ts";
import { FlowKey } from "./rtable.ts";

export const IGMP_ALL_HOSTS = 0xe0000001;
const IGMP_ALL_ROUTER = 0xe0000002;
const IGMPV3_ALL_MCR = 0xe0000016;
const IP_HEADER = 24;
/** what routers are taken to ask at, and to wait for answers, until they say otherwise */
const QUERY_INTERVAL: Ns = 125 * SEC;
const QUERY_RESPONSE_INTERVAL: Ns = 10 * SEC;
const TENTH: Ns = SEC / 10;

/** What reports a device still owes. */
interface Reporter {
  readonly timer: WheelTimer;
  /** group → change record type, and how often still */
  readonly changes: Map<number, { type: number; count: number }>;
  /** an answer to a query is due */
  readonly queryTimer: WheelTimer;
  /** a router of version 1 or 2 counts as present until then */
  v1Until: Ns;
  v2Until: Ns;
}

export class IgmpState {
  readonly rng: Rng;
  readonly fl: FlowKey = new FlowKey();
  readonly reporters: LazyMap<InDevice, Reporter> = new LazyMap();

  constructor(ip4: Ipv4) {
    this.rng = ip4.rng.fork("igmp");
  }
}

/** A device's, made with its first group or query. */
function reporterOf(ip4: Ipv4, inDev: InDevice): Reporter {
  let reporter = ip4.igmp.reporters.get(inDev);
  if (!reporter) {
    reporter = {
      timer: ip4.net.kernel.timers.wheelTimer(() => sendChanges(ip4, inDev)),
      changes: new Map(),
      queryTimer: ip4.net.kernel.timers.wheelTimer(() => sendState(ip4, inDev)),
      v1Until: 0,
      v2Until: 0,
    };
    ip4.igmp.reporters.set(inDev, reporter);
  }
  return reporter;
}

/** The device is up: it listens to all hosts, and reports what it listens to (ip_mc_up). */
export function igmpUp(ip4: Ipv4, inDev: InDevice): void {
  addUser(inDev, IGMP_ALL_HOSTS);
  for (const { group } of inDev.groups()) if (group !== IGMP_ALL_HOSTS) groupAdded(ip4, inDev, group);
}

export function igmpDown(ip4: Ipv4, inDev: InDevice): void {
  const reporter = ip4.igmp.reporters.get(inDev);
  reporter?.timer.del();
  reporter?.queryTimer.del();
  reporter?.changes.clear();
  for (const entry of inDev.groups()) stopTimer(entry);
  dropUser(inDev, IGMP_ALL_HOSTS);
}

export function igmpDestroyDev(ip4: Ipv4, inDev: InDevice): void {
  igmpDown(ip4, inDev);
  for (const { group } of inDev.groups()) removeGroup(inDev, group);
  ip4.igmp.reporters.delete(inDev);
}

/** One more listener to a group on a device (ip_mc_inc_group); the first is reported. */
export function ipMcJoinGroup(ip4: Ipv4, dev: NetDevice, group: number): void {
  const inDev = inDevOf(dev);
  if (inDev && addUser(inDev, group) && dev.up && group !== IGMP_ALL_HOSTS) groupAdded(ip4, inDev, group);
}

/** One less (ip_mc_dec_group). */
export function ipMcLeaveGroup(ip4: Ipv4, dev: NetDevice, group: number): void {
  const inDev = inDevOf(dev);
  const wasReporter = inDev?.group(group)?.reporter === true;
  if (inDev && dropUser(inDev, group) && dev.up && group !== IGMP_ALL_HOSTS)
    groupDropped(ip4, inDev, group, wasReporter);
}

function addUser(inDev: InDevice, group: number): boolean {
  const known = inDev.group(group);
  if (known) {
    known.users++;
    return false;
  }
  inDev.addGroup(new McGroup(group));
  if (inDev.dev.type === ARPHRD_ETHER) devAddAddress(inDev.dev, macOf(group));
  return true;
}

function dropUser(inDev: InDevice, group: number): boolean {
  const known = inDev.group(group);
  if (!known || --known.users > 0) return false;
  removeGroup(inDev, group);
  return true;
}

function removeGroup(inDev: InDevice, group: number): void {
  const entry = inDev.group(group);
  if (entry) {
    stopTimer(entry);
    inDev.removeGroup(entry);
  }
  if (inDev.dev.type === ARPHRD_ETHER) devDelAddress(inDev.dev, macOf(group));
}

function macOf(group: number): Uint8Array {
  const bytes = new Uint8Array(6);
  setIpv4MulticastMac(bytes, 0, group);
  return bytes;
}

function isReported(ip4: Ipv4, inDev: InDevice, group: number): boolean {
  if (inDev.dev.loopback || group === IGMP_ALL_HOSTS) return false;
  return ip4.sysctl.igmpLinkLocalMcastReports !== 0 || group >>> 8 !== 0xe00000;
}

/** The version that routers of this link understand: 1, 2 or 3 (IGMP_V1_SEEN, IGMP_V2_SEEN). */
function versionOf(ip4: Ipv4, inDev: InDevice): number {
  const forced = inDev.max("forceIgmpVersion");
  if (forced !== 0) return forced;
  const reporter = ip4.igmp.reporters.get(inDev);
  const { now } = ip4.net;
  if (!reporter) return 3;
  if (now < reporter.v1Until) return 1;
  return now < reporter.v2Until ? 2 : 3;
}

/** A new group is reported at once and, for those who missed it, again (igmp_group_added). */
function groupAdded(ip4: Ipv4, inDev: InDevice, group: number): void {
  if (inDev.dead || !isReported(ip4, inDev, group)) return;
  const reporter = reporterOf(ip4, inDev);
  const entry = inDev.group(group)!;
  entry.unsolicitedCount = ip4.sysctl.igmpQrv;
  if (versionOf(ip4, inDev) < 3) startTimer(ip4, inDev, entry, JIFFY_NS);
  else change(ip4, reporter, group, igmp.IGMPV3_CHANGE_TO_EXCLUDE);
}

/** igmp_group_dropped */
function groupDropped(ip4: Ipv4, inDev: InDevice, group: number, wasReporter: boolean): void {
  if (inDev.dead || !isReported(ip4, inDev, group)) return;
  const reporter = reporterOf(ip4, inDev);
  const version = versionOf(ip4, inDev);
  if (version === 3) change(ip4, reporter, group, igmp.IGMPV3_CHANGE_TO_INCLUDE);
  else if (version === 2 && wasReporter) sendOld(ip4, inDev, group, igmp.IGMP_HOST_LEAVE_MESSAGE);
}

/** igmp_ifc_event */
function change(ip4: Ipv4, reporter: Reporter, group: number, type: number): void {
  reporter.changes.set(group, { type, count: ip4.sysctl.igmpQrv });
  reporter.timer.after(2 * JIFFY_NS);
}

/** igmp_start_timer: within `longest`, by chance. */
function startTimer(ip4: Ipv4, inDev: InDevice, entry: McGroup, longest: Ns): void {
  entry.timer ??= ip4.net.kernel.timers.wheelTimer(() => timerExpired(ip4, inDev, entry));
  entry.timer.after((ip4.igmp.rng.below(Math.max(1, Math.floor(longest / JIFFY_NS))) + 2) * JIFFY_NS);
}

/** igmp_stop_timer */
function stopTimer(entry: McGroup): void {
  entry.timer?.del();
  entry.unsolicitedCount = 0;
  entry.reporter = false;
}

/** igmp_timer_expire: the report, in the version that is understood, and another one after a while. */
function timerExpired(ip4: Ipv4, inDev: InDevice, entry: McGroup): void {
  const version = versionOf(ip4, inDev);
  if (entry.unsolicitedCount > 0 && --entry.unsolicitedCount > 0) {
    const ms = inDev.conf[version < 3 ? "igmpv2UnsolicitedReportInterval" : "igmpv3UnsolicitedReportInterval"];
    startTimer(ip4, inDev, entry, ms * MSEC);
  }
  entry.reporter = true;
  if (version === 3) sendReport(ip4, inDev, [[entry.group, igmp.IGMPV3_MODE_IS_EXCLUDE]]);
  else
    sendOld(
      ip4,
      inDev,
      entry.group,
      version === 2 ? igmp.IGMPV2_HOST_MEMBERSHIP_REPORT : igmp.IGMP_HOST_MEMBERSHIP_REPORT,
    );
}

function sendChanges(ip4: Ipv4, inDev: InDevice): void {
  const reporter = ip4.igmp.reporters.get(inDev);
  if (!reporter) return;
  const records: [number, number][] = [];
  for (const [group, entry] of reporter.changes) {
    records.push([group, entry.type]);
    if (--entry.count <= 0) reporter.changes.delete(group);
  }
  sendReport(ip4, inDev, records);
  if (reporter.changes.size > 0)
    reporter.timer.after(
      (ip4.igmp.rng.below(Math.max(1, Math.floor((inDev.conf.igmpv3UnsolicitedReportInterval * MSEC) / JIFFY_NS))) +
        2) *
        JIFFY_NS,
    );
}

/** The answer to a query: all that is listened to. */
function sendState(ip4: Ipv4, inDev: InDevice): void {
  const records: [number, number][] = [];
  for (const { group } of inDev.groups())
    if (group !== IGMP_ALL_HOSTS) records.push([group, igmp.IGMPV3_MODE_IS_EXCLUDE]);
  sendReport(ip4, inDev, records);
}

/** igmpv3_newpack, add_grhead, igmpv3_sendpack */
function sendReport(ip4: Ipv4, inDev: InDevice, records: readonly (readonly [number, number])[]): void {
  if (records.length === 0) return;
  const skb = newPacket(ip4, inDev, IGMPV3_ALL_MCR, igmp.REPORT_LENGTH + records.length * igmp.RECORD_LENGTH);
  if (!skb) return;
  const { head, transportHeader: at } = skb;
  igmp.setType(head, at, igmp.IGMPV3_HOST_MEMBERSHIP_REPORT);
  set16(head, at + 6, records.length);
  for (const [i, [group, type]] of records.entries()) {
    const record = at + igmp.REPORT_LENGTH + i * igmp.RECORD_LENGTH;
    head[record] = type;
    set32(head, record + 4, group);
  }
  send(ip4, skb);
}

/** A report of version 1 or 2 to the group itself, or word to all routers that this host leaves (igmp_send_report). */
function sendOld(ip4: Ipv4, inDev: InDevice, group: number, type: number): void {
  const to = type === igmp.IGMP_HOST_LEAVE_MESSAGE ? IGMP_ALL_ROUTER : group;
  const skb = newPacket(ip4, inDev, to, igmp.HEADER_LENGTH);
  if (!skb) return;
  igmp.setType(skb.head, skb.transportHeader, type);
  igmp.setGroup(skb.head, skb.transportHeader, group);
  send(ip4, skb);
}

/** An IP packet with router alert and `length` empty bytes of IGMP; null: the device is down, or there is no way. */
function newPacket(ip4: Ipv4, inDev: InDevice, to: number, length: number): SkBuff | null {
  const { dev } = inDev;
  if (!dev.up) return null;
  const fl = ip4.igmp.fl.reset();
  fl.daddr = to;
  fl.oif = dev.ifindex;
  fl.proto = ipv4.IPPROTO_IGMP;
  const rt = ipRouteOutputKey(ip4, fl);
  if (rt.error !== 0) return null;
  const skb = ip4.net.kernel.skbs.alloc(IP_HEADER + length);
  const ip = skb.put(IP_HEADER + length);
  const { head } = skb;
  skb.networkHeader = ip;
  skb.transportHeader = ip + IP_HEADER;
  head.fill(0, ip, skb.tail);
  ipv4.setVersionAndHeaderLength(head, ip, IP_HEADER);
  ipv4.setTos(head, ip, 0xc0);
  ipv4.setFlagsAndOffset(head, ip, ipv4.DF);
  ipv4.setTtl(head, ip, 1);
  ipv4.setProtocol(head, ip, ipv4.IPPROTO_IGMP);
  // an address of this very device, or none
  ipv4.setSource(head, ip, inDev.addrs.some((ifa) => ifa.local === fl.saddr) ? fl.saddr : 0);
  ipv4.setDestination(head, ip, to);
  set32(head, ip + ipv4.HEADER_LENGTH, ((IPOPT_RA << 24) | (4 << 16)) >>> 0);
  skb.protocol = ETH_P_IP;
  skb.dst = rt;
  return skb;
}

function send(ip4: Ipv4, skb: SkBuff): void {
  const { head, transportHeader: at } = skb;
  set16(head, at + 2, internetChecksum(head, at, skb.tail));
  ipSelectIdent(ip4, skb, null, 1);
  ipLocalOut(ip4, skb);
}

/** Registered for IPPROTO_IGMP (igmp_rcv). */
export const igmpProtocol: InetProtocol<Ipv4> = {
  name: "igmp",
  handler: (skb, ip4) => {
    const { head, data } = skb;
    const inDev = skb.dev ? inDevOf(skb.dev) : null;
    if (inDev && skb.len >= igmp.HEADER_LENGTH && internetChecksum(head, data, skb.tail) === 0)
      receive(ip4, inDev, skb);
    consumeSkb(skb);
  },
};

function receive(ip4: Ipv4, inDev: InDevice, skb: SkBuff): void {
  const { head, data } = skb;
  switch (igmp.getType(head, data)) {
    case igmp.IGMP_HOST_MEMBERSHIP_QUERY:
      heardQuery(ip4, inDev, skb);
      return;
    case igmp.IGMP_HOST_MEMBERSHIP_REPORT:
    case igmp.IGMPV2_HOST_MEMBERSHIP_REPORT: {
      // our own, looped back
      if (skbRtable(skb)?.isInput === false) return;
      if (skb.pktType !== PACKET_MULTICAST && skb.pktType !== PACKET_BROADCAST) return;
      // somebody else has said it (igmp_heard_report)
      const entry = inDev.group(igmp.getGroup(head, data));
      if (entry && entry.group !== IGMP_ALL_HOSTS) stopTimer(entry);
    }
  }
}

/** igmp_heard_query: answered within the time that it gives. */
function heardQuery(ip4: Ipv4, inDev: InDevice, skb: SkBuff): void {
  if (inDev.dead) return;
  const reporter = reporterOf(ip4, inDev);
  const { head, data } = skb;
  const code = igmp.getMaxResponse(head, data);
  let group: number = igmp.getGroup(head, data);
  let longest: Ns;
  if (skb.len === igmp.HEADER_LENGTH) {
    const until = ip4.net.now + ip4.sysctl.igmpQrv * QUERY_INTERVAL + QUERY_RESPONSE_INTERVAL;
    if (code === 0) {
      longest = QUERY_RESPONSE_INTERVAL;
      reporter.v1Until = until;
      group = 0;
    } else {
      longest = code * TENTH;
      reporter.v2Until = until;
    }
    reporter.timer.del();
    reporter.changes.clear();
  } else if (skb.len < igmp.QUERY_V3_LENGTH) return;
  else if (versionOf(ip4, inDev) === 1) {
    longest = QUERY_RESPONSE_INTERVAL;
    group = 0;
  } else {
    longest = Math.max(maxResponseCode(code) * TENTH, JIFFY_NS);
    if (versionOf(ip4, inDev) === 3 && group === 0) {
      const wait = (ip4.igmp.rng.below(Math.max(1, Math.floor(longest / JIFFY_NS))) + 2) * JIFFY_NS;
      if (!reporter.queryTimer.pending || reporter.queryTimer.expires > ip4.net.now + wait)
        reporter.queryTimer.after(wait);
      return;
    }
  }
  for (const entry of inDev.groups()) {
    if ((group !== 0 && group !== entry.group) || !isReported(ip4, inDev, entry.group)) continue;
    // igmp_mod_timer: what is due anyway within that time stays
    entry.unsolicitedCount = 0;
    const { timer } = entry;
    if (!timer?.pending || timer.expires - ip4.net.now >= longest) startTimer(ip4, inDev, entry, longest);
  }
}

/** IGMPV3_MRC: from 128 on a floating-point number. */
function maxResponseCode(code: number): number {
  return code < 128 ? code : ((code & 15) | 16) << (((code >> 4) & 7) + 3);
}
