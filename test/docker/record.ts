// Runs sessions with the real Docker and writes their outputs into FOLDER/*.txt. Not a test: see sessions.ts.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Folder, normal, parseSession, promptOf, readSessions, scriptOf } from "./sessions.ts";

const RECORDER = process.env.RECORDER ?? fileURLToPath(new URL("../kernel/record.sh", import.meta.url));
/** Debian's client, should another one come first. */
const PROLOGUE = 'mkdir -p client; ln -sf /usr/bin/docker client/docker; PATH="$PWD/client:$PATH"\n';

const [folderName, only] = process.argv.slice(2);
if (folderName !== "sessions" && folderName !== "sessions28") throw new Error("which folder: sessions or sessions28?");
for (const { name, url, head, steps } of readSessions(folderName satisfies Folder)) {
  if (only !== undefined && only !== name) continue;
  const folder = mkdtempSync(join(tmpdir(), "session-"));
  const script = join(folder, "session.sh");
  const out = join(folder, "out");
  writeFileSync(script, PROLOGUE + scriptOf(steps));
  const { status } = spawnSync("bash", [RECORDER, script, out], { stdio: "inherit" });
  if (status !== 0) throw new Error(`${name}: the recorder ended with ${status}`);
  const recorded = parseSession(normal(readFileSync(join(out, "stdout"), "utf8")));
  const blocks = steps.map(({ command }, i) => `${promptOf(command)}\n${recorded.steps[i]?.output ?? ""}`);
  writeFileSync(url, head + blocks.join(""));
  rmSync(folder, { recursive: true });
}
