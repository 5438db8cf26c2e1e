// The passive side: a listener answers a SYN, and the last ACK of the handshake makes a connection (RFC 9293 sections
// 3.10.7.2 and 3.10.7.4 for SYN-RECEIVED). Answers to tcp_conn_request in net/ipv4/tcp_input.c, tcp_check_req and
// tcp_create_openreq_child in tcp_minisocks.c, tcp_v4_syn_recv_sock in tcp_ipv4.c and cookie_v4_check in syncookies.c.

import * as ipv4 from "../../wire/ipv4.ts";
import { ACK, CWR, ECE, getFlags, getWindow, RST, SYN } from "../../wire/tcp.ts";
import * as options from "../../wire/tcp-options.ts";
import { DropReason } from "../core/drop-reason.ts";
import { consumeSkb, drop, type SkBuff } from "../core/skb.ts";
import { RTCF_BROADCAST, RTCF_MULTICAST, type Rtable, skbRtable } from "./rtable.ts";
import { tcpSynRtt } from "./tcp-ack.ts";
import { challengeAckAllowed, oowTooSoon } from "./tcp-challenge.ts";
import { tcpInheritCongestionControl } from "./tcp-cong.ts";
import { tcpFastopenJudge } from "./tcp-fastopen.ts";
import { tcpFastopenAddSkb } from "./tcp-input.ts";
import { tcpSetupCaps, tcpSyncMss } from "./tcp-output.ts";
import { tcpInitTransfer } from "./tcp-rcv-state.ts";
import { sendAckFor, sendReset } from "./tcp-reply.ts";
import {
  clampMss,
  initRequestWindow,
  RequestSock,
  requestQueueAdd,
  requestQueueRemove,
  requestTimerRestart,
  routeRequest,
  rtxSynack,
  sendSynack,
} from "./tcp-request.ts";
import { secureTcpSeq, secureTcpTsOff } from "./tcp-secure.ts";
import {
  BOOT_NS,
  between,
  HZ,
  ICSK_TIME_RETRANS,
  jiffies,
  TCP_ECN_OK,
  TCP_MSS_DEFAULT,
  TCP_SYN_RECV,
  type TcpSock,
  tcpMstampRefresh,
} from "./tcp-sock.ts";
import {
  cookieCheck,
  cookieInitSequence,
  cookieTimestampDecode,
  synqNoRecentOverflow,
  synqOverflow,
} from "./tcp-syncookies.ts";
import { inWindow } from "./tcp-timewait.ts";
import { tcpInitializeRcvMss } from "./tcp-window.ts";
import { resetKeepaliveTimer, resetXmitTimer } from "./tcp-xmit-timer.ts";

/** sk_acceptq_is_full */
function acceptQueueFull(sk: TcpSock): boolean {
  return sk.acceptQueue.length > sk.maxAckBacklog;
}

/** What the SYN says goes into the request (tcp_parse_options, tcp_openreq_init). */
function readSyn(sk: TcpSock, req: RequestSock, skb: SkBuff): void {
  const { head, networkHeader } = skb;
  const at = skb.transportHeader;
  const { rxOptions, sysctl } = sk.tcp;
  options.parse(head, at + 20, skb.data, rxOptions);
  req.rcvSaddr = ipv4.getDestination(head, networkHeader);
  req.daddr = ipv4.getSource(head, networkHeader);
  req.sport = (head[at + 2]! << 8) | head[at + 3]!;
  req.dport = (head[at]! << 8) | head[at + 1]!;
  req.boundDevIf = sk.boundDevIf;
  req.mark = sk.mark;
  req.rcvIsn = skb.seq;
  req.rcvNxt = (skb.seq + 1) >>> 0;
  req.mss = TCP_MSS_DEFAULT;
  if (rxOptions.mss > 0) req.mss = clampMss(sk, rxOptions.mss);
  if (rxOptions.windowScale >= 0 && sysctl.windowScaling) {
    req.wscaleOk = true;
    req.sndWscale = rxOptions.windowScale;
  }
  req.sackOk = rxOptions.sackPermitted && sysctl.sack !== 0;
  if (rxOptions.timestamps && sysctl.timestamps) {
    req.tstampOk = true;
    req.tsRecent = rxOptions.tsVal;
  }
}

/**
 * A SYN for a listener (tcp_conn_request). Takes the packet over.
 * @param isn first sequence number that a connection in TIME_WAIT left behind, 0 none
 */
export function tcpConnRequest(sk: TcpSock, skb: SkBuff, isn: number): void {
  const { tcp } = sk;
  const { ext } = tcp.mib;
  const rt = skbRtable(skb);
  if (rt && rt.flags & (RTCF_BROADCAST | RTCF_MULTICAST)) {
    drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  if (!connRequest(sk, skb, isn)) {
    ext.ListenDrops++;
    drop(skb, DropReason.TCP_LISTEN_OVERFLOW);
    return;
  }
  consumeSkb(skb);
}

/** Makes the request and sends the SYN-ACK; false: there is no room, or no way back. */
function connRequest(sk: TcpSock, skb: SkBuff, isn: number): boolean {
  const { tcp } = sk;
  const { ext } = tcp.mib;
  const { syncookies } = tcp.sysctl;
  let cookie = false;
  if (syncookies === 2 || sk.qlen > sk.maxAckBacklog) {
    cookie = syncookies !== 0;
    synqOverflow(tcp);
    if (!cookie) {
      ext.TCPReqQFullDrop++;
      return false;
    }
    ext.TCPReqQFullDoCookies++;
  }
  if (acceptQueueFull(sk)) {
    ext.ListenOverflows++;
    return false;
  }
  const req = new RequestSock(sk);
  req.cookie = cookie;
  readSyn(sk, req, skb);
  if (cookie && !req.tstampOk) {
    req.wscaleOk = false;
    req.sackOk = false;
  }
  const route = routeRequest(req);
  if (!route) return false;
  if (req.tstampOk) req.tsOff = secureTcpTsOff(tcp, req.rcvSaddr, req.daddr);
  if (!cookie && isn === 0) {
    const { maxSynBacklog } = tcp.sysctl;
    if (!syncookies && maxSynBacklog - sk.qlen < maxSynBacklog >> 2) return false;
    isn = secureTcpSeq(tcp, req.rcvSaddr, req.daddr, req.sport, req.dport);
  }
  const flags = getFlags(skb.head, skb.transportHeader);
  const ecn = (flags & (ECE | CWR)) === (ECE | CWR) && (skb.cb3 & 3) === 0;
  req.ecnOk = ecn && (tcp.sysctl.ecn !== 0 || ((route.metrics?.features ?? 0) & 1) !== 0);
  if (cookie) {
    isn = cookieInitSequence(req);
    if (!req.tstampOk) req.ecnOk = false;
    ext.SyncookiesSent++;
  }
  req.sntIsn = isn;
  initRequestWindow(req, route);
  if (!cookie && tryFastopen(sk, req, skb, route)) return true;
  if (!cookie) requestQueueAdd(req);
  sendSynack(req, route);
  return true;
}

/** Data with a SYN and a good cookie: a connection at once (tcp_try_fastopen, tcp_fastopen_create_child). */
function tryFastopen(listener: TcpSock, req: RequestSock, skb: SkBuff, route: Rtable): boolean {
  const { rxOptions } = req.tcp;
  const synData = skb.endSeq !== (skb.seq + 1) >>> 0;
  const { fastopen, fastopenExp } = rxOptions;
  const verdict = tcpFastopenJudge(listener, synData, fastopen, req.daddr, req.rcvSaddr);
  req.fastopen = verdict.cookie;
  req.fastopenExp = fastopenExp;
  if (!verdict.accept) return false;
  const child = createChild(req, skb, route);
  listener.fastopenQlen++;
  req.tcp.mib.ext.TCPFastOpenPassive++;
  child.fastopenRsk = req;
  child.sndWnd = getWindow(skb.head, skb.transportHeader);
  child.maxWindow = child.sndWnd;
  resetXmitTimer(child, ICSK_TIME_RETRANS, req.timeout, false);
  tcpInitTransfer(child);
  tcpFastopenAddSkb(child, skb);
  req.rcvNxt = child.rcvNxt;
  child.rcvWup = child.rcvNxt;
  sendSynack(req, route);
  listener.readQueue.wakeOne();
  return true;
}

/** What became of a segment for a request. */
export type CheckReq =
  | { readonly kind: "done" }
  /** the packet is for the listener: its ACK is not ours */
  | { readonly kind: "listener" }
  | { readonly kind: "child"; readonly child: TcpSock };

const DONE: CheckReq = { kind: "done" };
const LISTENER: CheckReq = { kind: "listener" };

function oowRateLimited(req: RequestSock, skb: SkBuff): boolean {
  if (skb.seq !== skb.endSeq && !(getFlags(skb.head, skb.transportHeader) & SYN)) return false;
  return oowTooSoon(req, "TCPACKSkippedSynRecv");
}

/** A segment for a connection request (tcp_check_req). Unless it is the listener's or the child's, the packet is gone. */
export function tcpCheckReq(req: RequestSock, skb: SkBuff): CheckReq {
  const { tcp, listener } = req;
  const { rxOptions } = tcp;
  const { head, transportHeader: at } = skb;
  let flags = getFlags(head, at) & (SYN | ACK | RST);
  const rst = (flags & RST) !== 0;
  options.parse(head, at + 20, skb.data, rxOptions);
  const stamped = rxOptions.timestamps && tcp.sysctl.timestamps !== 0;
  let paws = false;
  let badEcho = false;
  if (stamped) {
    if (rxOptions.tsEcr !== 0 && req.tstampOk) badEcho = !between(rxOptions.tsEcr, req.sntTsvalFirst, req.sntTsvalLast);
    paws = ((req.tsRecent - rxOptions.tsVal) | 0) > 0 && req.tsRecent !== 0 && !rst;
  }
  const gone = (reason: DropReason): CheckReq => {
    drop(skb, reason);
    return DONE;
  };
  if (skb.seq === req.rcvIsn && flags === SYN && !paws) {
    // the SYN once more: so the SYN-ACK once more
    if (!oowRateLimited(req, skb) && rtxSynack(req)) requestTimerRestart(req);
    return gone(DropReason.NOT_SPECIFIED);
  }
  if (flags & ACK && !rst && skb.ackSeq !== (req.sntIsn + 1) >>> 0) return LISTENER;
  const right = (req.rcvNxt + Math.min(req.rcvWnd, 65535)) >>> 0;
  if (paws || badEcho || !inWindow(skb.seq, skb.endSeq, req.rcvNxt, right)) {
    if (!rst && !oowRateLimited(req, skb)) requestSendAck(req, skb);
    if (paws) tcp.mib.ext.PAWSEstab++;
    else if (badEcho) tcp.mib.ext.TSEcrRejected++;
    return gone(
      paws ? DropReason.TCP_RFC7323_PAWS : badEcho ? DropReason.TCP_RFC7323_TSECR : DropReason.TCP_OVERWINDOW,
    );
  }
  if (skb.seq === req.rcvIsn) flags &= ~SYN;
  // only the exact reset counts (RFC 5961 section 3.2, RFC 9293 section 3.10.7.4)
  if (rst && skb.seq !== req.rcvNxt) {
    requestChallengeAck(req, skb);
    return gone(DropReason.TCP_RESET);
  }
  if (flags & (RST | SYN)) {
    tcp.mib.tcp.AttemptFails++;
    return embryonicReset(req, skb, rst);
  }
  if (!(flags & ACK)) return gone(DropReason.TCP_FLAGS);
  if (req.numTimeout < listener.deferAccept && skb.endSeq === (req.rcvIsn + 1) >>> 0) {
    req.acked = true;
    return gone(DropReason.NOT_SPECIFIED);
  }
  if (acceptQueueFull(listener)) {
    tcp.mib.ext.ListenOverflows++;
    tcp.mib.ext.ListenDrops++;
    if (tcp.sysctl.abortOnOverflow) return embryonicReset(req, skb, rst);
    req.acked = true;
    return gone(DropReason.TCP_LISTEN_OVERFLOW);
  }
  const route = routeRequest(req);
  if (!route) return gone(DropReason.IP_OUTNOROUTES);
  requestQueueRemove(req);
  const child = createChild(req, skb, route);
  if (stamped && ((skb.seq - req.rcvNxt) | 0) <= 0) child.rxOpt.tsRecent = rxOptions.tsVal;
  if (req.numRetrans === 0 && req.sntSynack !== 0) {
    tcpMstampRefresh(child);
    tcpSynRtt(child, Math.max(0, child.mstamp - req.sntSynack));
  }
  return { kind: "child", child };
}

function embryonicReset(req: RequestSock, skb: SkBuff, rst: boolean): CheckReq {
  if (!rst) sendReset(req.tcp, req.listener, skb);
  req.tcp.mib.ext.EmbryonicRsts++;
  requestQueueRemove(req);
  drop(skb, DropReason.TCP_RESET);
  return DONE;
}

/** tcp_reqsk_send_challenge_ack */
function requestChallengeAck(req: RequestSock, skb: SkBuff): void {
  if (oowTooSoon(req, "TCPACKSkippedChallenge") || !challengeAckAllowed(req.tcp)) return;
  req.tcp.mib.ext.TCPChallengeACK++;
  requestSendAck(req, skb);
}

/** An ACK in the name of a request (tcp_v4_reqsk_send_ack). */
function requestSendAck(req: RequestSock, skb: SkBuff): void {
  const ms = Math.floor((req.tcp.net.now + BOOT_NS) / 1_000_000);
  sendAckFor(req.tcp, skb, {
    seq: (req.sntIsn + 1) >>> 0,
    ack: req.rcvNxt,
    window: Math.min(req.rcvWnd, 65535) >>> req.rcvWscale,
    tsVal: (ms + req.tsOff) >>> 0,
    tsEcr: req.tsRecent,
    oif: req.boundDevIf,
    mark: req.mark,
    tos: skb.cb3,
  });
}

/** A full socket from a request (tcp_v4_syn_recv_sock, tcp_create_openreq_child); it waits to be accepted. */
function createChild(req: RequestSock, skb: SkBuff, route: Rtable): TcpSock {
  const { listener, tcp } = req;
  const sk = tcp.newSock();
  inherit(listener, sk);
  sk.family = listener.family;
  sk.state = TCP_SYN_RECV;
  sk.saddr = req.rcvSaddr;
  sk.rcvSaddr = req.rcvSaddr;
  sk.daddr = req.daddr;
  sk.sport = req.sport;
  sk.dport = req.dport;
  sk.mark = req.mark;
  sk.listener = listener;
  sk.ackLrcvtime = jiffies(sk.net);
  sk.rcvNxt = (req.rcvIsn + 1) >>> 0;
  sk.rcvWup = sk.rcvNxt;
  sk.copiedSeq = sk.rcvNxt;
  sk.segsIn = 1;
  const next = (req.sntIsn + 1) >>> 0;
  sk.sndSml = next;
  sk.sndUna = next;
  sk.sndNxt = next;
  sk.sndUp = next;
  sk.writeSeq = next;
  sk.pushedSeq = next;
  sk.ring.reset(next);
  sk.sndWl1 = req.rcvIsn;
  const { rxOpt } = sk;
  rxOpt.tstampOk = req.tstampOk;
  rxOpt.sackOk = req.sackOk ? 1 : 0;
  rxOpt.mssClamp = req.mss;
  rxOpt.wscaleOk = req.wscaleOk;
  sk.windowClamp = req.windowClamp;
  sk.rcvSsthresh = req.rcvWnd;
  sk.rcvWnd = req.rcvWnd;
  if (req.wscaleOk) {
    rxOpt.sndWscale = req.sndWscale;
    rxOpt.rcvWscale = req.rcvWscale;
  } else sk.windowClamp = Math.min(sk.windowClamp, 65535);
  sk.sndWnd = getWindow(skb.head, skb.transportHeader) << rxOpt.sndWscale;
  sk.maxWindow = sk.sndWnd;
  if (req.tstampOk) {
    rxOpt.tsRecent = req.tsRecent;
    rxOpt.tsRecentStamp = Math.floor(jiffies(sk.net) / HZ);
    sk.tcpHeaderLen = 32;
  } else sk.tcpHeaderLen = 20;
  if (req.numTimeout > 0) {
    sk.totalRto = req.numTimeout;
    sk.undoMarker = req.sntIsn;
  }
  sk.totalRetrans = req.numRetrans;
  sk.tsoffset = req.tsOff;
  if (skb.len >= TCP_MSS_DEFAULT) sk.ackLastSegSize = skb.len;
  if (req.ecnOk) sk.ecnFlags |= TCP_ECN_OK;
  sk.inetId = sk.ip4.idents.random16();
  tcpSetupCaps(sk, route);
  tcpInheritCongestionControl(sk, listener);
  tcpSyncMss(sk, route.mtu());
  sk.advmss = clampMss(listener, route.advmss());
  tcpInitializeRcvMss(sk);
  tcp.hash.insert(sk);
  sk.hashed = true;
  tcp.hash.bindPort(sk, sk.sport, true);
  sk.bindNum = sk.sport;
  if (sk.keepOpen) resetKeepaliveTimer(sk, sk.keepaliveTime || tcp.sysctl.keepaliveTime);
  tcp.mib.tcp.PassiveOpens++;
  listener.acceptQueue.push(sk);
  return sk;
}

/** What a child takes over from its listener (sk_clone). */
function inherit(from: TcpSock, to: TcpSock): void {
  to.boundDevIf = from.boundDevIf;
  to.priority = from.priority;
  to.reuseAddr = from.reuseAddr;
  to.reusePort = from.reusePort;
  to.sndBuf = from.sndBuf;
  to.rcvBuf = from.rcvBuf;
  to.userlocks = from.userlocks & 3;
  to.ttl = from.ttl;
  to.tos = from.tos & ~3;
  to.pmtuDisc = from.pmtuDisc;
  to.recvErr = from.recvErr;
  to.freebind = from.freebind;
  to.zerocopy = from.zerocopy;
  to.tsFlags = from.tsFlags;
  to.uid = from.uid;
  to.lingerOn = from.lingerOn;
  to.lingerNs = from.lingerNs;
  to.keepOpen = from.keepOpen;
  to.keepaliveTime = from.keepaliveTime;
  to.keepaliveIntvl = from.keepaliveIntvl;
  to.keepaliveProbes = from.keepaliveProbes;
  to.linger2 = from.linger2;
  to.nonagle = from.nonagle;
  to.rcvLowat = from.rcvLowat;
  to.notsentLowat = from.notsentLowat;
  to.icskUserTimeout = from.icskUserTimeout;
  to.maxPacingRate = from.maxPacingRate;
  to.rxOpt.userMss = from.rxOpt.userMss;
  to.thinLto = from.thinLto;
  to.recvmsgInq = from.recvmsgInq;
}

/** An ACK for a listener that may carry a cookie (cookie_v4_check): the new socket; "full": there is no room; null when it is none. */
export function tcpCookieCheck(sk: TcpSock, skb: SkBuff): TcpSock | "full" | null {
  const { tcp } = sk;
  const flags = getFlags(skb.head, skb.transportHeader);
  if (!tcp.sysctl.syncookies || !(flags & ACK) || flags & RST) return null;
  if (synqNoRecentOverflow(tcp)) return null;
  const req = new RequestSock(sk);
  readSyn(sk, req, skb);
  req.cookie = true;
  req.wscaleOk = false;
  req.sackOk = false;
  req.rcvIsn = (skb.seq - 1) >>> 0;
  req.rcvNxt = skb.seq;
  req.sntIsn = (skb.ackSeq - 1) >>> 0;
  req.mss = cookieCheck(req, req.sntIsn);
  if (req.mss === 0) {
    tcp.mib.ext.SyncookiesFailed++;
    return null;
  }
  tcp.mib.ext.SyncookiesRecv++;
  const { rxOptions } = tcp;
  if (rxOptions.timestamps && rxOptions.tsEcr !== 0) {
    req.tsOff = secureTcpTsOff(tcp, req.rcvSaddr, req.daddr);
    if (!cookieTimestampDecode(req, (rxOptions.tsEcr - req.tsOff) >>> 0)) return null;
  }
  const route = routeRequest(req);
  if (!route) return "full";
  if (acceptQueueFull(sk)) {
    tcp.mib.ext.ListenOverflows++;
    tcp.mib.ext.ListenDrops++;
    return "full";
  }
  initRequestWindow(req, route);
  return createChild(req, skb, route);
}
