// Which frames to many a device on top of another listens to: broadcasts, those to its groups, or all when somebody wants all
// (mac_filters of macvlan and ipvlan; exact here, hashed in Linux).

import * as ethernet from "../../wire/ethernet.ts";
import type { NetDevice } from "../core/net-device.ts";

export function listensTo(dev: NetDevice, b: Uint8Array, at: number): boolean {
  if (dev.promiscuity > 0 || dev.allmulti > 0 || ethernet.isBroadcast(b, at)) return true;
  let key = "";
  for (let i = 0; i < 6; i++) key += b[at + i]!.toString(16).padStart(2, "0");
  return dev.mcAddresses.has(key);
}
