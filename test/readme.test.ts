import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { temporaryFolder, vethlab } from "./support/cli.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map((match) => match[1]!);
}

describe("the README", () => {
  it("shows a library example that does what it says", async () => {
    const [example] = blocks("ts");
    expect(example).toBeDefined();
    const index = new URL("../dist/index.js", import.meta.url).href;
    const lines: unknown[][] = [];
    const code = example!
      .replace(/from "vethlab"/, `from ${JSON.stringify(index)}`)
      .replace(/: Uint8Array/, "")
      .replace(/console\.log/g, "globalThis.readmeLog");
    const path = join(temporaryFolder(), "example.mjs");
    writeFileSync(path, code);
    Object.assign(globalThis, { readmeLog: (...args: unknown[]) => lines.push(args) });
    await import(path);
    expect(lines).toEqual([[0, true, true]]);
  });

  it("shows a script that runs as it is", () => {
    const script = blocks("sh")
      .join("\n")
      .match(/<<'SCRIPT'\n([\s\S]*?)SCRIPT\n/)?.[1];
    expect(script).toBeDefined();
    const folder = temporaryFolder();
    writeFileSync(join(folder, "nat.sh"), script!);
    const { status, stdout } = vethlab(["run", join(folder, "nat.sh"), "--out", folder]);
    expect(status).toBe(0);
    expect(stdout).toContain("2 received, 0% packet loss");
  });

  it("shows the compose example that was recorded, which the recordings' test runs", () => {
    const recorded = new URL("../fixtures/kernel/docker28/47-compose-shop/scenario.sh", import.meta.url);
    expect(blocks("sh")).toContain(readFileSync(recorded, "utf8"));
  });

  it("shows a packet's story as vethlab trace tells it", () => {
    const script = fileURLToPath(new URL("../fixtures/kernel/01-container-to-outside/scenario.sh", import.meta.url));
    expect(blocks("text")).toContain(vethlab(["trace", script, "--packet", "9"]).stdout);
  });

  it("names only scripts that package.json has", () => {
    const { scripts } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
      scripts: Record<string, string>;
    };
    for (const [, name] of readme.matchAll(/npm run ([a-z-]+)/g)) expect(Object.keys(scripts)).toContain(name);
  });
});
