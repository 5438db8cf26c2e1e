// What a project is in Docker: its networks and containers by name and label, made, started, stopped and removed in the
// order of their dependencies. Answers to docker/compose pkg/compose (create.go, start.go, down.go).

import { sleep, type Task } from "../../sim/task.ts";
import { pullImage } from "../cli/pull.ts";
import type { Container, ContainerRequest, EndpointRequest } from "../container.ts";
import { connectContainer } from "../container-network.ts";
import { createContainer } from "../create.ts";
import type { Daemon } from "../daemon.ts";
import { DaemonError } from "../errors.ts";
import { removeContainer, stopContainer } from "../lifecycle.ts";
import { startContainer } from "../start.ts";
import { ComposeError, type Project, type ProjectNetwork, type Service, type ServiceNetwork } from "./model.ts";

const LABEL = "com.docker.compose.";

/** Tells one step: " Container demo-web-1  Started". */
export type Progress = (what: string, state: string) => Task<void>;

export class Deployment {
  readonly daemon: Daemon;
  readonly project: Project;
  readonly #progress: Progress;

  constructor(daemon: Daemon, project: Project, progress: Progress) {
    this.daemon = daemon;
    this.project = project;
    this.#progress = progress;
  }

  /** The containers of the project, or of one service, by service and number. */
  containers(service?: string): Container[] {
    return [...this.daemon.containers.values()]
      .filter(({ request: { labels } }) => labels.get(`${LABEL}project`) === this.project.name)
      .filter((container) => service === undefined || serviceOf(container) === service)
      .sort((a, b) => (serviceOf(a) < serviceOf(b) ? -1 : serviceOf(a) > serviceOf(b) ? 1 : numberOf(a) - numberOf(b)));
  }

  /** Services in the order in which they may start; only `wanted` and what they need. Throws ComposeError for a circle. */
  ordered(wanted: readonly string[]): Service[] {
    const out: Service[] = [];
    const open = new Set<string>();
    const visit = (name: string, path: readonly string[]): void => {
      const service = this.project.services.find((one) => one.name === name);
      if (!service) throw new ComposeError(`no such service: ${name}`);
      if (out.includes(service)) return;
      if (open.has(name)) throw new ComposeError(`dependency cycle detected: ${[...path, name].join(" -> ")}`);
      open.add(name);
      for (const needed of needs(service)) visit(needed, [...path, name]);
      open.delete(name);
      out.push(service);
    };
    const names = wanted.length > 0 ? wanted : this.project.services.map(({ name }) => name).sort();
    for (const name of names) visit(name, []);
    return out;
  }

  /** Networks that the services use. Throws ComposeError for an external one that is not there. */
  *createNetworks(services: readonly Service[]): Task<void> {
    const used = new Set(services.flatMap(({ networks }) => networks.map(({ name }) => name)));
    for (const network of this.project.networks) {
      if (!used.has(network.key)) continue;
      const there = this.#findNetwork(network);
      if (network.external) {
        if (!there) throw new ComposeError(`network ${network.name} declared as external, but could not be found`);
        continue;
      }
      if (there) continue;
      yield* this.#progress(`Network ${network.name}`, "Creating");
      this.daemon.net.create({
        name: network.name,
        driver: network.driver,
        internal: network.internal,
        attachable: network.attachable,
        ipv6: false,
        ipamDriver: "default",
        ipamOptions: new Map(),
        ipam: network.ipam,
        options: network.options,
        labels: new Map([
          ...network.labels,
          [`${LABEL}network`, network.key],
          [`${LABEL}project`, this.project.name],
          [`${LABEL}version`, "2.26.1"],
        ]),
      });
      yield* sleep(this.daemon.generation.costs.networkCreate + this.daemon.net.ipt.takeCost());
      yield* this.#progress(`Network ${network.name}`, "Created");
    }
  }

  #findNetwork(network: ProjectNetwork): boolean {
    return [...this.daemon.net.networks.values()].some(({ name }) => name === network.name);
  }

  /** Makes what is missing of a service and what has changed anew. */
  *createService(service: Service, recreate: boolean): Task<void> {
    const { daemon } = this;
    for (let number = 1; number <= service.replicas; number++) {
      const name =
        service.containerName !== "" ? service.containerName : `${this.project.name}-${service.name}-${number}`;
      const existing = this.containers(service.name).find((container) => numberOf(container) === number);
      const hash = configHash(service);
      if (existing) {
        if (existing.request.labels.get(`${LABEL}config-hash`) === hash && !recreate) {
          if (existing.running) yield* this.#progress(`Container ${existing.name}`, "Running");
          continue;
        }
        yield* this.#progress(`Container ${existing.name}`, "Recreate");
        yield* stopContainer(daemon, existing);
        yield* removeContainer(daemon, existing, true);
        yield* this.#create(service, name, number, hash);
        yield* this.#progress(`Container ${name}`, "Recreated");
        continue;
      }
      yield* this.#progress(`Container ${name}`, "Creating");
      yield* this.#create(service, name, number, hash);
      yield* this.#progress(`Container ${name}`, "Created");
    }
    for (const container of this.containers(service.name))
      if (numberOf(container) > service.replicas) yield* this.remove([container]);
  }

  *#create(service: Service, name: string, number: number, hash: string): Task<void> {
    const { daemon } = this;
    if (!daemon.images.find(service.image)) yield* pullImage(daemon, service.image);
    const networks = [...service.networks].sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1));
    const container = yield* createContainer(daemon, this.#request(service, networks[0], name, number, hash));
    for (const network of networks.slice(1))
      connectContainer(daemon, container, this.#networkName(network), endpointOf(service, network, name, true));
  }

  #networkName({ name }: ServiceNetwork): string {
    return this.project.networks.find(({ key }) => key === name)!.name;
  }

  #request(
    service: Service,
    first: ServiceNetwork | undefined,
    name: string,
    number: number,
    hash: string,
  ): ContainerRequest {
    return {
      name,
      image: service.image,
      cmd: service.command,
      entrypoint: service.entrypoint,
      hostname: service.hostname,
      domain: service.domain,
      user: service.user,
      workingDir: service.workingDir,
      env: service.environment,
      labels: new Map([
        ...service.labels,
        [`${LABEL}config-hash`, hash],
        [`${LABEL}container-number`, String(number)],
        [`${LABEL}oneoff`, "False"],
        [`${LABEL}project`, this.project.name],
        [`${LABEL}project.config_files`, this.project.file],
        [`${LABEL}service`, service.name],
        [`${LABEL}version`, "2.26.1"],
      ]),
      tty: service.tty,
      openStdin: service.stdinOpen,
      stdinOnce: false,
      attachStdin: false,
      attachStdout: true,
      attachStderr: true,
      exposed: [...new Set([...service.ports.keys(), ...service.expose])],
      portBindings: service.ports,
      publishAll: false,
      networkMode: first ? this.#networkName(first) : this.#networkMode(service),
      endpoint: first ? endpointOf(service, first, name, false) : NO_ENDPOINT,
      macAddress: service.macAddress,
      dns: service.dns,
      extraHosts: service.extraHosts,
      links: [],
      capAdd: service.capAdd,
      capDrop: service.capDrop,
      privileged: service.privileged,
      sysctls: service.sysctls,
      binds: service.volumes,
      autoRemove: false,
      restart: service.restart,
      stopSignal: service.stopSignal,
      stopTimeoutS: service.stopTimeoutS,
      init: service.init,
      utsMode: "",
    };
  }

  /** "service:db" is the network of that service's first container. */
  #networkMode({ networkMode }: Service): string {
    const shared = /^service:(.+)$/.exec(networkMode)?.[1];
    if (shared === undefined) return networkMode;
    const other = this.containers(shared)[0];
    return other ? `container:${other.id}` : networkMode;
  }

  *startService(service: Service): Task<void> {
    for (const [needed, condition] of service.dependsOn)
      if (condition === "service_completed_successfully") yield* this.#completed(needed);
    for (const container of this.containers(service.name)) {
      if (container.running) continue;
      yield* this.#progress(`Container ${container.name}`, "Starting");
      yield* startContainer(this.daemon, container);
      yield* this.#progress(`Container ${container.name}`, "Started");
    }
  }

  *#completed(name: string): Task<void> {
    for (const container of this.containers(name)) {
      while (container.running || container.status === "restarting") yield* container.changed.wait();
      yield* this.#progress(`Container ${container.name}`, "Exited");
      if (container.exitCode !== 0)
        throw new ComposeError(
          `service ${JSON.stringify(name)} didn't complete successfully: exit ${container.exitCode}`,
        );
    }
  }

  /** Stops containers, those that need others first. */
  *stop(containers: readonly Container[], timeoutS?: number): Task<void> {
    for (const container of this.#dependentsFirst(containers)) {
      if (!container.running && container.status !== "restarting") continue;
      yield* this.#progress(`Container ${container.name}`, "Stopping");
      yield* stopContainer(this.daemon, container, timeoutS);
      yield* this.#progress(`Container ${container.name}`, "Stopped");
    }
  }

  *remove(containers: readonly Container[], timeoutS?: number): Task<void> {
    for (const container of this.#dependentsFirst(containers)) {
      if (container.running || container.status === "restarting") {
        yield* this.#progress(`Container ${container.name}`, "Stopping");
        yield* stopContainer(this.daemon, container, timeoutS);
        yield* this.#progress(`Container ${container.name}`, "Stopped");
      }
      yield* this.#progress(`Container ${container.name}`, "Removing");
      yield* removeContainer(this.daemon, container, true);
      yield* this.#progress(`Container ${container.name}`, "Removed");
    }
  }

  #dependentsFirst(containers: readonly Container[]): Container[] {
    const order = this.ordered([]).map(({ name }) => name);
    const rank = (container: Container) => order.indexOf(serviceOf(container));
    return [...containers].sort((a, b) => rank(b) - rank(a));
  }

  *removeNetworks(): Task<void> {
    for (const network of this.project.networks) {
      if (network.external || !this.#findNetwork(network)) continue;
      yield* this.#progress(`Network ${network.name}`, "Removing");
      try {
        this.daemon.net.remove(this.daemon.net.find(network.name));
      } catch (error) {
        if (!(error instanceof DaemonError)) throw error;
        yield* this.#progress(`Network ${network.name}`, "Resource is still in use");
        continue;
      }
      yield* sleep(this.daemon.generation.costs.networkRemove + this.daemon.net.ipt.takeCost());
      yield* this.#progress(`Network ${network.name}`, "Removed");
    }
  }
}

const NO_ENDPOINT: EndpointRequest = { ip: "", aliases: [], links: [], mac: "", byConnect: false };

export function serviceOf(container: Container): string {
  return container.request.labels.get(`${LABEL}service`) ?? "";
}

function numberOf(container: Container): number {
  return Number(container.request.labels.get(`${LABEL}container-number`) ?? 1);
}

/** What must be there before a service: dependencies, links, the service whose network it shares. */
function needs(service: Service): string[] {
  const shared = /^service:(.+)$/.exec(service.networkMode)?.[1];
  return [
    ...service.dependsOn.keys(),
    ...service.links.map((link) => link.split(":")[0]!),
    ...(shared === undefined ? [] : [shared]),
  ];
}

function endpointOf(service: Service, network: ServiceNetwork, container: string, byConnect: boolean): EndpointRequest {
  return {
    ip: network.ipv4,
    aliases: [container, service.name, ...network.aliases],
    links: service.links.map((link) => (link.includes(":") ? link : `${link}:${link}`)),
    mac: network.mac,
    byConnect,
  };
}

/** A number that changes with anything in the service's description (FNV-1a over its JSON). */
function configHash(service: Service): string {
  const text = JSON.stringify(service, (_key, value: unknown) => (value instanceof Map ? [...value] : value));
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
