// Text of the target SET (extensions/libxt_SET.c, revision 3, without --map-set).

import type { SetSide, SetTargetInfo } from "../../../net/netfilter/targets/set.ts";
import type { UserExtension } from "../extension.ts";
import { parseSetSide, setSideText } from "../matches/set.ts";
import type { NameService } from "../names.ts";
import { parameterProblem, strtoui } from "../xtables.ts";

const MAX_TIMEOUT = 4294967294;
const NONE: SetSide = { index: -1, dim: 0, flags: 0 };

function text({ add, del, exist, timeout }: SetTargetInfo, prefix: string, names: NameService): string {
  let line = add.index < 0 ? "" : ` ${prefix}add-set ${setSideText(add, names)}`;
  if (exist) line += ` ${prefix}exist`;
  if (timeout !== undefined) line += ` ${prefix}timeout ${timeout}`;
  return del.index < 0 ? line : `${line} ${prefix}del-set ${setSideText(del, names)}`;
}

export const set: UserExtension<SetTargetInfo> = {
  name: "SET",
  raw: true,
  options: [
    { name: "add-set", type: "string" },
    { name: "del-set", type: "string" },
    { name: "exist", type: "none" },
    { name: "timeout", type: "string" },
  ],
  init: () => ({ add: NONE, del: NONE, exist: false, timeout: undefined }),
  parse({ info, option, arg, names, nextArg }) {
    if (option === "add-set" || option === "del-set") {
      const side = option === "add-set" ? "add" : "del";
      if (info[side].dim > 0) parameterProblem(`--${option} can be specified only once`);
      info[side] = parseSetSide(arg, nextArg(), option, names);
    } else if (option === "exist") info.exist = true;
    else
      info.timeout =
        strtoui(arg, 0, MAX_TIMEOUT) ??
        parameterProblem(`Invalid value for option --timeout or out of range 0-${MAX_TIMEOUT}`);
  },
  check(_info, used) {
    if (!used.has("add-set") && !used.has("del-set"))
      parameterProblem("You must specify either `--add-set' or `--del-set' or `--map-set'");
    if (used.has("add-set")) return;
    if (used.has("exist")) parameterProblem("Flag `--exist' can be used with `--add-set' only");
    if (used.has("timeout")) parameterProblem("Option `--timeout' can be used with `--add-set' only");
  },
  print: (info, { names }) => text(info, "", names),
  save: (info, { names }) => text(info, "--", names),
};
