// TCP's constants and small arithmetic: states, flags, sequence numbers (RFC 9293 section 3.4), jiffies and the timer
// wheel. Answers to include/net/tcp_states.h, include/net/tcp.h, include/net/inet_connection_sock.h and
// kernel/time/timer.c; figures that a kernel's configuration decides are the recorded kernel's.

import type { Ns } from "../../base/time.ts";
import type { Net } from "../core/net.ts";
import { JIFFY_NS, jiffyStart, wheelExpiry } from "../core/timer-wheel.ts";

export const IPPROTO_TCP = 6;

// include/net/tcp_states.h
export const TCP_ESTABLISHED = 1;
export const TCP_SYN_SENT = 2;
export const TCP_SYN_RECV = 3;
export const TCP_FIN_WAIT1 = 4;
export const TCP_FIN_WAIT2 = 5;
export const TCP_TIME_WAIT = 6;
export const TCP_CLOSE = 7;
export const TCP_CLOSE_WAIT = 8;
export const TCP_LAST_ACK = 9;
export const TCP_LISTEN = 10;
export const TCP_CLOSING = 11;
export const TCP_NEW_SYN_RECV = 12;

// enum tcp_ca_state
export const TCP_CA_OPEN = 0;
export const TCP_CA_DISORDER = 1;
export const TCP_CA_CWR = 2;
export const TCP_CA_RECOVERY = 3;
export const TCP_CA_LOSS = 4;

// inet_connection_sock.h: icsk_ack.pending, icsk_pending
export const ICSK_ACK_SCHED = 1;
export const ICSK_ACK_TIMER = 2;
export const ICSK_ACK_PUSHED = 4;
export const ICSK_ACK_PUSHED2 = 8;
export const ICSK_ACK_NOW = 16;
export const ICSK_ACK_NOMEM = 32;
export const ICSK_TIME_RETRANS = 1;
export const ICSK_TIME_PROBE0 = 3;
export const ICSK_TIME_LOSS_PROBE = 5;
export const ICSK_TIME_REO_TIMEOUT = 6;

export const TCP_NAGLE_OFF = 1;
export const TCP_NAGLE_CORK = 2;
export const TCP_NAGLE_PUSH = 4;

export const TCP_ECN_OK = 1;
export const TCP_ECN_QUEUE_CWR = 2;
export const TCP_ECN_DEMAND_CWR = 4;
export const TCP_ECN_SEEN = 8;

// sk_userlocks
export const SOCK_SNDBUF_LOCK = 1;
export const SOCK_RCVBUF_LOCK = 2;
export const SOCK_BINDADDR_LOCK = 4;
export const SOCK_BINDPORT_LOCK = 8;

// sk_tsq_flags: what waits until the socket's owner lets go of it (tcp_release_cb)
export const TCP_TSQ_DEFERRED = 1;
export const TCP_WRITE_TIMER_DEFERRED = 2;
export const TCP_DELACK_TIMER_DEFERRED = 4;
export const TCP_MTU_REDUCED_DEFERRED = 8;
export const TCP_ACK_DEFERRED = 16;
export const TCP_KEEPALIVE_DEFERRED = 32;

/** CONFIG_HZ of the recorded kernel. */
export const HZ = 250;
export { JIFFY_NS };
export const JIFFY_US: number = 1_000_000 / HZ;

export const TCP_MIN_MSS = 88;
export const TCP_MSS_DEFAULT = 536;
export const TCP_MIN_RCVMSS = 536;
export const TCP_FASTRETRANS_THRESH = 3;
export const TCP_MAX_QUICKACKS = 16;
export const TCP_INIT_CWND = 10;
export const TCP_MAX_WSCALE = 14;
export const TCP_INFINITE_SSTHRESH = 0x7fffffff;
export const TCP_TIMEOUT_INIT: number = HZ;
export const TCP_TIMEOUT_FALLBACK: number = 3 * HZ;
export const TCP_TIMEOUT_MIN = 2;
export const TCP_TIMEOUT_MIN_US = 2000;
export const TCP_ATO_MIN: number = HZ / 25;
export const TCP_DELACK_MIN: number = HZ / 25;
export const TCP_DELACK_MAX: number = HZ / 5;
export const TCP_RESOURCE_PROBE_INTERVAL: number = HZ / 2;
export const TCP_TIMEWAIT_LEN: number = 60 * HZ;
export const TCP_PAWS_WINDOW = 1;
export const TCP_PAWS_24DAYS: number = 60 * 60 * 24 * 24;
export const TCP_RMEM_TO_WIN_SCALE = 8;
export const TCP_DEFAULT_SCALING_RATIO = 128;
/** MAX_TCP_HEADER of the recorded kernel, and SKB_TRUESIZE of a buffer that holds just that: what a segment costs. */
export const MAX_TCP_HEADER = 256;
export const SKB_OVERHEAD: number = 256 + 320 + MAX_TCP_HEADER;
export const SKB_SHARED_INFO = 320;
export const SKB_STRUCT = 256;
export const MAX_SKB_FRAGS = 17;
/** sk_pacing_rate "without limit" */
export const PACING_UNLIMITED: number = Number.POSITIVE_INFINITY;

/** True when sequence number `a` lies before `b` (RFC 9293 section 3.4). */
export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}

/** a ≤ seq ≤ c, modulo 2^32. */
export function between(seq: number, low: number, high: number): boolean {
  return (high - low) >>> 0 >= (seq - low) >>> 0;
}

/** TCP's clocks begin at one second, so that 0 can mean "never" as in the kernel. */
export const BOOT_NS: Ns = 1_000_000_000;

/** tcp_jiffies32 */
export function jiffies(net: Net): number {
  return Math.floor((net.now + BOOT_NS) / JIFFY_NS);
}

/** Rounded up, as usecs_to_jiffies. */
export function usecsToJiffies(us: number): number {
  return Math.ceil(us / JIFFY_US);
}

export function msecsToJiffies(ms: number): number {
  return Math.ceil((ms * HZ) / 1000);
}

/** When a timer goes off that is armed now for `delay` jiffies (mod_timer(jiffies + delay)). */
export function expiresIn(now: Ns, delay: number): Ns {
  return wheelExpiry(now, jiffyStart(Math.floor(now / JIFFY_NS) + delay));
}
