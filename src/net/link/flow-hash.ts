// A number for a packet's flow, from which tunnels choose their outer source port (skb_get_hash). The flow is protocol,
// addresses and ports; both directions of a flow have one number, except TCP's, whose packets carry their socket's own
// number on Linux. Answers to net/core/flow_dissector.c.

import * as ethernet from "../../wire/ethernet.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { get16 } from "../../wire/layout.ts";
import type { SkBuff } from "../core/skb.ts";

/** 32 bits; never 0. skb.data stands at the Ethernet header. */
export function skbFlowHash(skb: SkBuff, seed: number): number {
  const { head } = skb;
  const at = skb.data + ethernet.HEADER_LENGTH;
  let type = ethernet.getEtherType(head, skb.data);
  if (skb.vlanProto !== 0) type ^= skb.vlanTci & 0xfff;
  if (type !== ethernet.ETH_P_IP || skb.len < ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH)
    return mix(seed, type, 0) | 1;
  const protocol = ipv4.getProtocol(head, at);
  let one = ipv4.getSource(head, at) as number;
  let other = ipv4.getDestination(head, at) as number;
  let onePort = 0;
  let otherPort = 0;
  const hasPorts = (protocol === ipv4.IPPROTO_TCP || protocol === ipv4.IPPROTO_UDP) && !ipv4.isFragment(head, at);
  if (hasPorts) {
    const l4 = at + ipv4.getHeaderLength(head, at);
    if (l4 + 4 <= skb.tail) {
      onePort = get16(head, l4);
      otherPort = get16(head, l4 + 2);
    }
  }
  const ordered = one < other || (one === other && onePort <= otherPort);
  if (!ordered && protocol !== ipv4.IPPROTO_TCP) {
    const address = one;
    one = other;
    other = address;
    const port = onePort;
    onePort = otherPort;
    otherPort = port;
  }
  return mix(mix(seed ^ protocol, one, other), (onePort << 16) | otherPort, type) | 1;
}

function mix(seed: number, a: number, b: number): number {
  let h = Math.imul(seed ^ a, 0x9e3779b1);
  h ^= h >>> 15;
  h = Math.imul(h ^ b, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A port of low … high − 1 for a flow (udp_flow_src_port). */
export function flowPort(hash: number, low: number, high: number): number {
  const spread = (hash ^ (hash << 16)) >>> 0;
  return Math.floor((spread * (high - low)) / 4294967296) + low;
}
