// (signatures first; body follows)
import type { Sock } from "../core/sock.ts";
import type { SkBuff } from "../core/skb.ts";
import type { Ipv4 } from "./ipv4.ts";
import type { Rtable } from "./rtable.ts";
/** Header (20 bytes + options) in front of a transport segment, id from sk.inetId, DF by pmtuDisc; then ipLocalOut. 0 or a positive errno (EPERM: a rule dropped it). skb.data is at the transport header; checksum (CHECKSUM_PARTIAL) is the caller's. `rt` null: skb has skb.dst, or it is looked up. */
export declare function ipQueueXmit(ip4: Ipv4, sk: Sock, skb: SkBuff, rt: Rtable | null, options: Uint8Array | null): number;
/** ip_local_out: total length, header checksum, LOCAL_OUT, dst.output. skb.data is at the IP header, skb.dst set. */
export declare function ipLocalOut(ip4: Ipv4, skb: SkBuff): number;
/** dst output of unicast: POST_ROUTING, then ipFinishOutput. */
export declare function ipOutput(skb: SkBuff): number;
/** SYN-ACK (ip_build_and_send_pkt): skb.dst is set; saddr, daddr as given; id 0 and DF. */
export declare function ipBuildAndSendPkt(ip4: Ipv4, sk: Sock, skb: SkBuff, saddr: number, daddr: number, options: Uint8Array | null, tos: number): number;
export interface ReplyArg {
  tos: number;
  mark: number;
  oif: number;
  uid: number;
  /** 0: the namespace's default */
  ttl: number;
  /** FLOWI_FLAG_ANYSRC and the like (IP_REPLY_ARG_NOSRCCHECK is 1) */
  flags: number;
}
/** RST and ACK without a socket (ip_send_unicast_reply): `skb` is the packet answered (not consumed); `reply` has data at a complete transport segment without checksum; this adds the IP header and completes the TCP checksum; DF, id 0. saddr, daddr are those of the packet answered, swapped: daddr is where the reply goes. */
export declare function ipSendUnicastReply(ip4: Ipv4, skb: SkBuff, reply: SkBuff, daddr: number, saddr: number, arg: ReplyArg): void;
