// A packet's way for programs: one object a packet, and the counts of a run.

import type { Interface } from "./interfaces.ts";
import { type End, fateOf, type Packet, type Step, UNINTERESTED } from "./packet.ts";
import { placeOf } from "./story-text.ts";

/** Plain data, all of it. @param interfaces those of its sights */
export function packetObject(packet: Packet, interfaces: readonly Interface[]): object {
  return {
    packet: packet.number,
    time: timeOf(packet.strands[0]?.steps[0]),
    text: packet.text,
    fate: fateOf(packet),
    copies: packet.strands.map(({ index, parent, steps, end }) => ({
      copy: index,
      of: parent?.index ?? null,
      steps: steps.filter(({ event: { kind } }) => kind !== "end").map((step) => stepObject(step, interfaces)),
      end,
    })),
  };
}

function stepObject(step: Step, interfaces: readonly Interface[]): object {
  const { namespace, device, event } = step;
  const at = { time: timeOf(step), namespace, device };
  if (event.kind === "copy") return { ...at, kind: "copy", copy: event.strand.index };
  if (event.kind !== "sight") return { ...at, ...event };
  const { direction, frame, tap, bridge } = event;
  return {
    ...at,
    kind: "sight",
    direction,
    interface: tap < 0 ? null : interfaces[tap]!.name,
    length: frame.length,
    bridge,
  };
}

/** Seconds. */
function timeOf(step: Step | undefined): number {
  return (step?.timeNs ?? 0) / 1e9;
}

export interface Count {
  readonly verdict: End["verdict"] | "under way";
  readonly namespace: string;
  /** as End's; of a drop the reason */
  readonly detail: string;
  /** "filter FORWARD 3", "" when no rule did it */
  readonly by: string;
  packets: number;
}

export interface Summary {
  readonly packets: number;
  /** what packets came to, the most frequent of each verdict first */
  readonly counts: readonly Count[];
  /** copies that were dropped although their packet arrived, or of which more than one was */
  readonly copies: readonly Count[];
}

/** Counts packets as they come. */
export class Tally {
  #packets = 0;
  readonly #counts: Map<string, Count> = new Map();
  readonly #copies: Map<string, Count> = new Map();

  add(packet: Packet): void {
    const fate = fateOf(packet);
    this.#packets++;
    count(this.#counts, fate);
    for (const { end } of packet.strands) if (end?.verdict === "dropped" && end !== fate) count(this.#copies, end);
  }

  get summary(): Summary {
    return { packets: this.#packets, counts: sorted(this.#counts), copies: sorted(this.#copies) };
  }
}

function count(into: Map<string, Count>, end: End | null): void {
  const verdict = end?.verdict ?? "under way";
  const by = end?.by ? placeOf(end.by) : "";
  const key = `${verdict} ${end?.namespace} ${end?.detail} ${by}`;
  const known = into.get(key);
  if (known) known.packets++;
  else into.set(key, { verdict, namespace: end?.namespace ?? "", detail: end?.detail ?? "", by, packets: 1 });
}

const VERDICTS: readonly Count["verdict"][] = ["delivered", "handled", "joined", "dropped", "divided", "under way"];

function sorted(counts: ReadonlyMap<string, Count>): Count[] {
  return [...counts.values()].sort(
    (a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict) || b.packets - a.packets,
  );
}

const WORDS: Readonly<Record<Count["verdict"], string>> = {
  delivered: "delivered to",
  handled: "taken by",
  joined: "became part of",
  dropped: "dropped:",
  divided: "divided",
  "under way": "still under way at the end",
};

export function summaryText({ packets, counts, copies }: Summary): string {
  const line = ({ verdict, namespace, detail, by, packets: n }: Count): string => {
    const where = namespace === "" ? "" : ` in ${namespace}`;
    return `${String(n).padStart(8)}  ${[WORDS[verdict], detail + where, by === "" ? "" : `by ${by}`].join(" ").trim()}\n`;
  };
  let text = `${packets} ${packets === 1 ? "packet" : "packets"}\n`;
  let before = "";
  for (const each of counts) {
    if (each.verdict !== before) {
      const total = counts.reduce((sum, { verdict, packets: n }) => sum + (verdict === each.verdict ? n : 0), 0);
      text += `${String(total).padStart(5)} ${TITLES[each.verdict]}\n`;
    }
    before = each.verdict;
    if (each.verdict !== "under way") text += line(each);
  }
  const interesting = copies.filter(({ detail }) => !UNINTERESTED.has(detail));
  const meant = copies.filter(({ detail }) => UNINTERESTED.has(detail));
  if (interesting.length > 0) text += `copies of packets, dropped\n${interesting.map(line).join("")}`;
  if (meant.length > 0) text += `copies for which nobody here was meant\n${meant.map(line).join("")}`;
  return text;
}

const TITLES: Readonly<Record<Count["verdict"], string>> = {
  delivered: "delivered",
  handled: "taken by the kernel",
  joined: "joined",
  dropped: "dropped",
  divided: "divided",
  "under way": "still under way at the end",
};
