// Delivery-rate estimation (draft-cheng-iccrg-delivery-rate-estimation): each segment remembers how much had been
// delivered when it was sent, and its acknowledgement gives a sample. Answers to net/ipv4/tcp_rate.c.

import { TCPCB_RETRANS, TCPCB_SACKED_ACKED, type TxSeg } from "./tcp-segment.ts";
import { after, type RateSample, type TcpSock, tcpPacketsInFlight } from "./tcp-sock.ts";
import { minmaxGet } from "./win-minmax.ts";

/** A segment was sent (tcp_rate_skb_sent). */
export function tcpRateSkbSent(sk: TcpSock, seg: TxSeg): void {
  if (sk.packetsOut === 0) {
    const sentUs = Math.floor(seg.sentNs / 1000);
    sk.firstTxMstamp = sentUs;
    sk.deliveredMstamp = sentUs;
  }
  seg.firstTxMstamp = sk.firstTxMstamp;
  seg.deliveredMstamp = sk.deliveredMstamp;
  seg.txDelivered = sk.delivered;
  seg.txDeliveredCe = sk.deliveredCe;
  seg.txAppLimited = sk.appLimited !== 0;
}

/** True when the first of two segments was sent later (tcp_skb_sent_after). */
export function tcpSkbSentAfter(t1Us: number, t2Us: number, seq1: number, seq2: number): boolean {
  return t1Us > t2Us || (t1Us === t2Us && after(seq1, seq2));
}

/** A segment was acknowledged or SACKed: the sample follows the one sent last (tcp_rate_skb_delivered). */
export function tcpRateSkbDelivered(sk: TcpSock, seg: TxSeg, rs: RateSample): void {
  if (seg.deliveredMstamp === 0) return;
  const txUs = Math.floor(seg.sentNs / 1000);
  if (rs.priorDelivered === 0 || tcpSkbSentAfter(txUs, sk.firstTxMstamp, seg.endSeq, rs.lastEndSeq)) {
    rs.priorDeliveredCe = seg.txDeliveredCe;
    rs.priorDelivered = seg.txDelivered;
    rs.priorMstamp = seg.deliveredMstamp;
    rs.isAppLimited = seg.txAppLimited;
    rs.isRetrans = (seg.sacked & TCPCB_RETRANS) !== 0;
    rs.lastEndSeq = seg.endSeq;
    sk.firstTxMstamp = txUs;
    rs.intervalUs = Math.max(0, txUs - seg.firstTxMstamp);
  }
  if (seg.sacked & TCPCB_SACKED_ACKED) seg.deliveredMstamp = 0;
}

/** The sample of one ACK, complete (tcp_rate_gen). intervalUs −1: not usable. */
export function tcpRateGen(sk: TcpSock, delivered: number, lost: number, reneg: boolean, rs: RateSample): void {
  if (sk.appLimited !== 0 && after(sk.delivered, sk.appLimited)) sk.appLimited = 0;
  if (delivered !== 0) sk.deliveredMstamp = sk.mstamp;
  rs.ackedSacked = delivered;
  rs.losses = lost;
  if (rs.priorMstamp === 0 || reneg) {
    rs.delivered = -1;
    rs.intervalUs = -1;
    return;
  }
  rs.delivered = sk.delivered - rs.priorDelivered;
  rs.deliveredCe = sk.deliveredCe - rs.priorDeliveredCe;
  const sndUs = rs.intervalUs;
  const ackUs = Math.max(0, sk.mstamp - rs.priorMstamp);
  rs.intervalUs = Math.max(sndUs, ackUs);
  rs.sndIntervalUs = sndUs;
  rs.rcvIntervalUs = ackUs;
  // shorter than the least RTT: the ACK was for an earlier transmission
  if (rs.intervalUs < minmaxGet(sk.rttMin)) {
    rs.intervalUs = -1;
    return;
  }
  if (!rs.isAppLimited || rs.delivered * sk.rateIntervalUs >= sk.rateDelivered * rs.intervalUs) {
    sk.rateDelivered = rs.delivered;
    sk.rateIntervalUs = rs.intervalUs;
    sk.rateAppLimited = rs.isAppLimited;
  }
}

/** There is too little to send to fill the window (tcp_rate_check_app_limited). */
export function tcpRateCheckAppLimited(sk: TcpSock): void {
  if (
    (sk.writeSeq - sk.sndNxt) >>> 0 < sk.mssCache &&
    tcpPacketsInFlight(sk) < sk.sndCwnd &&
    sk.lostOut <= sk.retransOut
  )
    sk.appLimited = sk.delivered + tcpPacketsInFlight(sk) || 1;
}
