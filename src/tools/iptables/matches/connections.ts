// Texts of the matches that count what connections do: connlimit, connbytes, quota (extensions/libxt_connlimit.c,
// libxt_connbytes.c, libxt_quota.c).

import {
  type ConnbytesInfo,
  XT_CONNBYTES_AVGPKT,
  XT_CONNBYTES_BYTES,
  XT_CONNBYTES_DIR_BOTH,
  XT_CONNBYTES_DIR_ORIGINAL,
  XT_CONNBYTES_DIR_REPLY,
  XT_CONNBYTES_PKTS,
} from "../../../net/netfilter/matches/connbytes.ts";
import {
  type ConnlimitInfo,
  XT_CONNLIMIT_DADDR,
  XT_CONNLIMIT_INVERT,
} from "../../../net/netfilter/matches/connlimit.ts";
import type { QuotaInfo } from "../../../net/netfilter/matches/quota.ts";
import { maskToPrefix } from "../../../wire/addr.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem } from "../xtables.ts";

export const connlimit: UserExtension<ConnlimitInfo> = {
  name: "connlimit",
  options: [
    { name: "connlimit-upto", type: "u32", invert: true, excl: ["connlimit-above"] },
    { name: "connlimit-above", type: "u32", invert: true, excl: ["connlimit-upto"] },
    { name: "connlimit-mask", type: "plenmask" },
    { name: "connlimit-saddr", type: "none", excl: ["connlimit-daddr"] },
    { name: "connlimit-daddr", type: "none", excl: ["connlimit-saddr"] },
  ],
  init: () => ({ mask: 0xffffffff, limit: 0, flags: 0 }),
  parse({ info, option, num, mask, invert }) {
    if (option === "connlimit-mask") info.mask = mask;
    else if (option === "connlimit-saddr") info.flags &= ~XT_CONNLIMIT_DADDR;
    else if (option === "connlimit-daddr") info.flags |= XT_CONNLIMIT_DADDR;
    else {
      info.limit = num;
      if (invert === (option === "connlimit-above")) info.flags |= XT_CONNLIMIT_INVERT;
    }
  },
  check(_info, used) {
    if (!used.has("connlimit-upto") && !used.has("connlimit-above"))
      parameterProblem('You must specify "--connlimit-above" or "--connlimit-upto".');
  },
  print: ({ mask, limit, flags }) =>
    ` #conn ${flags & XT_CONNLIMIT_DADDR ? "dst" : "src"}/${maskToPrefix(mask) ?? 32} ${flags & XT_CONNLIMIT_INVERT ? "<=" : ">"} ${limit}`,
  save: ({ mask, limit, flags }) =>
    ` --connlimit-${flags & XT_CONNLIMIT_INVERT ? "upto" : "above"} ${limit} --connlimit-mask ${maskToPrefix(mask) ?? 32}` +
    ` --connlimit-${flags & XT_CONNLIMIT_DADDR ? "daddr" : "saddr"}`,
};

const DIRECTIONS: ReadonlyMap<string, number> = new Map([
  ["original", XT_CONNBYTES_DIR_ORIGINAL],
  ["reply", XT_CONNBYTES_DIR_REPLY],
  ["both", XT_CONNBYTES_DIR_BOTH],
]);
const WHATS: ReadonlyMap<string, number> = new Map([
  ["packets", XT_CONNBYTES_PKTS],
  ["bytes", XT_CONNBYTES_BYTES],
  ["avgpkt", XT_CONNBYTES_AVGPKT],
]);
const keyOf = (map: ReadonlyMap<string, number>, value: number): string =>
  [...map].find(([, number]) => number === value)?.[0] ?? "unknown";

function fromTo({ from, to }: ConnbytesInfo, prefix: string): string {
  const not = from > to;
  const low = not ? to : from;
  const high = not ? from : to;
  return `${not ? " !" : ""} ${prefix}connbytes ${low}${high !== 0 && high < MAX_U64 ? `:${high}` : ""}`;
}

const MAX_U64 = 2 ** 64;

export const connbytes: UserExtension<ConnbytesInfo> = {
  name: "connbytes",
  options: [
    { name: "connbytes", type: "u64rc", mandatory: true, invert: true },
    { name: "connbytes-dir", type: "string", mandatory: true },
    { name: "connbytes-mode", type: "string", mandatory: true },
  ],
  init: () => ({ from: 0, to: 0, what: 0, direction: 0 }),
  parse({ info, option, arg, range, count, invert }) {
    if (option === "connbytes") {
      const from = range[0];
      const to = count === 2 ? range[1] : MAX_U64;
      if (to < from) parameterProblem(`${from} should be less than ${to}`);
      info.from = invert ? to : from;
      info.to = invert ? from : to;
    } else if (option === "connbytes-dir")
      info.direction = DIRECTIONS.get(arg) ?? parameterProblem(`Unknown --connbytes-dir \`${arg}'`);
    else info.what = WHATS.get(arg) ?? parameterProblem(`Unknown --connbytes-mode \`${arg}'`);
  },
  print: (info) =>
    `${fromTo(info, "")} connbytes mode ${keyOf(WHATS, info.what)} connbytes direction ${keyOf(DIRECTIONS, info.direction)}`,
  save: (info) =>
    `${fromTo(info, "--")} --connbytes-mode ${keyOf(WHATS, info.what)} --connbytes-dir ${keyOf(DIRECTIONS, info.direction)}`,
};

export const quota: UserExtension<QuotaInfo> = {
  name: "quota",
  options: [{ name: "quota", type: "u64", mandatory: true, invert: true }],
  init: () => ({ quota: 0n, invert: false }),
  parse({ info, arg, invert }) {
    info.quota = BigInt(arg.trim().replace(/^\+/, ""));
    if (invert) info.invert = true;
  },
  print: (info) => ` quota: ${info.quota} bytes`,
  save: (info) => `${info.invert ? " !" : ""} --quota ${info.quota}`,
};
