// TCP_USER_TIMEOUT (RFC 5482): no timer is armed beyond the moment at which the user gives up. Answers to
// net/ipv4/tcp_timer.c: tcp_clamp_rto_to_user_timeout, tcp_clamp_probe0_to_user_timeout.

import { HZ, jiffies, type TcpSock, tcpTimeStampMs } from "./tcp-sock.ts";

/** Jiffies for the retransmission timer. */
export function clampRtoToUserTimeout(sk: TcpSock): number {
  if (sk.icskUserTimeout === 0) return sk.icskRto;
  const elapsedMs = tcpTimeStampMs(sk) - sk.retransStamp;
  const remaining = sk.icskUserTimeout - elapsedMs;
  if (remaining <= 0) return 1;
  return Math.min(sk.icskRto, Math.ceil((remaining * HZ) / 1000));
}

/** Jiffies for the window probe timer. */
export function clampProbe0ToUserTimeout(sk: TcpSock, when: number): number {
  if (sk.icskUserTimeout === 0 || sk.icskProbesTstamp === 0) return when;
  const elapsed = Math.max(jiffies(sk.net) - sk.icskProbesTstamp, 0);
  const remaining = Math.max(Math.ceil((sk.icskUserTimeout * HZ) / 1000) - elapsed, 2);
  return Math.min(remaining, when);
}
