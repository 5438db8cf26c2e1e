import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { nameRandomMacs, newHost, parseTranscript, run } from "./replay.ts";

const folder = fileURLToPath(new URL("transcripts", import.meta.url));

for (const file of readdirSync(folder).sort())
  test(`ip answers as iproute2 does: ${file.replace(/\.txt$/, "")}`, async () => {
    const { lab, host } = newHost();
    let expected = "";
    let actual = "";
    for (const { command, output } of parseTranscript(readFileSync(`${folder}/${file}`, "utf8"))) {
      const got = await run(lab, host, command);
      if (output === null) {
        expect(got, command).toBe("=> 0\n");
        continue;
      }
      expected += `$ ${command}\n${output}`;
      actual += `$ ${command}\n${got}`;
    }
    expect(nameRandomMacs(actual)).toBe(nameRandomMacs(expected));
  });
