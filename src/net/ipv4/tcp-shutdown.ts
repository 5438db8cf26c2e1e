// Ending a connection from this side: FIN, or RST where data would be lost (RFC 9293 section 3.10.4, RFC 2525 section
// 2.17). Answers to tcp_shutdown, __tcp_close and tcp_disconnect in net/ipv4/tcp.c. A close that lingers does not wait.

import { Errno } from "../../base/errno.ts";
import { FIN } from "../../wire/tcp.ts";
import { tcpDestroySock, tcpReceiveQueuePurge, tcpSetState, tcpWriteQueuePurge } from "./tcp-done.ts";
import { tcpSendActiveReset } from "./tcp-output.ts";
import { tcpEatRecvSkb } from "./tcp-receive-queue.ts";
import {
  after,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIMEWAIT_LEN,
  type TcpSock,
  tcpFinTime,
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
  tcpReceiveQueuePurge(sk);
  tcpWriteQueuePurge(sk);
  sk.copiedSeq = sk.rcvNxt;
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

/** The last descriptor goes (__tcp_close). `releaseBacklog` handles what came while the socket was owned. */
export function tcpClose(sk: TcpSock, releaseBacklog: () => void): void {
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
