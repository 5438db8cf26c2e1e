// --filter NAME=VALUE of the list commands. Answers to docker/cli opts/opts.go (FilterOpt) and moby api/types/filters.

import type { Command } from "./command.ts";

/** Values by filter, in the order in which they came. */
export type Filters = ReadonlyMap<string, readonly string[]>;

/** What is wrong with the value of --filter. */
export const FILTER_CHECK: NonNullable<Command["checks"]> = {
  filter: (text) => (text.includes("=") ? undefined : "bad format of filter (expected name=value)"),
};

export function parseFilters(texts: readonly string[]): Filters {
  const out = new Map<string, string[]>();
  for (const text of texts) {
    const at = text.indexOf("=");
    const key = text.slice(0, at).trim().toLowerCase();
    const list = out.get(key) ?? [];
    list.push(text.slice(at + 1).trim());
    out.set(key, list);
  }
  return out;
}

/** A filter's value as a regular expression over a name, as the daemon matches names; an invalid one matches literally. */
export function matchesText(name: string, value: string): boolean {
  try {
    return new RegExp(value).test(name);
  } catch {
    return name === value;
  }
}
