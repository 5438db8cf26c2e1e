import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { runPacketdrill } from "../../src/packetdrill/run.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

test("the table of mechanisms names every script, and no other", () => {
  const scripts = readdirSync(FOLDER).filter((name) => name.endsWith(".pkt"));
  const named = new Set(readFileSync(`${FOLDER}README.md`, "utf8").match(/`[a-z0-9-]+`/g));
  expect([...named].sort()).toEqual(scripts.map((name) => `\`${name.slice(0, -4)}\``).sort());
});

// Each script names its kernel functions and RFC; each also holds on a real Linux 6.18 with the real packetdrill.
describe("a packetdrill script holds on the emulated stack", () => {
  for (const file of readdirSync(FOLDER)
    .filter((name) => name.endsWith(".pkt"))
    .sort())
    test(file, async () => {
      const said: string[] = [];
      const result = await runPacketdrill({
        text: readFileSync(`${FOLDER}${file}`, "utf8"),
        path: file,
        folder: "/root",
        files: new Map(),
        options: [],
        seed: 1,
        print: (text) => said.push(text),
      });
      expect(`${said.join("")}${result.message}`).toBe("");
    });
});
