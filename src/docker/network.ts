// Networks: what was asked for (driver, IPAM, options) and what is (bridge, pool, endpoints, the names that its DNS knows).
// Answers to libnetwork network.go; the drivers bridge, host and null exist, the others are refused by name.

import type { Ipv4Addr } from "../wire/addr.ts";
import type { Endpoint } from "./endpoint.ts";
import type { NetworkRules } from "./generations/generation.ts";
import type { PoolRequest } from "./ipam.ts";

/** --subnet, --ip-range, --gateway, --aux-address of one pool; "" where not given. */
export interface IpamConfig {
  readonly subnet: string;
  readonly ipRange: string;
  readonly gateway: string;
  readonly auxAddresses: ReadonlyMap<string, string>;
}

/** What `docker network create` sends. */
export interface NetworkRequest {
  readonly name: string;
  readonly driver: string;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ipv6: boolean;
  readonly ipamDriver: string;
  /** null where the client sends none */
  readonly ipamOptions: ReadonlyMap<string, string> | null;
  readonly ipam: readonly IpamConfig[];
  readonly options: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
}

/** The part of a bridge network that the bridge driver keeps. */
export interface BridgeState {
  readonly name: string;
  /** 0: the kernel's default */
  readonly mtu: number;
  /** com.docker.network.bridge.host_binding_ipv4, "0.0.0.0" */
  readonly hostBinding: string;
  /** com.docker.network.container_iface_prefix, "eth" */
  readonly interfacePrefix: string;
  readonly pool: PoolRequest;
  /** the bridge's own address; for --internal networks no gateway of the containers */
  readonly gateway: Ipv4Addr;
  /** addresses of the pool that the network itself holds: its gateway, then the auxiliary ones */
  readonly reserved: readonly Ipv4Addr[];
  /** com.docker.network.bridge.inhibit_ipv4 */
  readonly inhibitIpv4: boolean;
  readonly rules: NetworkRules;
  /** Docker made the bridge and takes it away with the network */
  made: boolean;
}

/** One entry of a network's DNS. */
interface ServiceRecord {
  readonly address: Ipv4Addr;
  readonly endpoint: Endpoint;
}

export class Network {
  readonly id: string;
  readonly request: NetworkRequest;
  readonly createdNs: bigint;
  /** IPAM config as `inspect` shows it: as asked for, or as allocated where nothing was */
  readonly ipam: readonly IpamConfig[];
  bridge: BridgeState | null = null;
  /** by id, in order of creation */
  readonly endpoints: Map<string, Endpoint> = new Map();
  readonly #byName: Map<string, ServiceRecord[]> = new Map();
  readonly #byAddress: Map<Ipv4Addr, { readonly name: string; readonly endpoint: Endpoint }[]> = new Map();

  constructor(id: string, request: NetworkRequest, ipam: readonly IpamConfig[], createdNs: bigint) {
    this.id = id;
    this.request = request;
    this.ipam = ipam;
    this.createdNs = createdNs;
  }

  get name(): string {
    return this.request.name;
  }

  get driver(): string {
    return this.request.driver;
  }

  get internal(): boolean {
    return this.request.internal;
  }

  /** none of the three that are always there */
  get userDefined(): boolean {
    return isUserDefined(this.name);
  }

  /** The endpoint's names get into the DNS (updateSvcRecord): its own first, which its address means too. */
  addServiceRecords(endpoint: Endpoint): void {
    if (endpoint.address === undefined) return;
    const main = endpoint.anonymous ? endpoint.aliases[0] : endpoint.name;
    if (main !== undefined) {
      push(this.#byAddress, endpoint.address, { name: main, endpoint });
      if (!endpoint.anonymous) this.#addName(main, endpoint);
    }
    for (const alias of endpoint.aliases) this.#addName(alias, endpoint);
  }

  deleteServiceRecords(endpoint: Endpoint): void {
    for (const [name, records] of [...this.#byName])
      keep(this.#byName, name, records, (record) => record.endpoint !== endpoint);
    for (const [address, records] of [...this.#byAddress])
      keep(this.#byAddress, address, records, (record) => record.endpoint !== endpoint);
  }

  /** Addresses of a name, in the order in which they came; undefined when the name is not known. */
  resolveName(name: string): Ipv4Addr[] | undefined {
    const records = this.#byName.get(name.toLowerCase());
    if (!records) return undefined;
    return [...new Set(records.map(({ address }) => address))];
  }

  /** "web.mynet" for an address, undefined when it is not known. */
  resolveAddress(address: Ipv4Addr): string | undefined {
    const record = this.#byAddress.get(address)?.[0];
    return record ? `${record.name}.${this.name}` : undefined;
  }

  /** Names in the DNS with their first addresses, for the lines of /etc/hosts that leave with an endpoint. */
  serviceNames(): string[] {
    return [...this.#byName.keys()];
  }

  #addName(name: string, endpoint: Endpoint): void {
    const key = name.toLowerCase();
    const records = this.#byName.get(key) ?? [];
    if (records.some((record) => record.endpoint === endpoint)) return;
    push(this.#byName, key, { address: endpoint.address!, endpoint });
  }
}

export function isUserDefined(name: string): boolean {
  return (
    name !== "bridge" && name !== "host" && name !== "none" && name !== "default" && !name.startsWith("container:")
  );
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function keep<K, V>(map: Map<K, V[]>, key: K, values: readonly V[], wanted: (value: V) => boolean): void {
  const left = values.filter(wanted);
  if (left.length > 0) map.set(key, left);
  else map.delete(key);
}
