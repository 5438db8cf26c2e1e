// `vethlab run`: reads a script, runs it, writes what it left under --out, and says so in one line a capture.

import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { formatNs } from "../base/time.ts";
import { countFrames } from "../capture/read.ts";
import type { Lab } from "../host/lab.ts";
import { DesertedTerminal } from "../posix/file.ts";
import { readContent } from "../posix/growing-file.ts";
import type { FileNode } from "../posix/vfs.ts";
import { DirectiveError } from "../scenario/directives.ts";
import { runScenario, type ScenarioResult } from "../scenario/run.ts";
import { AnnotatedCapture } from "../trace/annotate.ts";
import { Recorder } from "../trace/recorder.ts";
import { nodeFilters } from "./filters.ts";
import { filesIn, openFile, prepareFolder, sha256, writeFiles } from "./folders.ts";
import { Spool } from "./spool.ts";
import { duration, labOptions, parse, UsageError, wholeNumber } from "./terminal.ts";

const HELP = `vethlab run SCRIPT [ARG...] [options]
vethlab run - [options]             the script is read from standard input
vethlab run SCRIPT... -j N          several scripts over N worker threads, each into its folder, one JSON line each

Runs a shell script against an emulated Linux host with Docker. Its output passes through, and what it writes
(captures of its tcpdumps too) lands in a folder. The exit status is the script's. Its standard input is a terminal at
which nobody types, as when it is started by hand: 'docker exec -it' works in it.

  --out DIR          where the files go; the current folder when absent
  --pcapng FILE      one annotated capture of everything: what every device of every namespace saw, with what the kernel did to
                     each packet (routes, rules, rewrites, drops) as comments; "#17." finds packet 17 in every sight of it
  --env NAME=VALUE   a variable of the script's environment; may be given several times
  -j, --jobs N       all words are scripts, run over N worker threads (0: one a core); see also vethlab sweep
  --seed N           what a kernel draws at random (MAC addresses, ports, sequence numbers …) follows from it; default 1
  --start DATE       the wall clock at the start, e.g. 2026-01-01T00:00:00Z (the default)
  --docker 20|28     the generation of Docker: 20.10 (default) or 28.5; wins over the script's '# vethlab: docker=28'
  --hash             print the SHA-256 of each capture on standard output, after the script's own output
  --max-time TIME    end the script after so much virtual time (90s, 5m); default 1h
  --max-events N     end the script after so many events of the engine; default 50000000
  --quiet            no lines about captures

A limit, Ctrl-C, SIGTERM (timeout(1)) and SIGHUP end the script where it is: what it wrote is kept, and the line that it was at is
said. The exit status is 124 then, 130, 143 or 129.
`;

const PROGRESS_AFTER_MS = 2000;

export async function runCommand(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse({
    args: [...argv],
    allowPositionals: true,
    options: {
      out: { type: "string" },
      pcapng: { type: "string" },
      env: { type: "string", multiple: true },
      jobs: { type: "string", short: "j" },
      seed: { type: "string" },
      start: { type: "string" },
      docker: { type: "string" },
      hash: { type: "boolean" },
      quiet: { type: "boolean" },
      "max-time": { type: "string" },
      "max-events": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [path, ...args] = positionals;
  if (path === undefined) throw new UsageError("run needs a script: vethlab run SCRIPT, or - for standard input");
  const { seed, startMs, docker } = labOptions(values);
  const limits = {
    maxTimeNs: duration("max-time", values["max-time"] ?? "1h"),
    maxEvents: wholeNumber("max-events", values["max-events"] ?? "50000000"),
  };
  const env = new Map((values.env ?? []).map(readVariable));
  if (values.jobs !== undefined && values.pcapng !== undefined)
    throw new UsageError("--pcapng is one script's: it does not go with --jobs");
  if (values.jobs !== undefined) {
    const { runManyCommand } = await import("./sweep/sweep-command.ts");
    return await runManyCommand(positionals, values.jobs, values.out, {
      seed,
      params: Object.fromEntries(env),
      docker: docker ?? null,
      ...limits,
    });
  }
  const out = resolve(values.out ?? ".");
  const script = readFileSync(path === "-" ? 0 : path, "utf8");
  const name = path === "-" ? "-" : basename(path);
  prepareFolder(out);
  const writePcapng = values.pcapng === undefined ? undefined : openFile(values.pcapng);

  const spool = new Spool(out);
  const stop = watchSignals();
  const progress = progressLine();
  const began = performance.now();
  let result: ScenarioResult;
  let recorder: Recorder | undefined;
  let annotated: AnnotatedCapture | undefined;
  try {
    result = await runScenario({
      script,
      name,
      args,
      seed,
      env,
      ...(startMs !== undefined ? { startMs } : {}),
      ...(docker !== undefined ? { docker } : {}),
      files: path === "-" ? new Map<string, FileNode>() : filesIn(dirname(resolve(path)), basename(path)),
      limits,
      makeStore: () => spool.create(),
      ...(writePcapng === undefined
        ? {}
        : {
            prepare: (lab) => {
              recorder = new Recorder(lab, { onDone: (packet, settled) => annotated!.add(packet, settled) });
              annotated = new AnnotatedCapture(recorder.interfaces.list, lab.startMs);
            },
            inspect: () => recorder?.interfaces.refresh(),
          }),
      // as when it is started by hand, so that `docker exec -it` works
      stdin: new DesertedTerminal(),
      filters: nodeFilters(),
      stdout: (bytes) => {
        progress.clear();
        process.stdout.write(bytes);
      },
      stderr: (bytes) => {
        progress.clear();
        process.stderr.write(bytes);
      },
      between: async (lab) => {
        await new Promise((done) => setImmediate(done));
        progress.show(lab);
        stop.throwIfAsked(lab);
      },
    });
  } catch (error) {
    if (error instanceof DirectiveError) throw new UsageError(`${name}: line ${error.line}: ${error.message}`);
    throw error;
  } finally {
    progress.clear();
    stop.dispose();
  }
  const realMs = performance.now() - began;

  const written = writeFiles(out, result.files);
  for (const file of result.files) {
    if (!/\.pcap(ng)?$/.test(file.path)) continue;
    if (values.hash) process.stdout.write(`${sha256(readContent(file.content))}  ${file.path}\n`);
    if (!values.quiet)
      process.stderr.write(
        `vethlab: ${join(values.out ?? ".", file.path)}: ${countFrames(readContent(file.content)) ?? "no"} frames, ${file.size} bytes ` +
          `(${formatNs(result.virtualNs)} virtual, ${(realMs / 1000).toFixed(2)} s real)\n`,
      );
  }
  spool.dispose();
  if (annotated && writePcapng) {
    recorder?.close();
    writePcapng(annotated.finish());
    if (!values.quiet) process.stderr.write(`vethlab: ${values.pcapng}: ${annotated.frames} frames\n`);
  }
  if (!values.quiet) for (const note of result.notes) process.stderr.write(`vethlab: ${note}\n`);
  if (result.problem !== undefined) process.stderr.write(`vethlab: ${result.problem}\n`);
  const status = result.status === 130 ? (stop.status() ?? 130) : result.status;
  return status !== 0 ? status : written ? 0 : 1;
}

function readVariable(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`--env takes NAME=VALUE, not '${text}'`);
  return [text.slice(0, at), text.slice(at + 1)];
}

interface Progress {
  show(lab: Lab): void;
  clear(): void;
}

/** A line that says where a long run stands, on a terminal only. */
function progressLine(): Progress {
  const began = performance.now();
  let last = began;
  let shown = false;
  const clear = (): void => {
    if (shown) process.stderr.write("\r\x1b[K");
    shown = false;
  };
  return {
    clear,
    show: (lab) => {
      const now = performance.now();
      if (!process.stderr.isTTY || now - began < PROGRESS_AFTER_MS || now - last < 200) return;
      last = now;
      process.stderr.write(`\r\x1b[Kvethlab: ${formatNs(lab.now)} virtual, ${lab.sim.events} events`);
      shown = true;
    },
  };
}

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Ctrl-C, and what ends a run that takes too long (timeout(1), a job's limit), end the script as a limit of ours does, so that what it
 * wrote is kept; a second one ends vethlab.
 */
function watchSignals(): { throwIfAsked(lab: Lab): void; status(): number | null; dispose(): void } {
  let status: number | null = null;
  const onSignal = (_name: NodeJS.Signals, number: number): void => {
    if (status !== null) process.exit(128 + number);
    status = 128 + number;
  };
  for (const name of ENDING) process.on(name, onSignal);
  return {
    throwIfAsked: (lab) => {
      if (status !== null) lab.interrupt();
    },
    status: () => status,
    dispose: () => {
      for (const name of ENDING) process.off(name, onSignal);
    },
  };
}
