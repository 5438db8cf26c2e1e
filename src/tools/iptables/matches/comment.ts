// Text of the match comment (extensions/libxt_comment.c).

import type { CommentInfo } from "../../../net/netfilter/matches/comment.ts";
import type { UserExtension } from "../extension.ts";
import { saveString } from "../xtables.ts";

export const comment: UserExtension<CommentInfo> = {
  name: "comment",
  options: [{ name: "comment", type: "string", mandatory: true }],
  init: () => ({ comment: "" }),
  parse({ info, arg }) {
    info.comment = arg.slice(0, 255);
  },
  print: (info) => ` /* ${info.comment} */`,
  save: (info) => ` --comment${saveString(info.comment)}`,
};
