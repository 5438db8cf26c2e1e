// Runs every transcript with the real Docker, at a pseudo-terminal, and writes what it answered. Not a test.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSession, scriptOf } from "../docker/sessions.ts";
import { normal, readTranscripts } from "./transcripts.ts";

const RECORDER = fileURLToPath(new URL("../kernel/record.sh", import.meta.url));

/** Debian's client, should another one come first. */
const PROLOGUE = 'mkdir -p client; ln -sf /usr/bin/docker client/docker; PATH="$PWD/client:$PATH"\n';

const only = process.argv[2];
for (const { name, commands, recording } of readTranscripts()) {
  if (only !== undefined && only !== name) continue;
  const folder = mkdtempSync(join(tmpdir(), "transcript-"));
  const script = join(folder, "transcript.sh");
  const out = join(folder, "out");
  const steps = scriptOf(commands.map((command) => ({ command, output: "" })));
  // a session of its own at a pseudo-terminal (script(1)): the recorder's timeout(1) keeps what it runs in the background
  writeFileSync(
    script,
    `${PROLOGUE}cat > steps.sh <<'END-OF-STEPS'\n${steps}END-OF-STEPS\nmkfifo keys; script -qec 'bash steps.sh' /dev/null <> keys\n`,
  );
  const { status } = spawnSync("bash", [RECORDER, script, out], { stdio: "inherit" });
  if (status !== 0) throw new Error(`${name}: the recorder ended with ${status}`);
  const recorded = parseSession(normal(readFileSync(join(out, "stdout"), "utf8")));
  writeFileSync(recording, commands.map((command, i) => `$ ${command}\n${recorded.steps[i]?.output ?? ""}`).join(""));
  rmSync(folder, { recursive: true });
}
