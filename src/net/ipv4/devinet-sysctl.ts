// net.ipv4.conf.{all,default,DEV}.*: "default" is what new devices start with and reaches those that were never written
// to; forwarding of "all" is net.ipv4.ip_forward and sets every device's. Answers to net/ipv4/devinet.c
// (devinet_conf_proc, devinet_sysctl_forward, inet_forward_change).

import { neighSysctlRegister } from "../core/neigh-parms.ts";
import { DEVCONF_KEYS, type DevconfField, type InDevice, type Ipv4Devconf, inDevOf } from "./devconf.ts";
import type { Ipv4 } from "./ipv4.ts";

/** Registers "all" and "default". */
export function devconfInit(ip4: Ipv4): void {
  provideConf(ip4, "all", ip4.devconfAll);
  provideConf(ip4, "default", ip4.devconfDflt);
  neighSysctlRegister(ip4.net, ip4.arp, "ipv4", "default", ip4.arp.parms);
}

export function devconfRegister(ip4: Ipv4, inDev: InDevice): void {
  inDev.sysctlName = inDev.dev.name;
  provideConf(ip4, inDev.sysctlName, inDev.conf);
  neighSysctlRegister(ip4.net, ip4.arp, "ipv4", inDev.sysctlName, inDev.parms);
}

export function devconfUnregister(ip4: Ipv4, inDev: InDevice): void {
  ip4.net.sysctl.unregister(`net/ipv4/conf/${inDev.sysctlName}/`);
  ip4.net.sysctl.unregister(`net/ipv4/neigh/${inDev.sysctlName}/`);
}

function provideConf(ip4: Ipv4, name: string, conf: Ipv4Devconf): void {
  ip4.net.sysctl.provide(`net/ipv4/conf/${name}/`, () => registerConf(ip4, name, conf));
}

function registerConf(ip4: Ipv4, name: string, conf: Ipv4Devconf): void {
  for (const { name: key, field, flush } of DEVCONF_KEYS) {
    const path = `net/ipv4/conf/${name}/${key}`;
    if (field === "mcForwarding") {
      ip4.net.sysctl.register(path, { read: () => `${conf.mcForwarding}\n` });
      continue;
    }
    ip4.net.sysctl.registerInt(
      path,
      () => conf[field],
      (value) => setConf(ip4, conf, field, value, flush),
    );
  }
}

/** devinet_conf_proc and devinet_sysctl_forward */
function setConf(ip4: Ipv4, conf: Ipv4Devconf, field: DevconfField, value: number, flush: boolean): void {
  const old = conf[field];
  conf[field] = value;
  conf.touched.add(field);
  if (field === "forwarding") {
    if (old === value) return;
    if (conf === ip4.devconfAll) inetForwardChange(ip4);
    if (conf !== ip4.devconfDflt) ip4.rtCacheFlush();
    return;
  }
  if (conf === ip4.devconfDflt)
    for (const dev of ip4.net.devices.values()) {
      const inDev = inDevOf(dev);
      if (inDev && !inDev.conf.touched.has(field)) inDev.conf[field] = value;
    }
  if (flush && old !== value) ip4.rtCacheFlush();
}

/** net.ipv4.ip_forward: every device and every device to come follows; a router accepts no redirects. */
export function setIpForward(ip4: Ipv4, value: number): void {
  setConf(ip4, ip4.devconfAll, "forwarding", value, false);
}

function inetForwardChange(ip4: Ipv4): void {
  const on = ip4.devconfAll.forwarding;
  ip4.sysctl.ipForward = on;
  ip4.devconfAll.acceptRedirects = on ? 0 : 1;
  ip4.devconfDflt.forwarding = on;
  for (const dev of ip4.net.devices.values()) {
    const inDev = inDevOf(dev);
    if (inDev) inDev.conf.forwarding = on;
  }
}
