// struct tcp_info under the names that assertions use, and the constants they compare with (include/uapi/linux/tcp.h).

import { tcpInfo } from "../net/ipv4/tcp-info.ts";
import type { TcpSock } from "../net/ipv4/tcp-sock.ts";
import type { Value } from "./python.ts";

export const TCPI_OPT_TIMESTAMPS = 1;
export const TCPI_OPT_SACK = 2;
export const TCPI_OPT_WSCALE = 4;
export const TCPI_OPT_ECN = 8;
export const TCPI_OPT_ECN_SEEN = 16;
export const TCPI_OPT_SYN_DATA = 32;

const CONSTANTS: readonly (readonly [string, number])[] = [
  ["TCPI_OPT_TIMESTAMPS", TCPI_OPT_TIMESTAMPS],
  ["TCPI_OPT_SACK", TCPI_OPT_SACK],
  ["TCPI_OPT_WSCALE", TCPI_OPT_WSCALE],
  ["TCPI_OPT_ECN", TCPI_OPT_ECN],
  ["TCPI_OPT_ECN_SEEN", TCPI_OPT_ECN_SEEN],
  ["TCPI_OPT_SYN_DATA", TCPI_OPT_SYN_DATA],
  ["TCP_CA_Open", 0],
  ["TCP_CA_Disorder", 1],
  ["TCP_CA_CWR", 2],
  ["TCP_CA_Recovery", 3],
  ["TCP_CA_Loss", 4],
  ["TCP_INFINITE_SSTHRESH", 0x7fffffff],
  ["TCP_ESTABLISHED", 1],
  ["TCP_SYN_SENT", 2],
  ["TCP_SYN_RECV", 3],
  ["TCP_FIN_WAIT1", 4],
  ["TCP_FIN_WAIT2", 5],
  ["TCP_TIME_WAIT", 6],
  ["TCP_CLOSE", 7],
  ["TCP_CLOSE_WAIT", 8],
  ["TCP_LAST_ACK", 9],
  ["TCP_LISTEN", 10],
  ["TCP_CLOSING", 11],
];

/** What code in a script sees: `tcpi_snd_cwnd`, `SK_MEMINFO_RCVBUF` and the like; without a socket the constants alone. */
export function namesOf(sock: TcpSock | null): Map<string, Value> {
  const names = new Map<string, Value>(CONSTANTS);
  if (!sock) return names;
  // SO_MEMINFO, without what is not kept here: memory reserved ahead, options, drops
  names.set("SK_MEMINFO_RMEM_ALLOC", sock.rmemAlloc);
  names.set("SK_MEMINFO_RCVBUF", sock.rcvBuf);
  names.set("SK_MEMINFO_SNDBUF", sock.sndBuf);
  names.set("SK_MEMINFO_WMEM_QUEUED", sock.wmemQueued);
  names.set("SK_MEMINFO_BACKLOG", sock.backlogLen);
  const info = tcpInfo(sock);
  const flag = (on: boolean, bit: number): number => (on ? bit : 0);
  const options =
    flag(info.timestamps, TCPI_OPT_TIMESTAMPS) |
    flag(info.sack, TCPI_OPT_SACK) |
    flag(info.windowScaling, TCPI_OPT_WSCALE) |
    flag(info.ecn, TCPI_OPT_ECN) |
    flag(info.ecnSeen, TCPI_OPT_ECN_SEEN) |
    flag(info.synData, TCPI_OPT_SYN_DATA);
  const fields: Readonly<Record<string, number>> = {
    state: info.state,
    ca_state: info.caState,
    retransmits: info.retransmits,
    probes: info.probes,
    backoff: info.backoff,
    options,
    snd_wscale: info.sndWscale,
    rcv_wscale: info.rcvWscale,
    delivery_rate_app_limited: +info.deliveryRateAppLimited,
    rto: info.rtoUs,
    ato: info.atoUs,
    snd_mss: info.sndMss,
    rcv_mss: info.rcvMss,
    unacked: info.unacked,
    sacked: info.sacked,
    lost: info.lost,
    retrans: info.retrans,
    fackets: 0,
    last_data_sent: info.lastDataSentMs,
    last_ack_sent: 0,
    last_data_recv: info.lastDataRecvMs,
    last_ack_recv: info.lastAckRecvMs,
    pmtu: info.pmtu,
    rcv_ssthresh: info.rcvSsthresh,
    rtt: info.rttUs,
    rttvar: info.rttvarUs,
    snd_ssthresh: info.sndSsthresh,
    snd_cwnd: info.sndCwnd,
    advmss: info.advmss,
    reordering: info.reordering,
    rcv_rtt: info.rcvRttUs,
    rcv_space: info.rcvSpace,
    total_retrans: info.totalRetrans,
    pacing_rate: info.pacingRate,
    max_pacing_rate: info.maxPacingRate,
    bytes_acked: info.bytesAcked,
    bytes_received: info.bytesReceived,
    segs_out: info.segsOut,
    segs_in: info.segsIn,
    notsent_bytes: info.notsentBytes,
    min_rtt: info.minRttUs,
    data_segs_in: info.dataSegsIn,
    data_segs_out: info.dataSegsOut,
    delivery_rate: info.deliveryRate,
    busy_time: info.busyTimeUs,
    rwnd_limited: info.rwndLimitedUs,
    sndbuf_limited: info.sndbufLimitedUs,
    delivered: info.delivered,
    delivered_ce: info.deliveredCe,
    bytes_sent: info.bytesSent,
    bytes_retrans: info.bytesRetrans,
    dsack_dups: info.dsackDups,
    reord_seen: info.reordSeen,
    snd_wnd: info.sndWnd,
    rcv_wnd: info.rcvWnd,
    total_rto: info.totalRto,
  };
  for (const [name, value] of Object.entries(fields)) names.set(`tcpi_${name}`, value);
  return names;
}
