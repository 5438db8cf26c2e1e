// nc: ncat. The command around its two modes, nc/client.ts and nc/server.ts.

import { type Ns, USEC } from "../../base/time.ts";
import type { Process, Program } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { parseIpv4 } from "../../wire/addr.ts";
import { GaiError, getaddrinfo } from "../net-util/resolve.ts";
import { connectMode } from "./client.ts";
import { DEFAULT_PORT, parseNcatOptions, parsePort } from "./options.ts";
import { type NcatRelease, versionLine } from "./release.ts";
import { listenMode } from "./server.ts";

/** Up to listen(2). */
const LISTEN_START_NS: Ns = 2_200 * USEC;
/** Up to connect(2): OpenSSL is made ready whether it is used or not. */
const CONNECT_START_NS: Ns = 9_000 * USEC;
/** Leaving after a connection. */
const EXIT_NS: Ns = 400 * USEC;

export function ncProgram(release: NcatRelease): Program {
  return (proc) => main(proc, release);
}

function* main(proc: Process, release: NcatRelease): Task<number> {
  const startNs = proc.sim.now;
  const options = parseNcatOptions(proc.argv.slice(1), release);
  if ("status" in options) {
    yield* proc.print(options.stdout);
    yield* proc.printError(options.stderr);
    return options.status;
  }
  yield* sleep(options.listen ? LISTEN_START_NS : CONNECT_START_NS);
  if (options.verbose > 0) yield* proc.printError(versionLine(release));
  const operands = [...options.operands];
  // Listening takes a single operand as a port when it looks like one.
  let host: string | undefined;
  if (!(options.listen && operands.length === 1 && /^\d+$/.test(operands[0]!))) host = operands.shift();
  const portText = operands.shift();
  if (operands.length > 0) {
    yield* proc.printError(
      `Ncat: Got more than one port specification: ${portText} ${operands.join(" ")}. QUITTING.\n`,
    );
    return 2;
  }
  const port =
    portText === undefined
      ? options.listen
        ? (options.sourcePort ?? DEFAULT_PORT)
        : DEFAULT_PORT
      : parsePort(portText);
  if (typeof port === "string") {
    yield* proc.printError(port);
    return 2;
  }
  if (options.ipv6) {
    yield* proc.printError("Ncat: Address family not supported by protocol. QUITTING.\n");
    return 2;
  }
  if (!options.listen) {
    if (host === undefined) {
      yield* proc.printError("Ncat: You must specify a host to connect to. QUITTING.\n");
      return 2;
    }
    const status = yield* connectMode(proc, options, host, port, startNs, release);
    for (const fd of [...proc.fds.keys()]) if (fd > 2) proc.close(fd);
    yield* sleep(EXIT_NS);
    return status;
  }
  let address = 0;
  if (host !== undefined) {
    try {
      const number = parseIpv4(host);
      if (options.numeric && number === undefined) throw new GaiError("Name or service not known");
      address = number ?? (yield* getaddrinfo(proc, host, { ipv4Only: options.ipv4 })).addresses[0]!;
    } catch (error) {
      if (!(error instanceof GaiError)) throw error;
      yield* proc.printError(`Ncat: Could not resolve hostname "${host}": ${error.message}. QUITTING.\n`);
      return 2;
    }
  }
  return yield* listenMode(proc, options, address, port, release);
}
