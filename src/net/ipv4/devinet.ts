// Addresses of interfaces, and what comes and goes with a device: its part of IPv4, loopback's 127.0.0.1, gratuitous ARP.
// Answers to net/ipv4/devinet.c; the settings' sysctls are in devinet-sysctl.ts, questions about addresses in
// devinet-addr.ts, life times in ifaddr-lifetime.ts.

import { Errno, NetError } from "../../base/errno.ts";
import { withSettings } from "../../base/settings.ts";
import { isMulticast4 } from "../../wire/addr.ts";
import {
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_CHANGEMTU,
  NETDEV_CHANGENAME,
  NETDEV_DOWN,
  NETDEV_REGISTER,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  type NetdevEvent,
} from "../core/net.ts";
import { IFF_NOARP, type NetDevice } from "../core/net-device.ts";
import { arpAnnounce } from "./arp.ts";
import { IFA_F_MCAUTOJOIN, IFA_F_PERMANENT, IFA_F_SECONDARY, InDevice, InIfaddr, inDevOf } from "./devconf.ts";
import { fibAddIfaddr, fibDelIfaddr, fibInetaddrEvent, fibModifyPrefixMetric } from "./fib-frontend.ts";
import { RT_SCOPE_HOST, RT_SCOPE_UNIVERSE } from "./fib-types.ts";
import { setIfaLifetime } from "./ifaddr-lifetime.ts";
import { igmpDestroyDev, igmpDown, igmpUp, ipMcJoinGroup, ipMcLeaveGroup } from "./igmp.ts";
import type { Ipv4 } from "./ipv4.ts";
import { IPV4_MIN_MTU } from "./rtable.ts";

export * from "./devconf.ts";
export { inetAddrOnlink, inetConfirmAddr, inetLookupIfaddr, inetSelectAddr, ipDevFind } from "./devinet-addr.ts";

/** An address as asked for (RTM_NEWADDR). */
export interface IfaddrConfig {
  readonly local: number;
  readonly prefixLen: number;
  /** the peer's address; undefined: the same as local */
  readonly peer?: number;
  /** undefined or 0: none (`ip addr add … brd +` and ifconfig compute it) */
  readonly broadcast?: number;
  /** RT_SCOPE_*; undefined: universe (iproute2 says host for 127.0.0.0/8) */
  readonly scope?: number;
  /** undefined: the device's name */
  readonly label?: string;
  /** IFA_F_NOPREFIXROUTE */
  readonly flags?: number;
  /** metric of the connected route */
  readonly metric?: number;
  /** seconds; undefined: for ever */
  readonly validLft?: number;
  readonly preferredLft?: number;
}

/**
 * Gives a device an address (inet_rtm_newaddr). Throws NetError: EEXIST "ipv4: Address already assigned", EINVAL "ipv4:
 * Invalid scope value" …
 * @param replace NLM_F_REPLACE: life times of an existing one are changed
 */
export function inetAddrAdd(ip4: Ipv4, dev: NetDevice, config: IfaddrConfig, replace = false): InIfaddr {
  if (config.prefixLen > 32) throw new NetError(Errno.EINVAL, "ipv4: Invalid prefix length");
  const inDev = inDevOf(dev);
  if (!inDev) throw new NetError(Errno.ENOBUFS);
  const ifa = new InIfaddr(inDev, {
    local: config.local,
    address: config.peer ?? config.local,
    prefixLen: config.prefixLen,
    broadcast: config.broadcast ?? 0,
    scope: config.scope ?? RT_SCOPE_UNIVERSE,
    label: config.label ?? dev.name,
    flags: (config.flags ?? 0) | IFA_F_PERMANENT,
  });
  ifa.metric = config.metric ?? 0;
  setIfaLifetime(ip4, ifa, config.validLft, config.preferredLft);
  const same = inDev.addrs.find((other) => other.sameSubnet(ifa) && other.local === ifa.local);
  if (!same) {
    if (ifa.flags & IFA_F_MCAUTOJOIN) {
      if (!isMulticast4(ifa.address)) throw new NetError(Errno.EINVAL, "ipv4: Multicast auto join failed");
      ipMcJoinGroup(ip4, dev, ifa.address);
    }
    inetInsertIfa(ip4, ifa);
    ip4.kickLifetimes(ifa);
    return ifa;
  }
  if (!replace) throw new NetError(Errno.EEXIST, "ipv4: Address already assigned");
  if (ifa.metric !== same.metric) {
    fibModifyPrefixMetric(ip4, same, ifa.metric);
    same.metric = ifa.metric;
  }
  setIfaLifetime(ip4, same, config.validLft, config.preferredLft);
  ip4.kickLifetimes(same);
  return same;
}

/** Puts a new address in its place among the others and tells everybody (__inet_insert_ifa). */
function inetInsertIfa(ip4: Ipv4, ifa: InIfaddr): void {
  const { inDev } = ifa;
  const { addrs } = inDev;
  if (ifa.local === 0) return;
  ifa.flags &= ~IFA_F_SECONDARY;
  let at = 0;
  for (const [i, other] of addrs.entries()) {
    if (!other.secondary && ifa.scope <= other.scope) at = i + 1;
    if (!other.sameSubnet(ifa)) continue;
    if (other.local === ifa.local) throw new NetError(Errno.EEXIST, "ipv4: Address already assigned");
    if (other.scope !== ifa.scope) throw new NetError(Errno.EINVAL, "ipv4: Invalid scope value");
    ifa.flags |= IFA_F_SECONDARY;
  }
  for (const validate of ip4.inetaddrValidators) validate(inDev.dev, ifa.local);
  if (ifa.secondary) at = addrs.length;
  ifa.createdNs = ip4.net.now;
  ifa.changedNs = ip4.net.now;
  inDev.addrs = addrs.slice(0, at).concat(ifa, addrs.slice(at));
  hashInsert(ip4, ifa);
  notify(ip4, "UP", ifa);
}

function hashInsert(ip4: Ipv4, ifa: InIfaddr): void {
  ifa.nextLocal = ip4.localAddrs.get(ifa.local | 0) ?? null;
  ip4.localAddrs.set(ifa.local | 0, ifa);
}

function hashRemove(ip4: Ipv4, ifa: InIfaddr): void {
  const key = ifa.local | 0;
  const first = ip4.localAddrs.get(key);
  if (first === ifa) {
    if (ifa.nextLocal) ip4.localAddrs.set(key, ifa.nextLocal);
    else ip4.localAddrs.delete(key);
  } else
    for (let other = first; other; other = other.nextLocal ?? undefined)
      if (other.nextLocal === ifa) other.nextLocal = ifa.nextLocal;
  ifa.nextLocal = null;
}

function notify(ip4: Ipv4, event: "UP" | "DOWN", ifa: InIfaddr): void {
  fibInetaddrEvent(ip4, event, ifa);
  for (const notifier of ip4.inetaddrNotifiers) notifier(event, ifa);
}

/** What names an address to delete; what is left out fits any. */
export interface IfaddrMatch {
  readonly local?: number;
  readonly label?: string;
  readonly address?: number;
  readonly prefixLen?: number;
}

/** Takes the first address that fits away (inet_rtm_deladdr). Throws EADDRNOTAVAIL "ipv4: Address not found". */
export function inetAddrDelete(ip4: Ipv4, dev: NetDevice, match: IfaddrMatch): void {
  const inDev = inDevOf(dev);
  if (!inDev) throw new NetError(Errno.ENODEV, "ipv4: Device not found");
  const ifa = inDev.addrs.find(
    (candidate) =>
      (match.local === undefined || candidate.local === match.local) &&
      (match.label === undefined || candidate.label === match.label) &&
      (match.address === undefined || (match.prefixLen === candidate.prefixLen && candidate.matches(match.address))),
  );
  if (!ifa) throw new NetError(Errno.EADDRNOTAVAIL, "ipv4: Address not found");
  if (isMulticast4(ifa.address)) ipMcLeaveGroup(ip4, dev, ifa.address);
  inetDelIfa(ip4, ifa);
}

/** Takes an address away; its secondaries go too, or the first is promoted (__inet_del_ifa). */
export function inetDelIfa(ip4: Ipv4, ifa: InIfaddr): void {
  const { inDev } = ifa;
  const { addrs } = inDev;
  const promotes = inDev.or("promoteSecondaries");
  let heirs: InIfaddr[] = [];
  if (!ifa.secondary && !inDev.dead) {
    const secondaries = addrs.filter((other) => other !== ifa && other.secondary && other.sameSubnet(ifa));
    if (promotes) {
      heirs = secondaries;
      for (const heir of heirs) fibDelIfaddr(ip4, heir, ifa);
    } else for (const secondary of secondaries) unlinkIfa(ip4, secondary);
  }
  unlinkIfa(ip4, ifa);
  const heir = heirs[0];
  if (!heir) return;
  const others = inDev.addrs.filter((other) => other !== heir);
  let at = 0;
  for (const [i, other] of others.entries()) if (!other.secondary && ifa.scope <= other.scope) at = i + 1;
  inDev.addrs = others.toSpliced(at, 0, heir);
  heir.flags &= ~IFA_F_SECONDARY;
  notify(ip4, "UP", heir);
  for (const secondary of heirs.slice(1)) fibAddIfaddr(ip4, secondary);
}

function unlinkIfa(ip4: Ipv4, ifa: InIfaddr): void {
  const { inDev } = ifa;
  inDev.addrs = inDev.addrs.filter((other) => other !== ifa);
  hashRemove(ip4, ifa);
  notify(ip4, "DOWN", ifa);
}

/** All addresses, by device (RTM_GETADDR). */
export function inetAddrDump(ip4: Ipv4, dev: NetDevice | null = null): InIfaddr[] {
  const out: InIfaddr[] = [];
  for (const each of ip4.net.devices.values()) if (!dev || each === dev) out.push(...(inDevOf(each)?.addrs ?? []));
  return out;
}

/** inetdev_event: a device came, went or changed. */
export function inetdevEvent(ip4: Ipv4, event: NetdevEvent, dev: NetDevice): void {
  let inDev = inDevOf(dev);
  if (!inDev) {
    if (event === NETDEV_REGISTER || (event === NETDEV_CHANGEMTU && dev.mtu >= IPV4_MIN_MTU))
      inDev = inetdevInit(ip4, dev);
    return;
  }
  switch (event) {
    case NETDEV_UP:
      if (dev.mtu < IPV4_MIN_MTU) return;
      if (dev.loopback && inDev.addrs.length === 0)
        inetAddrAdd(ip4, dev, { local: 0x7f000001, prefixLen: 8, scope: RT_SCOPE_HOST });
      igmpUp(ip4, inDev);
      gratuitousArp(ip4, inDev);
      return;
    case NETDEV_CHANGEADDR:
      gratuitousArp(ip4, inDev);
      return;
    case NETDEV_DOWN:
      igmpDown(ip4, inDev);
      return;
    case NETDEV_CHANGEMTU:
      if (dev.mtu >= IPV4_MIN_MTU) return;
      inetdevDestroy(ip4, inDev);
      return;
    case NETDEV_UNREGISTER:
      inetdevDestroy(ip4, inDev);
      return;
    case NETDEV_CHANGENAME:
      for (const ifa of inDev.addrs) {
        const colon = ifa.label.indexOf(":");
        ifa.label = colon < 0 ? dev.name : `${dev.name}${ifa.label.slice(colon)}`.slice(0, 15);
      }
      return;
    case NETDEV_CHANGE:
      return;
  }
}

function gratuitousArp(ip4: Ipv4, inDev: InDevice): void {
  if (inDev.max("arpNotify") === 0 || !inDev.dev.up) return;
  for (const ifa of inDev.addrs) arpAnnounce(ip4, inDev.dev, ifa.local);
}

/** inetdev_init */
function inetdevInit(ip4: Ipv4, dev: NetDevice): InDevice {
  const inDev = new InDevice(ip4, dev, ip4.devconfDflt);
  if (dev.loopback) {
    inDev.conf = withSettings(inDev.conf, { disableXfrm: 1, disablePolicy: 1 });
  }
  inDev.noArp = (dev.flags & IFF_NOARP) !== 0;
  ip4.arp.parmsOf(dev);
  dev.inDev = inDev;
  if (dev.up) igmpUp(ip4, inDev);
  return inDev;
}

/** inetdev_destroy */
function inetdevDestroy(ip4: Ipv4, inDev: InDevice): void {
  inDev.dead = true;
  igmpDestroyDev(ip4, inDev);
  while (inDev.addrs.length > 0) inetDelIfa(ip4, inDev.addrs[0]!);
  inDev.dev.inDev = null;
  ip4.arp.release(inDev.dev);
}
