// Folders of the real disk: what a run finds beside it, and where what it wrote goes.

import { createHash } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type Content, readContent } from "../posix/growing-file.ts";
import { type FileNode, fileNode } from "../posix/vfs.ts";
import type { WrittenFile } from "../scenario/written.ts";
import { SPOOL_PREFIX, SpooledFile } from "./spool.ts";
import { systemErrorText, UsageError } from "./terminal.ts";
import { writeWhole } from "./write-behind.ts";

/** Files larger than this are not shown. */
const SHOWN_LIMIT = 4 * 1024 * 1024;

/** Makes the folder now, so that a run is not lost for want of one. */
export function prepareFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw new UsageError(`cannot write to ${systemErrorText(error) ?? path}`);
  }
}

/** The regular files of a folder but one, read when a script first looks at them; captures are not among them. */
export function filesIn(folder: string, except?: string): Map<string, FileNode> {
  return lookInto(folder, except)();
}

/** Looks into a folder once for many labs; each call gives files of their own. */
export function lookInto(folder: string, except?: string): () => Map<string, FileNode> {
  const found: { readonly name: string; readonly path: string; readonly size: number }[] = [];
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (name === except || /\.pcap(ng)?$/.test(name) || name.startsWith(SPOOL_PREFIX)) continue;
    try {
      const stat = statSync(path);
      if (stat.isFile() && stat.size <= SHOWN_LIMIT) found.push({ name, path, size: stat.size });
    } catch {
      // a dangling link, or gone meanwhile: the script will not find it either
    }
  }
  return () => new Map(found.map(({ name, path, size }) => [name, lazyFile(path, size)]));
}

function lazyFile(path: string, size: number): FileNode {
  const node = fileNode();
  let data: Uint8Array | undefined;
  Object.defineProperty(node, "data", {
    get: () => {
      data ??= new Uint8Array(readFileSync(path));
      return data;
    },
    set: (value: Uint8Array) => {
      data = value;
    },
  });
  node.size = size;
  node.mtimeNs = -1;
  return node;
}

/** Writes files below a folder; what cannot be written is said. False when something was not. */
export function writeFiles(out: string, files: readonly WrittenFile[]): boolean {
  let written = true;
  for (const file of files) {
    const target = join(out, file.path);
    try {
      mkdirSync(dirname(target), { recursive: true });
      writeContent(target, file.content);
      utimesSync(target, file.mtimeMs / 1000, file.mtimeMs / 1000);
    } catch (error) {
      const text = systemErrorText(error) ?? String(error);
      // what happens to an open file has no path
      process.stderr.write(`vethlab: cannot write ${text.includes(target) ? text : `${target}: ${text}`}\n`);
      written = false;
    }
  }
  return written;
}

function writeContent(target: string, content: Content): void {
  const named = content.store instanceof SpooledFile && content.store.moveTo(target);
  const to = openSync(target, named ? "a" : "w");
  try {
    for (const piece of named ? content.rest : readContent(content)) writeWhole(to, piece);
  } finally {
    closeSync(to);
  }
}

/** The hash of what lies in pieces, in hexadecimal digits. */
export function sha256(pieces: Iterable<Uint8Array>): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}

/** Makes a file now, so that a run is not lost for want of one; the function writes it piece by piece. */
export function openFile(path: string): (pieces: readonly Uint8Array[]) => void {
  const file = openSync(path, "w");
  return (pieces) => {
    for (const piece of pieces) writeWhole(file, piece);
    closeSync(file);
  };
}
