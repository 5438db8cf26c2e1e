// CUBIC (RFC 9438) with HyStart's exit from slow start (Ha and Rhee 2011, as Linux tunes it). Answers to
// net/ipv4/tcp_cubic.c ; what of its module's parameters can be set is the kernel's `cubic`. Times are jiffies, in the cubic function 1/1024 s.

import type { TcpCongestionOps } from "./tcp-cong.ts";
import { renoUndoCwnd, tcpCongAvoidAi, tcpIsCwndLimited, tcpSlowStart } from "./tcp-cong-avoid.ts";
import { after, HZ, jiffies, TCP_CA_LOSS, type TcpSock, tcpInSlowStart, usecsToJiffies } from "./tcp-sock.ts";

/** Multiplicative decrease 717/1024 ≈ 0.7, and C = 0.4 as 410/1024. */
const BETA = 717;
const C_SCALED = 410;
const SCALE = 1024;
/** packets acknowledged per packet that Reno's estimate grows, times eight (beta_scale) */
const RENO_SCALE = 15;
const HYSTART_ACK_TRAIN = 1;
const HYSTART_DELAY = 2;
const HYSTART_MIN_SAMPLES = 8;

class Cubic {
  /** acknowledgements per packet of growth */
  cnt = 0;
  lastMaxCwnd = 0;
  lastCwnd = 0;
  lastTime = 0;
  originPoint = 0;
  /** moment of the plateau, 1/1024 s after the epoch's start */
  k = 0;
  delayMinUs = 0;
  epochStart = 0;
  ackCnt = 0;
  renoCwnd = 0;
  // HyStart
  found = false;
  sampleCnt = 0;
  roundStart = 0;
  endSeq = 0;
  lastAck = 0;
  currRttUs = Number.POSITIVE_INFINITY;

  reset(): void {
    this.cnt = 0;
    this.lastMaxCwnd = 0;
    this.lastCwnd = 0;
    this.lastTime = 0;
    this.originPoint = 0;
    this.k = 0;
    this.delayMinUs = 0;
    this.epochStart = 0;
    this.ackCnt = 0;
    this.renoCwnd = 0;
    this.found = false;
  }
}

function ca(sk: TcpSock): Cubic {
  return sk.ca as Cubic;
}

export const tcpCubic: TcpCongestionOps = {
  name: "cubic",
  newState: () => new Cubic(),
  init(sk) {
    sk.ca = new Cubic();
    hystartReset(sk);
  },
  ssthresh(sk) {
    const c = ca(sk);
    c.epochStart = 0;
    // fast convergence: a flow that lost before it regained its last maximum makes room
    const falling = sk.net.kernel.cubic.fastConvergence !== 0 && sk.sndCwnd < c.lastMaxCwnd;
    c.lastMaxCwnd = falling ? Math.floor((sk.sndCwnd * (SCALE + BETA)) / (2 * SCALE)) : sk.sndCwnd;
    return Math.max(Math.floor((sk.sndCwnd * BETA) / SCALE), 2);
  },
  congAvoid(sk, _ack, acked) {
    if (!tcpIsCwndLimited(sk)) return;
    if (tcpInSlowStart(sk)) {
      acked = tcpSlowStart(sk, acked);
      if (acked === 0) return;
    }
    update(sk, acked);
    tcpCongAvoidAi(sk, ca(sk).cnt, acked);
  },
  setState(sk, state) {
    if (state !== TCP_CA_LOSS) return;
    ca(sk).reset();
    hystartReset(sk);
  },
  cwndEvent(sk, event) {
    if (event !== 0) return;
    // an idle time does not count as growth
    const c = ca(sk);
    const now = jiffies(sk.net);
    const idle = now - sk.lsndtime;
    if (c.epochStart !== 0 && idle > 0) c.epochStart = Math.min(c.epochStart + idle, now);
  },
  undoCwnd: renoUndoCwnd,
  pktsAcked(sk, rttUs) {
    if (rttUs < 0) return;
    const c = ca(sk);
    if (c.epochStart !== 0 && jiffies(sk.net) - c.epochStart < HZ) return;
    const delay = rttUs || 1;
    if (c.delayMinUs === 0 || c.delayMinUs > delay) c.delayMinUs = delay;
    if (!c.found && tcpInSlowStart(sk) && sk.net.kernel.cubic.hystart !== 0) hystartUpdate(sk, delay);
  },
};

/** Sets how slowly the window grows, from the cubic function and from what Reno would have (bictcp_update). */
function update(sk: TcpSock, acked: number): void {
  const c = ca(sk);
  const cwnd = sk.sndCwnd;
  const now = jiffies(sk.net);
  c.ackCnt += acked;
  if (c.lastCwnd === cwnd && now - c.lastTime <= HZ >> 5) return;
  if (c.epochStart === 0 || now !== c.lastTime) {
    c.lastCwnd = cwnd;
    c.lastTime = now;
    if (c.epochStart === 0) beginEpoch(c, cwnd, acked, now);
    const t = Math.floor(((now - c.epochStart + usecsToJiffies(c.delayMinUs)) * SCALE) / HZ);
    const off = Math.abs(t - c.k);
    const delta = Math.floor((C_SCALED * off * off * off) / 2 ** 40);
    const target = t < c.k ? c.originPoint - delta : c.originPoint + delta;
    c.cnt = target > cwnd ? Math.floor(cwnd / (target - cwnd)) : 100 * cwnd;
    if (c.lastMaxCwnd === 0 && c.cnt > 20) c.cnt = 20;
  }
  const perPacket = (cwnd * RENO_SCALE) >> 3;
  while (c.ackCnt > perPacket) {
    c.ackCnt -= perPacket;
    c.renoCwnd++;
  }
  if (c.renoCwnd > cwnd) c.cnt = Math.min(c.cnt, Math.floor(cwnd / (c.renoCwnd - cwnd)));
  c.cnt = Math.max(c.cnt, 2);
}

function beginEpoch(c: Cubic, cwnd: number, acked: number, now: number): void {
  c.epochStart = now;
  c.ackCnt = acked;
  c.renoCwnd = cwnd;
  if (c.lastMaxCwnd <= cwnd) {
    c.k = 0;
    c.originPoint = cwnd;
  } else {
    c.k = Math.floor(Math.cbrt((2 ** 40 / C_SCALED) * (c.lastMaxCwnd - cwnd)));
    c.originPoint = c.lastMaxCwnd;
  }
}

function hystartReset(sk: TcpSock): void {
  const c = ca(sk);
  c.roundStart = sk.mstamp;
  c.lastAck = sk.mstamp;
  c.endSeq = sk.sndNxt;
  c.currRttUs = Number.POSITIVE_INFINITY;
  c.sampleCnt = 0;
}

/** Leaves slow start when a round's ACKs take long, or its delay rose (hystart_update). */
function hystartUpdate(sk: TcpSock, delayUs: number): void {
  const c = ca(sk);
  if (after(sk.sndUna, c.endSeq)) hystartReset(sk);
  const { hystartLowWindow, hystartDetect, hystartAckDeltaUs } = sk.net.kernel.cubic;
  if (sk.sndCwnd < hystartLowWindow) return;
  const now = sk.mstamp;
  const { ext } = sk.tcp.mib;
  if (hystartDetect & HYSTART_ACK_TRAIN && now - c.lastAck <= hystartAckDeltaUs) {
    c.lastAck = now;
    const ackDelay = Math.min(1000, Math.floor((sk.gsoMaxSize * 4 * 1_000_000) / sk.pacingRate));
    let threshold = c.delayMinUs + ackDelay;
    if (!sk.pacingNeeded) threshold >>= 1;
    if (now - c.roundStart > threshold) {
      c.found = true;
      ext.TCPHystartTrainDetect++;
      sk.sndSsthresh = sk.sndCwnd;
    }
  }
  if (!(hystartDetect & HYSTART_DELAY)) return;
  if (c.currRttUs > delayUs) c.currRttUs = delayUs;
  if (c.sampleCnt < HYSTART_MIN_SAMPLES) c.sampleCnt++;
  else if (c.currRttUs > c.delayMinUs + Math.min(Math.max(c.delayMinUs >> 3, 4000), 16000)) {
    c.found = true;
    ext.TCPHystartDelayDetect++;
    sk.sndSsthresh = sk.sndCwnd;
  }
}
