// An acknowledgement: what leaves the retransmission queue, what it says of the round trip, the window and the network, and
// what may be sent then. Answers to tcp_ack and its helpers in net/ipv4/tcp_input.c (RFC 9293 section 3.10.7.4, RFC 7323
// sections 4 and 5, RFC 5961 section 5).

import { ECE, getFlags, getWindow, SYN } from "../../wire/tcp.ts";
import { DropReason } from "../core/drop-reason.ts";
import type { SkBuff } from "../core/skb.ts";
import { tcpSendChallengeAck } from "./tcp-challenge.ts";
import { TCP_CHRONO_BUSY, tcpChronoStop } from "./tcp-chrono.ts";
import { tcpSetCaState } from "./tcp-cong.ts";
import { tcpEndCwndReduction, tcpInitCwndReduction } from "./tcp-cwnd-reduction.ts";
import { tcpTstampAcked } from "./tcp-errqueue.ts";
import * as loss from "./tcp-loss.ts";
import { tcpMtupProbeSuccess } from "./tcp-mtup.ts";
import { tcpSyncMss, tsortedRemove } from "./tcp-output.ts";
import { tcpRateGen, tcpRateSkbDelivered } from "./tcp-rate.ts";
import { tcpRackAdvance, tcpRackUpdateReoWnd } from "./tcp-recovery.ts";
import { tcpTrimHead } from "./tcp-retransmit.ts";
import { type SackState, tcpSacktagWriteQueue } from "./tcp-sack.ts";
import { TCPCB_LOST, TCPCB_RETRANS, TCPCB_SACKED_ACKED, TCPCB_SACKED_RETRANS, type TxSeg } from "./tcp-segment.ts";
import {
  after,
  before,
  between,
  HZ,
  ICSK_TIME_PROBE0,
  jiffies,
  TCP_CA_CWR,
  TCP_CA_OPEN,
  TCP_ECN_OK,
  TCP_PAWS_24DAYS,
  type TcpSock,
  tcpIsSack,
  tcpPacketsInFlight,
  tcpRtoMax,
  tcpWndEnd,
} from "./tcp-sock.ts";
import { clampProbe0ToUserTimeout } from "./tcp-user-timeout.ts";
import { tcpRttTsoptUs } from "./tcp-window.ts";
import { tcpSlowStartAfterIdleCheck, tcpWmemFree } from "./tcp-write.ts";
import {
  clearRetransTimer,
  resetXmitTimer,
  tcpProbe0When,
  tcpRearmRto,
  tcpRttEstimator,
  tcpScheduleLossProbe,
  tcpSetRto,
  tcpUpdateRttMin,
} from "./tcp-xmit-timer.ts";

/** tcp_ack's answer for a segment that must be dropped is its reason; else 0 (an old ACK) or 1. */
export type AckResult = 0 | 1 | DropReason;

/** Moves SND.UNA (tcp_snd_una_update). */
export function tcpSndUnaUpdate(sk: TcpSock, ack: number): void {
  sk.bytesAcked += (ack - sk.sndUna) >>> 0;
  sk.sndUna = ack;
}

/** May this ACK's window be believed (tcp_may_update_window; RFC 9293 section 3.10.7.4)? */
function mayUpdateWindow(sk: TcpSock, ack: number, ackSeq: number, win: number): boolean {
  return after(ack, sk.sndUna) || after(ackSeq, sk.sndWl1) || (ackSeq === sk.sndWl1 && (win > sk.sndWnd || win === 0));
}

/** The same, for a segment at hand. */
export function tcpMayUpdateWindow(sk: TcpSock, skb: SkBuff): boolean {
  const win = getWindow(skb.head, skb.transportHeader) << sk.rxOpt.sndWscale;
  return mayUpdateWindow(sk, skb.ackSeq, skb.seq, win);
}

/** tcp_ack_update_window */
function ackUpdateWindow(sk: TcpSock, skb: SkBuff, ack: number, ackSeq: number): number {
  let flag = 0;
  let win = getWindow(skb.head, skb.transportHeader);
  if (!(getFlags(skb.head, skb.transportHeader) & SYN)) win <<= sk.rxOpt.sndWscale;
  if (mayUpdateWindow(sk, ack, ackSeq, win)) {
    flag |= loss.FLAG_WIN_UPDATE;
    sk.sndWl1 = ackSeq;
    if (sk.sndWnd !== win) {
      sk.sndWnd = win;
      sk.predFlags = 0;
      if (sk.sendQueue.head) tcpSlowStartAfterIdleCheck(sk);
      if (win > sk.maxWindow) {
        sk.maxWindow = win;
        tcpSyncMss(sk, sk.pmtuCookie);
      }
    }
  }
  tcpSndUnaUpdate(sk, ack);
  return flag;
}

/** The timestamp is not older than the last one, within `window` (tcp_paws_check; RFC 7323 section 5). */
export function tcpPawsCheck(sk: TcpSock, window: number): boolean {
  const { rxOpt } = sk;
  if (((rxOpt.tsRecent - rxOpt.rcvTsval) | 0) <= window) return true;
  return seconds(sk) >= rxOpt.tsRecentStamp + TCP_PAWS_24DAYS || rxOpt.tsRecent === 0;
}

function seconds(sk: TcpSock): number {
  return Math.floor(jiffies(sk.net) / HZ);
}

/** tcp_store_ts_recent */
export function tcpStoreTsRecent(sk: TcpSock): void {
  sk.rxOpt.tsRecent = sk.rxOpt.rcvTsval;
  sk.rxOpt.tsRecentStamp = seconds(sk);
}

/** Remembers the peer's timestamp when the segment is the next expected (tcp_replace_ts_recent; RFC 7323 section 4.3). */
export function tcpReplaceTsRecent(sk: TcpSock, seq: number): void {
  if (!sk.rxOpt.sawTstamp || after(seq, sk.rcvWup)) return;
  if (tcpPawsCheck(sk, 0)) tcpStoreTsRecent(sk);
}

/** Updates the round-trip estimate; false when the ACK told nothing (tcp_ack_update_rtt). */
function ackUpdateRtt(sk: TcpSock, flag: number, seqRtt: number, sackRtt: number, caRtt: number): boolean {
  const { rxOpt } = sk;
  if (seqRtt < 0) seqRtt = sackRtt;
  if (seqRtt < 0 && rxOpt.sawTstamp && rxOpt.rcvTsecr !== 0 && flag & loss.FLAG_ACKED) {
    seqRtt = tcpRttTsoptUs(sk, 1);
    caRtt = seqRtt;
  }
  sk.rs.rttUs = caRtt;
  if (seqRtt < 0) return false;
  tcpUpdateRttMin(sk, caRtt, (flag & loss.FLAG_ACK_MAYBE_DELAYED) !== 0);
  tcpRttEstimator(sk, seqRtt);
  tcpSetRto(sk);
  sk.icskBackoff = 0;
  return true;
}

/** The round trip of the handshake (tcp_synack_rtt_meas, tcp_ack_update_rtt). */
export function tcpSynRtt(sk: TcpSock, rttUs: number): void {
  ackUpdateRtt(sk, loss.FLAG_SYN_ACKED, rttUs, -1, rttUs);
}

/** A retransmission acknowledged sooner than it can have arrived (tcp_skb_spurious_retrans). */
function spuriousRetrans(sk: TcpSock, seg: TxSeg): boolean {
  if (!(seg.sacked & TCPCB_RETRANS)) return false;
  const { sawTstamp, rcvTsecr } = sk.rxOpt;
  return sawTstamp && rcvTsecr !== 0 && before(rcvTsecr, Math.floor(seg.sentNs / 1_000_000) >>> 0);
}

/** Frees what is acknowledged (tcp_clean_rtx_queue); FLAG_*. */
function cleanRtxQueue(sk: TcpSock, priorFack: number, priorSndUna: number, sack: SackState, ece: boolean): number {
  const priorSacked = sk.sackedOut;
  let reord = sk.sndNxt;
  let firstAckt = 0;
  let lastAckt = 0;
  let pktsAcked = 0;
  let fullyAcked = true;
  let flag = 0;
  let seg = sk.rtxQueue.head;
  while (seg) {
    let acked = seg.pcount;
    if (seg.tsFlags !== 0) tcpTstampAcked(sk, seg, priorSndUna);
    const startSeq = seg.seq;
    const { sacked } = seg;
    if (after(seg.endSeq, sk.sndUna)) {
      if (seg.pcount === 1 || !after(sk.sndUna, seg.seq)) break;
      tcpTrimHead(sk, seg, (sk.sndUna - seg.seq) >>> 0);
      acked -= seg.pcount;
      if (acked === 0) break;
      fullyAcked = false;
    }
    if (sacked & TCPCB_RETRANS) {
      if (sacked & TCPCB_SACKED_RETRANS) sk.retransOut -= acked;
      flag |= loss.FLAG_RETRANS_DATA_ACKED;
    } else if (!(sacked & TCPCB_SACKED_ACKED)) {
      lastAckt = Math.floor(seg.sentNs / 1000);
      if (firstAckt === 0) firstAckt = lastAckt;
      if (before(startSeq, reord)) reord = startSeq;
      if (!after(seg.endSeq, sk.highSeq)) flag |= loss.FLAG_ORIG_SACK_ACKED;
    }
    if (sacked & TCPCB_SACKED_ACKED) sk.sackedOut -= acked;
    else if (tcpIsSack(sk)) {
      loss.tcpCountDelivered(sk, acked, ece);
      if (!spuriousRetrans(sk, seg)) tcpRackAdvance(sk, sacked, seg.endSeq, Math.floor(seg.sentNs / 1000));
    }
    if (sacked & TCPCB_LOST) sk.lostOut -= acked;
    sk.packetsOut -= acked;
    pktsAcked += acked;
    tcpRateSkbDelivered(sk, seg, sk.rs);
    if (seg.flags & SYN) {
      flag |= loss.FLAG_SYN_ACKED;
      sk.retransStamp = 0;
    } else flag |= loss.FLAG_DATA_ACKED;
    if (!fullyAcked) break;
    const next: TxSeg | null = seg.next;
    if (seg === sk.retransHint) sk.retransHint = null;
    if (seg === sk.highestSack) sk.highestSack = next;
    tsortedRemove(sk, seg);
    sk.rtxQueue.remove(seg);
    tcpWmemFree(sk, seg);
    seg = next;
  }
  if (!seg) tcpChronoStop(sk, TCP_CHRONO_BUSY);
  sk.ring.releaseTo(sk.sndUna);
  if (between(sk.sndUp, priorSndUna, sk.sndUna)) sk.sndUp = sk.sndUna;
  if (seg && seg.sacked & TCPCB_SACKED_ACKED) flag |= loss.FLAG_SACK_RENEGING;
  let seqRtt = -1;
  let sackRtt = -1;
  let caRtt = -1;
  if (firstAckt !== 0 && !(flag & loss.FLAG_RETRANS_DATA_ACKED)) {
    seqRtt = Math.max(0, sk.mstamp - firstAckt);
    caRtt = Math.max(0, sk.mstamp - lastAckt);
    if (
      pktsAcked === 1 &&
      fullyAcked &&
      priorSacked === 0 &&
      (sk.sndUna - priorSndUna) >>> 0 < sk.mssCache &&
      sk.rs.priorDelivered + 1 === sk.delivered &&
      !(flag & (loss.FLAG_CA_ALERT | loss.FLAG_SYN_ACKED))
    )
      flag |= loss.FLAG_ACK_MAYBE_DELAYED;
  }
  if (sack.firstSackt !== 0) {
    sackRtt = Math.max(0, sk.mstamp - sack.firstSackt);
    caRtt = Math.max(0, sk.mstamp - sack.lastSackt);
  }
  const rttUpdate = ackUpdateRtt(sk, flag, seqRtt, sackRtt, caRtt);
  if (flag & loss.FLAG_ACKED) {
    flag |= loss.FLAG_SET_XMIT_TIMER;
    if (sk.mtup.probeSize !== 0 && !after(sk.mtup.probeSeqEnd, sk.sndUna)) tcpMtupProbeSuccess(sk);
    if (!tcpIsSack(sk)) {
      loss.tcpRemoveRenoSacks(sk, pktsAcked, ece);
      if (flag & loss.FLAG_RETRANS_DATA_ACKED) flag &= ~loss.FLAG_ORIG_SACK_ACKED;
    } else if (before(reord, priorFack)) loss.tcpCheckSackReordering(sk, reord);
  } else if (seg && rttUpdate && sackRtt >= 0 && sackRtt > sk.mstamp - Math.floor(seg.sentNs / 1000))
    flag |= loss.FLAG_SET_XMIT_TIMER;
  if (sk.caInitialized)
    sk.caOps.pktsAcked?.(sk, sk.rs.rttUs, pktsAcked, sk.mssCache * (sk.delivered - sk.rs.priorDelivered));
  return flag;
}

/** The window may have opened (tcp_ack_probe). */
function ackProbe(sk: TcpSock): void {
  const head = sk.sendQueue.head;
  if (!head) return;
  if (!after(head.endSeq, tcpWndEnd(sk))) {
    sk.icskBackoff = 0;
    sk.icskProbesTstamp = 0;
    clearRetransTimer(sk);
    return;
  }
  const when = clampProbe0ToUserTimeout(sk, tcpProbe0When(sk, tcpRtoMax(sk)));
  resetXmitTimer(sk, ICSK_TIME_PROBE0, when, true);
}

/** Was the tail loss probe needed (tcp_process_tlp_ack; RFC 8985 section 7.4)? */
function processTlpAck(sk: TcpSock, ack: number, flag: number): void {
  if (before(ack, sk.tlpHighSeq)) return;
  if (!sk.tlpRetrans || flag & loss.FLAG_DSACK_TLP) sk.tlpHighSeq = 0;
  else if (after(ack, sk.tlpHighSeq)) {
    tcpInitCwndReduction(sk);
    tcpSetCaState(sk, TCP_CA_CWR);
    tcpEndCwndReduction(sk);
    loss.tcpTryKeepOpen(sk);
    sk.tcp.mib.ext.TCPLossProbeRecovery++;
  } else if (!(flag & (loss.FLAG_SND_UNA_ADVANCED | loss.FLAG_NOT_DUP | loss.FLAG_DATA_SACKED))) sk.tlpHighSeq = 0;
}

function isDubious(sk: TcpSock, flag: number): boolean {
  return !(flag & loss.FLAG_NOT_DUP) || (flag & loss.FLAG_CA_ALERT) !== 0 || sk.caState !== TCP_CA_OPEN;
}

function beginSample(sk: TcpSock): void {
  const { rs } = sk;
  rs.priorDelivered = 0;
  rs.priorMstamp = 0;
  rs.intervalUs = 0;
  rs.lastEndSeq = 0;
  rs.isAppLimited = false;
  rs.isRetrans = false;
  rs.isAckDelayed = false;
  rs.delivered = 0;
  rs.rttUs = 0;
}

/**
 * Handles the acknowledgement of a segment (tcp_ack); its SACK blocks are in tcp.rxOptions. 1: fine; 0: old; a drop reason:
 * the segment is not acceptable.
 * @param flag FLAG_SLOWPATH, FLAG_DATA, FLAG_UPDATE_TS_RECENT, FLAG_NO_CHALLENGE_ACK
 */
export function tcpAck(sk: TcpSock, skb: SkBuff, flag: number): AckResult {
  const priorSndUna = sk.sndUna;
  const reneg = sk.isSackReneg;
  const ackSeq = skb.seq;
  const ack = skb.ackSeq;
  const priorPackets = sk.packetsOut;
  const delivered0 = sk.delivered;
  const lost0 = sk.lost;
  const { sackState: sack, alert } = sk.tcp;
  const { ext } = sk.tcp.mib;
  sack.reset(sk);
  beginSample(sk);
  alert.rexmit = loss.REXMIT_NONE;
  const hasSacks = sk.tcp.rxOptions.sackCount > 0;
  if (before(ack, priorSndUna)) {
    if (before(ack, (priorSndUna - Math.min(sk.maxWindow, sk.bytesAcked)) >>> 0)) {
      if (!(flag & loss.FLAG_NO_CHALLENGE_ACK)) tcpSendChallengeAck(sk);
      return DropReason.TCP_TOO_OLD_ACK;
    }
    if (hasSacks) {
      alert.flag = flag | tcpSacktagWriteQueue(sk, skb, priorSndUna, sack);
      countSacked(sk, sack, false);
      loss.tcpFastretransAlert(sk, priorSndUna, 0, alert);
      loss.tcpXmitRecovery(sk, alert.rexmit);
    }
    return 0;
  }
  if (after(ack, sk.sndNxt)) {
    if (!(flag & loss.FLAG_NO_CHALLENGE_ACK)) tcpSendChallengeAck(sk);
    return DropReason.TCP_ACK_UNSENT_DATA;
  }
  if (after(ack, priorSndUna)) {
    flag |= loss.FLAG_SND_UNA_ADVANCED;
    sk.icskRetransmits = 0;
  }
  const priorFack = tcpIsSack(sk) ? loss.tcpHighestSackSeq(sk) : sk.sndUna;
  sk.rs.priorInFlight = tcpPacketsInFlight(sk);
  if (flag & loss.FLAG_UPDATE_TS_RECENT) tcpReplaceTsRecent(sk, skb.seq);
  if ((flag & (loss.FLAG_SLOWPATH | loss.FLAG_SND_UNA_ADVANCED)) === loss.FLAG_SND_UNA_ADVANCED) {
    sk.sndWl1 = ackSeq;
    tcpSndUnaUpdate(sk, ack);
    flag |= loss.FLAG_WIN_UPDATE;
    ext.TCPHPAcks++;
  } else {
    if (ackSeq !== skb.endSeq) flag |= loss.FLAG_DATA;
    else ext.TCPPureAcks++;
    flag |= ackUpdateWindow(sk, skb, ack, ackSeq);
    if (hasSacks) flag |= tcpSacktagWriteQueue(sk, skb, priorSndUna, sack);
    const bits = getFlags(skb.head, skb.transportHeader);
    if (sk.ecnFlags & TCP_ECN_OK && bits & ECE && !(bits & SYN)) flag |= loss.FLAG_ECE;
    countSacked(sk, sack, (flag & loss.FLAG_ECE) !== 0);
  }
  sk.softErr = 0;
  sk.icskProbesOut = 0;
  sk.rcvTstamp = jiffies(sk.net);
  if (priorPackets === 0) {
    if (flag & loss.FLAG_DSACKING_ACK) {
      alert.flag = flag;
      loss.tcpFastretransAlert(sk, priorSndUna, 0, alert);
    }
    ackProbe(sk);
    if (sk.tlpHighSeq !== 0) processTlpAck(sk, ack, flag);
    return 1;
  }
  flag |= cleanRtxQueue(sk, priorFack, priorSndUna, sack, (flag & loss.FLAG_ECE) !== 0);
  tcpRackUpdateReoWnd(sk, sk.rs);
  if (sk.tlpHighSeq !== 0) processTlpAck(sk, ack, flag);
  if (isDubious(sk, flag)) {
    let dupacks = 0;
    if (!(flag & (loss.FLAG_SND_UNA_ADVANCED | loss.FLAG_NOT_DUP | loss.FLAG_DSACKING_ACK)))
      dupacks = flag & loss.FLAG_DATA ? 1 : Math.max(1, skb.gsoSegs);
    alert.flag = flag;
    loss.tcpFastretransAlert(sk, priorSndUna, dupacks, alert);
    flag = alert.flag;
  }
  if (flag & loss.FLAG_FORWARD_PROGRESS || !(flag & loss.FLAG_NOT_DUP)) sk.dstPendingConfirm = true;
  if (flag & loss.FLAG_SET_XMIT_TIMER && !tcpScheduleLossProbe(sk, true)) tcpRearmRto(sk);
  const delivered = sk.delivered - delivered0;
  ext.TCPDelivered += delivered;
  if (flag & loss.FLAG_ECE) ext.TCPDeliveredCE += delivered;
  sk.rs.isAckDelayed = (flag & loss.FLAG_ACK_MAYBE_DELAYED) !== 0;
  tcpRateGen(sk, delivered, sk.lost - lost0, reneg, sk.rs);
  loss.tcpCongControl(sk, ack, delivered, flag, sk.rs);
  loss.tcpXmitRecovery(sk, alert.rexmit);
  return 1;
}

function countSacked(sk: TcpSock, sack: SackState, ece: boolean): void {
  if (sack.sackDelivered > 0) loss.tcpCountDelivered(sk, sack.sackDelivered, ece);
}
