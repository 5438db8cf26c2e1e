// What people type at Docker 20.10 gets the answers that the real one gives.

import { describe, expect, it } from "vitest";
import { nodeFilters } from "../../src/node/filters.ts";
import { runScenario } from "../../src/scenario/run.ts";
import { normal, parseSession, readSessions, type Step, scriptOf } from "./sessions.ts";

async function run(steps: readonly Step[]): Promise<readonly Step[]> {
  const decoder = new TextDecoder();
  let text = "";
  const write = (bytes: Uint8Array) => {
    text += decoder.decode(bytes, { stream: true });
  };
  const script = scriptOf(steps);
  await runScenario({ script, name: "session.sh", filters: nodeFilters(), stdout: write, stderr: write });
  return parseSession(normal(text)).steps;
}

for (const { name, steps } of readSessions())
  describe(`a session on ${name}`, async () => {
    const ours = await run(steps);
    for (const [i, { command, output }] of steps.entries())
      it(`${i + 1}: ${command}`, () => {
        expect(ours[i]?.output).toBe(output);
      });
  });
