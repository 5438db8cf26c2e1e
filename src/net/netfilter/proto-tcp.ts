// How conntrack follows a TCP connection: which state a flag brings it to, and whether a segment lies in the window that
// both ends have shown. Behaves as net/netfilter/nf_conntrack_proto_tcp.c does (after Guido van Rooij's "Real Stateful
// TCP Packet Filtering"), with loose pick-up, liberal mode, RST checks of RFC 5961 and per-state timeouts. Leaves out
// SYN proxies and sequence adjustment by helpers.

import { SEC } from "../../base/time.ts";
import { checksumKind, pseudoHeaderSumAt } from "../../wire/checksum.ts";
import { IPPROTO_TCP } from "../../wire/ipv4.ts";
import { get16, get32 } from "../../wire/layout.ts";
import { ACK, FIN, RST, SYN, URG } from "../../wire/tcp.ts";
import { NF_ACCEPT, NF_DROP, NF_INET_PRE_ROUTING } from "../core/netfilter.ts";
import { CHECKSUM_COMPLETE, CHECKSUM_NONE, type SkBuff } from "../core/skb.ts";
import type { Conntrack } from "./conntrack.ts";
import {
  ctinfo2dir,
  IPCT_ASSURED,
  IPCT_PROTOINFO,
  IPS_ASSURED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
  type NfConn,
} from "./conntrack-entry.ts";
import {
  ACK_SET,
  before,
  EXP_CHALLENGE_ACK,
  FIN_SET,
  FLAG_BE_LIBERAL,
  FLAG_CLOSE_INIT,
  FLAG_DATA_UNACKED,
  FLAG_MAXACK_SET,
  FLAG_SACK_PERM,
  FLAG_WINDOW_SCALE,
  NONE_SET,
  RST_SET,
  SIMULTANEOUS_OPEN,
  SYN_SET,
  SYNACK_SET,
  TCP_TIMEOUT_RETRANS,
  TCP_TIMEOUT_UNACK,
  TcpState,
  TcpTrack,
} from "./proto-tcp-track.ts";
import { IGNORED, OUT_OF_WINDOW, readSynOptions, segmentEnd, tcpInWindow } from "./proto-tcp-window.ts";

const INVALID = 14;
const IGNORE = 15;

/** Next state by direction, kind of segment and state now; "i" invalid, "-" let pass without belief. */
const TRANSITIONS: readonly (readonly (readonly number[])[])[] = [
  ["11-----119", "ii2iiiiii2", "ii4466678i", "3i3355778i", "i888888888", "iiiiiiiiii"],
  ["i9iiiii1i9", "i2-------2", "ii4466678i", "i-2355778-", "i888888888", "iiiiiiiiii"],
].map((rows) =>
  rows.map((row) => [...row].map((c) => (c === "i" ? INVALID : c === "-" ? IGNORE : Number.parseInt(c, 10)))),
);

function segmentIndex(flags: number): number {
  if (flags & RST) return RST_SET;
  if (flags & SYN) return flags & ACK ? SYNACK_SET : SYN_SET;
  if (flags & FIN) return FIN_SET;
  return flags & ACK ? ACK_SET : NONE_SET;
}

/** PSH, ECE and CWR go with anything; of the others only these combinations are sane. */
function flagsAreSane(flags: number): boolean {
  switch (flags & (FIN | SYN | RST | ACK | URG)) {
    case SYN:
    case SYN | URG:
    case SYN | ACK:
    case RST:
    case RST | ACK:
    case FIN | ACK:
    case FIN | ACK | URG:
    case ACK:
    case ACK | URG:
      return true;
    default:
      return false;
  }
}

/** The first segment of a connection sets the scene (tcp_new). False: nothing begins like that. */
function tcpNew(ct: Conntrack, conn: NfConn, b: Uint8Array, th: number, tail: number, index: number): boolean {
  const state = TRANSITIONS[0]![index]![TcpState.NONE]!;
  if (state >= INVALID) return false;
  if (state !== TcpState.SYN_SENT && ct.sysctl.tcpLoose === 0) return false;
  let { tcp } = conn;
  if (tcp) tcp.clear();
  else {
    tcp = new TcpTrack();
    conn.tcp = tcp;
  }
  const side = tcp.seen[0];
  side.end = segmentEnd(b, th, tail);
  side.maxWin = get16(b, th + 14) || 1;
  if (state === TcpState.SYN_SENT) {
    side.maxEnd = side.end;
    readSynOptions(b, th, side);
  } else {
    side.maxEnd = (side.end + side.maxWin) >>> 0;
    side.flags = FLAG_SACK_PERM | FLAG_BE_LIBERAL;
    tcp.seen[1].flags = side.flags;
  }
  return true;
}

/** States in which a connection may be given up when the table is full. */
export function tcpCanEarlyDrop(conn: NfConn): boolean {
  const state = conn.tcp?.state ?? TcpState.NONE;
  return state >= TcpState.FIN_WAIT && state <= TcpState.CLOSE;
}

function tcpEstablished(conn: NfConn, tcp: TcpTrack): boolean {
  return tcp.state === TcpState.ESTABLISHED && (conn.status & IPS_ASSURED) !== 0;
}

/** A REJECT sent a reset: the connection is closing (nf_conntrack_tcp_set_closing). */
export function tcpSetClosing(ct: Conntrack, conn: NfConn): void {
  const { tcp } = conn;
  if (!tcp || !conn.confirmed) return;
  const old = tcp.state;
  tcp.state = TcpState.CLOSE;
  if (old === TcpState.CLOSE || conn.status & IPS_FIXED_TIMEOUT) return;
  conn.timeout = ct.now + ct.sysctl.tcpTimeouts[TcpState.CLOSE]! * SEC;
  ct.eventCache(conn, IPCT_PROTOINFO);
}

/** A FIN or RST outside the window answers one of the other side: the connection will not live long. */
function handleInvalid(ct: Conntrack, conn: NfConn, tcp: TcpTrack, dir: number, index: number): void {
  if (!(conn.status & IPS_ASSURED) || conn.status & IPS_FIXED_TIMEOUT) return;
  if (index !== RST_SET && index !== FIN_SET) return;
  if (tcp.lastDir !== dir && (tcp.lastIndex === FIN_SET || tcp.lastIndex === RST_SET)) {
    const left = conn.timeout - ct.now;
    if (left < 120 * SEC) return;
    const unack = ct.sysctl.tcpTimeouts[TCP_TIMEOUT_UNACK]! * SEC;
    if (left > unack) conn.timeout = ct.now + unack;
  } else {
    tcp.lastIndex = index;
    tcp.lastDir = dir;
  }
}

/** Notes what a segment said that is let through unbelieved, for the answer that may tell the truth. */
function rememberIgnored(
  ct: Conntrack,
  tcp: TcpTrack,
  dir: number,
  index: number,
  old: number,
  b: Uint8Array,
  th: number,
  tail: number,
): void {
  tcp.lastIndex = index;
  tcp.lastDir = dir;
  tcp.lastSeq = get32(b, th + 4);
  tcp.lastEnd = segmentEnd(b, th, tail);
  tcp.lastWin = get16(b, th + 14);
  if (index === SYN_SET && dir === 0) {
    const { scratch } = ct;
    scratch.reset();
    readSynOptions(b, th, scratch);
    tcp.lastFlags = scratch.flags & (FLAG_WINDOW_SCALE | FLAG_SACK_PERM);
    tcp.lastScale = scratch.flags & FLAG_WINDOW_SCALE ? scratch.scale : 0;
    // its answer may be a challenge ACK (RFC 5961), which must not pass for the last ACK
    if (old === TcpState.LAST_ACK) tcp.lastFlags |= EXP_CHALLENGE_ACK;
  }
  if (old === TcpState.SYN_SENT && index === ACK_SET && dir === 1) tcp.lastAck = get32(b, th + 8);
}

/** A SYN-ACK that answers a SYN which was let through unbelieved: both ends are in step, only this table was not. */
function resync(tcp: TcpTrack, dir: number): void {
  const side = tcp.seen[tcp.lastDir as 0 | 1];
  side.end = tcp.lastEnd;
  side.maxEnd = tcp.lastEnd;
  side.maxWin = tcp.lastWin === 0 ? 1 : tcp.lastWin;
  side.scale = tcp.lastScale;
  tcp.lastFlags &= ~EXP_CHALLENGE_ACK;
  side.flags = tcp.lastFlags;
  const other = tcp.seen[dir as 0 | 1];
  const liberal = other.flags & FLAG_BE_LIBERAL;
  other.reset();
  other.flags = liberal;
}

const RST_BELIEVED = 0;
const RST_IN_WINDOW_ONLY = 1;
const RST_CHALLENGED = 2;
const RST_INVALID = 3;

/** Does a reset end the connection? (RFC 5961 section 3.2, as the middle of the path can know.) */
function judgeReset(
  ct: Conntrack,
  conn: NfConn,
  tcp: TcpTrack,
  dir: number,
  old: number,
  b: Uint8Array,
  th: number,
): number {
  if (tcpCanEarlyDrop(conn)) return RST_BELIEVED;
  const seq = get32(b, th + 4);
  const other = tcp.seen[(1 - dir) as 0 | 1];
  let challenged = false;
  if (other.flags & FLAG_MAXACK_SET && tcp.lastIndex !== SYN_SET) {
    const established = tcpEstablished(conn, tcp);
    if (seq === 0 && !established) return RST_IN_WINDOW_ONLY;
    if (before(seq, other.maxAck) && ct.sysctl.tcpIgnoreInvalidRst === 0) return RST_INVALID;
    if (!established || seq === other.maxAck) return RST_IN_WINDOW_ONLY;
    if (tcp.lastIndex === ACK_SET && tcp.lastDir === dir && seq === tcp.lastEnd) return RST_IN_WINDOW_ONLY;
    challenged = true;
  }
  const ack = get32(b, th + 8);
  const answersIgnored =
    (conn.status & IPS_SEEN_REPLY && tcp.lastIndex === SYN_SET) ||
    (!(conn.status & IPS_ASSURED) && tcp.lastIndex === ACK_SET);
  if (answersIgnored && ack === tcp.lastEnd) return challenged ? RST_CHALLENGED | 4 : RST_BELIEVED;
  if (old === TcpState.SYN_SENT && tcp.lastIndex === ACK_SET && tcp.lastDir === 1 && seq === tcp.lastAck)
    return challenged ? RST_CHALLENGED | 4 : RST_BELIEVED;
  return challenged ? RST_CHALLENGED : RST_IN_WINDOW_ONLY;
}

/** Returned when the connection was a dead one and the packet begins another (NF_REPEAT). */
export const TCP_REPEAT = -4;

/**
 * Follows one segment. Returns NF_ACCEPT; −NF_ACCEPT: not part of the connection, let it go untracked; NF_DROP; TCP_REPEAT.
 * `th` is the offset of the TCP header.
 */
export function tcpPacket(ct: Conntrack, conn: NfConn, skb: SkBuff, th: number, ctinfo: number, hook: number): number {
  const b = skb.head;
  const { tail } = skb;
  if (tail - th < 20) return -NF_ACCEPT;
  const dataOffset = (b[th + 12]! >>> 4) << 2;
  if (dataOffset < 20 || tail - th < dataOffset) return -NF_ACCEPT;
  if (ct.sysctl.checksum !== 0 && hook === NF_INET_PRE_ROUTING && badChecksum(skb, th)) return -NF_ACCEPT;
  const flags = b[th + 13]!;
  if (!flagsAreSane(flags)) return -NF_ACCEPT;
  const index = segmentIndex(flags);
  if (!conn.confirmed && !tcpNew(ct, conn, b, th, tail, index)) return -NF_ACCEPT;

  const tcp = conn.tcp!;
  const dir = ctinfo2dir(ctinfo);
  let old = tcp.state;
  let next = TRANSITIONS[dir]![index]![old]!;
  let believed = false;

  if (next === TcpState.SYN_SENT && old >= TcpState.TIME_WAIT) {
    const closing = (tcp.seen[0].flags | tcp.seen[1].flags) & FLAG_CLOSE_INIT;
    if (closing || (tcp.lastDir === dir && tcp.lastIndex === RST_SET)) return ct.kill(conn) ? TCP_REPEAT : NF_DROP;
    next = IGNORE;
  }
  if (next === IGNORE) {
    if (index === SYNACK_SET && tcp.lastIndex === SYN_SET && tcp.lastDir !== dir && get32(b, th + 8) === tcp.lastEnd) {
      old = TcpState.SYN_SENT;
      next = TcpState.SYN_RECV;
      resync(tcp, dir);
    } else {
      rememberIgnored(ct, tcp, dir, index, old, b, th, tail);
      return NF_ACCEPT;
    }
  } else if (next === INVALID) return -NF_ACCEPT;
  else if (next === TcpState.TIME_WAIT) {
    if (
      old === TcpState.LAST_ACK &&
      index === ACK_SET &&
      tcp.lastDir !== dir &&
      tcp.lastIndex === SYN_SET &&
      tcp.lastFlags & EXP_CHALLENGE_ACK
    ) {
      tcp.lastFlags &= ~EXP_CHALLENGE_ACK;
      return NF_ACCEPT;
    }
  } else if (next === TcpState.SYN_SENT2) tcp.lastFlags |= SIMULTANEOUS_OPEN;
  else if (next === TcpState.SYN_RECV) {
    if (dir === 1 && index === ACK_SET && tcp.lastFlags & SIMULTANEOUS_OPEN) next = TcpState.ESTABLISHED;
  } else if (next === TcpState.CLOSE && index === RST_SET) {
    const judged = judgeReset(ct, conn, tcp, dir, old, b, th);
    if (judged === RST_INVALID) return -NF_ACCEPT;
    if (judged & RST_CHALLENGED) next = old;
    believed = judged === RST_BELIEVED || (judged & 4) !== 0;
  }

  if (!believed) {
    const result = tcpInWindow(ct, conn, tcp, dir, index, b, th, tail);
    if (result === IGNORED) return NF_ACCEPT;
    if (result === OUT_OF_WINDOW) {
      handleInvalid(ct, conn, tcp, dir, index);
      return -NF_ACCEPT;
    }
  }
  return enterState(ct, conn, tcp, skb, ctinfo, dir, index, old, next);
}

/** The segment counts: the new state, how long it lasts, and ASSURED once both sides have spoken. */
function enterState(
  ct: Conntrack,
  conn: NfConn,
  tcp: TcpTrack,
  skb: SkBuff,
  ctinfo: number,
  dir: number,
  index: number,
  old: number,
  next: number,
): number {
  tcp.lastIndex = index;
  tcp.lastDir = dir;
  tcp.state = next;
  if (old !== next && next === TcpState.FIN_WAIT) tcp.seen[dir as 0 | 1].flags |= FLAG_CLOSE_INIT;

  const { tcpTimeouts, tcpMaxRetrans } = ct.sysctl;
  const normal = tcpTimeouts[next]!;
  const retrans = tcpTimeouts[TCP_TIMEOUT_RETRANS]!;
  const unack = tcpTimeouts[TCP_TIMEOUT_UNACK]!;
  let timeout = normal;
  if (tcp.retrans >= tcpMaxRetrans && normal > retrans) timeout = retrans;
  else if (index === RST_SET) timeout = tcpTimeouts[TcpState.CLOSE]!;
  else if ((tcp.seen[0].flags | tcp.seen[1].flags) & FLAG_DATA_UNACKED && normal > unack) timeout = unack;
  else if (tcp.lastWin === 0 && normal > retrans) timeout = retrans;

  if (next !== old) ct.eventCache(conn, IPCT_PROTOINFO);
  if (!(conn.status & IPS_SEEN_REPLY)) {
    if (index === RST_SET) {
      ct.killAcct(conn, ctinfo, skb);
      return NF_ACCEPT;
    }
    if (index === SYN_SET && old === TcpState.SYN_SENT) return NF_ACCEPT; // a repeated SYN does not prolong it
    if (next === TcpState.ESTABLISHED && timeout > unack) timeout = unack;
  } else if (
    !(conn.status & IPS_ASSURED) &&
    (old === TcpState.SYN_RECV || old === TcpState.ESTABLISHED) &&
    next === TcpState.ESTABLISHED
  ) {
    conn.status |= IPS_ASSURED;
    ct.eventCache(conn, IPCT_ASSURED);
  }
  ct.refreshAcct(conn, ctinfo, skb, timeout * SEC);
  return NF_ACCEPT;
}

function badChecksum(skb: SkBuff, th: number): boolean {
  if (skb.ipSummed !== CHECKSUM_NONE && skb.ipSummed !== CHECKSUM_COMPLETE) return false;
  const pseudo = pseudoHeaderSumAt(skb.head, skb.networkHeader, IPPROTO_TCP, skb.tail - th);
  return checksumKind(skb.head, th, th + 16, skb.tail, pseudo) !== "valid";
}
