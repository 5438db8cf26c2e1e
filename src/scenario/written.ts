// What a run leaves behind: the files of a host that were not there before it, or that it changed.

import { MSEC } from "../base/time.ts";
import type { Host } from "../host/host.ts";
import type { Lab } from "../host/lab.ts";
import { type Content, contentOf, piecesOf } from "../posix/growing-file.ts";
import type { DirNode, FileNode, VfsNode } from "../posix/vfs.ts";

/** Where scripts and shells run; relative files land here. */
export const SCENARIO_DIR = "/root";
/** Where a shell at a prompt keeps its history: not a file of the user's. */
export const HISTORY_FILE = "/root/.bash_history";

/** Folders of the root whose files are not the scenario's own. */
const SYSTEM_FOLDERS: ReadonlySet<string> = new Set([
  "bin",
  "dev",
  "etc",
  "lib",
  "proc",
  "run",
  "sbin",
  "sys",
  "usr",
  "var",
]);

export interface WrittenFile {
  /** relative to the output folder: "docker0.pcap", "tmp/x" for /tmp/x */
  readonly path: string;
  /** The content, the lab's own memory: to be looked at before the lab goes on, and not to be changed. */
  readonly bytes: Uint8Array;
  /** The same in the pieces that a large file lies in: for those who do not want it copied into one. */
  readonly pieces: readonly Uint8Array[];
  /** Where it lies: for those who do not want it in memory at all (ScenarioOptions.makeStore). */
  readonly content: Content;
  /** in bytes */
  readonly size: number;
  /** milliseconds since 1970 */
  readonly mtimeMs: number;
}

/** Watches one host's files. */
export class WrittenFiles {
  readonly #lab: Lab;
  readonly #host: Host;
  /** files that were given to the run: theirs when they were changed */
  readonly #given: Map<VfsNode, number> = new Map();
  readonly #before: ReadonlySet<VfsNode>;
  readonly #taken: Map<VfsNode, { mtimeNs: number; size: number; path: string }> = new Map();

  /** Puts the given files, by relative path, into the scenario's folder. */
  constructor(lab: Lab, host: Host, given: ReadonlyMap<string, FileNode>) {
    this.#lab = lab;
    this.#host = host;
    for (const [path, node] of given) {
      host.root.put(`${SCENARIO_DIR}/${path}`, node);
      this.#given.set(node, node.mtimeNs);
    }
    this.#before = new Set(walkFiles(host.root.root, "").map(([, node]) => node));
  }

  /** All that the run wrote, sorted by path. */
  all(): WrittenFile[] {
    return this.#select(() => true);
  }

  /** What was written since this was last called. */
  changes(): WrittenFile[] {
    return this.#select((node, path) => {
      const taken = this.#taken.get(node);
      if (taken && taken.mtimeNs === node.mtimeNs && taken.size === node.size && taken.path === path) return false;
      this.#taken.set(node, { mtimeNs: node.mtimeNs, size: node.size, path });
      return true;
    });
  }

  #select(wanted: (node: FileNode, path: string) => boolean): WrittenFile[] {
    const files: WrittenFile[] = [];
    for (const [path, node] of walkFiles(this.#host.root.root, "")) {
      const stamp = this.#given.get(node);
      if (stamp !== undefined ? stamp === node.mtimeNs : this.#before.has(node)) continue;
      const relative = exportPath(path);
      if (relative === undefined || !wanted(node, path)) continue;
      files.push({
        path: relative,
        get bytes() {
          return node.data.subarray(0, node.size);
        },
        get pieces() {
          return piecesOf(contentOf(node));
        },
        get content() {
          return contentOf(node);
        },
        size: node.size,
        mtimeMs: this.#lab.startMs + Math.floor(node.mtimeNs / MSEC),
      });
    }
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}

/** "/root/a/b" → "a/b"; "/tmp/x" → "tmp/x"; undefined for the system's own files (captures are always the user's). */
function exportPath(path: string): string | undefined {
  if (path === HISTORY_FILE) return undefined;
  if (path.startsWith(`${SCENARIO_DIR}/`)) return path.slice(SCENARIO_DIR.length + 1);
  const top = path.split("/")[1]!;
  if (SYSTEM_FOLDERS.has(top) && !/\.pcap(ng)?$/.test(path)) return undefined;
  return path.slice(1);
}

/** What no host has looked at in the tree that they share is nothing that a run wrote. */
function walkFiles(dir: DirNode, prefix: string, out: [string, FileNode][] = []): [string, FileNode][] {
  for (const [name, node] of dir.children.touched?.() ?? dir.children) {
    if (node.kind === "dir") walkFiles(node, `${prefix}/${name}`, out);
    else if (node.kind === "file") out.push([`${prefix}/${name}`, node]);
  }
  return out;
}
