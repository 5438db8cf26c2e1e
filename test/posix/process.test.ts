import { describe, expect, it } from "vitest";
import { Errno, NetError } from "../../src/base/errno.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/base/text.ts";
import { makePipe, type OpenFile } from "../../src/posix/file.ts";
import { NsInodes } from "../../src/posix/ns-inodes.ts";
import {
  Interrupted,
  Machine,
  type Process,
  type Program,
  SIGINT,
  SIGKILL,
  SIGTERM,
  signalNumber,
} from "../../src/posix/process.ts";
import { joinPath, Vfs } from "../../src/posix/vfs.ts";
import { Rng } from "../../src/sim/rng.ts";
import { Sim } from "../../src/sim/sim.ts";
import { sleep, Tasks } from "../../src/sim/task.ts";

function world(): { sim: Sim; run: (program: Program, fds?: Map<number, OpenFile>) => Process; root: Vfs } {
  const sim = new Sim();
  const machine = new Machine(new Tasks(sim), new Rng(1), 0n);
  const root = new Vfs(sim);
  const ns = {
    net: {},
    uts: { hostname: "box" },
    inodes: new NsInodes({ cgroup: 1, ipc: 2, mnt: 3, net: 4, pid: 5, time: 6, user: 7, uts: 8 }),
  };
  return {
    sim,
    root,
    run: (program, fds = new Map()) => machine.spawn(null, program, { argv: ["prog"], cwd: "/", root, ns, fds }),
  };
}

describe("a process", () => {
  it("ends with its program's status", () => {
    const { sim, run } = world();
    const proc = run(function* () {
      yield* sleep(5);
      return 3;
    });
    sim.run();
    expect(proc.exitStatus).toEqual({ code: 3, signal: 0, status: 3 });
  });

  it("dies of a signal that nobody handles, its descriptors closed", () => {
    const { sim, run } = world();
    const [reader, writer] = makePipe();
    const proc = run(
      function* () {
        yield* sleep(1e9);
        return 0;
      },
      new Map([[1, writer]]),
    );
    writer.release();
    sim.at(10_000_000, () => proc.kill(SIGTERM));
    sim.run();
    expect(proc.exitStatus?.status).toBe(128 + SIGTERM);
    expect(reader.readable()).toBe(true);
  });

  it("sees a signal it asked for as an interruption where it waits", () => {
    const { sim, run } = world();
    const proc = run(function* (self) {
      self.onSignal(SIGINT, "interrupt");
      try {
        yield* sleep(1e9);
      } catch (error) {
        return error instanceof Interrupted && error.signal === SIGINT ? 7 : 1;
      }
      return 0;
    });
    sim.at(1_000_000, () => proc.kill(SIGINT));
    sim.run();
    expect(proc.exitStatus?.status).toBe(7);
  });

  it("cannot refuse SIGKILL", () => {
    const { sim, run } = world();
    const proc = run(function* (self) {
      self.onSignal(SIGKILL, "ignore");
      yield* sleep(1e9);
      return 0;
    });
    sim.at(1_000_000, () => proc.kill(SIGKILL));
    sim.run();
    expect(proc.exitStatus?.status).toBe(137);
  });

  it("dies of SIGPIPE when it prints to a pipe that nobody reads", () => {
    const { sim, run } = world();
    const [reader, writer] = makePipe();
    reader.release();
    const proc = run(
      function* (self) {
        yield* self.print("x\n");
        return 0;
      },
      new Map([[1, writer]]),
    );
    sim.run();
    expect(proc.exitStatus?.status).toBe(141);
  });

  it("waits for a child", () => {
    const { sim, run } = world();
    const proc = run(function* (self) {
      const child = self.spawn(
        function* () {
          yield* sleep(100);
          return 9;
        },
        { argv: ["child"] },
      );
      return (yield* child.wait()).status + 1;
    });
    sim.run();
    expect(proc.exitStatus?.status).toBe(10);
  });
});

describe("a pipe", () => {
  it("makes a writer wait when 64 KiB are unread, and hands over every byte", () => {
    const { sim, run } = world();
    const [reader, writer] = makePipe();
    const source = run(
      function* (self) {
        yield* self.printBytes(new Uint8Array(200_000).fill(120));
        return 0;
      },
      new Map([[1, writer]]),
    );
    writer.release();
    sim.run();
    expect(source.exitStatus).toBeUndefined();
    let read = 0;
    run(
      function* (self) {
        read = (yield* self.readAll()).length;
        return 0;
      },
      new Map([[0, reader]]),
    );
    reader.release();
    sim.run();
    expect([read, source.exitStatus?.status]).toEqual([200_000, 0]);
  });
});

describe("the file system", () => {
  const proc = { cwd: "/root" } as Process;

  it("follows links, and gives up on a circle of them", () => {
    const { root } = world();
    root.put("/root/a", { kind: "link", target: "b", mode: 0o777, mtimeNs: 0 });
    root.put("/root/b", { kind: "link", target: "a", mode: 0o777, mtimeNs: 0 });
    expect(() => root.lookup(proc, "a")).toThrow(new NetError(Errno.ELOOP));
    root.put("/etc/x", { kind: "file", data: encodeUtf8("hi"), size: 2, mode: 0o644, mtimeNs: 0 });
    root.put("/root/l", { kind: "link", target: "../etc/x", mode: 0o777, mtimeNs: 0 });
    expect(decodeUtf8(root.readFile(proc, "l"))).toBe("hi");
    expect(root.realPath(proc, "l")).toBe("/etc/x");
  });

  it("refuses what Linux refuses", () => {
    const { root } = world();
    root.put("/root/f", { kind: "file", data: new Uint8Array(0), size: 0, mode: 0o644, mtimeNs: 0 });
    expect(() => root.open(proc, "none", { read: true })).toThrow(new NetError(Errno.ENOENT));
    expect(() => root.open(proc, "/root", { read: true })).toThrow(new NetError(Errno.EISDIR));
    expect(() => root.open(proc, "f/x", { read: true })).toThrow(new NetError(Errno.ENOTDIR));
    expect(() => root.open(proc, "f", { create: true, exclusive: true })).toThrow(new NetError(Errno.EEXIST));
  });

  it("writes a file that was opened to be made", () => {
    const { root } = world();
    root.writeFile(proc, "/tmp-file", "one");
    const file = root.open(proc, "/tmp-file", { write: true, append: true });
    [...file.write(encodeUtf8(" two"))];
    expect(decodeUtf8(root.readFile(proc, "/tmp-file"))).toBe("one two");
  });

  it("joins paths as the shell does", () => {
    expect(joinPath("/a/b", "../c/./d")).toBe("/a/c/d");
    expect(joinPath("/a", "/x//y/")).toBe("/x/y");
  });
});

it("signals have their names and numbers", () => {
  expect([signalNumber("TERM"), signalNumber("SIGKILL"), signalNumber("2"), signalNumber("NOPE")]).toEqual([
    15,
    9,
    2,
    undefined,
  ]);
});
