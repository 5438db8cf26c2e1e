// Arming the retransmission, probe and delayed ACK timers, and the round-trip estimate that says for how long (RFC 6298 as
// Linux does it; RFC 8985 section 7.2 for the loss probe's time-out). Answers to include/net/inet_connection_sock.h and to
// tcp_rtt_estimator, tcp_rearm_rto, tcp_schedule_loss_probe. What the timers do when they go off is in tcp-timer.ts.

import {
  BOOT_NS,
  expiresIn,
  HZ,
  ICSK_ACK_TIMER,
  ICSK_TIME_LOSS_PROBE,
  ICSK_TIME_REO_TIMEOUT,
  ICSK_TIME_RETRANS,
  JIFFY_NS,
  JIFFY_US,
  jiffies,
  TCP_CA_CWR,
  TCP_CA_OPEN,
  TCP_TIMEOUT_INIT,
  TCP_TIMEOUT_MIN_US,
  type TcpSock,
  tcpIsSack,
  tcpRtoMax,
  tcpRtoMinUs,
  usecsToJiffies,
} from "./tcp-sock.ts";
import { minmaxReset, minmaxRunningMin } from "./win-minmax.ts";

/** Jiffies that pacing will hold the next packet back (tcp_pacing_delay). */
function pacingDelay(sk: TcpSock): number {
  const delay = sk.wstampNs - sk.clockCacheNs;
  return delay > 0 ? Math.floor(delay / JIFFY_NS) : 0;
}

/** Arms the one timer of ICSK_TIME_* (tcp_reset_xmit_timer); `when` in jiffies from now. */
export function resetXmitTimer(sk: TcpSock, what: number, when: number, paceDelay: boolean): void {
  if (paceDelay) when += pacingDelay(sk);
  when = Math.min(when, tcpRtoMax(sk));
  sk.icskPending = what;
  sk.icskTimeout = jiffies(sk.net) + when;
  sk.retransmitTimer.mod(expiresIn(sk.net.now, when));
}

/** inet_csk_clear_xmit_timer(ICSK_TIME_RETRANS) */
export function clearRetransTimer(sk: TcpSock): void {
  sk.icskPending = 0;
  sk.retransmitTimer.del();
}

/** Arms the delayed ACK timer; `when` in jiffies from now. */
export function resetDackTimer(sk: TcpSock, when: number): void {
  sk.ackPending |= ICSK_ACK_TIMER;
  sk.ackTimeout = jiffies(sk.net) + when;
  sk.delackTimer.mod(expiresIn(sk.net.now, when));
}

/** inet_csk_clear_xmit_timer(ICSK_TIME_DACK) */
export function clearDackTimer(sk: TcpSock): void {
  sk.ackPending = 0;
  sk.ackRetry = 0;
  sk.delackTimer.del();
}

/** Arms sk_timer: keepalive, FIN_WAIT_2 (inet_csk_reset_keepalive_timer). */
export function resetKeepaliveTimer(sk: TcpSock, when: number): void {
  sk.keepaliveExpires = jiffies(sk.net) + when;
  sk.keepaliveTimer.mod(expiresIn(sk.net.now, when));
}

export function deleteKeepaliveTimer(sk: TcpSock): void {
  sk.keepaliveTimer.del();
}

/** tcp_clear_xmit_timers */
export function clearXmitTimers(sk: TcpSock): void {
  sk.pacingTimer.del();
  sk.compressedAckTimer.del();
  sk.icskPending = 0;
  sk.ackPending = 0;
  sk.retransmitTimer.del();
  sk.delackTimer.del();
  sk.keepaliveTimer.del();
}

/** Holds the next packet back until its departure time; true while that has not come (tcp_pacing_check). */
export function tcpPacingCheck(sk: TcpSock): boolean {
  if (!sk.pacingNeeded || sk.wstampNs <= sk.clockCacheNs) return false;
  if (!sk.pacingTimer.pending) sk.pacingTimer.mod(sk.wstampNs - BOOT_NS);
  return true;
}

/** A new round-trip measurement in µs (tcp_rtt_estimator). */
export function tcpRttEstimator(sk: TcpSock, rttUs: number): void {
  let m = rttUs;
  let srtt = sk.srttUs;
  if (srtt !== 0) {
    m -= srtt >> 3;
    srtt += m;
    if (m < 0) {
      m = -m;
      m -= sk.mdevUs >> 2;
      // a drop of the round trip must not raise the variance
      if (m > 0) m >>= 3;
    } else m -= sk.mdevUs >> 2;
    sk.mdevUs += m;
    if (sk.mdevUs > sk.mdevMaxUs) {
      sk.mdevMaxUs = sk.mdevUs;
      if (sk.mdevMaxUs > sk.rttvarUs) sk.rttvarUs = sk.mdevMaxUs;
    }
    if (((sk.sndUna - sk.rttSeq) | 0) > 0) {
      if (sk.mdevMaxUs < sk.rttvarUs) sk.rttvarUs -= (sk.rttvarUs - sk.mdevMaxUs) >> 2;
      sk.rttSeq = sk.sndNxt;
      sk.mdevMaxUs = tcpRtoMinUs(sk);
    }
  } else {
    srtt = m << 3;
    sk.mdevUs = m << 1;
    sk.rttvarUs = Math.max(sk.mdevUs, tcpRtoMinUs(sk));
    sk.mdevMaxUs = sk.rttvarUs;
    sk.rttSeq = sk.sndNxt;
  }
  sk.srttUs = Math.max(1, srtt);
}

/** tcp_set_rto: srtt + 4·rttvar, at most the maximum. */
export function tcpSetRto(sk: TcpSock): void {
  sk.icskRto = Math.min(tcpRtoFromRtt(sk), tcpRtoMax(sk));
}

/** __tcp_set_rto, jiffies */
export function tcpRtoFromRtt(sk: TcpSock): number {
  return usecsToJiffies((sk.srttUs >> 3) + sk.rttvarUs);
}

/** The least round trip of the last five minutes (tcp_update_rtt_min). */
export function tcpUpdateRttMin(sk: TcpSock, rttUs: number, ackMayBeDelayed: boolean): void {
  const window = sk.tcp.sysctl.minRttWlen * HZ;
  // an ACK that only told of the delayed ACK timer is no news of the path
  if (ackMayBeDelayed && rttUs > sk.rttMin.v[0]!) return;
  minmaxRunningMin(sk.rttMin, window, jiffies(sk.net), rttUs || usecsOf(1));
}

function usecsOf(j: number): number {
  return j * JIFFY_US;
}

export function tcpResetRttMin(sk: TcpSock): void {
  minmaxReset(sk.rttMin, jiffies(sk.net), 0xffffffff);
}

/** µs until the oldest segment's time-out (tcp_rto_delta_us). */
export function tcpRtoDeltaUs(sk: TcpSock): number {
  const rto = usecsOf(sk.icskRto);
  const head = sk.rtxQueue.head;
  return head ? Math.floor(head.sentNs / 1000) + rto - sk.mstamp : rto;
}

/** Restarts the retransmission timer, or stops it when all is acknowledged (tcp_rearm_rto; RFC 6298 section 5). */
export function tcpRearmRto(sk: TcpSock): void {
  // the timer is the SYN-ACK's
  if (sk.fastopenRsk) return;
  if (sk.packetsOut === 0) {
    clearRetransTimer(sk);
    return;
  }
  let rto = sk.icskRto;
  if (sk.icskPending === ICSK_TIME_REO_TIMEOUT || sk.icskPending === ICSK_TIME_LOSS_PROBE)
    rto = usecsToJiffies(Math.max(tcpRtoDeltaUs(sk), 1));
  resetXmitTimer(sk, ICSK_TIME_RETRANS, rto, true);
}

/** Arms the tail loss probe; false when none is due (tcp_schedule_loss_probe; RFC 8985 section 7.2). */
export function tcpScheduleLossProbe(sk: TcpSock, advancingRto: boolean): boolean {
  // not before a connection that a SYN has made is acknowledged
  if (sk.fastopenRsk) return false;
  const early = sk.tcp.sysctl.earlyRetrans;
  if (
    (early !== 3 && early !== 4) ||
    sk.packetsOut === 0 ||
    !tcpIsSack(sk) ||
    (sk.caState !== TCP_CA_OPEN && sk.caState !== TCP_CA_CWR)
  )
    return false;
  let timeout: number;
  if (sk.srttUs !== 0) {
    // the timer wheel adds a jiffy of its own
    let us = sk.srttUs >> 2;
    if (sk.packetsOut === 1) us += tcpRtoMinUs(sk);
    else us += TCP_TIMEOUT_MIN_US;
    timeout = usecsToJiffies(us);
  } else timeout = TCP_TIMEOUT_INIT;
  const rtoDelta = advancingRto ? usecsOf(sk.icskRto) : tcpRtoDeltaUs(sk);
  if (rtoDelta > 0) timeout = Math.min(timeout, usecsToJiffies(rtoDelta));
  resetXmitTimer(sk, ICSK_TIME_LOSS_PROBE, timeout, true);
  return true;
}

/** tcp_probe0_base, tcp_probe0_when: jiffies between window probes, backed off. */
export function tcpProbe0When(sk: TcpSock, max: number): number {
  const base = Math.max(sk.icskRto, sk.icskRtoMin);
  const backoff = Math.min(Math.floor(Math.log2(tcpRtoMax(sk) / sk.icskRtoMin)) + 1, sk.icskBackoff);
  return Math.min(base * 2 ** backoff, max);
}
