// Group membership of this host: who listens to what, and the reports that tell routers and snooping bridges (IGMP
// version 3, RFC 3376). Answers to net/ipv4/igmp.c. Source filters, and versions 1 and 2 when a router speaks them, are
// left out.

import { hex } from "../../base/text.ts";
import { MSEC, SEC } from "../../base/time.ts";
import type { Rng } from "../../sim/rng.ts";
import type { Timer } from "../../sim/sim.ts";
import { internetChecksum } from "../../wire/checksum.ts";
import { ETH_P_IP, setIpv4MulticastMac } from "../../wire/ethernet.ts";
import * as igmp from "../../wire/igmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { set16, set32 } from "../../wire/layout.ts";
import { ARPHRD_ETHER, type NetDevice } from "../core/net-device.ts";
import { consumeSkb } from "../core/skb.ts";
import type { InetProtocol } from "../core/sock.ts";
import { type InDevice, inDevOf, type McGroup } from "./devconf.ts";
import { ipSelectIdent } from "./ip-ident.ts";
import { IPOPT_RA } from "./ip-options.ts";
import { ipLocalOut } from "./ip-output.ts";
import type { Ipv4 } from "./ipv4.ts";
import { ipRouteOutputKey } from "./route.ts";
import { FlowKey } from "./rtable.ts";

export const IGMP_ALL_HOSTS = 0xe0000001;
const IGMPV3_ALL_MCR = 0xe0000016;
const IP_HEADER = 24;

/** What reports a device still owes. */
interface Reporter {
  readonly timer: Timer;
  /** group → change record type, and how often still */
  readonly changes: Map<number, { type: number; count: number }>;
  /** an answer to a query is due */
  readonly queryTimer: Timer;
}

export class IgmpState {
  readonly rng: Rng;
  readonly fl: FlowKey = new FlowKey();
  readonly reporters: Map<InDevice, Reporter> = new Map();

  constructor(ip4: Ipv4) {
    this.rng = ip4.rng.fork("igmp");
  }
}

export function igmpInitDev(ip4: Ipv4, inDev: InDevice): void {
  ip4.igmp.reporters.set(inDev, {
    timer: ip4.net.sim.timer(() => sendChanges(ip4, inDev)),
    changes: new Map(),
    queryTimer: ip4.net.sim.timer(() => sendState(ip4, inDev)),
  });
}

/** The device is up: it listens to all hosts, and reports what it listens to (ip_mc_up). */
export function igmpUp(ip4: Ipv4, inDev: InDevice): void {
  addUser(inDev, IGMP_ALL_HOSTS);
  for (const { group } of inDev.groups.values())
    if (group !== IGMP_ALL_HOSTS) change(ip4, inDev, group, igmp.IGMPV3_CHANGE_TO_EXCLUDE);
}

export function igmpDown(ip4: Ipv4, inDev: InDevice): void {
  const reporter = ip4.igmp.reporters.get(inDev);
  reporter?.timer.del();
  reporter?.queryTimer.del();
  reporter?.changes.clear();
  dropUser(inDev, IGMP_ALL_HOSTS);
}

export function igmpDestroyDev(ip4: Ipv4, inDev: InDevice): void {
  igmpDown(ip4, inDev);
  for (const { group } of [...inDev.groups.values()]) removeGroup(inDev, group);
  ip4.igmp.reporters.delete(inDev);
}

/** One more listener to a group on a device (ip_mc_inc_group); the first is reported. */
export function ipMcJoinGroup(ip4: Ipv4, dev: NetDevice, group: number): void {
  const inDev = inDevOf(dev);
  if (inDev && addUser(inDev, group) && dev.up && group !== IGMP_ALL_HOSTS)
    change(ip4, inDev, group, igmp.IGMPV3_CHANGE_TO_EXCLUDE);
}

/** One less (ip_mc_dec_group). */
export function ipMcLeaveGroup(ip4: Ipv4, dev: NetDevice, group: number): void {
  const inDev = inDevOf(dev);
  if (inDev && dropUser(inDev, group) && dev.up && group !== IGMP_ALL_HOSTS)
    change(ip4, inDev, group, igmp.IGMPV3_CHANGE_TO_INCLUDE);
}

function addUser(inDev: InDevice, group: number): boolean {
  const known = inDev.groups.get(group);
  if (known) {
    known.users++;
    return false;
  }
  const added: McGroup = { group, users: 1 };
  inDev.groups.set(group, added);
  const mac = macOf(group);
  if (inDev.dev.type === ARPHRD_ETHER) inDev.dev.mcAddresses.set(mac, (inDev.dev.mcAddresses.get(mac) ?? 0) + 1);
  inDev.dev.ops.setRxMode?.(inDev.dev);
  return true;
}

function dropUser(inDev: InDevice, group: number): boolean {
  const known = inDev.groups.get(group);
  if (!known || --known.users > 0) return false;
  removeGroup(inDev, group);
  return true;
}

function removeGroup(inDev: InDevice, group: number): void {
  inDev.groups.delete(group);
  const mac = macOf(group);
  const users = (inDev.dev.mcAddresses.get(mac) ?? 1) - 1;
  if (users > 0) inDev.dev.mcAddresses.set(mac, users);
  else inDev.dev.mcAddresses.delete(mac);
  inDev.dev.ops.setRxMode?.(inDev.dev);
}

function macOf(group: number): string {
  const bytes = new Uint8Array(6);
  setIpv4MulticastMac(bytes, 0, group);
  return hex(bytes);
}

/** A change is reported at once and, for those who missed it, again (igmp_ifc_event). */
function change(ip4: Ipv4, inDev: InDevice, group: number, type: number): void {
  const reporter = ip4.igmp.reporters.get(inDev);
  if (!reporter || inDev.dev.loopback) return;
  if (!ip4.sysctl.igmpLinkLocalMcastReports && group >>> 8 === 0xe00000) return;
  reporter.changes.set(group, { type, count: ip4.sysctl.igmpQrv });
  reporter.timer.after(ip4.igmp.rng.between(4, 12) * MSEC);
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
      Math.floor(ip4.igmp.rng.unit() * inDev.max("igmpv3UnsolicitedReportInterval")) * MSEC + 4 * MSEC,
    );
}

/** The answer to a query: all that is listened to. */
function sendState(ip4: Ipv4, inDev: InDevice): void {
  const records: [number, number][] = [];
  for (const { group } of inDev.groups.values())
    if (group !== IGMP_ALL_HOSTS) records.push([group, igmp.IGMPV3_MODE_IS_EXCLUDE]);
  sendReport(ip4, inDev, records);
}

/** igmpv3_newpack, add_grhead, igmpv3_sendpack */
function sendReport(ip4: Ipv4, inDev: InDevice, records: readonly (readonly [number, number])[]): void {
  const { dev } = inDev;
  if (records.length === 0 || !dev.up) return;
  const fl = ip4.igmp.fl.reset();
  fl.daddr = IGMPV3_ALL_MCR;
  fl.oif = dev.ifindex;
  fl.proto = ipv4.IPPROTO_IGMP;
  const rt = ipRouteOutputKey(ip4, fl);
  if (rt.error !== 0) return;
  const length = igmp.REPORT_LENGTH + records.length * igmp.RECORD_LENGTH;
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
  ipv4.setDestination(head, ip, IGMPV3_ALL_MCR);
  set32(head, ip + ipv4.HEADER_LENGTH, ((IPOPT_RA << 24) | (4 << 16)) >>> 0);
  const at = skb.transportHeader;
  igmp.setType(head, at, igmp.IGMPV3_HOST_MEMBERSHIP_REPORT);
  set16(head, at + 6, records.length);
  for (const [i, [group, type]] of records.entries()) {
    const record = at + igmp.REPORT_LENGTH + i * igmp.RECORD_LENGTH;
    head[record] = type;
    set32(head, record + 4, group);
  }
  set16(head, at + 2, internetChecksum(head, at, skb.tail));
  skb.protocol = ETH_P_IP;
  skb.dst = rt;
  ipSelectIdent(ip4, skb, null, 1);
  ipLocalOut(ip4, skb);
}

/** Registered for IPPROTO_IGMP: queries are answered within the time that they give. */
export function igmpProtocol(ip4: Ipv4): InetProtocol {
  return {
    name: "igmp",
    handler: (skb) => {
      const { head, data } = skb;
      const inDev = skb.dev ? inDevOf(skb.dev) : null;
      if (
        inDev &&
        skb.len >= igmp.HEADER_LENGTH &&
        internetChecksum(head, data, skb.tail) === 0 &&
        igmp.getType(head, data) === igmp.IGMP_HOST_MEMBERSHIP_QUERY
      ) {
        const tenths = igmp.getMaxResponse(head, data) || 100;
        const wait = Math.floor(ip4.igmp.rng.unit() * Math.min(tenths, 255) * (SEC / 10));
        const reporter = ip4.igmp.reporters.get(inDev);
        if (reporter && !reporter.queryTimer.pending) reporter.queryTimer.after(wait);
      }
      consumeSkb(skb);
    },
  };
}
