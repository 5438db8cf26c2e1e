// Explicit congestion notification in a packet that is queued. Answers to include/net/inet_ecn.h (INET_ECN_set_ce).

import { ETH_P_IP } from "../../wire/ethernet.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import type { SkBuff } from "../core/skb.ts";

const ECN_MASK = 3;

/** Marks the packet as having met congestion, if its sender understands that. */
export function setCongestionExperienced(skb: SkBuff): boolean {
  if (skb.protocol !== ETH_P_IP) return false;
  const { head, networkHeader: at } = skb;
  const tos = ipv4.getTos(head, at);
  if ((tos & ECN_MASK) === 0) return false;
  ipv4.setTos(head, at, tos | ECN_MASK);
  ipv4.updateChecksum(head, at);
  return true;
}
