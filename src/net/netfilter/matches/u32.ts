// Match u32: 32-bit words found in the packet by offsets and shifts, each within one of some ranges. Answers to xt_u32.c.

import { get32 } from "../../../wire/layout.ts";
import type { SkBuff } from "../../core/skb.ts";
import type { XtMatch } from "../x-tables.ts";

export type U32Op = "&" | "<<" | ">>" | "@";

export interface U32Test {
  /** the first one is an offset, where `op` says nothing */
  location: { op: U32Op; number: number }[];
  /** lowest and highest value */
  values: [number, number][];
}

export interface U32Info {
  tests: U32Test[];
  invert: boolean;
}

export const u32Match: XtMatch<U32Info> = {
  name: "u32",
  create: ({ tests, invert }) => ({ fn: ({ skb, iph }) => matches(skb, iph, tests) !== invert }),
  keys: () => [],
};

function matches(skb: SkBuff, iph: number, tests: readonly U32Test[]): boolean {
  const length = skb.tail - iph;
  for (let t = 0; t < tests.length; t++) {
    const { location, values } = tests[t]!;
    let at = 0;
    let pos = location[0]!.number;
    if (length < 4 || pos > length - 4) return false;
    let value = get32(skb.head, iph + pos);
    for (let i = 1; i < location.length; i++) {
      const { op, number } = location[i]!;
      if (op === "&") value = (value & number) >>> 0;
      else if (op === "<<") value = (value << number) >>> 0;
      else if (op === ">>") value >>>= number;
      else {
        if (at + value > 0xffffffff) return false;
        at += value;
        pos = number;
        if (length < at + 4 || pos > length - at - 4) return false;
        value = get32(skb.head, iph + at + pos);
      }
    }
    if (!isAmong(value, values)) return false;
  }
  return true;
}

function isAmong(value: number, ranges: readonly (readonly [number, number])[]): boolean {
  for (let i = 0; i < ranges.length; i++) if (value >= ranges[i]![0] && value <= ranges[i]![1]) return true;
  return false;
}
