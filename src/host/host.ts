// A machine: its root network namespace and further ones, its file system with the programs, its processes. Several hosts
// of a lab share one kernel clock and nothing else.

import { Errno, NetError } from "../base/errno.ts";
import type { Kernel } from "../net/core/net.ts";
import { AF_PACKET, SOCK_RAW } from "../net/core/sock.ts";
import { NetNamespace } from "../net/netns.ts";
import type { Socket } from "../net/socket.ts";
import { NsInodes } from "../posix/ns-inodes.ts";
import { Machine, type Namespaces, type Process, type Program, type SpawnOptions } from "../posix/process.ts";
import { dirNode, type NamespaceNode, Vfs, type VfsNode } from "../posix/vfs.ts";
import type { Rng } from "../sim/rng.ts";
import type { Tasks } from "../sim/task.ts";

/** First inode of the initial namespaces (linux/proc_ns.h), and the first of those made later. */
const PROC_INIT_NS: NsInodes = new NsInodes({
  cgroup: 4026531835,
  ipc: 4026531839,
  mnt: 4026531841,
  net: 4026531840,
  pid: 4026531836,
  time: 4026531834,
  user: 4026531837,
  uts: 4026531838,
});
const FIRST_INODE = 4026532200;

/** Where `ip netns` keeps names. */
export const NETNS_RUN_DIR = "/run/netns";

export interface HostOptions {
  readonly name: string;
  /** programs by name; installed under /usr/bin of the host's root */
  readonly programs: ReadonlyMap<string, Program>;
  readonly firstPid?: number;
}

export class Host {
  readonly kernel: Kernel;
  readonly machine: Machine;
  readonly name: string;
  readonly root: Vfs;
  /** the namespaces of pid 1 */
  readonly ns: Namespaces;
  readonly netns: NetNamespace;
  readonly rng: Rng;
  /** every program this lab knows, for container images to choose from */
  readonly programs: ReadonlyMap<string, Program>;
  /** what services of the host keep (the docker daemon), by name */
  readonly services: Map<string, object> = new Map();
  /** lines for people about what an emulated program could not say itself */
  readonly notes: string[] = [];
  #nextInode = FIRST_INODE;

  constructor(kernel: Kernel, tasks: Tasks, rng: Rng, epochNs: bigint, options: HostOptions) {
    this.kernel = kernel;
    this.name = options.name;
    this.rng = rng;
    this.programs = options.programs;
    this.machine = new Machine(tasks, rng.fork("processes"), epochNs, options.firstPid ?? 1);
    this.netns = new NetNamespace(kernel, options.name, PROC_INIT_NS.get("net"));
    this.ns = { net: this.netns, uts: { hostname: options.name }, inodes: PROC_INIT_NS };
    this.root = new Vfs(kernel.sim);
    this.root.put(NETNS_RUN_DIR, dirNode());
    this.machine.owner = this;
  }

  allocateInode(): number {
    return this.#nextInode++;
  }

  /** A new network namespace with a loopback that is down (unshare -n). */
  createNetNamespace(label: string): NetNamespace {
    return new NetNamespace(this.kernel, label, this.allocateInode());
  }

  /**
   * Destroys a namespace that nothing holds any more: no name in the host's file system, no process. While a process holds
   * it, its end asks again.
   */
  releaseNetNamespace(netns: NetNamespace): void {
    if (netns === this.netns || holds(this.root.root, netns)) return;
    const holder = [...this.machine.processes.values()].find((proc) => proc.ns.net === netns);
    if (holder) holder.onExit(() => this.releaseNetNamespace(netns));
    else netns.destroy();
  }

  /** Starts a program as a child of nobody (a daemon). */
  spawn(program: Program, options: SpawnOptions): Process {
    return this.machine.spawn(null, program, { root: this.root, ns: this.ns, cwd: "/", env: new Map(), ...options });
  }
}

function holds(node: VfsNode, netns: NetNamespace): boolean {
  if (node.kind === "namespace") return node.target === netns;
  if (node.kind !== "dir") return false;
  for (const [, child] of node.children.touched?.() ?? node.children) if (holds(child, netns)) return true;
  return false;
}

/** The host on which a process runs. */
export function hostOf(proc: Process): Host {
  const { owner } = proc.machine;
  if (!(owner instanceof Host)) throw new NetError(Errno.ENOSYS);
  return owner;
}

/** The network namespace of a process. */
export function netnsOf(proc: Process): NetNamespace {
  const { net } = proc.ns;
  if (!(net instanceof NetNamespace)) throw new NetError(Errno.ENOSYS);
  return net;
}

/** `ns` with another network namespace. */
export function withNetns(ns: Namespaces, netns: NetNamespace): Namespaces {
  return { ...ns, net: netns, inodes: ns.inodes.with({ net: netns.inode }) };
}

/** A Vfs node that refers to a network namespace (an `ip netns` name, /proc/PID/ns/net). */
export function netnsNode(netns: NetNamespace): NamespaceNode {
  return { kind: "namespace", type: "net", inode: netns.inode, target: netns, mode: 0o444, mtimeNs: 0 };
}

/** The network namespace that a file refers to; undefined when it refers to none. */
export function netnsFromNode(node: VfsNode): NetNamespace | undefined {
  return node.kind === "namespace" && node.target instanceof NetNamespace ? node.target : undefined;
}

/**
 * The process changes its network: ioctl(2) and netlink ask for CAP_NET_ADMIN (rtnetlink_rcv_msg, dev_ioctl). Throws
 * EPERM.
 */
export function requireNetAdmin(proc: Process): void {
  if (!proc.capable("NET_ADMIN")) throw new NetError(Errno.EPERM);
}

/** socket(2) in the process's namespace: a descriptor of it. Close it with `proc.close(fd)` or `socket.release()`. */
export function openSocket(proc: Process, family: number, type: number, protocol = 0): Socket {
  if ((type === SOCK_RAW || family === AF_PACKET) && !proc.capable("NET_RAW")) throw new NetError(Errno.EPERM);
  const socket = netnsOf(proc).socket(family, type, protocol);
  socket.sock.uid = proc.cred.uid;
  proc.install(socket);
  return socket;
}
