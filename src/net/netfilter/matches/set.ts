// Match set: is what the packet has for the set's dimensions in it? Answers to xt_set.c (revision 4).

import type { SetQuery } from "../ip-set-hash.ts";
import type { XtMatch } from "../x-tables.ts";

export interface SetMatchInfo extends SetQuery {
  /** the set's number: a set that is renamed or swapped is another by its name */
  readonly index: number;
  readonly invert: boolean;
}

export const setMatch: XtMatch<SetMatchInfo> = {
  name: "set",
  create(info, { env: { sets } }) {
    const release = sets.use(info.index);
    return {
      fn: (par) => sets.at(info.index)!.matches(par, info) !== info.invert,
      destroy: release,
    };
  },
};
