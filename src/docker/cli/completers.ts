// What Tab offers after `docker`: its commands and their flags, and the names of containers, images and networks.

import { hostOf } from "../../host/host.ts";
import type { Completers, CompletionRequest, Suggestion } from "../../shell/editor/completion.ts";
import { type Daemon, startDocker } from "../daemon.ts";
import { flagsOf } from "./command.ts";
import { commandNames, commandOf } from "./docker.ts";
import type { Flag } from "./flags.ts";

type Source = (daemon: Daemon) => string[];

const containers: Source = (daemon) => [...daemon.containers.values()].map(({ name }) => name);
const running: Source = (daemon) =>
  [...daemon.containers.values()].filter((one) => one.running).map(({ name }) => name);
const stopped: Source = (daemon) =>
  [...daemon.containers.values()].filter((one) => !one.running).map(({ name }) => name);
const networks: Source = (daemon) => [...daemon.net.networks.values()].map(({ name }) => name);
const images: Source = (daemon) =>
  daemon.images.list().flatMap(({ tags }) => tags.map((tag) => tag.replace(/:latest$/, "")));

/** By the command's last word: what its arguments are; the last source repeats. */
const ARGUMENTS: ReadonlyMap<string, readonly Source[]> = new Map<string, readonly Source[]>([
  ...["attach", "kill", "pause", "port", "stop", "top", "unpause"].map((name): [string, Source[]] => [name, [running]]),
  ...["rm", "logs", "restart", "rename", "wait"].map((name): [string, Source[]] => [name, [containers]]),
  ["start", [stopped]],
  ["inspect", [(daemon) => [...containers(daemon), ...images(daemon), ...networks(daemon)]]],
  ["rmi", [images]],
  ["tag", [images]],
  ["pull", [images]],
  ["images", [images]],
  ["network rm", [networks]],
  ["network inspect", [networks]],
  ["network connect", [networks, containers]],
  ["network disconnect", [networks, running]],
  ["image rm", [images]],
  ["image inspect", [images]],
]);

/** Values of flags. */
const VALUES: ReadonlyMap<string, Source> = new Map<string, Source>([
  ["network", (daemon) => [...networks(daemon), ...running(daemon).map((name) => `container:${name}`)]],
  ["net", (daemon) => [...networks(daemon), ...running(daemon).map((name) => `container:${name}`)]],
  ["link", running],
  ["volumes-from", containers],
]);

function docker({ proc, words, word }: CompletionRequest): Suggestion {
  const daemon = startDocker(hostOf(proc));
  const [, first, second] = words;
  if (first === undefined) return commandNames();
  if (first === "compose") return second === undefined ? ["up", "down", "ps", "logs", "exec", "config"] : "files";
  const command = commandOf(words.slice(1));
  if (!command) return second === undefined ? commandNames(first) : "files";
  const depth = command.name.split(" ").length;
  const rest = words.slice(1 + depth);
  const flags = flagsOf(command, daemon.generation.name);
  const flag = flagOf(flags, rest.at(-1));
  if (flag && flag.kind !== "bool") return VALUES.get(flag.name)?.(daemon) ?? "files";
  const operands = positionals(flags, rest);
  if (command.stopAtArgument && operands.length > 0) {
    // the command inside: what the image has is not looked up
    return "files";
  }
  if (word.startsWith("-"))
    return flags.filter((each) => !each.unsupported && !each.hidden).map((each) => `--${each.name}`);
  if (command.stopAtArgument) return /exec$/.test(command.name) ? running(daemon) : images(daemon);
  const sources = ARGUMENTS.get(command.name) ?? ARGUMENTS.get(command.name.split(" ").at(-1)!);
  if (!sources) return "files";
  return sources[Math.min(operands.length, sources.length - 1)]!(daemon);
}

function flagOf(flags: readonly Flag[], text: string | undefined) {
  if (text === undefined || !text.startsWith("-") || text.includes("=")) return undefined;
  if (text.startsWith("--")) return flags.find(({ name }) => name === text.slice(2));
  return flags.find(({ short }) => short !== "" && short === text.at(-1));
}

/** Arguments that are neither flags nor their values. */
function positionals(flags: readonly Flag[], words: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const text = words[i]!;
    if (!text.startsWith("-")) {
      out.push(text);
      continue;
    }
    const flag = flagOf(flags, text);
    if (flag && flag.kind !== "bool") i++;
  }
  return out;
}

export const dockerCompleters: Completers = new Map([["docker", docker]]);
