// `docker compose` and `docker-compose`: finds the command and the project, tells steps on stderr as the plugin's plain
// progress does, and mistakes in its words, with the line of the file below. Answers to docker/compose cmd/compose.

import { hostOf } from "../../host/host.ts";
import type { Process } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { ClientError, errorText } from "../cli/command.ts";
import { type Flag, FlagError, list, parseFlags, string, unsupported } from "../cli/flags.ts";
import { type Daemon, startDocker } from "../daemon.ts";
import { DaemonError } from "../errors.ts";
import { TemplateError } from "../template/execute.ts";
import type { Subcommand } from "./command.ts";
import { config } from "./config.ts";
import { composeExec } from "./exec.ts";
import { readProject } from "./find.ts";
import { create, down, kill, pause, restart, rm, start, stop, unpause, up, warning } from "./lifecycle.ts";
import { images, listProjects, logs, lsFlags, port, ps, top } from "./listing.ts";
import { COMPOSE_VERSION, ComposeError } from "./model.ts";
import { Deployment } from "./project.ts";

const GLOBAL: readonly Flag[] = [
  list("file", "f", "Compose configuration files"),
  string("project-name", "p", "Project name"),
  string("project-directory", "", "Specify an alternate working directory"),
  string("env-file", "", "Specify an alternate environment file"),
  ...unsupported("ansi all-resources! compatibility! dry-run! parallel profile progress verbose!"),
];

const COMMANDS: readonly Subcommand[] = [
  ...[config, create, down, composeExec, images, kill, logs, pause, port, ps, restart, rm, start, stop, top, unpause],
  up,
];

const ABSENT: ReadonlySet<string> = new Set([
  ...["alpha", "attach", "bridge", "build", "commit", "cp", "events", "export", "publish", "pull", "push", "run"],
  ...["scale", "stats", "volumes", "wait", "watch"],
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
    if (error instanceof ComposeError) {
      const place = error.place === undefined ? "" : `vethlab: ${error.place}\n`;
      yield* proc.printError(`${error.message}\n${place}`);
    } else if (error instanceof FlagError || error instanceof TemplateError)
      yield* proc.printError(`${error.message}\n`);
    else if (error instanceof DaemonError || error instanceof ClientError)
      yield* proc.printError(`${errorText(error)}\n`);
    else throw error;
    return 1;
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
    yield* proc.print(
      rest.includes("--short") ? `${COMPOSE_VERSION}\n` : `Docker Compose version ${COMPOSE_VERSION}\n`,
    );
    return 0;
  }
  if (name === "ls") {
    const { flags } = parseFlags(rest, lsFlags, true);
    yield* proc.print(listProjects(daemon, flags.bool("all"), flags.bool("quiet")));
    return 0;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (!command) {
    if (ABSENT.has(name)) throw new ComposeError(`vethlab does not support 'docker compose ${name}'`);
    yield* proc.print(help());
    throw new ComposeError(`unknown docker command: "compose ${name}"`);
  }
  const parsed = parseFlags(rest, command.flags, command.stopAtArgument !== true);
  const { minArgs = 0 } = command;
  if (parsed.args.length < minArgs)
    throw new ComposeError(`requires at least ${minArgs} arg(s), only received ${parsed.args.length}`);
  const project = readProject(proc, daemon, global);
  for (const text of project.warnings) yield* proc.printError(warning(daemon.now(), text));
  const deployment = new Deployment(daemon, project, function* (what: string, state: string): Task<void> {
    yield* proc.printError(` ${what}  ${state}\n`);
  });
  return yield* command.run({ proc, daemon, deployment, flags: parsed.flags, args: parsed.args });
}

function help(): string {
  const others: readonly [string, string][] = [
    ["ls", "List running compose projects"],
    ["version", "Show the Docker Compose version information"],
  ];
  const lines = [...COMMANDS.map(({ name, summary }): [string, string] => [name, summary]), ...others]
    .sort(([a], [b]) => Number(a > b) - Number(a < b))
    .map(([name, summary]) => `  ${name.padEnd(12)}${summary}\n`)
    .join("");
  return `Usage:  docker compose [OPTIONS] COMMAND\n\nDefine and run multi-container applications with Docker\n\nCommands:\n${lines}\nRun 'docker compose COMMAND --help' for more information on a command.\n`;
}
