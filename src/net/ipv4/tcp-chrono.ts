// What a connection with something to send waits for: itself (busy), the peer's window, room in the send buffer. In jiffies,
// for tcp_info. Answers to tcp_chrono_start, tcp_chrono_stop in net/ipv4/tcp_output.c and tcp_get_info_chrono_stats in tcp.c.

import { jiffies, type TcpSock, tcpRtxAndWriteQueuesEmpty } from "./tcp-sock.ts";

/** enum tcp_chrono: of two reasons the greater counts */
export const TCP_CHRONO_UNSPEC = 0;
export const TCP_CHRONO_BUSY = 1;
export const TCP_CHRONO_RWND_LIMITED = 2;
export const TCP_CHRONO_SNDBUF_LIMITED = 3;

function chronoSet(sk: TcpSock, type: number): void {
  const now = jiffies(sk.net);
  const old = sk.chronoType;
  if (old > TCP_CHRONO_UNSPEC) sk.chronoStat[old]! += now - sk.chronoStart;
  sk.chronoStart = now;
  sk.chronoType = type;
}

/** It waits for this from now on, unless it waits for something weightier already (tcp_chrono_start). */
export function tcpChronoStart(sk: TcpSock, type: number): void {
  if (type > sk.chronoType) chronoSet(sk, type);
}

/** It waits for this no more (tcp_chrono_stop); with nothing to send or to be acknowledged it is not busy either. */
export function tcpChronoStop(sk: TcpSock, type: number): void {
  if (tcpRtxAndWriteQueuesEmpty(sk)) chronoSet(sk, TCP_CHRONO_UNSPEC);
  else if (type === sk.chronoType) chronoSet(sk, TCP_CHRONO_BUSY);
}

/** Jiffies spent so far on one of them. */
export function tcpChronoTime(sk: TcpSock, type: number): number {
  return sk.chronoStat[type]! + (sk.chronoType === type ? jiffies(sk.net) - sk.chronoStart : 0);
}
