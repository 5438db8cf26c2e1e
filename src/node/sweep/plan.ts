// Which runs a sweep has: scripts × parameters × seeds, in an order that every shard sees alike.

import { UsageError } from "../terminal.ts";

/** One run. Plain data: it goes to a worker and comes back in a result. */
export interface Job {
  /** place in the whole sweep, from 0, whatever the shard */
  readonly index: number;
  readonly script: string;
  readonly seed: number;
  /** environment of the script */
  readonly params: Readonly<Record<string, string>>;
  readonly docker: "20" | "28" | null;
  readonly maxTimeNs: number;
  readonly maxEvents: number;
  /** folder for what a run leaves; null: nothing is kept */
  readonly out: string | null;
  readonly keep: "all" | "failed" | "none";
}

/** "1..1000", "7", "1,2,5..9". Throws UsageError. */
export function parseSeeds(text: string): number[] {
  const seeds: number[] = [];
  for (const part of text.split(",")) {
    const match = /^(\d{1,10})(?:\.\.(\d{1,10}))?$/.exec(part);
    const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (!match || from > to || to > 0xffffffff) throw new UsageError(`--seeds takes 1..1000 or 1,2,5, not '${text}'`);
    if (to - from > 10_000_000) throw new UsageError(`--seeds ${part}: that many runs are not one sweep`);
    for (let seed = from; seed <= to; seed++) seeds.push(seed);
  }
  return seeds;
}

/** `LOSS=0,1,2` → its name and values. Throws UsageError. */
export function parseSetting(text: string): { readonly name: string; readonly values: readonly string[] } {
  const at = text.indexOf("=");
  const name = text.slice(0, at);
  if (at < 1 || !/^[A-Za-z_]\w*$/.test(name)) throw new UsageError(`--set takes NAME=VALUE,VALUE…, not '${text}'`);
  return { name, values: text.slice(at + 1).split(",") };
}

/** `3/10` → the third of ten. Throws UsageError. */
export function parseShard(text: string): { readonly share: number; readonly of: number } {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  const [share, of] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || share < 1 || share > of) throw new UsageError(`--shard takes a share such as 3/10, not '${text}'`);
  return { share, of };
}

/** Every run, seeds varying fastest. */
export function plan(
  scripts: readonly string[],
  settings: readonly { readonly name: string; readonly values: readonly string[] }[],
  seeds: readonly number[],
  common: Pick<Job, "docker" | "maxTimeNs" | "maxEvents" | "out" | "keep">,
): Job[] {
  let choices: Record<string, string>[] = [{}];
  for (const { name, values } of settings)
    choices = choices.flatMap((choice) => values.map((value) => ({ ...choice, [name]: value })));
  const jobs: Job[] = [];
  for (const script of scripts)
    for (const params of choices)
      for (const seed of seeds) jobs.push({ index: jobs.length, script, seed, params, ...common });
  return jobs;
}

/** Every `of`-th run from the `share`-th on: shares are alike in size and in what they hold. */
export function shardOf(jobs: readonly Job[], share: number, of: number): Job[] {
  return jobs.filter(({ index }) => index % of === share - 1);
}

/** A folder's name for a run: "nat-LOSS=1-seed7". */
export function runName({ script, params, seed }: Pick<Job, "script" | "params" | "seed">): string {
  const base = script.replace(/^.*\//, "").replace(/\.sh$/, "");
  const parent = base === "scenario" ? (/([^/]+)\/[^/]+$/.exec(script)?.[1] ?? base) : base;
  const settings = Object.entries(params).map(([name, value]) => `-${name}=${value.replaceAll(/[^\w.+-]/g, "_")}`);
  return `${parent}${settings.join("")}-seed${seed}`;
}

/** The command that does one run again, and keeps what it leaves. */
export function repeatCommand({ script, params, seed, docker }: Job): string {
  const quoted = (text: string): string => (/^[\w./=:+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const settings = Object.entries(params).map(([name, value]) => ` --env ${quoted(`${name}=${value}`)}`);
  return `vethlab run ${quoted(script)} --seed ${seed}${settings.join("")}${docker ? ` --docker ${docker}` : ""}`;
}
