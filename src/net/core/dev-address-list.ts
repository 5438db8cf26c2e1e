// The addresses that a device listens to besides its own: unicast ones (of devices on top, or added by the user) and
// multicast groups, counted. Answers to net/core/dev_addr_lists.c.

import { Errno, NetError } from "../../base/errno.ts";
import { LazyMap } from "../../base/lazy.ts";
import { devSetAllmulti, devSetPromiscuity, devSetRxMode } from "./dev.ts";
import { IFF_ALLMULTI, IFF_PROMISC, type NetDevice } from "./net-device.ts";

function keyOf(mac: Uint8Array): string {
  let key = "";
  for (const byte of mac) key += byte.toString(16).padStart(2, "0");
  return key;
}

function listOf(dev: NetDevice, mac: Uint8Array): LazyMap<string, number> {
  return mac[0]! & 1 ? dev.mcAddresses : dev.ucAddresses;
}

/** dev_uc_add, dev_mc_add; `exclusive` throws EEXIST when it is there already (dev_uc_add_excl). */
export function devAddAddress(dev: NetDevice, mac: Uint8Array, exclusive: boolean = false): void {
  const list = listOf(dev, mac);
  const key = keyOf(mac);
  const users = list.get(key) ?? 0;
  if (users > 0 && exclusive) throw new NetError(Errno.EEXIST);
  list.set(key, users + 1);
  if (users === 0) devSetRxMode(dev);
}

/** dev_uc_del, dev_mc_del. Throws ENOENT. */
export function devDelAddress(dev: NetDevice, mac: Uint8Array): void {
  const list = listOf(dev, mac);
  const key = keyOf(mac);
  const users = list.get(key);
  if (users === undefined) throw new NetError(Errno.ENOENT);
  if (users > 1) list.set(key, users - 1);
  else {
    list.delete(key);
    devSetRxMode(dev);
  }
}

/** What a device on top has its lower device listen to on its behalf (dev_uc_sync, dev_mc_sync and their undoing). */
export class AddressSync {
  readonly #unicast: Set<string> = new Set();
  readonly #multicast: Set<string> = new Set();

  sync(lower: NetDevice, dev: NetDevice): void {
    follow(this.#unicast, lower.ucAddresses, dev.ucAddresses);
    follow(this.#multicast, lower.mcAddresses, dev.mcAddresses);
    devSetRxMode(lower);
  }

  unsync(lower: NetDevice): void {
    follow(this.#unicast, lower.ucAddresses, NOTHING);
    follow(this.#multicast, lower.mcAddresses, NOTHING);
    devSetRxMode(lower);
  }
}

const NOTHING: LazyMap<string, number> = new LazyMap();

function follow(synced: Set<string>, to: LazyMap<string, number>, from: LazyMap<string, number>): void {
  for (const key of synced) {
    if (from.has(key)) continue;
    synced.delete(key);
    const users = (to.get(key) ?? 1) - 1;
    if (users > 0) to.set(key, users);
    else to.delete(key);
  }
  for (const key of from.keys()) {
    if (synced.has(key)) continue;
    synced.add(key);
    to.set(key, (to.get(key) ?? 0) + 1);
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
