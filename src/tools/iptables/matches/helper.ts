// Text of the match helper (extensions/libxt_helper.c).

import type { HelperInfo } from "../../../net/netfilter/matches/helper.ts";
import type { UserExtension } from "../extension.ts";
import { saveString } from "../xtables.ts";

export const helper: UserExtension<HelperInfo> = {
  name: "helper",
  options: [{ name: "helper", type: "string", mandatory: true, invert: true }],
  init: () => ({ name: "", invert: false }),
  parse({ info, arg, invert }) {
    info.name = arg.slice(0, 29);
    if (invert) info.invert = true;
  },
  print: (info) => ` helper match ${info.invert ? "! " : ""}"${info.name}"`,
  save: (info) => `${info.invert ? " !" : ""} --helper${saveString(info.name)}`,
};
