// The flags of a device as a user changes them: up and down, promiscuity and the like. Answers to net/core/dev.c
// (__dev_change_flags).

import { devClose, devOpen, devSetAllmulti, devSetPromiscuity } from "./dev.ts";
import { IFF_ALLMULTI, IFF_MULTICAST, IFF_NOARP, IFF_PROMISC, IFF_UP, type NetDevice } from "./net-device.ts";
import { NETDEV_CHANGE } from "./netdev-events.ts";

const IFF_DYNAMIC = 0x8000;

/** dev_change_flags: `change` says which of `flags` count. Throws what the driver's open throws. */
export function devChangeFlags(dev: NetDevice, change: number, flags: number): void {
  if (change & IFF_PROMISC && (dev.gflags ^ flags) & IFF_PROMISC) {
    dev.gflags ^= IFF_PROMISC;
    devSetPromiscuity(dev, flags & IFF_PROMISC ? 1 : -1);
  }
  if (change & IFF_ALLMULTI && (dev.gflags ^ flags) & IFF_ALLMULTI) {
    dev.gflags ^= IFF_ALLMULTI;
    devSetAllmulti(dev, flags & IFF_ALLMULTI ? 1 : -1);
  }
  const plain = change & (IFF_MULTICAST | IFF_NOARP | IFF_DYNAMIC);
  if (plain && (dev.flags ^ flags) & plain) {
    dev.flags = (dev.flags & ~plain) | (flags & plain);
    dev.net.notify(NETDEV_CHANGE, dev);
  }
  if (!(change & IFF_UP)) return;
  if (flags & IFF_UP) devOpen(dev);
  else devClose(dev);
}
