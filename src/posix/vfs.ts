// A file system in memory: the scenario's folder, /etc, /proc and the programs of one root (the host's, or a container
// image's). Directories, regular files, symbolic links, devices and programs; synthetic files and directories compute
// what they hold (/proc, /sys). No permissions: everything runs as root.

import { latin1 } from "../base/bytes.ts";
import { Errno, NetError } from "../base/errno.ts";
import { LazyMap } from "../base/lazy.ts";
import { encodeUtf8 } from "../base/text.ts";
import type { Ns } from "../base/time.ts";
import type { Task } from "../sim/task.ts";
import { NullFile, OpenFile } from "./file.ts";
import { GROWS_IN_BLOCKS, type MakeStore, tailOf } from "./growing-file.ts";
import type { Process, Program } from "./process.ts";

/** No file grows larger: the disk is full then. */
const MAX_FILE_BYTES = 2 ** 30;

const NO_BYTES = new Uint8Array(0);

/** Path-walk limit on symbolic links (MAXSYMLINKS). */
const MAX_SYMLINKS = 40;

interface NodeBase {
  /** permission bits, e.g. 0o644 */
  mode: number;
  /** virtual ns; −… before the lab began (touch -d) */
  mtimeNs: Ns;
}

export interface FileNode extends NodeBase {
  readonly kind: "file";
  /** The content; longer arrays are allowed, `size` counts. */
  data: Uint8Array;
  size: number;
  /** further names (hard links); absent means none */
  links?: number;
}

/** The names in a directory: a Map, or one that is laid over another (layered.ts). */
export interface DirChildren extends Iterable<[string, VfsNode]> {
  get(name: string): VfsNode | undefined;
  /** as `get`, where that makes what is found fit to be changed: for a look only */
  peek?(name: string): VfsNode | undefined;
  /** those that may have been changed or put there, where not all: what was never looked at is as it was laid under */
  touched?(): Iterable<[string, VfsNode]>;
  has(name: string): boolean;
  set(name: string, node: VfsNode): void;
  delete(name: string): boolean;
  readonly size: number;
  keys(): Iterable<string>;
  values(): Iterable<VfsNode>;
}

export interface DirNode extends NodeBase {
  readonly kind: "dir";
  readonly children: DirChildren;
}

export interface LinkNode extends NodeBase {
  readonly kind: "link";
  readonly target: string;
}

/** An executable that vethlab implements. */
export interface ProgramNode extends NodeBase {
  readonly kind: "program";
  readonly program: Program;
}

/** A file whose content is computed for the process that reads it (/proc/net/snmp, /proc/sys/…). */
export interface SyntheticFileNode extends NodeBase {
  readonly kind: "synthetic";
  /** throws NetError */
  readonly read: (proc: Process) => string;
  /** throws NetError; absent when read-only */
  readonly write?: (proc: Process, text: string) => void;
  /** that process sees it in a file system that is mounted for reading only */
  readonly readOnlyFor?: (proc: Process) => boolean;
}

/** A directory whose entries are computed (/proc, /proc/PID). */
export interface SyntheticDirNode extends NodeBase {
  readonly kind: "syntheticDir";
  readonly list: (proc: Process) => string[];
  readonly lookup: (proc: Process, name: string) => VfsNode | undefined;
}

/** A device or any other thing that `open` makes (/dev/null). */
export interface DeviceNode extends NodeBase {
  readonly kind: "device";
  readonly open: (proc: Process) => OpenFile;
}

/** A reference to a namespace (/proc/PID/ns/net and what `ip netns add` mounts under /run/netns). */
export interface NamespaceNode extends NodeBase {
  readonly kind: "namespace";
  /** "net", "pid", … */
  readonly type: string;
  readonly inode: number;
  readonly target: object;
}

export type VfsNode =
  | FileNode
  | DirNode
  | LinkNode
  | ProgramNode
  | SyntheticFileNode
  | SyntheticDirNode
  | DeviceNode
  | NamespaceNode;

export function dirNode(mtimeNs: Ns = 0): DirNode {
  return { kind: "dir", children: new LazyMap(), mode: 0o755, mtimeNs };
}

export function fileNode(content: Uint8Array | string = "", mtimeNs: Ns = 0): FileNode {
  const data = typeof content === "string" ? encodeUtf8(content) : content;
  return { kind: "file", data, size: data.length, mode: 0o644, mtimeNs };
}

/** What joinPath changes of an absolute path: "//", "/.", "/..", a slash at the end (and, by chance, names with a dot in front). */
const UNCLEAN = /\/(?:\.|\/|$)/;

/** `joinPath("/a/b", "../c") === "/a/c"`; an absolute `path` wins. */
export function joinPath(cwd: string, path: string): string {
  const absolute = path.startsWith("/");
  if (absolute && !UNCLEAN.test(path)) return path;
  const out: string[] = [];
  for (const part of (absolute ? path : `${cwd}/${path}`).split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") out.pop();
    else out.push(part);
  }
  return `/${out.join("/")}`;
}

export interface OpenFlags {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly create?: boolean;
  readonly truncate?: boolean;
  readonly append?: boolean;
  /** with create: EEXIST when it is there */
  readonly exclusive?: boolean;
}

/** Says what time it is, in virtual ns (Sim). */
export interface Clock {
  readonly now: Ns;
}

/** One root file system. */
export class Vfs {
  readonly root: DirNode;
  /** where files go that grow large; null: they stay in memory */
  makeStore: MakeStore | null = null;
  readonly #clock: Clock;
  /** made when somebody asks for a number */
  #inodes: WeakMap<VfsNode, number> | null = null;
  #nextInode = 131_073;

  constructor(clock: Clock, root: DirNode = dirNode()) {
    this.#clock = clock;
    this.root = root;
  }

  /** The node at `path` (absolute, or relative to proc.cwd), links followed unless `noFollow`; undefined if absent. */
  find(proc: Process, path: string, noFollow = false): VfsNode | undefined {
    return this.#walk(proc, joinPath(proc.cwd, path), noFollow, false, 0);
  }

  /** As `find`, for a look only: what is found must not be changed. */
  peek(proc: Process, path: string): VfsNode | undefined {
    return this.#walk(proc, joinPath(proc.cwd, path), false, true, 0);
  }

  /** As `find`, or NetError: ENOENT, ENOTDIR, ELOOP. */
  lookup(proc: Process, path: string, noFollow = false): VfsNode {
    const node = this.find(proc, path, noFollow);
    if (!node) throw new NetError(Errno.ENOENT);
    return node;
  }

  /** The path with every symbolic link resolved; the last part need not exist. */
  realPath(proc: Process, path: string): string {
    let full = joinPath(proc.cwd, path);
    for (let i = 0; i < MAX_SYMLINKS; i++) {
      const parts = full.split("/").filter((p) => p !== "");
      let replaced = false;
      for (let n = 1; n <= parts.length; n++) {
        const prefix = `/${parts.slice(0, n).join("/")}`;
        const node = this.#walk(proc, prefix, true, true, 0);
        if (node?.kind === "link") {
          full = joinPath(joinPath(prefix, ".."), node.target);
          full = joinPath(full, parts.slice(n).join("/"));
          replaced = true;
          break;
        }
      }
      if (!replaced) return full;
    }
    throw new NetError(Errno.ELOOP);
  }

  #walk(proc: Process, full: string, noFollow: boolean, look: boolean, depth: number): VfsNode | undefined {
    if (depth > MAX_SYMLINKS) throw new NetError(Errno.ELOOP);
    let node: VfsNode = this.root;
    for (let from = 1; from < full.length; ) {
      const slash = full.indexOf("/", from);
      const to = slash < 0 ? full.length : slash;
      const part = full.slice(from, to);
      let next: VfsNode | undefined;
      if (node.kind === "dir") {
        const { children }: DirNode = node;
        next = look && children.peek ? children.peek(part) : children.get(part);
      } else if (node.kind === "syntheticDir") next = node.lookup(proc, part);
      else throw new NetError(Errno.ENOTDIR);
      if (!next) return undefined;
      if (next.kind === "link" && !(noFollow && to === full.length)) {
        const target = joinPath(full.slice(0, from), next.target);
        return this.#walk(proc, joinPath(target, full.slice(to + 1)), noFollow, look, depth + 1);
      }
      node = next;
      from = to + 1;
    }
    return node;
  }

  /** Puts a node at an absolute path, making the directories on the way (for setting a file system up). */
  put(path: string, node: VfsNode): void {
    const full = joinPath("/", path);
    const slash = full.lastIndexOf("/");
    this.folder(full.slice(0, slash)).children.set(full.slice(slash + 1), node);
  }

  /** A directory by its absolute path, made with those on the way. */
  folder(path: string): DirNode {
    let dir = this.root;
    for (const part of path.split("/")) {
      if (part === "") continue;
      let next = dir.children.get(part);
      if (!next) {
        next = dirNode(this.#clock.now);
        dir.children.set(part, next);
      }
      if (next.kind !== "dir") throw new NetError(Errno.ENOTDIR);
      dir = next;
    }
    return dir;
  }

  /** Adds a node under an existing directory. Throws ENOENT, ENOTDIR, EEXIST. */
  create(proc: Process, path: string, node: VfsNode): void {
    const full = this.realPath(proc, joinPath(joinPath(proc.cwd, path), ".."));
    const name = joinPath(proc.cwd, path).split("/").at(-1)!;
    const dir = this.lookup(proc, full);
    if (dir.kind !== "dir") throw new NetError(dir.kind === "syntheticDir" ? Errno.EACCES : Errno.ENOTDIR);
    if (name === "" || dir.children.has(name)) throw new NetError(Errno.EEXIST);
    dir.children.set(name, node);
    dir.mtimeNs = this.#clock.now;
  }

  /** Removes a name. Throws ENOENT, EISDIR (unless `directory`), ENOTDIR, ENOTEMPTY (unless `recursive`). */
  remove(proc: Process, path: string, how: { directory?: boolean; recursive?: boolean } = {}): void {
    const parent = this.lookup(proc, joinPath(joinPath(proc.cwd, path), ".."));
    const name = joinPath(proc.cwd, path).split("/").at(-1)!;
    if (parent.kind !== "dir") throw new NetError(Errno.ENOTDIR);
    const node = parent.children.get(name);
    if (!node) throw new NetError(Errno.ENOENT);
    if (node.kind === "dir") {
      if (!how.directory && !how.recursive) throw new NetError(Errno.EISDIR);
      if (node.children.size > 0 && !how.recursive) throw new NetError(Errno.ENOTEMPTY);
    } else if (how.directory && !how.recursive) throw new NetError(Errno.ENOTDIR);
    parent.children.delete(name);
    parent.mtimeNs = this.#clock.now;
    if (node.kind === "file" && node.links) node.links--;
  }

  /** rename(2): over an existing file or empty directory too. Throws ENOENT, EISDIR, ENOTDIR, ENOTEMPTY, EINVAL. */
  rename(proc: Process, from: string, to: string): void {
    const node = this.lookup(proc, from, true);
    const parent = (path: string): DirNode => {
      const dir = this.lookup(proc, joinPath(joinPath(proc.cwd, path), ".."));
      if (dir.kind !== "dir") throw new NetError(Errno.ENOTDIR);
      return dir;
    };
    const source = joinPath(proc.cwd, from);
    const target = joinPath(proc.cwd, to);
    if (source === target) return;
    if (`${target}/`.startsWith(`${source}/`)) throw new NetError(Errno.EINVAL);
    const fromDir = parent(from);
    const toDir = parent(to);
    const name = target.split("/").at(-1)!;
    const old = toDir.children.get(name);
    if (old?.kind === "dir") {
      if (node.kind !== "dir") throw new NetError(Errno.EISDIR);
      if (old.children.size > 0) throw new NetError(Errno.ENOTEMPTY);
    } else if (old && node.kind === "dir") throw new NetError(Errno.ENOTDIR);
    fromDir.children.delete(source.split("/").at(-1)!);
    toDir.children.set(name, node);
    fromDir.mtimeNs = this.#clock.now;
    toDir.mtimeNs = this.#clock.now;
  }

  /** The number `ls -i` shows for a node: given on first sight, kept for the node's life. */
  inode(node: VfsNode): number {
    if (node.kind === "namespace") return node.inode;
    this.#inodes ??= new WeakMap();
    let inode = this.#inodes.get(node);
    if (inode === undefined) {
      inode = this.#nextInode++;
      this.#inodes.set(node, inode);
    }
    return inode;
  }

  /** Names in a directory, sorted. Throws ENOENT, ENOTDIR. */
  list(proc: Process, path: string): string[] {
    const node = this.lookup(proc, path);
    if (node.kind === "dir") return [...node.children.keys()].sort();
    if (node.kind === "syntheticDir") return node.list(proc);
    throw new NetError(Errno.ENOTDIR);
  }

  /** open(2). Throws ENOENT, EISDIR, ENOTDIR, EEXIST, EACCES. */
  open(proc: Process, path: string, flags: OpenFlags): OpenFile {
    let node = this.find(proc, path);
    if (node && flags.create && flags.exclusive) throw new NetError(Errno.EEXIST);
    if (!node) {
      if (!flags.create) throw new NetError(Errno.ENOENT);
      node = fileNode("", this.#clock.now);
      node.mode = 0o666 & ~proc.umask;
      this.create(proc, this.realPath(proc, path), node);
    }
    switch (node.kind) {
      case "dir":
      case "syntheticDir":
        throw new NetError(Errno.EISDIR);
      case "device":
        return node.open(proc);
      case "synthetic":
        return new SyntheticFile(node, proc, flags);
      case "file":
        if (flags.truncate) {
          // what a large one held is let go at once
          if (node.size >= GROWS_IN_BLOCKS) node.data = NO_BYTES;
          node.size = 0;
          node.mtimeNs = this.#clock.now;
        }
        return new RegularFile(node, flags, this.#clock, this.makeStore);
      case "program":
      case "namespace":
        return new NullFile();
      case "link":
        throw new NetError(Errno.ELOOP);
    }
  }

  /** The whole content of a file. Throws as `open` does. */
  readFile(proc: Process, path: string): Uint8Array {
    const node = this.peek(proc, path);
    if (!node) throw new NetError(Errno.ENOENT);
    if (node.kind === "file") return node.data.subarray(0, node.size);
    if (node.kind === "synthetic") return encodeUtf8(node.read(proc));
    if (node.kind === "dir" || node.kind === "syntheticDir") throw new NetError(Errno.EISDIR);
    throw new NetError(Errno.EACCES);
  }

  /** Writes a whole file, made if need be. Throws as `open` does. */
  writeFile(proc: Process, path: string, content: Uint8Array | string): void {
    const bytes = typeof content === "string" ? encodeUtf8(content) : content;
    const node = this.find(proc, path);
    if (!node) this.create(proc, this.realPath(proc, path), fileNode(bytes.slice(), this.#clock.now));
    else if (node.kind === "file") {
      node.data = bytes.slice();
      node.size = bytes.length;
      node.mtimeNs = this.#clock.now;
    } else if (node.kind === "synthetic" && node.write) {
      if (node.readOnlyFor?.(proc)) throw new NetError(Errno.EROFS);
      node.write(proc, typeof content === "string" ? content : latin1(bytes));
    } else throw new NetError(node.kind === "dir" ? Errno.EISDIR : Errno.EACCES);
  }
}

/** A regular file that is open: it grows by doubling, a large one in blocks. */
export class RegularFile extends OpenFile {
  readonly node: FileNode;
  readonly #flags: OpenFlags;
  readonly #clock: Clock;
  readonly #makeStore: MakeStore | null;
  #at = 0;

  constructor(node: FileNode, flags: OpenFlags, clock: Clock, makeStore: MakeStore | null) {
    super();
    this.node = node;
    this.#flags = flags;
    this.#clock = clock;
    this.#makeStore = makeStore;
  }

  override *read(max: number): Task<Uint8Array | null> {
    const { node } = this;
    if (this.#at >= node.size) return null;
    const out = node.data.slice(this.#at, Math.min(node.size, this.#at + max));
    this.#at += out.length;
    return out;
  }

  override *write(bytes: Uint8Array): Task<void> {
    this.writeNow(bytes);
  }

  /** As `write`, at once. */
  writeNow(bytes: Uint8Array): void {
    if (!this.#flags.write) throw new NetError(Errno.EBADF);
    const { node } = this;
    if (this.#flags.append) this.#at = node.size;
    const end = this.#at + bytes.length;
    if (end > MAX_FILE_BYTES) throw new NetError(Errno.ENOSPC);
    const { size } = node;
    if (size < GROWS_IN_BLOCKS || this.#at !== size || !tailOf(node, this.#makeStore).append(bytes, size))
      this.#put(bytes, end);
    this.#at = end;
    if (end > node.size) node.size = end;
    node.mtimeNs = this.#clock.now;
  }

  /** Memory in which what is written next may be made, so that it is not copied (Store.room); null: anywhere. */
  room(bytes: number): Uint8Array | null {
    const { size } = this.node;
    if (!this.#flags.write || size < GROWS_IN_BLOCKS || this.#at !== size) return null;
    return tailOf(this.node, this.#makeStore).room(bytes, size);
  }

  #put(bytes: Uint8Array, end: number): void {
    const { node } = this;
    if (end > node.data.length) {
      const grown = new Uint8Array(Math.max(end, node.data.length * 2, 64));
      grown.set(node.data.subarray(0, node.size));
      node.data = grown;
    }
    node.data.set(bytes, this.#at);
  }

  override unread(bytes: Uint8Array): boolean {
    this.#at -= bytes.length;
    return true;
  }

  /** lseek(2) to an absolute place. */
  seek(at: number): void {
    this.#at = at;
  }
}

class SyntheticFile extends OpenFile {
  readonly #node: SyntheticFileNode;
  readonly #proc: Process;
  #rest: Uint8Array | null;
  readonly #flags: OpenFlags;

  constructor(node: SyntheticFileNode, proc: Process, flags: OpenFlags) {
    super();
    if (flags.write && node.readOnlyFor?.(proc)) throw new NetError(Errno.EROFS);
    if (flags.write && !node.write) throw new NetError(Errno.EACCES);
    this.#node = node;
    this.#proc = proc;
    this.#flags = flags;
    this.#rest = flags.read ? encodeUtf8(node.read(proc)) : null;
  }

  override *read(max: number): Task<Uint8Array | null> {
    const rest = this.#rest;
    if (!rest || rest.length === 0) return null;
    const out = rest.subarray(0, max);
    this.#rest = rest.subarray(out.length);
    return out;
  }

  override *write(bytes: Uint8Array): Task<void> {
    if (!this.#flags.write) throw new NetError(Errno.EBADF);
    this.#node.write!(this.#proc, latin1(bytes));
  }
}
