// Match connlimit: how many connections a host or network has. Answers to xt_connlimit.c and nf_conncount.c.

import { IPPROTO_TCP } from "../../../wire/ipv4.ts";
import { get32 } from "../../../wire/layout.ts";
import { IPS_CONFIRMED, IPS_DYING, type NfConn, nfCtGet } from "../conntrack-entry.ts";
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
    const groups: Map<number, Set<NfConn>> = new Map();
    const invert = (flags & XT_CONNLIMIT_INVERT) !== 0;
    return {
      fn: ({ skb, iph }) => {
        const ct = nfCtGet(skb);
        const at = flags & XT_CONNLIMIT_DADDR ? 16 : 12;
        const tuple = ct?.orig;
        const addr = tuple ? (at === 16 ? tuple.dst : tuple.src) : get32(skb.head, iph + at);
        const key = (addr & mask) >>> 0;
        let group = groups.get(key);
        if (!group) {
          group = new Set();
          groups.set(key, group);
        }
        for (const other of group) if (other !== ct && isOver(other, env.net.now)) group.delete(other);
        if (ct) group.add(ct);
        return group.size > limit !== invert;
      },
      destroy: env.useConntrack(),
    };
  },
};

function isOver(ct: NfConn, now: number): boolean {
  if (ct.status & IPS_DYING || !(ct.status & IPS_CONFIRMED) || ct.timeout <= now) return true;
  if (ct.protonum !== IPPROTO_TCP || ct.tcp === null) return false;
  return ct.tcp.state === TcpState.TIME_WAIT || ct.tcp.state === TcpState.CLOSE;
}
