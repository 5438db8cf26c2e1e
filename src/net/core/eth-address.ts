// Random Ethernet addresses, drawn per namespace (eth_random_addr of include/linux/etherdevice.h).

import type { Net } from "./net.ts";
import type { NetDevice } from "./net-device.ts";

/** Fills `dev.address` with a random, locally administered unicast address (eth_hw_addr_random). */
export function ethHwAddrRandom(dev: NetDevice): void {
  ethRandomAddr(dev.net, dev.address);
  dev.change({ addrAssignType: 1 });
}

/** Six random bytes, unicast, locally administered. */
export function ethRandomAddr(net: Net, out: Uint8Array): void {
  for (let i = 0; i < 6; i++) out[i] = net.macRng.u32() >>> 24;
  out[0] = (out[0]! & 0xfe) | 0x02;
}
