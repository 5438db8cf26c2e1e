// Text of the match set (extensions/libxt_set.c, revision 4).

import type { CounterTest } from "../../../net/netfilter/ip-set-hash.ts";
import type { SetMatchInfo } from "../../../net/netfilter/matches/set.ts";
import type { SetSide } from "../../../net/netfilter/targets/set.ts";
import type { OptionCall, UserExtension } from "../extension.ts";
import type { NameService } from "../names.ts";
import { parameterProblem, strtoui } from "../xtables.ts";

const MAX_NAME = 31;
/** IPSET_DIM_MAX */
const MAX_DIM = 6;

type Draft = { -readonly [K in keyof SetMatchInfo]: SetMatchInfo[K] };

/** "NAME src,dst": the option's argument and the word after it, as a set's number with its flags. */
export function parseSetSide(name: string, next: string | undefined, option: string, names: NameService): SetSide {
  if (next === undefined) parameterProblem(`--${option} requires two args.`);
  if (name.length > MAX_NAME) parameterProblem(`setname \`${name}' too long, max ${MAX_NAME} characters.`);
  const index = names.setIndex(name);
  if (index < 0) parameterProblem(`Set ${name} doesn't exist.\n`);
  const words = next.split(",");
  let flags = 0;
  let dim = 0;
  for (const word of words) {
    if (dim === MAX_DIM) parameterProblem(`Can't be more src/dst options than ${MAX_DIM}.`);
    dim++;
    if (word.startsWith("src")) flags |= 1 << dim;
    else if (!word.startsWith("dst"))
      parameterProblem("You must spefify (the comma separated list of) 'src' or 'dst'.");
  }
  return { index, dim, flags };
}

export function setSideText({ index, dim, flags }: SetSide, names: NameService): string {
  const words = Array.from({ length: dim }, (_, i) => (flags & (2 << i) ? "src" : "dst"));
  return `${names.setName(index)} ${words.join(",")}`;
}

function parseCounter({ info, option, arg, invert }: OptionCall<Draft>): void {
  const [side, op] = option.split("-") as ["packets" | "bytes", "eq" | "lt" | "gt"];
  if (info[side].op !== "none") parameterProblem(`only one of the --${side}-[eq|lt|gt] is allowed`);
  if (invert && op !== "eq") parameterProblem(`--${option} option cannot be inverted`);
  const value = strtoui(arg, 0, Number.MAX_SAFE_INTEGER) ?? parameterProblem(`Cannot parse ${arg} as a counter value`);
  info[side] = { op: invert ? "ne" : op, value };
}

function counterText({ op, value }: CounterTest, name: string, prefix: string): string {
  if (op === "none") return "";
  return op === "ne" ? ` ! ${prefix}${name}-eq ${value}` : ` ${prefix}${name}-${op} ${value}`;
}

function text(info: SetMatchInfo, prefix: string, names: NameService): string {
  let line = `${info.invert ? " !" : ""} ${prefix}match-set ${setSideText(info, names)}`;
  if (info.returnNomatch) line += ` ${prefix}return-nomatch`;
  if (info.skipCounters) line += ` ! ${prefix}update-counters`;
  if (info.skipSubcounters) line += ` ! ${prefix}update-subcounters`;
  return line + counterText(info.packets, "packets", prefix) + counterText(info.bytes, "bytes", prefix);
}

export const set: UserExtension<Draft> = {
  name: "set",
  raw: true,
  options: [
    { name: "match-set", type: "string" },
    { name: "set", type: "string" },
    { name: "return-nomatch", type: "none" },
    { name: "update-counters", type: "none" },
    { name: "update-subcounters", type: "none" },
    ...["packets-eq", "packets-lt", "packets-gt", "bytes-eq", "bytes-lt", "bytes-gt"].map((name) => ({
      name,
      type: "string" as const,
    })),
  ],
  init: () => ({
    index: -1,
    dim: 0,
    flags: 0,
    invert: false,
    returnNomatch: false,
    skipCounters: false,
    skipSubcounters: false,
    packets: { op: "none", value: 0 },
    bytes: { op: "none", value: 0 },
  }),
  parse(call) {
    const { info, option, arg, invert, names, output } = call;
    if (option === "set") output.err += "--set option deprecated, please use --match-set\n";
    if (option === "match-set" || option === "set") {
      if (info.dim > 0) parameterProblem("--match-set can be specified only once");
      if (invert) info.invert = true;
      Object.assign(info, parseSetSide(arg, call.nextArg(), "match-set", names));
    } else if (option === "return-nomatch") {
      if (invert) parameterProblem("--return-nomatch flag cannot be inverted");
      info.returnNomatch = true;
    } else if (option === "update-counters") info.skipCounters ||= invert;
    else if (option === "update-subcounters") info.skipSubcounters ||= invert;
    else parseCounter(call);
  },
  check(_info, used) {
    if (!used.has("match-set") && !used.has("set"))
      parameterProblem("You must specify `--match-set' with proper arguments");
  },
  print: (info, { names }) => text(info, "", names),
  save: (info, { names }) => text(info, "--", names),
};
