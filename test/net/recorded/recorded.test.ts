import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { nodeFilters } from "../../../src/node/filters.ts";
import { runScenario } from "../../../src/scenario/run.ts";
import { canonicalLines } from "../../kernel/compare-text.ts";
import { WORLDS } from "./worlds.ts";

// Each file of sessions/ is a script that ran on Linux 6.18 with Debian 12's tools, and what it printed there. First line:
// `#` and the world (worlds.ts); then a sentence about it, the script, a line of dashes, the print. Times are not compared.

const folder = new URL("sessions/", import.meta.url);
const DIVIDER = "\n----------\n";

interface Session {
  readonly name: string;
  readonly about: string;
  readonly script: string;
  readonly recorded: string;
}

const sessions: readonly Session[] = readdirSync(folder)
  .sort()
  .map((file) => {
    const text = readFileSync(new URL(file, folder), "utf8");
    const at = text.indexOf(DIVIDER);
    const [world = "", about = "", ...lines] = text.slice(0, at).split("\n");
    const script = `${WORLDS[world.slice(2)]}${lines.join("\n")}\n`;
    return {
      name: file.replace(/\.txt$/, ""),
      about: about.slice(2),
      script,
      recorded: text.slice(at + DIVIDER.length),
    };
  });

/** Round trips and other durations are the machine's. */
function withoutTimes(text: string): string {
  return text
    .replace(/\d+\.\d+ ?ms( |$)/gm, "T ms$1")
    .replace(/time \d+ms/g, "time Tms")
    .replace(/ipg\/ewma .*/g, "ipg T")
    .replace(/timed out after \d+ milliseconds/g, "timed out after T milliseconds")
    .replace(/after \d+ ms:/g, "after T ms:")
    .replace(/\d{4,8} absolute/g, "N absolute");
}

async function play(script: string): Promise<string> {
  const decoder = new TextDecoder();
  let stdout = "";
  await runScenario({
    script,
    name: "scenario.sh",
    filters: nodeFilters(),
    limits: { maxTimeNs: 3600e9, maxEvents: 20_000_000 },
    stdout: (bytes) => {
      stdout += decoder.decode(bytes, { stream: true });
    },
  });
  return stdout;
}

describe("a session in a network of namespaces prints what it printed on Linux", () => {
  it.each(sessions.map((session) => [`${session.name}: ${session.about}`, session] as const))(
    "%s",
    async (_title, session) => {
      const printed = await play(session.script);
      expect(canonicalLines(withoutTimes(printed)).join("\n")).toBe(
        canonicalLines(withoutTimes(session.recorded)).join("\n"),
      );
    },
  );
});
