// What TCP's timers do when they go off: retransmission and its backing off (RFC 6298), giving up (RFC 9293 section
// 3.8.3), window probes, delayed ACKs, keepalive (RFC 1122 section 4.2.3.6), pacing. Answers to net/ipv4/tcp_timer.c and
// the pacing tasklet of tcp_output.c. A timer that finds the socket owned by a sender leaves a note for tcpReleaseCb.

import { Errno } from "../../base/errno.ts";
import { tcpDone, tcpDoneWithError } from "./tcp-done.ts";
import { tcpFastopenActiveDetectBlackhole } from "./tcp-fastopen.ts";
import { tcpEnterLoss, tcpRackReoTimeout } from "./tcp-loss.ts";
import { tcpMtuProbing } from "./tcp-mtup.ts";
import { tcpCurrentMss, tcpSendAck, tcpSendActiveReset } from "./tcp-output.ts";
import { type RequestSock, rtxSynack } from "./tcp-request.ts";
import {
  tcpRetransmitSkb,
  tcpSendLossProbe,
  tcpSendProbe0,
  tcpWriteWakeup,
  tcpXmitRetransmitQueue,
} from "./tcp-retransmit.ts";
import {
  ackScheduled,
  exitPingpongMode,
  HZ,
  ICSK_ACK_TIMER,
  ICSK_TIME_LOSS_PROBE,
  ICSK_TIME_PROBE0,
  ICSK_TIME_REO_TIMEOUT,
  ICSK_TIME_RETRANS,
  inPingpongMode,
  jiffies,
  msecsToJiffies,
  TCP_ATO_MIN,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_DELACK_TIMER_DEFERRED,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_RESOURCE_PROBE_INTERVAL,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIMEOUT_INIT,
  TCP_TIMEWAIT_LEN,
  TCP_TSQ_DEFERRED,
  TCP_WRITE_TIMER_DEFERRED,
  type TcpSock,
  tcpFinTime,
  tcpInInitialSlowstart,
  tcpMstampRefresh,
  tcpPacketsInFlight,
  tcpRtoMax,
  tcpTimeStampMs,
} from "./tcp-sock.ts";
import { tcpTimeWait } from "./tcp-timewait.ts";
import { clampRtoToUserTimeout } from "./tcp-user-timeout.ts";
import { tcpWriteXmit } from "./tcp-write.ts";
import { resetKeepaliveTimer, resetXmitTimer, tcpRtoFromRtt } from "./tcp-xmit-timer.ts";

const TCP_RTO_MIN: number = HZ / 5;
const TCP_THIN_LINEAR_RETRIES = 6;

/** Makes the five timers of a new socket (tcp_init_xmit_timers). */
export function tcpInitXmitTimers(sk: TcpSock): void {
  const { sim } = sk.net;
  const { timers } = sk.net.kernel;
  sk.retransmitTimer = timers.timer(() => {
    if (sk.owned) sk.tsqFlags |= TCP_WRITE_TIMER_DEFERRED;
    else tcpWriteTimerHandler(sk);
  });
  sk.delackTimer = timers.timer(() => {
    if (sk.owned) sk.tsqFlags |= TCP_DELACK_TIMER_DEFERRED;
    else tcpDelackTimerHandler(sk);
  });
  sk.keepaliveTimer = timers.timer(() => keepaliveTimer(sk));
  sk.pacingTimer = sim.timer(() => {
    if (sk.owned) sk.tsqFlags |= TCP_TSQ_DEFERRED;
    else tcpTsqWrite(sk);
  });
  sk.compressedAckTimer = sim.timer(() => {
    if (sk.owned) sk.tsqFlags |= TCP_DELACK_TIMER_DEFERRED;
    else if (sk.compressedAck > 0) {
      sk.compressedAck--;
      tcpMstampRefresh(sk);
      tcpSendAck(sk);
    }
  });
}

/** Sends what pacing held back (tcp_tsq_write). */
export function tcpTsqWrite(sk: TcpSock): void {
  switch (sk.state) {
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT1:
    case TCP_CLOSING:
    case TCP_CLOSE_WAIT:
    case TCP_LAST_ACK:
      break;
    default:
      return;
  }
  if (sk.lostOut > sk.retransOut && sk.sndCwnd > tcpPacketsInFlight(sk)) {
    tcpMstampRefresh(sk);
    tcpXmitRetransmitQueue(sk);
  }
  tcpWriteXmit(sk, tcpCurrentMss(sk), sk.nonagle, 0);
}

/** tcp_write_timer_handler */
export function tcpWriteTimerHandler(sk: TcpSock): void {
  if (sk.state === TCP_CLOSE || sk.state === TCP_LISTEN || sk.icskPending === 0) return;
  tcpMstampRefresh(sk);
  switch (sk.icskPending) {
    case ICSK_TIME_REO_TIMEOUT:
      tcpRackReoTimeout(sk);
      break;
    case ICSK_TIME_LOSS_PROBE:
      tcpSendLossProbe(sk);
      break;
    case ICSK_TIME_RETRANS:
      sk.icskPending = 0;
      retransmitTimer(sk);
      break;
    case ICSK_TIME_PROBE0:
      sk.icskPending = 0;
      probeTimer(sk);
      break;
    default:
      break;
  }
}

/** The connection is given up (tcp_write_err). */
function writeErr(sk: TcpSock): void {
  tcpDoneWithError(sk, sk.softErr || Errno.ETIMEDOUT);
  sk.tcp.mib.ext.TCPAbortOnTimeout++;
}

/** How often a socket that nobody holds tries (tcp_orphan_retries). */
function orphanRetries(sk: TcpSock, alive: boolean): number {
  let retries = sk.tcp.sysctl.orphanRetries;
  if (sk.softErr !== 0 && !alive) retries = 0;
  return retries === 0 && alive ? 8 : retries;
}

/** Milliseconds that so many retransmissions take, backing off from `base` jiffies (tcp_model_timeout). */
function modelTimeoutMs(sk: TcpSock, boundary: number, base: number): number {
  const max = tcpRtoMax(sk);
  const linear = Math.floor(Math.log2(max / base));
  const timeout =
    boundary <= linear ? (2 ** (boundary + 1) - 1) * base : (2 ** (linear + 1) - 1) * base + (boundary - linear) * max;
  return (timeout * 1000) / HZ;
}

/** retransmits_timed_out; `timeoutMs` 0: as long as `boundary` retransmissions take */
function retransmitsTimedOut(sk: TcpSock, boundary: number, timeoutMs: number): boolean {
  if (sk.icskRetransmits === 0) return false;
  if (timeoutMs === 0) {
    const syn = sk.state === TCP_SYN_SENT || sk.state === TCP_SYN_RECV;
    timeoutMs = modelTimeoutMs(sk, boundary, syn ? TCP_TIMEOUT_INIT : TCP_RTO_MIN);
  }
  return tcpTimeStampMs(sk) - sk.retransStamp - timeoutMs >= 0;
}

/** True: it has gone too far, the connection is over (tcp_write_timeout). */
function writeTimeout(sk: TcpSock): boolean {
  const { sysctl } = sk.tcp;
  let retryUntil: number;
  let expired = false;
  if (sk.state === TCP_SYN_SENT || sk.state === TCP_SYN_RECV) {
    retryUntil = sk.icskSynRetries || sysctl.synRetries;
    const max = retryUntil + (sk.state === TCP_SYN_SENT ? sysctl.synLinearTimeouts : 0);
    expired = sk.icskRetransmits >= max;
  } else {
    if (retransmitsTimedOut(sk, sysctl.retries1, 0)) tcpMtuProbing(sk);
    retryUntil = sysctl.retries2;
    if (sk.dead) retryUntil = orphanRetries(sk, sk.icskRto < tcpRtoMax(sk));
  }
  if (!expired) expired = retransmitsTimedOut(sk, retryUntil, sk.icskUserTimeout);
  tcpFastopenActiveDetectBlackhole(sk, expired);
  if (expired) {
    writeErr(sk);
    return true;
  }
  // another hash may take another way (sk_rethink_txhash)
  sk.timeoutRehash++;
  sk.tcp.mib.ext.TcpTimeoutRehash++;
  return false;
}

/** A window shrunk to nothing has been probed in vain for long enough (tcp_rtx_probe0_timed_out). */
function rtxProbe0TimedOut(sk: TcpSock, sentNs: number): boolean {
  const rtxDeltaMs = tcpTimeStampMs(sk) - (sk.retransStamp || Math.floor(sentNs / 1_000_000));
  const rcvDelta = jiffies(sk.net) - sk.rcvTstamp;
  const timeout = sk.icskUserTimeout === 0 ? tcpRtoMax(sk) * 2 : msecsToJiffies(sk.icskUserTimeout);
  return rcvDelta > timeout && msecsToJiffies(rtxDeltaMs) > timeout;
}

/** The SYN-ACK of a connection made by a SYN goes again (tcp_fastopen_synack_timer). */
function fastopenSynackTimer(sk: TcpSock, req: RequestSock): void {
  if (req.numTimeout >= (sk.icskSynRetries || sk.tcp.sysctl.synackRetries + 1)) {
    writeErr(sk);
    return;
  }
  if (sk.icskRetransmits === 1) tcpEnterLoss(sk);
  rtxSynack(req);
  req.numTimeout++;
  sk.icskRetransmits++;
  if (sk.retransStamp === 0) sk.retransStamp = tcpTimeStampMs(sk);
  resetXmitTimer(sk, ICSK_TIME_RETRANS, req.timeout * 2 ** req.numTimeout, false);
}

/** The oldest segment was not acknowledged in time (tcp_retransmit_timer). */
function retransmitTimer(sk: TcpSock): void {
  if (sk.fastopenRsk) {
    fastopenSynackTimer(sk, sk.fastopenRsk);
    return;
  }
  const head = sk.rtxQueue.head;
  if (sk.packetsOut === 0 || !head) return;
  const { sysctl, mib } = sk.tcp;
  const synSent = sk.state === TCP_SYN_SENT;
  if (sk.sndWnd === 0 && !sk.dead && !synSent && sk.state !== TCP_SYN_RECV) {
    if (rtxProbe0TimedOut(sk, head.sentNs)) {
      writeErr(sk);
      return;
    }
    tcpEnterLoss(sk);
    tcpRetransmitSkb(sk, head, 1);
    sk.dst = null;
  } else {
    mib.ext.TCPTimeouts++;
    if (writeTimeout(sk)) return;
    tcpEnterLoss(sk);
    sk.icskRetransmits++;
    if (sk.rtoStamp === 0) {
      sk.rtoStamp = tcpTimeStampMs(sk);
      sk.totalRtoRecoveries++;
    }
    sk.totalRto++;
    tcpRetransmitSkb(sk, sk.rtxQueue.head!, 1);
  }
  const thin = sk.packetsOut < 4 && !tcpInInitialSlowstart(sk);
  if (
    sk.state === TCP_ESTABLISHED &&
    (sk.thinLto || sysctl.thinLinearTimeouts) &&
    thin &&
    sk.icskRetransmits <= TCP_THIN_LINEAR_RETRIES
  ) {
    sk.icskBackoff = 0;
    sk.icskRto = Math.min(Math.max(tcpRtoFromRtt(sk), sk.icskRtoMin), tcpRtoMax(sk));
  } else if (sk.state !== TCP_SYN_SENT || sk.totalRto > sysctl.synLinearTimeouts) {
    sk.icskBackoff++;
    sk.icskRto = Math.min(sk.icskRto * 2, tcpRtoMax(sk));
  }
  resetXmitTimer(sk, ICSK_TIME_RETRANS, clampRtoToUserTimeout(sk), false);
  if (retransmitsTimedOut(sk, sysctl.retries1 + 1, 0)) sk.dst = null;
}

/** The peer's window is closed (tcp_probe_timer). */
function probeTimer(sk: TcpSock): void {
  if (sk.packetsOut > 0 || !sk.sendQueue.head) {
    sk.icskProbesOut = 0;
    sk.icskProbesTstamp = 0;
    return;
  }
  if (sk.icskProbesTstamp === 0) sk.icskProbesTstamp = jiffies(sk.net);
  else if (sk.icskUserTimeout > 0 && jiffies(sk.net) - sk.icskProbesTstamp >= msecsToJiffies(sk.icskUserTimeout)) {
    writeErr(sk);
    return;
  }
  let max = sk.tcp.sysctl.retries2;
  if (sk.dead) {
    const alive = Math.min(sk.icskRto * 2 ** sk.icskBackoff, tcpRtoMax(sk)) < tcpRtoMax(sk);
    max = orphanRetries(sk, alive);
    if (!alive && sk.icskBackoff >= max) {
      writeErr(sk);
      return;
    }
  }
  if (sk.icskProbesOut >= max) writeErr(sk);
  else tcpSendProbe0(sk);
}

/** tcp_delack_timer_handler */
export function tcpDelackTimerHandler(sk: TcpSock): void {
  if (sk.state === TCP_CLOSE || sk.state === TCP_LISTEN) return;
  if (sk.compressedAck > 0) {
    tcpMstampRefresh(sk);
    sk.tcp.mib.ext.TCPAckCompressed += sk.compressedAck - 1;
    sk.compressedAck = 0;
    tcpSendAck(sk);
    return;
  }
  if (!(sk.ackPending & ICSK_ACK_TIMER)) return;
  sk.ackPending &= ~ICSK_ACK_TIMER;
  if (!ackScheduled(sk)) return;
  if (!inPingpongMode(sk)) sk.ackAto = Math.min(sk.ackAto * 2, sk.icskRto);
  else {
    exitPingpongMode(sk);
    sk.ackAto = TCP_ATO_MIN;
  }
  tcpMstampRefresh(sk);
  tcpSendAck(sk);
  sk.tcp.mib.ext.DelayedACKs++;
}

/** Idle connections, and FIN_WAIT_2 without a holder (tcp_keepalive_timer). */
function keepaliveTimer(sk: TcpSock): void {
  if (sk.owned) {
    resetKeepaliveTimer(sk, HZ / 20);
    return;
  }
  if (sk.state === TCP_LISTEN) return;
  tcpMstampRefresh(sk);
  if (sk.state === TCP_FIN_WAIT2 && sk.dead) {
    const left = tcpFinTime(sk) - TCP_TIMEWAIT_LEN;
    if (sk.linger2 >= 0 && left > 0) {
      tcpTimeWait(sk, TCP_FIN_WAIT2, left);
      return;
    }
    tcpSendActiveReset(sk);
    tcpDone(sk);
    return;
  }
  if (!sk.keepOpen || sk.state === TCP_CLOSE || sk.state === TCP_SYN_SENT) return;
  const { sysctl } = sk.tcp;
  const when = sk.keepaliveTime || sysctl.keepaliveTime;
  let next = when;
  if (sk.packetsOut === 0 && !sk.sendQueue.head) {
    const now = jiffies(sk.net);
    const elapsed = Math.min(now - sk.ackLrcvtime, now - sk.rcvTstamp);
    if (elapsed >= when) {
      const user = sk.icskUserTimeout;
      const gone =
        user !== 0
          ? elapsed >= msecsToJiffies(user) && sk.icskProbesOut > 0
          : sk.icskProbesOut >= (sk.keepaliveProbes || sysctl.keepaliveProbes);
      if (gone) {
        tcpSendActiveReset(sk);
        writeErr(sk);
        return;
      }
      sk.tcp.mib.ext.TCPKeepAlive++;
      if (tcpWriteWakeup(sk) <= 0) {
        sk.icskProbesOut++;
        next = sk.keepaliveIntvl || sysctl.keepaliveIntvl;
      } else next = TCP_RESOURCE_PROBE_INTERVAL;
    } else next = when - elapsed;
  }
  resetKeepaliveTimer(sk, next);
}
