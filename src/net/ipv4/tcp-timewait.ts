// After the end: a connection in TIME_WAIT, or one in FIN_WAIT_2 that nobody holds, kept as little as will answer (RFC 9293
// section 3.10.7.8, RFC 7323 section 5.8, RFC 1337). Answers to tcp_time_wait and tcp_timewait_state_process in
// net/ipv4/tcp_minisocks.c and to net/ipv4/inet_timewait_sock.c.

import type { Timer } from "../../sim/sim.ts";
import { ACK, FIN, getFlags, RST, SYN } from "../../wire/tcp.ts";
import * as options from "../../wire/tcp-options.ts";
import type { SkBuff } from "../core/skb.ts";
import { tcpDone } from "./tcp-done.ts";
import type { InetHashed, PortOwner } from "./tcp-hashtables.ts";
import {
  after,
  BOOT_NS,
  before,
  expiresIn,
  JIFFY_NS,
  jiffies,
  TCP_FIN_WAIT2,
  TCP_PAWS_24DAYS,
  TCP_TIME_WAIT,
  TCP_TIMEWAIT_LEN,
  type TcpSock,
  type TcpState,
  tcpReceiveWindow,
} from "./tcp-sock.ts";

const LOOPBACK_IFINDEX = 1;

export const TCP_TW_SUCCESS = 0;
export const TCP_TW_RST = 1;
export const TCP_TW_ACK = 2;
export const TCP_TW_SYN = 3;

/** struct tcp_timewait_sock */
export class TimewaitSock implements InetHashed, PortOwner {
  readonly tcp: TcpState;
  readonly state: number = TCP_TIME_WAIT;
  /** TCP_FIN_WAIT2 or TCP_TIME_WAIT */
  substate: number;
  readonly rcvSaddr: number;
  readonly daddr: number;
  readonly sport: number;
  readonly dport: number;
  readonly boundDevIf: number;
  readonly reuseAddr: boolean;
  readonly reusePort: boolean;
  readonly uid: number;
  readonly family: number;
  readonly ipv6Only: boolean = false;
  readonly mark: number;
  readonly tos: number;
  readonly rcvWscale: number;
  rcvNxt: number;
  readonly sndNxt: number;
  readonly rcvWnd: number;
  tsRecent: number;
  tsRecentStamp: number;
  readonly tsOffset: number;
  lastOowAckTime = 0;
  readonly timer: Timer;
  /** when it came into TIME_WAIT, by the timestamps' clock */
  entryMs: number;
  /** answer of the last timewaitStateProcess TCP_TW_SYN: first sequence number for the new connection */
  isn = 0;

  constructor(sk: TcpSock, substate: number) {
    this.tcp = sk.tcp;
    this.substate = substate;
    this.rcvSaddr = sk.rcvSaddr;
    this.daddr = sk.daddr;
    this.sport = sk.sport;
    this.dport = sk.dport;
    this.boundDevIf = sk.boundDevIf;
    this.reuseAddr = sk.reuseAddr;
    this.reusePort = sk.reusePort;
    this.uid = sk.uid;
    this.family = sk.family;
    this.mark = sk.mark;
    this.tos = sk.tos;
    this.rcvWscale = sk.rxOpt.rcvWscale;
    this.rcvNxt = sk.rcvNxt;
    this.sndNxt = sk.sndNxt;
    this.rcvWnd = tcpReceiveWindow(sk);
    this.tsRecent = sk.rxOpt.tsRecent;
    this.tsRecentStamp = sk.rxOpt.tsRecentStamp;
    this.tsOffset = sk.tsoffset;
    this.entryMs = milliseconds(this);
    this.timer = sk.net.kernel.timers.timer(() => {
      this.tcp.mib.ext.TW++;
      twskKill(this);
    });
  }
}

function schedule(tw: TimewaitSock, timeout: number): void {
  tw.timer.mod(expiresIn(tw.tcp.net.now, timeout));
}

/** Out of the tables; its port is free (inet_twsk_kill). */
export function twskKill(tw: TimewaitSock): void {
  tw.timer.del();
  tw.tcp.hash.remove(tw);
  tw.tcp.hash.releasePort(tw, tw.sport);
}

/** Replaces a socket by a time-wait one (tcp_time_wait); `timeout` in jiffies. */
export function tcpTimeWait(sk: TcpSock, state: number, timeout: number): void {
  const { hash } = sk.tcp;
  const tw = new TimewaitSock(sk, state);
  const rto = (sk.icskRto << 2) - (sk.icskRto >> 1);
  if (timeout < rto) timeout = rto;
  if (state === TCP_TIME_WAIT) timeout = TCP_TIMEWAIT_LEN;
  if (sk.bindNum !== 0) {
    hash.transferPort(sk, tw, sk.bindNum);
    sk.bindNum = 0;
  }
  if (sk.hashed) {
    sk.hashed = false;
    hash.replace(sk, tw);
  } else hash.insert(tw);
  schedule(tw, timeout);
  tcpDone(sk);
}

function seconds(tw: TimewaitSock): number {
  return Math.floor((jiffies(tw.tcp.net) * JIFFY_NS) / 1_000_000_000);
}

function milliseconds(tw: TimewaitSock): number {
  return Math.floor((tw.tcp.net.now + BOOT_NS) / 1_000_000);
}

/** Bound to lo, or with an address of 127.0.0.0/8. */
function onLoopback(tw: TimewaitSock): boolean {
  return tw.boundDevIf === LOOPBACK_IFINDEX || tw.daddr >>> 24 === 127 || tw.rcvSaddr >>> 24 === 127;
}

/** tcp_paws_reject */
function pawsReject(tw: TimewaitSock, tsVal: number, rst: boolean): boolean {
  if (((tw.tsRecent - tsVal) | 0) <= 0) return false;
  const now = seconds(tw);
  if (now >= tw.tsRecentStamp + TCP_PAWS_24DAYS || tw.tsRecent === 0) return false;
  return !(rst && now >= tw.tsRecentStamp + 1);
}

function rateLimited(tw: TimewaitSock, skb: SkBuff, syn: boolean): boolean {
  if (skb.seq !== skb.endSeq && !syn) return false;
  const now = jiffies(tw.tcp.net);
  if (tw.lastOowAckTime !== 0 && now - tw.lastOowAckTime < tw.tcp.sysctl.invalidRatelimit) return true;
  tw.lastOowAckTime = now;
  return false;
}

function keepTimestamp(tw: TimewaitSock): void {
  const { rxOptions } = tw.tcp;
  if (!rxOptions.timestamps) return;
  tw.tsRecent = rxOptions.tsVal;
  tw.tsRecentStamp = seconds(tw);
}

/**
 * A segment came for it (tcp_timewait_state_process): TCP_TW_*. After TCP_TW_SYN `tw.isn` is the new connection's first
 * number. skb.seq, endSeq are set, the packet stays the caller's.
 */
export function timewaitStateProcess(tw: TimewaitSock, skb: SkBuff, at: number): number {
  const { rxOptions } = tw.tcp;
  const { ext } = tw.tcp.mib;
  const flags = getFlags(skb.head, at);
  const rst = (flags & RST) !== 0;
  const syn = (flags & SYN) !== 0;
  options.clear(rxOptions);
  let paws = false;
  if (tw.tsRecentStamp !== 0) {
    options.parse(skb.head, at + 20, at + headerLength(skb, at), rxOptions);
    if (rxOptions.timestamps) paws = pawsReject(tw, rxOptions.tsVal, rst);
  }
  const { seq, endSeq } = skb;
  if (tw.substate === TCP_FIN_WAIT2) {
    if (paws || !inWindow(seq, endSeq, tw.rcvNxt, (tw.rcvNxt + tw.rcvWnd) >>> 0)) {
      if (!rateLimited(tw, skb, syn)) return TCP_TW_ACK;
      ext.TCPACKSkippedFinWait2++;
      return TCP_TW_SUCCESS;
    }
    if (rst) {
      twskKill(tw);
      return TCP_TW_SUCCESS;
    }
    if (syn && !before(seq, tw.rcvNxt)) return TCP_TW_RST;
    if (!(flags & ACK) || !after(endSeq, tw.rcvNxt) || endSeq === seq) return TCP_TW_SUCCESS;
    if (!(flags & FIN) || endSeq !== (tw.rcvNxt + 1) >>> 0) return TCP_TW_RST;
    tw.substate = TCP_TIME_WAIT;
    tw.rcvNxt = endSeq;
    if (rxOptions.timestamps) tw.entryMs = milliseconds(tw);
    keepTimestamp(tw);
    schedule(tw, TCP_TIMEWAIT_LEN);
    return TCP_TW_ACK;
  }
  if (!paws && seq === tw.rcvNxt && (seq === endSeq || rst)) {
    if (rst) {
      if (!tw.tcp.sysctl.rfc1337) {
        twskKill(tw);
        return TCP_TW_SUCCESS;
      }
    } else schedule(tw, TCP_TIMEWAIT_LEN);
    keepTimestamp(tw);
    return TCP_TW_SUCCESS;
  }
  if (
    syn &&
    !rst &&
    !(flags & ACK) &&
    !paws &&
    (after(seq, tw.rcvNxt) || (rxOptions.timestamps && ((tw.tsRecent - rxOptions.tsVal) | 0) < 0))
  ) {
    tw.isn = (tw.sndNxt + 65535 + 2) >>> 0 || 1;
    return TCP_TW_SYN;
  }
  if (paws) ext.PAWSEstab++;
  if (rst) return TCP_TW_SUCCESS;
  if (paws || flags & ACK) schedule(tw, TCP_TIMEWAIT_LEN);
  if (!rateLimited(tw, skb, syn)) return TCP_TW_ACK;
  ext.TCPACKSkippedTimeWait++;
  return TCP_TW_SUCCESS;
}

function headerLength(skb: SkBuff, at: number): number {
  return (skb.head[at + 12]! >> 4) * 4;
}

/** tcp_in_window */
export function inWindow(seq: number, endSeq: number, low: number, high: number): boolean {
  if (seq === low) return true;
  if (after(endSeq, low) && before(seq, high)) return true;
  return seq === high && seq === endSeq;
}

/**
 * May a new connection take the tuple of one in TIME_WAIT (tcp_twsk_unique)? Gives its first sequence number, −1 no.
 * With timestamps it may where the program has chosen the port, or with tcp_tw_reuse after a second.
 * @param bound bind(2) has chosen the port
 */
export function tcpTwskUnique(tw: TimewaitSock, sk: TcpSock, bound: boolean): number {
  const { twReuse, twReuseDelay } = tw.tcp.sysctl;
  const reuse = tw.substate !== TCP_FIN_WAIT2 && (twReuse === 1 || (twReuse === 2 && onLoopback(tw)));
  if (tw.tsRecentStamp === 0) return -1;
  if (!bound && !(reuse && milliseconds(tw) > tw.entryMs + twReuseDelay)) return -1;
  sk.rxOpt.tsRecent = tw.tsRecent;
  sk.rxOpt.tsRecentStamp = tw.tsRecentStamp;
  return (tw.sndNxt + 65535 + 2) >>> 0 || 1;
}
