// A container: what was asked for (config and host config), its state, its file system, its process, its place in
// networks. Answers to moby container/container.go and container/state.go.

import { LazyMap } from "../base/lazy.ts";
import type { Process } from "../posix/process.ts";
import type { Tty } from "../posix/tty.ts";
import type { FileNode, Vfs } from "../posix/vfs.ts";
import { type Task, WaitQueue } from "../sim/task.ts";
import { humanDuration } from "./clock.ts";
import type { Endpoint } from "./endpoint.ts";
import type { DnsWishes } from "./files.ts";
import type { Image } from "./images.ts";
import { ContainerLog, type ContainerStdin, type WallClock } from "./logs.ts";
import { shortId } from "./names.ts";
import type { Sandbox } from "./sandbox.ts";

/** One binding of `-p`: "" where not given; hostPort may be a range "8000-8002". */
export interface PortBinding {
  readonly hostIp: string;
  readonly hostPort: string;
}

export interface RestartPolicy {
  readonly name: "no" | "always" | "on-failure" | "unless-stopped";
  readonly maximumRetryCount: number;
}

/** What is asked of an endpoint, by network name. */
export interface EndpointRequest {
  /** --ip */
  readonly ip: string;
  /** --network-alias, `network connect --alias` */
  readonly aliases: readonly string[];
  /** "c2:cc" on user-defined networks */
  readonly links: readonly string[];
  readonly mac: string;
  /** DriverOpts is {} or null, as the two commands send it */
  readonly byConnect: boolean;
  /** IPAMConfig is {} where it would be null */
  readonly hasIpam?: boolean;
}

/** What `docker create` sends. */
export interface ContainerRequest {
  readonly name: string;
  readonly image: string;
  readonly cmd: readonly string[];
  /** undefined: the image's; [""] clears it */
  readonly entrypoint: readonly string[] | undefined;
  readonly hostname: string;
  readonly domain: string;
  readonly user: string;
  readonly workingDir: string;
  readonly env: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  readonly attachStdin: boolean;
  readonly attachStdout: boolean;
  readonly attachStderr: boolean;
  /** "80/tcp" of -p and --expose */
  readonly exposed: readonly string[];
  readonly portBindings: ReadonlyMap<string, readonly PortBinding[]>;
  readonly publishAll: boolean;
  /** "default", "bridge", "host", "none", "container:ID", or a network's name */
  readonly networkMode: string;
  readonly endpoint: EndpointRequest;
  /** networks besides the main one, by name */
  readonly furtherEndpoints?: ReadonlyMap<string, EndpointRequest>;
  /** who asks: compose leaves lists out that docker sends empty */
  readonly client?: "compose";
  readonly macAddress: string;
  readonly dns: DnsWishes;
  /** "name:address" */
  readonly extraHosts: readonly string[];
  /** legacy links of the default bridge: "web1:www" */
  readonly links: readonly string[];
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly privileged: boolean;
  readonly sysctls: ReadonlyMap<string, string>;
  readonly binds: readonly string[];
  readonly autoRemove: boolean;
  readonly restart: RestartPolicy;
  readonly stopSignal: string;
  readonly stopTimeoutS: number | undefined;
  readonly init: boolean;
  /** "host" or "" */
  readonly utsMode: string;
  /** "", "host" or "container:ID" */
  readonly pidMode: string;
  /** "", "private", "shareable", "none", "host" or "container:ID" */
  readonly ipcMode: string;
  /** "host" (as 20.10 has it where cgroups are of version 1) or "private" */
  readonly cgroupnsMode: string;
  /** "host" or "": no daemon here remaps users */
  readonly usernsMode: string;
}

export type Status = "created" | "running" | "paused" | "restarting" | "exited" | "removing" | "dead";

/** An endpoint's request and, while the container runs, the endpoint itself. */
export interface NetworkAttachment {
  readonly request: EndpointRequest;
  networkId: string;
  /** names that the daemon gave it: short id, host name */
  aliases: readonly string[];
  endpoint: Endpoint | null;
}

export class Container {
  readonly id: string;
  name: string;
  /** without the name; replaced, not changed: others may have the same */
  request: ContainerRequest;
  readonly image: Image;
  readonly createdNs: bigint;
  /** the program and its arguments: entrypoint and command together */
  readonly argv: readonly string[];
  /** its own, or, once it runs, that of the container whose network it shares */
  hostname: string;
  readonly domain: string;
  /** --name was given, or it was renamed */
  named: boolean;
  readonly rootfs: Vfs;
  readonly files: { readonly hosts: FileNode; readonly resolvConf: FileNode; readonly hostname: FileNode };
  readonly log: ContainerLog;
  readonly graphId: string;
  /** by network name, in the order in which they came */
  readonly networks: LazyMap<string, NetworkAttachment> = new LazyMap();
  /** legacy links: alias → the other container, which may be gone */
  readonly links: LazyMap<string, Container> = new LazyMap();
  sandbox: Sandbox | null = null;
  /** ids that stay after the container has stopped, as inspect shows them */
  sandboxId = "";
  status: Status = "created";
  process: Process | null = null;
  /** containerd-shim, the parent of all its processes */
  shim: Process | null = null;
  /** what it reads when it has no terminal and -i */
  stdin: ContainerStdin | null = null;
  /** its terminal (-t), while it runs */
  tty: Tty | null = null;
  exitCode = 0;
  error = "";
  startedNs: bigint | undefined;
  finishedNs: bigint | undefined;
  restartCount = 0;
  /** stopped by the user: the restart policy rests */
  stoppedByUser = false;
  /** woken when the container starts, ends or goes */
  readonly changed: WaitQueue = new WaitQueue();
  /** the daemon takes its network down and will then say that it has ended: who asks about its state waits */
  ending = false;
  /** how often it has ended */
  runs = 0;
  removed = false;

  constructor(parts: {
    readonly id: string;
    readonly name: string;
    readonly named: boolean;
    readonly request: ContainerRequest;
    readonly image: Image;
    readonly createdNs: bigint;
    readonly rootfs: Vfs;
    readonly files: { readonly hosts: FileNode; readonly resolvConf: FileNode; readonly hostname: FileNode };
    readonly graphId: string;
    readonly hostname: string;
    readonly clock: WallClock;
  }) {
    const { request, image } = parts;
    this.id = parts.id;
    this.name = parts.name;
    this.named = parts.named;
    this.request = request;
    this.image = image;
    this.createdNs = parts.createdNs;
    this.rootfs = parts.rootfs;
    this.files = parts.files;
    this.graphId = parts.graphId;
    this.log = new ContainerLog(parts.clock);
    this.argv = this.entrypoint.concat(this.cmd);
    this.hostname = parts.hostname;
    this.domain = request.domain;
  }

  get shortId(): string {
    return shortId(this.id);
  }

  get entrypoint(): readonly string[] {
    const { entrypoint } = this.request;
    if (entrypoint === undefined) return this.image.entrypoint;
    return entrypoint.length === 1 && entrypoint[0] === "" ? [] : entrypoint;
  }

  /** the command given, or the image's unless the entrypoint was replaced */
  get cmd(): readonly string[] {
    if (this.request.cmd.length > 0) return this.request.cmd;
    return this.request.entrypoint === undefined ? this.image.cmd : [];
  }

  /** Image and user together, in order of appearance: "80/tcp". */
  get exposedPorts(): string[] {
    return [...new Set([...this.request.exposed, ...this.image.exposed])];
  }

  /** The image's variables, then the user's in their places. */
  get env(): string[] {
    return mergeEnv(this.image.env, this.request.env);
  }

  /** Waits for the lock that the daemon holds from the exit event until the state is written (handleContainerExit). */
  *unlocked(): Task<void> {
    while (this.ending) yield* this.changed.wait();
  }

  get running(): boolean {
    return this.status === "running" || this.status === "paused";
  }

  /** "Up 3 seconds", "Exited (0) 2 minutes ago", "Created" (State.String). */
  statusText(nowNs: bigint): string {
    const since = (ns: bigint | undefined): string => humanDuration(ns === undefined ? 0 : Number(nowNs - ns));
    switch (this.status) {
      case "running":
        return `Up ${since(this.startedNs)}`;
      case "paused":
        return `Up ${since(this.startedNs)} (Paused)`;
      case "restarting":
        return `Restarting (${this.exitCode}) ${since(this.finishedNs)} ago`;
      case "created":
        return "Created";
      case "removing":
        return "Removal In Progress";
      case "dead":
        return "Dead";
      case "exited":
        return `Exited (${this.exitCode}) ${since(this.finishedNs)} ago`;
    }
  }
}

/** Variables of `extra` replace those of `base` in their places; new ones follow; a name without = is taken away. */
export function mergeEnv(base: readonly string[], extra: readonly string[]): string[] {
  const out = [...base];
  for (const entry of extra) {
    const name = entry.split("=", 1)[0]!;
    const at = out.findIndex((other) => other.split("=", 1)[0] === name);
    if (!entry.includes("=")) {
      if (at >= 0) out.splice(at, 1);
    } else if (at >= 0) out[at] = entry;
    else out.push(entry);
  }
  return out;
}

/** What stopping waits before SIGKILL when nobody says otherwise. */
export const DEFAULT_STOP_TIMEOUT_S = 10;
