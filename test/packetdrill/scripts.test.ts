import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { runPacketdrill } from "../../src/packetdrill/run.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

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
