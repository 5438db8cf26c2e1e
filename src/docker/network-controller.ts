// Networks and the containers in them: creating and removing networks, giving containers endpoints and sandboxes, moving
// the default route and the published ports when endpoints come and go. Answers to libnetwork controller.go, endpoint.go
// (sbJoin, sbLeave) and moby daemon/container_operations.go.

import type { Host } from "../host/host.ts";
import type { NetNamespace } from "../net/netns.ts";
import type { Process } from "../posix/process.ts";
import type { Rng } from "../sim/rng.ts";
import { formatCidr, formatIpv4, type Ipv4Addr, inNetwork, parseCidr, parseIpv4, parseMac } from "../wire/addr.ts";
import { BridgeDriver, bridgeState } from "./bridge-driver.ts";
import type { Container, EndpointRequest, NetworkAttachment } from "./container.ts";
import { exposedPorts, portRequests } from "./container-ports.ts";
import { EmbeddedDns } from "./embedded-dns.ts";
import { Endpoint } from "./endpoint.ts";
import { badRequest, DaemonError, forbidden, notFound } from "./errors.ts";
import type { Generation } from "./generations/generation.ts";
import { Ipam, type PoolRequest, wishedAddress } from "./ipam.ts";
import { Iptables, type RunIptables } from "./iptables.ts";
import { randomId, shortId } from "./names.ts";
import { announce, ephemeralPorts, overlapsRoutes } from "./netlink.ts";
import { type IpamConfig, isUserDefined, Network, type NetworkRequest } from "./network.ts";
import { PortAllocator } from "./port-allocator.ts";
import { PortMapper, type StartProxies } from "./port-mapper.ts";
import type { Sandbox } from "./sandbox.ts";

/** Drivers that libnetwork has and vethlab has not. */
const NO_LINKS: ReadonlyMap<string, string> = new Map();

const ABSENT_DRIVERS: ReadonlySet<string> = new Set(["overlay", "macvlan", "ipvlan"]);

export interface ControllerParts {
  readonly host: Host;
  readonly generation: Generation;
  readonly rng: Rng;
  readonly dockerd: Process;
  readonly now: () => bigint;
  /** runs iptables in a namespace */
  readonly iptablesIn: (netns: NetNamespace) => RunIptables;
  readonly startProxies: StartProxies;
  readonly stopProxy: (proxy: Process) => void;
  readonly ipv6Listenable: () => boolean;
}

export class NetworkController {
  /** by id */
  readonly networks: Map<string, Network> = new Map();
  readonly ipt: Iptables;
  readonly #parts: ControllerParts;
  readonly #ipam: Ipam;
  readonly #driver: BridgeDriver;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    const { host, generation, rng } = parts;
    this.ipt = new Iptables(parts.iptablesIn(host.netns));
    this.#ipam = new Ipam(generation.texts.ipam);
    const ports = new PortMapper({
      allocator: new PortAllocator(() => ephemeralPorts(host.netns)),
      firewall: generation.firewall,
      how: generation.portMapping,
      ipt: this.ipt,
      startProxies: parts.startProxies,
      stopProxy: parts.stopProxy,
      ipv6Listenable: parts.ipv6Listenable,
    });
    this.#driver = new BridgeDriver({ host, generation, ipt: this.ipt, ports, rng: rng.fork("bridge") });
  }

  /** By id, name or the beginning of an id. Throws DaemonError 404, 400 when it is ambiguous. */
  find(term: string): Network {
    const all = [...this.networks.values()];
    const byId = all.find((network) => network.id === term);
    if (byId) return byId;
    const byName = all.find((network) => network.name === term);
    if (byName) return byName;
    const partial = term === "" ? [] : all.filter((network) => network.id.startsWith(term));
    if (partial.length > 1)
      throw badRequest(`network ${term} is ambiguous (${partial.length} matches found based on ID prefix)`);
    if (!partial[0]) throw notFound(`network ${term} not found`);
    return partial[0];
  }

  /** The network of exactly this name. */
  named(name: string): Network | undefined {
    return [...this.networks.values()].find((network) => network.name === name);
  }

  /** Makes a network. Throws DaemonError: name, pool, gateway, bridge taken or wrong, driver not there. */
  create(request: NetworkRequest): Network {
    const unnamed = this.#parts.generation.texts.unnamedNetwork;
    if (request.name === "" && unnamed !== undefined) throw badRequest(unnamed);
    // no name means the default network
    if (request.name === "" || this.named(request.name))
      throw new DaemonError(`network with name ${request.name} already exists`, 409);
    const id = randomId(this.#parts.rng);
    if (request.driver !== "bridge") {
      if (request.driver === "host" || request.driver === "null") {
        if ([...this.networks.values()].some((network) => network.driver === request.driver))
          throw forbidden(`only one instance of "${request.driver}" network is allowed`);
      } else if (ABSENT_DRIVERS.has(request.driver))
        throw badRequest(`vethlab does not support the network driver ${request.driver}`);
      else throw notFound(this.#parts.generation.texts.pluginNotFound(request.driver));
      return this.#add(new Network(id, request, [], this.#parts.now()));
    }
    return this.#createBridge(id, request);
  }

  #createBridge(id: string, request: NetworkRequest): Network {
    if (request.ipv6) throw badRequest("vethlab does not support IPv6 networks");
    if (request.ipamDriver !== "default")
      throw notFound(this.#parts.generation.texts.pluginNotFound(request.ipamDriver));
    const problem = this.#parts.generation.texts.ipamProblem(request.ipam.filter(({ subnet }) => subnet !== ""));
    if (problem !== undefined) throw badRequest(problem);
    const leases: Lease[] = [];
    try {
      for (const config of request.ipam.length > 0 ? request.ipam : [undefined]) this.#lease(config, leases);
      if (leases.length > 1) throw forbidden("bridge driver doesn't support multiple subnets");
      const { pool, addresses } = leases[0]!;
      const gateway = addresses[0]!;
      const shown: IpamConfig = request.ipam[0] ?? {
        subnet: formatCidr(pool.pool.address, pool.pool.prefix),
        ipRange: "",
        gateway: formatIpv4(gateway),
        auxAddresses: new Map(),
      };
      const network = new Network(id, request, [shown], this.#parts.now());
      network.bridge = bridgeState(id, request, pool, addresses);
      this.#driver.createNetwork(network, this.networks.values());
      return this.#add(network);
    } catch (error) {
      for (const { pool, addresses } of leases) this.#release(pool, addresses);
      throw error;
    }
  }

  /** Adds a pool to `leases`, then its gateway and the addresses that users keep for themselves. Throws DaemonError. */
  #lease(config: IpamConfig | undefined, leases: Lease[]): void {
    const pool = this.#ipam.requestPool(config?.subnet ?? "", config?.ipRange ?? "", (candidate) =>
      overlapsRoutes(this.#parts.host.netns, candidate),
    );
    const addresses: Ipv4Addr[] = [];
    leases.push({ pool, addresses });
    addresses.push(this.#requestGateway(pool, config));
    for (const [name, text] of config?.auxAddresses ?? []) addresses.push(this.#requestAuxiliary(pool, name, text));
  }

  #release(pool: PoolRequest, addresses: readonly Ipv4Addr[]): void {
    for (const address of addresses) this.#ipam.releaseAddress(pool, address);
    this.#ipam.releasePool(pool);
  }

  #add(network: Network): Network {
    this.networks.set(network.id, network);
    return network;
  }

  #requestGateway(pool: PoolRequest, config: IpamConfig | undefined): Ipv4Addr {
    const text = config?.gateway ?? "";
    const wished = parseIpv4(text);
    if (text !== "" && wished === undefined) throw badRequest(`invalid gateway address: ${text}`);
    try {
      return this.#ipam.requestAddress(pool, wished);
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      throw new DaemonError(`failed to allocate gateway (${text}): ${error.message}`);
    }
  }

  #requestAuxiliary(pool: PoolRequest, name: string, text: string): Ipv4Addr {
    const address = parseIpv4(text);
    if (address === undefined)
      throw badRequest(`non parsable secondary ip address (${name}:${text}) passed for network`);
    const { pool: subnet } = pool;
    if (!inNetwork(address, subnet.address, subnet.prefix))
      throw forbidden(
        `auxiliary address: (${name}:${text}) must belong to the master pool: ${formatCidr(subnet.address, subnet.prefix)}`,
      );
    try {
      return this.#ipam.requestAddress(pool, address);
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      throw new DaemonError(`failed to allocate secondary ip address (${name}:${text}): ${error.message}`);
    }
  }

  /** Takes a network away. Throws DaemonError 403 while it has members. */
  remove(network: Network): void {
    if (network.endpoints.size > 0) {
      const members = [...network.endpoints.values()].map(({ name, id }) => ({ name, id: shortId(id) }));
      throw forbidden(this.#parts.generation.texts.activeEndpoints(network.name, network.id, members));
    }
    if (network.bridge) {
      this.#release(network.bridge.pool, network.bridge.reserved);
      this.#driver.deleteNetwork(network);
    }
    this.networks.delete(network.id);
  }

  /** Refuses what a network cannot give (validateNetworkingConfig). Throws DaemonError 400. */
  validate(network: Network, request: EndpointRequest): void {
    const config = network.ipam[0];
    const subnet = network.request.ipam[0]?.subnet ?? "";
    const address = parseIpv4(request.ip);
    const cidr = parseCidr(config?.subnet ?? "");
    const complaint = this.#parts.generation.texts.endpointSettings({
      network: network.name,
      userDefined: network.userDefined,
      ip: address === undefined && !network.userDefined ? "" : request.ip,
      aliases: request.aliases,
      staticSubnet: subnet !== "",
      contains: address !== undefined && cidr !== undefined && inNetwork(address, cidr.address, cidr.prefix),
    });
    if (complaint !== undefined) throw badRequest(complaint);
  }

  /** An endpoint of a container in a network: address, MAC, veth pair, names. Throws DaemonError. */
  createEndpoint(container: Container, network: Network, attachment: NetworkAttachment, sandbox: Sandbox): Endpoint {
    const { request } = attachment;
    const links =
      request.links.length === 0
        ? NO_LINKS
        : new Map(request.links.map((link) => [link.split(":")[1] ?? link, link.split(":")[0]!]));
    const endpoint = new Endpoint(randomId(this.#parts.rng), network, {
      name: container.name,
      anonymous: !container.named || network.name === "bridge",
      aliases: attachment.aliases,
      links,
      needsResolver: isUserDefined(network.name),
      ports: portRequests(container),
      exposed: exposedPorts(container),
    });
    for (const other of network.endpoints.values())
      if (other.name === endpoint.name)
        throw forbidden(`endpoint with name ${endpoint.name} already exists in network ${network.name}`);
    if (network.bridge) this.#addressEndpoint(container, endpoint, attachment, sandbox);
    network.endpoints.set(endpoint.id, endpoint);
    attachment.endpoint = endpoint;
    attachment.networkId = network.id;
    network.addServiceRecords(endpoint);
    return endpoint;
  }

  #addressEndpoint(container: Container, endpoint: Endpoint, { request }: NetworkAttachment, sandbox: Sandbox): void {
    const { network } = endpoint;
    const { pool } = network.bridge!;
    const wished = request.ip === "" ? undefined : wishedAddress(request.ip);
    if (wished !== undefined && !inNetwork(wished, pool.pool.address, pool.pool.prefix))
      throw badRequest(`Invalid address ${request.ip}: It does not belong to any of this network's subnets`);
    try {
      endpoint.address = this.#ipam.requestAddress(pool, wished);
    } catch (error) {
      if (!(error instanceof DaemonError) || wished !== undefined) throw error;
      throw new DaemonError(
        `no available IPv4 addresses on this network's address pools: ${network.name} (${network.id})`,
      );
    }
    endpoint.prefix = pool.pool.prefix;
    const mac =
      request.mac !== "" ? request.mac : isMainNetwork(container, network) ? container.request.macAddress : "";
    if (mac !== "") endpoint.setMac(parseMac(mac));
    endpoint.sandbox = sandbox;
    try {
      this.#driver.createEndpoint(endpoint);
    } catch (error) {
      this.#ipam.releaseAddress(pool, endpoint.address);
      throw error;
    } finally {
      endpoint.sandbox = null;
    }
  }

  deleteEndpoint(endpoint: Endpoint): void {
    const { network } = endpoint;
    network.deleteServiceRecords(endpoint);
    network.endpoints.delete(endpoint.id);
    if (!network.bridge) return;
    this.#driver.deleteEndpoint(endpoint);
    if (endpoint.address !== undefined) this.#ipam.releaseAddress(network.bridge.pool, endpoint.address);
  }

  /** An endpoint joins its container's sandbox (sbJoin): files, interface, default route, published ports. */
  join(sandbox: Sandbox, endpoint: Endpoint): void {
    if (endpoint.address !== undefined) sandbox.addOwnHost(endpoint.address);
    const before = sandbox.gatewayEndpoint;
    sandbox.addEndpoint(endpoint);
    try {
      this.populate(sandbox, endpoint);
      const after = sandbox.gatewayEndpoint;
      if (after === before) return;
      if (before) this.#driver.revokeExternalConnectivity(before);
      if (after && !endpoint.network.internal) this.#program(after);
    } catch (error) {
      sandbox.removeEndpoint(endpoint);
      throw error;
    }
  }

  #program(endpoint: Endpoint): void {
    try {
      this.#driver.programExternalConnectivity(endpoint);
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      throw new DaemonError(
        `driver failed programming external connectivity on endpoint ${endpoint.name} (${endpoint.id}): ${error.message}`,
      );
    }
  }

  /** What of an endpoint needs the container's namespace: DNS server, interface, default route. */
  populate(sandbox: Sandbox, endpoint: Endpoint): void {
    const { netns } = sandbox;
    if (!netns || sandbox.options.useHost) return;
    if (endpoint.needsResolver && !sandbox.resolver) this.#startResolver(sandbox, netns);
    if (endpoint.sandboxVeth) {
      this.#driver.joinSandbox(endpoint, sandbox);
      this.#announce(endpoint, netns);
    }
    sandbox.updateGateway();
  }

  #startResolver(sandbox: Sandbox, netns: NetNamespace): void {
    sandbox.useEmbeddedDns();
    const { dockerd, host, rng } = this.#parts;
    const ipt = new Iptables(this.#parts.iptablesIn(netns));
    sandbox.resolver = new EmbeddedDns({
      dockerd,
      hostNetns: host.netns,
      netns,
      backend: sandbox,
      habits: sandbox.generation.resolver,
      ipt,
      rng: rng.fork(`dns/${sandbox.id}`),
    });
    this.ipt.addCost(ipt.takeCost());
  }

  /** Gratuitous ARPs of newer generations, one at once and more at their interval. */
  #announce(endpoint: Endpoint, netns: NetNamespace): void {
    const { count, intervalMs } = this.#parts.generation.gratuitousArp;
    const dev = endpoint.sandboxVeth!;
    const { address } = endpoint;
    for (let i = 0; i < count; i++) {
      const send = (): void => {
        if (endpoint.sandboxVeth === dev) announce(netns, dev, address!);
      };
      this.#parts.host.kernel.sim.after(i * intervalMs * 1_000_000, send);
    }
  }

  /** An endpoint leaves (sbLeave); the next in order takes over default route and ports unless the sandbox goes too. */
  leave(sandbox: Sandbox, endpoint: Endpoint, destroying: boolean): void {
    const wasGateway = sandbox.gatewayEndpoint === endpoint;
    if (endpoint.network.bridge) {
      if (wasGateway) this.#driver.revokeExternalConnectivity(endpoint);
      this.#driver.leave(endpoint);
    }
    if (sandbox.netns && !sandbox.options.useHost) this.#driver.leaveSandbox(endpoint);
    sandbox.forgetGateway(endpoint);
    sandbox.removeEndpoint(endpoint);
    const names = endpoint.network.serviceNames().filter((name) => name.split(".")[0] !== endpoint.name);
    if (endpoint.network.bridge) sandbox.removeHosts(names);
    if (destroying) return;
    sandbox.updateGateway();
    const next = sandbox.gatewayEndpoint;
    if (wasGateway && next && !next.network.internal) this.#program(next);
  }

  /** The container is gone: every endpoint leaves and is deleted, the DNS server stops, the namespace ends. */
  destroySandbox(sandbox: Sandbox): void {
    for (const endpoint of [...sandbox.endpoints]) {
      this.leave(sandbox, endpoint, true);
      this.deleteEndpoint(endpoint);
    }
    sandbox.resolver?.stop();
    sandbox.resolver = null;
    if (sandbox.netns && !sandbox.options.useHost) this.#parts.host.releaseNetNamespace(sandbox.netns);
    sandbox.netns = null;
  }
}

/** What one subnet of a network took from the pools so far. */
interface Lease {
  readonly pool: PoolRequest;
  /** the gateway, then the auxiliary addresses */
  readonly addresses: Ipv4Addr[];
}

/** The network that `docker run --network` named. */
function isMainNetwork(container: Container, network: Network): boolean {
  const mode = container.request.networkMode;
  return (
    mode === network.name ||
    mode === network.id ||
    ((mode === "default" || mode === "bridge") && network.name === "bridge")
  );
}
