// SYN cookies: a listener whose queue is full answers without remembering, and what it must know comes back in the ACK's
// number and timestamp (RFC 4987 section 3.6). Answers to net/ipv4/syncookies.c; the hash is the lab's.

import type { RequestSock } from "./tcp-request.ts";
import { secureHash } from "./tcp-secure.ts";
import { HZ, jiffies, type TcpState } from "./tcp-sock.ts";

const MSSTAB: readonly number[] = [536, 1300, 1440, 1460];
const MAX_SYNCOOKIE_AGE = 2;
const COOKIE_BITS = 24;
const COOKIE_MASK: number = 2 ** COOKIE_BITS - 1;

function tick(tcp: TcpState): number {
  return Math.floor(jiffies(tcp.net) / (60 * HZ));
}

function hash(req: RequestSock, count: number, which: number): number {
  return secureHash(req.tcp, `cookie/${which}/${req.daddr}/${req.rcvSaddr}/${req.dport}/${req.sport}/${count}`);
}

/** The SYN-ACK's sequence number; sets req.mss to what the cookie can say (cookie_v4_init_sequence). */
export function cookieInitSequence(req: RequestSock): number {
  let index = MSSTAB.length - 1;
  while (index > 0 && req.mss < MSSTAB[index]!) index--;
  req.mss = MSSTAB[index]!;
  const count = tick(req.tcp);
  return (
    (hash(req, 0, 0) +
      req.rcvIsn +
      (((count & 255) << COOKIE_BITS) >>> 0) +
      ((hash(req, count, 1) + index) & COOKIE_MASK)) >>>
    0
  );
}

/** The MSS that the cookie says, 0 when it is none of ours or too old (__cookie_v4_check). */
export function cookieCheck(req: RequestSock, cookie: number): number {
  const count = tick(req.tcp);
  const value = (cookie - hash(req, 0, 0) - req.rcvIsn) >>> 0;
  const diff = (count - (value >>> COOKIE_BITS)) & 255;
  if (diff >= MAX_SYNCOOKIE_AGE) return 0;
  const index = (value - hash(req, count - diff, 1)) & COOKIE_MASK;
  return MSSTAB[index] ?? 0;
}

/** Reads the options out of an echoed timestamp, its offset taken off (cookie_timestamp_decode). False: not possible. */
export function cookieTimestampDecode(req: RequestSock, tsEcr: number): boolean {
  const { sysctl } = req.tcp;
  if (!sysctl.timestamps) return false;
  req.sackOk = (tsEcr & 16) !== 0;
  req.ecnOk = (tsEcr & 32) !== 0;
  if (req.sackOk && !sysctl.sack) return false;
  const scale = tsEcr & 15;
  if (scale === 15) return true;
  req.wscaleOk = true;
  req.sndWscale = scale;
  return sysctl.windowScaling !== 0;
}

/** Cookies are believed only for two minutes after the queue was last full (tcp_synq_no_recent_overflow). */
export function synqNoRecentOverflow(tcp: TcpState): boolean {
  return tcp.synqOverflowTs < 0 || jiffies(tcp.net) - tcp.synqOverflowTs > MAX_SYNCOOKIE_AGE * 60 * HZ;
}

/** tcp_synq_overflow */
export function synqOverflow(tcp: TcpState): void {
  tcp.synqOverflowTs = jiffies(tcp.net);
}
