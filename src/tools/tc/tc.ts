// tc(8) of iproute2 6.1: queueing disciplines at a device's root. Classes, filters, actions and chains are refused by name;
// showing them shows that there are none. Answers to iproute2's tc/tc.c.

import { netnsOf } from "../../host/host.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { type Context, deviceOrEnd, type Options } from "../ip/context.ts";
import { Args, CommandError, matches } from "../ip/lib/args.ts";
import { newOptions, runBatch, runCommand } from "../ip/lib/command.ts";
import { switchTo } from "../ip/lib/netns.ts";
import { Out } from "../ip/lib/out.ts";
import { doQdisc } from "./qdisc.ts";

const USAGE = `Usage:\ttc [ OPTIONS ] OBJECT { COMMAND | help }
\ttc [-force] -batch filename
where  OBJECT := { qdisc | class | filter | chain |
\t\t    action | monitor | exec }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -r[aw] |
\t\t    -o[neline] | -j[son] | -p[retty] | -c[olor]
\t\t    -b[atch] [filename] | -n[etns] name | -N[umeric] |
\t\t     -nm | -nam[es] | { -cf | -conf } path
\t\t     -br[ief] }
`;

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
  const argument = (): string => {
    const word = words[++i];
    if (word === undefined) throw new CommandError('Command line is not complete. Try option "help"\n', 255);
    return word;
  };
  for (; i < words.length && words[i]!.startsWith("-"); i++) {
    const option = words[i]!;
    const is = (full: string): boolean => matches(option, full);
    if (is("-stats") || is("-statistics")) options.stats++;
    else if (is("-details")) options.details++;
    else if (is("-Version")) return { options, netns, batch, version: true, words: [] };
    else if (is("-iec")) options.iec = true;
    else if (is("-help")) throw new CommandError(USAGE, 0);
    else if (is("-force")) options.force = true;
    else if (is("-netns")) netns = argument();
    else if (is("-batch")) batch = argument();
    else if (is("-Numeric")) options.numeric = true;
    else if (is("-timestamp") || is("-tshort")) options.timestamp = true;
    else if (is("-json")) options.json = true;
    else if (is("-pretty")) options.pretty = true;
    else if (is("-oneline")) options.oneline = true;
    else if (is("-brief")) options.brief = true;
    else if (/^-c(o(l(o(r)?)?)?)?(=(never|auto))?$/.test(option)) continue;
    else if (["-raw", "-names", "-nm", "-conf", "-cf"].some((full) => matches(option, full)))
      throw new CommandError(`tc: option "${option}" is not supported by vethlab\n`, 255);
    else throw new CommandError(`Option "${option}" is unknown, try "tc -help".\n`, 255);
  }
  return { options, netns, batch, version: false, words: words.slice(i) };
}

/** tc class, filter, chain, actions: there are none to show, and none can be made. */
function none(ctx: Context, object: string, words: readonly string[]): number {
  const verb = words[0] ?? "list";
  const args = new Args(words.slice(1));
  if (!matches(verb, "list") && !matches(verb, "show") && !matches(verb, "lst"))
    throw new CommandError(`tc ${object}: "${verb}" is not supported by vethlab\n`, 2);
  for (; !args.done; args.advance()) if (args.is("dev")) deviceOrEnd(ctx, args.next());
  ctx.out.begin();
  ctx.out.end();
  return 0;
}

function* runObject(ctx: Context, words: readonly string[]): Task<number> {
  const [word = "", ...rest] = words;
  if (matches(word, "qdisc")) return doQdisc(ctx, rest);
  for (const object of ["class", "filter", "chain"]) if (matches(word, object)) return none(ctx, object, rest);
  if (matches(word, "actions")) return none(ctx, "actions", rest);
  for (const object of ["monitor", "exec"])
    if (matches(word, object)) throw new CommandError(`tc: object "${object}" is not supported by vethlab\n`, 1);
  if (matches(word, "help")) throw new CommandError(USAGE, 0);
  throw new CommandError(`Object "${word}" is unknown, try "tc help".\n`, 255);
}

export const tc: Program = function* (proc: Process): Task<number> {
  try {
    const { options, netns, batch, version, words } = parseOptions(proc.argv.slice(1));
    if (version) {
      yield* proc.print("tc utility, iproute2-6.1.0, libbpf 1.1.2\n");
      return 0;
    }
    const ns = netns === undefined ? netnsOf(proc) : switchTo(proc, netns);
    const ctx: Context = { proc, ns, options, out: new Out(options), err: "" };
    if (batch !== undefined) return yield* runBatch(ctx, batch, runObject);
    if (words.length === 0) throw new CommandError(USAGE, 0);
    return yield* runCommand(ctx, words, runObject);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    yield* proc.printError(error.text);
    return error.status;
  }
};
