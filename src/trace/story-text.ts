// A packet's way as an indented story for people: where it was, what was looked at, what was done to it, where it ended.

import type { Ns } from "../base/time.ts";
import { type End, type Event, fateOf, type Packet, type RuleName, type Step, type Strand } from "./packet.ts";
import { reasonText } from "./words.ts";

/** "#9", the way it went as an indented list, and an empty line. */
export function storyText(packet: Packet): string {
  const writer = new Writer();
  const first = packet.strands[0]?.steps[0]?.timeNs ?? 0;
  const unfinished = fateOf(packet) === null ? "  … still under way at the end\n" : "";
  writer.strand(packet.strands[0]!, "  ", { namespace: "", hook: "", timeText: "" });
  // a copy whose original was not seen
  for (const strand of packet.strands.slice(1))
    if (strand.parent === null) writer.strand(strand, "  ", { namespace: "", hook: "", timeText: "" });
  return `#${packet.number} ${seconds(first)} ${packet.text}\n${writer.text}${unfinished}`;
}

/** What was last said, which is not said again. */
interface Place {
  namespace: string;
  hook: string;
  timeText: string;
}

const NESTED = "    ";

/** Cut from what it is a copy of. */
export function isFragment({ parent }: Strand): boolean {
  return parent?.steps.some(({ event: { kind } }) => kind === "fragments") ?? false;
}

/** Which of its parent's copies it is, from 1. */
function ordinal(strand: Strand): number {
  const copies = strand.parent!.steps.filter(({ event: { kind } }) => kind === "copy");
  return copies.findIndex(({ event }) => event.kind === "copy" && event.strand === strand) + 1;
}

class Writer {
  text = "";

  strand(strand: Strand, indent: string, place: Place): void {
    const { steps } = strand;
    for (const [i, step] of steps.entries()) {
      const { event, namespace } = step;
      if (event.kind === "copy") {
        this.#copy(event.strand, indent, place, step);
        continue;
      }
      const line = stepText(event, steps[i - 1]?.event);
      if (line === "") continue;
      // what was cut goes on as one
      if (event.kind === "whole" && isFragment(strand)) {
        indent = indent.slice(NESTED.length);
        place.namespace = "";
      }
      if (namespace !== place.namespace && namespace !== "") {
        place.namespace = namespace;
        place.hook = "";
        this.text += `${indent}${namespace}\n`;
      }
      let inner = "";
      if ("hook" in event) {
        if (event.hook !== place.hook) this.#line(indent, place, step, event.hook);
        place.hook = event.hook;
        inner = "  ";
      } else place.hook = "";
      this.#line(
        indent,
        place,
        step,
        inner + line + (event.kind === "sight" ? ` ${step.device}${portText(event)}` : ""),
      );
    }
  }

  #copy(strand: Strand, indent: string, place: Place, step: Step): void {
    const { steps } = strand;
    const only = steps.filter(({ event: { kind } }) => kind !== "end");
    if (only.length === 0 && strand.end?.verdict !== "dropped") return;
    if (only.length === 1 && only[0]!.event.kind === "delivered") {
      this.#line(indent, place, step, `a copy is ${stepText(only[0]!.event, undefined)}`);
      return;
    }
    this.#line(indent, place, step, isFragment(strand) ? `fragment ${ordinal(strand)}:` : "a copy:");
    this.strand(strand, indent + NESTED, { ...place, timeText: "" });
    place.hook = "";
  }

  #line(indent: string, place: Place, { timeNs }: Step, text: string): void {
    const time = seconds(timeNs);
    this.text += `${indent}  ${time === place.timeText ? " ".repeat(time.length) : time} ${text}\n`;
    place.timeText = time;
  }
}

function portText({ bridge }: Extract<Event, { kind: "sight" }>): string {
  return bridge === "" ? "" : ` (port of ${bridge})`;
}

/** Seconds of virtual time, to the microsecond as captures have it. */
export function seconds(ns: Ns): string {
  return (Math.floor(ns / 1000) / 1e6).toFixed(6);
}

const BEGINNINGS: ReadonlySet<string> = new Set(["NEW", "RELATED"]);

/** One line about a step; "" when there is nothing to say of it. @param before the step before it */
export function stepText(event: Event, before: Event | undefined): string {
  switch (event.kind) {
    case "sight":
      return event.direction === "lost" ? "" : event.direction;
    case "sent":
      return `made here${event.by === "" ? "" : `, by ${event.by}`}${event.because === "" ? "" : `, ${event.because}`}`;
    case "encapsulated":
      return `goes on inside ${event.packet}`;
    case "route": {
      // other tables than main are in the route's own text
      const table = event.table === "main" ? " (table main)" : "";
      return `route ${event.route}${table}${event.rule === "" ? "" : ` by rule ${event.rule}`}`;
    }
    case "conntrack":
      // the connection is told of once
      return `conntrack ${event.state}${event.reply ? ", reply" : ""}${BEGINNINGS.has(event.state) ? `: ${event.entry}` : ""}`;
    case "rule":
      return ruleLine(event.rule, event.matched, event.verdict);
    case "rewrite":
      return `${event.what} ${event.before} → ${event.after}${byText(event.by)}${event.by && event.undone ? ", undone" : ""}`;
    case "learned":
      return `${event.bridge} ${event.moved ? "moved" : "learned"} ${event.mac} ${event.moved ? "to" : "on"} port ${event.port}`;
    case "bridged":
      return `${event.bridge} forwards to port ${event.port}`;
    case "flooded": {
      const to =
        event.ports.length === 0
          ? "no port"
          : `${event.ports.length === 1 ? "port" : "ports"} ${event.ports.join(", ")}`;
      return `${event.bridge} floods ${event.cast} to ${to}${event.up ? ", and passes it up" : ""}`;
    }
    case "up":
      return `${event.bridge} passes it up`;
    case "nexthop":
      return `next hop ${event.address}`;
    case "waits":
      return `waits: the MAC address of ${event.address} is not known`;
    case "neighbour":
      return `${event.address} is at ${event.mac}`;
    case "fragments":
      return `is cut into fragments, mtu ${event.mtu}`;
    case "fragment":
      return "waits for the other fragments";
    case "whole":
      return `is whole again, of ${event.fragments} fragments`;
    case "answered":
      return `is answered by #${event.packet} (${event.what})`;
    case "delivered":
      return `delivered to ${event.to}`;
    case "overheard":
      return `${event.by} reads a copy from a packet socket`;
    case "copy":
      return "";
    case "end":
      return endText(event.end, before);
  }
}

function endText(end: End, before: Event | undefined): string {
  switch (end.verdict) {
    case "dropped":
      return dropText(end);
    case "joined":
      return `is part of ${end.detail}`;
    case "handled":
      // what it led to has been told
      return before?.kind === "answered" || before?.kind === "neighbour" ? "" : `taken by ${end.detail}`;
    default:
      return "";
  }
}

/** "DROPPED by filter FORWARD 3: -j DROP (NETFILTER_DROP)" */
export function dropText({ detail, by }: End): string {
  return by === null ? `DROPPED: ${reasonText(detail)}` : `DROPPED by ${placeOf(by)}: ${shortRule(by)} (${detail})`;
}

/** "delivered to httpd (pid 5) in outside" */
export function fateText(end: End | null): string {
  if (end === null) return "still under way at the end";
  const where = end.namespace === "" ? "" : ` in ${end.namespace}`;
  switch (end.verdict) {
    case "delivered":
      return `delivered to ${end.detail}${where}`;
    case "handled":
      return `taken by ${end.detail}${where}`;
    case "joined":
      return `became part of ${end.detail}${where}`;
    default:
      return `dropped${where}: ${end.by === null ? reasonText(end.detail) : `${placeOf(end.by)} (${end.detail})`}`;
  }
}

/** "nat POSTROUTING 1", "filter FORWARD policy" */
export function placeOf({ table, chain, number }: RuleName): string {
  return `${table} ${chain} ${number === 0 ? "policy" : number}`;
}

/** A rule without the words that only say where it stands. */
function shortRule({ text, chain }: RuleName): string {
  const start = [`-A ${chain} `, `-P ${chain} `].find((prefix) => text.startsWith(prefix)) ?? "";
  return text.slice(start.length);
}

function ruleLine(rule: RuleName, matched: boolean, verdict: string): string {
  // of other tables a policy says little
  if (rule.number === 0)
    return rule.table.endsWith("filter") || verdict === "DROP" ? `${placeOf(rule)} ${verdict}` : "";
  const text = `${placeOf(rule)}: ${shortRule(rule)}`;
  if (!matched) return `(${text})`;
  const said = ["", "CONTINUE", rule.target.toUpperCase(), `JUMP ${rule.target.toUpperCase()}`];
  return said.includes(verdict.toUpperCase()) ? text : `${text} ⇒ ${verdict}`;
}

function byText(by: RuleName | null): string {
  return by === null ? "" : ` by ${by.chain} ${by.number} ${by.target}`;
}
