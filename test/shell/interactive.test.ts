// A shell at a prompt, fed line by line.

import { describe, expect, it } from "vitest";
import { decodeUtf8 } from "../../src/base/text.ts";
import { SinkFile } from "../../src/posix/file.ts";
import type { Process } from "../../src/posix/process.ts";
import { type Fed, Session } from "../../src/shell/interactive.ts";
import { createInterpreter } from "../../src/shell/main.ts";
import { TestMachine } from "../support/shell.ts";

/** Types lines into a session; a number lets so much virtual time pass and then presses Ctrl-C. */
async function type(...input: (string | number)[]): Promise<{ screen: string; fed: Fed[]; status: number }> {
  const machine = new TestMachine();
  const fed: Fed[] = [];
  let screen = "";
  let session: Session | undefined;
  const program = function* (proc: Process) {
    session = new Session(createInterpreter(), proc);
    for (const line of input) {
      if (typeof line === "number") continue;
      yield* proc.printError(yield* session.prompt());
      yield* proc.printError(`${line}\n`);
      const interruptAfter = input[input.indexOf(line) + 1];
      if (typeof interruptAfter === "number") proc.sim.after(interruptAfter, () => session!.interrupt());
      const what = yield* session.feed(line);
      fed.push(what);
      if (what === "exit") return session.shell.status;
    }
    return (yield* session.end()) ?? 0;
  };
  const sink = new SinkFile((bytes) => {
    screen += decodeUtf8(bytes);
  });
  const proc = machine.machine.spawn(null, program, {
    argv: ["bash"],
    env: new Map([
      ["PATH", "/usr/bin"],
      ["HOME", "/root"],
    ]),
    cwd: "/root",
    root: machine.root,
    ns: machine.ns,
    fds: new Map([
      [1, sink],
      [2, sink],
    ]),
  });
  await machine.untilEnd(proc);
  return { screen, fed, status: proc.exitStatus!.status };
}

describe("an interactive shell", () => {
  it("keeps variables, folder and functions from line to line, and shows them in its prompt", async () => {
    const { screen } = await type("x=5", "cd /tmp", "f() { echo $((x*2)); }", "f");
    expect(screen).toBe(
      "root@testhost:~# x=5\nroot@testhost:~# cd /tmp\nroot@testhost:/tmp# f() { echo $((x*2)); }\nroot@testhost:/tmp# f\n10\n",
    );
  });

  it("asks for the rest of an unfinished command with PS2", async () => {
    const { screen, fed } = await type(
      "for i in 1 2",
      "do echo $i",
      "done",
      "echo 'a",
      "b'",
      "cat <<E",
      "doc",
      "E",
      "echo x \\",
      "y",
    );
    expect(fed).toEqual(["more", "more", "ready", "more", "ready", "more", "more", "ready", "more", "ready"]);
    expect(screen.replaceAll("root@testhost:~# ", "$ ")).toBe(
      "$ for i in 1 2\n> do echo $i\n> done\n1\n2\n$ echo 'a\n> b'\na\nb\n$ cat <<E\n> doc\n> E\ndoc\n$ echo x \\\n> y\nx y\n",
    );
  });

  it("survives errors and says them without a line number", async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    const { screen, fed } = await type("nosuch", "fi", "echo ${x?no x}", "echo $((1/0)); echo never", "echo still");
    expect(fed.every((each) => each === "ready")).toBe(true);
    expect(screen.split("\n").filter((line) => !line.includes("#"))).toEqual([
      "bash: nosuch: command not found",
      "bash: syntax error near unexpected token `fi'",
      "bash: x: no x",
      'bash: 1/0: division by 0 (error token is "0")',
      "still",
      "",
    ]);
  });

  it("gives Ctrl-C to the job in the foreground and abandons the line", async () => {
    const { screen, status } = await type("sleep 100; echo never", 1e9, "echo $? $SECONDS");
    expect(screen).toContain("130 1\n");
    expect(screen).not.toContain("never\n130");
    expect(status).toBe(0);
  });

  it("abandons an endless loop of builtins at Ctrl-C", async () => {
    const { screen } = await type("while :; do :; done", 1e6, "echo $?");
    expect(screen).toContain("130\n");
  });

  it("runs jobs in the background and tells their end before the next prompt", async () => {
    const { screen } = await type("sleep 1 &", "jobs", "sleep 2", "fg");
    expect(screen).toContain("[1] 1001\n");
    expect(screen).toContain("[1]+  Running                 sleep 1 &\n");
    expect(screen).toContain("[1]+  Done                    sleep 1\n");
    expect(screen).toContain("bash: fg: current: no such job\n");
  });

  it("ends with exit, with its status and its EXIT trap", async () => {
    const { fed, status, screen } = await type("trap 'echo bye' EXIT", "exit 3", "echo never");
    expect(fed.at(-1)).toBe("exit");
    expect(status).toBe(3);
    expect(screen.endsWith("exit\nbye\n")).toBe(true);
  });
});
