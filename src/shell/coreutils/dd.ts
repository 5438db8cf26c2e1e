// dd: blocks copied, counted.

import { NetError } from "../../base/errno.ts";
import type { OpenFile } from "../../posix/file.ts";
import type { Process, Program } from "../../posix/process.ts";
import { RegularFile } from "../../posix/vfs.ts";
import type { Task } from "../../sim/task.ts";
import { complain, curly, errorText, openInput, parseSize, usageError } from "./util.ts";

const DD_OPERANDS: ReadonlySet<string> = new Set([
  "if",
  "of",
  "bs",
  "ibs",
  "obs",
  "count",
  "skip",
  "seek",
  "status",
  "conv",
]);

function* dd(proc: Process): Task<number> {
  const given = new Map<string, string>();
  for (const word of proc.argv.slice(1)) {
    const at = word.indexOf("=");
    const key = word.slice(0, Math.max(0, at));
    if (!DD_OPERANDS.has(key)) return yield* usageError(proc, `unrecognized operand ${curly(word)}`);
    given.set(key, word.slice(at + 1));
  }
  const size = (key: string, fallback: number): number =>
    parseSize(given.get(key)?.replace(/c$/, "") ?? "") ?? fallback;
  for (const key of ["bs", "ibs", "obs", "count", "skip", "seek"]) {
    const text = given.get(key);
    if (text !== undefined && parseSize(text.replace(/c$/, "")) === undefined)
      return yield* complain(proc, `invalid number: ${curly(text)}`);
  }
  const conversions = (given.get("conv") ?? "").split(",").filter((each) => each !== "");
  for (const each of conversions)
    if (each !== "notrunc" && each !== "fsync" && each !== "fdatasync")
      return yield* usageError(proc, `invalid conversion: ${curly(each)}`);
  const block = size("bs", size("ibs", 512));
  const count = given.has("count") ? size("count", 0) : Number.POSITIVE_INFINITY;
  const started = proc.sim.now;
  let input: OpenFile;
  let output: OpenFile | undefined;
  try {
    input = openInput(proc, given.get("if") ?? "-");
  } catch (error) {
    return yield* complain(proc, `failed to open '${given.get("if")}': ${errorText(error)}`);
  }
  try {
    const path = given.get("of");
    if (path !== undefined) {
      const keep = conversions.includes("notrunc");
      output = proc.root.open(proc, path, { write: true, create: true, truncate: !keep && !given.has("seek") });
      if (output instanceof RegularFile) output.seek(size("seek", 0) * block);
    }
  } catch (error) {
    return yield* complain(proc, `failed to open '${given.get("of")}': ${errorText(error)}`);
  }
  for (let i = size("skip", 0) * block; i > 0; ) {
    const part = yield* input.read(Math.min(i, 65536));
    if (part === null) break;
    i -= part.length;
  }
  let full = 0;
  let partial = 0;
  let bytes = 0;
  try {
    while (full + partial < count) {
      const part = yield* input.read(block);
      if (part === null) break;
      if (part.length === block) full++;
      else partial++;
      bytes += part.length;
      if (output) yield* output.write(part);
      else yield* proc.printBytes(part);
    }
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return yield* complain(proc, `error writing '${given.get("of") ?? "standard output"}': ${errorText(error)}`);
  } finally {
    input.release();
    output?.release();
  }
  if (given.get("status") !== "none") {
    const records = `${full}+${partial} records in\n${full}+${partial} records out\n`;
    yield* proc.printError(records);
    if (given.get("status") !== "noxfer") yield* proc.printError(ddSummary(bytes, (proc.sim.now - started) / 1e9));
  }
  return 0;
}

function ddSummary(bytes: number, seconds: number): string {
  const human = (n: number, base: number, units: readonly string[]): string => {
    let i = 0;
    let value = n;
    while (value >= base && i < units.length - 1) {
      value /= base;
      i++;
    }
    return i === 0 ? `${n} ${units[0]}` : `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[i]}`;
  };
  const si = human(bytes, 1000, ["B", "kB", "MB", "GB"]);
  const iec = human(bytes, 1024, ["B", "KiB", "MiB", "GiB"]);
  const sizes = bytes < 1000 ? "" : bytes < 1024 ? ` (${si})` : ` (${si}, ${iec})`;
  const rate = human(seconds > 0 ? bytes / seconds : 0, 1000, ["B", "kB", "MB", "GB"]);
  const time = Number(seconds.toPrecision(6));
  return `${bytes} byte${bytes === 1 ? "" : "s"}${sizes} copied, ${time} s, ${rate}/s\n`;
}

export const ddPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([["dd", dd]]);
