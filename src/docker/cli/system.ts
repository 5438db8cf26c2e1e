// docker version, info, system prune, container prune. Answers to docker/cli cli/command/system.

import type { Task } from "../../sim/task.ts";
import { removeContainer } from "../lifecycle.ts";
import { Template } from "../template/execute.ts";
import { GoStruct, struct } from "../template/value.ts";
import type { Command, Context } from "./command.ts";
import { confirm, pruneNetworks } from "./network.ts";

export const version: Command = {
  name: "version",
  supports: "format",
  args: { min: 0, max: 0 },
  *run(context: Context): Task<number> {
    const { daemon, client, flags } = context;
    const g = daemon.generation;
    const format = flags.string("format");
    if (format !== "") {
      const shared = { Os: "linux", Arch: "amd64", Experimental: false };
      const data = struct({
        Client: struct({
          Version: client.version,
          APIVersion: g.apiVersion,
          DefaultAPIVersion: g.apiVersion,
          GitCommit: client.gitCommit,
          GoVersion: client.goVersion,
          BuildTime: client.built,
          Context: "default",
          ...shared,
        }),
        Server: struct({
          Version: g.version,
          APIVersion: g.apiVersion,
          MinAPIVersion: g.minApiVersion,
          GitCommit: g.gitCommit,
          GoVersion: g.goVersion,
          BuildTime: g.built,
          KernelVersion: KERNEL,
          ...shared,
        }),
      });
      yield* printTemplate(context, format, data);
      return 0;
    }
    yield* context.print(`Client:
 Version:           ${client.version}
 API version:       ${g.apiVersion}
 Go version:        ${client.goVersion}
 Git commit:        ${client.gitCommit}
 Built:             ${client.built}
 OS/Arch:           linux/amd64
 Context:           default
${g.name === "20" ? " Experimental:      true\n" : ""}
Server:
 Engine:
  Version:          ${g.version}
  API version:      ${g.apiVersion} (minimum version ${g.minApiVersion})
  Go version:       ${g.goVersion}
  Git commit:       ${g.gitCommit}
  Built:            ${g.built}
  OS/Arch:          linux/amd64
  Experimental:     false
 containerd:
  Version:          ${g.containerdVersion}
  GitCommit:        ${g.containerdCommit}
 runc:
  Version:          ${g.runcVersion}
  GitCommit:        ${g.runcCommit}
 docker-init:
  Version:          0.19.0
  GitCommit:        
`);
    return 0;
  },
};

function printTemplate(context: Context, format: string, data: GoStruct): Task<void> {
  return context.print(`${new Template(format === "json" ? "{{json .}}" : format).execute(data)}\n`);
}

const KERNEL = "6.18.0";

export const info: Command = {
  name: "info",
  supports: "format",
  args: { min: 0, max: 0 },
  *run(context: Context): Task<number> {
    const { daemon, client, flags } = context;
    const g = daemon.generation;
    const all = [...daemon.containers.values()];
    const count = (...statuses: string[]) => all.filter(({ status }) => statuses.includes(status)).length;
    const format = flags.string("format");
    if (format !== "") {
      const data = new GoStruct(
        Object.entries({
          ID: daemon.systemId,
          Containers: all.length,
          ContainersRunning: count("running"),
          ContainersPaused: count("paused"),
          ContainersStopped: count("exited", "created", "dead", "restarting"),
          Images: daemon.images.list().length,
          Driver: "overlay2",
          IPv4Forwarding: true,
          BridgeNfIptables: true,
          BridgeNfIp6tables: true,
          CgroupDriver: "cgroupfs",
          KernelVersion: KERNEL,
          OperatingSystem: g.operatingSystem,
          OSType: "linux",
          Architecture: "x86_64",
          DockerRootDir: "/var/lib/docker",
          Name: daemon.host.ns.uts.hostname,
          ServerVersion: g.version,
        }),
        false,
        "system.info",
      );
      yield* printTemplate(context, format, data);
      return 0;
    }
    yield* context.print(`Client:
 Version:    ${client.version}
 Context:    default
 Debug Mode: false

Server:
 Containers: ${all.length}
  Running: ${count("running")}
  Paused: ${count("paused")}
  Stopped: ${count("exited", "created", "dead", "restarting")}
 Images: ${daemon.images.list().length}
 Server Version: ${g.version}
 Storage Driver: overlay2
 Logging Driver: json-file
 Cgroup Driver: cgroupfs
 Cgroup Version: 1
 Plugins:
  Volume: local
  Network: bridge host null
 Swarm: inactive
 Runtimes: runc
 Default Runtime: runc
 containerd version: ${g.containerdVersion}
 runc version: ${g.runcVersion}
 Kernel Version: ${KERNEL}
 Operating System: ${g.operatingSystem}
 OSType: linux
 Architecture: x86_64
 Name: ${daemon.host.ns.uts.hostname}
 ID: ${daemon.systemId.slice(0, 12)}
 Docker Root Dir: /var/lib/docker
 Debug Mode: false
 Experimental: false
 Live Restore Enabled: false
`);
    return 0;
  },
};

/** Removes all stopped containers and returns what to print. */
function* pruneContainers({ daemon }: Context): Task<string> {
  const removed: string[] = [];
  for (const container of [...daemon.containers.values()]) {
    if (container.running || container.status === "restarting") continue;
    yield* removeContainer(daemon, container, false);
    removed.push(container.id);
  }
  return removed.length === 0 ? "" : `Deleted Containers:\n${removed.join("\n")}\n\n`;
}

export const containerPrune: Command = {
  name: "container prune",
  supports: "force",
  args: { min: 0, max: 0 },
  *run(context: Context): Task<number> {
    if (!context.flags.bool("force") && !(yield* confirm(context, "WARNING! This will remove all stopped containers.")))
      return 0;
    yield* context.print(`${yield* pruneContainers(context)}Total reclaimed space: 0B\n`);
    return 0;
  },
};

export const systemPrune: Command = {
  name: "system prune",
  supports: "force",
  args: { min: 0, max: 0 },
  *run(context: Context): Task<number> {
    const warning =
      "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n  - all dangling images\n  - all dangling build cache\n";
    if (!context.flags.bool("force") && !(yield* confirm(context, warning))) return 0;
    yield* context.print(
      `${yield* pruneContainers(context)}${yield* pruneNetworks(context)}Total reclaimed space: 0B\n`,
    );
    return 0;
  },
};
