// What `ss` and `netstat` ask the kernel about TCP: every socket of a namespace with queues and timers, and the figures of
// one connection. Answers to tcp_get_info in net/ipv4/tcp.c and inet_sk_diag_fill in net/ipv4/inet_diag.c.

import type { Ns } from "../../base/time.ts";
import { AF_INET } from "../core/sock.ts";
import { type BbrInfo, bbrInfo } from "./tcp-bbr.ts";
import { TCP_CHRONO_BUSY, TCP_CHRONO_RWND_LIMITED, TCP_CHRONO_SNDBUF_LIMITED, tcpChronoTime } from "./tcp-chrono.ts";
import { RequestSock } from "./tcp-request.ts";
import {
  BOOT_NS,
  HZ,
  ICSK_TIME_LOSS_PROBE,
  ICSK_TIME_PROBE0,
  ICSK_TIME_REO_TIMEOUT,
  ICSK_TIME_RETRANS,
  inPingpongMode,
  JIFFY_US,
  jiffies,
  TCP_ECN_OK,
  TCP_ECN_SEEN,
  TCP_FIN_WAIT2,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_TIME_WAIT,
  TcpSock,
  type TcpState,
} from "./tcp-sock.ts";
import { TimewaitSock } from "./tcp-timewait.ts";
import { minmaxGet } from "./win-minmax.ts";

/** struct tcp_info as ss reads it; times in µs unless the name says otherwise. */
export interface TcpInfo {
  readonly state: number;
  /** "open", "disorder", "cwr", "recovery", "loss" as 0 … 4 */
  readonly caState: number;
  readonly retransmits: number;
  readonly probes: number;
  readonly backoff: number;
  readonly timestamps: boolean;
  readonly sack: boolean;
  readonly ecn: boolean;
  readonly ecnSeen: boolean;
  /** the data of a SYN was taken at once (TCPI_OPT_SYN_DATA) */
  readonly synData: boolean;
  readonly windowScaling: boolean;
  readonly sndWscale: number;
  readonly rcvWscale: number;
  readonly deliveryRateAppLimited: boolean;
  readonly rtoUs: number;
  readonly atoUs: number;
  readonly sndMss: number;
  readonly rcvMss: number;
  readonly unacked: number;
  readonly sacked: number;
  readonly lost: number;
  readonly retrans: number;
  readonly lastDataSentMs: number;
  readonly lastDataRecvMs: number;
  readonly lastAckRecvMs: number;
  readonly pmtu: number;
  readonly rcvSsthresh: number;
  readonly rttUs: number;
  readonly rttvarUs: number;
  /** 0x7fffffff: none yet */
  readonly sndSsthresh: number;
  readonly sndCwnd: number;
  readonly advmss: number;
  readonly reordering: number;
  readonly rcvRttUs: number;
  readonly rcvSpace: number;
  readonly totalRetrans: number;
  /** bytes per second; −1 without limit */
  readonly pacingRate: number;
  readonly maxPacingRate: number;
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly bytesRetrans: number;
  readonly segsOut: number;
  readonly segsIn: number;
  readonly dataSegsOut: number;
  readonly dataSegsIn: number;
  readonly notsentBytes: number;
  readonly minRttUs: number;
  /** bytes per second, 0 not measured */
  readonly deliveryRate: number;
  /** had something to send or unacknowledged, and of that: waited for the peer's window, for room in the send buffer */
  readonly busyTimeUs: number;
  readonly rwndLimitedUs: number;
  readonly sndbufLimitedUs: number;
  readonly delivered: number;
  readonly deliveredCe: number;
  readonly dsackDups: number;
  readonly reordSeen: number;
  /** segments that came out of order */
  readonly rcvOoopack: number;
  /** how often a time-out chose another hash */
  readonly rehash: number;
  readonly sndWnd: number;
  readonly rcvWnd: number;
  readonly totalRto: number;
  readonly congestion: string;
  readonly bbr: BbrInfo | null;
}

/** The figures of one connection (tcp_get_info). */
export function tcpInfo(sk: TcpSock): TcpInfo {
  const now = jiffies(sk.net);
  const listening = sk.state === TCP_LISTEN;
  const ms = (j: number): number => Math.floor(((now - j) * 1000) / HZ);
  const rate =
    sk.rateDelivered > 0 && sk.rateIntervalUs > 0
      ? Math.floor((sk.rateDelivered * sk.mssCache * 1_000_000) / sk.rateIntervalUs)
      : 0;
  return {
    state: sk.state,
    caState: sk.caState,
    retransmits: sk.icskRetransmits,
    probes: sk.icskProbesOut,
    backoff: sk.icskBackoff,
    timestamps: sk.rxOpt.tstampOk,
    sack: sk.rxOpt.sackOk !== 0,
    ecn: (sk.ecnFlags & TCP_ECN_OK) !== 0,
    ecnSeen: (sk.ecnFlags & TCP_ECN_SEEN) !== 0,
    synData: sk.synDataAcked,
    windowScaling: sk.rxOpt.wscaleOk,
    sndWscale: sk.rxOpt.wscaleOk ? sk.rxOpt.sndWscale : 0,
    rcvWscale: sk.rxOpt.wscaleOk ? sk.rxOpt.rcvWscale : 0,
    deliveryRateAppLimited: sk.rateAppLimited,
    rtoUs: sk.icskRto * JIFFY_US,
    atoUs: sk.ackAto * JIFFY_US,
    sndMss: sk.mssCache,
    rcvMss: sk.ackRcvMss,
    unacked: listening ? sk.acceptQueue.length : sk.packetsOut,
    sacked: listening ? sk.maxAckBacklog : sk.sackedOut,
    lost: sk.lostOut,
    retrans: sk.retransOut,
    lastDataSentMs: ms(sk.lsndtime),
    lastDataRecvMs: ms(sk.ackLrcvtime),
    lastAckRecvMs: ms(sk.rcvTstamp),
    pmtu: sk.pmtuCookie,
    rcvSsthresh: sk.rcvSsthresh,
    rttUs: sk.srttUs >> 3,
    rttvarUs: sk.mdevUs >> 2,
    sndSsthresh: sk.sndSsthresh,
    sndCwnd: sk.sndCwnd,
    advmss: sk.advmss,
    reordering: sk.reordering,
    rcvRttUs: sk.rcvRttEstUs >> 3,
    rcvSpace: sk.rcvqSpace,
    totalRetrans: sk.totalRetrans,
    pacingRate: Number.isFinite(sk.pacingRate) ? sk.pacingRate : -1,
    maxPacingRate: Number.isFinite(sk.maxPacingRate) ? sk.maxPacingRate : -1,
    bytesAcked: sk.bytesAcked,
    bytesReceived: sk.bytesReceived,
    bytesSent: sk.bytesSent,
    bytesRetrans: sk.bytesRetrans,
    segsOut: sk.segsOut,
    segsIn: sk.segsIn,
    dataSegsOut: sk.dataSegsOut,
    dataSegsIn: sk.dataSegsIn,
    notsentBytes: Math.max(0, (sk.writeSeq - sk.sndNxt) | 0),
    minRttUs: minmaxGet(sk.rttMin),
    deliveryRate: rate,
    busyTimeUs:
      (tcpChronoTime(sk, TCP_CHRONO_BUSY) +
        tcpChronoTime(sk, TCP_CHRONO_RWND_LIMITED) +
        tcpChronoTime(sk, TCP_CHRONO_SNDBUF_LIMITED)) *
      JIFFY_US,
    rwndLimitedUs: tcpChronoTime(sk, TCP_CHRONO_RWND_LIMITED) * JIFFY_US,
    sndbufLimitedUs: tcpChronoTime(sk, TCP_CHRONO_SNDBUF_LIMITED) * JIFFY_US,
    delivered: sk.delivered,
    deliveredCe: sk.deliveredCe,
    dsackDups: sk.dsackDups,
    reordSeen: sk.reordSeen,
    rcvOoopack: sk.rcvOoopack,
    rehash: sk.timeoutRehash,
    sndWnd: sk.sndWnd,
    rcvWnd: sk.rcvWnd,
    totalRto: sk.totalRto,
    congestion: sk.caOps.name,
    bbr: bbrInfo(sk),
  };
}

/** One socket as ss and netstat list it. */
export interface TcpListed {
  readonly kind: "socket" | "request" | "timewait";
  /** TCP_*: a request is SYN_RECV, a time-wait socket TIME_WAIT or FIN_WAIT2 */
  readonly state: number;
  readonly saddr: number;
  readonly sport: number;
  readonly daddr: number;
  readonly dport: number;
  readonly boundDevIf: number;
  /** AF_INET6: of a socket of that family */
  readonly family: number;
  /** a listener: connections to accept, and the most that may wait */
  readonly recvQ: number;
  readonly sendQ: number;
  /** inet_diag's idiag_timer: 0 off, 1 retransmission (ss: on), 2 keepalive, 3 timewait, 4 window probe (ss: persist) */
  readonly timer: number;
  readonly timerExpiresNs: Ns;
  readonly retrans: number;
  readonly uid: number;
  readonly inode: number;
  /** closed by its program: ss shows no process */
  readonly orphan: boolean;
  readonly mark: number;
  /** null for requests and time-wait sockets */
  readonly sock: TcpSock | null;
  /** the socket, request or time-wait socket itself */
  readonly object: object;
  readonly pingpong: boolean;
}

function timerOf(sk: TcpSock): number {
  switch (sk.icskPending) {
    case ICSK_TIME_RETRANS:
    case ICSK_TIME_REO_TIMEOUT:
    case ICSK_TIME_LOSS_PROBE:
      return 1;
    case ICSK_TIME_PROBE0:
      return 4;
    default:
      return sk.keepaliveTimer.pending ? 2 : 0;
  }
}

function expiresNs(sk: TcpSock, timer: number): Ns {
  const j = timer === 2 ? sk.keepaliveExpires : sk.icskTimeout;
  return timer === 0 ? 0 : jiffiesLeft(sk.net.now, (j * 1_000_000_000) / HZ - BOOT_NS);
}

/** What is left until then as sock_diag tells it: in whole jiffies (jiffies_delta_to_msecs). */
function jiffiesLeft(now: Ns, expires: Ns): Ns {
  const jiffy = 1_000_000_000 / HZ;
  return Math.max(0, Math.round((expires + BOOT_NS) / jiffy) - Math.floor((now + BOOT_NS) / jiffy)) * jiffy;
}

function listSocket(sk: TcpSock): TcpListed {
  const listening = sk.state === TCP_LISTEN;
  const timer = listening ? 0 : timerOf(sk);
  return {
    kind: "socket",
    state: sk.state,
    saddr: sk.rcvSaddr,
    sport: sk.sport,
    daddr: sk.daddr,
    dport: sk.dport,
    boundDevIf: sk.boundDevIf,
    family: sk.family,
    recvQ: listening ? sk.acceptQueue.length : Math.max(0, (sk.rcvNxt - sk.copiedSeq) | 0),
    sendQ: listening ? sk.maxAckBacklog : (sk.writeSeq - sk.sndUna) >>> 0,
    timer,
    timerExpiresNs: expiresNs(sk, timer),
    retrans: timer === 2 || timer === 4 ? sk.icskProbesOut : sk.icskRetransmits,
    uid: sk.uid,
    inode: sk.inode,
    orphan: sk.dead,
    mark: sk.mark,
    sock: sk,
    object: sk,
    pingpong: inPingpongMode(sk),
  };
}

/** Listeners first, then connections, requests and time-wait sockets in the order in which they came. */
export function* tcpSocks(tcp: TcpState): Generator<TcpListed> {
  for (const sk of tcp.hash.listeners()) yield listSocket(sk);
  for (const entry of tcp.hash.established) {
    if (entry instanceof TcpSock) {
      yield listSocket(entry);
      continue;
    }
    const request = entry instanceof RequestSock ? entry : null;
    const tw = entry instanceof TimewaitSock ? entry : null;
    const timer = request?.timer ?? tw?.timer;
    yield {
      kind: request ? "request" : "timewait",
      state: request ? TCP_SYN_RECV : tw?.substate === TCP_FIN_WAIT2 ? TCP_FIN_WAIT2 : TCP_TIME_WAIT,
      saddr: entry.rcvSaddr,
      sport: entry.sport,
      daddr: entry.daddr,
      dport: entry.dport,
      boundDevIf: entry.boundDevIf,
      family: request?.listener.family ?? tw?.family ?? AF_INET,
      recvQ: 0,
      sendQ: 0,
      timer: request ? 1 : 3,
      timerExpiresNs: timer?.pending ? jiffiesLeft(tcp.net.now, timer.expires) : 0,
      retrans: request ? request.numRetrans : 0,
      uid: request ? request.listener.uid : (tw?.uid ?? 0),
      inode: 0,
      orphan: true,
      mark: request ? request.mark : (tw?.mark ?? 0),
      sock: null,
      object: entry,
      pingpong: false,
    };
  }
}
