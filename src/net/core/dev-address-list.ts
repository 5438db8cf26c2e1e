// The addresses that a device listens to besides its own: unicast ones (of devices on top, or added by the user) and
// multicast groups, counted. Answers to net/core/dev_addr_lists.c.

import { Errno, NetError } from "../../base/errno.ts";
import { withEntry } from "../../base/settings.ts";
import { devSetAllmulti, devSetPromiscuity, devSetRxMode } from "./dev.ts";
import { IFF_ALLMULTI, IFF_PROMISC, type NetDevice } from "./net-device.ts";

function keyOf(mac: Uint8Array): string {
  let key = "";
  for (const byte of mac) key += byte.toString(16).padStart(2, "0");
  return key;
}

type List = "ucAddresses" | "mcAddresses";

function listOf(mac: Uint8Array): List {
  return mac[0]! & 1 ? "mcAddresses" : "ucAddresses";
}

function setUsers(dev: NetDevice, list: List, key: string, users: number): void {
  dev[list] = withEntry(dev[list], key, users > 0 ? users : undefined);
}

/** dev_uc_add, dev_mc_add; `exclusive` throws EEXIST when it is there already (dev_uc_add_excl). */
export function devAddAddress(dev: NetDevice, mac: Uint8Array, exclusive: boolean = false): void {
  const list = listOf(mac);
  const key = keyOf(mac);
  const users = dev[list].get(key) ?? 0;
  if (users > 0 && exclusive) throw new NetError(Errno.EEXIST);
  setUsers(dev, list, key, users + 1);
  if (users === 0) devSetRxMode(dev);
}

/** dev_uc_del, dev_mc_del. Throws ENOENT. */
export function devDelAddress(dev: NetDevice, mac: Uint8Array): void {
  const list = listOf(mac);
  const key = keyOf(mac);
  const users = dev[list].get(key);
  if (users === undefined) throw new NetError(Errno.ENOENT);
  setUsers(dev, list, key, users - 1);
  if (users === 1) devSetRxMode(dev);
}

/** What a device on top has its lower device listen to on its behalf (dev_uc_sync, dev_mc_sync and their undoing). */
export class AddressSync {
  private readonly unicast: Set<string> = new Set();
  private readonly multicast: Set<string> = new Set();

  sync(lower: NetDevice, dev: NetDevice): void {
    follow(this.unicast, lower, "ucAddresses", dev.ucAddresses);
    follow(this.multicast, lower, "mcAddresses", dev.mcAddresses);
    devSetRxMode(lower);
  }

  unsync(lower: NetDevice): void {
    follow(this.unicast, lower, "ucAddresses", NOTHING);
    follow(this.multicast, lower, "mcAddresses", NOTHING);
    devSetRxMode(lower);
  }
}

const NOTHING: ReadonlyMap<string, number> = new Map();

function follow(synced: Set<string>, lower: NetDevice, list: List, from: ReadonlyMap<string, number>): void {
  for (const key of synced) {
    if (from.has(key)) continue;
    synced.delete(key);
    setUsers(lower, list, key, (lower[list].get(key) ?? 1) - 1);
  }
  for (const key of from.keys()) {
    if (synced.has(key)) continue;
    synced.add(key);
    setUsers(lower, list, key, (lower[list].get(key) ?? 0) + 1);
  }
}

/** What a device on top wants all of, its lower device takes all of too: `changed` are IFF_PROMISC, IFF_ALLMULTI. */
export function passRxFlags(lower: NetDevice, dev: NetDevice, changed: number): void {
  if (!dev.up) return;
  if (changed & IFF_ALLMULTI) devSetAllmulti(lower, dev.flags & IFF_ALLMULTI ? 1 : -1);
  if (changed & IFF_PROMISC) devSetPromiscuity(lower, dev.flags & IFF_PROMISC ? 1 : -1);
}

/** As it comes up (`by` 1) or goes down (-1): what of IFF_PROMISC and IFF_ALLMULTI among `which` is set on it. */
export function countRxFlags(lower: NetDevice, dev: NetDevice, which: number, by: number): void {
  if (dev.flags & which & IFF_ALLMULTI) devSetAllmulti(lower, by);
  if (dev.flags & which & IFF_PROMISC) devSetPromiscuity(lower, by);
}
