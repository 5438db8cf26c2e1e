// How far the congestion window falls, and how: in recovery and when the network is congested though nothing was lost
// (proportional rate reduction, RFC 6937; RFC 3168 section 6.1.2). Answers to tcp_init_cwnd_reduction, tcp_cwnd_reduction,
// tcp_end_cwnd_reduction and tcp_enter_cwr in net/ipv4/tcp_input.c.

import { CA_EVENT_COMPLETE_CWR, tcpCaEvent, tcpSetCaState } from "./tcp-cong.ts";
import {
  jiffies,
  TCP_CA_CWR,
  TCP_ECN_OK,
  TCP_ECN_QUEUE_CWR,
  TCP_INFINITE_SSTHRESH,
  type TcpSock,
  tcpPacketsInFlight,
} from "./tcp-sock.ts";

/** tcp_init_cwnd_reduction */
export function tcpInitCwndReduction(sk: TcpSock): void {
  sk.highSeq = sk.sndNxt;
  sk.tlpHighSeq = 0;
  sk.sndCwndCnt = 0;
  sk.priorCwnd = sk.sndCwnd;
  sk.prrDelivered = 0;
  sk.prrOut = 0;
  sk.sndSsthresh = sk.caOps.ssthresh(sk);
  ecnQueueCwr(sk);
}

/** The next new data tells the peer that we have slowed down (tcp_ecn_queue_cwr). */
export function ecnQueueCwr(sk: TcpSock): void {
  if (sk.ecnFlags & TCP_ECN_OK) sk.ecnFlags |= TCP_ECN_QUEUE_CWR;
}

/** tcp_cwnd_reduction. @param advanced this ACK moved SND.UNA */
export function tcpCwndReduction(sk: TcpSock, newlyDelivered: number, newlyLost: number, advanced: boolean): void {
  if (newlyDelivered <= 0 || sk.priorCwnd === 0) return;
  const inFlight = tcpPacketsInFlight(sk);
  const delta = sk.sndSsthresh - inFlight;
  sk.prrDelivered += newlyDelivered;
  let count: number;
  if (delta < 0) count = Math.floor((sk.sndSsthresh * sk.prrDelivered + sk.priorCwnd - 1) / sk.priorCwnd) - sk.prrOut;
  else {
    count = Math.max(sk.prrDelivered - sk.prrOut, newlyDelivered);
    if (advanced && newlyLost === 0) count++;
    count = Math.min(delta, count);
  }
  count = Math.max(count, sk.prrOut > 0 ? 0 : 1);
  sk.sndCwnd = inFlight + count;
}

/** tcp_end_cwnd_reduction */
export function tcpEndCwndReduction(sk: TcpSock): void {
  if (sk.caOps.congControl) return;
  if (sk.sndSsthresh < TCP_INFINITE_SSTHRESH && (sk.caState === TCP_CA_CWR || sk.undoMarker !== 0)) {
    sk.sndCwnd = sk.sndSsthresh;
    sk.sndCwndStamp = jiffies(sk.net);
  }
  tcpCaEvent(sk, CA_EVENT_COMPLETE_CWR);
}

/** The network is congested, nothing is lost: a router marked packets, or our own queue is full (tcp_enter_cwr). */
export function tcpEnterCwr(sk: TcpSock): void {
  sk.priorSsthresh = 0;
  if (sk.caState >= TCP_CA_CWR) return;
  sk.undoMarker = 0;
  tcpInitCwndReduction(sk);
  tcpSetCaState(sk, TCP_CA_CWR);
}
