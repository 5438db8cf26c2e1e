// Match recent: is the address in a list, and was it seen so often so lately? Answers to xt_recent.c (revision 1).

import { SEC } from "../../../base/time.ts";
import { get32 } from "../../../wire/layout.ts";
import { type RecentEntry, RecentList } from "../recent-list.ts";
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

/** Moments kept per address when no rule asks for a number of hits. */
const STAMPS = 32;
const MAX_STAMPS = 65536;

export const recentMatch: XtMatch<RecentInfo> = {
  name: "recent",
  create(info, { env }) {
    const { seconds, hitCount, checkSet, invert, side, mask } = info;
    if (hitCount >= MAX_STAMPS || info.name === "" || info.name.includes("/")) invalid();
    const modified = seconds !== 0 || hitCount !== 0 || (checkSet & (XT_RECENT_TTL | XT_RECENT_REAP)) !== 0;
    if (checkSet & (XT_RECENT_SET | XT_RECENT_REMOVE) && modified) invalid();
    if (checkSet & XT_RECENT_REAP && seconds === 0) invalid();
    const keep = hitCount === 0 ? STAMPS : 2 ** Math.ceil(Math.log2(hitCount));
    const { value: list, release } = env.recent.use(info.name, () => new RecentList(env.net, keep));
    list.keepAtLeast(keep);
    return {
      fn: (par) => {
        const { skb, iph } = par;
        const addr = (get32(skb.head, iph + (side === XT_RECENT_DEST ? 16 : 12)) & mask) >>> 0;
        let ttl = skb.head[iph + 8]!;
        if (par.out !== null && skb.sk === null) ttl++; // as it was before it was forwarded
        let entry = list.entries.get(addr);
        if (entry && checkSet & XT_RECENT_TTL && entry.ttl !== ttl) entry = undefined;
        if (!entry) {
          if (!(checkSet & XT_RECENT_SET)) return invert;
          list.add(addr, ttl);
          return !invert;
        }
        let result = invert;
        if (checkSet & XT_RECENT_SET) result = !result;
        else if (checkSet & XT_RECENT_REMOVE) {
          list.entries.delete(addr);
          return !result;
        } else {
          const since = env.net.now - seconds * SEC;
          if (isHit(entry, seconds === 0 ? -1 : since, hitCount)) result = !result;
          if (checkSet & XT_RECENT_REAP) list.reap(since, entry);
        }
        if (checkSet & XT_RECENT_SET || (checkSet & XT_RECENT_UPDATE && result)) {
          list.see(addr, entry);
          entry.ttl = ttl;
        }
        return result;
      },
      destroy: release,
    };
  },
};

/** So many moments (0: one) not before `since`. */
function isHit({ stamps }: RecentEntry, since: number, hitCount: number): boolean {
  let hits = 0;
  for (let i = 0; i < stamps.length; i++) {
    if (stamps[i]! < since) continue;
    if (hitCount === 0 || ++hits >= hitCount) return true;
  }
  return false;
}
