// Runs another program in a process's place and keeps what it says, for those who say the same in other words.

import { decodeUtf8 } from "../../base/text.ts";
import { OpenFile } from "../../posix/file.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";

class Kept extends OpenFile {
  text = "";

  override *write(bytes: Uint8Array): Task<void> {
    this.text += decodeUtf8(bytes);
  }
}

/** The program's status, and what it wrote to both streams. */
export function* captured(
  proc: Process,
  program: Program,
  argv: readonly string[],
): Task<{ readonly status: number; readonly out: string; readonly err: string }> {
  const out = new Kept();
  const err = new Kept();
  const before = [proc.fds.get(1), proc.fds.get(2)] as const;
  proc.argv = argv;
  proc.fds.set(1, out);
  proc.fds.set(2, err);
  try {
    const status = yield* program(proc);
    return { status, out: out.text, err: err.text };
  } finally {
    for (const [i, file] of before.entries())
      if (file) proc.fds.set(i + 1, file);
      else proc.fds.delete(i + 1);
  }
}
