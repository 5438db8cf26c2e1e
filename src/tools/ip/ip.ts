// ip(8) of iproute2 6.1: options, objects, batches. The objects are in files of their own: link, addr, route, neigh, rule,
// netns, maddr, tcp_metrics. What iproute2 has beyond them is refused by name. Answers to iproute2's ip/ip.c.

import { netnsOf } from "../../host/host.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { doAddr } from "./addr.ts";
import type { Context, Family, Options } from "./context.ts";
import { CommandError, invarg, matches } from "./lib/args.ts";
import { newOptions, runBatch, runCommand } from "./lib/command.ts";
import { switchTo } from "./lib/netns.ts";
import { Out } from "./lib/out.ts";
import { doLink } from "./link.ts";
import { doMaddr } from "./maddr.ts";
import { doNeigh } from "./neigh.ts";
import { doNetns } from "./netns.ts";
import { doRoute } from "./route.ts";
import { doRule } from "./rule.ts";
import { doTcpMetrics } from "./tcp-metrics.ts";

const USAGE = `Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }
       ip [ -force ] -batch filename
where  OBJECT := { address | addrlabel | amt | fou | help | ila | ioam | l2tp |
                   link | macsec | maddress | monitor | mptcp | mroute | mrule |
                   neighbor | neighbour | netconf | netns | nexthop | ntable |
                   ntbl | route | rule | sr | tap | tcpmetrics |
                   token | tunnel | tuntap | vrf | xfrm }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -r[esolve] |
                    -h[uman-readable] | -iec | -j[son] | -p[retty] |
                    -f[amily] { inet | inet6 | mpls | bridge | link } |
                    -4 | -6 | -M | -B | -0 |
                    -l[oops] { maximum-addr-flush-attempts } | -br[ief] |
                    -o[neline] | -t[imestamp] | -ts[hort] | -b[atch] [filename] |
                    -rc[vbuf] [size] | -n[etns] name | -N[umeric] | -a[ll] |
                    -c[olor]}
`;
/** What differs between the releases of iproute2 that are emulated. */
export interface IproutePackage {
  /** as `ip -V` prints it */
  readonly version: string;
  /** links show a queue length of 0, too */
  readonly showsEmptyQueue: boolean;
}

export const IPROUTE_6_1: IproutePackage = { version: "iproute2-6.1.0, libbpf 1.1.2", showsEmptyQueue: false };
export const IPROUTE_7_2: IproutePackage = { version: "iproute2-7.2.0, libbpf 1.7.0", showsEmptyQueue: true };

type Handler = (ctx: Context, words: readonly string[]) => number | Task<number>;

/** In iproute2's order: the first that the word shortens is meant. Null: known, not supported. */
const OBJECTS: readonly (readonly [string, Handler | null])[] = [
  ["address", doAddr],
  ["addrlabel", null],
  ["maddress", doMaddr],
  ["route", doRoute],
  ["rule", doRule],
  ["neighbor", doNeigh],
  ["neighbour", doNeigh],
  ["ntable", null],
  ["ntbl", null],
  ["link", doLink],
  ["l2tp", null],
  ["fou", null],
  ["ila", null],
  ["macsec", null],
  ["tunnel", null],
  ["tunl", null],
  ["tuntap", null],
  ["tap", null],
  ["token", null],
  ["tcpmetrics", doTcpMetrics],
  ["tcp_metrics", doTcpMetrics],
  ["monitor", null],
  ["xfrm", null],
  ["mroute", null],
  ["mrule", null],
  ["netns", doNetns],
  ["netconf", null],
  ["vrf", null],
  ["sr", null],
  ["nexthop", null],
  ["mptcp", null],
  ["ioam", null],
  ["help", () => usage()],
  ["stats", null],
];

function usage(): never {
  throw new CommandError(USAGE, 255);
}

const FAMILIES: ReadonlyMap<string, Family> = new Map([
  ["inet", "inet"],
  ["inet6", "inet6"],
  ["link", "link"],
  ["bridge", "bridge"],
  ["mpls", "mpls"],
]);

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
    if (is("-loops")) argument();
    else if (is("-family")) {
      const name = argument();
      if (name === "help") usage();
      options.family = FAMILIES.get(name) ?? invarg("invalid protocol family", name);
    } else if (option === "-4") options.family = "inet";
    else if (option === "-6") options.family = "inet6";
    else if (option === "-0") options.family = "link";
    else if (option === "-M") options.family = "mpls";
    else if (option === "-B") options.family = "bridge";
    else if (is("-human") || is("-human-readable")) options.human = true;
    else if (is("-iec")) options.iec = true;
    else if (is("-stats") || is("-statistics")) options.stats++;
    else if (is("-details")) options.details++;
    else if (is("-resolve")) {
      // addresses of the lab have names only in /etc/hosts; iproute2 prints the number where there is none
    } else if (is("-oneline")) options.oneline = true;
    else if (is("-timestamp") || is("-tshort")) options.timestamp = true;
    else if (is("-Version")) return { options, netns, batch, version: true, words: [] };
    else if (is("-force")) options.force = true;
    else if (is("-batch")) batch = argument();
    else if (is("-brief")) options.brief = true;
    else if (is("-json")) options.json = true;
    else if (is("-pretty")) options.pretty = true;
    else if (is("-rcvbuf")) argument();
    else if (/^-c(o(l(o(r)?)?)?)?(=(never|auto))?$/.test(option)) {
      // never, or automatically: output is no terminal that has colours
    } else if (is("-help")) usage();
    else if (is("-netns")) netns = argument();
    else if (is("-Numeric")) options.numeric = true;
    else if (is("-all")) options.all = true;
    else throw new CommandError(`Option "${option}" is unknown, try "ip -help".\n`, 255);
  }
  return { options, netns, batch, version: false, words: words.slice(i) };
}

function* runObject(ctx: Context, words: readonly string[]): Task<number> {
  const [word = "", ...rest] = words;
  const found = OBJECTS.find(([name]) => matches(word, name));
  if (!found) throw new CommandError(`Object "${word}" is unknown, try "ip help".\n`, 1);
  const [name, handler] = found;
  if (!handler) throw new CommandError(`ip: object "${name}" is not supported by vethlab\n`, 1);
  const result = handler(ctx, rest);
  return typeof result === "number" ? result : yield* result;
}

/** The program of a release. */
export function ipProgram(release: IproutePackage): Program {
  return (proc) => main(proc, release);
}

/** Debian 12's. */
export const ip: Program = ipProgram(IPROUTE_6_1);

function* main(proc: Process, release: IproutePackage): Task<number> {
  let ctx: Context | undefined;
  try {
    const line = parseOptions(proc.argv.slice(1));
    if (line.version) {
      yield* proc.print(`ip utility, ${release.version}\n`);
      return 0;
    }
    const options = { ...line.options, showsEmptyQueue: release.showsEmptyQueue };
    ctx = {
      proc,
      ns: line.netns === undefined ? netnsOf(proc) : switchTo(proc, line.netns),
      options,
      out: new Out(options),
      err: "",
    };
    if (line.batch !== undefined) return yield* runBatch(ctx, line.batch, runObject);
    if (line.words.length === 0) usage();
    return yield* runCommand(ctx, line.words, runObject);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    yield* proc.printError(error.text);
    return error.status;
  }
}
