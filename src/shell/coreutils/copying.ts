// cp, mv, ln: names given to what is there already.

import { Errno, NetError } from "../../base/errno.ts";
import type { Process, Program } from "../../posix/process.ts";
import { type DirNode, dirNode, joinPath, type VfsNode } from "../../posix/vfs.ts";
import type { Task } from "../../sim/task.ts";
import { isFolder, lookup } from "./files.ts";
import { complain, errorText, getopt, quoted, usageError } from "./util.ts";

/** Sources and target of cp, mv and ln; or the status after a message. */
function* sourcesAndTarget(
  proc: Process,
  operands: readonly string[],
  options: ReadonlyMap<string, string>,
): Task<{ sources: readonly string[]; target: string; into: boolean } | number> {
  const named = options.get("t");
  if (named !== undefined) {
    if (operands.length === 0) return yield* usageError(proc, "missing file operand");
    if (!isFolder(lookup(proc, named)))
      return yield* complain(proc, `target directory ${quoted(named)}: No such file or directory`);
    return { sources: operands, target: named, into: true };
  }
  if (operands.length === 0) return yield* usageError(proc, "missing file operand");
  if (operands.length === 1)
    return yield* usageError(proc, `missing destination file operand after ${quoted(operands[0]!)}`);
  const target = operands.at(-1)!;
  const sources = operands.slice(0, -1);
  const into = !options.has("T") && isFolder(lookup(proc, target));
  if (sources.length > 1 && !into) {
    const what = lookup(proc, target) ? "Not a directory" : "No such file or directory";
    return yield* complain(proc, `target ${quoted(target)}: ${what}`);
  }
  return { sources, target, into };
}

function lastPart(path: string): string {
  return path.replace(/\/+$/, "").split("/").at(-1)!;
}

function destination(source: string, target: string, into: boolean): string {
  return into ? `${target.replace(/\/+$/, "")}/${lastPart(source)}` : target;
}

function* cp(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "adfHiLnpPrRt:Tuv",
    long: {
      archive: "a",
      force: "f",
      dereference: "L",
      "no-clobber": "n",
      "no-dereference": "P",
      recursive: "r",
      "target-directory": "t",
      "no-target-directory": "T",
      update: "u",
      verbose: "v",
    },
  });
  if (options.has("i")) return yield* complain(proc, "interactive mode is not supported");
  const plan = yield* sourcesAndTarget(proc, operands, options);
  if (typeof plan === "number") return plan;
  const recursive = options.has("r") || options.has("R") || options.has("a");
  const keep = options.has("a") || options.has("p");
  const links = options.has("a") || options.has("P") || options.has("d") || (recursive && !options.has("L"));
  let status = 0;
  for (const source of plan.sources) {
    const to = destination(source, plan.target, plan.into);
    const node = lookup(proc, source, links);
    if (!node) {
      status = yield* complain(proc, `cannot stat ${quoted(source)}: No such file or directory`);
      continue;
    }
    if (isFolder(node) && !recursive) {
      status = yield* complain(proc, `-r not specified; omitting directory ${quoted(source)}`);
      continue;
    }
    const old = lookup(proc, to);
    if (old === node && old.kind !== "dir") {
      status = yield* complain(proc, `${quoted(source)} and ${quoted(to)} are the same file`);
      continue;
    }
    if (old && options.has("n")) continue;
    if (old && options.has("u") && old.mtimeNs >= node.mtimeNs) continue;
    try {
      yield* copy(proc, node, source, to, keep, options.has("v"));
    } catch (error) {
      status = yield* complain(proc, `cannot create regular file ${quoted(to)}: ${errorText(error)}`);
    }
  }
  return status;
}

function* copy(proc: Process, node: VfsNode, from: string, to: string, keep: boolean, verbose: boolean): Task<void> {
  if (verbose) yield* proc.print(`${quoted(from)} -> ${quoted(to)}\n`);
  const { root, sim } = proc;
  const old = lookup(proc, to);
  if (node.kind === "dir") {
    let made: DirNode;
    if (old?.kind === "dir") made = old;
    else {
      made = dirNode(sim.now);
      made.mode = node.mode & ~(keep ? 0 : proc.umask);
      root.create(proc, to, made);
    }
    for (const [name, child] of [...node.children])
      yield* copy(proc, child, `${from}/${name}`, `${to}/${name}`, keep, verbose);
    if (keep) made.mtimeNs = node.mtimeNs;
    return;
  }
  if (node.kind === "link") {
    if (lookup(proc, to, true)) root.remove(proc, to);
    root.create(proc, to, { kind: "link", target: node.target, mode: 0o777, mtimeNs: keep ? node.mtimeNs : sim.now });
    return;
  }
  if (node.kind === "program") {
    if (old) root.remove(proc, to);
    root.create(proc, to, { ...node, mtimeNs: keep ? node.mtimeNs : sim.now });
    return;
  }
  let bytes: Uint8Array;
  if (node.kind === "device") {
    const file = node.open(proc);
    const parts: number[] = [];
    for (;;) {
      const part = yield* file.read(65536);
      if (part === null) break;
      parts.push(...part);
    }
    file.release();
    bytes = Uint8Array.from(parts);
  } else bytes = root.readFile(proc, from);
  root.writeFile(proc, to, bytes);
  const made = root.lookup(proc, to);
  if (made.kind !== "file") return;
  if (!old) made.mode = (node.kind === "file" ? node.mode : 0o644) & ~(keep ? 0 : proc.umask);
  if (keep) {
    made.mode = node.mode;
    made.mtimeNs = node.mtimeNs;
  }
}

function* mv(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "fint:Tuv",
    long: {
      force: "f",
      "no-clobber": "n",
      "target-directory": "t",
      "no-target-directory": "T",
      update: "u",
      verbose: "v",
    },
  });
  if (options.has("i")) return yield* complain(proc, "interactive mode is not supported");
  const plan = yield* sourcesAndTarget(proc, operands, options);
  if (typeof plan === "number") return plan;
  let status = 0;
  for (const source of plan.sources) {
    const to = destination(source, plan.target, plan.into);
    const node = lookup(proc, source, true);
    if (!node) {
      status = yield* complain(proc, `cannot stat ${quoted(source)}: No such file or directory`);
      continue;
    }
    const old = lookup(proc, to, true);
    if (old && options.has("n")) continue;
    if (old && options.has("u") && old.mtimeNs >= node.mtimeNs) continue;
    if (joinPath(proc.cwd, source) === joinPath(proc.cwd, to)) {
      status = yield* complain(proc, `${quoted(source)} and ${quoted(to)} are the same file`);
      continue;
    }
    try {
      proc.root.rename(proc, source.replace(/\/+$/, ""), to);
      if (options.has("v")) yield* proc.print(`renamed ${quoted(source)} -> ${quoted(to)}\n`);
    } catch (error) {
      const errno = error instanceof NetError ? error.errno : 0;
      if (errno === Errno.EINVAL)
        status = yield* complain(proc, `cannot move ${quoted(source)} to a subdirectory of itself, ${quoted(to)}`);
      else if (errno === Errno.EISDIR || errno === Errno.ENOTDIR)
        status = yield* complain(
          proc,
          errno === Errno.EISDIR
            ? `cannot overwrite directory ${quoted(to)} with non-directory`
            : `cannot overwrite non-directory ${quoted(to)} with directory ${quoted(source)}`,
        );
      else status = yield* complain(proc, `cannot move ${quoted(source)} to ${quoted(to)}: ${errorText(error)}`);
    }
  }
  return status;
}

function* ln(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "fnsrt:Tv",
    long: {
      force: "f",
      "no-dereference": "n",
      relative: "r",
      symbolic: "s",
      "target-directory": "t",
      "no-target-directory": "T",
      verbose: "v",
    },
  });
  if (operands.length === 0) return yield* usageError(proc, "missing file operand");
  let sources = operands.slice(0, -1);
  let target = operands.at(-1)!;
  if (operands.length === 1) {
    sources = [target];
    target = ".";
  }
  if (options.has("t")) {
    sources = [...operands];
    target = options.get("t")!;
  }
  const existing = lookup(proc, target, options.has("n"));
  const into = !options.has("T") && isFolder(existing);
  if (sources.length > 1 && !into) return yield* complain(proc, `target ${quoted(target)}: No such file or directory`);
  const kind = options.has("s") ? "symbolic" : "hard";
  let status = 0;
  for (const source of sources) {
    const to = destination(source, target, into);
    const node = options.has("s") ? undefined : lookup(proc, source);
    if (!options.has("s") && !node) {
      status = yield* complain(proc, `failed to access ${quoted(source)}: No such file or directory`);
      continue;
    }
    if (isFolder(node)) {
      status = yield* complain(proc, `${source}: hard link not allowed for directory`);
      continue;
    }
    try {
      const old = lookup(proc, to, true);
      if (old && options.has("f") && !isFolder(old)) proc.root.remove(proc, to);
      if (node) {
        proc.root.create(proc, to, node);
        if (node.kind === "file") node.links = (node.links ?? 0) + 1;
      } else {
        const text = options.has("r") ? relativePath(proc, source, to) : source;
        proc.root.create(proc, to, { kind: "link", target: text, mode: 0o777, mtimeNs: proc.sim.now });
      }
      if (options.has("v")) yield* proc.print(`${quoted(to)} ${kind === "hard" ? "=>" : "->"} ${quoted(source)}\n`);
    } catch (error) {
      status = yield* complain(proc, `failed to create ${kind} link ${quoted(to)}: ${errorText(error)}`);
    }
  }
  return status;
}

function relativePath(proc: Process, source: string, link: string): string {
  const to = joinPath(proc.cwd, source).split("/").slice(1);
  const from = joinPath(joinPath(proc.cwd, link), "..")
    .split("/")
    .slice(1)
    .filter((part) => part !== "");
  let common = 0;
  while (common < from.length && from[common] === to[common]) common++;
  return [...from.slice(common).map(() => ".."), ...to.slice(common)].join("/") || ".";
}

export const copyingPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["cp", cp],
  ["mv", mv],
  ["ln", ln],
]);
