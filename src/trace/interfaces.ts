// The network namespaces and interfaces that packets were seen in, each under a name of its own: "web/eth0". What is known
// of an interface is written down when it is first seen and once more at the end, as addresses come and go.

import type { Host } from "../host/host.ts";
import type { Lab } from "../host/lab.ts";
import type { Net } from "../net/core/net.ts";
import type { NetDevice } from "../net/core/net-device.ts";
import type { Sock } from "../net/core/sock.ts";
import { inDevOf } from "../net/ipv4/devconf.ts";
import { vethPeer } from "../net/link/veth.ts";
import type { NetNamespace } from "../net/netns.ts";
import { namespacesOf } from "../scenario/namespaces.ts";
import { socketOwner } from "../tools/net-util/sock-table.ts";

export interface InterfaceAddress {
  readonly address: number;
  readonly prefixLength: number;
}

export interface Interface {
  readonly index: number;
  /** "docker-host/docker0": no two are the same */
  readonly name: string;
  /** frames begin with the IP header */
  readonly raw: boolean;
  readonly mac: Uint8Array;
  /** "bridge", "veth, port of docker0, the other end is web/eth0" */
  description: string;
  addresses: readonly InterfaceAddress[];
}

/** Which record of a device is meant: what it carried; what was dropped where no tap is, with and without link header. */
export type InterfaceUse = "carried" | "dropped" | "dropped raw";

const SUFFIXES: Readonly<Record<InterfaceUse, string>> = {
  carried: "",
  dropped: " dropped",
  "dropped raw": " dropped (IP)",
};

export class Interfaces {
  readonly list: Interface[] = [];
  readonly #lab: Lab;
  readonly #names: Map<Net, string> = new Map();
  readonly #taken: Set<string> = new Set();
  /** by use, device and the namespace and name that it had */
  readonly #known: Map<NetDevice, Map<string, Interface>> = new Map();
  readonly #namespaces: Map<Net, NetNamespace> = new Map();

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** "docker-host", "web"; a second one of the same name is "web~2". */
  namespaceName(net: Net): string {
    let name = this.#names.get(net);
    if (name === undefined) {
      name = this.#unique(net.label || "?");
      this.#names.set(net, name);
    }
    return name;
  }

  /** Number of a device's interface. */
  indexOf(dev: NetDevice, use: InterfaceUse = "carried"): number {
    let known = this.#known.get(dev);
    if (!known) {
      known = new Map();
      this.#known.set(dev, known);
    }
    const wanted = `${this.namespaceName(dev.net)}/${dev.name}${SUFFIXES[use]}`;
    let found = known.get(wanted);
    if (!found) {
      found = {
        index: this.list.length,
        name: this.#unique(wanted),
        raw: use === "dropped raw",
        mac: dev.address.slice(),
        description: "",
        addresses: [],
      };
      this.list.push(found);
      known.set(wanted, found);
      this.#describe(found, dev, use);
    }
    return found.index;
  }

  /** What is known now of the devices that are still there; call it at the end. */
  refresh(): void {
    for (const [dev, known] of this.#known) {
      if (!dev.registered) continue;
      for (const use of Object.keys(SUFFIXES) as InterfaceUse[]) {
        const there = known.get(`${this.namespaceName(dev.net)}/${dev.name}${SUFFIXES[use]}`);
        if (there) this.#describe(there, dev, use);
      }
    }
  }

  /** The namespace with all that hangs on it; undefined for one that nobody holds. */
  namespaceOf(net: Net): NetNamespace | undefined {
    const known = this.#namespaces.get(net);
    if (known) return known;
    for (const host of this.#lab.hosts.values())
      for (const { netns } of namespacesOf(host)) this.#namespaces.set(netns.net, netns);
    return this.#namespaces.get(net);
  }

  /** "curl (pid 7)": who holds the socket; "" when nobody does. */
  ownerOf(sock: Sock): string {
    for (const host of this.#lab.hosts.values()) {
      const owner = socketOwner((host as Host).machine, sock);
      if (owner) return `${owner.name} (pid ${owner.pid})`;
    }
    return "";
  }

  #describe(known: Interface, dev: NetDevice, use: InterfaceUse): void {
    const parts = [dev.loopback ? "loopback" : dev.kind || "device"];
    if (dev.master) parts.push(`port of ${dev.master.name}`);
    const peer = vethPeer(dev);
    if (peer) parts.push(`the other end is ${this.namespaceName(peer.net)}/${peer.name}`);
    if (dev.lower) parts.push(`over ${dev.lower.name}`);
    const text = parts.join(", ");
    known.description = use === "carried" ? text : `dropped where no capture of it shows them (${text})`;
    known.addresses = (inDevOf(dev)?.addrs ?? []).map(({ local, prefixLen }) => ({
      address: local as number,
      prefixLength: prefixLen,
    }));
  }

  #unique(wanted: string): string {
    let name = wanted;
    for (let i = 2; this.#taken.has(name); i++) name = `${wanted}~${i}`;
    this.#taken.add(name);
    return name;
  }
}
