// -v HOST:CONTAINER[:ro]: a folder or file of the host seen in the container, the same node in both file systems. Named and
// anonymous volumes are folders under /var/lib/docker/volumes.

import { dirNode, type VfsNode } from "../posix/vfs.ts";
import type { Container } from "./container.ts";
import type { Daemon } from "./daemon.ts";
import { randomId } from "./names.ts";

/** Puts every bind of a container in its place; what they say has been checked. */
export function addBinds(daemon: Daemon, container: Container): void {
  for (const bind of container.request.binds) {
    const parts = bind.split(":");
    const [source, target] = parts.length === 1 ? [randomId(daemon.rng), parts[0]!] : (parts as [string, string]);
    container.rootfs.put(target, hostNode(daemon, source));
  }
}

function hostNode(daemon: Daemon, source: string): VfsNode {
  const { root } = daemon.host;
  const path = source.startsWith("/") ? source : `/var/lib/docker/volumes/${source}/_data`;
  let node: VfsNode | undefined = root.root;
  for (const part of path.split("/").filter((name) => name !== "")) {
    if (node?.kind !== "dir") return put();
    node = node.children.get(part);
  }
  return node ?? put();

  function put(): VfsNode {
    const made = dirNode(daemon.host.kernel.sim.now);
    root.put(path, made);
    return made;
  }
}
