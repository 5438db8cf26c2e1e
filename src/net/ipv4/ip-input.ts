// (signatures first; body follows)
import type { NetDevice } from "../core/net-device.ts";
import type { SkBuff } from "../core/skb.ts";
import type { Ipv4 } from "./ipv4.ts";
/** Receives an IPv4 packet from a device (ip_rcv). */
export declare function ipRcv(ip4: Ipv4, skb: SkBuff, dev: NetDevice): void;
/** After PRE_ROUTING (ip_rcv_finish): routes and hands on. For br_netfilter and queued packets. */
export declare function ipRcvFinish(ip4: Ipv4, skb: SkBuff): void;
