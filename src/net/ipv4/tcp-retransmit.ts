// Sending again: what was marked lost, the tail loss probe (RFC 8985 section 7), and probes of a closed window (RFC 9293
// section 3.8.6.1). Answers to the end of net/ipv4/tcp_output.c. Which segments are lost is decided in tcp-loss.ts and
// tcp-recovery.ts.

import { CWR, ECE, PSH, SYN } from "../../wire/tcp.ts";
import { tcpCurrentMss, tcpDst, tcpTransmit, tcpXmitProbe, tsortedRemove } from "./tcp-output.ts";
import { TCPCB_EVER_RETRANS, TCPCB_LOST, TCPCB_SACKED_ACKED, TCPCB_SACKED_RETRANS, type TxSeg } from "./tcp-segment.ts";
import {
  after,
  before,
  between,
  ICSK_TIME_PROBE0,
  ICSK_TIME_REO_TIMEOUT,
  ICSK_TIME_RETRANS,
  TCP_CA_LOSS,
  TCP_CLOSE,
  TCP_ECN_OK,
  TCP_NAGLE_OFF,
  TCP_RESOURCE_PROBE_INTERVAL,
  type TcpSock,
  tcpInCwndReduction,
  tcpPacketsInFlight,
  tcpRtoMax,
  tcpWndEnd,
} from "./tcp-sock.ts";
import { clampProbe0ToUserTimeout } from "./tcp-user-timeout.ts";
import {
  tcpAdjustPcount,
  tcpEventNewDataSent,
  tcpFragment,
  tcpSetTsoSegs,
  tcpTsoSegs,
  tcpWmemFree,
  tcpWriteXmit,
} from "./tcp-write.ts";
import { resetXmitTimer, tcpPacingCheck, tcpProbe0When, tcpRearmRto } from "./tcp-xmit-timer.ts";

/** The first `n` bytes of a segment were acknowledged (tcp_trim_head). */
export function tcpTrimHead(sk: TcpSock, seg: TxSeg, n: number): void {
  seg.seq = (seg.seq + n) >>> 0;
  seg.len -= n;
  sk.wmemQueued -= n;
  if (seg.pcount > 1) tcpSetTsoSegs(seg, seg.gsoSize);
}

function canCollapse(seg: TxSeg): boolean {
  return seg.pcount === 1 && !(seg.sacked & TCPCB_SACKED_ACKED) && !seg.zc;
}

/** Joins small segments that follow to the one about to be sent again (tcp_retrans_try_collapse). */
function retransTryCollapse(sk: TcpSock, to: TxSeg, space: number): void {
  if (!sk.tcp.sysctl.retransCollapse || to.flags & SYN) return;
  if (!canCollapse(to) || to.eor) return;
  space -= to.len;
  for (let seg = to.next; seg; seg = to.next) {
    if (!canCollapse(seg) || to.eor) return;
    space -= seg.len;
    if (space < 0 || after(seg.endSeq, tcpWndEnd(sk))) return;
    if (sk.highestSack === seg) sk.highestSack = to;
    to.endSeq = seg.endSeq;
    to.len += seg.len;
    to.flags |= seg.flags;
    to.sacked |= seg.sacked & TCPCB_EVER_RETRANS;
    to.eor = seg.eor;
    if (seg.tsFlags !== 0) {
      to.tsFlags = seg.tsFlags;
      to.tsKey = seg.tsKey;
    }
    if (sk.retransHint === seg) sk.retransHint = to;
    tcpAdjustPcount(sk, seg, seg.pcount);
    sk.wmemQueued += seg.len;
    tsortedRemove(sk, seg);
    sk.rtxQueue.remove(seg);
    tcpWmemFree(sk, seg);
  }
}

/**
 * Sends a segment again, at most `segs` packets of it (__tcp_retransmit_skb). True when it went out: the caller counts it.
 */
export function tcpRetransmitRaw(sk: TcpSock, seg: TxSeg, segs: number): boolean {
  if (before(seg.seq, sk.sndUna)) {
    if (seg.flags & SYN) {
      seg.flags &= ~SYN;
      seg.seq = (seg.seq + 1) >>> 0;
    }
    if (before(seg.seq, sk.sndUna)) tcpTrimHead(sk, seg, (sk.sndUna - seg.seq) >>> 0);
  }
  if (!tcpDst(sk)) return false;
  const mss = tcpCurrentMss(sk);
  let avail = (tcpWndEnd(sk) - seg.seq) | 0;
  // outside a shrunken window only the first segment goes, as a probe
  if (avail <= 0 && !(seg.flags & SYN)) {
    if (seg.seq !== sk.sndUna) return false;
    avail = mss;
  }
  let len = mss * segs;
  if (len > avail) len = avail - (avail % mss) || avail;
  if (seg.len > len && !(seg.flags & SYN)) tcpFragment(sk, seg, len, mss, true);
  else {
    const diff = seg.pcount - tcpSetTsoSegs(seg, mss);
    if (diff !== 0) tcpAdjustPcount(sk, seg, diff);
    avail = Math.min(avail, mss);
    if (seg.len < avail) retransTryCollapse(sk, seg, avail);
  }
  if ((seg.flags & (SYN | ECE | CWR)) === (SYN | ECE | CWR) && sk.tcp.sysctl.ecnFallback) {
    seg.flags &= ~(ECE | CWR);
    sk.ecnFlags &= ~TCP_ECN_OK;
  }
  const { mib } = sk.tcp;
  const { pcount } = seg;
  mib.tcp.RetransSegs += pcount;
  if (seg.flags & SYN) mib.ext.TCPSynRetrans++;
  sk.totalRetrans += pcount;
  sk.bytesRetrans += seg.len;
  const error = tcpTransmit(sk, seg, seg.seq, seg.flags, seg.len);
  seg.sacked |= TCPCB_EVER_RETRANS;
  if (error !== 0) mib.ext.TCPRetransFail += pcount;
  return error === 0;
}

/** The same, counted as a retransmission in flight (tcp_retransmit_skb). */
export function tcpRetransmitSkb(sk: TcpSock, seg: TxSeg, segs: number): boolean {
  const sent = tcpRetransmitRaw(sk, seg, segs);
  if (sent) {
    seg.sacked |= TCPCB_SACKED_RETRANS;
    sk.retransOut += seg.pcount;
  }
  if (sk.retransStamp === 0) sk.retransStamp = Math.floor(seg.sentNs / 1_000_000);
  if (sk.undoRetrans < 0) sk.undoRetrans = 0;
  sk.undoRetrans += seg.pcount;
  return sent;
}

/** Sends again what is marked lost, as far as the window lets it (tcp_xmit_retransmit_queue). */
export function tcpXmitRetransmitQueue(sk: TcpSock): void {
  if (sk.packetsOut === 0) return;
  const head = sk.rtxQueue.head;
  let hole: TxSeg | null = null;
  let rearm = false;
  const maxSegs = tcpTsoSegs(sk, tcpCurrentMss(sk));
  for (let seg = sk.retransHint ?? head; seg; seg = seg.next) {
    if (tcpPacingCheck(sk)) break;
    if (!hole) sk.retransHint = seg;
    const room = sk.sndCwnd - tcpPacketsInFlight(sk);
    if (room <= 0) break;
    const { sacked } = seg;
    if (sk.retransOut >= sk.lostOut) break;
    if (!(sacked & TCPCB_LOST)) {
      if (!hole && !(sacked & (TCPCB_SACKED_RETRANS | TCPCB_SACKED_ACKED))) hole = seg;
      continue;
    }
    if (sacked & (TCPCB_SACKED_ACKED | TCPCB_SACKED_RETRANS)) continue;
    if (!tcpRetransmitSkb(sk, seg, Math.min(room, maxSegs))) break;
    const { ext } = sk.tcp.mib;
    if (sk.caState !== TCP_CA_LOSS) ext.TCPFastRetrans += seg.pcount;
    else ext.TCPSlowStartRetrans += seg.pcount;
    if (tcpInCwndReduction(sk)) sk.prrOut += seg.pcount;
    if (seg === head && sk.icskPending !== ICSK_TIME_REO_TIMEOUT) rearm = true;
  }
  if (rearm) resetXmitTimer(sk, ICSK_TIME_RETRANS, sk.icskRto, true);
}

/** Two round trips without an ACK: sends new data, or the last segment again (tcp_send_loss_probe). */
export function tcpSendLossProbe(sk: TcpSock): void {
  const mss = tcpCurrentMss(sk);
  if (sk.tlpHighSeq === 0 && lossProbe(sk, mss)) {
    sk.tlpHighSeq = sk.sndNxt;
    sk.tcp.mib.ext.TCPLossProbes++;
    sk.icskPending = 0;
  }
  tcpRearmRto(sk);
}

function lossProbe(sk: TcpSock, mss: number): boolean {
  sk.tlpRetrans = false;
  const next = sk.sendQueue.head;
  const firstEnd = next && next.len > mss ? (next.seq + mss) >>> 0 : next?.endSeq;
  if (next && !after(firstEnd!, tcpWndEnd(sk))) {
    const packets = sk.packetsOut;
    tcpWriteXmit(sk, mss, TCP_NAGLE_OFF, 2);
    return sk.packetsOut > packets;
  }
  let last = sk.rtxQueue.tail;
  if (!last) {
    sk.icskPending = 0;
    return false;
  }
  if (last.pcount > 1 && last.len > (last.pcount - 1) * mss)
    last = tcpFragment(sk, last, (last.pcount - 1) * mss, mss, true);
  if (!tcpRetransmitRaw(sk, last, 1)) return false;
  sk.tlpRetrans = true;
  return true;
}

/** Sends something that makes the peer answer (tcp_write_wakeup): data if the window lets it. 0 or an errno, −1 closed. */
export function tcpWriteWakeup(sk: TcpSock): number {
  if (sk.state === TCP_CLOSE) return -1;
  const seg = sk.sendQueue.head;
  if (!seg || !before(seg.seq, tcpWndEnd(sk))) {
    if (between(sk.sndUp, (sk.sndUna + 1) >>> 0, (sk.sndUna + 0xffff) >>> 0)) tcpXmitProbe(sk, true);
    return tcpXmitProbe(sk, false);
  }
  const mss = tcpCurrentMss(sk);
  let size = (tcpWndEnd(sk) - seg.seq) >>> 0;
  if (before(sk.pushedSeq, seg.endSeq)) sk.pushedSeq = seg.endSeq;
  if (size < (seg.endSeq - seg.seq) >>> 0 || seg.len > mss) {
    size = Math.min(size, mss);
    seg.flags |= PSH;
    tcpFragment(sk, seg, size, mss, false);
  } else if (seg.pcount === 0) tcpSetTsoSegs(seg, mss);
  seg.flags |= PSH;
  const error = tcpTransmit(sk, seg, seg.seq, seg.flags, seg.len);
  if (error === 0) tcpEventNewDataSent(sk, seg);
  return error;
}

/** Probes a closed window and waits longer for the next time (tcp_send_probe0). */
export function tcpSendProbe0(sk: TcpSock): void {
  sk.tcp.mib.ext.TCPWinProbe++;
  const error = tcpWriteWakeup(sk);
  if (sk.packetsOut > 0 || !sk.sendQueue.head) {
    sk.icskProbesOut = 0;
    sk.icskBackoff = 0;
    sk.icskProbesTstamp = 0;
    return;
  }
  sk.icskProbesOut++;
  let timeout: number;
  if (error <= 0) {
    if (sk.icskBackoff < sk.tcp.sysctl.retries2) sk.icskBackoff++;
    timeout = tcpProbe0When(sk, tcpRtoMax(sk));
  } else timeout = TCP_RESOURCE_PROBE_INTERVAL;
  resetXmitTimer(sk, ICSK_TIME_PROBE0, clampProbe0ToUserTimeout(sk, timeout), true);
}
