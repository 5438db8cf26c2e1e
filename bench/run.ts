// `npm run bench [-- NAME…]`: the table of figures, then bench/*.bench.ts, each one question about a part. Figures from one run
// are comparable with each other; across runs only ratios are, scaled by a calibration loop.
//   --json          one object: figures by key (medians), spread and calibration beside them
//   --against FILE  ratios to an earlier --json; exit status 1 when one has lost more than 20 %
//   goodput         also the table of goodput over loss and delay (bench/goodput.ts), which takes minutes
//   NAME…           only figures and files whose name holds NAME

import { readdirSync, readFileSync } from "node:fs";
import { Bench } from "tinybench";
import type { Figure } from "./figures/figure.ts";
import { forwardFigures } from "./figures/forward.ts";
import { memoryFigures } from "./figures/memory.ts";
import { scaleFigures } from "./figures/scale.ts";
import { tcpFigures } from "./figures/tcp.ts";
import { printGoodput } from "./goodput.ts";

/** A loss of more than this part counts. */
const TOLERANCE = 0.2;
const FIGURES: readonly Figure[] = [...forwardFigures, ...tcpFigures, ...scaleFigures, ...memoryFigures];

interface Result {
  readonly figure: Figure;
  readonly median: number;
  /** lowest and highest quarter */
  readonly low: number;
  readonly high: number;
  /** loops a second of the calibration just before */
  readonly calibration: number;
}

interface Saved {
  readonly [key: string]: unknown;
  readonly calibration: Readonly<Record<string, number>>;
}

const args = process.argv.slice(2);
const json = args.includes("--json");
const againstAt = args.indexOf("--against");
const against = againstAt < 0 ? null : (JSON.parse(readFileSync(args[againstAt + 1]!, "utf8")) as Saved);
const wanted = args.filter(
  (arg, i) => !arg.startsWith("--") && i !== againstAt + 1 + (againstAt < 0 ? args.length : 0),
);
const chosen = (name: string): boolean => wanted.length === 0 || wanted.some((part) => name.includes(part));

const results: Result[] = [];
let lost = false;
for (const figure of FIGURES) {
  if (!chosen(figure.key)) continue;
  const result = await measure(figure);
  results.push(result);
  if (!json) console.log(line(result));
}
if (wanted.includes("goodput")) await printGoodput();
if (json) {
  const out: Record<string, unknown> = {};
  for (const { figure, median } of results) out[figure.key] = round(median);
  out.spread = Object.fromEntries(results.map(({ figure, low, high }) => [figure.key, [round(low), round(high)]]));
  out.calibration = Object.fromEntries(results.map(({ figure, calibration }) => [figure.key, round(calibration)]));
  console.log(JSON.stringify(out));
} else await questions();
process.exitCode = lost ? 1 : 0;

/** The same arithmetic each time: what this machine does now. */
function calibrate(): number {
  let x = 1;
  const began = performance.now();
  for (let i = 0; i < 20_000_000; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  const ms = performance.now() - began;
  return x === 0 ? 0 : 20_000_000 / ms;
}

async function measure(figure: Figure): Promise<Result> {
  const batch = await figure.prepare();
  const calibration = calibrate();
  if (typeof batch === "number") return { figure, median: batch, low: batch, high: batch, calibration };
  const bench = new Bench({ time: figure.timeMs ?? 2000, warmupTime: 1000, retainSamples: true });
  bench.add(figure.key, batch.run, batch.before ? { beforeEach: batch.before } : {});
  await bench.run();
  const { result } = bench.tasks[0]!;
  if (!("latency" in result)) throw new Error(`${figure.key}: ${JSON.stringify(result)}`);
  batch.check?.();
  const perSecond = (ms: number): number => (batch.units * 1000) / ms;
  const { p50, p75, samples } = result.latency;
  const sorted = samples ? [...samples].sort((a, b) => a - b) : [];
  const p25 = sorted[sorted.length >> 2] ?? p50;
  return { figure, median: perSecond(p50), low: perSecond(p75), high: perSecond(p25), calibration };
}

function line({ figure, median, low, high, calibration }: Result): string {
  const spread = low === high ? "" : `(${shown(low)} to ${shown(high)})`;
  const text = `${figure.title.padEnd(46)} ${shown(median).padStart(12)} ${figure.unit.padEnd(12)} ${spread.padEnd(28)} ${figure.key}`;
  const old = against?.[figure.key];
  if (typeof old !== "number") return text;
  const scale =
    figure.unit === "bytes" || figure.unit.startsWith("×")
      ? 1
      : calibration / (against!.calibration[figure.key] ?? calibration);
  const raw = figure.unit === "ms" ? old / scale / median : figure.lower ? old / median : median / (old * scale);
  if (raw < 1 - TOLERANCE) lost = true;
  return `${text}   ${raw.toFixed(2)} × before${raw < 1 - TOLERANCE ? "  LOST" : ""}`;
}

function shown(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(value >= 100 ? 0 : 1);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** bench/*.bench.ts */
async function questions(): Promise<void> {
  for (const file of readdirSync(new URL(".", import.meta.url)).sort()) {
    if (!file.endsWith(".bench.ts") || !chosen(file)) continue;
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
}
