// up, create, down, start, stop, restart, pause, unpause, kill, rm: a project's containers come and go. Answers to
// docker/compose cmd/compose and pkg/compose of the same names.

import { SIGKILL, signalNumber } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { bool, int, list, string, unsupported } from "../cli/flags.ts";
import { rfc3339 } from "../clock.ts";
import { killContainer, pauseContainer, stopContainer, unpauseContainer } from "../lifecycle.ts";
import { startContainer } from "../start.ts";
import { type ComposeRun, chosenOf, type Subcommand } from "./command.ts";
import { attachAll, follow } from "./follow.ts";
import { ComposeError, type Service } from "./model.ts";
import { serviceOf } from "./project.ts";

const timeout = int("timeout", "t", "Specify a shutdown timeout in seconds");

export const up: Subcommand = {
  name: "up",
  usage: "up [OPTIONS] [SERVICE...]",
  summary: "Create and start containers",
  flags: [
    bool("detach", "d", "Detached mode: Run containers in the background"),
    bool("force-recreate", "", "Recreate containers even if their configuration and image haven't changed"),
    bool("no-deps", "", "Don't start linked services"),
    bool("no-log-prefix", "", "Don't print prefix in logs"),
    bool("no-start", "", "Don't start the services after creating them"),
    bool("remove-orphans", "", "Remove containers for services not defined in the Compose file"),
    list("scale", "", "Scale SERVICE to NUM instances. Overrides the `scale` setting in the Compose file if present."),
    bool("wait", "", "Wait for services to be running|healthy. Implies detached mode."),
    ...unsupported(
      "abort-on-container-exit! abort-on-container-failure! always-recreate-deps! attach attach-dependencies! build! exit-code-from menu! no-attach no-build! no-color! no-recreate! pull quiet-build! quiet-pull! renew-anon-volumes:V! timeout:t timestamps! wait-timeout watch:w! yes:y!",
    ),
  ],
  *run(run: ComposeRun): Task<number> {
    const { proc, deployment, flags, args } = run;
    const services = yield* make(run);
    if (flags.bool("no-start")) return 0;
    if (flags.bool("detach") || flags.bool("wait")) {
      yield* deployment.startServices(services);
      return 0;
    }
    const watched = services
      .filter(({ name }) => args.length === 0 || args.includes(name))
      .flatMap(({ name }) => deployment.containers(name));
    const shown = yield* attachAll(proc, watched, !flags.bool("no-log-prefix"));
    yield* deployment.quietly().startServices(services);
    return yield* follow(proc, deployment, shown);
  },
};

export const create: Subcommand = {
  name: "create",
  usage: "create [OPTIONS] [SERVICE...]",
  summary: "Creates containers for a service",
  flags: [
    bool("force-recreate", "", "Recreate containers even if their configuration and image haven't changed"),
    bool("remove-orphans", "", "Remove containers for services not defined in the Compose file"),
    list("scale", "", "Scale SERVICE to NUM instances. Overrides the `scale` setting in the Compose file if present."),
    ...unsupported("build! no-build! no-recreate! pull quiet-pull! yes:y!"),
  ],
  *run(run: ComposeRun): Task<number> {
    yield* make(run);
    return 0;
  },
};

/** Networks and containers of the services that were named and of what they need. */
function* make(run: ComposeRun): Task<Service[]> {
  const { proc, daemon, deployment, flags, args } = run;
  const ordered = deployment.ordered(args);
  const wanted = flags.bool("no-deps") ? ordered.filter(({ name }) => args.includes(name)) : ordered;
  const numbers = new Map(flags.list("scale").map(parseScale));
  const services = wanted.map((service) => ({ ...service, replicas: numbers.get(service.name) ?? service.replicas }));
  const known = new Set(deployment.project.services.map(({ name }) => name));
  const lost = deployment.containers().filter((container) => !known.has(serviceOf(container)));
  if (lost.length > 0 && !flags.bool("remove-orphans"))
    yield* proc.printError(
      warning(
        daemon.now(),
        `Found orphan containers ([${lost.map(({ name }) => name).join(" ")}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`,
      ),
    );
  else yield* deployment.remove(lost);
  yield* deployment.createNetworks(services);
  yield* deployment.createServices(services, flags.bool("force-recreate"));
  return services;
}

/** "web=3". Throws ComposeError. */
function parseScale(text: string): [string, number] {
  const match = /^([^=]+)=(\d+)$/.exec(text);
  if (!match) throw new ComposeError(`invalid --scale option ${JSON.stringify(text)}. Should be SERVICE=NUM`);
  return [match[1]!, Number(match[2])];
}

/** A line of logrus, which compose's own complaints go through. */
export function warning(now: bigint, message: string): string {
  return `time="${rfc3339((now / 1_000_000_000n) * 1_000_000_000n)}" level=warning msg=${JSON.stringify(message)}\n`;
}

export const down: Subcommand = {
  name: "down",
  usage: "down [OPTIONS] [SERVICES]",
  summary: "Stop and remove containers, networks",
  flags: [
    bool("remove-orphans", "", "Remove containers for services not defined in the Compose file"),
    timeout,
    bool("volumes", "v", 'Remove named volumes declared in the "volumes" section of the Compose file'),
    ...unsupported("rmi"),
  ],
  *run(run: ComposeRun): Task<number> {
    const { deployment, flags, args } = run;
    const known = new Set(deployment.project.services.map(({ name }) => name));
    const chosen = chosenOf(run).filter((container) => flags.bool("remove-orphans") || known.has(serviceOf(container)));
    yield* deployment.remove(chosen, flags.int("timeout"));
    if (args.length === 0) yield* deployment.removeNetworks();
    return 0;
  },
};

export const start: Subcommand = {
  name: "start",
  usage: "start [SERVICE...]",
  summary: "Start services",
  flags: [...unsupported("wait! wait-timeout")],
  *run({ deployment, args }: ComposeRun): Task<number> {
    yield* deployment.startServices(deployment.ordered(args));
    return 0;
  },
};

export const stop: Subcommand = {
  name: "stop",
  usage: "stop [OPTIONS] [SERVICE...]",
  summary: "Stop services",
  flags: [timeout],
  *run(run: ComposeRun): Task<number> {
    yield* run.deployment.stop(chosenOf(run), run.flags.int("timeout"));
    return 0;
  },
};

export const restart: Subcommand = {
  name: "restart",
  usage: "restart [OPTIONS] [SERVICE...]",
  summary: "Restart service containers",
  flags: [bool("no-deps", "", "Don't restart dependent services"), timeout],
  *run(run: ComposeRun): Task<number> {
    const { daemon, deployment, flags } = run;
    const chosen = deployment.dependentsFirst(chosenOf(run));
    yield* deployment.each(chosen, ["Restarting", "Started"], function* (container) {
      yield* stopContainer(daemon, container, flags.int("timeout"));
      yield* startContainer(daemon, container);
    });
    return 0;
  },
};

export const pause: Subcommand = {
  name: "pause",
  usage: "pause [SERVICE...]",
  summary: "Pause services",
  flags: [],
  *run(run: ComposeRun): Task<number> {
    const chosen = chosenOf(run).filter(({ status }) => status === "running");
    yield* run.deployment.each(chosen, ["", "Paused"], (container) => pauseContainer(run.daemon, container));
    return 0;
  },
};

export const unpause: Subcommand = {
  name: "unpause",
  usage: "unpause [SERVICE...]",
  summary: "Unpause services",
  flags: [],
  *run(run: ComposeRun): Task<number> {
    const chosen = chosenOf(run).filter(({ status }) => status === "paused");
    yield* run.deployment.each(chosen, ["", "Unpaused"], (container) => unpauseContainer(run.daemon, container));
    return 0;
  },
};

export const kill: Subcommand = {
  name: "kill",
  usage: "kill [OPTIONS] [SERVICE...]",
  summary: "Force stop service containers",
  flags: [
    string("signal", "s", "SIGNAL to send to the container"),
    bool("remove-orphans", "", "Remove containers for services not defined in the Compose file"),
  ],
  *run(run: ComposeRun): Task<number> {
    const { proc, daemon, deployment, flags } = run;
    const word = flags.string("signal", "SIGKILL");
    const signal = signalNumber(word);
    if (signal === undefined) throw new ComposeError(`Error response from daemon: Invalid signal: ${word}`);
    const chosen = chosenOf(run).filter(({ running }) => running);
    if (chosen.length === 0) yield* proc.printError("no container to kill");
    yield* deployment.each(chosen, ["Killing", "Killed"], (container) =>
      killContainer(daemon, container, signal === SIGKILL ? SIGKILL : signal),
    );
    return 0;
  },
};

export const rm: Subcommand = {
  name: "rm",
  usage: "rm [OPTIONS] [SERVICE...]",
  summary: "Removes stopped service containers",
  flags: [
    bool("force", "f", "Don't ask to confirm removal"),
    bool("stop", "s", "Stop the containers, if required, before removing"),
    ...unsupported("volumes:v!"),
  ],
  *run(run: ComposeRun): Task<number> {
    const { proc, deployment, flags } = run;
    if (flags.bool("stop")) yield* deployment.stop(chosenOf(run).filter(({ running }) => running));
    const chosen = chosenOf(run).filter((container) => !container.running);
    if (chosen.length === 0) {
      yield* proc.printError("No stopped containers\n");
      return 0;
    }
    const question = `Going to remove ${chosen.map(({ name }) => name).join(", ")}`;
    if (!flags.bool("force")) {
      // nobody at a terminal to say yes
      yield* proc.print(question);
      return 0;
    }
    yield* proc.print(`${question}\n`);
    yield* deployment.removeStopped(chosen);
    return 0;
  },
};
