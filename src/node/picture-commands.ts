// `vethlab topology` and `vethlab flow`: pictures of what a script builds, and of what captures show.

import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { type Capture, CaptureError } from "../capture/capture.ts";
import { compileFilter, FilterError } from "../capture/filter.ts";
import { readCapture } from "../capture/read.ts";
import { centerLabels } from "../pictures/center-labels.ts";
import { dotText } from "../pictures/dot.ts";
import { flowOf } from "../pictures/flow.ts";
import { ladderSvg } from "../pictures/ladder-svg.ts";
import { ladderText } from "../pictures/ladder-text.ts";
import { mermaidText } from "../pictures/mermaid.ts";
import { type Topology, topologyOf } from "../pictures/topology.ts";
import { runQuietly } from "./script-file.ts";
import { labOptions, parse, UsageError } from "./terminal.ts";

const TOPOLOGY_HELP = `vethlab topology SCRIPT [options]

Runs a scenario and draws what stands at its end: hosts, namespaces, containers, interfaces with their addresses, bridges,
and what joins them.

  --format mermaid|dot|svg|json   default mermaid, or by the ending of --out
  --out FILE                      where it goes; standard output when absent
  --seed N, --docker 20|28        as for vethlab run
`;

const FLOW_HELP = `vethlab flow SCRIPT|CAPTURE... [FILTER] [options]

Draws a ladder of the exchange between addresses: from the captures that a scenario writes, or from capture files. A filter is
tcpdump's, in one word or several behind --: vethlab flow nat.sh -- icmp and host 10.1.0.2

  --format text|svg|json      default text, or by the ending of --out
  --out FILE                  where it goes; standard output when absent
  --seed N, --docker 20|28    as for vethlab run
`;

const COMMON = {
  out: { type: "string" },
  format: { type: "string" },
  seed: { type: "string" },
  docker: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

export async function topologyCommand(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse({ args: [...argv], allowPositionals: true, options: COMMON });
  if (values.help) {
    process.stdout.write(TOPOLOGY_HELP);
    return 0;
  }
  const [path, extra] = positionals;
  if (path === undefined || extra !== undefined) throw new UsageError("topology takes one script");
  const format = formatOf(values, ["mermaid", "dot", "svg", "json"]);
  let topology: Topology | undefined;
  const { status } = await runQuietly(path, {
    ...scenarioOptions(values),
    inspect: (lab) => {
      topology = topologyOf(lab);
    },
  });
  if (!topology) return status;
  write(values.out, await drawTopology(topology, format));
  return status;
}

async function drawTopology(topology: Topology, format: string): Promise<string> {
  switch (format) {
    case "json":
      return `${JSON.stringify(topology, null, 2)}\n`;
    case "mermaid":
      return mermaidText(topology);
    case "dot":
      return dotText(topology);
    default: {
      const { Graphviz } = await import("@hpcc-js/wasm-graphviz");
      return centerLabels((await Graphviz.load()).layout(dotText(topology), "svg", "dot"));
    }
  }
}

export async function flowCommand(argv: readonly string[]): Promise<number> {
  const cut = argv.indexOf("--");
  const behind = cut < 0 ? [] : argv.slice(cut + 1);
  const { values, positionals } = parse({
    args: cut < 0 ? [...argv] : argv.slice(0, cut),
    allowPositionals: true,
    options: COMMON,
  });
  if (values.help) {
    process.stdout.write(FLOW_HELP);
    return 0;
  }
  const format = formatOf(values, ["text", "svg", "json"]);
  const isCapture = (path: string): boolean => /\.pcap(ng)?$/.test(path);
  const files = positionals.filter(isCapture);
  const rest = positionals.filter((path) => !isCapture(path));
  const script = files.length === 0 ? rest.shift() : undefined;
  if (files.length === 0 && script === undefined) throw new UsageError("flow takes a script or captures");
  const filter = compile([...rest, ...behind].join(" "));
  const captures = new Map<string, Capture>();
  let status = 0;
  if (script !== undefined) {
    const result = await runQuietly(script, scenarioOptions(values));
    status = result.status;
    for (const file of result.files)
      if (isCapture(file.path)) captures.set(nameOf(file.path), read(file.bytes, file.path));
    if (captures.size === 0) throw new UsageError(`${script} writes no captures (tcpdump -w)`);
  } else for (const path of files) captures.set(nameOf(path), read(new Uint8Array(readFileSync(path)), path));
  const flow = flowOf(captures, filter);
  write(
    values.out,
    format === "json" ? `${JSON.stringify(flow, null, 2)}\n` : format === "svg" ? ladderSvg(flow) : ladderText(flow),
  );
  return status;
}

function nameOf(path: string): string {
  return basename(path).replace(/\.pcap(ng)?$/, "");
}

function read(bytes: Uint8Array, path: string): Capture {
  try {
    return readCapture(bytes);
  } catch (error) {
    if (error instanceof CaptureError) throw new UsageError(`${path}: ${error.message}`);
    throw error;
  }
}

function compile(text: string): ReturnType<typeof compileFilter> | null {
  if (text === "") return null;
  try {
    return compileFilter(text);
  } catch (error) {
    if (error instanceof FilterError) throw new UsageError(`in the filter '${text}': ${error.message}`);
    throw error;
  }
}

interface CommonValues {
  readonly out?: string | undefined;
  readonly format?: string | undefined;
  readonly seed?: string | undefined;
  readonly docker?: string | undefined;
}

function scenarioOptions(values: CommonValues): { seed: number; docker?: "20" | "28" } {
  const { seed, docker } = labOptions(values);
  return { seed, ...(docker !== undefined ? { docker } : {}) };
}

function formatOf({ format, out }: CommonValues, known: readonly string[]): string {
  const ending = /\.(\w+)$/.exec(out ?? "")?.[1] ?? "";
  const chosen = format ?? (known.includes(ending) ? ending : known[0]!);
  if (!known.includes(chosen)) throw new UsageError(`--format is one of ${known.join(", ")}, not '${chosen}'`);
  return chosen;
}

function write(path: string | undefined, text: string): void {
  if (path === undefined) process.stdout.write(text);
  else writeFileSync(path, text);
}
