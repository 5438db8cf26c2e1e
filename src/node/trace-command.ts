// `vethlab trace`: the way of every packet of a scenario.

import { writeFileSync } from "node:fs";
import { compileFilter, FilterError } from "../capture/filter.ts";
import { FunctionList, functionsText } from "../trace/functions.ts";
import { Recorder } from "../trace/recorder.ts";
import { packetObject, summaryOf, summaryText } from "../trace/story-json.ts";
import { storyText } from "../trace/story-text.ts";
import { ETH_P_IP } from "../wire/ethernet.ts";
import { runQuietly } from "./script-file.ts";
import { labOptions, parse, UsageError, wholeNumber } from "./terminal.ts";

const HELP = `vethlab trace SCRIPT [FILTER] [options]

Runs a scenario and tells the way of every packet: where it was made and by whom, the devices that saw it, what bridges learned
and where they sent it, routes, conntrack's verdict, rules that matched, rewrites and the rule behind them, answers, and where it
ended and why. A copy (flooding, fragments) is told where it was made. FILTER is tcpdump's, in one word or several behind --;
a packet is told when any sight of it passes: vethlab trace nat.sh -- icmp and host 10.1.0.2

  --packet N      only this packet; may be given several times
  --all-rules     rules that were looked at and did not match, too, in brackets
  --json          one object a packet, a line each
  --summary       how many packets came to what end, and why (with --json: one object)
  --functions     the kernel's functions that packets went through, in the columns of pwru
  --out FILE      where it goes; standard output when absent
  --seed N, --docker 20|28   as for vethlab run

The packets' numbers are those of vethlab run --pcapng. The exit status is the script's.
`;

export async function traceCommand(argv: readonly string[]): Promise<number> {
  const cut = argv.indexOf("--");
  const behind = cut < 0 ? [] : argv.slice(cut + 1);
  const { values, positionals } = parse({
    args: cut < 0 ? [...argv] : argv.slice(0, cut),
    allowPositionals: true,
    options: {
      packet: { type: "string", multiple: true },
      "all-rules": { type: "boolean" },
      json: { type: "boolean" },
      summary: { type: "boolean" },
      functions: { type: "boolean" },
      out: { type: "string" },
      seed: { type: "string" },
      docker: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [script, ...words] = positionals;
  if (script === undefined) throw new UsageError("trace takes a script; see vethlab trace --help");
  if (values.functions && (values.json || values.summary || values["all-rules"]))
    throw new UsageError("--functions goes without --json, --summary and --all-rules");
  if (values.summary && values["all-rules"]) throw new UsageError("--summary goes without --all-rules");
  const numbers = (values.packet ?? []).map((text) => wholeNumber("packet", text));
  const filter = filterOf([...words, ...behind].join(" "));
  const { seed, docker } = labOptions(values);

  let recorder: Recorder | undefined;
  let functions: FunctionList | undefined;
  const { status } = await runQuietly(script, {
    seed,
    ...(docker !== undefined ? { docker } : {}),
    prepare: (lab) => {
      const list = new FunctionList((net) => recorder!.interfaces.namespaceName(net));
      functions = list;
      recorder = new Recorder(lab, {
        allRules: values["all-rules"] ?? false,
        ...(filter ? { filter } : {}),
        ...(values.functions ? { onEvent: (event, skb, strand) => list.see(event, skb, strand) } : {}),
      });
    },
  });
  recorder!.close();
  for (const packet of recorder!.packets)
    if (numbers.length > 0 && !numbers.includes(packet.number)) packet.wanted = false;
  const packets = recorder!.packets.filter(({ wanted }) => wanted);
  let text: string;
  if (values.functions) text = functionsText(functions!.calls);
  else if (values.summary) {
    const summary = summaryOf(packets);
    text = values.json ? `${JSON.stringify(summary)}\n` : summaryText(summary);
  } else if (values.json) {
    const nameOf = (tap: number): string => recorder!.interfaces.list[tap]!.name;
    text = packets.map((packet) => `${JSON.stringify(packetObject(packet, nameOf))}\n`).join("");
  } else text = packets.map(storyText).join("\n");
  if (values.out === undefined) process.stdout.write(text);
  else writeFileSync(values.out, text);
  return status;
}

/** Judges frames of Ethernet, and what has no link header yet as if it had one. */
function filterOf(text: string): ((frame: Uint8Array, raw: boolean) => boolean) | undefined {
  if (text === "") return undefined;
  try {
    const passes = compileFilter(text);
    return (frame, raw) => {
      const whole = raw ? withHeader(frame) : frame;
      return passes(whole, whole.length);
    };
  } catch (error) {
    if (error instanceof FilterError) throw new UsageError(`in the filter '${text}': ${error.message}`);
    throw error;
  }
}

function withHeader(packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(14 + packet.length);
  frame[12] = ETH_P_IP >> 8;
  frame[13] = ETH_P_IP & 255;
  frame.set(packet, 14);
  return frame;
}
