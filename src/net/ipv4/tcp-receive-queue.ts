// Where received bytes wait: in order for the reader, out of order for the hole to be filled; and what they cost of the
// receive buffer. Answers to tcp_queue_rcv, tcp_data_queue_ofo, tcp_ofo_queue and tcp_prune_queue in
// net/ipv4/tcp_input.c. Segments are not joined here as the kernel joins its skbs, but they are charged as if they were.
// skb.data stands at the payload; skb.cb1 is what is given back when the packet goes, cb2 the fragments of the joined
// packet so far.

import { FIN } from "../../wire/tcp.ts";
import { DropReason } from "../core/drop-reason.ts";
import { consumeSkb, drop, type SkBuff } from "../core/skb.ts";
import { fragsOf, skbCloned } from "./tcp-backlog.ts";
import { tcpCollapseOfoQueue, tcpCollapseReceiveQueue } from "./tcp-collapse.ts";
import { tcpDsackExtend, tcpDsackSet, tcpSackNewOfo } from "./tcp-sack-send.ts";
import { after, before, MAX_SKB_FRAGS, scheduleAck, type TcpSock, tcpIsSack } from "./tcp-sock.ts";
import { rcvTruesize, tcpClampWindow, tcpGrowWindow, tcpMeasureRcvMss, tcpRcvbufGrow } from "./tcp-window.ts";

/** Charges `skb` as joined to `tail`, if their fragments fit into one (tcp_try_coalesce). */
function tryCoalesce(sk: TcpSock, tail: SkBuff | null, skb: SkBuff): boolean {
  if (!tail || tail.endSeq !== skb.seq) return false;
  // what the sender's queue still refers to is left alone (skb_cloned)
  if (skbCloned(tail)) return false;
  if (skb.truesize > 0) {
    // a driver's own buffer: its bytes are copied where the one before has room, else it stays by itself
    if (skb.len > tail.endRoom) return false;
    skb.cb1 = tail.cb1;
    skb.cb2 = tail.cb2;
    skb.truesize = tail.truesize;
    skb.endRoom = tail.endRoom - skb.len;
    tail.cb1 = 0;
    return true;
  }
  const frags = tail.cb2 + (skb.len > 0 ? fragsOf(skb) : 0);
  if (frags > MAX_SKB_FRAGS) return false;
  skb.cb1 = tail.cb1 + skb.len;
  skb.cb2 = frags;
  tail.cb1 = 0;
  skb.cloneOf = tail.cloneOf;
  skb.cloneGen = tail.cloneGen;
  sk.rmemAlloc += skb.len;
  return true;
}

function setOwner(sk: TcpSock, skb: SkBuff): void {
  skb.cb1 = rcvTruesize(skb);
  skb.cb2 = fragsOf(skb);
  sk.rmemAlloc += skb.cb1;
}

/** A packet leaves the receive buffer. */
export function tcpEatRecvSkb(sk: TcpSock, skb: SkBuff): void {
  sk.rmemAlloc -= skb.cb1;
  consumeSkb(skb);
}

/** In order: into the reader's queue, RCV.NXT behind it (tcp_queue_rcv). True when it was joined to the one before. */
export function tcpQueueRcv(sk: TcpSock, skb: SkBuff): boolean {
  const eaten = tryCoalesce(sk, sk.receiveQueue.tail, skb);
  if (eaten) sk.tcp.mib.ext.TCPRcvCoalesce++;
  else setOwner(sk, skb);
  sk.bytesReceived += (skb.endSeq - sk.rcvNxt) >>> 0;
  sk.rcvNxt = skb.endSeq;
  sk.receiveQueue.push(skb);
  return eaten;
}

/** True when there is no room even after pruning (tcp_try_rmem_schedule). */
export function tcpTryRmemSchedule(sk: TcpSock, skb: SkBuff): boolean {
  if (canIngest(sk)) return false;
  sk.tcp.mib.ext.PruneCalled++;
  if (sk.rmemAlloc >= sk.rcvBuf) tcpClampWindow(sk);
  if (canIngest(sk)) return false;
  tcpCollapseOfoQueue(sk);
  tcpCollapseReceiveQueue(sk);
  if (canIngest(sk)) return false;
  pruneOfoQueue(sk, skb);
  if (canIngest(sk)) return false;
  sk.tcp.mib.ext.RcvPruned++;
  sk.predFlags = 0;
  return true;
}

/** tcp_can_ingest: the packet that goes over the bound is still taken */
function canIngest(sk: TcpSock): boolean {
  return sk.rmemAlloc <= sk.rcvBuf;
}

/** Throws away out-of-order packets from the end, those behind the one that needs room (tcp_prune_ofo_queue). */
function pruneOfoQueue(sk: TcpSock, incoming: SkBuff): void {
  const queue = sk.outOfOrder;
  let goal = sk.rcvBuf >> 3;
  let pruned = false;
  while (queue.length > 0) {
    const last = queue[queue.length - 1]!;
    if (after(incoming.seq, last.seq)) break;
    queue.pop();
    pruned = true;
    goal -= rcvTruesize(last);
    sk.rmemAlloc -= last.cb1;
    sk.tcp.mib.ext.OfoPruned++;
    drop(last, DropReason.TCP_OFO_QUEUE_PRUNE);
    if (goal <= 0) {
      if (sk.rmemAlloc <= sk.rcvBuf) break;
      goal = sk.rcvBuf >> 3;
    }
  }
  if (pruned && tcpIsSack(sk)) {
    sk.rxOpt.numSacks = 0;
    sk.rxOpt.dsack = false;
  }
}

/** Out of order: to its place in the queue, and into the SACK blocks (tcp_data_queue_ofo). Takes the packet over. */
export function tcpDataQueueOfo(sk: TcpSock, skb: SkBuff): void {
  const { ext } = sk.tcp.mib;
  if (tcpTryRmemSchedule(sk, skb)) {
    ext.TCPOFODrop++;
    sk.readQueue.wakeAll();
    drop(skb, DropReason.PROTO_MEM);
    return;
  }
  tcpMeasureRcvMss(sk, skb);
  scheduleAck(sk);
  ext.TCPOFOQueue++;
  sk.rcvOoopack += Math.max(1, skb.gsoSegs);
  const { seq, endSeq } = skb;
  const queue = sk.outOfOrder;
  const at = placeOf(sk, skb);
  if (at >= 0) {
    const joined = at > 0 && tryCoalesce(sk, queue[at - 1]!, skb);
    if (!joined) skb.cb1 = -1;
    queue.splice(at, 0, skb);
    dropCovered(sk, at);
    if (tcpIsSack(sk)) {
      tcpSackNewOfo(sk, seq, endSeq);
      tcpGrowWindow(sk, skb, joined);
    }
    if (!joined) setOwner(sk, skb);
  } else if (tcpIsSack(sk)) tcpSackNewOfo(sk, seq, endSeq);
  if (sk.hasSocket) tcpRcvbufGrow(sk, sk.rcvqSpace);
}

/** Index where a packet belongs; −1 when all of it is there already (it is dropped, and reported as DSACK). */
function placeOf(sk: TcpSock, skb: SkBuff): number {
  const queue = sk.outOfOrder;
  const { seq, endSeq } = skb;
  let at = queue.length;
  while (at > 0 && before(seq, queue[at - 1]!.seq)) at--;
  const prev = queue[at - 1];
  if (!prev || !before(seq, prev.endSeq)) return at;
  if (!after(endSeq, prev.endSeq)) {
    sk.tcp.mib.ext.TCPOFOMerge++;
    drop(skb, DropReason.TCP_OFOMERGE);
    tcpDsackSet(sk, seq, endSeq);
    return -1;
  }
  if (after(seq, prev.seq)) tcpDsackSet(sk, seq, prev.endSeq);
  else {
    // the same beginning, and longer: it takes the other's place
    tcpDsackExtend(sk, prev.seq, prev.endSeq);
    queue.splice(at - 1, 1);
    sk.rmemAlloc -= prev.cb1;
    drop(prev, DropReason.TCP_OFOMERGE);
    return at - 1;
  }
  return at;
}

/** What follows and is covered by the packet at `at` goes (merge_right). */
function dropCovered(sk: TcpSock, at: number): void {
  const queue = sk.outOfOrder;
  const { endSeq } = queue[at]!;
  for (let next = queue[at + 1]; next; next = queue[at + 1]) {
    if (!after(endSeq, next.seq)) return;
    if (before(endSeq, next.endSeq)) {
      tcpDsackExtend(sk, next.seq, endSeq);
      return;
    }
    queue.splice(at + 1, 1);
    tcpDsackExtend(sk, next.seq, next.endSeq);
    sk.rmemAlloc -= next.cb1;
    sk.tcp.mib.ext.TCPOFOMerge++;
    drop(next, DropReason.TCP_OFOMERGE);
  }
}

/** The hole is filled: what now follows in order goes to the reader (tcp_ofo_queue). True when a FIN was among it. */
export function tcpOfoQueue(sk: TcpSock): boolean {
  const queue = sk.outOfOrder;
  const dsackHigh = sk.rcvNxt;
  let fin = false;
  while (queue.length > 0) {
    const skb = queue[0]!;
    if (after(skb.seq, sk.rcvNxt)) break;
    if (before(skb.seq, dsackHigh)) {
      tcpDsackExtend(sk, skb.seq, before(skb.endSeq, dsackHigh) ? skb.endSeq : dsackHigh);
    }
    queue.shift();
    sk.rmemAlloc -= skb.cb1;
    if (!after(skb.endSeq, sk.rcvNxt)) {
      drop(skb, DropReason.TCP_OFO_DROP);
      continue;
    }
    if ((skb.tcpFlags & FIN) !== 0) fin = true;
    tcpQueueRcv(sk, skb);
    if (fin) break;
  }
  return fin;
}
