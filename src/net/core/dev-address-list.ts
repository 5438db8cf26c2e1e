// The addresses that a device listens to besides its own: unicast ones (of devices on top, or added by the user) and
// multicast groups, counted. Answers to net/core/dev_addr_lists.c.

import { Errno, NetError } from "../../base/errno.ts";
import { devSetRxMode } from "./dev.ts";
import type { NetDevice } from "./net-device.ts";

function keyOf(mac: Uint8Array): string {
  let key = "";
  for (const byte of mac) key += byte.toString(16).padStart(2, "0");
  return key;
}

function listOf(dev: NetDevice, mac: Uint8Array): Map<string, number> {
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
