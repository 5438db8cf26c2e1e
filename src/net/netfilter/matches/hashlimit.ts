// Match hashlimit: a bucket per address, port or both. Answers to xt_hashlimit.c (revision 3). Byte
// rates allow one second's worth at once, and so many more as the burst says.

import type { Ns } from "../../../base/time.ts";
import { MSEC, SEC } from "../../../base/time.ts";
import { prefixToMask } from "../../../wire/addr.ts";
import { get16, get32 } from "../../../wire/layout.ts";
import { hasPorts } from "../tuple.ts";
import { invalid, type XtMatch, type XtPar } from "../x-tables.ts";

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

interface Bucket {
  /** tokens; with rate-match what was seen in this interval */
  tokens: number;
  lastNs: Ns;
  expiresNs: Ns;
  burst: number;
  /** rate-match: the last whole interval was above the rate */
  wasAbove: boolean;
}

export const hashlimitMatch: XtMatch<HashlimitInfo> = {
  name: "hashlimit",
  create(info, { env }) {
    if (info.avg === 0 || info.expire === 0 || info.gcInterval === 0) invalid();
    const { net } = env;
    const buckets = env.shared(`hashlimit/${info.name}`, () => new Map<string, Bucket>());
    const invert = (info.mode & XT_HASHLIMIT_INVERT) !== 0;
    const bytes = (info.mode & XT_HASHLIMIT_BYTES) !== 0;
    const rate = bytes ? hashlimitCostToBytes(info.avg) : 0;
    const cost = bytes ? 0 : info.avg * 1000;
    const cap = bytes ? rate : cost * info.burst;
    const rateMatch = (info.mode & XT_HASHLIMIT_RATE_MATCH) !== 0;
    const window = info.interval * SEC;
    // packets a second by user2rate; byte rates as above
    const wantedRate = bytes ? rate : info.avg === 0 ? 0 : Math.floor(1e6 / info.avg);
    const allowed = bytes ? (info.burst === 0 ? rate : info.burst * rate) : info.burst;
    return {
      fn: (par) => {
        const { now } = net;
        const key = keyOf(par, info);
        let bucket = buckets.get(key);
        if (bucket && bucket.expiresNs <= now) bucket = undefined;
        if (!bucket) {
          bucket = { tokens: rateMatch ? 0 : cap, lastNs: now, expiresNs: 0, burst: info.burst, wasAbove: false };
          buckets.set(key, bucket);
        }
        bucket.expiresNs = now + info.expire * MSEC;
        const elapsed = now - bucket.lastNs;
        if (rateMatch) {
          if (elapsed >= window) {
            bucket.lastNs = now;
            bucket.wasAbove = bucket.tokens * window > elapsed * wantedRate;
            bucket.tokens = 0;
          }
          bucket.tokens += bytes ? par.skb.tail - par.iph : 1;
          return (!bucket.wasAbove && bucket.tokens <= allowed) !== invert;
        }
        bucket.lastNs = now;
        bucket.tokens = Math.min(bucket.tokens + (bytes ? (elapsed / SEC) * rate : elapsed), cap);
        const price = bytes ? par.skb.tail - par.iph : cost;
        if (bytes && bucket.tokens < price && bucket.burst > 0) {
          bucket.burst--;
          bucket.tokens = cap;
        }
        if (bucket.tokens < price) return invert;
        bucket.tokens -= price;
        return !invert;
      },
    };
  },
};

function keyOf({ skb, iph, thoff, protonum, fragoff }: XtPar, { mode, srcmask, dstmask }: HashlimitInfo): string {
  const b = skb.head;
  let key = "";
  if (mode & XT_HASHLIMIT_HASH_SIP) key += `s${get32(b, iph + 12) & prefixToMask(srcmask)}`;
  if (mode & XT_HASHLIMIT_HASH_DIP) key += `d${get32(b, iph + 16) & prefixToMask(dstmask)}`;
  if (fragoff !== 0 || !hasPorts(protonum)) return key;
  if (mode & XT_HASHLIMIT_HASH_SPT) key += `p${get16(b, thoff)}`;
  if (mode & XT_HASHLIMIT_HASH_DPT) key += `q${get16(b, thoff + 2)}`;
  return key;
}
