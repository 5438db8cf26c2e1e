// jq, which a library of the outside world runs; and what happens without one.

import { describe, expect, it } from "vitest";
import { nodeFilters } from "../../src/node/filters.ts";
import { runScript } from "../support/shell.ts";

const INSPECT = `[{"Id":"abc","Name":"/web1","State":{"Pid":1234,"Running":true},"Net":{"bridge":{"IP":"172.17.0.2"}},"Empty":""}]`;
const filters = nodeFilters();

describe("jq", () => {
  it("filters standard input and files, and gives jq's exit status", async () => {
    const script = `echo '${INSPECT}' > f
jq . f | head -4; jq -r '.[0].Name' f; jq -c '.[0].State' < f; cat f | jq '.[]|select(.State.Running)|.Id'
jq -r '.[0].Empty' f; jq -r '.[].Net|to_entries[]|"\\(.key) \\(.value.IP)"' f; jq length f; jq -j '.[0].Id,.[0].Name' f; echo
jq -e '.[0].nope' f; echo $?; jq --arg x abc '.[]|.Id==$x' f; jq -n '[1,2]|join(",")'; echo '{bad' | jq .; echo $?; jq . nofile; echo $?; jq -C . f; echo $?`;
    const { stdout, stderr } = await runScript(script, { filters });
    expect(stdout).toBe(
      '[\n  {\n    "Id": "abc",\n    "Name": "/web1",\n/web1\n{"Pid":1234,"Running":true}\n"abc"\n\nbridge 172.17.0.2\n1\nabc/web1\nnull\n1\ntrue\n"1,2"\n5\n2\n2\n',
    );
    expect(stderr).toBe(
      "jq: parse error: Invalid numeric literal at line 2, column 0\njq: error: Could not open nofile: No such file or directory\njq: option -C is not supported\n",
    );
  });

  it("takes no virtual time beyond a command's own", async () => {
    const { endedNs } = await runScript("echo '{}' | jq .", { filters });
    expect(endedNs).toBeLessThan(5e6);
  });

  it("is refused by name in a lab that was given no library", async () => {
    const { stderr, status } = await runScript("echo '{}' | jq .");
    expect(stderr).toBe("jq: not available: this lab was made without a filter library\n");
    expect(status).toBe(127);
  });
});
