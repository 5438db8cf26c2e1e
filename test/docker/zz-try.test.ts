import { readFileSync } from "node:fs";
import { it } from "vitest";
import { dockerPrograms } from "../../src/docker/programs.ts";
import { Lab } from "../../src/host/lab.ts";
import { populateVfs, shellPrograms } from "../../src/shell/install.ts";

it("x", async () => {
  const programs = new Map([...shellPrograms(), ...dockerPrograms]);
  const lab = new Lab({ programs, furnish: (host) => populateVfs(host.root, { programs: host.programs }) });
  const host = lab.addHost("docker-host");
  const r = await lab.sh(host, readFileSync("/tmp/dk/vt/s.sh", "utf8"));
  console.log(r.stdout + "\nERR " + r.stderr, r.status, lab.now / 1e6, "ms");
});
