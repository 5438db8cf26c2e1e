// Congestion control as a plug: what an algorithm implements, how one is chosen, and the plain one (NewReno, RFC 5681,
// RFC 6582). Answers to net/ipv4/tcp_cong.c. The others: tcp-cubic.ts, tcp-bbr.ts.

import { Errno, NetError } from "../../base/errno.ts";
import { tcpBbr } from "./tcp-bbr.ts";
import { renoUndoCwnd, tcpCongAvoidAi, tcpIsCwndLimited, tcpSlowStart } from "./tcp-cong-avoid.ts";
import { tcpCubic } from "./tcp-cubic.ts";
import type { RateSample, TcpSock } from "./tcp-sock.ts";
import { TCP_CA_OPEN, TCP_INFINITE_SSTHRESH, tcpInSlowStart } from "./tcp-sock.ts";

export const CA_EVENT_TX_START = 0;
export const CA_EVENT_CWND_RESTART = 1;
export const CA_EVENT_COMPLETE_CWR = 2;
export const CA_EVENT_LOSS = 3;

/** What an algorithm does (struct tcp_congestion_ops). */
export interface TcpCongestionOps {
  readonly name: string;
  /** what it keeps for a connection, from the first SYN on */
  newState?(): unknown;
  /** the connection is established */
  init?(sk: TcpSock): void;
  /** slow start threshold after a loss, in packets */
  ssthresh(sk: TcpSock): number;
  /** `acked` packets were acknowledged in order */
  congAvoid?(sk: TcpSock, ack: number, acked: number): void;
  setState?(sk: TcpSock, state: number): void;
  cwndEvent?(sk: TcpSock, event: number): void;
  /** the window to go back to after a spurious recovery */
  undoCwnd(sk: TcpSock): number;
  /** packets left the network; rttUs −1 when it was not measured */
  pktsAcked?(sk: TcpSock, rttUs: number, pkts: number, inFlight: number): void;
  /** takes window and pacing rate over from the common code altogether */
  congControl?(sk: TcpSock, rs: RateSample): void;
  minTsoSegs?(sk: TcpSock): number;
  /** multiple of the congestion window that the send buffer should hold; 2 by default */
  sndbufExpand?(sk: TcpSock): number;
}

/** NewReno. */
export const tcpReno: TcpCongestionOps = {
  name: "reno",
  ssthresh: (sk) => Math.max(sk.sndCwnd >> 1, 2),
  congAvoid: tcpRenoCongAvoid,
  undoCwnd: renoUndoCwnd,
};

/** tcp_reno_cong_avoid */
export function tcpRenoCongAvoid(sk: TcpSock, _ack: number, acked: number): void {
  if (!tcpIsCwndLimited(sk)) return;
  if (tcpInSlowStart(sk)) {
    acked = tcpSlowStart(sk, acked);
    if (acked === 0) return;
  }
  tcpCongAvoidAi(sk, sk.sndCwnd, acked);
}

/** In the order of net.ipv4.tcp_available_congestion_control. */
export const TCP_CONGESTION_CONTROLS: readonly TcpCongestionOps[] = [tcpReno, tcpBbr, tcpCubic];

/** The algorithm of that name. Throws ENOENT. */
export function tcpCaFind(name: string): TcpCongestionOps {
  const ops = TCP_CONGESTION_CONTROLS.find((candidate) => candidate.name === name);
  if (!ops) throw new NetError(Errno.ENOENT);
  return ops;
}

/** The namespace's default for a new socket (tcp_assign_congestion_control). */
export function tcpAssignCongestionControl(sk: TcpSock): void {
  use(sk, tcpCaFind(sk.tcp.sysctl.congestionControl));
}

/** A child takes over what its listener was set to. */
export function tcpInheritCongestionControl(sk: TcpSock, listener: TcpSock): void {
  if (listener.caSetsockopt) use(sk, listener.caOps);
}

function use(sk: TcpSock, ops: TcpCongestionOps): void {
  sk.caOps = ops;
  sk.ca = ops.newState?.() ?? null;
  sk.caInitialized = false;
}

/** tcp_init_congestion_control: the connection is about to send data. */
export function tcpInitCongestionControl(sk: TcpSock): void {
  sk.priorSsthresh = 0;
  sk.caOps.init?.(sk);
  sk.caInitialized = true;
}

/** setsockopt(TCP_CONGESTION) (tcp_set_congestion_control). Throws ENOENT. */
export function tcpSetCongestionControl(sk: TcpSock, name: string, established: boolean): void {
  const ops = tcpCaFind(name);
  sk.caSetsockopt = true;
  if (ops === sk.caOps) return;
  use(sk, ops);
  if (established) {
    sk.sndSsthresh = TCP_INFINITE_SSTHRESH;
    tcpInitCongestionControl(sk);
  }
}

/** tcp_set_ca_state */
export function tcpSetCaState(sk: TcpSock, state: number): void {
  sk.caOps.setState?.(sk, state);
  sk.caState = state;
}

/** tcp_ca_event */
export function tcpCaEvent(sk: TcpSock, event: number): void {
  sk.caOps.cwndEvent?.(sk, event);
}

/** tcp_current_ssthresh: the threshold that restarting should honour. */
export function tcpCurrentSsthresh(sk: TcpSock): number {
  if (sk.caState === 2 || sk.caState === 3) return sk.sndSsthresh;
  return Math.max(sk.sndSsthresh, (sk.sndCwnd >> 1) + (sk.sndCwnd >> 2));
}

export { TCP_CA_OPEN };
