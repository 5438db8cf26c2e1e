// What TCP keeps for one namespace: the net.ipv4.tcp_* settings, counters and tables. Answers to the TCP part of
// include/net/netns/ipv4.h.

import type { Rng } from "../../sim/rng.ts";
import type { TcpOptions } from "../../wire/tcp-options.ts";
import type { Net } from "../core/net.ts";
import type { Ipv4 } from "./ipv4.ts";
import { HZ } from "./tcp-const.ts";
import type { FastopenMetrics } from "./tcp-fastopen.ts";
import type { TcpHashtables } from "./tcp-hashtables.ts";
import type { AlertResult } from "./tcp-loss.ts";
import type { TcpMib } from "./tcp-mib.ts";
import type { SackState } from "./tcp-sack.ts";
import type { SegPool } from "./tcp-segment.ts";
import type { TcpSock } from "./tcp-sock.ts";

/** Everything behind net.ipv4.tcp_*, in the sysctl's unit, with the recorded kernel's defaults. */
export class TcpSysctl {
  abortOnOverflow = 0;
  adjustRcvbuf = 1;
  appWin = 31;
  autocorking = 1;
  backlogAckDefer = 1;
  baseMss = 1024;
  challengeAckLimit = 2147483647;
  compSackDelayNs = 1_000_000;
  compSackNr = 44;
  congestionControl = "bbr";
  /** what a socket or a namespace may choose without CAP_NET_ADMIN in the first namespace */
  allowedCongestionControl: readonly string[] = ["reno", "bbr"];
  dsack = 1;
  earlyRetrans = 3;
  /** 0 off, 1 ask and answer, 2 answer only */
  ecn = 2;
  ecnFallback = 1;
  /** TFO_* */
  fastopen = 1;
  /** both without effect, in Linux too */
  fack = 0;
  lowLatency = 0;
  fastopenBlackholeTimeout = 0;
  finTimeout: number = 60 * HZ;
  frto = 2;
  invalidRatelimit: number = HZ / 2;
  keepaliveIntvl: number = 75 * HZ;
  keepaliveProbes = 9;
  keepaliveTime: number = 7200 * HZ;
  limitOutputBytes = 4194304;
  maxReordering = 300;
  maxSynBacklog = 2048;
  maxTwBuckets = 131072;
  minRttWlen = 300;
  minSndMss = 48;
  mtuProbing = 0;
  mtuProbeFloor = 48;
  probeInterval = 600;
  probeThreshold = 8;
  minTsoSegs = 2;
  moderateRcvbuf = 1;
  notsentLowat = 4294967295;
  orphanRetries = 0;
  pacingCaRatio = 120;
  pacingSsRatio = 200;
  pingpongThresh = 1;
  recovery = 1;
  reordering = 3;
  retransCollapse = 1;
  retries1 = 3;
  retries2 = 15;
  rfc1337 = 0;
  rmem: [number, number, number] = [4096, 131072, 33554432];
  wmem: [number, number, number] = [4096, 16384, 4194304];
  /** net.core.rmem_max, wmem_max, somaxconn */
  rmemMax = 4194304;
  wmemMax = 4194304;
  somaxconn = 4096;
  rtoMaxMs = 120000;
  rtoMinUs = 200000;
  sack = 1;
  shrinkWindow = 0;
  slowStartAfterIdle = 1;
  synLinearTimeouts = 4;
  synRetries = 6;
  synackRetries = 5;
  syncookies = 1;
  thinLinearTimeouts = 0;
  timestamps = 1;
  tsoRttLog = 9;
  tsoWinDivisor = 3;
  twReuse = 2;
  twReuseDelay = 1000;
  windowScaling = 1;
  workaroundSignedWindows = 0;
}

/** TCP of one namespace. */
export interface TcpState {
  readonly ip4: Ipv4;
  readonly net: Net;
  readonly sysctl: TcpSysctl;
  readonly mib: TcpMib;
  readonly hash: TcpHashtables;
  readonly rng: Rng;
  /** what initial sequence numbers and the like are drawn from, by name; never drawn from directly */
  readonly secret: Rng;
  readonly segs: SegPool;
  /** every socket that is not yet destroyed, requests and time-wait apart */
  readonly all: Set<TcpSock>;
  /** options of the segment at hand, parsed; and those of the one being written */
  readonly rxOptions: TcpOptions;
  readonly txOptions: TcpOptions;
  /** scratch of the ACK at hand */
  readonly sackState: SackState;
  readonly alert: AlertResult;
  /** challenge ACKs sent in this second (RFC 5961 section 7) */
  challengeTimestamp: number;
  challengeCount: number;
  /** Fast Open: the server's key, null while none was needed; what clients know of destinations */
  fastopenKey: Uint8Array | null;
  readonly fastopenCache: Map<string, FastopenMetrics>;
  /** firewalls that swallow it: when clients last paused (jiffies), and how often in a row */
  readonly fastopenPause: { since: number; times: number };
  /** last moment a SYN flood was noticed, in jiffies; -1 never */
  synqOverflowTs: number;
  /** makes a socket of this namespace, closed */
  newSock(): TcpSock;
}
