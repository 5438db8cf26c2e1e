// iperf3 3.12 of Debian 12: bulk TCP and UDP between two hosts, as text and as JSON.

import { type Ns, USEC } from "../../base/time.ts";
import type { Process, Program } from "../../posix/process.ts";
import { KERNEL_RELEASE } from "../../shell/coreutils/info.ts";
import { strftime } from "../../shell/strftime.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { runClient, VERSION } from "./client.ts";
import { parseIperf3Options } from "./options.ts";
import { runServer } from "./server.ts";

/** From the start to the first socket. */
const START_NS: Ns = 3_000 * USEC;

export const iperf3: Program = function* (proc: Process): Task<number> {
  const built = strftime("%a %b %e %H:%M:%S %Z %Y", proc.machine.epochNs);
  const system = `Linux ${proc.ns.uts.hostname} ${KERNEL_RELEASE} #1 SMP ${built} x86_64`;
  const options = parseIperf3Options(proc.argv.slice(1), `iperf ${VERSION} (cJSON 1.7.15)\n${system}\n`);
  if ("status" in options) {
    yield* proc.printError(options.stderr);
    yield* proc.print(options.stdout);
    return options.status;
  }
  yield* sleep(START_NS);
  if (options.role === "c") return yield* runClient(proc, options, system);
  if (!options.daemon) return yield* runServer(proc, options, system);
  // daemon(3) lets go of the terminal: what it prints nobody sees unless there is a --logfile
  proc.spawn((daemon) => runServer(daemon, options, system), { argv: proc.argv, fds: new Map() });
  return 0;
};
