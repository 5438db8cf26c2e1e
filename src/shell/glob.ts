// Pathname expansion: which paths of the file system a pattern names. Answers to POSIX XCU 2.14.3; names that begin
// with a dot need a dot in the pattern; results are in byte order (LC_COLLATE=C).

import { NetError } from "../base/errno.ts";
import type { Process } from "../posix/process.ts";
import { joinPath } from "../posix/vfs.ts";
import { patternRegExp, unescapePattern } from "./pattern.ts";

/** Has the pattern an active `*`, `?`, `[…]` or extended glob? */
export function isPattern(pattern: string): boolean {
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!;
    if (c === "\\") i++;
    else if (c === "*" || c === "?") return true;
    else if (c === "[" && pattern.indexOf("]", i + 2) > 0) return true;
    else if ("+@!".includes(c) && pattern[i + 1] === "(") return true;
  }
  return false;
}

export interface GlobOptions {
  /** names with a leading dot match too (dotglob) */
  readonly dots?: boolean;
  readonly ignoreCase?: boolean;
}

/** Paths that match, sorted; empty when none does. */
export function glob(proc: Process, pattern: string, options: GlobOptions = {}): string[] {
  const absolute = pattern.startsWith("/");
  const parts = splitPath(pattern);
  let found = [absolute ? "/" : ""];
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    const last = i === parts.length - 1;
    const next: string[] = [];
    for (const base of found) {
      if (part === "") {
        // "a//b", or a slash at the end: directories only
        if (isDirectory(proc, base)) next.push(last && !base.endsWith("/") ? `${base}/` : base);
        continue;
      }
      if (!isPattern(part)) {
        const name = unescapePattern(part);
        const path = join(base, name);
        if (last ? exists(proc, path) : isDirectory(proc, path)) next.push(path);
        continue;
      }
      const expression = patternRegExp(part, { path: true, ignoreCase: options.ignoreCase ?? false });
      for (const name of list(proc, base === "" ? "." : base)) {
        if (name.startsWith(".") && !options.dots && !part.startsWith(".") && !part.startsWith("\\.")) continue;
        if (!expression.test(name)) continue;
        const path = join(base, name);
        if (last || isDirectory(proc, path)) next.push(path);
      }
    }
    found = next;
  }
  return found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function splitPath(pattern: string): string[] {
  const parts = pattern.split("/");
  if (pattern.startsWith("/")) parts.shift();
  return parts.filter((part, i) => part !== "" || i === parts.length - 1);
}

function join(base: string, name: string): string {
  if (base === "" || base.endsWith("/")) return base + name;
  return `${base}/${name}`;
}

function list(proc: Process, path: string): string[] {
  try {
    return proc.root.list(proc, path);
  } catch (error) {
    if (error instanceof NetError) return [];
    throw error;
  }
}

function exists(proc: Process, path: string): boolean {
  try {
    return proc.root.find(proc, joinPath(proc.cwd, path), true) !== undefined;
  } catch (error) {
    if (error instanceof NetError) return false;
    throw error;
  }
}

function isDirectory(proc: Process, path: string): boolean {
  try {
    const node = proc.root.find(proc, path === "" ? proc.cwd : path);
    return node?.kind === "dir" || node?.kind === "syntheticDir";
  } catch (error) {
    if (error instanceof NetError) return false;
    throw error;
  }
}
