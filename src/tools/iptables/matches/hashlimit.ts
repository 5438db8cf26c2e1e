// Text of the match hashlimit (extensions/libxt_hashlimit.c, revision 3).

import {
  type HashlimitInfo,
  hashlimitBytesToCost,
  hashlimitCostToBytes,
  XT_HASHLIMIT_BYTES,
  XT_HASHLIMIT_HASH_DIP,
  XT_HASHLIMIT_HASH_DPT,
  XT_HASHLIMIT_HASH_SIP,
  XT_HASHLIMIT_HASH_SPT,
  XT_HASHLIMIT_INVERT,
  XT_HASHLIMIT_RATE_MATCH,
} from "../../../net/netfilter/matches/hashlimit.ts";
import type { OptionCall, UserExtension } from "../extension.ts";
import { atoi, parameterProblem, strtouiPrefix } from "../xtables.ts";
import { printRate, rateUnit } from "./limit.ts";

const SCALE = 1000000;
const BURST_MAX = 1000000;
const BYTE_EXPIRE = 15;
const BYTE_EXPIRE_BURST = 60;

const MODES: readonly (readonly [string, number])[] = [
  ["srcip", XT_HASHLIMIT_HASH_SIP],
  ["srcport", XT_HASHLIMIT_HASH_SPT],
  ["dstip", XT_HASHLIMIT_HASH_DIP],
  ["dstport", XT_HASHLIMIT_HASH_DPT],
];

/** The data, and seconds that an idle entry lives by default: the unit of its rate. */
interface Draft extends HashlimitInfo {
  mult?: number;
}

function factorOf(letter: string | undefined): number {
  return letter === "m" ? 1024 * 1024 : letter === "k" ? 1024 : 1;
}

function parseRate({ arg, option }: OptionCall<Draft>, info: Draft): void {
  const at = arg.indexOf("b/s");
  if (at > 0 && atoi(arg) !== 0) {
    info.avg = hashlimitBytesToCost(atoi(arg) * factorOf(arg[at - 1]));
    if (info.avg === 0) parameterProblem(`Rate too high "${arg}"`);
    info.mode |= XT_HASHLIMIT_BYTES;
    info.mult = BYTE_EXPIRE;
    return;
  }
  const slash = arg.indexOf("/");
  const unit = slash < 0 ? 1 : rateUnit(arg.slice(slash + 1));
  const rate = atoi(arg);
  if (unit === undefined || rate === 0) parameterProblem(`hashlimit: Bad value for "--${option}" option: "${arg}"`);
  info.avg = Math.floor((SCALE * unit) / rate);
  info.mult = unit;
  if (info.avg === 0) parameterProblem(`Rate too fast "${arg}"`);
}

function parseBurst(arg: string): number {
  const number = strtouiPrefix(arg, 1, Number.MAX_SAFE_INTEGER);
  if (!number || (number.rest === "" && number.value > BURST_MAX))
    parameterProblem(`bad value for option "--hashlimit-burst", or out of range (1-${BURST_MAX}).`);
  return number.value * factorOf(number.rest[0]);
}

function parseMode(arg: string): number {
  let mode = 0;
  for (const word of arg.split(/[,|]/).filter((w) => w !== "")) {
    const found = MODES.find(([name]) => name === word);
    if (!found) parameterProblem(`hashlimit: Bad value for "--hashlimit-mode" option: "${arg}"`);
    mode |= found[1];
  }
  return mode;
}

function check(info: Draft, used: ReadonlySet<string>): void {
  if (!used.has("hashlimit-upto") && !used.has("hashlimit-above")) parameterProblem("You have to specify --hashlimit");
  const hasExpire = used.has("hashlimit-htable-expire");
  const mult = info.mult ?? 1;
  if (!hasExpire) info.expire = mult * 1000;
  delete info.mult;
  checkBurst(info, used.has("hashlimit-burst"), hasExpire);
  if (!(info.mode & XT_HASHLIMIT_RATE_MATCH)) return;
  const bytes = (info.mode & XT_HASHLIMIT_BYTES) !== 0;
  if (!bytes) info.avg = Math.floor(info.avg / mult);
  if (info.interval === 0) info.interval = bytes ? 1 : mult;
}

function checkBurst(info: Draft, hasBurst: boolean, hasExpire: boolean): void {
  if (!(info.mode & XT_HASHLIMIT_BYTES)) {
    if (info.burst > BURST_MAX)
      parameterProblem(`bad value for option "--hashlimit-burst", or out of range (1-${BURST_MAX}).`);
    return;
  }
  if (!hasBurst) {
    info.burst = 0;
    return;
  }
  const rate = hashlimitCostToBytes(info.avg);
  if (info.burst < rate) parameterProblem(`burst cannot be smaller than ${rate}b`);
  info.burst = Math.ceil(info.burst / rate);
  if (!hasExpire) info.expire = BYTE_EXPIRE_BURST * 1000;
}

const UNITS: readonly (readonly [string, number])[] = [
  ["m", 1024 * 1024],
  ["k", 1024],
  ["", 1],
];

function byteRate({ avg, burst }: HashlimitInfo, prefix: string): { text: string; expire: number } {
  const rate = hashlimitCostToBytes(avg);
  const [name, size] =
    UNITS.slice(0, 2).find(([, unit]) => rate >= unit && hashlimitBytesToCost(rate - (rate % unit)) === avg) ??
    UNITS[2]!;
  let text = ` ${Math.floor(rate / size)}${name}b/s`;
  if (burst === 0) return { text, expire: BYTE_EXPIRE * 1000 };
  const bytes = rate * burst;
  const [burstName, burstSize] = UNITS.slice(0, 2).find(([, unit]) => bytes >= unit) ?? UNITS[2]!;
  text += ` ${prefix}burst ${Math.floor(bytes / burstSize)}${burstName}b`;
  return { text, expire: BYTE_EXPIRE_BURST * 1000 };
}

function details(info: HashlimitInfo, prefix: string, separator: string): string {
  let text: string;
  let quantum: number;
  if (info.mode & XT_HASHLIMIT_BYTES) {
    const rate = byteRate(info, prefix);
    text = rate.text;
    quantum = rate.expire;
  } else {
    // as it shows a rate that is looked at over an interval, -L takes it times that
    const rate = printRate(prefix === "" && info.interval !== 0 ? info.avg * info.interval : info.avg, SCALE);
    text = ` ${rate.text}`;
    text += ` ${prefix}burst ${info.burst}`;
    quantum = rate.seconds * 1000;
  }
  const modes = MODES.filter(([, bit]) => info.mode & bit).map(([name]) => name);
  if (modes.length > 0) text += ` ${prefix}mode ${modes.join(separator)}`;
  if (prefix !== "") text += ` ${prefix}name ${info.name}`;
  if (info.size !== 0) text += ` ${prefix}htable-size ${info.size}`;
  if (info.max !== 0) text += ` ${prefix}htable-max ${info.max}`;
  if (info.gcInterval !== 1000) text += ` ${prefix}htable-gcinterval ${info.gcInterval}`;
  if (info.expire !== quantum) text += ` ${prefix}htable-expire ${info.expire}`;
  if (info.srcmask !== 32) text += ` ${prefix}srcmask ${info.srcmask}`;
  if (info.dstmask !== 32) text += ` ${prefix}dstmask ${info.dstmask}`;
  if (!(info.mode & XT_HASHLIMIT_RATE_MATCH)) return text;
  text += ` ${prefix}rate-match`;
  if (info.interval !== 1) text += ` ${prefix}rate-interval ${info.interval}`;
  return text;
}

export const hashlimit: UserExtension<Draft> = {
  name: "hashlimit",
  options: [
    { name: "hashlimit-upto", aliases: ["hashlimit"], type: "string", invert: true, excl: ["hashlimit-above"] },
    { name: "hashlimit-above", type: "string", invert: true, excl: ["hashlimit-upto"] },
    { name: "hashlimit-srcmask", type: "plen" },
    { name: "hashlimit-dstmask", type: "plen" },
    { name: "hashlimit-burst", type: "string" },
    { name: "hashlimit-htable-size", type: "u32" },
    { name: "hashlimit-htable-max", type: "u32" },
    { name: "hashlimit-htable-gcinterval", type: "u32" },
    { name: "hashlimit-htable-expire", type: "u32" },
    { name: "hashlimit-mode", type: "string" },
    { name: "hashlimit-name", type: "string", mandatory: true, min: 1 },
    { name: "hashlimit-rate-match", type: "none" },
    { name: "hashlimit-rate-interval", type: "string" },
  ],
  init: () => ({
    name: "",
    mode: 0,
    avg: 0,
    burst: 5,
    size: 0,
    max: 0,
    gcInterval: 1000,
    expire: 0,
    srcmask: 32,
    dstmask: 32,
    interval: 0,
  }),
  parse(call) {
    const { info, option, num, arg, invert } = call;
    if (option === "hashlimit-upto" || option === "hashlimit-above") {
      if (invert === (option === "hashlimit-upto")) info.mode |= XT_HASHLIMIT_INVERT;
      parseRate(call, info);
    } else if (option === "hashlimit-burst") info.burst = parseBurst(arg);
    else if (option === "hashlimit-mode") info.mode |= parseMode(arg);
    else if (option === "hashlimit-name") info.name = arg.slice(0, 254);
    else if (option === "hashlimit-srcmask") info.srcmask = num;
    else if (option === "hashlimit-dstmask") info.dstmask = num;
    else if (option === "hashlimit-rate-match") info.mode |= XT_HASHLIMIT_RATE_MATCH;
    else if (option === "hashlimit-rate-interval") {
      info.interval = atoi(arg);
      if (info.interval <= 0) parameterProblem(`hashlimit: Bad value for "--hashlimit-rate-interval" option: "${arg}"`);
    } else if (option === "hashlimit-htable-size") info.size = num;
    else if (option === "hashlimit-htable-max") info.max = num;
    else if (option === "hashlimit-htable-gcinterval") info.gcInterval = num;
    else info.expire = num;
  },
  check,
  print: (info) => ` limit: ${info.mode & XT_HASHLIMIT_INVERT ? "above" : "up to"}${details(info, "", "-")}`,
  save: (info) =>
    ` --hashlimit-${info.mode & XT_HASHLIMIT_INVERT ? "above" : "upto"}${details(info, "--hashlimit-", ",")}`,
};
