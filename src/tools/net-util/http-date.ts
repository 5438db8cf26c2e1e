// Dates as HTTP writes them (RFC 9110 §5.6.7, IMF-fixdate), on the machine's virtual wall clock.

import { SEC } from "../../base/time.ts";
import type { Machine } from "../../posix/process.ts";
import type { FileNode } from "../../posix/vfs.ts";

/** "Sun, 06 Nov 1994 08:49:37 GMT" for seconds since 1970. */
export function httpDate(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toUTCString();
}

/** Seconds since 1970, now. */
export function wallSeconds(machine: Machine): number {
  return Number(machine.wallClockNs() / 1_000_000_000n);
}

/** Seconds since 1970 of a file's last change (st_mtime). */
export function mtimeSeconds(machine: Machine, node: FileNode): number {
  return Number(machine.epochNs / 1_000_000_000n) + Math.floor(Math.round(node.mtimeNs / 1e6) / (SEC / 1e6));
}
