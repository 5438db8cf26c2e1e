// The exchange that captures show, as a ladder: who (addresses, in the order in which they appear), and what went from
// whom to whom, when, where it was seen. A frame that several captures show alike (before and after a bridge, say) is one
// step; NAT makes two of it, because other addresses are on it.

import { latin1 } from "../base/bytes.ts";
import type { Capture } from "../capture/capture.ts";
import type { FrameFilter } from "../capture/filter.ts";
import { formatIpv4, formatMac } from "../wire/addr.ts";
import * as arp from "../wire/arp.ts";
import * as ethernet from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { FramePrinter, LINKTYPE_ETHERNET } from "../wire/print.ts";

export interface FlowStep {
  readonly from: string;
  readonly to: string;
  /** seconds since the first step */
  readonly at: number;
  /** as tcpdump says it, without addresses */
  readonly text: string;
  /** the captures that show it, in order: "docker0", "eth0" */
  readonly seen: readonly string[];
}

export interface Flow {
  readonly participants: readonly string[];
  readonly steps: readonly FlowStep[];
}

/** Two sights of one frame lie no further apart than this, in seconds. */
const SAME_FRAME_SECONDS = 0.001;

interface Sight {
  readonly time: number;
  readonly where: string;
  readonly from: string;
  readonly to: string;
  readonly text: string;
  /** bytes from the network header on: what a bridge leaves alone */
  readonly bytes: string;
}

/** @param captures by the name that the ladder shows for each */
export function flowOf(captures: ReadonlyMap<string, Capture>, filter: FrameFilter | null): Flow {
  const sights: Sight[] = [];
  for (const [where, capture] of captures) sights.push(...sightsOf(where, capture, filter));
  sights.sort((a, b) => a.time - b.time);
  const start = sights[0]?.time ?? 0;
  const steps: (Omit<FlowStep, "seen"> & { seen: string[]; bytes: string; last: number })[] = [];
  for (const sight of sights) {
    const same = steps.findLast(
      (step) =>
        step.bytes === sight.bytes && !step.seen.includes(sight.where) && sight.time - step.last < SAME_FRAME_SECONDS,
    );
    if (same) {
      same.seen.push(sight.where);
      same.last = sight.time;
    } else {
      const { from, to, text, bytes } = sight;
      steps.push({ from, to, text, bytes, at: sight.time - start, seen: [sight.where], last: sight.time });
    }
  }
  const participants: string[] = [];
  for (const { from, to } of steps)
    for (const who of [from, to]) if (!participants.includes(who)) participants.push(who);
  return { participants, steps: steps.map(({ from, to, at, text, seen }) => ({ from, to, at, text, seen })) };
}

function sightsOf(where: string, capture: Capture, filter: FrameFilter | null): Sight[] {
  const printer = new FramePrinter(LINKTYPE_ETHERNET, { time: 1 });
  const out: Sight[] = [];
  for (const frame of capture.frames) {
    if (capture.interfaces[frame.interfaceId]?.linkType !== LINKTYPE_ETHERNET) continue;
    const b = capture.bytes.subarray(frame.from, frame.to);
    if (b.length < ethernet.HEADER_LENGTH) continue;
    if (filter && !filter(b, b.length, 0, frame.wireLength)) continue;
    const printed = printer.print(b, 0, b.length, 0, 0).split("\n")[0]!;
    out.push({ time: frame.seconds + frame.nanoseconds / 1e9, where, bytes: fingerprint(b), ...ends(b, printed) });
  }
  return out;
}

function fingerprint(b: Uint8Array): string {
  return latin1(b.subarray(ethernet.HEADER_LENGTH, 200)) + b.length;
}

/** From whom, to whom, and what is said besides. */
function ends(b: Uint8Array, printed: string): { from: string; to: string; text: string } {
  const at = ethernet.HEADER_LENGTH;
  const type = ethernet.getEtherType(b, 0);
  if (type === ethernet.ETH_P_IP && b.length >= at + ipv4.HEADER_LENGTH) {
    const text = printed.replace(/^IP [^ ]+ > [^ ]+: /, "");
    const from = formatIpv4(ipv4.getSource(b, at));
    const to = formatIpv4(ipv4.getDestination(b, at));
    return { from, to, text: withPorts(printed, text) };
  }
  if (type === ethernet.ETH_P_ARP) {
    const packet = arp.parse(b, at, b.length);
    const broadcast = ethernet.isBroadcast(b, 0);
    if (packet)
      return {
        from: formatIpv4(packet.senderIp),
        to: broadcast ? "everybody" : formatIpv4(packet.targetIp),
        text: printed,
      };
  }
  const mac = (from: number): string => formatMac(b.subarray(from, from + 6));
  return { from: mac(6), to: ethernet.isBroadcast(b, 0) ? "everybody" : mac(0), text: printed };
}

/** `40000→80 Flags [S] …`: the ports are the part of the addresses that a ladder does not show. */
function withPorts(printed: string, text: string): string {
  const ports = /^IP (?:\d+\.){4}(\S+) > (?:\d+\.){4}([^ :]+): /.exec(printed);
  // what a ladder is not read for
  const short = text.replace(/, win \d+/, "").replace(/, options \[[^\]]*\]/, "");
  return ports ? `${ports[1]}→${ports[2]} ${short}` : short;
}
