// The bridge driver: a bridge per network with its address, a veth pair per endpoint, the rules around both, published
// ports. Answers to libnetwork drivers/bridge/bridge.go, setup_device.go and setup_ipv4.go.

import { NetError } from "../base/errno.ts";
import type { Host } from "../host/host.ts";
import type { Rng } from "../sim/rng.ts";
import { cidrsOverlap, formatCidr, formatIpv4, formatMac, type Ipv4Addr, parseIpv4 } from "../wire/addr.ts";
import type { Endpoint } from "./endpoint.ts";
import { badRequest, DaemonError } from "./errors.ts";
import type { Generation } from "./generations/generation.ts";
import { macFromIpv4, type PoolRequest } from "./ipam.ts";
import type { Iptables } from "./iptables.ts";
import {
  addBridge,
  addVethPair,
  conntrackForget,
  deleteLink,
  interfaceComplaint,
  interfaceExists,
  moveIntoSandbox,
  moveOutOfSandbox,
  setUpInSandbox,
} from "./netlink.ts";
import type { BridgeState, Network, NetworkRequest } from "./network.ts";
import type { PortMapper } from "./port-mapper.ts";
import type { Sandbox } from "./sandbox.ts";

const PREFIX = "com.docker.network.bridge.";
/** What the driver understands; others are refused by name. */
const KNOWN_OPTIONS: ReadonlySet<string> = new Set([
  `${PREFIX}name`,
  `${PREFIX}enable_icc`,
  `${PREFIX}enable_ip_masquerade`,
  `${PREFIX}host_binding_ipv4`,
  `${PREFIX}default_bridge`,
  `${PREFIX}inhibit_ipv4`,
  "com.docker.network.driver.mtu",
  "com.docker.network.container_iface_prefix",
]);

const VETH_PREFIX = "veth";
const VETH_RANDOM_DIGITS = 7;

/**
 * Options of a bridge network, read and checked. Throws DaemonError 400.
 * @param reserved the gateway, then the auxiliary addresses
 */
export function bridgeState(
  id: string,
  request: NetworkRequest,
  pool: PoolRequest,
  reserved: readonly Ipv4Addr[],
): BridgeState {
  const { options } = request;
  for (const name of options.keys())
    if (name.startsWith("com.docker.network.") && !KNOWN_OPTIONS.has(name))
      throw badRequest(`vethlab does not support the network option ${name}`);
  const name = options.get(`${PREFIX}name`) ?? `br-${id.slice(0, 12)}`;
  const hostBinding = options.get(`${PREFIX}host_binding_ipv4`) ?? "0.0.0.0";
  if (parseIpv4(hostBinding) === undefined)
    throw badRequest(`failed to parse ${PREFIX}host_binding_ipv4 value: ${hostBinding} (nil ip)`);
  const mtuText = options.get("com.docker.network.driver.mtu");
  const mtu = mtuText === undefined ? 0 : Number(mtuText);
  if (!/^\d*$/.test(mtuText ?? ""))
    throw badRequest(
      `failed to parse com.docker.network.driver.mtu value: ${mtuText} (strconv.Atoi: parsing ${JSON.stringify(mtuText)}: invalid syntax)`,
    );
  const subnet = formatCidr(pool.pool.address, pool.pool.prefix);
  return {
    name,
    mtu,
    hostBinding,
    interfacePrefix: options.get("com.docker.network.container_iface_prefix") ?? "eth",
    pool,
    gateway: reserved[0]!,
    reserved,
    inhibitIpv4: flag(options, `${PREFIX}inhibit_ipv4`, false),
    rules: {
      bridge: name,
      subnet,
      icc: flag(options, `${PREFIX}enable_icc`, true),
      masquerade: flag(options, `${PREFIX}enable_ip_masquerade`, true),
      internal: request.internal,
    },
    made: false,
  };
}

function flag(options: ReadonlyMap<string, string>, name: string, otherwise: boolean): boolean {
  const text = options.get(name);
  if (text === undefined) return otherwise;
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false;
  throw badRequest(
    `failed to parse ${name} value: ${text} (strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax)`,
  );
}

/** Why two networks cannot both be (networkConfiguration.Conflicts); undefined when they can. */
function conflict(a: BridgeState, b: BridgeState): string | undefined {
  if (a.name === b.name) return "networks have same bridge name";
  return cidrsOverlap(a.pool.pool, b.pool.pool) ? "networks have overlapping IPv4" : undefined;
}

export class BridgeDriver {
  readonly #host: Host;
  readonly #generation: Generation;
  readonly #ipt: Iptables;
  readonly #ports: PortMapper;
  readonly #rng: Rng;

  constructor(parts: {
    readonly host: Host;
    readonly generation: Generation;
    readonly ipt: Iptables;
    readonly ports: PortMapper;
    readonly rng: Rng;
  }) {
    this.#host = parts.host;
    this.#generation = parts.generation;
    this.#ipt = parts.ipt;
    this.#ports = parts.ports;
    this.#rng = parts.rng;
  }

  /** Makes the bridge, gives it its address, writes the rules, sets it up. Throws DaemonError. */
  createNetwork(network: Network, others: Iterable<Network>): void {
    const bridge = network.bridge!;
    for (const { id, bridge: other } of others) {
      const why = other ? conflict(bridge, other) : undefined;
      if (other && why !== undefined)
        throw new DaemonError(
          `cannot create network ${network.id} (${bridge.name}): conflicts with network ${id} (${other.name}): ${why}`,
          403,
        );
    }
    const complaint = interfaceComplaint(this.#host.netns, bridge.name);
    if (complaint !== undefined) throw new DaemonError(complaint);
    const { prefix } = bridge.pool.pool;
    bridge.made = addBridge(this.#host.netns, bridge.name, {
      mac: this.#generation.macAddress === "ipv4" ? this.#dockerMac() : this.#randomMac(),
      address: bridge.inhibitIpv4 ? undefined : { address: bridge.gateway, prefix },
      mtu: this.#generation.bridgeTakesMtu ? bridge.mtu : 0,
      writeRules: () => this.#generation.firewall.addNetwork(this.#ipt, bridge.rules),
    });
    this.#generation.firewall.networkAdded(this.#ipt);
  }

  deleteNetwork(network: Network): void {
    const bridge = network.bridge!;
    if (bridge.made) deleteLink(this.#host.netns, bridge.name);
    this.#generation.firewall.removeNetwork(this.#ipt, bridge.rules);
  }

  /** The veth pair of an endpoint whose address is known; the container's end stays outside, or is made inside. */
  createEndpoint(endpoint: Endpoint): void {
    const bridge = endpoint.network.bridge!;
    const hostName = this.#vethName();
    endpoint.sandboxVethName = this.#vethName(hostName);
    const inside = this.#generation.vethPeer === "inside" ? endpoint.sandbox?.netns : undefined;
    if (!endpoint.mac)
      endpoint.setMac(this.#generation.macAddress === "ipv4" ? macFromIpv4(endpoint.address!) : this.#randomMac());
    [endpoint.hostVeth, endpoint.sandboxVeth] = addVethPair(
      this.#host.netns,
      hostName,
      inside ?? this.#host.netns,
      endpoint.sandboxVethName,
      { mtu: bridge.mtu, bridge: bridge.name },
    );
    this.#generation.firewall.addEndpoint(this.#ipt, bridge.rules, formatIpv4(endpoint.address!));
    if (!endpoint.network.internal || this.#generation.internalHasGateway) endpoint.gateway = bridge.gateway;
  }

  deleteEndpoint(endpoint: Endpoint): void {
    if (endpoint.hostVeth) deleteLink(this.#host.netns, endpoint.hostVeth.name);
    endpoint.hostVeth = null;
    endpoint.sandboxVeth = null;
    this.#generation.firewall.removeEndpoint(this.#ipt, endpoint.network.bridge!.rules, formatIpv4(endpoint.address!));
  }

  /** The interface gets into the container's namespace, named, addressed and up. Throws DaemonError. */
  joinSandbox(endpoint: Endpoint, sandbox: Sandbox): void {
    const bridge = endpoint.network.bridge!;
    const netns = sandbox.netns!;
    const name = sandbox.nextInterfaceName(bridge.interfacePrefix);
    const dev = endpoint.sandboxVeth!;
    moveIntoSandbox(dev, netns);
    try {
      setUpInSandbox(netns, dev, {
        name,
        mac: endpoint.mac!,
        address: { address: endpoint.address!, prefix: endpoint.prefix },
      });
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      const outside = endpoint.sandboxVethName;
      throw new DaemonError(
        `failed to add interface ${outside} to sandbox: error setting interface "${outside}" MAC to "${formatMac(endpoint.mac!)}": ${error.message.toLowerCase()}`,
      );
    }
  }

  leaveSandbox(endpoint: Endpoint): void {
    if (endpoint.sandboxVeth) moveOutOfSandbox(endpoint.sandboxVeth, endpoint.sandboxVethName, this.#host.netns);
  }

  /** Ports of the endpoint are published; all or none. Throws DaemonError. */
  programExternalConnectivity(endpoint: Endpoint): void {
    const bridge = endpoint.network.bridge!;
    endpoint.portMappings = this.#ports.mapPorts(endpoint, bridge);
    if (!bridge.rules.icc) this.#link(endpoint, true);
  }

  revokeExternalConnectivity(endpoint: Endpoint): void {
    this.#ports.unmapPorts(endpoint, endpoint.network.bridge!, endpoint.portMappings);
    endpoint.portMappings = [];
    conntrackForget(this.#host.netns, endpoint.address!);
  }

  leave(endpoint: Endpoint): void {
    if (!endpoint.network.bridge!.rules.icc) this.#link(endpoint, false);
  }

  #link(endpoint: Endpoint, enable: boolean): void {
    const { rules } = endpoint.network.bridge!;
    for (const child of endpoint.children) {
      if (child.address === undefined) continue;
      const [parent, address] = [formatIpv4(endpoint.address!), formatIpv4(child.address)];
      this.#generation.firewall.link(this.#ipt, rules, parent, address, child.exposed, enable);
    }
  }

  /** "veth" and seven hex digits, free on the host (netutils GenerateIfaceName). */
  #vethName(other = ""): string {
    for (;;) {
      const name = VETH_PREFIX + this.#rng.hex(VETH_RANDOM_DIGITS);
      if (name !== other && !interfaceExists(this.#host.netns, name)) return name;
    }
  }

  /** 02:42 and four random bytes (netutils GenerateRandomMAC of 20.10). */
  #dockerMac(): Uint8Array {
    return Uint8Array.of(0x02, 0x42, ...this.#rng.bytes(4));
  }

  /** Six random bytes, locally administered unicast. */
  #randomMac(): Uint8Array {
    const mac = this.#rng.bytes(6);
    mac[0] = (mac[0]! & 0xfe) | 0x02;
    return mac;
  }
}
