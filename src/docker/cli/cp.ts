// docker cp between a container and the client's file system. Answers to docker/cli cli/command/container/cp.go and moby
// pkg/archive/copy.go (PrepareArchiveCopy); archives on stdin and stdout are refused by name.

import { NetError } from "../../base/errno.ts";
import type { Process } from "../../posix/process.ts";
import { joinPath, type Vfs, type VfsNode } from "../../posix/vfs.ts";
import { sleep, type Task } from "../../sim/task.ts";
import type { Container } from "../container.ts";
import { DaemonError } from "../errors.ts";
import { copyNode } from "../rootfs.ts";
import { ClientError, type Command, type Context } from "./command.ts";

/** One side of a copy: a path of the client's, or CONTAINER:PATH. */
interface Side {
  /** the container's name as it was given */
  readonly name: string | undefined;
  /** as it was given */
  readonly path: string;
}

/** Where a side's path leads. */
interface Place {
  readonly root: Vfs;
  /** a process whose folder relative paths start from */
  readonly proc: Process;
  /** absolute */
  readonly full: string;
}

export const cp: Command = {
  name: "cp",
  // every file here is root's, so keeping owners (-a) is what happens anyway
  supports: "archive follow-link quiet",
  args: { min: 2, max: 2 },
  *run(context: Context): Task<number> {
    const [from, to] = context.args.map(side) as [Side, Side];
    if (from.name !== undefined && to.name !== undefined)
      throw new ClientError("copying between containers is not supported");
    if (from.name === undefined && to.name === undefined)
      throw new ClientError("must specify at least one container source");
    if (from.path === "-" || to.path === "-") throw new ClientError("vethlab does not support archives in docker cp");
    yield* sleep(context.daemon.generation.costs.copy);
    if (from.name !== undefined) copyOut(context, from, to);
    else copyIn(context, from, to);
    return 0;
  },
};

function side(text: string): Side {
  const colon = text.indexOf(":");
  if (colon <= 0 || text.startsWith("/") || text.startsWith(".")) return { name: undefined, path: text };
  return { name: text.slice(0, colon), path: text.slice(colon + 1) };
}

function containerOf({ daemon, client }: Context, name: string, path: string): Container {
  try {
    return daemon.findContainer(name);
  } catch (error) {
    if (!(error instanceof DaemonError) || error.status !== 404) throw error;
    throw new ClientError(client.noSuchPath(name, path, false));
  }
}

const inContainer = ({ proc }: Context, container: Container, path: string): Place => ({
  root: container.rootfs,
  proc,
  full: joinPath("/", path),
});

const atClient = ({ proc }: Context, path: string): Place => ({
  root: proc.root,
  proc,
  full: joinPath(proc.cwd, path),
});

function nodeAt({ root, proc, full }: Place, noFollow = false): VfsNode | undefined {
  try {
    return root.find(proc, full, noFollow);
  } catch (error) {
    if (error instanceof NetError) return undefined;
    throw error;
  }
}

const dirOf = (path: string): string =>
  path
    .replace(/\/+$/, "")
    .replace(/[^/]*$/, "")
    .replace(/(.)\/+$/, "$1");
/** "dir/." means what is in the folder, not the folder itself */
const wantsContent = (path: string): boolean => path === "." || path.endsWith("/.");
const assertsFolder = (path: string): boolean => path.endsWith("/") || wantsContent(path);

function copyOut(context: Context, from: Side, to: Side): void {
  const target = atClient(context, to.path);
  const there = nodeAt(target);
  const parent = dirOf(target.full) || "/";
  if (!there && nodeAt({ ...target, full: parent })?.kind !== "dir")
    throw new ClientError(`invalid output path: directory ${JSON.stringify(dirOf(to.path) || ".")} does not exist`);
  const name = from.name!;
  const container = containerOf(context, name, from.path);
  const source = inContainer(context, container, from.path);
  const node = nodeAt(source, !context.flags.bool("follow-link"));
  if (!node) throw new ClientError(context.client.noSuchPath(name, from.path, true));
  place(node, from.path, source.full, target, to.path);
}

function copyIn(context: Context, from: Side, to: Side): void {
  const { client } = context;
  const source = atClient(context, from.path);
  const node = nodeAt(source, !context.flags.bool("follow-link"));
  if (!node) throw new ClientError(`lstat ${source.full}: no such file or directory`);
  const name = to.name!;
  const folder = dirOf(to.path) || (to.path.startsWith("/") ? "/" : ".");
  const container = containerOf(context, name, folder);
  const target = inContainer(context, container, to.path);
  if (to.path === "") throw new ClientError("no such directory");
  const there = nodeAt(target);
  if (there && there === nodeAt({ ...target, full: joinPath("/", to.path) }) && isMounted(container, there))
    throw new DaemonError(`Error processing tar file(exit status 1): unlinkat ${target.full}: device or resource busy`);
  if (!there && !assertsFolder(to.path) && nodeAt({ ...target, full: dirOf(target.full) || "/" })?.kind !== "dir")
    throw new ClientError(client.noSuchPath(name, folder, true));
  place(node, from.path, source.full, target, to.path);
}

function isMounted({ files }: Container, node: VfsNode): boolean {
  return node === files.hosts || node === files.hostname || node === files.resolvConf;
}

/** Puts a copy where the two paths mean it to be (PrepareArchiveCopy). */
function place(node: VfsNode, sourcePath: string, sourceFull: string, target: Place, targetPath: string): void {
  const { root, full } = target;
  const there = nodeAt(target);
  const name = sourceFull.replace(/\/+$/, "").split("/").at(-1)!;
  if (there?.kind === "dir") {
    if (node.kind === "dir" && wantsContent(sourcePath)) merge(root, full, node);
    else merge(root, joinPath(full, name), node);
    return;
  }
  if (there && node.kind === "dir") throw new ClientError("cannot copy directory");
  if (!there && node.kind !== "dir" && assertsFolder(targetPath)) throw new ClientError("no such directory");
  merge(root, full, node);
}

/** Folders keep what they had besides. */
function merge(root: Vfs, path: string, node: VfsNode): void {
  if (node.kind !== "dir") {
    root.put(path, copyNode(node));
    return;
  }
  const copy = copyNode({ ...node, children: new Map() });
  const place = existing(root, path);
  if (place?.kind !== "dir") root.put(path, copy);
  for (const [name, child] of node.children) merge(root, joinPath(path, name), child);
}

function existing(root: Vfs, path: string): VfsNode | undefined {
  let node: VfsNode | undefined = root.root;
  for (const part of path.split("/").filter((word) => word !== ""))
    node = node?.kind === "dir" ? node.children.get(part) : undefined;
  return node;
}
