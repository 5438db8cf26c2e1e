// Starting a container: its network, its namespaces, its environment, its first process. Answers to moby daemon/start.go,
// oci_linux.go and links/links.go.

import { NetError } from "../base/errno.ts";
import type { NetNamespace } from "../net/netns.ts";
import { NullFile, type OpenFile } from "../posix/file.ts";
import type { NsType } from "../posix/ns-inodes.ts";
import {
  type Namespaces,
  PidNamespace,
  type Process,
  type Program,
  SIGKILL,
  type SpawnOptions,
} from "../posix/process.ts";
import { joinGroup, Tty } from "../posix/tty.ts";
import { EXEC_NS } from "../shell/cost.ts";
import type { Image as ProgramImage } from "../shell/exec.ts";
import { sleep, type Task } from "../sim/task.ts";
import { formatIpv4 } from "../wire/addr.ts";
import { rfc3339 } from "./clock.ts";
import type { Container } from "./container.ts";
import { allocateNetwork, networkedContainer, releaseNetwork } from "./container-network.ts";
import { parsePort } from "./container-ports.ts";
import { applySysctls, prepareNamespace } from "./container-world.ts";
import { type User, userOf } from "./credentials.ts";
import { type Daemon, waitForever } from "./daemon.ts";
import { dockerInit } from "./docker-init.ts";
import { conflict, DaemonError, notFound } from "./errors.ts";
import { handleExit, removeRecords } from "./lifecycle.ts";
import { loadProgram } from "./load-program.ts";
import { ContainerStdin, LogFile } from "./logs.ts";
import { writeFileNode } from "./netlink.ts";
import type { Sandbox } from "./sandbox.ts";

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** __NEW_UTS_LEN */
const LONGEST_HOSTNAME = 64;
/** Threads of `runc init`, which have numbers in the container's PID namespace. */
const RUNC_THREADS = 5;

/** `docker start`. Harmless when it runs. Throws DaemonError; then the container is as before, with its error noted. */
export function* startContainer(daemon: Daemon, container: Container): Task<void> {
  yield* container.unlocked();
  if (container.status === "paused") throw conflict("cannot start a paused container, try unpause instead");
  if (container.running) return;
  container.stoppedByUser = false;
  try {
    yield* sleep(daemon.generation.costs.prepare);
    yield* launch(daemon, container);
  } catch (thrown) {
    const error = thrown instanceof NetError ? networkFailed(daemon, thrown) : thrown;
    if (!(error instanceof DaemonError)) throw error;
    container.error = error.message;
    container.exitCode = error.exitCode === 125 ? 128 : error.exitCode;
    releaseNetwork(daemon, container);
    container.shim?.kill(SIGKILL);
    container.shim = null;
    yield* sleep(daemon.net.ipt.takeCost());
    if (container.request.autoRemove) removeRecords(daemon, container);
    throw error;
  }
}

/** What the kernel refused while the network was set up. */
function networkFailed(daemon: Daemon, error: NetError): DaemonError {
  const why = `error during container init: error running hook #0: error running hook: exit status 1: ${error.message.toLowerCase()}`;
  return new DaemonError(daemon.generation.texts.startFailed(why));
}

function* launch(daemon: Daemon, container: Container): Task<void> {
  const shared = networkedContainer(daemon, container);
  let netns: NetNamespace | null = null;
  if (shared) {
    for (const [path, node] of [
      ["hosts", shared.files.hosts],
      ["resolv.conf", shared.files.resolvConf],
      ["hostname", shared.files.hostname],
    ] as const)
      container.rootfs.put(`/etc/${path}`, node);
    container.hostname = shared.hostname;
    netns = netnsOfContainer(shared);
    yield* sleep(daemon.generation.costs.sharedCreate);
  } else {
    const inside = daemon.generation.vethPeer === "inside";
    const sandbox = allocateNetwork(daemon, container, inside ? () => makeNetns(daemon, container) : undefined);
    writeFileNode(container.files.hostname, `${container.hostname}\n`);
    const { runcCreate, endpoint } = daemon.generation.costs;
    yield* sleep(daemon.net.ipt.takeCost() + runcCreate + endpoint * sandbox.endpoints.length);
    sandbox.netns ??= sandbox.options.useHost ? daemon.host.netns : makeNetns(daemon, container);
    netns = sandbox.netns;
    if (!inside) populate(daemon, sandbox);
    yield* sleep(daemon.net.ipt.takeCost());
    // runc writes them after its hooks have put the interfaces there
    if (!sandbox.options.useHost) applySysctls(netns, container.request.sysctls, daemon.generation.texts);
  }
  if (container.hostname.length > LONGEST_HOSTNAME && container.request.utsMode !== "host")
    throw new DaemonError(
      daemon.generation.texts.startFailed("error during container init: sethostname: invalid argument"),
    );
  const user = userOf(container, container.request.user, container.request.privileged);
  if (typeof user === "string") throw notFound(user);
  const env = environment(container, user);
  const foreign = container.request.networkMode === "host" && [...container.request.sysctls.keys()].find(isNetSysctl);
  if (foreign) throw new DaemonError(daemon.generation.texts.createFailed(hostSysctl(foreign)));
  yield* sleep(daemon.generation.costs.runcStart);
  run(daemon, container, netns, env, user);
  yield* sleep(daemon.generation.costs.started);
}

/** The interfaces get into the namespace, by runc's hook that calls dockerd (libnetwork-setkey). Throws DaemonError. */
function populate(daemon: Daemon, sandbox: Sandbox): void {
  try {
    for (const endpoint of sandbox.endpoints) daemon.net.populate(sandbox, endpoint);
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error;
    const log = `time="${rfc3339(daemon.now() - (daemon.now() % 1_000_000_000n))}" level=fatal msg=${JSON.stringify(error.message)}`;
    throw new DaemonError(
      daemon.generation.texts.startFailed(
        `error during container init: error running hook #0: error running hook: exit status 1, stdout: , stderr: ${log}`,
      ),
    );
  }
}

const isNetSysctl = (name: string): boolean => name.startsWith("net.");
const hostSysctl = (name: string): string => `sysctl ${JSON.stringify(name)} not allowed in host network namespace`;

function makeNetns(daemon: Daemon, container: Container): NetNamespace {
  const netns = daemon.host.createNetNamespace(container.name);
  prepareNamespace(netns);
  return netns;
}

function netnsOfContainer(container: Container): NetNamespace {
  return container.process!.ns.net as NetNamespace;
}

/** Starts the program as the first process of the container. Throws DaemonError 126 or 127. */
function run(
  daemon: Daemon,
  container: Container,
  netns: NetNamespace,
  env: ReadonlyMap<string, string>,
  user: User,
): void {
  const { request, rootfs } = container;
  const ns = namespaces(daemon, container, netns);
  const shim = daemon.host.spawn(waitForever, {
    argv: [
      ...["/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", container.id],
      ...["-address", "/run/containerd/containerd.sock"],
    ].slice(), // of its size: an array put together by spreading has room to spare (100 bytes)
  });
  container.shim = shim;
  const { log } = container;
  const tty = request.tty ? new Tty(daemon.host.machine, (bytes) => log.write("stdout", bytes)) : null;
  container.tty = tty;
  container.stdin = !tty && request.openStdin ? new ContainerStdin() : null;
  const fds = new Map<number, OpenFile>([
    [0, tty?.open() ?? container.stdin ?? new NullFile()],
    [1, tty?.open() ?? new LogFile(log, "stdout")],
    [2, tty?.open() ?? new LogFile(log, "stderr")],
  ]);
  const cwd = workingDirOf(container);
  const { texts } = daemon.generation;
  const program = loadProgram({ root: rootfs, cwd, env }, container.argv, texts, texts.startFailed);
  const init = request.init ? dockerInit(program) : undefined;
  const process = spawnIn(container, (proc) => firstProcess(proc, init ?? program), {
    argv: init?.argv ?? container.argv,
    env: request.tty ? withTerminal(env) : env,
    cwd,
    fds,
    ns,
    cred: user.cred,
  });
  tty?.setForeground(process.pgid);
  container.process = process;
  container.status = "running";
  container.startedNs = daemon.now();
  container.error = "";
  container.exitCode = 0;
  container.changed.wakeAll();
  process.onExit(() => {
    daemon.process.thread("monitor", handleExit(daemon, container, process, startContainer));
  });
}

function* firstProcess(proc: Process, image: ProgramImage): Task<number> {
  proc.argv = image.argv;
  yield* proc.cpu(EXEC_NS);
  return yield* image.program(proc);
}

function workingDirOf(container: Container): string {
  return container.request.workingDir || container.image.workingDir || "/";
}

function namespaces(daemon: Daemon, container: Container, netns: NetNamespace): Namespaces {
  const { host } = daemon;
  const inodes: Partial<Record<NsType, number>> = { net: netns.inode };
  const { utsMode, pidMode, ipcMode, cgroupnsMode } = container.request;
  const modes = new Map<NsType, string>([
    ["mnt", ""],
    ["uts", utsMode],
    ["ipc", ipcMode],
    ["pid", pidMode],
    ["cgroup", cgroupnsMode === "private" ? "" : "host"],
  ]);
  for (const [type, mode] of modes) {
    if (mode === "host") continue;
    inodes[type] = joined(daemon, mode)?.inodes.get(type) ?? host.allocateInode();
  }
  const uts = utsMode === "host" ? host.ns.uts : { hostname: container.hostname };
  const ns = { net: netns, uts, inodes: host.ns.inodes.with(inodes) };
  if (pidMode === "host") return ns;
  return { net: ns.net, uts, inodes: ns.inodes, pid: joined(daemon, pidMode)?.pid ?? new PidNamespace() };
}

/** The namespaces of the container that a mode "container:ID" names. Throws DaemonError. */
function joined(daemon: Daemon, mode: string): Namespaces | undefined {
  if (!mode.startsWith("container:")) return undefined;
  const other = daemon.findContainer(mode.slice("container:".length));
  if (!other.process) throw new DaemonError(`Container ${other.id} is not running`, 409);
  return other.process.ns;
}

/** A process of a container, as runc starts it: a child of the shim. */
export function spawnIn(
  container: Container,
  program: Program,
  options: SpawnOptions & { readonly ns: Namespaces },
): Process {
  const process = container.shim!.spawn(program, { ...options, root: container.rootfs });
  options.ns.pid?.skip(RUNC_THREADS);
  for (const file of options.fds?.values() ?? []) file.release();
  joinGroup(process, process.hostPid);
  return process;
}

/** What a program with a terminal gets: TERM after the host's name, unless its user says otherwise. */
export function withTerminal(env: ReadonlyMap<string, string>): Map<string, string> {
  if (env.has("TERM")) return new Map(env);
  return new Map(
    [...env].flatMap((entry): [string, string][] => (entry[0] === "HOSTNAME" ? [entry, ["TERM", "xterm"]] : [entry])),
  );
}

/**
 * PATH, HOSTNAME, what links say, what the user says, HOME: of the first process, and anew of every exec. Throws
 * DaemonError for a link to a stopped container.
 */
export function environment(container: Container, user: User): Map<string, string> {
  const env = new Map([
    ["PATH", PATH],
    ["HOSTNAME", container.hostname],
  ]);
  if (container.networks.has("bridge"))
    for (const [alias, child] of container.links)
      for (const [name, value] of linkEnvironment(container, alias, child)) env.set(name, value);
  for (const entry of container.env) {
    const at = entry.indexOf("=");
    env.set(entry.slice(0, at), entry.slice(at + 1));
  }
  if (!env.has("HOME")) env.set("HOME", user.home);
  return env;
}

/** WEB_PORT=tcp://… and so on (daemon/links/links.go ToEnv). */
function linkEnvironment(container: Container, alias: string, child: Container): [string, string][] {
  const full = `/${container.name}/${alias}`;
  if (!child.running) throw new DaemonError(`Cannot link to a non running container: /${child.name} AS ${full}`);
  const bridge = child.networks.get("bridge");
  if (!bridge) throw new DaemonError(`container ${child.id} not attached to default bridge network`);
  const address = bridge.endpoint?.address;
  const ip = address === undefined ? "" : formatIpv4(address);
  const prefix = alias.toUpperCase().replaceAll("-", "_");
  const out: [string, string][] = [];
  const ports = child.exposedPorts.map(parsePort).sort((a, b) => a.port - b.port || (a.protocol === "tcp" ? -1 : 1));
  const first = ports[0];
  if (first) out.push([`${prefix}_PORT`, `${first.protocol}://${ip}:${first.port}`]);
  for (const { port, protocol } of ports) {
    const name = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    out.push([name, `${protocol}://${ip}:${port}`]);
    out.push([`${name}_ADDR`, ip], [`${name}_PORT`, String(port)], [`${name}_PROTO`, protocol]);
  }
  out.push([`${prefix}_NAME`, full]);
  for (const entry of child.env) {
    const at = entry.indexOf("=");
    const name = entry.slice(0, at);
    if (name !== "HOME" && name !== "PATH") out.push([`${prefix}_ENV_${name}`, entry.slice(at + 1)]);
  }
  return out;
}
