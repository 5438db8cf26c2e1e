// The Internet checksum: whole (RFC 1071), with the pseudo-headers of RFC 9293 and RFC 8200, and repaired in place when a
// field changes (RFC 1624), also where only the pseudo-header's sum is stored because the device is to finish the rest.
// Answers to Linux lib/checksum.c, net/core/utils.c and skb_checksum_help. Sums are plain numbers that `fold` brings to 16 bits.
import { get16, set16 } from "./layout.ts";

/** Folded 16-bit one's-complement sum of `b[from..to)`, an odd last byte padded with zero, added to `initial`. */
export function sum(b: Uint8Array, from: number, to: number, initial: number = 0): number {
  // Sixteen bytes a round (bench/checksum.bench.ts). Below 64 KiB the total stays within 32 bits; fold is right for any.
  let total = 0;
  let i = from;
  const rounds = to - ((to - from) & 15);
  for (; i < rounds; i += 16) {
    total +=
      ((b[i]! << 8) | b[i + 1]!) +
      ((b[i + 2]! << 8) | b[i + 3]!) +
      ((b[i + 4]! << 8) | b[i + 5]!) +
      ((b[i + 6]! << 8) | b[i + 7]!) +
      ((b[i + 8]! << 8) | b[i + 9]!) +
      ((b[i + 10]! << 8) | b[i + 11]!) +
      ((b[i + 12]! << 8) | b[i + 13]!) +
      ((b[i + 14]! << 8) | b[i + 15]!);
  }
  for (; i + 1 < to; i += 2) total += (b[i]! << 8) | b[i + 1]!;
  if (i < to) total += b[i]! << 8;
  return fold(total + initial);
}

/** Brings a sum of 16-bit words to 16 bits, carries added in. Good for sums below 2^53. */
export function fold(value: number): number {
  // sums of packets are small: two steps without a division
  while (value > 0x7fffffff) value = (value & 0xffff) + Math.floor(value / 0x10000);
  return foldSmall(value);
}

/** The sum of a word's two halves. */
export function halves(word: number): number {
  return (word & 0xffff) + (word >>> 16);
}

/** The same of a sum below 2^31. */
export function foldSmall(value: number): number {
  return halves(halves(value));
}

/** The checksum to store over `b[from..to)`, whose own checksum field is zero; over a good packet it gives 0. */
export function internetChecksum(b: Uint8Array, from: number, to: number, initial: number = 0): number {
  return ~sum(b, from, to, initial) & 0xffff;
}

/** Sum of the IPv4 pseudo-header (RFC 9293 section 3.1): what a partial checksum field holds. `length` is header and data. */
export function pseudoHeaderSum4(source: number, destination: number, protocol: number, length: number): number {
  return fold(
    (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + (length & 0xffff),
  );
}

/** Sum of the IPv6 pseudo-header (RFC 8200 section 8.1); the addresses are the sixteen bytes at each offset of `b`. */
export function pseudoHeaderSum6(
  b: Uint8Array,
  sourceAt: number,
  destinationAt: number,
  nextHeader: number,
  length: number,
): number {
  return fold(
    sum(b, sourceAt, sourceAt + 16) +
      sum(b, destinationAt, destinationAt + 16) +
      nextHeader +
      (length >>> 16) +
      (length & 0xffff),
  );
}

/** A complete checksum after a 16-bit field went from `from` to `to` (RFC 1624 equation 3; csum_replace2). */
export function replace16(checksum: number, from: number, to: number): number {
  return ~fold((~checksum & 0xffff) + (~from & 0xffff) + (to & 0xffff)) & 0xffff;
}

/** A complete checksum after a 32-bit field went from `from` to `to` (csum_replace4). */
export function replace32(checksum: number, from: number, to: number): number {
  return ~fold((~checksum & 0xffff) + (~from & 0xffff) + (~from >>> 16) + (to & 0xffff) + (to >>> 16)) & 0xffff;
}

/** A partial checksum, which is a sum not yet inverted, after a 32-bit field of its pseudo-header changed. */
export function replacePartial32(partial: number, from: number, to: number): number {
  return fold(partial + (~from & 0xffff) + (~from >>> 16) + (to & 0xffff) + (to >>> 16));
}

/** A partial checksum after a 16-bit field of its pseudo-header changed. */
export function replacePartial16(partial: number, from: number, to: number): number {
  return fold(partial + (~from & 0xffff) + (to & 0xffff));
}

/**
 * Repairs the TCP or ICMP checksum at `checkAt` after a 32-bit field changed, as inet_proto_csum_replace4 does: a partial
 * checksum covers the pseudo-header only, so a change of any other field leaves it alone.
 */
export function updateField32(
  b: Uint8Array,
  checkAt: number,
  from: number,
  to: number,
  inPseudoHeader: boolean,
  partial: boolean,
): void {
  if (!partial) set16(b, checkAt, replace32(get16(b, checkAt), from, to));
  else if (inPseudoHeader) set16(b, checkAt, replacePartial32(get16(b, checkAt), from, to));
}

/** The same for a 16-bit field (inet_proto_csum_replace2). */
export function updateField16(
  b: Uint8Array,
  checkAt: number,
  from: number,
  to: number,
  inPseudoHeader: boolean,
  partial: boolean,
): void {
  if (!partial) set16(b, checkAt, replace16(get16(b, checkAt), from, to));
  else if (inPseudoHeader) set16(b, checkAt, replacePartial16(get16(b, checkAt), from, to));
}

/** What UDP stores for a computed checksum: 0 would say "none", so it is sent as 0xffff (RFC 768; CSUM_MANGLED_0). */
export function udpChecksum(computed: number): number {
  return computed === 0 ? 0xffff : computed;
}

/**
 * Finishes a partial checksum: sums `b[start..end)`, whose field at `checkAt` holds the pseudo-header's sum, and stores the
 * complement there, 0 as 0xffff for every protocol, as skb_checksum_help does.
 */
export function completePartial(b: Uint8Array, start: number, checkAt: number, end: number): void {
  set16(b, checkAt, udpChecksum(internetChecksum(b, start, end)));
}

/** What a stored transport checksum is: correct, the pseudo-header's sum awaiting offload, absent (UDP's 0), or wrong. */
export type ChecksumKind = "valid" | "partial" | "zero" | "wrong";

/** Judges the TCP, UDP or ICMPv6 checksum at `checkAt` of `b[start..end)`, given the pseudo-header's sum. */
export function checksumKind(
  b: Uint8Array,
  start: number,
  checkAt: number,
  end: number,
  pseudoHeaderSum: number,
  zeroMeansNone: boolean = false,
): ChecksumKind {
  const stored = get16(b, checkAt);
  if (stored === 0 && zeroMeansNone) return "zero";
  if (sum(b, start, end, pseudoHeaderSum) === 0xffff) return "valid";
  return stored === pseudoHeaderSum ? "partial" : "wrong";
}

/** True when the IPv4 header at `at`, `lengthBytes` long, sums to all ones. */
export function headerIsValid(b: Uint8Array, at: number, lengthBytes: number): boolean {
  return sum(b, at, at + lengthBytes) === 0xffff;
}

/** Source and destination of an IPv4 header at `at`, summed with protocol and payload length: its pseudo-header. */
export function pseudoHeaderSumAt(b: Uint8Array, at: number, protocol: number, length: number): number {
  return fold(
    get16(b, at + 12) + get16(b, at + 14) + get16(b, at + 16) + get16(b, at + 18) + protocol + (length & 0xffff),
  );
}
