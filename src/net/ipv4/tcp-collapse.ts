// The receive buffer is full of segments that cost more than they bring: their bytes are copied together into buffers of a page,
// one behind the other. Answers to tcp_collapse and tcp_collapse_ofo_queue in net/ipv4/tcp_input.c. Segments stay as they are
// here; what changes is what is charged for them, on the segment in which each such buffer ends.

import { FIN } from "../../wire/tcp.ts";
import type { SkBuff } from "../core/skb.ts";
import { after, before, SKB_SHARED_INFO, SKB_STRUCT, type TcpSock, tcpWinFromSpace } from "./tcp-sock.ts";

const PAGE = 4096;
/** The most bytes that one buffer takes (SKB_MAX_ORDER), and the cache of small ones (SKB_SMALL_HEAD_SIZE). */
const MOST = PAGE - SKB_SHARED_INFO;
const SMALL_HEAD = 640;

/** A packet as the kernel keeps it: segments that were joined; the last one carries the charge. */
interface Joined {
  readonly skbs: SkBuff[];
  len: number;
}

function joined(skbs: Iterable<SkBuff>): Joined[] {
  const list: Joined[] = [];
  let open: Joined = { skbs: [], len: 0 };
  for (const skb of skbs) {
    open.skbs.push(skb);
    open.len += skb.len;
    if (skb.cb1 === 0) continue;
    list.push(open);
    open = { skbs: [], len: 0 };
  }
  return list;
}

const costOf = (packet: Joined): number => packet.skbs[packet.skbs.length - 1]!.cb1;

/** From the first packet that is bloated, begins before what is wanted or overlaps the next, to the end of the run. */
function collapse(sk: TcpSock, run: readonly Joined[], wanted: number): void {
  let from = 0;
  for (; from < run.length; from++) {
    const packet = run[from]!;
    const first = packet.skbs[0]!;
    if (packet.skbs.some((skb) => skb.tcpFlags & FIN)) continue;
    if (tcpWinFromSpace(sk, costOf(packet)) > packet.len || before(first.seq, wanted)) break;
    const next = run[from + 1]?.skbs[0];
    if (next && next.seq !== packet.skbs[packet.skbs.length - 1]!.endSeq) break;
  }
  const skbs: SkBuff[] = [];
  for (const packet of run.slice(from)) {
    if (packet.skbs.some((skb) => skb.tcpFlags & FIN)) break;
    sk.rmemAlloc -= costOf(packet);
    sk.tcp.mib.ext.TCPRcvCollapsed++;
    for (const skb of packet.skbs) skbs.push(skb);
  }
  const last = skbs[skbs.length - 1];
  if (!last) return;
  let start = skbs[0]!.seq;
  if (before(start, wanted)) start = wanted;
  for (const skb of skbs) {
    skb.cb1 = 0;
    skb.cb2 = 0;
    // the buffers that end in this segment
    while (before(start, last.endSeq)) {
      const copy = Math.min(MOST, (last.endSeq - start) >>> 0);
      const end = (start + copy) >>> 0;
      if (after(end, skb.endSeq)) break;
      const size = Math.ceil(copy / 64) * 64 + SKB_SHARED_INFO;
      const buffer = size <= SMALL_HEAD ? SMALL_HEAD : 2 ** Math.ceil(Math.log2(size));
      skb.cb1 += buffer + SKB_STRUCT;
      skb.truesize = buffer + SKB_STRUCT;
      skb.endRoom = buffer - SKB_SHARED_INFO - copy;
      start = end;
    }
    sk.rmemAlloc += skb.cb1;
  }
}

/** The receive queue, from what is not read yet (tcp_collapse). */
export function tcpCollapseReceiveQueue(sk: TcpSock): void {
  const skbs: SkBuff[] = [];
  for (let skb = sk.receiveQueue.head; skb; skb = skb.next) skbs.push(skb);
  collapse(sk, joined(skbs), sk.copiedSeq);
}

/** Each run without a hole; single small packets stay (tcp_collapse_ofo_queue). */
export function tcpCollapseOfoQueue(sk: TcpSock): void {
  const packets = joined(sk.outOfOrder);
  let tiny = 0;
  for (let i = 0; i < packets.length; ) {
    const start = packets[i]!.skbs[0]!.seq;
    let end = packets[i]!.skbs.at(-1)!.endSeq;
    let next = i + 1;
    for (; next < packets.length && !after(packets[next]!.skbs[0]!.seq, end); next++) {
      const other = packets[next]!.skbs.at(-1)!.endSeq;
      if (after(other, end)) end = other;
    }
    if (next - i > 1 || (end - start) >>> 0 >= MOST) collapse(sk, packets.slice(i, next), start);
    else {
      tiny += costOf(packets[i]!);
      if (tiny > sk.rcvBuf >> 3) return;
    }
    i = next;
  }
}
