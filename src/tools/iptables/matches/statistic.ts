// Text of the match statistic (extensions/libxt_statistic.c).

import {
  type StatisticInfo,
  XT_STATISTIC_MODE_NTH,
  XT_STATISTIC_MODE_RANDOM,
} from "../../../net/netfilter/matches/statistic.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem } from "../xtables.ts";

function text(info: StatisticInfo, prefix: string): string {
  const not = info.invert ? " !" : "";
  if (info.mode === XT_STATISTIC_MODE_RANDOM)
    return ` ${prefix}mode random${not} ${prefix}probability ${(info.probability / 0x80000000).toFixed(11)}`;
  const packet = info.packet !== 0 || prefix !== "" ? ` ${prefix}packet ${info.packet}` : "";
  return ` ${prefix}mode nth${not} ${prefix}every ${info.every + 1}${packet}`;
}

export const statistic: UserExtension<StatisticInfo> = {
  name: "statistic",
  options: [
    { name: "mode", type: "string", mandatory: true },
    { name: "probability", type: "double", invert: true, min: 0, max: 1, excl: ["every", "packet"] },
    { name: "every", type: "u32", invert: true, min: 1, excl: ["probability"], also: ["packet"] },
    { name: "packet", type: "u32", excl: ["probability"], also: ["every"] },
  ],
  init: () => ({ mode: XT_STATISTIC_MODE_RANDOM, invert: false, probability: 0, every: 0, packet: 0 }),
  parse({ info, option, arg, num, invert }) {
    if (invert) info.invert = true;
    if (option === "mode") {
      if (arg === "random") info.mode = XT_STATISTIC_MODE_RANDOM;
      else if (arg === "nth") info.mode = XT_STATISTIC_MODE_NTH;
      else parameterProblem(`Bad mode "${arg}"`);
    } else if (option === "probability") info.probability = Math.round(0x80000000 * num);
    else if (option === "every") info.every = num - 1;
    else info.packet = num;
  },
  check(info, used) {
    if (info.mode === XT_STATISTIC_MODE_RANDOM && !used.has("probability"))
      parameterProblem("--probability must be specified when using random mode");
    if (info.mode === XT_STATISTIC_MODE_NTH && !used.has("every") && !used.has("packet"))
      parameterProblem("--every and --packet must be specified when using nth mode");
    if (info.mode === XT_STATISTIC_MODE_NTH && info.packet > info.every)
      parameterProblem("the --packet p must be 0 <= p <= n-1");
  },
  print: (info) => ` statistic${text(info, "")}`,
  save: (info) => text(info, "--"),
};
