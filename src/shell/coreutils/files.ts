// Programs that change the file system: mkdir, rmdir, rm, touch, chmod, mktemp, truncate; and the names of paths:
// basename, dirname.

import { Errno, NetError } from "../../base/errno.ts";
import type { Process, Program } from "../../posix/process.ts";
import { dirNode, type FileNode, fileNode, joinPath, type VfsNode } from "../../posix/vfs.ts";
import type { Task } from "../../sim/task.ts";
import { symbolicMode } from "../builtins/dirs.ts";
import { parseDate, parseStamp } from "./dates.ts";
import { modeText } from "./listing.ts";
import { complain, errorText, getopt, parseSize, quoted, usageError } from "./util.ts";

/** The node at a path, or undefined whatever the reason. */
export function lookup(proc: Process, path: string, noFollow = false): VfsNode | undefined {
  try {
    return proc.root.find(proc, path, noFollow);
  } catch (error) {
    if (error instanceof NetError) return undefined;
    throw error;
  }
}

export function isFolder(node: VfsNode | undefined): boolean {
  return node?.kind === "dir" || node?.kind === "syntheticDir";
}

/** "755" or "u+x" as permission bits; undefined when it is neither. */
function parseMode(text: string, before: number, folder: boolean): number | undefined {
  if (/^[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
  return symbolicMode(text, before, folder);
}

function* mkdir(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, { short: "m:pv", long: { mode: "m", parents: "p", verbose: "v" } });
  if (operands.length === 0) return yield* usageError(proc, "missing operand");
  const mode = options.has("m") ? parseMode(options.get("m")!, 0o777, true) : 0o777 & ~proc.umask;
  if (mode === undefined) return yield* complain(proc, `invalid mode ‘${options.get("m")}’`);
  let status = 0;
  for (const path of operands) {
    try {
      yield* makeFolder(proc, path, mode, options.has("p"), options.has("v"));
    } catch (error) {
      status = yield* complain(proc, `cannot create directory ‘${path}’: ${errorText(error)}`);
    }
  }
  return status;
}

function* makeFolder(proc: Process, path: string, mode: number, parents: boolean, verbose: boolean): Task<void> {
  const steps = [path];
  if (parents) {
    if (isFolder(lookup(proc, path))) return;
    const parts = path.replace(/\/+$/, "").split("/");
    steps.length = 0;
    for (let i = 1; i <= parts.length; i++) {
      const step = parts.slice(0, i).join("/");
      if (step !== "" && !isFolder(lookup(proc, step))) steps.push(step);
    }
  }
  for (const step of steps) {
    const node = dirNode(proc.sim.now);
    node.mode = step === steps.at(-1) ? mode : 0o777 & ~proc.umask;
    proc.root.create(proc, step, node);
    if (verbose) yield* proc.print(`mkdir: created directory ${quoted(step)}\n`);
  }
}

function* rmdir(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "pv",
    long: { parents: "p", verbose: "v", "ignore-fail-on-non-empty": "%ignore" },
  });
  if (operands.length === 0) return yield* usageError(proc, "missing operand");
  let status = 0;
  for (const path of operands)
    for (let each = path.replace(/\/+$/, "") || "/"; ; each = each.slice(0, each.lastIndexOf("/"))) {
      try {
        proc.root.remove(proc, each, { directory: true });
        if (options.has("v")) yield* proc.print(`rmdir: removing directory, ${quoted(each)}\n`);
      } catch (error) {
        if (error instanceof NetError && error.errno === Errno.ENOTEMPTY && options.has("%ignore")) break;
        status = yield* complain(proc, `failed to remove ${quoted(each)}: ${errorText(error)}`);
        break;
      }
      if (!options.has("p") || !each.includes("/") || each.lastIndexOf("/") === 0) break;
    }
  return status;
}

function* rm(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "dfiIrRv",
    long: {
      dir: "d",
      force: "f",
      recursive: "r",
      verbose: "v",
      "no-preserve-root": "%root",
      "one-file-system": "%one",
    },
  });
  if (options.has("i") || options.has("I")) return yield* complain(proc, "interactive mode is not supported");
  const force = options.has("f");
  const recursive = options.has("r") || options.has("R");
  if (operands.length === 0) return force ? 0 : yield* usageError(proc, "missing operand");
  let status = 0;
  for (const path of operands) {
    const node = lookup(proc, path, true);
    if (!node) {
      if (!force) status = yield* complain(proc, `cannot remove ${quoted(path)}: No such file or directory`);
      continue;
    }
    if (/(^|\/)\.\.?\/?$/.test(path)) {
      status = yield* complain(proc, `refusing to remove '.' or '..' directory: skipping ${quoted(path)}`);
      continue;
    }
    if (joinPath(proc.cwd, path) === "/") {
      yield* proc.printError(
        "rm: it is dangerous to operate recursively on '/'\nrm: use --no-preserve-root to override this failsafe\n",
      );
      status = 1;
      continue;
    }
    if (isFolder(node) && !recursive && !options.has("d")) {
      status = yield* complain(proc, `cannot remove ${quoted(path)}: Is a directory`);
      continue;
    }
    try {
      proc.root.remove(proc, path, isFolder(node) ? { directory: true, recursive } : {});
      if (options.has("v")) yield* proc.print(`removed ${isFolder(node) ? "directory " : ""}${quoted(path)}\n`);
    } catch (error) {
      status = yield* complain(proc, `cannot remove ${quoted(path)}: ${errorText(error)}`);
    }
  }
  return status;
}

function* touch(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "acd:fhmr:t:",
    long: { date: "d", "no-create": "c", reference: "r", "no-dereference": "h", time: "%time" },
    valued: ["%time"],
  });
  if (operands.length === 0) return yield* usageError(proc, "missing file operand");
  const now = proc.machine.wallClockNs();
  let stamp = now;
  if (options.has("r")) {
    const node = lookup(proc, options.get("r")!);
    if (!node)
      return yield* complain(
        proc,
        `failed to get attributes of ${quoted(options.get("r")!)}: No such file or directory`,
      );
    stamp = proc.machine.wallClockNs(node.mtimeNs);
  }
  for (const [letter, parse] of [
    ["d", parseDate],
    ["t", parseStamp],
  ] as const) {
    const text = options.get(letter);
    if (text === undefined) continue;
    const parsed = parse(text, now);
    if (parsed === undefined) return yield* complain(proc, `invalid date format ‘${text}’`);
    stamp = parsed;
  }
  const mtimeNs = Number(stamp - proc.machine.epochNs);
  let status = 0;
  for (const path of operands) {
    try {
      let node = proc.root.find(proc, path, options.has("h"));
      if (!node) {
        if (options.has("c") || options.has("h")) continue;
        const made: FileNode = fileNode("", proc.sim.now);
        made.mode = 0o666 & ~proc.umask;
        proc.root.create(proc, proc.root.realPath(proc, path), made);
        node = made;
      }
      if (!options.has("a") || options.has("m")) node.mtimeNs = mtimeNs;
    } catch (error) {
      status = yield* complain(proc, `cannot touch ${quoted(path)}: ${errorText(error)}`);
    }
  }
  return status;
}

function* chmod(proc: Process): Task<number> {
  // a mode such as -x looks like an option
  const words = proc.argv.slice(1);
  const modeAt = words.findIndex((word) => /^-[rwxXst]/.test(word) || !word.startsWith("-"));
  const mode = words[modeAt];
  const { options, operands } = yield* getopt(
    proc,
    {
      short: "cfRv",
      long: { changes: "c", silent: "f", quiet: "f", recursive: "R", verbose: "v", reference: "%ref" },
      valued: ["%ref"],
    },
    ["chmod", ...words.filter((_word, i) => i !== modeAt)],
  );
  if (mode === undefined) return yield* usageError(proc, "missing operand");
  if (operands.length === 0) return yield* usageError(proc, `missing operand after ‘${mode}’`);
  if (parseMode(mode, 0, false) === undefined) return yield* usageError(proc, `invalid mode: ‘${mode}’`);
  let status = 0;
  const change = function* (path: string, node: VfsNode): Task<void> {
    const shown = (): string => `${node.mode.toString(8).padStart(4, "0")} (${modeText(node).slice(1)})`;
    const before = shown();
    node.mode = parseMode(mode, node.mode, isFolder(node))!;
    if (before !== shown()) {
      if (options.has("v") || options.has("c"))
        yield* proc.print(`mode of ${quoted(path)} changed from ${before} to ${shown()}\n`);
    } else if (options.has("v")) yield* proc.print(`mode of ${quoted(path)} retained as ${shown()}\n`);
    if (options.has("R") && node.kind === "dir")
      for (const [name, child] of node.children) yield* change(`${path}/${name}`, child);
  };
  for (const path of operands) {
    const node = lookup(proc, path);
    if (node) yield* change(path, node);
    else if (!options.has("f"))
      status = yield* complain(proc, `cannot access ${quoted(path)}: No such file or directory`);
    else status = 1;
  }
  return status;
}

function* mktemp(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "dp::qtu",
    long: { directory: "d", tmpdir: "p", quiet: "q", "dry-run": "u", suffix: "%suffix" },
    valued: ["%suffix"],
  });
  const template = operands[0] ?? "tmp.XXXXXXXXXX";
  const suffix = options.get("%suffix") ?? "";
  const runs = /X+(?=[^X]*$)/.exec(template);
  if (!runs || runs[0].length < 3) return yield* complain(proc, `too few X's in template ‘${template}’`);
  const inTmp = operands.length === 0 || options.has("p") || options.has("t");
  const folder = options.get("p") || proc.env.get("TMPDIR") || "/tmp";
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const rng = proc.machine.rng.fork(`mktemp/${proc.hostPid}`);
  for (let attempt = 0; attempt < 100; attempt++) {
    let letters = "";
    for (let i = 0; i < runs[0].length; i++) letters += alphabet[rng.below(alphabet.length)];
    const name = template.slice(0, runs.index) + letters + template.slice(runs.index + runs[0].length) + suffix;
    const path = inTmp ? `${folder}/${name}` : name;
    if (lookup(proc, path, true)) continue;
    try {
      if (!options.has("u")) {
        const node = options.has("d") ? dirNode(proc.sim.now) : fileNode("", proc.sim.now);
        node.mode = options.has("d") ? 0o700 : 0o600;
        proc.root.create(proc, path, node);
      }
    } catch (error) {
      const what = options.has("d") ? "directory" : "file";
      return yield* complain(
        proc,
        `failed to create ${what} via template ‘${inTmp ? `${folder}/${template}` : template}’: ${errorText(error)}`,
      );
    }
    yield* proc.print(`${path}\n`);
    return 0;
  }
  return yield* complain(proc, "File exists");
}

function* truncate(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "cr:s:",
    long: { "no-create": "c", reference: "r", size: "s" },
  });
  if (!options.has("s") && !options.has("r"))
    return yield* usageError(proc, "you must specify either ‘--size’ or ‘--reference’");
  if (operands.length === 0) return yield* usageError(proc, "missing file operand");
  let status = 0;
  for (const path of operands) {
    let node = lookup(proc, path);
    if (!node) {
      if (options.has("c")) continue;
      try {
        node = fileNode("", proc.sim.now);
        proc.root.create(proc, path, node);
      } catch (error) {
        status = yield* complain(proc, `cannot open ${quoted(path)} for writing: ${errorText(error)}`);
        continue;
      }
    }
    if (node.kind !== "file") continue;
    const text = options.get("s") ?? "0";
    const relative = /^[+-]/.test(text);
    const amount = parseSize(text.replace(/^[+-]/, ""));
    if (amount === undefined) return yield* complain(proc, `Invalid number: ‘${text}’`);
    let size = relative ? node.size + (text[0] === "-" ? -amount : amount) : amount;
    if (options.has("r")) {
      const other = lookup(proc, options.get("r")!);
      size = other?.kind === "file" ? other.size : 0;
    }
    const data = new Uint8Array(Math.max(0, size));
    data.set(node.data.subarray(0, Math.min(node.size, data.length)));
    node.data = data;
    node.size = data.length;
    node.mtimeNs = proc.sim.now;
  }
  return status;
}

function* basename(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "as:z",
    long: { multiple: "a", suffix: "s", zero: "z" },
    stop: true,
  });
  if (operands.length === 0) return yield* usageError(proc, "missing operand");
  const many = options.has("a") || options.has("s");
  if (!many && operands.length > 2) return yield* usageError(proc, `extra operand ‘${operands[2]}’`);
  const suffix = options.get("s") ?? (many ? "" : (operands[1] ?? ""));
  for (const path of many ? operands : operands.slice(0, 1)) {
    let name = path.replace(/\/+$/, "").split("/").at(-1) || (path === "" ? "" : "/");
    if (suffix !== "" && name.endsWith(suffix) && name !== suffix) name = name.slice(0, -suffix.length);
    yield* proc.print(`${name}${options.has("z") ? "\0" : "\n"}`);
  }
  return 0;
}

function* dirname(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, { short: "z", long: { zero: "z" } });
  if (operands.length === 0) return yield* usageError(proc, "missing operand");
  for (const path of operands) {
    const trimmed = path.replace(/\/+$/, "");
    const at = trimmed.lastIndexOf("/");
    const folder =
      trimmed === "" ? (path === "" ? "." : "/") : at < 0 ? "." : trimmed.slice(0, at).replace(/\/+$/, "") || "/";
    yield* proc.print(`${folder}${options.has("z") ? "\0" : "\n"}`);
  }
  return 0;
}

function* sync(proc: Process): Task<number> {
  yield* getopt(proc, { short: "df", long: { data: "d", "file-system": "f" } });
  return 0;
}

export const filePrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["mkdir", mkdir],
  ["rmdir", rmdir],
  ["rm", rm],
  ["touch", touch],
  ["chmod", chmod],
  ["mktemp", mktemp],
  ["truncate", truncate],
  ["basename", basename],
  ["dirname", dirname],
  ["sync", sync],
]);
