// (signatures first; body follows)
import type { SkBuff } from "../core/skb.ts";
import type { Ipv4 } from "./ipv4.ts";
export interface IcmpState { readonly todo: 0 }
/** Answers a received packet with an ICMP error (icmp_send). skbIn.networkHeader is its IP header and skbIn.dst its input route; it is not consumed. `info`: MTU (frag needed), gateway (redirect), pointer << 24 (parameter problem). */
export declare function icmpSend(ip4: Ipv4, skbIn: SkBuff, type: number, code: number, info: number): void;
