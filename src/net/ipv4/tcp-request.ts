// A connection that is not one yet: a SYN came, the SYN-ACK is on its way (struct tcp_request_sock, state NEW_SYN_RECV).
// Answers to tcp_make_synack, inet_csk_reqsk_queue_* and reqsk_timer_handler. What the final ACK does is in
// tcp-minisocks.ts.

import type { Timer } from "../../sim/sim.ts";
import { set16, set32 } from "../../wire/layout.ts";
import { ACK, ECE, SYN, setDataOffsetAndFlags } from "../../wire/tcp.ts";
import * as options from "../../wire/tcp-options.ts";
import { ipBuildAndSendPkt } from "./ip-output.ts";
import { ipRouteOutputKey } from "./route.ts";
import { FlowKey, type Rtable } from "./rtable.ts";
import type { InetHashed } from "./tcp-hashtables.ts";
import { tcpSendCheck } from "./tcp-output.ts";
import {
  BOOT_NS,
  expiresIn,
  HZ,
  TCP_LISTEN,
  TCP_NEW_SYN_RECV,
  TCP_TIMEOUT_INIT,
  type TcpSock,
  type TcpState,
  tcpFullSpace,
} from "./tcp-sock.ts";
import { type InitialWindow, tcpSelectInitialWindow } from "./tcp-window.ts";

export class RequestSock implements InetHashed, InitialWindow {
  readonly tcp: TcpState;
  readonly listener: TcpSock;
  readonly state: number = TCP_NEW_SYN_RECV;
  rcvSaddr = 0;
  daddr = 0;
  sport = 0;
  dport = 0;
  boundDevIf = 0;
  mark = 0;
  rcvIsn = 0;
  sntIsn = 0;
  rcvNxt = 0;
  tsOff = 0;
  tsRecent = 0;
  mss = 0;
  sndWscale = 0;
  rcvWscale = 0;
  rcvWnd = 0;
  windowClamp = 0;
  tstampOk = false;
  sackOk = false;
  wscaleOk = false;
  ecnOk = false;
  acked = false;
  cookie = false;
  /** of the first and the last SYN-ACK, with the offset */
  sntTsvalFirst = 0;
  sntTsvalLast = 0;
  /** µs, 0 never */
  sntSynack = 0;
  numTimeout = 0;
  numRetrans = 0;
  /** Fast Open cookie for the SYN-ACK, in the SYN's form */
  fastopen: Uint8Array | null = null;
  fastopenExp = false;
  lastOowAckTime = 0;
  /** jiffies from which the retransmission backs off */
  timeout: number = TCP_TIMEOUT_INIT;
  readonly timer: Timer;

  constructor(listener: TcpSock) {
    this.tcp = listener.tcp;
    this.listener = listener;
    this.timer = listener.net.kernel.timers.timer(() => requestTimer(this));
  }
}

/** Route of the SYN-ACK (inet_csk_route_req); null when there is none. */
export function routeRequest(req: RequestSock): Rtable | null {
  const { listener } = req;
  const fl = new FlowKey();
  fl.daddr = req.daddr;
  fl.saddr = req.rcvSaddr;
  fl.oif = req.boundDevIf;
  fl.tos = listener.tos & 0xfc;
  fl.mark = req.mark;
  fl.proto = 6;
  fl.sport = req.sport;
  fl.dport = req.dport;
  fl.uid = listener.uid;
  const rt = ipRouteOutputKey(listener.ip4, fl);
  return rt.error !== 0 ? null : rt;
}

/** The window to offer (tcp_openreq_init_rwin). */
export function initRequestWindow(req: RequestSock, rt: Rtable): void {
  const { listener } = req;
  const { sysctl } = req.tcp;
  const full = tcpFullSpace(listener);
  const mss = clampMss(listener, rt.advmss());
  let clamp = listener.windowClamp || (rt.metrics?.window ?? 0);
  if (listener.userlocks & 2 && (clamp > full || clamp === 0)) clamp = full;
  tcpSelectInitialWindow(
    sysctl,
    full,
    mss - (req.tstampOk ? 12 : 0),
    clamp,
    req.wscaleOk,
    rt.metrics?.initrwnd ?? 0,
    req,
  );
}

/** TCP_MAXSEG bounds what is announced (tcp_mss_clamp). */
export function clampMss(sk: TcpSock, mss: number): number {
  const { userMss } = sk.rxOpt;
  return userMss > 0 && userMss < mss ? userMss : mss;
}

/** Sends the SYN-ACK (tcp_v4_send_synack, tcp_make_synack). False: no route. */
export function sendSynack(req: RequestSock, route: Rtable | null): boolean {
  const rt = route ?? routeRequest(req);
  if (!rt) return false;
  const { tcp, listener } = req;
  const nowNs = req.tcp.net.now + BOOT_NS;
  const opts = tcp.txOptions;
  options.clear(opts);
  opts.mss = clampMss(listener, rt.advmss());
  if (req.tstampOk) {
    opts.timestamps = true;
    const ms = req.cookie ? cookieTimestamp(req, nowNs) : Math.floor(nowNs / 1_000_000);
    opts.tsVal = (ms + req.tsOff) >>> 0;
    opts.tsEcr = req.tsRecent;
    if (req.sntSynack === 0) req.sntTsvalFirst = opts.tsVal;
    req.sntTsvalLast = opts.tsVal;
  }
  if (req.wscaleOk) opts.windowScale = req.rcvWscale;
  if (req.sackOk) opts.sackPermitted = true;
  const { fastopen } = req;
  if (fastopen && options.length(opts) + options.fastopenLength(fastopen, req.fastopenExp) <= 40) {
    opts.fastopen = fastopen;
    opts.fastopenExp = req.fastopenExp;
  }
  // it is said once
  req.fastopen = null;
  if (req.sntSynack === 0) req.sntSynack = Math.floor(nowNs / 1000);
  const headerLength = 20 + options.length(opts);
  const skb = tcp.net.kernel.skbs.alloc(headerLength);
  const at = skb.put(headerLength);
  skb.transportHeader = at;
  skb.sk = listener;
  skb.mark = req.mark;
  skb.dst = rt;
  const { head } = skb;
  set16(head, at, req.sport);
  set16(head, at + 2, req.dport);
  set32(head, at + 4, req.sntIsn);
  set32(head, at + 8, req.rcvNxt);
  setDataOffsetAndFlags(head, at, headerLength, SYN | ACK | (req.ecnOk ? ECE : 0));
  set16(head, at + 14, Math.min(req.rcvWnd, 65535));
  set16(head, at + 18, 0);
  options.emit(opts, head, at + 20);
  tcpSendCheck(skb, at, req.rcvSaddr, req.daddr);
  tcp.mib.tcp.OutSegs++;
  return ipBuildAndSendPkt(listener.ip4, listener, skb, req.rcvSaddr, req.daddr, null, listener.tos & 0xfc) === 0;
}

/** What a SYN cookie cannot hold goes into the timestamp's low bits (cookie_init_timestamp). */
function cookieTimestamp(req: RequestSock, nowNs: number): number {
  const now = Math.floor(nowNs / 1_000_000);
  const bits = (req.wscaleOk ? req.sndWscale : 15) | (req.sackOk ? 16 : 0) | (req.ecnOk ? 32 : 0);
  const stamp = Math.floor(now / 64) * 64 + bits;
  return stamp > now ? stamp - 64 : stamp;
}

/** Sends the SYN-ACK once more (inet_rtx_syn_ack, tcp_rtx_synack). */
export function rtxSynack(req: RequestSock): boolean {
  if (!sendSynack(req, null)) return false;
  req.numRetrans++;
  req.tcp.mib.tcp.RetransSegs++;
  req.tcp.mib.ext.TCPSynRetrans++;
  return true;
}

const TCP_RTO_MAX: number = 120 * HZ;

/** tcp_reqsk_timeout, jiffies; net.ipv4.tcp_rto_max_ms does not bound it */
export function requestTimeout(req: RequestSock): number {
  return Math.min(req.timeout * 2 ** req.numTimeout, TCP_RTO_MAX);
}

/** Into the tables, with its timer (inet_csk_reqsk_queue_hash_add). */
export function requestQueueAdd(req: RequestSock): void {
  req.tcp.hash.insert(req);
  req.listener.qlen++;
  req.listener.qlenYoung++;
  req.timer.mod(expiresIn(req.tcp.net.now, requestTimeout(req)));
}

/** Out again (reqsk_queue_unlink, reqsk_queue_removed). */
export function requestQueueRemove(req: RequestSock): void {
  req.timer.del();
  req.tcp.hash.remove(req);
  req.listener.qlen--;
  if (req.numTimeout === 0) req.listener.qlenYoung--;
}

/** The timer restarts after a SYN-ACK that a repeated SYN asked for. */
export function requestTimerRestart(req: RequestSock): void {
  if (req.timer.pending) req.timer.mod(expiresIn(req.tcp.net.now, requestTimeout(req)));
}

/** Sends again, or gives up (reqsk_timer_handler). */
function requestTimer(req: RequestSock): void {
  const { listener } = req;
  if (listener.state !== TCP_LISTEN) {
    requestQueueRemove(req);
    return;
  }
  let retries = listener.icskSynRetries || req.tcp.sysctl.synackRetries;
  if (listener.qlen * 2 > Math.max(8, listener.maxAckBacklog)) {
    // a crowded queue is patient only while most are young
    for (let young = listener.qlenYoung * 2; retries > 2 && listener.qlen >= young; young *= 2) retries--;
  }
  const { deferAccept } = listener;
  let expire = req.numTimeout >= retries;
  let resend = true;
  if (deferAccept > 0) {
    expire = expire && (!req.acked || req.numTimeout >= deferAccept);
    resend = !req.acked || req.numTimeout >= deferAccept - 1;
  }
  req.tcp.mib.ext.TCPTimeouts++;
  let sent = true;
  if (!expire && resend) sent = rtxSynack(req);
  if (expire || (!sent && !req.acked)) {
    requestQueueRemove(req);
    return;
  }
  if (req.numTimeout++ === 0) listener.qlenYoung--;
  req.timer.mod(expiresIn(req.tcp.net.now, requestTimeout(req)));
}
