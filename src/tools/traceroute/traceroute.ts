// traceroute as Debian 12 has it (Dmitry Butskoy's, 2.1.2): which routers a packet passes, by probes whose time to live
// grows. Containers find busybox's, which works otherwise (../busybox-traceroute.ts).

import { type Ns, USEC } from "../../base/time.ts";
import type { Process, Program } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { UsageError } from "./command-line.ts";
import { Ending, parseOptions } from "./options.ts";
import { FatalError } from "./probe.ts";
import { Trace } from "./trace.ts";

/** Up to the first system call on a socket. */
const START_NS: Ns = 600 * USEC;

export const traceroute: Program = function* (proc: Process): Task<number> {
  yield* sleep(START_NS);
  try {
    const options = yield* parseOptions(proc, proc.argv.slice(1));
    if (options.moduleOptions.includes("help") && options.module !== "tcp")
      throw new Ending(0, "", `No options for module \`${options.module}'\n`);
    return yield* new Trace(proc, options).run();
  } catch (error) {
    if (error instanceof Ending) {
      yield* proc.print(error.stdout);
      yield* proc.printError(error.stderr);
      return error.status;
    }
    if (error instanceof UsageError) {
      yield* proc.printError(`${error.message}\n`);
      return 2;
    }
    if (!(error instanceof FatalError)) throw error;
    yield* proc.printError(error.message);
    return 1;
  }
};
