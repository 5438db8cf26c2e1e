// A shell script does on vethlab what it does under the real bash and dash.

import { describe, expect, it } from "vitest";
import { runScript } from "../support/shell.ts";
import { readCases, readExpected, withoutPids } from "./cases.ts";

const expected = readExpected();

describe("a script says and does what it does under the real shell", () => {
  for (const { name, script, shell } of readCases())
    it(name, async () => {
      const { stdout, stderr, status } = await runScript(script, { shell });
      expect({ stdout, stderr: withoutPids(stderr), status }).toEqual(expected.get(name));
    });
});
