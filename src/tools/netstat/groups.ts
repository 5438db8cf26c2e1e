// netstat -g: the multicast groups that devices listen to, as /proc/net/igmp and igmp6 have them.

import { bridgeOf } from "../../net/bridge/br-private.ts";
import { inDevOf } from "../../net/ipv4/devconf.ts";
import type { NetNamespace } from "../../net/netns.ts";
import { formatIpv4 } from "../../wire/addr.ts";

const NAME_COLUMNS = 15;
const USERS_COLUMNS = 6;

export function groupsText(ns: NetNamespace): string {
  let text = "IPv6/IPv4 Group Memberships\n";
  text += "Interface       RefCnt Group\n";
  text += `--------------- ------ ---------------------\n`;
  const line = (name: string, users: number, group: string): void => {
    text += `${name.padEnd(NAME_COLUMNS)} ${String(users).padEnd(USERS_COLUMNS)} ${group}\n`;
  };
  const devices = [...ns.net.devices.values()];
  // the newest first
  for (const dev of devices)
    for (const { group, users } of (inDevOf(dev)?.groups() ?? []).reverse()) line(dev.name, users, formatIpv4(group));
  for (const dev of devices) {
    // IPv6 is disabled, but every device listens to all nodes, and a bridge that snoops to all snoopers
    if (bridgeOf(dev)?.multicast.joined) line(dev.name, 1, "ff02::6a");
    line(dev.name, 1, "ff02::1");
    line(dev.name, 1, "ff01::1");
  }
  return text;
}
