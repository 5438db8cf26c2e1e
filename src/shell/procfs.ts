// /proc as far as processes go: /proc/self, /proc/PID/{cmdline,comm,cwd,environ,fd,ns,root,stat,status}. What the network
// stack shows there (/proc/net, /proc/sys) is handed in by those who know it. Answers to proc(5).

import { SEC } from "../base/time.ts";
import { NS_TYPES } from "../posix/ns-inodes.ts";
import type { Process } from "../posix/process.ts";
import type { LinkNode, NamespaceNode, SyntheticDirNode, SyntheticFileNode, VfsNode } from "../posix/vfs.ts";
import { descriptorDir } from "./devices.ts";
import { strftime } from "./strftime.ts";

function text(read: (proc: Process) => string, mode = 0o444): SyntheticFileNode {
  return { kind: "synthetic", mode, mtimeNs: 0, read };
}

function link(target: string): LinkNode {
  return { kind: "link", target, mode: 0o777, mtimeNs: 0 };
}

function folder(
  list: (proc: Process) => string[],
  lookup: (proc: Process, name: string) => VfsNode | undefined,
  mode = 0o555,
): SyntheticDirNode {
  return { kind: "syntheticDir", mode, mtimeNs: 0, list, lookup };
}

/** Namespaces that a process chooses for its children apart from its own. */
const FOR_CHILDREN: ReadonlySet<string> = new Set(["pid", "time"]);

function namespaces(owner: Process): SyntheticDirNode {
  const names = (): string[] =>
    NS_TYPES.flatMap((name): string[] => (FOR_CHILDREN.has(name) ? [name, `${name}_for_children`] : [name])).sort();
  return folder(
    names,
    (_proc, entry): NamespaceNode | undefined => {
      const name = entry.replace(/_for_children$/, "");
      if (name !== entry && !FOR_CHILDREN.has(name)) return undefined;
      const type = NS_TYPES.find((known) => known === name);
      if (!type) return undefined;
      const inode = owner.ns.inodes.get(type);
      const target = name === "net" ? owner.ns.net : name === "uts" ? owner.ns.uts : owner.ns.inodes;
      return { kind: "namespace", type: name, inode, target, mode: 0o777, mtimeNs: owner.startedNs };
    },
    0o511,
  );
}

function statLine(owner: Process, viewer: Process): string {
  const state = owner.stopped ? "T" : "S";
  const start = Math.floor(owner.startedNs / (SEC / 100));
  const group = owner.pgidFor(viewer);
  const head = [owner.pidFor(viewer), `(${owner.comm})`, state, owner.ppidFor(viewer), group, group, 0, -1, 0];
  return `${[...head, ...new Array<number>(12).fill(0), start, ...new Array<number>(30).fill(0)].join(" ")}\n`;
}

function status(owner: Process, viewer: Process): string {
  return `Name:\t${owner.comm}
Umask:\t${owner.umask.toString(8).padStart(4, "0")}
State:\t${owner.stopped ? "T (stopped)" : "S (sleeping)"}
Tgid:\t${owner.pidFor(viewer)}
Ngid:\t0
Pid:\t${owner.pidFor(viewer)}
PPid:\t${owner.ppidFor(viewer)}
TracerPid:\t0
Uid:${`\t${owner.cred.uid}`.repeat(4)}
Gid:${`\t${owner.cred.gid}`.repeat(4)}
Groups:\t${owner.cred.gid} 
Threads:\t1
`;
}

function processFolder(owner: Process): SyntheticDirNode {
  const entries = new Map<string, VfsNode>([
    ["cmdline", text(() => owner.commandLine.map((word) => `${word}\0`).join(""))],
    ["comm", text(() => `${owner.comm}\n`, 0o644)],
    ["cwd", link(owner.cwd)],
    ["environ", text(() => [...owner.env].map(([name, value]) => `${name}=${value}\0`).join(""), 0o400)],
    ["fd", descriptorDir(() => owner)],
    ["ns", namespaces(owner)],
    ["root", link("/")],
    ["stat", text((viewer) => statLine(owner, viewer))],
    ["status", text((viewer) => status(owner, viewer))],
  ]);
  return folder(
    () => [...entries.keys()],
    (_proc, name) => entries.get(name),
  );
}

/**
 * The /proc directory of a root.
 * @param more further entries by name ("net", "sys" …); looked at when asked, so it may grow later
 */
export function procDir(more: ReadonlyMap<string, VfsNode>): SyntheticDirNode {
  const own = new Map<string, VfsNode>([
    ["uptime", text((proc) => `${(proc.sim.now / SEC).toFixed(2)} ${(proc.sim.now / SEC).toFixed(2)}\n`)],
    ["loadavg", text((proc) => `0.00 0.00 0.00 1/${proc.visible.size} ${proc.pid}\n`)],
    [
      "version",
      text(
        (proc) =>
          `Linux version 6.18.0 (vethlab) #1 SMP ${strftime("%a %b %e %H:%M:%S %Z %Y", proc.machine.epochNs)}\n`,
      ),
    ],
  ]);
  return folder(
    (proc) => [
      ...[...proc.visible.keys()].sort((a, b) => a - b).map(String),
      ...new Set([...own.keys(), ...more.keys(), "self", "thread-self"]),
    ],
    (proc, name) => {
      if (name === "self" || name === "thread-self") return link(String(proc.pid));
      if (/^\d+$/.test(name)) {
        const owner = proc.visible.get(Number(name));
        return owner && processFolder(owner);
      }
      return more.get(name) ?? own.get(name);
    },
  );
}
