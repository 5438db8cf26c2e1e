// Scripts full of nft commands, recorded with nftables 1.0.6 on Linux 6.18: each prints here what it printed there.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { Lab } from "../../../src/index.ts";

const folder = fileURLToPath(new URL("recorded", import.meta.url));

/** What differs from run to run: process ids, generations, what is left of a timeout, dates. */
function canonical(text: string): string {
  return text
    .replace(/generation \d+ by process \d+/g, "generation N by process N")
    .replace(/expires [0-9hms]+/g, "expires T")
    .replace(/on \w{3} \w{3} +\d+ [\d:]+ \d{4}/g, "on DATE");
}

async function run(script: string): Promise<string> {
  const lab = new Lab({ seed: 1 });
  const { stdout, stderr } = await lab.addHost("host").sh(script);
  return stdout + stderr;
}

describe("nft prints what nftables 1.0.6 prints", () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".sh")))
    test(file.replace(".sh", "").replaceAll("-", " "), async () => {
      const script = readFileSync(`${folder}/${file}`, "utf8");
      const recorded = readFileSync(`${folder}/${file.replace(".sh", ".txt")}`, "utf8");
      expect(canonical(await run(script))).toBe(canonical(recorded));
    });
});

describe("nft refuses by name what is not emulated", () => {
  const refused: readonly (readonly [string, string])[] = [
    ["add table ip6 t", "the family ip6 is not emulated"],
    ["add table arp t", "the family arp is not emulated"],
    ["add rule ip t c meta hour 5", "meta hour is not emulated"],
    ["add rule ip t c socket transparent 1", "socket is not emulated"],
    ["add rule ip t c queue", "queue is not emulated"],
    ["add rule ip t c dup to 1.2.3.4", "dup is not emulated"],
    ["add rule ip t c tproxy to :80", "tproxy is not emulated"],
    ["add rule ip t c ct count over 5 drop", "ct count is not emulated"],
    ["add rule ip t c log level audit", "log level audit is not emulated"],
    ["add rule ip t c jhash ip saddr mod 2", "jhash is not emulated"],
    ["add flowtable ip t f '{ hook ingress priority 0; }'", "flowtable is not emulated"],
    ["describe ip saddr", "describe is not emulated"],
  ];
  test.each(refused)("nft %s", async (command, message) => {
    const out = await run(`nft add table ip t; nft add chain ip t c; nft ${command}; echo "[$?]"; nft list ruleset`);
    expect(out).toContain(`Error: ${message}\n`);
    expect(out).toContain("[1]\ntable ip t {\n\tchain c {\n\t}\n}\n");
  });
  test("JSON, the prompt and debugging", async () => {
    expect(await run("nft -j list ruleset; nft -i; nft -d all list ruleset; nft list ruleset")).toBe(
      "nft: JSON (-j) is not emulated\nnft: the interactive prompt (-i) is not emulated\nnft: debugging (-d) is not emulated\n",
    );
  });
});
