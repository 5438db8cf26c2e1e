// setsockopt(2) and getsockopt(2) of a TCP socket, by Linux's names. Answers to do_tcp_setsockopt in net/ipv4/tcp.c and
// sk_setsockopt in net/core/sock.c; names that are not here are refused with ENOPROTOOPT. Times are in the option's unit.

import { Errno, NetError } from "../../base/errno.ts";
import { SEC } from "../../base/time.ts";
import { tcpSetTimestamping } from "./tcp-errqueue.ts";
import { TFO_CLIENT_ENABLE, tcpFastopenQueueTune } from "./tcp-fastopen.ts";
import {
  enterPingpongMode,
  exitPingpongMode,
  HZ,
  jiffies,
  PACING_UNLIMITED,
  SOCK_RCVBUF_LOCK,
  SOCK_SNDBUF_LOCK,
  TCP_CLOSE,
  TCP_LISTEN,
  TCP_NAGLE_CORK,
  TCP_NAGLE_OFF,
  TCP_NAGLE_PUSH,
  type TcpSock,
} from "./tcp-sock.ts";
import { tcpSetWindowClamp } from "./tcp-window.ts";
import { tcpCheckSpace, tcpPushPendingFrames } from "./tcp-write.ts";
import { deleteKeepaliveTimer, resetKeepaliveTimer } from "./tcp-xmit-timer.ts";

const SOCK_MIN_SNDBUF = 4608;
const SOCK_MIN_RCVBUF = 2304;
const MAX_TCP_WINDOW = 32767;

function range(value: number, low: number, high: number): number {
  if (value < low || value > high) throw new NetError(Errno.EINVAL);
  return value;
}

/** Seconds as a number of retransmissions, and back (secs_to_retrans). */
function secsToRetrans(seconds: number): number {
  let retrans = 0;
  let timeout = 1;
  for (let period = timeout; seconds > 0 && retrans < 255; period += timeout) {
    retrans++;
    if (seconds <= period) break;
    timeout = Math.min(timeout * 2, 120);
  }
  return retrans;
}

function retransToSecs(retrans: number): number {
  let period = 0;
  let timeout = 1;
  for (let i = 0; i < retrans; i++) {
    period += timeout;
    timeout = Math.min(timeout * 2, 120);
  }
  return period;
}

function setKeepalive(sk: TcpSock, on: boolean): void {
  const idle = sk.state === TCP_CLOSE || sk.state === TCP_LISTEN;
  if (!idle) {
    if (on && !sk.keepOpen) resetKeepaliveTimer(sk, sk.keepaliveTime || sk.tcp.sysctl.keepaliveTime);
    else if (!on) deleteKeepaliveTimer(sk);
  }
  sk.keepOpen = on;
}

function setKeepIdle(sk: TcpSock, seconds: number): void {
  sk.keepaliveTime = range(seconds, 1, 32767) * HZ;
  if (!sk.keepOpen || sk.state === TCP_CLOSE || sk.state === TCP_LISTEN) return;
  const now = jiffies(sk.net);
  const elapsed = Math.min(now - sk.ackLrcvtime, now - sk.rcvTstamp);
  resetKeepaliveTimer(sk, Math.max(sk.keepaliveTime - elapsed, 0));
}

function setNodelay(sk: TcpSock, on: boolean): void {
  if (on) {
    sk.nonagle |= TCP_NAGLE_OFF | TCP_NAGLE_PUSH;
    tcpPushPendingFrames(sk);
  } else sk.nonagle &= ~TCP_NAGLE_OFF;
}

function setCork(sk: TcpSock, on: boolean): void {
  if (on) sk.nonagle |= TCP_NAGLE_CORK;
  else {
    sk.nonagle &= ~TCP_NAGLE_CORK;
    if (sk.nonagle & TCP_NAGLE_OFF) sk.nonagle |= TCP_NAGLE_PUSH;
    tcpPushPendingFrames(sk);
  }
}

/** Throws ENOPROTOOPT (no such option here), EINVAL, ENODEV. */
export function tcpSetOption(sk: TcpSock, name: string, value: number): void {
  const on = value !== 0;
  switch (name) {
    case "TCP_NODELAY":
      setNodelay(sk, on);
      return;
    case "TCP_CORK":
      setCork(sk, on);
      return;
    case "TCP_MAXSEG":
      sk.rxOpt.userMss = value === 0 ? 0 : range(value, 88, MAX_TCP_WINDOW);
      return;
    case "TCP_KEEPIDLE":
      setKeepIdle(sk, value);
      return;
    case "TCP_KEEPINTVL":
      sk.keepaliveIntvl = range(value, 1, 32767) * HZ;
      return;
    case "TCP_KEEPCNT":
      sk.keepaliveProbes = range(value, 1, 127);
      return;
    case "TCP_SYNCNT":
      sk.icskSynRetries = range(value, 1, 127);
      return;
    case "TCP_LINGER2":
      sk.linger2 = value < 0 ? -1 : value > 120 ? 120 * HZ : value * HZ;
      return;
    case "TCP_DEFER_ACCEPT":
      sk.deferAccept = secsToRetrans(value);
      return;
    case "TCP_WINDOW_CLAMP":
      if (value === 0 && sk.state !== TCP_CLOSE) throw new NetError(Errno.EINVAL);
      if (value === 0) sk.windowClamp = 0;
      else tcpSetWindowClamp(sk, value);
      return;
    case "TCP_QUICKACK":
      if (!(value & 1)) enterPingpongMode(sk);
      else exitPingpongMode(sk);
      return;
    case "TCP_USER_TIMEOUT":
      sk.icskUserTimeout = range(value, 0, 2147483647);
      return;
    case "TCP_NOTSENT_LOWAT":
      sk.notsentLowat = value >>> 0;
      tcpCheckSpace(sk);
      return;
    case "TCP_FASTOPEN":
      tcpFastopenQueueTune(sk, value);
      return;
    case "TCP_FASTOPEN_CONNECT":
      range(value, 0, 1);
      if (!(sk.tcp.sysctl.fastopen & TFO_CLIENT_ENABLE)) throw new NetError(Errno.EOPNOTSUPP);
      if (sk.state !== TCP_CLOSE) throw new NetError(Errno.EINVAL);
      sk.fastopenConnect = on;
      return;
    case "TCP_FASTOPEN_NO_COOKIE":
      range(value, 0, 1);
      if (sk.state !== TCP_CLOSE && sk.state !== TCP_LISTEN) throw new NetError(Errno.EINVAL);
      sk.fastopenNoCookie = on;
      return;
    case "TCP_INQ":
      sk.recvmsgInq = range(value, 0, 1) === 1;
      return;
    case "TCP_THIN_LINEAR_TIMEOUTS":
      sk.thinLto = range(value, 0, 1) === 1;
      return;
    default:
      setSocketOption(sk, name, value);
  }
}

function setSocketOption(sk: TcpSock, name: string, value: number): void {
  const on = value !== 0;
  const { sysctl } = sk.tcp;
  switch (name) {
    case "SO_KEEPALIVE":
      setKeepalive(sk, on);
      return;
    case "SO_LINGER":
      // seconds; −1 turns it off
      sk.lingerOn = value >= 0;
      sk.lingerNs = Math.max(value, 0) * SEC;
      return;
    case "SO_SNDBUF":
      sk.userlocks |= SOCK_SNDBUF_LOCK;
      sk.sndBuf = Math.max(Math.min(value, sysctl.wmemMax) * 2, SOCK_MIN_SNDBUF);
      tcpCheckSpace(sk);
      return;
    case "SO_RCVBUF":
      sk.userlocks |= SOCK_RCVBUF_LOCK;
      sk.rcvBuf = Math.max(Math.min(value, sysctl.rmemMax) * 2, SOCK_MIN_RCVBUF);
      return;
    case "SO_RCVLOWAT":
      sk.rcvLowat = value || 1;
      return;
    case "SO_OOBINLINE":
      return;
    case "SO_REUSEADDR":
      sk.reuseAddr = on;
      return;
    case "SO_REUSEPORT":
      sk.reusePort = on;
      return;
    case "SO_BROADCAST":
      sk.broadcast = on;
      return;
    case "SO_BINDTODEVICE":
      if (on && !sk.net.deviceByIndex(value)) throw new NetError(Errno.ENODEV);
      sk.boundDevIf = value;
      sk.dst = null;
      return;
    case "SO_MARK":
      sk.mark = value >>> 0;
      sk.dst = null;
      return;
    case "SO_PRIORITY":
      sk.priority = value;
      return;
    case "SO_MAX_PACING_RATE":
      sk.maxPacingRate = value === 0xffffffff || value < 0 ? PACING_UNLIMITED : value;
      sk.pacingRate = Math.min(sk.pacingRate, sk.maxPacingRate);
      if (sk.maxPacingRate !== PACING_UNLIMITED) sk.pacingNeeded = true;
      return;
    case "IP_TTL":
      if (value !== -1) range(value, 1, 255);
      sk.ttl = value;
      return;
    case "IP_TOS":
      // the congestion bits are TCP's own
      sk.tos = (value & 0xfc) | (sk.tos & 3);
      sk.dst = null;
      return;
    case "IP_MTU_DISCOVER":
      sk.pmtuDisc = range(value, 0, 5);
      return;
    case "IP_RECVERR":
      sk.recvErr = on;
      return;
    case "IP_FREEBIND":
      sk.freebind = on;
      return;
    case "SO_ZEROCOPY":
      sk.zerocopy = range(value, 0, 1) === 1;
      return;
    case "SO_TIMESTAMPING":
      tcpSetTimestamping(sk, value);
      return;
    default:
      throw new NetError(Errno.ENOPROTOOPT);
  }
}

/** Throws ENOPROTOOPT. */
export function tcpGetOption(sk: TcpSock, name: string): number {
  const { sysctl } = sk.tcp;
  switch (name) {
    case "TCP_NODELAY":
      return +((sk.nonagle & TCP_NAGLE_OFF) !== 0);
    case "TCP_CORK":
      return +((sk.nonagle & TCP_NAGLE_CORK) !== 0);
    case "TCP_MAXSEG":
      return (sk.state === TCP_CLOSE || sk.state === TCP_LISTEN) && sk.rxOpt.userMss > 0
        ? sk.rxOpt.userMss
        : sk.mssCache;
    case "TCP_KEEPIDLE":
      return (sk.keepaliveTime || sysctl.keepaliveTime) / HZ;
    case "TCP_KEEPINTVL":
      return (sk.keepaliveIntvl || sysctl.keepaliveIntvl) / HZ;
    case "TCP_KEEPCNT":
      return sk.keepaliveProbes || sysctl.keepaliveProbes;
    case "TCP_SYNCNT":
      return sk.icskSynRetries || sysctl.synRetries;
    case "TCP_LINGER2":
      return sk.linger2 < 0 ? -1 : (sk.linger2 || sysctl.finTimeout) / HZ;
    case "TCP_DEFER_ACCEPT":
      return retransToSecs(sk.deferAccept);
    case "TCP_WINDOW_CLAMP":
      return sk.windowClamp;
    case "TCP_QUICKACK":
      return +(sk.ackPingpong < sysctl.pingpongThresh);
    case "TCP_USER_TIMEOUT":
      return sk.icskUserTimeout;
    case "TCP_NOTSENT_LOWAT":
      return sk.notsentLowat;
    case "TCP_FASTOPEN":
      return sk.fastopenMaxQlen;
    case "TCP_FASTOPEN_CONNECT":
      return +sk.fastopenConnect;
    case "TCP_FASTOPEN_NO_COOKIE":
      return +sk.fastopenNoCookie;
    case "TCP_INQ":
      return +sk.recvmsgInq;
    case "TCP_THIN_LINEAR_TIMEOUTS":
      return +sk.thinLto;
    case "SO_KEEPALIVE":
      return +sk.keepOpen;
    case "SO_LINGER":
      return sk.lingerOn ? sk.lingerNs / SEC : -1;
    case "SO_SNDBUF":
      return sk.sndBuf;
    case "SO_RCVBUF":
      return sk.rcvBuf;
    case "SO_RCVLOWAT":
      return sk.rcvLowat;
    case "SO_REUSEADDR":
      return +sk.reuseAddr;
    case "SO_REUSEPORT":
      return +sk.reusePort;
    case "SO_BROADCAST":
      return +sk.broadcast;
    case "SO_BINDTODEVICE":
      return sk.boundDevIf;
    case "SO_MARK":
      return sk.mark;
    case "SO_PRIORITY":
      return sk.priority;
    case "IP_TTL":
      return sk.ttl >= 0 ? sk.ttl : sk.ip4.sysctl.defaultTtl;
    case "IP_TOS":
      return sk.tos & 0xfc;
    case "IP_MTU_DISCOVER":
      return sk.pmtuDisc >= 0 ? sk.pmtuDisc : sk.ip4.sysctl.noPmtuDisc ? 0 : 1;
    case "IP_RECVERR":
      return +sk.recvErr;
    case "IP_FREEBIND":
      return +sk.freebind;
    case "SO_ZEROCOPY":
      return +sk.zerocopy;
    case "SO_TIMESTAMPING":
      return sk.tsFlags;
    default:
      throw new NetError(Errno.ENOPROTOOPT);
  }
}
