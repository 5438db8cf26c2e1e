// Payload into packets and out of them.

import { LITTLE_ENDIAN } from "../../wire/layout.ts";
import { LOOP_COPY, moveBytes, type SkBuff } from "./skb.ts";

/** Copies `n` bytes into a packet; words where they come to lie at a multiple of four: two thirds of the time for a small payload. */
export function putBytes(skb: SkBuff, at: number, source: Uint8Array, n: number): void {
  const { head, words } = skb;
  if (n > LOOP_COPY || (at & 3) !== 0 || !LITTLE_ENDIAN) {
    moveBytes(head, at, source, 0, n);
    return;
  }
  let i = 0;
  for (let w = at >> 2; i + 3 < n; i += 4)
    words[w++] = source[i]! | (source[i + 1]! << 8) | (source[i + 2]! << 16) | (source[i + 3]! << 24);
  for (; i < n; i++) head[at + i] = source[i]!;
}

/** Copies `n` bytes out of a packet, in the same way. */
export function takeBytes(skb: SkBuff, from: number, target: Uint8Array, n: number): void {
  const { head, words } = skb;
  if ((from & 3) !== 0 || !LITTLE_ENDIAN) {
    moveBytes(target, 0, head, from, n);
    return;
  }
  let i = 0;
  for (let w = from >> 2; i + 3 < n; i += 4) {
    const word = words[w++]!;
    target[i] = word;
    target[i + 1] = word >>> 8;
    target[i + 2] = word >>> 16;
    target[i + 3] = word >>> 24;
  }
  for (; i < n; i++) target[i] = head[from + i]!;
}
