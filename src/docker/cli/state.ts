// docker start, stop, restart, kill, pause, unpause, wait, rm, rename. Answers to docker/cli cli/command/container.

import { SIGKILL, SIGNALS, signalNumber } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import type { Container } from "../container.ts";
import { renameEndpoints } from "../container-network.ts";
import { reserveName } from "../create.ts";
import { badRequest, DaemonError } from "../errors.ts";
import { killContainer, pauseContainer, removeContainer, stopContainer, unpauseContainer } from "../lifecycle.ts";
import { startContainer } from "../start.ts";
import { attachTo } from "./attach.ts";
import { ClientError, type Command, type Context } from "./command.ts";

const _MANY = "CONTAINER [CONTAINER...]";

export const start: Command = {
  name: "start",
  supports: "attach interactive",
  args: { min: 1 },
  *run(context: Context): Task<number> {
    const { args, flags } = context;
    if (flags.bool("attach") || flags.bool("interactive")) return yield* startAttached(context);
    const failed: string[] = [];
    for (const name of args) {
      try {
        yield* startContainer(context.daemon, context.daemon.findContainer(name));
        yield* context.print(`${name}\n`);
      } catch (error) {
        if (!(error instanceof DaemonError)) throw error;
        yield* context.printError(`Error response from daemon: ${error.message}\n`);
        failed.push(name);
      }
    }
    if (failed.length === 0) return 0;
    yield* context.printError(`Error: failed to start containers: ${failed.join(", ")}\n`);
    return 1;
  },
};

function* startAttached(context: Context): Task<number> {
  const { args, daemon, proc, flags } = context;
  if (args.length > 1) throw new ClientError("you cannot start and attach multiple containers at once");
  const container = yield* context.inspected(args[0]!);
  const attached = attachTo(proc, container, {
    stdin: flags.bool("interactive") && container.request.openStdin,
    all: true,
    proxySignals: true,
  });
  const { runs } = container;
  try {
    yield* startContainer(daemon, container);
    attached.started();
    while (container.runs === runs && !container.removed && !attached.left) yield* container.changed.wait();
  } finally {
    attached.detach();
  }
  return container.exitCode;
}

/** A container by a name that is part of a URL: an empty one leads nowhere. Throws DaemonError. */
function named({ daemon }: Context, name: string): Container {
  if (name === "") throw new DaemonError("page not found", 404);
  return daemon.findContainer(name);
}

/** How long to wait for a container's end, as asked. */
const stopTime = ({ flags }: Context): number | undefined => flags.int("time") ?? flags.int("timeout");

export const stop: Command = {
  name: "stop",
  supports: "time timeout",
  args: { min: 1 },
  *run(context: Context): Task<number> {
    return yield* context.each(context.args, function* (name) {
      yield* stopContainer(context.daemon, named(context, name), stopTime(context));
      return name;
    });
  },
};

export const restart: Command = {
  name: "restart",
  supports: "time timeout",
  args: { min: 1 },
  *run(context: Context): Task<number> {
    return yield* context.each(context.args, function* (name) {
      const container = named(context, name);
      try {
        yield* stopContainer(context.daemon, container, stopTime(context));
        yield* startContainer(context.daemon, container);
      } catch (error) {
        if (!(error instanceof DaemonError)) throw error;
        throw new DaemonError(`Cannot restart container ${name}: ${error.message}`, error.status);
      }
      return name;
    });
  },
};

export const kill: Command = {
  name: "kill",
  supports: "signal",
  args: { min: 1 },
  *run(context: Context): Task<number> {
    const { texts } = context.daemon.generation;
    const word = context.flags.string("signal", "KILL");
    return yield* context.each(context.args, function* (name) {
      const signal = /^\d+$/.test(word) ? Number(word) : signalNumber(word);
      if (signal === undefined || signal === 0) throw badRequest(`Invalid signal: ${word}`);
      let container: ReturnType<typeof context.daemon.findContainer>;
      try {
        container = context.daemon.findContainer(name);
      } catch (error) {
        if (error instanceof DaemonError) throw new DaemonError(texts.cannotKill(name, error.message), 404);
        throw error;
      }
      if (!SIGNALS[signal])
        throw new DaemonError(texts.cannotKill(name, `The linux daemon does not support signal ${signal}`));
      if (!container.running)
        throw new DaemonError(texts.cannotKill(name, texts.notRunning(container.id, container.name)), 409);
      yield* killContainer(context.daemon, container, signal === SIGKILL ? SIGKILL : signal);
      return name;
    });
  },
};

export const pause: Command = {
  name: "pause",
  supports: "",
  args: { min: 1 },
  *run(context: Context): Task<number> {
    return yield* context.each(context.args, function* (name) {
      yield* pauseContainer(context.daemon, context.daemon.findContainer(name));
      return name;
    });
  },
};

export const unpause: Command = {
  name: "unpause",
  supports: "",
  args: { min: 1 },
  *run(context: Context): Task<number> {
    return yield* context.each(context.args, function* (name) {
      yield* unpauseContainer(context.daemon, context.daemon.findContainer(name));
      return name;
    });
  },
};

export const wait: Command = {
  name: "wait",
  supports: "",
  args: { min: 1 },
  *run(context: Context): Task<number> {
    return yield* context.each(context.args, function* (name) {
      const container = context.daemon.findContainer(name);
      while (container.running || container.status === "restarting") yield* container.changed.wait();
      return String(container.exitCode);
    });
  },
};

export const rm: Command = {
  name: "rm",
  supports: "force volumes",
  args: { min: 1 },
  *run(context: Context): Task<number> {
    const { daemon, flags, client } = context;
    const force = flags.bool("force");
    const errors: string[] = [];
    let failed = false;
    for (const name of context.args) {
      try {
        if (name.replace(/^\//, "") === "") throw new ClientError("Container name cannot be empty");
        const container = yield* context.inspected(name.replace(/^\//, ""));
        yield* removeContainer(daemon, container, force);
        yield* context.print(`${name}\n`);
      } catch (error) {
        if (error instanceof ClientError) {
          errors.push(name === "" ? error.message : client.noSuchContainer(name));
          if (!force) failed = true;
        } else if (error instanceof DaemonError) {
          errors.push(`Error response from daemon: ${error.message}`);
          failed = true;
        } else throw error;
      }
    }
    if (errors.length > 0) yield* context.printError(`${errors.join("\n")}\n`);
    return failed ? 1 : 0;
  },
};

export const rename: Command = {
  name: "rename",
  supports: "",
  args: { min: 2, max: 2 },
  *run(context: Context): Task<number> {
    const { daemon, args } = context;
    const [oldName, newName] = args as [string, string];
    if (oldName.trim() === "" || newName.trim() === "")
      throw new ClientError("Error: Neither old nor new names may be empty");
    try {
      const container = daemon.findContainer(oldName.trim());
      if (container.name === newName.replace(/^\//, ""))
        throw badRequest("Renaming a container with the same name as its current name");
      try {
        container.name = reserveName(daemon, container.id, newName);
      } catch (error) {
        if (error instanceof DaemonError)
          throw new DaemonError(
            `Error when allocating new name: ${error.message.replace(/^Invalid container name \(/, "$&/")}`,
            error.status,
          );
        throw error;
      }
      container.named = true;
      renameEndpoints(container);
      return 0;
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      yield* context.printError(
        `Error response from daemon: ${error.message}\nError: failed to rename container named ${oldName}\n`,
      );
      return 1;
    }
  },
};
