// Payload into packets and out of them: words where they come to lie at a multiple of four, eight bytes a round. For each round V8 looks
// anew of what class an array is and where its bytes are, and for `i + 1`, unlike for `i | 1`, whether it is too large a number: half of
// the instructions of a round of four bytes (`npm run bench`: forward_60B).

import { LITTLE_ENDIAN } from "../../wire/layout.ts";
import type { SkBuff } from "./skb.ts";
import { LOOP_COPY } from "./skb-constants.ts";

/** Copies `n` bytes into a packet. */
export function putBytes(skb: SkBuff, at: number, source: Uint8Array, n: number): void {
  const { head, words } = skb;
  if (n > LOOP_COPY || (at & 3) !== 0 || LITTLE_ENDIAN === false) {
    moveBytes(head, at, source, 0, n);
    return;
  }
  const w = at >> 2;
  let i = 0;
  for (; i <= n - 8; i = (i + 8) | 0) {
    const to = (w + (i >> 2)) | 0;
    words[to] = source[i]! | (source[i | 1]! << 8) | (source[i | 2]! << 16) | (source[i | 3]! << 24);
    words[(to + 1) | 0] = source[i | 4]! | (source[i | 5]! << 8) | (source[i | 6]! << 16) | (source[i | 7]! << 24);
  }
  for (; i <= n - 4; i = (i + 4) | 0)
    words[(w + (i >> 2)) | 0] = source[i]! | (source[i | 1]! << 8) | (source[i | 2]! << 16) | (source[i | 3]! << 24);
  // a whole word, too: a tap reads it as one, and would wait for bytes (forward_60B_pcap)
  const rest = n & 3;
  if (rest !== 0)
    words[(w + (i >> 2)) | 0] =
      source[i]! | (rest > 1 ? source[i | 1]! << 8 : 0) | (rest > 2 ? source[i | 2]! << 16 : 0);
}

/** Copies `n` bytes out of a packet. */
export function takeBytes(skb: SkBuff, from: number, target: Uint8Array, n: number): void {
  const { head, words } = skb;
  if ((from & 3) !== 0 || LITTLE_ENDIAN === false) {
    moveBytes(target, 0, head, from, n);
    return;
  }
  const w = from >> 2;
  let i = 0;
  for (; i <= n - 8; i = (i + 8) | 0) {
    const at = (w + (i >> 2)) | 0;
    const a = words[at]!;
    const b = words[(at + 1) | 0]!;
    target[i] = a;
    target[i | 1] = a >>> 8;
    target[i | 2] = a >>> 16;
    target[i | 3] = a >>> 24;
    target[i | 4] = b;
    target[i | 5] = b >>> 8;
    target[i | 6] = b >>> 16;
    target[i | 7] = b >>> 24;
  }
  for (; i <= n - 4; i = (i + 4) | 0) {
    const a = words[(w + (i >> 2)) | 0]!;
    target[i] = a;
    target[i | 1] = a >>> 8;
    target[i | 2] = a >>> 16;
    target[i | 3] = a >>> 24;
  }
  for (; i < n; i = (i + 1) | 0) target[i] = head[(from + i) | 0]!;
}

/**
 * Copies the words from … to of `source` to the same places of `target`. Of what a TCP segment costs that is cut from a larger packet
 * a fifteenth was its headers, byte by byte (`npm run bench`: tcp_segments).
 */
export function copyWords(target: Int32Array, source: Int32Array, from: number, to: number): void {
  let w = from;
  for (; w <= to - 4; w = (w + 4) | 0) {
    target[w] = source[w]!;
    target[(w + 1) | 0] = source[(w + 1) | 0]!;
    target[(w + 2) | 0] = source[(w + 2) | 0]!;
    target[(w + 3) | 0] = source[(w + 3) | 0]!;
  }
  for (; w < to; w = (w + 1) | 0) target[w] = source[w]!;
}

/** Copies `n` bytes between any two offsets. */
export function moveBytes(target: Uint8Array, at: number, source: Uint8Array, from: number, n: number): void {
  if (n > LOOP_COPY) {
    target.set(n === source.length ? source : source.subarray(from, from + n), at);
    return;
  }
  let i = 0;
  for (; i + 3 < n; i += 4) {
    target[at + i] = source[from + i]!;
    target[at + i + 1] = source[from + i + 1]!;
    target[at + i + 2] = source[from + i + 2]!;
    target[at + i + 3] = source[from + i + 3]!;
  }
  for (; i < n; i++) target[at + i] = source[from + i]!;
}
