// Does a TCP segment lie in the window that both ends have shown? Behaves as tcp_in_window of
// net/netfilter/nf_conntrack_proto_tcp.c (after Guido van Rooij's "Real Stateful TCP Packet Filtering").

import { get16, get32, getInt32 } from "../../wire/layout.ts";
import { ACK, FIN, RST, SYN } from "../../wire/tcp.ts";
import type { Conntrack } from "./conntrack.ts";
import {
  END,
  FLAG_BE_LIBERAL,
  FLAG_DATA_UNACKED,
  FLAG_MAXACK_SET,
  FLAG_SACK_PERM,
  FLAG_WINDOW_SCALE,
  LAST_ACK,
  LAST_DIR,
  LAST_END,
  LAST_SEQ,
  LAST_WIN,
  MAX_ACK,
  MAX_END,
  MAX_WIN,
  RETRANS,
} from "./proto-tcp-layout.ts";
import { ACK_SET, after, before, TcpState } from "./proto-tcp-track.ts";
import { seqOffset } from "./seqadj.ts";

/** Sequence number after the segment, signed: data, SYN and FIN counted. */
export function segmentEnd(b: Uint8Array, th: number, tail: number): number {
  const flags = b[th + 13]!;
  const data = tail - th - ((b[th + 12]! >>> 4) << 2);
  return (get32(b, th + 4) + data + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0)) | 0;
}

/**
 * The window scale and SACK-permitted that a SYN announces: flags | scale << 8. `known` is what is known before, in the same
 * form: a segment without options leaves it, otherwise only liberality stays.
 */
export function readSynOptions(b: Uint8Array, th: number, known: number): number {
  let at = th + 20;
  const end = th + ((b[th + 12]! >>> 4) << 2);
  if (at === end) return known;
  let flags = known & FLAG_BE_LIBERAL;
  let scale = 0;
  while (at < end) {
    const kind = b[at]!;
    if (kind === 0) break;
    if (kind === 1) {
      at++;
      continue;
    }
    const length = at + 1 < end ? b[at + 1]! : 0;
    if (length < 2 || at + length > end) break;
    if (kind === 4 && length === 2) flags |= FLAG_SACK_PERM;
    else if (kind === 3 && length === 3) {
      scale = Math.min(b[at + 2]!, 14);
      flags |= FLAG_WINDOW_SCALE;
    }
    at += length;
  }
  return flags | (scale << 8);
}

/** The highest right edge among the SACK blocks, or `ack`. */
function highestSack(b: Uint8Array, th: number, ack: number): number {
  let at = th + 20;
  const end = th + ((b[th + 12]! >>> 4) << 2);
  if (end - at === 12 && get32(b, at) === 0x0101080a) return ack;
  let sack = ack;
  while (at < end) {
    const kind = b[at]!;
    if (kind === 0) break;
    if (kind === 1) {
      at++;
      continue;
    }
    const length = at + 1 < end ? b[at + 1]! : 0;
    if (length < 2 || at + length > end) break;
    if (kind === 5 && length >= 10 && (length - 2) % 8 === 0) {
      for (let i = 2; i < length; i += 8) {
        const right = get32(b, at + i + 4) | 0;
        if (after(right, sack)) sack = right;
      }
      break;
    }
    at += length;
  }
  return sack;
}

const MAX_ACK_WINDOW = 66000;

export const IN_WINDOW = 0;
export const IGNORED = 1;
export const OUT_OF_WINDOW = 2;

/** What a side's first SYN shows. */
function initSender(
  { tcp }: Conntrack,
  track: number,
  dir: number,
  b: Uint8Array,
  th: number,
  end: number,
  win: number,
): void {
  const { words } = tcp;
  const sender = tcp.side(track, dir);
  words[sender + END] = end;
  words[sender + MAX_END] = end;
  words[sender + MAX_WIN] = win === 0 ? 1 : win;
  const options = readSynOptions(b, th, tcp.flags(track, dir) | (tcp.scale(track, dir) << 8));
  tcp.setFlags(track, dir, options & 255);
  tcp.setScale(track, dir, options >> 8);
  // both must announce scaling, or neither scales (RFC 7323 section 1.3)
  if (dir === 1 && !(options & tcp.flags(track, 0) & FLAG_WINDOW_SCALE)) {
    tcp.setScale(track, 0, 0);
    tcp.setScale(track, 1, 0);
  }
}

/** In liberal mode a segment outside the window counts as one inside. */
function outside(ct: Conntrack, track: number, dir: number, verdict: number): number {
  return ct.tcp.flags(track, dir) & FLAG_BE_LIBERAL || ct.sysctl.tcpBeLiberal !== 0 ? IN_WINDOW : verdict;
}

/**
 * Is the segment possible, given what both sides have shown? Updates what they have shown (tcp_in_window). `conn` and `track` are
 * the connection and its windows.
 */
export function tcpInWindow(
  ct: Conntrack,
  conn: number,
  track: number,
  dir: number,
  index: number,
  b: Uint8Array,
  th: number,
  tail: number,
): number {
  const { tcp } = ct;
  const { words } = tcp;
  const other = 1 - dir;
  const sender = tcp.side(track, dir);
  const receiver = tcp.side(track, other);
  const state = tcp.state(track);
  const flags = b[th + 13]!;
  let seq = get32(b, th + 4) | 0;
  let ack = get32(b, th + 8) | 0;
  const rawWin = get16(b, th + 14);
  let win = rawWin;
  let end = segmentEnd(b, th, tail);
  let sack = tcp.flags(track, other) & FLAG_SACK_PERM ? highestSack(b, th, ack) : ack;

  const ext = ct.rows.ext(conn);
  if (ext !== null && ext.seqadj !== null) {
    // the receiver acknowledges what a helper has shifted
    const shift = seqOffset(ext, other as 0 | 1, ack - 1);
    ack = (ack - shift) | 0;
    sack = (sack - shift) | 0;
  }
  if (words[sender + MAX_WIN] === 0) {
    if (flags & SYN) {
      initSender(ct, track, dir, b, th, end, win);
      if (!(flags & ACK)) return IN_WINDOW; // simultaneous open
    } else {
      // the beginning was missed: believe the segment
      words[sender + END] = end;
      const scaled = win << tcp.scale(track, dir);
      words[sender + MAX_WIN] = scaled === 0 ? 1 : scaled;
      words[sender + MAX_END] = end + words[sender + MAX_WIN]!;
      if (words[receiver + MAX_WIN] === 0) {
        words[receiver + END] = sack;
        words[receiver + MAX_END] = sack;
      } else if (sack === ((words[receiver + END]! + 1) | 0)) words[receiver + END]!++; // answer to a keep-alive
    }
  } else if (
    flags & SYN &&
    after(end, words[sender + END]!) &&
    (state === TcpState.SYN_SENT || state === TcpState.SYN_RECV)
  ) {
    initSender(ct, track, dir, b, th, end, win);
    if (dir === 1 && !(flags & ACK)) return IN_WINDOW;
  }

  if (!(flags & ACK) || (flags & RST && ack === 0)) {
    ack = words[receiver + END]!;
    sack = ack;
  }
  if (flags & RST && seq === 0 && state === TcpState.SYN_SENT) {
    seq = words[sender + END]!;
    end = seq;
  }

  const ackWindow = Math.max(words[sender + MAX_WIN]!, MAX_ACK_WINDOW);
  const receiverWin = words[receiver + MAX_WIN]!;
  if (!before(seq, words[sender + MAX_END]! + 1)) {
    const overshot = (end - words[sender + MAX_END]! + 1) >>> 0;
    if (
      receiverWin !== 0 &&
      after(end, (words[sender + END]! - receiverWin - 1) | 0) &&
      after(sack, (words[receiver + END]! - ackWindow - 1) | 0) &&
      overshot <= receiverWin &&
      before(sack, words[receiver + END]! + 1)
    ) {
      words[sender + END] = end;
      tcp.setFlags(track, dir, tcp.flags(track, dir) | FLAG_DATA_UNACKED);
      return outside(ct, track, dir, IGNORED);
    }
    return outside(ct, track, dir, OUT_OF_WINDOW);
  }
  if (!before(sack, words[receiver + END]! + 1)) return outside(ct, track, dir, OUT_OF_WINDOW);
  if (receiverWin !== 0 && !after(end, (words[sender + END]! - receiverWin - 1) | 0))
    return outside(ct, track, dir, IGNORED);
  if (!after(sack, (words[receiver + END]! - ackWindow - 1) | 0)) return outside(ct, track, dir, IGNORED);

  if (!(flags & SYN)) win <<= tcp.scale(track, dir);
  const offered = win + ((sack - ack) | 0);
  if (words[sender + MAX_WIN]! < offered) words[sender + MAX_WIN] = offered;
  if (after(end, words[sender + END]!)) {
    words[sender + END] = end;
    tcp.setFlags(track, dir, tcp.flags(track, dir) | FLAG_DATA_UNACKED);
  }
  if (flags & ACK) {
    if (!(tcp.flags(track, dir) & FLAG_MAXACK_SET)) {
      words[sender + MAX_ACK] = ack;
      tcp.setFlags(track, dir, tcp.flags(track, dir) | FLAG_MAXACK_SET);
    } else if (after(ack, words[sender + MAX_ACK]!)) words[sender + MAX_ACK] = ack;
  }
  if (receiverWin !== 0 && after(end, words[sender + MAX_END]!))
    words[receiver + MAX_WIN] = receiverWin + ((end - words[sender + MAX_END]!) | 0);
  if (after((sack + win) | 0, (words[receiver + MAX_END]! - 1) | 0))
    words[receiver + MAX_END] = sack + win + (win === 0 ? 1 : 0);
  if (ack === words[receiver + END]) tcp.setFlags(track, other, tcp.flags(track, other) & ~FLAG_DATA_UNACKED);

  if (index === ACK_SET) noteAck(ct, track, dir, seq, ack, end, rawWin);
  return IN_WINDOW;
}

/**
 * tcpInWindow will not find this segment of an established connection out of the window; says no where that takes a closer look
 * (SACK blocks, a beginning that was missed). Changes nothing.
 */
export function tcpSurelyInWindow({ tcp }: Conntrack, track: number, dir: number, b: Uint8Array, th: number): boolean {
  const { words } = tcp;
  const sender = tcp.side(track, dir);
  const receiver = tcp.side(track, 1 - dir);
  const header = (b[th + 12]! >>> 4) << 2;
  const plain = header === 20 || (header === 32 && getInt32(b, th + 20) === 0x0101080a);
  return (
    plain &&
    words[sender + MAX_WIN] !== 0 &&
    before(getInt32(b, th + 4), words[sender + MAX_END]! + 1) &&
    before(getInt32(b, th + 8), words[receiver + END]! + 1)
  );
}

/** The same acknowledgement again may be a retransmission. */
function noteAck(
  { tcp }: Conntrack,
  track: number,
  dir: number,
  seq: number,
  ack: number,
  end: number,
  win: number,
): void {
  const { words, bytes } = tcp;
  const at = tcp.at(track);
  const byte = tcp.byteAt(track);
  if (
    bytes[byte + LAST_DIR] === dir &&
    words[at + LAST_SEQ] === seq &&
    words[at + LAST_ACK] === ack &&
    words[at + LAST_END] === end &&
    words[at + LAST_WIN] === win
  ) {
    if (bytes[byte + RETRANS]! < 255) bytes[byte + RETRANS]!++;
    return;
  }
  bytes[byte + LAST_DIR] = dir;
  words[at + LAST_SEQ] = seq;
  words[at + LAST_ACK] = ack;
  words[at + LAST_END] = end;
  words[at + LAST_WIN] = win;
  bytes[byte + RETRANS] = 0;
}
