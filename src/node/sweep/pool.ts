// Runs jobs over worker threads and hands their results on in the order of the jobs, so that the output of a sweep is the
// same however many workers there are.

import { availableParallelism } from "node:os";
import { Tinypool } from "tinypool";
import type { Job } from "./plan.ts";
import { broken, type JobResult } from "./result.ts";

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
  const pool = new Tinypool({
    filename: new URL("./worker.js", import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    // semispaces of 32 MB: a scenario's garbage dies in them, which is 8 % of a sweep's processor time
    resourceLimits: { maxYoungGenerationSizeMb: 96 },
  });
  try {
    const waiting = new Map<number, JobResult>();
    let next = 0;
    // a bounded number is in the pool's queue, so that a sweep of a million jobs is not a million promises
    let taken = 0;
    const lane = async (): Promise<void> => {
      while (taken < jobs.length) {
        const at = taken++;
        const job = jobs[at]!;
        const result = await pool.run(job).then(
          (one) => one as JobResult,
          (error: unknown) => broken(job, error), // memory, or nowhere to keep the files: the other runs go on
        );
        if (result.exit !== 0) failed++;
        waiting.set(at, result);
        progress.clear();
        for (let ready = waiting.get(next); ready; ready = waiting.get(next)) {
          waiting.delete(next++);
          emit(ready);
        }
        progress.step(failed);
      }
    };
    await Promise.all(Array.from({ length: threads * 2 }, lane));
  } finally {
    progress.clear();
    await pool.destroy();
  }
  return { runs: jobs.length, failed };
}

/** On a terminal only, on standard error; the last line there until all is done. */
function progressBar(total: number): { step(failed: number): void; clear(): void } {
  const began = performance.now();
  const shown = process.stderr.isTTY === true;
  let done = 0;
  const draw = (failed: number): void => {
    if (!shown) return;
    const width = 30;
    const filled = Math.round((done / total) * width);
    const left =
      done === 0 ? "" : `, ${Math.ceil((((performance.now() - began) / done) * (total - done)) / 1000)} s left`;
    process.stderr.write(
      `\r[${"#".repeat(filled)}${".".repeat(width - filled)}] ${done}/${total}, ${failed} failed${left} `,
    );
  };
  draw(0);
  return {
    step(failed) {
      done++;
      draw(failed);
    },
    clear() {
      if (shown) process.stderr.write("\r\x1b[K");
    },
  };
}
