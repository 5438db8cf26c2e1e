// Opening a connection from this side: route, source address, port, first window, SYN (RFC 9293 section 3.10.1). Answers
// to tcp_v4_connect in net/ipv4/tcp_ipv4.c and tcp_connect in net/ipv4/tcp_output.c.

import { Errno, NetError } from "../../base/errno.ts";
import { ACK, CWR, ECE, PSH, SYN } from "../../wire/tcp.ts";
import type { SockAddr } from "../core/sock.ts";
import { ipRouteOutputKey } from "./route.ts";
import { FlowKey, RTCF_BROADCAST, RTCF_MULTICAST, type Rtable } from "./rtable.ts";
import { TCP_CHRONO_BUSY, tcpChronoStart } from "./tcp-chrono.ts";
import { tcpSetState, tcpWriteQueuePurge } from "./tcp-done.ts";
import { type FastopenRequest, fastopenRequest, tcpFastopenCookieCheck } from "./tcp-fastopen.ts";
import { tcpMtupInit } from "./tcp-mtup.ts";
import { tcpMtuToMssBare, tcpSetupCaps, tcpSyncMss, tcpTransmit } from "./tcp-output.ts";
import { clampMss } from "./tcp-request.ts";
import { securePortEphemeral, secureTcpSeq, secureTcpTsOff } from "./tcp-secure.ts";
import type { TxSeg } from "./tcp-segment.ts";
import {
  ICSK_TIME_RETRANS,
  SKB_OVERHEAD,
  SOCK_RCVBUF_LOCK,
  TCP_CLOSE,
  TCP_ECN_OK,
  TCP_MSS_DEFAULT,
  TCP_SYN_SENT,
  TCP_TIMEOUT_INIT,
  type TcpSock,
  tcpFullSpace,
  tcpMstampRefresh,
  tcpTimeStampMs,
} from "./tcp-sock.ts";
import { TimewaitSock, tcpTwskUnique, twskKill } from "./tcp-timewait.ts";
import { type InitialWindow, tcpInitializeRcvMss, tcpSelectInitialWindow } from "./tcp-window.ts";
import { resetXmitTimer } from "./tcp-xmit-timer.ts";

/** MAX_TCP_OPTION_SPACE */
const MAX_TCP_OPTION_SPACE = 40;

function flow(sk: TcpSock, daddr: number, dport: number): FlowKey {
  const fl = new FlowKey();
  fl.daddr = daddr;
  fl.saddr = sk.saddr;
  fl.oif = sk.boundDevIf;
  fl.tos = sk.tos & 0xfc;
  fl.mark = sk.mark;
  fl.proto = 6;
  fl.sport = sk.sport;
  fl.dport = dport;
  fl.uid = sk.uid;
  return fl;
}

/**
 * Begins to connect (tcp_v4_connect). Throws ENETUNREACH, EHOSTUNREACH, EACCES, EADDRNOTAVAIL (no port left, or the
 * tuple is taken).
 */
export function tcpV4Connect(sk: TcpSock, address: SockAddr): void {
  const { tcp, ip4 } = sk;
  const fl = flow(sk, address.addr, address.port);
  let rt = ipRouteOutputKey(ip4, fl);
  if (rt.error !== 0) {
    if (rt.error === Errno.ENETUNREACH) ip4.mib.ip.OutNoRoutes++;
    throw new NetError(rt.error);
  }
  if (rt.flags & (RTCF_MULTICAST | RTCF_BROADCAST)) throw new NetError(Errno.ENETUNREACH);
  const daddr = fl.daddr;
  const bound = sk.saddr;
  if (sk.saddr === 0) {
    sk.saddr = fl.saddr;
    sk.rcvSaddr = fl.saddr;
  }
  if (sk.rxOpt.tsRecentStamp !== 0 && sk.daddr !== daddr) {
    sk.rxOpt.tsRecent = 0;
    sk.rxOpt.tsRecentStamp = 0;
    sk.writeSeq = 0;
  }
  sk.daddr = daddr;
  sk.dport = address.port;
  sk.extHdrLen = 0;
  sk.rxOpt.mssClamp = TCP_MSS_DEFAULT;
  tcpSetState(sk, TCP_SYN_SENT);
  try {
    choosePort(sk);
    fl.sport = sk.sport;
    fl.saddr = sk.saddr;
    // to one of our own addresses the first look-up has put the loopback here (flowi4_update_output)
    fl.oif = sk.boundDevIf;
    rt = ipRouteOutputKey(ip4, fl);
    if (rt.error !== 0) throw new NetError(rt.error);
  } catch (error) {
    tcpSetState(sk, TCP_CLOSE);
    if (bound === 0) {
      sk.saddr = 0;
      sk.rcvSaddr = 0;
    }
    sk.dport = 0;
    sk.daddr = 0;
    throw error;
  }
  tcpSetupCaps(sk, rt);
  if (sk.writeSeq === 0) sk.writeSeq = secureTcpSeq(tcp, sk.saddr, sk.daddr, sk.sport, sk.dport);
  sk.tsoffset = secureTcpTsOff(tcp, sk.saddr, sk.daddr);
  sk.inetId = ip4.idents.random16();
  if (!fastopenDefer(sk)) tcpConnect(sk, rt);
}

/** TCP_FASTOPEN_CONNECT: with a cookie the SYN waits for the first write (tcp_fastopen_defer_connect). */
function fastopenDefer(sk: TcpSock): boolean {
  if (!sk.fastopenConnect || sk.fastopenReq) return false;
  const req = fastopenRequest(new Uint8Array(0));
  if (tcpFastopenCookieCheck(sk, req) !== null) {
    sk.deferConnect = true;
    return true;
  }
  sk.fastopenReq = req;
  return false;
}

/** The port it is bound to, or one of the ephemeral ones; into the tables (inet_hash_connect). */
function choosePort(sk: TcpSock): void {
  const { hash } = sk.tcp;
  if (sk.bindNum !== 0) {
    if (!tupleFree(sk, sk.sport, true)) throw new NetError(Errno.EADDRNOTAVAIL);
  } else {
    const start = securePortEphemeral(sk.tcp, sk.saddr, sk.daddr, sk.dport);
    sk.sport = hash.hashConnect(sk, start, (port) => tupleFree(sk, port, true));
    sk.bindNum = sk.sport;
    tupleFree(sk, sk.sport, true);
  }
  hash.insert(sk);
  sk.hashed = true;
}

/** May this four-tuple be used (__inet_check_established)? One in TIME_WAIT makes room where that is allowed. */
function tupleFree(sk: TcpSock, port: number, take: boolean): boolean {
  const { hash } = sk.tcp;
  const other = hash.lookupEstablished(sk.daddr, sk.dport, sk.rcvSaddr, port, sk.boundDevIf);
  if (!other) return true;
  if (!(other instanceof TimewaitSock)) return false;
  const isn = tcpTwskUnique(other, sk, sk.bindNum !== 0);
  if (isn < 0) return false;
  if (take) {
    sk.writeSeq = isn;
    sk.tcp.mib.ext.TWRecycled++;
    twskKill(other);
  }
  return true;
}

/** Sets all that a SYN says (tcp_connect_init). */
function connectInit(sk: TcpSock, rt: Rtable): void {
  const { sysctl } = sk.tcp;
  const { rxOpt } = sk;
  sk.tcpHeaderLen = sysctl.timestamps ? 32 : 20;
  if (rxOpt.userMss > 0) rxOpt.mssClamp = rxOpt.userMss;
  sk.maxWindow = 0;
  tcpMtupInit(sk);
  tcpSyncMss(sk, rt.mtu());
  if (sk.windowClamp === 0) sk.windowClamp = rt.metrics?.window ?? 0;
  sk.advmss = clampMss(sk, rt.advmss());
  tcpInitializeRcvMss(sk);
  const full = tcpFullSpace(sk);
  if (sk.userlocks & SOCK_RCVBUF_LOCK && (sk.windowClamp > full || sk.windowClamp === 0)) sk.windowClamp = full;
  const window: InitialWindow = { rcvWnd: 0, windowClamp: 0, rcvWscale: 0 };
  tcpSelectInitialWindow(
    sysctl,
    full,
    sk.advmss - (rxOpt.tsRecentStamp !== 0 ? sk.tcpHeaderLen - 20 : 0),
    sk.windowClamp,
    sysctl.windowScaling !== 0,
    rt.metrics?.initrwnd ?? 0,
    window,
  );
  sk.rcvWnd = window.rcvWnd;
  sk.windowClamp = window.windowClamp;
  rxOpt.rcvWscale = window.rcvWscale;
  sk.rcvSsthresh = sk.rcvWnd;
  sk.err = 0;
  sk.sndWnd = 0;
  sk.sndWl1 = 0;
  tcpWriteQueuePurge(sk);
  sk.sndUna = sk.writeSeq;
  sk.sndSml = sk.writeSeq;
  sk.sndUp = sk.writeSeq;
  sk.sndNxt = sk.writeSeq;
  sk.rcvNxt = 0;
  sk.rcvWup = 0;
  sk.copiedSeq = 0;
  sk.icskRto = TCP_TIMEOUT_INIT;
  sk.icskRetransmits = 0;
  sk.retransOut = 0;
  sk.lostOut = 0;
  sk.undoMarker = 0;
  sk.undoRetrans = -1;
  sk.sackedOut = 0;
  sk.totalRto = 0;
}

/** Sends the SYN with data, or asks for a cookie (tcp_send_syn_data). */
function sendSynData(sk: TcpSock, syn: TxSeg, req: FastopenRequest): void {
  sk.rxOpt.mssClamp = sk.advmss;
  const mss = tcpFastopenCookieCheck(sk, req);
  if (mss === null) {
    req.cookie = req.cookie && new Uint8Array(0);
    tcpTransmit(sk, syn, syn.seq, syn.flags, 0);
  } else {
    sk.rxOpt.mssClamp = clampMss(sk, mss || sk.advmss);
    tcpSyncMss(sk, sk.pmtuCookie);
    // room for the longest options, so that no middlebox is surprised
    const space = Math.min(tcpMtuToMssBare(sk, sk.pmtuCookie) - MAX_TCP_OPTION_SPACE, req.data.length);
    req.copied = space;
    if (space === 0) tcpTransmit(sk, syn, syn.seq, syn.flags, 0);
    else {
      // the SYN and its data go as one packet, and stay as two records: what is repeated is the bare SYN
      const data = sk.tcp.segs.take();
      data.seq = syn.seq;
      data.endSeq = (syn.endSeq + space) >>> 0;
      data.len = space;
      data.pcount = 1;
      if (req.zc) {
        data.zc = req.zc;
        req.zc.refs++;
      }
      sk.ring.append(req.data, 0, space);
      sk.writeSeq = data.endSeq;
      sk.wmemQueued += SKB_OVERHEAD + space;
      sk.packetsOut += 1;
      tcpTransmit(sk, data, data.seq, syn.flags, space);
      syn.sentNs = data.sentNs;
      data.seq = syn.endSeq;
      data.flags = ACK | PSH;
      sk.rtxQueue.push(data);
      sk.synData = true;
      tcpChronoStart(sk, TCP_CHRONO_BUSY);
      sk.tcp.mib.ext.TCPOrigDataSent++;
    }
  }
  // a repeated SYN has no option
  req.cookie = null;
}

/** Sends the SYN (tcp_connect). */
export function tcpConnect(sk: TcpSock, rt: Rtable): void {
  connectInit(sk, rt);
  const syn = sk.tcp.segs.take();
  syn.seq = sk.writeSeq;
  syn.endSeq = (sk.writeSeq + 1) >>> 0;
  syn.flags = SYN;
  syn.pcount = 1;
  sk.writeSeq = syn.endSeq;
  sk.ring.reset(sk.writeSeq);
  tcpMstampRefresh(sk);
  sk.retransStamp = tcpTimeStampMs(sk);
  sk.ecnFlags = 0;
  if (sk.tcp.sysctl.ecn === 1 || ((rt.metrics?.features ?? 0) & 1) !== 0) {
    syn.flags |= ECE | CWR;
    sk.ecnFlags = TCP_ECN_OK;
  }
  sk.wmemQueued += SKB_OVERHEAD;
  sk.rtxQueue.push(syn);
  sk.packetsOut += 1;
  sk.synFastopen = false;
  sk.synData = false;
  if (sk.fastopenReq) sendSynData(sk, syn, sk.fastopenReq);
  else tcpTransmit(sk, syn, syn.seq, syn.flags, 0);
  sk.sndNxt = sk.writeSeq;
  sk.pushedSeq = sk.writeSeq;
  sk.tcp.mib.tcp.ActiveOpens++;
  resetXmitTimer(sk, ICSK_TIME_RETRANS, sk.icskRto, false);
}
