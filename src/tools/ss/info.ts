// What ss adds about one socket: timers (-o), inode and cookie (-e), memory (-m) and TCP's inner figures (-i), in the words of
// iproute2's misc/ss.c.

import type { Ns } from "../../base/time.ts";
import { PacketSock } from "../../net/core/af-packet.ts";
import type { Sock } from "../../net/core/sock.ts";
import { DatagramSock } from "../../net/ipv4/inet-sock.ts";
import type { BbrInfo } from "../../net/ipv4/tcp-bbr.ts";
import { tcpInfo } from "../../net/ipv4/tcp-info.ts";
import { TCP_CLOSE, TCP_LISTEN, TCP_TIME_WAIT, TcpSock } from "../../net/ipv4/tcp-sock.ts";
import { ETH_P_8021Q, ETH_P_ALL, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 } from "../../wire/ethernet.ts";
import { queuedBytes, type SocketEntry, type SocketTimer } from "../net-util/sock-table.ts";

/** ` timer:(on,200ms,0)`, nothing when none runs */
export function timerText(timer: SocketTimer): string {
  if (timer.kind === "off") return "";
  return ` timer:(${timer.kind},${durationText(timer.remainingNs)},${timer.retransmits})`;
}

/** "58sec", "1.200ms", "2min": ss's way with milliseconds. */
export function durationText(ns: Ns): string {
  const total = Math.floor(ns / 1_000_000);
  let ms = total % 1000;
  const allSeconds = Math.floor(total / 1000);
  const minutes = Math.floor(allSeconds / 60);
  let seconds = allSeconds % 60;
  let text = "";
  if (minutes > 0) {
    ms = 0;
    text = `${minutes}min`;
    if (minutes > 9) seconds = 0;
  }
  if (seconds > 0) {
    if (seconds > 9) ms = 0;
    text += `${seconds}${ms > 0 ? "." : "sec"}`;
  }
  if (ms > 0) text += `${String(ms).padStart(3, "0")}ms`;
  return text;
}

/** -e. The machine has cgroups of the first version only: those of sockets have a number, but no path. */
export function detailsText({ uid, inode, ipv6, sock, state }: SocketEntry, cookie: number): string {
  let text = uid > 0 ? ` uid:${uid}` : "";
  text += ` ino:${inode} sk:${cookie.toString(16)}`;
  if (!sock) return text;
  if (sock.mark !== 0) text += ` fwmark:0x${sock.mark.toString(16)}`;
  text += CGROUP;
  if (ipv6 && (state === TCP_LISTEN || state === TCP_CLOSE)) text += ` v6only:${sock.ipv6Only ? 1 : 0}`;
  const { rcvShutdown, sndShutdown } = sock;
  return `${text} ${rcvShutdown ? "-" : "<"}-${sndShutdown ? "-" : ">"}`;
}

/** On standard error for each socket of which -e looks for the cgroup's path. */
export const NO_CGROUP_MOUNT = "Failed to open cgroup2 mount\n";
/** the root's, by its number */
export const CGROUP = " cgroup:unreachable:1";

/** --tos */
export function tosText({ ipv6 }: SocketEntry, { tos, priority }: Sock): string {
  const hex = (value: number): string => (value === 0 ? "0" : `0x${value.toString(16)}`);
  return ` tos:${hex(tos)}${ipv6 ? " tclass:0" : ""} class_id:${hex(priority)}`;
}

/** --inet-sockopt: struct inet_diag_sockopt, what is set */
export function socketOptionsText({ kind, ipv6 }: SocketEntry, sock: Sock): string {
  const inet = sock instanceof DatagramSock ? sock : undefined;
  const words: readonly (readonly [boolean, string])[] = [
    [sock.recvErr, "recverr"],
    [kind === "tcp", "is_icsk"],
    [inet?.freebind ?? false, "freebind"],
    [sock.hdrIncl, "hdrincl"],
    [true, "mc_loop"],
    [inet?.transparent ?? false, "transparent"],
    [!ipv6, "mc_all"],
    [sock instanceof TcpSock && sock.deferConnect, "defer_connect"],
  ];
  return `inet-sockopt: (${words.map(([set, word]) => (set ? ` ${word}` : "")).join("")})`;
}

/** -m: what is queued, the buffers' sizes, and memory that was taken for queues but holds nothing: pages are taken whole. */
export function memoryText(sock: Sock): string {
  const [received, sent] =
    sock instanceof TcpSock
      ? [sock.rmemAlloc, sock.wmemQueued]
      : [sock instanceof DatagramSock ? queuedBytes(sock) : 0, 0];
  const { rcvBuf, sndBuf } = sock;
  const forward = -(received + sent) & (PAGE - 1);
  return ` skmem:(r${received},rb${rcvBuf},t0,tb${sndBuf},f${forward},w${sent},o0,bl0,d0)`;
}

const PAGE = 4096;

const ETHER_TYPES: ReadonlyMap<number, string> = new Map([
  [ETH_P_ARP, "arp"],
  [ETH_P_IP, "ip"],
  [ETH_P_IPV6, "ipv6"],
  [ETH_P_8021Q, "802.1Q"],
]);

/** ll_proto_n2a: names unless numbers are asked for */
export function packetProtocol(etherType: number, numeric: boolean): string {
  if (etherType === ETH_P_ALL) return "*";
  return (numeric ? undefined : ETHER_TYPES.get(etherType)) ?? `[${etherType}]`;
}

/** libpcap's ring: two megabytes in blocks of 256 KiB */
const RING = "ring_rx(blk_size:262144,blk_nr:8,frm_size:262144,frm_nr:8,tmo:1000,features:0x0)";

/** -e and -m of a packet socket (packet_show_sock) */
export function packetText({ inode }: SocketEntry, sock: Sock, letters: ReadonlySet<string>, cookie: number): string {
  const ring = sock instanceof PacketSock && sock.ring;
  let text = letters.has("e") ? ` ino:${inode} sk:${cookie.toString(16)}` : "";
  // a ring comes with a filter, which takes memory of its own
  if (letters.has("m")) text += memoryText(sock).replace("o0,", ring ? "o136," : "o0,");
  if (!letters.has("e")) return text;
  text += ring
    ? `\n\tver:2 cpy_thresh:0 flags( running auxdata )\n\t${RING}`
    : "\n\tver:0 cpy_thresh:0 flags( running )";
  return letters.has("O") ? text.replaceAll("\n\t", " ") : text;
}

/** rto as it is before anything was measured: not shown */
const INITIAL_RTO_US = 3_000_000;
const REORDERING = 3;
const SSTHRESH_SHOWN = 0xffff;

/**
 * -i: struct tcp_info in the order of ss.
 * @param options -o or -e: what the handshake agreed on, too
 * @param numeric -n: rates as bits per second, else with a unit
 * @param later rcv_wnd and rehash, too
 */
export function tcpInfoText(sock: TcpSock, options: boolean, numeric: boolean, later: boolean): string {
  const info = tcpInfo(sock);
  const parts: string[] = [];
  const add = (name: string, value: number, text: string = figure(value)): void => {
    if (value > 0) parts.push(`${name}${text}`);
  };
  const rate = (name: string, bytesPerSecond: number): void =>
    add(name, bytesPerSecond, `${rateText(bytesPerSecond * 8, numeric)}bps`);
  if (options && info.timestamps) parts.push("ts");
  if (options && info.sack) parts.push("sack");
  if (options && info.ecn) parts.push("ecn");
  if (options && info.ecnSeen) parts.push("ecnseen");
  if (options && info.synData) parts.push("fastopen");
  parts.push(info.congestion);
  if (info.state === TCP_LISTEN) {
    add("cwnd:", info.sndCwnd);
    add("unacked:", info.unacked);
    return ` ${parts.join(" ")}`;
  }
  if (info.windowScaling) parts.push(`wscale:${info.sndWscale},${info.rcvWscale}`);
  if (info.rtoUs !== INITIAL_RTO_US) add("rto:", info.rtoUs / 1000);
  add("backoff:", info.backoff);
  add("rtt:", info.rttUs, `${figure(info.rttUs / 1000)}/${figure(info.rttvarUs / 1000)}`);
  add("ato:", info.atoUs / 1000);
  add("mss:", info.sndMss);
  add("pmtu:", info.pmtu);
  add("rcvmss:", info.rcvMss);
  add("advmss:", info.advmss);
  add("cwnd:", info.sndCwnd);
  if (info.sndSsthresh < SSTHRESH_SHOWN) add("ssthresh:", info.sndSsthresh);
  add("bytes_sent:", info.bytesSent, String(info.bytesSent));
  add("bytes_retrans:", info.bytesRetrans, String(info.bytesRetrans));
  add("bytes_acked:", info.bytesAcked, String(info.bytesAcked));
  add("bytes_received:", info.bytesReceived, String(info.bytesReceived));
  add("segs_out:", info.segsOut, String(info.segsOut));
  add("segs_in:", info.segsIn, String(info.segsIn));
  add("data_segs_out:", info.dataSegsOut, String(info.dataSegsOut));
  add("data_segs_in:", info.dataSegsIn, String(info.dataSegsIn));
  // inet_sk_diag_fill asks the algorithm in states before this one only: not once a FIN came
  if (info.bbr && info.state < TCP_TIME_WAIT) parts.push(bbrText(info.bbr, numeric));
  if (info.rttUs > 0) rate("send ", (info.sndCwnd * info.sndMss * 1_000_000) / info.rttUs);
  add("lastsnd:", info.lastDataSentMs, String(info.lastDataSentMs));
  add("lastrcv:", info.lastDataRecvMs, String(info.lastDataRecvMs));
  add("lastack:", info.lastAckRecvMs, String(info.lastAckRecvMs));
  const most = info.maxPacingRate > 0 ? `/${rateText(info.maxPacingRate * 8, numeric)}bps` : "";
  add("pacing_rate ", info.pacingRate, `${rateText(info.pacingRate * 8, numeric)}bps${most}`);
  rate("delivery_rate ", info.deliveryRate);
  add("delivered:", info.delivered, String(info.delivered));
  add("delivered_ce:", info.deliveredCe, String(info.deliveredCe));
  if (info.deliveryRateAppLimited) parts.push("app_limited");
  if (info.busyTimeUs > 0) {
    const part = (us: number): string => `${Math.floor(us / 1000)}ms(${((100 * us) / info.busyTimeUs).toFixed(1)}%)`;
    parts.push(`busy:${Math.floor(info.busyTimeUs / 1000)}ms`);
    if (info.rwndLimitedUs > 0) parts.push(`rwnd_limited:${part(info.rwndLimitedUs)}`);
    if (info.sndbufLimitedUs > 0) parts.push(`sndbuf_limited:${part(info.sndbufLimitedUs)}`);
  }
  add("unacked:", info.unacked);
  if (info.retrans > 0 || info.totalRetrans > 0) parts.push(`retrans:${info.retrans}/${info.totalRetrans}`);
  add("lost:", info.lost);
  add("sacked:", info.sacked);
  add("dsack_dups:", info.dsackDups);
  if (info.reordering !== REORDERING) add("reordering:", info.reordering);
  add("reord_seen:", info.reordSeen);
  add("rcv_rtt:", info.rcvRttUs / 1000);
  add("rcv_space:", info.rcvSpace, String(info.rcvSpace));
  add("rcv_ssthresh:", info.rcvSsthresh, String(info.rcvSsthresh));
  add("notsent:", info.notsentBytes, String(info.notsentBytes));
  if (info.minRttUs < NO_RTT) add("minrtt:", info.minRttUs / 1000);
  add("rcv_ooopack:", info.rcvOoopack, String(info.rcvOoopack));
  add("snd_wnd:", info.sndWnd, String(info.sndWnd));
  if (later) add("rcv_wnd:", info.rcvWnd, String(info.rcvWnd));
  if (later) add("rehash:", info.rehash);
  return ` ${parts.join(" ")}`;
}

/** tcpi_min_rtt before a round trip was measured */
const NO_RTT = 0xffffffff;
/** BBR's gains are in 1/256. */
const GAIN_UNIT = 256;

function bbrText({ bw, minRttUs, pacingGain, cwndGain }: BbrInfo, numeric: boolean): string {
  let text = `bbr:(bw:${rateText(bw * 8, numeric)}bps,mrtt:${figure(minRttUs / 1000)}`;
  if (pacingGain > 0) text += `,pacing_gain:${figure(pacingGain / GAIN_UNIT)}`;
  if (cwndGain > 0) text += `,cwnd_gain:${figure(cwndGain / GAIN_UNIT)}`;
  return `${text})`;
}

/** sprint_bw: three figures and a unit */
function rateText(bits: number, numeric: boolean): string {
  if (numeric) return bits.toFixed(0);
  for (const [unit, letter] of RATE_UNITS) if (bits >= unit) return `${figure(bits / unit, 3)}${letter}`;
  return figure(bits, 3);
}

const RATE_UNITS: readonly (readonly [number, string])[] = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** As printf's %g. */
function figure(value: number, digits = 6): string {
  return String(Number(value.toPrecision(digits)));
}
