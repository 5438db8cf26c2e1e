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
    const shift = (value: number): number =>
      shiftBits > 31 ? 0 : shiftRight ? value >>> shiftBits : (value << shiftBits) >>> 0;
    return {
      fn: ({ skb }) => {
        const ct = nfCtGet(skb);
        if (ct === null) return XT_CONTINUE;
        if (mode === XT_CONNMARK_RESTORE) {
          skb.mark = ((skb.mark & ~nfmask) ^ shift((ct.mark & ctmask) >>> 0)) >>> 0;
          return XT_CONTINUE;
        }
        const mark =
          mode === XT_CONNMARK_SET
            ? shift(((ct.mark & ~ctmask) ^ ctmark) >>> 0)
            : ((ct.mark & ~ctmask) ^ shift((skb.mark & nfmask) >>> 0)) >>> 0;
        if (mark !== ct.mark) {
          ct.mark = mark;
          env.ct.eventCache(ct, IPCT_MARK);
        }
        return XT_CONTINUE;
      },
      destroy: env.useConntrack(),
    };
  },
};
