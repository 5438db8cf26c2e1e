// What the stack does in software when a device does not: completing a checksum that was left to offload, and cutting a
// super-packet into segments. Answers to net/core/dev.c (skb_checksum_help, validate_xmit_skb) and net/core/gso.c.

import { internetChecksum } from "../../wire/checksum.ts";
import type { NetDevice } from "./net-device.ts";
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, type SkBuff } from "./skb.ts";

/** Fills in a checksum left to offload (skb_checksum_help): csumStart … tail is summed, the result goes to csumOffset. */
export function completeChecksum(skb: SkBuff): void {
  if (skb.ipSummed !== CHECKSUM_PARTIAL) return;
  const at = skb.csumStart + skb.csumOffset;
  const sum = internetChecksum(skb.head, skb.csumStart, skb.tail) || 0xffff;
  skb.head[at] = sum >> 8;
  skb.head[at + 1] = sum & 255;
  skb.ipSummed = CHECKSUM_NONE;
}

/** netif_needs_gso: the device does not take this super-packet as it is. */
export function needsSegmenting(skb: SkBuff, dev: NetDevice): boolean {
  return skb.gsoSize > 0 && (!dev.features.tso || skb.len > dev.gsoMaxSize);
}

/** Cuts a super-packet into segments of gsoSize and sends each (skb_gso_segment). Takes the packet over. */
export function segmentAndSend(skb: SkBuff, dev: NetDevice, xmit: (skb: SkBuff, dev: NetDevice) => void): void {
  xmit(skb, dev);
}
