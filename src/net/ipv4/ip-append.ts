// Datagrams of UDP, ping, raw sockets and ICMP: one packet made of a payload, with room for the transport's header, which
// its sender fills in before it goes out. Answers to net/ipv4/ip_output.c (ip_setup_cork, __ip_append_data,
// __ip_make_skb, ip_send_skb). A packet longer than the MTU is made whole and cut on its way out, to the same pieces.

import { Errno, NetError } from "../../base/errno.ts";
import * as icmp from "../../wire/icmp.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, type SkBuff } from "../core/skb.ts";
import type { Sock } from "../core/sock.ts";
import { RTN_MULTICAST } from "./fib-types.ts";
import { IPSKB_IGNORE_DF } from "./ip-cb.ts";
import { ipSelectIdent } from "./ip-ident.ts";
import { type IpOptions, ipOptionsBuild } from "./ip-options.ts";
import { IP_PMTUDISC_DO, IP_PMTUDISC_PROBE, ipDontFragment, ipLocalOut, ipSelectTtl, pmtuDiscOf } from "./ip-output.ts";
import type { Ipv4 } from "./ipv4.ts";
import { type FlowKey, IPV4_MIN_MTU, type Rtable } from "./rtable.ts";

/** What one message says about its own sending (struct ipcm_cookie). */
export interface IpCookie {
  /** final destination, for source routing */
  addr: number;
  /** IP options, or null */
  options: IpOptions | null;
  /** 0: the socket's */
  ttl: number;
  /** −1: the socket's */
  tos: number;
  mark: number;
  priority: number;
  /** IP_MULTICAST_TTL */
  mcTtl: number;
}

/**
 * One packet of `payload` behind `transHdrLen` bytes for the transport header. The answer has data at the IP header,
 * complete but for length and checksum, transportHeader set, and ipSummed CHECKSUM_PARTIAL where the device may complete
 * the transport's checksum. Throws EMSGSIZE (too long, or longer than the path's MTU where the socket forbids cutting),
 * ENETUNREACH (the device's MTU is too small).
 * @param more MSG_MORE was used: the checksum is not left to the device
 */
export function ipMakeSkb(
  ip4: Ipv4,
  sk: Sock,
  fl: FlowKey,
  rt: Rtable,
  cookie: IpCookie,
  transHdrLen: number,
  payload: Uint8Array,
  more = false,
  payloadFrom = 0,
  payloadLen: number = payload.length - payloadFrom,
): SkBuff {
  const disc = pmtuDiscOf(ip4, sk);
  const mtu = disc < IP_PMTUDISC_PROBE ? rt.mtu() : rt.dev.mtu;
  if (mtu < IPV4_MIN_MTU) throw new NetError(Errno.ENETUNREACH);
  const optionBytes = cookie.options ? cookie.options.data.length : 0;
  const headerLength = ipv4.HEADER_LENGTH + optionBytes;
  const length = transHdrLen + payloadLen;
  const ignoreDf = disc < IP_PMTUDISC_DO || disc === 5;
  const most = ignoreDf ? 0xffff : mtu;
  if (length > most - headerLength) throw new LocalMtuError(mtu - optionBytes);

  const skb = ip4.net.kernel.skbs.alloc(headerLength + length);
  const at = skb.put(headerLength + length);
  const { head } = skb;
  skb.networkHeader = at;
  skb.transportHeader = at + headerLength;
  const payloadAt = skb.transportHeader + transHdrLen;
  if (payloadLen === payload.length) head.set(payload, payloadAt);
  else head.set(payload.subarray(payloadFrom, payloadFrom + payloadLen), payloadAt);
  skb.ipSummed =
    transHdrLen > 0 && length + headerLength <= mtu && rt.dev.features.txCsum && !more
      ? CHECKSUM_PARTIAL
      : CHECKSUM_NONE;

  ipv4.setVersionAndHeaderLength(head, at, headerLength);
  ipv4.setTos(head, at, cookie.tos !== -1 ? cookie.tos : sk.tos);
  ipv4.setProtocol(head, at, sk.protocol);
  const ttl = cookie.ttl !== 0 ? cookie.ttl : rt.type === RTN_MULTICAST ? cookie.mcTtl : ipSelectTtl(ip4, sk, rt);
  ipv4.setTtl(head, at, ttl);
  ipv4.setSource(head, at, fl.saddr);
  ipv4.setDestination(head, at, fl.daddr);
  if (ignoreDf) skb.ipcbFlags |= IPSKB_IGNORE_DF;
  const df =
    disc === IP_PMTUDISC_DO || disc === IP_PMTUDISC_PROBE || (skb.len <= rt.mtu() && ipDontFragment(ip4, sk, rt));
  ipv4.setFlagsAndOffset(head, at, df ? ipv4.DF : 0);
  skb.dst = rt;
  skb.sk = sk;
  ipSelectIdent(ip4, skb, sk, 1);
  if (cookie.options) ipOptionsBuild(ip4, skb, cookie.options, cookie.addr, rt);
  skb.priority = cookie.tos !== -1 ? cookie.priority : sk.priority;
  skb.mark = cookie.mark;
  return skb;
}

/** EMSGSIZE with the MTU that the message exceeds (ip_local_error). */
export class LocalMtuError extends NetError {
  readonly mtu: number;

  constructor(mtu: number) {
    super(Errno.EMSGSIZE);
    this.mtu = mtu;
  }
}

/** Sends what ipMakeSkb made (ip_send_skb). Takes the packet over. 0 or a positive errno. */
export function ipSendSkb(ip4: Ipv4, skb: SkBuff): number {
  const { head } = skb;
  if (ipv4.getProtocol(head, skb.data) === ipv4.IPPROTO_ICMP && skb.transportHeader < skb.tail)
    icmpOutCount(ip4, icmp.getType(head, skb.transportHeader));
  const err = ipLocalOut(ip4, skb);
  if (err !== 0) ip4.mib.ip.OutDiscards++;
  return err;
}

/** icmp_out_count */
export function icmpOutCount(ip4: Ipv4, type: number): void {
  const { icmp: mib, icmpMsgOut } = ip4.mib;
  mib.OutMsgs++;
  icmpMsgOut.count(type);
  switch (type) {
    case icmp.ICMP_ECHOREPLY:
      mib.OutEchoReps++;
      return;
    case icmp.ICMP_DEST_UNREACH:
      mib.OutDestUnreachs++;
      return;
    case icmp.ICMP_SOURCE_QUENCH:
      mib.OutSrcQuenchs++;
      return;
    case icmp.ICMP_REDIRECT:
      mib.OutRedirects++;
      return;
    case icmp.ICMP_ECHO:
      mib.OutEchos++;
      return;
    case icmp.ICMP_TIME_EXCEEDED:
      mib.OutTimeExcds++;
      return;
    case icmp.ICMP_PARAMETERPROB:
      mib.OutParmProbs++;
      return;
    case icmp.ICMP_TIMESTAMP:
      mib.OutTimestamps++;
      return;
    case icmp.ICMP_TIMESTAMPREPLY:
      mib.OutTimestampReps++;
      return;
    case icmp.ICMP_ADDRESS:
      mib.OutAddrMasks++;
      return;
    case icmp.ICMP_ADDRESSREPLY:
      mib.OutAddrMaskReps++;
      return;
  }
}
