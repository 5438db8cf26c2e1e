// Text of the target REJECT (extensions/libipt_REJECT.c).

import type { RejectInfo } from "../../../net/netfilter/targets/reject.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem } from "../xtables.ts";

/** Names and their short forms, in the order in which an abbreviation is looked up. */
const NAMES: readonly (readonly [string, string])[] = [
  ["icmp-net-unreachable", "net-unreach"],
  ["icmp-host-unreachable", "host-unreach"],
  ["icmp-proto-unreachable", "proto-unreach"],
  ["icmp-port-unreachable", "port-unreach"],
  ["icmp-net-prohibited", "net-prohib"],
  ["icmp-host-prohibited", "host-prohib"],
  ["tcp-reset", "tcp-rst"],
  ["icmp-admin-prohibited", "admin-prohib"],
];

export const reject: UserExtension<RejectInfo> = {
  name: "REJECT",
  options: [{ name: "reject-with", type: "string" }],
  init: () => ({ with: "icmp-port-unreachable" }),
  parse({ info, arg, output }) {
    const word = arg.toLowerCase();
    const found = NAMES.find(([name, alias]) => name.startsWith(word) || alias.startsWith(word));
    if (!found) {
      if ("echo-reply".startsWith(word) || "echoreply".startsWith(word))
        output.err += "--reject-with echo-reply no longer supported\n";
      parameterProblem(`unknown reject type "${arg}"`);
    }
    info.with = found[0];
  },
  print: (info) => ` reject-with ${info.with}`,
  save: (info) => ` --reject-with ${info.with}`,
};
