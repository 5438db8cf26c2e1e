// What a sweep says of a run.

import { systemErrorText, UsageError } from "../terminal.ts";
import { type Job, repeatCommand } from "./plan.ts";

/** One line of a sweep's output. All but real_ms is the same on every machine. */
export interface JobResult {
  readonly index: number;
  readonly script: string;
  readonly seed: number;
  readonly params: Readonly<Record<string, string>>;
  readonly docker: string | null;
  readonly exit: number;
  /** why it did not end by itself */
  readonly problem: string | null;
  readonly stdout_sha256: string;
  readonly captures: Readonly<Record<string, { readonly frames: number | null; readonly sha256: string }>>;
  readonly virtual_ms: number;
  readonly events: number;
  readonly real_ms: number;
  /** where it was kept */
  readonly kept: string | null;
  readonly repeat: string;
}

/** Of a run whose worker ended or could not write. */
export function broken(job: Job, error: unknown): JobResult {
  const { index, script, seed, params, docker } = job;
  const known = error instanceof UsageError ? error.message : systemErrorText(error);
  return {
    index,
    script,
    seed,
    params,
    docker,
    exit: 2,
    problem: known ?? `a bug in vethlab: ${(error as Error).stack ?? error}`,
    stdout_sha256: "",
    captures: {},
    virtual_ms: 0,
    events: 0,
    real_ms: 0,
    kept: null,
    repeat: repeatCommand(job),
  };
}
