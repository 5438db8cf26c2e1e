// One figure in a process of its own: what an earlier figure made V8 believe about types, and the memory it left, would
// otherwise be measured with it (tcp_segments after the others: 15 % slower). Told over the channel of fork() how long to
// measure, it answers with what each run took; `support/figure-runner.ts` is the other end.

import { Bench } from "tinybench";
import { inlineMore } from "../src/node/v8-flags.ts";
import { FIGURES } from "./figures/all.ts";
import type { Batch } from "./figures/figure.ts";
import { calibrate } from "./support/calibrate.ts";
import type { Answer, Question } from "./support/figure-runner.ts";

inlineMore();
const key = process.argv[2];
const figure = FIGURES.find((one) => one.key === key)!;
const answer = (message: Answer): boolean => process.send!(message);

const prepared = await figure.prepare();
const WARM_US = process.cpuUsage().user + 3_000_000;
if (typeof prepared === "number") answer({ value: prepared, calibration: calibrate() });
else {
  // JIT: so much processor time, however busy the machine is; after half of it V8 still takes its code back now and then, because something
  // rare happens for the first time, and a frame takes a third more
  while (process.cpuUsage().user < WARM_US) await samples(prepared, 200);
  // What lives is old in a process that has run for a while. Packets make no garbage, and so nothing would become old while they are measured:
  // V8 would go on writing down each young one that an old queue gets (flows_1000_sendto: 6 % of the time).
  for (let i = 0; i < 3; i++) globalThis.gc?.({ type: "minor" });
  await samples(prepared, 200);
  process.on("message", (question: Question) => void round(prepared, question));
  answer({ ready: true });
}

async function round(batch: Batch, question: Question): Promise<void> {
  if (question.check) {
    batch.check?.();
    answer({ checked: true });
    process.disconnect();
    return;
  }
  const before = calibrate();
  const busyBefore = process.cpuUsage();
  const perSecond = (await samples(batch, question.ms)).map((ms) => (batch.units * 1000) / ms);
  const { user, system } = process.cpuUsage(busyBefore);
  const perCpuSecond = (batch.units * perSecond.length * 1e6) / (user + system);
  answer({ perSecond, perCpuSecond, calibration: Math.max(before, calibrate()) });
}

/** What each run took in so many milliseconds. */
async function samples(batch: Batch, ms: number): Promise<readonly number[]> {
  const bench = new Bench({ time: ms, iterations: 3, warmup: false, retainSamples: true });
  bench.add(figure.key, batch.run, batch.before ? { beforeEach: batch.before } : {});
  await bench.run();
  const { result } = bench.tasks[0]!;
  if ("error" in result) throw result.error;
  if (!("latency" in result)) throw new Error(`${figure.key}: ${JSON.stringify(result)}`);
  return result.latency.samples!;
}
