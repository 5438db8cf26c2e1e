// A segment for a socket that is not simply established: opening and closing (RFC 9293 section 3.10.7). Answers to
// tcp_rcv_state_process and tcp_rcv_synsent_state_process in net/ipv4/tcp_input.c. A SYN for a listener is in
// tcp-minisocks.ts.

import { ACK, CWR, ECE, FIN, getFlags, getWindow, RST, SYN } from "../../wire/tcp.ts";
import * as options from "../../wire/tcp-options.ts";
import { DropReason } from "../core/drop-reason.ts";
import { consumeSkb, drop, type SkBuff } from "../core/skb.ts";
import { tcpAck, tcpPawsCheck, tcpStoreTsRecent, tcpSynRtt } from "./tcp-ack.ts";
import { tcpSendChallengeAck } from "./tcp-challenge.ts";
import { tcpInitCongestionControl } from "./tcp-cong.ts";
import { tcpDone, tcpSetState } from "./tcp-done.ts";
import { tcpFastopenActiveDisable, tcpFastopenCacheSet, tcpFastopenRemove } from "./tcp-fastopen.ts";
import {
  tcpAckSndCheck,
  tcpDataQueue,
  tcpDataSndCheck,
  tcpFastopenAddSkb,
  tcpParseEstablished,
  tcpReset,
  tcpUrg,
  tcpValidateIncoming,
} from "./tcp-input.ts";
import {
  FLAG_NO_CHALLENGE_ACK,
  FLAG_SLOWPATH,
  FLAG_UPDATE_TS_RECENT,
  tcpNonCongestionLossRetransmit,
  tcpUpdatePacingRate,
} from "./tcp-loss.ts";
import { tcpMtupInit } from "./tcp-mtup.ts";
import { tcpDst, tcpSendAck, tcpSyncMss, tcpTransmit } from "./tcp-output.ts";
import { tcpEnterQuickackMode } from "./tcp-quickack.ts";
import { tcpMarkSkbLost } from "./tcp-recovery.ts";
import { rtxSynack } from "./tcp-request.ts";
import type { TxSeg } from "./tcp-segment.ts";
import { tcpSendFinAfterHandshake } from "./tcp-shutdown.ts";
import {
  after,
  before,
  between,
  ICSK_TIME_RETRANS,
  inPingpongMode,
  JIFFY_US,
  jiffies,
  scheduleAck,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_DELACK_MAX,
  TCP_ECN_OK,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_INFINITE_SSTHRESH,
  TCP_INIT_CWND,
  TCP_LAST_ACK,
  TCP_MAX_QUICKACKS,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
  TCP_TIMEOUT_FALLBACK,
  TCP_TIMEOUT_MIN,
  TCP_TIMEWAIT_LEN,
  type TcpSock,
  tcpFinTime,
  tcpMstampRefresh,
  tcpTimeStampMs,
} from "./tcp-sock.ts";
import { tcpTimeWait } from "./tcp-timewait.ts";
import { tcpInitBufferSpace, tcpInitializeRcvMss } from "./tcp-window.ts";
import { resetDackTimer, resetKeepaliveTimer, resetXmitTimer, tcpRearmRto } from "./tcp-xmit-timer.ts";

/** Reads a SYN's options into the connection (tcp_parse_options with estab 0). */
export function tcpParseSyn(sk: TcpSock, skb: SkBuff): void {
  const { rxOptions, sysctl } = sk.tcp;
  const { rxOpt } = sk;
  const at = skb.transportHeader;
  options.parse(skb.head, at + 20, skb.data, rxOptions);
  rxOpt.sawTstamp = false;
  if (getFlags(skb.head, at) & SYN) {
    if (rxOptions.mss > 0)
      rxOpt.mssClamp = rxOpt.userMss > 0 && rxOpt.userMss < rxOptions.mss ? rxOpt.userMss : rxOptions.mss;
    if (rxOptions.windowScale >= 0 && sysctl.windowScaling) {
      rxOpt.wscaleOk = true;
      rxOpt.sndWscale = rxOptions.windowScale;
    }
    if (rxOptions.sackPermitted && sysctl.sack) rxOpt.sackOk = 1;
  }
  if (rxOptions.timestamps && sysctl.timestamps) {
    rxOpt.sawTstamp = true;
    rxOpt.rcvTsval = rxOptions.tsVal;
    rxOpt.rcvTsecr = rxOptions.tsEcr === 0 ? 0 : (rxOptions.tsEcr - sk.tsoffset) >>> 0;
  }
  if (!rxOpt.sackOk) rxOptions.sackCount = 0;
}

/** The SYN's time-out was needless: its answer echoes the first one (tcp_try_undo_spurious_syn). */
function undoSpuriousSyn(sk: TcpSock): void {
  const stamp = sk.retransStamp;
  if (sk.undoMarker !== 0 && stamp !== 0 && sk.rxOpt.sawTstamp && stamp >>> 0 === sk.rxOpt.rcvTsecr) sk.undoMarker = 0;
}

/** Window, buffers and congestion control for a new connection (tcp_init_transfer). */
export function tcpInitTransfer(sk: TcpSock): void {
  tcpMtupInit(sk);
  tcpDst(sk);
  sk.sndSsthresh = TCP_INFINITE_SSTHRESH;
  if (sk.srttUs === 0) {
    // the handshake was repeated: no measurement, so be careful (RFC 6298 section 5.7)
    sk.rttvarUs = TCP_TIMEOUT_FALLBACK * JIFFY_US;
    sk.mdevUs = sk.rttvarUs;
    sk.mdevMaxUs = sk.rttvarUs;
    sk.icskRto = TCP_TIMEOUT_FALLBACK;
  }
  if (sk.totalRetrans > 1 && sk.undoMarker !== 0) sk.sndCwnd = 1;
  else sk.sndCwnd = Math.min(sk.dst?.metrics?.initcwnd || TCP_INIT_CWND, sk.sndCwndClamp);
  sk.sndCwndStamp = jiffies(sk.net);
  if (!sk.caInitialized) tcpInitCongestionControl(sk);
  tcpInitBufferSpace(sk);
}

function finishConnect(sk: TcpSock): void {
  tcpSetState(sk, TCP_ESTABLISHED);
  sk.ackLrcvtime = jiffies(sk.net);
  tcpInitTransfer(sk);
  sk.lsndtime = jiffies(sk.net);
  if (sk.keepOpen) resetKeepaliveTimer(sk, sk.keepaliveTime || sk.tcp.sysctl.keepaliveTime);
}

function keepTimestampsAgreed(sk: TcpSock): void {
  if (sk.rxOpt.sawTstamp) {
    sk.rxOpt.tstampOk = true;
    sk.tcpHeaderLen = 32;
    tcpStoreTsRecent(sk);
  } else {
    sk.rxOpt.tstampOk = false;
    sk.tcpHeaderLen = 20;
  }
}

/** tcp_rcv_synsent_state_process. True: send a reset. Takes the packet over unless it says so. */
function rcvSynsent(sk: TcpSock, skb: SkBuff): boolean {
  const { rxOpt } = sk;
  const { wscaleOk, sndWscale, sackOk, mssClamp } = rxOpt;
  tcpParseSyn(sk, skb);
  const undo = (): void => {
    rxOpt.wscaleOk = wscaleOk;
    rxOpt.sndWscale = sndWscale;
    rxOpt.sackOk = sackOk;
    rxOpt.mssClamp = mssClamp;
  };
  const flags = getFlags(skb.head, skb.transportHeader);
  const discard = (reason: DropReason): false => {
    undo();
    drop(skb, reason);
    return false;
  };
  if (flags & ACK) {
    if (!after(skb.ackSeq, sk.sndUna) || after(skb.ackSeq, sk.sndNxt)) {
      if (sk.icskRetransmits === 0) resetXmitTimer(sk, ICSK_TIME_RETRANS, TCP_TIMEOUT_MIN, false);
      undo();
      return true;
    }
    if (
      rxOpt.sawTstamp &&
      rxOpt.rcvTsecr !== 0 &&
      !between(rxOpt.rcvTsecr, sk.retransStamp >>> 0, tcpTimeStampMs(sk) >>> 0)
    ) {
      sk.tcp.mib.ext.PAWSActive++;
      undo();
      return true;
    }
    if (flags & RST) {
      tcpReset(sk);
      consumeSkb(skb);
      return false;
    }
    if (!(flags & SYN)) return discard(DropReason.TCP_FLAGS);
    connected(sk, skb, flags);
    return false;
  }
  if (flags & RST) return discard(DropReason.TCP_RESET);
  if (rxOpt.tsRecentStamp !== 0 && rxOpt.sawTstamp && !tcpPawsCheck(sk, 0)) return discard(DropReason.TCP_RFC7323_PAWS);
  if (flags & SYN) {
    simultaneousOpen(sk, skb, flags);
    return false;
  }
  return discard(DropReason.TCP_INVALID_SYN);
}

/** What a SYN-ACK says of Fast Open (tcp_rcv_fastopen_synack). True: the data in the SYN was not taken and goes again. */
function rcvFastopenSynack(sk: TcpSock, skb: SkBuff): boolean {
  const { rxOptions } = sk.tcp;
  const data = sk.synData ? sk.rtxQueue.head : null;
  const mss = rxOptions.mss > 0 ? rxOptions.mss : sk.rxOpt.mssClamp;
  let cookie = rxOptions.fastopen;
  let tryExp = 0;
  if (!sk.synFastopen) cookie = null;
  else if (sk.totalRetrans === 0 && !cookie && !sk.synData) tryExp = sk.synFastopenExp ? 2 : 1;
  tcpFastopenCacheSet(sk, mss, cookie, rxOptions.fastopenExp, tryExp);
  if (data) {
    for (let seg: TxSeg | null = data; seg; seg = seg.next) tcpMarkSkbLost(sk, seg);
    tcpNonCongestionLossRetransmit(sk);
    sk.tcp.mib.ext.TCPFastOpenActiveFail++;
    return true;
  }
  sk.synDataAcked = sk.synData;
  if (sk.synDataAcked) sk.tcp.mib.ext.TCPFastOpenActive++;
  // SYN and data were counted as two
  if (sk.synDataAcked && sk.delivered > 1) sk.delivered--;
  tcpFastopenAddSkb(sk, skb);
  return false;
}

/** Our SYN was answered: the connection stands. */
function connected(sk: TcpSock, skb: SkBuff, flags: number): void {
  const { rxOpt } = sk;
  if (sk.ecnFlags & TCP_ECN_OK && (!(flags & ECE) || flags & CWR)) sk.ecnFlags &= ~TCP_ECN_OK;
  sk.sndWl1 = skb.seq;
  undoSpuriousSyn(sk);
  tcpAck(sk, skb, FLAG_SLOWPATH);
  sk.rcvNxt = (skb.seq + 1) >>> 0;
  sk.rcvWup = sk.rcvNxt;
  sk.sndWnd = getWindow(skb.head, skb.transportHeader);
  if (!rxOpt.wscaleOk) {
    rxOpt.sndWscale = 0;
    rxOpt.rcvWscale = 0;
    sk.windowClamp = Math.min(sk.windowClamp, 65535);
  }
  keepTimestampsAgreed(sk);
  if (rxOpt.tstampOk) sk.advmss -= 12;
  tcpMtupInit(sk);
  tcpSyncMss(sk, sk.pmtuCookie);
  tcpInitializeRcvMss(sk);
  sk.copiedSeq = sk.rcvNxt;
  finishConnect(sk);
  const fastopenFailed = (sk.synFastopen || sk.synData) && rcvFastopenSynack(sk, skb);
  if (!sk.dead) sk.wake();
  if (fastopenFailed) {
    consumeSkb(skb);
    tcpDataSndCheck(sk);
    return;
  }
  if (sk.writePending > 0 || sk.deferAccept > 0 || inPingpongMode(sk)) {
    scheduleAck(sk);
    tcpEnterQuickackMode(sk, TCP_MAX_QUICKACKS);
    resetDackTimer(sk, TCP_DELACK_MAX);
    consumeSkb(skb);
    return;
  }
  tcpSendAck(sk);
  tcpUrg(sk, skb);
  consumeSkb(skb);
  tcpDataSndCheck(sk);
}

/** Two SYNs crossed (RFC 9293 figure 7). */
function simultaneousOpen(sk: TcpSock, skb: SkBuff, flags: number): void {
  tcpSetState(sk, TCP_SYN_RECV);
  keepTimestampsAgreed(sk);
  sk.rcvNxt = (skb.seq + 1) >>> 0;
  sk.copiedSeq = sk.rcvNxt;
  sk.rcvWup = sk.rcvNxt;
  sk.sndWnd = getWindow(skb.head, skb.transportHeader);
  sk.sndWl1 = skb.seq;
  sk.maxWindow = sk.sndWnd;
  if (sk.ecnFlags & TCP_ECN_OK && (!(flags & ECE) || !(flags & CWR))) sk.ecnFlags &= ~TCP_ECN_OK;
  tcpMtupInit(sk);
  tcpSyncMss(sk, sk.pmtuCookie);
  tcpInitializeRcvMss(sk);
  consumeSkb(skb);
  // tcp_send_synack: our SYN goes again, with an ACK
  const syn = sk.rtxQueue.head;
  if (!syn) return;
  syn.flags |= ACK;
  tcpTransmit(sk, syn, syn.seq, syn.flags, 0);
}

/** The ACK of a connection that a SYN has made: its request is done with (tcp_rcv_synrecv_state_fastopen). */
function fastopenEstablished(sk: TcpSock): void {
  sk.retransStamp = 0;
  sk.icskRetransmits = 0;
  tcpFastopenRemove(sk);
  tcpRearmRto(sk);
}

/** The SYN-ACK was acknowledged. */
function synRecvEstablished(sk: TcpSock, skb: SkBuff): void {
  sk.delivered++;
  const req = sk.fastopenRsk;
  if (req && sk.srttUs === 0 && req.numRetrans === 0 && req.sntSynack !== 0)
    tcpSynRtt(sk, Math.max(0, sk.mstamp - req.sntSynack));
  if (sk.rxOpt.tstampOk) sk.advmss -= 12;
  if (req) fastopenEstablished(sk);
  else {
    undoSpuriousSyn(sk);
    sk.retransStamp = 0;
    tcpInitTransfer(sk);
    sk.copiedSeq = sk.rcvNxt;
  }
  tcpSetState(sk, TCP_ESTABLISHED);
  sk.wake();
  sk.sndUna = skb.ackSeq;
  sk.sndWnd = getWindow(skb.head, skb.transportHeader) << sk.rxOpt.sndWscale;
  sk.sndWl1 = skb.seq;
  if (!sk.caOps.congControl) tcpUpdatePacingRate(sk);
  sk.lsndtime = jiffies(sk.net);
  tcpInitializeRcvMss(sk);
  if (sk.sndShutdown) tcpSendFinAfterHandshake(sk);
}

/** Our FIN was acknowledged, in FIN_WAIT_1. True: the packet and the socket are dealt with. */
function finWait1Acked(sk: TcpSock, skb: SkBuff): boolean {
  tcpSetState(sk, TCP_FIN_WAIT2);
  sk.sndShutdown = true;
  if (!sk.dead) {
    sk.wake();
    return false;
  }
  const fin = (skb.tcpFlags & FIN) !== 0;
  const dataEnd = (skb.endSeq - (fin ? 1 : 0)) >>> 0;
  if (sk.linger2 < 0 || (skb.endSeq !== skb.seq && after(dataEnd, sk.rcvNxt))) {
    if (sk.linger2 >= 0 && sk.synFastopen && fin) tcpFastopenActiveDisable(sk);
    sk.tcp.mib.ext.TCPAbortOnData++;
    tcpDone(sk);
    return true;
  }
  const timeout = tcpFinTime(sk);
  if (timeout > TCP_TIMEWAIT_LEN) resetKeepaliveTimer(sk, timeout - TCP_TIMEWAIT_LEN);
  else if (fin || sk.owned) resetKeepaliveTimer(sk, timeout);
  else {
    tcpTimeWait(sk, TCP_FIN_WAIT2, timeout);
    consumeSkb(skb);
    return true;
  }
  return false;
}

/**
 * A segment in any state but ESTABLISHED and LISTEN (tcp_rcv_state_process). skb.data stands at the payload. True: the
 * packet is still the caller's, who answers it with a reset and drops it; else it was taken over.
 */
export function tcpRcvStateProcess(sk: TcpSock, skb: SkBuff): boolean {
  const flags = getFlags(skb.head, skb.transportHeader);
  if (sk.state === TCP_CLOSE) {
    drop(skb, DropReason.TCP_CLOSE);
    return false;
  }
  tcpMstampRefresh(sk);
  if (sk.state === TCP_SYN_SENT) return rcvSynsent(sk, skb);
  tcpParseEstablished(sk, skb);
  if (!(flags & (ACK | RST | SYN))) {
    drop(skb, DropReason.TCP_FLAGS);
    return false;
  }
  const rsk = sk.fastopenRsk;
  if (rsk) {
    // tcp_check_req: the SYN once more, or nothing to go by
    if ((flags & (SYN | ACK | RST)) === SYN && skb.seq === rsk.rcvIsn) rtxSynack(rsk);
    if (!(flags & (ACK | RST))) {
      drop(skb, DropReason.TCP_FLAGS);
      return false;
    }
  }
  if (!tcpValidateIncoming(sk, skb, false)) return false;
  const result = tcpAck(sk, skb, FLAG_SLOWPATH | FLAG_UPDATE_TS_RECENT | FLAG_NO_CHALLENGE_ACK);
  if (result !== 1) {
    if (sk.state === TCP_SYN_RECV) return true;
    if (result !== 0) {
      tcpSendChallengeAck(sk);
      drop(skb, result);
      return false;
    }
  }
  switch (sk.state) {
    case TCP_SYN_RECV:
      synRecvEstablished(sk, skb);
      break;
    case TCP_FIN_WAIT1:
      if (sk.fastopenRsk) fastopenEstablished(sk);
      if (sk.sndUna === sk.writeSeq && finWait1Acked(sk, skb)) return (sk.state as number) === TCP_CLOSE && !skb.free;
      break;
    case TCP_CLOSING:
      if (sk.sndUna === sk.writeSeq) {
        tcpTimeWait(sk, TCP_TIME_WAIT, 0);
        consumeSkb(skb);
        return false;
      }
      break;
    case TCP_LAST_ACK:
      if (sk.sndUna === sk.writeSeq) {
        tcpDone(sk);
        consumeSkb(skb);
        return false;
      }
      break;
    default:
      break;
  }
  tcpUrg(sk, skb);
  return stateText(sk, skb);
}

/** The segment's text, state by state. */
function stateText(sk: TcpSock, skb: SkBuff): boolean {
  let queue = false;
  const fin = (skb.tcpFlags & FIN) !== 0;
  switch (sk.state) {
    case TCP_CLOSE_WAIT:
    case TCP_CLOSING:
    case TCP_LAST_ACK:
      if (!before(skb.seq, sk.rcvNxt)) break;
      queue = true;
      break;
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
    case TCP_ESTABLISHED:
      queue = true;
      break;
    default:
      break;
  }
  if (
    queue &&
    sk.state !== TCP_ESTABLISHED &&
    sk.rcvShutdown &&
    skb.endSeq !== skb.seq &&
    after((skb.endSeq - (fin ? 1 : 0)) >>> 0, sk.rcvNxt)
  ) {
    sk.tcp.mib.ext.TCPAbortOnData++;
    tcpReset(sk);
    return true;
  }
  if (queue) tcpDataQueue(sk, skb);
  if (sk.state !== TCP_CLOSE) {
    tcpDataSndCheck(sk);
    tcpAckSndCheck(sk);
  }
  if (!queue) drop(skb, DropReason.NOT_SPECIFIED);
  return false;
}
