// Does a TCP segment lie in the window that both ends have shown? Behaves as tcp_in_window of
// net/netfilter/nf_conntrack_proto_tcp.c (after Guido van Rooij's "Real Stateful TCP Packet Filtering").

import { get16, get32 } from "../../wire/layout.ts";
import { ACK, FIN, RST, SYN } from "../../wire/tcp.ts";
import type { Conntrack } from "./conntrack.ts";
import type { NfConn } from "./conntrack-entry.ts";
import {
  ACK_SET,
  after,
  before,
  FLAG_BE_LIBERAL,
  FLAG_DATA_UNACKED,
  FLAG_MAXACK_SET,
  FLAG_SACK_PERM,
  FLAG_WINDOW_SCALE,
  type TcpSide,
  TcpState,
  type TcpTrack,
} from "./proto-tcp-track.ts";
import { seqOffset } from "./seqadj.ts";

/** Sequence number after the segment: data, SYN and FIN counted. */
export function segmentEnd(b: Uint8Array, th: number, tail: number): number {
  const flags = b[th + 13]!;
  const data = tail - th - ((b[th + 12]! >>> 4) << 2);
  return (get32(b, th + 4) + data + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0)) >>> 0;
}

/** The window scale and SACK-permitted that a SYN announces. */
export function readSynOptions(b: Uint8Array, th: number, side: TcpSide): void {
  let at = th + 20;
  const end = th + ((b[th + 12]! >>> 4) << 2);
  if (at === end) return;
  side.scale = 0;
  side.flags &= FLAG_BE_LIBERAL;
  while (at < end) {
    const kind = b[at]!;
    if (kind === 0) return;
    if (kind === 1) {
      at++;
      continue;
    }
    const length = at + 1 < end ? b[at + 1]! : 0;
    if (length < 2 || at + length > end) return;
    if (kind === 4 && length === 2) side.flags |= FLAG_SACK_PERM;
    else if (kind === 3 && length === 3) {
      side.scale = Math.min(b[at + 2]!, 14);
      side.flags |= FLAG_WINDOW_SCALE;
    }
    at += length;
  }
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
        const right = get32(b, at + i + 4);
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

function initSender(
  sender: TcpSide,
  receiver: TcpSide,
  b: Uint8Array,
  th: number,
  end: number,
  win: number,
  dir: number,
): void {
  sender.end = end;
  sender.maxEnd = end;
  sender.maxWin = win === 0 ? 1 : win;
  readSynOptions(b, th, sender);
  // both must announce scaling, or neither scales (RFC 7323 section 1.3)
  if (dir === 1 && !(sender.flags & receiver.flags & FLAG_WINDOW_SCALE)) {
    sender.scale = 0;
    receiver.scale = 0;
  }
}

/** In liberal mode a segment outside the window counts as one inside. */
function outside(ct: Conntrack, sender: TcpSide, verdict: number): number {
  return sender.flags & FLAG_BE_LIBERAL || ct.sysctl.tcpBeLiberal !== 0 ? IN_WINDOW : verdict;
}

/** Is the segment possible, given what both sides have shown? Updates what they have shown (tcp_in_window). */
export function tcpInWindow(
  ct: Conntrack,
  conn: NfConn,
  tcp: TcpTrack,
  dir: number,
  index: number,
  b: Uint8Array,
  th: number,
  tail: number,
): number {
  const sender = tcp.seen[dir as 0 | 1];
  const receiver = tcp.seen[(1 - dir) as 0 | 1];
  const flags = b[th + 13]!;
  let seq = get32(b, th + 4);
  let ack = get32(b, th + 8);
  const rawWin = get16(b, th + 14);
  let win = rawWin;
  let end = segmentEnd(b, th, tail);
  let sack = receiver.flags & FLAG_SACK_PERM ? highestSack(b, th, ack) : ack;

  if (conn.ext !== null && conn.ext.seqadj !== null) {
    // the receiver acknowledges what a helper has shifted
    const shift = seqOffset(conn, (1 - dir) as 0 | 1, ack - 1);
    ack = (ack - shift) >>> 0;
    sack = (sack - shift) >>> 0;
  }
  if (sender.maxWin === 0) {
    if (flags & SYN) {
      initSender(sender, receiver, b, th, end, win, dir);
      if (!(flags & ACK)) return IN_WINDOW; // simultaneous open
    } else {
      // the beginning was missed: believe the segment
      sender.end = end;
      const scaled = win << sender.scale;
      sender.maxWin = scaled === 0 ? 1 : scaled;
      sender.maxEnd = (end + sender.maxWin) >>> 0;
      if (receiver.maxWin === 0) {
        receiver.end = sack;
        receiver.maxEnd = sack;
      } else if (sack === (receiver.end + 1) >>> 0) receiver.end = (receiver.end + 1) >>> 0; // answer to a keep-alive
    }
  } else if (
    flags & SYN &&
    after(end, sender.end) &&
    (tcp.state === TcpState.SYN_SENT || tcp.state === TcpState.SYN_RECV)
  ) {
    initSender(sender, receiver, b, th, end, win, dir);
    if (dir === 1 && !(flags & ACK)) return IN_WINDOW;
  }

  if (!(flags & ACK) || (flags & RST && ack === 0)) {
    ack = receiver.end;
    sack = ack;
  }
  if (flags & RST && seq === 0 && tcp.state === TcpState.SYN_SENT) {
    seq = sender.end;
    end = seq;
  }

  const ackWindow = Math.max(sender.maxWin, MAX_ACK_WINDOW);
  if (!before(seq, sender.maxEnd + 1)) {
    const overshot = (end - sender.maxEnd + 1) >>> 0;
    if (
      receiver.maxWin !== 0 &&
      after(end, sender.end - receiver.maxWin - 1) &&
      after(sack, receiver.end - ackWindow - 1) &&
      overshot <= receiver.maxWin &&
      before(sack, receiver.end + 1)
    ) {
      sender.end = end;
      sender.flags |= FLAG_DATA_UNACKED;
      return outside(ct, sender, IGNORED);
    }
    return outside(ct, sender, OUT_OF_WINDOW);
  }
  if (!before(sack, receiver.end + 1)) return outside(ct, sender, OUT_OF_WINDOW);
  if (receiver.maxWin !== 0 && !after(end, sender.end - receiver.maxWin - 1)) return outside(ct, sender, IGNORED);
  if (!after(sack, receiver.end - ackWindow - 1)) return outside(ct, sender, IGNORED);

  if (!(flags & SYN)) win <<= sender.scale;
  const offered = win + ((sack - ack) >>> 0);
  if (sender.maxWin < offered) sender.maxWin = offered;
  if (after(end, sender.end)) {
    sender.end = end;
    sender.flags |= FLAG_DATA_UNACKED;
  }
  if (flags & ACK) {
    if (!(sender.flags & FLAG_MAXACK_SET)) {
      sender.maxAck = ack;
      sender.flags |= FLAG_MAXACK_SET;
    } else if (after(ack, sender.maxAck)) sender.maxAck = ack;
  }
  if (receiver.maxWin !== 0 && after(end, sender.maxEnd)) receiver.maxWin += (end - sender.maxEnd) >>> 0;
  if (after(sack + win, receiver.maxEnd - 1)) receiver.maxEnd = (sack + win + (win === 0 ? 1 : 0)) >>> 0;
  if (ack === receiver.end) receiver.flags &= ~FLAG_DATA_UNACKED;

  if (index === ACK_SET) {
    if (
      tcp.lastDir === dir &&
      tcp.lastSeq === seq &&
      tcp.lastAck === ack &&
      tcp.lastEnd === end &&
      tcp.lastWin === rawWin
    )
      tcp.retrans++;
    else {
      tcp.lastDir = dir;
      tcp.lastSeq = seq;
      tcp.lastAck = ack;
      tcp.lastEnd = end;
      tcp.lastWin = rawWin;
      tcp.retrans = 0;
    }
  }
  return IN_WINDOW;
}
