// docker exec. The program gets the client's own descriptors. Answers to docker/cli cli/command/container/exec.go and moby
// daemon/exec.go.

import { NetError } from "../../base/errno.ts";
import { NullFile, OpenFile } from "../../posix/file.ts";
import { type Process, SIGINT, SIGQUIT } from "../../posix/process.ts";
import { Tty } from "../../posix/tty.ts";
import { EXEC_NS } from "../../shell/cost.ts";
import type { Image } from "../../shell/exec.ts";
import { sleep, type Task, WaitQueue, waitAny } from "../../sim/task.ts";
import { type Container, mergeEnv } from "../container.ts";
import { userOf } from "../credentials.ts";
import { conflict, DaemonError } from "../errors.ts";
import { loadProgram } from "../load-program.ts";
import { environment, spawnIn, withTerminal } from "../start.ts";
import type { Command, Context } from "./command.ts";
import { CHECK_VARIABLE, environment as environmentOf } from "./container-options.ts";
import { checkTty } from "./run.ts";
import { parseDetachKeys, TerminalBridge } from "./terminal.ts";

export const exec: Command = {
  name: "exec",
  checks: CHECK_VARIABLE,
  supports: "detach detach-keys env env-file interactive privileged tty user workdir",
  args: { min: 2 },
  stopAtArgument: true,
  *run(context: Context): Task<number> {
    const { daemon, flags, args, proc } = context;
    const container = yield* context.inspected(args[0]!);
    const detached = flags.bool("detach");
    if (!detached) checkTty(context);
    const { texts } = daemon.generation;
    if (!container.running) throw conflict(texts.notRunning(container.id, container.name));
    if (container.status === "paused")
      throw conflict(`Container ${container.name} is paused, unpause the container before exec`);
    for (const child of container.links.values()) yield* child.unlocked();
    yield* sleep(daemon.generation.costs.execStart);
    const detachKeys = parseDetachKeys(flags.string("detach-keys"));
    const tty = flags.bool("tty") ? terminal(context, detached) : undefined;
    let process: Process;
    try {
      process = startExec(context, container, detached, tty);
    } catch (error) {
      if (!(error instanceof ExecFailed) || detached) throw error;
      // the daemon writes into the stream itself
      yield* context.print(`${error.message}\r\n`);
      return texts.execStatus(error.exitCode);
    }
    if (detached) return 0;
    const left = new WaitQueue();
    const bridge =
      tty && flags.bool("interactive") ? new TerminalBridge(proc, tty, detachKeys, () => left.wakeAll()) : undefined;
    if (tty) for (const signal of [SIGINT, SIGQUIT]) proc.onSignal(signal, () => interrupt(process, signal));
    const woken = process.exitStatus ? 0 : yield* waitAny([process.exited, left]);
    bridge?.close();
    if (woken === 1) {
      yield* context.printError("read escape sequence\n");
      return 0;
    }
    const { status } = yield* process.wait();
    yield* sleep(daemon.generation.costs.execEnd);
    return status;
  },
};

/** Ctrl-C on the client's terminal reaches what runs in front of the container's. */
function interrupt(process: Process, signal: number): void {
  for (const child of process.children) interrupt(child, signal);
  process.kill(signal);
}

/** runc's complaint, which the daemon writes into the client's stream. */
class ExecFailed extends DaemonError {}

/** The running process. Throws ExecFailed. */
function startExec(context: Context, container: Container, detached: boolean, tty: Tty | undefined): Process {
  const { daemon, flags, args } = context;
  const { texts } = daemon.generation;
  const first = container.process;
  if (!first || !container.shim) throw conflict(texts.notRunning(container.id, container.name));
  const user = userOf(
    container,
    flags.string("user") || container.request.user,
    container.request.privileged || flags.bool("privileged"),
  );
  if (typeof user === "string")
    throw texts.execUserInStream ? new ExecFailed(user, 400, 126) : new DaemonError(user, 400);
  const own = environment(container, user);
  const env = tty ? withTerminal(own) : own;
  const given = environmentOf(context);
  for (const entry of mergeEnv([], given)) {
    const at = entry.indexOf("=");
    env.set(entry.slice(0, at), entry.slice(at + 1));
  }
  const cwd = flags.string("workdir") || container.request.workingDir || "/";
  if (!cwd.startsWith("/")) throw new ExecFailed(texts.execRelativeFolder, 400, 126);
  if (flags.given("workdir") && container.rootfs.find(first, cwd)?.kind !== "dir") {
    const why = `chdir to cwd (${JSON.stringify(cwd)}) set in config.json failed: no such file or directory`;
    throw new ExecFailed(texts.execFailed(why), 400, 127);
  }
  let image: Image;
  try {
    image = loadProgram({ root: container.rootfs, cwd, env }, args.slice(1), texts, texts.execFailed);
  } catch (error) {
    if (error instanceof DaemonError) throw new ExecFailed(error.message, 400, error.exitCode);
    throw error;
  }
  const fds = descriptors(context, detached, tty);
  const process = spawnIn(container, (proc) => become(proc, image), {
    argv: args.slice(1),
    env,
    cwd,
    fds,
    ns: first.ns,
    cred: user.cred,
  });
  tty?.setForeground(process.pgid);
  return process;
}

function* become(proc: Process, image: Image): Task<number> {
  proc.argv = image.argv;
  yield* proc.cpu(EXEC_NS);
  return yield* image.program(proc);
}

/** A terminal whose output goes to the client's stdout. */
function terminal({ proc }: Context, detached: boolean): Tty {
  const out = detached ? undefined : proc.fds.get(1);
  return new Tty(proc.machine, function* (bytes) {
    if (proc.exitStatus) return;
    try {
      yield* out?.write(bytes) ?? nothing();
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
    }
  });
}

function* nothing(): Task<void> {}

/** The terminal, or the client's own descriptors: stdin only with -i. */
function descriptors({ proc, flags }: Context, detached: boolean, tty: Tty | undefined): Map<number, OpenFile> {
  const own = (fd: number): OpenFile => {
    const file = detached ? undefined : proc.fds.get(fd);
    return file ? new Stream(file, proc) : new NullFile();
  };
  return new Map([
    [0, tty?.open() ?? (flags.bool("interactive") ? own(0) : new NullFile())],
    [1, tty?.open() ?? own(1)],
    [2, tty?.open() ?? own(2)],
  ]);
}

/** A stream between the client and what it started: when the client has gone, nothing comes and nobody sees. */
class Stream extends OpenFile {
  readonly #file: OpenFile;
  readonly #client: Process;

  constructor(file: OpenFile, client: Process) {
    super();
    this.#file = file.retain();
    this.#client = client;
  }

  override get readQueue(): WaitQueue {
    return this.#file.readQueue;
  }

  override readable(): boolean {
    return this.#client.exitStatus !== undefined || this.#file.readable();
  }

  override *read(max: number): Task<Uint8Array | null> {
    return this.#client.exitStatus ? null : yield* this.#file.read(max);
  }

  override *write(bytes: Uint8Array): Task<void> {
    if (!this.#client.exitStatus) yield* this.#file.write(bytes);
  }

  override unread(bytes: Uint8Array): boolean {
    return this.#file.unread(bytes);
  }

  protected override onClose(): void {
    this.#file.release();
  }
}
