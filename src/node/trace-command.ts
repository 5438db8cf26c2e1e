// `vethlab trace`: the way of every packet of a scenario.

import { closeSync, openSync, writeSync } from "node:fs";
import { compileFilter, FilterError } from "../capture/filter.ts";
import { FunctionList, functionsText } from "../trace/functions.ts";
import type { Packet } from "../trace/packet.ts";
import { Recorder } from "../trace/recorder.ts";
import { packetObject, summaryText, Tally } from "../trace/story-json.ts";
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
  --json          one object a packet, a line each: packet, time, text, fate, and of the packet and each of its copies the steps, which have
                  time, namespace, device, kind and what belongs to the kind
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

  const output = new Output(values.out);
  const tally = new Tally();
  const order = new InOrder();
  let recorder: Recorder | undefined;
  let functions: FunctionList | undefined;
  const say = (packet: Packet): void => {
    if (!packet.wanted) return;
    if (numbers.length > 0 && !numbers.includes(packet.number)) packet.wanted = false;
    else if (values.summary) tally.add(packet);
    else if (values.json) output.write(`${JSON.stringify(packetObject(packet, recorder!.interfaces.list))}\n`);
    else if (!values.functions) output.write((output.empty ? "" : "\n") + storyText(packet));
  };
  try {
    const { status } = await runQuietly(script, {
      seed,
      ...(docker !== undefined ? { docker } : {}),
      prepare: (lab) => {
        const list = new FunctionList((net) => recorder!.interfaces.namespaceName(net));
        functions = list;
        recorder = new Recorder(lab, {
          allRules: values["all-rules"] ?? false,
          onDone: (packet) => order.add(packet, say),
          ...(filter ? { filter } : {}),
          ...(values.functions ? { onEvent: (event, skb, strand) => list.see(event, skb, strand) } : {}),
        });
      },
    });
    recorder!.close();
    if (values.functions) output.write(functionsText(functions!.calls));
    if (values.summary) output.write(values.json ? `${JSON.stringify(tally.summary)}\n` : summaryText(tally.summary));
    return status;
  } finally {
    output.close();
  }
}

/** Packets end in any order, and are told in the order in which they began. */
class InOrder {
  readonly #waiting: Map<number, Packet> = new Map();
  #next = 1;

  add(packet: Packet, say: (packet: Packet) => void): void {
    this.#waiting.set(packet.number, packet);
    for (let next = packet; next && next.number === this.#next; next = this.#waiting.get(this.#next)!) {
      this.#waiting.delete(this.#next++);
      say(next);
    }
  }
}

/** Standard output, or a file. */
class Output {
  readonly #file: number | null;
  empty = true;

  constructor(path: string | undefined) {
    this.#file = path === undefined ? null : openSync(path, "w");
  }

  write(text: string): void {
    this.empty = false;
    if (this.#file === null) process.stdout.write(text);
    else writeSync(this.#file, text);
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
  }
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
