import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { quotedWords } from "../../src/tools/iptables/restore.ts";
import { iptables } from "../../src/tools/iptables/run.ts";
import { saveTables } from "../../src/tools/iptables/save.ts";
import { answer, newNetfilter, readSections } from "./iptables-cases.ts";

const FOLDER = new URL("iptables-cases/", import.meta.url);

/** What the real programs answered to thousands of command lines. */
for (const [version, folder] of [
  ["1.8.9", FOLDER],
  ["1.8.13", new URL("1.8.13/", FOLDER)],
] as const)
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".txt")))
    describe(`iptables ${version} says the same: ${file}`, () => {
      for (const { title, cases } of readSections(readFileSync(new URL(file, folder), "utf8")))
        test(title, () => {
          const nf = newNetfilter();
          const answers = cases.map((one) => answer(nf, one, version));
          expect(answers).toEqual(cases.map(({ text }) => text));
        });
    });

describe("the library's door", () => {
  test("a rule is text, its effect is in the kernel's tables", () => {
    const nf = newNetfilter();
    expect(iptables(nf, ["-t", "nat", "-N", "DOCKER"])).toEqual({ status: 0, stdout: "", stderr: "" });
    expect([...nf.tables.tables.get("nat")!.chains.keys()]).toEqual(["DOCKER"]);
  });

  test("what is saved can be restored and saves the same", () => {
    const nf = newNetfilter();
    for (const line of ["-A INPUT -p tcp --dport 80 -j ACCEPT", "-N foo", "-A foo -m comment --comment it's -j DROP"])
      iptables(nf, line.split(" "));
    const { stdout } = saveTables(nf, ["-c"], "DATE");
    const other = newNetfilter();
    answer(other, { line: "iptables-restore -c", stdin: stdout, text: "" });
    expect(saveTables(other, ["-c"], "DATE").stdout).toBe(stdout);
  });

  test("Debian forky's version names protocols with -n", () => {
    const nf = newNetfilter();
    iptables(nf, ["-A", "INPUT", "-p", "tcp", "-j", "DROP"]);
    const list = (version: "1.8.9" | "1.8.13"): string | undefined =>
      iptables(nf, ["-nL", "INPUT"], { version }).stdout.split("\n")[2]?.trimEnd();
    expect(list("1.8.9")).toBe("DROP       6    --  0.0.0.0/0            0.0.0.0/0");
    expect(list("1.8.13")).toBe("DROP       tcp  --  0.0.0.0/0            0.0.0.0/0");
    expect(iptables(nf, ["-V"], { version: "1.8.13" }).stdout).toBe("iptables v1.8.13 (nf_tables)\n");
  });

  test("what iptables has and this has not is refused by its name", () => {
    const nf = newNetfilter();
    expect(iptables(nf, ["-A", "INPUT", "-m", "osf", "--genre", "x"]).stderr).toBe(
      "iptables v1.8.9 (nf_tables): Couldn't load match `osf':No such file or directory\n\n" +
        "Try `iptables -h' or 'iptables --help' for more information.\n",
    );
    expect(iptables(nf, ["-A", "INPUT", "-j", "SYNPROXY"]).stderr).toBe(
      "iptables v1.8.9 (nf_tables): Chain 'SYNPROXY' does not exist\n" +
        "Try `iptables -h' or 'iptables --help' for more information.\n",
    );
  });
});

test("iptables-restore reads words as iptables-save quotes them", () => {
  expect(quotedWords(String.raw`-A x -m comment --comment "a \"b\" \\ c" -j y`)).toEqual([
    "-A",
    "x",
    "-m",
    "comment",
    "--comment",
    String.raw`a "b" \ c`,
    "-j",
    "y",
  ]);
});
