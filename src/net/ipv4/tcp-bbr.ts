// BBR version 1 (draft-cardwell-iccrg-bbr-congestion-control-00): paces at the bandwidth measured, keeps about two
// bandwidth-delay products in flight, and now and then looks for more bandwidth or a shorter round trip. Answers to
// net/ipv4/tcp_bbr.c. Bandwidth is in packets per µs, as the kernel's fixed point without its shift; gains are in 1/256.

import type { TcpCongestionOps } from "./tcp-cong.ts";
import {
  before,
  HZ,
  jiffies,
  MAX_TCP_HEADER,
  msecsToJiffies,
  PACING_UNLIMITED,
  type RateSample,
  TCP_CA_LOSS,
  TCP_CA_OPEN,
  TCP_CA_RECOVERY,
  TCP_INFINITE_SSTHRESH,
  TCP_INIT_CWND,
  type TcpSock,
  tcpPacketsInFlight,
} from "./tcp-sock.ts";
import { type MinMax, minmaxGet, minmaxReset, minmaxRunningMax, newMinMax } from "./win-minmax.ts";

const STARTUP = 0;
const DRAIN = 1;
const PROBE_BW = 2;
const PROBE_RTT = 3;

const UNIT = 256;
const BW_UNIT = 2 ** 24;
const CYCLE_LEN = 8;
const BW_RTTS = CYCLE_LEN + 2;
const MIN_RTT_WIN_SEC = 10;
const PROBE_RTT_MODE_MS = 200;
/** bits per second below which a packet at a time is sent */
const MIN_TSO_RATE = 1_200_000;
const PACING_MARGIN_PERCENT = 1;
const HIGH_GAIN: number = Math.floor((UNIT * 2885) / 1000) + 1;
const DRAIN_GAIN: number = Math.floor((UNIT * 1000) / 2885);
const CWND_GAIN = UNIT * 2;
const PACING_GAIN: readonly number[] = [320, 192, 256, 256, 256, 256, 256, 256];
const CYCLE_RAND = 7;
const CWND_MIN_TARGET = 4;
const FULL_BW_THRESH = 320;
const FULL_BW_CNT = 3;
const LT_INTVL_MIN_RTTS = 4;
const LT_LOSS_THRESH = 50;
const LT_BW_RATIO = 32;
const LT_BW_DIFF = 500;
const LT_BW_MAX_RTTS = 48;
const EXTRA_ACKED_WIN_RTTS = 5;
const ACK_EPOCH_ACKED_RESET = 1 << 20;
const EXTRA_ACKED_MAX_US = 100_000;
const GSO_LEGACY_MAX_SIZE = 65536;

class Bbr {
  minRttUs = 0;
  minRttStamp = 0;
  probeRttDoneStamp = 0;
  readonly bw: MinMax = newMinMax();
  rttCnt = 0;
  nextRttDelivered = 0;
  cycleMstamp = 0;
  mode = STARTUP;
  prevCaState: number = TCP_CA_OPEN;
  packetConservation = false;
  roundStart = false;
  idleRestart = false;
  probeRttRoundDone = false;
  ltIsSampling = false;
  ltRttCnt = 0;
  ltUseBw = false;
  ltBw = 0;
  ltLastDelivered = 0;
  ltLastStamp = 0;
  ltLastLost = 0;
  pacingGain = 0;
  cwndGain = 0;
  fullBwReached = false;
  fullBwCnt = 0;
  cycleIdx = 0;
  hasSeenRtt = false;
  priorCwnd = 0;
  fullBw = 0;
  ackEpochMstamp = 0;
  readonly extraAcked: [number, number] = [0, 0];
  ackEpochAcked = 0;
  extraAckedWinRtts = 0;
  extraAckedWinIdx: 0 | 1 = 0;
}

function ca(sk: TcpSock): Bbr {
  return sk.ca as Bbr;
}

export const tcpBbr: TcpCongestionOps = {
  name: "bbr",
  newState: () => new Bbr(),
  init(sk) {
    const bbr = new Bbr();
    sk.ca = bbr;
    sk.sndSsthresh = TCP_INFINITE_SSTHRESH;
    bbr.nextRttDelivered = sk.delivered;
    bbr.minRttUs = minmaxGet(sk.rttMin);
    bbr.minRttStamp = jiffies(sk.net);
    minmaxReset(bbr.bw, 0, 0);
    initPacingRateFromRtt(sk);
    resetLtBwSampling(sk);
    bbr.mode = STARTUP;
    // the SYN-ACK was shown to bbr_main before bbr_init: with its round trip's stamp at 0 it took it for old, went to probe and
    // left the gains of that behind
    if (sk.listener === null) bbr.pacingGain = bbr.cwndGain = UNIT;
    bbr.ackEpochMstamp = sk.mstamp;
    sk.pacingNeeded = true;
  },
  ssthresh(sk) {
    saveCwnd(sk);
    return sk.sndSsthresh;
  },
  setState(sk, state) {
    if (state !== TCP_CA_LOSS) return;
    const bbr = ca(sk);
    bbr.prevCaState = TCP_CA_LOSS;
    bbr.fullBw = 0;
    bbr.roundStart = true;
    ltBwSampling(sk, 1, false);
  },
  cwndEvent(sk, event) {
    const bbr = ca(sk);
    if (event !== 0 || sk.appLimited === 0) return;
    bbr.idleRestart = true;
    bbr.ackEpochMstamp = sk.mstamp;
    bbr.ackEpochAcked = 0;
    if (bbr.mode === PROBE_BW) setPacingRate(sk, currentBw(bbr), UNIT);
    else if (bbr.mode === PROBE_RTT) checkProbeRttDone(sk);
  },
  undoCwnd(sk) {
    const bbr = ca(sk);
    bbr.fullBw = 0;
    bbr.fullBwCnt = 0;
    resetLtBwSampling(sk);
    return sk.sndCwnd;
  },
  congControl(sk, rs) {
    const bbr = ca(sk);
    updateBw(sk, rs);
    updateAckAggregation(sk, rs);
    updateCyclePhase(sk, rs);
    checkFullBwReached(bbr, rs);
    checkDrain(sk);
    updateMinRtt(sk, rs);
    updateGains(bbr);
    const bw = currentBw(bbr);
    setPacingRate(sk, bw, bbr.pacingGain);
    setCwnd(sk, rs, rs.ackedSacked, bw, bbr.cwndGain);
  },
  minTsoSegs,
  sndbufExpand: () => 3,
};

function minTsoSegs(sk: TcpSock): number {
  return sk.pacingRate < MIN_TSO_RATE >> 3 ? 1 : 2;
}

function currentBw(bbr: Bbr): number {
  return bbr.ltUseBw ? bbr.ltBw : minmaxGet(bbr.bw);
}

function extraAckedMax(bbr: Bbr): number {
  return Math.max(bbr.extraAcked[0], bbr.extraAcked[1]);
}

/** Bytes per second of `bw` times `gain`, one per cent less so that no queue builds up. */
function bytesPerSec(sk: TcpSock, bw: number, gain: number): number {
  const scaled = Math.floor((bw * sk.mssCache * gain) / UNIT);
  return Math.floor((scaled * (10_000 * (100 - PACING_MARGIN_PERCENT))) / BW_UNIT);
}

function toPacingRate(sk: TcpSock, bw: number, gain: number): number {
  return Math.min(bytesPerSec(sk, bw, gain), sk.maxPacingRate);
}

function initPacingRateFromRtt(sk: TcpSock): void {
  let rttUs = 1000;
  if (sk.srttUs !== 0) {
    rttUs = Math.max(sk.srttUs >> 3, 1);
    ca(sk).hasSeenRtt = true;
  }
  sk.pacingRate = toPacingRate(sk, Math.floor((sk.sndCwnd * BW_UNIT) / rttUs), HIGH_GAIN);
}

function setPacingRate(sk: TcpSock, bw: number, gain: number): void {
  const bbr = ca(sk);
  const rate = toPacingRate(sk, bw, gain);
  if (!bbr.hasSeenRtt && sk.srttUs !== 0) initPacingRateFromRtt(sk);
  if (bbr.fullBwReached || rate > sk.pacingRate) sk.pacingRate = rate;
}

function tsoSegsGoal(sk: TcpSock): number {
  const rate = sk.pacingRate === PACING_UNLIMITED ? GSO_LEGACY_MAX_SIZE * 1024 : sk.pacingRate;
  const bytes = Math.min(Math.floor(rate / (1 << sk.pacingShift)), GSO_LEGACY_MAX_SIZE - 1 - MAX_TCP_HEADER);
  return Math.min(Math.max(Math.floor(bytes / sk.mssCache), minTsoSegs(sk)), 127);
}

function saveCwnd(sk: TcpSock): void {
  const bbr = ca(sk);
  if (bbr.prevCaState < TCP_CA_RECOVERY && bbr.mode !== PROBE_RTT) bbr.priorCwnd = sk.sndCwnd;
  else bbr.priorCwnd = Math.max(bbr.priorCwnd, sk.sndCwnd);
}

/** Bandwidth-delay product times gain, in packets, rounded up. */
function bdp(bbr: Bbr, bw: number, gain: number): number {
  if (bbr.minRttUs === 0xffffffff) return TCP_INIT_CWND;
  const w = Math.floor((bw * bbr.minRttUs * gain) / UNIT);
  return Math.floor((w + BW_UNIT - 1) / BW_UNIT);
}

/** Room for offload's bursts at both ends. */
function quantizationBudget(sk: TcpSock, cwnd: number): number {
  const bbr = ca(sk);
  cwnd += 3 * tsoSegsGoal(sk);
  cwnd = (cwnd + 1) & ~1;
  if (bbr.mode === PROBE_BW && bbr.cycleIdx === 0) cwnd += 2;
  return cwnd;
}

function inflight(sk: TcpSock, bw: number, gain: number): number {
  return quantizationBudget(sk, bdp(ca(sk), bw, gain));
}

/** What will be in the network when the next packet's departure time comes. */
function packetsInNetAtEdt(sk: TcpSock, inflightNow: number): number {
  const bbr = ca(sk);
  const edtNs = Math.max(sk.wstampNs, sk.clockCacheNs);
  const intervalUs = Math.floor((edtNs - sk.clockCacheNs) / 1000);
  const delivered = Math.floor((currentBw(bbr) * intervalUs) / BW_UNIT);
  let atEdt = inflightNow;
  if (bbr.pacingGain > UNIT) atEdt += tsoSegsGoal(sk);
  return delivered >= atEdt ? 0 : atEdt - delivered;
}

/** Begins or ends what loss recovery asks; true when the window is to be just what is in flight and acknowledged. */
function recoverOrRestore(sk: TcpSock, rs: RateSample, acked: number): boolean {
  const bbr = ca(sk);
  const state = sk.caState;
  let cwnd = sk.sndCwnd;
  if (rs.losses > 0) cwnd = Math.max(cwnd - rs.losses, 1);
  if (state === TCP_CA_RECOVERY && bbr.prevCaState !== TCP_CA_RECOVERY) {
    bbr.packetConservation = true;
    bbr.nextRttDelivered = sk.delivered;
    cwnd = tcpPacketsInFlight(sk) + acked;
  } else if (bbr.prevCaState >= TCP_CA_RECOVERY && state < TCP_CA_RECOVERY) {
    cwnd = Math.max(cwnd, bbr.priorCwnd);
    bbr.packetConservation = false;
  }
  bbr.prevCaState = state;
  if (bbr.packetConservation) cwnd = Math.max(cwnd, tcpPacketsInFlight(sk) + acked);
  sk.sndCwnd = cwnd;
  return bbr.packetConservation;
}

function setCwnd(sk: TcpSock, rs: RateSample, acked: number, bw: number, gain: number): void {
  const bbr = ca(sk);
  if (acked > 0 && !recoverOrRestore(sk, rs, acked)) {
    let target = bdp(bbr, bw, gain);
    if (bbr.fullBwReached)
      target += Math.min(extraAckedMax(bbr), Math.floor((currentBw(bbr) * EXTRA_ACKED_MAX_US) / BW_UNIT));
    target = quantizationBudget(sk, target);
    let cwnd = sk.sndCwnd;
    if (bbr.fullBwReached) cwnd = Math.min(cwnd + acked, target);
    else if (cwnd < target || sk.delivered < TCP_INIT_CWND) cwnd += acked;
    sk.sndCwnd = Math.max(cwnd, CWND_MIN_TARGET);
  }
  sk.sndCwnd = Math.min(sk.sndCwnd, sk.sndCwndClamp);
  if (bbr.mode === PROBE_RTT) sk.sndCwnd = Math.min(sk.sndCwnd, CWND_MIN_TARGET);
}

function isNextCyclePhase(sk: TcpSock, rs: RateSample): boolean {
  const bbr = ca(sk);
  const fullLength = sk.deliveredMstamp - bbr.cycleMstamp > bbr.minRttUs;
  if (bbr.pacingGain === UNIT) return fullLength;
  const inNet = packetsInNetAtEdt(sk, rs.priorInFlight);
  const bw = minmaxGet(bbr.bw);
  if (bbr.pacingGain > UNIT) return fullLength && (rs.losses > 0 || inNet >= inflight(sk, bw, bbr.pacingGain));
  return fullLength || inNet <= inflight(sk, bw, UNIT);
}

function advanceCyclePhase(sk: TcpSock): void {
  const bbr = ca(sk);
  bbr.cycleIdx = (bbr.cycleIdx + 1) & (CYCLE_LEN - 1);
  bbr.cycleMstamp = sk.deliveredMstamp;
}

function updateCyclePhase(sk: TcpSock, rs: RateSample): void {
  if (ca(sk).mode === PROBE_BW && isNextCyclePhase(sk, rs)) advanceCyclePhase(sk);
}

function resetProbeBwMode(sk: TcpSock): void {
  const bbr = ca(sk);
  bbr.mode = PROBE_BW;
  bbr.cycleIdx = CYCLE_LEN - 1 - sk.tcp.rng.below(CYCLE_RAND);
  advanceCyclePhase(sk);
}

function resetMode(sk: TcpSock): void {
  const bbr = ca(sk);
  if (bbr.fullBwReached) resetProbeBwMode(sk);
  else bbr.mode = STARTUP;
}

function resetLtBwSamplingInterval(sk: TcpSock): void {
  const bbr = ca(sk);
  bbr.ltLastStamp = Math.floor(sk.deliveredMstamp / 1000);
  bbr.ltLastDelivered = sk.delivered;
  bbr.ltLastLost = sk.lost;
  bbr.ltRttCnt = 0;
}

function resetLtBwSampling(sk: TcpSock): void {
  const bbr = ca(sk);
  bbr.ltBw = 0;
  bbr.ltUseBw = false;
  bbr.ltIsSampling = false;
  resetLtBwSamplingInterval(sk);
}

function ltBwIntervalDone(sk: TcpSock, bw: number): void {
  const bbr = ca(sk);
  if (bbr.ltBw !== 0) {
    const diff = Math.abs(bw - bbr.ltBw);
    if (diff * UNIT <= LT_BW_RATIO * bbr.ltBw || bytesPerSec(sk, diff, UNIT) <= LT_BW_DIFF) {
      bbr.ltBw = Math.floor((bw + bbr.ltBw) / 2);
      bbr.ltUseBw = true;
      bbr.pacingGain = UNIT;
      bbr.ltRttCnt = 0;
      return;
    }
  }
  bbr.ltBw = bw;
  resetLtBwSamplingInterval(sk);
}

/** Notices a token-bucket policer: two long intervals of much loss at the same rate. */
function ltBwSampling(sk: TcpSock, losses: number, isAppLimited: boolean): void {
  const bbr = ca(sk);
  if (bbr.ltUseBw) {
    if (bbr.mode === PROBE_BW && bbr.roundStart && ++bbr.ltRttCnt >= LT_BW_MAX_RTTS) {
      resetLtBwSampling(sk);
      resetProbeBwMode(sk);
    }
    return;
  }
  if (!bbr.ltIsSampling) {
    if (losses === 0) return;
    resetLtBwSamplingInterval(sk);
    bbr.ltIsSampling = true;
  }
  if (isAppLimited) {
    resetLtBwSampling(sk);
    return;
  }
  if (bbr.roundStart) bbr.ltRttCnt++;
  if (bbr.ltRttCnt < LT_INTVL_MIN_RTTS) return;
  if (bbr.ltRttCnt > 4 * LT_INTVL_MIN_RTTS) {
    resetLtBwSampling(sk);
    return;
  }
  if (losses === 0) return;
  const lost = sk.lost - bbr.ltLastLost;
  const delivered = sk.delivered - bbr.ltLastDelivered;
  if (delivered === 0 || lost * UNIT < LT_LOSS_THRESH * delivered) return;
  const ms = Math.floor(sk.deliveredMstamp / 1000) - bbr.ltLastStamp;
  if (ms < 1) return;
  ltBwIntervalDone(sk, Math.floor((delivered * BW_UNIT) / (ms * 1000)));
}

function updateBw(sk: TcpSock, rs: RateSample): void {
  const bbr = ca(sk);
  bbr.roundStart = false;
  if (rs.delivered < 0 || rs.intervalUs <= 0) return;
  if (!before(rs.priorDelivered, bbr.nextRttDelivered)) {
    bbr.nextRttDelivered = sk.delivered;
    bbr.rttCnt++;
    bbr.roundStart = true;
    bbr.packetConservation = false;
  }
  ltBwSampling(sk, rs.losses, rs.isAppLimited);
  const bw = Math.floor((rs.delivered * BW_UNIT) / rs.intervalUs);
  if (!rs.isAppLimited || bw >= minmaxGet(bbr.bw)) minmaxRunningMax(bbr.bw, BW_RTTS, bbr.rttCnt, bw);
}

/** How much more is acknowledged at once than the rate explains. */
function updateAckAggregation(sk: TcpSock, rs: RateSample): void {
  const bbr = ca(sk);
  if (rs.ackedSacked <= 0 || rs.delivered < 0 || rs.intervalUs <= 0) return;
  if (bbr.roundStart) {
    bbr.extraAckedWinRtts = Math.min(31, bbr.extraAckedWinRtts + 1);
    if (bbr.extraAckedWinRtts >= EXTRA_ACKED_WIN_RTTS) {
      bbr.extraAckedWinRtts = 0;
      bbr.extraAckedWinIdx = bbr.extraAckedWinIdx ? 0 : 1;
      bbr.extraAcked[bbr.extraAckedWinIdx] = 0;
    }
  }
  const epochUs = Math.max(0, sk.deliveredMstamp - bbr.ackEpochMstamp);
  let expected = Math.floor((currentBw(bbr) * epochUs) / BW_UNIT);
  if (bbr.ackEpochAcked <= expected || bbr.ackEpochAcked + rs.ackedSacked >= ACK_EPOCH_ACKED_RESET) {
    bbr.ackEpochAcked = 0;
    bbr.ackEpochMstamp = sk.deliveredMstamp;
    expected = 0;
  }
  bbr.ackEpochAcked = Math.min(0xfffff, bbr.ackEpochAcked + rs.ackedSacked);
  const extra = Math.min(bbr.ackEpochAcked - expected, sk.sndCwnd);
  if (extra > bbr.extraAcked[bbr.extraAckedWinIdx]) bbr.extraAcked[bbr.extraAckedWinIdx] = extra;
}

/** Three rounds without a quarter more bandwidth: the pipe is full. */
function checkFullBwReached(bbr: Bbr, rs: RateSample): void {
  if (bbr.fullBwReached || !bbr.roundStart || rs.isAppLimited) return;
  const max = minmaxGet(bbr.bw);
  if (max >= Math.floor((bbr.fullBw * FULL_BW_THRESH) / UNIT)) {
    bbr.fullBw = max;
    bbr.fullBwCnt = 0;
    return;
  }
  bbr.fullBwReached = ++bbr.fullBwCnt >= FULL_BW_CNT;
}

function checkDrain(sk: TcpSock): void {
  const bbr = ca(sk);
  const max = minmaxGet(bbr.bw);
  if (bbr.mode === STARTUP && bbr.fullBwReached) {
    bbr.mode = DRAIN;
    sk.sndSsthresh = inflight(sk, max, UNIT);
  }
  if (bbr.mode === DRAIN && packetsInNetAtEdt(sk, tcpPacketsInFlight(sk)) <= inflight(sk, max, UNIT))
    resetProbeBwMode(sk);
}

function checkProbeRttDone(sk: TcpSock): void {
  const bbr = ca(sk);
  const now = jiffies(sk.net);
  if (bbr.probeRttDoneStamp === 0 || now <= bbr.probeRttDoneStamp) return;
  bbr.minRttStamp = now;
  sk.sndCwnd = Math.max(sk.sndCwnd, bbr.priorCwnd);
  resetMode(sk);
}

function updateMinRtt(sk: TcpSock, rs: RateSample): void {
  const bbr = ca(sk);
  const now = jiffies(sk.net);
  const expired = now > bbr.minRttStamp + MIN_RTT_WIN_SEC * HZ;
  if (rs.rttUs >= 0 && (rs.rttUs < bbr.minRttUs || (expired && !rs.isAckDelayed))) {
    bbr.minRttUs = rs.rttUs;
    bbr.minRttStamp = now;
  }
  if (expired && !bbr.idleRestart && bbr.mode !== PROBE_RTT) {
    bbr.mode = PROBE_RTT;
    saveCwnd(sk);
    bbr.probeRttDoneStamp = 0;
  }
  if (bbr.mode === PROBE_RTT) {
    sk.appLimited = sk.delivered + tcpPacketsInFlight(sk) || 1;
    if (bbr.probeRttDoneStamp === 0 && tcpPacketsInFlight(sk) <= CWND_MIN_TARGET) {
      bbr.probeRttDoneStamp = now + msecsToJiffies(PROBE_RTT_MODE_MS);
      bbr.probeRttRoundDone = false;
      bbr.nextRttDelivered = sk.delivered;
    } else if (bbr.probeRttDoneStamp !== 0) {
      if (bbr.roundStart) bbr.probeRttRoundDone = true;
      if (bbr.probeRttRoundDone) checkProbeRttDone(sk);
    }
  }
  if (rs.delivered > 0) bbr.idleRestart = false;
}

function updateGains(bbr: Bbr): void {
  switch (bbr.mode) {
    case STARTUP:
      bbr.pacingGain = HIGH_GAIN;
      bbr.cwndGain = HIGH_GAIN;
      break;
    case DRAIN:
      bbr.pacingGain = DRAIN_GAIN;
      bbr.cwndGain = HIGH_GAIN;
      break;
    case PROBE_BW:
      bbr.pacingGain = bbr.ltUseBw ? UNIT : PACING_GAIN[bbr.cycleIdx]!;
      bbr.cwndGain = CWND_GAIN;
      break;
    default:
      bbr.pacingGain = UNIT;
      bbr.cwndGain = UNIT;
  }
}

/** What `ss -i` prints of BBR. */
export interface BbrInfo {
  /** bytes per second */
  bw: number;
  minRttUs: number;
  pacingGain: number;
  cwndGain: number;
}

/** bbr_get_info; null when the socket uses another algorithm. */
export function bbrInfo(sk: TcpSock): BbrInfo | null {
  if (!(sk.ca instanceof Bbr)) return null;
  const bbr = sk.ca;
  return {
    bw: Math.floor((currentBw(bbr) * sk.mssCache * 1_000_000) / BW_UNIT),
    minRttUs: bbr.minRttUs,
    pacingGain: bbr.pacingGain,
    cwndGain: bbr.cwndGain,
  };
}
