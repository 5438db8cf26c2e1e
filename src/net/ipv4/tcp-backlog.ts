// The backlog: what arrives while a system call has the socket waits until it lets go, and what continues the packet before
// is joined to it, as GRO would. Answers to tcp_add_backlog in net/ipv4/tcp_ipv4.c and skb_try_coalesce.

import { ACK, AE, CWR, ECE, FIN, getWindow, RST, SYN, setWindow, URG } from "../../wire/tcp.ts";
import { DropReason } from "../core/drop-reason.ts";
import { consumeSkb, drop, READ_VIEW, type SkBuff } from "../core/skb.ts";
import { MAX_SKB_FRAGS, SKB_OVERHEAD, type TcpSock } from "./tcp-sock.ts";
import { rcvTruesize } from "./tcp-window.ts";

/** Page fragments that a segment's payload lies in: a file's pages, or 32 KiB each (sk_page_frag). */
export function fragsOf(skb: SkBuff): number {
  if (skb.pagePhase > 0) return Math.ceil((skb.pagePhase - 1 + skb.len) / 4096);
  return Math.max(1, Math.ceil(skb.len / 32768));
}

/** skb_cloned: the sender's queue still refers to it. */
export function skbCloned(skb: SkBuff): boolean {
  return skb.cloneOf !== null && skb.cloneOf.gen === skb.cloneGen;
}

/** Keeps a packet (data at its payload) until the owner lets go. */
export function tcpAddBacklog(sk: TcpSock, skb: SkBuff): void {
  const { tail } = sk.backlog;
  if (tail && continues(tail, skb) && join(tail, skb)) {
    sk.backlogLen += skb.len;
    sk.tcp.mib.ext.TCPBacklogCoalesce++;
    consumeSkb(skb);
    return;
  }
  if (sk.backlogLen > sk.rcvBuf * 2 + (sk.sndBuf >> 1) + 65536) {
    drop(skb, DropReason.SOCKET_BACKLOG);
    return;
  }
  sk.backlogLen += skb.len > 0 ? rcvTruesize(skb) : SKB_OVERHEAD;
  skb.cb2 = skb.len > 0 ? fragsOf(skb) : 0;
  sk.backlog.push(skb);
}

/** Behind the other, with the same flags that matter and the same options. */
function continues(tail: SkBuff, skb: SkBuff): boolean {
  if (tail.endSeq !== skb.seq || tail.cb3 !== skb.cb3 || skbCloned(tail)) return false;
  const both = tail.tcpFlags | skb.tcpFlags;
  if (both & (SYN | RST | URG) || !(tail.tcpFlags & skb.tcpFlags & ACK)) return false;
  if ((tail.tcpFlags ^ skb.tcpFlags) & (ECE | CWR | AE)) return false;
  const a = tail.transportHeader;
  const b = skb.transportHeader;
  const length = skb.data - b;
  if (tail.data - a !== length) return false;
  return sameOptions(tail, a, skb, b, length);
}

/** Options are words, and nearly always lie so. */
function sameOptions(one: SkBuff, a: number, other: SkBuff, b: number, headerLength: number): boolean {
  if (((a | b) & 3) === 0) {
    const { words: x } = one;
    const { words: y } = other;
    for (let i = 20; i < headerLength; i = (i + 4) | 0)
      if (x[((a + i) | 0) >> 2] !== y[((b + i) | 0) >> 2]) return false;
    return true;
  }
  for (let i = 20; i < headerLength; i++) if (one.head[a + i] !== other.head[b + i]) return false;
  return true;
}

function join(tail: SkBuff, skb: SkBuff): boolean {
  const { len } = skb;
  const frags = tail.cb2 + (len > 0 ? fragsOf(skb) : 0);
  if (frags > MAX_SKB_FRAGS) return false;
  const size = Math.max(tail.gsoSize || tail.len, skb.gsoSize || len);
  if (len > 0) {
    if (tail.tailroom < len && !skb.pool.grow(tail, len)) return false;
    tail.head.set(skb.view(READ_VIEW, skb.data, len), tail.put(len));
  }
  const at = tail.transportHeader;
  tail.cb2 = frags;
  tail.endSeq = skb.endSeq;
  if (((skb.ackSeq - tail.ackSeq) | 0) >= 0) {
    tail.ackSeq = skb.ackSeq;
    setWindow(tail.head, at, getWindow(skb.head, skb.transportHeader));
  }
  tail.tcpFlags |= skb.tcpFlags;
  if (skb.tcpFlags & FIN) tail.head[at + 13] = tail.head[at + 13]! | FIN;
  tail.gsoSize = size;
  tail.gsoSegs = Math.min(Math.max(tail.gsoSegs, 1) + Math.max(skb.gsoSegs, 1), 0xffff);
  return true;
}
