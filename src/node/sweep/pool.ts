// Runs jobs over worker threads and hands their results on in the order of the jobs, so that the output of a sweep is the
// same however many workers there are.

import { availableParallelism } from "node:os";
import { Tinypool } from "tinypool";
import type { Job } from "./plan.ts";
import { broken, type JobResult } from "./result.ts";

/** How long a worker is to be busy with one message, and with how many runs: between two messages it waits for half a millisecond. */
const MESSAGE_MS = 60;
const MESSAGE_RUNS = 16;

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
    // semispaces of up to 32 MB, of 16 from the start (forShortRuns): several runs find room (makeRoom in worker.ts)
    resourceLimits: { maxYoungGenerationSizeMb: 96 },
  });
  try {
    const waiting = new Map<number, JobResult>();
    let next = 0;
    // a bounded number is in the pool's queue, so that a sweep of a million jobs is not a million promises
    let taken = 0;
    let msPerRun = MESSAGE_MS;
    /** So many runs that a message is worth its way, and so few that workers end together. */
    const atOnce = (): number =>
      Math.ceil(Math.min(MESSAGE_MS / msPerRun, MESSAGE_RUNS, (jobs.length - taken) / (threads * 4)));
    const lane = async (): Promise<void> => {
      while (taken < jobs.length) {
        const at = taken;
        const some = jobs.slice(at, at + atOnce());
        taken += some.length;
        const results = await runSome(pool, some);
        msPerRun = results.reduce((sum, { real_ms }) => sum + real_ms, 0) / results.length;
        results.forEach((result, i) => {
          if (result.exit !== 0) failed++;
          waiting.set(at + i, result);
        });
        progress.clear();
        for (let ready = waiting.get(next); ready; ready = waiting.get(next)) {
          waiting.delete(next++);
          emit(ready);
        }
        progress.step(results.length, failed);
      }
    };
    await Promise.all(Array.from({ length: threads * 2 }, lane));
  } finally {
    progress.clear();
    await pool.destroy();
  }
  return { runs: jobs.length, failed };
}

async function runSome(pool: Tinypool, jobs: readonly Job[]): Promise<readonly JobResult[]> {
  try {
    return (await pool.run(jobs)) as JobResult[];
  } catch (error) {
    // a worker that has no memory left: the other runs go on
    if (jobs.length === 1) return [broken(jobs[0]!, error)];
    const each: JobResult[] = [];
    for (const job of jobs) each.push(...(await runSome(pool, [job])));
    return each;
  }
}

/** On a terminal only, on standard error; the last line there until all is done. */
function progressBar(total: number): { step(runs: number, failed: number): void; clear(): void } {
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
    step(runs, failed) {
      done += runs;
      draw(failed);
    },
    clear() {
      if (shown) process.stderr.write("\r\x1b[K");
    },
  };
}
