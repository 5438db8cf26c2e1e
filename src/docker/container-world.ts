// What a container finds around it: /dev and /proc in its file system, its namespace's loopback and settings, the host's
// files that Docker copies.

import { NetError } from "../base/errno.ts";
import { decodeUtf8 } from "../base/text.ts";
import type { NetNamespace } from "../net/netns.ts";
import type { DirNode, VfsNode } from "../posix/vfs.ts";
import type { Daemon } from "./daemon.ts";
import { DaemonError } from "./errors.ts";
import type { Texts } from "./generations/generation.ts";
import { setLoopbackUp, writeSysctl } from "./netlink.ts";

/** lo up, and the settings that dockerd gives every namespace of its own (oci_linux.go). */
export function prepareNamespace(netns: NetNamespace): void {
  setLoopbackUp(netns);
  writeSysctl(netns, "net.ipv4.ip_unprivileged_port_start", "0");
  writeSysctl(netns, "net.ipv4.ping_group_range", "0 2147483647");
}

/** Those of --sysctl. Throws DaemonError. */
export function applySysctls(netns: NetNamespace, sysctls: ReadonlyMap<string, string>, texts: Texts): void {
  const initFailed = (why: string, exitCode: number) =>
    new DaemonError(
      texts.createFailed(`unable to start container process: error during container init: ${why}`),
      400,
      exitCode,
    );
  for (const [name, value] of sysctls) {
    try {
      if (writeSysctl(netns, name, value)) continue;
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      throw initFailed(texts.badSysctl(name), 125);
    }
    throw initFailed(texts.noSuchSysctl(name), 127);
  }
}

/** Text of a file of the host; "" when there is none. */
export function readHostFile(daemon: Daemon, path: string): string {
  let node: VfsNode | undefined = daemon.host.root.root;
  for (const part of path.split("/").filter((name) => name !== "")) {
    node = node?.kind === "dir" ? (node as DirNode).children.get(part) : undefined;
    if (!node) return "";
  }
  if (node.kind !== "file") return "";
  const text = decodeUtf8(node.data, 0, node.size);
  // each container keeps what it found: the same string while the file is the same
  const before = daemon.hostFiles.get(path);
  if (before === text) return before;
  daemon.hostFiles.set(path, text);
  return text;
}
