// What the kernel shows of networking in /proc: /proc/sys (the sysctl tree of the reader's namespace) and /proc/net.
// Everything is computed when it is read, for the process that reads it.

import { arpText, routeText } from "../net/ipv4/proc-tables.ts";
import { nfConntrackExpectText, nfConntrackStatText, nfConntrackText } from "../net/netfilter/conntrack-text.ts";
import type { NamedTables } from "../net/netfilter/named-tables.ts";
import type { Netfilter } from "../net/netfilter/netfilter.ts";
import { devText, netstatText, snmpText, sockstatText } from "../net/proc-net.ts";
import { procTcpText } from "../net/proc-net-tcp.ts";
import type { Process } from "../posix/process.ts";
import type { SyntheticDirNode, SyntheticFileNode, VfsNode } from "../posix/vfs.ts";
import { netnsOf } from "./host.ts";

/** Entries of /proc that networking adds: "sys" and "net". */
export function netProcEntries(): Map<string, VfsNode> {
  const stat = folder(new Map([["nf_conntrack", file((proc) => nfConntrackStatText(netnsOf(proc).nf.ct))]]));
  const net = folder(
    new Map<string, VfsNode>([
      ["arp", file((proc) => arpText(netnsOf(proc).ipv4))],
      ["dev", file((proc) => devText(netnsOf(proc)))],
      ["netstat", file((proc) => netstatText(netnsOf(proc)))],
      ["nf_conntrack", file((proc) => nfConntrackText(netnsOf(proc).nf))],
      ["nf_conntrack_expect", file((proc) => nfConntrackExpectText(netnsOf(proc).nf.ct))],
      ["ipt_hashlimit", tables((nf) => nf.hashlimit)],
      ["route", file((proc) => routeText(netnsOf(proc).ipv4))],
      ["snmp", file((proc) => snmpText(netnsOf(proc)))],
      ["sockstat", file((proc) => sockstatText(netnsOf(proc)))],
      ["stat", stat],
      ["tcp", file((proc) => procTcpText(netnsOf(proc), false))],
      ["tcp6", file((proc) => procTcpText(netnsOf(proc), true))],
      ["xt_recent", tables((nf) => nf.recent)],
    ]),
  );
  return new Map<string, VfsNode>([
    ["sys", sysctlFolder("")],
    ["net", net],
  ]);
}

/** A folder of what rules share by name. */
function tables(
  of: (nf: Netfilter) => NamedTables<{ readonly text: string; write?(text: string): void }>,
): SyntheticDirNode {
  return {
    kind: "syntheticDir",
    mode: 0o755,
    mtimeNs: 0,
    list: (proc) => of(netnsOf(proc).nf).names.sort(),
    lookup: (proc, name) => {
      const table = of(netnsOf(proc).nf).get(name);
      if (!table) return undefined;
      return table.write
        ? file(
            () => table.text,
            (_proc, text) => table.write?.(text),
          )
        : file(() => table.text);
    },
  };
}

export function file(
  read: (proc: Process) => string,
  write?: (proc: Process, text: string) => void,
): SyntheticFileNode {
  return { kind: "synthetic", mode: write ? 0o644 : 0o444, mtimeNs: 0, read, ...(write ? { write } : {}) };
}

export function folder(entries: ReadonlyMap<string, VfsNode>): SyntheticDirNode {
  return {
    kind: "syntheticDir",
    mode: 0o755,
    mtimeNs: 0,
    list: () => [...entries.keys()].sort(),
    lookup: (_proc, name) => entries.get(name),
  };
}

/** Keys that belong to the machine or the host-name namespace rather than to networking. */
const KERNEL_KEYS: ReadonlyMap<string, SyntheticFileNode> = new Map([
  [
    "kernel/hostname",
    file(
      (proc) => `${proc.ns.uts.hostname}\n`,
      (proc, text) => {
        proc.ns.uts.hostname = text.trim();
      },
    ),
  ],
  ["kernel/osrelease", file(() => "6.18.0\n")],
  ["kernel/ostype", file(() => "Linux\n")],
]);

/** In containers that are not privileged /proc/sys is mounted for reading only. */
function setting(node: SyntheticFileNode): SyntheticFileNode {
  return { ...node, readOnlyFor: (proc) => proc.cred.readOnlySysctl ?? false };
}

/** A folder of /proc/sys; `prefix` ends with a slash unless it is the top. */
function sysctlFolder(prefix: string): SyntheticDirNode {
  const keys = (proc: Process): string[] => [...netnsOf(proc).net.sysctl.keys(), ...KERNEL_KEYS.keys()];
  return {
    kind: "syntheticDir",
    mode: 0o555,
    mtimeNs: 0,
    list: (proc) => {
      const names = new Set<string>();
      for (const key of keys(proc)) if (key.startsWith(prefix)) names.add(key.slice(prefix.length).split("/")[0]!);
      return [...names].sort();
    },
    lookup: (proc, name) => {
      const key = prefix + name;
      const kernelKey = KERNEL_KEYS.get(key);
      if (kernelKey) return setting(kernelKey);
      const entry = netnsOf(proc).net.sysctl.get(key);
      if (entry) return setting(file(entry.read, entry.write && ((_proc, text) => entry.write!(text))));
      const isFolder =
        netnsOf(proc).net.sysctl.hasFolder(`${key}/`) ||
        [...KERNEL_KEYS.keys()].some((other) => other.startsWith(`${key}/`));
      return isFolder ? sysctlFolder(`${key}/`) : undefined;
    },
  };
}
