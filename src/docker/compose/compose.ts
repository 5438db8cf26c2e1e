// `docker compose` and `docker-compose`: up, down, ps, logs, exec, start, stop, restart, rm, config, version. Steps are told on
// stderr as the plugin's plain progress does. Answers to docker/compose cmd/compose.

import { hostOf } from "../../host/host.ts";
import type { Process } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { ClientError, type Command, Context, errorText, flagsOf } from "../cli/command.ts";
import { exec } from "../cli/exec.ts";
import { bool, type Flag, FlagError, int, list, parseFlags, string, unsupported } from "../cli/flags.ts";
import { portsText } from "../cli/ps.ts";
import { humanDuration } from "../clock.ts";
import type { Container } from "../container.ts";
import { type Daemon, startDocker } from "../daemon.ts";
import { DaemonError } from "../errors.ts";
import { formatList, type ListShape, type Row } from "../format.ts";
import { type GoValue, goJsonIndent, struct } from "../template/value.ts";
import { readProject } from "./find.ts";
import { attachAll, follow, PrefixedFile, prefixes } from "./follow.ts";
import { ComposeError, type Project } from "./model.ts";
import { Deployment, serviceOf } from "./project.ts";

const VERSION = "2.26.1";

const GLOBAL: readonly Flag[] = [
  list("file", "f", "Compose configuration files"),
  string("project-name", "p", "Project name"),
  string("project-directory", "", "Specify an alternate working directory"),
  string("env-file", "", "Specify an alternate environment file"),
  ...unsupported("ansi all-resources! compatibility! dry-run! parallel profile progress verbose!"),
];

interface Subcommand {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
  readonly stopAtArgument?: boolean;
  run(run: ComposeRun): Task<number>;
}

/** One call of compose. */
interface ComposeRun {
  readonly proc: Process;
  readonly daemon: Daemon;
  readonly deployment: Deployment;
  readonly flags: ReturnType<typeof parseFlags>["flags"];
  readonly args: readonly string[];
}

const up: Subcommand = {
  name: "up",
  usage: "up [OPTIONS] [SERVICE...]",
  summary: "Create and start containers",
  flags: [
    bool("detach", "d", "Detached mode: Run containers in the background"),
    bool("force-recreate", "", "Recreate containers even if their configuration and image haven't changed"),
    bool("no-deps", "", "Don't start linked services"),
    bool("no-start", "", "Don't start the services after creating them"),
    bool("remove-orphans", "", "Remove containers for services not defined in the Compose file"),
    bool("wait", "", "Wait for services to be running|healthy. Implies detached mode."),
    ...unsupported(
      "abort-on-container-exit! abort-on-container-failure! always-recreate-deps! attach attach-dependencies! build! exit-code-from menu! no-attach no-build! no-color! no-log-prefix! no-recreate! pull quiet-pull! renew-anon-volumes:V! scale timeout:t timestamps! wait-timeout watch:w! yes:y!",
    ),
  ],
  *run({ proc, deployment, flags, args }: ComposeRun): Task<number> {
    const all = deployment.ordered(args);
    const services = flags.bool("no-deps") ? all.filter(({ name }) => args.includes(name)) : all;
    yield* deployment.createNetworks(services);
    for (const service of services) yield* deployment.createService(service, flags.bool("force-recreate"));
    yield* orphans(proc, deployment, flags.bool("remove-orphans"));
    if (flags.bool("no-start")) return 0;
    const detached = flags.bool("detach") || flags.bool("wait");
    const watched = services.flatMap(({ name }) => deployment.containers(name));
    const attached = detached ? undefined : attachAll(proc, watched);
    for (const service of services) yield* deployment.startService(service);
    if (!attached) return 0;
    return yield* follow(proc, deployment, watched, attached);
  },
};

/** Containers of the project whose service is no longer in the file. */
function* orphans(proc: Process, deployment: Deployment, remove: boolean): Task<void> {
  const known = new Set(deployment.project.services.map(({ name }) => name));
  const lost = deployment.containers().filter((container) => !known.has(serviceOf(container)));
  if (lost.length === 0) return;
  if (remove) yield* deployment.remove(lost);
  else
    yield* proc.printError(
      `Found orphan containers ([${lost.map(({ name }) => name).join(" ")}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.\n`,
    );
}

const down: Subcommand = {
  name: "down",
  usage: "down [OPTIONS] [SERVICES]",
  summary: "Stop and remove containers, networks",
  flags: [
    bool("remove-orphans", "", "Remove containers for services not defined in the Compose file"),
    int("timeout", "t", "Specify a shutdown timeout in seconds"),
    bool("volumes", "v", 'Remove named volumes declared in the "volumes" section of the Compose file'),
    ...unsupported("rmi"),
  ],
  *run({ deployment, flags, args }: ComposeRun): Task<number> {
    const chosen =
      args.length === 0 ? deployment.containers() : args.flatMap((service) => deployment.containers(service));
    yield* deployment.remove(chosen, flags.int("timeout"));
    if (args.length === 0) yield* deployment.removeNetworks();
    return 0;
  },
};

const PS_SHAPE: ListShape = {
  headings: new Map([
    ["Name", "NAME"],
    ["Image", "IMAGE"],
    ["Command", "COMMAND"],
    ["Service", "SERVICE"],
    ["RunningFor", "CREATED"],
    ["Status", "STATUS"],
    ["Ports", "PORTS"],
    ["ID", "CONTAINER ID"],
    ["State", "STATE"],
  ]),
  table: "{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}",
  json: ["Command", "ID", "Image", "Name", "Ports", "RunningFor", "Service", "State", "Status"],
  typeName: "*formatter.ContainerContext",
};

const ps: Subcommand = {
  name: "ps",
  usage: "ps [OPTIONS] [SERVICE...]",
  summary: "List containers",
  flags: [
    bool("all", "a", "Show all stopped containers"),
    string("format", "", "Format output using a custom template"),
    bool("quiet", "q", "Only display IDs"),
    bool("services", "", "Display services"),
    ...unsupported("filter no-trunc! orphans! status"),
  ],
  *run({ proc, daemon, deployment, flags, args }: ComposeRun): Task<number> {
    const chosen = (
      args.length === 0 ? deployment.containers() : args.flatMap((name) => deployment.containers(name))
    ).filter((container) => flags.bool("all") || container.running || container.status === "restarting");
    if (flags.bool("quiet")) {
      yield* proc.print(chosen.map(({ id }) => `${id}\n`).join(""));
      return 0;
    }
    if (flags.bool("services")) {
      yield* proc.print([...new Set(chosen.map(serviceOf))].map((name) => `${name}\n`).join(""));
      return 0;
    }
    const now = daemon.now();
    const rows = chosen.map((container): Row => {
      const command = container.argv.join(" ");
      const shown = [...command].length <= 20 ? command : `${[...command].slice(0, 19).join("")}…`;
      return new Map<string, GoValue>([
        ["Name", container.name],
        ["Image", container.request.image],
        ["Command", JSON.stringify(shown)],
        ["Service", serviceOf(container)],
        ["RunningFor", `${humanDuration(Number(now - container.createdNs))} ago`],
        ["Status", container.statusText(now)],
        ["State", container.status],
        ["Ports", portsText(container, daemon.generation.client)],
        ["ID", container.shortId],
      ]);
    });
    yield* proc.print(formatList(rows, flags.string("format"), PS_SHAPE));
    return 0;
  },
};

const logs: Subcommand = {
  name: "logs",
  usage: "logs [OPTIONS] [SERVICE...]",
  summary: "View output from containers",
  flags: [
    bool("follow", "f", "Follow log output"),
    bool("no-log-prefix", "", "Don't print prefix in logs"),
    bool("no-color", "", "Produce monochrome output"),
    ...unsupported("index since tail:n timestamps:t! until"),
  ],
  *run({ proc, deployment, flags, args }: ComposeRun): Task<number> {
    const chosen = args.length === 0 ? deployment.containers() : args.flatMap((name) => deployment.containers(name));
    const stdout = proc.fds.get(1);
    if (!stdout) return 0;
    const entries = [...prefixes(chosen)].map(([container, prefix]) => ({
      container,
      file: flags.bool("no-log-prefix") ? stdout : new PrefixedFile(prefix, stdout),
    }));
    for (const { container, file } of entries) for (const { bytes } of container.log.entries) yield* file.write(bytes);
    if (!flags.bool("follow")) return 0;
    for (const { container, file } of entries) container.log.attachments.add({ stdout: file, stderr: file });
    for (const { container } of entries)
      while (container.running || container.status === "restarting") yield* container.changed.wait();
    return 0;
  },
};

const composeExec: Subcommand = {
  name: "exec",
  usage: "exec [OPTIONS] SERVICE COMMAND [ARGS...]",
  summary: "Execute a command in a running container",
  flags: [
    bool("detach", "d", "Detached mode: Run command in the background"),
    list("env", "e", "Set environment variables"),
    int("index", "", "Index of the container if service has multiple replicas"),
    bool("no-TTY", "T", "Disable pseudo-TTY allocation"),
    string("user", "u", "Run the command as this user"),
    string("workdir", "w", "Path to workdir directory for this command"),
    ...unsupported("privileged!"),
  ],
  stopAtArgument: true,
  *run({ proc, daemon, deployment, flags, args }: ComposeRun): Task<number> {
    const [service, ...command] = args;
    if (service === undefined || command.length === 0)
      throw new ComposeError(`requires at least 2 arg(s), only received ${args.length}`);
    const container = deployment.containers(service)[(flags.int("index") ?? 1) - 1];
    if (!container?.running) throw new ComposeError(`service ${JSON.stringify(service)} is not running`);
    const words = ["-i"];
    if (proc.fds.get(0)?.isTty && !flags.bool("no-TTY")) words.push("-t");
    if (flags.bool("detach")) words.push("-d");
    for (const entry of flags.list("env")) words.push("-e", entry);
    for (const name of ["user", "workdir"]) if (flags.given(name)) words.push(`--${name}`, flags.string(name));
    const parsed = parseFlags([...words, container.id, ...command], flagsOf(exec, daemon.generation.name), false);
    return yield* exec.run(new Context(proc, daemon, exec as Command, parsed.flags, parsed.args));
  },
};

const chosenOf = ({ deployment, args }: ComposeRun): Container[] =>
  args.length === 0 ? deployment.containers() : args.flatMap((name) => deployment.containers(name));

const start: Subcommand = {
  name: "start",
  usage: "start [SERVICE...]",
  summary: "Start services",
  flags: [],
  *run({ deployment, args }: ComposeRun): Task<number> {
    for (const service of deployment.ordered(args)) yield* deployment.startService(service);
    return 0;
  },
};

const stop: Subcommand = {
  name: "stop",
  usage: "stop [OPTIONS] [SERVICE...]",
  summary: "Stop services",
  flags: [int("timeout", "t", "Specify a shutdown timeout in seconds")],
  *run(run: ComposeRun): Task<number> {
    yield* run.deployment.stop(chosenOf(run), run.flags.int("timeout"));
    return 0;
  },
};

const restart: Subcommand = {
  name: "restart",
  usage: "restart [OPTIONS] [SERVICE...]",
  summary: "Restart service containers",
  flags: [int("timeout", "t", "Specify a shutdown timeout in seconds"), ...unsupported("no-deps!")],
  *run(run: ComposeRun): Task<number> {
    yield* run.deployment.stop(chosenOf(run), run.flags.int("timeout"));
    const names = new Set(chosenOf(run).map(serviceOf));
    for (const service of run.deployment.ordered([...names]))
      if (names.has(service.name)) yield* run.deployment.startService(service);
    return 0;
  },
};

const port: Subcommand = {
  name: "port",
  usage: "port [OPTIONS] SERVICE PRIVATE_PORT",
  summary: "Print the public port for a port binding",
  flags: [
    int("index", "", "Index of the container if service has multiple replicas"),
    string("protocol", "", "tcp or udp"),
  ],
  *run({ proc, deployment, flags, args }: ComposeRun): Task<number> {
    const [service, number] = args;
    if (service === undefined || number === undefined)
      throw new ComposeError(`requires 2 arg(s), only received ${args.length}`);
    const protocol = flags.string("protocol", "tcp");
    const container = deployment.containers(service)[(flags.int("index") ?? 1) - 1];
    const mappings = container?.sandbox?.endpoints.flatMap(({ portMappings }) => portMappings) ?? [];
    const mapping = mappings.find((one) => one.port === Number(number) && one.protocol === protocol);
    if (!mapping) throw new ComposeError(`no port ${number}/${protocol} for container ${container?.name ?? service}`);
    yield* proc.print(`${mapping.hostIp}:${mapping.hostPort}\n`);
    return 0;
  },
};

const rm: Subcommand = {
  name: "rm",
  usage: "rm [OPTIONS] [SERVICE...]",
  summary: "Removes stopped service containers",
  flags: [
    bool("force", "f", "Don't ask to confirm removal"),
    bool("stop", "s", "Stop the containers, if required, before removing"),
    ...unsupported("volumes:v!"),
  ],
  *run(run: ComposeRun): Task<number> {
    const chosen = chosenOf(run).filter((container) => run.flags.bool("stop") || !container.running);
    if (chosen.length === 0) yield* run.proc.printError("No stopped containers\n");
    yield* run.deployment.remove(chosen);
    return 0;
  },
};

const config: Subcommand = {
  name: "config",
  usage: "config [OPTIONS]",
  summary: "Parse, resolve and render compose file in canonical format",
  flags: [
    bool("quiet", "q", "Only validate the configuration, don't print anything"),
    bool("services", "", "Print the service names, one per line"),
    string("format", "", "Format the output (json)"),
    ...unsupported(
      "environment! hash images! no-consistency! no-interpolate! no-normalize! no-path-resolution! output:o profiles! resolve-image-digests! variables! volumes!",
    ),
  ],
  *run({ proc, deployment, flags }: ComposeRun): Task<number> {
    if (flags.bool("quiet")) return 0;
    if (flags.bool("services")) {
      yield* proc.print(deployment.project.services.map(({ name }) => `${name}\n`).join(""));
      return 0;
    }
    if (flags.string("format") !== "json")
      throw new ComposeError("vethlab prints compose config as JSON only: --format json");
    yield* proc.print(`${goJsonIndent(projectValue(deployment.project), "  ")}\n`);
    return 0;
  },
};

function projectValue(project: Project): GoValue {
  const value = (thing: unknown): GoValue => {
    if (thing instanceof Map)
      return struct(Object.fromEntries([...thing].map(([key, inner]) => [String(key), value(inner)])));
    if (Array.isArray(thing)) return thing.map(value);
    if (typeof thing === "object" && thing !== null)
      return struct(Object.fromEntries(Object.entries(thing).map(([key, inner]) => [key, value(inner)])));
    return (thing ?? null) as GoValue;
  };
  return value(project);
}

const COMMANDS: readonly Subcommand[] = [config, down, composeExec, logs, port, ps, restart, rm, start, stop, up];

const ABSENT: ReadonlySet<string> = new Set([
  ...["attach", "build", "commit", "cp", "create", "events", "export", "images", "kill", "ls", "pause", "publish"],
  ...["pull", "push", "run", "scale", "stats", "top", "unpause", "volumes", "wait", "watch"],
]);

/** The program `docker-compose`. */
export function* dockerCompose(proc: Process): Task<number> {
  const daemon = startDocker(hostOf(proc));
  yield* sleep(daemon.generation.costs.clientBefore);
  return yield* compose(proc, daemon, proc.argv.slice(1));
}

/** `docker compose …`: the words after "compose". */
export function* compose(proc: Process, daemon: Daemon, words: readonly string[]): Task<number> {
  try {
    return yield* dispatch(proc, daemon, words);
  } catch (error) {
    if (error instanceof ComposeError || error instanceof FlagError) yield* proc.printError(`${error.message}\n`);
    else if (error instanceof DaemonError || error instanceof ClientError)
      yield* proc.printError(`${errorText(error)}\n`);
    else throw error;
    return error instanceof FlagError ? 16 : 1;
  }
}

function* dispatch(proc: Process, daemon: Daemon, words: readonly string[]): Task<number> {
  const { flags: global, args } = parseFlags(
    words.filter((word) => word !== "--help"),
    GLOBAL,
    false,
  );
  const [name, ...rest] = args;
  if (name === undefined || words[0] === "--help") {
    yield* proc.print(help());
    return 0;
  }
  if (name === "version") {
    yield* proc.print(rest.includes("--short") ? `${VERSION}\n` : `Docker Compose version ${VERSION}\n`);
    return 0;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (!command) {
    yield* proc.printError(
      ABSENT.has(name)
        ? `vethlab does not support 'docker compose ${name}'\n`
        : `unknown docker command: "compose ${name}"\n`,
    );
    return ABSENT.has(name) ? 1 : 16;
  }
  const parsed = parseFlags(rest, command.flags, command.stopAtArgument !== true);
  const project = readProject(proc, daemon, global);
  const progress = function* (what: string, state: string): Task<void> {
    yield* proc.printError(` ${what}  ${state}\n`);
  };
  const deployment = new Deployment(daemon, project, progress);
  return yield* command.run({ proc, daemon, deployment, flags: parsed.flags, args: parsed.args });
}

function help(): string {
  const lines = COMMANDS.map((command) => `  ${command.name.padEnd(12)}${command.summary}\n`).join("");
  return `\nUsage:  docker compose [OPTIONS] COMMAND\n\nDefine and run multi-container applications with Docker\n\nCommands:\n${lines}  version     Show the Docker Compose version information\n\nRun 'docker compose COMMAND --help' for more information on a command.\n`;
}
