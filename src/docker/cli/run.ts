// docker run and docker create. Answers to docker/cli cli/command/container/run.go and create.go.

import { NetError } from "../../base/errno.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { rfc3339 } from "../clock.ts";
import type { Container, ContainerRequest } from "../container.ts";
import { createContainer } from "../create.ts";
import { DaemonError } from "../errors.ts";
import { BadReference, parseReference } from "../images.ts";
import { startContainer } from "../start.ts";
import { attachTo } from "./attach.ts";
import { ClientError, type Command, type Context } from "./command.ts";
import { CONTAINER_CHECKS, CONTAINER_SUPPORTS, containerRequest } from "./container-options.ts";
import { imageHelp, pullImage } from "./pull.ts";
import { parseDetachKeys } from "./terminal.ts";

/** What `docker run` exits with when Docker itself failed. */
const DOCKER_FAILED = 125;

export const create: Command = {
  name: "create",
  supports: CONTAINER_SUPPORTS,
  checks: CONTAINER_CHECKS,
  args: { min: 1 },
  stopAtArgument: true,
  *run(context: Context): Task<number> {
    const made = yield* make(context);
    if (typeof made === "number") return made;
    yield* context.print(`${made.id}\n`);
    return 0;
  },
};

export const run: Command = {
  name: "run",
  supports: `${CONTAINER_SUPPORTS} detach detach-keys sig-proxy`,
  checks: CONTAINER_CHECKS,
  args: { min: 1 },
  stopAtArgument: true,
  *run(context: Context): Task<number> {
    const { daemon, flags, proc, client } = context;
    const detached = flags.bool("detach");
    if (!detached) checkTty(context);
    if (detached && flags.given("attach")) throw new ClientError(client.attachAndDetach);
    const made = yield* make(context);
    if (typeof made === "number") return made;
    const container = made;
    if (detached) yield* context.print(`${container.id}\n`);
    const stdin = container.request.attachStdin;
    const detachKeys = parseDetachKeys(flags.string("detach-keys"));
    const attachment = detached
      ? undefined
      : attachTo(proc, container, { stdin, all: false, proxySignals: flags.boolOr("sig-proxy", true), detachKeys });
    const runs = container.runs;
    try {
      yield* startContainer(daemon, container);
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      attachment?.detach();
      const message = `Error response from daemon: ${error.message}`;
      yield* context.printError(client.runFailed("run", message, true));
      if (!detached && !container.request.autoRemove)
        yield* context.printError(client.waitCanceled(rfc3339((daemon.now() / 1_000_000_000n) * 1_000_000_000n)));
      return error.exitCode;
    }
    if (!attachment) return 0;
    attachment.started();
    // who sees nothing of it is told its id
    const { attachStdout, attachStderr } = container.request;
    if (!attachStdout && !attachStderr) yield* context.print(`${container.id}\n`);
    while (container.runs === runs && !container.removed && !attachment.left) yield* container.changed.wait();
    yield* sleep(0);
    attachment.detach();
    return attachment.left ? 0 : container.exitCode;
  },
};

/** Refuses a terminal in the container where the client has none. Throws ClientError. */
export function checkTty({ flags, proc }: Context): void {
  if (flags.bool("tty") && flags.bool("interactive") && !proc.fds.get(0)?.isTty)
    throw new ClientError("the input device is not a TTY");
}

/** The container, or the exit status when it could not be made. */
function* make(context: Context): Task<Container | number> {
  const { command, proc, flags } = context;
  const running = command.name.endsWith("run");
  let request: ContainerRequest;
  try {
    request = containerRequest(context);
  } catch (error) {
    if (error instanceof ClientError) return yield* failed(context, error.message, true);
    throw error;
  }
  const loopback = request.dns.servers.find((server) => /^127\.|^::1$/.test(server));
  if (loopback !== undefined)
    yield* context.printError(`WARNING: Localhost DNS setting (--dns=${loopback}) may fail in containers.\n`);
  const idFile = flags.string("cidfile");
  if (idFile !== "") {
    if (proc.root.find(proc, idFile))
      return yield* failed(
        context,
        `container ID file found, make sure the other container isn't running or delete ${idFile}`,
        false,
      );
    try {
      proc.root.writeFile(proc, idFile, "");
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      const why = `open ${idFile}: ${error.message.toLowerCase()}`;
      return yield* failed(context, `failed to create the container ID file: ${why}`, false);
    }
  }
  try {
    const container = yield* createOrPull(context, request);
    if (request.networkMode === "host" && request.portBindings.size > 0)
      yield* context.printError("WARNING: Published ports are discarded when using host network mode\n");
    if (idFile !== "") proc.root.writeFile(proc, idFile, container.id);
    return container;
  } catch (error) {
    // an empty file goes again (containerIDFile.Close)
    if (idFile !== "") proc.root.remove(proc, idFile);
    if (error instanceof BadReference) return yield* failed(context, error.message, false);
    if (!(error instanceof DaemonError)) throw error;
    yield* failed(context, `Error response from daemon: ${error.message}`, false);
    if (error instanceof UnknownImage) yield* context.printError(imageHelp(request.image));
    return running ? DOCKER_FAILED : 1;
  }
}

/** What it says then; `hint`: of its own options. The exit status. */
function* failed(context: Context, message: string, hint: boolean): Task<number> {
  const { client, command } = context;
  const running = command.name.endsWith("run");
  // `docker create` leaves what comes after its own options to the client's general way of saying it
  yield* context.printError(running || hint ? client.runFailed(command.name, message, false) : `${message}\n`);
  if (hint) return DOCKER_FAILED;
  if (!running) return 1;
  return /no such file or directory/.test(message) ? 127 : DOCKER_FAILED;
}

class UnknownImage extends DaemonError {}

function* createOrPull(context: Context, request: ContainerRequest): Task<Container> {
  const { daemon } = context;
  const when = context.flags.string("pull", "missing");
  if (when !== "always")
    try {
      return yield* createContainer(daemon, request);
    } catch (error) {
      if (!(error instanceof DaemonError) || error.status !== 404 || !error.message.startsWith("No such image"))
        throw error;
      if (when === "never") throw error;
      const reference = parseReference(request.image).join(":");
      yield* context.printError(`Unable to find image '${reference}' locally\n`);
    }
  let lines: string;
  try {
    lines = yield* pullImage(daemon, request.image);
  } catch (error) {
    if (error instanceof DaemonError) throw new UnknownImage(error.message, error.status);
    throw error;
  }
  yield* context.printError(lines);
  return yield* createContainer(daemon, request);
}
