// One run of a sweep, in a worker thread: the scenario, hashes of what it left, and its folder if that is to be kept.

import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { concatBytes } from "../../base/bytes.ts";
import { countFrames } from "../../capture/read.ts";
import { DirectiveError } from "../../scenario/directives.ts";
import { runScenario, type ScenarioResult } from "../../scenario/run.ts";
import { nodeFilters } from "../filters.ts";
import { filesIn, prepareFolder, sha256, writeFiles } from "../folders.ts";
import { systemErrorText } from "../terminal.ts";
import { type Job, repeatCommand, runName } from "./plan.ts";
import type { JobResult } from "./result.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (how: { readonly type: "minor" }) => void;

/** Most errors are answers (`iptables -C` of a rule that is not there): nobody looks at their stacks, which cost a twentieth. */
const STACK_OF_A_BUG = Error.stackTraceLimit;
Error.stackTraceLimit = 0;

export default async function run(job: Job): Promise<JobResult> {
  // The last run's lab is garbage now, all of it. Collected here, nothing is copied and nothing grows old; when the
  // young generation is full, in the middle of a run, a living lab would be.
  collect({ type: "minor" });
  const began = performance.now();
  let outcome = await runScript(job);
  if (outcome.bug) {
    // every run is repeatable: once more, to see where
    Error.stackTraceLimit = STACK_OF_A_BUG;
    outcome = await runScript(job);
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

async function runScript(job: Job): Promise<Outcome> {
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  try {
    const result = await runScenario({
      script: readFileSync(job.script, "utf8"),
      name: basename(job.script),
      seed: job.seed,
      env: new Map(Object.entries(job.params)),
      files: filesIn(dirname(resolve(job.script)), basename(job.script)),
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
