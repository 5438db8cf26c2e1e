// Elements of nft's sets: intervals made one, and what a set that stands in a rule is. Answers to src/intervals.c and
// src/segtree.c of nftables 1.0.6.

import type { NftElement, SetSpec } from "../../net/netfilter/nft/expr.ts";

export function anonymousSpec(
  keyTypes: readonly string[],
  dataTypes: readonly string[] | null,
  interval: boolean,
): SetSpec {
  return {
    name: "",
    anonymous: true,
    keyTypes,
    typeOf: null,
    dataTypes,
    dataTypeOf: null,
    constant: true,
    interval,
    timeout: false,
    dynamic: false,
    autoMerge: false,
    counter: false,
    timeoutNs: null,
    gcIntervalNs: null,
    size: null,
    policy: null,
    comment: null,
  };
}

/** Intervals that overlap or, asked to, touch become one. Elements that say more than a key stay as they are. */
export function mergeElements(elements: readonly NftElement[], overlapsOnly: boolean): NftElement[] {
  if (elements.some(({ key, data }) => key.length > 1 || data !== null || typeof key[0]!.low === "string"))
    return elements.filter((e, i) => elements.findIndex((o) => JSON.stringify(o.key) === JSON.stringify(e.key)) === i);
  const sorted = [...elements].sort((a, b) => (a.key[0]!.low as number) - (b.key[0]!.low as number));
  const merged: NftElement[] = [];
  for (const element of sorted) {
    const last = merged.at(-1);
    const { low, high } = element.key[0]! as { low: number; high: number };
    const end = last === undefined ? -1 : (last.key[0]!.high as number);
    if (last && (low <= end || (!overlapsOnly && low === end + 1))) {
      if (high > end) merged[merged.length - 1] = { ...last, key: [{ low: last.key[0]!.low, high }] };
    } else merged.push(element);
  }
  return merged;
}
