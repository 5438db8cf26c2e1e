// Target SET: adds what the packet has to a set, or takes it out. Answers to xt_set.c (revision 3); --map-set, which needs
// sets with skbinfo, is left out.

import { Errno, NetError } from "../../../base/errno.ts";
import { XT_CONTINUE, type XtTarget } from "../x-tables.ts";

export interface SetSide {
  /** the set's number; −1 none */
  index: number;
  dim: number;
  /** bit k: dimension k (from 1) is of the source */
  flags: number;
}

export interface SetTargetInfo {
  add: SetSide;
  del: SetSide;
  exist: boolean;
  /** seconds; undefined: the set's own */
  timeout: number | undefined;
}

export const setTarget: XtTarget<SetTargetInfo> = {
  name: "SET",
  create({ add, del, exist, timeout }, { env: { sets } }) {
    for (const side of [add, del]) if (side.index >= 0 && side.dim > 3) throw new NetError(Errno.ERANGE);
    const uses = [add, del].filter(({ index }) => index >= 0).map(({ index }) => sets.use(index));
    return {
      fn: (par) => {
        if (add.index >= 0) sets.at(add.index)!.update(par, add.dim, add.flags, "add", exist, timeout);
        if (del.index >= 0) sets.at(del.index)!.update(par, del.dim, del.flags, "del", false, undefined);
        return XT_CONTINUE;
      },
      destroy: () => {
        for (const release of uses) release();
      },
    };
  },
};
