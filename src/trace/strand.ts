// A packet and its strands while they are being written down: what the recorder must remember between one event and the next.

import type { Net } from "../net/core/net.ts";
import type { End, Event, Packet, Step, Strand } from "./packet.ts";
import type { Flow } from "./words.ts";

/** A packet while it is under way. */
export interface Living extends Packet {
  /** strands that have not ended */
  open: number;
}

/** A strand while it is being written. */
export class OpenStrand implements Strand {
  readonly packet: Living;
  readonly index: number;
  readonly parent: OpenStrand | null;
  readonly steps: Step[] = [];
  end: End | null = null;
  hook = "";
  /** as it was when last looked at */
  flow: Flow | null = null;
  mark = 0;
  net: Net | null = null;
  /** steps belong to the sight before them */
  after = false;
  /** a capture would show its last sight */
  tapped = false;
  /** the flooding that goes on */
  flood: Extract<Event, { kind: "flooded" }> | null = null;
  nexthop = "";
  conn: object | null = null;
  ctState = "";
  whole: Extract<Event, { kind: "whole" }> | null = null;
  /** whose raw or packet socket had a copy of it, "" nobody's */
  shared = "";

  constructor(packet: Living, parent: OpenStrand | null) {
    this.packet = packet;
    this.index = packet.strands.length;
    this.parent = parent;
    if (!parent) return;
    this.hook = parent.hook;
    this.flow = parent.flow;
    this.mark = parent.mark;
    this.net = parent.net;
    this.after = parent.after;
    this.flood = parent.flood;
    this.nexthop = parent.nexthop;
    this.conn = parent.conn;
    this.ctState = parent.ctState;
  }
}
