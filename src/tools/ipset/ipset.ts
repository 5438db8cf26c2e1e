// ipset 7.17 as a program: sets of the process's network namespace, input and output by its files.

import { NetError, strerror } from "../../base/errno.ts";
import { decodeUtf8 } from "../../base/text.ts";
import { netnsOf } from "../../host/host.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { withNames } from "../iptables/programs.ts";
import { readTextFile } from "../net-util/sockets.ts";
import { IpsetSession } from "./commands.ts";

/** `ipset …` */
export function* ipset(proc: Process): Task<number> {
  const { nf, net } = netnsOf(proc);
  const session = new IpsetSession({ sets: nf.sets, now: () => net.now });
  yield* withNames(proc, (names) => session.begin(proc.argv.slice(1), names));
  const { file, restoring } = session;
  if (restoring) {
    const text = file === undefined ? decodeUtf8(yield* proc.readAll()) : readTextFile(proc, file);
    if (text === undefined) {
      yield* proc.printError(`ipset v7.17: Cannot open ${file} for reading: No such file or directory\n`);
      return 1;
    }
    for (const [i, line] of text.split("\n").entries())
      if (session.restoring) yield* withNames(proc, (names) => session.line(i + 1, line, names));
  }
  const { status, stdout, stderr } = session.finish();
  if (file === undefined || restoring) yield* proc.print(stdout);
  else {
    try {
      proc.root.writeFile(proc, file, stdout);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      yield* proc.printError(`ipset v7.17: Cannot open ${file} for writing: ${strerror(error.errno)}\n`);
      return 1;
    }
  }
  yield* proc.printError(stderr);
  return status;
}
