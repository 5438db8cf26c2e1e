import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CaptureStamp } from "../../src/net/core/capture-stamp.ts";

describe("the stamp of a captured frame", () => {
  it("is the wall clock in seconds and nanoseconds, and never goes back", () => {
    const steps = fc.array(fc.integer({ min: -2_000, max: 3_000_000_000 }), { maxLength: 30 });
    fc.assert(
      fc.property(fc.nat(2_000_000_000_000), steps, (epochMs, all) => {
        const sim = { now: 0 };
        const stamp = new CaptureStamp({ sim, epochMs });
        let latest = 0;
        for (const step of all) {
          sim.now = Math.max(0, sim.now + step);
          latest = Math.max(latest, sim.now);
          stamp.advance();
          const wallNs = BigInt(epochMs) * 1_000_000n + BigInt(latest);
          expect([stamp.ns, stamp.seconds, stamp.nanoseconds]).toEqual([
            latest,
            Number(wallNs / 1_000_000_000n),
            Number(wallNs % 1_000_000_000n),
          ]);
        }
      }),
    );
  });
});
