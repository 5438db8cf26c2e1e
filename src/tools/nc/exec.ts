// ncat's -e and -c: a program whose standard input and output are pipes, and a relay between them and the connection
// (ncat_posix.c, netrun). The program inherits the connection too, so that the connection ends when both have ended.

import { type NetError, strerror } from "../../base/errno.ts";
import { type Ns, USEC } from "../../base/time.ts";
import type { Socket } from "../../net/socket.ts";
import { makePipe, type OpenFile } from "../../posix/file.ts";
import type { Process } from "../../posix/process.ts";
import { spawnCommand } from "../../shell/exec.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { closeFile, errnoOf, pollEntries, pollIn } from "../net-util/sockets.ts";
import type { NcatOptions } from "./options.ts";
import type { NcatRelease } from "./release.ts";

/** fork(2), pipes and descriptors, up to the child's execve(2). */
const FORK_NS: Ns = 800 * USEC;
/** One round of the relay. */
const RELAY_NS: Ns = 25 * USEC;
/** exit(2) of the relay: until the connection is really closed. */
const EXIT_NS: Ns = 300 * USEC;
const BUFFER_BYTES = 8192;

export type ExecCommand = NonNullable<NcatOptions["exec"]>;

/** Runs the command on the connection until one of them ends; a release that reads on waits for the command's end. */
export function* runWithPipes(
  proc: Process,
  connection: Socket,
  command: ExecCommand,
  { readsOn }: NcatRelease,
): Task<void> {
  const [childIn, toChild] = makePipe();
  const [fromChild, childOut] = makePipe();
  const argv = command.kind === "shell" ? ["/bin/sh", "-c", command.command] : splitCommand(command.command);
  // it inherits the connection, and the listening sockets too
  const fds = new Map<number, OpenFile>(proc.fds).set(0, childIn).set(1, childOut);
  yield* sleep(FORK_NS);
  spawnCommand(proc, argv, { fds, onError: cannotRun });
  childIn.release();
  childOut.release();
  try {
    let connectionEnded = false;
    try {
      connectionEnded = yield* relay(proc, connection, toChild, fromChild);
    } finally {
      toChild.release();
    }
    if (connectionEnded && readsOn) yield* passOn(fromChild, connection);
  } catch (error) {
    errnoOf(error);
  } finally {
    fromChild.release();
  }
  if (proc.exitStatus) return;
  closeFile(proc, connection);
  yield* sleep(EXIT_NS);
}

function* cannotRun(child: Process, error: NetError): Task<number> {
  yield* child.printError(`exec: ${strerror(error.errno)}\n`);
  return 1;
}

/** Until one of them ends; true: the connection. */
function* relay(proc: Process, connection: Socket, toChild: OpenFile, fromChild: OpenFile): Task<boolean> {
  const entries = [pollIn(connection), pollIn(fromChild)];
  for (;;) {
    const ready = yield* pollEntries(proc, entries);
    yield* sleep(RELAY_NS);
    if (ready.includes(0)) {
      const { bytes } = yield* connection.recv(BUFFER_BYTES);
      if (bytes.length === 0) return true;
      yield* toChild.write(bytes);
    }
    if (ready.includes(1)) {
      const bytes = yield* fromChild.read(BUFFER_BYTES);
      if (!bytes) return false;
      yield* connection.send(bytes);
    }
  }
}

function* passOn(from: OpenFile, connection: Socket): Task<void> {
  for (;;) {
    const bytes = yield* from.read(BUFFER_BYTES);
    if (!bytes) return;
    yield* sleep(RELAY_NS);
    yield* connection.send(bytes);
  }
}

/** Words of -e: split at blanks, a backslash keeps the next character. */
export function splitCommand(command: string): string[] {
  const words = command.match(/(?:\\.|[^\s\\])+/g) ?? [];
  return words.map((word) => word.replace(/\\(.)/g, "$1"));
}
