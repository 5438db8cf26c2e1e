// TCP over IPv4: a segment finds its socket, waits there while a sender owns it, and is answered with a reset where there
// is none; ICMP errors find theirs (RFC 5927, RFC 6069). Answers to net/ipv4/tcp_ipv4.c and to the socket lock of
// net/core/sock.c.

import { Errno } from "../../base/errno.ts";
import type { Task, Wait } from "../../sim/task.ts";
import { internetChecksum, pseudoHeaderSumAt } from "../../wire/checksum.ts";
import * as icmp from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import {
  ACK,
  FIN,
  getAcknowledgment,
  getDataOffset,
  getDestinationPort,
  getFlags,
  getSequence,
  getSourcePort,
  RST,
  SYN,
} from "../../wire/tcp.ts";
import { DropReason } from "../core/drop-reason.ts";
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  consumeSkb,
  drop,
  PACKET_HOST,
  type SkBuff,
  trace,
} from "../core/skb.ts";
import type { InetProtocol } from "../core/sock.ts";
import { ICMP_ERR_CONVERT } from "./inet-sock.ts";
import { ipDontFragment, pmtuDiscOf } from "./ip-output.ts";
import type { Ipv4 } from "./ipv4.ts";
import { ipRtUpdatePmtu } from "./route.ts";
import { ipv4Redirect } from "./route-input.ts";
import { FlowKey } from "./rtable.ts";
import { tcpAddBacklog } from "./tcp-backlog.ts";
import { tcpDoneWithError } from "./tcp-done.ts";
import { tcpRcvEstablished } from "./tcp-input.ts";
import { tcpSimpleRetransmit } from "./tcp-loss.ts";
import { tcpCheckReq, tcpConnRequest, tcpCookieCheck } from "./tcp-minisocks.ts";
import { tcpDst, tcpSendAck, tcpSyncMss } from "./tcp-output.ts";
import { tcpRcvStateProcess } from "./tcp-rcv-state.ts";
import { sendAckFor, sendReset } from "./tcp-reply.ts";
import { RequestSock, requestQueueRemove } from "./tcp-request.ts";
import {
  ackScheduled,
  BOOT_NS,
  between,
  ICSK_TIME_RETRANS,
  TCP_ACK_DEFERRED,
  TCP_CLOSE,
  TCP_DELACK_TIMER_DEFERRED,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  TCP_MTU_REDUCED_DEFERRED,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIMEOUT_INIT,
  TCP_TSQ_DEFERRED,
  TCP_WRITE_TIMER_DEFERRED,
  TcpSock,
  type TcpState,
  tcpMstampRefresh,
  tcpRtoMax,
  usecsToJiffies,
} from "./tcp-sock.ts";
import { tcpDelackTimerHandler, tcpTsqWrite, tcpWriteTimerHandler } from "./tcp-timer.ts";
import { TCP_TW_ACK, TCP_TW_RST, TCP_TW_SYN, TimewaitSock, timewaitStateProcess, twskKill } from "./tcp-timewait.ts";
import { resetXmitTimer, tcpRtoFromRtt } from "./tcp-xmit-timer.ts";

/** What TCP registers for protocol 6. @param tcpOf TCP of a namespace */
export function tcpProtocol(tcpOf: (ip4: Ipv4) => TcpState): InetProtocol<Ipv4> {
  return {
    name: "tcp",
    handler: (skb, ip4) => tcpV4Rcv(tcpOf(ip4), skb),
    errHandler: (skb, type, code, info, ip4) => tcpV4Err(tcpOf(ip4), skb, type, code, info),
    lookup: (saddr, sport, daddr, dport, ifindex, ip4) => {
      const { hash } = tcpOf(ip4);
      return (
        hash.lookupEstablished(saddr, sport, daddr, dport, ifindex) ??
        hash.lookupListener(saddr, sport, daddr, dport, ifindex)
      );
    },
  };
}

/** A segment arrives (tcp_v4_rcv): skb.data is at its header. Takes the packet over. */
export function tcpV4Rcv(tcp: TcpState, skb: SkBuff): void {
  if (skb.pktType !== PACKET_HOST) {
    drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  const { tcp: mib } = tcp.mib;
  mib.InSegs++;
  const { head, data: at } = skb;
  skb.transportHeader = at;
  const headerLength = skb.len >= 20 ? getDataOffset(head, at) : 0;
  if (headerLength < 20 || headerLength > skb.len) {
    mib.InErrs++;
    drop(skb, DropReason.PKT_TOO_SMALL);
    return;
  }
  if (!checksumOk(skb)) {
    mib.InCsumErrors++;
    mib.InErrs++;
    drop(skb, DropReason.TCP_CSUM);
    return;
  }
  fillCb(skb, headerLength);
  lookup(tcp, skb);
}

function checksumOk(skb: SkBuff): boolean {
  if (skb.ipSummed === CHECKSUM_UNNECESSARY || skb.ipSummed === CHECKSUM_PARTIAL) return true;
  const { head, data } = skb;
  return internetChecksum(head, data, skb.tail, pseudoHeaderSumAt(head, skb.networkHeader, 6, skb.len)) === 0;
}

/** Sequence numbers, flags, ToS beside the packet; skb.data goes to the payload (tcp_v4_fill_cb). */
function fillCb(skb: SkBuff, headerLength: number): void {
  const { head, data: at } = skb;
  const flags = getFlags(head, at);
  skb.seq = getSequence(head, at);
  skb.ackSeq = getAcknowledgment(head, at);
  skb.tcpFlags = flags;
  skb.sacked = 0;
  skb.cb3 = ipv4.getTos(head, skb.networkHeader);
  skb.pull(headerLength);
  skb.endSeq = (skb.seq + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0) + skb.len) >>> 0;
}

function lookup(tcp: TcpState, skb: SkBuff): void {
  const { head, networkHeader, transportHeader: at } = skb;
  const saddr = ipv4.getSource(head, networkHeader);
  const daddr = ipv4.getDestination(head, networkHeader);
  const sport = getSourcePort(head, at);
  const dport = getDestinationPort(head, at);
  const sk =
    tcp.hash.lookupEstablished(saddr, sport, daddr, dport, skb.skbIif) ??
    tcp.hash.lookupListener(saddr, sport, daddr, dport, skb.skbIif);
  if (skb.pool.trace !== null) trace(skb, "tcpV4Rcv", skb.dev, "", null, sk ?? null);
  if (sk instanceof TcpSock) deliver(sk, skb, 0);
  else if (sk instanceof TimewaitSock) rcvTimewait(tcp, sk, skb);
  else if (sk instanceof RequestSock) rcvRequest(tcp, sk, skb);
  else {
    sendReset(tcp, null, skb);
    drop(skb, DropReason.NO_SOCKET);
  }
}

/** To a socket, or to its backlog. `isn`: what TIME_WAIT gives a new connection, 0 nothing. */
function deliver(sk: TcpSock, skb: SkBuff, isn: number): void {
  if (sk.state === TCP_LISTEN) {
    listenRcv(sk, skb, isn);
    return;
  }
  tcpSegsIn(sk, skb);
  if (sk.owned) tcpAddBacklog(sk, skb);
  else tcpV4DoRcv(sk, skb);
}

/** tcp_segs_in */
function tcpSegsIn(sk: TcpSock, skb: SkBuff): void {
  const segs = Math.max(1, skb.gsoSegs);
  sk.segsIn += segs;
  if (skb.len > 0) sk.dataSegsIn += segs;
}

/** A request was answered, rightly or not. */
function rcvRequest(tcp: TcpState, req: RequestSock, skb: SkBuff): void {
  if (req.listener.state !== TCP_LISTEN) {
    requestQueueRemove(req);
    lookup(tcp, skb);
    return;
  }
  const result = tcpCheckReq(req, skb);
  if (result.kind === "child") childProcess(req.listener, result.child, skb);
  else if (result.kind === "listener") listenRcv(req.listener, skb, 0);
}

/** The new socket's first segment makes it established; then the listener's program may accept (tcp_child_process). */
function childProcess(parent: TcpSock, child: TcpSock, skb: SkBuff): void {
  tcpSegsIn(child, skb);
  if (tcpRcvStateProcess(child, skb)) {
    sendReset(child.tcp, child, skb);
    drop(skb, DropReason.TCP_RESET);
  }
  if (child.state !== TCP_SYN_RECV) parent.readQueue.wakeOne();
}

function rcvTimewait(tcp: TcpState, tw: TimewaitSock, skb: SkBuff): void {
  const { head, networkHeader, transportHeader: at } = skb;
  switch (timewaitStateProcess(tw, skb, at)) {
    case TCP_TW_SYN: {
      const listener = tcp.hash.lookupListener(
        ipv4.getSource(head, networkHeader),
        getSourcePort(head, at),
        ipv4.getDestination(head, networkHeader),
        getDestinationPort(head, at),
        skb.skbIif,
      );
      if (listener) {
        twskKill(tw);
        deliver(listener, skb, tw.isn);
        return;
      }
      timewaitAck(tcp, tw, skb);
      break;
    }
    case TCP_TW_ACK:
      timewaitAck(tcp, tw, skb);
      break;
    case TCP_TW_RST:
      sendReset(tcp, null, skb);
      twskKill(tw);
      break;
    default:
      break;
  }
  consumeSkb(skb);
}

/** tcp_v4_timewait_ack */
function timewaitAck(tcp: TcpState, tw: TimewaitSock, skb: SkBuff): void {
  const ms = Math.floor((tcp.net.now + BOOT_NS) / 1_000_000);
  sendAckFor(tcp, skb, {
    seq: tw.sndNxt,
    ack: tw.rcvNxt,
    window: tw.rcvWnd >>> tw.rcvWscale,
    tsVal: (ms + tw.tsOffset) >>> 0,
    tsEcr: tw.tsRecent,
    oif: tw.boundDevIf,
    mark: tw.mark,
    tos: tw.tos,
  });
}

/** A segment for a listener (tcp_v4_do_rcv and tcp_rcv_state_process in LISTEN). Takes the packet over. */
function listenRcv(sk: TcpSock, skb: SkBuff, isn: number): void {
  const flags = getFlags(skb.head, skb.transportHeader);
  if (!(flags & SYN)) {
    const child = tcpCookieCheck(sk, skb);
    if (child === "full") {
      drop(skb, DropReason.TCP_LISTEN_OVERFLOW);
      return;
    }
    if (child) {
      childProcess(sk, child, skb);
      return;
    }
  }
  if (flags & ACK) {
    sendReset(sk.tcp, sk, skb);
    drop(skb, DropReason.TCP_FLAGS);
  } else if (flags & RST) drop(skb, DropReason.TCP_RESET);
  else if (!(flags & SYN) || flags & FIN) drop(skb, DropReason.TCP_FLAGS);
  else tcpConnRequest(sk, skb, isn);
}

/** A segment for a socket that nobody owns just now (tcp_v4_do_rcv). Takes the packet over. */
export function tcpV4DoRcv(sk: TcpSock, skb: SkBuff): void {
  if (sk.state === TCP_ESTABLISHED) {
    tcpRcvEstablished(sk, skb);
    return;
  }
  if (sk.state === TCP_LISTEN) {
    listenRcv(sk, skb, 0);
    return;
  }
  const { kernel } = sk.net;
  kernel.sim.elapse(kernel.costs.tcpSlowPath);
  if (!tcpRcvStateProcess(sk, skb)) return;
  sendReset(sk.tcp, sk, skb);
  drop(skb, DropReason.TCP_RESET);
}

// --- the socket lock ---

/** The end of a bottom-half-disabled section: raised softirqs run before the sender goes on. */
export const RUN_SOFTIRQS: Wait = {
  arm: (thread) => thread.wake(undefined, 0),
  disarm: () => {},
};

/** The socket is this sender's until releaseSock (lock_sock). */
export function lockSock(sk: TcpSock): void {
  sk.owned = true;
}

/** What one packet of the backlog takes; it may be several that were joined. */
const BACKLOG_NS = 2_000;

/** Handles what came meanwhile (__release_sock). */
export function processBacklog(sk: TcpSock): void {
  for (let skb = sk.backlog.shift(); skb; skb = sk.backlog.shift()) tcpV4DoRcv(sk, skb);
  sk.backlogLen = 0;
}

/** The same in a sender's context, where softirqs run after each segment that was sent. */
export function* processBacklogTask(sk: TcpSock): Task<void> {
  for (let skb = sk.backlog.shift(); skb; skb = sk.backlog.shift()) {
    const { segsOut } = sk;
    sk.net.sim.elapse(BACKLOG_NS);
    tcpV4DoRcv(sk, skb);
    if (sk.segsOut !== segsOut) yield RUN_SOFTIRQS;
  }
  sk.backlogLen = 0;
  // an interrupt does not wait for the sender: a pacing timer that is due has gone off by now
  if (sk.pacingTimer.pending && sk.pacingTimer.expires <= sk.net.now) {
    sk.pacingTimer.del();
    sk.tsqFlags |= TCP_TSQ_DEFERRED;
  }
}

/** The owner lets go: backlog, then what timers left undone (release_sock, tcp_release_cb). */
export function releaseSock(sk: TcpSock): void {
  if (sk.backlog.head) processBacklog(sk);
  const flags = sk.tsqFlags;
  sk.tsqFlags = 0;
  if (flags !== 0) {
    if (flags & TCP_TSQ_DEFERRED) tcpTsqWrite(sk);
    if (flags & TCP_WRITE_TIMER_DEFERRED) tcpWriteTimerHandler(sk);
    if (flags & TCP_DELACK_TIMER_DEFERRED) tcpDelackTimerHandler(sk);
    if (flags & TCP_MTU_REDUCED_DEFERRED) mtuReduced(sk);
    if (flags & TCP_ACK_DEFERRED && ackScheduled(sk)) tcpSendAck(sk);
  }
  sk.owned = false;
  sk.lockWait.wakeOne();
}

// --- ICMP ---

/** An ICMP error about a segment that this host sent (tcp_v4_err): skb.data is at the quoted IP header. */
export function tcpV4Err(tcp: TcpState, skb: SkBuff, type: number, code: number, info: number): void {
  const { head, data } = skb;
  const at = data + ipv4.getHeaderLength(head, data);
  if (at + 8 > skb.tail) return;
  const sk = tcp.hash.lookupEstablished(
    ipv4.getDestination(head, data),
    getDestinationPort(head, at),
    ipv4.getSource(head, data),
    getSourcePort(head, at),
    skb.skbIif,
  );
  if (!sk) {
    tcp.ip4.mib.icmp.InErrors++;
    return;
  }
  const seq = getSequence(head, at);
  if (sk instanceof RequestSock) {
    const fatal =
      type === icmp.ICMP_PARAMETERPROB ||
      type === icmp.ICMP_TIME_EXCEEDED ||
      (type === icmp.ICMP_DEST_UNREACH && (code === icmp.ICMP_NET_UNREACH || code === icmp.ICMP_HOST_UNREACH));
    if (seq !== sk.sntIsn) tcp.mib.ext.OutOfWindowIcmps++;
    else if (fatal) {
      requestQueueRemove(sk);
      tcp.mib.ext.ListenDrops++;
    }
    return;
  }
  if (!(sk instanceof TcpSock)) return;
  const fragNeeded = type === icmp.ICMP_DEST_UNREACH && code === icmp.ICMP_FRAG_NEEDED;
  if (sk.owned && !fragNeeded) tcp.mib.ext.LockDroppedIcmps++;
  if (sk.state === TCP_CLOSE) return;
  const una = sk.fastopenRsk ? sk.fastopenRsk.sntIsn : sk.sndUna;
  if (sk.state !== TCP_LISTEN && !between(seq, una, sk.sndNxt)) {
    tcp.mib.ext.OutOfWindowIcmps++;
    return;
  }
  const error = icmpErrno(sk, skb, seq, type, code, info);
  if (error === 0) return;
  // one that a SYN has made and a program holds is as good as established
  const held = sk.fastopenRsk !== null && sk.listener === null;
  if (sk.state === TCP_SYN_SENT || (sk.state === TCP_SYN_RECV && !held)) {
    sk.errorQueued = true;
    if (sk.owned) {
      sk.softErr = error;
      sk.wake();
    } else tcpDoneWithError(sk, error);
  } else if (!sk.owned && sk.recvErr) {
    sk.err = error;
    sk.wake();
  } else sk.softErr = error;
}

/** What an ICMP error means to a connection: a positive errno, or 0 when that is all. */
function icmpErrno(sk: TcpSock, skb: SkBuff, seq: number, type: number, code: number, info: number): number {
  switch (type) {
    case icmp.ICMP_REDIRECT:
      if (!sk.owned) {
        ipv4Redirect(sk.ip4, skb, sk.boundDevIf, 6, code, info);
        sk.dst = null;
      }
      return 0;
    case icmp.ICMP_PARAMETERPROB:
      return Errno.EPROTO;
    case icmp.ICMP_DEST_UNREACH:
      if (code === icmp.ICMP_FRAG_NEEDED) {
        sk.mtuInfo = info;
        if (sk.owned) sk.tsqFlags |= TCP_MTU_REDUCED_DEFERRED;
        else mtuReduced(sk);
        return 0;
      }
      if (code === icmp.ICMP_NET_UNREACH || code === icmp.ICMP_HOST_UNREACH) revertRto(sk, seq);
      return ICMP_ERR_CONVERT[code]?.errno ?? 0;
    case icmp.ICMP_TIME_EXCEEDED:
      return Errno.EHOSTUNREACH;
    default:
      return 0;
  }
}

function flowOf(sk: TcpSock): FlowKey {
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
  return fl;
}

/** The path's MTU is smaller than thought (tcp_v4_mtu_reduced; RFC 1191): what was too long goes again, shorter. */
function mtuReduced(sk: TcpSock): void {
  if (sk.state === TCP_LISTEN || sk.state === TCP_CLOSE || !sk.dst) return;
  ipRtUpdatePmtu(sk.ip4, sk.dst, flowOf(sk), sk.mtuInfo);
  sk.dst = null;
  const rt = tcpDst(sk);
  if (!rt) return;
  if (sk.mtuInfo < rt.mtu() && ipDontFragment(sk.ip4, sk, rt)) sk.softErr = Errno.EMSGSIZE;
  const mtu = rt.mtu();
  const disc = pmtuDiscOf(sk.ip4, sk);
  if (disc === 0 || disc >= 4 || sk.pmtuCookie <= mtu) return;
  tcpSyncMss(sk, mtu);
  tcpSimpleRetransmit(sk);
}

/** The path was down, not congested: one step of backing off is taken back (tcp_ld_RTO_revert; RFC 6069). */
function revertRto(sk: TcpSock, seq: number): void {
  const head = sk.rtxQueue.head;
  if (sk.owned || seq !== sk.sndUna || sk.icskRetransmits === 0 || sk.icskBackoff === 0 || !head) return;
  sk.icskBackoff--;
  const rto = sk.srttUs !== 0 ? tcpRtoFromRtt(sk) : TCP_TIMEOUT_INIT;
  sk.icskRto = Math.min(rto * 2 ** sk.icskBackoff, tcpRtoMax(sk));
  tcpMstampRefresh(sk);
  const remaining = sk.icskRto - usecsToJiffies(sk.mstamp - Math.floor(head.sentNs / 1000));
  resetXmitTimer(sk, ICSK_TIME_RETRANS, Math.max(remaining, 1), false);
}
