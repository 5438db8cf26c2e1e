// How conntrack follows a TCP connection: which state a flag brings it to, and whether a segment lies in the window that
// both ends have shown. Behaves as net/netfilter/nf_conntrack_proto_tcp.c does (after Guido van Rooij's "Real Stateful
// TCP Packet Filtering"), with loose pick-up, liberal mode, RST checks of RFC 5961 and per-state timeouts. Leaves out
// SYN proxies and sequence adjustment by helpers.

import { checksumKind, pseudoHeaderSumAt } from "../../wire/checksum.ts";
import { IPPROTO_TCP } from "../../wire/ipv4.ts";
import { get16, get32 } from "../../wire/layout.ts";
import { ACK, FIN, RST, SYN, URG } from "../../wire/tcp.ts";
import { NF_ACCEPT, NF_DROP, NF_INET_PRE_ROUTING } from "../core/netfilter.ts";
import { CHECKSUM_COMPLETE, CHECKSUM_NONE, type SkBuff } from "../core/skb.ts";
import { HZ } from "../core/timer-wheel.ts";
import type { Conntrack } from "./conntrack.ts";
import {
  ctinfo2dir,
  IPCT_ASSURED,
  IPCT_PROTOINFO,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
} from "./conntrack-entry.ts";
import {
  END,
  EXP_CHALLENGE_ACK,
  FLAG_BE_LIBERAL,
  FLAG_CLOSE_INIT,
  FLAG_DATA_UNACKED,
  FLAG_MAXACK_SET,
  FLAG_SACK_PERM,
  FLAG_WINDOW_SCALE,
  LAST_ACK,
  LAST_DIR,
  LAST_END,
  LAST_FLAGS,
  LAST_INDEX,
  LAST_SCALE,
  LAST_SEQ,
  LAST_WIN,
  MAX_ACK,
  MAX_END,
  MAX_WIN,
  RETRANS,
  SIMULTANEOUS_OPEN,
} from "./proto-tcp-layout.ts";
import {
  ACK_SET,
  before,
  FIN_SET,
  NONE_SET,
  RST_SET,
  SYN_SET,
  SYNACK_SET,
  TCP_TIMEOUT_RETRANS,
  TCP_TIMEOUT_UNACK,
  TcpState,
  type TcpTracks,
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
function tcpNew(ct: Conntrack, conn: number, b: Uint8Array, th: number, tail: number, index: number): boolean {
  const state = TRANSITIONS[0]![index]![TcpState.NONE]!;
  if (state >= INVALID) return false;
  if (state !== TcpState.SYN_SENT && ct.sysctl.tcpLoose === 0) return false;
  const { tcp } = ct;
  let track = tcp.track(conn);
  if (track !== 0) tcp.clear(track);
  else track = tcp.alloc(conn);
  const { words } = tcp;
  const side = tcp.side(track, 0);
  words[side + END] = segmentEnd(b, th, tail);
  words[side + MAX_WIN] = get16(b, th + 14) || 1;
  if (state === TcpState.SYN_SENT) {
    words[side + MAX_END] = words[side + END]!;
    const options = readSynOptions(b, th, 0);
    tcp.setFlags(track, 0, options & 255);
    tcp.setScale(track, 0, options >> 8);
  } else {
    words[side + MAX_END] = words[side + END]! + words[side + MAX_WIN]!;
    tcp.setFlags(track, 0, FLAG_SACK_PERM | FLAG_BE_LIBERAL);
    tcp.setFlags(track, 1, FLAG_SACK_PERM | FLAG_BE_LIBERAL);
  }
  return true;
}

/** TCP's state of a connection; NONE while nothing is known of it. */
export function tcpState(ct: Conntrack, conn: number): number {
  return ct.tcp.stateOf(conn);
}

/** States in which a connection may be given up when the table is full. */
export function tcpCanEarlyDrop(ct: Conntrack, conn: number): boolean {
  const state = tcpState(ct, conn);
  return state >= TcpState.FIN_WAIT && state <= TcpState.CLOSE;
}

/** A REJECT sent a reset: the connection is closing (nf_conntrack_tcp_set_closing). */
export function tcpSetClosing(ct: Conntrack, conn: number): void {
  const { rows, tcp } = ct;
  if (rows.protonum(conn) !== IPPROTO_TCP || !rows.isLive(conn)) return;
  const track = tcp.track(conn);
  if (track === 0) return;
  const old = tcp.state(track);
  tcp.setState(track, TcpState.CLOSE);
  if (old === TcpState.CLOSE || rows.status(conn) & IPS_FIXED_TIMEOUT) return;
  rows.setExpires(conn, ct.inSeconds(ct.sysctl.tcpTimeouts[TcpState.CLOSE]!));
  ct.events.note(conn, IPCT_PROTOINFO);
}

/** A FIN or RST outside the window answers one of the other side: the connection will not live long. */
function handleInvalid(ct: Conntrack, conn: number, track: number, dir: number, index: number): void {
  const { rows } = ct;
  const { bytes } = ct.tcp;
  const byte = ct.tcp.byteAt(track);
  if (!(rows.status(conn) & IPS_ASSURED) || rows.status(conn) & IPS_FIXED_TIMEOUT) return;
  if (index !== RST_SET && index !== FIN_SET) return;
  const last = bytes[byte + LAST_INDEX];
  if (bytes[byte + LAST_DIR] !== dir && (last === FIN_SET || last === RST_SET)) {
    const left = ct.jiffiesLeft(conn);
    if (left < 120 * HZ) return;
    const unack = ct.sysctl.tcpTimeouts[TCP_TIMEOUT_UNACK]!;
    if (left > unack * HZ) rows.setExpires(conn, ct.inSeconds(unack));
  } else {
    bytes[byte + LAST_INDEX] = index;
    bytes[byte + LAST_DIR] = dir;
  }
}

/** Notes what a segment said that is let through unbelieved, for the answer that may tell the truth. */
function rememberIgnored(
  tcp: TcpTracks,
  track: number,
  dir: number,
  index: number,
  old: number,
  b: Uint8Array,
  th: number,
  tail: number,
): void {
  const { words, bytes } = tcp;
  const at = tcp.at(track);
  const byte = tcp.byteAt(track);
  bytes[byte + LAST_INDEX] = index;
  bytes[byte + LAST_DIR] = dir;
  words[at + LAST_SEQ] = get32(b, th + 4);
  words[at + LAST_END] = segmentEnd(b, th, tail);
  words[at + LAST_WIN] = get16(b, th + 14);
  if (index === SYN_SET && dir === 0) {
    const options = readSynOptions(b, th, 0);
    bytes[byte + LAST_FLAGS] = options & (FLAG_WINDOW_SCALE | FLAG_SACK_PERM);
    bytes[byte + LAST_SCALE] = options >> 8;
    // its answer may be a challenge ACK (RFC 5961), which must not pass for the last ACK
    if (old === TcpState.LAST_ACK) bytes[byte + LAST_FLAGS]! |= EXP_CHALLENGE_ACK;
  }
  if (old === TcpState.SYN_SENT && index === ACK_SET && dir === 1) words[at + LAST_ACK] = get32(b, th + 8);
}

/** A SYN-ACK that answers a SYN which was let through unbelieved: both ends are in step, only this table was not. */
function resync(tcp: TcpTracks, track: number, dir: number): void {
  const { words, bytes } = tcp;
  const at = tcp.at(track);
  const byte = tcp.byteAt(track);
  const lastDir = bytes[byte + LAST_DIR]!;
  const side = tcp.side(track, lastDir);
  words[side + END] = words[at + LAST_END]!;
  words[side + MAX_END] = words[at + LAST_END]!;
  words[side + MAX_WIN] = words[at + LAST_WIN]! || 1;
  tcp.setScale(track, lastDir, bytes[byte + LAST_SCALE]!);
  bytes[byte + LAST_FLAGS]! &= ~EXP_CHALLENGE_ACK;
  tcp.setFlags(track, lastDir, bytes[byte + LAST_FLAGS]!);
  tcp.resetSide(track, dir, tcp.flags(track, dir) & FLAG_BE_LIBERAL);
}

const RST_BELIEVED = 0;
const RST_IN_WINDOW_ONLY = 1;
const RST_CHALLENGED = 2;
const RST_INVALID = 3;

/** Does a reset end the connection? (RFC 5961 section 3.2, as the middle of the path can know.) */
function judgeReset(
  ct: Conntrack,
  conn: number,
  track: number,
  dir: number,
  old: number,
  b: Uint8Array,
  th: number,
): number {
  if (tcpCanEarlyDrop(ct, conn)) return RST_BELIEVED;
  const { tcp } = ct;
  const { words, bytes } = tcp;
  const status = ct.rows.status(conn);
  const at = tcp.at(track);
  const lastIndex = bytes[tcp.byteAt(track) + LAST_INDEX]!;
  const lastDir = bytes[tcp.byteAt(track) + LAST_DIR]!;
  const seq = get32(b, th + 4) | 0;
  let challenged = false;
  if (tcp.flags(track, 1 - dir) & FLAG_MAXACK_SET && lastIndex !== SYN_SET) {
    const maxAck = words[tcp.side(track, 1 - dir) + MAX_ACK]!;
    const established = old === TcpState.ESTABLISHED && (status & IPS_ASSURED) !== 0;
    if (seq === 0 && !established) return RST_IN_WINDOW_ONLY;
    if (before(seq, maxAck) && ct.sysctl.tcpIgnoreInvalidRst === 0) return RST_INVALID;
    if (!established || seq === maxAck) return RST_IN_WINDOW_ONLY;
    if (lastIndex === ACK_SET && lastDir === dir && seq === words[at + LAST_END]) return RST_IN_WINDOW_ONLY;
    challenged = true;
  }
  const ack = get32(b, th + 8) | 0;
  const answersIgnored =
    (status & IPS_SEEN_REPLY && lastIndex === SYN_SET) || (!(status & IPS_ASSURED) && lastIndex === ACK_SET);
  if (answersIgnored && ack === words[at + LAST_END]) return challenged ? RST_CHALLENGED | 4 : RST_BELIEVED;
  if (old === TcpState.SYN_SENT && lastIndex === ACK_SET && lastDir === 1 && seq === words[at + LAST_ACK])
    return challenged ? RST_CHALLENGED | 4 : RST_BELIEVED;
  return challenged ? RST_CHALLENGED : RST_IN_WINDOW_ONLY;
}

/** Returned when the connection was a dead one and the packet begins another (NF_REPEAT). */
export const TCP_REPEAT = -4;

/**
 * Follows one segment. Returns NF_ACCEPT; −NF_ACCEPT: not part of the connection, let it go untracked; NF_DROP; TCP_REPEAT.
 * `th` is the offset of the TCP header.
 */
export function tcpPacket(ct: Conntrack, conn: number, skb: SkBuff, th: number, ctinfo: number, hook: number): number {
  const b = skb.head;
  const { tail } = skb;
  if (tail - th < 20) return -NF_ACCEPT;
  const dataOffset = (b[th + 12]! >>> 4) << 2;
  if (dataOffset < 20 || tail - th < dataOffset) return -NF_ACCEPT;
  if (ct.sysctl.checksum !== 0 && hook === NF_INET_PRE_ROUTING && badChecksum(skb, th)) return -NF_ACCEPT;
  const flags = b[th + 13]!;
  if (!flagsAreSane(flags)) return -NF_ACCEPT;
  const index = segmentIndex(flags);
  const { rows, tcp } = ct;
  if (!(rows.status(conn) & IPS_CONFIRMED) && !tcpNew(ct, conn, b, th, tail, index)) return -NF_ACCEPT;

  const track = tcp.track(conn);
  const { words, bytes } = tcp;
  const at = tcp.at(track);
  const byte = tcp.byteAt(track);
  const lastIndex = bytes[byte + LAST_INDEX]!;
  const lastDir = bytes[byte + LAST_DIR]!;
  const dir = ctinfo2dir(ctinfo);
  let old = tcp.state(track);
  let next = TRANSITIONS[dir]![index]![old]!;
  let believed = false;

  if (next === TcpState.SYN_SENT && old >= TcpState.TIME_WAIT) {
    const closing = (tcp.flags(track, 0) | tcp.flags(track, 1)) & FLAG_CLOSE_INIT;
    if (closing || (lastDir === dir && lastIndex === RST_SET)) return ct.kill(conn) ? TCP_REPEAT : NF_DROP;
    next = IGNORE;
  }
  if (next === IGNORE) {
    const ack = get32(b, th + 8) | 0;
    if (index === SYNACK_SET && lastIndex === SYN_SET && lastDir !== dir && ack === words[at + LAST_END]) {
      old = TcpState.SYN_SENT;
      next = TcpState.SYN_RECV;
      resync(tcp, track, dir);
    } else {
      rememberIgnored(tcp, track, dir, index, old, b, th, tail);
      return NF_ACCEPT;
    }
  } else if (next === INVALID) return -NF_ACCEPT;
  else if (next === TcpState.TIME_WAIT) {
    if (
      old === TcpState.LAST_ACK &&
      index === ACK_SET &&
      lastDir !== dir &&
      lastIndex === SYN_SET &&
      bytes[byte + LAST_FLAGS]! & EXP_CHALLENGE_ACK
    ) {
      bytes[byte + LAST_FLAGS]! &= ~EXP_CHALLENGE_ACK;
      return NF_ACCEPT;
    }
  } else if (next === TcpState.SYN_SENT2) bytes[byte + LAST_FLAGS]! |= SIMULTANEOUS_OPEN;
  else if (next === TcpState.SYN_RECV) {
    if (dir === 1 && index === ACK_SET && bytes[byte + LAST_FLAGS]! & SIMULTANEOUS_OPEN) next = TcpState.ESTABLISHED;
  } else if (next === TcpState.CLOSE && index === RST_SET) {
    const judged = judgeReset(ct, conn, track, dir, old, b, th);
    if (judged === RST_INVALID) return -NF_ACCEPT;
    if (judged & RST_CHALLENGED) next = old;
    believed = judged === RST_BELIEVED || (judged & 4) !== 0;
  }

  if (!believed) {
    const result = tcpInWindow(ct, conn, track, dir, index, b, th, tail);
    if (result === IGNORED) return NF_ACCEPT;
    if (result === OUT_OF_WINDOW) {
      handleInvalid(ct, conn, track, dir, index);
      return -NF_ACCEPT;
    }
  }
  return enterState(ct, conn, track, skb, ctinfo, dir, index, old, next);
}

/** The segment counts: the new state, how long it lasts, and ASSURED once both sides have spoken. */
function enterState(
  ct: Conntrack,
  conn: number,
  track: number,
  skb: SkBuff,
  ctinfo: number,
  dir: number,
  index: number,
  old: number,
  next: number,
): number {
  const { rows, tcp } = ct;
  const { bytes } = tcp;
  const byte = tcp.byteAt(track);
  bytes[byte + LAST_INDEX] = index;
  bytes[byte + LAST_DIR] = dir;
  tcp.setState(track, next);
  if (old !== next && next === TcpState.FIN_WAIT) tcp.setFlags(track, dir, tcp.flags(track, dir) | FLAG_CLOSE_INIT);

  const { tcpTimeouts, tcpMaxRetrans } = ct.sysctl;
  const normal = tcpTimeouts[next]!;
  const retrans = tcpTimeouts[TCP_TIMEOUT_RETRANS]!;
  const unack = tcpTimeouts[TCP_TIMEOUT_UNACK]!;
  const sides = tcp.flags(track, 0) | tcp.flags(track, 1);
  let timeout = normal;
  if (bytes[byte + RETRANS]! >= tcpMaxRetrans && normal > retrans) timeout = retrans;
  else if (index === RST_SET) timeout = tcpTimeouts[TcpState.CLOSE]!;
  else if (sides & FLAG_DATA_UNACKED && normal > unack) timeout = unack;
  else if (tcp.words[tcp.at(track) + LAST_WIN] === 0 && normal > retrans) timeout = retrans;

  if (next !== old) ct.events.note(conn, IPCT_PROTOINFO);
  const status = rows.status(conn);
  if (!(status & IPS_SEEN_REPLY)) {
    if (index === RST_SET) {
      ct.killAcct(conn, ctinfo, skb);
      return NF_ACCEPT;
    }
    if (index === SYN_SET && old === TcpState.SYN_SENT) return NF_ACCEPT; // a repeated SYN does not prolong it
    if (next === TcpState.ESTABLISHED && timeout > unack) timeout = unack;
  } else if (
    !(status & IPS_ASSURED) &&
    (old === TcpState.SYN_RECV || old === TcpState.ESTABLISHED) &&
    next === TcpState.ESTABLISHED
  ) {
    rows.addStatus(conn, IPS_ASSURED);
    ct.events.note(conn, IPCT_ASSURED);
  }
  ct.refreshAcct(conn, ctinfo, skb, timeout);
  return NF_ACCEPT;
}

function badChecksum(skb: SkBuff, th: number): boolean {
  if (skb.ipSummed !== CHECKSUM_NONE && skb.ipSummed !== CHECKSUM_COMPLETE) return false;
  const pseudo = pseudoHeaderSumAt(skb.head, skb.networkHeader, IPPROTO_TCP, skb.tail - th);
  return checksumKind(skb.head, th, th + 16, skb.tail, pseudo) !== "valid";
}
