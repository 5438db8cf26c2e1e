import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compareSets } from "../../src/capture/compare.ts";
import { nodeFilters } from "../../src/node/filters.ts";
import { runScenario } from "../../src/scenario/run.ts";
import { KERNEL_FIXTURES, namedPorts } from "../kernel/harness.ts";

const script = readFileSync(join(KERNEL_FIXTURES, "02-published-port/scenario.sh"), "utf8");

async function captures(seed: number): Promise<{ stdout: string; files: Map<string, Uint8Array> }> {
  let stdout = "";
  const decoder = new TextDecoder();
  const filters = nodeFilters();
  const result = await runScenario({
    script,
    name: "scenario.sh",
    seed,
    ...(filters ? { filters } : {}),
    stdout: (bytes) => {
      stdout += decoder.decode(bytes, { stream: true });
    },
  });
  return { stdout, files: new Map(result.files.map((file) => [file.path, file.bytes])) };
}

describe("the same script", () => {
  it("with the same seed gives the same bytes, twice in one process", async () => {
    expect(await captures(7)).toEqual(await captures(7));
  });

  it("with another seed differs, but only where a kernel is random", async () => {
    const one = await captures(1);
    const two = await captures(2);
    expect(one.files).not.toEqual(two.files);
    const comparison = compareSets([one.files], two.files, { keepPorts: namedPorts(script) });
    expect(comparison.equal, comparison.text).toBe(comparison.of);
    expect(one.stdout).toBe(two.stdout);
  });
});
