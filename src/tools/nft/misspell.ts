// "Did you mean …?": the name that a mistyped one is nearest to. Answers to src/misspell.c of nftables 1.0.6, whose distance
// leaves the first letter out and counts the end of the text as one.

import type { Table } from "../../net/netfilter/nf-table.ts";
import type { NfTables } from "../../net/netfilter/nf-tables.ts";

/** Insertions, deletions, changes and swaps that make one text of the other. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, rows[i - 2]![j - 2]! + change);
      row.push(best);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

/** How far the names may be apart, or undefined where nothing is near. */
function isNear(name: string, wanted: string): number | undefined {
  const longest = Math.max(name.length, wanted.length);
  if (longest <= 1) return undefined;
  const shortest = Math.min(name.length, wanted.length);
  const threshold = longest - shortest <= 1 ? Math.max(Math.ceil(longest / 3), 1) : Math.ceil((longest + 2) / 3);
  const found = distance(`${name.slice(1)}\0`, `${wanted.slice(1)}\0`);
  return found <= threshold ? found : undefined;
}

/** The chain of any table with the name nearest to this one (chain_lookup_fuzzy). */
export function nearestChain(kernel: NfTables, wanted: string): { name: string; table: Table } | undefined {
  const chains = [...kernel.tables.values()].flatMap((table) =>
    [...table.chains.keys()].map((name) => ({ name, table })),
  );
  return nearest(chains, wanted);
}

function nearest<T extends { readonly name: string }>(all: Iterable<T>, wanted: string): T | undefined {
  let best = Number.POSITIVE_INFINITY;
  let found: T | undefined;
  for (const each of all) {
    const near = isNear(each.name, wanted);
    if (near === undefined || near >= best) continue;
    best = near;
    found = each;
  }
  return found;
}

/** table_lookup_fuzzy */
export function nearestTable(kernel: NfTables, wanted: string): Table | undefined {
  return nearest(kernel.tables.values(), wanted);
}

/** set_lookup_fuzzy */
export function nearestSet(kernel: NfTables, wanted: string): { name: string; table: Table } | undefined {
  const sets = [...kernel.tables.values()].flatMap((table) => [...table.sets.keys()].map((name) => ({ name, table })));
  return nearest(sets, wanted);
}
