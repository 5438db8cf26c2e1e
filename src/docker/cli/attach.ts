// docker attach, and the part of docker run that shows a container's output and feeds its input. Answers to docker/cli
// cli/command/container/attach.go, hijack.go and signals.go.

import { NetError } from "../../base/errno.ts";
import { type Process, SIGHUP, SIGINT, SIGQUIT, SIGTERM } from "../../posix/process.ts";
import type { Task, Thread } from "../../sim/task.ts";
import type { Container } from "../container.ts";
import type { Attachment } from "../logs.ts";
import { ClientError, type Command, type Context } from "./command.ts";
import { DETACH_KEYS, parseDetachKeys, TerminalBridge } from "./terminal.ts";

/** A client that is attached to a container. */
export interface Attached {
  /** the container runs now: its input may be fed */
  started(): void;
  /** the detach keys were pressed */
  readonly left: boolean;
  detach(): void;
}

/**
 * Shows what the container writes on the client's stdout and stderr, from now on; with `stdin` feeds it what the client
 * reads; with `proxySignals` hands signals of the client on.
 */
export function attachTo(
  proc: Process,
  container: Container,
  options: {
    readonly stdin: boolean;
    readonly all: boolean;
    readonly proxySignals: boolean;
    readonly detachKeys?: readonly number[];
  },
): Attached {
  const { request, log } = container;
  const stdout = options.all || request.attachStdout ? (proc.fds.get(1) ?? null) : null;
  const stderr = options.all || request.attachStderr ? (proc.fds.get(2) ?? null) : null;
  const attachment: Attachment = { stdout, stderr };
  log.attachments.add(attachment);
  let feeder: Thread | null = null;
  let bridge: TerminalBridge | null = null;
  let left = false;
  if (options.proxySignals)
    for (const signal of [SIGHUP, SIGINT, SIGQUIT, SIGTERM])
      proc.onSignal(signal, () => container.process?.kill(signal));
  return {
    started(): void {
      if (options.stdin && container.tty)
        bridge = new TerminalBridge(proc, container.tty, options.detachKeys ?? DETACH_KEYS, () => {
          left = true;
          container.changed.wakeAll();
        });
      else if (options.stdin && container.stdin) feeder = proc.thread("stdin", feed(proc, container));
    },
    get left(): boolean {
      return left;
    },
    detach(): void {
      log.attachments.delete(attachment);
      feeder?.cancel();
      bridge?.close();
    },
  };
}

/** The client's stdin into the container's, until its end. */
function* feed(proc: Process, container: Container): Task<void> {
  const { stdin } = container;
  const file = proc.fds.get(0);
  if (!file || !stdin) return;
  for (;;) {
    let bytes: Uint8Array | null;
    try {
      bytes = yield* file.read(4096);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      bytes = null;
    }
    if (bytes === null) break;
    stdin.push(bytes);
  }
  // moby keeps the input open for the next one unless it was asked for once (StdinOnce)
  if (container.request.stdinOnce) stdin.end();
}

export const attach: Command = {
  name: "attach",
  supports: "detach-keys no-stdin sig-proxy",
  args: { min: 1, max: 1 },
  *run(context: Context): Task<number> {
    const { proc, flags } = context;
    const container = yield* context.inspected(context.args[0]!);
    if (!container.running) throw new ClientError("You cannot attach to a stopped container, start it first");
    if (container.status === "paused")
      throw new ClientError("You cannot attach to a paused container, unpause it first");
    const stdin = !flags.bool("no-stdin") && container.request.openStdin;
    if (stdin && container.request.tty && !proc.fds.get(0)?.isTty)
      throw new ClientError("the input device is not a TTY");
    const detachKeys = parseDetachKeys(flags.string("detach-keys"));
    const attached = attachTo(proc, container, {
      stdin,
      all: true,
      proxySignals: flags.boolOr("sig-proxy", true),
      detachKeys,
    });
    attached.started();
    const { runs } = container;
    while (container.runs === runs && !container.removed && !attached.left) yield* container.changed.wait();
    attached.detach();
    if (!attached.left) return container.exitCode;
    yield* context.printError("read escape sequence\n");
    return 0;
  },
};
