// What the commands of the command line share: messages, the version, and reading arguments.

import { readFileSync } from "node:fs";
import { type ParseArgsConfig, parseArgs } from "node:util";

/** The caller's mistake: one line, status 2. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
}

/** The version in package.json. */
export function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** One clear line for what went wrong, and the exit status for it. A bug keeps its stack trace. */
export function fail(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`vethlab: ${error.message}\n`);
    return 2;
  }
  const text = systemErrorText(error);
  if (text !== undefined) {
    process.stderr.write(`vethlab: ${text}\n`);
    return 1;
  }
  process.stderr.write(`vethlab: this is a bug in vethlab, please report it\n${(error as Error)?.stack ?? error}\n`);
  return 70;
}

const SYSTEM_TEXTS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "no such file or directory"],
  ["EACCES", "permission denied"],
  ["EPERM", "operation not permitted"],
  ["EISDIR", "is a directory"],
  ["ENOTDIR", "not a directory"],
  ["EEXIST", "file exists"],
  ["ENOSPC", "no space left on device"],
  ["EROFS", "read-only file system"],
  ["EMFILE", "too many open files"],
]);

/** "docker0.pcap: no such file or directory" for an error of the file system, else undefined. */
export function systemErrorText(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  const text = SYSTEM_TEXTS.get(error.code);
  if (text === undefined) return undefined;
  return "path" in error && typeof error.path === "string" ? `${error.path}: ${text}` : text;
}

/** node:util parseArgs, with its mistakes as UsageErrors. */
export function parse<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message.split(". ")[0]!);
    throw error;
  }
}

/** A whole number from an option. */
export function wholeNumber(name: string, text: string, max: number = Number.MAX_SAFE_INTEGER): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= max)) throw new UsageError(`--${name} takes a whole number up to ${max}, not '${text}'`);
  return value;
}

/** "90", "90s", "5m", "2h", "1500ms" in nanoseconds. */
export function duration(name: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (!match) throw new UsageError(`--${name} takes a time such as 90s, 5m or 1500ms, not '${text}'`);
  const units: ReadonlyMap<string, number> = new Map([
    ["ms", 1e6],
    ["s", 1e9],
    ["m", 60e9],
    ["h", 3600e9],
  ]);
  return Math.round(Number(match[1]) * units.get(match[2] ?? "s")!);
}

/** --seed, --start and --docker, as `run` and `shell` take them. Throws UsageError. */
export function labOptions(values: {
  readonly seed?: string | undefined;
  readonly start?: string | undefined;
  readonly docker?: string | undefined;
}): { seed: number; startMs: number | undefined; docker: "20" | "28" | undefined } {
  const { docker } = values;
  if (docker !== undefined && docker !== "20" && docker !== "28")
    throw new UsageError(`--docker is 20 or 28, not '${docker}'`);
  const seed = wholeNumber("seed", values.seed ?? "1", 0xffffffff);
  const startMs = values.start === undefined ? undefined : Date.parse(values.start);
  if (startMs !== undefined && !(startMs >= 0))
    throw new UsageError(`--start takes a date such as 2026-01-01T00:00:00Z, not '${values.start}'`);
  return { seed, startMs, docker };
}
