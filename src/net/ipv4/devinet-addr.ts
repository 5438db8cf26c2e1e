// Questions about the addresses of this host: which source for a destination, whose address is this, is it on the link.
// Answers to net/ipv4/devinet.c: inet_select_addr, inet_confirm_addr, inet_addr_onlink, __ip_dev_find.

import type { NetDevice } from "../core/net-device.ts";
import { type InDevice, type InIfaddr, inDevOf } from "./devconf.ts";
import { RT_SCOPE_LINK } from "./fib-types.ts";
import type { Ipv4 } from "./ipv4.ts";

/**
 * An address to send from (inet_select_addr): of `dev` the one in `dst`'s subnet, else its first, of at most `scope`; if
 * it has none, or `dev` is null, of any device. 0: there is none.
 * @param dst 0: any subnet
 */
export function inetSelectAddr(ip4: Ipv4, dev: NetDevice | null, dst: number, scope: number): number {
  const inDev = dev ? inDevOf(dev) : null;
  if (inDev) {
    // with route_localnet, 127.0.0.0/8 may leave the host
    const ceiling = inDev.routeLocalnet ? RT_SCOPE_LINK : 255;
    const { addrs } = inDev;
    let addr = 0;
    for (let i = 0; i < addrs.length; i++) {
      const ifa = addrs[i]!;
      if (ifa.secondary || Math.min(ifa.scope, ceiling) > scope) continue;
      if (dst === 0 || ifa.matches(dst)) return ifa.local;
      if (addr === 0) addr = ifa.local;
    }
    if (addr !== 0) return addr;
  }
  for (const other of ip4.net.devices.values()) {
    const otherIn = inDevOf(other);
    if (!otherIn) continue;
    const { addrs } = otherIn;
    for (let i = 0; i < addrs.length; i++) {
      const ifa = addrs[i]!;
      if (!ifa.secondary && ifa.scope !== RT_SCOPE_LINK && ifa.scope <= scope) return ifa.local;
    }
  }
  return 0;
}

/** The device that has this address of the host, null when none has (__ip_dev_find without the local table). */
export function ipDevFind(ip4: Ipv4, addr: number): NetDevice | null {
  const ifa = ip4.localAddrs.get(addr | 0);
  if (ifa) return ifa.dev;
  return ip4.fib.localDevice(addr);
}

/** Exactly an address of the host, by the address hash (inet_lookup_ifaddr_rcu). */
export function inetLookupIfaddr(ip4: Ipv4, addr: number): InIfaddr | null {
  return ip4.localAddrs.get(addr | 0) ?? null;
}

/** `a`, and `b` unless it is 0, are in one subnet of the device (inet_addr_onlink). */
export function inetAddrOnlink(inDev: InDevice, a: number, b: number): boolean {
  for (const ifa of inDev.addrs) if (ifa.matches(a) && (b === 0 || ifa.matches(b))) return true;
  return false;
}

/**
 * inet_confirm_addr: an address of the host of at most `scope`, in whose subnet `dst` is (unless 0), and which is `local`
 * (unless 0). 0: there is none. `inDev` null: on any device.
 */
export function inetConfirmAddr(ip4: Ipv4, inDev: InDevice | null, dst: number, local: number, scope: number): number {
  if (inDev) return confirmAddrIndev(inDev, dst, local, scope);
  for (const dev of ip4.net.devices.values()) {
    const other = inDevOf(dev);
    const addr = other ? confirmAddrIndev(other, dst, local, scope) : 0;
    if (addr !== 0) return addr;
  }
  return 0;
}

function confirmAddrIndev(inDev: InDevice, dst: number, local: number, scope: number): number {
  const ceiling = inDev.routeLocalnet ? RT_SCOPE_LINK : 255;
  let addr = 0;
  let same = false;
  for (const ifa of inDev.addrs) {
    const minScope = Math.min(ifa.scope, ceiling);
    if (addr === 0 && (local === ifa.local || local === 0) && minScope <= scope) {
      addr = ifa.local;
      if (same) return addr;
    }
    if (!same) {
      same = (local === 0 || ifa.matches(local)) && (dst === 0 || ifa.matches(dst));
      if (same && addr !== 0) {
        if (local !== 0 || dst === 0) return addr;
        // the address chosen so far must be of dst's subnet
        if (ifa.matches(addr)) return addr;
        if (minScope <= scope) return ifa.local;
        same = false;
      }
    }
  }
  return same ? addr : 0;
}
