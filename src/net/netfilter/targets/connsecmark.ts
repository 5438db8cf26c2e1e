// Target CONNSECMARK: carries a security label between packet and connection. Without SELinux neither has one. Answers to
// xt_CONNSECMARK.c.

import { invalid, XT_CONTINUE, type XtTarget } from "../x-tables.ts";

export interface ConnsecmarkInfo {
  mode: "" | "save" | "restore";
}

export const connsecmarkTarget: XtTarget<ConnsecmarkInfo> = {
  name: "CONNSECMARK",
  create(_info, { env, table }) {
    if (table !== "mangle" && table !== "security") invalid();
    return { fn: () => XT_CONTINUE, destroy: env.useConntrack() };
  },
};
