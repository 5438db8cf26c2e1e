// Text of the target CONNSECMARK (extensions/libxt_CONNSECMARK.c).

import type { ConnsecmarkInfo } from "../../../net/netfilter/targets/connsecmark.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem } from "../xtables.ts";

export const connsecmark: UserExtension<ConnsecmarkInfo> = {
  name: "CONNSECMARK",
  options: [
    { name: "save", type: "none", excl: ["restore"] },
    { name: "restore", type: "none", excl: ["save"] },
  ],
  init: () => ({ mode: "" }),
  parse({ info, option }) {
    info.mode = option === "save" ? "save" : "restore";
  },
  check({ mode }) {
    if (mode === "") parameterProblem("CONNSECMARK target: parameter required");
  },
  print: ({ mode }) => ` CONNSECMARK ${mode}`,
  save: ({ mode }) => ` --${mode}`,
};
