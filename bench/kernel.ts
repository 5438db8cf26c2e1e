// `npm run bench:kernel` (root): the real kernel beside vethlab, the same path and the same rules, in turn within one run, so that
// ratios are fair on a machine whose speed drifts; a second ratio, by processor time, is for machines where others work, too.
//   --json     one object: kernel's and vethlab's medians, ratios, by figure
//   NAME…      only figures whose name holds NAME

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FIGURES } from "./figures/all.ts";
import { rulesText } from "./figures/forward.ts";
import { KernelPath, type KernelRound, machine, prepareMachine, Unable } from "./kernel/kernel-path.ts";
import { FigureProcess } from "./support/figure-runner.ts";
import { natPath } from "./support/nat-path.ts";

const ROUNDS = 5;
const VETHLAB_MS = 500;
const SECONDS = 0.7;

interface Row {
  /** vethlab's figure */
  readonly key: string;
  /** for iptables-restore, beyond Docker's rules */
  readonly moreRules?: () => string;
  /** conntrack must not remember the round before */
  readonly fresh?: boolean;
  readonly kernel: (path: KernelPath) => Promise<KernelRound>;
}

const ROWS: readonly Row[] = [
  { key: "forward_60B", kernel: (path) => path.udp(18, SECONDS, false) },
  { key: "forward_60B_pcap", kernel: (path) => path.udp(18, SECONDS, true) },
  { key: "forward_1442B_pcap", kernel: (path) => path.udp(1400, SECONDS, true) },
  { key: "new_flow", fresh: true, kernel: (path) => path.newFlows(18) },
  { key: "rules_10000", moreRules: () => rulesText(10_000), kernel: (path) => path.udp(18, SECONDS, false) },
  { key: "tcp_segments", kernel: (path) => path.tcp(SECONDS) },
];

interface Compared {
  readonly key: string;
  readonly kernel: number[];
  readonly vethlab: number[];
  readonly ratio: number[];
  /** of frames per second of processor time: what holds where others work on the machine, too */
  readonly cpuRatio: number[];
  readonly lost: number;
}

const args = process.argv.slice(2);
const json = args.includes("--json");
const wanted = args.filter((arg) => !arg.startsWith("-"));
const unknown = args.find((arg) => arg.startsWith("-") && arg !== "--json");
if (unknown !== undefined) {
  console.error(`bench:kernel: unknown option ${unknown}; there is --json`);
  process.exit(2);
}

let work = "";
try {
  if (process.getuid?.() !== 0) throw new Unable("needs root, for network namespaces");
  // tcpdump's files and ours lie where captures do, not in memory: tmpfs takes them page by page, which costs more than a disk's page cache
  work = mkdtempSync(join(tmpdir(), "vethlab-bench-"));
  process.env.TMPDIR = work; // of the figures' processes
  prepareMachine(work, fileURLToPath(new URL("../../bench/kernel/traffic.c", import.meta.url)));
  await compareAll();
} catch (error) {
  if (!(error instanceof Unable)) throw error;
  console.error(`bench:kernel: ${error.message}`);
  process.exitCode = 1;
} finally {
  if (work !== "") rmSync(work, { recursive: true, force: true });
}

async function compareAll(): Promise<void> {
  const { stdout: rules } = await (await natPath()).host.sh("iptables-save");
  new KernelPath(work, rules, "").remove(); // can this machine do it?
  if (!json) {
    console.log(`${machine()}\nmedians of ${ROUNDS} rounds in turn (lowest to highest)\n`);
    console.log(
      `${"".padEnd(46)} ${"Linux".padEnd(34)} ${"vethlab".padEnd(38)} ${"ratio".padEnd(10)} by processor time`,
    );
  }
  const out: Record<string, unknown> = {};
  for (const row of ROWS) {
    if (wanted.length > 0 && !wanted.some((part) => row.key.includes(part))) continue;
    const result = await compare(row, rules);
    out[row.key] = {
      kernel: Math.round(middle(result.kernel)),
      vethlab: Math.round(middle(result.vethlab)),
      ratio: Number(middle(result.ratio).toFixed(2)),
      ratio_by_processor_time: Number(middle(result.cpuRatio).toFixed(2)),
    };
    if (!json) console.log(line(result));
  }
  if (json) console.log(JSON.stringify(out));
}

async function compare(row: Row, rules: string): Promise<Compared> {
  const figure = FIGURES.find(({ key }) => key === row.key)!;
  const ours = new FigureProcess(figure);
  const more = row.moreRules?.() ?? "";
  let path: KernelPath | null = null;
  const [kernel, vethlab, ratio, cpuRatio]: [number[], number[], number[], number[]] = [[], [], [], []];
  let lost = 0;
  try {
    await ours.started();
    for (let i = 0; i < ROUNDS; i++) {
      path ??= new KernelPath(work, rules, more);
      const theirs = await row.kernel(path);
      if (row.fresh) {
        path.remove();
        path = null;
      }
      const { perSecond, perCpuSecond } = await ours.round(VETHLAB_MS);
      kernel.push(theirs.perSecond);
      vethlab.push(middle(perSecond));
      ratio.push(middle(perSecond) / theirs.perSecond);
      cpuRatio.push(perCpuSecond! / theirs.perCpuSecond);
      lost = Math.max(lost, theirs.lost);
    }
    await ours.end();
  } finally {
    ours.stop();
    path?.remove();
  }
  return { key: row.key, kernel, vethlab, ratio, cpuRatio, lost };
}

function line({ key, kernel, vethlab, ratio, cpuRatio, lost }: Compared): string {
  const { title, unit } = FIGURES.find((one) => one.key === key)!;
  const note = lost > 0.001 ? `   (tcpdump lost up to ${(lost * 100).toFixed(0)} % of the frames)` : "";
  return `${title.padEnd(46)} ${range(kernel).padEnd(34)} ${`${range(vethlab)} ${unit}`.padEnd(38)} ${`${middle(ratio).toFixed(2)} ×`.padEnd(10)} ${middle(cpuRatio).toFixed(2)} ×${note}`;
}

function range(values: readonly number[]): string {
  const shown = (value: number): string => Math.round(value).toLocaleString("en");
  return `${shown(middle(values)).padStart(9)} (${shown(Math.min(...values))} to ${shown(Math.max(...values))})`;
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
