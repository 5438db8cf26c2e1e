// Names of hooks and of priorities. Answers to src/rule.c (std_prios, hooknum2str).

import type { ChainType } from "../../net/netfilter/nf-table.ts";

export const HOOKS: readonly string[] = ["prerouting", "input", "forward", "output", "postrouting"];
export const CHAIN_TYPES: readonly ChainType[] = ["filter", "nat", "route"];

const PRIORITIES: readonly (readonly [string, number, string | null])[] = [
  ["raw", -300, null],
  ["mangle", -150, null],
  ["dstnat", -100, "prerouting"],
  ["filter", 0, null],
  ["security", 50, null],
  ["srcnat", 100, "postrouting"],
];

/** The number of a name, where it may be used. */
export function priorityByName(name: string, hook: string): number | undefined {
  return PRIORITIES.find(([n, , only]) => n === name && (only === null || only === hook))?.[1];
}

/** "filter", "srcnat + 10", or the number where no name is within ten. */
export function priorityText(priority: number, hook: string, numeric: boolean): string {
  if (numeric) return String(priority);
  for (const [name, value, only] of PRIORITIES) {
    if (only !== null && only !== hook) continue;
    const offset = priority - value;
    if (offset === 0) return name;
    if (Math.abs(offset) <= 10) return `${name} ${offset < 0 ? "-" : "+"} ${Math.abs(offset)}`;
  }
  return String(priority);
}
