import fc from "fast-check";
import { expect, test } from "vitest";
import { SkbPool } from "../../../src/net/core/skb.ts";
import { ConntrackHash } from "../../../src/net/netfilter/conntrack-hash.ts";
import { ConnRows } from "../../../src/net/netfilter/conntrack-rows.ts";
import { getTuple, invertTuple, Tuple } from "../../../src/net/netfilter/tuple.ts";

const address = fc.integer({ min: 0, max: 0xffffffff });
const port = fc.integer({ min: 0, max: 0xffff });
const tuples = fc
  .tuple(address, address, port, port, fc.constantFrom(6, 17, 132, 136, 47, 99))
  .map(([src, dst, srcU, dstU, proto]) => new Tuple().set(src, dst, srcU, dstU, proto));

test("an answer's answer is the question", () => {
  fc.assert(
    fc.property(tuples, (tuple) => {
      const once = new Tuple();
      const twice = new Tuple();
      expect(invertTuple(once, tuple) && invertTuple(twice, once)).toBe(true);
      expect(twice.equals(tuple)).toBe(true);
    }),
  );
});

test("an ICMP query is answered by its reply, an error by nothing", () => {
  const ping = new Tuple().set(1, 2, 77, 8 << 8, 1);
  const inverse = new Tuple();
  expect(invertTuple(inverse, ping)).toBe(true);
  expect([inverse.src, inverse.dst, inverse.srcU, inverse.dstU]).toEqual([2, 1, 77, 0]);
  expect(invertTuple(inverse, new Tuple().set(1, 2, 0, (3 << 8) | 1, 1))).toBe(false);
});

test("a later fragment and a header cut short have no tuple", () => {
  const packet = new Uint8Array(28);
  packet[0] = 0x45;
  packet[9] = 17;
  packet.set([0x12, 0x34, 0, 53], 20);
  const tuple = new Tuple();
  expect(getTuple(packet, 0, 28, tuple)).toBe(true);
  expect([tuple.srcU, tuple.dstU]).toEqual([0x1234, 53]);
  expect(getTuple(packet, 0, 22, tuple)).toBe(false);
  packet[7] = 1; // offset 8
  expect(getTuple(packet, 0, 28, tuple)).toBe(false);
});

test("the table finds what is in it and nothing else, whatever came and went", () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 60 })), { maxLength: 300 });
  fc.assert(
    fc.property(steps, (list) => {
      const rows = new ConnRows(new SkbPool());
      const table = new ConntrackHash(rows);
      const model = new Map<number, number>();
      const tupleOf = (key: number): Tuple => new Tuple().set(key % 3, 1, key, key * 7, 6);
      for (const [add, key] of list) {
        const known = model.get(key);
        if (add && known === undefined) {
          const conn = rows.alloc(6);
          rows.setTuple(conn, 0, tupleOf(key));
          table.insert(conn, 0);
          model.set(key, conn);
        } else if (!add && known !== undefined) {
          table.remove(known, 0);
          model.delete(key);
        }
      }
      for (let key = 0; key <= 60; key++) {
        const conn = model.get(key);
        expect(table.find(tupleOf(key), 0)).toBe(conn === undefined ? -1 : conn << 1);
        expect(table.find(tupleOf(key), 5)).toBe(-1);
      }
    }),
  );
});
