// Network namespaces by name: the files under /run/netns that `ip netns` makes. Answers to iproute2's lib/namespace.c.

import { Errno, NetError, strerror } from "../../../base/errno.ts";
import { NETNS_RUN_DIR, netnsFromNode } from "../../../host/host.ts";
import type { Net } from "../../../net/core/net.ts";
import type { NetNamespace } from "../../../net/netns.ts";
import type { Process } from "../../../posix/process.ts";
import { CommandError } from "./args.ts";

/** /run/netns/NAME, or the path that a name with a slash is. */
export function netnsPath(name: string): string {
  return name.includes("/") ? name : `${NETNS_RUN_DIR}/${name}`;
}

/** The namespace behind a file. Throws NetError: ENOENT …, EINVAL when the file is no namespace. */
export function netnsAt(proc: Process, path: string): NetNamespace {
  const netns = netnsFromNode(proc.root.lookup(proc, path));
  if (!netns) throw new NetError(Errno.EINVAL);
  return netns;
}

/** As netns_switch: the namespace of a name, or the command's end. */
export function switchTo(proc: Process, name: string): NetNamespace {
  let node: ReturnType<typeof proc.root.lookup>;
  try {
    node = proc.root.lookup(proc, netnsPath(name));
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    throw new CommandError(`Cannot open network namespace "${name}": ${strerror(error.errno)}\n`, 255);
  }
  const netns = netnsFromNode(node);
  if (!netns) throw new CommandError(`setting the network namespace "${name}" failed: Invalid argument\n`, 255);
  return netns;
}

/** Names under /run/netns, the newest first, as a tmpfs lists them. */
export function netnsNames(proc: Process): string[] {
  const dir = proc.root.find(proc, NETNS_RUN_DIR);
  return dir?.kind === "dir" ? [...dir.children.keys()].reverse() : [];
}

/** Where a namespace's name is looked up, or undefined: a broken link, a plain file. */
export function netnsNamed(proc: Process, name: string): NetNamespace | undefined {
  try {
    return netnsAt(proc, netnsPath(name));
  } catch (error) {
    if (error instanceof NetError) return undefined;
    throw error;
  }
}

/** The name that a namespace's number has in `net` (get_name_from_nsid). */
export function nameFromNsid(proc: Process, net: Net, nsid: number): string | undefined {
  for (const name of netnsNames(proc)) {
    const other = netnsNamed(proc, name);
    if (other && net.nsids.get(other.net) === nsid) return name;
  }
  return undefined;
}
