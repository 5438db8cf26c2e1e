// Texts of the targets ECN and TCPOPTSTRIP (extensions/libipt_ECN.c, libxt_TCPOPTSTRIP.c).

import type { EcnTgInfo, TcpoptstripInfo } from "../../../net/netfilter/targets/tcp-header.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem, strtoui } from "../xtables.ts";

function isRemove({ ece, cwr }: EcnTgInfo): boolean {
  return ece === 0 && cwr === 0;
}

function ecnText({ ece, cwr, ect }: EcnTgInfo, names: readonly [string, string, string]): string {
  const [eceName, cwrName, ectName] = names;
  let text = ece === undefined ? "" : ` ${eceName}${ece}`;
  if (cwr !== undefined) text += ` ${cwrName}${cwr}`;
  return ect === undefined ? text : `${text} ${ectName}${ect}`;
}

export const ecn: UserExtension<EcnTgInfo> = {
  name: "ECN",
  options: [
    { name: "ecn-tcp-remove", type: "none", excl: ["ecn-tcp-cwr", "ecn-tcp-ece"] },
    { name: "ecn-tcp-cwr", type: "u8", max: 1, excl: ["ecn-tcp-remove"] },
    { name: "ecn-tcp-ece", type: "u8", max: 1, excl: ["ecn-tcp-remove"] },
    { name: "ecn-ip-ect", type: "u8", max: 3 },
  ],
  init: () => ({}),
  parse({ info, option, num }) {
    if (option === "ecn-tcp-remove") {
      info.ece = 0;
      info.cwr = 0;
    } else if (option === "ecn-tcp-cwr") info.cwr = num;
    else if (option === "ecn-tcp-ece") info.ece = num;
    else info.ect = num;
  },
  check(_info, used) {
    if (used.size === 0) parameterProblem("ECN target: An operation is required");
  },
  // with "remove" nothing else is shown, not even ECT
  print: (info) => (isRemove(info) ? " ECN TCP remove" : ` ECN${ecnText(info, ["ECE=", "CWR=", "ECT codepoint="])}`),
  save: (info) =>
    isRemove(info) ? " --ecn-tcp-remove" : ecnText(info, ["--ecn-tcp-ece ", "--ecn-tcp-cwr ", "--ecn-ip-ect "]),
};

/** Names of options by kind; those that a kind shares are read as the first. */
const OPTION_KINDS: ReadonlyMap<string, number> = new Map([
  ["wscale", 3],
  ["mss", 2],
  ["sack-permitted", 4],
  ["sack", 5],
  ["timestamp", 8],
  ["md5", 19],
]);

function parseOptions(text: string): number[] {
  const strip: number[] = [];
  for (const word of text.split(",")) {
    const kind = OPTION_KINDS.get(word) ?? strtoui(word, 0, 255) ?? parameterProblem(`Bad TCP option value "${word}"`);
    if (kind < 2) parameterProblem("Option value may not be 0 or 1");
    if (strip.includes(kind)) parameterProblem(`Option "${word}" already specified`);
    strip.push(kind);
  }
  return strip.sort((a, b) => a - b);
}

function kindText(kind: number, numeric: boolean): string {
  const name = numeric ? undefined : [...OPTION_KINDS].find(([, number]) => number === kind)?.[0];
  return name ?? String(kind);
}

export const tcpoptstrip: UserExtension<TcpoptstripInfo> = {
  name: "TCPOPTSTRIP",
  options: [{ name: "strip-options", type: "string" }],
  init: () => ({ strip: [] }),
  parse({ info, arg }) {
    info.strip = parseOptions(arg);
  },
  print: ({ strip }, { numeric }) =>
    strip.length === 0 ? "" : ` TCPOPTSTRIP options ${strip.map((kind) => kindText(kind, numeric)).join(",")}`,
  save: ({ strip }) => (strip.length === 0 ? "" : ` --strip-options ${strip.join(",")}`),
};
