// What ss adds about one socket: timers (-o), inode and cookie (-e), memory (-m) and TCP's inner figures (-i), in the words of
// iproute2's misc/ss.c.

import type { Ns } from "../../base/time.ts";
import type { Sock } from "../../net/core/sock.ts";
import { TCP_INFINITE_SSTHRESH, TcpSock } from "../../net/ipv4/tcp-sock.ts";
import type { SocketEntry, SocketTimer } from "../net-util/sock-table.ts";

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

/** -e; the cookie is a number that ss asks the kernel for, here the entry's place. */
export function detailsText(entry: SocketEntry, cookie: number): string {
  let text = entry.uid > 0 ? ` uid:${entry.uid}` : "";
  text += ` ino:${entry.inode} sk:${cookie.toString(16)}`;
  if (!entry.sock) return text;
  const { rcvShutdown, sndShutdown } = entry.sock;
  return `${text} ${rcvShutdown ? "-" : "<"}-${sndShutdown ? "-" : ">"}`;
}

/** -m */
export function memoryText(sock: Sock): string {
  const queued = sock instanceof TcpSock ? [sock.rmemAlloc, sock.wmemQueued] : [0, 0];
  return ` skmem:(r${queued[0]},rb${sock.rcvBuf},t0,tb${sock.sndBuf},f0,w${queued[1]},o0,bl0,d0)`;
}

/** -i: struct tcp_info. */
export function tcpInfoText(sock: TcpSock, now: Ns): string {
  const parts: string[] = [];
  const { rxOpt } = sock;
  if (rxOpt.tstampOk) parts.push("ts");
  if (rxOpt.sackOk !== 0) parts.push("sack");
  parts.push(sock.caOps.name);
  if (rxOpt.wscaleOk) parts.push(`wscale:${rxOpt.sndWscale},${rxOpt.rcvWscale}`);
  parts.push(`rto:${figure(sock.icskRto * 4)}`);
  if (sock.icskBackoff > 0) parts.push(`backoff:${sock.icskBackoff}`);
  if (sock.srttUs > 0) parts.push(`rtt:${figure(sock.srttUs / 8 / 1000)}/${figure(sock.mdevUs / 4 / 1000)}`);
  if (sock.ackAto > 0) parts.push(`ato:${figure(sock.ackAto * 4)}`);
  parts.push(`mss:${sock.mssCache}`);
  if (sock.pmtuCookie > 0) parts.push(`pmtu:${sock.pmtuCookie}`);
  if (sock.ackRcvMss > 0) parts.push(`rcvmss:${sock.ackRcvMss}`);
  if (sock.advmss > 0) parts.push(`advmss:${sock.advmss}`);
  parts.push(`cwnd:${sock.sndCwnd}`);
  if (sock.sndSsthresh < TCP_INFINITE_SSTHRESH) parts.push(`ssthresh:${sock.sndSsthresh}`);
  const counters: readonly (readonly [string, number])[] = [
    ["bytes_sent", sock.bytesSent],
    ["bytes_retrans", sock.bytesRetrans],
    ["bytes_acked", sock.bytesAcked],
    ["bytes_received", sock.bytesReceived],
    ["segs_out", sock.segsOut],
    ["segs_in", sock.segsIn],
    ["data_segs_out", sock.dataSegsOut],
    ["data_segs_in", sock.dataSegsIn],
  ];
  for (const [name, value] of counters) if (value > 0) parts.push(`${name}:${value}`);
  if (sock.srttUs > 0) parts.push(`send ${Math.floor((sock.sndCwnd * sock.mssCache * 8e6) / (sock.srttUs / 8))}bps`);
  const age = (ms: number): number => Math.max(0, Math.floor(now / 1e6) - ms);
  if (sock.lsndtime > 0) parts.push(`lastsnd:${age(sock.lsndtime * 4)}`);
  if (sock.ackLrcvtime > 0) parts.push(`lastrcv:${age(sock.ackLrcvtime * 4)}`);
  if (sock.rcvTstamp > 0) parts.push(`lastack:${age(sock.rcvTstamp * 4)}`);
  if (sock.delivered > 0) parts.push(`delivered:${sock.delivered}`);
  if (sock.packetsOut > 0) parts.push(`unacked:${sock.packetsOut}`);
  if (sock.retransOut > 0 || sock.totalRetrans > 0) parts.push(`retrans:${sock.retransOut}/${sock.totalRetrans}`);
  if (sock.lostOut > 0) parts.push(`lost:${sock.lostOut}`);
  if (sock.sackedOut > 0) parts.push(`sacked:${sock.sackedOut}`);
  if (sock.rcvqSpace > 0) parts.push(`rcv_space:${sock.rcvqSpace}`);
  if (sock.rcvSsthresh > 0) parts.push(`rcv_ssthresh:${sock.rcvSsthresh}`);
  if (sock.sndWnd > 0) parts.push(`snd_wnd:${sock.sndWnd}`);
  return ` ${parts.join(" ")}`;
}

/** As printf's %g. */
function figure(value: number): string {
  return String(Number(value.toPrecision(6)));
}
