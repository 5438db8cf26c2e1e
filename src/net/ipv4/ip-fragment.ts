// (signatures first; body follows)
import type { SkBuff } from "../core/skb.ts";
import type { Ipv4 } from "./ipv4.ts";
export const IP_DEFRAG_LOCAL_DELIVER = 0;
export const IP_DEFRAG_CALL_RA_CHAIN = 1;
export const IP_DEFRAG_CONNTRACK_IN = 2;
export const IP_DEFRAG_CONNTRACK_OUT = 3;
export const IP_DEFRAG_CONNTRACK_BRIDGE_IN = 4;
export interface IpFragments { readonly todo: 0 }
/** Takes a fragment over; the whole packet (data at its IP header) when this one completed it, else null (ip_defrag). */
export declare function ipDefrag(ip4: Ipv4, skb: SkBuff, user: number): SkBuff | null;
