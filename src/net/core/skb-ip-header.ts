// The IPv4 header in a packet as words, where it lies on them. Answers to ip_fast_csum and ip_send_check.

import { headerIsValid } from "../../wire/checksum.ts";
import { updateChecksum } from "../../wire/ipv4.ts";
import { LITTLE_ENDIAN } from "../../wire/layout.ts";
import type { SkBuff } from "./skb.ts";

/** Folded sum of the IPv4 header at `at`, in this machine's byte order: 0xffff for a good one (ip_fast_csum). */
export function ipHeaderSum(skb: SkBuff, at: number): number {
  const { words } = skb;
  const w = at >> 2;
  const a = words[w]!;
  const b = words[w + 1]!;
  const c = words[w + 2]!;
  const d = words[w + 3]!;
  const e = words[w + 4]!;
  const total =
    (a & 0xffff) +
    (a >>> 16) +
    (b & 0xffff) +
    (b >>> 16) +
    (c & 0xffff) +
    (c >>> 16) +
    (d & 0xffff) +
    (d >>> 16) +
    (e & 0xffff) +
    (e >>> 16);
  const once = (total & 0xffff) + (total >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** The IPv4 header at `at` sums to all ones. */
export function ipHeaderIsValid(skb: SkBuff, at: number, headerLength: number): boolean {
  if (headerLength === 20 && (at & 3) === 0) return ipHeaderSum(skb, at) === 0xffff;
  return headerIsValid(skb.head, at, headerLength);
}

/** Computes and stores the IPv4 header's checksum (ip_send_check). */
export function ipSendCheck(skb: SkBuff, at: number): void {
  const { head } = skb;
  if (head[at] !== 0x45 || (at & 3) !== 0) {
    updateChecksum(head, at);
    return;
  }
  head[at + 10] = 0;
  head[at + 11] = 0;
  const check = ~ipHeaderSum(skb, at);
  head[at + 10] = LITTLE_ENDIAN ? check : check >>> 8;
  head[at + 11] = LITTLE_ENDIAN ? check >>> 8 : check;
}
