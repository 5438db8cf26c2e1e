// Texts of the matches tcpmss and rpfilter (extensions/libxt_tcpmss.c, libxt_rpfilter.c).

import {
  type RpfilterInfo,
  XT_RPFILTER_ACCEPT_LOCAL,
  XT_RPFILTER_INVERT,
  XT_RPFILTER_LOOSE,
  XT_RPFILTER_VALID_MARK,
} from "../../../net/netfilter/matches/rpfilter.ts";
import type { TcpmssInfo } from "../../../net/netfilter/matches/tcpmss.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem } from "../xtables.ts";

const rangeText = (min: number, max: number): string => (min === max ? String(min) : `${min}:${max}`);

export const tcpmss: UserExtension<TcpmssInfo> = {
  name: "tcpmss",
  options: [{ name: "mss", type: "u16rc", mandatory: true, invert: true }],
  init: () => ({ min: 0, max: 0, invert: false }),
  parse({ info, range, count, invert }) {
    info.min = range[0];
    info.max = count === 2 ? range[1] : range[0];
    if (info.max < info.min) parameterProblem("tcpmss: invalid range given");
    if (invert) info.invert = true;
  },
  print: ({ min, max, invert }) => ` tcpmss match ${invert ? "!" : ""}${rangeText(min, max)}`,
  save: ({ min, max, invert }) => `${invert ? " !" : ""} --mss ${rangeText(min, max)}`,
};

const RPF_FLAGS: ReadonlyMap<string, number> = new Map([
  ["loose", XT_RPFILTER_LOOSE],
  ["validmark", XT_RPFILTER_VALID_MARK],
  ["accept-local", XT_RPFILTER_ACCEPT_LOCAL],
  ["invert", XT_RPFILTER_INVERT],
]);

function rpfilterText({ flags }: RpfilterInfo, prefix: string): string {
  return [...RPF_FLAGS]
    .filter(([, bit]) => flags & bit)
    .map(([name]) => ` ${prefix}${name}`)
    .join("");
}

export const rpfilter: UserExtension<RpfilterInfo> = {
  name: "rpfilter",
  options: [...RPF_FLAGS.keys()].map((name) => ({ name, type: "none" as const })),
  init: () => ({ flags: 0 }),
  parse({ info, option }) {
    info.flags |= RPF_FLAGS.get(option)!;
  },
  print: (info) => ` rpfilter${rpfilterText(info, "")}`,
  save: (info) => rpfilterText(info, "--"),
};
