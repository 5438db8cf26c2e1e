// A segment for a connection that is established: is it acceptable, what does it acknowledge, where does its data go, and
// when must it be acknowledged. Answers to tcp_rcv_established, tcp_validate_incoming, tcp_data_queue, tcp_fin and
// __tcp_ack_snd_check in net/ipv4/tcp_input.c. Header prediction is left out: it is faster, and answers the same.

import { Errno } from "../../base/errno.ts";
import { ACK, CWR, FIN, getFlags, getUrgentPointer, RST, SYN, URG } from "../../wire/tcp.ts";
import * as options from "../../wire/tcp-options.ts";
import { DropReason } from "../core/drop-reason.ts";
import { consumeSkb, drop, type SkBuff } from "../core/skb.ts";
import { tcpAck, tcpMayUpdateWindow, tcpPawsCheck } from "./tcp-ack.ts";
import { tcpOowRateLimited, tcpSendChallengeAck, tcpSendDupack } from "./tcp-challenge.ts";
import { tcpDoneWithError, tcpOfoPurge, tcpSetState } from "./tcp-done.ts";
import { tcpFastopenActiveDisable } from "./tcp-fastopen.ts";
import { FLAG_SLOWPATH, FLAG_UPDATE_TS_RECENT } from "./tcp-loss.ts";
import { tcpSendAck, tcpSendDelayedAck } from "./tcp-output.ts";
import { tcpEnterQuickackMode, tcpIncrQuickack, tcpInQuickackMode } from "./tcp-quickack.ts";
import { tcpDataQueueOfo, tcpOfoQueue, tcpQueueRcv, tcpTryRmemSchedule } from "./tcp-receive-queue.ts";
import { tcpDsackSet, tcpSackRemove } from "./tcp-sack-send.ts";
import {
  ackScheduled,
  after,
  before,
  enterPingpongMode,
  HZ,
  ICSK_ACK_NOMEM,
  ICSK_ACK_NOW,
  jiffies,
  scheduleAck,
  TCP_ACK_DEFERRED,
  TCP_ATO_MIN,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ECN_DEMAND_CWR,
  TCP_ECN_OK,
  TCP_ECN_SEEN,
  TCP_ESTABLISHED,
  TCP_FASTRETRANS_THRESH,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_MAX_QUICKACKS,
  TCP_PAWS_WINDOW,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
  type TcpSock,
  tcpIsSack,
  tcpMstampRefresh,
  tcpReceiveWindow,
} from "./tcp-sock.ts";
import { tcpTimeWait } from "./tcp-timewait.ts";
import {
  tcpGrowWindow,
  tcpMeasureRcvMss,
  tcpRcvRttMeasure,
  tcpRcvRttMeasureTs,
  tcpSelectWindowBytes,
} from "./tcp-window.ts";
import { tcpCheckSpace, tcpPushPendingFrames } from "./tcp-write.ts";

const URG_VALID = 0x0100;
const URG_NOTYET = 0x0200;

/** Parses a segment's options into tcp.rxOptions and the connection's rxOpt, as far as they were agreed on. */
export function tcpParseEstablished(sk: TcpSock, skb: SkBuff): void {
  const { rxOptions } = sk.tcp;
  const { rxOpt } = sk;
  const at = skb.transportHeader;
  options.parse(skb.head, at + 20, skb.data, rxOptions);
  rxOpt.sawTstamp = false;
  if (rxOptions.timestamps && rxOpt.tstampOk) {
    rxOpt.sawTstamp = true;
    rxOpt.rcvTsval = rxOptions.tsVal;
    rxOpt.rcvTsecr = rxOptions.tsEcr === 0 ? 0 : (rxOptions.tsEcr - sk.tsoffset) >>> 0;
  }
  if (!tcpIsSack(sk)) rxOptions.sackCount = 0;
}

/** A reset ends the connection (tcp_reset). */
export function tcpReset(sk: TcpSock): void {
  if (sk.state === TCP_SYN_SENT) tcpDoneWithError(sk, Errno.ECONNREFUSED);
  else if (sk.state === TCP_CLOSE_WAIT) tcpDoneWithError(sk, Errno.EPIPE);
  else if (sk.state !== TCP_CLOSE) tcpDoneWithError(sk, Errno.ECONNRESET);
}

/** The peer will send no more (tcp_fin). */
function tcpFin(sk: TcpSock): void {
  scheduleAck(sk);
  sk.rcvShutdown = true;
  switch (sk.state) {
    case TCP_SYN_RECV:
    case TCP_ESTABLISHED:
      tcpSetState(sk, TCP_CLOSE_WAIT);
      enterPingpongMode(sk);
      break;
    case TCP_FIN_WAIT1:
      tcpSendAck(sk);
      tcpSetState(sk, TCP_CLOSING);
      break;
    case TCP_FIN_WAIT2:
      tcpSendAck(sk);
      tcpTimeWait(sk, TCP_TIME_WAIT, 0);
      break;
    default:
      break;
  }
  tcpOfoPurge(sk);
  sk.rxOpt.dsack = false;
  sk.rxOpt.numSacks = 0;
  if (!sk.dead) sk.wake();
}

// --- is it acceptable? ---

/** A duplicate ACK with an old timestamp that does no harm (tcp_disordered_ack). */
function disorderedAck(sk: TcpSock, skb: SkBuff): boolean {
  const { head, transportHeader: at } = skb;
  const replayMs = (sk.icskRto * 1200) / HZ;
  return (
    (getFlags(head, at) & ACK) !== 0 &&
    skb.seq === skb.endSeq &&
    skb.seq === sk.rcvNxt &&
    skb.ackSeq === sk.sndUna &&
    !tcpMayUpdateWindow(sk, skb) &&
    ((sk.rxOpt.tsRecent - sk.rxOpt.rcvTsval) | 0) <= replayMs
  );
}

/** A reset with the number before a FIN that we acknowledged (tcp_reset_check). */
function resetCheck(sk: TcpSock, skb: SkBuff): boolean {
  return (
    skb.seq === (sk.rcvNxt - 1) >>> 0 &&
    (sk.state === TCP_CLOSE_WAIT || sk.state === TCP_LAST_ACK || sk.state === TCP_CLOSING)
  );
}

/** Outside the window, and how; null inside (tcp_sequence). */
function tcpSequence(sk: TcpSock, skb: SkBuff): DropReason | null {
  const { seq, endSeq } = skb;
  if (before(endSeq, sk.rcvWup)) return DropReason.TCP_OLD_SEQUENCE;
  const right = (sk.rcvNxt + tcpReceiveWindow(sk)) >>> 0;
  if (!after(endSeq, right)) return null;
  // a FIN may lie behind the window: some stacks send it even when that is closed
  if (skb.tcpFlags & FIN && !after((endSeq - 1) >>> 0, right)) return null;
  if (after(seq, right)) return DropReason.TCP_INVALID_SEQUENCE;
  return sk.receiveQueue.length > 0 ? DropReason.TCP_INVALID_END_SEQUENCE : null;
}

/**
 * PAWS, sequence number, RST and SYN, in RFC 5961's manner (tcp_validate_incoming). False: the packet is dealt with.
 * Its options must have been parsed.
 */
export function tcpValidateIncoming(sk: TcpSock, skb: SkBuff, synInErr: boolean): boolean {
  const flags = getFlags(skb.head, skb.transportHeader);
  const rst = (flags & RST) !== 0;
  const syn = (flags & SYN) !== 0;
  const { ext, tcp } = sk.tcp.mib;
  const challenge = (reason: DropReason): false => {
    if (synInErr) tcp.InErrs++;
    ext.TCPSYNChallenge++;
    tcpSendChallengeAck(sk);
    drop(skb, reason);
    return false;
  };
  if (sk.rxOpt.sawTstamp && !tcpPawsCheck(sk, TCP_PAWS_WINDOW) && !disorderedAck(sk, skb) && !rst) {
    if (syn) return challenge(DropReason.TCP_RFC7323_PAWS);
    ext.PAWSEstab++;
    if (!tcpOowRateLimited(sk, skb, "TCPACKSkippedPAWS")) tcpSendDupack(sk, skb);
    drop(skb, DropReason.TCP_RFC7323_PAWS);
    return false;
  }
  const outside = tcpSequence(sk, skb);
  if (outside !== null) {
    if (!rst) {
      if (syn) return challenge(outside);
      if (outside !== DropReason.TCP_OLD_SEQUENCE) ext.TCPBeyondWindow++;
      if (!tcpOowRateLimited(sk, skb, "TCPACKSkippedSeq")) tcpSendDupack(sk, skb);
    } else if (resetCheck(sk, skb)) {
      tcpReset(sk);
      consumeSkb(skb);
      return false;
    }
    drop(skb, outside);
    return false;
  }
  if (rst) {
    if (skb.seq === sk.rcvNxt || resetCheck(sk, skb) || skb.seq === maxSackEnd(sk)) {
      tcpReset(sk);
      consumeSkb(skb);
    } else {
      if (sk.synFastopen && sk.dataSegsIn === 0 && sk.state === TCP_ESTABLISHED) tcpFastopenActiveDisable(sk);
      tcpSendChallengeAck(sk);
      drop(skb, DropReason.TCP_RESET);
    }
    return false;
  }
  if (syn) {
    // the SYN-ACK of a simultaneous open
    const crossed =
      sk.state === TCP_SYN_RECV &&
      sk.hasSocket &&
      (flags & ACK) !== 0 &&
      (skb.seq + 1) >>> 0 === skb.endSeq &&
      skb.endSeq === sk.rcvNxt &&
      skb.ackSeq === sk.sndNxt;
    if (!crossed) return challenge(DropReason.TCP_INVALID_SYN);
  }
  return true;
}

/** Right edge of the highest SACK block we sent; −1 none. */
function maxSackEnd(sk: TcpSock): number {
  if (!tcpIsSack(sk) || sk.rxOpt.numSacks === 0) return -1;
  let max = sk.selectiveAcks[1]!;
  for (let i = 1; i < sk.rxOpt.numSacks; i++)
    if (after(sk.selectiveAcks[2 * i + 1]!, max)) max = sk.selectiveAcks[2 * i + 1]!;
  return max;
}

// --- data ---

/** Congestion marks of the IP header (tcp_data_ecn_check; RFC 3168). */
function dataEcnCheck(sk: TcpSock, skb: SkBuff): void {
  if (!(sk.ecnFlags & TCP_ECN_OK)) return;
  const ecn = skb.cb3 & 3;
  if (ecn === 0) {
    // a retransmission carries no ECT: the sender waits for an ACK
    if (sk.ecnFlags & TCP_ECN_SEEN) tcpEnterQuickackMode(sk, 2);
    return;
  }
  if (ecn === 3 && !(sk.ecnFlags & TCP_ECN_DEMAND_CWR)) {
    tcpEnterQuickackMode(sk, 2);
    sk.ecnFlags |= TCP_ECN_DEMAND_CWR;
  }
  sk.ecnFlags |= TCP_ECN_SEEN;
}

/** The sender says that it has slowed down (tcp_ecn_accept_cwr). */
function ecnAcceptCwr(sk: TcpSock, skb: SkBuff): void {
  if (!(getFlags(skb.head, skb.transportHeader) & CWR)) return;
  sk.ecnFlags &= ~TCP_ECN_DEMAND_CWR;
  if (skb.seq !== skb.endSeq) sk.ackPending |= ICSK_ACK_NOW;
}

/** What every segment with data teaches (tcp_event_data_recv). */
function eventDataRecv(sk: TcpSock, skb: SkBuff): void {
  scheduleAck(sk);
  tcpMeasureRcvMss(sk, skb);
  tcpRcvRttMeasure(sk);
  const now = jiffies(sk.net);
  if (sk.ackAto === 0) {
    tcpIncrQuickack(sk, TCP_MAX_QUICKACKS);
    sk.ackAto = TCP_ATO_MIN;
  } else {
    const m = now - sk.ackLrcvtime;
    if (m <= TCP_ATO_MIN / 2) sk.ackAto = (sk.ackAto >> 1) + (TCP_ATO_MIN >> 1);
    else if (m < sk.ackAto) sk.ackAto = Math.min((sk.ackAto >> 1) + m, sk.icskRto);
    else if (m > sk.icskRto) tcpIncrQuickack(sk, TCP_MAX_QUICKACKS);
  }
  sk.ackLrcvtime = now;
  dataEcnCheck(sk, skb);
  if (skb.len >= 128) tcpGrowWindow(sk, skb, true);
}

/** A segment that brings nothing we may keep: acknowledge at once. */
function outOfWindow(sk: TcpSock, skb: SkBuff, reason: DropReason): void {
  tcpEnterQuickackMode(sk, TCP_MAX_QUICKACKS);
  scheduleAck(sk);
  drop(skb, reason);
}

/** The segment's text (tcp_data_queue; RFC 9293 section 3.10.7.4, seventh). Takes the packet over. */
export function tcpDataQueue(sk: TcpSock, skb: SkBuff): void {
  if (skb.seq === skb.endSeq) {
    consumeSkb(skb);
    return;
  }
  sk.rxOpt.dsack = false;
  const { ext } = sk.tcp.mib;
  if (skb.seq === sk.rcvNxt) {
    if (tcpReceiveWindow(sk) === 0 && !(skb.len === 0 && skb.tcpFlags & FIN)) {
      ext.TCPZeroWindowDrop++;
      outOfWindow(sk, skb, DropReason.TCP_ZEROWINDOW);
    } else queueInOrder(sk, skb);
    return;
  }
  if (!after(skb.endSeq, sk.rcvNxt)) {
    ext.DelayedACKLost++;
    tcpDsackSet(sk, skb.seq, skb.endSeq);
    outOfWindow(sk, skb, DropReason.TCP_OLD_DATA);
    return;
  }
  if (!before(skb.seq, (sk.rcvNxt + tcpReceiveWindow(sk)) >>> 0)) {
    outOfWindow(sk, skb, DropReason.TCP_OVERWINDOW);
    return;
  }
  if (before(skb.seq, sk.rcvNxt)) {
    tcpDsackSet(sk, skb.seq, sk.rcvNxt);
    if (tcpReceiveWindow(sk) === 0) {
      ext.TCPZeroWindowDrop++;
      outOfWindow(sk, skb, DropReason.TCP_ZEROWINDOW);
    } else queueInOrder(sk, skb);
    return;
  }
  dataEcnCheck(sk, skb);
  tcpDataQueueOfo(sk, skb);
}

function queueInOrder(sk: TcpSock, skb: SkBuff): void {
  if (tcpTryRmemSchedule(sk, skb)) {
    sk.ackPending |= ICSK_ACK_NOMEM | ICSK_ACK_NOW;
    scheduleAck(sk);
    sk.readQueue.wakeAll();
    if (sk.receiveQueue.length > 0 && skb.len > 0) {
      sk.tcp.mib.ext.TCPRcvQDrop++;
      drop(skb, DropReason.PROTO_MEM);
      return;
    }
  }
  const fin = (skb.tcpFlags & FIN) !== 0;
  tcpQueueRcv(sk, skb);
  if (skb.len > 0) eventDataRecv(sk, skb);
  if (fin) tcpFin(sk);
  if (sk.outOfOrder.length > 0) {
    if (tcpOfoQueue(sk)) tcpFin(sk);
    if (sk.outOfOrder.length === 0) sk.ackPending |= ICSK_ACK_NOW;
  }
  if (sk.rxOpt.numSacks > 0) tcpSackRemove(sk);
  if (!sk.dead) sk.readQueue.wakeAll();
}

/** The data of a SYN or SYN-ACK is taken at once (tcp_fastopen_add_skb). The packet stays the caller's. */
export function tcpFastopenAddSkb(sk: TcpSock, skb: SkBuff): void {
  if (skb.endSeq === sk.rcvNxt) return;
  const copy = skb.pool.copy(skb);
  copy.seq = (skb.seq + 1) >>> 0;
  copy.endSeq = skb.endSeq;
  copy.tcpFlags = skb.tcpFlags & ~SYN;
  tcpQueueRcv(sk, copy);
  sk.synDataAcked = true;
  if (skb.tcpFlags & FIN) tcpFin(sk);
}

/** Urgent data is announced (tcp_urg, tcp_check_urg), kept to what SO_OOBINLINE off and MSG_OOB need. */
export function tcpUrg(sk: TcpSock, skb: SkBuff): void {
  const { head, transportHeader: at } = skb;
  if (!(getFlags(head, at) & URG)) return;
  const pointer = getUrgentPointer(head, at);
  if (pointer === 0) return;
  const urgSeq = (skb.seq + pointer - 1) >>> 0;
  if (after(sk.copiedSeq, urgSeq) || before(urgSeq, sk.rcvNxt)) return;
  if (sk.urgData !== 0 && !after(urgSeq, sk.urgSeq)) return;
  sk.urgData = URG_NOTYET;
  sk.urgSeq = urgSeq;
  const offset = (urgSeq - skb.seq) >>> 0;
  if (offset < skb.len) {
    sk.urgData = URG_VALID | head[skb.data + offset]!;
    sk.readQueue.wakeAll();
  }
}

// --- what to send ---

/** Data that an ACK let go (tcp_data_snd_check). */
export function tcpDataSndCheck(sk: TcpSock): void {
  tcpPushPendingFrames(sk);
  tcpCheckSpace(sk);
}

/** Acknowledge now, later, or not yet (__tcp_ack_snd_check; RFC 5681 section 4.2). */
export function tcpAckSndCheck(sk: TcpSock): void {
  if (!ackScheduled(sk)) return;
  const unread = (sk.rcvNxt - sk.copiedSeq) >>> 0;
  if (
    ((sk.rcvNxt - sk.rcvWup) >>> 0 > sk.ackRcvMss && (unread < sk.rcvLowat || tcpSelectWindowBytes(sk) >= sk.rcvWnd)) ||
    tcpInQuickackMode(sk) ||
    sk.ackPending & ICSK_ACK_NOW
  ) {
    if (sk.owned && sk.tcp.sysctl.backlogAckDefer) sk.tsqFlags |= TCP_ACK_DEFERRED;
    else tcpSendAck(sk);
    return;
  }
  if (sk.outOfOrder.length === 0) {
    tcpSendDelayedAck(sk);
    return;
  }
  const { sysctl } = sk.tcp;
  if (!tcpIsSack(sk) || sk.compressedAck >= sysctl.compSackNr) {
    tcpSendAck(sk);
    return;
  }
  if (sk.compressedAckRcvNxt !== sk.rcvNxt) {
    sk.compressedAckRcvNxt = sk.rcvNxt;
    sk.dupAckCounter = 0;
  }
  if (sk.dupAckCounter < TCP_FASTRETRANS_THRESH) {
    sk.dupAckCounter++;
    tcpSendAck(sk);
    return;
  }
  sk.compressedAck++;
  if (sk.compressedAckTimer.pending) return;
  let rtt = sk.rcvRttEstUs;
  if (sk.srttUs !== 0 && sk.srttUs < rtt) rtt = sk.srttUs;
  // a twentieth of the round trip, which is kept times eight
  sk.compressedAckTimer.after(Math.min(sysctl.compSackDelayNs, Math.floor((rtt * 125) / 20)));
}

/** A segment for a socket in ESTABLISHED (tcp_rcv_established). skb.data stands at the payload. Takes it over. */
export function tcpRcvEstablished(sk: TcpSock, skb: SkBuff): void {
  tcpMstampRefresh(sk);
  tcpParseEstablished(sk, skb);
  if (!(getFlags(skb.head, skb.transportHeader) & (ACK | RST | SYN))) {
    drop(skb, DropReason.TCP_FLAGS);
    return;
  }
  if (!tcpValidateIncoming(sk, skb, true)) return;
  const result = tcpAck(sk, skb, FLAG_SLOWPATH | FLAG_UPDATE_TS_RECENT);
  if (typeof result === "string") {
    drop(skb, result);
    return;
  }
  ecnAcceptCwr(sk, skb);
  tcpRcvRttMeasureTs(sk, skb);
  tcpUrg(sk, skb);
  tcpDataQueue(sk, skb);
  tcpDataSndCheck(sk);
  tcpAckSndCheck(sk);
}
