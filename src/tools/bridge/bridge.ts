// bridge(8) of iproute2 6.1: options and objects. `bridge monitor` is refused by name. Answers to iproute2's
// bridge/bridge.c.

import { netnsOf } from "../../host/host.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import type { Context, Options } from "../ip/context.ts";
import { CommandError, matches } from "../ip/lib/args.ts";
import { newOptions, runBatch, runCommand } from "../ip/lib/command.ts";
import { switchTo } from "../ip/lib/netns.ts";
import { Out } from "../ip/lib/out.ts";
import { notSupported } from "./common.ts";
import { doFdb } from "./fdb.ts";
import { doLink } from "./link.ts";
import { doMdb } from "./mdb.ts";
import { doVlan } from "./vlan.ts";

const USAGE = `Usage: bridge [ OPTIONS ] OBJECT { COMMAND | help }
       bridge [ -force ] -batch filename
where  OBJECT := { link | fdb | mdb | vlan | monitor }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] |
                    -o[neline] | -t[imestamp] | -n[etns] name |
                    -c[ompressvlans] -color -p[retty] -j[son] }
`;

const OBJECTS: readonly (readonly [string, (ctx: Context, words: readonly string[]) => number])[] = [
  ["link", doLink],
  ["fdb", doFdb],
  ["mdb", doMdb],
  ["vlan", doVlan],
  ["monitor", () => notSupported("monitor")],
  ["help", () => usage()],
];

function usage(): never {
  throw new CommandError(USAGE, 255);
}

interface CommandLine {
  readonly options: Options;
  readonly netns: string | undefined;
  readonly batch: string | undefined;
  readonly version: boolean;
  readonly words: readonly string[];
}

function parseOptions(words: readonly string[]): CommandLine {
  const options = newOptions();
  let netns: string | undefined;
  let batch: string | undefined;
  let i = 0;
  const argument = (): string => words[++i] ?? usage();
  for (; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--") {
      i++;
      break;
    }
    if (!word.startsWith("-")) break;
    const option = word.startsWith("--") ? word.slice(1) : word;
    const is = (full: string): boolean => matches(option, full);
    if (is("-help")) usage();
    else if (is("-Version")) return { options, netns, batch, version: true, words: [] };
    else if (is("-stats") || is("-statistics")) options.stats++;
    else if (is("-details")) options.details++;
    else if (is("-oneline")) options.oneline = true;
    else if (is("-timestamp")) options.timestamp = true;
    else if (is("-family")) argument();
    else if (option === "-4") options.family = "inet";
    else if (option === "-6") options.family = "inet6";
    else if (is("-netns")) netns = argument();
    else if (is("-compressvlans")) options.compressVlans = true;
    else if (/^-color=(never|auto)$/.test(option)) {
      // output is no terminal that has colours
    } else if (/^-color(=always)?$/.test(option)) notSupported(option);
    else if (is("-force")) options.force = true;
    else if (is("-json")) options.json = true;
    else if (is("-pretty")) options.pretty = true;
    else if (is("-batch")) batch = argument();
    else throw new CommandError(`Option "${option}" is unknown, try "bridge help".\n`, 255);
  }
  return { options, netns, batch, version: false, words: words.slice(i) };
}

function* runObject(ctx: Context, words: readonly string[]): Task<number> {
  const [word = "", ...rest] = words;
  const found = OBJECTS.find(([name]) => matches(word, name));
  if (!found) throw new CommandError(`Object "${word}" is unknown, try "bridge help".\n`, 255);
  return found[1](ctx, rest);
}

export const bridge: Program = function* (proc: Process): Task<number> {
  try {
    const { options, netns, batch, version, words } = parseOptions(proc.argv.slice(1));
    if (version) {
      yield* proc.print("bridge utility, 6.1.0\n");
      return 0;
    }
    const ns = netns === undefined ? netnsOf(proc) : switchTo(proc, netns);
    const ctx: Context = { proc, ns, options, out: new Out(options), err: "" };
    if (batch !== undefined) return yield* runBatch(ctx, batch, runObject);
    if (words.length === 0) usage();
    return yield* runCommand(ctx, words, runObject);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    yield* proc.printError(error.text);
    return error.status;
  }
};
