// IPv6 is not emulated yet: every device behaves as with net.ipv6.conf.*.disable_ipv6=1. The switch itself is there, because
// scenarios throw it on the real kernel to keep neighbour discovery out of their captures; asking for IPv6 is refused.

import { Errno, NetError } from "../../base/errno.ts";
import { withEntry } from "../../base/settings.ts";
import type { Net } from "../core/net.ts";
import { ARPHRD_ETHER, type NetDevice } from "../core/net-device.ts";
import { NETDEV_REGISTER, type NetdevEvent } from "../core/netdev-events.ts";
import type { SysctlEntry, SysctlProvider } from "../core/sysctl.ts";

/** Provides net.ipv6.conf.{all,default,DEV}.disable_ipv6. Writing 0 throws NetError EOPNOTSUPP. */
export function ipv6OffInit(net: Net): void {
  net.sysctl.provide(SYSCTLS);
  net.registerNotifier(listenToAllNodes);
}

const SYSCTLS: SysctlProvider = {
  prefix: "net/ipv6/conf/",
  folders: function* (net) {
    yield "all";
    yield "default";
    for (const dev of net.devices.values()) yield dev.name;
  },
  fill: (net, name) => {
    if (name === "all" || name === "default" || net.deviceByName(name)?.name === name)
      net.sysctl.register(`net/ipv6/conf/${name}/disable_ipv6`, DISABLE_IPV6);
  },
};

const DISABLE_IPV6: SysctlEntry = {
  read: () => "1\n",
  write: (text) => {
    if (!/^\s*\d+\s*$/.test(text)) throw new NetError(Errno.EINVAL);
    if (Number(text) === 0) throw new NetError(Errno.EOPNOTSUPP);
  },
};

/** Disabled or not, Ethernet devices listen to the group of all nodes (ff02::1). */
function listenToAllNodes(event: NetdevEvent, dev: NetDevice): void {
  if (event === NETDEV_REGISTER && dev.type === ARPHRD_ETHER)
    dev.mcAddresses = withEntry(dev.mcAddresses, "333300000001", 1);
}
