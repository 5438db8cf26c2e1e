// The SACK blocks that we send: which to report first, and DSACKs for what came twice (RFC 2018 section 4, RFC 2883).
// Answers to tcp_sack_new_ofo_skb, tcp_dsack_set and their neighbours in net/ipv4/tcp_input.c.

import { tcpSendAck } from "./tcp-output.ts";
import { after, before, type TcpSock, tcpIsSack } from "./tcp-sock.ts";

const NUM_SACKS = 4;
const SACK_BLOCKS_EXPECTED = 2;

/** Widens block `i` by a range that touches it (tcp_sack_extend). */
function extend(blocks: Uint32Array, i: number, seq: number, endSeq: number): boolean {
  if (after(seq, blocks[2 * i + 1]!) || after(blocks[2 * i]!, endSeq)) return false;
  if (before(seq, blocks[2 * i]!)) blocks[2 * i] = seq;
  if (after(endSeq, blocks[2 * i + 1]!)) blocks[2 * i + 1] = endSeq;
  return true;
}

/** `seq` … `endSeq` came twice (tcp_dsack_set). */
export function tcpDsackSet(sk: TcpSock, seq: number, endSeq: number): void {
  if (!tcpIsSack(sk) || !sk.tcp.sysctl.dsack) return;
  if (before(seq, sk.rcvNxt)) sk.tcp.mib.ext.TCPDSACKOldSent++;
  else sk.tcp.mib.ext.TCPDSACKOfoSent++;
  sk.rxOpt.dsack = true;
  sk.duplicateSack[0] = seq;
  sk.duplicateSack[1] = endSeq;
}

/** tcp_dsack_extend */
export function tcpDsackExtend(sk: TcpSock, seq: number, endSeq: number): void {
  if (!sk.rxOpt.dsack) tcpDsackSet(sk, seq, endSeq);
  else extend(sk.duplicateSack, 0, seq, endSeq);
}

/** ACKs held back are sent, before their blocks are lost (tcp_sack_compress_send_ack). */
function compressSendAck(sk: TcpSock): void {
  if (sk.compressedAck === 0) return;
  sk.compressedAckTimer.del();
  sk.tcp.mib.ext.TCPAckCompressed += sk.compressedAck - 1;
  sk.compressedAck = 0;
  tcpSendAck(sk);
}

/** The first block has grown: others may have become part of it (tcp_sack_maybe_coalesce). */
function maybeCoalesce(sk: TcpSock): void {
  const sp = sk.selectiveAcks;
  for (let i = 1; i < sk.rxOpt.numSacks; ) {
    if (!extend(sp, 0, sp[2 * i]!, sp[2 * i + 1]!)) {
      i++;
      continue;
    }
    sk.rxOpt.numSacks--;
    sp.copyWithin(2 * i, 2 * (i + 1), 2 * (sk.rxOpt.numSacks + 1));
  }
}

/** A segment came out of order: its block is reported first (tcp_sack_new_ofo_skb). */
export function tcpSackNewOfo(sk: TcpSock, seq: number, endSeq: number): void {
  const sp = sk.selectiveAcks;
  const { rxOpt } = sk;
  let i = 0;
  for (; i < rxOpt.numSacks; i++) {
    if (!extend(sp, i, seq, endSeq)) continue;
    if (i >= SACK_BLOCKS_EXPECTED) compressSendAck(sk);
    const start = sp[2 * i]!;
    const end = sp[2 * i + 1]!;
    sp.copyWithin(2, 0, 2 * i);
    sp[0] = start;
    sp[1] = end;
    if (rxOpt.numSacks > 1) maybeCoalesce(sk);
    return;
  }
  if (i >= SACK_BLOCKS_EXPECTED) compressSendAck(sk);
  if (i >= NUM_SACKS) {
    i--;
    rxOpt.numSacks--;
  }
  sp.copyWithin(2, 0, 2 * i);
  sp[0] = seq;
  sp[1] = endSeq;
  rxOpt.numSacks++;
}

/** RCV.NXT moved on: blocks that it covers go (tcp_sack_remove). */
export function tcpSackRemove(sk: TcpSock): void {
  const sp = sk.selectiveAcks;
  const { rxOpt } = sk;
  if (sk.outOfOrder.length === 0) {
    rxOpt.numSacks = 0;
    return;
  }
  for (let i = 0; i < rxOpt.numSacks; ) {
    if (before(sk.rcvNxt, sp[2 * i]!)) {
      i++;
      continue;
    }
    sp.copyWithin(2 * i, 2 * (i + 1), 2 * rxOpt.numSacks);
    rxOpt.numSacks--;
  }
}
