// Text of the match limit (extensions/libxt_limit.c), which iptables-nft hands to the kernel as a rate per unit of time.

import type { LimitInfo } from "../../../net/netfilter/matches/limit.ts";
import type { UserExtension } from "../extension.ts";
import { atoi, parameterProblem } from "../xtables.ts";

/** Periods are counted in ten-thousandths of a second. */
const SCALE = 10000;
const DEFAULT_BURST = 5;
const UNITS: readonly (readonly [string, number])[] = [
  ["second", 1],
  ["minute", 60],
  ["hour", 3600],
  ["day", 86400],
];
const SHOWN: readonly (readonly [string, number])[] = [
  ["day", 86400],
  ["hour", 3600],
  ["min", 60],
  ["sec", 1],
];

/** Seconds of a unit that may be abbreviated; undefined: no such unit. */
export function rateUnit(text: string): number | undefined {
  return text === "" ? undefined : UNITS.find(([name]) => name.startsWith(text.toLowerCase()))?.[1];
}

function parseRate(text: string): number {
  const slash = text.indexOf("/");
  const unit = slash < 0 ? 1 : rateUnit(text.slice(slash + 1));
  const rate = atoi(text);
  if (unit === undefined || rate === 0) parameterProblem(`bad rate "${text}"'`);
  const period = Math.floor((SCALE * unit) / rate);
  if (period === 0) parameterProblem(`Rate too fast "${text}"`);
  return period;
}

/** The unit in which a period is a whole rate, or nearly so, as index into SHOWN. */
function unitOf(period: number, scale: number): number {
  let i = 1;
  for (; i < SHOWN.length; i++) {
    const unit = SHOWN[i]![1] * scale;
    if (period > unit || Math.floor(unit / period) < unit % period) break;
  }
  return i - 1;
}

/** "3/hour" of a period in units of 1/scale s; and how many seconds its unit has. */
export function printRate(period: number, scale: number): { text: string; seconds: number } {
  if (period === 0) return { text: "inf", seconds: 0 };
  const [name, seconds] = SHOWN[unitOf(period, scale)]!;
  return { text: `${Math.floor((seconds * scale) / period)}/${name}`, seconds };
}

function fromPeriod(period: number, burst: number): LimitInfo {
  const unit = SHOWN[unitOf(period, SCALE)]![1];
  return { rate: Math.floor((unit * SCALE) / period), unit, burst };
}

function rateText({ rate, unit }: LimitInfo): string {
  return printRate(Math.floor((SCALE * unit) / rate), SCALE).text;
}

export const limit: UserExtension<LimitInfo> = {
  name: "limit",
  options: [
    { name: "limit", type: "string" },
    { name: "limit-burst", type: "u32", max: 10000 },
  ],
  init: () => fromPeriod((SCALE * 3600) / 3, DEFAULT_BURST),
  parse({ info, option, arg, num }) {
    if (option === "limit") Object.assign(info, fromPeriod(parseRate(arg), info.burst));
    else info.burst = num || DEFAULT_BURST; // NFT_LIMIT_PKT_BURST_DEFAULT
  },
  print: (info) => ` limit: avg ${rateText(info)} burst ${info.burst}`,
  save: (info) => ` --limit ${rateText(info)}${info.burst === DEFAULT_BURST ? "" : ` --limit-burst ${info.burst}`}`,
};
