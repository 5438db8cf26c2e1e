// Match recent: lists of addresses by name, with the moments at which they were seen. Answers to xt_recent.c.

import type { Ns } from "../../../base/time.ts";
import { SEC } from "../../../base/time.ts";
import { get32 } from "../../../wire/layout.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export const XT_RECENT_CHECK = 1;
export const XT_RECENT_SET = 2;
export const XT_RECENT_UPDATE = 4;
export const XT_RECENT_REMOVE = 8;
export const XT_RECENT_TTL = 16;
export const XT_RECENT_REAP = 32;
export const XT_RECENT_SOURCE = 0;
export const XT_RECENT_DEST = 1;

export interface RecentInfo {
  seconds: number;
  hitCount: number;
  checkSet: number;
  invert: boolean;
  name: string;
  side: number;
  mask: number;
}

interface RecentEntry {
  ttl: number;
  stamps: Ns[];
}

/** Addresses that a list holds (ip_list_tot). */
const LIST_TOTAL = 100;
/** Moments kept per address when no rule asks for more (ip_pkt_list_tot, next power of two). */
const STAMPS = 32;
const MAX_STAMPS = 65536;

export const recentMatch: XtMatch<RecentInfo> = {
  name: "recent",
  create(info, { env }) {
    const { seconds, hitCount, checkSet, invert, side, mask } = info;
    if (hitCount >= MAX_STAMPS || info.name === "") invalid();
    const modified = seconds !== 0 || hitCount !== 0 || (checkSet & (XT_RECENT_TTL | XT_RECENT_REAP)) !== 0;
    if (checkSet & (XT_RECENT_SET | XT_RECENT_REMOVE) && modified) invalid();
    if (checkSet & XT_RECENT_REAP && seconds === 0) invalid();
    const keep = Math.max(STAMPS, 2 ** Math.ceil(Math.log2(Math.max(hitCount, 1))));
    const list = env.shared(`recent/${info.name}`, () => new Map<number, RecentEntry>());
    return {
      fn: (par) => {
        const { skb, iph } = par;
        const { now } = env.net;
        const addr = (get32(skb.head, iph + (side === XT_RECENT_DEST ? 16 : 12)) & mask) >>> 0;
        let ttl = skb.head[iph + 8]!;
        if (par.out !== null && skb.sk === null) ttl++; // as it was before it was forwarded
        let entry = list.get(addr);
        if (entry && checkSet & XT_RECENT_TTL && entry.ttl !== ttl) entry = undefined;
        if (!entry) {
          if (!(checkSet & XT_RECENT_SET)) return invert;
          if (list.size >= LIST_TOTAL) list.delete(list.keys().next().value!);
          list.set(addr, { ttl, stamps: [now] });
          return !invert;
        }
        let result = invert;
        if (checkSet & XT_RECENT_SET) result = !result;
        else if (checkSet & XT_RECENT_REMOVE) {
          list.delete(addr);
          return !result;
        } else {
          const since = now - seconds * SEC;
          let hits = 0;
          for (const stamp of entry.stamps) {
            if (seconds !== 0 && stamp < since) continue;
            if (hitCount === 0 || ++hits >= hitCount) {
              result = !result;
              break;
            }
          }
          if (checkSet & XT_RECENT_REAP)
            for (const [key, other] of list) if (other !== entry && other.stamps.at(-1)! < since) list.delete(key);
        }
        if (checkSet & XT_RECENT_SET || (checkSet & XT_RECENT_UPDATE && result)) {
          entry.stamps.push(now);
          if (entry.stamps.length > keep) entry.stamps.shift();
          entry.ttl = ttl;
          // least recently seen first, for eviction
          list.delete(addr);
          list.set(addr, entry);
        }
        return result;
      },
    };
  },
};
