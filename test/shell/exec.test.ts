// Programs found, loaded and run for other programs: what env, xargs, `ip netns exec` and `docker exec` build on.

import { describe, expect, it } from "vitest";
import { NetError } from "../../src/base/errno.ts";
import type { Process, Program } from "../../src/posix/process.ts";
import { fileNode, Vfs } from "../../src/posix/vfs.ts";
import { execProgram, findProgram, runCommand } from "../../src/shell/exec.ts";
import { populateVfs, shellPrograms } from "../../src/shell/install.ts";
import type { Task } from "../../src/sim/task.ts";
import { runScript } from "../support/shell.ts";

/** A program made of a function of its process. */
function program(run: (proc: Process) => Task<number>): ReadonlyMap<string, Program> {
  return new Map([["probe", run]]);
}

describe("a program is found", () => {
  it("through PATH, by the first folder that has it", async () => {
    const { stdout } = await runScript(
      "mkdir a; cp /usr/bin/true a/ls; PATH=$PWD/a:$PATH; type -P ls | xargs basename; ls; echo $?",
    );
    expect(stdout).toBe("ls\n0\n");
  });

  it("or not, with the errno that says why", async () => {
    const seen: unknown[] = [];
    await runScript("touch plain; probe", {
      programs: program(function* (proc) {
        for (const name of ["nosuch", "./plain", "/tmp", "./nosuch", "/etc/passwd/x"]) {
          try {
            seen.push(findProgram(proc, name));
          } catch (error) {
            seen.push(error instanceof NetError ? error.errno : error);
          }
        }
        return 0;
      }),
    });
    expect(seen).toEqual([2, 13, 21, 2, 20]);
  });
});

describe("a program runs another", () => {
  it("as a child, and gets its exit status", async () => {
    const { stdout } = await runScript("probe", {
      programs: program(function* (proc) {
        const killed = yield* runCommand(proc, ["sh", "-c", "kill -9 $$"]);
        const left = yield* runCommand(proc, ["sh", "-c", "exit 3"]);
        const missing = yield* runCommand(proc, ["nosuch"], {
          onError: function* () {
            return 99;
          },
        });
        yield* proc.print(`${killed.signal} ${killed.status} ${left.status} ${missing.status}\n`);
        return 0;
      }),
    });
    expect(stdout).toBe("9 137 3 99\n");
  });

  it("in its own place, keeping its pid", async () => {
    const { stdout } = await runScript("probe & wait $!; echo $?; probe & kill $!; wait $!; echo $?", {
      programs: program(function* (proc) {
        return yield* execProgram(proc, ["sh", "-c", `[ $$ = ${proc.pid} ] && exit 4`]);
      }),
    });
    expect(stdout).toBe("4\n143\n");
  });

  it("with another root, environment and folder", async () => {
    const { stdout, stderr } = await runScript("echo outside > /here; probe; cat /here", {
      programs: program(function* (proc) {
        const root = new Vfs(proc.sim);
        populateVfs(root, { programs: shellPrograms() });
        root.put("/here", fileNode("inside\n"));
        const env = new Map([
          ["PATH", "/usr/bin"],
          ["WHO", "me"],
        ]);
        const ended = yield* runCommand(proc, ["sh", "-c", "cat /here; echo $WHO; pwd; nosuch"], {
          root,
          env,
          cwd: "/tmp",
        });
        return ended.status;
      }),
    });
    expect(stdout).toBe("inside\nme\n/tmp\noutside\n");
    expect(stderr).toBe("sh: 1: nosuch: not found\n");
  });

  it("and lets a bug in it surface", async () => {
    const bug = program(function* () {
      throw new NetError(5);
    });
    await expect(runScript("probe", { programs: bug })).rejects.toThrow(NetError);
  });
});

describe("/proc", () => {
  it("shows the namespaces of a process as links, the same for both when they are shared", async () => {
    const { stdout } = await runScript(
      "ls -l /proc/$$/ns | sed 1d | awk '{print $1, $(NF-2), $(NF-1), $NF}'; readlink /proc/self/ns/net; cat /proc/self/comm; tr '\\0' ' ' < /proc/$$/cmdline",
    );
    const links = [
      ...["cgroup -> cgroup:[4026531835]", "ipc -> ipc:[4026531839]", "mnt -> mnt:[4026531841]"],
      ...["net -> net:[4026531840]", "pid -> pid:[4026531836]", "pid_for_children -> pid:[4026531836]"],
      ...["time -> time:[4026531834]", "time_for_children -> time:[4026531834]"],
      ...["user -> user:[4026531837]", "uts -> uts:[4026531838]"],
    ];
    expect(stdout).toBe(`${links.map((link) => `lrwxrwxrwx ${link}\n`).join("")}net:[4026531840]\ncat\nbash x.sh `);
  });

  it("lists processes in the forms of ps", async () => {
    const { stdout } = await runScript("sleep 5 & ps -ef; ps -o pid,ppid,stat,args; ps aux | tail -n +2 | head -1");
    expect(stdout).toBe(
      `UID        PID  PPID  C STIME TTY          TIME CMD
root      1000     1  0 00:00 ?        00:00:00 bash x.sh
root      1001  1000  0 00:00 ?        00:00:00 sleep 5
root      1002  1000  0 00:00 ?        00:00:00 ps -ef
  PID  PPID STAT COMMAND
 1000     1 S    bash x.sh
 1001  1000 S    sleep 5
 1003  1000 R    ps -o pid,ppid,stat,args
root      1000  0.0  0.0      0     0 ?        S    00:00   0:00 bash x.sh
`,
    );
  });
});

it("a large file is text to a program that makes text of it", async () => {
  const { stdout, stderr } = await runScript(
    "head -c 200000 /dev/zero > b; xxd -p b > h; xxd -r -p h | cmp - b && wc -c < h",
  );
  expect(stdout).toBe("406667\n");
  expect(stderr).toBe("");
});
