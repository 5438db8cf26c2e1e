// A terminal's line discipline.

import { describe, expect, it } from "vitest";
import { decodeUtf8, encodeUtf8 } from "../../src/base/text.ts";
import { SIGCONT, SIGINT } from "../../src/posix/process.ts";
import { COOKED, EDITING, joinGroup, RAW, Tty } from "../../src/posix/tty.ts";
import { sleep, type Task } from "../../src/sim/task.ts";
import { TestMachine } from "../support/shell.ts";

/** A terminal with a program that reads it; `type` returns what the screen shows. */
function sitDown(program: (tty: Tty) => Task<void>, started = true) {
  const test = new TestMachine();
  let screen = "";
  const tty = new Tty(test.machine, function* (bytes) {
    screen += decodeUtf8(bytes);
  });
  const proc = test.machine.spawn(null, () => ended(program(tty)), {
    argv: ["program"],
    env: new Map(),
    root: test.root,
    ns: test.ns,
    fds: new Map([[0, tty.open()]]),
  });
  joinGroup(proc, proc.pid);
  tty.setForeground(proc.pgid);
  if (started) test.sim.run();
  const type = (keys: string): string => {
    screen = "";
    test.tasks.spawn("keyboard", tty.type(encodeUtf8(keys)));
    test.sim.run();
    return screen;
  };
  return { tty, proc, type, test };
}

function* ended(task: Task<void>): Task<number> {
  yield* task;
  return 0;
}

/** Reads once and again and notes what came. */
function reader(into: (string | null)[]) {
  return function* (tty: Tty): Task<void> {
    const file = tty.open();
    for (;;) {
      const bytes = yield* file.read(100);
      into.push(bytes && decodeUtf8(bytes));
      if (bytes === null) return;
    }
  };
}

describe("a terminal in canonical mode", () => {
  it("hands lines over whole, after erasing, and echoes what is typed", () => {
    const got: (string | null)[] = [];
    const { type } = sitDown(reader(got));
    expect(type("hal\x7flo ab cd")).toBe("hal\b \blo ab cd");
    expect(got).toEqual([]);
    expect(type("\x17x\r")).toBe("\b \b\b \bx\r\n");
    expect(type("gone\x15kept\r")).toBe("gone\b \b\b \b\b \b\b \bkept\r\n");
    expect(got).toEqual(["halo ab x\n", "kept\n"]);
  });

  it("erases a character of several bytes as one", () => {
    const got: (string | null)[] = [];
    const { type } = sitDown(reader(got));
    expect(type("é\x7fe\r")).toBe("é\b \be\r\n");
    expect(got).toEqual(["e\n"]);
  });

  it("ends the file at Ctrl-D on an empty line, and hands over an unfinished one", () => {
    const got: (string | null)[] = [];
    const { type, proc } = sitDown(reader(got));
    type("abc\x04");
    expect(got).toEqual(["abc"]);
    type("\x04");
    expect(got).toEqual(["abc", null]);
    expect(proc.exitStatus?.status).toBe(0);
  });

  it("sends Ctrl-C's signal to the group in front and forgets what was typed", () => {
    const got: (string | null)[] = [];
    const { type, proc } = sitDown(reader(got));
    expect(type("abc\x03")).toBe("abc^C");
    expect(proc.exitStatus?.signal).toBe(SIGINT);
    expect(got).toEqual([]);
  });

  it("shows a newline as carriage return and newline", () => {
    const { test, tty } = sitDown(function* (tty) {
      yield* tty.write(encodeUtf8("a\nb\n"));
    });
    let shown = "";
    const other = new Tty(test.machine, function* (bytes) {
      shown += decodeUtf8(bytes);
    });
    test.tasks.spawn("writer", other.write(encodeUtf8("a\nb\n")));
    test.sim.run();
    expect([shown, tty.mode]).toEqual(["a\r\nb\r\n", COOKED]);
  });
});

describe("a terminal in raw mode", () => {
  it("hands every key over as it is, Ctrl-C too, without echo", () => {
    const got: (string | null)[] = [];
    const { tty, type } = sitDown(reader(got));
    tty.setMode(RAW);
    expect(type("a\x03\r")).toBe("");
    expect(got.join("")).toBe("a\x03\r");
  });
});

describe("what was typed ahead", () => {
  it("is read later, whatever mode the reader chooses", () => {
    const got: (string | null)[] = [];
    const { tty, type } = sitDown(function* (terminal) {
      yield* sleep(1e6);
      yield* reader(got)(terminal);
    });
    // the agenda ran empty: nothing was typed when it read first
    tty.setMode(EDITING);
    type("line one\rline two\r");
    expect(got.join("")).toBe("line one\rline two\r");
  });
});

describe("a process group in the background", () => {
  it("is stopped when it reads, and reads when it comes to the front", () => {
    const got: (string | null)[] = [];
    const { tty, proc, type, test } = sitDown(function* (terminal) {
      terminal.setForeground(1);
      const bytes = yield* terminal.read(100, () => proc.pgid);
      got.push(bytes && decodeUtf8(bytes));
    }, false);
    test.sim.run();
    expect(proc.stopped).toBe(true);
    type("not for it\r");
    expect(got).toEqual([]);
    tty.setForeground(proc.pgid);
    proc.kill(SIGCONT);
    test.sim.run();
    expect(got).toEqual(["not for it\n"]);
  });
});
