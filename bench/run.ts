// `npm run bench [-- NAME…]`: runs bench/*.bench.ts, each one question, and prints medians and ratios. Figures from one run
// are comparable with each other; across runs only ratios are.

import { readdirSync } from "node:fs";
import type { Bench } from "tinybench";

const wanted = process.argv.slice(2);
for (const file of readdirSync(new URL(".", import.meta.url)).sort()) {
  if (!file.endsWith(".bench.ts") || (wanted.length > 0 && !wanted.some((name) => file.includes(name)))) continue;
  const { question, bench, perRun } = (await import(`./${file}`)) as {
    question: string;
    bench: Bench;
    /** operations in one run of each task; 1 when absent */
    perRun?: number;
  };
  await bench.run();
  console.log(`\n${question}`);
  const rows = bench.tasks.map((task) => {
    const result = task.result as { latency?: { p50: number }; error?: Error };
    if (result.error) throw result.error;
    return { name: task.name, ns: ((result.latency?.p50 ?? Number.NaN) * 1e6) / (perRun ?? 1) };
  });
  const first = rows[0]?.ns ?? 1;
  for (const { name, ns } of rows)
    console.log(
      `  ${name.padEnd(56)} ${ns.toFixed(1).padStart(10)} ns   ${(ns / first).toFixed(2)} ×   ${Math.round(1e9 / ns).toLocaleString("en")}/s`,
    );
}
