// A session: one emulated host with a world around it and a shell that somebody types into (a terminal), or that reads
// commands from a stream. Time passes only as far as `run` lets it.

import { decodeUtf8, encodeUtf8 } from "../base/text.ts";
import { MSEC, type Ns, USEC } from "../base/time.ts";
import { parseImageDirective } from "../docker/programs.ts";
import type { Host } from "../host/host.ts";
import { defaultEnvironment, Lab } from "../host/lab.ts";
import { NullFile, type OpenFile, SinkFile } from "../posix/file.ts";
import { type Process, SIGHUP } from "../posix/process.ts";
import { Tty } from "../posix/tty.ts";
import { type FileNode, fileNode } from "../posix/vfs.ts";
import type { FilterLibrary } from "../shell/filters.ts";
import type { SimLimits } from "../sim/sim.ts";
import { readDirectives } from "./directives.ts";
import { furnishHost, type Generation, prepareDocker, standardPrograms } from "./programs.ts";
import { SCENARIO_HOST } from "./run.ts";
import { WORLD } from "./world.ts";
import { HISTORY_FILE, SCENARIO_DIR, type WrittenFile, WrittenFiles } from "./written.ts";

/** What runs in the background when the shell ends goes on for so long: a tcpdump gets its frames once a second. */
const AFTERGLOW_NS: Ns = 1100 * MSEC;
/** What a program that handles SIGHUP has for its last words. */
const HANG_UP_NS: Ns = 50 * MSEC;
/** From a key to the one who reads it. */
const KEY_NS: Ns = 100 * USEC;

export interface SessionOptions {
  /** prepares the host before the first command, in place of the built-in world */
  readonly script?: { readonly name: string; readonly text: string };
  readonly seed?: number;
  readonly startMs?: number;
  readonly limits?: SimLimits;
  readonly filters?: FilterLibrary;
  readonly docker?: Generation;
  /** further images, each "NAME PORT[/proto] PROGRAM…" */
  readonly images?: readonly string[];
  /** files that are in the shell's folder, by relative path */
  readonly files?: ReadonlyMap<string, FileNode>;
  /** lines typed in earlier sessions */
  readonly history?: string;
  /** a terminal of this size; absent: commands come from `stdin` */
  readonly terminal?: { readonly columns: number; readonly rows: number };
  readonly stdin?: OpenFile;
  /** what is shown, or what the shell and its commands print */
  readonly stdout: (bytes: Uint8Array) => void;
  readonly stderr: (bytes: Uint8Array) => void;
}

export class ShellSession {
  readonly lab: Lab;
  readonly host: Host;
  readonly #tty: Tty | undefined;
  readonly #options: SessionOptions;
  readonly #written: WrittenFiles;
  #shell: Process | undefined;

  /** Throws DirectiveError for a bad line of the script, BadImageDirective for a bad image. */
  constructor(options: SessionOptions) {
    this.#options = options;
    const script = options.script?.text ?? WORLD;
    const directives = readDirectives(script);
    const generation: Generation = options.docker ?? directives.docker ?? "20";
    this.lab = new Lab({
      programs: standardPrograms({ filters: options.filters, docker: generation }),
      furnish: furnishHost,
      ...(options.seed !== undefined ? { seed: options.seed } : {}),
      ...(options.startMs !== undefined ? { startMs: options.startMs } : {}),
      ...(options.limits ? { limits: options.limits } : {}),
    });
    this.host = this.lab.addHost(SCENARIO_HOST);
    const images = [...directives.images, ...(options.images ?? [])];
    for (const image of images) parseImageDirective(image);
    // what stands in comments calls nobody
    prepareDocker(this.host, script.replace(/^\s*#.*$/gm, ""), generation, images);
    if (options.history !== undefined) this.host.root.put(HISTORY_FILE, fileNode(encodeUtf8(options.history)));
    this.#written = new WrittenFiles(this.lab, this.host, options.files ?? new Map());
    if (options.terminal) {
      const { columns, rows } = options.terminal;
      this.#tty = new Tty(
        this.host.machine,
        function* (bytes) {
          options.stdout(bytes);
        },
        columns,
        rows,
      );
    }
  }

  /**
   * Runs the script that makes the world, then starts the shell. dockerd comes with the first docker command, as with
   * systemd's docker.socket: before, no rules of Docker's are in the way. The script's status.
   */
  async begin(): Promise<number> {
    const { name, text } = this.#options.script ?? { name: "world", text: WORLD };
    const preparing = this.#spawn(["bash", "-c", text, name], new NullFile());
    const { status } = await this.lab.wait(preparing);
    this.#shell = this.#spawn(["bash"], this.#options.stdin ?? new NullFile());
    return status;
  }

  #spawn(argv: readonly string[], stdin: OpenFile): Process {
    const tty = this.#tty;
    const { stdout, stderr } = this.#options;
    const fds = new Map<number, OpenFile>(
      tty
        ? [
            [0, tty.open()],
            [1, tty.open()],
            [2, tty.open()],
          ]
        : [
            [0, stdin],
            [1, new SinkFile(stdout)],
            [2, new SinkFile(stderr)],
          ],
    );
    const env = defaultEnvironment();
    if (tty) env.set("TERM", "xterm-256color");
    const proc = this.host.spawn(this.host.programs.get("bash")!, { argv, cwd: SCENARIO_DIR, env, fds });
    for (const file of fds.values()) file.release();
    return proc;
  }

  get ended(): boolean {
    return this.#shell?.exitStatus !== undefined;
  }

  /** The shell's exit status, once it has ended. */
  get status(): number {
    return this.#shell?.exitStatus?.status ?? 0;
  }

  /** Does somebody wait at the terminal for a key, and nothing else runs in front? Then time may stand still. */
  get waitsForKeys(): boolean {
    return this.#tty?.waitsForKeys ?? false;
  }

  /** Somebody typed. */
  type(bytes: Uint8Array): void {
    if (this.#tty) this.lab.tasks.spawn("keyboard", this.#tty.type(bytes.slice()));
  }

  resize(columns: number, rows: number): void {
    this.#tty?.resize(columns, rows);
  }

  /** The terminal has gone. */
  hangUp(): void {
    this.#tty?.hangUp();
  }

  /** Lets the session run: until it ends, until it waits for keys if `stopAtKeys`, or until a moment of virtual time. */
  async run(stopAtKeys: boolean, until?: Ns): Promise<"done" | "time" | "idle" | "more"> {
    // what was typed is on its way when softirqs and timers of this moment are still to run
    const typed = (): boolean => this.lab.sim.nextEvent - this.lab.now > KEY_NS;
    return await this.lab.slice(() => this.ended || (stopAtKeys && this.waitsForKeys && typed()), until);
  }

  /** When something happens next by itself. */
  get nextEvent(): Ns {
    return this.lab.sim.nextEvent;
  }

  /** Files written since this was last called. */
  changes(): WrittenFile[] {
    return this.#written.changes();
  }

  /** Lines typed, for the next session. */
  history(): string {
    const proc = { cwd: "/" } as Process;
    return this.host.root.find(proc, HISTORY_FILE)
      ? decodeUtf8(this.host.root.readFile(proc, HISTORY_FILE))
      : (this.#options.history ?? "");
  }

  /**
   * After the shell has ended: captures in the background get their last frames, everything hears that the terminal has
   * gone (a tcpdump then writes what it holds), and ends.
   */
  async end(): Promise<void> {
    const { lab } = this;
    lab.sim.limits = {};
    if (this.ended) {
      await lab.advance(AFTERGLOW_NS);
      for (const proc of [...this.host.machine.processes.values()]) proc.kill(SIGHUP);
      await lab.advance(HANG_UP_NS);
    }
    lab.killAll();
  }
}
