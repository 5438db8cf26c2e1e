// Match helper: was the connection announced by one that a helper reads? Answers to xt_helper.c.

import { nfCtGet } from "../conntrack-entry.ts";
import type { XtMatch } from "../x-tables.ts";

export interface HelperInfo {
  /** "": any */
  name: string;
  invert: boolean;
}

export const helperMatch: XtMatch<HelperInfo> = {
  name: "helper",
  create({ name, invert }, { env }) {
    const { rows } = env.ct;
    return {
      fn: ({ skb }) => {
        const conn = nfCtGet(skb);
        const master = conn === 0 ? 0 : (rows.ext(conn)?.master ?? 0);
        const helper = master === 0 ? null : rows.ext(master)?.helper;
        if (!helper) return invert;
        return helper.name.startsWith(name) !== invert;
      },
      destroy: env.useConntrack(),
    };
  },
  keys: () => [],
};
