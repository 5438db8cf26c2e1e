// The network namespace that a name of `ip netns` means on a host, for code that is no process of that host.

import { Errno, NetError } from "../../base/errno.ts";
import { type Host, netnsFromNode } from "../../host/host.ts";
import type { NetNamespace } from "../../net/netns.ts";
import type { Process } from "../../posix/process.ts";
import { netnsPath } from "./lib/netns.ts";

/** Throws NetError: ENOENT when there is no such name, EINVAL when the file under it is no namespace. */
export function netnsByName(host: Host, name: string): NetNamespace {
  // an absolute path needs nothing of a process but a folder to start from
  const netns = netnsFromNode(host.root.lookup({ cwd: "/" } as Process, netnsPath(name)));
  if (!netns) throw new NetError(Errno.EINVAL);
  return netns;
}
