// `vethlab shell`: a session on one emulated host. At a terminal time passes as it does outside (or faster), from a pipe as
// fast as the commands need it.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { BadImageDirective } from "../docker/programs.ts";
import { LabInterrupted, Stuck } from "../host/lab.ts";
import { FedFile } from "../posix/file.ts";
import { DirectiveError } from "../scenario/directives.ts";
import { ShellSession } from "../scenario/session.ts";
import { LimitReached } from "../sim/sim.ts";
import { nodeFilters } from "./filters.ts";
import { filesIn, prepareFolder, writeFiles } from "./folders.ts";
import { duration, labOptions, parse, systemErrorText, UsageError, version } from "./terminal.ts";

const HELP = `vethlab shell [SCRIPT] [options]

A shell on an emulated Linux host with Docker (docker-host, 172.31.179.120 on eth0). The world outside is there already:
one more host, which is the gateway (172.31.176.1) and a web server (93.184.216.34, example.com; 8.8.8.8 answers pings).
It is the network namespace 'outside':

  ping example.com                                        this host to the outside
  docker run -it --rm busybox ping 93.184.216.34          a container to the outside (no name server answers)
  ip netns exec outside curl http://172.31.179.120:8080   the outside to a published port
  ip netns exec outside bash                              a shell out there

SCRIPT prepares the host in place of that world (/dev/null: a bare host with Docker).

At a terminal: Tab completes commands, files, containers, images, networks, interfaces and namespaces; the arrow keys and
Ctrl-R go through the history (~/.local/state/vethlab/history); Ctrl-C ends the running command, Ctrl-Z stops it (jobs, fg,
bg), Ctrl-D or exit ends the session. From a pipe commands are read as bash reads them, without prompts.

The files of the current folder are in the shell's; what is written there lands on disk as soon as a command is done, and
captures of a tcpdump in the background once a second.

  --out DIR        where the files go; the current folder when absent
  --speed N        at a terminal, how many seconds pass in a real one: 1 (default), 10, 0.5 …; or 'max': as fast as commands
                   run, and time stands still at the prompt (from a pipe it is always so)
  --image 'NAME PORT[/udp] PROGRAM [ARGUMENT…]'
                   one more image: what it exposes ('-' for nothing) and what runs in it; can be repeated
  --seed N         what a kernel draws at random follows from it; default 1
  --start DATE     the wall clock at the start, e.g. 2026-01-01T00:00:00Z (the default)
  --docker 20|28   the generation of Docker: 20.10 (default) or 28.5
  --max-time TIME  from a pipe: end after so much virtual time (90s, 5m); default 1h
  --quiet          no greeting
`;

/** The part of process that a session uses; tests bring their own. */
export interface Streams {
  readonly stdin: NodeJS.ReadableStream & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number; rows?: number };
  readonly stderr: NodeJS.WritableStream;
}

/** Real time between two looks at the disk. */
const SYNC_MS = 1000;
/** Longer than this the emulation does not run without looking at the keyboard. */
const PATIENCE_MS = 250;

export async function shellCommand(argv: readonly string[], streams: Streams = process): Promise<number> {
  const { values, positionals } = parse({
    args: [...argv],
    allowPositionals: true,
    options: {
      out: { type: "string" },
      speed: { type: "string" },
      image: { type: "string", multiple: true },
      seed: { type: "string" },
      start: { type: "string" },
      docker: { type: "string" },
      "max-time": { type: "string" },
      quiet: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    streams.stdout.write(HELP);
    return 0;
  }
  if (positionals.length > 1) throw new UsageError("shell takes one script, which prepares the host");
  const [path] = positionals;
  const { seed, startMs, docker } = labOptions(values);
  const speed = speedOf(values.speed ?? "1");
  const out = resolve(values.out ?? ".");
  const script = path === undefined ? undefined : { name: basename(path), text: readFileSync(path, "utf8") };
  prepareFolder(out);
  const atTerminal = streams.stdin.isTTY === true && streams.stdout.isTTY === true;
  const { columns = 80, rows = 24 } = streams.stdout;
  const input = new FedFile();
  const history = atTerminal ? readHistory() : undefined;
  let session: ShellSession;
  try {
    session = new ShellSession({
      ...(script ? { script } : {}),
      seed,
      ...(startMs !== undefined ? { startMs } : {}),
      ...(docker !== undefined ? { docker } : {}),
      ...(atTerminal
        ? { terminal: { columns, rows } }
        : { stdin: input, limits: { maxTimeNs: duration("max-time", values["max-time"] ?? "1h") } }),
      images: values.image ?? [],
      files: filesIn(resolve(".")),
      filters: nodeFilters(),
      ...(history !== undefined ? { history } : {}),
      stdout: (bytes) => void streams.stdout.write(bytes),
      stderr: (bytes) => void streams.stderr.write(bytes),
    });
  } catch (error) {
    if (error instanceof BadImageDirective) throw new UsageError(error.message);
    if (error instanceof DirectiveError) throw new UsageError(`${path}: line ${error.line}: ${error.message}`);
    throw error;
  }
  if (atTerminal && !values.quiet)
    streams.stdout.write(
      `vethlab ${version()}: docker-host, an emulated Linux with Docker. 'exit' or Ctrl-D ends; vethlab shell --help has more.\n`,
    );
  const driver = new Driver(session, streams, out);
  try {
    await session.begin();
    if (atTerminal) await driver.atTerminal(speed);
    else await driver.fromPipe(input);
  } catch (error) {
    if (!(error instanceof LimitReached) && !(error instanceof Stuck)) throw error;
    streams.stderr.write(`vethlab: ${error.message}\n`);
    await driver.close();
    return error instanceof LabInterrupted ? 130 : error instanceof LimitReached ? 124 : 70;
  } finally {
    if (atTerminal) writeHistory(session.history());
  }
  return (await driver.close()) || session.status !== 0 ? session.status : 1;
}

/** "max" or a positive number. */
function speedOf(text: string): number {
  if (text === "max") return Number.POSITIVE_INFINITY;
  const speed = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || !(speed > 0)) throw new UsageError(`--speed takes a number or 'max', not '${text}'`);
  return speed;
}

/** Lets a session run beside the real world. */
class Driver {
  readonly #session: ShellSession;
  readonly #streams: Streams;
  readonly #out: string;
  #written = true;
  #lastSync = performance.now();
  /** called when something came from outside */
  #wake: () => void = () => {};
  #came = false;

  constructor(session: ShellSession, streams: Streams, out: string) {
    this.#session = session;
    this.#streams = streams;
    this.#out = out;
  }

  /** Keys in, screen out, until the shell ends. */
  async atTerminal(speed: number): Promise<void> {
    const session = this.#session;
    const { stdin, stdout } = this.#streams;
    const onData = (bytes: Uint8Array | string): void => {
      session.type(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
      this.#arrived();
    };
    const onEnd = (): void => {
      session.hangUp();
      this.#arrived();
    };
    const onResize = (): void => {
      session.resize(stdout.columns ?? 80, stdout.rows ?? 24);
      this.#arrived();
    };
    stdin.setRawMode?.(true);
    stdin.on("data", onData).on("end", onEnd).on("close", onEnd);
    stdout.on("resize", onResize);
    process.on("SIGHUP", onEnd).on("SIGTERM", onEnd);
    stdin.resume();
    try {
      if (speed === Number.POSITIVE_INFINITY) await this.#asFastAsCommands();
      else await this.#paced(speed);
    } finally {
      stdin.off("data", onData).off("end", onEnd).off("close", onEnd);
      stdout.off("resize", onResize);
      process.off("SIGHUP", onEnd).off("SIGTERM", onEnd);
      stdin.setRawMode?.(false);
      stdin.pause();
    }
  }

  async #asFastAsCommands(): Promise<void> {
    for (;;) {
      const how = await this.#session.run(true);
      if (this.#session.ended) return;
      this.sync(how !== "more");
      if (how === "more") await nextTurn();
      else await this.#outside();
    }
  }

  /** Virtual time follows real time; when it cannot (heavy work, a suspended machine) it goes on from where it is. */
  async #paced(speed: number): Promise<void> {
    const session = this.#session;
    const nsPerMs = speed * 1e6;
    let zero = session.lab.now - performance.now() * nsPerMs;
    for (;;) {
      const target = zero + performance.now() * nsPerMs;
      const how = await session.run(false, target);
      if (session.ended) return;
      const behind = zero + performance.now() * nsPerMs - session.lab.now;
      if (behind > PATIENCE_MS * nsPerMs) zero -= behind;
      this.sync(false);
      if (how === "more") await nextTurn();
      else await this.#outside(Math.max(0, Math.min(SYNC_MS, (session.nextEvent - target) / nsPerMs)));
    }
  }

  /** Commands from a stream; time passes as far as they need it. */
  async fromPipe(input: FedFile): Promise<void> {
    const session = this.#session;
    const { stdin } = this.#streams;
    const onData = (bytes: Uint8Array | string): void => {
      input.push(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
      this.#arrived();
    };
    const onEnd = (): void => {
      input.end();
      this.#arrived();
    };
    let interrupted = false;
    const onInterrupt = (): void => {
      if (interrupted) process.exit(130);
      interrupted = true;
      session.lab.interrupt();
      this.#arrived();
    };
    stdin.on("data", onData).on("end", onEnd);
    process.on("SIGINT", onInterrupt);
    try {
      for (;;) {
        const how = await session.run(false);
        if (session.ended) return;
        this.sync(false);
        if (how !== "idle") await nextTurn();
        else if (input.ended) throw new Stuck("everything waits for something that will never come");
        else await this.#outside();
      }
    } finally {
      stdin.off("data", onData).off("end", onEnd);
      stdin.pause();
      process.off("SIGINT", onInterrupt);
    }
  }

  #arrived(): void {
    this.#came = true;
    this.#wake();
  }

  /** Waits for something from outside, or so many real milliseconds. */
  async #outside(ms?: number): Promise<void> {
    if (!this.#came)
      await new Promise<void>((resolve) => {
        const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#came = false;
    this.#wake = () => {};
  }

  /** Puts what was written on disk; not more than once a second unless `now`. */
  sync(now: boolean): void {
    if (!now && performance.now() - this.#lastSync < SYNC_MS) return;
    if (!writeFiles(this.#out, this.#session.changes())) this.#written = false;
    this.#lastSync = performance.now();
  }

  /** Ends what runs, writes the rest. False when something could not be written. */
  async close(): Promise<boolean> {
    await this.#session.end();
    this.sync(true);
    for (const note of this.#session.host.notes) this.#streams.stderr.write(`vethlab: ${note}\n`);
    return this.#written;
  }
}

async function nextTurn(): Promise<void> {
  await new Promise((done) => setImmediate(done));
}

function historyPath(): string {
  return join(process.env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "vethlab", "history");
}

function readHistory(): string {
  try {
    return readFileSync(historyPath(), "utf8");
  } catch (error) {
    if (systemErrorText(error) === undefined) throw error;
    return "";
  }
}

/** The next session's history; a folder that cannot be written is no reason to fail. */
function writeHistory(text: string): void {
  if (text === "") return;
  try {
    mkdirSync(dirname(historyPath()), { recursive: true, mode: 0o700 });
    writeFileSync(historyPath(), text, { mode: 0o600 });
  } catch (error) {
    process.stderr.write(`vethlab: the history is not kept: ${systemErrorText(error) ?? String(error)}\n`);
  }
}
