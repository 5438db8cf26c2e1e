// Runs of a sweep, in a worker thread: the scenario, hashes of what it left, and its folder if that is to be kept.

import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { concatBytes } from "../../base/bytes.ts";
import { countFrames } from "../../capture/read.ts";
import type { FileNode } from "../../posix/vfs.ts";
import { DirectiveError } from "../../scenario/directives.ts";
import { runScenario, type ScenarioResult } from "../../scenario/run.ts";
import { nodeFilters } from "../filters.ts";
import { lookInto, prepareFolder, sha256, writeFiles } from "../folders.ts";
import { systemErrorText } from "../terminal.ts";
import { type Job, repeatCommand, runName } from "./plan.ts";
import { broken, type JobResult } from "./result.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (how: { readonly type: "minor" }) => void;

/** Most errors are answers (`iptables -C` of a rule that is not there): nobody looks at their stacks, which cost a twentieth. */
const STACK_OF_A_BUG = Error.stackTraceLimit;
Error.stackTraceLimit = 0;

/** What is free in the young generation, in bytes. */
const youngFree = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")!.space_available_size;
let freeBefore = 0;

/** Runs of one message, one after another. */
export default async function run(jobs: readonly Job[]): Promise<JobResult[]> {
  const results: JobResult[] = [];
  const beside: Beside = new Map();
  for (const job of jobs) {
    try {
      results.push(await runJob(job, beside));
    } catch (error) {
      results.push(broken(job, error)); // nowhere to keep its files: the others go on
    }
  }
  return results;
}

async function runJob(job: Job, beside: Beside): Promise<JobResult> {
  makeRoom();
  const began = performance.now();
  let outcome = await runScript(job, beside);
  if (outcome.bug) {
    // every run is repeatable: once more, to see where
    Error.stackTraceLimit = STACK_OF_A_BUG;
    outcome = await runScript(job, beside);
    Error.stackTraceLimit = 0;
  }
  const { result, problem, stdout, stderr } = outcome;
  const exit = result?.status ?? 2;
  const captures: Record<string, { frames: number | null; sha256: string }> = {};
  for (const { path, pieces } of result?.files ?? [])
    if (/\.pcap(ng)?$/.test(path)) captures[path] = { frames: countFrames(pieces), sha256: sha256(pieces) };
  const keep = job.out !== null && (job.keep === "all" || (job.keep === "failed" && exit !== 0));
  const kept = keep ? join(job.out, runName(job)) : null;
  if (kept !== null) {
    prepareFolder(kept);
    writeFiles(kept, result?.files ?? []);
    writeFileSync(join(kept, "stdout"), concatBytes(stdout));
    writeFileSync(join(kept, "stderr"), concatBytes(stderr));
    writeFileSync(join(kept, "repeat"), `${repeatCommand(job)}\n`);
  }
  return {
    index: job.index,
    script: job.script,
    seed: job.seed,
    params: job.params,
    docker: job.docker,
    exit,
    problem,
    stdout_sha256: sha256(stdout),
    captures,
    virtual_ms: Math.round((result?.virtualNs ?? 0) / 1000) / 1000,
    events: result?.events ?? 0,
    real_ms: Math.round(performance.now() - began),
    kept,
    repeat: repeatCommand(job),
  };
}

interface Outcome {
  /** null when it did not come to an end */
  readonly result: ScenarioResult | null;
  readonly problem: string | null;
  readonly stdout: readonly Uint8Array[];
  readonly stderr: readonly Uint8Array[];
  readonly bug: boolean;
}

/**
 * The labs of the last runs are garbage, all of it. Collected between two runs, nothing is copied and nothing grows old; when the young
 * generation is full, in the middle of a run, a living lab would be. A collection takes a millisecond however much there is: it waits
 * until another run might not find room (scenario 02: each third, 14 % of the processor time less than before each).
 */
function makeRoom(): void {
  const free = youngFree();
  // more than before: the run did not find room
  const taken = free > freeBefore ? Number.POSITIVE_INFINITY : freeBefore - free;
  if (free < taken * 1.5) collect({ type: "minor" });
  freeBefore = youngFree();
}

/** A script as it is on the disk, and the files beside it, of their own for each lab. */
interface OnDisk {
  readonly text: string;
  readonly files: () => Map<string, FileNode>;
}

/** What the runs of a message find, by their scripts' paths: it is looked at once for them all. */
type Beside = Map<string, OnDisk>;

function readScript(path: string, beside: Beside): OnDisk {
  let found = beside.get(path);
  if (!found) {
    found = { text: readFileSync(path, "utf8"), files: lookInto(dirname(resolve(path)), basename(path)) };
    beside.set(path, found);
  }
  return found;
}

async function runScript(job: Job, beside: Beside): Promise<Outcome> {
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  try {
    const { text, files } = readScript(job.script, beside);
    const result = await runScenario({
      script: text,
      name: basename(job.script),
      seed: job.seed,
      env: new Map(Object.entries(job.params)),
      files: files(),
      limits: { maxTimeNs: job.maxTimeNs, maxEvents: job.maxEvents },
      filters: nodeFilters(),
      ...(job.docker !== null ? { docker: job.docker } : {}),
      stdout: (bytes) => stdout.push(bytes.slice()),
      stderr: (bytes) => stderr.push(bytes.slice()),
    });
    return { result, problem: result.problem ?? null, stdout, stderr, bug: false };
  } catch (error) {
    const known =
      error instanceof DirectiveError
        ? `${basename(job.script)}: line ${error.line}: ${error.message}`
        : systemErrorText(error);
    const problem = known ?? `a bug in vethlab: ${(error as Error).stack ?? error}`;
    return { result: null, problem, stdout, stderr, bug: known === undefined };
  }
}
