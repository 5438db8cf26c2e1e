// Telling which segments are lost: by time with RACK (RFC 8985), or by three duplicate ACKs where the peer knows no SACK
// (RFC 6582). Answers to net/ipv4/tcp_recovery.c and tcp_mark_skb_lost.

import { tsortedRemove } from "./tcp-output.ts";
import { tcpSkbSentAfter } from "./tcp-rate.ts";
import { TCPCB_LOST, TCPCB_RETRANS, TCPCB_SACKED_ACKED, TCPCB_SACKED_RETRANS, type TxSeg } from "./tcp-segment.ts";
import {
  before,
  ICSK_TIME_REO_TIMEOUT,
  type RateSample,
  TCP_CA_RECOVERY,
  TCP_TIMEOUT_MIN_US,
  type TcpSock,
  usecsToJiffies,
} from "./tcp-sock.ts";
import { tcpFragment } from "./tcp-write.ts";
import { resetXmitTimer } from "./tcp-xmit-timer.ts";
import { minmaxGet } from "./win-minmax.ts";

const TCP_RACK_STATIC_REO_WND = 2;
const TCP_RACK_NO_DUPTHRESH = 4;
const TCP_RACK_RECOVERY_THRESH = 16;

/** A segment is lost, or its retransmission is (tcp_mark_skb_lost). */
export function tcpMarkSkbLost(sk: TcpSock, seg: TxSeg): void {
  const { sacked } = seg;
  if (sacked & TCPCB_SACKED_ACKED) return;
  const hint = sk.retransHint;
  if ((!hint && sk.retransOut >= sk.lostOut) || (hint && before(seg.seq, hint.seq))) sk.retransHint = seg;
  if (sacked & TCPCB_LOST) {
    if (!(sacked & TCPCB_SACKED_RETRANS)) return;
    seg.sacked &= ~TCPCB_SACKED_RETRANS;
    sk.retransOut -= seg.pcount;
    sk.tcp.mib.ext.TCPLostRetransmit += seg.pcount;
  } else {
    sk.lostOut += seg.pcount;
    seg.sacked |= TCPCB_LOST;
  }
  sk.lost += seg.pcount;
}

/** How much later than its neighbours a segment may be delivered (tcp_rack_reo_wnd), µs. */
function rackReoWnd(sk: TcpSock): number {
  if (sk.reordSeen === 0) {
    if (sk.caState >= TCP_CA_RECOVERY) return 0;
    if (sk.sackedOut >= sk.reordering && !(sk.tcp.sysctl.recovery & TCP_RACK_NO_DUPTHRESH)) return 0;
  }
  return Math.min(Math.floor(minmaxGet(sk.rttMin) / 4) * sk.rackReoWndSteps, sk.srttUs >> 3);
}

/** µs until a segment counts as lost (tcp_rack_skb_timeout). */
export function tcpRackSkbTimeout(sk: TcpSock, seg: TxSeg, reoWnd: number): number {
  return sk.rackRttUs + reoWnd - Math.max(0, sk.mstamp - Math.floor(seg.sentNs / 1000));
}

/** Marks what was sent well before the latest delivered segment; µs until the next one is due, 0 none (tcp_rack_detect_loss). */
export function tcpRackDetectLoss(sk: TcpSock): number {
  let timeout = 0;
  const reoWnd = rackReoWnd(sk);
  for (let seg = sk.tsortedHead; seg; ) {
    const next = seg.tsNext;
    if (!(seg.sacked & TCPCB_LOST && !(seg.sacked & TCPCB_SACKED_RETRANS))) {
      if (!tcpSkbSentAfter(sk.rackMstamp, Math.floor(seg.sentNs / 1000), sk.rackEndSeq, seg.endSeq)) break;
      const remaining = tcpRackSkbTimeout(sk, seg, reoWnd);
      if (remaining <= 0) {
        tcpMarkSkbLost(sk, seg);
        tsortedRemove(sk, seg);
      } else timeout = Math.max(timeout, remaining);
    }
    seg = next;
  }
  return timeout;
}

/** True when the reordering timer was armed (tcp_rack_mark_lost). */
export function tcpRackMarkLost(sk: TcpSock): boolean {
  if (!sk.rackAdvanced) return false;
  sk.rackAdvanced = false;
  const timeout = tcpRackDetectLoss(sk);
  if (timeout === 0) return false;
  const when = Math.min(usecsToJiffies(timeout + TCP_TIMEOUT_MIN_US), sk.icskRto);
  resetXmitTimer(sk, ICSK_TIME_REO_TIMEOUT, when, false);
  return true;
}

/** A segment was delivered: the latest sent of them sets the clock (tcp_rack_advance). */
export function tcpRackAdvance(sk: TcpSock, sacked: number, endSeq: number, sentUs: number): void {
  const rttUs = Math.max(0, sk.mstamp - sentUs);
  // a retransmission acknowledged too soon: it was the original
  if (rttUs < minmaxGet(sk.rttMin) && sacked & TCPCB_RETRANS) return;
  sk.rackAdvanced = true;
  sk.rackRttUs = rttUs;
  if (tcpSkbSentAfter(sentUs, sk.rackMstamp, endSeq, sk.rackEndSeq)) {
    sk.rackMstamp = sentUs;
    sk.rackEndSeq = endSeq;
  }
}

/** DSACKs widen the reordering window for a while (tcp_rack_update_reo_wnd). */
export function tcpRackUpdateReoWnd(sk: TcpSock, rs: RateSample): void {
  if (sk.tcp.sysctl.recovery & TCP_RACK_STATIC_REO_WND || rs.priorDelivered === 0) return;
  if (before(rs.priorDelivered, sk.rackLastDelivered)) sk.rackDsackSeen = false;
  if (sk.rackDsackSeen) {
    sk.rackReoWndSteps = Math.min(255, sk.rackReoWndSteps + 1);
    sk.rackDsackSeen = false;
    sk.rackLastDelivered = sk.delivered;
    sk.rackReoWndPersist = TCP_RACK_RECOVERY_THRESH;
  } else if (sk.rackReoWndPersist === 0) sk.rackReoWndSteps = 1;
}

/** Without SACK the oldest segment is the lost one (tcp_newreno_mark_lost). */
export function tcpNewrenoMarkLost(sk: TcpSock, sndUnaAdvanced: boolean): void {
  const starts = sk.caState < TCP_CA_RECOVERY && sk.sackedOut >= sk.reordering;
  if (!starts && !(sk.caState === TCP_CA_RECOVERY && sndUnaAdvanced)) return;
  const head = sk.rtxQueue.head;
  if (!head || head.sacked & TCPCB_LOST) return;
  const mss = head.gsoSize;
  if (head.pcount > 1 && head.len > mss) tcpFragment(sk, head, mss, mss, true);
  tcpMarkSkbLost(sk, head);
}
