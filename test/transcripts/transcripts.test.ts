// What five tutorials on Docker's networking type gets the answers of the real Linux with Docker 20.10: in a script, and
// typed at the prompt of a session.

import { describe, expect, it } from "vitest";
import { atPrompt, inScript } from "./play.ts";
import { readTranscripts } from "./transcripts.ts";

for (const { name, commands, steps } of readTranscripts())
  describe(`the transcript ${name}`, async () => {
    const script = await inScript(commands);
    const prompt = await atPrompt(commands);
    for (const [i, { command, output }] of steps.entries()) {
      it(`${i + 1}, in a script: ${command}`, () => {
        expect(script[i]?.output).toBe(output);
      });
      it(`${i + 1}, at the prompt: ${command}`, () => {
        expect(prompt[i]?.output).toBe(output);
      });
    }
  });
