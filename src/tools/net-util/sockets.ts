// Small things that every networking program does with its sockets: closing one by its object, reading an errno, poll(2)
// for reading and writing.

import { NetError } from "../../base/errno.ts";
import { decodeUtf8 } from "../../base/text.ts";
import { MSEC, type Ns, USEC } from "../../base/time.ts";
import type { OpenFile } from "../../posix/file.ts";
import type { Process } from "../../posix/process.ts";
import { sleep, type Task, type WaitQueue, waitAny } from "../../sim/task.ts";

/** close(2) of the descriptor that refers to `file`; harmless when there is none any more. */
export function closeFile(proc: Process, file: OpenFile): void {
  for (const [fd, open] of proc.fds) {
    if (open !== file) continue;
    proc.close(fd);
    return;
  }
}

/** errno of a failed call; anything else that was thrown is thrown on. */
export function errnoOf(error: unknown): number {
  if (error instanceof NetError) return error.errno;
  throw error;
}

/** A file's text, or undefined when it cannot be read. */
export function readTextFile(proc: Process, path: string): string | undefined {
  try {
    return decodeUtf8(proc.root.readFile(proc, path));
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
}

/** Something that poll(2) can watch for reading or for writing. */
export interface PollEntry {
  readonly ready: () => boolean;
  readonly queue: WaitQueue;
}

/** Watches a file for POLLIN. */
export function pollIn(file: OpenFile): PollEntry {
  return { ready: () => file.readable(), queue: file.readQueue };
}

/** Watches a socket for POLLOUT. */
export function pollOut(socket: { writable(): boolean; readonly writeQueue: WaitQueue }): PollEntry {
  return { ready: () => socket.writable(), queue: socket.writeQueue };
}

/** Threads may wake this much late (timer_slack_ns); poll and select at most by MAX_SLACK_NS. */
const TIMER_SLACK_NS: Ns = 50 * USEC;
const MAX_SLACK_NS: Ns = 100 * MSEC;

/** How late an idle machine ends a wait: a thousandth (fs/select.c, select_estimate_accuracy). */
function pollSlack(timeoutNs: Ns): Ns {
  return timeoutNs > 0 ? Math.max(TIMER_SLACK_NS, Math.min(Math.floor(timeoutNs / 1000), MAX_SLACK_NS)) : 0;
}

/** poll(2): the indices that are ready, none when `timeoutNs` passed first. */
export function* pollEntries(
  proc: Process,
  entries: readonly PollEntry[],
  timeoutNs: Ns = Number.POSITIVE_INFINITY,
): Task<number[]> {
  const deadline = proc.sim.now + timeoutNs + (timeoutNs === Number.POSITIVE_INFINITY ? 0 : pollSlack(timeoutNs));
  for (;;) {
    const ready: number[] = [];
    for (const [i, entry] of entries.entries()) if (entry.ready()) ready.push(i);
    const left = deadline - proc.sim.now;
    if (ready.length > 0 || left <= 0) return ready;
    if (entries.length === 0) {
      yield* sleep(left);
      return [];
    }
    if (
      (yield* waitAny(
        entries.map((entry) => entry.queue),
        left,
      )) < 0
    )
      return [];
  }
}
