// A sandbox: one container's network namespace with its interfaces, default route, DNS server and the files that go with
// them. Endpoints join and leave; the one that comes first by Docker's order gives the default route and the published
// ports. Answers to libnetwork sandbox.go, default_gateway.go, sandbox_dns_unix.go and osl/.

import { shared, withEntry } from "../base/settings.ts";
import type { NetNamespace } from "../net/netns.ts";
import type { FileNode } from "../posix/vfs.ts";
import { formatIpv4, type Ipv4Addr } from "../wire/addr.ts";
import type { EmbeddedDns, ResolverBackend } from "./embedded-dns.ts";
import type { Endpoint } from "./endpoint.ts";
import {
  anyDnsWish,
  commentedResolvConf,
  type DnsWishes,
  type ExternalServer,
  externalServers,
  type HostsRecord,
  hostsLines,
  internalResolvConf,
  ownHostNames,
  parseResolvConf,
  plainResolvConf,
  withoutHosts,
} from "./files.ts";
import type { Generation } from "./generations/generation.ts";
import { clearDefaultRoute, readFileNode, setDefaultRoute, writeFileNode } from "./netlink.ts";

export interface SandboxOptions {
  readonly hostname: string;
  readonly domain: string;
  /** --add-host and, on the default bridge, linked containers */
  readonly extraHosts: readonly HostsRecord[];
  readonly dns: DnsWishes;
  /** the host's own network: files are copies of the host's */
  readonly useHost: boolean;
  /** contents of the host's files */
  readonly hostHosts: string;
  readonly hostResolvConf: string;
}

const NO_INTERFACES: ReadonlyMap<string, number> = new Map();

export class Sandbox implements ResolverBackend {
  readonly id: string;
  readonly containerId: string;
  readonly options: SandboxOptions;
  readonly generation: Generation;
  /** null until the container's namespace exists */
  netns: NetNamespace | null = null;
  /** in Docker's order: the first with a gateway has the default route */
  endpoints: readonly Endpoint[] = [];
  resolver: EmbeddedDns | null = null;
  readonly hosts: FileNode;
  readonly resolvConf: FileNode;
  externalServers: readonly ExternalServer[] = [];
  ndotsSet = false;
  #gateway: Endpoint | null = null;
  /** next number of each interface prefix; numbers do not come back */
  #nextIfIndex: ReadonlyMap<string, number> = NO_INTERFACES;

  constructor(
    id: string,
    containerId: string,
    generation: Generation,
    options: SandboxOptions,
    files: { readonly hosts: FileNode; readonly resolvConf: FileNode },
  ) {
    this.id = id;
    this.containerId = containerId;
    this.generation = generation;
    this.options = options;
    this.hosts = files.hosts;
    this.resolvConf = files.resolvConf;
    this.#buildFiles();
  }

  /** "/var/run/docker/netns/1536c7edd4be" */
  get key(): string {
    return `/var/run/docker/netns/${this.options.useHost ? "default" : this.id.slice(0, 12)}`;
  }

  #buildFiles(): void {
    const { options, generation } = this;
    if (options.useHost && options.extraHosts.length === 0) writeFileNode(this.hosts, options.hostHosts);
    else writeFileNode(this.hosts, generation.hostsFile + hostsLines(options.extraHosts));
    const wished = anyDnsWish(options.dns);
    if (options.useHost && !wished && generation.resolvConf === "plain") {
      writeFileNode(this.resolvConf, options.hostResolvConf);
      return;
    }
    const plain = plainResolvConf(options.hostResolvConf, options.dns);
    const { fromHost } = generation.resolver;
    const own = fromHost === "all" ? options.dns.servers.length > 0 : wished;
    this.externalServers = shared(
      own ? externalServers(plain, "none") : externalServers(options.hostResolvConf, fromHost),
    );
    writeFileNode(
      this.resolvConf,
      generation.resolvConf === "plain"
        ? plain
        : commentedResolvConf(options.hostResolvConf, options.dns, options.useHost ? "host" : "legacy"),
    );
  }

  /** /etc/hosts gets the container's own name at a new address. */
  addOwnHost(address: Ipv4Addr): void {
    const { hostname, domain, useHost } = this.options;
    if (useHost) return;
    const record = { ip: formatIpv4(address), hosts: ownHostNames(hostname, domain) };
    writeFileNode(this.hosts, readFileNode(this.hosts) + hostsLines([record]));
  }

  /** /etc/hosts loses lines of a network's names. */
  removeHosts(names: readonly string[]): void {
    const records = names.map((hosts) => ({ ip: "", hosts }));
    writeFileNode(this.hosts, withoutHosts(readFileNode(this.hosts), records));
  }

  /** /etc/resolv.conf names the embedded server (rebuildDNS). */
  useEmbeddedDns(): void {
    const current = readFileNode(this.resolvConf);
    if (this.externalServers.length === 0 && this.generation.resolver.fromHost !== "all")
      this.externalServers = externalServers(current, "none");
    this.ndotsSet = parseResolvConf(current).options.some((option) => option.startsWith("ndots:"));
    writeFileNode(
      this.resolvConf,
      this.generation.resolvConf === "plain"
        ? internalResolvConf(current)
        : commentedResolvConf(this.options.hostResolvConf, this.options.dns, "internal"),
    );
  }

  /** "eth0", "eth1" …: each number once. */
  nextInterfaceName(prefix: string): string {
    const number = this.#nextIfIndex.get(prefix) ?? 0;
    this.#nextIfIndex = withEntry(this.#nextIfIndex, prefix, number + 1);
    return `${prefix}${number}`;
  }

  addEndpoint(endpoint: Endpoint): void {
    // concat: an array put together by spreading has room to spare (100 bytes)
    this.endpoints = this.endpoints.concat(endpoint).sort(compareEndpoints);
    endpoint.sandbox = this;
  }

  removeEndpoint(endpoint: Endpoint): void {
    this.endpoints = this.endpoints.filter((other) => other !== endpoint);
    endpoint.sandbox = null;
  }

  /** The endpoint that has the default route and the published ports. */
  get gatewayEndpoint(): Endpoint | null {
    return this.endpoints.find((endpoint) => endpoint.gateway !== undefined) ?? null;
  }

  /** The default route follows the gateway endpoint (updateGateway). */
  updateGateway(): void {
    const { netns } = this;
    const endpoint = this.gatewayEndpoint;
    if (!netns || endpoint === this.#gateway) return;
    if (this.#gateway) clearDefaultRoute(netns);
    this.#gateway = endpoint;
    if (endpoint?.gateway !== undefined) setDefaultRoute(netns, endpoint.gateway);
  }

  /** Before an interface goes: its default route goes too, as the kernel takes it. */
  forgetGateway(endpoint: Endpoint): void {
    if (this.#gateway === endpoint) this.#gateway = null;
  }

  /** Some network of the container leads out (hasExternalConnectivity). */
  get hasWayOut(): boolean {
    return this.endpoints.some(({ network, gateway }) => !network.internal && gateway !== undefined);
  }

  /** A name as this container sees it: its links' aliases, then the names of its networks, "web" and "web.mynet". */
  resolveName(request: string): { readonly addresses: readonly Ipv4Addr[]; readonly known: boolean } {
    const name = request.replace(/\.$/, "");
    const tries: [name: string, network: string][] = [[name, ""]];
    for (let at = name.lastIndexOf("."); at > 0; at = name.lastIndexOf(".", at - 1))
      tries.push([name.slice(0, at), name.slice(at + 1)]);
    for (const [wanted, networkName] of tries)
      for (const byAlias of [true, false]) {
        const addresses = this.#resolveIn(wanted, networkName, byAlias);
        if (addresses) return { addresses, known: true };
      }
    return { addresses: [], known: false };
  }

  #resolveIn(wanted: string, networkName: string, byAlias: boolean): readonly Ipv4Addr[] | undefined {
    for (const { network, links } of this.endpoints) {
      if (networkName !== "" && networkName !== network.name) continue;
      const target = links.get(wanted);
      if (byAlias !== (target !== undefined)) continue;
      const addresses = network.resolveName(target ?? wanted);
      if (addresses) return addresses;
    }
    return undefined;
  }

  resolveAddress(address: Ipv4Addr): string | undefined {
    for (const { network } of this.endpoints) {
      const name = network.resolveAddress(address);
      if (name !== undefined) return name;
    }
    return undefined;
  }
}

/** Which endpoint comes first: not internal, with a gateway, by the network's name (endpoint.Less). */
function compareEndpoints(a: Endpoint, b: Endpoint): number {
  const internal = Number(a.network.internal) - Number(b.network.internal);
  if (internal !== 0) return internal;
  const gateway = Number(b.gateway !== undefined) - Number(a.gateway !== undefined);
  if (gateway !== 0) return gateway;
  return a.network.name < b.network.name ? -1 : a.network.name > b.network.name ? 1 : 0;
}
