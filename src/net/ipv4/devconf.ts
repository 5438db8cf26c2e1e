// IPv4's part of an interface (struct in_device): its addresses and its settings, and how a setting of "all" joins with
// the device's own. Answers to include/linux/inetdevice.h; the functions that change these things are in devinet.ts.

import { prefixToMask } from "../../wire/addr.ts";
import type { NeighParms } from "../core/neighbour.ts";
import type { NetDevice } from "../core/net-device.ts";
import type { WheelTimer } from "../core/timer-batch.ts";
import type { Ipv4 } from "./ipv4.ts";

/**
 * net.ipv4.conf.*: values as written to the sysctl. Never changed: a device whose setting changes gets another set
 * (base/settings.ts), and all that have the same settings share one, as nearly all devices of a lab do.
 */
export class Ipv4Devconf {
  forwarding = 0;
  mcForwarding = 0;
  bcForwarding = 0;
  acceptRedirects = 1;
  secureRedirects = 1;
  sharedMedia = 1;
  rpFilter = 0;
  sendRedirects = 1;
  acceptSourceRoute = 0;
  acceptLocal = 0;
  srcValidMark = 0;
  proxyArp = 0;
  mediumId = 0;
  bootpRelay = 0;
  logMartians = 0;
  tag = 0;
  arpFilter = 0;
  arpAnnounce = 0;
  arpIgnore = 0;
  arpAccept = 0;
  arpNotify = 0;
  arpEvictNocarrier = 1;
  proxyArpPvlan = 0;
  forceIgmpVersion = 0;
  igmpv2UnsolicitedReportInterval = 10000;
  igmpv3UnsolicitedReportInterval = 1000;
  ignoreRoutesWithLinkdown = 0;
  dropGratuitousArp = 0;
  disableXfrm = 0;
  disablePolicy = 0;
  promoteSecondaries = 0;
  routeLocalnet = 0;
  dropUnicastInL2Multicast = 0;
}

/** What "all" has at first (ipv4_devconf); "default" accepts source routes besides (ipv4_devconf_dflt). */
export const DEVCONF_ALL: Ipv4Devconf = new Ipv4Devconf();

export type DevconfField = keyof Ipv4Devconf;

/** Sysctl name, field, and whether a change makes cached routes void (DEVINET_SYSCTL_FLUSHING_ENTRY). */
export const DEVCONF_KEYS: readonly { readonly name: string; readonly field: DevconfField; readonly flush: boolean }[] =
  (
    [
      ["forwarding", "forwarding"],
      ["mc_forwarding", "mcForwarding"],
      ["bc_forwarding", "bcForwarding"],
      ["accept_redirects", "acceptRedirects"],
      ["secure_redirects", "secureRedirects"],
      ["shared_media", "sharedMedia"],
      ["rp_filter", "rpFilter"],
      ["send_redirects", "sendRedirects"],
      ["accept_source_route", "acceptSourceRoute"],
      ["accept_local", "acceptLocal"],
      ["src_valid_mark", "srcValidMark"],
      ["proxy_arp", "proxyArp"],
      ["medium_id", "mediumId"],
      ["bootp_relay", "bootpRelay"],
      ["log_martians", "logMartians"],
      ["tag", "tag"],
      ["arp_filter", "arpFilter"],
      ["arp_announce", "arpAnnounce"],
      ["arp_ignore", "arpIgnore"],
      ["arp_accept", "arpAccept"],
      ["arp_notify", "arpNotify"],
      ["arp_evict_nocarrier", "arpEvictNocarrier"],
      ["proxy_arp_pvlan", "proxyArpPvlan"],
      ["force_igmp_version", "forceIgmpVersion"],
      ["igmpv2_unsolicited_report_interval", "igmpv2UnsolicitedReportInterval"],
      ["igmpv3_unsolicited_report_interval", "igmpv3UnsolicitedReportInterval"],
      ["ignore_routes_with_linkdown", "ignoreRoutesWithLinkdown"],
      ["drop_gratuitous_arp", "dropGratuitousArp"],
      ["disable_xfrm", "disableXfrm"],
      ["disable_policy", "disablePolicy"],
      ["promote_secondaries", "promoteSecondaries"],
      ["route_localnet", "routeLocalnet"],
      ["drop_unicast_in_l2_multicast", "dropUnicastInL2Multicast"],
    ] as const
  ).map(([name, field]) => ({
    name,
    field,
    flush: [
      "acceptLocal",
      "routeLocalnet",
      "disableXfrm",
      "disablePolicy",
      "promoteSecondaries",
      "dropUnicastInL2Multicast",
    ].includes(field),
  }));

// IFA_F_* (uapi/linux/if_addr.h)
export const IFA_F_SECONDARY = 0x01;
export const IFA_F_DEPRECATED = 0x20;
export const IFA_F_PERMANENT = 0x80;
export const IFA_F_NOPREFIXROUTE = 0x200;
export const IFA_F_MCAUTOJOIN = 0x400;

export const INFINITY_LIFE_TIME = 0xffffffff;

/** One address of an interface (struct in_ifaddr). */
export class InIfaddr {
  readonly inDev: InDevice;
  /** the address itself */
  readonly local: number;
  /** the peer's on a point-to-point link, else the same */
  readonly address: number;
  readonly prefixLen: number;
  /** 0 none */
  readonly broadcast: number;
  readonly scope: number;
  label: string;
  /** IFA_F_* */
  flags: number;
  /** metric of the connected route (IFA_RT_PRIORITY) */
  metric = 0;
  /** seconds; INFINITY_LIFE_TIME for ever */
  validLft: number = INFINITY_LIFE_TIME;
  preferredLft: number = INFINITY_LIFE_TIME;
  /** virtual ns of creation and of the last change */
  createdNs = 0;
  changedNs = 0;
  /** IFA_PROTO */
  protocol = 0;
  /** an older one with the same `local` (a chain of inet_addr_lst) */
  nextLocal: InIfaddr | null = null;

  constructor(
    inDev: InDevice,
    config: {
      local: number;
      address: number;
      prefixLen: number;
      broadcast: number;
      scope: number;
      label: string;
      flags: number;
    },
  ) {
    this.inDev = inDev;
    this.local = config.local;
    this.address = config.address;
    this.prefixLen = config.prefixLen;
    this.broadcast = config.broadcast;
    this.scope = config.scope;
    this.label = config.label;
    this.flags = config.flags;
  }

  get dev(): NetDevice {
    return this.inDev.dev;
  }

  get mask(): number {
    return prefixToMask(this.prefixLen);
  }

  get secondary(): boolean {
    return (this.flags & IFA_F_SECONDARY) !== 0;
  }

  /** `addr` is in this address's subnet (inet_ifa_match). */
  matches(addr: number): boolean {
    return ((addr ^ this.address) & this.mask) === 0;
  }

  /** Two addresses of one subnet: same mask, same prefix. */
  sameSubnet(other: InIfaddr): boolean {
    return this.mask === other.mask && this.matches(other.address);
  }
}

/** One multicast group that a device listens to (struct ip_mc_list). */
export class McGroup {
  readonly group: number;
  users = 1;
  /** a report of IGMP version 1 or 2 is due, or an answer about this group */
  timer: WheelTimer | null = null;
  /** unsolicited reports that still follow */
  unsolicitedCount = 0;
  /** this host was the last to report it, so it says so when it leaves (version 2) */
  reporter = false;
  /** the group that was joined after it */
  next: McGroup | null = null;

  constructor(group: number) {
    this.group = group;
  }
}

const NO_FIELDS: readonly DevconfField[] = [];
const NO_ADDRS: readonly InIfaddr[] = [];

export class InDevice {
  readonly ip4: Ipv4;
  readonly dev: NetDevice;
  conf: Ipv4Devconf;
  /** settings written for this device itself: a later write to "default" leaves them alone */
  touched: readonly DevconfField[] = NO_FIELDS;
  /** primaries by falling scope, then secondaries */
  addrs: readonly InIfaddr[] = NO_ADDRS;
  /** the first of those that it listens to (mc_list), nearly always 224.0.0.1 alone */
  private _groups: McGroup | null = null;
  dead = false;
  /** IFF_NOARP as ARP last saw it */
  noArp = false;

  constructor(ip4: Ipv4, dev: NetDevice, conf: Ipv4Devconf) {
    this.ip4 = ip4;
    this.dev = dev;
    this.conf = conf;
  }

  get parms(): NeighParms {
    return this.dev.neighParms!;
  }

  /** What is known of a group; undefined when nobody here listens to it. */
  group(address: number): McGroup | undefined {
    for (let entry = this._groups; entry; entry = entry.next) if (entry.group === address) return entry;
    return undefined;
  }

  /** In the order in which they were joined. */
  groups(): McGroup[] {
    const all: McGroup[] = [];
    for (let entry = this._groups; entry; entry = entry.next) all.push(entry);
    return all;
  }

  addGroup(group: McGroup): void {
    const last = this.groups().at(-1);
    if (last) last.next = group;
    else this._groups = group;
  }

  removeGroup(group: McGroup): void {
    const before = this.groups().find(({ next }) => next === group);
    if (before) before.next = group.next;
    else if (this._groups === group) this._groups = group.next;
  }

  /** IN_DEV_ORCONF: of "all" or of the device. */
  or(field: DevconfField): boolean {
    return this.ip4.devconfAll[field] !== 0 || this.conf[field] !== 0;
  }

  /** IN_DEV_ANDCONF */
  and(field: DevconfField): boolean {
    return this.ip4.devconfAll[field] !== 0 && this.conf[field] !== 0;
  }

  /** IN_DEV_MAXCONF */
  max(field: DevconfField): number {
    return Math.max(this.ip4.devconfAll[field], this.conf[field]);
  }

  // The packet path's own, without a computed property.

  get forwarding(): boolean {
    return this.conf.forwarding !== 0;
  }

  get rpFilter(): number {
    return Math.max(this.ip4.devconfAll.rpFilter, this.conf.rpFilter);
  }

  get sendRedirects(): boolean {
    return this.ip4.devconfAll.sendRedirects !== 0 || this.conf.sendRedirects !== 0;
  }

  get acceptLocal(): boolean {
    return this.ip4.devconfAll.acceptLocal !== 0 || this.conf.acceptLocal !== 0;
  }

  get routeLocalnet(): boolean {
    return this.ip4.devconfAll.routeLocalnet !== 0 || this.conf.routeLocalnet !== 0;
  }

  get ignoreLinkdown(): boolean {
    return this.ip4.devconfAll.ignoreRoutesWithLinkdown !== 0 || this.conf.ignoreRoutesWithLinkdown !== 0;
  }

  /** IN_DEV_RX_REDIRECTS: a router needs both switches, a host one. */
  get acceptRedirects(): boolean {
    return this.forwarding ? this.and("acceptRedirects") : this.or("acceptRedirects");
  }
}

/** IPv4's part of a device, null where IPv4 is not on it (__in_dev_get_rcu). */
export function inDevOf(dev: NetDevice): InDevice | null {
  return dev.inDev as InDevice | null;
}
