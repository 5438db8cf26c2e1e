// `vethlab merge`: the results of a sweep's shards become one, and captures of its runs one pcapng.

import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Capture, CaptureError } from "../../capture/capture.ts";
import { PcapngWriter } from "../../capture/pcapng.ts";
import { readCapture } from "../../capture/read.ts";
import { prepareFolder } from "../folders.ts";
import { parse, UsageError } from "../terminal.ts";
import { runName } from "./plan.ts";
import type { JobResult } from "./result.ts";

const HELP = `vethlab merge RESULTS... --out DIR [options]

Joins the results of a sweep's shards (folders with results*.jsonl, or such files) in the order of the runs into
DIR/results.jsonl, and prints a summary. A run that is missing between others, or there twice with other results, is an error.

  --captures NAME   join the captures of that name (eth0.pcap) of all runs that were kept into DIR/NAME as pcapng, an interface
                    for each run
`;

export function mergeCommand(argv: readonly string[]): number {
  const { values, positionals } = parse({
    args: [...argv],
    allowPositionals: true,
    options: { out: { type: "string" }, captures: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals.length === 0 || values.out === undefined)
    throw new UsageError("merge takes results and --out: vethlab merge RESULTS… --out DIR");
  const results = joined(positionals.flatMap(resultFiles));
  prepareFolder(values.out);
  writeFileSync(join(values.out, "results.jsonl"), results.map((result) => `${JSON.stringify(result)}\n`).join(""));
  if (values.captures !== undefined) {
    const name = values.captures.replace(/\.pcap$/, ".pcapng");
    writeFileSync(join(values.out, name), joinCaptures(results, values.captures));
  }
  const failed = results.filter(({ exit }) => exit !== 0);
  process.stdout.write(`${results.length} runs, ${results.length - failed.length} passed, ${failed.length} failed\n`);
  for (const { repeat, exit } of failed.slice(0, 20)) process.stdout.write(`  exit ${exit}: ${repeat}\n`);
  if (failed.length > 20) process.stdout.write(`  … and ${failed.length - 20} more\n`);
  return failed.length > 0 ? 1 : 0;
}

function resultFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const files = readdirSync(path)
    .filter((name) => /^results.*\.jsonl$/.test(name))
    .sort();
  if (files.length === 0) throw new UsageError(`${path} has no results*.jsonl`);
  return files.map((name) => join(path, name));
}

function joined(files: readonly string[]): JobResult[] {
  const byIndex = new Map<number, JobResult>();
  for (const file of files) {
    for (const [i, line] of readFileSync(file, "utf8").split("\n").entries()) {
      if (line === "") continue;
      const result = parseLine(line, `${file}:${i + 1}`);
      const other = byIndex.get(result.index);
      if (other && facts(other) !== facts(result))
        throw new UsageError(`${file}:${i + 1}: run ${result.index} is there twice with other results`);
      byIndex.set(result.index, result);
    }
  }
  const results = [...byIndex.values()].sort((a, b) => a.index - b.index);
  for (const [i, { index }] of results.entries())
    if (index !== i) throw new UsageError(`run ${i} is missing: is there a share of the sweep that has not come?`);
  if (results.length === 0) throw new UsageError("there are no results");
  return results;
}

function parseLine(line: string, where: string): JobResult {
  try {
    const result = JSON.parse(line) as JobResult;
    if (Number.isInteger(result.index) && typeof result.exit === "number") return result;
  } catch {
    // said below
  }
  throw new UsageError(`${where}: this is no line of a sweep's results`);
}

/** What must agree when a run was done twice. */
function facts({ script, seed, params, exit, stdout_sha256, captures }: JobResult): string {
  return JSON.stringify({ script, seed, params, exit, stdout_sha256, captures });
}

function joinCaptures(results: readonly JobResult[], name: string): Uint8Array {
  const found = results.flatMap((result) => {
    const path = result.kept === null ? null : join(result.kept, name);
    return path !== null && existsSync(path) ? [{ result, capture: readFile(path) }] : [];
  });
  if (found.length === 0) throw new UsageError(`no run has kept a ${name} (sweep --out DIR --keep all)`);
  // nanoseconds since 1970 are beyond what a double holds exactly
  const startSeconds = found.reduce(
    (least, { capture }) => Math.min(least, capture.frames[0]?.seconds ?? least),
    2 ** 40,
  );
  const writer = new PcapngWriter({
    startSeconds: startSeconds === 2 ** 40 ? 0 : startSeconds,
    application: "vethlab merge",
  });
  for (const { result, capture } of found) {
    const ids = capture.interfaces.map(({ linkType, snapLength }) =>
      writer.addInterface({ linkType, snapLength, name: runName(result), comment: result.repeat }),
    );
    for (const { from, to, seconds, nanoseconds, wireLength, interfaceId } of capture.frames) {
      const timeNs = (seconds - startSeconds) * 1e9 + nanoseconds;
      writer.write(ids[interfaceId]!, capture.bytes, from, to, timeNs, wireLength);
    }
  }
  return writer.bytes();
}

function readFile(path: string): Capture {
  try {
    return readCapture(new Uint8Array(readFileSync(path)));
  } catch (error) {
    if (error instanceof CaptureError) throw new UsageError(`${path}: ${error.message}`);
    throw error;
  }
}
