// ICMP (RFC 792, RFC 1122 section 3.2.2, RFC 1812 section 4.3): errors about packets, answers to questions, and what
// received errors mean to the transports. Answers to net/ipv4/icmp.c. Extended echo (RFC 8335) and multi-part messages
// (RFC 4884) are left out, as they are off by default.

import { MSEC, type Ns, SEC } from "../../base/time.ts";
import type { Rng } from "../../sim/rng.ts";
import { internetChecksum } from "../../wire/checksum.ts";
import * as icmp from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { get32, set32 } from "../../wire/layout.ts";
import { DropReason } from "../core/drop-reason.ts";
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  consumeSkb,
  drop,
  PACKET_HOST,
  type SkBuff,
  trace,
} from "../core/skb.ts";
import { AF_INET, type InetProtocol, SOCK_RAW } from "../core/sock.ts";
import { inetSelectAddr } from "./devinet-addr.ts";
import { RT_SCOPE_LINK, RTN_BROADCAST } from "./fib-types.ts";
import { peerXrlimAllow } from "./inet-peer.ts";
import { ControlSock } from "./inet-sock.ts";
import { type IpCookie, ipMakeSkb, ipSendSkb } from "./ip-append.ts";
import { inetCurrentTimestamp, ipOptionsEcho, specDst } from "./ip-options.ts";
import type { Ipv4 } from "./ipv4.ts";
import type { IcmpMib } from "./mib.ts";
import { inetAddrType, ipRouteOutputKey, ipv4UpdatePmtu } from "./route.ts";
import { ipv4Redirect } from "./route-input.ts";
import { FlowKey, RTCF_BROADCAST, RTCF_LOCAL, RTCF_MULTICAST, type Rtable, skbRtable } from "./rtable.ts";

const NR_ICMP_TYPES = 18;
const NR_ICMP_UNREACH = 15;
/** 192.0.0.8, for who has no address at all (RFC 7600). */
const INADDR_DUMMY = 0xc0000008;
/** Most of a quoting message (RFC 792 says 8 bytes; RFC 1812 section 4.3.2.3 as much as fits in this). */
const MAX_ERROR_BYTES = 576;
const IPTOS_PREC_INTERNETCONTROL = 0xc0;

/** What ICMP keeps in one namespace. */
export class IcmpState {
  /** the socket that it sends by (icmp_sk): packets may be cut, DF is not set */
  readonly sk: ControlSock;
  readonly fl: FlowKey = new FlowKey();
  readonly cookie: IpCookie = { addr: 0, options: null, ttl: 0, tos: -1, mark: 0, priority: 0, mcTtl: 1 };
  readonly rng: Rng;
  /** messages that may still be sent, and when that was last counted (icmp_global_credit, icmp_global_stamp) */
  credit = 0;
  stamp: Ns = Number.NEGATIVE_INFINITY;
  readonly times: Uint8Array = new Uint8Array(12);

  constructor(ip4: Ipv4) {
    this.sk = new ControlSock(ip4.net, AF_INET, SOCK_RAW, ipv4.IPPROTO_ICMP);
    this.sk.pmtuDisc = 0;
    this.rng = ip4.rng.fork("icmp");
  }
}

/**
 * Answers a received packet with an error (__icmp_send), unless that must not be: about broadcasts, fragments but the
 * first, other errors, or more often than the limits allow. `skbIn` is not consumed; its networkHeader is at its IP
 * header and its dst is its route, by which the source is chosen.
 * @param info MTU of "fragmentation needed"; gateway of a redirect; pointer << 24 of a parameter problem
 */
export function icmpSend(ip4: Ipv4, skbIn: SkBuff, type: number, code: number, info: number): void {
  const state = ip4.icmp;
  const rtIn = skbRtable(skbIn);
  const { head } = skbIn;
  const ip = skbIn.networkHeader;
  if (!rtIn || ip < 0 || ip + ipv4.HEADER_LENGTH > skbIn.tail) return;
  if (skbIn.pktType !== PACKET_HOST) return;
  if (rtIn.flags & (RTCF_BROADCAST | RTCF_MULTICAST)) return;
  if (ipv4.getFlagsAndOffset(head, ip) & ipv4.OFFSET_MASK) return;
  const isError = icmp.isError(type);
  if (isError && ipv4.getProtocol(head, ip) === ipv4.IPPROTO_ICMP) {
    const at = ip + ipv4.getHeaderLength(head, ip);
    if (at >= skbIn.tail) return;
    const inner = icmp.getType(head, at);
    if (inner > NR_ICMP_TYPES || icmp.isError(inner)) return;
  }
  const limited = needsRateLimit(ip4, type, code);
  if (!skbIn.dev?.loopback && limited && !globalAllow(ip4)) return;

  const peer = ipv4.getSource(head, ip) as number;
  let saddr = ipv4.getDestination(head, ip) as number;
  if (!(rtIn.flags & RTCF_LOCAL)) {
    saddr = 0;
    if (rtIn.isInput && ip4.sysctl.icmpErrorsUseInboundIfaddr) {
      const dev = ip4.net.deviceByIndex(skbIn.skbIif);
      if (dev) saddr = inetSelectAddr(ip4, dev, peer, RT_SCOPE_LINK);
    }
  }
  const inTos = ipv4.getTos(head, ip);
  const tos = isError ? (inTos & 0x1e) | IPTOS_PREC_INTERNETCONTROL : inTos;
  const options = ipOptionsEcho(ip4, skbIn);
  const fl = state.fl.reset();
  fl.daddr = options?.srr ? options.faddr : peer;
  fl.saddr = saddr;
  fl.mark = ip4.sysctl.fwmarkReflect ? skbIn.mark : 0;
  fl.tos = tos & 0xfc;
  fl.proto = ipv4.IPPROTO_ICMP;
  const rt = ipRouteOutputKey(ip4, fl);
  if (rt.error !== 0) return;
  if (!xrlimAllow(ip4, rt, fl.daddr, limited && !skbIn.dev?.loopback)) return;

  const optionBytes = options ? options.data.length : 0;
  const room = Math.min(rt.mtu(), MAX_ERROR_BYTES) - ipv4.HEADER_LENGTH - optionBytes - icmp.HEADER_LENGTH;
  if (room <= ipv4.HEADER_LENGTH) return;
  const quoted = Math.min(skbIn.tail - ip, room);
  if (fl.saddr === 0) fl.saddr = INADDR_DUMMY;
  const cookie = state.cookie;
  cookie.addr = peer;
  cookie.options = options;
  cookie.tos = tos;
  cookie.mark = fl.mark;
  const skb = ipMakeSkb(ip4, state.sk, fl, rt, cookie, icmp.HEADER_LENGTH, head, false, ip, quoted);
  const at = skb.transportHeader;
  icmp.setType(skb.head, at, type);
  icmp.setCode(skb.head, at, code);
  icmp.setRest32(skb.head, at, info);
  if (isError) ip4.net.ctAttach?.(skb, skbIn);
  if (skb.pool.trace !== null) trace(skbIn, "icmpSend", rt.dev, `${type}/${code}`, null, skb);
  pushReply(ip4, skb);
}

/** icmpv4_mask_allow: some types are limited; path MTU discovery never is. */
function needsRateLimit(ip4: Ipv4, type: number, code: number): boolean {
  if (type > NR_ICMP_TYPES) return false;
  if (type === icmp.ICMP_DEST_UNREACH && code === icmp.ICMP_FRAG_NEEDED) return false;
  return ((1 << type) & ip4.sysctl.icmpRatemask) !== 0;
}

/** All messages of the namespace together (icmp_global_allow): icmp_msgs_per_sec, in bursts of icmp_msgs_burst. */
function globalAllow(ip4: Ipv4): boolean {
  const state = ip4.icmp;
  if (state.credit > 0) return true;
  const { now } = ip4.net;
  const passed = Math.min(now - state.stamp, SEC);
  if (passed >= SEC / 50) {
    const more = Math.floor((ip4.sysctl.icmpMsgsPerSec * passed) / SEC);
    if (more > 0) {
      state.credit = Math.min(state.credit + more, ip4.sysctl.icmpMsgsBurst);
      state.stamp = now;
      return true;
    }
  }
  ip4.mib.icmp.OutRateLimitGlobal++;
  return false;
}

/** Messages to one host (icmpv4_xrlim_allow): one each icmp_ratelimit ms, after a burst of six. */
function xrlimAllow(ip4: Ipv4, rt: Rtable, daddr: number, limited: boolean): boolean {
  if (!limited) return true;
  if (!rt.dev.loopback && !peerXrlimAllow(ip4, daddr, ip4.sysctl.icmpRatelimit * MSEC)) {
    ip4.mib.icmp.OutRateLimitHost++;
    return false;
  }
  ip4.icmp.credit -= ip4.icmp.rng.below(3);
  return true;
}

/** Completes the message and sends it (icmp_push_reply). */
function pushReply(ip4: Ipv4, skb: SkBuff): void {
  skb.ipSummed = CHECKSUM_NONE;
  icmp.updateChecksum(skb.head, skb.transportHeader, skb.tail);
  ipSendSkb(ip4, skb);
}

/** An answer to a question (icmp_reply): `payload` bytes after the eight that are the question's but for the type. */
function icmpReply(ip4: Ipv4, skbIn: SkBuff, type: number, payload: Uint8Array, from: number, length: number): void {
  const state = ip4.icmp;
  const { head } = skbIn;
  const ip = skbIn.networkHeader;
  const options = ipOptionsEcho(ip4, skbIn);
  const limited = needsRateLimit(ip4, type, 0);
  if (limited && !globalAllow(ip4)) return;
  const peer = ipv4.getSource(head, ip) as number;
  const fl = state.fl.reset();
  fl.daddr = options?.srr ? options.faddr : peer;
  fl.saddr = specDst(ip4, skbIn);
  fl.mark = ip4.sysctl.fwmarkReflect ? skbIn.mark : 0;
  fl.tos = ipv4.getTos(head, ip) & 0xfc;
  fl.proto = ipv4.IPPROTO_ICMP;
  const rt = ipRouteOutputKey(ip4, fl);
  if (rt.error !== 0 || !xrlimAllow(ip4, rt, fl.daddr, limited)) return;
  const cookie = state.cookie;
  cookie.addr = peer;
  cookie.options = options;
  cookie.tos = -1;
  cookie.mark = fl.mark;
  state.sk.tos = ipv4.getTos(head, ip);
  const skb = ipMakeSkb(ip4, state.sk, fl, rt, cookie, icmp.HEADER_LENGTH, payload, false, from, length);
  const at = skb.transportHeader;
  icmp.setType(skb.head, at, type);
  icmp.setCode(skb.head, at, 0);
  icmp.setRest32(skb.head, at, icmp.getRest32(head, skbIn.transportHeader));
  if (skb.pool.trace !== null) trace(skbIn, "icmpReply", rt.dev, "", null, skb);
  pushReply(ip4, skb);
}

/** Registered for IPPROTO_ICMP. */
export const icmpProtocol: InetProtocol<Ipv4> = {
  name: "icmp",
  handler: (skb, ip4) => icmpRcv(ip4, skb),
  errHandler: (skb, type, code, info, ip4) => icmpErr(ip4, skb, type, code, info),
};

/** Receives ICMP (icmp_rcv): skb.data is at its header. Takes the packet over. */
export function icmpRcv(ip4: Ipv4, skb: SkBuff): void {
  if (skb.pool.trace !== null) trace(skb, "icmpRcv");
  const { icmp: mib, icmpMsgIn } = ip4.mib;
  const { head, data: at } = skb;
  mib.InMsgs++;
  if (
    skb.ipSummed !== CHECKSUM_UNNECESSARY &&
    skb.ipSummed !== CHECKSUM_PARTIAL &&
    internetChecksum(head, at, skb.tail) !== 0
  ) {
    mib.InCsumErrors++;
    mib.InErrors++;
    drop(skb, DropReason.ICMP_CSUM);
    return;
  }
  if (skb.len < icmp.HEADER_LENGTH) {
    mib.InErrors++;
    drop(skb, DropReason.PKT_TOO_SMALL);
    return;
  }
  const type = icmp.getType(head, at);
  icmpMsgIn.count(type);
  const counter = IN_COUNTERS[type];
  if (counter) mib[counter]++;
  skb.transportHeader = at;
  skb.pull(icmp.HEADER_LENGTH);
  if (type > NR_ICMP_TYPES) {
    mib.InErrors++;
    drop(skb, DropReason.UNHANDLED_PROTO);
    return;
  }
  if (skbRtable(skb)!.flags & (RTCF_BROADCAST | RTCF_MULTICAST)) {
    const question = type === icmp.ICMP_ECHO || type === icmp.ICMP_TIMESTAMP;
    const address = type === icmp.ICMP_ADDRESS || type === icmp.ICMP_ADDRESSREPLY;
    if ((question && ip4.sysctl.icmpEchoIgnoreBroadcasts) || !(question || address)) {
      mib.InErrors++;
      drop(skb, DropReason.INVALID_PROTO);
      return;
    }
  }
  dispatch(ip4, skb, type);
}

/** What counts a type, whether it is believed or not: snmp reads it off IcmpMsg (icmpmibmap of net/ipv4/proc.c). */
const IN_COUNTERS: readonly (keyof IcmpMib | undefined)[] = Array.from(
  { length: NR_ICMP_TYPES + 1 },
  (_unused, type) =>
    (
      ({
        [icmp.ICMP_ECHOREPLY]: "InEchoReps",
        [icmp.ICMP_DEST_UNREACH]: "InDestUnreachs",
        [icmp.ICMP_SOURCE_QUENCH]: "InSrcQuenchs",
        [icmp.ICMP_REDIRECT]: "InRedirects",
        [icmp.ICMP_ECHO]: "InEchos",
        [icmp.ICMP_TIME_EXCEEDED]: "InTimeExcds",
        [icmp.ICMP_PARAMETERPROB]: "InParmProbs",
        [icmp.ICMP_TIMESTAMP]: "InTimestamps",
        [icmp.ICMP_TIMESTAMPREPLY]: "InTimestampReps",
        [icmp.ICMP_ADDRESS]: "InAddrMasks",
        [icmp.ICMP_ADDRESSREPLY]: "InAddrMaskReps",
      }) as Partial<Record<number, keyof IcmpMib>>
    )[type],
);

function dispatch(ip4: Ipv4, skb: SkBuff, type: number): void {
  const { icmp: mib } = ip4.mib;
  switch (type) {
    case icmp.ICMP_ECHO:
      if (!ip4.sysctl.icmpEchoIgnoreAll) icmpReply(ip4, skb, icmp.ICMP_ECHOREPLY, skb.head, skb.data, skb.len);
      consumeSkb(skb);
      return;
    case icmp.ICMP_ECHOREPLY:
      if (!ip4.ping.rcv(skb)) drop(skb, DropReason.NO_SOCKET);
      return;
    case icmp.ICMP_TIMESTAMP:
      icmpTimestamp(ip4, skb);
      return;
    case icmp.ICMP_DEST_UNREACH:
      icmpUnreach(ip4, skb, type);
      return;
    case icmp.ICMP_SOURCE_QUENCH:
      icmpUnreach(ip4, skb, type);
      return;
    case icmp.ICMP_TIME_EXCEEDED:
      icmpUnreach(ip4, skb, type);
      return;
    case icmp.ICMP_PARAMETERPROB:
      icmpUnreach(ip4, skb, type);
      return;
    case icmp.ICMP_REDIRECT:
      if (skb.len < ipv4.HEADER_LENGTH) mib.InErrors++;
      else
        socketDeliver(
          ip4,
          skb,
          type,
          icmp.getCode(skb.head, skb.transportHeader),
          icmp.getRest32(skb.head, skb.transportHeader),
        );
      consumeSkb(skb);
      return;
    case icmp.ICMP_TIMESTAMPREPLY:
      consumeSkb(skb);
      return;
    case icmp.ICMP_ADDRESS:
      consumeSkb(skb);
      return;
    case icmp.ICMP_ADDRESSREPLY:
      consumeSkb(skb);
      return;
    default:
      // types that nobody answers (icmp_discard)
      mib.InErrors++;
      consumeSkb(skb);
  }
}

/** icmp_timestamp: our clock, twice, after the asker's. */
function icmpTimestamp(ip4: Ipv4, skb: SkBuff): void {
  if (skb.len < 4) {
    ip4.mib.icmp.InErrors++;
    drop(skb, DropReason.PKT_TOO_SMALL);
    return;
  }
  const { times } = ip4.icmp;
  const now = inetCurrentTimestamp(ip4);
  set32(times, 0, get32(skb.head, skb.data));
  set32(times, 4, now);
  set32(times, 8, now);
  icmpReply(ip4, skb, icmp.ICMP_TIMESTAMPREPLY, times, 0, 12);
  consumeSkb(skb);
}

/** An error about a packet that we sent (icmp_unreach): to the transport that sent it. */
function icmpUnreach(ip4: Ipv4, skb: SkBuff, type: number): void {
  const { head, data: inner } = skb;
  const at = skb.transportHeader;
  const code = icmp.getCode(head, at);
  if (skb.len < ipv4.HEADER_LENGTH || ipv4.getHeaderLength(head, inner) < ipv4.HEADER_LENGTH) {
    ip4.mib.icmp.InErrors++;
    drop(skb, DropReason.IP_INHDR);
    return;
  }
  let info = 0;
  let deliver = true;
  if (type === icmp.ICMP_DEST_UNREACH) {
    if (code === icmp.ICMP_FRAG_NEEDED) {
      if (ip4.sysctl.noPmtuDisc === 2) deliver = false;
      else if (ip4.sysctl.noPmtuDisc === 0 || ip4.sysctl.noPmtuDisc === 3) info = icmp.getNextHopMtu(head, at);
    }
    if (code > NR_ICMP_UNREACH) deliver = false;
  } else if (type === icmp.ICMP_PARAMETERPROB) info = icmp.getPointer(head, at);
  else if (type === icmp.ICMP_TIME_EXCEEDED && code === icmp.ICMP_EXC_FRAGTIME) deliver = false;
  if (
    deliver &&
    !ip4.sysctl.icmpIgnoreBogusErrorResponses &&
    inetAddrType(ip4, ipv4.getDestination(head, inner)) === RTN_BROADCAST
  )
    deliver = false;
  if (deliver) socketDeliver(ip4, skb, type, code, info);
  consumeSkb(skb);
}

/** icmp_socket_deliver: skb.data is at the quoted IP header. */
function socketDeliver(ip4: Ipv4, skb: SkBuff, type: number, code: number, info: number): void {
  const { head, data: inner } = skb;
  if (skb.len < ipv4.getHeaderLength(head, inner) + 8) {
    ip4.mib.icmp.InErrors++;
    return;
  }
  const protocol = ipv4.getProtocol(head, inner);
  if (ip4.hasRaw) ip4.raw.icmpError(skb, protocol, type, code, info);
  ip4.protocols[protocol]?.errHandler?.(skb, type, code, info, ip4);
}

/** An error about an ICMP message of ours (icmp_err): a ping socket's, or an answer that the kernel gave. */
function icmpErr(ip4: Ipv4, skb: SkBuff, type: number, code: number, info: number): void {
  const { head, data } = skb;
  const at = data + ipv4.getHeaderLength(head, data);
  if (icmp.getType(head, at) !== icmp.ICMP_ECHOREPLY) {
    ip4.ping.err(skb, type, code, info);
    return;
  }
  if (type === icmp.ICMP_DEST_UNREACH && code === icmp.ICMP_FRAG_NEEDED)
    ipv4UpdatePmtu(ip4, skb, info, 0, ipv4.IPPROTO_ICMP);
  else if (type === icmp.ICMP_REDIRECT) ipv4Redirect(ip4, skb, 0, ipv4.IPPROTO_ICMP, code, info);
}
