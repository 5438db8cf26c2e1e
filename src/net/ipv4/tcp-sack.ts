// Reading the peer's SACK blocks (RFC 2018) and DSACK reports (RFC 2883): which segments arrived out of order, and which
// were sent twice for nothing. Answers to tcp_sacktag_write_queue in net/ipv4/tcp_input.c. Leaves out its joining of
// SACKed segments, which saves memory and changes nothing on the wire.

import type { SkBuff } from "../core/skb.ts";
import {
  FLAG_DATA_SACKED,
  FLAG_DSACK_TLP,
  FLAG_DSACKING_ACK,
  FLAG_ORIG_SACK_ACKED,
  tcpCheckSackReordering,
  tcpHighestSackSeq,
} from "./tcp-loss.ts";
import { tsortedRemove } from "./tcp-output.ts";
import { tcpRateSkbDelivered } from "./tcp-rate.ts";
import { tcpRackAdvance } from "./tcp-recovery.ts";
import { TCPCB_LOST, TCPCB_RETRANS, TCPCB_SACKED_ACKED, TCPCB_SACKED_RETRANS, type TxSeg } from "./tcp-segment.ts";
import { after, before, type TcpSock } from "./tcp-sock.ts";
import { tcpFragment } from "./tcp-write.ts";

const TCP_DSACK_SEEN = 4;

/** What the blocks of one ACK said; one per namespace, re-used. */
export class SackState {
  /** lowest sequence number that was SACKed below the highest: reordering */
  reord = 0;
  /** when the first and the last newly SACKed segment were sent, µs; 0 none */
  firstSackt = 0;
  lastSackt = 0;
  sackDelivered = 0;
  flag = 0;
  /** places of the blocks in the option, by sequence number */
  readonly order: Int8Array = new Int8Array(4);

  reset(sk: TcpSock): void {
    this.reord = sk.sndNxt;
    this.firstSackt = 0;
    this.lastSackt = 0;
    this.sackDelivered = 0;
    this.flag = 0;
  }
}

/** tcp_is_sackblock_valid */
function blockValid(sk: TcpSock, isDsack: boolean, start: number, end: number): boolean {
  if (after(end, sk.sndNxt) || !before(start, end) || !before(start, sk.sndNxt)) return false;
  if (after(start, sk.sndUna)) return true;
  if (!isDsack || sk.undoMarker === 0) return false;
  if (after(end, sk.sndUna)) return false;
  if (!before(start, sk.undoMarker)) return true;
  if (!after(end, sk.undoMarker)) return false;
  return !before(start, (end - sk.maxWindow) >>> 0);
}

/** A DSACK: how many segments it reports, 0 when it is dubious (tcp_dsack_seen). */
function dsackSeen(sk: TcpSock, start: number, end: number, state: SackState): number {
  if (!before(start, end)) return 0;
  const length = (end - start) >>> 0;
  if (length > sk.maxWindow) return 0;
  let dups = 1;
  if (length > sk.mssCache) dups = Math.ceil(length / sk.mssCache);
  else if (sk.tlpHighSeq !== 0 && sk.tlpHighSeq === end) state.flag |= FLAG_DSACK_TLP;
  sk.dsackDups += dups;
  if (sk.dsackDups > sk.totalRetrans) return 0;
  sk.rxOpt.sackOk |= TCP_DSACK_SEEN;
  if (sk.reordSeen > 0 && !(state.flag & FLAG_DSACK_TLP)) sk.rackDsackSeen = true;
  state.flag |= FLAG_DSACKING_ACK;
  state.sackDelivered += dups;
  return dups;
}

/** Is the first block a DSACK (tcp_check_dsack)? */
function checkDsack(
  sk: TcpSock,
  blocks: Uint32Array,
  count: number,
  ackSeq: number,
  priorSndUna: number,
  state: SackState,
): boolean {
  const start = blocks[0]!;
  const end = blocks[1]!;
  const { ext } = sk.tcp.mib;
  if (before(start, ackSeq)) ext.TCPDSACKRecv++;
  else {
    if (count < 2 || after(end, blocks[3]!) || before(start, blocks[2]!)) return false;
    ext.TCPDSACKOfoRecv++;
  }
  const dups = dsackSeen(sk, start, end, state);
  if (dups === 0) {
    ext.TCPDSACKIgnoredDubious++;
    return false;
  }
  ext.TCPDSACKRecvSegs += dups;
  if (sk.undoMarker !== 0 && sk.undoRetrans > 0 && !after(end, priorSndUna) && after(end, sk.undoMarker))
    sk.undoRetrans = Math.max(0, sk.undoRetrans - dups);
  return true;
}

/** One segment lies in a block (tcp_sacktag_one). */
function tagOne(sk: TcpSock, seg: TxSeg, state: SackState, dup: boolean): void {
  let { sacked } = seg;
  const { pcount } = seg;
  const sentUs = Math.floor(seg.sentNs / 1000);
  if (dup && sacked & TCPCB_RETRANS) {
    if (sk.undoMarker !== 0 && sk.undoRetrans > 0 && after(seg.endSeq, sk.undoMarker))
      sk.undoRetrans = Math.max(0, sk.undoRetrans - pcount);
    if (sacked & TCPCB_SACKED_ACKED && before(seg.seq, state.reord)) state.reord = seg.seq;
  }
  if (!after(seg.endSeq, sk.sndUna)) return;
  if (!(sacked & TCPCB_SACKED_ACKED)) {
    tcpRackAdvance(sk, sacked, seg.endSeq, sentUs);
    if (sacked & TCPCB_SACKED_RETRANS) {
      // still counted as in flight unless it was lost as well
      if (sacked & TCPCB_LOST) {
        sacked &= ~(TCPCB_LOST | TCPCB_SACKED_RETRANS);
        sk.lostOut -= pcount;
        sk.retransOut -= pcount;
      }
    } else {
      if (!(sacked & TCPCB_RETRANS)) {
        if (before(seg.seq, tcpHighestSackSeq(sk)) && before(seg.seq, state.reord)) state.reord = seg.seq;
        if (!after(seg.endSeq, sk.highSeq)) state.flag |= FLAG_ORIG_SACK_ACKED;
        if (state.firstSackt === 0) state.firstSackt = sentUs;
        state.lastSackt = sentUs;
      }
      if (sacked & TCPCB_LOST) {
        sacked &= ~TCPCB_LOST;
        sk.lostOut -= pcount;
      }
    }
    sacked |= TCPCB_SACKED_ACKED;
    state.flag |= FLAG_DATA_SACKED;
    sk.sackedOut += pcount;
    state.sackDelivered += pcount;
  }
  if (dup && sacked & TCPCB_SACKED_RETRANS) {
    sacked &= ~TCPCB_SACKED_RETRANS;
    sk.retransOut -= pcount;
  }
  seg.sacked = sacked;
}

/** Cuts a super-packet where a block begins or ends inside it; true when what is left lies in the block. */
function matchSegToSack(sk: TcpSock, seg: TxSeg, start: number, end: number): boolean {
  let inside = !after(start, seg.seq) && !before(end, seg.endSeq);
  if (seg.pcount > 1 && !inside && after(seg.endSeq, start)) {
    const mss = seg.gsoSize;
    inside = !after(start, seg.seq);
    let length: number;
    if (!inside) length = Math.max((start - seg.seq) >>> 0, mss);
    else {
      length = (end - seg.seq) >>> 0;
      if (length < mss) return false;
    }
    if (length > mss) {
      let whole = length - (length % mss);
      if (!inside && whole < length) whole += mss;
      length = whole;
    }
    if (length >= seg.len && !inside) return false;
    if (length < seg.len) tcpFragment(sk, seg, length, mss, true);
  }
  return inside;
}

function walk(sk: TcpSock, start: number, end: number, dup: boolean, state: SackState): void {
  for (let seg = sk.rtxQueue.head; seg; seg = seg.next) {
    if (!before(seg.seq, end)) return;
    if (!after(seg.endSeq, start)) continue;
    if (seg.sacked & TCPCB_SACKED_ACKED && !dup) continue;
    if (!matchSegToSack(sk, seg, start, end)) continue;
    const { sacked } = seg;
    tagOne(sk, seg, state, dup);
    if (!(sacked & TCPCB_SACKED_ACKED)) tcpRateSkbDelivered(sk, seg, sk.rs);
    if (seg.sacked & TCPCB_SACKED_ACKED) tsortedRemove(sk, seg);
    if (!before(seg.seq, tcpHighestSackSeq(sk))) sk.highestSack = seg.next;
  }
}

/** The places of blocks that tell something, by sequence number: the newest first would look like reordering. How many there are. */
function inOrder(
  sk: TcpSock,
  blocks: Uint32Array,
  count: number,
  dsack: boolean,
  priorSndUna: number,
  order: Int8Array,
): number {
  let used = 0;
  for (let i = 0; i < count; i++) {
    if (!blockValid(sk, i === 0 && dsack, blocks[2 * i]!, blocks[2 * i + 1]!)) continue;
    if (!after(blocks[2 * i + 1]!, priorSndUna)) continue;
    let at = used++;
    for (; at > 0 && after(blocks[2 * order[at - 1]!]!, blocks[2 * i]!); at--) order[at] = order[at - 1]!;
    order[at] = i;
  }
  return used;
}

/** Handles the SACK blocks of the segment at hand, in tcp.rxOptions (tcp_sacktag_write_queue); FLAG_*. */
export function tcpSacktagWriteQueue(sk: TcpSock, skb: SkBuff, priorSndUna: number, state: SackState): number {
  const { sackBlocks, sackCount } = sk.tcp.rxOptions;
  if (sackCount === 0) return 0;
  state.flag = 0;
  state.reord = sk.sndNxt;
  if (sk.sackedOut === 0) sk.highestSack = sk.rtxQueue.head;
  const dsack = checkDsack(sk, sackBlocks, sackCount, skb.ackSeq, priorSndUna, state);
  if (before(skb.ackSeq, (priorSndUna - sk.maxWindow) >>> 0)) return 0;
  if (sk.packetsOut > 0) {
    const used = inOrder(sk, sackBlocks, sackCount, dsack, priorSndUna, state.order);
    for (let k = 0; k < used; k++) {
      const i = state.order[k]!;
      walk(sk, sackBlocks[2 * i]!, sackBlocks[2 * i + 1]!, i === 0 && dsack, state);
    }
  }
  tcpCheckSackReordering(sk, state.reord);
  return state.flag;
}
