// Match cluster: is this node to answer for the connection, by a hash of who opened it? Answers to xt_cluster.c.

import { PACKET_HOST, PACKET_MULTICAST } from "../../core/skb.ts";
import { nfCtGet } from "../conntrack-entry.ts";
import { jhash1word } from "../jhash.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export interface ClusterInfo {
  totalNodes: number;
  nodeMask: number;
  hashSeed: number;
  invert: boolean;
}

const MAX_NODES = 32;

export const clusterMatch: XtMatch<ClusterInfo> = {
  name: "cluster",
  create({ totalNodes, nodeMask, hashSeed, invert }, { env }) {
    if (totalNodes > MAX_NODES || nodeMask >= 2 ** totalNodes) invalid();
    const { rows } = env.ct;
    return {
      fn: ({ skb, iph }) => {
        const conn = nfCtGet(skb);
        if (conn === 0) return false;
        // all nodes see a packet for the cluster's multicast MAC: it is for this one if at all
        if (skb.head[iph + 16]! >>> 4 !== 14 && skb.pktType === PACKET_MULTICAST) skb.pktType = PACKET_HOST;
        const hash = jhash1word(swap(rows.src(conn, 0)), hashSeed);
        const node = Math.floor((hash * totalNodes) / 2 ** 32);
        return ((nodeMask & (1 << node)) !== 0) !== invert;
      },
      destroy: env.useConntrack(),
    };
  },
};

/** An address as a little-endian machine reads it. */
function swap(value: number): number {
  return (value << 24) | ((value << 8) & 0xff0000) | ((value >>> 8) & 0xff00) | (value >>> 24);
}
