// Text of the matches mark and connmark (extensions/libxt_mark.c, libxt_connmark.c).

import type { MarkInfo } from "../../../net/netfilter/matches/mark.ts";
import type { UserExtension } from "../extension.ts";
import { printMarkMask } from "../xtables.ts";

function markLike(name: string, print: (not: boolean) => string): UserExtension<MarkInfo> {
  return {
    name,
    options: [{ name: "mark", type: "markmask", mandatory: true, invert: true }],
    init: () => ({ mark: 0, mask: 0, invert: false }),
    parse({ info, num, mask, invert }) {
      info.mark = num;
      info.mask = mask;
      if (invert) info.invert = true;
    },
    print: (info) => `${print(info.invert)}${printMarkMask(info.mark, info.mask)}`,
    save: (info) => `${info.invert ? " !" : ""} --mark${printMarkMask(info.mark, info.mask)}`,
  };
}

export const mark: UserExtension<MarkInfo> = markLike("mark", (not) => ` mark match${not ? " !" : ""}`);
export const connmark: UserExtension<MarkInfo> = markLike("connmark", (not) => ` connmark match ${not ? "!" : ""}`);
