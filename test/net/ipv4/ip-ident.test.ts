import { expect, test } from "vitest";
import { JIFFY_NS } from "../../../src/net/core/timer-wheel.ts";
import { Lab } from "./ip-lab.ts";

test("a hashed identification jumps by what passed since the last one, never because another CPU is a jiffy behind", () => {
  const lab = new Lab();
  const { idents } = lab.host("a").ip4;
  const next = (jiffy: number): number => {
    lab.sim.now = jiffy * JIFFY_NS;
    return idents.count(7, 1);
  };
  let last = next(1000);
  const step = (jiffy: number): number => {
    const id = next(jiffy);
    const by = (id - last) & 0xffff;
    last = id;
    return by;
  };
  expect(step(1000)).toBe(1);
  expect(step(999)).toBe(1);
  expect(step(1000)).toBe(1);
  expect(step(1001)).toBe(1);
  const jumps = Array.from({ length: 50 }, (_, i) => step(1011 + i * 10));
  expect(Math.max(...jumps)).toBeLessThanOrEqual(10);
  expect(new Set(jumps).size).toBeGreaterThan(3);
});
