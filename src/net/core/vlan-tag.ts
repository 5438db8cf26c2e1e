// An IEEE 802.1Q tag in the frame itself, where Linux mostly keeps it beside the frame (skb.vlanProto, skb.vlanTci). Answers
// to include/linux/if_vlan.h.

import type { SkBuff } from "./skb.ts";

const VLAN_HLEN = 4;
const ADDRESSES = 12;

/** A tag beside the frame goes into it, because another one comes outside (__vlan_hwaccel_push_inside). */
export function pushTag(skb: SkBuff): void {
  const protocol = skb.vlanProto;
  insertTag(skb);
  skb.protocol = protocol;
  skb.vlanProto = 0;
  skb.vlanTci = 0;
}

/** skb.data stands at the link header. */
function insertTag(skb: SkBuff): void {
  const at = skb.push(VLAN_HLEN);
  const { head } = skb;
  head.copyWithin(at, at + VLAN_HLEN, at + VLAN_HLEN + ADDRESSES);
  head[at + 12] = skb.vlanProto >> 8;
  head[at + 13] = skb.vlanProto & 255;
  head[at + 14] = skb.vlanTci >> 8;
  head[at + 15] = skb.vlanTci & 255;
  skb.macHeader = at;
}

/**
 * Shows `look` the frame with its tag in it, as libpcap puts it back (pcap-linux.c), and takes it out again.
 * skb.data stands at the link header.
 */
export function withTagInFrame(skb: SkBuff, look: () => void): void {
  if (skb.vlanProto === 0) {
    look();
    return;
  }
  const { macHeader } = skb;
  insertTag(skb);
  look();
  const { head, data } = skb;
  head.copyWithin(data + VLAN_HLEN, data, data + ADDRESSES);
  skb.pull(VLAN_HLEN);
  skb.macHeader = macHeader;
}
