// What a fresh process reads before a script runs: reading and parsing the code is a third of a short run. Bytes, not times.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const folder = fileURLToPath(new URL("../../dist/bin/", import.meta.url));

/** A file of the bundle with all that it imports before it begins. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(folder + file, "utf8");
  for (const [, imported] of text.matchAll(/(?:^|[;\n])import(?:[^"'();]*?from)?"\.\/([^"]+)"/g))
    loadedWith(imported!, seen);
  return seen;
}

function chunk(name: string): string {
  const newest = readdirSync(folder)
    .filter((file) => file.startsWith(`${name}-`))
    .sort((a, b) => statSync(folder + b).mtimeMs - statSync(folder + a).mtimeMs);
  expect(newest[0], `${name} is a file of its own`).toBeDefined();
  return newest[0]!;
}

const size = (files: Iterable<string>): number =>
  [...files].reduce((sum, file) => sum + statSync(folder + file).size, 0);

test("the command line itself is small: help and version load nothing else", () => {
  const files = loadedWith("cli.js");
  expect(files.size).toBeLessThanOrEqual(4);
  expect(size(files)).toBeLessThan(12_000);
});

test("vethlab run loads no compose, no rare program and no other command, in few files", () => {
  const files = loadedWith(chunk("run-command"));
  for (const other of ["compose", "rare-tools", "other-commands"]) expect([...files]).not.toContain(chunk(other));
  expect(files.size).toBeLessThanOrEqual(12);
  expect(size(files)).toBeLessThan(2_800_000);
});

test("vethlab sweep loads no emulator: its workers do", () => {
  const files = loadedWith(chunk("sweep-command"));
  expect(files.size).toBeLessThanOrEqual(10);
  expect(size(files)).toBeLessThan(60_000);
});
