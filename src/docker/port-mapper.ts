// Publishing ports: a host port from the allocator, the rules of the firewall, and a docker-proxy process that holds the
// port. Answers to libnetwork drivers/bridge/port_mapping.go and portmapper/mapper.go.

import type { Process } from "../posix/process.ts";
import { formatIpv4 } from "../wire/addr.ts";
import type { Endpoint, PortRequest } from "./endpoint.ts";
import { DaemonError } from "./errors.ts";
import type { Firewall } from "./generations/generation.ts";
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

/** Starts a docker-proxy with its sockets open; throws DaemonError when the port is taken by a process. */
export type StartProxy = (mapping: {
  readonly protocol: string;
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerIp: string;
  readonly containerPort: number;
}) => Process;

export class PortMapper {
  readonly #allocator: PortAllocator;
  readonly #firewall: Firewall;
  readonly #ipt: Iptables;
  readonly #startProxy: StartProxy;
  readonly #stopProxy: (proxy: Process) => void;
  readonly #ipv6Listenable: () => boolean;

  constructor(parts: {
    readonly allocator: PortAllocator;
    readonly firewall: Firewall;
    readonly ipt: Iptables;
    readonly startProxy: StartProxy;
    readonly stopProxy: (proxy: Process) => void;
    /** ports are bound on :: as well */
    readonly ipv6Listenable: () => boolean;
  }) {
    this.#allocator = parts.allocator;
    this.#firewall = parts.firewall;
    this.#ipt = parts.ipt;
    this.#startProxy = parts.startProxy;
    this.#stopProxy = parts.stopProxy;
    this.#ipv6Listenable = parts.ipv6Listenable;
  }

  /** Publishes all ports of an endpoint, or none. Throws DaemonError: taken, exhausted. */
  mapPorts(endpoint: Endpoint, bridge: BridgeState): PortMapping[] {
    const done: PortMapping[] = [];
    try {
      for (const request of endpoint.ports) {
        const ipv6 = request.hostIp.includes(":");
        if (!ipv6)
          done.push(this.#map(endpoint, bridge, request, request.hostIp === "" ? bridge.hostBinding : request.hostIp));
        if (!ipv6 && !this.#ipv6Listenable()) continue;
        if (ipv6) done.push(this.#map(endpoint, bridge, request, request.hostIp));
        else if (request.hostIp === "" && bridge.hostBinding === "0.0.0.0")
          done.push(this.#map(endpoint, bridge, request, "::"));
      }
    } catch (error) {
      this.unmapPorts(endpoint, bridge, done);
      throw error;
    }
    return done;
  }

  unmapPorts(endpoint: Endpoint, bridge: BridgeState, mappings: readonly PortMapping[]): void {
    for (const mapping of mappings) {
      if (mapping.proxy) this.#stopProxy(mapping.proxy);
      if (!mapping.hostIp.includes(":"))
        this.#firewall.removePort(this.#ipt, bridge.rules, rulesOf(endpoint, mapping.protocol, mapping.port, mapping));
      this.#allocator.release(mapping.hostIp, mapping.protocol, mapping.hostPort);
    }
  }

  #map(endpoint: Endpoint, bridge: BridgeState, request: PortRequest, hostIp: string): PortMapping {
    const { protocol, port } = request;
    for (let attempt = 1; ; attempt++) {
      const hostPort = this.#allocator.request(hostIp, protocol, request.hostPort, request.hostPortEnd);
      const rules = rulesOf(endpoint, protocol, port, { hostIp, hostPort });
      const ipv6 = hostIp.includes(":");
      if (!ipv6) this.#firewall.addPort(this.#ipt, bridge.rules, rules);
      try {
        const containerIp = formatIpv4(endpoint.address!);
        const proxy = this.#startProxy({ protocol, hostIp, hostPort, containerIp, containerPort: port });
        return { protocol, port, hostIp, hostPort, proxy };
      } catch (error) {
        if (!ipv6) this.#firewall.removePort(this.#ipt, bridge.rules, rules);
        this.#allocator.release(hostIp, protocol, hostPort);
        if (!(error instanceof DaemonError) || request.hostPort !== 0 || attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }
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
