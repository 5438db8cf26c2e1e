// A scenario: one script, run by bash on one emulated host, and what it leaves behind: its output, the files it wrote
// (captures among them) and its exit status. Whatever goes wrong, what was written so far is handed back.

import { encodeUtf8 } from "../base/text.ts";
import { formatNs, MSEC, type Ns } from "../base/time.ts";
import { defaultEnvironment, Lab, LabInterrupted, Stuck } from "../host/lab.ts";
import { NullFile, type OpenFile, SinkFile } from "../posix/file.ts";
import type { MakeStore } from "../posix/growing-file.ts";
import { type FileNode, fileNode } from "../posix/vfs.ts";
import type { FilterLibrary } from "../shell/filters.ts";
import { LimitReached, type SimLimits } from "../sim/sim.ts";
import { readDirectives } from "./directives.ts";
import { furnishHost, type Generation, prepareDocker, standardPrograms } from "./programs.ts";
import { SCENARIO_DIR, type WrittenFile, WrittenFiles } from "./written.ts";

export { SCENARIO_DIR, type WrittenFile } from "./written.ts";

/** The host's name, as the recorder has it. */
export const SCENARIO_HOST = "docker-host";
/** How long the world goes on after the script's end, before what it left running is ended. */
const AFTERGLOW_NS: Ns = 300 * MSEC;
export interface ScenarioOptions {
  /** The script's text. */
  readonly script: string;
  /** Its name in messages: "scenario.sh", or "-" for standard input. */
  readonly name: string;
  readonly args?: readonly string[];
  /** Variables of the script's environment, besides the usual ones. */
  readonly env?: ReadonlyMap<string, string>;
  readonly seed?: number;
  readonly startMs?: number;
  readonly limits?: SimLimits;
  readonly filters?: FilterLibrary;
  /** Files that the script finds in its folder, by relative path. */
  readonly files?: ReadonlyMap<string, FileNode>;
  readonly stdin?: OpenFile;
  readonly stdout?: (bytes: Uint8Array) => void;
  readonly stderr?: (bytes: Uint8Array) => void;
  /** Called between slices of work, for progress; may wait. */
  readonly between?: (lab: Lab) => Promise<void> | void;
  /** Called when the lab is made, before its first host: whoever listens to packets begins here. */
  readonly prepare?: (lab: Lab) => void;
  /** Called when the script is over and all that it made still stands; may let time pass. */
  readonly inspect?: (lab: Lab) => Promise<void> | void;
  /** Where files go that grow large, captures above all; they stay in memory when absent. */
  readonly makeStore?: MakeStore;
  /** Docker's generation, "20" or "28"; wins over the script's own directive. */
  readonly docker?: Generation;
}

export interface ScenarioResult {
  /** the script's exit status; 124 when a limit ended it, 70 when it hung */
  readonly status: number;
  /** one line for people when it did not end by itself, e.g. "line 12: the limit of virtual time was reached" */
  readonly problem: string | undefined;
  readonly files: readonly WrittenFile[];
  /** lines for people about what emulated programs lost, e.g. frames in tcpdump's buffer */
  readonly notes: readonly string[];
  readonly virtualNs: Ns;
  readonly events: number;
}

/** Runs a script to its end. Never throws for what the script does; throws on a bug of vethlab's own. */
export async function runScenario(options: ScenarioOptions): Promise<ScenarioResult> {
  const directives = readDirectives(options.script);
  const generation: Generation = options.docker ?? directives.docker ?? "20";
  const lab = new Lab({
    programs: standardPrograms({ filters: options.filters, docker: generation }),
    furnish: furnishHost,
    ...(options.seed !== undefined ? { seed: options.seed } : {}),
    ...(options.startMs !== undefined ? { startMs: options.startMs } : {}),
    ...(options.limits ? { limits: options.limits } : {}),
  });
  options.prepare?.(lab);
  const host = lab.addHost(SCENARIO_HOST);
  host.root.makeStore = options.makeStore ?? null;
  prepareDocker(host, options.script, generation, directives.images);
  const scriptName = options.name === "-" ? "bash" : options.name;
  const scriptPath = options.name === "-" ? ".stdin.sh" : options.name;
  const script = fileNode(encodeUtf8(options.script));
  const written = new WrittenFiles(lab, host, new Map([...(options.files ?? []), [scriptPath, script]]));

  const shell = host.programs.get("bash")!;
  const proc = host.spawn(shell, {
    argv: ["bash", scriptPath, ...(options.args ?? [])],
    cwd: SCENARIO_DIR,
    env: new Map([...defaultEnvironment(), ...(options.env ?? [])]),
    fds: new Map<number, OpenFile>([
      [0, options.stdin ?? new NullFile()],
      [1, new SinkFile(options.stdout ?? (() => {}))],
      [2, new SinkFile(options.stderr ?? (() => {}))],
    ]),
  });

  let problem: string | undefined;
  let status = 0;
  const between = options.between ? () => options.between!(lab) : undefined;
  try {
    status = (await lab.wait(proc, between)).status;
    await lab.advance(AFTERGLOW_NS);
    await options.inspect?.(lab);
    lab.killAll();
  } catch (error) {
    if (!(error instanceof LimitReached) && !(error instanceof Stuck)) throw error;
    const line = proc.currentLine?.();
    problem = `${scriptName}: ${line ? `line ${line}: ` : ""}${error.message} (${formatNs(lab.now)}, ${lab.sim.events} events)`;
    status = error instanceof LabInterrupted ? 130 : error instanceof LimitReached ? 124 : 70;
    lab.sim.limits = {};
    lab.killAll();
  }

  return { status, problem, files: written.all(), notes: host.notes, virtualNs: lab.now, events: lab.sim.events };
}
