// Runs shell scripts on a bare machine: no network, a fresh file system, virtual time. For tests of the shell.

import { concatBytes } from "../../src/base/bytes.ts";
import { decodeUtf8 } from "../../src/base/text.ts";
import { BytesFile, NullFile, type OpenFile, SinkFile } from "../../src/posix/file.ts";
import { NsInodes } from "../../src/posix/ns-inodes.ts";
import { Machine, type Namespaces, type Process, type Program } from "../../src/posix/process.ts";
import { fileNode, Vfs } from "../../src/posix/vfs.ts";
import type { FilterLibrary } from "../../src/shell/filters.ts";
import { populateVfs, shellPrograms } from "../../src/shell/install.ts";
import { Rng } from "../../src/sim/rng.ts";
import { Sim, type SimLimits } from "../../src/sim/sim.ts";
import { Tasks } from "../../src/sim/task.ts";

/** 2026-01-01T00:00:00Z */
export const EPOCH_NS = 1767225600000000000n;

const ENVIRONMENT: ReadonlyMap<string, string> = new Map([
  ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
  ["HOME", "/root"],
  ["LANG", "C.UTF-8"],
]);

export interface ScriptOptions {
  /** files by path, relative to the working directory /root/scripts */
  readonly files?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly args?: readonly string[];
  /** "bash" (default) or "sh" */
  readonly shell?: string;
  readonly limits?: SimLimits;
  readonly filters?: FilterLibrary;
  /** further programs for /usr/bin */
  readonly programs?: ReadonlyMap<string, Program>;
}

export interface ScriptResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
  /** virtual nanoseconds when the shell ended */
  readonly endedNs: number;
  readonly machine: TestMachine;
}

/** A machine with a furnished root and nothing else. */
export class TestMachine {
  readonly sim: Sim = new Sim();
  readonly tasks: Tasks = new Tasks(this.sim);
  readonly machine: Machine;
  readonly root: Vfs;
  readonly ns: Namespaces;

  constructor(options: ScriptOptions = {}) {
    this.sim.limits = options.limits ?? { maxTimeNs: 3600e9, maxEvents: 5_000_000 };
    this.machine = new Machine(this.tasks, new Rng(1), EPOCH_NS, 1000);
    this.root = new Vfs(this.sim);
    this.ns = {
      net: {},
      uts: { hostname: "testhost" },
      inodes: new NsInodes({
        cgroup: 4026531835,
        ipc: 4026531839,
        mnt: 4026531841,
        net: 4026531840,
        pid: 4026531836,
        time: 4026531834,
        user: 4026531837,
        uts: 4026531838,
      }),
    };
    const programs = shellPrograms({ filters: options.filters });
    for (const [name, program] of options.programs ?? []) programs.set(name, program);
    populateVfs(this.root, { programs });
    this.root.put("/root/scripts/.keep", fileNode(""));
    for (const [path, content] of Object.entries(options.files ?? {}))
      this.root.put(`/root/scripts/${path}`, fileNode(content));
    this.root.remove({ cwd: "/" } as Process, "/root/scripts/.keep");
  }

  /** Starts a program; its output goes to the sinks. */
  start(argv: readonly string[], fds: ReadonlyMap<number, OpenFile>): Process {
    const node = this.root.find({ cwd: "/" } as Process, `/usr/bin/${argv[0]}`);
    if (node?.kind !== "program") throw new Error(`no program ${argv[0]}`);
    return this.machine.spawn(null, node.program, {
      argv,
      fds,
      env: ENVIRONMENT,
      cwd: "/root/scripts",
      root: this.root,
      ns: this.ns,
    });
  }

  /** Runs the simulation until a process has ended; awaits what the outside world is asked. */
  async untilEnd(proc: Process): Promise<void> {
    for (;;) {
      this.sim.run(() => proc.exitStatus !== undefined || this.tasks.externals.size > 0);
      if (proc.exitStatus) return;
      if (this.tasks.externals.size === 0) throw new Error("the script waits for what never comes");
      await Promise.race(this.tasks.externals);
    }
  }
}

/** Runs a script from a file named x.sh in /root/scripts. */
export async function runScript(script: string, options: ScriptOptions = {}): Promise<ScriptResult> {
  const machine = new TestMachine(options);
  machine.root.put("/root/scripts/x.sh", fileNode(script));
  return await runIn(machine, [options.shell ?? "bash", "x.sh", ...(options.args ?? [])], options.stdin);
}

/** Runs a program by its words on a machine. */
export async function runIn(machine: TestMachine, argv: readonly string[], stdin?: string): Promise<ScriptResult> {
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  const proc = machine.start(
    argv,
    new Map<number, OpenFile>([
      [0, stdin === undefined ? new NullFile() : new BytesFile(stdin)],
      [1, new SinkFile((bytes) => stdout.push(bytes.slice()))],
      [2, new SinkFile((bytes) => stderr.push(bytes.slice()))],
    ]),
  );
  await machine.untilEnd(proc);
  return {
    stdout: decodeUtf8(concatBytes(stdout)),
    stderr: decodeUtf8(concatBytes(stderr)),
    status: proc.exitStatus!.status,
    endedNs: machine.sim.now,
    machine,
  };
}
