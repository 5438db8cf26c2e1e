// Runs every case with the real shells and writes cases/expected.json. Not a test: see cases.ts for when to run it.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { CASES_DIR, type Expected, readCases, withoutPids } from "./cases.ts";

const only = process.argv[2];
const out: Record<string, Expected> = {};
for (const { name, script, shell } of readCases()) {
  if (only !== undefined && !name.includes(only)) continue;
  const folder = mkdtempSync(join(tmpdir(), "shellcase-"));
  writeFileSync(join(folder, "x.sh"), script);
  const ran = spawnSync(shell, ["x.sh"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 20_000,
    env: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: "/root",
      LANG: "C.UTF-8",
    },
  });
  out[name] = {
    stdout: ran.stdout.toString(),
    stderr: withoutPids(ran.stderr.toString()),
    status: ran.status ?? 128 + (constants.signals[ran.signal!] ?? 0),
  };
  rmSync(folder, { recursive: true });
}
writeFileSync(new URL("expected.json", CASES_DIR), `${JSON.stringify(out, null, 1)}\n`);
