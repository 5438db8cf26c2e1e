// A capture's frames in few words, for tests that ask in what order something was sent.

import { readCapture } from "../../src/capture/read.ts";
import { formatIpv4 } from "../../src/wire/addr.ts";
import * as ipv4 from "../../src/wire/ipv4.ts";
import { get16 } from "../../src/wire/layout.ts";

export interface ParsedFrame {
  /** "10.0.1.2 > 10.0.3.2 ttl 1 UDP 33434" (destination port), "… ICMP 11/0", or "ARP" */
  readonly text: string;
}

export function parseFrames(capture: Uint8Array): ParsedFrame[] {
  const { bytes, frames } = readCapture(capture);
  return frames.map(({ from, to }) => ({ text: frameText(bytes.subarray(from, to)) }));
}

function frameText(b: Uint8Array): string {
  if (get16(b, 12) === 0x0806) return "ARP";
  const at = 14;
  const inner = at + ipv4.getHeaderLength(b, at);
  const head = `${formatIpv4(ipv4.getSource(b, at))} > ${formatIpv4(ipv4.getDestination(b, at))} ttl ${ipv4.getTtl(b, at)}`;
  switch (ipv4.getProtocol(b, at)) {
    case 1:
      return `${head} ICMP ${b[inner]}/${b[inner + 1]}`;
    case 6:
      return `${head} TCP ${get16(b, inner + 2)}`;
    case 17:
      return `${head} UDP ${get16(b, inner + 2)}`;
    default:
      return head;
  }
}
