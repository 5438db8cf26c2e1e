// Running one command of an iproute2 program, or a batch of them: what it prints, its status. Answers to iproute2's
// lib/utils.c (do_batch) and the main() of ip, bridge and tc.

import { NetError, strerror } from "../../../base/errno.ts";
import { decodeUtf8 } from "../../../base/text.ts";
import type { Process } from "../../../posix/process.ts";
import type { Task } from "../../../sim/task.ts";
import type { Context, Options } from "../context.ts";
import { CommandError } from "./args.ts";
import { splitBatchLine } from "./batch.ts";

/** Does what the words say and gives the status; throws CommandError. */
export type Dispatch = (ctx: Context, words: readonly string[]) => Task<number>;

export function newOptions(): Options {
  return {
    family: "",
    stats: 0,
    details: 0,
    oneline: false,
    brief: false,
    json: false,
    pretty: false,
    human: false,
    iec: false,
    numeric: false,
    all: false,
    force: false,
    timestamp: false,
  };
}

/** Runs one command and prints what it has to say; the status that iproute2 would give. */
export function* runCommand(ctx: Context, words: readonly string[], dispatch: Dispatch): Task<number> {
  let status: number;
  try {
    status = yield* dispatch(ctx, words);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    ctx.err += error.text;
    status = error.status;
  }
  const { err } = ctx;
  ctx.err = "";
  // what is printed lies in a buffer until the end; complaints do not
  yield* ctx.proc.printError(err);
  yield* ctx.proc.print(ctx.out.take());
  return status;
}

/** -batch: a command a line, until one fails or (-force) to the end. */
export function* runBatch(ctx: Context, file: string, dispatch: Dispatch): Task<number> {
  const { proc } = ctx;
  let text: string;
  try {
    text = file === "-" ? yield* proc.readAllText() : decodeUtf8(yield* readFile(proc, file));
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    yield* proc.printError(`Cannot open file "${file}" for reading: ${strerror(error.errno)}\n`);
    return 1;
  }
  let failed = false;
  let number = 0;
  for (const line of text.split("\n")) {
    number++;
    const words = splitBatchLine(line);
    if (words.length === 0) continue;
    if ((yield* runCommand(ctx, words, dispatch)) === 0) continue;
    yield* proc.printError(`Command failed ${file}:${number}\n`);
    failed = true;
    if (!ctx.options.force) break;
  }
  return failed ? 1 : 0;
}

function* readFile(proc: Process, path: string): Task<Uint8Array> {
  const file = proc.root.open(proc, path, { read: true });
  try {
    const parts: number[] = [];
    for (;;) {
      const part = yield* file.read(65536);
      if (part === null) break;
      for (const byte of part) parts.push(byte);
    }
    return Uint8Array.from(parts);
  } finally {
    file.release();
  }
}
