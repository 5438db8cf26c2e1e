// A tracked packet is looked up once in each hook that may begin its way; what does that cost, and what a rule walked by?
import { Bench } from "tinybench";
import { NfConn } from "../src/net/netfilter/conntrack-entry.ts";
import { ConntrackHash } from "../src/net/netfilter/conntrack-hash.ts";
import { invertTuple, Tuple } from "../src/net/netfilter/tuple.ts";

export const question: string = "What does a look-up of a tracked connection cost?";
export const perRun: number = 100;

/** Connections as masquerading makes them: one server, hosts and ports that count up. */
function tupleOf(i: number, tuple: Tuple): Tuple {
  return tuple.set((0xac110002 + (i >>> 14)) >>> 0, 0x0a000001, 1024 + (i & 0x3fff), 80, 6);
}

export const bench: Bench = new Bench({ time: 200 });

for (const count of [10, 1000, 100_000]) {
  const table = new ConntrackHash();
  const byText: Map<string, NfConn> = new Map();
  const inverse = new Tuple();
  for (let i = 0; i < count; i++) {
    const conn = new NfConn();
    tupleOf(i, conn.orig);
    invertTuple(inverse, conn.orig);
    conn.reply.copy(inverse);
    table.register(conn);
    table.insert(conn.orig, 0, conn.index << 1);
    table.insert(conn.reply, 0, (conn.index << 1) | 1);
    byText.set(keyOf(conn.orig), conn);
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
      at = (at + 7919 + byText.get(keyOf(tupleOf(at, wanted)))!.mark) % count;
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
