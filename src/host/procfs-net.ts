// What the kernel shows of networking as files: /proc/sys (the sysctl tree of the reader's namespace) and /sys/class/net.
// Everything is computed when it is read, for the process that reads it.

import { Errno, NetError } from "../base/errno.ts";
import { devSetMtu } from "../net/core/dev.ts";
import { IFF_RUNNING, type NetDevice } from "../net/core/net-device.ts";
import { nfConntrackStatText, nfConntrackText } from "../net/netfilter/conntrack-text.ts";
import type { Process } from "../posix/process.ts";
import type { SyntheticDirNode, SyntheticFileNode, VfsNode } from "../posix/vfs.ts";
import { formatMac } from "../wire/addr.ts";
import { netnsOf } from "./host.ts";

/** Entries of /proc that networking adds: "sys", and of "net" what conntrack shows. */
export function netProcEntries(): Map<string, VfsNode> {
  const stat = folder(new Map([["nf_conntrack", file((proc) => nfConntrackStatText(netnsOf(proc).nf.ct))]]));
  const net = folder(
    new Map<string, VfsNode>([
      ["nf_conntrack", file((proc) => nfConntrackText(netnsOf(proc).nf))],
      ["stat", stat],
    ]),
  );
  return new Map<string, VfsNode>([
    ["sys", sysctlFolder("")],
    ["net", net],
  ]);
}

/** /sys/class/net: a folder for each interface of the reader's namespace. */
export function sysClassNet(): SyntheticDirNode {
  return {
    kind: "syntheticDir",
    mode: 0o755,
    mtimeNs: 0,
    list: (proc) => [...netnsOf(proc).net.devices.values()].map((dev) => dev.name).sort(),
    lookup: (proc, name) => {
      const dev = netnsOf(proc).net.deviceByName(name);
      return dev && deviceFolder(dev);
    },
  };
}

function file(read: (proc: Process) => string, write?: (proc: Process, text: string) => void): SyntheticFileNode {
  return { kind: "synthetic", mode: write ? 0o644 : 0o444, mtimeNs: 0, read, ...(write ? { write } : {}) };
}

function folder(entries: ReadonlyMap<string, VfsNode>): SyntheticDirNode {
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
      if (kernelKey) return kernelKey;
      const entry = netnsOf(proc).net.sysctl.get(key);
      if (entry) return file(entry.read, entry.write && ((_proc, text) => entry.write!(text)));
      return keys(proc).some((other) => other.startsWith(`${key}/`)) ? sysctlFolder(`${key}/`) : undefined;
    },
  };
}

function deviceFolder(dev: NetDevice): SyntheticDirNode {
  const { stats } = dev;
  const number = (read: () => number): SyntheticFileNode => file(() => `${read()}\n`);
  const statistics: [string, () => number][] = [
    ["rx_packets", () => stats.rxPackets],
    ["tx_packets", () => stats.txPackets],
    ["rx_bytes", () => stats.rxBytes],
    ["tx_bytes", () => stats.txBytes],
    ["rx_errors", () => stats.rxErrors],
    ["tx_errors", () => stats.txErrors],
    ["rx_dropped", () => stats.rxDropped],
    ["tx_dropped", () => stats.txDropped],
    ["multicast", () => stats.multicast],
    ["collisions", () => stats.collisions],
    ["rx_nohandler", () => stats.rxNohandler],
  ];
  const entries = new Map<string, VfsNode>([
    ["address", file(() => `${formatMac(dev.address)}\n`)],
    ["broadcast", file(() => `${formatMac(dev.broadcast)}\n`)],
    ["addr_assign_type", number(() => dev.addrAssignType)],
    ["addr_len", number(() => 6)],
    ["type", number(() => dev.type)],
    ["ifindex", number(() => dev.ifindex)],
    ["iflink", number(() => dev.iflink())],
    ["ifalias", file(() => (dev.ifalias === "" ? "" : `${dev.ifalias}\n`))],
    ["flags", file(() => `0x${(dev.flags & 0xffff & ~IFF_RUNNING).toString(16)}\n`)],
    ["operstate", file(() => `${dev.up ? dev.operstate.toLowerCase() : "down"}\n`)],
    [
      "carrier",
      file(() => {
        // a device that is down has no carrier to speak of
        if (!dev.up) throw new NetError(Errno.EINVAL);
        dev.net.kernel.linkWatch.sync(dev);
        return `${dev.carrier ? 1 : 0}\n`;
      }),
    ],
    ["carrier_changes", number(() => dev.carrierChanges)],
    ["tx_queue_len", number(() => dev.txQueueLen)],
    ["dev_id", file(() => "0x0\n")],
    [
      "mtu",
      file(
        () => `${dev.mtu}\n`,
        (_proc, text) => {
          if (!/^\s*\d+\s*$/.test(text)) throw new NetError(Errno.EINVAL);
          devSetMtu(dev, Number(text));
        },
      ),
    ],
    ["statistics", folder(new Map(statistics.map(([name, read]) => [name, number(read)])))],
  ]);
  const { master } = dev;
  if (master) entries.set("master", { kind: "link", target: `../${master.name}`, mode: 0o777, mtimeNs: 0 });
  return folder(entries);
}
