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
    const { rows } = env.ct;
    return {
      fn: ({ skb }) => {
        const conn = nfCtGet(skb);
        if (conn === 0 || !rows.hasCounters(conn)) return false;
        const both = direction === XT_CONNBYTES_DIR_BOTH;
        const packets = both ? rows.packets(conn, 0) + rows.packets(conn, 1) : rows.packets(conn, direction);
        const bytes = both ? rows.bytes(conn, 0) + rows.bytes(conn, 1) : rows.bytes(conn, direction);
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
