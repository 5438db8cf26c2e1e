// One segment on its way out: its route, options, window and header, then the IP layer; ACKs, resets and the first SYN.
// Which segments may go, and when, is in tcp-write.ts and tcp-retransmit.ts. Answers to net/ipv4/tcp_output.c and
// net/ipv4/inet_connection_sock.c; options: RFC 7323, RFC 2018; ECN: RFC 3168. Fast Open: RFC 7413.
// Leaves out MD5, AO and MPTCP.

import { Errno } from "../../base/errno.ts";
import { pseudoHeaderSum4 } from "../../wire/checksum.ts";
import { set16, set32 } from "../../wire/layout.ts";
import { ACK, CWR, ECE, FIN, PSH, RST, SYN, setDataOffsetAndFlags, URG } from "../../wire/tcp.ts";
import * as options from "../../wire/tcp-options.ts";
import { CHECKSUM_PARTIAL, SKB_GSO_TCP_ECN, SKB_GSO_TCPV4, type SkBuff } from "../core/skb.ts";
import { ipQueueXmit } from "./ip-output.ts";
import { dstCheck, ipRouteOutputKey } from "./route.ts";
import { FlowKey, type Rtable } from "./rtable.ts";
import { CA_EVENT_TX_START, tcpCaEvent } from "./tcp-cong.ts";
import { tcpEnterCwr } from "./tcp-cwnd-reduction.ts";
import { tcpTstampSent } from "./tcp-errqueue.ts";
import { tcpRateSkbSent } from "./tcp-rate.ts";
import { TCPCB_SACKED_RETRANS, type TxSeg } from "./tcp-segment.ts";
import {
  ackScheduled,
  after,
  before,
  HZ,
  ICSK_ACK_PUSHED,
  ICSK_ACK_SCHED,
  ICSK_ACK_TIMER,
  inPingpongMode,
  jiffies,
  MAX_TCP_HEADER,
  PACING_UNLIMITED,
  TCP_ATO_MIN,
  TCP_CLOSE,
  TCP_DELACK_MAX,
  TCP_DELACK_MIN,
  TCP_ECN_DEMAND_CWR,
  TCP_ECN_OK,
  TCP_ECN_QUEUE_CWR,
  TCP_MSS_DEFAULT,
  type TcpSock,
  tcpMstampRefresh,
  tcpPacketsInFlight,
  tcpRtoMin,
  tcpUrgMode,
  tcpWndEnd,
  usecsToJiffies,
} from "./tcp-sock.ts";
import { tcpSelectWindow } from "./tcp-window.ts";
import { clearDackTimer, resetDackTimer } from "./tcp-xmit-timer.ts";

const MAX_OPTION_SPACE = 40;
const TSTAMP_ALIGNED = 12;

/** The connection's route, looked up again when it is no longer good; null when there is none. */
export function tcpDst(sk: TcpSock): Rtable | null {
  if (dstCheck(sk.dst)) return sk.dst;
  const fl = new FlowKey();
  fl.daddr = sk.daddr;
  fl.saddr = sk.saddr;
  fl.oif = sk.boundDevIf;
  fl.tos = sk.tos & 0xfc;
  fl.mark = sk.mark;
  fl.proto = 6;
  fl.sport = sk.sport;
  fl.dport = sk.dport;
  fl.uid = sk.uid;
  const rt = ipRouteOutputKey(sk.ip4, fl);
  if (rt.error !== 0) {
    sk.dst = null;
    return null;
  }
  tcpSetupCaps(sk, rt);
  return rt;
}

/** sk_setup_caps: the route's device says how large a super-packet may be. */
export function tcpSetupCaps(sk: TcpSock, rt: Rtable): void {
  sk.dst = rt;
  sk.gsoMaxSize = rt.dev.gsoMaxSize - (MAX_TCP_HEADER + 1);
  sk.gsoMaxSegs = Math.max(rt.dev.settings.gsoMaxSegs, 1);
}

/** The MSS for a path MTU, without timestamps' bytes taken off (__tcp_mtu_to_mss). */
export function tcpMtuToMssBare(sk: TcpSock, pmtu: number): number {
  const mss = Math.min(pmtu - 40, sk.rxOpt.mssClamp) - sk.extHdrLen;
  return Math.max(mss, sk.tcp.sysctl.minSndMss);
}

/** tcp_mtu_to_mss */
export function tcpMtuToMss(sk: TcpSock, pmtu: number): number {
  return tcpMtuToMssBare(sk, pmtu) - (sk.tcpHeaderLen - 20);
}

/** Not more than half of the greatest window the peer ever offered (tcp_bound_to_half_wnd). */
export function tcpBoundToHalfWnd(sk: TcpSock, size: number): number {
  const cutoff = sk.maxWindow > TCP_MSS_DEFAULT ? Math.floor(sk.maxWindow / 2) : sk.maxWindow;
  if (cutoff > 0 && size > cutoff) return Math.max(cutoff, 68 - sk.tcpHeaderLen);
  return size;
}

/** The path's MTU is (now) `pmtu` (tcp_sync_mss). */
export function tcpSyncMss(sk: TcpSock, pmtu: number): number {
  const { mtup } = sk;
  if (mtup.searchHigh > pmtu) mtup.searchHigh = pmtu;
  let mss = tcpBoundToHalfWnd(sk, tcpMtuToMss(sk, pmtu));
  sk.pmtuCookie = pmtu;
  if (mtup.enabled) mss = Math.min(mss, tcpMtuToMss(sk, mtup.searchLow));
  sk.mssCache = mss;
  return mss;
}

/** Payload bytes of a full segment at this moment: SACK blocks take room (tcp_current_mss). */
export function tcpCurrentMss(sk: TcpSock): number {
  let mss = sk.mssCache;
  if (sk.dst) {
    const mtu = sk.dst.mtu();
    if (mtu !== sk.pmtuCookie) mss = tcpSyncMss(sk, mtu);
  }
  return mss - (establishedOptionsLength(sk) + 20 - sk.tcpHeaderLen);
}

function effectiveSacks(sk: TcpSock, size: number): number {
  const { rxOpt } = sk;
  const wanted = rxOpt.numSacks + (rxOpt.dsack ? 1 : 0);
  if (wanted === 0) return 0;
  const room = MAX_OPTION_SPACE - size;
  return room < 12 ? 0 : Math.min(wanted, Math.floor((room - 4) / 8));
}

function establishedOptionsLength(sk: TcpSock): number {
  const size = sk.rxOpt.tstampOk ? TSTAMP_ALIGNED : 0;
  const sacks = effectiveSacks(sk, size);
  return sacks > 0 ? size + 4 + 8 * sacks : size;
}

/** The options of a segment of an established connection, into tcp.txOptions; their length (tcp_established_options). */
function establishedOptions(sk: TcpSock): number {
  const opts = sk.tcp.txOptions;
  const { rxOpt } = sk;
  options.clear(opts);
  if (rxOpt.tstampOk) {
    opts.timestamps = true;
    opts.tsVal = tsVal(sk);
    opts.tsEcr = rxOpt.tsRecent;
  }
  const n = effectiveSacks(sk, rxOpt.tstampOk ? TSTAMP_ALIGNED : 0);
  if (n > 0) {
    opts.sackCount = n;
    let to = 0;
    if (rxOpt.dsack) {
      opts.sackBlocks[to++] = sk.duplicateSack[0]!;
      opts.sackBlocks[to++] = sk.duplicateSack[1]!;
    }
    for (let from = 0; to < 2 * n; ) opts.sackBlocks[to++] = sk.selectiveAcks[from++]!;
    rxOpt.dsack = false;
  }
  return options.length(opts);
}

/** The options of a SYN (tcp_syn_options). */
function synOptions(sk: TcpSock): number {
  const opts = sk.tcp.txOptions;
  const { sysctl } = sk.tcp;
  options.clear(opts);
  opts.mss = tcpAdvertiseMss(sk);
  if (sysctl.timestamps) {
    opts.timestamps = true;
    opts.tsVal = tsVal(sk);
    opts.tsEcr = sk.rxOpt.tsRecent;
  }
  if (sysctl.windowScaling) opts.windowScale = sk.rxOpt.rcvWscale;
  if (sysctl.sack) opts.sackPermitted = true;
  const cookie = sk.fastopenReq?.cookie;
  if (cookie) {
    const exp = sk.fastopenReq!.cookieExp;
    if (options.length(opts) + options.fastopenLength(cookie, exp) <= MAX_OPTION_SPACE) {
      opts.fastopen = cookie;
      opts.fastopenExp = exp;
      sk.synFastopen = true;
      sk.synFastopenExp = exp;
    }
  }
  return options.length(opts);
}

/** Milliseconds, of the moment at which the segment departs, plus the connection's offset. */
function tsVal(sk: TcpSock): number {
  return (Math.floor(Math.max(sk.wstampNs, sk.clockCacheNs) / 1_000_000) + sk.tsoffset) >>> 0;
}

/** The MSS option's value: the route may have got a smaller one (tcp_advertise_mss). */
function tcpAdvertiseMss(sk: TcpSock): number {
  if (sk.dst) {
    const metric = sk.dst.advmss();
    if (metric < sk.advmss) sk.advmss = metric;
  }
  return sk.advmss;
}

/** Says ECT, CWR and ECE as RFC 3168 has them (tcp_ecn_send); returns the flags to add. */
function ecnSend(sk: TcpSock, seq: number, len: number): number {
  if (!(sk.ecnFlags & TCP_ECN_OK)) return 0;
  let flags = 0;
  if (len > 0 && !before(seq, sk.sndNxt)) {
    sk.tos = (sk.tos & ~3) | 2;
    if (sk.ecnFlags & TCP_ECN_QUEUE_CWR) {
      sk.ecnFlags &= ~TCP_ECN_QUEUE_CWR;
      flags |= CWR;
    }
  } else sk.tos &= ~3;
  if (sk.ecnFlags & TCP_ECN_DEMAND_CWR) flags |= ECE;
  return flags;
}

/** An ACK went out: it counts against quick ACKs, and nothing is owed (tcp_event_ack_sent). */
function eventAckSent(sk: TcpSock): void {
  if (sk.compressedAck !== 0) {
    sk.tcp.mib.ext.TCPAckCompressed += sk.compressedAck;
    sk.compressedAck = 0;
    sk.compressedAckTimer.del();
  }
  if (sk.ackQuick > 0) {
    const acks = ackScheduled(sk) ? 1 : 0;
    if (acks >= sk.ackQuick) {
      sk.ackQuick = 0;
      sk.ackAto = TCP_ATO_MIN;
    } else sk.ackQuick -= acks;
  }
  clearDackTimer(sk);
}

/** Data went out: an answer soon after what came makes the connection interactive (tcp_event_data_sent). */
function eventDataSent(sk: TcpSock): void {
  const now = jiffies(sk.net);
  if (tcpPacketsInFlight(sk) === 0) tcpCaEvent(sk, CA_EVENT_TX_START);
  sk.lsndtime = now;
  if (now - sk.ackLrcvtime < sk.ackAto && sk.ackPingpong < 255) sk.ackPingpong++;
}

/**
 * Sends one segment (__tcp_transmit_skb): options, header, partial checksum, IP. 0 or a positive errno.
 * @param seg the queue's record, whose time of sending is noted; null for a segment without data that is not repeated
 * @param seq,flags,len sequence number, header flags and payload bytes, the latter from the send ring at `seq`
 */
export function tcpTransmit(sk: TcpSock, seg: TxSeg | null, seq: number, flags: number, len: number): number {
  const { tcp } = sk;
  const priorWstamp = sk.wstampNs;
  sk.wstampNs = Math.max(sk.wstampNs, sk.clockCacheNs);
  if (seg) seg.sentNs = sk.wstampNs;
  const pcount = seg ? Math.max(seg.pcount, 1) : 1;
  const syn = (flags & SYN) !== 0;
  const optionsLength = syn ? synOptions(sk) : establishedOptions(sk);
  // the clone's flag only: what is sent again in parts has none
  if (!syn && pcount > 1) flags |= PSH;
  const headerLength = 20 + optionsLength;
  // loopback's segments are so long that not even two of them are one IP packet: cut here instead of before the device
  const fits = headerLength + len <= MAX_IP_PAYLOAD;
  const here = fits ? len : seg!.gsoSize;
  const skb = sk.net.kernel.skbs.alloc(headerLength + here);
  const at = skb.put(headerLength + here);
  skb.transportHeader = at;
  skb.sk = sk;
  skb.cloneOf = seg;
  skb.cloneGen = seg ? seg.gen : 0;
  const { head } = skb;
  set16(head, at, sk.sport);
  set16(head, at + 2, sk.dport);
  set32(head, at + 4, seq);
  set32(head, at + 8, sk.rcvNxt);
  set16(head, at + 18, 0);
  if (tcpUrgMode(sk) && before(seq, sk.sndUp)) {
    if (before(sk.sndUp, (seq + 0x10000) >>> 0)) {
      set16(head, at + 18, (sk.sndUp - seq) & 0xffff);
      flags |= URG;
    } else if (after((seq + 0xffff) >>> 0, sk.sndNxt)) {
      set16(head, at + 18, 0xffff);
      flags |= URG;
    }
  }
  skb.gsoType = 0;
  if (!syn) {
    set16(head, at + 14, tcpSelectWindow(sk));
    const ecn = ecnSend(sk, seq, len);
    flags |= ecn;
    if (ecn & CWR) skb.gsoType = SKB_GSO_TCP_ECN;
  } else set16(head, at + 14, Math.min(sk.rcvWnd, 65535));
  setDataOffsetAndFlags(head, at, headerLength, flags);
  options.emit(tcp.txOptions, head, at + 20);
  if (here > 0) {
    const from = syn ? (seq + 1) >>> 0 : seq;
    sk.ring.copyTo(head, at + headerLength, from, here);
    skb.pagePhase = sk.ring.pagePhase(from);
  }
  if (fits && pcount > 1) {
    skb.gsoSize = seg!.gsoSize;
    skb.gsoSegs = pcount;
    skb.gsoType |= SKB_GSO_TCPV4;
  } else skb.gsoType = 0;
  tcpSendCheck(skb, at, sk.saddr, sk.daddr);
  if (flags & ACK) eventAckSent(sk);
  if (len > 0) {
    eventDataSent(sk);
    sk.dataSegsOut += pcount;
    sk.bytesSent += len;
  }
  const endSeq = seg ? seg.endSeq : seq;
  if (after(endSeq, sk.sndNxt) || seq === endSeq) tcp.mib.tcp.OutSegs += pcount;
  sk.segsOut += pcount;
  const rt = tcpDst(sk);
  if (!rt) {
    sk.net.kernel.skbs.consume(skb);
    return Errno.EHOSTUNREACH;
  }
  skb.dstPendingConfirm = sk.dstPendingConfirm;
  const rest = fits ? NOTHING : cutRest(sk, skb, headerLength, seq, len);
  let error = ipQueueXmit(sk.ip4, sk, skb, rt, null);
  for (const piece of rest) error = ipQueueXmit(sk.ip4, sk, piece, rt, null) || error;
  // this machine's own queue is full
  if (error === Errno.ENOBUFS) tcpEnterCwr(sk);
  if (error === 0 && seg) {
    if (seg.tsFlags !== 0) tcpTstampSent(sk, seg);
    updateAfterSend(sk, seg, priorWstamp);
    tcpRateSkbSent(sk, seg);
  }
  return error;
}

const MAX_IP_PAYLOAD = 0xffff - 20;
const NOTHING: readonly SkBuff[] = [];

/** What follows the first packet of a segment that is too long for one, in packets of the same payload (tcp_gso_segment). */
function cutRest(sk: TcpSock, first: SkBuff, headerLength: number, seq: number, len: number): SkBuff[] {
  const at = first.data;
  const each = first.tail - at - headerLength;
  const flags = first.head[at + 13]!;
  first.head[at + 13] = flags & ~(FIN | PSH);
  const rest: SkBuff[] = [];
  for (let offset = each; offset < len; offset += each) {
    const payload = Math.min(each, len - offset);
    const last = offset + payload === len;
    const skb = sk.net.kernel.skbs.alloc(headerLength + payload);
    const start = skb.put(headerLength + payload);
    skb.transportHeader = start;
    skb.sk = sk;
    skb.cloneOf = first.cloneOf;
    skb.cloneGen = first.cloneGen;
    skb.head.set(first.head.subarray(at, at + headerLength), start);
    set32(skb.head, start + 4, (seq + offset) >>> 0);
    skb.head[start + 13] = flags & ~(last ? CWR : CWR | FIN | PSH);
    sk.ring.copyTo(skb.head, start + headerLength, (seq + offset) >>> 0, payload);
    skb.pagePhase = sk.ring.pagePhase((seq + offset) >>> 0);
    tcpSendCheck(skb, start, sk.saddr, sk.daddr);
    rest.push(skb);
  }
  return rest;
}

/** Stores the pseudo-header's sum and leaves the rest to the device (__tcp_v4_send_check). */
export function tcpSendCheck(skb: SkBuff, at: number, saddr: number, daddr: number): void {
  set16(skb.head, at + 16, pseudoHeaderSum4(saddr, daddr, 6, skb.tail - at));
  skb.ipSummed = CHECKSUM_PARTIAL;
  skb.csumStart = at;
  skb.csumOffset = 16;
}

/** The next departure is a packet's time at the pacing rate later, and the segment is the latest sent (tcp_update_skb_after_send). */
function updateAfterSend(sk: TcpSock, seg: TxSeg, priorWstamp: number): void {
  if (sk.pacingNeeded) {
    const rate = sk.pacingRate;
    // the first ten segments are not paced
    if (rate !== PACING_UNLIMITED && rate > 0 && sk.dataSegsOut >= 10) {
      const lengthNs = Math.floor((seg.len * 1_000_000_000) / rate);
      const credit = sk.wstampNs - priorWstamp;
      sk.wstampNs += lengthNs - Math.min(Math.floor(lengthNs / 2), credit);
    }
  }
  tsortedMoveToTail(sk, seg);
}

/** Puts a segment last in the order of sending. */
export function tsortedMoveToTail(sk: TcpSock, seg: TxSeg): void {
  tsortedRemove(sk, seg);
  seg.tsPrev = sk.tsortedTail;
  seg.tsNext = null;
  if (sk.tsortedTail) sk.tsortedTail.tsNext = seg;
  else sk.tsortedHead = seg;
  sk.tsortedTail = seg;
  seg.tsQueued = true;
}

/** Puts a part cut off `at` next to it in the order of sending. */
export function tsortedInsertAfter(sk: TcpSock, at: TxSeg, seg: TxSeg): void {
  seg.tsPrev = at;
  seg.tsNext = at.tsNext;
  if (at.tsNext) at.tsNext.tsPrev = seg;
  else sk.tsortedTail = seg;
  at.tsNext = seg;
  seg.tsQueued = true;
}

export function tsortedRemove(sk: TcpSock, seg: TxSeg): void {
  if (!seg.tsQueued) return;
  if (seg.tsPrev) seg.tsPrev.tsNext = seg.tsNext;
  else sk.tsortedHead = seg.tsNext;
  if (seg.tsNext) seg.tsNext.tsPrev = seg.tsPrev;
  else sk.tsortedTail = seg.tsPrev;
  seg.tsPrev = null;
  seg.tsNext = null;
  seg.tsQueued = false;
}

/** Sequence number for a segment without data: not beyond the peer's window (tcp_acceptable_seq). */
export function tcpAcceptableSeq(sk: TcpSock): number {
  const end = tcpWndEnd(sk);
  if (!before(end, sk.sndNxt)) return sk.sndNxt;
  if (sk.rxOpt.wscaleOk && (sk.sndNxt - end) >>> 0 < 1 << sk.rxOpt.rcvWscale) return sk.sndNxt;
  return end;
}

/** tcp_send_ack */
export function tcpSendAck(sk: TcpSock): void {
  if (sk.state === TCP_CLOSE) return;
  tcpTransmit(sk, null, tcpAcceptableSeq(sk), ACK, 0);
}

/** Sends a RST of its own accord, to end a connection (tcp_send_active_reset). */
export function tcpSendActiveReset(sk: TcpSock): void {
  sk.tcp.mib.tcp.OutRsts++;
  tcpMstampRefresh(sk);
  tcpTransmit(sk, null, tcpAcceptableSeq(sk), ACK | RST, 0);
}

/** A segment below the window: whoever gets it must answer (tcp_xmit_probe_skb). */
export function tcpXmitProbe(sk: TcpSock, urgent: boolean): number {
  return tcpTransmit(sk, null, (sk.sndUna - (urgent ? 0 : 1)) >>> 0, ACK, 0);
}

/** Owes an ACK, but not yet (tcp_send_delayed_ack; RFC 1122 section 4.2.3.2). */
export function tcpSendDelayedAck(sk: TcpSock): void {
  let ato = sk.ackAto;
  if (ato > TCP_DELACK_MIN) {
    let max = HZ / 2;
    if (inPingpongMode(sk) || sk.ackPending & ICSK_ACK_PUSHED) max = TCP_DELACK_MAX;
    if (sk.srttUs !== 0) {
      const rtt = Math.max(usecsToJiffies(sk.srttUs >> 3), TCP_DELACK_MIN);
      if (rtt < max) max = rtt;
    }
    ato = Math.min(ato, max);
  }
  ato = Math.min(ato, sk.icskDelackMax, Math.max(tcpRtoMin(sk), 2) - 1);
  const now = jiffies(sk.net);
  let timeout = now + ato;
  if (sk.ackPending & ICSK_ACK_TIMER) {
    if (sk.ackTimeout <= now + (ato >> 2)) {
      tcpSendAck(sk);
      return;
    }
    if (timeout >= sk.ackTimeout) timeout = sk.ackTimeout;
  }
  sk.ackPending |= ICSK_ACK_SCHED;
  if (sk.ackPending & ICSK_ACK_TIMER && sk.delackTimer.pending && sk.ackTimeout === timeout) return;
  resetDackTimer(sk, timeout - now);
}

/** True for a record that was sent again and is not known to be lost again. */
export function isRetransInFlight(seg: TxSeg): boolean {
  return (seg.sacked & TCPCB_SACKED_RETRANS) !== 0;
}
