// One capture of everything: what each device saw, in the order in which it happened, with what the kernel did to the packet
// as comments, the packet's number in every sight of it, and dropped packets where they died. pcapng, for Wireshark.

import { LINKTYPE_ETHERNET } from "../capture/capture.ts";
import { type PcapngInterface, PcapngWriter } from "../capture/pcapng.ts";
import { prefixToMask } from "../wire/addr.ts";
import type { Interface } from "./interfaces.ts";
import { fateOf, type Packet, type Sight, type Step, type Strand } from "./packet.ts";
import { fateText, isFragment, stepText } from "./story-text.ts";

const LINKTYPE_RAW = 101;

/** A frame with all that is said of it. */
interface Noted {
  readonly packet: Packet;
  readonly step: Step;
  readonly sight: Sight;
  readonly comments: string[];
}

/** The capture while it grows: packets come as they are done, frames are written in the order of their sights. */
export class AnnotatedCapture {
  /** frames so far */
  frames = 0;
  readonly #interfaces: readonly Interface[];
  readonly #writer: PcapngWriter;
  readonly #restNs: number;
  /** a tap's number in the file: as many as saw something, in the order of first sights */
  readonly #numbers: Map<number, number> = new Map();
  readonly #batch: number;
  #waiting: Noted[] = [];

  /**
   * @param startMs the wall clock at virtual time 0
   * @param batch sights that wait before they are sorted and written
   */
  constructor(interfaces: readonly Interface[], startMs: number, batch = 4096) {
    this.#batch = batch;
    this.#interfaces = interfaces;
    this.#writer = new PcapngWriter({ startSeconds: Math.floor(startMs / 1000), application: "vethlab" });
    this.#restNs = (startMs % 1000) * 1_000_000;
  }

  /** Takes a packet that is done. @param settled nothing that happened before this place in the order is still to come */
  add(packet: Packet, settled: number): void {
    this.#waiting.push(...notedSights(packet));
    if (this.#waiting.length >= this.#batch) this.#write(settled);
  }

  /** The file's pieces, in order. */
  finish(): Uint8Array[] {
    this.#write(Number.POSITIVE_INFINITY);
    for (const [tap, number] of this.#numbers)
      this.#writer.describeInterface(number, interfaceBlock(this.#interfaces[tap]!));
    return this.#writer.pieces();
  }

  #write(settled: number): void {
    const sorted = this.#waiting.sort((a, b) => a.step.order - b.step.order);
    let n = 0;
    for (; n < sorted.length && sorted[n]!.step.order < settled; n++) this.#frame(sorted[n]!);
    this.#waiting = sorted.slice(n);
  }

  #frame({ sight, packet, step, comments }: Noted): void {
    let number = this.#numbers.get(sight.tap);
    if (number === undefined) {
      number = this.#writer.addInterface(interfaceBlock(this.#interfaces[sight.tap]!));
      this.#numbers.set(sight.tap, number);
    }
    const { frame, direction } = sight;
    this.#writer.write(number, frame, 0, frame.length, this.#restNs + step.timeNs, frame.length, {
      comments,
      direction: direction === "in" ? "in" : "out",
      packetId: packet.number,
    });
    this.frames++;
  }
}

function interfaceBlock({ name, description, raw, mac, addresses }: Interface): PcapngInterface {
  return {
    linkType: raw ? LINKTYPE_RAW : LINKTYPE_ETHERNET,
    name,
    description,
    mac,
    addresses: addresses.map(({ address, prefixLength }) => ({ address, mask: prefixToMask(prefixLength) })),
    os: "Linux 6.18, emulated by vethlab",
  };
}

/** Every sight of a packet, with the steps that belong to it. */
function notedSights(packet: Packet): Noted[] {
  const found: Noted[] = [];
  const fate = `#${packet.number}. ${fateText(fateOf(packet))}`;
  const walk = (strand: Strand, inherited: readonly string[], from: Noted | null): void => {
    let current = from;
    let pending = [...inherited];
    const { steps } = strand;
    for (const [i, step] of steps.entries()) {
      const { event } = step;
      if (event.kind === "copy") {
        walk(event.strand, pending, current);
        continue;
      }
      if (event.kind === "sight") {
        if (event.tap < 0) continue;
        const comments = [fate];
        if (isFragment(strand) && !steps.slice(0, i).some((each) => each.event.kind === "whole"))
          comments.push("a fragment");
        comments.push(...pending);
        current = { packet, step, sight: event, comments };
        found.push(current);
        pending = [];
        continue;
      }
      const text = commentText(strand, i);
      if (text === "") continue;
      if (step.after && current) current.comments.push(text);
      else pending.push(text);
    }
    // what was told of no sight any more: a whole packet's part, before it was cut, is on its fragments
    const divided = steps.some(({ event: { kind } }) => kind === "copy");
    if (pending.length > 0 && current && !divided) current.comments.push(...pending);
  };
  for (const strand of packet.strands) if (strand.parent === null) walk(strand, [], null);
  return found;
}

function commentText({ steps }: Strand, i: number): string {
  const { event } = steps[i]!;
  const text = stepText(event, steps[i - 1]?.event);
  return text !== "" && event.kind === "conntrack" ? `${event.hook}: ${text}` : text;
}
