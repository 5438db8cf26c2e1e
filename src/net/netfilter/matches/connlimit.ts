// Match connlimit: how many connections a host or network has. Answers to xt_connlimit.c and nf_conncount.c.

import { IPPROTO_TCP } from "../../../wire/ipv4.ts";
import { get32 } from "../../../wire/layout.ts";
import type { Conntrack } from "../conntrack.ts";
import { nfCtGet } from "../conntrack-entry.ts";
import { tcpState } from "../proto-tcp.ts";
import { TcpState } from "../proto-tcp-track.ts";
import type { XtMatch } from "../x-tables.ts";

export const XT_CONNLIMIT_INVERT = 1;
export const XT_CONNLIMIT_DADDR = 2;

export interface ConnlimitInfo {
  mask: number;
  limit: number;
  flags: number;
}

export const connlimitMatch: XtMatch<ConnlimitInfo> = {
  name: "connlimit",
  create({ mask, limit, flags }, { env }) {
    /** by address: connections, each with the number that tells it from a later one in its row; 0 before it has one */
    const groups: Map<number, Map<number, number>> = new Map();
    const { ct } = env;
    const { rows } = ct;
    const invert = (flags & XT_CONNLIMIT_INVERT) !== 0;
    return {
      fn: ({ skb, iph }) => {
        const conn = nfCtGet(skb);
        const daddr = (flags & XT_CONNLIMIT_DADDR) !== 0;
        let addr = get32(skb.head, iph + (daddr ? 16 : 12));
        if (conn !== 0) addr = daddr ? rows.dst(conn, 0) : rows.src(conn, 0);
        const key = addr & mask;
        let group = groups.get(key);
        if (!group) {
          group = new Map();
          groups.set(key, group);
        }
        for (const [other, seq] of group) {
          if (other === conn) continue;
          const now = (daddr ? rows.dst(other, 0) : rows.src(other, 0)) & mask;
          if (now !== key || isOver(ct, other, seq)) group.delete(other);
        }
        if (conn !== 0) group.set(conn, rows.seq(conn));
        return group.size > limit !== invert;
      },
      destroy: env.useConntrack(),
    };
  },
};

function isOver(ct: Conntrack, conn: number, seq: number): boolean {
  const { rows } = ct;
  if (!rows.isLive(conn) || (seq !== 0 && rows.seq(conn) !== seq) || ct.jiffiesLeft(conn) <= 0) return true;
  if (rows.protonum(conn) !== IPPROTO_TCP) return false;
  const state = tcpState(ct, conn);
  return state === TcpState.TIME_WAIT || state === TcpState.CLOSE;
}
