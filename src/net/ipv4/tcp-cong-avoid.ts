// The two ways in which a congestion window grows, shared by the algorithms: slow start and additive increase (RFC 5681
// section 3.1). Answers to net/ipv4/tcp_cong.c.

import { type TcpSock, tcpInSlowStart } from "./tcp-sock.ts";

/** tcp_is_cwnd_limited: growing makes sense only where the window is what holds sending back (RFC 7661 in spirit). */
export function tcpIsCwndLimited(sk: TcpSock): boolean {
  if (sk.isCwndLimited) return true;
  return tcpInSlowStart(sk) && sk.sndCwnd < 2 * sk.maxPacketsOut;
}

/** Grows by `acked` up to the threshold; returns the acknowledgements not used (tcp_slow_start). */
export function tcpSlowStart(sk: TcpSock, acked: number): number {
  const cwnd = Math.min(sk.sndCwnd + acked, sk.sndSsthresh);
  const left = acked - (cwnd - sk.sndCwnd);
  sk.sndCwnd = Math.min(cwnd, sk.sndCwndClamp);
  return left;
}

/** Grows by one packet for every `w` acknowledged (tcp_cong_avoid_ai). */
export function tcpCongAvoidAi(sk: TcpSock, w: number, acked: number): void {
  if (sk.sndCwndCnt >= w) {
    sk.sndCwndCnt = 0;
    sk.sndCwnd++;
  }
  sk.sndCwndCnt += acked;
  if (sk.sndCwndCnt >= w) {
    const delta = Math.floor(sk.sndCwndCnt / w);
    sk.sndCwndCnt -= delta * w;
    sk.sndCwnd += delta;
  }
  sk.sndCwnd = Math.min(sk.sndCwnd, sk.sndCwndClamp);
}

/** tcp_reno_undo_cwnd */
export function renoUndoCwnd(sk: TcpSock): number {
  return Math.max(sk.sndCwnd, sk.priorCwnd);
}
