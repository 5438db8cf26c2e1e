// Run once after a build in a clone: makes `npx vethlab` mean this clone's command line. npx looks for commands in
// node_modules/.bin only, and nothing puts a package's own command there.

import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));
const cli = fileURLToPath(new URL("cli.js", import.meta.url));

// installed as a dependency there is no such folder, and npm makes the link itself
if (process.platform !== "win32" && existsSync(fileURLToPath(new URL("../../node_modules", import.meta.url)))) {
  mkdirSync(bin, { recursive: true });
  chmodSync(cli, 0o755);
  rmSync(`${bin}/vethlab`, { force: true });
  symlinkSync("../../dist/node/cli.js", `${bin}/vethlab`);
}
