// What iperf3 tells of datagrams: counts of a stream, fields of JSON, columns of text.

import type { JsonObject } from "./json.ts";
import type { Stream } from "./stream.ts";

export function packetCounts(stream: Stream): { sentPackets: number; receivedPackets: number } {
  const [mine, theirs] = [stream.packets - stream.omittedPackets, stream.peerPackets - stream.omittedPackets];
  return stream.sender
    ? { sentPackets: mine, receivedPackets: theirs }
    : { sentPackets: theirs, receivedPackets: mine };
}

export function addUdp(
  json: JsonObject,
  sender: boolean,
  packets: number,
  jitter: number,
  lost: number,
  percent: number,
): void {
  if (sender) {
    json.add("packets", packets);
    return;
  }
  json.add("jitter_ms", jitter * 1000);
  json.add("lost_packets", lost);
  json.add("packets", packets);
  json.add("lost_percent", percent);
}

/** `  0.012 ms  0/87 (0%)  ` */
export function udpText(jitter: number, lost: number, packets: number, percent: number): string {
  const shown = (jitter * 1000).toFixed(3).padStart(5);
  return `  ${shown} ms  ${lost}/${packets} (${twoDigits(percent)}%)  `;
}

/** %.2g */
function twoDigits(value: number): string {
  if (value === 0) return "0";
  const text = value.toPrecision(2);
  return text.includes("e")
    ? text.replace(/e([+-])(\d)$/, "e$10$2")
    : text.includes(".")
      ? text.replace(/\.?0+$/, "")
      : text;
}
