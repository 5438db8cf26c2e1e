// Runs the built command line as a user does: another process, its own folder.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export const CLI: string = fileURLToPath(new URL("../../dist/bin/cli.js", import.meta.url));

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `vethlab ARGS` with optional standard input. */
export function vethlab(args: readonly string[], options: { input?: string; cwd?: string } = {}): CliResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: "utf8",
    input: options.input ?? "",
    ...(options.cwd !== undefined ? { cwd: options.cwd } : {}),
  });
  return { status, stdout, stderr };
}

/** A folder of its own, gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "vethlab-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
