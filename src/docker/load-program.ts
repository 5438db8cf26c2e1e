// The program that a container or an exec is to run: found in the container's own file system, refused in runc's words.

import { Errno, NetError } from "../base/errno.ts";
import type { Process } from "../posix/process.ts";
import type { Vfs } from "../posix/vfs.ts";
import { findProgram, type Image, imageOrScript } from "../shell/exec.ts";
import { DaemonError } from "./errors.ts";
import type { Texts } from "./generations/generation.ts";

/** Where a program is looked for. */
export interface ProgramPlace {
  readonly root: Vfs;
  readonly cwd: string;
  readonly env: ReadonlyMap<string, string>;
}

/** Finds what is to run. Throws DaemonError with runc's words and 126 or 127. */
export function loadProgram(
  place: ProgramPlace,
  argv: readonly string[],
  texts: Texts,
  around: (why: string) => string,
): Image {
  const name = argv[0]!;
  // a file system asks a process only for its root, folder and environment until something synthetic is read
  const proc = place as Process;
  try {
    return imageOrScript(proc, findProgram(proc, name), argv);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    const quoted = JSON.stringify(name);
    if (error.errno === Errno.ENOENT || error.errno === Errno.ENOTDIR)
      throw new DaemonError(
        around(
          name.includes("/")
            ? `exec: ${quoted}: stat ${name}: no such file or directory`
            : `exec: ${quoted}: executable file not found in $PATH`,
        ),
        400,
        127,
      );
    const why = error.errno === Errno.EISDIR ? texts.programIsDirectory : "permission denied";
    throw new DaemonError(around(`exec: ${quoted}: ${why}`), 400, 126);
  }
}
