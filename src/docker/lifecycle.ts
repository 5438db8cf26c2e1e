// A container's end and what leads to it: stopped, killed, paused, removed, restarted by its policy. Answers to moby
// daemon/monitor.go, stop.go, kill.go, pause.go and delete.go.

import { MSEC, SEC } from "../base/time.ts";
import { type Process, SIGCONT, SIGKILL, SIGSTOP, SIGTERM, signalNumber } from "../posix/process.ts";
import type { DirNode } from "../posix/vfs.ts";
import { sleep, type Task } from "../sim/task.ts";
import { type Container, DEFAULT_STOP_TIMEOUT_S } from "./container.ts";
import { releaseNetwork } from "./container-network.ts";
import type { Daemon } from "./daemon.ts";
import { conflict, DaemonError } from "./errors.ts";

const RESTART_FIRST_NS = 100 * MSEC;
/** Between two signals of the daemon: a program that handles the first one at once ends by it. */
const SIGNAL_NS = 8 * MSEC;
const RESTART_LONGEST_NS = 60 * SEC;

/** The first process has ended: everything in its PID namespace ends, the network goes, the restart policy decides. */
export function* handleExit(
  daemon: Daemon,
  container: Container,
  process: Process,
  start: (daemon: Daemon, container: Container) => Task<void>,
): Task<void> {
  killAll(daemon, container, process);
  const { exitEvent, exitNoticed, cleanup } = daemon.generation.costs;
  yield* sleep(exitEvent);
  container.ending = true;
  yield* sleep(exitNoticed - exitEvent);
  const { status } = process.exitStatus!;
  const restarts = shouldRestart(container, status);
  container.exitCode = status;
  container.finishedNs = daemon.now();
  releaseNetwork(daemon, container);
  container.shim?.kill(SIGKILL);
  container.shim = null;
  container.process = null;
  container.stdin = null;
  container.tty = null;
  container.runs++;
  yield* sleep(cleanup + daemon.net.ipt.takeCost());
  container.ending = false;
  if (restarts) {
    container.status = "restarting";
    container.restartCount++;
    container.changed.wakeAll();
    container.log.changed.wakeAll();
    yield* sleep(Math.min(RESTART_LONGEST_NS, RESTART_FIRST_NS * 2 ** Math.min(container.restartCount - 1, 10)));
    // biome-ignore lint/suspicious/noExplicitAny: stop and rm may have changed it meanwhile, which the compiler cannot see
    if ((container.status as any) !== "restarting" || container.removed) return;
    try {
      yield* start(daemon, container);
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      container.status = "exited";
    }
    return;
  }
  container.status = "exited";
  if (container.request.autoRemove) removeRecords(daemon, container);
  container.changed.wakeAll();
  container.log.changed.wakeAll();
}

function shouldRestart(container: Container, status: number): boolean {
  const { name, maximumRetryCount } = container.request.restart;
  if (container.stoppedByUser || container.removed) return false;
  if (name === "always" || name === "unless-stopped") return true;
  return (
    name === "on-failure" && status !== 0 && (maximumRetryCount === 0 || container.restartCount < maximumRetryCount)
  );
}

/** All processes of a container (of its cgroup): those that see its mounts. */
export function processesOf(
  daemon: Daemon,
  container: Container,
  first: Process | null = container.process,
): Process[] {
  const inode = first?.ns.inodes.get("mnt");
  if (inode === undefined) return [];
  return [...daemon.host.machine.processes.values()].filter((proc) => proc.ns.inodes.get("mnt") === inode);
}

function killAll(daemon: Daemon, container: Container, first: Process): void {
  // with its first process a PID namespace ends (zap_pid_ns_processes), whoever has joined it
  const namespace = first.pid === 1 ? (first.ns.pid?.processes.values() ?? []) : [];
  for (const proc of [...processesOf(daemon, container, first), ...namespace]) proc.kill(SIGKILL);
}

/** Waits until the container does not run; false when `timeoutNs` passed first. */
export function* waitNotRunning(container: Container, timeoutNs: number = Number.POSITIVE_INFINITY): Task<boolean> {
  let left = timeoutNs;
  while (container.running) {
    const { process } = container;
    const before = process?.sim.now ?? 0;
    if (!(yield* container.changed.wait(left))) return false;
    if (process) left -= process.sim.now - before;
  }
  return true;
}

/** `docker stop`: the stop signal, then SIGKILL after `timeoutS` (undefined: the container's own). */
export function* stopContainer(daemon: Daemon, container: Container, timeoutS?: number): Task<void> {
  container.stoppedByUser = true;
  if (container.status === "restarting") {
    container.status = "exited";
    container.changed.wakeAll();
    return;
  }
  if (!container.running) return;
  resume(daemon, container);
  const signal = signalNumber(container.request.stopSignal || container.image.stopSignal || "TERM") ?? SIGTERM;
  container.process?.kill(signal);
  const seconds = timeoutS ?? container.request.stopTimeoutS ?? DEFAULT_STOP_TIMEOUT_S;
  if (yield* waitNotRunning(container, seconds < 0 ? Number.POSITIVE_INFINITY : Math.max(seconds * SEC, SIGNAL_NS)))
    return;
  container.process?.kill(SIGKILL);
  yield* waitNotRunning(container);
}

/** `docker kill`. Throws DaemonError 409 when it does not run. */
export function* killContainer(daemon: Daemon, container: Container, signal: number): Task<void> {
  if (!container.running)
    throw conflict(
      daemon.generation.texts.cannotKill(
        container.id,
        daemon.generation.texts.notRunning(container.id, container.name),
      ),
    );
  if (signal === SIGKILL) {
    container.stoppedByUser = true;
    container.process?.kill(SIGKILL);
    yield* waitNotRunning(container);
    return;
  }
  container.process?.kill(signal);
}

/** `docker pause`: the cgroup's freezer, here SIGSTOP to every process. Throws DaemonError 409. */
export function* pauseContainer(daemon: Daemon, container: Container): Task<void> {
  if (!container.running) throw conflict(daemon.generation.texts.notRunning(container.id, container.name));
  if (container.status === "paused") throw conflict(`Container ${container.id} is already paused`);
  for (const proc of processesOf(daemon, container)) proc.kill(SIGSTOP);
  container.status = "paused";
  yield* sleep(daemon.generation.costs.pause);
}

/** `docker unpause`. Throws DaemonError. */
export function* unpauseContainer(daemon: Daemon, container: Container): Task<void> {
  if (container.status !== "paused") throw new DaemonError(`Container ${container.id} is not paused`);
  resume(daemon, container);
  yield* sleep(daemon.generation.costs.pause);
}

function resume(daemon: Daemon, container: Container): void {
  if (container.status !== "paused") return;
  for (const proc of processesOf(daemon, container)) proc.kill(SIGCONT);
  container.status = "running";
}

/** `docker rm`. Throws DaemonError 409 for a running one unless `force`. */
export function* removeContainer(daemon: Daemon, container: Container, force: boolean): Task<void> {
  if (container.running || container.status === "restarting") {
    if (!force) {
      const { texts } = daemon.generation;
      const paused = container.status === "paused";
      throw conflict((paused ? texts.cannotRemovePaused : texts.cannotRemoveRunning)(container.id, container.name));
    }
    container.stoppedByUser = true;
    if (container.status === "restarting") container.status = "exited";
    resume(daemon, container);
    container.process?.kill(SIGKILL);
    yield* waitNotRunning(container);
  }
  yield* sleep(daemon.generation.costs.remove);
  removeRecords(daemon, container);
}

export function removeRecords(daemon: Daemon, container: Container): void {
  if (container.removed) return;
  container.removed = true;
  daemon.containers.delete(container.id);
  removeFolder(daemon.host.root.root, ["var", "lib", "docker", "containers"], container.id);
  container.changed.wakeAll();
  container.log.changed.wakeAll();
}

function removeFolder(root: DirNode, path: readonly string[], name: string): void {
  let dir: DirNode = root;
  for (const part of path) {
    const next = dir.children.get(part);
    if (next?.kind !== "dir") return;
    dir = next;
  }
  dir.children.delete(name);
}
