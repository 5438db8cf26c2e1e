// The table of shell cases: scripts in cases/*.txt, separated by "### name" lines, and what the real shells said to them
// in cases/expected.json. To record again, on Debian 12 (bash 5.2, dash 0.5.12, coreutils 9.1, mawk, GNU sed and grep):
//   npx tsx test/shell/record.ts

import { readdirSync, readFileSync } from "node:fs";

export interface ShellCase {
  /** "expansion: plain words" */
  readonly name: string;
  readonly script: string;
  /** "sh" for the cases of dash.txt */
  readonly shell: "bash" | "sh";
}

export interface Expected {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

export const CASES_DIR: URL = new URL("./cases/", import.meta.url);

export function readCases(): ShellCase[] {
  const cases: ShellCase[] = [];
  for (const file of readdirSync(CASES_DIR).sort()) {
    if (!file.endsWith(".txt")) continue;
    const topic = file.replace(".txt", "");
    for (const block of readFileSync(new URL(file, CASES_DIR), "utf8").split(/^### /m).slice(1)) {
      const end = block.indexOf("\n");
      cases.push({
        name: `${topic}: ${block.slice(0, end)}`,
        script: block.slice(end + 1),
        shell: topic === "dash" ? "sh" : "bash",
      });
    }
  }
  return cases;
}

export function readExpected(): Map<string, Expected> {
  return new Map(Object.entries(JSON.parse(readFileSync(new URL("expected.json", CASES_DIR), "utf8"))));
}

/** Process ids differ from run to run: in "line 3:  1234 Killed" they become PID. */
export function withoutPids(text: string): string {
  return text
    .replace(/kill: \(\d+\) -/g, "kill: (PID) -")
    .replace(/(line \d+: | {4})\s*\d+ (Killed|Done|Segmentation fault|Exit|Hangup|Aborted|Terminated)/g, "$1PID $2");
}
