// An endpoint: one container's place in one network, with its address, MAC, names, published ports and its end of a veth
// pair. Answers to libnetwork endpoint.go and drivers/bridge's bridgeEndpoint.

import { smallCopy } from "../base/bytes.ts";
import type { NetDevice } from "../net/core/net-device.ts";
import type { Ipv4Addr } from "../wire/addr.ts";
import type { ExposedPort } from "./generations/generation.ts";
import type { Network } from "./network.ts";
import type { PortMapping } from "./port-mapper.ts";
import type { Sandbox } from "./sandbox.ts";

/** A port to publish: `hostPort` 0 for any, a range where `hostPortEnd` is larger. */
export interface PortRequest {
  readonly protocol: string;
  readonly port: number;
  /** "" for the network's default */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly hostPortEnd: number;
}

export interface EndpointOptions {
  readonly name: string;
  /** it has no name of its own in the DNS */
  readonly anonymous: boolean;
  /** further names in this network (--network-alias, short id) */
  readonly aliases: readonly string[];
  /** names that this endpoint's container has for others (--link): alias → name */
  readonly links: ReadonlyMap<string, string>;
  /** the container asks the embedded DNS server here */
  readonly needsResolver: boolean;
  readonly ports: readonly PortRequest[];
  readonly exposed: readonly ExposedPort[];
}

/** nearly all have no ports and no linked ones: they share one list */
const NOTHING: readonly never[] = [];

export class Endpoint {
  readonly id: string;
  readonly network: Network;
  /** changes when the container is renamed */
  name: string;
  anonymous: boolean;
  readonly aliases: readonly string[];
  readonly links: ReadonlyMap<string, string>;
  readonly needsResolver: boolean;
  readonly ports: readonly PortRequest[];
  readonly exposed: readonly ExposedPort[];
  address: Ipv4Addr | undefined;
  prefix = 0;
  #mac: Uint8Array | undefined;
  /** what the container's default route goes to; undefined on internal networks */
  gateway: Ipv4Addr | undefined;
  sandbox: Sandbox | null = null;
  /** the pair: the bridge's port, and what becomes eth0 */
  hostVeth: NetDevice | null = null;
  sandboxVeth: NetDevice | null = null;
  /** the sandbox end's name outside */
  sandboxVethName = "";
  portMappings: readonly PortMapping[] = NOTHING;
  /** endpoints of linked containers, where containers may not talk otherwise (icc=false) */
  children: readonly Endpoint[] = NOTHING;

  constructor(id: string, network: Network, options: EndpointOptions) {
    this.id = id;
    this.network = network;
    this.name = options.name;
    this.anonymous = options.anonymous;
    this.aliases = options.aliases;
    this.links = options.links;
    this.needsResolver = options.needsResolver;
    this.ports = options.ports.length > 0 ? options.ports : NOTHING;
    this.exposed = options.exposed.length > 0 ? options.exposed : NOTHING;
  }

  get mac(): Uint8Array | undefined {
    return this.#mac;
  }

  setMac(mac: Uint8Array | undefined): void {
    this.#mac = mac && smallCopy(mac);
  }
}
