// What is known of a packet's way: steps in the order in which they happened, for the packet and for every copy that was
// made of it. Plain data; recorder.ts writes it down, the others read it.

import type { Ns } from "../base/time.ts";

/** A rule by its place; number 0 is the chain's policy. */
export interface RuleName {
  readonly table: string;
  readonly chain: string;
  readonly number: number;
  /** as the tool that made it shows it: "-A POSTROUTING … -j MASQUERADE", "-P FORWARD DROP" */
  readonly text: string;
  /** what it does, in a word: MASQUERADE, DROP */
  readonly target: string;
}

/** A packet as a device saw it. */
export interface Sight {
  readonly kind: "sight";
  /** lost: it was on its way out by the device when it was dropped */
  readonly direction: "in" | "out" | "lost";
  /** its link header first; of what has none (`raw`) the IP header */
  readonly frame: Uint8Array;
  readonly raw: boolean;
  /** number of the interface in `Interfaces`; −1: no capture would show it (loopback's way out, a group's copy) */
  readonly tap: number;
  /** the bridge of which the device is a port, "" */
  readonly bridge: string;
}

/** What happened to a packet. */
export type Event =
  | Sight
  /** `by`: "curl (pid 7)", "the kernel"; `because`: "in answer to #3" or "" */
  | { readonly kind: "sent"; readonly by: string; readonly because: string; readonly packet: string }
  /** the same packet, in another one */
  | { readonly kind: "encapsulated"; readonly packet: string }
  /** `table` and `rule` as `ip rule` has them, "" where none was asked */
  | { readonly kind: "route"; readonly route: string; readonly table: string; readonly rule: string }
  | {
      readonly kind: "conntrack";
      readonly hook: string;
      readonly state: string;
      readonly reply: boolean;
      /** "tcp SYN_SENT src=… [UNREPLIED] …" */
      readonly entry: string;
    }
  | {
      readonly kind: "rule";
      readonly hook: string;
      readonly rule: RuleName;
      readonly matched: boolean;
      /** what becomes of the packet; "" when the rule did not match */
      verdict: string;
    }
  | {
      readonly kind: "rewrite";
      readonly hook: string;
      /** "source", "destination", "mark", "tos", "ttl" */
      readonly what: string;
      readonly before: string;
      readonly after: string;
      /** the rule to which it is due; null: none known */
      readonly by: RuleName | null;
      /** the rule's work undone, for an answer */
      readonly undone: boolean;
    }
  | {
      readonly kind: "learned";
      readonly bridge: string;
      readonly mac: string;
      readonly port: string;
      readonly moved: boolean;
    }
  | { readonly kind: "bridged"; readonly bridge: string; readonly port: string }
  | { readonly kind: "flooded"; readonly bridge: string; readonly cast: string; readonly ports: string[]; up: boolean }
  /** the bridge takes it for itself */
  | { readonly kind: "up"; readonly bridge: string }
  | { readonly kind: "nexthop"; readonly address: string }
  /** until the next hop has answered */
  | { readonly kind: "waits"; readonly address: string }
  | { readonly kind: "neighbour"; readonly address: string; readonly mac: string }
  | { readonly kind: "fragments"; readonly mtu: number }
  /** until the other fragments are there */
  | { readonly kind: "fragment" }
  | { readonly kind: "whole"; fragments: number }
  /** `what`: "icmp", "arp", "reset"; `packet`: the answer's number */
  | { readonly kind: "answered"; readonly what: string; readonly packet: number }
  | { readonly kind: "delivered"; readonly to: string }
  /** a packet socket had a copy */
  | { readonly kind: "overheard"; readonly by: string }
  | { readonly kind: "copy"; readonly strand: Strand }
  | { readonly kind: "end"; readonly end: End };

/** How a strand ends. */
export interface End {
  /**
   * delivered: to a socket; handled: by the kernel itself; joined: a fragment that became part of another packet;
   * dropped: with a reason; divided: into copies that go on
   */
  readonly verdict: "delivered" | "handled" | "joined" | "dropped" | "divided";
  /** where; "" for what never was anywhere */
  readonly namespace: string;
  /** delivered: to whom; handled: by what; dropped: Linux's reason (SKB_DROP_REASON_…); joined: "#7" */
  readonly detail: string;
  readonly by: RuleName | null;
}

export interface Step {
  readonly timeNs: Ns;
  /** place in the order of everything that happened */
  readonly order: number;
  readonly namespace: string;
  readonly device: string;
  /** it belongs to the sight before it; otherwise to the one that follows */
  readonly after: boolean;
  readonly event: Event;
}

/** One packet, or one copy of it: what one buffer went through. */
export interface Strand {
  readonly packet: Packet;
  /** place among the packet's strands; 0 is the first */
  readonly index: number;
  /** the strand that it is a copy of */
  readonly parent: Strand | null;
  readonly steps: Step[];
  end: End | null;
}

export interface Packet {
  /** from 1, in order of appearance */
  readonly number: number;
  readonly strands: Strand[];
  /** as tcpdump -nt prints it where it was first seen */
  text: string;
  /** some sight of it passed the filter */
  wanted: boolean;
}

/** What a packet came to: of several copies the one that got furthest decides. null: it is still under way. */
export function fateOf(packet: Packet): End | null {
  const ends = packet.strands.flatMap(({ end }) => (end === null ? [] : [end]));
  for (const verdict of ["delivered", "handled", "joined", "dropped"] as const) {
    const found = ends.filter((end) => end.verdict === verdict);
    if (found.length > 0) return found.find(({ detail }) => !UNINTERESTED.has(detail)) ?? found[0]!;
  }
  return null;
}

/** Reasons of those for whom a packet was not meant. */
export const UNINTERESTED: ReadonlySet<string> = new Set(["OTHERHOST", "BRIDGE_NO_EGRESS_PORT"]);
