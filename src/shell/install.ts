// A root file system furnished for scripts: the programs under /usr/bin, devices, /tmp, /proc, and the few files of /etc
// that shells look at.

import { assert } from "../base/assert.ts";
import { layeredDir } from "../posix/layered.ts";
import type { Program } from "../posix/process.ts";
import { type DirNode, dirNode, fileNode, type LinkNode, type ProgramNode, Vfs, type VfsNode } from "../posix/vfs.ts";
import { coreutils } from "./coreutils/index.ts";
import { populateDev } from "./devices.ts";
import { type FilterLibrary, filterPrograms } from "./filters.ts";
import { bashProgram, createInterpreter, dashProgram, type ShellServices } from "./main.ts";
import { procDir } from "./procfs.ts";
import { textPrograms } from "./text/index.ts";

export interface ShellProgramOptions extends ShellServices {
  readonly filters?: FilterLibrary | undefined;
}

/** Every program of this folder, by name: bash, sh, dash, the coreutils, grep sed awk, and the library's filters. */
export function shellPrograms(options: ShellProgramOptions = {}): Map<string, Program> {
  const { filters, ...services } = options;
  const interpreter = createInterpreter(services);
  return new Map<string, Program>([
    ...coreutils,
    ...textPrograms,
    ...filterPrograms(filters),
    ["bash", bashProgram(interpreter)],
    ["sh", dashProgram(interpreter)],
    ["dash", dashProgram(interpreter)],
  ]);
}

/** A program as a file. */
export function programNode(program: Program): ProgramNode {
  return { kind: "program", program, mode: 0o755, mtimeNs: 0 };
}

function link(target: string): LinkNode {
  return { kind: "link", target, mode: 0o777, mtimeNs: 0 };
}

export interface PopulateOptions {
  /** by name, for /usr/bin; a name that begins with a slash is the whole path */
  readonly programs: ReadonlyMap<string, Program>;
  /** further entries of /proc ("net", "sys"); may grow later */
  readonly proc?: ReadonlyMap<string, VfsNode>;
}

/** Puts programs, devices, /proc, /tmp and the user root into a root file system. */
export function populateVfs(vfs: Vfs, options: PopulateOptions): void {
  const shared = sharedTree(options.programs);
  for (const [name, folder] of shared.programs.children) {
    assert(folder.kind === "dir" && !vfs.root.children.has(name), `a program in /, or /${name} twice`);
    vfs.root.children.set(name, layeredDir(folder, 0));
  }
  for (const folder of ["/root", "/var/tmp", "/var/log", "/etc", "/home", "/run"]) ensureFolder(vfs.root, folder);
  vfs.put("/bin", link("usr/bin"));
  vfs.put("/sbin", link("usr/sbin"));
  vfs.put("/var/run", link("/run"));
  const tmp = dirNode();
  tmp.mode = 0o1777;
  vfs.put("/tmp", tmp);
  vfs.root.children.set("dev", layeredDir(shared.dev, 0));
  vfs.put("/proc", procDir(options.proc ?? new Map()));
  vfs.put(
    "/etc/passwd",
    fileNode("root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"),
  );
  vfs.put("/etc/group", fileNode("root:x:0:\nnogroup:x:65534:\n"));
}

interface SharedTree {
  /** a root with the programs' folders only */
  readonly programs: DirNode;
  readonly dev: DirNode;
}

/** Made once for a set of programs and never changed: all hosts lay theirs over it. */
const trees: WeakMap<PopulateOptions["programs"], SharedTree> = new WeakMap();

function sharedTree(programs: PopulateOptions["programs"]): SharedTree {
  const known = trees.get(programs);
  if (known) return known;
  const vfs = new Vfs({ now: 0 });
  for (const folder of ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"]) ensureFolder(vfs.root, folder);
  for (const [name, program] of programs)
    vfs.put(name.startsWith("/") ? name : `/usr/bin/${name}`, programNode(program));
  const devices = new Vfs({ now: 0 });
  populateDev(devices);
  const tree: SharedTree = { programs: vfs.root, dev: devices.folder("/dev") };
  trees.set(programs, tree);
  return tree;
}

/** Makes a directory and those on the way, unless they are there. */
function ensureFolder(root: DirNode, path: string): void {
  let dir = root;
  for (const part of path.split("/").slice(1)) {
    let next = dir.children.get(part);
    if (!next) {
      next = dirNode();
      dir.children.set(part, next);
    }
    if (next.kind !== "dir") return;
    dir = next;
  }
}
