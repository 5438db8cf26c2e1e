import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

// The floors of the house, from the ground up. A file may import from its own folder and from lower floors only.
const FLOORS: readonly (readonly string[])[] = [
  ["base"],
  ["sim", "wire"],
  ["capture", "posix"],
  ["shell", "net/core"],
  ["net/link", "net/bridge", "net/ipv4", "net/ipv6"],
  ["net/netfilter"],
  ["net/socket.ts"],
  ["net/netns.ts"],
  ["net/proc-net.ts", "net/proc-net-tcp.ts"],
  ["host"],
  ["tools"],
  ["docker"],
  ["scenario"],
  ["packetdrill", "pictures", "trace"],
  ["explain"],
  ["index.ts"],
  ["node", "playground"],
];
/** Folders on one floor that may use each other, with the reason. */
const NEIGHBOURS: readonly (readonly [string, string, string])[] = [
  ["capture", "posix", "a capture may be an open file"],
  ["net/link", "net/bridge", "a tunnel may be a port"],
  ["net/link", "net/ipv4", "VXLAN is carried in UDP"],
];

const root = fileURLToPath(new URL("../src", import.meta.url));

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? files(join(folder, entry.name))
      : entry.name.endsWith(".ts") && !entry.name.endsWith(".d.ts")
        ? [join(folder, entry.name)]
        : [],
  );
}

function room(path: string): { name: string; floor: number } | undefined {
  for (let floor = 0; floor < FLOORS.length; floor++)
    for (const name of FLOORS[floor]!) if (path === name || path.startsWith(`${name}/`)) return { name, floor };
  return undefined;
}

describe("the architecture", () => {
  const sources = files(root).map((path) => relative(root, path));

  it("gives every source file a floor", () => {
    expect(sources.filter((path) => room(path) === undefined)).toEqual([]);
  });

  it("lets no file import from a higher floor", () => {
    const wrong: string[] = [];
    for (const path of sources) {
      const here = room(path);
      if (!here) continue;
      const text = readFileSync(join(root, path), "utf8");
      for (const [, target] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
        const other = relative(root, resolve(dirname(join(root, path)), target!));
        const there = room(other);
        if (!there || there.name === here.name || there.floor < here.floor) continue;
        if (NEIGHBOURS.some(([a, b]) => a === here.name && b === there.name)) continue;
        wrong.push(`${path} must not import ${other}: ${there.name} is not below ${here.name}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("keeps imports of values out of files whose constants the bundler is to put into the code", () => {
    const constants = sources
      .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
      .filter(({ text }) => /^\/\/.*imports (no values|nothing but types)/im.test(text.split("\n\n", 1)[0]!));
    expect(constants.length).toBeGreaterThan(8);
    expect(
      constants.filter(({ text }) => /^(import (?!type\b)|export .* from )/m.test(text)).map(({ path }) => path),
    ).toEqual([]);
  });

  it("keeps node:* modules in src/node", () => {
    const wrong = sources.filter(
      (path) => !path.startsWith("node/") && /from "node:/.test(readFileSync(join(root, path), "utf8")),
    );
    expect(wrong).toEqual([]);
  });

  it("keeps clocks, promises and randomness of the outside world out of the engine", () => {
    const wrong: string[] = [];
    for (const path of sources) {
      if (!/^(base|sim|wire|posix|net|tools|docker)\//.test(path) || path === "sim/task.ts") continue;
      const text = readFileSync(join(root, path), "utf8").replace(/\/\/.*|\/\*[\s\S]*?\*\//g, "");
      const found = /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bsetTimeout\b|\basync function\b|\bawait\b/.exec(
        text,
      );
      if (found) wrong.push(`${path}: ${found[0]}`);
    }
    expect(wrong).toEqual([]);
  });
});
