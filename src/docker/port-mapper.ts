// Publishing ports: a host port from the allocator, the rules of the firewall, and a docker-proxy process that holds the
// port. Answers to libnetwork drivers/bridge/port_mapping.go and portmapper/mapper.go.

import type { Process } from "../posix/process.ts";
import { formatIpv4, parseIpv4 } from "../wire/addr.ts";
import type { Endpoint, PortRequest } from "./endpoint.ts";
import { DaemonError } from "./errors.ts";
import type { Firewall, Generation, ProxyMapping } from "./generations/generation.ts";
import type { Iptables } from "./iptables.ts";
import type { BridgeState } from "./network.ts";
import type { PortAllocator } from "./port-allocator.ts";

/** Where moby gives up to find a free port that a process could bind. */
const MAX_ATTEMPTS = 10;

/** A published port as it is. */
export interface PortMapping {
  readonly protocol: string;
  readonly port: number;
  /** "0.0.0.0", "::" … */
  readonly hostIp: string;
  readonly hostPort: number;
  /** undefined for a mapping whose proxy has ended */
  readonly proxy: Process | undefined;
}

/** Starts docker-proxies with their sockets open, all or none; throws DaemonError when a process has a port. */
export type StartProxies = (mappings: readonly ProxyMapping[]) => Process[];

export class PortMapper {
  readonly #allocator: PortAllocator;
  readonly #firewall: Firewall;
  readonly #how: Generation["portMapping"];
  readonly #ipt: Iptables;
  readonly #startProxies: StartProxies;
  readonly #stopProxy: (proxy: Process) => void;
  readonly #ipv6Listenable: () => boolean;

  constructor(parts: {
    readonly allocator: PortAllocator;
    readonly firewall: Firewall;
    readonly how: Generation["portMapping"];
    readonly ipt: Iptables;
    readonly startProxies: StartProxies;
    readonly stopProxy: (proxy: Process) => void;
    /** ports are bound on :: as well */
    readonly ipv6Listenable: () => boolean;
  }) {
    this.#allocator = parts.allocator;
    this.#firewall = parts.firewall;
    this.#how = parts.how;
    this.#ipt = parts.ipt;
    this.#startProxies = parts.startProxies;
    this.#stopProxy = parts.stopProxy;
    this.#ipv6Listenable = parts.ipv6Listenable;
  }

  /** Publishes all ports of an endpoint, or none. Throws DaemonError: taken, exhausted. */
  mapPorts(endpoint: Endpoint, bridge: BridgeState): PortMapping[] {
    const done: PortMapping[] = [];
    try {
      for (const { request, addresses } of this.#groups(endpoint.ports, bridge))
        done.push(...this.#map(endpoint, bridge, request, addresses));
    } catch (error) {
      this.unmapPorts(endpoint, bridge, done);
      throw error;
    }
    return done;
  }

  /** What gets one host port each: single addresses, or all addresses of requests that differ in nothing else. */
  #groups(requests: readonly PortRequest[], bridge: BridgeState): Group[] {
    if (this.#how === "single")
      return requests.flatMap((request) =>
        this.#hostAddresses(request, bridge).map((address) => ({ request, addresses: [address] })),
      );
    const groups: Group[] = [];
    for (const request of [...requests].sort(comparePortRequests)) {
      const last = groups.at(-1);
      const addresses = this.#hostAddresses(request, bridge);
      if (last && samePort(last.request, request)) last.addresses.push(...addresses);
      else groups.push({ request, addresses });
    }
    return groups.filter(({ addresses }) => addresses.length > 0);
  }

  #hostAddresses({ hostIp }: PortRequest, { hostBinding }: BridgeState): string[] {
    // an IPv6 address that somebody named is tried in any case, where each gets a port of its own
    if (hostIp.includes(":")) return this.#how === "single" || this.#ipv6Listenable() ? [hostIp] : [];
    if (hostIp !== "") return [hostIp];
    return hostBinding === "0.0.0.0" && this.#ipv6Listenable() ? [hostBinding, "::"] : [hostBinding];
  }

  unmapPorts(endpoint: Endpoint, bridge: BridgeState, mappings: readonly PortMapping[]): void {
    for (const mapping of mappings) {
      if (mapping.proxy) this.#stopProxy(mapping.proxy);
      if (!mapping.hostIp.includes(":"))
        this.#firewall.removePort(this.#ipt, bridge.rules, rulesOf(endpoint, mapping.protocol, mapping.port, mapping));
      this.#allocator.release(mapping.hostIp, mapping.protocol, mapping.hostPort);
    }
  }

  #map(endpoint: Endpoint, bridge: BridgeState, request: PortRequest, addresses: readonly string[]): PortMapping[] {
    const { protocol, port } = request;
    const containerIp = formatIpv4(endpoint.address!);
    const { hostPort: first, hostPortEnd: last } = request;
    for (let attempt = 1; ; attempt++) {
      const hostPort = this.#allocator.request(addresses, protocol, first, last, this.#how === "grouped");
      const done: PortMapping[] = addresses.map((hostIp) => ({ protocol, port, hostIp, hostPort, proxy: undefined }));
      for (const mapping of done)
        if (!mapping.hostIp.includes(":"))
          this.#firewall.addPort(this.#ipt, bridge.rules, rulesOf(endpoint, protocol, port, mapping));
      try {
        const proxies = this.#startProxies(
          addresses.map((hostIp) => ({ protocol, hostIp, hostPort, containerIp, containerPort: port })),
        );
        return done.map((mapping, i) => ({ ...mapping, proxy: proxies[i] }));
      } catch (error) {
        this.unmapPorts(endpoint, bridge, done);
        const explicit = this.#how === "grouped" ? first !== 0 && first === last : first !== 0;
        if (!(error instanceof DaemonError) || explicit || attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }
}

/** Requests that get the same host port. */
interface Group {
  readonly request: PortRequest;
  readonly addresses: string[];
}

function samePort(a: PortRequest, b: PortRequest): boolean {
  return a.port === b.port && a.protocol === b.protocol && a.hostPort === b.hostPort && a.hostPortEnd === b.hostPortEnd;
}

const PROTOCOLS = ["tcp", "udp", "sctp"];

/** Exact host ports before ranges, then by container port, protocol, host port and host address (cmpPortBinding). */
function comparePortRequests(a: PortRequest, b: PortRequest): number {
  const isRange = ({ hostPort, hostPortEnd }: PortRequest) => Number(hostPort === 0 || hostPort !== hostPortEnd);
  return (
    isRange(a) - isRange(b) ||
    a.port - b.port ||
    PROTOCOLS.indexOf(a.protocol) - PROTOCOLS.indexOf(b.protocol) ||
    a.hostPort - b.hostPort ||
    a.hostPortEnd - b.hostPortEnd ||
    addressRank(a.hostIp) - addressRank(b.hostIp)
  );
}

/** No address, then IPv4 by number, then IPv6. */
function addressRank(address: string): number {
  return address === "" ? -1 : (parseIpv4(address) ?? Number.POSITIVE_INFINITY);
}

function rulesOf(endpoint: Endpoint, protocol: string, port: number, host: { hostIp: string; hostPort: number }) {
  return {
    protocol,
    hostAddress: host.hostIp,
    hostPort: host.hostPort,
    containerAddress: formatIpv4(endpoint.address!),
    containerPort: port,
  };
}
