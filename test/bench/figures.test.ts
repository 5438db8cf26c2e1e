import { expect, test } from "vitest";
import { forwardFigures } from "../../bench/figures/forward.ts";
import { tcpFigures } from "../../bench/figures/tcp.ts";

// Speed counts only for right frames: each figure says itself what must be true after its work. Here nothing is timed.

const figures = [...forwardFigures, ...tcpFigures].filter(
  ({ key, unit }) => unit.endsWith("/s") && key !== "flows_1000000",
);

test.each(figures)("what $key times is done, and done right", async ({ prepare }) => {
  const batch = await prepare();
  if (typeof batch === "number") throw new Error("a value, not a batch");
  for (let i = 0; i < 2; i++) {
    batch.before?.();
    batch.run();
  }
  expect(batch.units).toBeGreaterThan(0);
  batch.check?.();
});
