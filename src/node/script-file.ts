// What every command that runs a scenario does with its file: read it and what lies beside it, run it in silence.

import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { DirectiveError } from "../scenario/directives.ts";
import { runScenario, type ScenarioOptions, type ScenarioResult } from "../scenario/run.ts";
import { nodeFilters } from "./filters.ts";
import { filesIn } from "./folders.ts";
import { UsageError } from "./terminal.ts";

/** Runs a script for what it leaves; its own output goes nowhere, its complaints to standard error. */
export async function runQuietly(path: string, options: Partial<ScenarioOptions> = {}): Promise<ScenarioResult> {
  const name = basename(path);
  try {
    const result = await runScenario({
      script: readFileSync(path, "utf8"),
      name,
      files: filesIn(dirname(resolve(path)), name),
      filters: nodeFilters(),
      stderr: (bytes) => process.stderr.write(bytes),
      ...options,
    });
    if (result.problem !== undefined) process.stderr.write(`vethlab: ${result.problem}\n`);
    return result;
  } catch (error) {
    if (error instanceof DirectiveError) throw new UsageError(`${name}: line ${error.line}: ${error.message}`);
    throw error;
  }
}
