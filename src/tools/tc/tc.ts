// tc(8) of iproute2 6.1: queueing disciplines at a device's root. Classes, filters, actions and chains are refused by name;
// showing them shows that there are none. Answers to iproute2's tc/tc.c.

import { netnsOf } from "../../host/host.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { type Context, deviceOrEnd, type Options } from "../ip/context.ts";
import { Args, CommandError, matches } from "../ip/lib/args.ts";
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

function parseOptions(words: readonly string[]): {
  options: Options;
  netns: string | undefined;
  words: readonly string[];
} {
  const options = newOptions();
  let netns: string | undefined;
  let i = 0;
  for (; i < words.length && words[i]!.startsWith("-"); i++) {
    const option = words[i]!;
    const is = (full: string): boolean => matches(option, full);
    if (is("-stats") || is("-statistics")) options.stats++;
    else if (is("-details")) options.details++;
    else if (is("-Version") || option === "-V") throw new CommandError("", 0);
    else if (is("-iec")) options.iec = true;
    else if (is("-help")) throw new CommandError(USAGE, 0);
    else if (is("-force")) options.force = true;
    else if (is("-netns") && option.length > 1) {
      netns = words[++i];
      if (netns === undefined) throw new CommandError('Command line is not complete. Try option "help"\n', 255);
    } else if (is("-Numeric")) options.numeric = true;
    else if (is("-timestamp") || is("-tshort")) options.timestamp = true;
    else if (is("-json")) options.json = true;
    else if (is("-pretty")) options.pretty = true;
    else if (is("-oneline")) options.oneline = true;
    else if (is("-brief")) options.brief = true;
    else if (/^-c(o(l(o(r)?)?)?)?(=(never|auto))?$/.test(option)) continue;
    else if (["-raw", "-batch", "-names", "-nm", "-conf", "-cf"].some((full) => matches(option, full)))
      throw new CommandError(`tc: option "${option}" is not supported by vethlab\n`, 255);
    else throw new CommandError(`Option "${option}" is unknown, try "tc -help".\n`, 255);
  }
  return { options, netns, words: words.slice(i) };
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

function runObject(ctx: Context, words: readonly string[]): number {
  const [word = "", ...rest] = words;
  if (matches(word, "qdisc")) return doQdisc(ctx, rest);
  for (const object of ["class", "filter", "chain"]) if (matches(word, object)) return none(ctx, object, rest);
  for (const object of ["actions", "monitor", "exec"])
    if (matches(word, object)) throw new CommandError(`tc: object "${object}" is not supported by vethlab\n`, 1);
  if (matches(word, "help")) throw new CommandError(USAGE, 0);
  throw new CommandError(`Object "${word}" is unknown, try "tc help".\n`, 255);
}

export const tc: Program = function* (proc: Process): Task<number> {
  let status: number;
  let err = "";
  let out = new Out();
  try {
    const line = parseOptions(proc.argv.slice(1));
    const { options } = line;
    out = new Out(options);
    if (line.words.length === 0) throw new CommandError(USAGE, 0);
    const ns = line.netns === undefined ? netnsOf(proc) : switchTo(proc, line.netns);
    status = runObject({ proc, ns, options, out, err: "" }, line.words);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    err = error.text;
    status = error.status;
    if (err === "" && status === 0) out.fp("tc utility, iproute2-6.1.0, libbpf 1.1.2\n");
  }
  yield* proc.print(out.take());
  yield* proc.printError(err);
  return status;
};
