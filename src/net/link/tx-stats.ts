// What a device on top of another counts as sent: what the one below took (vlan_dev_hard_start_xmit, macvlan_start_xmit).

import { NET_XMIT_DROP, type NetDevice } from "../core/net-device.ts";

/** @param result NET_XMIT_* of the device below */
export function countSent(dev: NetDevice, bytes: number, result: number): void {
  const { stats } = dev;
  if (result === NET_XMIT_DROP) stats.txDropped++;
  else {
    stats.txPackets++;
    stats.txBytes += bytes;
  }
}
