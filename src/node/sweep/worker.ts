// One run of a sweep, in a worker thread: the scenario, hashes of what it left, and its folder if that is to be kept.

import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { concatBytes } from "../../base/bytes.ts";
import { countFrames } from "../../capture/read.ts";
import { DirectiveError } from "../../scenario/directives.ts";
import { runScenario, type ScenarioResult } from "../../scenario/run.ts";
import { nodeFilters } from "../filters.ts";
import { filesIn, prepareFolder, sha256, writeFiles } from "../folders.ts";
import { systemErrorText } from "../terminal.ts";
import { type Job, repeatCommand, runName } from "./plan.ts";
import type { JobResult } from "./result.ts";

export default async function run(job: Job): Promise<JobResult> {
  const began = performance.now();
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  let result: ScenarioResult | null = null;
  let problem: string | null = null;
  try {
    result = await runScenario({
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
    problem = result.problem ?? null;
  } catch (error) {
    if (error instanceof DirectiveError) problem = `${basename(job.script)}: line ${error.line}: ${error.message}`;
    else problem = systemErrorText(error) ?? `a bug in vethlab: ${(error as Error).stack ?? error}`;
  }
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
