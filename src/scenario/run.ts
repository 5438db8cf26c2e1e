// A scenario: one script, run by bash on one emulated host, and what it leaves behind: its output, the files it wrote
// (captures among them) and its exit status. Whatever goes wrong, what was written so far is handed back.

import { encodeUtf8 } from "../base/text.ts";
import { formatNs, MSEC, type Ns } from "../base/time.ts";
import { defaultEnvironment, Lab, LabInterrupted, Stuck } from "../host/lab.ts";
import { NullFile, type OpenFile, SinkFile } from "../posix/file.ts";
import { type DirNode, type FileNode, fileNode, type VfsNode } from "../posix/vfs.ts";
import type { FilterLibrary } from "../shell/filters.ts";
import { LimitReached, type SimLimits } from "../sim/sim.ts";
import { readDirectives } from "./directives.ts";
import { furnishHost, type Generation, prepareDocker, standardPrograms } from "./programs.ts";

/** Where the script runs; relative files land here. */
export const SCENARIO_DIR = "/root";
/** The host's name, as the recorder has it. */
export const SCENARIO_HOST = "docker-host";
/** How long the world goes on after the script's end, before what it left running is ended. */
const AFTERGLOW_NS: Ns = 300 * MSEC;
/** Folders of the root whose files are not the scenario's own. */
const SYSTEM_FOLDERS: ReadonlySet<string> = new Set([
  "bin",
  "dev",
  "etc",
  "lib",
  "proc",
  "run",
  "sbin",
  "sys",
  "usr",
  "var",
]);

export interface ScenarioOptions {
  /** The script's text. */
  readonly script: string;
  /** Its name in messages: "scenario.sh", or "-" for standard input. */
  readonly name: string;
  readonly args?: readonly string[];
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
  /** Docker's generation, "20" or "28"; wins over the script's own directive. */
  readonly docker?: Generation;
}

export interface WrittenFile {
  /** relative to the output folder: "docker0.pcap", "tmp/x" for /tmp/x */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** milliseconds since 1970 */
  readonly mtimeMs: number;
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
  const host = lab.addHost(SCENARIO_HOST);
  prepareDocker(host, options.script, generation, directives.images);
  const scriptName = options.name === "-" ? "bash" : options.name;
  const found = new Set<VfsNode>();
  for (const [path, node] of options.files ?? []) {
    host.root.put(`${SCENARIO_DIR}/${path}`, node);
    found.add(node);
  }
  const script = fileNode(encodeUtf8(options.script));
  host.root.put(`${SCENARIO_DIR}/${options.name === "-" ? ".stdin.sh" : options.name}`, script);
  found.add(script);
  const stamps = new Map([...found].map((node) => [node, node.mtimeNs]));
  const before = new Set(walkFiles(host.root.root, "").map(([, node]) => node));

  const shell = host.programs.get("bash")!;
  const proc = host.spawn(shell, {
    argv: ["bash", options.name === "-" ? ".stdin.sh" : options.name, ...(options.args ?? [])],
    cwd: SCENARIO_DIR,
    env: defaultEnvironment(),
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
    lab.killAll();
  } catch (error) {
    if (!(error instanceof LimitReached) && !(error instanceof Stuck)) throw error;
    const line = proc.currentLine?.();
    problem = `${scriptName}: ${line ? `line ${line}: ` : ""}${error.message} (${formatNs(lab.now)}, ${lab.sim.events} events)`;
    status = error instanceof LabInterrupted ? 130 : error instanceof LimitReached ? 124 : 70;
    lab.sim.limits = {};
    lab.killAll();
  }

  const files: WrittenFile[] = [];
  for (const [path, node] of walkFiles(host.root.root, "")) {
    if (found.has(node) ? stamps.get(node) === node.mtimeNs : before.has(node)) continue;
    const relative = exportPath(path);
    if (relative === undefined) continue;
    files.push({
      path: relative,
      bytes: node.data.slice(0, node.size),
      mtimeMs: lab.startMs + Math.floor(node.mtimeNs / MSEC),
    });
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { status, problem, files, notes: host.notes, virtualNs: lab.now, events: lab.sim.events };
}

/** "/root/a/b" → "a/b"; "/tmp/x" → "tmp/x"; undefined for the system's own files (captures are always the user's). */
function exportPath(path: string): string | undefined {
  if (path.startsWith(`${SCENARIO_DIR}/`)) return path.slice(SCENARIO_DIR.length + 1);
  const top = path.split("/")[1]!;
  if (SYSTEM_FOLDERS.has(top) && !/\.pcap(ng)?$/.test(path)) return undefined;
  return path.slice(1);
}

function walkFiles(dir: DirNode, prefix: string): [string, FileNode][] {
  const out: [string, FileNode][] = [];
  for (const [name, node] of dir.children) {
    if (node.kind === "dir") out.push(...walkFiles(node, `${prefix}/${name}`));
    else if (node.kind === "file") out.push([`${prefix}/${name}`, node]);
  }
  return out;
}
