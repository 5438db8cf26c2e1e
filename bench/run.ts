// `npm run bench [-- NAME…]`: the table of figures, each measured in a process of its own (those of the path of frames in turn),
// then bench/*.bench.ts, each one question about a part. What is measured is the bundle, as users run it: tsx keeps functions' names
// by a call for each closure, which costs the TCP path a third.
//   --json          one object: figures by key (medians), spread, calibration and scaled figures beside them
//   --against FILE  ratios to an earlier --json, each scaled by a calibration loop that ran in between; exit status 1 when
//                   one has lost more than 20 % in three measurements
//   goodput         also the table of goodput over loss and delay (bench/goodput.ts), which takes minutes
//   NAME…           only figures and files whose name holds NAME

import { readdirSync, readFileSync } from "node:fs";
import type { Bench } from "tinybench";
import { inlineMore } from "../src/node/v8-flags.ts";
import { GROUPS } from "./figures/all.ts";
import { measure, type Result } from "./support/figure-runner.ts";

/** A loss of more than this part counts … */
const TOLERANCE = 0.2;
/** … when it is still there in the last of so many measurements. */
const MEASUREMENTS = 3;

interface Saved {
  readonly [key: string]: unknown;
  readonly scaled: Readonly<Record<string, number>>;
}

inlineMore();
const { json, against, wanted } = readArguments(process.argv.slice(2));
const chosen = (name: string): boolean => wanted.length === 0 || wanted.some((part) => name.includes(part));

const results: Result[] = [];
let lost = false;
for (const group of GROUPS) {
  for (let result of await measure(group.filter(({ key }) => chosen(key)))) {
    for (let i = 1; i < MEASUREMENTS && (ratio(result) ?? 1) < 1 - TOLERANCE; i++) {
      const [again] = await measure([result.figure]);
      if (ratio(again!)! > ratio(result)!) result = again!;
    }
    results.push(result);
    if ((ratio(result) ?? 1) < 1 - TOLERANCE) lost = true;
    if (json) {
      const text = compared(result);
      if (text !== "") process.stderr.write(`${result.figure.key}${text}\n`);
    } else console.log(line(result));
  }
}
if (wanted.includes("goodput")) await (await import("./goodput.ts")).printGoodput();
if (json) {
  const out: Record<string, unknown> = {};
  for (const { figure, median } of results) out[figure.key] = round(median);
  out.spread = Object.fromEntries(results.map(({ figure, low, high }) => [figure.key, [round(low), round(high)]]));
  out.calibration = Object.fromEntries(results.map(({ figure, calibration }) => [figure.key, round(calibration)]));
  out.scaled = Object.fromEntries(results.map(({ figure, scaled }) => [figure.key, Number(scaled.toPrecision(4))]));
  console.log(JSON.stringify(out));
} else await questions();
process.exitCode = lost ? 1 : 0;

function readArguments(args: string[]): { json: boolean; against: Saved | null; wanted: string[] } {
  let json = false;
  let against: Saved | null = null;
  const wanted: string[] = [];
  while (args.length > 0) {
    const arg = args.shift()!;
    if (arg === "--json") json = true;
    else if (arg === "--against") against = readSaved(args.shift());
    else if (arg.startsWith("-")) fail(`unknown option ${arg}; there are --json and --against FILE`);
    else wanted.push(arg);
  }
  return { json, against, wanted };
}

function readSaved(file: string | undefined): Saved {
  if (file === undefined) fail("--against needs a file that --json has written");
  try {
    const saved = JSON.parse(readFileSync(file, "utf8")) as Saved;
    if (typeof saved.scaled === "object") return saved;
  } catch (error) {
    fail(`${file}: ${(error as Error).message}`);
  }
  return fail(`${file} is not what --json writes`);
}

function fail(message: string): never {
  console.error(`bench: ${message}`);
  process.exit(2);
}

/** To the earlier result: above 1 is better. */
function ratio({ figure, scaled }: Result): number | undefined {
  const old = against?.scaled[figure.key];
  if (old === undefined) return undefined;
  return figure.lower ? old / scaled : scaled / old;
}

function compared(result: Result): string {
  const value = ratio(result);
  return value === undefined ? "" : `   ${value.toFixed(2)} × before${value < 1 - TOLERANCE ? "  LOST" : ""}`;
}

function line(result: Result): string {
  const { figure, median, low, high } = result;
  const spread = low === high ? "" : `(${shown(low)} to ${shown(high)})`;
  return `${figure.title.padEnd(46)} ${shown(median).padStart(12)} ${figure.unit.padEnd(12)} ${spread.padEnd(28)} ${figure.key}${compared(result)}`;
}

function shown(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(value >= 100 ? 0 : 1);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** bench/*.bench.ts */
async function questions(): Promise<void> {
  for (const file of readdirSync("bench").sort()) {
    if (!file.endsWith(".bench.ts") || !chosen(file)) continue;
    const { question, bench, perRun } = (await import(`./${file.slice(0, -".bench.ts".length)}.bench.ts`)) as {
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
