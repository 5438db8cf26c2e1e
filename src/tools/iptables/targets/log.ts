// Texts of the targets LOG and NFLOG (extensions/libxt_LOG.c, libxt_NFLOG.c).

import {
  NF_LOG_IPOPT,
  NF_LOG_MACDECODE,
  NF_LOG_TCPOPT,
  NF_LOG_TCPSEQ,
  NF_LOG_UID,
} from "../../../net/netfilter/nf-log.ts";
import type { LogInfo, NflogInfo } from "../../../net/netfilter/targets/log.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem, saveString } from "../xtables.ts";

const WARNING = 4;
/** syslog's names; of several for a level the first is printed. */
const LEVELS = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];
const FLAGS: readonly (readonly [string, number])[] = [
  ["tcp-sequence", NF_LOG_TCPSEQ],
  ["tcp-options", NF_LOG_TCPOPT],
  ["ip-options", NF_LOG_IPOPT],
  ["uid", NF_LOG_UID],
  ["macdecode", NF_LOG_MACDECODE],
];

export const log: UserExtension<LogInfo> = {
  name: "LOG",
  options: [
    { name: "log-level", type: "sysloglevel" },
    { name: "log-prefix", type: "string", min: 1 },
    ...FLAGS.map(([name]) => ({ name: `log-${name}`, type: "none" as const })),
  ],
  init: () => ({ level: WARNING, logflags: 0, prefix: "" }),
  parse({ info, option, arg, num }) {
    if (option === "log-level") info.level = num;
    else if (option === "log-prefix") {
      if (arg.includes("\n")) parameterProblem("Newlines not allowed in --log-prefix");
      info.prefix = arg.slice(0, 29);
    } else info.logflags |= FLAGS.find(([name]) => option === `log-${name}`)![1];
  },
  print(info, { numeric }) {
    let text = " LOG";
    if (numeric) text += ` flags ${info.logflags} level ${info.level}`;
    else {
      text += ` level ${LEVELS[info.level]}`;
      for (const [name, bit] of FLAGS) if (info.logflags & bit) text += ` ${name}`;
    }
    return info.prefix === "" ? text : `${text} prefix "${info.prefix}"`;
  },
  save(info) {
    let text = info.prefix === "" ? "" : ` --log-prefix${saveString(info.prefix)}`;
    if (info.level !== WARNING) text += ` --log-level ${info.level}`;
    for (const [name, bit] of FLAGS) if (info.logflags & bit) text += ` --log-${name}`;
    return text;
  },
};

function nflogText(info: NflogInfo, prefix: string): string {
  let text = info.prefix === "" ? "" : ` ${prefix}nflog-prefix${saveString(info.prefix)}`;
  if (info.group) text += ` ${prefix}nflog-group ${info.group}`;
  if (info.size >= 0) text += ` ${prefix}nflog-size ${info.size}`;
  if (info.threshold) text += ` ${prefix}nflog-threshold ${info.threshold}`;
  return text;
}

export const nflog: UserExtension<NflogInfo> = {
  name: "NFLOG",
  options: [
    { name: "nflog-group", type: "u16" },
    { name: "nflog-prefix", type: "string", min: 1 },
    { name: "nflog-range", type: "u32", excl: ["nflog-size"] },
    { name: "nflog-size", type: "u32", excl: ["nflog-range"] },
    { name: "nflog-threshold", type: "u16" },
  ],
  init: () => ({ group: 0, prefix: "", size: -1, threshold: 0 }),
  parse({ info, option, arg, num }) {
    if (option === "nflog-group") info.group = num;
    else if (option === "nflog-threshold") info.threshold = num;
    else if (option === "nflog-size") info.size = num;
    else if (option === "nflog-prefix") {
      if (arg.includes("\n")) parameterProblem("Newlines not allowed in --log-prefix");
      info.prefix = arg.slice(0, 127);
    }
  },
  check(_info, used, output) {
    if (used.has("nflog-range"))
      output.err +=
        "warn: --nflog-range has never worked and is no longer supported, please use --nflog-size instead\n";
  },
  print: (info) => nflogText(info, ""),
  save: (info) => nflogText(info, "--"),
};
