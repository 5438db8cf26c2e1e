// The search for the path's MTU without ICMP (RFC 4821): where the search stands, what a probe that arrives or does not arrive
// says, and what a connection whose retransmissions go unanswered does. Answers to tcp_mtup_init and tcp_mtu_check_reprobe in
// net/ipv4/tcp_output.c, tcp_mtup_probe_success and _failed in tcp_input.c and tcp_mtu_probing in tcp_timer.c. The probe itself
// is sent in tcp-write.ts.

import { tcpCurrentSsthresh } from "./tcp-cong.ts";
import { tcpCurrentMss, tcpMtuToMss, tcpSyncMss } from "./tcp-output.ts";
import { HZ, jiffies, type TcpSock } from "./tcp-sock.ts";

const HEADERS = 40;

/** tcp_mss_to_mtu */
export function tcpMssToMtu(sk: TcpSock, mss: number): number {
  return mss + sk.tcpHeaderLen + sk.extHdrLen + 20;
}

/** tcp_mtup_init */
export function tcpMtupInit(sk: TcpSock): void {
  const { mtup } = sk;
  const { mtuProbing, baseMss } = sk.tcp.sysctl;
  mtup.enabled = mtuProbing > 1;
  mtup.searchHigh = sk.rxOpt.mssClamp + HEADERS;
  mtup.searchLow = tcpMssToMtu(sk, baseMss);
  mtup.probeSize = 0;
  if (mtup.enabled) mtup.probeStamp = jiffies(sk.net);
}

/** The range is narrow: after ten minutes the search begins anew, larger than now (tcp_mtu_check_reprobe). */
export function tcpMtuCheckReprobe(sk: TcpSock): void {
  const { mtup } = sk;
  const now = jiffies(sk.net);
  if (now - mtup.probeStamp < sk.tcp.sysctl.probeInterval * HZ) return;
  const mss = tcpCurrentMss(sk);
  mtup.probeSize = 0;
  mtup.searchHigh = sk.rxOpt.mssClamp + HEADERS;
  mtup.searchLow = tcpMssToMtu(sk, mss);
  mtup.probeStamp = now;
}

/** The probe was acknowledged: segments may be that long; the window stays as many bytes (tcp_mtup_probe_success). */
export function tcpMtupProbeSuccess(sk: TcpSock): void {
  const { mtup } = sk;
  sk.priorSsthresh = tcpCurrentSsthresh(sk);
  sk.sndCwnd = Math.max(1, Math.floor((sk.sndCwnd * tcpMssToMtu(sk, sk.mssCache)) / mtup.probeSize));
  sk.sndCwndCnt = 0;
  sk.sndCwndStamp = jiffies(sk.net);
  sk.sndSsthresh = tcpCurrentSsthresh(sk);
  mtup.searchLow = mtup.probeSize;
  mtup.probeSize = 0;
  tcpSyncMss(sk, sk.pmtuCookie);
  sk.tcp.mib.ext.TCPMTUPSuccess++;
}

/** The probe was lost, and nothing else: the path does not take it (tcp_mtup_probe_failed). */
export function tcpMtupProbeFailed(sk: TcpSock): void {
  const { mtup } = sk;
  mtup.searchHigh = mtup.probeSize - 1;
  mtup.probeSize = 0;
  sk.tcp.mib.ext.TCPMTUPFail++;
}

/** Nothing is answered any more: perhaps nobody says that the segments are too long (tcp_mtu_probing). */
export function tcpMtuProbing(sk: TcpSock): void {
  const { mtup } = sk;
  const { mtuProbing, baseMss, mtuProbeFloor, minSndMss } = sk.tcp.sysctl;
  if (!mtuProbing) return;
  if (mtup.enabled) {
    const half = Math.min(baseMss, tcpMtuToMss(sk, mtup.searchLow) >> 1);
    mtup.searchLow = tcpMssToMtu(sk, Math.max(half, mtuProbeFloor, minSndMss));
  } else {
    mtup.enabled = true;
    mtup.probeStamp = jiffies(sk.net);
  }
  tcpSyncMss(sk, sk.pmtuCookie);
}
