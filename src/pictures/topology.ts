// What there is after a script: hosts, their network namespaces, the devices in them, and what joins them (veth pairs,
// bridge ports, tunnels over a device). Plain data; mermaid.ts and dot.ts draw it.

import type { Lab } from "../host/lab.ts";
import type { NetDevice } from "../net/core/net-device.ts";
import { inetAddrDump } from "../net/ipv4/devinet.ts";
import { vethPeer } from "../net/link/veth.ts";
import type { NetNamespace } from "../net/netns.ts";
import { type NamespaceKind, namespacesOf } from "../scenario/namespaces.ts";
import { formatIpv4, formatMac } from "../wire/addr.ts";

export interface TopologyDevice {
  /** unique in the picture */
  readonly id: string;
  readonly name: string;
  /** "veth", "bridge" … as `ip -d link` calls it; "" for a plain one */
  readonly kind: string;
  readonly up: boolean;
  readonly mac: string;
  /** "172.17.0.1/16" */
  readonly addresses: readonly string[];
}

export interface TopologyNamespace {
  readonly id: string;
  /** "docker-host", a name of `ip netns`, a container's name, "pid 4711" */
  readonly name: string;
  readonly kind: NamespaceKind;
  readonly devices: readonly TopologyDevice[];
}

export interface TopologyHost {
  readonly name: string;
  readonly namespaces: readonly TopologyNamespace[];
}

export interface TopologyLink {
  readonly from: string;
  readonly to: string;
  /** a veth pair or cable; a port in its bridge; a device on top of another */
  readonly kind: "pair" | "port" | "lower";
}

export interface Topology {
  readonly hosts: readonly TopologyHost[];
  readonly links: readonly TopologyLink[];
}

/** Loopback devices are left out: every namespace has one. */
export function topologyOf(lab: Lab): Topology {
  const ids = new Map<NetDevice, string>();
  const hosts = [...lab.hosts.values()].map((host) => ({
    name: host.name,
    namespaces: namespacesOf(host).map(({ netns, name, kind }) => ({
      id: `n${netns.net.id}`,
      name,
      kind,
      devices: [...netns.net.devices.values()].filter((dev) => !dev.loopback).map((dev) => describe(netns, dev, ids)),
    })),
  }));
  return { hosts, links: linksOf(ids) };
}

function describe(netns: NetNamespace, dev: NetDevice, ids: Map<NetDevice, string>): TopologyDevice {
  const id = `n${netns.net.id}d${dev.ifindex}`;
  ids.set(dev, id);
  return {
    id,
    name: dev.name,
    kind: dev.kind,
    up: dev.up,
    mac: formatMac(dev.address),
    addresses: inetAddrDump(netns.ipv4, dev).map((ifa) => `${formatIpv4(ifa.local)}/${ifa.prefixLen}`),
  };
}

function linksOf(ids: ReadonlyMap<NetDevice, string>): TopologyLink[] {
  const links: TopologyLink[] = [];
  const drawn = new Set<NetDevice>();
  for (const [dev, id] of ids) {
    drawn.add(dev);
    const peer = vethPeer(dev);
    const peerId = peer && ids.get(peer);
    if (peer && peerId && !drawn.has(peer)) links.push({ from: id, to: peerId, kind: "pair" });
    const master = dev.master && ids.get(dev.master);
    if (master) links.push({ from: id, to: master, kind: "port" });
    const lower = dev.lower && ids.get(dev.lower);
    if (lower) links.push({ from: id, to: lower, kind: "lower" });
  }
  return links;
}
