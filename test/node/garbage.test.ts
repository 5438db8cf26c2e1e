import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "vethlab-garbage-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("what runs leave in memory is collected between them, without a full collection", () => {
  const script = join(folder, "docker.sh");
  writeFileSync(
    script,
    "docker run -d --name web -p 8080:80 nginx >/dev/null\nsleep 1\ncurl -s http://127.0.0.1:8080/ >/dev/null\n",
  );
  const program = `
    import run from ${JSON.stringify(join(import.meta.dirname, "../../dist/bin/worker.js"))};
    const job = { script: ${JSON.stringify(script)}, params: {}, docker: null, maxTimeNs: 60e9, maxEvents: 1e6, out: null, keep: "none" };
    const after = async (runs) => {
      for (let seed = 1; seed <= runs; seed++) {
        const [{ exit, problem }] = await run([{ ...job, index: 0, seed }]);
        if (exit !== 0) throw new Error(problem);
      }
      // twice: what lives through two minor collections is old
      for (let i = 0; i < 2; i++) gc({ type: "minor" });
      return process.memoryUsage().heapUsed;
    };
    const before = await after(40);
    console.log(Math.round(((await after(20)) - before) / 20));
  `;
  const flags = ["--expose-gc", "--max-semi-space-size=16", "--initial-heap-size=400", "--input-type=module"];
  const bytes = Number(execFileSync(process.execPath, [...flags, "-e", program], { encoding: "utf8" }));
  // 2.5 MB a run, had nothing been collected; what is compiled meanwhile stays, too
  expect(bytes).toBeLessThan(150_000);
}, 60_000);
