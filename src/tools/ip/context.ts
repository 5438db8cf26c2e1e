// What every object of `ip` needs: the process, the namespace it works in, the options, and where it prints.

import type { Net } from "../../net/core/net.ts";
import type { NetDevice } from "../../net/core/net-device.ts";
import type { NetNamespace } from "../../net/netns.ts";
import type { Process } from "../../posix/process.ts";
import { nodev } from "./lib/args.ts";
import type { Out } from "./lib/out.ts";

/** -4, -6, -0, -B, -M or none. */
export type Family = "" | "inet" | "inet6" | "link" | "bridge" | "mpls";

export interface Options {
  family: Family;
  stats: number;
  details: number;
  oneline: boolean;
  /** newer releases name a queue length of 0, too */
  showsEmptyQueue?: boolean;
  brief: boolean;
  json: boolean;
  pretty: boolean;
  human: boolean;
  iec: boolean;
  numeric: boolean;
  all: boolean;
  force: boolean;
  timestamp: boolean;
  /** -compressvlans of bridge(8) */
  compressVlans?: boolean;
}

export interface Context {
  readonly proc: Process;
  ns: NetNamespace;
  readonly options: Options;
  readonly out: Out;
  /** what goes to stderr */
  err: string;
}

/** The device of a name in the context's namespace, or `Cannot find device "x"`. */
export function deviceOrEnd(ctx: Context, name: string): NetDevice {
  return deviceNamed(ctx.ns.net, name) ?? nodev(name);
}

/** By name, or by "ifN" (ll_name_to_index). The kernel is asked for the link, and first brings its state up to date (rtnl_getlink). */
export function deviceNamed(net: Net, name: string): NetDevice | undefined {
  const byName = net.deviceByName(name);
  if (byName) {
    net.kernel.linkWatch.sync(byName);
    return byName;
  }
  const match = /^if(\d+)$/.exec(name);
  return match ? net.deviceByIndex(Number(match[1])) : undefined;
}

/** Devices by rising ifindex, as a dump gives them. */
export function devicesByIndex(net: Net): NetDevice[] {
  return [...net.devices.values()].sort((a, b) => a.ifindex - b.ifindex);
}
