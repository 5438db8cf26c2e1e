import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { configureDocker, startDocker } from "../../src/docker/programs.ts";
import { nodeFilters } from "../../src/node/filters.ts";
import { runScenario } from "../../src/scenario/run.ts";

const [script, out, docker] = process.argv.slice(2); const seed = Number(process.env.SEED ?? 1);
mkdirSync(out!, { recursive: true });
const o: Uint8Array[] = [],
  e: Uint8Array[] = [];
const r = await runScenario({
  script: readFileSync(script!, "utf8"),
  name: "scenario.sh", seed,
  filters: nodeFilters(),
  ...(docker ? { docker } : {}),
  stdout: (b) => o.push(b.slice()),
  stderr: (b) => e.push(b.slice()),
});
writeFileSync(out + "/stdout", Buffer.concat(o));
writeFileSync(out + "/stderr", Buffer.concat(e));
for (const f of r.files) {
  mkdirSync(dirname(out + "/" + f.path), { recursive: true });
  writeFileSync(out + "/" + f.path, f.bytes);
}
console.log(
  script!.split("/").at(-1),
  "status",
  r.status,
  r.problem ?? "",
  (r.virtualNs / 1e9).toFixed(2) + "s",
  r.events,
  "events",
);
