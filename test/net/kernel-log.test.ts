import { expect, test } from "vitest";
import { KernelLog } from "../../src/net/core/kernel-log.ts";

test("the kernel's messages come back as they were, with their times and levels", () => {
  const log = new KernelLog();
  log.add(5, "br0: port 1(véth0) entered blocking state", 6);
  log.add(7_000_000_000_000, "", 4);
  expect(log.records()).toEqual([
    { timeNs: 5, text: "br0: port 1(véth0) entered blocking state", level: 6 },
    { timeNs: 7_000_000_000_000, text: "", level: 4 },
  ]);
  expect(log.records(1)).toHaveLength(1);
});

test("of more than 4096 messages the oldest quarter goes", () => {
  const log = new KernelLog();
  let lost = 0;
  for (let i = 0; i < 5000; i++) lost += log.add(i, `message ${i}`, 6);
  expect([lost, log.length]).toEqual([1024, 5000 - 1024]);
  expect(log.records()[0]!.text).toBe("message 1024");
  expect(log.records(2000).map(({ text }) => text)).toEqual(
    Array.from({ length: 5000 - 3024 }, (_, i) => `message ${i + 3024}`),
  );
});
