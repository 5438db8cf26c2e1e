// The door to iptables: one command line of dockerd's, run at once in a namespace.

import type { NetNamespace } from "../net/netns.ts";
import { iptables } from "../tools/iptables/run.ts";

/** @param argv "iptables", "--wait" and the rest */
export function runIptablesIn(
  netns: NetNamespace,
  argv: readonly string[],
): { readonly status: number; readonly stderr: string } {
  // dockerd's iptables is no process of its own here: monitors call it 0
  netns.nf.tables.monitor.actor = { pid: 0, name: "iptables" };
  return iptables(netns.nf, argv.slice(1));
}
