// The receiver's side of flow control: how large a window to announce, how it grows with what segments cost in memory, how
// the receive and send buffers grow, and how the receiver guesses the sender's MSS and round trip. Answers to
// net/ipv4/tcp_output.c (tcp_select_window and kin) and the buffer tuning in net/ipv4/tcp_input.c; window scale: RFC 7323.

import { getFlags, PSH } from "../../wire/tcp.ts";
import type { SkBuff } from "../core/skb.ts";
import {
  ICSK_ACK_NOMEM,
  ICSK_ACK_PUSHED,
  ICSK_ACK_PUSHED2,
  perMssMemory,
  SKB_OVERHEAD,
  SOCK_RCVBUF_LOCK,
  SOCK_SNDBUF_LOCK,
  TCP_INIT_CWND,
  TCP_MAX_WSCALE,
  TCP_MIN_MSS,
  TCP_MIN_RCVMSS,
  type TcpSock,
  type TcpSysctl,
  tcpFullSpace,
  tcpMstampRefresh,
  tcpReceiveWindow,
  tcpSpace,
  tcpSpaceFromWin,
  tcpTimeStampMs,
  tcpWinFromSpace,
} from "./tcp-sock.ts";

const SOCK_MIN_RCVBUF = 2048 + SKB_OVERHEAD;
const MAX_TCP_WINDOW = 32767;

/** What tcp_select_initial_window answers; one object per caller, re-used. */
export interface InitialWindow {
  rcvWnd: number;
  windowClamp: number;
  rcvWscale: number;
}

/**
 * First window and scale to announce (tcp_select_initial_window).
 * @param space bytes of window that the buffer gives; @param clamp 0 none; @param initRcvWnd in segments, 0 none
 */
export function tcpSelectInitialWindow(
  sysctl: TcpSysctl,
  space: number,
  mss: number,
  clamp: number,
  wscaleOk: boolean,
  initRcvWnd: number,
  out: InitialWindow,
): void {
  if (clamp === 0) clamp = 65535 << TCP_MAX_WSCALE;
  space = Math.min(clamp, Math.max(space, 0));
  if (space > mss) space -= space % mss;
  let rcvWnd = sysctl.workaroundSignedWindows ? Math.min(space, MAX_TCP_WINDOW) : space;
  if (initRcvWnd > 0) rcvWnd = Math.min(rcvWnd, initRcvWnd * mss);
  let scale = 0;
  if (wscaleOk) {
    const most = Math.min(Math.max(space, sysctl.rmem[2], sysctl.rmemMax), clamp);
    scale = Math.min(Math.max(Math.floor(Math.log2(most)) - 15, 0), TCP_MAX_WSCALE);
  }
  out.rcvWnd = rcvWnd;
  out.rcvWscale = scale;
  out.windowClamp = Math.min(65535 << scale, clamp);
}

/** The window that the buffer allows now, in bytes (__tcp_select_window). */
export function tcpSelectWindowBytes(sk: TcpSock): number {
  const { sysctl } = sk.tcp;
  const scale = sk.rxOpt.rcvWscale;
  let mss = sk.ackRcvMss;
  let free = tcpSpace(sk);
  const allowed = tcpFullSpace(sk);
  const full = Math.min(sk.windowClamp, allowed);
  if (mss > full) {
    mss = full;
    if (mss <= 0) return 0;
  }
  const unit = 1 << scale;
  if (sysctl.shrinkWindow && scale > 0) {
    free = roundDown(free, unit);
    if (free < full >> 1) {
      sk.ackQuick = 0;
      if (free < allowed >> 4 || free < mss || free < unit) return 0;
    }
    if (free > sk.rcvSsthresh) free = roundUp(sk.rcvSsthresh, unit);
    return free;
  }
  if (free < full >> 1) {
    sk.ackQuick = 0;
    free = roundDown(free, unit);
    if (free < allowed >> 4 || free < mss) return 0;
  }
  if (free > sk.rcvSsthresh) free = sk.rcvSsthresh;
  if (scale > 0) return roundUp(free, unit);
  // without scaling the window moves by whole segments
  const window = sk.rcvWnd;
  if (window <= free - mss || window > free) return roundDown(free, mss);
  if (mss === full && free > window + (full >> 1)) return free;
  return window;
}

function roundDown(value: number, unit: number): number {
  return value - (((value % unit) + unit) % unit);
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** Decides on the window for a segment, and remembers it; the header's 16 bits, scaled (tcp_select_window). */
export function tcpSelectWindow(sk: TcpSock): number {
  const { sysctl, mib } = sk.tcp;
  const old = sk.rcvWnd;
  const scale = sk.rxOpt.rcvWscale;
  if (sk.ackPending & ICSK_ACK_NOMEM) {
    sk.predFlags = 0;
    sk.rcvWnd = 0;
    sk.rcvWup = sk.rcvNxt;
    return 0;
  }
  const cur = tcpReceiveWindow(sk);
  let win = tcpSelectWindowBytes(sk);
  if (win < cur && (!sysctl.shrinkWindow || scale === 0)) {
    // what was offered stays offered
    if (win === 0) mib.ext.TCPWantZeroWindowAdv++;
    win = roundUp(cur, 1 << scale);
  }
  sk.rcvWnd = win;
  sk.rcvWup = sk.rcvNxt;
  if (scale === 0 && sysctl.workaroundSignedWindows) win = Math.min(win, MAX_TCP_WINDOW);
  else win = Math.min(win, 65535 << scale);
  win >>= scale;
  if (win === 0) {
    sk.predFlags = 0;
    if (old) mib.ext.TCPToZeroWindowAdv++;
  } else if (old === 0) mib.ext.TCPFromZeroWindowAdv++;
  return win;
}

/** tcp_sndbuf_expand: room for twice the congestion window (BBR: three times). */
export function tcpSndbufExpand(sk: TcpSock): void {
  const segs = Math.max(TCP_INIT_CWND, sk.sndCwnd, sk.reordering + 1);
  const factor = sk.caOps.sndbufExpand?.(sk) ?? 2;
  const mem = factor * segs * perMssMemory(sk);
  if (sk.sndBuf < mem) sk.sndBuf = Math.min(mem, sk.tcp.sysctl.wmem[2]);
}

/** tcp_init_buffer_space: both buffers, when the connection is established. */
export function tcpInitBufferSpace(sk: TcpSock): void {
  const { appWin } = sk.tcp.sysctl;
  if (!(sk.userlocks & SOCK_SNDBUF_LOCK)) tcpSndbufExpand(sk);
  tcpMstampRefresh(sk);
  sk.rcvqSpaceTime = sk.mstamp;
  sk.rcvqSpaceSeq = sk.copiedSeq;
  const max = tcpFullSpace(sk);
  if (sk.windowClamp >= max) {
    sk.windowClamp = max;
    if (appWin && max > 4 * sk.advmss)
      sk.windowClamp = Math.max(max - (appWin < 31 ? max >> appWin : 0), 4 * sk.advmss);
  }
  // one segment is held back
  if (appWin && sk.windowClamp > 2 * sk.advmss && sk.windowClamp + sk.advmss > max)
    sk.windowClamp = Math.max(2 * sk.advmss, max - sk.advmss);
  sk.rcvSsthresh = Math.min(sk.rcvSsthresh, sk.windowClamp);
  sk.rcvqSpace = Math.min(sk.rcvSsthresh, sk.rcvWnd, TCP_INIT_CWND * sk.advmss);
}

/** tcp_initialize_rcv_mss: a careful first guess. */
export function tcpInitializeRcvMss(sk: TcpSock): void {
  let hint = Math.min(sk.advmss, sk.mssCache);
  hint = Math.min(hint, Math.floor(sk.rcvWnd / 2));
  hint = Math.min(hint, TCP_MIN_RCVMSS);
  sk.ackRcvMss = Math.max(hint, TCP_MIN_MSS);
}

/** tcp_set_window_clamp */
export function tcpSetWindowClamp(sk: TcpSock, value: number): void {
  const clamp = Math.max(SOCK_MIN_RCVBUF >> 1, value);
  const old = sk.windowClamp;
  if (clamp === old) return;
  sk.windowClamp = clamp;
  if (clamp < old) sk.rcvSsthresh = Math.min(sk.rcvSsthresh, clamp);
  else sk.rcvSsthresh = Math.max(sk.rcvSsthresh, Math.min(sk.rcvWnd, clamp));
}

/** What a received segment costs in memory (skb->truesize): by its driver, else as TCP sent it, its payload in page fragments. */
export function rcvTruesize(skb: SkBuff): number {
  return skb.truesize || SKB_OVERHEAD + skb.len;
}

/** Learns the sender's segment size, and from it how much of the buffer is payload (tcp_measure_rcv_mss). */
export function tcpMeasureRcvMss(sk: TcpSock, skb: SkBuff): void {
  const last = sk.ackLastSegSize;
  sk.ackLastSegSize = 0;
  let len = skb.gsoSize || skb.len;
  if (len >= sk.ackRcvMss) {
    if (len !== sk.ackRcvMss) {
      const old = sk.scalingRatio;
      sk.scalingRatio = Math.floor((skb.len * 256) / rcvTruesize(skb)) || 1;
      if (old !== sk.scalingRatio) {
        tcpSetWindowClamp(sk, tcpWinFromSpace(sk, sk.rcvBuf));
        if (sk.windowClamp < sk.rcvqSpace) sk.rcvqSpace = sk.windowClamp;
      }
    }
    sk.ackRcvMss = Math.min(len, sk.advmss);
    if (skb.tcpFlags & PSH) sk.ackPending |= ICSK_ACK_PUSHED;
    return;
  }
  const headerLength = skb.data - skb.transportHeader;
  len += headerLength;
  const remnant = getFlags(skb.head, skb.transportHeader) & 0x2b;
  if (len >= TCP_MIN_RCVMSS + 20 || (len >= TCP_MIN_MSS + 20 && remnant === 0)) {
    len -= sk.tcpHeaderLen;
    sk.ackLastSegSize = len;
    if (len === last) {
      sk.ackRcvMss = len;
      return;
    }
  }
  if (sk.ackPending & ICSK_ACK_PUSHED) sk.ackPending |= ICSK_ACK_PUSHED2;
  sk.ackPending |= ICSK_ACK_PUSHED;
}

/** Half as fast, where segments cost more memory than they bring (__tcp_grow_window). */
function growSlowly(sk: TcpSock, skb: SkBuff, truesize: number): number {
  let cost = tcpWinFromSpace(sk, truesize) >> 1;
  let window = tcpWinFromSpace(sk, sk.tcp.sysctl.rmem[2]) >> 1;
  while (sk.rcvSsthresh <= window) {
    if (cost <= skb.len) return 2 * sk.ackRcvMss;
    cost >>= 1;
    window >>= 1;
  }
  return 0;
}

/**
 * A segment of useful size came: the window may grow (tcp_grow_window).
 * @param adjust the buffer of its headers does not count: it will be joined to its neighbour
 */
export function tcpGrowWindow(sk: TcpSock, skb: SkBuff, adjust: boolean): void {
  const room = Math.min(sk.windowClamp, tcpSpace(sk)) - sk.rcvSsthresh;
  if (room <= 0) return;
  const truesize = adjust && skb.truesize === 0 ? skb.len : rcvTruesize(skb);
  const incr = tcpWinFromSpace(sk, truesize) <= skb.len ? 2 * sk.advmss : growSlowly(sk, skb, truesize);
  if (incr === 0) return;
  sk.rcvSsthresh += Math.min(room, Math.max(incr, 2 * skb.len));
  sk.ackQuick |= 1;
}

/** The receive buffer is over its bound (tcp_clamp_window). */
export function tcpClampWindow(sk: TcpSock): void {
  const max = sk.tcp.sysctl.rmem[2];
  sk.ackQuick = 0;
  if (sk.rcvBuf < max && !(sk.userlocks & SOCK_RCVBUF_LOCK)) sk.rcvBuf = Math.min(sk.rmemAlloc, max);
  if (sk.rmemAlloc > sk.rcvBuf) sk.rcvSsthresh = Math.min(sk.windowClamp, 2 * sk.advmss);
}

/** A larger buffer for `newval` bytes read per round trip (tcp_rcvbuf_grow). */
export function tcpRcvbufGrow(sk: TcpSock, newval: number): void {
  const { sysctl } = sk.tcp;
  const old = sk.rcvqSpace;
  sk.rcvqSpace = newval;
  if (!sysctl.moderateRcvbuf || sk.userlocks & SOCK_RCVBUF_LOCK) return;
  let win = newval * 2;
  win += Math.floor((win * (newval - old)) / old) * 2;
  const last = sk.outOfOrder[sk.outOfOrder.length - 1];
  if (last) win += (last.endSeq - sk.rcvNxt) >>> 0;
  const buf = Math.min(tcpSpaceFromWin(sk, win), sysctl.rmem[2]);
  if (buf > sk.rcvBuf) {
    sk.rcvBuf = buf;
    sk.windowClamp = tcpWinFromSpace(sk, buf);
  }
}

/** Once per round trip as the reader reads (tcp_rcv_space_adjust). */
export function tcpRcvSpaceAdjust(sk: TcpSock): void {
  tcpMstampRefresh(sk);
  const time = sk.mstamp - sk.rcvqSpaceTime;
  if (sk.rcvRttEstUs === 0 || time < sk.rcvRttEstUs >> 3) return;
  const inq = (sk.rcvNxt - sk.copiedSeq) >>> 0;
  const copied = ((sk.copiedSeq - sk.rcvqSpaceSeq) >>> 0) - inq;
  if (copied > sk.rcvqSpace) tcpRcvbufGrow(sk, copied);
  sk.rcvqSpaceSeq = sk.copiedSeq;
  sk.rcvqSpaceTime = sk.mstamp;
}

function rcvRttUpdate(sk: TcpSock, sampleUs: number, windowDependent: boolean): void {
  const old = sk.rcvRttEstUs;
  const m = sampleUs * 8;
  if (old === 0 || m < old) sk.rcvRttEstUs = m;
  else {
    if (windowDependent || sk.rcvNxt !== sk.copiedSeq) return;
    sk.rcvRttEstUs = old - (old >> 3) + sampleUs;
  }
}

/** Without timestamps: a window's worth of data takes a round trip (tcp_rcv_rtt_measure). */
export function tcpRcvRttMeasure(sk: TcpSock): void {
  if (sk.rcvRttEstTime !== 0) {
    if (((sk.rcvNxt - sk.rcvRttEstSeq) | 0) < 0) return;
    rcvRttUpdate(sk, Math.max(sk.mstamp - sk.rcvRttEstTime, 1), true);
  }
  sk.rcvRttEstSeq = (sk.rcvNxt + sk.rcvWnd) >>> 0;
  sk.rcvRttEstTime = sk.mstamp;
}

/** µs since the timestamp that was echoed was sent; −1 when that cannot be told (tcp_rtt_tsopt_us). */
export function tcpRttTsoptUs(sk: TcpSock, minDeltaMs: number): number {
  const delta = (tcpTimeStampMs(sk) - sk.rxOpt.rcvTsecr) >>> 0;
  if (delta >= 0x7fffffff / 1000) return -1;
  return (delta || minDeltaMs) * 1000;
}

/** With timestamps: full segments tell the round trip (tcp_rcv_rtt_measure_ts). */
export function tcpRcvRttMeasureTs(sk: TcpSock, skb: SkBuff): void {
  if (sk.rxOpt.rcvTsecr === sk.rcvRttLastTsecr) return;
  sk.rcvRttLastTsecr = sk.rxOpt.rcvTsecr;
  if ((skb.endSeq - skb.seq) >>> 0 < sk.ackRcvMss) return;
  const delta = tcpRttTsoptUs(sk, 0);
  if (delta > 0) rcvRttUpdate(sk, delta, false);
}
