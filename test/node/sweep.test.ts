import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { readCapture } from "../../src/capture/read.ts";
import { parseSeeds, plan, repeatCommand, shardOf } from "../../src/node/sweep/plan.ts";
import { temporaryFolder, vethlab } from "../support/cli.ts";

const EXAMPLES = fileURLToPath(new URL("../../fixtures/sweep/", import.meta.url));
const CLI = fileURLToPath(new URL("../../dist/bin/cli.js", import.meta.url));
const LOSS = join(EXAMPLES, "loss.sh");
const COMMON = { docker: null, maxTimeNs: 1, maxEvents: 1, out: null, keep: "none" } as const;

/** Results without what differs from machine to machine. */
function lines(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const { real_ms: _, kept: __, ...rest } = JSON.parse(line);
      return rest;
    });
}

describe("the plan of a sweep", () => {
  test("seeds are ranges and lists", () => {
    expect(parseSeeds("1..3,7,9..9")).toEqual([1, 2, 3, 7, 9]);
    expect(() => parseSeeds("3..1")).toThrow("--seeds takes");
    expect(() => parseSeeds("a")).toThrow("--seeds takes");
  });

  test("shares together are all runs, each once", () => {
    const jobs = plan(["a.sh", "b.sh"], [{ name: "X", values: ["1", "2"] }], [1, 2, 3], COMMON);
    expect(jobs.length).toBe(12);
    const shares = [1, 2, 3, 4, 5].flatMap((share) => shardOf(jobs, share, 5));
    expect(shares.map(({ index }) => index).sort((a, b) => a - b)).toEqual(jobs.map(({ index }) => index));
    expect(repeatCommand({ ...jobs[4]!, params: { X: "it's" } })).toBe("vethlab run a.sh --seed 2 --env 'X=it'\\''s'");
  });
});

describe("vethlab sweep", () => {
  test("the output does not depend on the number of workers, and a failing run is kept with the command that repeats it", () => {
    const folder = temporaryFolder();
    const args = [LOSS, "--seeds", "1..2", "--set", "LOSS=0,100"];
    const one = vethlab(["sweep", ...args, "-j", "1"]);
    const two = vethlab(["sweep", ...args, "-j", "2", "--out", folder]);
    expect(two.status).toBe(1);
    expect(two.stderr).toBe("vethlab: 2 of 4 runs failed\n");
    expect(lines(two.stdout)).toEqual(lines(one.stdout));
    const failed = JSON.parse(two.stdout.trim().split("\n").at(-1)!);
    expect(failed).toMatchObject({ seed: 2, params: { LOSS: "100" }, exit: 1 });
    expect(readFileSync(join(failed.kept, "stdout"), "utf8")).toContain("100% packet loss");
    const again = vethlab([...failed.repeat.split(" ").slice(1), "--out", join(folder, "again"), "--quiet"]);
    expect([again.status, again.stdout]).toEqual([1, readFileSync(join(failed.kept, "stdout"), "utf8")]);
  });

  test("run -j runs several scripts, each into its folder", () => {
    const folder = temporaryFolder();
    const { status, stdout } = vethlab(["run", LOSS, LOSS.replace("loss.sh", "none.sh"), "-j", "2", "--out", folder]);
    expect(status).toBe(1);
    expect(lines(stdout).map(({ exit, problem }) => ({ exit, problem }))).toEqual([
      { exit: 0, problem: null },
      { exit: 2, problem: expect.stringContaining("no such file or directory") },
    ]);
  });

  test("a run whose files cannot be kept fails alone", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "loss-seed1"), "in the way");
    const { status, stdout } = vethlab(["sweep", LOSS, "--seeds", "1..2", "--out", folder, "--keep", "all"]);
    expect(status).toBe(1);
    expect(lines(stdout).map(({ seed, exit, problem }) => ({ seed, exit, problem }))).toEqual([
      { seed: 1, exit: 2, problem: expect.stringContaining("loss-seed1: ") },
      { seed: 2, exit: 0, problem: null },
    ]);
  });

  test("bad words are refused by name", () => {
    expect(vethlab(["sweep"]).stderr).toBe("vethlab: sweep needs a script: vethlab sweep SCRIPT…\n");
    expect(vethlab(["sweep", LOSS, "--shard", "4/3"]).stderr).toContain("--shard takes a share such as 3/10");
    expect(vethlab(["sweep", LOSS, "--set", "=1"]).stderr).toContain("--set takes NAME=VALUE");
    expect(vethlab(["merge", EXAMPLES, "--out", temporaryFolder()]).stderr).toContain("has no results*.jsonl");
  });
});

describe("the examples of a sweep over machines", () => {
  /** A folder with loss.sh and, on the way, the programs that an example calls. */
  function place(): { folder: string; sh: (command: string, env?: Record<string, string>) => number | null } {
    const folder = temporaryFolder();
    copyFileSync(LOSS, join(folder, "loss.sh"));
    const bin = join(folder, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "vethlab"), `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`);
    // GNU parallel as far as the example uses it, one after the other
    writeFileSync(
      join(bin, "parallel"),
      // biome-ignore lint/suspicious/noTemplateCurlyInString: bash's own
      '#!/bin/bash\nshift 2; cmd=(); while [ "$1" != ::: ]; do cmd+=("$1"); shift; done; shift\nfor x; do "${cmd[@]//{\\}/$x}" >/dev/null; done\n',
    );
    for (const name of ["vethlab", "parallel"]) chmodSync(join(bin, name), 0o755);
    const sh = (command: string, env: Record<string, string> = {}): number | null =>
      spawnSync("sh", ["-c", command], {
        cwd: folder,
        env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, ...env },
      }).status;
    return { folder, sh };
  }

  const whole = lines(vethlab(["sweep", "loss.sh", "--seeds", "1..8", "--set", "LOSS=0,20"], { cwd: EXAMPLES }).stdout);
  const merged = (folder: string): Record<string, unknown>[] =>
    lines(readFileSync(join(folder, "merged/results.jsonl"), "utf8"));

  test("a GitHub Actions matrix", () => {
    const { folder, sh } = place();
    const { jobs } = parse(readFileSync(join(EXAMPLES, "github-actions.yml"), "utf8"));
    const step = (job: string): string => jobs[job].steps.find(({ name }: { name?: string }) => name === job).run;
    for (const shard of jobs.sweep.strategy.matrix.shard) sh(step("sweep"), { SHARD: String(shard) });
    expect(sh(step("merge"))).toBe(0);
    expect(merged(folder)).toEqual(whole);
    const capture = readCapture(new Uint8Array(readFileSync(join(folder, "merged/near0.pcapng"))));
    expect(capture.interfaces.length).toBe(16);
    expect(capture.interfaces[0]!.name).toBe("loss-LOSS=0-seed1");
  });

  test("an indexed Kubernetes Job", () => {
    const { folder, sh } = place();
    const { spec } = parse(readFileSync(join(EXAMPLES, "kubernetes-job.yaml"), "utf8"));
    const [command] = spec.template.spec.containers[0].args;
    for (let index = 0; index < spec.completions; index++) sh(command, { JOB_COMPLETION_INDEX: String(index) });
    expect(sh("vethlab merge results --out merged")).toBe(0);
    expect(merged(folder)).toEqual(whole);
  });

  test("a Slurm array", () => {
    const { folder, sh } = place();
    const script = readFileSync(join(EXAMPLES, "slurm.sh"), "utf8");
    const [, first, last] = /--array=(\d+)-(\d+)/.exec(script)!;
    for (let task = Number(first); task <= Number(last); task++)
      sh(script, { SLURM_ARRAY_TASK_ID: String(task), SLURM_ARRAY_TASK_COUNT: last!, SLURM_CPUS_PER_TASK: "2" });
    expect(sh("vethlab merge results --out merged")).toBe(0);
    expect(merged(folder)).toEqual(whole);
  });

  test("GNU parallel", () => {
    const { folder, sh } = place();
    expect(sh(readFileSync(join(EXAMPLES, "parallel.sh"), "utf8"))).toBe(0);
    expect(merged(folder)).toEqual(whole);
  });
});
