// Scripts on virtual time: what waits, what runs at once, what a limit ends.

import { describe, expect, it } from "vitest";
import { LimitReached } from "../../src/sim/sim.ts";
import { runScript } from "../support/shell.ts";

const MS = 1e6;
/** Everything but the sleeps: forks, execs, wake-ups. */
const SLACK = 60 * MS;

describe("virtual time in a script", () => {
  it("passes by what sleep says, to a few milliseconds", async () => {
    const { endedNs } = await runScript("sleep 1.5; sleep 0.5s");
    expect(endedNs).toBeGreaterThan(2000 * MS);
    expect(endedNs).toBeLessThan(2000 * MS + SLACK);
  });

  it("passes once for jobs that sleep side by side", async () => {
    const { endedNs, stdout } = await runScript("sleep 2 & sleep 3 & sleep 1 & wait; echo $SECONDS");
    expect(stdout).toBe("3\n");
    expect(endedNs).toBeLessThan(3000 * MS + SLACK);
  });

  it("stands still for nothing: an external command costs about a millisecond, a builtin far less", async () => {
    const external = await runScript("/usr/bin/true");
    const builtin = await runScript("true");
    const cost = external.endedNs - builtin.endedNs;
    expect(cost).toBeGreaterThan(0.8 * MS);
    expect(cost).toBeLessThan(1.5 * MS);
    expect(builtin.endedNs).toBeLessThan(0.1 * MS);
  });

  it("moves in an endless loop of builtins, so that a limit on time ends it", async () => {
    await expect(runScript("while :; do :; done", { limits: { maxTimeNs: 5 * MS } })).rejects.toThrow(LimitReached);
  });

  it("moves in an endless loop of any kind, so that a limit on events ends it", async () => {
    for (const script of [
      "while ((1)); do ((x++)); done",
      "until [[ a = b ]]; do x=1; done",
      "for ((;;)); do case a in b) ;; esac; done",
      "f() { :; }; while f; do continue; done",
      "yes > /dev/null",
      "cat /dev/zero > /dev/null",
      "awk 'BEGIN { while (1) i++ }'",
      "while true; do echo x; done | while read -r y; do :; done",
    ])
      await expect(runScript(script, { limits: { maxEvents: 20_000 } }), script).rejects.toThrow(LimitReached);
  });

  it("tells the wall clock from the lab's start date", async () => {
    const { stdout } = await runScript("date -u +%FT%TZ; sleep 90; date -u +%T; echo $EPOCHSECONDS");
    expect(stdout).toBe("2026-01-01T00:00:00Z\n00:01:30\n1767225690\n");
  });

  it("is the same on every run, to the nanosecond", async () => {
    const script =
      "for i in 1 2 3; do (sleep 0.$i; echo $RANDOM) & done; wait; seq 100 | sort -R 2>&1 | head -1; mktemp";
    const one = await runScript(script);
    const other = await runScript(script);
    expect({ out: other.stdout, at: other.endedNs }).toEqual({ out: one.stdout, at: one.endedNs });
  });

  it("ends a command at its timeout and says 124", async () => {
    const { stdout, endedNs } = await runScript(
      "timeout 2 sleep 100; echo $?; timeout -k 1 1 sh -c 'trap \"\" TERM; sleep 50 & wait; sleep 50'; echo $?",
    );
    expect(stdout).toBe("124\n137\n");
    expect(endedNs).toBeGreaterThan(4000 * MS);
    expect(endedNs).toBeLessThan(4000 * MS + SLACK);
  });

  it("lets a killed job end at once and its waiter go on", async () => {
    const { stdout, endedNs } = await runScript("sleep 100 & p=$!; (sleep 1; kill $p) & wait $p; echo $?");
    expect(stdout).toBe("143\n");
    expect(endedNs).toBeLessThan(1000 * MS + SLACK);
  });

  it("measures with the keyword time", async () => {
    const { stderr } = await runScript("TIMEFORMAT=%1R; time sleep 2.3");
    expect(stderr).toBe("2.3\n");
  });

  it("suspends a stopped process until it is continued", async () => {
    const { stdout } = await runScript(
      "(sleep 1; echo done at $SECONDS) & p=$!; sleep 0.1; kill -STOP $p; sleep 5; echo waited; kill -CONT $p; wait; echo $SECONDS",
    );
    expect(stdout).toBe("waited\ndone at 5\n5\n");
  });
});

describe("pipes", () => {
  it("hold 64 KiB, then the writer waits for the reader", async () => {
    const { stdout, endedNs } = await runScript("head -c 200000 /dev/zero | { sleep 1; wc -c; }; echo $SECONDS");
    expect(stdout).toBe("200000\n1\n");
    expect(endedNs).toBeLessThan(1000 * MS + SLACK);
  });

  it("end an endless writer by SIGPIPE when the reader has gone", async () => {
    const { stdout } = await runScript(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
      "set -o pipefail; yes | head -2; echo $?; yes | grep -q y; echo ${PIPESTATUS[@]}",
    );
    expect(stdout).toBe("y\ny\n141\n141 0\n");
  });

  it("carry lines as they are written, not when the writer ends", async () => {
    const { stdout } = await runScript("(echo a; sleep 2; echo b) | while read -r x; do echo $x $SECONDS; done");
    expect(stdout).toBe("a 0\nb 2\n");
  });
});

describe("signals", () => {
  it("run a trap between commands, and end a wait", async () => {
    const { stdout } = await runScript(
      "trap 'echo usr1 at $SECONDS' USR1; (sleep 1; kill -USR1 $$) & sleep 3; echo slept; (sleep 1; kill -USR1 $$) & sleep 9 & wait $!; echo $?",
    );
    expect(stdout).toBe("usr1 at 3\nslept\nusr1 at 4\n138\n");
  });

  it("reach a whole process group", async () => {
    const { stdout } = await runScript(
      "timeout -s INT 1 sh -c 'trap \"echo int; exit 7\" INT; sleep 5 & wait'; echo $?",
    );
    expect(stdout).toBe("int\n124\n");
  });

  it("leave background jobs of a script alone when they are interrupts", async () => {
    const { stdout } = await runScript("sleep 1 & sleep 0.1; kill -INT $!; wait $!; echo $?; kill -INT $!; echo $?");
    expect(stdout).toBe("0\n1\n");
  });
});
