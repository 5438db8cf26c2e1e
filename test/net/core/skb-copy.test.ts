import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SkbPool } from "../../../src/net/core/skb.ts";

describe("a copy of a packet", () => {
  it("has the bytes at the same offsets, wherever they lie and however many there are, and changes nothing else", () => {
    fc.assert(
      fc.property(fc.nat(120), fc.nat(400), fc.nat(9), fc.nat(40), (front, bytes, cut, more) => {
        const pool = new SkbPool();
        const from = pool.alloc(bytes + 60);
        from.push(front);
        from.put(bytes);
        from.pull(Math.min(cut, front));
        for (let at = from.data; at < from.tail; at++) from.head[at] = (at * 7 + 1) & 255;
        const before = from.head.slice();
        const copy = pool.copy(from, from.tail + more);
        expect([copy.data, copy.tail]).toEqual([from.data, from.tail]);
        expect(Buffer.compare(copy.head.subarray(copy.data, copy.tail), from.head.subarray(from.data, from.tail))).toBe(
          0,
        );
        expect(copy.tailroom).toBeGreaterThanOrEqual(more);
        copy.head.fill(0);
        expect(Buffer.compare(from.head, before)).toBe(0);
      }),
    );
  });
});
