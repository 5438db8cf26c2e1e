// Runs a recorded scenario on vethlab and scores it against its recording: frames equal of all, printed lines equal of
// all. The recordings are fixtures/kernel/NAME (and NAME.2, NAME.3: further right answers), never edited.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compareSets } from "../../src/capture/compare.ts";
import { nodeFilters } from "../../src/node/filters.ts";
import { runScenario } from "../../src/scenario/run.ts";
import { compareText } from "./compare-text.ts";

export const KERNEL_FIXTURES: string = fileURLToPath(new URL("../../fixtures/kernel", import.meta.url));

export interface Score {
  readonly framesEqual: number;
  readonly framesOf: number;
  readonly linesEqual: number;
  readonly linesOf: number;
}

export interface ScoredRun extends Score {
  readonly captures: ReadonlyMap<string, Uint8Array>;
  /** for people: which frames and lines differ */
  readonly report: string;
  readonly stderr: string;
  readonly problem: string | undefined;
}

/** "01-container-to-outside", for Docker 28 "docker28/…", for recordings of our own "own/…"; further recordings left out. */
export function scenarioNames(): string[] {
  const names: string[] = [];
  for (const folder of ["", "docker28/", "own/"])
    for (const entry of readdirSync(join(KERNEL_FIXTURES, folder)).sort())
      if (/^\d+-/.test(entry) && !/\.\d$/.test(entry)) names.push(folder + entry);
  return names;
}

/** Runs one scenario from its recording's folder. */
export async function runAndScore(name: string): Promise<ScoredRun> {
  const folder = join(KERNEL_FIXTURES, name);
  const script = readFileSync(join(folder, "scenario.sh"), "utf8");
  const decoder = new TextDecoder();
  let stdout = "";
  let stderr = "";
  const result = await runScenario({
    script,
    name: "scenario.sh",
    filters: nodeFilters(),
    limits: { maxTimeNs: 3600e9, maxEvents: 20_000_000 },
    stdout: (bytes) => {
      stdout += decoder.decode(bytes, { stream: true });
    },
    stderr: (bytes) => {
      stderr += decoder.decode(bytes, { stream: true });
    },
    ...(name.startsWith("docker28/") ? { docker: "28" } : {}),
  });
  const kernelSets = recordedRuns(name);
  const ours = new Map(
    result.files.filter((file) => file.path.endsWith(".pcap")).map((file) => [file.path, file.bytes]),
  );
  const keepPorts = namedPorts(script);
  const frames = compareSets(kernelSets, ours, { keepPorts });
  const lines = compareText(readFileSync(join(folder, "stdout"), "utf8"), stdout);
  return {
    captures: ours,
    framesEqual: frames.equal,
    framesOf: frames.of,
    linesEqual: lines.equal,
    linesOf: lines.of,
    report: `${frames.text}\n${lines.difference}`,
    stderr,
    problem: result.problem,
  };
}

/** What each recorded run of a scenario captured. */
export function recordedRuns(name: string): ReadonlyMap<string, Uint8Array>[] {
  const folder = join(KERNEL_FIXTURES, name);
  return [folder, `${folder}.2`, `${folder}.3`].filter((candidate) => existsSync(candidate)).map(readCaptures);
}

function readCaptures(folder: string): Map<string, Uint8Array> {
  const out = new Map<string, Uint8Array>();
  for (const name of readdirSync(folder).sort())
    if (name.endsWith(".pcap")) out.set(name, new Uint8Array(readFileSync(join(folder, name))));
  return out;
}

/** Numbers of four or five digits that a script names: ports that are not renumbered. */
export function namedPorts(script: string): Set<number> {
  return new Set([...script.matchAll(/(?<![0-9.])([1-9][0-9]{3,4})(?![0-9.])/g)].map((match) => Number(match[1])));
}
