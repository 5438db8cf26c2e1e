// The Docker daemon of one host: its networks, containers and images, the dockerd process that holds its sockets, and what
// it does when it starts (docker0, ip_forward, the first rules). Answers to moby daemon/daemon.go and
// daemon_unix.go (initNetworkController, initBridgeDriver).

import { NetError } from "../base/errno.ts";
import type { Host } from "../host/host.ts";
import { AF_INET, SOCK_STREAM } from "../net/core/sock.ts";
import type { NetNamespace } from "../net/netns.ts";
import type { Socket } from "../net/socket.ts";
import { type Process, SIGHUP, SIGINT, SIGKILL, SIGTERM } from "../posix/process.ts";
import type { Rng } from "../sim/rng.ts";
import { NEVER, type Task } from "../sim/task.ts";
import { formatCidr, formatIpv4, INADDR_LOOPBACK, parseIpv4 } from "../wire/addr.ts";
import type { Container } from "./container.ts";
import { bindProxySocket, dockerProxyWithSocket, goReason, listenProxySocket } from "./docker-proxy.ts";
import { badRequest, DaemonError, notFound } from "./errors.ts";
import { docker20 } from "./generations/docker20.ts";
import { docker28 } from "./generations/docker28.ts";
import type { Generation, ProxyMapping, Texts } from "./generations/generation.ts";
import { ImageStore } from "./images.ts";
import { electSubnet } from "./ipam.ts";
import type { RunIptables } from "./iptables.ts";
import { randomId } from "./names.ts";
import { enableIpForward, overlapsRoutes, settle } from "./netlink.ts";
import type { NetworkRequest } from "./network.ts";
import { NetworkController } from "./network-controller.ts";
import { runIptablesIn } from "./run-iptables.ts";

const SERVICE = "docker";
const SETTINGS = "docker-settings";
export const PROXY_PATH = "/usr/sbin/docker-proxy";

/** What a script says about Docker before it starts. */
export interface DockerSettings {
  readonly generation: "20" | "28";
  /** "NAME PORT[/proto] PROGRAM…", see images.ts */
  readonly images: readonly string[];
}

export function generationOf(name: "20" | "28"): Generation {
  return name === "28" ? docker28 : docker20;
}

/** Says how a host's daemon is to be, before its first use. */
export function configureDocker(host: Host, settings: DockerSettings): void {
  host.services.set(SETTINGS, settings);
}

/** Does a script call docker? Then the daemon runs from the start, and docker0 has the number that follows lo's. */
export function scriptCallsDocker(script: string): boolean {
  return /\bdocker(-compose)?\b/.test(script);
}

/** The daemon of a host, started now unless it runs. It takes no virtual time. */
export function startDocker(host: Host): Daemon {
  const running = host.services.get(SERVICE);
  if (running instanceof Daemon) return running;
  const settings = (host.services.get(SETTINGS) as DockerSettings | undefined) ?? { generation: "20", images: [] };
  const daemon = new Daemon(host, settings);
  host.services.set(SERVICE, daemon);
  return daemon;
}

/** The daemon of a host, if it runs. */
export function runningDocker(host: Host): Daemon | null {
  const running = host.services.get(SERVICE);
  return running instanceof Daemon ? running : null;
}

export class Daemon {
  readonly host: Host;
  readonly generation: Generation;
  readonly rng: Rng;
  readonly process: Process;
  readonly images: ImageStore;
  readonly net: NetworkController;
  /** texts of the host's files as containers saw them last, by path */
  readonly hostFiles: Map<string, string> = new Map();
  /** by id, oldest first */
  readonly containers: Map<string, Container> = new Map();
  readonly startedNs: bigint;
  /** of the installation, as `docker info` prints it */
  readonly systemId: string;

  /** Use startDocker. Throws BadImageDirective. */
  constructor(host: Host, settings: DockerSettings) {
    this.host = host;
    this.generation = generationOf(settings.generation);
    this.rng = host.rng.fork("docker");
    this.systemId = randomId(this.rng.fork("system"));
    this.startedNs = this.now();
    this.images = new ImageStore(this.rng.fork("images"), this.startedNs, settings.images);
    this.#startContainerd();
    this.process = host.spawn(waitForever, {
      argv: ["/usr/sbin/dockerd", "-H", "fd://", "--containerd=/run/containerd/containerd.sock"],
    });
    // a daemon that init would start again; and kill 1 in a container, which shares the host's numbers here, may mean it
    for (const signal of [SIGHUP, SIGINT, SIGTERM]) this.process.onSignal(signal, () => {});
    this.net = new NetworkController({
      host,
      generation: this.generation,
      rng: this.rng.fork("networks"),
      dockerd: this.process,
      now: () => this.now(),
      iptablesIn: (netns) => this.#iptablesIn(netns),
      startProxies: (mappings) => this.#startProxies(mappings),
      stopProxy: (proxy) => proxy.kill(SIGKILL),
      // no interface has an IPv6 address to listen on (libnetwork: IsV6Listenable tries ::1)
      ipv6Listenable: () => false,
    });
    this.#start();
  }

  /** containerd; its CRI plugin listens on a port of the loopback by chance. */
  #startContainerd(): void {
    const { host } = this;
    const socket = host.netns.socket(AF_INET, SOCK_STREAM, 0);
    socket.bind({ addr: INADDR_LOOPBACK, port: 32768 + this.rng.fork("containerd").below(28232) });
    socket.listen(4096);
    host.spawn(waitForever, { argv: ["/usr/bin/containerd"], fds: new Map([[12, socket]]) });
    socket.release();
  }

  /** Wall clock, ns since 1970. */
  now(): bigint {
    return this.host.machine.wallClockNs();
  }

  #start(): void {
    enableIpForward(this.host.netns);
    this.generation.firewall.start(this.net.ipt);
    for (const [name, driver] of [
      ["none", "null"],
      ["host", "host"],
    ] as const)
      this.net.create(predefined(name, driver, new Map(), []));
    const options = new Map([
      ["com.docker.network.bridge.default_bridge", "true"],
      ["com.docker.network.bridge.enable_icc", "true"],
      ["com.docker.network.bridge.enable_ip_masquerade", "true"],
      ["com.docker.network.bridge.host_binding_ipv4", "0.0.0.0"],
      ["com.docker.network.bridge.name", "docker0"],
      ["com.docker.network.driver.mtu", "1500"],
    ]);
    const pool = electSubnet((candidate) => overlapsRoutes(this.host.netns, candidate));
    const subnet = formatCidr(pool.address, pool.prefix);
    const gateway = this.generation.defaultBridgeHasGateway ? formatIpv4(pool.address + 1) : "";
    this.net.create(
      predefined("bridge", "bridge", options, [{ subnet, ipRange: "", gateway, auxAddresses: new Map() }]),
    );
    settle(this.host.netns, "docker0");
    this.net.ipt.takeCost();
  }

  #iptablesIn(netns: NetNamespace): RunIptables {
    return (argv) => runIptablesIn(netns, argv);
  }

  /** All sockets are bound, then all listen, then the processes start: the first that fails undoes it. */
  #startProxies(mappings: readonly ProxyMapping[]): Process[] {
    const { proxy: form, texts } = this.generation;
    const sockets: Socket[] = [];
    try {
      for (const mapping of mappings) {
        const addr = parseIpv4(mapping.hostIp);
        if (addr === undefined) throw new DaemonError(withoutIpv6(texts, mapping));
        const address = { addr, port: mapping.hostPort };
        sockets.push(
          refusing(
            () => bindProxySocket(this.process, mapping.protocol, address, form.sharesUdp),
            (why) => texts.portBindFailed(mapping, why),
          ),
        );
      }
      for (const [i, mapping] of mappings.entries())
        refusing(
          () => listenProxySocket(mapping.protocol, sockets[i]!),
          (why) => texts.portListenFailed(mapping, why),
        );
      return mappings.map(({ protocol, hostIp, hostPort, containerIp, containerPort }, i) =>
        this.process.spawn(dockerProxyWithSocket(form.fd), {
          argv: [
            ...[PROXY_PATH, "-proto", protocol, "-host-ip", hostIp, "-host-port", String(hostPort)],
            ...["-container-ip", containerIp, "-container-port", String(containerPort), ...form.arguments],
          ],
          fds: new Map([[form.fd, sockets[i]!]]),
        }),
      );
    } finally {
      for (const socket of sockets) socket.release();
    }
  }

  /** By id, name or the beginning of an id. Throws DaemonError 404, 400 when it is ambiguous. */
  findContainer(term: string): Container {
    const name = term.replace(/^\//, "");
    const all = [...this.containers.values()];
    const exact = all.find(({ id }) => id === term) ?? all.find((container) => container.name === name);
    if (exact) return exact;
    const partial = term === "" ? [] : all.filter(({ id }) => id.startsWith(term));
    if (partial.length > 1) throw badRequest(`Multiple IDs found with provided prefix: ${term}`);
    if (!partial[0]) throw notFound(`No such container: ${term}`);
    return partial[0];
  }
}

/** What the kernel refuses becomes the daemon's complaint. */
function refusing<T>(work: () => T, complaint: (why: string) => string): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    throw new DaemonError(complaint(goReason(error)));
  }
}

/** No interface has an IPv6 address; that `::` could be bound all the same is not emulated. */
function withoutIpv6(texts: Texts, mapping: ProxyMapping): string {
  if (/^[:0]+$/.test(mapping.hostIp)) return "vethlab does not support ports published on all IPv6 addresses";
  return texts.portBindFailed(mapping, "cannot assign requested address");
}

function predefined(
  name: string,
  driver: string,
  options: ReadonlyMap<string, string>,
  ipam: NetworkRequest["ipam"],
): NetworkRequest {
  return {
    name,
    driver,
    internal: false,
    attachable: false,
    ipv6: false,
    ipamDriver: "default",
    ipamOptions: new Map(),
    ipam,
    options,
    labels: new Map(),
  };
}

/** dockerd, containerd and its shims: they wait for others to ask them. */
export function* waitForever(): Task<number> {
  for (;;) yield NEVER;
}
