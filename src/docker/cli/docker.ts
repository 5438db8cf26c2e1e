// The program `docker`: finds the command, reads its flags, runs it against the host's daemon, prints mistakes in the
// client's words. Answers to docker/cli cmd/docker and cli/cobra.go.

import { NetError } from "../../base/errno.ts";
import { hostOf } from "../../host/host.ts";
import type { Process } from "../../posix/process.ts";
import { external, sleep, type Task } from "../../sim/task.ts";
import { type Daemon, startDocker } from "../daemon.ts";
import { DaemonError } from "../errors.ts";
import { BadReference } from "../images.ts";
import { TemplateError } from "../template/execute.ts";
import { attach } from "./attach.ts";
import { ClientError, type Command, Context, flagsOf } from "./command.ts";
import { cp } from "./cp.ts";
import { exec } from "./exec.ts";
import { bool, FlagError, parseFlags, string, unsupported } from "./flags.ts";
import { commandHelp, groupHelp, mainHelp, usageOf } from "./help.ts";
import { history, imagePrune, images, rmi, tag } from "./images.ts";
import { inspect, inspectKind, networkInspect, port, top } from "./inspect.ts";
import { logs } from "./logs.ts";
import { listingOf, pageOf } from "./manual/pages.ts";
import { networkConnect, networkCreate, networkDisconnect, networkLs, networkPrune, networkRm } from "./network.ts";
import { ps } from "./ps.ts";
import { pull } from "./pull.ts";
import { create, run } from "./run.ts";
import { kill, pause, rename, restart, rm, start, stop, unpause, wait } from "./state.ts";
import { containerPrune, info, systemPrune, version } from "./system.ts";
import { update } from "./update.ts";

const TOP: readonly Command[] = [
  ...[
    attach,
    cp,
    create,
    exec,
    history,
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
  ...[start, stop, tag, top, unpause, update, version, wait],
];

const renamed = (command: Command, name: string): Command => ({ ...command, name });

/** Management commands and their parts. */
const GROUPS: ReadonlyMap<string, readonly Command[]> = new Map([
  ["network", [networkConnect, networkCreate, networkDisconnect, networkInspect, networkLs, networkPrune, networkRm]],
  [
    "container",
    [
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
        update,
        wait,
      ].map((command) => renamed(command, `container ${command.name}`)),
      inspectKind("container"),
      renamed(ps, "container ls"),
      containerPrune,
    ],
  ],
  [
    "image",
    [
      inspectKind("image"),
      renamed(images, "image ls"),
      renamed(history, "image history"),
      imagePrune,
      renamed(pull, "image pull"),
      renamed(rmi, "image rm"),
      renamed(tag, "image tag"),
    ],
  ],
  ["system", [renamed(info, "system info"), systemPrune]],
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

/** Names of the commands, or of a group's: for completion. */
export function commandNames(group?: string): string[] {
  if (group === undefined) return ["compose", ...GROUPS.keys(), ...TOP.map(({ name }) => name)].sort();
  return GROUPS.get(group)?.map(({ name }) => name.slice(group.length + 1)) ?? [];
}

/** The command that words begin with, if they name one. */
export function commandOf(words: readonly string[]): Command | undefined {
  const group = GROUPS.get(words[0]!);
  if (!group) return TOP.find(({ name }) => name === words[0]);
  const full = `${words[0]} ${words[1]}`;
  return group.find(({ name }) => name === (ALIASES.get(full) ?? full));
}

/** The program `docker`. */
export function* docker(proc: Process): Task<number> {
  const daemon = startDocker(hostOf(proc));
  yield* sleep(daemon.generation.costs.clientBefore);
  const status = yield* dispatch(proc, daemon, proc.argv.slice(1));
  yield* sleep(daemon.generation.costs.clientAfter);
  return status;
}

function* dispatch(proc: Process, daemon: Daemon, all: readonly string[]): Task<number> {
  const { client, name: generation } = daemon.generation;
  let words = all;
  let global: GlobalFlags;
  try {
    global = globalFlags(all);
    words = all.slice(global.count);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    yield* proc.printError(client.badFlag("", error.message, "[OPTIONS] COMMAND [ARG...]"));
    if (generation === "20") yield* proc.printError(`${mainHelp(generation, true)}\n`);
    return 125;
  }
  const first = words[0];
  if (global.version) {
    yield* proc.print(`Docker version ${client.version}, build ${client.gitCommit}\n`);
    return 0;
  }
  if (first === undefined && !global.help && client.bareHelp === "stderr") {
    yield* proc.printError(mainHelp(generation, false));
    return 0;
  }
  if (first === undefined || global.help || (first === "help" && words.length === 1)) {
    yield* proc.print(mainHelp(generation, false));
    return 0;
  }
  if (first === "help") return yield* help(proc, daemon, words.slice(1));
  if (first === "compose") {
    const { compose } = yield* external(import("../compose/compose.ts"));
    return yield* compose(proc, daemon, words.slice(1));
  }
  const group = GROUPS.get(first);
  if (group) return yield* dispatchGroup(proc, daemon, first, group, words.slice(1));
  const command = TOP.find(({ name }) => name === first);
  if (command) return yield* runCommand(proc, daemon, command, words.slice(1));
  if (isAbsent("docker", first)) return yield* refuse(proc, first);
  yield* proc.printError(client.unknownCommand(first));
  return 1;
}

/** Does some generation of Docker know that command? */
function isAbsent(group: string, name: string): boolean {
  return (["20", "28"] as const).some((generation) =>
    listingOf(group, generation)!.commands.some((command) => command.name === name),
  );
}

function* refuse(proc: Process, command: string): Task<number> {
  yield* proc.printError(`vethlab does not support 'docker ${command}'\n`);
  return 1;
}

interface GlobalFlags {
  /** how many words they are */
  readonly count: number;
  readonly help: boolean;
  readonly version: boolean;
}

/** The flags before the command. Throws FlagError. */
function globalFlags(words: readonly string[]): GlobalFlags {
  const known = [
    ...[bool("debug", "D", ""), bool("help", "h", ""), string("log-level", "l", ""), bool("version", "v", "")],
    ...unsupported("config context:c host:H tls! tlscacert tlscert tlskey tlsverify!"),
  ];
  const { flags, args } = parseFlags(words, known, false);
  const level = flags.string("log-level", "info");
  if (!/^(debug|info|warn|warning|error|fatal|panic)$/.test(level))
    throw new FlagError(`Unable to parse logging level: ${level}`);
  return { count: words.length - args.length, help: flags.bool("help"), version: flags.bool("version") };
}

/** `docker help COMMAND` */
function* help(proc: Process, daemon: Daemon, topic: readonly string[]): Task<number> {
  const { name: generation } = daemon.generation;
  const [first, second] = topic as [string, string | undefined];
  const group = GROUPS.get(first);
  const full = ALIASES.get(`${first} ${second}`) ?? `${first} ${second}`;
  const command = group ? group.find(({ name }) => name === full) : TOP.find(({ name }) => name === first);
  if (command) yield* proc.print(commandHelp(command.name, generation));
  else if (group) yield* proc.print(groupHelp(first, generation));
  else if (isAbsent("docker", first)) return yield* refuse(proc, first);
  else {
    yield* proc.printError(`unknown help topic: ${topic.join(" ")}\n`);
    return 1;
  }
  return 0;
}

function* dispatchGroup(
  proc: Process,
  daemon: Daemon,
  name: string,
  group: readonly Command[],
  words: readonly string[],
): Task<number> {
  const { name: generation, client } = daemon.generation;
  const second = words[0];
  const text = groupHelp(name, generation);
  if (second === undefined || second === "--help" || second === "-h") {
    yield* second === undefined && client.bareHelp === "stderr" ? proc.printError(text) : proc.print(text);
    return 0;
  }
  if (second.startsWith("-")) {
    const message = second.startsWith("--")
      ? `unknown flag: ${second.split("=")[0]}`
      : `unknown shorthand flag: '${second[1]}' in ${second}`;
    yield* proc.printError(client.badFlag(name, message, `${name} COMMAND`));
    if (generation === "20") yield* proc.printError(`${text}\n`);
    return 125;
  }
  const full = ALIASES.get(`${name} ${second}`) ?? `${name} ${second}`;
  const command = group.find((candidate) => candidate.name === full);
  if (command) return yield* runCommand(proc, daemon, command, words.slice(1));
  if (isAbsent(name, second)) return yield* refuse(proc, `${name} ${second}`);
  if (generation === "20") yield* proc.printError(text);
  else
    yield* proc.printError(
      `docker: unknown command: docker ${name} ${second}\n\nUsage:  docker ${name}\n\nRun 'docker ${name} --help' for more information\n`,
    );
  return 1;
}

function* runCommand(proc: Process, daemon: Daemon, command: Command, words: readonly string[]): Task<number> {
  const { client, name: generation } = daemon.generation;
  const usage = usageOf(command.name, generation);
  let parsed: ReturnType<typeof parseFlags>;
  try {
    parsed = parseFlags(words, flagsOf(command, generation), command.stopAtArgument !== true);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    yield* proc.printError(client.badFlag(command.name, client.flagError(error.message), usage));
    return 125;
  }
  if (parsed.flags.bool("help")) {
    yield* proc.print(commandHelp(command.name, generation));
    return 0;
  }
  const { min, max } = command.args;
  const count = parsed.args.length;
  if (count < min || (max !== undefined && count > max)) {
    const { summary } = pageOf(command.name, generation);
    yield* proc.printError(client.wrongArguments(command.name, argumentRule(min, max), usage, summary));
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

/** "requires at least 1 argument", as cobra's checks say it */
function argumentRule(min: number, max: number | undefined): string {
  const counted = (count: number) => `${count} argument${count === 1 ? "" : "s"}`;
  if (max === 0) return "accepts no arguments";
  if (max === min) return `requires exactly ${counted(min)}`;
  if (max === undefined) return `requires at least ${counted(min)}`;
  if (min === 0) return `requires at most ${counted(max)}`;
  return `requires at least ${min} and at most ${counted(max)}`;
}
