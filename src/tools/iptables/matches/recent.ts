// Text of the match recent (extensions/libxt_recent.c, revision 1).

import {
  type RecentInfo,
  XT_RECENT_CHECK,
  XT_RECENT_DEST,
  XT_RECENT_REAP,
  XT_RECENT_REMOVE,
  XT_RECENT_SET,
  XT_RECENT_SOURCE,
  XT_RECENT_TTL,
  XT_RECENT_UPDATE,
} from "../../../net/netfilter/matches/recent.ts";
import { formatIpv4 } from "../../../wire/addr.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem } from "../xtables.ts";

const OPERATIONS = ["set", "rcheck", "update", "remove"];
const FLAGS: ReadonlyMap<string, number> = new Map([
  ["set", XT_RECENT_SET],
  ["rcheck", XT_RECENT_CHECK],
  ["update", XT_RECENT_UPDATE],
  ["remove", XT_RECENT_REMOVE],
  ["rttl", XT_RECENT_TTL],
  ["reap", XT_RECENT_REAP],
]);

const operation = (name: string): { name: string; type: "none"; invert: true; excl: string[] } => ({
  name,
  type: "none",
  invert: true,
  excl: OPERATIONS,
});

export const recent: UserExtension<RecentInfo> = {
  name: "recent",
  options: [
    ...OPERATIONS.map(operation),
    { name: "seconds", type: "u32", min: 1 },
    { name: "reap", type: "none", also: ["seconds"] },
    { name: "hitcount", type: "u32" },
    { name: "rttl", type: "none", excl: ["set", "remove"] },
    { name: "name", type: "string" },
    { name: "rsource", type: "none" },
    { name: "rdest", type: "none" },
    { name: "mask", type: "host" },
  ],
  init: () => ({
    seconds: 0,
    hitCount: 0,
    checkSet: 0,
    invert: false,
    name: "DEFAULT",
    side: XT_RECENT_SOURCE,
    mask: 0xffffffff,
  }),
  parse({ info, option, arg, num, invert }) {
    info.checkSet |= FLAGS.get(option) ?? 0;
    if (invert) info.invert = true;
    if (option === "seconds") info.seconds = num;
    else if (option === "hitcount") info.hitCount = num;
    else if (option === "name") info.name = arg.slice(0, 199);
    else if (option === "rsource") info.side = XT_RECENT_SOURCE;
    else if (option === "rdest") info.side = XT_RECENT_DEST;
    else if (option === "mask") info.mask = num;
  },
  check(_info, used) {
    if (!OPERATIONS.some((name) => used.has(name)))
      parameterProblem("recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'");
  },
  print(info) {
    let text = `${info.invert ? " !" : ""} recent:`;
    for (const [flag, word] of [
      [XT_RECENT_SET, "SET"],
      [XT_RECENT_CHECK, "CHECK"],
      [XT_RECENT_UPDATE, "UPDATE"],
      [XT_RECENT_REMOVE, "REMOVE"],
    ] as const)
      if (info.checkSet & flag) text += ` ${word}`;
    if (info.seconds) text += ` seconds: ${info.seconds}`;
    if (info.checkSet & XT_RECENT_REAP) text += " reap";
    if (info.hitCount) text += ` hit_count: ${info.hitCount}`;
    if (info.checkSet & XT_RECENT_TTL) text += " TTL-Match";
    text += ` name: ${info.name} side: ${info.side === XT_RECENT_DEST ? "dest" : "source"}`;
    return `${text} mask: ${formatIpv4(info.mask)}`;
  },
  save(info) {
    let text = info.invert ? " !" : "";
    for (const name of OPERATIONS) if (info.checkSet & FLAGS.get(name)!) text += ` --${name}`;
    if (info.seconds) text += ` --seconds ${info.seconds}`;
    if (info.checkSet & XT_RECENT_REAP) text += " --reap";
    if (info.hitCount) text += ` --hitcount ${info.hitCount}`;
    if (info.checkSet & XT_RECENT_TTL) text += " --rttl";
    text += ` --name ${info.name} --mask ${formatIpv4(info.mask)}`;
    return `${text} --${info.side === XT_RECENT_DEST ? "rdest" : "rsource"}`;
  },
};
