// curl's FTP through a masquerading router with the helper: a scripted server's log and what curl says, as recorded with curl
// 7.88.1 on Linux 6.18.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Lab } from "../../../src/index.ts";

const read = (name: string): string => readFileSync(fileURLToPath(new URL(name, import.meta.url)), "utf8");

test("curl fetches files and listings by FTP, and says why it cannot", async () => {
  const lab = new Lab({ seed: 1 });
  const { stdout, stderr } = await lab.addHost("host").sh(read("scenario.sh"));
  expect(stdout).toBe(read("stdout.txt"));
  expect(stderr).toBe(
    "curl: (78) The file does not exist\n" +
      "curl: (9) Server denied you to change to the given directory\n" +
      "curl: (67) Access denied: 530\n" +
      "curl: (28) Connection timed out after 2001 milliseconds\n",
  );
});
