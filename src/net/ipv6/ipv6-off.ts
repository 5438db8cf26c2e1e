// IPv6 is not emulated yet: every device behaves as with net.ipv6.conf.*.disable_ipv6=1. The switch itself is there, because
// scenarios throw it on the real kernel to keep neighbour discovery out of their captures; asking for IPv6 is refused.

import { Errno, NetError } from "../../base/errno.ts";
import type { Net } from "../core/net.ts";
import { ARPHRD_ETHER } from "../core/net-device.ts";
import { NETDEV_CHANGENAME, NETDEV_REGISTER, NETDEV_UNREGISTER } from "../core/netdev-events.ts";

/** Registers net.ipv6.conf.{all,default,DEV}.disable_ipv6. Writing 0 throws NetError EOPNOTSUPP. */
export function ipv6OffInit(net: Net): void {
  const add = (name: string): void => {
    net.sysctl.register(`net/ipv6/conf/${name}/disable_ipv6`, {
      read: () => "1\n",
      write: (text) => {
        if (!/^\s*\d+\s*$/.test(text)) throw new NetError(Errno.EINVAL);
        if (Number(text) === 0) throw new NetError(Errno.EOPNOTSUPP);
      },
    });
  };
  add("all");
  add("default");
  const names = new Map<number, string>();
  net.notifiers.push((event, dev) => {
    if (event === NETDEV_UNREGISTER || event === NETDEV_CHANGENAME) {
      const name = names.get(dev.ifindex);
      if (name !== undefined) net.sysctl.unregister(`net/ipv6/conf/${name}/`);
      names.delete(dev.ifindex);
    }
    if (event === NETDEV_REGISTER || event === NETDEV_CHANGENAME) {
      names.set(dev.ifindex, dev.name);
      add(dev.name);
      // disabled or not, Ethernet devices listen to the group of all nodes (ff02::1)
      if (dev.type === ARPHRD_ETHER && event === NETDEV_REGISTER) dev.mcAddresses.set("333300000001", 1);
    }
  });
}
