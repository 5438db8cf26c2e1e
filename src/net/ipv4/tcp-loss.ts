// The sender's state machine in loss: Open, Disorder, CWR, Recovery, Loss; how far the window falls (proportional rate
// reduction, RFC 6937), and how it comes back when the loss proves not to be one (Eifel RFC 3522, DSACK RFC 3708, F-RTO
// RFC 5682). Answers to the middle of net/ipv4/tcp_input.c. What is lost is told by tcp-recovery.ts.

import { CA_EVENT_LOSS, tcpCaEvent, tcpCurrentSsthresh, tcpSetCaState } from "./tcp-cong.ts";
import {
  ecnQueueCwr,
  tcpCwndReduction,
  tcpEndCwndReduction,
  tcpEnterCwr,
  tcpInitCwndReduction,
} from "./tcp-cwnd-reduction.ts";
import { tcpMtupProbeFailed } from "./tcp-mtup.ts";
import { tcpCurrentMss } from "./tcp-output.ts";
import {
  tcpMarkSkbLost,
  tcpNewrenoMarkLost,
  tcpRackDetectLoss,
  tcpRackMarkLost,
  tcpRackSkbTimeout,
} from "./tcp-recovery.ts";
import { tcpXmitRetransmitQueue } from "./tcp-retransmit.ts";
import { TCPCB_EVER_RETRANS, TCPCB_LOST, TCPCB_SACKED_ACKED } from "./tcp-segment.ts";
import {
  after,
  before,
  ICSK_TIME_RETRANS,
  jiffies,
  msecsToJiffies,
  type RateSample,
  TCP_CA_CWR,
  TCP_CA_DISORDER,
  TCP_CA_LOSS,
  TCP_CA_OPEN,
  TCP_CA_RECOVERY,
  TCP_ECN_QUEUE_CWR,
  TCP_NAGLE_OFF,
  TCP_SYN_SENT,
  type TcpSock,
  tcpInCwndReduction,
  tcpIsSack,
  tcpLeftOut,
  tcpPacketsInFlight,
  tcpTimeStampMs,
  tcpWndEnd,
  usecsToJiffies,
} from "./tcp-sock.ts";
import { tcpPushPendingFramesWith } from "./tcp-write.ts";
import { resetXmitTimer, tcpRearmRto } from "./tcp-xmit-timer.ts";

// FLAG_*: what an ACK did
export const FLAG_DATA = 0x01;
export const FLAG_WIN_UPDATE = 0x02;
export const FLAG_DATA_ACKED = 0x04;
export const FLAG_RETRANS_DATA_ACKED = 0x08;
export const FLAG_SYN_ACKED = 0x10;
export const FLAG_DATA_SACKED = 0x20;
export const FLAG_ECE = 0x40;
export const FLAG_LOST_RETRANS = 0x80;
export const FLAG_SLOWPATH = 0x100;
export const FLAG_ORIG_SACK_ACKED = 0x200;
export const FLAG_SND_UNA_ADVANCED = 0x400;
export const FLAG_DSACKING_ACK = 0x800;
export const FLAG_SET_XMIT_TIMER = 0x1000;
export const FLAG_SACK_RENEGING = 0x2000;
export const FLAG_UPDATE_TS_RECENT = 0x4000;
export const FLAG_NO_CHALLENGE_ACK = 0x8000;
export const FLAG_ACK_MAYBE_DELAYED = 0x10000;
export const FLAG_DSACK_TLP = 0x20000;
export const FLAG_ACKED: number = FLAG_DATA_ACKED | FLAG_SYN_ACKED;
export const FLAG_NOT_DUP: number = FLAG_DATA | FLAG_WIN_UPDATE | FLAG_ACKED;
export const FLAG_CA_ALERT: number = FLAG_DATA_SACKED | FLAG_ECE | FLAG_DSACKING_ACK;
export const FLAG_FORWARD_PROGRESS: number = FLAG_ACKED | FLAG_DATA_SACKED;

export const REXMIT_NONE = 0;
export const REXMIT_LOST = 1;
export const REXMIT_NEW = 2;

/** The state machine answers two things: the flags as they are now, and what to send (REXMIT_*). */
export interface AlertResult {
  flag: number;
  rexmit: number;
}

/** tcp_count_delivered */
export function tcpCountDelivered(sk: TcpSock, packets: number, ece: boolean): void {
  sk.delivered += packets;
  if (ece) sk.deliveredCe += packets;
}

// --- duplicate ACKs standing in for SACK ---

function limitRenoSacked(sk: TcpSock): boolean {
  const holes = Math.min(Math.max(sk.lostOut, 1), sk.packetsOut);
  if (sk.sackedOut + holes <= sk.packetsOut) return false;
  sk.sackedOut = sk.packetsOut - holes;
  return true;
}

function checkRenoReordering(sk: TcpSock, addend: number): void {
  if (!limitRenoSacked(sk)) return;
  sk.reordering = Math.min(sk.packetsOut + addend, sk.tcp.sysctl.maxReordering);
  sk.reordSeen++;
  sk.tcp.mib.ext.TCPRenoReorder++;
}

function addRenoSack(sk: TcpSock, dupacks: number, ece: boolean): void {
  if (dupacks === 0) return;
  const prior = sk.sackedOut;
  sk.sackedOut += dupacks;
  checkRenoReordering(sk, 0);
  const delivered = sk.sackedOut - prior;
  if (delivered > 0) tcpCountDelivered(sk, delivered, ece);
}

/** `acked` packets were acknowledged in order: one hole, and duplicate ACKs counted before (tcp_remove_reno_sacks). */
export function tcpRemoveRenoSacks(sk: TcpSock, acked: number, ece: boolean): void {
  if (acked > 0) {
    tcpCountDelivered(sk, Math.max(acked - sk.sackedOut, 1), ece);
    sk.sackedOut = acked - 1 >= sk.sackedOut ? 0 : sk.sackedOut - (acked - 1);
  }
  checkRenoReordering(sk, acked);
}

// --- undo ---

function anyRetransDone(sk: TcpSock): boolean {
  if (sk.retransOut > 0) return true;
  const head = sk.rtxQueue.head;
  return head !== null && (head.sacked & TCPCB_EVER_RETRANS) !== 0;
}

/** The ACK was for what was sent first, not for the retransmission (tcp_packet_delayed; RFC 3522). */
function packetDelayed(sk: TcpSock): boolean {
  if (sk.retransStamp !== 0) {
    const { sawTstamp, rcvTsecr } = sk.rxOpt;
    return sawTstamp && rcvTsecr !== 0 && before(rcvTsecr, sk.retransStamp >>> 0);
  }
  if (!tcpIsSack(sk) && !before(sk.sndUna, sk.highSeq)) return false;
  return sk.state !== TCP_SYN_SENT;
}

function mayUndo(sk: TcpSock): boolean {
  return sk.undoMarker !== 0 && (sk.undoRetrans === 0 || packetDelayed(sk));
}

function undoCwndReduction(sk: TcpSock, unmarkLoss: boolean): void {
  if (unmarkLoss) {
    for (let seg = sk.rtxQueue.head; seg; seg = seg.next) seg.sacked &= ~TCPCB_LOST;
    sk.lostOut = 0;
    sk.retransHint = null;
  }
  if (sk.priorSsthresh !== 0) {
    sk.sndCwnd = sk.caOps.undoCwnd(sk);
    if (sk.priorSsthresh > sk.sndSsthresh) {
      sk.sndSsthresh = sk.priorSsthresh;
      sk.ecnFlags &= ~TCP_ECN_QUEUE_CWR;
    }
  }
  sk.sndCwndStamp = jiffies(sk.net);
  sk.undoMarker = 0;
  sk.rackAdvanced = true;
}

/** Without SACK the state is kept until something beyond high_seq is acknowledged (RFC 2582). */
function nonSackPreventingReopen(sk: TcpSock): boolean {
  if (sk.sndUna !== sk.highSeq || tcpIsSack(sk)) return false;
  if (!anyRetransDone(sk)) sk.retransStamp = 0;
  return true;
}

/** Everything sent before the recovery is acknowledged (tcp_try_undo_recovery); true: stay in the state. */
function tryUndoRecovery(sk: TcpSock): boolean {
  if (mayUndo(sk)) {
    const { ext } = sk.tcp.mib;
    if (sk.caState === TCP_CA_LOSS) ext.TCPLossUndo++;
    else ext.TCPFullUndo++;
    undoCwndReduction(sk, false);
  } else if (sk.rackReoWndPersist > 0) sk.rackReoWndPersist--;
  if (nonSackPreventingReopen(sk)) return true;
  tcpSetCaState(sk, TCP_CA_OPEN);
  sk.isSackReneg = false;
  return false;
}

/** Every retransmission was reported as a duplicate (tcp_try_undo_dsack; RFC 3708). */
function tryUndoDsack(sk: TcpSock): boolean {
  if (sk.undoMarker === 0 || sk.undoRetrans !== 0) return false;
  sk.rackReoWndPersist = Math.min(16, sk.rackReoWndPersist + 1);
  undoCwndReduction(sk, false);
  sk.tcp.mib.ext.TCPDSACKUndo++;
  return true;
}

function tryUndoLoss(sk: TcpSock, frtoUndo: boolean): boolean {
  if (!frtoUndo && !mayUndo(sk)) return false;
  undoCwndReduction(sk, true);
  sk.tcp.mib.ext.TCPLossUndo++;
  if (frtoUndo) sk.tcp.mib.ext.TCPSpuriousRTOs++;
  sk.icskRetransmits = 0;
  if (nonSackPreventingReopen(sk)) return true;
  if (frtoUndo || tcpIsSack(sk)) {
    tcpSetCaState(sk, TCP_CA_OPEN);
    sk.isSackReneg = false;
  }
  return true;
}

/** A partial ACK in recovery was for the original: reordering (tcp_try_undo_partial). */
function tryUndoPartial(sk: TcpSock, priorSndUna: number): boolean {
  if (sk.undoMarker === 0 || !packetDelayed(sk)) return false;
  tcpCheckSackReordering(sk, priorSndUna);
  if (sk.retransOut > 0) return true;
  if (!anyRetransDone(sk)) sk.retransStamp = 0;
  undoCwndReduction(sk, true);
  sk.tcp.mib.ext.TCPPartialUndo++;
  tryKeepOpen(sk);
  return false;
}

/** Sequence number of the highest SACKed segment (tcp_highest_sack_seq). */
export function tcpHighestSackSeq(sk: TcpSock): number {
  if (sk.sackedOut === 0) return sk.sndUna;
  return sk.highestSack ? sk.highestSack.seq : sk.sndNxt;
}

/** A segment below what was SACKed arrived late: the network reorders (tcp_check_sack_reordering). */
export function tcpCheckSackReordering(sk: TcpSock, low: number): void {
  const fack = tcpHighestSackSeq(sk);
  if (!before(low, fack)) return;
  const metric = (fack - low) >>> 0;
  const mss = sk.mssCache;
  if (mss > 0 && metric > sk.reordering * mss)
    sk.reordering = Math.min(Math.ceil(metric / mss), sk.tcp.sysctl.maxReordering);
  sk.reordSeen++;
  sk.tcp.mib.ext.TCPSACKReorder++;
}

// --- the window in recovery ---

/** What is marked lost goes again, though not because of congestion (tcp_non_congestion_loss_retransmit). */
export function tcpNonCongestionLossRetransmit(sk: TcpSock): void {
  if (sk.caState !== TCP_CA_LOSS) {
    sk.highSeq = sk.sndNxt;
    sk.sndSsthresh = tcpCurrentSsthresh(sk);
    sk.priorSsthresh = 0;
    sk.undoMarker = 0;
    tcpSetCaState(sk, TCP_CA_LOSS);
  }
  tcpXmitRetransmitQueue(sk);
}

/** Segments longer than the MSS are taken for lost, and it is not congestion (tcp_simple_retransmit). */
export function tcpSimpleRetransmit(sk: TcpSock): void {
  // a SYN and its data were one packet: that was too long
  const mss = sk.synData && sk.state === TCP_SYN_SENT ? -1 : tcpCurrentMss(sk);
  for (let seg = sk.rtxQueue.head; seg; seg = seg.next)
    if ((seg.pcount > 1 ? seg.gsoSize : seg.len) > mss) tcpMarkSkbLost(sk, seg);
  if (sk.lostOut === 0) return;
  if (!tcpIsSack(sk)) limitRenoSacked(sk);
  tcpNonCongestionLossRetransmit(sk);
}

function tryKeepOpen(sk: TcpSock): void {
  const state = tcpLeftOut(sk) > 0 || anyRetransDone(sk) ? TCP_CA_DISORDER : TCP_CA_OPEN;
  if (sk.caState === state) return;
  tcpSetCaState(sk, state);
  sk.highSeq = sk.sndNxt;
}

export { tryKeepOpen as tcpTryKeepOpen };

function tryToOpen(sk: TcpSock, flag: number): void {
  if (!anyRetransDone(sk)) sk.retransStamp = 0;
  if (flag & FLAG_ECE) tcpEnterCwr(sk);
  if (sk.caState !== TCP_CA_CWR) tryKeepOpen(sk);
}

function initUndo(sk: TcpSock): void {
  sk.undoMarker = sk.sndUna;
  sk.undoRetrans = sk.retransOut;
  if (sk.tlpHighSeq !== 0 && sk.tlpRetrans) sk.undoRetrans++;
  if (sk.undoRetrans === 0) sk.undoRetrans = -1;
}

/** tcp_enter_recovery */
export function tcpEnterRecovery(sk: TcpSock, ece: boolean): void {
  if (!anyRetransDone(sk)) sk.retransStamp = 0;
  if (tcpIsSack(sk)) sk.tcp.mib.ext.TCPSackRecovery++;
  sk.priorSsthresh = 0;
  initUndo(sk);
  if (!tcpInCwndReduction(sk)) {
    if (!ece) sk.priorSsthresh = tcpCurrentSsthresh(sk);
    tcpInitCwndReduction(sk);
  }
  tcpSetCaState(sk, TCP_CA_RECOVERY);
}

/** The retransmission timer went off: what was sent long enough ago is lost (tcp_timeout_mark_lost). */
function timeoutMarkLost(sk: TcpSock): void {
  const head = sk.rtxQueue.head;
  const reneg = head !== null && (head.sacked & TCPCB_SACKED_ACKED) !== 0;
  if (reneg) {
    sk.tcp.mib.ext.TCPSACKReneging++;
    sk.sackedOut = 0;
    sk.isSackReneg = true;
  } else if (!tcpIsSack(sk)) sk.sackedOut = 0;
  for (let seg = head; seg; seg = seg.next) {
    if (reneg) seg.sacked &= ~TCPCB_SACKED_ACKED;
    else if (seg !== head && tcpRackSkbTimeout(sk, seg, 0) > 0) continue;
    tcpMarkSkbLost(sk, seg);
  }
  sk.retransHint = null;
}

/** tcp_enter_loss (RFC 5681 section 3.1, RFC 5682) */
export function tcpEnterLoss(sk: TcpSock): void {
  const fresh = sk.caState < TCP_CA_RECOVERY;
  timeoutMarkLost(sk);
  if (
    sk.caState <= TCP_CA_DISORDER ||
    !after(sk.highSeq, sk.sndUna) ||
    (sk.caState === TCP_CA_LOSS && sk.icskRetransmits === 0)
  ) {
    sk.priorSsthresh = tcpCurrentSsthresh(sk);
    sk.priorCwnd = sk.sndCwnd;
    sk.sndSsthresh = sk.caOps.ssthresh(sk);
    tcpCaEvent(sk, CA_EVENT_LOSS);
    initUndo(sk);
  }
  sk.sndCwnd = tcpPacketsInFlight(sk) + 1;
  sk.sndCwndCnt = 0;
  sk.sndCwndStamp = jiffies(sk.net);
  const { reordering, frto } = sk.tcp.sysctl;
  if (sk.caState <= TCP_CA_DISORDER && sk.sackedOut >= reordering) sk.reordering = Math.min(sk.reordering, reordering);
  tcpSetCaState(sk, TCP_CA_LOSS);
  sk.highSeq = sk.sndNxt;
  sk.tlpHighSeq = 0;
  ecnQueueCwr(sk);
  sk.frto = frto !== 0 && (fresh || sk.icskRetransmits > 0) && sk.mtup.probeSize === 0;
}

/** An ACK in state Loss; returns REXMIT_* (tcp_process_loss). */
function processLoss(sk: TcpSock, flag: number, dupacks: number): number {
  const recovered = !before(sk.sndUna, sk.highSeq);
  if (flag & FLAG_SND_UNA_ADVANCED && tryUndoLoss(sk, false)) return REXMIT_NONE;
  if (sk.frto) {
    if (flag & FLAG_ORIG_SACK_ACKED && tryUndoLoss(sk, true)) return REXMIT_NONE;
    if (after(sk.sndNxt, sk.highSeq)) {
      if (flag & FLAG_DATA_SACKED || dupacks > 0) sk.frto = false;
    } else if (flag & FLAG_SND_UNA_ADVANCED && !recovered) {
      sk.highSeq = sk.sndNxt;
      if (sk.sendQueue.head && after(tcpWndEnd(sk), sk.sndNxt)) return REXMIT_NEW;
      sk.frto = false;
    }
  }
  if (recovered) {
    tryUndoRecovery(sk);
    return REXMIT_NONE;
  }
  if (!tcpIsSack(sk)) {
    if (after(sk.sndNxt, sk.highSeq) && dupacks > 0) addRenoSack(sk, dupacks, (flag & FLAG_ECE) !== 0);
    else if (flag & FLAG_SND_UNA_ADVANCED) sk.sackedOut = 0;
  }
  return REXMIT_LOST;
}

/** tcp_identify_packet_loss */
function identifyPacketLoss(sk: TcpSock, out: AlertResult): void {
  if (!sk.rtxQueue.head) return;
  if (!tcpIsSack(sk)) {
    tcpNewrenoMarkLost(sk, (out.flag & FLAG_SND_UNA_ADVANCED) !== 0);
    return;
  }
  const prior = sk.retransOut;
  if (tcpRackMarkLost(sk)) out.flag &= ~FLAG_SET_XMIT_TIMER;
  if (prior > sk.retransOut) out.flag |= FLAG_LOST_RETRANS;
}

/** The peer forgot what it had SACKed: a little patience, then a time-out (tcp_check_sack_reneging). */
function checkSackReneging(sk: TcpSock, out: AlertResult): boolean {
  if (!(out.flag & FLAG_SACK_RENEGING) || !(out.flag & FLAG_SND_UNA_ADVANCED)) return false;
  const delay = Math.max(usecsToJiffies(sk.srttUs >> 4), msecsToJiffies(10));
  resetXmitTimer(sk, ICSK_TIME_RETRANS, delay, false);
  out.flag &= ~FLAG_SET_XMIT_TIMER;
  return true;
}

/** An ACK that is out of the ordinary, or in a state that is (tcp_fastretrans_alert). */
export function tcpFastretransAlert(sk: TcpSock, priorSndUna: number, dupacks: number, out: AlertResult): void {
  const { flag } = out;
  const ece = (flag & FLAG_ECE) !== 0;
  if (sk.packetsOut === 0 && sk.sackedOut > 0) sk.sackedOut = 0;
  if (ece) sk.priorSsthresh = 0;
  if (checkSackReneging(sk, out)) return;
  if (sk.caState === TCP_CA_OPEN) sk.retransStamp = 0;
  else if (!before(sk.sndUna, sk.highSeq)) {
    if (sk.caState === TCP_CA_CWR) {
      if (sk.sndUna !== sk.highSeq) {
        tcpEndCwndReduction(sk);
        tcpSetCaState(sk, TCP_CA_OPEN);
      }
    } else if (sk.caState === TCP_CA_RECOVERY) {
      if (!tcpIsSack(sk)) sk.sackedOut = 0;
      if (tryUndoRecovery(sk)) return;
      tcpEndCwndReduction(sk);
    }
  }
  if (sk.caState === TCP_CA_RECOVERY) {
    if (!(flag & FLAG_SND_UNA_ADVANCED)) {
      if (!tcpIsSack(sk)) addRenoSack(sk, dupacks, ece);
    } else if (tryUndoPartial(sk, priorSndUna)) return;
    if (tryUndoDsack(sk)) tryToOpen(sk, flag);
    identifyPacketLoss(sk, out);
    if ((sk.caState as number) !== TCP_CA_RECOVERY) {
      if (sk.lostOut === 0) return;
      tcpEnterRecovery(sk, ece);
    }
    out.rexmit = REXMIT_LOST;
    return;
  }
  if (sk.caState === TCP_CA_LOSS) {
    out.rexmit = processLoss(sk, flag, dupacks);
    if ((sk.caState as number) !== TCP_CA_LOSS && sk.rtoStamp !== 0) {
      sk.totalRtoTime += tcpTimeStampMs(sk) - sk.rtoStamp;
      sk.rtoStamp = 0;
    }
    identifyPacketLoss(sk, out);
    if ((sk.caState as number) !== TCP_CA_OPEN && !(out.flag & FLAG_LOST_RETRANS)) return;
  }
  if (!tcpIsSack(sk)) {
    if (flag & FLAG_SND_UNA_ADVANCED) sk.sackedOut = 0;
    addRenoSack(sk, dupacks, ece);
  }
  if (sk.caState <= TCP_CA_DISORDER) tryUndoDsack(sk);
  identifyPacketLoss(sk, out);
  if (sk.lostOut === 0) {
    tryToOpen(sk, flag);
    return;
  }
  if (sk.caState < TCP_CA_CWR && sk.mtup.probeSize !== 0 && sk.sndUna === sk.mtup.probeSeqStart) {
    // a probe of the path's MTU is lost: that is no congestion
    tcpMtupProbeFailed(sk);
    sk.sndCwnd++;
    tcpSimpleRetransmit(sk);
    return;
  }
  tcpEnterRecovery(sk, ece);
  out.rexmit = REXMIT_LOST;
}

/** Window and pacing rate after an ACK (tcp_cong_control). */
export function tcpCongControl(sk: TcpSock, ack: number, delivered: number, flag: number, rs: RateSample): void {
  if (sk.caOps.congControl) {
    // the ACK of our SYN comes before the algorithm's own state
    if (sk.caInitialized) sk.caOps.congControl(sk, rs);
    return;
  }
  if (tcpInCwndReduction(sk)) tcpCwndReduction(sk, delivered, rs.losses, (flag & FLAG_SND_UNA_ADVANCED) !== 0);
  else {
    const progress = sk.reordering > sk.tcp.sysctl.reordering ? FLAG_FORWARD_PROGRESS : FLAG_DATA_ACKED;
    if (flag & progress) {
      sk.caOps.congAvoid?.(sk, ack, delivered);
      sk.sndCwndStamp = jiffies(sk.net);
    }
  }
  tcpUpdatePacingRate(sk);
}

/** tcp_update_pacing_rate: a window per round trip, and some more; it sizes super-packets. */
export function tcpUpdatePacingRate(sk: TcpSock): void {
  const { pacingSsRatio, pacingCaRatio } = sk.tcp.sysctl;
  const ratio = sk.sndCwnd < Math.floor(sk.sndSsthresh / 2) ? pacingSsRatio : pacingCaRatio;
  let rate = sk.mssCache * 80_000 * ratio * Math.max(sk.sndCwnd, sk.packetsOut);
  if (sk.srttUs > 0) rate = Math.floor(rate / sk.srttUs);
  sk.pacingRate = Math.min(rate, sk.maxPacingRate);
}

/** Sends what an ACK in recovery lets go (tcp_xmit_recovery). */
export function tcpXmitRecovery(sk: TcpSock, rexmit: number): void {
  if (rexmit === REXMIT_NONE || sk.state === TCP_SYN_SENT) return;
  if (rexmit === REXMIT_NEW) {
    tcpPushPendingFramesWith(sk, tcpCurrentMss(sk), TCP_NAGLE_OFF);
    if (after(sk.sndNxt, sk.highSeq)) return;
    sk.frto = false;
  }
  tcpXmitRetransmitQueue(sk);
}

/** The reordering timer went off (tcp_rack_reo_timeout; RFC 8985 section 6.3). */
export function tcpRackReoTimeout(sk: TcpSock): void {
  const inFlight = tcpPacketsInFlight(sk);
  const lost = sk.lost;
  tcpRackDetectLoss(sk);
  if (inFlight !== tcpPacketsInFlight(sk)) {
    if (sk.caState !== TCP_CA_RECOVERY) {
      tcpEnterRecovery(sk, false);
      if (!sk.caOps.congControl) tcpCwndReduction(sk, 1, sk.lost - lost, false);
    }
    tcpXmitRetransmitQueue(sk);
  }
  if (sk.icskPending !== ICSK_TIME_RETRANS) tcpRearmRto(sk);
}
