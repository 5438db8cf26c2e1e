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
import type { NetworkRequest } from "../network.ts";
import { startContainer } from "../start.ts";
import { inOrder } from "./load.ts";
import {
  ComposeError,
  LABEL_VERSION,
  type Project,
  type ProjectNetwork,
  type Service,
  type ServiceNetwork,
} from "./model.ts";

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

  /** The same without telling its steps. */
  quietly(): Deployment {
    return new Deployment(this.daemon, this.project, function* () {});
  }

  /** The containers of the project, or of one service, by service and number. */
  containers(service?: string): Container[] {
    return [...this.daemon.containers.values()]
      .filter(({ request: { labels } }) => labels.get(`${LABEL}project`) === this.project.name)
      .filter((container) => service === undefined || serviceOf(container) === service)
      .sort((a, b) => (serviceOf(a) < serviceOf(b) ? -1 : serviceOf(a) > serviceOf(b) ? 1 : numberOf(a) - numberOf(b)));
  }

  /** Services in the order in which they may start; only `wanted` and what they need. Throws ComposeError for an unknown one. */
  ordered(wanted: readonly string[]): Service[] {
    return inOrder(this.project.services, wanted);
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
      try {
        this.daemon.net.create(this.#networkRequest(network));
      } catch (error) {
        if (!(error instanceof DaemonError)) throw error;
        yield* this.#progress(`Network ${network.name}`, "Error");
        throw new ComposeError(
          `failed to create network ${network.name}: Error response from daemon: ${error.message}`,
        );
      }
      yield* sleep(this.daemon.generation.costs.networkCreate + this.daemon.net.ipt.takeCost());
      yield* this.#progress(`Network ${network.name}`, "Created");
    }
  }

  #networkRequest(network: ProjectNetwork): NetworkRequest {
    return {
      name: network.name,
      driver: network.driver,
      internal: network.internal,
      attachable: network.attachable,
      ipv6: false,
      ipamDriver: "default",
      ipamOptions: null,
      ipam: network.ipam,
      options: network.options,
      labels: new Map([
        ...network.labels,
        [`${LABEL}config-hash`, hashOf(network)],
        [`${LABEL}network`, network.key],
        [`${LABEL}project`, this.project.name],
        [`${LABEL}version`, LABEL_VERSION],
      ]),
    };
  }

  #findNetwork(network: ProjectNetwork): boolean {
    return [...this.daemon.net.networks.values()].some(({ name }) => name === network.name);
  }

  /** Makes what is missing of services and what has changed anew; containers that are too many go. */
  *createServices(services: readonly Service[], recreate: boolean): Task<void> {
    for (const service of services) {
      for (const container of this.containers(service.name))
        if (numberOf(container) > service.replicas) yield* this.remove([container]);
      yield* this.#createService(service, recreate);
    }
  }

  /** All steps of one kind come before those of the next, as compose's parallel workers have it. */
  *#createService(service: Service, recreate: boolean): Task<void> {
    const steps: { readonly name: string; readonly number: number; readonly old: Container | undefined }[] = [];
    const hash = hashOf(service);
    for (let number = 1; number <= service.replicas; number++) {
      const name =
        service.containerName !== "" ? service.containerName : `${this.project.name}-${service.name}-${number}`;
      const old = this.containers(service.name).find((container) => numberOf(container) === number);
      const same = old?.request.labels.get(`${LABEL}config-hash`) === hash;
      if (same && !recreate) {
        if (old.running) yield* this.#progress(`Container ${old.name}`, "Running");
        continue;
      }
      yield* this.#progress(`Container ${name}`, old ? "Recreate" : "Creating");
      steps.push({ name, number, old });
    }
    for (const { name, number, old } of steps) {
      if (old) {
        yield* stopContainer(this.daemon, old);
        yield* removeContainer(this.daemon, old, true);
      }
      try {
        yield* this.#create(service, name, number, hash);
      } catch (error) {
        if (!(error instanceof DaemonError)) throw error;
        yield* this.#progress(`Container ${name}`, `Error response from daemon: ${error.message}`);
        throw error;
      }
      yield* this.#progress(`Container ${name}`, old ? "Recreated" : "Created");
    }
  }

  *#create(service: Service, name: string, number: number, hash: string): Task<void> {
    const { daemon } = this;
    if (!daemon.images.find(service.image) && service.pullPolicy !== "never") yield* pullImage(daemon, service.image);
    const networks = [...service.networks].sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1));
    const endpoint = (network: ServiceNetwork, byConnect: boolean): [string, EndpointRequest] => [
      this.#networkName(network),
      this.#endpoint(service, network, name, number, byConnect),
    ];
    const [first, ...others] = networks;
    const atOnce = daemon.generation.createsAllEndpoints;
    const container = yield* createContainer(daemon, {
      ...this.#request(service, name, number, hash),
      ...(first
        ? { networkMode: this.#networkName(first), endpoint: endpoint(first, false)[1] }
        : { networkMode: this.#networkMode(service), endpoint: NO_ENDPOINT }),
      furtherEndpoints: new Map(atOnce ? others.map((network) => endpoint(network, false)) : []),
    });
    if (!atOnce) for (const network of others) connectContainer(daemon, container, ...endpoint(network, true));
  }

  #endpoint(
    service: Service,
    network: ServiceNetwork,
    container: string,
    number: number,
    byConnect: boolean,
  ): EndpointRequest {
    return {
      ip: network.ipv4,
      aliases: [container, service.name, ...network.aliases],
      links: this.#links(service, number),
      mac: network.mac,
      byConnect,
      hasIpam: network.given,
    };
  }

  /** Every container of a linked service under three names; the number is that of the one that links (getLinks). */
  #links(service: Service, number: number): string[] {
    return service.links.flatMap((link) => {
      const [other, alias = other] = link.split(":") as [string, string | undefined];
      return this.containers(other)
        .reverse()
        .flatMap(({ name }) =>
          [alias, `${other}-${number}`, `${this.project.name}-${other}-${number}`].map((known) => `${name}:${known}`),
        );
    });
  }

  #networkName({ name }: ServiceNetwork): string {
    return this.project.networks.find(({ key }) => key === name)!.name;
  }

  #request(
    service: Service,
    name: string,
    number: number,
    hash: string,
  ): Omit<ContainerRequest, "networkMode" | "endpoint"> {
    const image = this.daemon.images.find(service.image);
    return {
      name,
      image: service.image,
      cmd: service.command,
      entrypoint: service.entrypoint,
      hostname: service.hostname,
      domain: service.domain,
      user: service.user,
      workingDir: service.workingDir,
      client: "compose",
      env: [...service.environment].flatMap(([key, value]) => (value === null ? [] : [`${key}=${value}`])),
      labels: new Map([
        ...service.labels,
        [`${LABEL}config-hash`, hash],
        [`${LABEL}container-number`, String(number)],
        [
          `${LABEL}depends_on`,
          [...service.dependsOn].map(([other, { condition, restart }]) => `${other}:${condition}:${restart}`).join(","),
        ],
        [`${LABEL}image`, image ? `sha256:${image.id}` : ""],
        [`${LABEL}oneoff`, "False"],
        [`${LABEL}project`, this.project.name],
        [`${LABEL}project.config_files`, this.project.file],
        [`${LABEL}project.working_dir`, this.project.folder],
        [`${LABEL}service`, service.name],
        [`${LABEL}version`, LABEL_VERSION],
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
      pidMode: "",
      ipcMode: "",
      cgroupnsMode: "",
      usernsMode: "",
    };
  }

  /** "service:db" is the network of that service's first container. */
  #networkMode({ networkMode }: Service): string {
    const shared = /^service:(.+)$/.exec(networkMode)?.[1];
    if (shared === undefined) return networkMode;
    const other = this.containers(shared)[0];
    return other ? `container:${other.id}` : networkMode;
  }

  /** Starts containers of services in turn, when what they need has come so far. */
  *startServices(services: readonly Service[]): Task<void> {
    for (const service of services) {
      for (const [needed, { condition }] of service.dependsOn)
        if (condition === "service_completed_successfully") yield* this.#completed(needed);
      for (const container of this.containers(service.name)) {
        if (container.running) continue;
        yield* this.#progress(`Container ${container.name}`, "Starting");
        yield* startContainer(this.daemon, container);
        yield* this.#progress(`Container ${container.name}`, "Started");
      }
    }
  }

  *#completed(name: string): Task<void> {
    for (const container of this.containers(name)) {
      yield* this.#progress(`Container ${container.name}`, "Waiting");
      while (container.running || container.status === "restarting") yield* container.changed.wait();
      const { exitCode } = container;
      const complaint = `service ${JSON.stringify(name)} didn't complete successfully: exit ${exitCode}`;
      yield* this.#progress(`Container ${container.name}`, exitCode === 0 ? "Exited" : complaint);
      if (exitCode !== 0) throw new ComposeError(complaint);
    }
  }

  /** Stops containers, those that need others first. */
  *stop(containers: readonly Container[], timeoutS?: number): Task<void> {
    for (const container of this.dependentsFirst(containers)) {
      yield* this.#progress(`Container ${container.name}`, "Stopping");
      yield* stopContainer(this.daemon, container, timeoutS);
      yield* this.#progress(`Container ${container.name}`, "Stopped");
    }
  }

  *remove(containers: readonly Container[], timeoutS?: number): Task<void> {
    for (const container of this.dependentsFirst(containers)) {
      yield* this.stop([container], timeoutS);
      yield* this.removeStopped([container]);
    }
  }

  *removeStopped(containers: readonly Container[]): Task<void> {
    for (const container of containers) {
      yield* this.#progress(`Container ${container.name}`, "Removing");
      yield* removeContainer(this.daemon, container, true);
      yield* this.#progress(`Container ${container.name}`, "Removed");
    }
  }

  /** Tells a state of every container, does something to each, and tells the other state ("" for none). */
  *each(
    containers: readonly Container[],
    [before, after]: readonly [string, string],
    work: (container: Container) => Task<void>,
  ): Task<void> {
    if (before !== "") for (const container of containers) yield* this.#progress(`Container ${container.name}`, before);
    for (const container of containers) {
      yield* work(container);
      yield* this.#progress(`Container ${container.name}`, after);
    }
  }

  dependentsFirst(containers: readonly Container[]): Container[] {
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

/** The project that a container belongs to, "" for none. */
export function projectOf(container: Container): string {
  return container.request.labels.get(`${LABEL}project`) ?? "";
}

export function serviceOf(container: Container): string {
  return container.request.labels.get(`${LABEL}service`) ?? "";
}

function numberOf(container: Container): number {
  return Number(container.request.labels.get(`${LABEL}container-number`) ?? 1);
}

/** 64 hex digits that change with anything in the description (FNV-1a over its JSON, eight times over). */
function hashOf(description: Service | ProjectNetwork): string {
  const text = JSON.stringify(description, (key, value: unknown) =>
    key === "replicas" || key === "scaled" ? undefined : value instanceof Map ? [...value] : value,
  );
  let hash = 0x811c9dc5;
  let out = "";
  for (let part = 0; part < 8; part++) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    out += (hash >>> 0).toString(16).padStart(8, "0");
  }
  return out;
}
