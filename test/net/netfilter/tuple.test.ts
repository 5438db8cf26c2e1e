import fc from "fast-check";
import { expect, test } from "vitest";
import { SkbPool } from "../../../src/net/core/skb.ts";
import { IPS_CONFIRMED, IPS_DYING } from "../../../src/net/netfilter/conntrack-entry.ts";
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
  const key = fc.integer({ min: 0, max: 60 });
  const does = fc.constantFrom("add", "add where looked", "remove", "sweep");
  const steps = fc.array(fc.tuple(does, key, key, fc.boolean()), { maxLength: 300, size: "max" });
  fc.assert(
    fc.property(steps, (list) => {
      const rows = new ConnRows(new SkbPool());
      const table = new ConntrackHash(rows);
      const model = new Map<number, number>();
      const tupleOf = (key: number): Tuple => new Tuple().set(key % 3, 1, key, key * 7, 6);
      // every fourth is not mapped
      const mappedTo = (key: number): number => (key % 4 === 0 ? key % 3 : 10 + (key % 2));
      const answerOf = (key: number): Tuple => new Tuple().set(1, mappedTo(key), key * 7, key, 6);
      const make = (key: number): number => {
        const conn = rows.alloc(6);
        rows.setTuple(conn, 0, tupleOf(key));
        rows.setTuple(conn, 1, answerOf(key));
        rows.addStatus(conn, IPS_CONFIRMED);
        model.set(key, conn);
        return conn;
      };
      const remove = (key: number): void => {
        const known = model.get(key);
        if (known === undefined) return;
        table.remove(known, 0);
        table.remove(known, 1);
        model.delete(key);
      };
      const lacks = (key: number, src: number): number =>
        table.lacks(src, 1, (key << 16) | (key * 7), mappedTo(key), key, 6);
      for (const [what, key, other, between] of list) {
        const isNew = !model.has(key);
        if (what === "add" && isNew) {
          table.insert(make(key), 0);
          table.insert(model.get(key)!, 1);
        } else if (what === "add where looked" && isNew) {
          expect(lacks(key, key % 3)).toBe(2);
          // what comes between the look-up and the places
          if (between) remove(other);
          table.insertLacked(make(key));
        } else if (what === "remove") remove(key);
        else if (what === "sweep") {
          for (const ending of [key, other, (key + other) % 61]) {
            if (model.has(ending)) rows.addStatus(model.get(ending)!, IPS_DYING);
            model.delete(ending);
          }
          table.sweep(model.size);
        }
      }
      for (let key = 0; key <= 60; key++) {
        const conn = model.get(key);
        expect(table.find(tupleOf(key), 0)).toBe(conn === undefined ? -1 : conn << 1);
        expect(table.find(answerOf(key), 0)).toBe(conn === undefined ? -1 : (conn << 1) | 1);
        expect(table.find(tupleOf(key), 5)).toBe(-1);
        expect(lacks(key, key % 3)).toBe(conn === undefined ? 2 : 0);
        // one whose answers, were they not mapped, would be taken for its packets
        if (conn !== undefined) expect(table.lacks(1, key % 3, ((key * 7) << 16) | key, 99, 9, 6)).toBe(0);
        // another's that would be mapped to the same
        if (mappedTo(key) >= 10) expect(lacks(key, 77)).toBe(conn === undefined ? 2 : 1);
      }
    }),
  );
});
