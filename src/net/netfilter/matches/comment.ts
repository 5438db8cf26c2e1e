// Match comment: a remark that every packet matches. Answers to xt_comment.c.

import type { XtMatch } from "../x-tables.ts";

export interface CommentInfo {
  comment: string;
}

export const commentMatch: XtMatch<CommentInfo> = {
  name: "comment",
  memo: () => true,
  box: () => null,
  create: () => ({ fn: () => true }),
  keys: () => [],
};
