// The program `docker`: finds the command, reads its flags, runs it against the host's daemon, prints mistakes in the
// client's words. Answers to docker/cli cmd/docker and cli/cobra.go.

import { NetError } from "../../base/errno.ts";
import { hostOf } from "../../host/host.ts";
import type { Process } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { compose } from "../compose/compose.ts";
import { type Daemon, startDocker } from "../daemon.ts";
import { DaemonError } from "../errors.ts";
import { BadReference } from "../images.ts";
import { TemplateError } from "../template/execute.ts";
import { attach } from "./attach.ts";
import { ClientError, type Command, Context } from "./command.ts";
import { cp } from "./cp.ts";
import { exec } from "./exec.ts";
import { describeFlags, FlagError, parseFlags } from "./flags.ts";
import { images, rmi, tag } from "./images.ts";
import { inspect, inspectKind, logs, networkInspect, port, top } from "./inspect.ts";
import { networkConnect, networkCreate, networkDisconnect, networkLs, networkPrune, networkRm } from "./network.ts";
import { ps } from "./ps.ts";
import { pull } from "./pull.ts";
import { create, run } from "./run.ts";
import { kill, pause, rename, restart, rm, start, stop, unpause, wait } from "./state.ts";
import { containerPrune, info, systemPrune, version } from "./system.ts";

const TOP: readonly Command[] = [
  ...[
    attach,
    cp,
    create,
    exec,
    images,
    info,
    inspect,
    kill,
    logs,
    pause,
    port,
    ps,
    pull,
    rename,
    restart,
    rm,
    rmi,
    run,
  ],
  ...[start, stop, tag, top, unpause, version, wait],
];

/** Commands of Docker that vethlab refuses by name. */
const ABSENT: ReadonlySet<string> = new Set([
  ...["build", "builder", "buildx", "commit", "config", "context", "diff", "events", "export", "history"],
  ...["import", "load", "login", "logout", "manifest", "node", "plugin", "push", "save", "search", "secret", "service"],
  ...["stack", "stats", "swarm", "trust", "update", "volume"],
]);

const renamed = (command: Command, name: string, usage = command.usage): Command => ({
  ...command,
  name,
  usage: `${name}${usage.slice(usage.split(" ")[0]!.length)}`,
});

/** Management commands and their parts. */
const GROUPS: ReadonlyMap<string, { readonly summary: string; readonly commands: readonly Command[] }> = new Map([
  [
    "network",
    {
      summary: "Manage networks",
      commands: [networkConnect, networkCreate, networkDisconnect, networkInspect, networkLs, networkPrune, networkRm],
    },
  ],
  [
    "container",
    {
      summary: "Manage containers",
      commands: [
        ...[
          attach,
          cp,
          create,
          exec,
          kill,
          logs,
          pause,
          port,
          rename,
          restart,
          rm,
          run,
          start,
          stop,
          top,
          unpause,
          wait,
        ].map((command) => renamed(command, `container ${command.name}`)),
        inspectKind("container"),
        renamed(ps, "container ls"),
        containerPrune,
      ],
    },
  ],
  [
    "image",
    {
      summary: "Manage images",
      commands: [
        inspectKind("image"),
        renamed(images, "image ls"),
        renamed(pull, "image pull"),
        renamed(rmi, "image rm"),
        renamed(tag, "image tag"),
      ],
    },
  ],
  ["system", { summary: "Manage Docker", commands: [renamed(info, "system info"), systemPrune] }],
]);

/** Other names of commands: "network list", "container ps" … */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["network list", "network ls"],
  ["network remove", "network rm"],
  ["container list", "container ls"],
  ["container ps", "container ls"],
  ["container remove", "container rm"],
  ["image list", "image ls"],
  ["image remove", "image rm"],
]);

/** The program `docker`. */
export function* docker(proc: Process): Task<number> {
  const daemon = startDocker(hostOf(proc));
  yield* sleep(daemon.generation.costs.clientBefore);
  const status = yield* dispatch(proc, daemon, proc.argv.slice(1));
  yield* sleep(daemon.generation.costs.clientAfter);
  return status;
}

function* dispatch(proc: Process, daemon: Daemon, words: readonly string[]): Task<number> {
  const { client } = daemon.generation;
  const first = words[0];
  if (first === "--version" || first === "-v") {
    yield* proc.print(`Docker version ${client.version}, build ${client.gitCommit}\n`);
    return 0;
  }
  if (first === undefined || first === "--help" || first === "-h" || first === "help") {
    yield* proc.print(mainHelp());
    return 0;
  }
  if (first.startsWith("-")) {
    const message = /^(-H|--host|-c|--context|-D|--debug|-l|--log-level|--config|--tls)/.test(first)
      ? `vethlab does not support ${first}`
      : first.startsWith("--")
        ? `unknown flag: ${first.split("=")[0]}`
        : `unknown shorthand flag: '${first[1]}' in ${first}`;
    yield* proc.printError(client.badFlag("", message, "[OPTIONS] COMMAND [ARG...]"));
    return 125;
  }
  if (first === "compose") return yield* compose(proc, daemon, words.slice(1));
  const group = GROUPS.get(first);
  if (group) return yield* dispatchGroup(proc, daemon, first, group, words.slice(1));
  const command = TOP.find(({ name }) => name === first);
  if (command) return yield* runCommand(proc, daemon, command, words.slice(1));
  if (ABSENT.has(first)) {
    yield* proc.printError(`vethlab does not support 'docker ${first}'\n`);
    return 1;
  }
  yield* proc.printError(client.unknownCommand(first));
  return 1;
}

function* dispatchGroup(
  proc: Process,
  daemon: Daemon,
  name: string,
  group: { readonly summary: string; readonly commands: readonly Command[] },
  words: readonly string[],
): Task<number> {
  const second = words[0];
  const help = groupHelp(name, group.summary, group.commands);
  if (second === undefined || second === "--help" || second === "-h") {
    yield* proc.print(help);
    return 0;
  }
  const full = ALIASES.get(`${name} ${second}`) ?? `${name} ${second}`;
  const command = group.commands.find((candidate) => candidate.name === full);
  if (command) return yield* runCommand(proc, daemon, command, words.slice(1));
  if (daemon.generation.name === "20") yield* proc.printError(help);
  else
    yield* proc.printError(
      `docker: unknown command: docker ${name} ${second}\n\nUsage:  docker ${name}\n\nRun 'docker ${name} --help' for more information\n`,
    );
  return 1;
}

function* runCommand(proc: Process, daemon: Daemon, command: Command, words: readonly string[]): Task<number> {
  const { client } = daemon.generation;
  if (words[0] === "--help" || (command.stopAtArgument !== true && words.includes("--help"))) {
    yield* proc.print(commandHelp(command));
    return 0;
  }
  let parsed: ReturnType<typeof parseFlags>;
  try {
    parsed = parseFlags(words, command.flags, command.stopAtArgument !== true);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    yield* proc.printError(client.badFlag(command.name, client.flagError(error.message), command.usage));
    return 125;
  }
  const { min, max } = command.args;
  const count = parsed.args.length;
  if (count < min || (max !== undefined && count > max)) {
    const [rule, number] =
      max === min
        ? min === 0
          ? ["none", 0]
          : ["exactly", min]
        : count < min
          ? ["at least", min]
          : ["at most", max ?? 0];
    yield* proc.printError(
      client.wrongArguments(command.name, String(rule), Number(number), command.usage, command.summary),
    );
    return 1;
  }
  try {
    return yield* command.run(new Context(proc, daemon, command, parsed.flags, parsed.args));
  } catch (error) {
    if (error instanceof DaemonError) yield* proc.printError(`Error response from daemon: ${error.message}\n`);
    else if (error instanceof TemplateError) yield* proc.printError(`${client.templateError(error.message)}\n`);
    else if (error instanceof ClientError) {
      yield* proc.printError(`${error.message}\n`);
      return error.exitCode;
    } else if (error instanceof BadReference) yield* proc.printError(`${error.message}\n`);
    else if (error instanceof NetError)
      yield* proc.printError(`Error response from daemon: ${error.message.toLowerCase()}\n`);
    else throw error;
    return 1;
  }
}

function commandHelp(command: Command): string {
  const options = describeFlags(command.flags);
  return `\nUsage:  docker ${command.usage}\n\n${command.summary}\n${options === "" ? "" : `\nOptions:\n${options}`}`;
}

function groupHelp(name: string, summary: string, commands: readonly Command[]): string {
  const lines = [...commands]
    .map((command) => [command.name.slice(name.length + 1), command.summary] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const width = Math.max(...lines.map(([word]) => word.length)) + 2;
  return `\nUsage:  docker ${name} COMMAND\n\n${summary}\n\nCommands:\n${lines
    .map(([word, text]) => `  ${word.padEnd(width)}${text}\n`)
    .join("")}\nRun 'docker ${name} COMMAND --help' for more information on a command.\n`;
}

function mainHelp(): string {
  const groups = [...GROUPS].map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}\n`).join("");
  const commands = [...TOP]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, summary }) => `  ${name.padEnd(12)}${summary}\n`)
    .join("");
  return `\nUsage:  docker [OPTIONS] COMMAND\n\nA self-sufficient runtime for containers\n\nManagement Commands:\n${groups}\nCommands:\n${commands}\nRun 'docker COMMAND --help' for more information on a command.\n`;
}
