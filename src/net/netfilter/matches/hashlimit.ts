// Match hashlimit: is the flow of an address, a port or both within its rate? Answers to xt_hashlimit.c (revision 3).

import { Errno, NetError } from "../../../base/errno.ts";
import { prefixToMask } from "../../../wire/addr.ts";
import { get16, get32 } from "../../../wire/layout.ts";
import { creditsOf, HashlimitTable } from "../hashlimit-table.ts";
import { hasPorts } from "../tuple.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export const XT_HASHLIMIT_HASH_DIP = 1;
export const XT_HASHLIMIT_HASH_DPT = 2;
export const XT_HASHLIMIT_HASH_SIP = 4;
export const XT_HASHLIMIT_HASH_SPT = 8;
export const XT_HASHLIMIT_INVERT = 16;
export const XT_HASHLIMIT_BYTES = 32;
export const XT_HASHLIMIT_RATE_MATCH = 64;

export interface HashlimitInfo {
  name: string;
  /** XT_HASHLIMIT_* */
  mode: number;
  /** microseconds per packet; in byte mode what bytesToCost made of bytes per second */
  avg: number;
  burst: number;
  size: number;
  max: number;
  /** milliseconds */
  gcInterval: number;
  expire: number;
  srcmask: number;
  dstmask: number;
  /** with XT_HASHLIMIT_RATE_MATCH: seconds over which a rate is looked at; else 0 */
  interval: number;
}

/** A byte rate as the kernel keeps it: cost of sixteen bytes (bytes_to_cost). */
export function hashlimitBytesToCost(bytes: number): number {
  return Math.floor(0xffffffff / (Math.floor(bytes / 16) + 1));
}

export function hashlimitCostToBytes(cost: number): number {
  return ((cost === 0 ? 0xffffffff : Math.floor(0xffffffff / cost)) - 1) * 16;
}

export const hashlimitMatch: XtMatch<HashlimitInfo> = {
  name: "hashlimit",
  create(info, { env }) {
    const { mode, avg, burst, expire, interval, max } = info;
    if (avg === 0 || expire === 0 || info.gcInterval === 0) invalid();
    if (!(mode & (XT_HASHLIMIT_BYTES | XT_HASHLIMIT_RATE_MATCH)) && creditsOf(avg * burst) >= 2 ** 64)
      throw new NetError(Errno.ERANGE);
    const { value: table, release } = env.hashlimit.use(
      info.name,
      () =>
        new HashlimitTable(env.net, {
          bytes: (mode & XT_HASHLIMIT_BYTES) !== 0,
          rateMatch: (mode & XT_HASHLIMIT_RATE_MATCH) !== 0,
          avg,
          burst,
          expire,
          interval,
          max,
        }),
    );
    const invert = (mode & XT_HASHLIMIT_INVERT) !== 0;
    const srcmask = mode & XT_HASHLIMIT_HASH_SIP ? prefixToMask(info.srcmask) : 0;
    const dstmask = mode & XT_HASHLIMIT_HASH_DIP ? prefixToMask(info.dstmask) : 0;
    return {
      fn: (par) => {
        const { skb, iph, thoff } = par;
        const b = skb.head;
        const hasTransport = par.fragoff === 0 && hasPorts(par.protonum);
        const within = table.take(
          (get32(b, iph + 12) & srcmask) >>> 0,
          (get32(b, iph + 16) & dstmask) >>> 0,
          mode & XT_HASHLIMIT_HASH_SPT && hasTransport ? get16(b, thoff) : 0,
          mode & XT_HASHLIMIT_HASH_DPT && hasTransport ? get16(b, thoff + 2) : 0,
          skb.tail - iph,
        );
        if (within === null) par.hotdrop = true;
        return within !== null && within !== invert;
      },
      destroy: release,
    };
  },
};
