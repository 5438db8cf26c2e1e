// Match connbytes: what a connection has carried so far. Answers to xt_connbytes.c; switches accounting on.

import { nfCtGet } from "../conntrack-entry.ts";
import type { XtMatch } from "../x-tables.ts";

export const XT_CONNBYTES_PKTS = 0;
export const XT_CONNBYTES_BYTES = 1;
export const XT_CONNBYTES_AVGPKT = 2;
export const XT_CONNBYTES_DIR_ORIGINAL = 0;
export const XT_CONNBYTES_DIR_REPLY = 1;
export const XT_CONNBYTES_DIR_BOTH = 2;

export interface ConnbytesInfo {
  /** from > to: inverted; Infinity: no upper end */
  from: number;
  to: number;
  what: number;
  direction: number;
}

export const connbytesMatch: XtMatch<ConnbytesInfo> = {
  name: "connbytes",
  create({ from, to, what, direction }, { env }) {
    const release = env.useConntrack();
    if (!env.ct.sysctl.acct) {
      env.net.kernel.printk("xt_connbytes: Forcing CT accounting to be enabled");
      env.ct.sysctl.acct = true;
    }
    return {
      fn: ({ skb }) => {
        const acct = nfCtGet(skb)?.acct;
        if (!acct) return false;
        const sum = (values: readonly [number, number]): number =>
          direction === XT_CONNBYTES_DIR_BOTH ? values[0] + values[1] : values[direction as 0 | 1];
        const packets = sum(acct.packets);
        const bytes = sum(acct.bytes);
        const value =
          what === XT_CONNBYTES_PKTS
            ? packets
            : what === XT_CONNBYTES_BYTES
              ? bytes
              : packets === 0
                ? 0
                : Math.floor(bytes / packets);
        return to >= from ? value >= from && value <= to : value < to || value > from;
      },
      destroy: release,
    };
  },
};
