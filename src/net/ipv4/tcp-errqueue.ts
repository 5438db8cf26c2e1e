// What a TCP socket's error queue tells besides errors: that bytes sent without a copy (MSG_ZEROCOPY) may be used again, and when
// a write's last byte was queued, sent and acknowledged (SO_TIMESTAMPING). Answers to msg_zerocopy_realloc, __msg_zerocopy_callback
// and __skb_tstamp_tx in net/core/skbuff.c, tcp_tx_timestamp in net/ipv4/tcp.c and tcp_ack_tstamp in tcp_input.c. Every device here
// is one of this machine's own, which copies what it is given without a copy, so notices always say so.

import { Errno, NetError } from "../../base/errno.ts";
import type { StreamNotice } from "../core/sock.ts";
import type { TxSeg, ZeroCopy } from "./tcp-segment.ts";
import { before, TCP_CLOSE, TCP_LISTEN, type TcpSock } from "./tcp-sock.ts";

export const SO_EE_ORIGIN_TIMESTAMPING = 4;
export const SO_EE_ORIGIN_ZEROCOPY = 5;
export const SO_EE_CODE_ZEROCOPY_COPIED = 1;

export const SCM_TSTAMP_SND = 0;
export const SCM_TSTAMP_SCHED = 1;
export const SCM_TSTAMP_ACK = 2;

/** SOF_TIMESTAMPING_*: what is honoured here */
const TX_SOFTWARE = 1 << 1;
const REPORT_SOFTWARE = 1 << 4;
const OPT_ID = 1 << 7;
const TX_SCHED = 1 << 8;
const TX_ACK = 1 << 9;
const SUPPORTED = TX_SOFTWARE | REPORT_SOFTWARE | OPT_ID | TX_SCHED | TX_ACK;

/** A notice as it waits: of MSG_ZEROCOPY `info` and `data` are the first and the last number of a range, which may grow. */
export type QueuedNotice = StreamNotice & { data: number };

function queue(sk: TcpSock, notice: QueuedNotice): void {
  sk.errQueue.push(notice);
  sk.errorQueued = true;
  sk.wake();
}

/** The next notice (sock_dequeue_err_skb). Throws EAGAIN. */
export function tcpRecvErr(sk: TcpSock): QueuedNotice {
  const notice = sk.errQueue.shift();
  sk.errorQueued = sk.errQueue.length > 0;
  if (!notice) throw new NetError(Errno.EAGAIN);
  return notice;
}

// --- MSG_ZEROCOPY ---

/** What a write with MSG_ZEROCOPY is told by: the unsent tail's, when it is the last number, or a new one (msg_zerocopy_realloc). */
export function zerocopyBegin(sk: TcpSock): ZeroCopy {
  const tail = sk.sendQueue.tail?.zc;
  if (tail && tail.lo + tail.len === sk.zcKey) {
    tail.len++;
    tail.refs++;
    sk.zcKey++;
    return tail;
  }
  return { lo: sk.zcKey++, len: 1, refs: 1 };
}

/** The write took nothing: its number is free again (net_zcopy_put_abort). */
export function zerocopyAbort(sk: TcpSock, zc: ZeroCopy): void {
  sk.zcKey--;
  zc.len--;
  zerocopyPut(sk, zc);
}

/** Somebody lets go of the bytes; the last one tells the program (__msg_zerocopy_callback). */
export function zerocopyPut(sk: TcpSock, zc: ZeroCopy): void {
  if (--zc.refs > 0 || zc.len === 0 || sk.dead) return;
  const tail = sk.errQueue.at(-1);
  if (tail?.origin === SO_EE_ORIGIN_ZEROCOPY && tail.data + 1 === zc.lo) {
    tail.data += zc.len;
    sk.wake();
    return;
  }
  queue(sk, {
    errno: 0,
    origin: SO_EE_ORIGIN_ZEROCOPY,
    code: SO_EE_CODE_ZEROCOPY_COPIED,
    info: zc.lo,
    data: zc.lo + zc.len - 1,
    stampNs: null,
    bytes: 0,
  });
}

// --- SO_TIMESTAMPING ---

/** setsockopt(SO_TIMESTAMPING) (sock_set_timestamping). Throws EINVAL. */
export function tcpSetTimestamping(sk: TcpSock, flags: number): void {
  if (flags & ~SUPPORTED) throw new NetError(Errno.EOPNOTSUPP);
  if (flags & OPT_ID && !(sk.tsFlags & OPT_ID)) {
    if (sk.state === TCP_CLOSE || sk.state === TCP_LISTEN) throw new NetError(Errno.EINVAL);
    sk.tsKey = sk.sndUna;
  }
  sk.tsFlags = flags;
}

/** A write is done: its last byte is watched (tcp_tx_timestamp). */
export function tcpTxTimestamp(sk: TcpSock): void {
  const seg = sk.sendQueue.tail ?? sk.rtxQueue.tail;
  if (!seg || seg.len === 0) return;
  seg.tsFlags = sk.tsFlags & (TX_SOFTWARE | TX_SCHED | TX_ACK);
  seg.tsKey = (seg.seq + seg.len - 1) >>> 0;
}

function report(sk: TcpSock, seg: TxSeg, type: number): void {
  if (!(sk.tsFlags & REPORT_SOFTWARE)) return;
  queue(sk, {
    errno: Errno.ENOMSG,
    origin: SO_EE_ORIGIN_TIMESTAMPING,
    code: 0,
    info: type,
    data: sk.tsFlags & OPT_ID ? (seg.tsKey - sk.tsKey) >>> 0 : 0,
    stampNs: sk.net.now,
    bytes: seg.len,
  });
}

/** It goes to the queueing discipline and on to the device. */
export function tcpTstampSent(sk: TcpSock, seg: TxSeg): void {
  if (seg.tsFlags & TX_SCHED) report(sk, seg, SCM_TSTAMP_SCHED);
  if (seg.tsFlags & TX_SOFTWARE) report(sk, seg, SCM_TSTAMP_SND);
}

/** An ACK has covered the byte (tcp_ack_tstamp). */
export function tcpTstampAcked(sk: TcpSock, seg: TxSeg, priorSndUna: number): void {
  if (!(seg.tsFlags & TX_ACK)) return;
  if (!before(seg.tsKey, priorSndUna) && before(seg.tsKey, sk.sndUna)) report(sk, seg, SCM_TSTAMP_ACK);
}
