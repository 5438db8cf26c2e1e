// Targets MARK and CONNMARK. Answers to xt_mark.c and xt_connmark.c (revision 2).

import { IPCT_MARK, nfCtGet } from "../conntrack-entry.ts";
import { XT_CONTINUE, type XtTarget } from "../x-tables.ts";

export interface MarkTgInfo {
  mark: number;
  mask: number;
}

export const markTarget: XtTarget<MarkTgInfo> = {
  name: "MARK",
  create: ({ mark, mask }) => ({
    fn: ({ skb }) => {
      skb.mark = ((skb.mark & ~mask) ^ mark) >>> 0;
      return XT_CONTINUE;
    },
  }),
};

export const XT_CONNMARK_SET = 0;
export const XT_CONNMARK_SAVE = 1;
export const XT_CONNMARK_RESTORE = 2;

export interface ConnmarkTgInfo {
  mode: number;
  ctmark: number;
  ctmask: number;
  nfmask: number;
  shiftRight: boolean;
  shiftBits: number;
}

export const connmarkTarget: XtTarget<ConnmarkTgInfo> = {
  name: "CONNMARK",
  create({ mode, ctmark, ctmask, nfmask, shiftRight, shiftBits }, { env }) {
    const { ct } = env;
    const shift = (value: number): number =>
      shiftBits > 31 ? 0 : shiftRight ? value >>> shiftBits : (value << shiftBits) >>> 0;
    return {
      fn: ({ skb }) => {
        const conn = nfCtGet(skb);
        if (conn === 0) return XT_CONTINUE;
        const old = ct.rows.mark(conn);
        if (mode === XT_CONNMARK_RESTORE) {
          skb.mark = ((skb.mark & ~nfmask) ^ shift((old & ctmask) >>> 0)) >>> 0;
          return XT_CONTINUE;
        }
        const mark =
          mode === XT_CONNMARK_SET
            ? shift(((old & ~ctmask) ^ ctmark) >>> 0)
            : ((old & ~ctmask) ^ shift((skb.mark & nfmask) >>> 0)) >>> 0;
        if (mark !== old) {
          ct.rows.setMark(conn, mark);
          ct.events.note(conn, IPCT_MARK);
        }
        return XT_CONTINUE;
      },
      destroy: env.useConntrack(),
    };
  },
};
