// How long does it take to come up: a process, and many containers?

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Lab } from "../../src/scenario/lab.ts";
import type { Figure } from "./figure.ts";

/** bench/figures and out/bench, where the bundle is, are equally deep. */
const root = fileURLToPath(new URL("../../", import.meta.url));

function medianMs(runs: number, args: readonly string[]): number {
  const times = Array.from({ length: runs }, () => {
    const began = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    return performance.now() - began;
  });
  return times.sort((a, b) => a - b)[runs >> 1]!;
}

/** `vethlab run` of a scenario in a fresh process, in times of `node -e 0`; needs `npm run build`. */
async function coldStart(): Promise<number> {
  const script = "fixtures/kernel/02-published-port/scenario.sh";
  const bare = medianMs(9, ["-e", "0"]);
  return medianMs(9, ["dist/bin/cli.js", "run", script, "--out", "out/bench", "--quiet"]) / bare;
}

async function containersPerSecond(): Promise<number> {
  const lab = new Lab({ seed: 1 });
  const host = lab.addHost("docker-host");
  const count = 300;
  const began = performance.now();
  const { status, stderr } = await host.sh(
    `for i in $(seq ${count}); do docker run -d --name c$i busybox sleep 1d >/dev/null || exit 1; done`,
  );
  if (status !== 0) throw new Error(stderr);
  return (count * 1000) / (performance.now() - began);
}

export const scaleFigures: readonly Figure[] = [
  {
    key: "cold_start",
    title: "vethlab run of 02 in a fresh process",
    unit: "× node -e 0",
    prepare: coldStart,
    lower: true,
  },
  {
    key: "containers_per_second",
    title: "docker run, 300 times",
    unit: "containers/s",
    prepare: containersPerSecond,
    repeat: 3,
  },
];
