// What two runs of the benchmarks are compared by: figures as a machine would have them that nobody disturbed.

import { expect, test } from "vitest";
import type { Figure } from "../../bench/figures/figure.ts";
import { type Round, summary } from "../../bench/support/figure-runner.ts";

const rate: Figure = { key: "k", title: "frames", unit: "frames/s", prepare: async () => 0 };
const loading: Figure = { key: "k", title: "loading", unit: "ms", prepare: async () => 0, lower: true };
const bytes: Figure = { key: "k", title: "memory", unit: "bytes", prepare: async () => 0, lower: true };

const round = (perSecond: number[], calibration: number): Round => ({ perSecond, calibration });

test("a neighbour who takes the processor for half of the runs changes the median, not what is compared", () => {
  const quiet = summary(rate, [round([100, 100, 100, 100], 10), round([100, 100, 100, 100], 10)]);
  const busy = summary(rate, [round([100, 30, 30, 30], 5), round([30, 30, 100, 100], 10)]);
  expect([quiet.median, busy.median]).toEqual([100, 30]);
  expect([quiet.scaled, busy.scaled]).toEqual([10, 10]);
});

test("a machine half as fast has the same rates and times in units of its calibration", () => {
  expect(summary(rate, [round([50], 5)]).scaled).toBe(summary(rate, [round([100], 10)]).scaled);
  expect(summary(loading, [round([400], 5)]).scaled).toBe(summary(loading, [round([200], 10)]).scaled);
});

test("memory is the same on a slow machine", () => {
  expect(summary(bytes, [round([120], 5)]).scaled).toBe(120);
});
