// Which segments of the write queue may go now: congestion window, the peer's window, Nagle, pacing, and how much to put
// into one super-packet. Answers to the middle of net/ipv4/tcp_output.c (tcp_write_xmit and what it asks). Leaves out TSQ
// and autocorking, which wait for a device's queue: a veth has none. Nagle: RFC 9293 section 3.7.4 with Minshall's change.

import { ACK, FIN, PSH, SYN } from "../../wire/tcp.ts";
import {
  TCP_CHRONO_BUSY,
  TCP_CHRONO_RWND_LIMITED,
  TCP_CHRONO_SNDBUF_LIMITED,
  tcpChronoStart,
  tcpChronoStop,
} from "./tcp-chrono.ts";
import { CA_EVENT_CWND_RESTART, tcpCaEvent, tcpCurrentSsthresh } from "./tcp-cong.ts";
import { tcpIsCwndLimited } from "./tcp-cong-avoid.ts";
import { zerocopyPut } from "./tcp-errqueue.ts";
import { tcpMssToMtu, tcpMtuCheckReprobe } from "./tcp-mtup.ts";
import { tcpBoundToHalfWnd, tcpCurrentMss, tcpMtuToMss, tcpTransmit, tsortedInsertAfter } from "./tcp-output.ts";
import { TCPCB_LOST, TCPCB_SACKED_ACKED, TCPCB_SACKED_RETRANS, type TxSeg } from "./tcp-segment.ts";
import {
  after,
  before,
  ICSK_TIME_LOSS_PROBE,
  ICSK_TIME_PROBE0,
  jiffies,
  PACING_UNLIMITED,
  SKB_OVERHEAD,
  SOCK_SNDBUF_LOCK,
  skStreamIsWriteable,
  TCP_CA_OPEN,
  TCP_CA_RECOVERY,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_ESTABLISHED,
  TCP_INIT_CWND,
  TCP_NAGLE_CORK,
  TCP_NAGLE_OFF,
  TCP_NAGLE_PUSH,
  type TcpSock,
  tcpInCwndReduction,
  tcpIsSack,
  tcpMstampRefresh,
  tcpPacketsInFlight,
  tcpRtoMax,
  tcpUrgMode,
  tcpWndEnd,
} from "./tcp-sock.ts";
import { tcpSndbufExpand } from "./tcp-window.ts";
import { resetXmitTimer, tcpPacingCheck, tcpProbe0When, tcpRearmRto, tcpScheduleLossProbe } from "./tcp-xmit-timer.ts";
import { minmaxGet } from "./win-minmax.ts";

const NSEC_PER_MSEC = 1_000_000;

/** Sets into how many packets a segment is cut (tcp_set_skb_tso_segs). */
export function tcpSetTsoSegs(seg: TxSeg, mss: number): number {
  if (seg.len <= mss) {
    seg.gsoSize = 0;
    seg.pcount = 1;
  } else {
    seg.gsoSize = mss;
    seg.pcount = Math.ceil(seg.len / mss);
  }
  return seg.pcount;
}

/** Sets it again where the MSS changed since (tcp_init_tso_segs). */
export function tcpInitTsoSegs(seg: TxSeg, mss: number): number {
  if (seg.pcount === 0 || (seg.pcount > 1 && seg.gsoSize !== mss)) return tcpSetTsoSegs(seg, mss);
  return seg.pcount;
}

/** Segments of a super-packet at the present pacing rate (tcp_tso_segs). */
export function tcpTsoSegs(sk: TcpSock, mss: number): number {
  const min = sk.caOps.minTsoSegs?.(sk) ?? sk.tcp.sysctl.minTsoSegs;
  let bytes = sk.pacingRate === PACING_UNLIMITED ? sk.gsoMaxSize : Math.floor(sk.pacingRate / (1 << sk.pacingShift));
  const r = minmaxGet(sk.rttMin) >>> sk.tcp.sysctl.tsoRttLog;
  if (r < 32) bytes += sk.gsoMaxSize >>> r;
  bytes = Math.min(bytes, sk.gsoMaxSize);
  return Math.min(Math.max(Math.floor(bytes / mss), min), sk.gsoMaxSegs);
}

/** Bytes that a segment should grow to before a new one is begun (tcp_xmit_size_goal). */
export function tcpXmitSizeGoal(sk: TcpSock, mss: number, large: boolean): number {
  if (!large) return mss;
  const goal = tcpBoundToHalfWnd(sk, sk.gsoMaxSize);
  let size = sk.gsoSegs * mss;
  if (goal < size || goal >= size + mss) {
    sk.gsoSegs = Math.min(Math.floor(goal / mss), sk.gsoMaxSegs);
    size = sk.gsoSegs * mss;
  }
  return Math.max(size, mss);
}

/** Packets that the congestion window lets go now, at most half of it at once (tcp_cwnd_test). */
function cwndTest(sk: TcpSock): number {
  const inFlight = tcpPacketsInFlight(sk);
  const cwnd = sk.sndCwnd;
  if (inFlight >= cwnd) return 0;
  return Math.min(Math.max(cwnd >> 1, 1), cwnd - inFlight);
}

/** True when a small segment was sent and is not acknowledged (tcp_minshall_check). */
function minshallCheck(sk: TcpSock): boolean {
  return after(sk.sndSml, sk.sndUna) && !after(sk.sndSml, sk.sndNxt);
}

/** True: a small segment must wait (tcp_nagle_check). */
function nagleCheck(sk: TcpSock, partial: boolean, nonagle: number): boolean {
  if (!partial) return false;
  if (nonagle & TCP_NAGLE_CORK) return true;
  return nonagle === 0 && sk.packetsOut > 0 && minshallCheck(sk);
}

/** True: the segment may go (tcp_nagle_test). */
function nagleTest(sk: TcpSock, seg: TxSeg, mss: number, nonagle: number): boolean {
  if (nonagle & TCP_NAGLE_PUSH || tcpUrgMode(sk) || seg.flags & FIN) return true;
  return !nagleCheck(sk, seg.len < mss, nonagle);
}

/** The first packet of a segment fits into the peer's window (tcp_snd_wnd_test). */
function sndWndTest(sk: TcpSock, seg: TxSeg, mss: number): boolean {
  const end = seg.len > mss ? (seg.seq + mss) >>> 0 : seg.endSeq;
  return !after(end, tcpWndEnd(sk));
}

/** How many bytes of a segment may go as one super-packet (tcp_mss_split_point). */
function mssSplitPoint(sk: TcpSock, seg: TxSeg, mss: number, maxSegs: number, nonagle: number): number {
  const window = (tcpWndEnd(sk) - seg.seq) >>> 0;
  const max = mss * maxSegs;
  if (max <= window && seg !== sk.sendQueue.tail) return max;
  const needed = Math.min(seg.len, window);
  if (max <= needed) return max;
  const partial = needed % mss;
  return nagleCheck(sk, partial !== 0, nonagle) ? needed - partial : needed;
}

/** Waiting for the next ACK would let a larger super-packet go (tcp_tso_should_defer). */
function tsoShouldDefer(sk: TcpSock, seg: TxSeg, maxSegs: number): boolean {
  if (sk.caState >= TCP_CA_RECOVERY) return false;
  if (sk.clockCacheNs - sk.wstampNs - NSEC_PER_MSEC > 0) return false;
  const sendWin = (tcpWndEnd(sk) - seg.seq) >>> 0;
  const congWin = (sk.sndCwnd - tcpPacketsInFlight(sk)) * sk.mssCache;
  const limit = Math.min(sendWin, congWin);
  if (limit >= maxSegs * sk.mssCache) return false;
  if (seg !== sk.sendQueue.tail && limit >= seg.len) return false;
  const divisor = sk.tcp.sysctl.tsoWinDivisor;
  if (divisor > 0) {
    if (limit >= Math.floor(Math.min(sk.sndWnd, sk.sndCwnd * sk.mssCache) / divisor)) return false;
  } else if (limit > 3 * sk.mssCache) return false;
  const head = sk.rtxQueue.head;
  if (!head) return false;
  // the next ACK is more than a millisecond away, or than half a round trip
  const srttNs = 125 * sk.srttUs;
  if (head.sentNs + srttNs - sk.clockCacheNs > Math.min(srttNs / 2, NSEC_PER_MSEC)) return false;
  if (congWin < sendWin) {
    if (congWin <= seg.len) {
      sk.xmit.cwndLimited = true;
      return true;
    }
  } else if (sendWin <= seg.len) return true;
  return !(seg.flags & FIN || seg.eor);
}

/** Takes bytes over from the next segment of the write queue, so that a super-packet is full (tcp_grow_skb). */
function growSeg(sk: TcpSock, seg: TxSeg, amount: number): void {
  const { next } = seg;
  if (!next || seg.eor || seg.zc || next.zc) return;
  const n = Math.min(amount, next.len);
  if (n === 0) return;
  seg.endSeq = (seg.endSeq + n) >>> 0;
  seg.len += n;
  next.seq = (next.seq + n) >>> 0;
  next.len -= n;
  if (next.len > 0) return;
  seg.endSeq = next.endSeq;
  seg.eor = next.eor;
  seg.flags |= next.flags;
  if (next.tsFlags !== 0) {
    seg.tsFlags = next.tsFlags;
    seg.tsKey = next.tsKey;
  }
  sk.sendQueue.remove(next);
  tcpWmemFree(sk, next);
}

/** A segment leaves the queues for good (tcp_wmem_free_skb). */
export function tcpWmemFree(sk: TcpSock, seg: TxSeg): void {
  sk.wmemQueued -= SKB_OVERHEAD + seg.len;
  if (seg.zc) zerocopyPut(sk, seg.zc);
  sk.tcp.segs.give(seg);
}

/**
 * Cuts a segment after `len` payload bytes (tcp_fragment, tso_fragment); the second part follows it in its queue.
 * The counts of packets out, SACKed, lost and sent again follow.
 */
export function tcpFragment(sk: TcpSock, seg: TxSeg, len: number, mss: number, sent: boolean): TxSeg {
  const rest = sk.tcp.segs.take();
  rest.seq = (seg.seq + (seg.flags & SYN ? 1 : 0) + len) >>> 0;
  rest.endSeq = seg.endSeq;
  seg.endSeq = rest.seq;
  rest.len = seg.len - len;
  seg.len = len;
  rest.flags = seg.flags & ~SYN;
  seg.flags &= ~(FIN | PSH);
  rest.sacked = seg.sacked;
  rest.eor = seg.eor;
  seg.eor = false;
  if (seg.zc) {
    rest.zc = seg.zc;
    seg.zc.refs++;
  }
  if (seg.tsFlags !== 0 && !before(seg.tsKey, rest.seq)) {
    rest.tsFlags = seg.tsFlags;
    rest.tsKey = seg.tsKey;
    seg.tsFlags = 0;
  }
  rest.sentNs = seg.sentNs;
  rest.firstTxMstamp = seg.firstTxMstamp;
  rest.deliveredMstamp = seg.deliveredMstamp;
  rest.txDelivered = seg.txDelivered;
  rest.txDeliveredCe = seg.txDeliveredCe;
  rest.txAppLimited = seg.txAppLimited;
  sk.wmemQueued += SKB_OVERHEAD;
  const whole = seg.pcount;
  tcpSetTsoSegs(seg, mss);
  tcpSetTsoSegs(rest, mss);
  if (!sent) {
    sk.sendQueue.insertAfter(seg, rest);
    return rest;
  }
  sk.rtxQueue.insertAfter(seg, rest);
  const diff = whole - seg.pcount - rest.pcount;
  if (diff !== 0) tcpAdjustPcount(sk, seg, diff);
  if (seg.tsQueued) tsortedInsertAfter(sk, seg, rest);
  return rest;
}

/** A segment now counts `decr` packets fewer (tcp_adjust_pcount). */
export function tcpAdjustPcount(sk: TcpSock, seg: TxSeg, decr: number): void {
  sk.packetsOut -= decr;
  if (seg.sacked & TCPCB_SACKED_ACKED) sk.sackedOut -= decr;
  if (seg.sacked & TCPCB_SACKED_RETRANS) sk.retransOut -= decr;
  if (seg.sacked & TCPCB_LOST) sk.lostOut -= decr;
  if (!tcpIsSack(sk) && decr > 0) sk.sackedOut -= Math.min(sk.sackedOut, decr);
}

/** A segment went from the write queue to the retransmission queue (tcp_event_new_data_sent). */
export function tcpEventNewDataSent(sk: TcpSock, seg: TxSeg): void {
  const priorPackets = sk.packetsOut;
  sk.sndNxt = seg.endSeq;
  sk.sendQueue.remove(seg);
  sk.rtxQueue.push(seg);
  if (!sk.highestSack) sk.highestSack = seg;
  sk.packetsOut += seg.pcount;
  if (priorPackets === 0 || sk.icskPending === ICSK_TIME_LOSS_PROBE) tcpRearmRto(sk);
  sk.tcp.mib.ext.TCPOrigDataSent += seg.pcount;
  tcpCheckSpace(sk);
}

/** The window was not what held us back for a while (tcp_cwnd_application_limited; RFC 7661). */
function cwndApplicationLimited(sk: TcpSock): void {
  if (sk.caState === TCP_CA_OPEN && sk.hasSocket && !sk.noSpace) {
    const win = Math.max(sk.sndCwndUsed, TCP_INIT_CWND);
    if (win < sk.sndCwnd) {
      sk.sndSsthresh = tcpCurrentSsthresh(sk);
      sk.sndCwnd = (sk.sndCwnd + win) >> 1;
    }
    sk.sndCwndUsed = 0;
  }
  sk.sndCwndStamp = jiffies(sk.net);
}

/** tcp_cwnd_validate: remembers how much of the window is used. */
function cwndValidate(sk: TcpSock, limited: boolean): void {
  if (!before(sk.sndUna, sk.cwndUsageSeq) || limited || (!sk.isCwndLimited && sk.packetsOut > sk.maxPacketsOut)) {
    sk.isCwndLimited = limited;
    sk.maxPacketsOut = sk.packetsOut;
    sk.cwndUsageSeq = sk.sndNxt;
  }
  if (tcpIsCwndLimited(sk)) {
    sk.sndCwndUsed = 0;
    sk.sndCwndStamp = jiffies(sk.net);
    return;
  }
  if (sk.packetsOut > sk.sndCwndUsed) sk.sndCwndUsed = sk.packetsOut;
  if (sk.tcp.sysctl.slowStartAfterIdle && jiffies(sk.net) - sk.sndCwndStamp >= sk.icskRto && !sk.caOps.congControl)
    cwndApplicationLimited(sk);
  if (!sk.sendQueue.head && sk.hasSocket && sk.noSpace && (sk.state === TCP_ESTABLISHED || sk.state === TCP_CLOSE_WAIT))
    tcpChronoStart(sk, TCP_CHRONO_SNDBUF_LIMITED);
}

/** After an idle time the window restarts (tcp_slow_start_after_idle_check, tcp_cwnd_restart; RFC 5681 section 4.1). */
export function tcpSlowStartAfterIdleCheck(sk: TcpSock): void {
  if (!sk.tcp.sysctl.slowStartAfterIdle || sk.packetsOut > 0 || sk.caOps.congControl) return;
  let delta = jiffies(sk.net) - sk.lsndtime;
  if (delta <= sk.icskRto) return;
  const restart = Math.min(TCP_INIT_CWND, sk.sndCwnd);
  let cwnd = sk.sndCwnd;
  tcpCaEvent(sk, CA_EVENT_CWND_RESTART);
  sk.sndSsthresh = tcpCurrentSsthresh(sk);
  for (delta -= sk.icskRto; delta > 0 && cwnd > restart; delta -= sk.icskRto) cwnd >>= 1;
  sk.sndCwnd = Math.max(cwnd, restart);
  sk.sndCwndStamp = jiffies(sk.net);
  sk.sndCwndUsed = 0;
}

/** Begins a run (the head of tcp_write_xmit). */
export function tcpXmitBegin(sk: TcpSock, mss: number, nonagle: number, pushOne: number): void {
  const { xmit } = sk;
  tcpMstampRefresh(sk);
  xmit.mss = mss;
  xmit.nonagle = nonagle;
  xmit.pushOne = pushOne;
  xmit.sentPackets = 0;
  xmit.cwndLimited = false;
  xmit.rwndLimited = false;
  xmit.mtuUnasked = pushOne === 0 && sk.mtup.enabled;
  xmit.mtuWaits = false;
  xmit.maxSegs = tcpTsoSegs(sk, mss);
}

/** Sends the next segment of a run; false when none may go, or the run is over (the loop's body in tcp_write_xmit). */
export function tcpXmitStep(sk: TcpSock): boolean {
  const { xmit } = sk;
  const { mss, nonagle, pushOne } = xmit;
  if (xmit.mtuUnasked) {
    xmit.mtuUnasked = false;
    const sent = tcpMtuProbe(sk);
    xmit.mtuWaits = sent === 0;
    if (sent >= 0) {
      xmit.sentPackets = sent;
      return sent > 0;
    }
  }
  const seg = sk.sendQueue.head;
  if (!seg || tcpPacingCheck(sk)) return false;
  let quota = cwndTest(sk);
  if (quota === 0) {
    if (pushOne !== 2) return false;
    quota = 1;
  }
  quota = Math.min(quota, xmit.maxSegs);
  const missing = quota * mss - seg.len;
  if (missing > 0) growSeg(sk, seg, missing);
  const tsoSegs = tcpSetTsoSegs(seg, mss);
  if (!sndWndTest(sk, seg, mss)) {
    xmit.rwndLimited = true;
    return false;
  }
  if (tsoSegs === 1) {
    if (!nagleTest(sk, seg, mss, seg.next === null ? nonagle : TCP_NAGLE_PUSH)) return false;
  } else if (pushOne === 0 && tsoShouldDefer(sk, seg, xmit.maxSegs)) return false;
  const limit = tsoSegs > 1 && !tcpUrgMode(sk) ? mssSplitPoint(sk, seg, mss, quota, nonagle) : mss;
  if (seg.len > limit) tcpFragment(sk, seg, limit, mss, false);
  if (seg.endSeq === seg.seq) return false;
  if (tcpTransmit(sk, seg, seg.seq, seg.flags, seg.len) !== 0) return false;
  tcpEventNewDataSent(sk, seg);
  if (seg.len < seg.pcount * mss) sk.sndSml = seg.endSeq;
  xmit.sentPackets += seg.pcount;
  return pushOne === 0;
}

/** Ends a run; true when data waits, nothing is in flight, and so a window probe is due. */
export function tcpXmitEnd(sk: TcpSock): boolean {
  const { xmit } = sk;
  if (xmit.mtuWaits) return false;
  if (xmit.rwndLimited) tcpChronoStart(sk, TCP_CHRONO_RWND_LIMITED);
  else tcpChronoStop(sk, TCP_CHRONO_RWND_LIMITED);
  const limited = xmit.cwndLimited || tcpPacketsInFlight(sk) >= sk.sndCwnd;
  if (xmit.sentPackets > 0 || limited) cwndValidate(sk, limited);
  if (xmit.sentPackets > 0) {
    if (tcpInCwndReduction(sk)) sk.prrOut += xmit.sentPackets;
    if (xmit.pushOne !== 2) tcpScheduleLossProbe(sk, false);
    return false;
  }
  return sk.packetsOut === 0 && sk.sendQueue.head !== null;
}

/** Sends what may be sent (tcp_write_xmit). True when a window probe is due. */
export function tcpWriteXmit(sk: TcpSock, mss: number, nonagle: number, pushOne: number): boolean {
  tcpXmitBegin(sk, mss, nonagle, pushOne);
  while (tcpXmitStep(sk));
  return tcpXmitEnd(sk);
}

/** Waits for the window to open, when nothing else will say so (tcp_check_probe_timer). */
export function tcpCheckProbeTimer(sk: TcpSock): void {
  if (sk.packetsOut === 0 && sk.icskPending === 0)
    resetXmitTimer(sk, ICSK_TIME_PROBE0, tcpProbe0When(sk, tcpRtoMax(sk)), true);
}

/** __tcp_push_pending_frames */
export function tcpPushPendingFramesWith(sk: TcpSock, mss: number, nonagle: number): void {
  if (sk.state === TCP_CLOSE) return;
  if (tcpWriteXmit(sk, mss, nonagle, 0)) tcpCheckProbeTimer(sk);
}

/** tcp_push_pending_frames */
export function tcpPushPendingFrames(sk: TcpSock): void {
  if (sk.sendQueue.head) tcpPushPendingFramesWith(sk, tcpCurrentMss(sk), sk.nonagle);
}

/** There may be room again for a writer (tcp_check_space). */
export function tcpCheckSpace(sk: TcpSock): void {
  if (!sk.noSpace) return;
  if (!(sk.userlocks & SOCK_SNDBUF_LOCK) && shouldExpandSndbuf(sk)) {
    tcpSndbufExpand(sk);
    sk.sndCwndStamp = jiffies(sk.net);
  }
  if (skStreamIsWriteable(sk)) {
    sk.noSpace = false;
    tcpChronoStop(sk, TCP_CHRONO_SNDBUF_LIMITED);
    sk.writeQueue.wakeAll();
  }
}

/** tcp_should_expand_sndbuf */
function shouldExpandSndbuf(sk: TcpSock): boolean {
  return tcpPacketsInFlight(sk) < sk.sndCwnd;
}

/** tcp_add_write_queue_tail */
function queueNew(sk: TcpSock, seg: TxSeg): void {
  sk.sendQueue.push(seg);
  if (sk.sendQueue.head === seg) tcpChronoStart(sk, TCP_CHRONO_BUSY);
}

/** A new record at the end of the write queue (tcp_skb_entail). */
export function tcpEntail(sk: TcpSock): TxSeg {
  const seg = sk.tcp.segs.take();
  seg.seq = sk.writeSeq;
  seg.endSeq = sk.writeSeq;
  seg.flags = ACK;
  queueNew(sk, seg);
  sk.wmemQueued += SKB_OVERHEAD;
  if (sk.nonagle & TCP_NAGLE_PUSH) sk.nonagle &= ~TCP_NAGLE_PUSH;
  tcpSlowStartAfterIdleCheck(sk);
  return seg;
}

/** The FIN goes behind the last byte (tcp_send_fin). */
export function tcpSendFin(sk: TcpSock): void {
  const tail = sk.sendQueue.tail;
  if (tail) {
    tail.flags |= FIN;
    tail.endSeq = (tail.endSeq + 1) >>> 0;
    sk.writeSeq = (sk.writeSeq + 1) >>> 0;
  } else {
    const seg = sk.tcp.segs.take();
    seg.seq = sk.writeSeq;
    seg.endSeq = (sk.writeSeq + 1) >>> 0;
    seg.flags = ACK | FIN;
    sk.wmemQueued += SKB_OVERHEAD;
    sk.writeSeq = seg.endSeq;
    queueNew(sk, seg);
  }
  tcpPushPendingFramesWith(sk, tcpCurrentMss(sk), TCP_NAGLE_OFF);
}

/**
 * Sends one segment longer than the MSS to see whether the path takes it (tcp_mtu_probe; RFC 4821 section 7). 1: sent; 0: wait
 * until it can be; −1: no probe is due.
 */
function tcpMtuProbe(sk: TcpSock): number {
  const { mtup, rxOpt } = sk;
  if (!mtup.enabled || mtup.probeSize !== 0 || sk.caState !== TCP_CA_OPEN || sk.sndCwnd < 11) return -1;
  if (rxOpt.numSacks > 0 || rxOpt.dsack) return -1;
  const mss = tcpCurrentMss(sk);
  const size = tcpMtuToMss(sk, (mtup.searchHigh + mtup.searchLow) >> 1);
  const needed = size + (sk.reordering + 1) * sk.mssCache;
  const range = mtup.searchHigh - mtup.searchLow;
  if (size > tcpMtuToMss(sk, mtup.searchHigh) || range < sk.tcp.sysctl.probeThreshold) {
    tcpMtuCheckReprobe(sk);
    return -1;
  }
  if ((sk.writeSeq - sk.sndNxt) >>> 0 < needed || sk.sndWnd < needed) return -1;
  if (after((sk.sndNxt + needed) >>> 0, tcpWndEnd(sk))) return 0;
  const inFlight = tcpPacketsInFlight(sk);
  if (inFlight + 2 > sk.sndCwnd) return inFlight === 0 ? -1 : 0;
  const head = sk.sendQueue.head!;
  let left = size;
  for (let seg: TxSeg | null = head; seg && left > seg.len; seg = seg.next) {
    if (seg.eor || !seg.next) return -1;
    left -= seg.len;
  }
  const probe = probeOf(sk, head, size, mss);
  if (tcpTransmit(sk, probe, probe.seq, probe.flags, probe.len) !== 0) return -1;
  // it counts for two packets
  sk.sndCwnd--;
  tcpEventNewDataSent(sk, probe);
  mtup.probeSize = tcpMssToMtu(sk, probe.len);
  mtup.probeSeqStart = probe.seq;
  mtup.probeSeqEnd = probe.endSeq;
  return 1;
}

/** The first `size` bytes of the send queue as one segment in front of it. */
function probeOf(sk: TcpSock, head: TxSeg, size: number, mss: number): TxSeg {
  const probe = sk.tcp.segs.take();
  probe.seq = head.seq;
  probe.endSeq = (head.seq + size) >>> 0;
  probe.len = size;
  probe.flags = ACK;
  if (sk.highestSack === head) sk.highestSack = probe;
  for (let left = size; left > 0; ) {
    const seg = sk.sendQueue.head!;
    const copy = Math.min(seg.len, left);
    left -= copy;
    if (copy === seg.len) {
      probe.flags |= seg.flags;
      probe.eor = seg.eor;
      sk.sendQueue.remove(seg);
      tcpWmemFree(sk, seg);
    } else {
      probe.flags |= seg.flags & ~(FIN | PSH);
      seg.seq = (seg.seq + copy) >>> 0;
      seg.len -= copy;
      sk.wmemQueued -= copy;
      tcpSetTsoSegs(seg, mss);
    }
  }
  sk.wmemQueued += SKB_OVERHEAD + size;
  sk.sendQueue.insertAfter(null, probe);
  tcpInitTsoSegs(probe, size);
  return probe;
}
