// TCP options: MSS (RFC 9293), window scale and timestamps (RFC 7323), selective acknowledgment (RFC 2018). Parsed into and
// written from one reusable object, so that a segment costs no allocation; written in the order and with the padding of
// Linux's tcp_options_write. Fast Open cookies (RFC 7413) in both of their forms. Leaves
// out MD5, TCP-AO and MPTCP, which parsing skips by their length.
import { get16, get32, set16, set32 } from "./layout.ts";

export const OPT_EOL = 0;
export const OPT_NOP = 1;
export const OPT_MSS = 2;
export const OPT_WINDOW = 3;
export const OPT_SACK_PERM = 4;
export const OPT_SACK = 5;
export const OPT_TIMESTAMP = 8;
export const OPT_MD5SIG = 19;
export const OPT_FASTOPEN = 34;
export const OPT_EXPERIMENTAL = 254;
/** The experiment's number of TCP Fast Open (RFC 6994, RFC 7413). */
export const FASTOPEN_MAGIC = 0xf989;

/** What a segment's options say. `sackBlocks` holds `sackCount` pairs of left and right edge. */
export interface TcpOptions {
  /** Bytes; -1 when absent. */
  mss: number;
  /** Shift count, at most 14 when parsed (RFC 7323 section 2.3); -1 when absent. */
  windowScale: number;
  sackPermitted: boolean;
  timestamps: boolean;
  tsVal: number;
  tsEcr: number;
  sackCount: number;
  readonly sackBlocks: Uint32Array;
  /** Fast Open cookie, no bytes for the request of one; null when absent or of no valid length */
  fastopen: Uint8Array | null;
  /** it is in the experimental form */
  fastopenExp: boolean;
}

export function newOptions(): TcpOptions {
  return {
    mss: -1,
    windowScale: -1,
    sackPermitted: false,
    timestamps: false,
    tsVal: 0,
    tsEcr: 0,
    sackCount: 0,
    sackBlocks: new Uint32Array(8),
    fastopen: null,
    fastopenExp: false,
  };
}

export function clear(options: TcpOptions): void {
  options.mss = -1;
  options.windowScale = -1;
  options.sackPermitted = false;
  options.timestamps = false;
  options.tsVal = 0;
  options.tsEcr = 0;
  options.sackCount = 0;
  options.fastopen = null;
}

/** Clears `out` and fills it from `b[from..to)`. Stops silently at an option whose length is impossible, as Linux does. */
export function parse(b: Uint8Array, from: number, to: number, out: TcpOptions): void {
  clear(out);
  // The one form nearly all segments have: NOP NOP TIMESTAMP (tcp_parse_aligned_timestamp).
  if (to - from === 12 && get32(b, from) === 0x0101080a) {
    out.timestamps = true;
    out.tsVal = get32(b, from + 4);
    out.tsEcr = get32(b, from + 8);
    return;
  }
  let at = from;
  while (at < to) {
    const kind = b[at]!;
    if (kind === OPT_EOL) return;
    if (kind === OPT_NOP) {
      at++;
      continue;
    }
    if (at + 1 >= to) return;
    const length = b[at + 1]!;
    if (length < 2 || at + length > to) return;
    readOption(b, at, kind, length, out);
    at += length;
  }
}

function readOption(b: Uint8Array, at: number, kind: number, length: number, out: TcpOptions): void {
  switch (kind) {
    case OPT_MSS:
      if (length === 4) out.mss = get16(b, at + 2);
      return;
    case OPT_WINDOW:
      if (length === 3) out.windowScale = Math.min(b[at + 2]!, 14);
      return;
    case OPT_SACK_PERM:
      if (length === 2) out.sackPermitted = true;
      return;
    case OPT_TIMESTAMP:
      if (length !== 10) return;
      out.timestamps = true;
      out.tsVal = get32(b, at + 2);
      out.tsEcr = get32(b, at + 6);
      return;
    case OPT_FASTOPEN:
      readFastopen(b, at + 2, length - 2, false, out);
      return;
    case OPT_EXPERIMENTAL:
      if (length >= 4 && get16(b, at + 2) === FASTOPEN_MAGIC) readFastopen(b, at + 4, length - 4, true, out);
      return;
    case OPT_SACK:
      if (length < 10 || (length - 2) % 8 !== 0) return;
      out.sackCount = Math.min((length - 2) / 8, 4);
      for (let i = 0; i < out.sackCount * 2; i++) out.sackBlocks[i] = get32(b, at + 2 + 4 * i);
      return;
  }
}

/** tcp_parse_fastopen_option: a cookie has an even number of bytes, 4 to 16. */
function readFastopen(b: Uint8Array, at: number, length: number, exp: boolean, out: TcpOptions): void {
  if (length % 2 !== 0) return;
  out.fastopen = length === 0 || (length >= 4 && length <= 16) ? b.slice(at, at + length) : null;
  out.fastopenExp = exp;
}

/** Bytes that a cookie takes in its form, padding included. */
export function fastopenLength(cookie: Uint8Array, exp: boolean): number {
  return ((exp ? 4 : 2) + cookie.length + 3) & ~3;
}

/** Bytes that `emit` will write: a multiple of four, at most forty for anything that fits in a header. */
export function length(options: TcpOptions): number {
  return (
    (options.mss >= 0 ? 4 : 0) +
    (options.timestamps ? 12 : options.sackPermitted ? 4 : 0) +
    (options.windowScale >= 0 ? 4 : 0) +
    (options.sackCount > 0 ? 4 + 8 * options.sackCount : 0) +
    (options.fastopen ? fastopenLength(options.fastopen, options.fastopenExp) : 0)
  );
}

/** Writes the options in Linux's order at `at`; returns the offset after them. */
export function emit(options: TcpOptions, b: Uint8Array, at: number): number {
  if (options.mss >= 0) {
    set16(b, at, (OPT_MSS << 8) | 4);
    set16(b, at + 2, options.mss);
    at += 4;
  }
  if (options.timestamps) {
    // A SYN's SACK-permitted takes the place of the two NOPs.
    set16(b, at, options.sackPermitted ? (OPT_SACK_PERM << 8) | 2 : 0x0101);
    set16(b, at + 2, (OPT_TIMESTAMP << 8) | 10);
    set32(b, at + 4, options.tsVal);
    set32(b, at + 8, options.tsEcr);
    at += 12;
  } else if (options.sackPermitted) {
    set32(b, at, 0x01010000 | (OPT_SACK_PERM << 8) | 2);
    at += 4;
  }
  if (options.windowScale >= 0) {
    set32(b, at, 0x01000000 | (OPT_WINDOW << 16) | (3 << 8) | (options.windowScale & 255));
    at += 4;
  }
  if (options.sackCount > 0) {
    set32(b, at, 0x01010000 | (OPT_SACK << 8) | (2 + 8 * options.sackCount));
    at += 4;
    for (let i = 0; i < options.sackCount * 2; i++, at += 4) set32(b, at, options.sackBlocks[i]!);
  }
  if (options.fastopen) at = emitFastopen(options.fastopen, options.fastopenExp, b, at);
  return at;
}

function emitFastopen(cookie: Uint8Array, exp: boolean, b: Uint8Array, at: number): number {
  const base = exp ? 4 : 2;
  b[at] = exp ? OPT_EXPERIMENTAL : OPT_FASTOPEN;
  b[at + 1] = base + cookie.length;
  if (exp) set16(b, at + 2, FASTOPEN_MAGIC);
  b.set(cookie, at + base);
  const end = at + fastopenLength(cookie, exp);
  b.fill(OPT_NOP, at + base + cookie.length, end);
  return end;
}
