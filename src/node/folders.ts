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
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type FileNode, fileNode } from "../posix/vfs.ts";
import type { WrittenFile } from "../scenario/written.ts";
import { systemErrorText, UsageError } from "./terminal.ts";

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
  const files = new Map<string, FileNode>();
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (name === except || /\.pcap(ng)?$/.test(name)) continue;
    try {
      const stat = statSync(path);
      if (stat.isFile() && stat.size <= SHOWN_LIMIT) files.set(name, lazyFile(path, stat.size));
    } catch {
      // a dangling link, or gone meanwhile: the script will not find it either
    }
  }
  return files;
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
      const to = openSync(target, "w");
      try {
        for (const piece of file.pieces) writeWhole(to, piece);
      } finally {
        closeSync(to);
      }
      utimesSync(target, file.mtimeMs / 1000, file.mtimeMs / 1000);
    } catch (error) {
      process.stderr.write(`vethlab: cannot write ${systemErrorText(error) ?? String(error)}\n`);
      written = false;
    }
  }
  return written;
}

/** The hash of what lies in pieces, in hexadecimal digits. */
export function sha256(pieces: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}

/** write(2) may take less than it was given, of a full disk what fits. */
function writeWhole(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** Makes a file now, so that a run is not lost for want of one; the function writes it piece by piece. */
export function openFile(path: string): (pieces: readonly Uint8Array[]) => void {
  const file = openSync(path, "w");
  return (pieces) => {
    for (const piece of pieces) writeWhole(file, piece);
    closeSync(file);
  };
}
