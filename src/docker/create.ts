// Making a container: name, host name, file system, links, the network it will be in. Answers to moby daemon/create.go and
// names.go.

import { shared } from "../base/settings.ts";
import { dirNode, fileNode } from "../posix/vfs.ts";
import { sleep, type Task } from "../sim/task.ts";
import { addBinds } from "./binds.ts";
import { Container, type ContainerRequest } from "./container.ts";
import { validateRequest } from "./container-checks.ts";
import { mainNetworkOf } from "./container-network.ts";
import type { Daemon } from "./daemon.ts";
import { badRequest, conflict, DaemonError, notFound } from "./errors.ts";
import { randomId, randomName, shortId } from "./names.ts";
import { buildRootfs } from "./rootfs.ts";

/** for the many containers without labels, sysctls, published ports: an empty Map costs 180 bytes */
const NONE: ReadonlyMap<string, never> = new Map<string, never>();

/** Containers of which the same is asked share it (900 bytes); one that has a name of its own keeps that apart. */
function sharedRequest(asked: ContainerRequest): ContainerRequest {
  const request: ContainerRequest = {
    ...asked,
    name: "",
    labels: asked.labels.size > 0 ? asked.labels : NONE,
    sysctls: asked.sysctls.size > 0 ? asked.sysctls : NONE,
    portBindings: asked.portBindings.size > 0 ? asked.portBindings : NONE,
  };
  const { labels, sysctls, portBindings, furtherEndpoints } = request;
  const plain = labels === NONE && sysctls === NONE && portBindings === NONE && furtherEndpoints === undefined;
  return plain ? shared(request) : request;
}

/** `docker create`. Throws DaemonError: no such image (404), name taken (409), options that exclude each other (400). */
export function* createContainer(daemon: Daemon, asked: ContainerRequest): Task<Container> {
  const request = sharedRequest({
    ...asked,
    networkMode: byId(daemon, asked.networkMode),
    pidMode: byId(daemon, asked.pidMode),
    ipcMode: byId(daemon, asked.ipcMode),
  });
  yield* sleep(daemon.generation.costs.create);
  const image = daemon.images.find(request.image);
  if (!image)
    throw notFound(`No such image: ${request.image.includes(":") ? request.image : `${request.image}:latest`}`);
  validateRequest(request, daemon.generation.texts);
  validateEndpoint(daemon, request);
  const id = randomId(daemon.rng);
  const name = reserveName(daemon, id, asked.name);
  const { host } = daemon;
  const files = { hosts: fileNode(), resolvConf: fileNode(), hostname: fileNode() };
  const rootfs = buildRootfs(image, host);
  const container = new Container({
    id,
    name,
    named: asked.name !== "",
    request,
    image,
    createdNs: daemon.now(),
    rootfs,
    files,
    graphId: randomId(daemon.rng),
    hostname: hostnameOf(daemon, request, id),
    clock: daemon,
  });
  if (container.argv.length === 0) throw badRequest("No command specified");
  const folder = dirNode(host.kernel.sim.now);
  for (const [path, node] of [
    ["hosts", files.hosts],
    ["resolv.conf", files.resolvConf],
    ["hostname", files.hostname],
  ] as const) {
    rootfs.put(`/etc/${path}`, node);
    folder.children.set(path, node);
  }
  host.root.folder("/var/lib/docker/containers").children.set(id, folder);
  addBinds(daemon, container);
  registerLinks(daemon, container);
  const main = mainNetworkOf(daemon, request.networkMode);
  if (main !== undefined)
    container.networks.set(main, {
      request: request.endpoint,
      networkId: "",
      aliases: request.endpoint.aliases,
      endpoint: null,
    });
  for (const [name, endpoint] of request.furtherEndpoints ?? [])
    container.networks.set(name, { request: endpoint, networkId: "", aliases: endpoint.aliases, endpoint: null });
  daemon.containers.set(id, container);
  return container;
}

/** Newer daemons check the network's settings here; a network that does not exist is no concern yet. */
function validateEndpoint(daemon: Daemon, request: ContainerRequest): void {
  const wrap = daemon.generation.texts.settingsAtCreate;
  const name = wrap && mainNetworkOf(daemon, request.networkMode);
  const network = name !== undefined && daemon.net.named(name);
  if (!network) return;
  try {
    daemon.net.validate(network, request.endpoint);
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error;
    throw badRequest(wrap!(network.name, error.message));
  }
}

/** "container:NAME" names the other one by its id, where it exists. */
function byId(daemon: Daemon, mode: string): string {
  const name = mode.startsWith("container:") ? mode.slice("container:".length) : "";
  if (name === "") return mode;
  try {
    return `container:${daemon.findContainer(name).id}`;
  } catch (error) {
    if (error instanceof DaemonError) return mode;
    throw error;
  }
}

function hostnameOf(daemon: Daemon, request: ContainerRequest, id: string): string {
  if (request.hostname !== "") return request.hostname;
  if (request.networkMode.startsWith("container:")) return "";
  if (request.networkMode === "host") return daemon.host.ns.uts.hostname;
  return shortId(id);
}

export function reserveName(daemon: Daemon, id: string, wished: string): string {
  const taken = (name: string) => [...daemon.containers.values()].find((container) => container.name === name);
  if (wished === "") return randomName(daemon.rng, (name) => taken(name) !== undefined);
  const name = wished.replace(/^\//, "");
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name))
    throw badRequest(`Invalid container name (${wished}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  const other = taken(name);
  if (other && other.id !== id)
    throw conflict(
      `Conflict. The container name "/${name}" is already in use by container "${other.id}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
  return name;
}

/** --link on the default bridge: the other container must exist. */
function registerLinks(daemon: Daemon, container: Container): void {
  for (const link of container.request.links) {
    const [name, alias] = link.split(":") as [string, string | undefined];
    let child: Container;
    try {
      child = daemon.findContainer(name);
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      throw badRequest(`could not get container for ${name}: ${error.message}`);
    }
    if (child.request.networkMode === "host")
      throw badRequest(
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
      );
    container.links.set(alias ?? name.replace(/^\//, ""), child);
  }
}
