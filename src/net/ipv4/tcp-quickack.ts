// Quick acknowledgements: at a connection's beginning, and whenever the sender seems to need it, each segment is
// acknowledged at once. Answers to tcp_incr_quickack, tcp_enter_quickack_mode in net/ipv4/tcp_input.c.

import { exitPingpongMode, inPingpongMode, TCP_ATO_MIN, type TcpSock } from "./tcp-sock.ts";

/** The next ACKs, up to `max`, go at once (tcp_incr_quickack). */
export function tcpIncrQuickack(sk: TcpSock, max: number): void {
  const half = Math.floor(sk.rcvWnd / (2 * sk.ackRcvMss)) || 2;
  const acks = Math.min(half, max);
  if (acks > sk.ackQuick) sk.ackQuick = acks;
}

/** tcp_enter_quickack_mode */
export function tcpEnterQuickackMode(sk: TcpSock, max: number): void {
  tcpIncrQuickack(sk, max);
  exitPingpongMode(sk);
  sk.ackAto = TCP_ATO_MIN;
}

/** tcp_in_quickack_mode */
export function tcpInQuickackMode(sk: TcpSock): boolean {
  return (sk.dst?.metrics?.quickack ?? 0) !== 0 || (sk.ackQuick > 0 && !inPingpongMode(sk));
}
