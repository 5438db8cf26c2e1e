// Runs jobs over worker threads and hands their results on in the order of the jobs, so that the output of a sweep is the
// same however many workers there are.

import { availableParallelism } from "node:os";
import { Tinypool } from "tinypool";
import type { Job } from "./plan.ts";
import type { JobResult } from "./worker.ts";

export interface SweepSummary {
  readonly runs: number;
  readonly failed: number;
}

/**
 * @param workers threads; 0: one a core
 * @param emit told of each result, in order
 */
export async function runJobs(
  jobs: readonly Job[],
  workers: number,
  emit: (result: JobResult) => void,
): Promise<SweepSummary> {
  const threads = Math.max(1, Math.min(workers || availableParallelism(), jobs.length));
  const progress = progressBar(jobs.length);
  let failed = 0;
  const count = (result: JobResult): void => {
    if (result.exit !== 0) failed++;
    progress.step(failed);
  };
  const pool = new Tinypool({
    filename: new URL("./worker.js", import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
  });
  try {
    const waiting = new Map<number, JobResult>();
    let next = 0;
    // a bounded number is in the pool's queue, so that a sweep of a million jobs is not a million promises
    let taken = 0;
    const lane = async (): Promise<void> => {
      while (taken < jobs.length) {
        const at = taken++;
        const result = (await pool.run(jobs[at])) as JobResult;
        count(result);
        waiting.set(at, result);
        for (let ready = waiting.get(next); ready; ready = waiting.get(next)) {
          waiting.delete(next++);
          progress.clear();
          emit(ready);
        }
      }
    };
    await Promise.all(Array.from({ length: threads * 2 }, lane));
  } finally {
    progress.clear();
    await pool.destroy();
  }
  return { runs: jobs.length, failed };
}

/** On a terminal only, on standard error. */
function progressBar(total: number): { step(failed: number): void; clear(): void } {
  const began = performance.now();
  const shown = process.stderr.isTTY === true;
  let done = 0;
  return {
    step(failed) {
      done++;
      if (!shown) return;
      const width = 30;
      const filled = Math.round((done / total) * width);
      const left = ((performance.now() - began) / done) * (total - done);
      process.stderr.write(
        `\r[${"#".repeat(filled)}${".".repeat(width - filled)}] ${done}/${total}, ${failed} failed, ${Math.ceil(left / 1000)} s left `,
      );
    },
    clear() {
      if (shown) process.stderr.write("\r\x1b[K");
    },
  };
}
