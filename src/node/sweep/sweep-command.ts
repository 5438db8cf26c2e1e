// `vethlab sweep`, and `vethlab run A.sh B.sh -j N`: many runs over worker threads, one JSON line each.

import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { join } from "node:path";
import { prepareFolder } from "../folders.ts";
import { duration, labOptions, parse, UsageError, wholeNumber } from "../terminal.ts";
import { type Job, parseSeeds, parseSetting, parseShard, plan, shardOf } from "./plan.ts";
import { runJobs } from "./pool.ts";

const HELP = `vethlab sweep SCRIPT... [options]

Runs scripts once for each seed and each combination of parameters, over worker threads, and prints one JSON line a run, in
the order of the runs: script, seed, params, exit, hashes and counts of its captures, times, and the command that repeats it.
The exit status is 1 when a run failed.

  --seeds 1..1000        seeds; default 1
  --set NAME=V,V,...     a parameter that the script finds in its environment; may be given several times
  -j, --jobs N           worker threads; default one a core
  --shard 3/10           only the third of ten shares of the runs, for schedulers that spread a sweep over machines
  --out DIR              results.jsonl (results-3-of-10.jsonl with --shard) goes there too, and what is kept of runs
  --keep failed|all|none what of their files: of failed runs (default), of all, of none; needs --out
  --docker 20|28, --max-time TIME, --max-events N    as for vethlab run

vethlab merge joins the results of shards.
`;

export async function sweepCommand(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse({
    args: [...argv],
    allowPositionals: true,
    options: {
      seeds: { type: "string" },
      set: { type: "string", multiple: true },
      jobs: { type: "string", short: "j" },
      shard: { type: "string" },
      out: { type: "string" },
      keep: { type: "string" },
      docker: { type: "string" },
      "max-time": { type: "string" },
      "max-events": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals.length === 0) throw new UsageError("sweep needs a script: vethlab sweep SCRIPT…");
  const { docker } = labOptions({ docker: values.docker });
  const { keep = "failed" } = values;
  if (keep !== "failed" && keep !== "all" && keep !== "none")
    throw new UsageError(`--keep is failed, all or none, not '${keep}'`);
  if (values.keep !== undefined && keep !== "none" && values.out === undefined)
    throw new UsageError("--keep needs --out");
  const jobs = plan(positionals, (values.set ?? []).map(parseSetting), parseSeeds(values.seeds ?? "1"), {
    docker: docker ?? null,
    maxTimeNs: duration("max-time", values["max-time"] ?? "1h"),
    maxEvents: wholeNumber("max-events", values["max-events"] ?? "50000000"),
    out: values.out ?? null,
    keep,
  });
  const shard = values.shard === undefined ? null : parseShard(values.shard);
  const name = shard ? `results-${shard.share}-of-${shard.of}.jsonl` : "results.jsonl";
  return await runAndPrint(shard ? shardOf(jobs, shard.share, shard.of) : jobs, values.jobs, values.out, name);
}

/** Several scripts of `vethlab run`, each into its own folder below --out. */
export async function runManyCommand(
  scripts: readonly string[],
  jobs: string,
  out: string | undefined,
  common: Pick<Job, "docker" | "maxTimeNs" | "maxEvents"> & { readonly seed: number; readonly params: Job["params"] },
): Promise<number> {
  const { seed, params, docker, maxTimeNs, maxEvents } = common;
  const settings = Object.entries(params).map(([name, value]) => ({ name, values: [value] }));
  const runs = plan(scripts, settings, [seed], { docker, maxTimeNs, maxEvents, out: out ?? ".", keep: "all" });
  return await runAndPrint(runs, jobs, out, "results.jsonl");
}

async function runAndPrint(
  jobs: readonly Job[],
  workers: string | undefined,
  out: string | undefined,
  name: string,
): Promise<number> {
  const threads = workers === undefined ? 0 : wholeNumber("jobs", workers, 1024);
  let file: WriteStream | null = null;
  if (out !== undefined) {
    prepareFolder(out);
    file = createWriteStream(join(out, name));
  }
  const { runs, failed } = await runJobs(jobs, threads, (result) => {
    const line = `${JSON.stringify(result)}\n`;
    process.stdout.write(line);
    file?.write(line);
  });
  if (file) {
    file.end();
    await once(file, "close");
  }
  if (failed > 0) process.stderr.write(`vethlab: ${failed} of ${runs} runs failed\n`);
  return failed > 0 ? 1 : 0;
}
