// Match pkttype: for whom the link layer meant the frame. Answers to xt_pkttype.c.

import { isMulticast4 } from "../../../wire/addr.ts";
import { get32 } from "../../../wire/layout.ts";
import { PACKET_BROADCAST, PACKET_LOOPBACK, PACKET_MULTICAST } from "../../core/skb.ts";
import type { XtMatch } from "../x-tables.ts";

export interface PkttypeInfo {
  /** PACKET_* */
  pkttype: number;
  invert: boolean;
}

export const pkttypeMatch: XtMatch<PkttypeInfo> = {
  name: "pkttype",
  memo: () => true,
  box: () => null,
  create({ pkttype, invert }) {
    return {
      fn: ({ skb, iph }) => {
        let type = skb.pktType;
        if (type === PACKET_LOOPBACK)
          type = isMulticast4(get32(skb.head, iph + 16)) ? PACKET_MULTICAST : PACKET_BROADCAST;
        return (type === pkttype) !== invert;
      },
    };
  },
};
