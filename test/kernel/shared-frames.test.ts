// Bulk TCP races on a real kernel: two CPUs, and whoever is quicker decides. What all recorded runs of such a scenario have in
// common is what the mechanisms decide, and vethlab must have all of it, in this order. What is left is looked at too: of
// the frames that the runs do not share only those may differ whose moment or number is a race.
//
//   acknowledgements  how much the reader had read decides the window (tcp_select_window), and what came while it held the
//                     socket is acknowledged once, from another CPU, before or after the others (TCP_ACK_DEFERRED)
//   FIN               who closes first; the ACK that answers counts the other's FIN or not
//   data              the number in the IP header counts the sender's own acknowledgements; PSH and the split of a write's
//                     last segment depend on what is acknowledged by then (tcp_nagle_test)

import { describe, expect, test } from "vitest";
import type { Field } from "../../src/capture/canonical.ts";
import { commonFrames } from "../../src/capture/compare.ts";
import { recordedRuns, runAndScore } from "./harness.ts";

const RACING: Readonly<Record<string, { shared: readonly number[]; rest: readonly string[] }>> = {
  "21-tcp-bulk": { shared: [110, 110], rest: ["acknowledgement", "data", "FIN"] },
  "22-loss-and-retransmission": { shared: [30], rest: ["acknowledgement", "FIN"] },
  "own/118-loss-without-sack": { shared: [37], rest: ["acknowledgement", "FIN"] },
};

function value(frame: readonly Field[], name: string): string {
  return frame.find((field) => field.name === name)?.value ?? "";
}

/** What kind of a segment a frame is, as far as runs may differ in it. */
function kind(frame: readonly Field[]): string {
  const flags = value(frame, "tcp flags");
  if (flags === "") return "other";
  if (/SYN|RST/.test(flags)) return flags;
  if (flags.includes("FIN")) return "FIN";
  return value(frame, "tcp data") === "" ? "acknowledgement" : "data";
}

describe("what all recorded runs of a race have in common", () => {
  test.each(Object.keys(RACING))("%s", async (name) => {
    const { shared, rest } = RACING[name]!;
    const runs = recordedRuns(name);
    const { captures } = await runAndScore(name);
    const names = [...runs[0]!.keys()];
    const counts: number[] = [];
    const kinds = new Set<string>();
    for (const file of names) {
      const recorded = runs.map((run) => run.get(file)!);
      const ours = captures.get(file)!;
      const common = commonFrames(recorded);
      expect(commonFrames([...recorded, ours])).toEqual(common);
      counts.push(common.length);
      const left = new Map<string, number>();
      for (const frame of common) left.set(JSON.stringify(frame), (left.get(JSON.stringify(frame)) ?? 0) + 1);
      for (const frame of commonFrames([ours])) {
        const key = JSON.stringify(frame);
        const n = left.get(key) ?? 0;
        if (n > 0) left.set(key, n - 1);
        else kinds.add(kind(frame));
      }
    }
    expect(counts).toEqual(shared);
    expect([...kinds].sort()).toEqual([...rest].sort());
  });
});
