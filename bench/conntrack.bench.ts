// A tracked packet is looked up once in each hook that may begin its way; what does that cost, and what a rule walked by?
import { Bench } from "tinybench";
import { SkbPool } from "../src/net/core/skb.ts";
import { IPS_CONFIRMED } from "../src/net/netfilter/conntrack-entry.ts";
import { ConntrackHash } from "../src/net/netfilter/conntrack-hash.ts";
import { ConnRows } from "../src/net/netfilter/conntrack-rows.ts";
import { invertTuple, Tuple } from "../src/net/netfilter/tuple.ts";

export const question: string = "What does a look-up of a tracked connection cost?";
export const perRun: number = 100;

/** Connections as masquerading makes them: one server, hosts and ports that count up. */
function tupleOf(i: number, tuple: Tuple): Tuple {
  return tuple.set((0xac110002 + (i >>> 14)) >>> 0, 0x0a000001, 1024 + (i & 0x3fff), 80, 6);
}

export const bench: Bench = new Bench({ time: 200 });

for (const count of [10, 1000, 100_000, 1_000_000]) {
  const rows = new ConnRows(new SkbPool());
  const table = new ConntrackHash(rows);
  const byText: Map<string, number> = new Map();
  const tuple = new Tuple();
  const inverse = new Tuple();
  for (let i = 0; i < count; i++) {
    const conn = rows.alloc(6);
    invertTuple(inverse, tupleOf(i, tuple));
    rows.setTuple(conn, 0, tuple);
    rows.setTuple(conn, 1, inverse);
    // in the table, or its row would be taken for a free one
    rows.addStatus(conn, IPS_CONFIRMED);
    table.insert(conn, 0);
    table.insert(conn, 1);
    byText.set(keyOf(tuple), conn);
  }
  const wanted = new Tuple();
  let at = 0;
  bench.add(`typed arrays, ${count} connections`, () => {
    for (let i = 0; i < perRun; i++) {
      at = (at + 7919 + (table.find(tupleOf(at, wanted), 0) & 1)) % count;
    }
  });
  bench.add(`a Map by text, ${count} connections`, () => {
    for (let i = 0; i < perRun; i++) {
      at = (at + 7919 + (byText.get(keyOf(tupleOf(at, wanted)))! & 1)) % count;
    }
  });
  bench.add(`not there, ${count} connections`, () => {
    for (let i = 0; i < perRun; i++) {
      tupleOf(at, wanted).dstU = 81;
      at = (at + 7920 + table.find(wanted, 0)) % count;
    }
  });
}

function keyOf(tuple: Tuple): string {
  return `${tuple.src},${tuple.dst},${tuple.srcU},${tuple.dstU},${tuple.protonum}`;
}
