// net.ipv4.conf.{all,default,DEV}.*: "default" is what new devices start with and reaches those that were never written
// to; forwarding of "all" is net.ipv4.ip_forward and sets every device's. Answers to net/ipv4/devinet.c
// (devinet_conf_proc, devinet_sysctl_forward, inet_forward_change).

import { neighSysctlInit } from "../core/neigh-parms.ts";
import { DEVCONF_KEYS, type DevconfField, type Ipv4Devconf, inDevOf } from "./devconf.ts";
import type { Ipv4 } from "./ipv4.ts";

/** Provides the folders of "all", "default" and of every device that speaks IPv4. */
export function devconfInit(ip4: Ipv4): void {
  const { net } = ip4;
  net.sysctl.provideFolders(
    "net/ipv4/conf/",
    () => ["all", "default", ...ipv4Devices(ip4)],
    (name) => {
      const conf = confOf(ip4, name);
      if (conf) registerConf(ip4, name, conf);
    },
  );
  neighSysctlInit(net, ip4.arp, "ipv4", () => ipv4Devices(ip4));
}

function* ipv4Devices(ip4: Ipv4): Generator<string> {
  for (const dev of ip4.net.devices.values()) if (inDevOf(dev)) yield dev.name;
}

function confOf(ip4: Ipv4, name: string): Ipv4Devconf | null {
  if (name === "all") return ip4.devconfAll;
  if (name === "default") return ip4.devconfDflt;
  const dev = ip4.net.deviceByName(name);
  // an alternative name has no folder
  return dev?.name === name ? (inDevOf(dev)?.conf ?? null) : null;
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
  conf.touch(field);
  if (field === "forwarding") {
    if (old === value) return;
    if (conf === ip4.devconfAll) inetForwardChange(ip4);
    if (conf !== ip4.devconfDflt) ip4.rtCacheFlush();
    return;
  }
  if (conf === ip4.devconfDflt)
    for (const dev of ip4.net.devices.values()) {
      const inDev = inDevOf(dev);
      if (inDev && !inDev.conf.isTouched(field)) inDev.conf[field] = value;
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
