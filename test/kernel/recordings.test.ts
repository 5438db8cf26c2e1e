import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runAndScore, scenarioNames } from "./harness.ts";

// Every recording, with the figure that it has today. A scenario that becomes better or worse than its line in
// expected.json fails here; `npm run score -- --update` writes the new figures after you looked at why.
const expected = JSON.parse(readFileSync(new URL("expected.json", import.meta.url), "utf8")) as Record<string, string>;

describe("a scenario run on vethlab, held against its recording on Linux", () => {
  it("has a figure for every recording and no other", () => {
    expect(Object.keys(expected)).toEqual(scenarioNames());
  });

  it.each(scenarioNames())("%s", async (name) => {
    let row = "fails";
    let report = "";
    try {
      const score = await runAndScore(name);
      row = `${score.framesEqual}/${score.framesOf} frames, ${score.linesEqual}/${score.linesOf} lines`;
      report = score.report;
    } catch (error) {
      report = String(error);
    }
    expect(row, report).toBe(expected[name]);
  });
});
