// TCP Fast Open (RFC 7413): cookies that a server makes and checks, what a client remembers of a destination, and whether
// data may go with a SYN; and the pause that clients make when a firewall seems to swallow such connections. Answers to
// net/ipv4/tcp_fastopen.c and the Fast Open part of tcp_metrics.c. Leaves out the queue of connections that were reset early.

import { Errno, NetError } from "../../base/errno.ts";
import { FIN } from "../../wire/tcp.ts";
import { IFF_LOOPBACK } from "../core/net-device.ts";
import { secureHash } from "./tcp-secure.ts";
import type { ZeroCopy } from "./tcp-segment.ts";
import { HZ, jiffies, TCP_CLOSE, TCP_LISTEN, type TcpSock, type TcpState } from "./tcp-sock.ts";

/** net.ipv4.tcp_fastopen */
export const TFO_CLIENT_ENABLE = 1;
export const TFO_SERVER_ENABLE = 2;
export const TFO_CLIENT_NO_COOKIE = 4;
export const TFO_SERVER_COOKIE_NOT_REQD = 0x200;
export const TFO_SERVER_WO_SOCKOPT1 = 0x400;

const KEY_BYTES = 16;
const NONE = new Uint8Array(0);

/** Data that waits to go with the SYN (struct tcp_fastopen_request). */
export interface FastopenRequest {
  readonly data: Uint8Array;
  /** how much of it went */
  copied: number;
  /** no bytes: ask for one; null: no option */
  cookie: Uint8Array | null;
  cookieExp: boolean;
  /** with MSG_ZEROCOPY */
  readonly zc: ZeroCopy | null;
}

export function fastopenRequest(data: Uint8Array, zc: ZeroCopy | null = null): FastopenRequest {
  return { data, copied: 0, cookie: NONE, cookieExp: false, zc };
}

/** What is known of a destination (struct tcp_fastopen_metrics). */
export interface FastopenMetrics {
  mss: number;
  cookie: Uint8Array;
  exp: boolean;
  /** 1: next time with the experimental option (RFC 6994), 2: that was in vain, too */
  tryExp: number;
}

function metricsKey(sk: TcpSock): string {
  return `${sk.saddr}/${sk.daddr}`;
}

function noCookieNeeded(sk: TcpSock, flag: number): boolean {
  return (sk.tcp.sysctl.fastopen & flag) !== 0 || sk.fastopenNoCookie || (sk.dst?.metrics?.fastopenNoCookie ?? 0) !== 0;
}

/**
 * May data go with the SYN (tcp_fastopen_cookie_check)? Fills in the cookie.
 * @returns the MSS of the last time, 0 when none is known; null: no data
 */
export function tcpFastopenCookieCheck(sk: TcpSock, req: FastopenRequest): number | null {
  const known = sk.tcp.fastopenCache.get(metricsKey(sk));
  req.cookie = known?.cookie ?? NONE;
  req.cookieExp = (known?.exp ?? false) || (req.cookie.length === 0 && known?.tryExp === 1);
  if (activeShouldDisable(sk)) {
    req.cookie = null;
    return null;
  }
  if (noCookieNeeded(sk, TFO_CLIENT_NO_COOKIE)) {
    req.cookie = null;
    return known?.mss ?? 0;
  }
  return req.cookie.length > 0 ? (known?.mss ?? 0) : null;
}

/** Remembers what a SYN-ACK said (tcp_fastopen_cache_set). */
export function tcpFastopenCacheSet(
  sk: TcpSock,
  mss: number,
  cookie: Uint8Array | null,
  exp: boolean,
  tryExp: number,
): void {
  const { fastopenCache } = sk.tcp;
  const key = metricsKey(sk);
  let entry = fastopenCache.get(key);
  if (!entry) {
    entry = { mss: 0, cookie: NONE, exp: false, tryExp: 0 };
    fastopenCache.set(key, entry);
  }
  if (mss > 0) entry.mss = mss;
  if (cookie && cookie.length > 0) {
    entry.cookie = cookie;
    entry.exp = exp;
  } else if (tryExp > entry.tryExp && entry.cookie.length === 0 && !entry.exp) entry.tryExp = tryExp;
}

/** A child that a SYN has made needs its request no more (reqsk_fastopen_remove). */
export function tcpFastopenRemove(sk: TcpSock): void {
  const req = sk.fastopenRsk;
  if (!req) return;
  sk.fastopenRsk = null;
  req.listener.fastopenQlen--;
}

// --- firewalls that let the SYN pass and nothing behind it ---

/** Clients of this namespace do without for a while (tcp_fastopen_active_disable). */
export function tcpFastopenActiveDisable(sk: TcpSock): void {
  const { tcp } = sk;
  if (tcp.sysctl.fastopenBlackholeTimeout === 0) return;
  tcp.fastopenPause.since = jiffies(sk.net);
  tcp.fastopenPause.times++;
  tcp.mib.ext.TCPFastOpenBlackhole++;
}

/** Each time twice as long, at most 64 times (tcp_fastopen_active_should_disable). */
function activeShouldDisable(sk: TcpSock): boolean {
  const { since, times } = sk.tcp.fastopenPause;
  const timeout = sk.tcp.sysctl.fastopenBlackholeTimeout;
  if (timeout === 0 || times === 0) return false;
  if (jiffies(sk.net) < since + 2 ** Math.min(times - 1, 6) * timeout * HZ) return true;
  sk.synFastopenCh = true;
  return false;
}

/** The connection ends: was all that came a FIN out of order, or does Fast Open work again (tcp_fastopen_active_disable_ofo_check)? */
export function tcpFastopenActiveDisableOfoCheck(sk: TcpSock): void {
  if (!sk.synFastopen) return;
  if (sk.dataSegsIn === 0) {
    const [first, second] = sk.outOfOrder;
    if (first && !second && first.tcpFlags & FIN) tcpFastopenActiveDisable(sk);
  } else if (sk.synFastopenCh && sk.tcp.fastopenPause.times > 0 && !(sk.dst && sk.dst.dev.flags & IFF_LOOPBACK))
    sk.tcp.fastopenPause.times = 0;
}

/** The third time-out in a row, or the last (tcp_fastopen_active_detect_blackhole). */
export function tcpFastopenActiveDetectBlackhole(sk: TcpSock, expired: boolean): void {
  if (!(sk.synFastopen || sk.synData || sk.synDataAcked)) return;
  const timeouts = sk.icskRetransmits;
  if (timeouts !== 2 && !(timeouts < 2 && expired)) return;
  tcpFastopenActiveDisable(sk);
  sk.tcp.mib.ext.TCPFastOpenActiveFail++;
}

// --- the server's cookies ---

/** The key of a namespace, made when it is first needed (tcp_fastopen_init_key_once). */
export function tcpFastopenInitKey(tcp: TcpState): void {
  tcp.fastopenKey ??= Uint8Array.from({ length: 16 }, (_, i) => secureHash(tcp, `fastopen/${i}`) & 255);
}

/** The keys as net.ipv4.tcp_fastopen_key shows them. */
export function tcpFastopenKeyText(tcp: TcpState): string {
  const keys = tcp.fastopenKey ?? new Uint8Array(KEY_BYTES);
  const view = new DataView(keys.buffer, keys.byteOffset, keys.length);
  const texts: string[] = [];
  for (let key = 0; key < keys.length; key += KEY_BYTES)
    texts.push(
      [0, 4, 8, 12]
        .map((at) =>
          view
            .getUint32(key + at, true)
            .toString(16)
            .padStart(8, "0"),
        )
        .join("-"),
    );
  return texts.join(",");
}

/** One key, or a new and an old one behind a comma. Throws EINVAL: each is four words of hexadecimal digits joined by "-". */
export function tcpFastopenSetKeyText(tcp: TcpState, text: string): void {
  const keys = text.trim().split(",");
  const words = keys.flatMap((key) => key.split("-"));
  if (keys.length > 2 || keys.some((key) => key.split("-").length !== 4)) throw new NetError(Errno.EINVAL);
  if (words.some((word) => !/^[0-9a-fA-F]{1,8}$/.test(word))) throw new NetError(Errno.EINVAL);
  const bytes = new Uint8Array(KEY_BYTES * keys.length);
  words.forEach((word, i) => {
    new DataView(bytes.buffer).setUint32(4 * i, Number.parseInt(word, 16), true);
  });
  tcp.fastopenKey = bytes;
}

/** setsockopt(TCP_FASTOPEN_KEY): 16 bytes, or 32 for a new and an old key. Throws EINVAL. */
export function tcpFastopenSetKey(sk: TcpSock, bytes: Uint8Array): void {
  if (bytes.length !== KEY_BYTES && bytes.length !== 2 * KEY_BYTES) throw new NetError(Errno.EINVAL);
  sk.fastopenKey = bytes;
}

/** setsockopt(TCP_FASTOPEN): how many such connections may wait for their ACK (fastopen_queue_tune). */
export function tcpFastopenQueueTune(sk: TcpSock, backlog: number): void {
  if (backlog < 0 || (sk.state !== TCP_CLOSE && sk.state !== TCP_LISTEN)) throw new NetError(Errno.EINVAL);
  tcpFastopenInitKey(sk.tcp);
  sk.fastopenMaxQlen = Math.min(backlog, sk.tcp.sysctl.somaxconn);
}

/** inet_listen: without the option, where the setting says so. */
export function tcpFastopenListen(sk: TcpSock, backlog: number): void {
  const { fastopen } = sk.tcp.sysctl;
  if (fastopen & TFO_SERVER_WO_SOCKOPT1 && fastopen & TFO_SERVER_ENABLE && sk.fastopenMaxQlen === 0)
    tcpFastopenQueueTune(sk, backlog);
}

/** The cookie for a client by each key, the new one first: SipHash of both addresses (__tcp_fastopen_cookie_gen_cipher). */
function cookiesFor(sk: TcpSock, clientAddr: number, serverAddr: number): Uint8Array[] {
  const message = new Uint8Array(8);
  const view = new DataView(message.buffer);
  view.setUint32(0, clientAddr);
  view.setUint32(4, serverAddr);
  const keys = sk.fastopenKey ?? sk.tcp.fastopenKey ?? new Uint8Array(KEY_BYTES);
  const cookies = [sipHash(keys.subarray(0, KEY_BYTES), message)];
  if (keys.length > KEY_BYTES) cookies.push(sipHash(keys.subarray(KEY_BYTES), message));
  return cookies;
}

/** What a SYN's option means to a listener (tcp_try_fastopen). */
export interface FastopenVerdict {
  /** its data may be taken at once */
  readonly accept: boolean;
  /** the cookie for the SYN-ACK; null: none */
  readonly cookie: Uint8Array | null;
}

const PLAIN: FastopenVerdict = { accept: false, cookie: null };

export function tcpFastopenJudge(
  sk: TcpSock,
  synData: boolean,
  cookie: Uint8Array | null,
  clientAddr: number,
  serverAddr: number,
): FastopenVerdict {
  const { ext } = sk.tcp.mib;
  if (cookie?.length === 0) ext.TCPFastOpenCookieReqd++;
  if (!(sk.tcp.sysctl.fastopen & TFO_SERVER_ENABLE) || !(synData || cookie) || sk.fastopenMaxQlen === 0) return PLAIN;
  if (sk.fastopenQlen >= sk.fastopenMaxQlen) {
    ext.TCPFastOpenListenOverflow++;
    return PLAIN;
  }
  if (noCookieNeeded(sk, TFO_SERVER_COOKIE_NOT_REQD)) return { accept: true, cookie: null };
  if (!cookie) return PLAIN;
  const valid = cookiesFor(sk, clientAddr, serverAddr);
  if (cookie.length === 0) return { accept: false, cookie: valid[0]! };
  const key = valid.findIndex(
    (candidate) => cookie.length === candidate.length && cookie.every((byte, i) => byte === candidate[i]),
  );
  if (key < 0) ext.TCPFastOpenPassiveFail++;
  if (key > 0) ext.TCPFastOpenPassiveAltKey++;
  // whoever comes with the old key's cookie is told the new one's
  return { accept: key >= 0, cookie: key === 0 ? null : valid[0]! };
}

const MASK = (1n << 64n) - 1n;

/** SipHash-2-4 of a message of eight bytes, as the bytes of a little-endian word. */
export function sipHash(key: Uint8Array, message: Uint8Array): Uint8Array {
  const keys = new DataView(key.buffer, key.byteOffset, 16);
  const [k0, k1] = [keys.getBigUint64(0, true), keys.getBigUint64(8, true)];
  let v0 = k0 ^ 0x736f6d6570736575n;
  let v1 = k1 ^ 0x646f72616e646f6dn;
  let v2 = k0 ^ 0x6c7967656e657261n;
  let v3 = k1 ^ 0x7465646279746573n;
  const rotate = (x: bigint, n: bigint): bigint => ((x << n) | (x >> (64n - n))) & MASK;
  const round = (): void => {
    v0 = (v0 + v1) & MASK;
    v1 = rotate(v1, 13n) ^ v0;
    v0 = rotate(v0, 32n);
    v2 = (v2 + v3) & MASK;
    v3 = rotate(v3, 16n) ^ v2;
    v0 = (v0 + v3) & MASK;
    v3 = rotate(v3, 21n) ^ v0;
    v2 = (v2 + v1) & MASK;
    v1 = rotate(v1, 17n) ^ v2;
    v2 = rotate(v2, 32n);
  };
  const word = new DataView(message.buffer, message.byteOffset, 8).getBigUint64(0, true);
  for (const m of [word, 8n << 56n]) {
    v3 ^= m;
    round();
    round();
    v0 ^= m;
  }
  v2 ^= 0xffn;
  for (let i = 0; i < 4; i++) round();
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, v0 ^ v1 ^ v2 ^ v3, true);
  return out;
}
