// The network namespaces of a host, and by what name people know them.

import { runningDocker } from "../docker/daemon.ts";
import { type Host, NETNS_RUN_DIR, netnsFromNode } from "../host/host.ts";
import type { NetNamespace } from "../net/netns.ts";
import type { Process } from "../posix/process.ts";

export type NamespaceKind = "host" | "netns" | "container" | "unnamed";

export interface Named {
  readonly netns: NetNamespace;
  readonly name: string;
  readonly kind: NamespaceKind;
}

/** The host's own first, then by names, containers, and what only a process holds. */
export function namespacesOf(host: Host): Named[] {
  const found = new Map<NetNamespace, Named>();
  const add = (netns: NetNamespace, name: string, kind: NamespaceKind): void => {
    if (!found.has(netns)) found.set(netns, { netns, name, kind });
  };
  add(host.netns, host.name, "host");
  for (const container of runningDocker(host)?.containers.values() ?? [])
    if (container.process) add(container.process.ns.net as NetNamespace, container.name, "container");
  // the folder is the host's own: an absolute path needs nothing of a process but a folder to start from
  const folder = host.root.lookup({ cwd: "/" } as Process, NETNS_RUN_DIR);
  if (folder.kind === "dir")
    for (const [name, node] of folder.children) {
      const netns = netnsFromNode(node);
      if (netns) add(netns, name, "netns");
    }
  for (const proc of host.machine.processes.values()) add(proc.ns.net as NetNamespace, `pid ${proc.pid}`, "unnamed");
  return [...found.values()];
}
