// `npm run score [-- NAME…] [--update] [--differences]`: the table of all recorded scenarios, frames and lines equal of
// all. --update writes test/kernel/expected.json, which the tests hold every run against.

import { writeFileSync } from "node:fs";
import { runAndScore, scenarioNames } from "./harness.ts";

const args = process.argv.slice(2);
const wanted = args.filter((arg) => !arg.startsWith("--"));
const names = scenarioNames().filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
const expected = new Map<string, string>();
let frames = 0;
let framesOf = 0;
let whole = 0;
for (const name of names) {
  let row: string;
  try {
    const score = await runAndScore(name);
    row = `${score.framesEqual}/${score.framesOf} frames, ${score.linesEqual}/${score.linesOf} lines`;
    frames += score.framesEqual;
    framesOf += score.framesOf;
    const equal = score.framesEqual === score.framesOf && score.linesEqual === score.linesOf;
    if (equal) whole++;
    console.log(`${equal ? "equal " : "      "} ${name.padEnd(40)} ${row}${score.problem ? `  ${score.problem}` : ""}`);
    if (args.includes("--differences")) console.log(score.report, score.stderr);
  } catch (error) {
    row = "fails";
    console.log(
      `fails  ${name.padEnd(40)} ${error instanceof Error ? (args.includes("--differences") ? error.stack : error.message) : error}`,
    );
  }
  expected.set(name, row);
}
console.log(`${whole} of ${names.length} scenarios equal; ${frames}/${framesOf} frames`);
if (args.includes("--update"))
  writeFileSync(
    new URL("expected.json", import.meta.url),
    `${JSON.stringify(Object.fromEntries(expected), null, 2)}\n`,
  );
