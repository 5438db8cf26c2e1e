// A connection's state and its end: what changes with the state, what is freed and who is told. Answers to tcp_set_state,
// tcp_done and tcp_write_queue_purge in net/ipv4/tcp.c and to inet_csk_destroy_sock.

import { DropReason } from "../core/drop-reason.ts";
import { drop } from "../core/skb.ts";
import { TCP_CHRONO_BUSY, tcpChronoStop } from "./tcp-chrono.ts";
import { tcpFastopenActiveDisableOfoCheck, tcpFastopenRemove } from "./tcp-fastopen.ts";
import { tsortedRemove } from "./tcp-output.ts";
import {
  SOCK_BINDPORT_LOCK,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_ESTABLISHED,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  type TcpSock,
} from "./tcp-sock.ts";
import { tcpWmemFree } from "./tcp-write.ts";
import { clearXmitTimers } from "./tcp-xmit-timer.ts";

/** tcp_set_state */
export function tcpSetState(sk: TcpSock, state: number): void {
  const old = sk.state;
  const { tcp } = sk.tcp.mib;
  if (state === TCP_ESTABLISHED) {
    if (old !== TCP_ESTABLISHED) tcp.CurrEstab++;
  } else if (state === TCP_CLOSE_WAIT) {
    if (old === TCP_SYN_RECV) tcp.CurrEstab++;
  } else {
    if (state === TCP_CLOSE) {
      if (old === TCP_CLOSE_WAIT || old === TCP_ESTABLISHED) tcp.EstabResets++;
      tcpUnhash(sk);
      if (sk.bindNum !== 0 && !(sk.userlocks & SOCK_BINDPORT_LOCK)) tcpPutPort(sk);
    }
    if (old === TCP_ESTABLISHED || old === TCP_CLOSE_WAIT) tcp.CurrEstab--;
  }
  sk.state = state;
}

/** inet_unhash */
export function tcpUnhash(sk: TcpSock): void {
  if (!sk.hashed) return;
  sk.hashed = false;
  const { hash } = sk.tcp;
  hash.removeListener(sk);
  hash.remove(sk);
}

/** inet_put_port */
export function tcpPutPort(sk: TcpSock): void {
  if (sk.bindNum === 0) return;
  sk.tcp.hash.releasePort(sk, sk.bindNum);
  sk.bindNum = 0;
}

/** Forgets what was to be sent (tcp_write_queue_purge). */
export function tcpWriteQueuePurge(sk: TcpSock): void {
  for (const queue of [sk.sendQueue, sk.rtxQueue])
    for (let seg = queue.head; seg; seg = queue.head) {
      tsortedRemove(sk, seg);
      queue.remove(seg);
      tcpWmemFree(sk, seg);
    }
  tcpChronoStop(sk, TCP_CHRONO_BUSY);
  sk.retransHint = null;
  sk.highestSack = null;
  sk.packetsOut = 0;
  sk.icskBackoff = 0;
  sk.ring.reset(sk.writeSeq);
}

/** Forgets what was received. */
export function tcpReceiveQueuePurge(sk: TcpSock): void {
  sk.receiveQueue.purge(DropReason.SOCKET_CLOSE);
  tcpOfoPurge(sk);
  sk.backlog.purge(DropReason.SOCKET_CLOSE);
  sk.backlogLen = 0;
  sk.rmemAlloc = 0;
}

export function tcpOfoPurge(sk: TcpSock): void {
  for (const skb of sk.outOfOrder) {
    sk.rmemAlloc -= skb.cb1;
    drop(skb, DropReason.TCP_OFO_QUEUE_PRUNE);
  }
  sk.outOfOrder.length = 0;
}

/** The connection is over (tcp_done). */
export function tcpDone(sk: TcpSock): void {
  if (sk.state === TCP_SYN_SENT || sk.state === TCP_SYN_RECV) sk.tcp.mib.tcp.AttemptFails++;
  tcpSetState(sk, TCP_CLOSE);
  clearXmitTimers(sk);
  tcpFastopenRemove(sk);
  sk.rcvShutdown = true;
  sk.sndShutdown = true;
  if (sk.dead) tcpDestroySock(sk);
  else sk.wake();
}

/** Over, and why (tcp_done_with_error); a positive errno. */
export function tcpDoneWithError(sk: TcpSock, errno: number): void {
  sk.err = errno;
  tcpWriteQueuePurge(sk);
  tcpDone(sk);
  if (!sk.dead) sk.wake();
}

/** Nobody holds it and it is closed: frees all (inet_csk_destroy_sock). */
export function tcpDestroySock(sk: TcpSock): void {
  clearXmitTimers(sk);
  tcpFastopenActiveDisableOfoCheck(sk);
  tcpWriteQueuePurge(sk);
  tcpReceiveQueuePurge(sk);
  tcpUnhash(sk);
  tcpPutPort(sk);
  sk.dst = null;
  sk.tcp.all.delete(sk);
}
