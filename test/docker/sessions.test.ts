// What people type at Docker 20.10 and at 28.5 gets the answers that the real one gives.

import { describe, expect, it } from "vitest";
import { nodeFilters } from "../../src/node/filters.ts";
import { runScenario } from "../../src/scenario/run.ts";
import { type Folder, normal, parseSession, readSessions, type Step, scriptOf } from "./sessions.ts";

async function run(steps: readonly Step[], docker: "20" | "28"): Promise<readonly Step[]> {
  const decoder = new TextDecoder();
  let text = "";
  const write = (bytes: Uint8Array) => {
    text += decoder.decode(bytes, { stream: true });
  };
  const script = scriptOf(steps);
  await runScenario({ script, name: "session.sh", docker, filters: nodeFilters(), stdout: write, stderr: write });
  return parseSession(normal(text)).steps;
}

const GENERATIONS: readonly [Folder, "20" | "28"][] = [
  ["sessions", "20"],
  ["sessions28", "28"],
];

for (const [folder, docker] of GENERATIONS)
  for (const { name, steps } of readSessions(folder))
    describe(`a session with Docker ${docker} on ${name}`, async () => {
      const ours = await run(steps, docker);
      for (const [i, { command, output }] of steps.entries())
        it(`${i + 1}: ${command}`, () => {
          expect(ours[i]?.output).toBe(output);
        });
    });
