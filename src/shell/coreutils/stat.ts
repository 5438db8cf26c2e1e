// stat, readlink, realpath: what a path is and where it leads.

import { Errno, NetError, strerror } from "../../base/errno.ts";
import type { Process, Program } from "../../posix/process.ts";
import { joinPath, type VfsNode } from "../../posix/vfs.ts";
import type { Task } from "../../sim/task.ts";
import { calendar, strftime } from "../strftime.ts";
import { nodeSize } from "../test.ts";
import { blocks, linkCount, linkTarget, modeText, typeLetter } from "./listing.ts";
import { complain, errorText, getopt, quoted, usageError } from "./util.ts";

function typeName(node: VfsNode): string {
  switch (typeLetter(node)) {
    case "d":
      return "directory";
    case "l":
      return "symbolic link";
    case "c":
      return "character special file";
  }
  return nodeSize(node) === 0 ? "regular empty file" : "regular file";
}

function* stat(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "c:fLt",
    long: { format: "c", printf: "%printf", dereference: "L", "file-system": "f", terse: "t" },
    valued: ["%printf"],
  });
  if (options.has("f") || options.has("t")) return yield* complain(proc, "only -c, --printf and -L are supported");
  if (operands.length === 0) return yield* usageError(proc, "missing operand");
  let status = 0;
  for (const path of operands) {
    let node: VfsNode;
    try {
      node = proc.root.lookup(proc, path, !options.has("L"));
    } catch (error) {
      status = yield* complain(proc, `cannot statx ${quoted(path)}: ${errorText(error)}`);
      continue;
    }
    const escapes = (text: string): string => text.replace(/\\n/g, "\n").replace(/\\t/g, "\t");
    const custom = options.get("c");
    const print = options.get("%printf");
    if (custom !== undefined) yield* proc.print(`${statFormat(proc, custom, path, node)}\n`);
    else if (print !== undefined) yield* proc.print(statFormat(proc, escapes(print), path, node));
    else yield* proc.print(statFormat(proc, STAT_DEFAULT, path, node));
  }
  return status;
}

const STAT_DEFAULT = `  File: %N
  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F
Device: 0,40\tInode: %-11i Links: %h
Access: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)
Access: %x
Modify: %y
Change: %z
 Birth: -
`;

function statFormat(proc: Process, format: string, path: string, node: VfsNode): string {
  const time = proc.machine.wallClockNs(node.mtimeNs);
  const human = strftime("%Y-%m-%d %H:%M:%S.%N %z", time);
  const target = linkTarget(node);
  const octal = (target !== undefined ? 0o777 : node.mode).toString(8);
  return format.replace(
    /%(-?)(0?)(\d*)(?:\.\d+)?([A-Za-z%])/g,
    (all, left: string, zero: string, width: string, letter: string) => {
      const text = new Map([
        ["%", "%"],
        ["a", octal],
        ["A", modeText(node)],
        ["b", String(blocks(node) * 2)],
        ["B", "512"],
        ["d", "40"],
        [
          "f",
          (
            (typeLetter(node) === "d"
              ? 0o40000
              : target !== undefined
                ? 0o120000
                : typeLetter(node) === "c"
                  ? 0o20000
                  : 0o100000) | Number.parseInt(octal, 8)
          ).toString(16),
        ],
        ["F", typeName(node)],
        ["g", "0"],
        ["G", "root"],
        ["h", String(linkCount(node))],
        ["i", String(proc.root.inode(node))],
        ["m", "/"],
        ["n", path],
        ["N", target === undefined ? path : `${path} -> ${target}`],
        ["o", "4096"],
        ["s", String(nodeSize(node))],
        ["u", "0"],
        ["U", "root"],
        ["x", human],
        ["y", human],
        ["z", human],
        ["X", String(calendar(time).epochSeconds)],
        ["Y", String(calendar(time).epochSeconds)],
        ["Z", String(calendar(time).epochSeconds)],
        ["w", "-"],
        ["W", "0"],
      ]).get(letter);
      if (text === undefined) return all;
      if (width === "") return text;
      return left ? text.padEnd(Number(width)) : text.padStart(Number(width), zero ? "0" : " ");
    },
  );
}

function* readlink(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "efmnqsvz",
    long: {
      canonicalize: "f",
      "canonicalize-existing": "e",
      "canonicalize-missing": "m",
      "no-newline": "n",
      quiet: "q",
      silent: "s",
      verbose: "v",
      zero: "z",
    },
  });
  if (operands.length === 0) return yield* usageError(proc, "missing operand");
  let status = 0;
  for (const path of operands) {
    const end = options.has("n") && operands.length === 1 ? "" : options.has("z") ? "\0" : "\n";
    try {
      let text: string | undefined;
      if (options.has("f") || options.has("e") || options.has("m"))
        text = canonical(proc, path, options.has("e") ? "existing" : options.has("m") ? "missing" : "parent");
      else text = linkTarget(proc.root.lookup(proc, path, true));
      if (text === undefined) throw new NetError(Errno.EINVAL);
      yield* proc.print(text + end);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      status = 1;
      if (options.has("v")) yield* complain(proc, `${path}: ${strerror(error.errno)}`);
    }
  }
  return status;
}

/** The path with every link followed. Throws NetError ENOENT when a part that must exist does not. */
function canonical(proc: Process, path: string, need: "existing" | "parent" | "missing"): string {
  const full = proc.root.realPath(proc, path);
  if (need === "existing") proc.root.lookup(proc, full);
  if (need === "parent") {
    const parent = proc.root.lookup(proc, joinPath(full, ".."));
    if (parent.kind !== "dir" && parent.kind !== "syntheticDir") throw new NetError(Errno.ENOTDIR);
  }
  return full;
}

function* realpath(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "emqsz",
    long: {
      "canonicalize-existing": "e",
      "canonicalize-missing": "m",
      quiet: "q",
      strip: "s",
      "no-symlinks": "s",
      zero: "z",
    },
  });
  if (operands.length === 0) return yield* usageError(proc, "missing operand");
  let status = 0;
  for (const path of operands) {
    try {
      const text = options.has("s")
        ? joinPath(proc.cwd, path)
        : canonical(proc, path, options.has("e") ? "existing" : options.has("m") ? "missing" : "parent");
      yield* proc.print(`${text}${options.has("z") ? "\0" : "\n"}`);
    } catch (error) {
      status = 1;
      const text = errorText(error);
      if (!options.has("q")) yield* complain(proc, `${path}: ${text}`);
    }
  }
  return status;
}

export const statPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["stat", stat],
  ["readlink", readlink],
  ["realpath", realpath],
]);
