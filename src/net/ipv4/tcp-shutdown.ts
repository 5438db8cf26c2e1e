// Ending a connection from this side: FIN, or RST where data would be lost (RFC 9293 section 3.10.4, RFC 2525 section
// 2.17). Answers to tcp_shutdown, __tcp_close and tcp_disconnect in net/ipv4/tcp.c.

import { Errno } from "../../base/errno.ts";
import { FIN } from "../../wire/tcp.ts";
import { tcpDestroySock, tcpDoneWithError, tcpReceiveQueuePurge, tcpSetState, tcpWriteQueuePurge } from "./tcp-done.ts";
import { tcpFastopenActiveDisableOfoCheck, tcpFastopenRemove } from "./tcp-fastopen.ts";
import { tcpSendActiveReset } from "./tcp-output.ts";
import { tcpEatRecvSkb } from "./tcp-receive-queue.ts";
import {
  after,
  JIFFY_US,
  SOCK_BINDADDR_LOCK,
  TCP_CA_OPEN,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_DELACK_MAX,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_INFINITE_SSTHRESH,
  TCP_INIT_CWND,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_MIN_MSS,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIMEOUT_INIT,
  TCP_TIMEWAIT_LEN,
  type TcpSock,
  tcpFinTime,
  usecsToJiffies,
} from "./tcp-sock.ts";
import { tcpTimeWait } from "./tcp-timewait.ts";
import { tcpSendFin } from "./tcp-write.ts";
import { clearXmitTimers, resetKeepaliveTimer } from "./tcp-xmit-timer.ts";

/** The state after a close, and whether a FIN is due (tcp_close_state). */
function closeState(sk: TcpSock): boolean {
  switch (sk.state) {
    case TCP_ESTABLISHED:
    case TCP_SYN_RECV:
      tcpSetState(sk, TCP_FIN_WAIT1);
      return true;
    case TCP_CLOSE_WAIT:
      tcpSetState(sk, TCP_LAST_ACK);
      return true;
    case TCP_SYN_SENT:
    case TCP_LISTEN:
      tcpSetState(sk, TCP_CLOSE);
      return false;
    default:
      return false;
  }
}

/** No more will be sent (tcp_shutdown with SEND_SHUTDOWN). */
export function tcpShutdownSend(sk: TcpSock): void {
  if (sk.state !== TCP_ESTABLISHED && sk.state !== TCP_SYN_SENT && sk.state !== TCP_CLOSE_WAIT) return;
  if (closeState(sk)) tcpSendFin(sk);
}

/** The handshake is done, and shutdown(2) was called before. */
export { tcpShutdownSend as tcpSendFinAfterHandshake };

/** A listener goes: connections that nobody accepted are reset (inet_csk_listen_stop). */
export function listenStop(sk: TcpSock): void {
  for (const child of sk.acceptQueue.splice(0)) {
    child.listener = null;
    tcpDisconnect(child);
    child.dead = true;
    tcpDestroySock(child);
  }
}

function needsReset(state: number): boolean {
  switch (state) {
    case TCP_ESTABLISHED:
    case TCP_CLOSE_WAIT:
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
    case TCP_SYN_RECV:
      return true;
    default:
      return false;
  }
}

/** Ends at once, with a reset where the peer should know (tcp_disconnect). */
export function tcpDisconnect(sk: TcpSock): void {
  const old = sk.state;
  if (old !== TCP_CLOSE) tcpSetState(sk, TCP_CLOSE);
  if (old === TCP_LISTEN) listenStop(sk);
  else if (needsReset(old) || (sk.sndNxt !== sk.writeSeq && (old === TCP_CLOSING || old === TCP_LAST_ACK))) {
    tcpSendActiveReset(sk);
    sk.err = Errno.ECONNRESET;
  } else if (old === TCP_SYN_SENT) sk.err = Errno.ECONNRESET;
  clearXmitTimers(sk);
  tcpFastopenActiveDisableOfoCheck(sk);
  tcpReceiveQueuePurge(sk);
  tcpWriteQueuePurge(sk);
  sk.copiedSeq = sk.rcvNxt;
  tcpFastopenRemove(sk);
  forgetConnection(sk);
}

/** The socket is as new, but for its options: it may connect again, with numbers beyond those it used. */
function forgetConnection(sk: TcpSock): void {
  sk.urgData = 0;
  sk.dport = 0;
  if (!(sk.userlocks & SOCK_BINDADDR_LOCK)) {
    sk.saddr = 0;
    sk.rcvSaddr = 0;
  }
  sk.rcvShutdown = false;
  sk.sndShutdown = false;
  sk.srttUs = 0;
  sk.mdevUs = TCP_TIMEOUT_INIT * JIFFY_US;
  sk.rcvRttLastTsecr = 0;
  sk.writeSeq = (sk.writeSeq + sk.maxWindow + 2) >>> 0 || 1;
  sk.ring.reset(sk.writeSeq);
  sk.icskBackoff = 0;
  sk.icskProbesOut = 0;
  sk.icskProbesTstamp = 0;
  sk.icskRto = TCP_TIMEOUT_INIT;
  sk.icskRtoMin = usecsToJiffies(sk.tcp.sysctl.rtoMinUs);
  sk.icskDelackMax = TCP_DELACK_MAX;
  sk.sndSsthresh = TCP_INFINITE_SSTHRESH;
  sk.sndCwnd = TCP_INIT_CWND;
  sk.sndCwndCnt = 0;
  sk.isCwndLimited = false;
  sk.maxPacketsOut = 0;
  sk.windowClamp = 0;
  sk.delivered = 0;
  sk.deliveredCe = 0;
  sk.ca = sk.caOps.newState?.() ?? null;
  sk.caInitialized = false;
  sk.caState = TCP_CA_OPEN;
  sk.isSackReneg = false;
  sk.retransOut = 0;
  sk.lostOut = 0;
  sk.undoMarker = 0;
  sk.undoRetrans = -1;
  sk.sackedOut = 0;
  sk.totalRetrans = 0;
  sk.ackPending = 0;
  sk.ackQuick = 0;
  sk.ackPingpong = 0;
  sk.ackAto = 0;
  sk.ackRcvMss = TCP_MIN_MSS;
  sk.rxOpt.forget();
  sk.dst = null;
  sk.compressedAck = 0;
  sk.segsIn = 0;
  sk.segsOut = 0;
  sk.bytesSent = 0;
  sk.bytesAcked = 0;
  sk.bytesReceived = 0;
  sk.bytesRetrans = 0;
  sk.dataSegsIn = 0;
  sk.dataSegsOut = 0;
  sk.dsackDups = 0;
  sk.reordSeen = 0;
  sk.tlpHighSeq = 0;
  sk.lastOowAckTime = 0;
  sk.appLimited = 0xffffffff;
  sk.rateAppLimited = true;
  sk.rackMstamp = 0;
  sk.rackAdvanced = false;
  sk.rackReoWndSteps = 1;
  sk.rackLastDelivered = 0;
  sk.rackReoWndPersist = 0;
  sk.rackDsackSeen = false;
  sk.synDataAcked = false;
  sk.fastopenReq = null;
  sk.deferConnect = false;
  sk.wake();
}

/** Somebody else ends it, as `ss -K` (tcp_abort): a program that holds it is told ECONNABORTED. */
export function tcpAbort(sk: TcpSock): void {
  if (sk.state === TCP_CLOSE) return;
  if (sk.state === TCP_LISTEN) {
    tcpSetState(sk, TCP_CLOSE);
    listenStop(sk);
  }
  if (needsReset(sk.state)) tcpSendActiveReset(sk);
  tcpDoneWithError(sk, Errno.ECONNABORTED);
}

/** Throws away what was not read; true when there was something. */
function discardUnread(sk: TcpSock): boolean {
  let unread = false;
  for (let skb = sk.receiveQueue.shift(); skb; skb = sk.receiveQueue.shift()) {
    const end = skb.tcpFlags & FIN ? (skb.endSeq - 1) >>> 0 : skb.endSeq;
    if (after(end, sk.copiedSeq)) unread = true;
    tcpEatRecvSkb(sk, skb);
  }
  return unread;
}

/** The last descriptor goes (__tcp_close), first half: the peer is told. */
export function tcpCloseSend(sk: TcpSock): void {
  const { ext } = sk.tcp.mib;
  sk.rcvShutdown = true;
  sk.sndShutdown = true;
  if (sk.state === TCP_LISTEN) {
    tcpSetState(sk, TCP_CLOSE);
    listenStop(sk);
  } else {
    const unread = discardUnread(sk);
    if (sk.state !== TCP_CLOSE) {
      if (unread) {
        ext.TCPAbortOnClose++;
        tcpSetState(sk, TCP_CLOSE);
        tcpSendActiveReset(sk);
      } else if (sk.lingerOn && sk.lingerNs === 0) {
        tcpDisconnect(sk);
        ext.TCPAbortOnData++;
      } else if (closeState(sk)) tcpSendFin(sk);
    }
  }
}

/** A close that lingers waits as long as this holds (sk_stream_closing). */
export function tcpStreamClosing(sk: TcpSock): boolean {
  return sk.state === TCP_FIN_WAIT1 || sk.state === TCP_CLOSING || sk.state === TCP_LAST_ACK;
}

/** The second half: nobody holds it any more. `releaseBacklog` handles what came while the socket was owned. */
export function tcpCloseOrphan(sk: TcpSock, releaseBacklog: () => void): void {
  const { ext } = sk.tcp.mib;
  const state = sk.state as number;
  sk.dead = true;
  sk.hasSocket = false;
  releaseBacklog();
  // has the backlog ended it?
  if (state !== TCP_CLOSE && (sk.state as number) === TCP_CLOSE) return;
  if ((sk.state as number) === TCP_FIN_WAIT2) {
    if (sk.linger2 < 0) {
      tcpSetState(sk, TCP_CLOSE);
      tcpSendActiveReset(sk);
      ext.TCPAbortOnLinger++;
    } else {
      const timeout = tcpFinTime(sk);
      if (timeout <= TCP_TIMEWAIT_LEN) {
        tcpTimeWait(sk, TCP_FIN_WAIT2, timeout);
        return;
      }
      resetKeepaliveTimer(sk, timeout - TCP_TIMEWAIT_LEN);
    }
  }
  if ((sk.state as number) === TCP_CLOSE) tcpDestroySock(sk);
}
