// net.ipv4.conf.{all,default,DEV}.*: "default" is what new devices start with and reaches those that were never written
// to; forwarding of "all" is net.ipv4.ip_forward and sets every device's. Answers to net/ipv4/devinet.c
// (devinet_conf_proc, devinet_sysctl_forward, inet_forward_change).

import { withSetting } from "../../base/settings.ts";
import { neighSysctlRegister } from "../core/neigh-parms.ts";
import type { Net } from "../core/net.ts";
import type { SysctlProvider } from "../core/sysctl.ts";
import { DEVCONF_KEYS, type DevconfField, type InDevice, type Ipv4Devconf, inDevOf } from "./devconf.ts";
import { type Ipv4, ipv4Of } from "./ipv4.ts";

const CONF_SYSCTLS: SysctlProvider = {
  prefix: "net/ipv4/conf/",
  folders: (net) => ["all", "default", ...ipv4Devices(net)],
  fill: (net, name) => {
    const ip4 = ipv4Of(net);
    const holder = holderOf(ip4, name);
    if (holder) registerConf(ip4, name, holder);
  },
};

const NEIGH_SYSCTLS: SysctlProvider = {
  prefix: "net/ipv4/neigh/",
  folders: (net) => ["default", ...ipv4Devices(net)],
  fill: (net, name) => neighSysctlRegister(ipv4Of(net).arp, "ipv4", name),
};

/** Provides the folders of "all", "default" and of every device that speaks IPv4. */
export function devconfInit(net: Net): void {
  net.sysctl.provide(CONF_SYSCTLS);
  net.sysctl.provide(NEIGH_SYSCTLS);
}

function* ipv4Devices(net: Net): Generator<string> {
  for (const dev of net.devices.values()) if (inDevOf(dev)) yield dev.name;
}

/** Who has settings: all devices, those to come, or one. */
type Holder = "all" | "default" | InDevice;

function holderOf(ip4: Ipv4, name: string): Holder | null {
  if (name === "all" || name === "default") return name;
  const dev = ip4.net.deviceByName(name);
  // an alternative name has no folder
  return dev?.name === name ? inDevOf(dev) : null;
}

function confOf(ip4: Ipv4, holder: Holder): Ipv4Devconf {
  if (holder === "all") return ip4.devconfAll;
  return holder === "default" ? ip4.devconfDflt : holder.conf;
}

function registerConf(ip4: Ipv4, name: string, holder: Holder): void {
  for (const { name: key, field, flush } of DEVCONF_KEYS) {
    const path = `net/ipv4/conf/${name}/${key}`;
    const get = (): number => confOf(ip4, holder)[field];
    if (field === "mcForwarding") ip4.net.sysctl.register(path, { read: () => `${get()}\n` });
    else ip4.net.sysctl.registerInt(path, get, (value) => setConf(ip4, holder, field, value, flush));
  }
}

/** devinet_conf_proc and devinet_sysctl_forward */
function setConf(ip4: Ipv4, holder: Holder, field: DevconfField, value: number, flush: boolean): void {
  const old = confOf(ip4, holder)[field];
  if (holder === "all") ip4.devconfAll = withSetting(ip4.devconfAll, field, value);
  else if (holder === "default") ip4.devconfDflt = withSetting(ip4.devconfDflt, field, value);
  else {
    holder.conf = withSetting(holder.conf, field, value);
    if (!holder.touched.includes(field)) holder.touched = [...holder.touched, field];
  }
  if (field === "forwarding") {
    if (old === value) return;
    if (holder === "all") inetForwardChange(ip4);
    if (holder !== "default") ip4.rtCacheFlush();
    return;
  }
  if (holder === "default")
    for (const dev of ip4.net.devices.values()) {
      const inDev = inDevOf(dev);
      if (inDev && !inDev.touched.includes(field)) inDev.conf = withSetting(inDev.conf, field, value);
    }
  if (flush && old !== value) ip4.rtCacheFlush();
}

/** net.ipv4.ip_forward: every device and every device to come follows; a router accepts no redirects. */
export function setIpForward(ip4: Ipv4, value: number): void {
  setConf(ip4, "all", "forwarding", value, false);
}

function inetForwardChange(ip4: Ipv4): void {
  const on = ip4.devconfAll.forwarding;
  ip4.changeSysctl({ ipForward: on });
  ip4.devconfAll = withSetting(ip4.devconfAll, "acceptRedirects", on ? 0 : 1);
  ip4.devconfDflt = withSetting(ip4.devconfDflt, "forwarding", on);
  for (const dev of ip4.net.devices.values()) {
    const inDev = inDevOf(dev);
    if (inDev) inDev.conf = withSetting(inDev.conf, "forwarding", on);
  }
}
