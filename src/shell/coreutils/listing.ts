// ls, in GNU's forms, and what it says about a node: type, mode, links, size, date.

import { NetError } from "../../base/errno.ts";
import type { Process, Program } from "../../posix/process.ts";
import { TtyFile } from "../../posix/tty.ts";
import { joinPath, type VfsNode } from "../../posix/vfs.ts";
import type { Task } from "../../sim/task.ts";
import { strftime } from "../strftime.ts";
import { nodeSize } from "../test.ts";
import { complain, errorText, getopt, quoted } from "./util.ts";

/** The letter of ls -l for a node: d, l, c or -. */
export function typeLetter(node: VfsNode): string {
  switch (node.kind) {
    case "dir":
    case "syntheticDir":
      return "d";
    case "link":
    case "namespace":
      return "l";
    case "device":
      return "c";
    default:
      return "-";
  }
}

/** "drwxr-xr-x" */
export function modeText(node: VfsNode): string {
  const mode = node.kind === "link" || node.kind === "namespace" ? 0o777 : node.mode;
  let out = typeLetter(node);
  for (let i = 8; i >= 0; i--) out += (mode >> i) & 1 ? "rwx"[(8 - i) % 3] : "-";
  if (mode & 0o1000) out = out.slice(0, 9) + (mode & 1 ? "t" : "T");
  return out;
}

/** What a link or a reference to a namespace points to. */
export function linkTarget(node: VfsNode): string | undefined {
  if (node.kind === "link") return node.target;
  if (node.kind === "namespace") return `${node.type}:[${node.inode}]`;
  return undefined;
}

/** Hard links; for a directory, itself and its subdirectories' `..`. */
export function linkCount(node: VfsNode): number {
  if (node.kind === "dir") {
    let count = 2;
    for (const child of node.children.values()) if (child.kind === "dir") count++;
    return count;
  }
  if (node.kind === "syntheticDir") return 2;
  return node.kind === "file" ? 1 + (node.links ?? 0) : 1;
}

/** Kibibytes on disk, as `total` counts them. */
export function blocks(node: VfsNode): number {
  if (node.kind === "dir") return 4;
  if (node.kind === "file" || node.kind === "program") return Math.ceil(nodeSize(node) / 4096) * 4;
  return 0;
}

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly node: VfsNode;
}

function find(proc: Process, path: string, noFollow: boolean): VfsNode {
  return proc.root.lookup(proc, path, noFollow);
}

function* ls(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "1aAcCdFghiklLnopqrRsStuUX",
    long: {
      all: "a",
      "almost-all": "A",
      directory: "d",
      classify: "F",
      "human-readable": "h",
      inode: "i",
      dereference: "L",
      "numeric-uid-gid": "n",
      reverse: "r",
      recursive: "R",
      size: "s",
      color: "%color",
      "group-directories-first": "%group",
      "full-time": "%full",
      "time-style": "%style",
    },
    valued: ["%style"],
    status: 2,
  });
  for (const letter of ["c", "k", "q", "u", "X"])
    if (options.has(letter)) return yield* complain(proc, `option -${letter} is not supported`, 2);
  let status = 0;
  const files: Entry[] = [];
  const folders: Entry[] = [];
  for (const path of operands.length > 0 ? operands : ["."]) {
    let node: VfsNode;
    try {
      const long = options.has("l") || options.has("d") || options.has("F");
      node = find(proc, path, !options.has("L") && long);
      // a link to a folder is opened unless -l or -d asks about the link itself; with a slash it is always
      if (node.kind === "link" && !options.has("d") && (path.endsWith("/") || !long)) node = find(proc, path, false);
    } catch (error) {
      yield* proc.printError(`ls: cannot access ${quoted(path)}: ${errorText(error)}\n`);
      status = 2;
      continue;
    }
    const isFolder = node.kind === "dir" || node.kind === "syntheticDir";
    (isFolder && !options.has("d") ? folders : files).push({ name: path, path, node });
  }
  order(options, files);
  order(options, folders);
  if (files.length > 0) yield* proc.print(format(proc, options, files, false, [...files, ...folders]));
  const headers = operands.length > 1 || options.has("R");
  let first = files.length === 0;
  for (const folder of folders) {
    if (!first) yield* proc.print("\n");
    first = false;
    if (headers) yield* proc.print(`${folder.name}:\n`);
    const worst = yield* showFolder(proc, options, folder);
    status = Math.max(status, worst);
  }
  return status;
}

function* showFolder(proc: Process, options: ReadonlyMap<string, string>, folder: Entry): Task<number> {
  let names: string[];
  try {
    names = proc.root.list(proc, folder.path);
  } catch (error) {
    yield* proc.printError(`ls: cannot open directory ${quoted(folder.name)}: ${errorText(error)}\n`);
    return 2;
  }
  if (!options.has("a") && !options.has("A")) names = names.filter((name) => !name.startsWith("."));
  if (options.has("a")) names.unshift(".", "..");
  const entries: Entry[] = [];
  for (const name of names) {
    const path = joinPath(joinPath(proc.cwd, folder.path), name);
    try {
      entries.push({ name, path, node: find(proc, path, !options.has("L")) });
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
    }
  }
  order(options, entries);
  yield* proc.print(format(proc, options, entries, true));
  let status = 0;
  if (options.has("R"))
    for (const entry of entries) {
      if (entry.node.kind !== "dir" || entry.name === "." || entry.name === "..") continue;
      const name = `${folder.name.replace(/\/$/, "")}/${entry.name}`;
      yield* proc.print(`\n${name}:\n`);
      status = Math.max(status, yield* showFolder(proc, options, { ...entry, name }));
    }
  return status;
}

function order(options: ReadonlyMap<string, string>, entries: Entry[]): void {
  if (options.has("U")) return;
  const byName = (a: Entry, b: Entry): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  entries.sort((a, b) => {
    if (options.has("t")) return b.node.mtimeNs - a.node.mtimeNs || byName(a, b);
    if (options.has("S")) return nodeSize(b.node) - nodeSize(a.node) || byName(a, b);
    return byName(a, b);
  });
  if (options.has("r")) entries.reverse();
  if (options.has("%group")) entries.sort((a, b) => Number(b.node.kind === "dir") - Number(a.node.kind === "dir"));
}

/** 1536 → "1.5K" */
export function humanSize(bytes: number): string {
  if (bytes < 1024) return String(bytes);
  let value = bytes;
  let unit = -1;
  while (value >= 1024) {
    value /= 1024;
    unit++;
  }
  const shown = value < 10 ? (Math.ceil(value * 10) / 10).toFixed(1) : String(Math.ceil(value));
  return `${shown}${"KMGTP"[unit]}`;
}

function suffix(options: ReadonlyMap<string, string>, node: VfsNode): string {
  const folder = node.kind === "dir" || node.kind === "syntheticDir";
  if (!options.has("F")) return options.has("p") && folder ? "/" : "";
  if (folder) return "/";
  if (node.kind === "link") return options.has("l") ? "" : "@";
  if (node.kind === "program" || (node.kind === "file" && node.mode & 0o111)) return "*";
  return "";
}

/** @param measured what the columns must be wide enough for: all operands, even folders that are listed later */
function format(
  proc: Process,
  options: ReadonlyMap<string, string>,
  entries: readonly Entry[],
  total: boolean,
  measured: readonly Entry[] = entries,
): string {
  const shown = proc.fds.get(1)?.isTty === true ? shellQuote : (name: string): string => name;
  const long = options.has("l") || options.has("n") || options.has("g") || options.has("o") || options.has("%full");
  const inode = (entry: Entry): string => (options.has("i") ? `${proc.root.inode(entry.node)} ` : "");
  const lead = (entry: Entry): string => inode(entry) + (options.has("s") ? `${blocks(entry.node)} ` : "");
  const sum = entries.reduce((n, entry) => n + blocks(entry.node), 0);
  const head =
    total && (long || options.has("s"))
      ? `total ${options.has("h") ? humanSize(sum * 1024).replace(/^0$/, "0") : sum}\n`
      : "";
  if (!long) {
    const names = entries.map((entry) => lead(entry) + shown(entry.name) + suffix(options, entry.node));
    const columns = options.has("C") || (proc.fds.get(1)?.isTty === true && !options.has("1"));
    return head + (columns ? inColumns(names, screenWidth(proc)) : names.map((name) => `${name}\n`).join(""));
  }
  const now = proc.machine.wallClockNs();
  const owner = options.has("n") ? "0" : "root";
  const row = (entry: Entry) => {
    const { node } = entry;
    const size =
      node.kind === "device" ? "1, 3" : options.has("h") ? humanSize(nodeSize(node)) : String(nodeSize(node));
    const target = linkTarget(node);
    return {
      lead: lead(entry),
      mode: modeText(node),
      links: String(linkCount(node)),
      size,
      date: dateColumn(options, proc.machine.wallClockNs(node.mtimeNs), now),
      name: shown(entry.name) + suffix(options, node) + (target === undefined ? "" : ` -> ${shown(target)}`),
    };
  };
  const all = measured.map(row);
  const width = (pick: (each: ReturnType<typeof row>) => string): number =>
    Math.max(0, ...all.map((each) => pick(each).length));
  const links = width((each) => each.links);
  const size = width((each) => each.size);
  const leadWidth = width((each) => each.lead);
  const owners = (options.has("g") ? "" : `${owner} `) + (options.has("o") ? "" : `${owner} `);
  return (
    head +
    entries
      .map(row)
      .map(
        (each) =>
          `${each.lead.padStart(leadWidth)}${each.mode} ${each.links.padStart(links)} ${owners}${each.size.padStart(size)} ${each.date} ${each.name}\n`,
      )
      .join("")
  );
}

const HALF_YEAR_NS = 15778476n * 1_000_000_000n;

function dateColumn(options: ReadonlyMap<string, string>, time: bigint, now: bigint): string {
  const style = options.get("%style");
  if (options.has("%full") || style === "full-iso") return strftime("%Y-%m-%d %H:%M:%S.%N %z", time);
  if (style === "long-iso") return strftime("%Y-%m-%d %H:%M", time);
  if (style?.startsWith("+")) return strftime(style.slice(1), time);
  const recent = time > now - HALF_YEAR_NS && time <= now;
  return strftime(recent ? "%b %e %H:%M" : "%b %e  %Y", time);
}

/** Columns of the terminal, 80 where there is none. */
function screenWidth(proc: Process): number {
  const stdout = proc.fds.get(1);
  return stdout instanceof TtyFile ? stdout.tty.columns : 80;
}

/** What names look like at a terminal: quoted where a shell would need it (--quoting-style=shell-escape). */
function shellQuote(name: string): string {
  if (name !== "" && !/[\s!"$&'()*;<=>?[\\\]^`{|}]|^[#~]/.test(name)) return name;
  if (name.includes("'") && !/["$`\\!]/.test(name)) return `"${name}"`;
  return `'${name.replaceAll("'", "'\\''")}'`;
}

/** Down, then across. */
function inColumns(names: readonly string[], screen: number): string {
  if (names.length === 0) return "";
  for (let rows = 1; rows <= names.length; rows++) {
    const columns = Math.ceil(names.length / rows);
    const widths: number[] = [];
    for (let c = 0; c < columns; c++)
      widths.push(
        Math.max(...names.slice(c * rows, (c + 1) * rows).map((name) => name.length)) + (c < columns - 1 ? 2 : 0),
      );
    if (widths.reduce((a, b) => a + b, 0) > screen && rows < names.length) continue;
    let out = "";
    for (let r = 0; r < rows; r++) {
      let line = "";
      for (let c = 0; c < columns; c++) {
        const name = names[c * rows + r];
        if (name === undefined) continue;
        line += names[(c + 1) * rows + r] === undefined ? name : name.padEnd(widths[c]!);
      }
      out += `${line}\n`;
    }
    return out;
  }
  return "";
}

export const listingPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([["ls", ls]]);
