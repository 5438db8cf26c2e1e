// What TCP keeps for one connection (struct tcp_sock with inet_connection_sock), and the questions that its figures answer
// at once. Answers to include/linux/tcp.h and include/net/tcp.h. The system calls are in tcp-stream.ts.

import { DOUBLE_ZERO } from "../../base/double.ts";
import type { Ns } from "../../base/time.ts";
import type { Timer } from "../../sim/sim.ts";
import { WaitQueue } from "../../sim/task.ts";
import { type SkBuff, SkbQueue } from "../core/skb.ts";
import { AF_INET, SOCK_STREAM, Sock } from "../core/sock.ts";
import type { Ipv4 } from "./ipv4.ts";
import type { Rtable } from "./rtable.ts";
import type { TcpCongestionOps } from "./tcp-cong.ts";
import {
  BOOT_NS,
  ICSK_ACK_SCHED,
  IPPROTO_TCP,
  JIFFY_US,
  MAX_TCP_HEADER,
  msecsToJiffies,
  PACING_UNLIMITED,
  SKB_SHARED_INFO,
  SKB_STRUCT,
  TCP_CA_CWR,
  TCP_CA_OPEN,
  TCP_CA_RECOVERY,
  TCP_CLOSE,
  TCP_DEFAULT_SCALING_RATIO,
  TCP_DELACK_MAX,
  TCP_INFINITE_SSTHRESH,
  TCP_INIT_CWND,
  TCP_MSS_DEFAULT,
  TCP_TIMEOUT_INIT,
} from "./tcp-const.ts";
import type { QueuedNotice } from "./tcp-errqueue.ts";
import type { FastopenRequest } from "./tcp-fastopen.ts";
import type { RequestSock } from "./tcp-request.ts";
import { MtuSearch, SegList, SendRing, type TxSeg, XmitRun } from "./tcp-segment.ts";
import type { TcpState } from "./tcp-state.ts";
import { type MinMax, newMinMax } from "./win-minmax.ts";

export * from "./tcp-const.ts";
export * from "./tcp-state.ts";

/** What a segment that arrived says, beside its bytes (struct tcp_options_received). */
export class TcpOptionsReceived {
  tsRecentStamp = 0;
  tsRecent: number = DOUBLE_ZERO;
  rcvTsval: number = DOUBLE_ZERO;
  rcvTsecr = 0;
  sawTstamp = false;
  tstampOk = false;
  /** SACK blocks begin with a DSACK to send */
  dsack = false;
  wscaleOk = false;
  /** bit 0 SACK permitted, bit 2 the peer sent a DSACK once */
  sackOk = 0;
  sndWscale = 0;
  rcvWscale = 0;
  numSacks = 0;
  userMss = 0;
  mssClamp = 0;

  /** All that the last connection's options said, and TCP_MAXSEG. */
  forget(): void {
    Object.assign(this, new TcpOptionsReceived());
  }
}

/** One delivery-rate sample (struct rate_sample), filled while one ACK is handled. */
export class RateSample {
  priorMstamp = 0;
  priorDelivered = 0;
  priorDeliveredCe = 0;
  delivered = 0;
  deliveredCe = 0;
  intervalUs = 0;
  sndIntervalUs = 0;
  rcvIntervalUs = 0;
  rttUs = 0;
  losses = 0;
  ackedSacked = 0;
  priorInFlight = 0;
  lastEndSeq: number = DOUBLE_ZERO;
  isAppLimited = false;
  isRetrans = false;
  isAckDelayed = false;
}

export abstract class TcpSock extends Sock {
  readonly tcp: TcpState;
  readonly ip4: Ipv4;
  state: number = TCP_CLOSE;
  userlocks = 0;
  lingerOn = false;
  lingerNs: Ns = 0;
  keepOpen = false;
  /** SO_ZEROCOPY, and the next such write's number; SO_TIMESTAMPING, and the byte from which its numbers count */
  zerocopy = false;
  zcKey = 0;
  tsFlags = 0;
  tsKey = 0;
  readonly errQueue: QueuedNotice[] = [];
  /** IP_FREEBIND: bind(2) takes addresses that are not here */
  freebind = false;
  /** SO_RCVLOWAT */
  rcvLowat = 1;
  /** sk_socket: a program holds it (an accepted or self-made socket, not closed) */
  hasSocket = false;
  noSpace = false;
  dst: Rtable | null = null;
  /** uid or inode are Sock's; when this socket was made, virtual ns */
  createdNs: Ns = 0;
  // the socket lock (sock_lock_t): held by a sender that lets softirqs run
  owned = false;
  readonly lockWait: WaitQueue = new WaitQueue();
  readonly backlog: SkbQueue = new SkbQueue();
  backlogLen = 0;
  tsqFlags = 0;
  /** in the established hash, in a bind bucket */
  hashed = false;
  bindNum = 0;

  // sending side
  readonly ring: SendRing = new SendRing();
  /** not yet sent; sent and not acknowledged, by sequence number */
  readonly sendQueue: SegList = new SegList();
  readonly rtxQueue: SegList = new SegList();
  /** sent, in the order of sending (tsorted_sent_queue), linked through tsNext */
  tsortedHead: TxSeg | null = null;
  tsortedTail: TxSeg | null = null;
  wmemQueued = 0;
  pacingRate: number = PACING_UNLIMITED;
  maxPacingRate: number = PACING_UNLIMITED;
  pacingNeeded = false;
  pacingShift = 10;
  gsoMaxSize: number = 65536 - (MAX_TCP_HEADER + 1);
  gsoMaxSegs = 65535;

  // receiving side
  readonly receiveQueue: SkbQueue = new SkbQueue();
  /** bytes of the head of receiveQueue that were read already are before copiedSeq */
  readonly outOfOrder: SkBuff[] = [];
  rmemAlloc = 0;

  // inet_connection_sock
  caOps!: TcpCongestionOps;
  /** congestion control's own state */
  ca: unknown = null;
  caSetsockopt = false;
  caState: number = TCP_CA_OPEN;
  caInitialized = false;
  icskRetransmits = 0;
  /** ICSK_TIME_*, 0 none */
  icskPending = 0;
  icskBackoff = 0;
  icskSynRetries = 0;
  icskProbesOut = 0;
  /** jiffies, 0 unset */
  icskProbesTstamp = 0;
  icskUserTimeout = 0;
  icskRto: number = TCP_TIMEOUT_INIT;
  icskRtoMin = 0;
  icskDelackMax: number = TCP_DELACK_MAX;
  /** expiry in jiffies of the retransmission and delayed ACK timers */
  icskTimeout = 0;
  ackTimeout = 0;
  ackPending = 0;
  ackQuick = 0;
  ackPingpong = 0;
  ackRetry = 0;
  ackAto = 0;
  ackLrcvtime = 0;
  ackLastSegSize = 0;
  ackRcvMss = 0;
  pmtuCookie = 0;
  extHdrLen = 0;
  /** announced MTU of an ICMP while the socket was owned (mtu_info) */
  mtuInfo = 0;
  maxAckBacklog = 0;
  readonly acceptQueue: TcpSock[] = [];
  /** requests in SYN_RECV */
  qlen = 0;
  qlenYoung = 0;
  /** the listener, for a child not yet accepted */
  listener: TcpSock | null = null;
  deferAccept = 0;
  // Fast Open (tcp-fastopen.ts)
  fastopenReq: FastopenRequest | null = null;
  /** the SYN carried data; an option; it in the experimental form; the data was taken at once */
  synData = false;
  synFastopen = false;
  synFastopenExp = false;
  synDataAcked = false;
  /** it is the first after a pause (tcp-fastopen.ts) */
  synFastopenCh = false;
  /** TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE; connect(2) has left the SYN to the first write */
  fastopenConnect = false;
  fastopenNoCookie = false;
  deferConnect = false;
  /** of a child that was made by a SYN: its request, until the ACK */
  fastopenRsk: RequestSock | null = null;
  /** of a listener (struct fastopen_queue) */
  fastopenMaxQlen = 0;
  fastopenQlen = 0;
  fastopenKey: Uint8Array | null = null;
  /** writers that wait (sk_write_pending) */
  writePending = 0;
  retransmitTimer!: Timer;
  delackTimer!: Timer;
  /** sk_timer: keepalive, FIN_WAIT_2 */
  keepaliveTimer!: Timer;
  pacingTimer!: Timer;
  compressedAckTimer!: Timer;
  /** when keepaliveTimer was armed for, in jiffies */
  keepaliveExpires = 0;

  // tcp_sock
  tcpHeaderLen = 20;
  gsoSegs = 0;
  predFlags = 0;
  bytesReceived: number = DOUBLE_ZERO;
  segsIn = 0;
  dataSegsIn = 0;
  rcvNxt: number = DOUBLE_ZERO;
  copiedSeq: number = DOUBLE_ZERO;
  rcvWup: number = DOUBLE_ZERO;
  sndNxt: number = DOUBLE_ZERO;
  segsOut = 0;
  dataSegsOut = 0;
  bytesSent: number = DOUBLE_ZERO;
  bytesAcked: number = DOUBLE_ZERO;
  bytesRetrans = 0;
  dsackDups = 0;
  sndUna: number = DOUBLE_ZERO;
  sndSml: number = DOUBLE_ZERO;
  rcvTstamp = 0;
  lsndtime = 0;
  lastOowAckTime = 0;
  compressedAckRcvNxt: number = DOUBLE_ZERO;
  tsoffset = 0;
  sndWl1: number = DOUBLE_ZERO;
  sndWnd = 0;
  maxWindow = 0;
  mssCache: number = TCP_MSS_DEFAULT;
  windowClamp = 0;
  rcvSsthresh = 0;
  scalingRatio: number = TCP_DEFAULT_SCALING_RATIO;
  advmss = 0;
  compressedAck = 0;
  dupAckCounter = 0;
  tlpRetrans = false;
  tlpHighSeq: number = DOUBLE_ZERO;
  nonagle = 0;
  recvmsgInq = false;
  thinLto = false;
  frto = false;
  repair = false;
  isSackReneg = false;
  isCwndLimited = false;
  undoMarker = 0;
  undoRetrans = 0;
  totalRetrans = 0;
  totalRto = 0;
  totalRtoTime = 0;
  rtoStamp = 0;
  totalRtoRecoveries = 0;
  delivered = 0;
  deliveredCe = 0;
  lost = 0;
  appLimited = 0;
  rateDelivered = 0;
  rateIntervalUs = 0;
  rateAppLimited = false;
  firstTxMstamp = 0;
  deliveredMstamp = 0;
  rcvWnd = 0;
  writeSeq: number = DOUBLE_ZERO;
  pushedSeq: number = DOUBLE_ZERO;
  lostOut = 0;
  sackedOut = 0;
  packetsOut = 0;
  retransOut = 0;
  maxPacketsOut = 0;
  cwndUsageSeq: number = DOUBLE_ZERO;
  /** µs, shifted as the kernel keeps them: srtt << 3, mdev << 2 */
  srttUs = 0;
  mdevUs = 0;
  mdevMaxUs = 0;
  rttvarUs = 0;
  rttSeq: number = DOUBLE_ZERO;
  rttMin: MinMax = newMinMax();
  urgData = 0;
  urgSeq = 0;
  sndUp: number = DOUBLE_ZERO;
  ecnFlags = 0;
  reordering = 3;
  reordSeen = 0;
  rcvOoopack = 0;
  timeoutRehash = 0;
  rcvEcnDemand = false;
  sndSsthresh: number = TCP_INFINITE_SSTHRESH;
  sndCwnd: number = TCP_INIT_CWND;
  sndCwndCnt = 0;
  sndCwndClamp = 0xffffffff;
  sndCwndUsed = 0;
  sndCwndStamp = 0;
  priorCwnd = 0;
  prrDelivered = 0;
  prrOut = 0;
  priorSsthresh = 0;
  highSeq: number = DOUBLE_ZERO;
  retransStamp = 0;
  retransHint: TxSeg | null = null;
  highestSack: TxSeg | null = null;
  /** a linear stretch of SACK blocks of the last ACK (recv_sack_cache), and blocks to send, as pairs */
  readonly recvSackCache: Uint32Array = new Uint32Array(8);
  readonly selectiveAcks: Uint32Array = new Uint32Array(8);
  readonly duplicateSack: Uint32Array = new Uint32Array(2);
  // RACK (RFC 8985)
  rackMstamp = 0;
  rackRttUs = 0;
  rackEndSeq: number = DOUBLE_ZERO;
  rackLastDelivered = 0;
  rackReoWndSteps = 1;
  rackReoWndPersist = 0;
  rackDsackSeen = false;
  rackAdvanced = false;
  keepaliveTime = 0;
  keepaliveIntvl = 0;
  keepaliveProbes = 0;
  linger2 = 0;
  // receiver auto-tuning
  rcvRttEstUs = 0;
  rcvRttEstSeq: number = DOUBLE_ZERO;
  rcvRttEstTime = 0;
  rcvRttLastTsecr = 0;
  rcvqSpace = 0;
  rcvqSpaceSeq: number = DOUBLE_ZERO;
  rcvqSpaceTime = 0;
  // clock (tcp_mstamp_refresh)
  clockCacheNs: Ns = 0;
  /** µs */
  mstamp = 0;
  /** earliest departure of the next packet (tcp_wstamp_ns) */
  wstampNs: Ns = DOUBLE_ZERO;
  notsentLowat = 0;
  readonly rxOpt: TcpOptionsReceived = new TcpOptionsReceived();
  readonly rs: RateSample = new RateSample();
  readonly xmit: XmitRun = new XmitRun();
  readonly mtup: MtuSearch = new MtuSearch();
  // chronographs (tcp-chrono.ts), jiffies
  chronoType = 0;
  chronoStart = 0;
  readonly chronoStat: Float64Array = new Float64Array(4);
  /** syn data for TCP_SAVED_SYN and the like are left out */

  constructor(tcp: TcpState) {
    super(tcp.net, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    this.tcp = tcp;
    this.ip4 = tcp.ip4;
  }
}

/** tcp_mstamp_refresh */
export function tcpMstampRefresh(sk: TcpSock): void {
  sk.clockCacheNs = sk.net.now + BOOT_NS;
  sk.mstamp = Math.floor(sk.clockCacheNs / 1000);
}

/** The timestamp option's clock: milliseconds (tcp_time_stamp_ts), without a connection's offset. */
export function tcpTimeStampMs(sk: TcpSock): number {
  return Math.floor(sk.mstamp / 1000);
}

export function tcpSkTimestampOk(sk: TcpSock): boolean {
  return sk.rxOpt.tstampOk;
}

/** tcp_is_sack */
export function tcpIsSack(sk: TcpSock): boolean {
  return sk.rxOpt.sackOk !== 0;
}

export function tcpLeftOut(sk: TcpSock): number {
  return sk.sackedOut + sk.lostOut;
}

/** Urgent data was sent and not acknowledged (tcp_urg_mode). */
export function tcpUrgMode(sk: TcpSock): boolean {
  return sk.sndUna !== sk.sndUp;
}

/** tcp_packets_in_flight */
export function tcpPacketsInFlight(sk: TcpSock): number {
  return sk.packetsOut - (sk.sackedOut + sk.lostOut) + sk.retransOut;
}

export function tcpInSlowStart(sk: TcpSock): boolean {
  return sk.sndCwnd < sk.sndSsthresh;
}

export function tcpInInitialSlowstart(sk: TcpSock): boolean {
  return sk.sndSsthresh >= TCP_INFINITE_SSTHRESH;
}

export function tcpInCwndReduction(sk: TcpSock): boolean {
  return sk.caState === TCP_CA_CWR || sk.caState === TCP_CA_RECOVERY;
}

/** First sequence number beyond the peer's window (tcp_wnd_end). */
export function tcpWndEnd(sk: TcpSock): number {
  return (sk.sndUna + sk.sndWnd) >>> 0;
}

/** What is left of the window last announced (tcp_receive_window). */
export function tcpReceiveWindow(sk: TcpSock): number {
  const win = (sk.rcvWup + sk.rcvWnd - sk.rcvNxt) | 0;
  return Math.max(win, 0);
}

export function tcpWinFromSpace(sk: TcpSock, space: number): number {
  return Math.floor((space * sk.scalingRatio) / 256);
}

export function tcpSpaceFromWin(sk: TcpSock, win: number): number {
  return Math.floor((win * 256) / sk.scalingRatio);
}

/** Free bytes of the receive buffer, as window (tcp_space). */
export function tcpSpace(sk: TcpSock): number {
  return tcpWinFromSpace(sk, sk.rcvBuf - sk.backlogLen - sk.rmemAlloc);
}

export function tcpFullSpace(sk: TcpSock): number {
  return tcpWinFromSpace(sk, sk.rcvBuf);
}

/** inet_csk_in_pingpong_mode */
export function inPingpongMode(sk: TcpSock): boolean {
  return sk.ackPingpong >= sk.tcp.sysctl.pingpongThresh;
}

export function enterPingpongMode(sk: TcpSock): void {
  sk.ackPingpong = sk.tcp.sysctl.pingpongThresh;
}

export function exitPingpongMode(sk: TcpSock): void {
  sk.ackPingpong = 0;
}

/** inet_csk_schedule_ack */
export function scheduleAck(sk: TcpSock): void {
  sk.ackPending |= ICSK_ACK_SCHED;
}

export function ackScheduled(sk: TcpSock): boolean {
  return (sk.ackPending & ICSK_ACK_SCHED) !== 0;
}

/** tcp_rto_min, in jiffies */
export function tcpRtoMin(sk: TcpSock): number {
  return sk.icskRtoMin;
}

export function tcpRtoMax(sk: TcpSock): number {
  return msecsToJiffies(sk.tcp.sysctl.rtoMaxMs);
}

export function tcpRtoMinUs(sk: TcpSock): number {
  return tcpRtoMin(sk) * JIFFY_US;
}

/** tcp_fin_time: how long FIN_WAIT_2 lasts, jiffies */
export function tcpFinTime(sk: TcpSock): number {
  const time = sk.linger2 || sk.tcp.sysctl.finTimeout;
  const rto = sk.icskRto;
  return Math.max(time, (rto << 2) - (rto >> 1));
}

/** True when the write and retransmission queues hold nothing. */
export function tcpRtxAndWriteQueuesEmpty(sk: TcpSock): boolean {
  return sk.rtxQueue.head === null && sk.sendQueue.head === null;
}

/** Bytes that one MSS costs in the send buffer (tcp_sndbuf_expand's estimate). */
export function perMssMemory(sk: TcpSock): number {
  const bytes = Math.max(sk.rxOpt.mssClamp, sk.mssCache) + MAX_TCP_HEADER + SKB_SHARED_INFO;
  return (1 << (32 - Math.clz32(bytes - 1))) + SKB_STRUCT; // the next power of two
}

/** sk_stream_memory_free: room in the send buffer, and not too much unsent (TCP_NOTSENT_LOWAT). */
export function skStreamMemoryFree(sk: TcpSock): boolean {
  if (sk.wmemQueued >= sk.sndBuf) return false;
  const lowat = sk.notsentLowat || sk.tcp.sysctl.notsentLowat;
  return (sk.writeSeq - sk.sndNxt) >>> 0 < lowat;
}

/** sk_stream_is_writeable: what poll calls writable, a third of the buffer free. */
export function skStreamIsWriteable(sk: TcpSock): boolean {
  if (sk.sndBuf - sk.wmemQueued < sk.wmemQueued >> 1) return false;
  const lowat = sk.notsentLowat || sk.tcp.sysctl.notsentLowat;
  return ((sk.writeSeq - sk.sndNxt) >>> 0) * 2 < lowat;
}
