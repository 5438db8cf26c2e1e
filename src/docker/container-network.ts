// A container and its networks: what it is in when it starts, connect and disconnect while it runs. Answers to moby
// daemon/container_operations.go.

import { shared } from "../base/settings.ts";
import type { NetNamespace } from "../net/netns.ts";
import { formatIpv4 } from "../wire/addr.ts";
import type { Container, EndpointRequest, NetworkAttachment } from "./container.ts";
import { readHostFile } from "./container-world.ts";
import type { Daemon } from "./daemon.ts";
import { badRequest, conflict, DaemonError } from "./errors.ts";
import { type HostsRecord, updatedHosts } from "./files.ts";
import { randomId } from "./names.ts";
import { readFileNode, writeFileNode } from "./netlink.ts";
import { isUserDefined, type Network } from "./network.ts";
import { Sandbox } from "./sandbox.ts";

const NONE_CONFLICT =
  "container cannot be connected to multiple networks with one of the networks in private (none) mode";
const SHARED_CONFLICT =
  "container sharing network namespace with another container or host cannot be connected to any other network";

/** The name of the network that a mode means; undefined for another container's. Unknown names stay as they are. */
export function mainNetworkOf(daemon: Daemon, mode: string): string | undefined {
  if (mode.startsWith("container:")) return undefined;
  if (mode === "default" || mode === "") return "bridge";
  try {
    return daemon.net.find(mode).name;
  } catch (error) {
    if (error instanceof DaemonError) return mode;
    throw error;
  }
}

function sharedContainer(daemon: Daemon, term: string): Container {
  try {
    return daemon.findContainer(term);
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error;
    throw new DaemonError(daemon.generation.texts.joiningNetwork(error.message), error.status);
  }
}

/** The running container whose network another one shares; undefined when it has its own. Throws DaemonError. */
export function networkedContainer(daemon: Daemon, container: Container): Container | undefined {
  const mode = container.request.networkMode;
  if (!mode.startsWith("container:")) return undefined;
  const other = sharedContainer(daemon, mode.slice("container:".length));
  if (other === container) throw new DaemonError("cannot join own network");
  if (!other.running) throw conflict(`cannot join network of a non running container: ${other.id}`);
  return other;
}

/**
 * Endpoints of all the container's networks, the default bridge first, and the sandbox around them. Throws DaemonError.
 * @param netns makes the namespace before the endpoints, for those who put interfaces into it at once
 */
export function allocateNetwork(
  daemon: Daemon,
  container: Container,
  netns: (() => NetNamespace) | undefined,
): Sandbox {
  const byName = daemon.generation.createsAllEndpoints;
  const attachments = [...container.networks].sort(([a], [b]) =>
    byName ? Number(a > b) - Number(a < b) : Number(b === "bridge") - Number(a === "bridge"),
  );
  const useHost = container.request.networkMode === "host";
  let sandbox: Sandbox | null = null;
  for (const [name, attachment] of attachments) {
    const network = wrapSetup(daemon, () => daemon.net.find(name));
    prepareAttachment(daemon, container, network, attachment);
    const place: Sandbox = sandbox ?? wrapSetup(daemon, () => makeSandbox(daemon, container, useHost));
    if (!sandbox && netns && !useHost) place.netns = netns();
    sandbox = place;
    wrapSetup(daemon, () => connect(daemon, container, place, network, attachment));
  }
  updateParents(daemon, container);
  sandbox ??= makeSandbox(daemon, container, useHost);
  if (netns && !useHost) sandbox.netns ??= netns();
  return sandbox;
}

function wrapSetup<T>(daemon: Daemon, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error;
    throw new DaemonError(daemon.generation.texts.networkSetup(error.message), error.status, error.exitCode);
  }
}

function makeSandbox(daemon: Daemon, container: Container, useHost: boolean): Sandbox {
  const sandbox = new Sandbox(
    randomId(daemon.rng),
    container.id,
    daemon.generation,
    {
      hostname: container.hostname,
      domain: container.domain,
      extraHosts: shared([...extraHosts(daemon, container), ...linkHosts(container)]),
      dns: container.request.dns,
      useHost,
      hostHosts: readHostFile(daemon, "/etc/hosts"),
      hostResolvConf: readHostFile(daemon, "/etc/resolv.conf"),
    },
    container.files,
  );
  container.sandbox = sandbox;
  container.sandboxId = sandbox.id;
  return sandbox;
}

/** --add-host; host-gateway is docker0's address. */
function extraHosts(daemon: Daemon, container: Container): HostsRecord[] {
  return container.request.extraHosts.map((entry) => {
    const at = entry.indexOf(":");
    const address = entry.slice(at + 1);
    const gateway = daemon.net.find("bridge").bridge!.gateway;
    return { hosts: entry.slice(0, at), ip: address === "host-gateway" ? formatIpv4(gateway) : address };
  });
}

/** Linked containers of the default bridge: alias, host name, name. Throws DaemonError. */
function linkHosts(container: Container): HostsRecord[] {
  const records: HostsRecord[] = [];
  if (!container.networks.has("bridge")) return records;
  for (const [alias, child] of container.links) {
    const bridge = child.networks.get("bridge");
    if (!bridge) throw new DaemonError(`Cannot link to /${child.name}, as it does not belong to the default network`);
    const address = bridge.endpoint?.address;
    if (address === undefined) continue;
    const names = [alias, child.hostname, ...(alias === child.name ? [] : [child.name])];
    records.push({ hosts: names.join(" "), ip: formatIpv4(address) });
  }
  return records;
}

/** Running containers that link to this one find it at its new address (sandbox_dns_unix.go updateParentHosts). */
function updateParents(daemon: Daemon, container: Container): void {
  const address = container.networks.get("bridge")?.endpoint?.address;
  if (address === undefined) return;
  for (const parent of daemon.containers.values()) {
    if (!parent.sandbox) continue;
    for (const [alias, child] of parent.links)
      if (child === container) {
        const { hosts } = parent.sandbox;
        writeFileNode(hosts, updatedHosts(readFileNode(hosts), formatIpv4(address), alias));
      }
  }
}

/** Names that the daemon adds, and what the network refuses (updateNetworkConfig). Throws DaemonError. */
function prepareAttachment(
  daemon: Daemon,
  container: Container,
  network: Network,
  attachment: NetworkAttachment,
): void {
  const { request } = attachment;
  if (network.userDefined) {
    const names = [container.shortId, container.hostname];
    attachment.aliases = [...new Set([...request.aliases, ...names])];
  }
  daemon.net.validate(network, request);
}

/** An endpoint in a network, joined to the sandbox. Throws DaemonError; then there is none. */
function connect(
  daemon: Daemon,
  container: Container,
  sandbox: Sandbox,
  network: Network,
  attachment: NetworkAttachment,
): void {
  const endpoint = daemon.net.createEndpoint(container, network, attachment, sandbox);
  for (const child of container.links.values()) {
    const other = child.networks.get(network.name)?.endpoint;
    if (other) endpoint.children = [...endpoint.children, other];
  }
  try {
    daemon.net.join(sandbox, endpoint);
  } catch (error) {
    attachment.endpoint = null;
    daemon.net.deleteEndpoint(endpoint);
    throw error;
  }
}

/** The container has ended: its sandbox goes. */
export function releaseNetwork(daemon: Daemon, container: Container): void {
  const { sandbox } = container;
  if (!sandbox) return;
  daemon.net.destroySandbox(sandbox);
  for (const attachment of container.networks.values()) attachment.endpoint = null;
  container.sandbox = null;
}

/** `docker network connect`. Throws DaemonError. */
export function connectContainer(daemon: Daemon, container: Container, term: string, request: EndpointRequest): void {
  const network = daemon.net.find(term);
  if (container.request.networkMode.startsWith("container:")) throw badRequest(SHARED_CONFLICT);
  const existing = container.networks.get(network.name);
  if (!existing) checkCombination(daemon, container, network);
  const attachment = (container.running ? existing : undefined) ?? {
    request,
    networkId: network.id,
    aliases: request.aliases,
    endpoint: null,
  };
  if (container.running && existing?.endpoint)
    throw new DaemonError(`endpoint with name ${container.name} already exists in network ${network.name}`, 403);
  prepareAttachment(daemon, container, network, attachment);
  if (container.running) connect(daemon, container, container.sandbox!, network, attachment);
  container.networks.set(network.name, attachment);
}

function checkCombination(daemon: Daemon, container: Container, network: Network): void {
  if (container.request.networkMode !== "host" && network.driver === "host")
    throw badRequest(daemon.generation.texts.hostConflict.connect);
  for (const name of container.networks.keys()) {
    if (name === "host" || network.name === "host") throw badRequest(SHARED_CONFLICT);
    if (name === "none" || network.name === "none") throw badRequest(NONE_CONFLICT);
  }
}

/** `docker network disconnect`. Throws DaemonError. */
export function disconnectContainer(daemon: Daemon, container: Container, term: string, force: boolean): void {
  let network: Network | undefined;
  try {
    network = daemon.net.find(term);
  } catch (error) {
    if (!(error instanceof DaemonError) || (container.running && !force)) throw error;
  }
  const name = network?.name ?? term;
  const attachment = container.networks.get(name);
  if (!container.running || !network) {
    if (!attachment) throw new DaemonError(`container ${container.id} is not connected to the network ${name}`);
    container.networks.delete(name);
    return;
  }
  if (container.request.networkMode === "host" && network.driver === "host")
    throw badRequest(daemon.generation.texts.hostConflict.disconnect);
  const endpoint = attachment?.endpoint;
  if (!endpoint || !container.sandbox)
    throw new DaemonError(`container ${container.id} is not connected to network ${network.name}`);
  daemon.net.leave(container.sandbox, endpoint, false);
  daemon.net.deleteEndpoint(endpoint);
  container.networks.delete(name);
}

/** `docker rename` of a running container: its endpoints answer to the new name. */
export function renameEndpoints(container: Container): void {
  for (const { endpoint } of container.networks.values()) {
    if (!endpoint) continue;
    endpoint.network.deleteServiceRecords(endpoint);
    endpoint.name = container.name;
    if (isUserDefined(endpoint.network.name)) endpoint.anonymous = false;
    endpoint.network.addServiceRecords(endpoint);
  }
}
