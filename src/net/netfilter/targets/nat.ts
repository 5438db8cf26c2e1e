// Targets SNAT, DNAT, MASQUERADE, REDIRECT and NETMAP: where the first packet of a connection is sent. Answers to
// xt_nat.c, xt_MASQUERADE.c with nf_nat_masquerade.c, xt_REDIRECT.c with nf_nat_redirect.c, xt_NETMAP.c.

import { get32 } from "../../../wire/layout.ts";
import {
  NF_ACCEPT,
  NF_DROP,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
} from "../../core/netfilter.ts";
import { inetSelectAddr } from "../../ipv4/devinet.ts";
import { skbRtable } from "../../ipv4/rtable.ts";
import { nfCtGet } from "../conntrack-entry.ts";
import {
  hook2manip,
  type NatRange,
  NF_NAT_MANIP_DST,
  NF_NAT_MANIP_SRC,
  NF_NAT_RANGE_MAP_IPS,
  natRange,
} from "../nat.ts";
import { invalid, type XtTarget } from "../x-tables.ts";

const PRE = 1 << NF_INET_PRE_ROUTING;
const IN = 1 << NF_INET_LOCAL_IN;
const OUT = 1 << NF_INET_LOCAL_OUT;
const POST = 1 << NF_INET_POST_ROUTING;
const RT_SCOPE_UNIVERSE = 0;

function plain(name: string, hooks: number, manip: number): XtTarget<NatRange> {
  return {
    name,
    ...(manip === NF_NAT_MANIP_SRC ? { memo: true } : {}),
    table: "nat",
    hooks,
    create(range, { env }) {
      return {
        fn: ({ skb }) => {
          const conn = nfCtGet(skb);
          return conn === 0 ? NF_ACCEPT : env.nat.setupInfo(conn, range, manip);
        },
        destroy: env.useConntrack(),
      };
    },
  };
}

export const snatTarget: XtTarget<NatRange> = plain("SNAT", POST | IN, NF_NAT_MANIP_SRC);
export const dnatTarget: XtTarget<NatRange> = plain("DNAT", PRE | OUT, NF_NAT_MANIP_DST);

/** Copies what the rule says into `to`, with one address. */
function withAddress(to: NatRange, from: NatRange, addr: number): NatRange {
  to.flags = from.flags | NF_NAT_RANGE_MAP_IPS;
  to.minAddr = addr;
  to.maxAddr = addr;
  to.minProto = from.minProto;
  to.maxProto = from.maxProto;
  to.baseProto = from.baseProto;
  return to;
}

export const masqueradeTarget: XtTarget<NatRange> = {
  name: "MASQUERADE",
  table: "nat",
  memo: true,
  hooks: POST,
  create(range, { env }) {
    if (range.flags & NF_NAT_RANGE_MAP_IPS) invalid();
    const release = env.useConntrack();
    const releaseWatch = env.watchMasquerade();
    const chosen = natRange();
    const { rows } = env.ct;
    return {
      fn: ({ skb, iph, out }) => {
        const conn = nfCtGet(skb);
        // no source yet: a DHCP client's packet, say
        if (conn === 0 || out === null || rows.src(conn, 0) === 0) return NF_ACCEPT;
        const daddr = get32(skb.head, iph + 16);
        const nexthop = skbRtable(skb)?.nexthop(daddr) ?? daddr;
        // of several addresses the one towards the destination is taken
        if (nexthop === daddr) skb.record = null;
        const source = inetSelectAddr(env.ip4, out, nexthop, RT_SCOPE_UNIVERSE);
        if (source === 0) {
          env.net.kernel.printk(`${out.name} ate my IP address`);
          return NF_DROP;
        }
        rows.setMasqIndex(conn, out.ifindex);
        return env.nat.setupInfo(conn, withAddress(chosen, range, source), NF_NAT_MANIP_SRC);
      },
      destroy: () => {
        release();
        releaseWatch();
      },
    };
  },
};

export const redirectTarget: XtTarget<NatRange> = {
  name: "REDIRECT",
  table: "nat",
  hooks: PRE | OUT,
  create(range, { env }) {
    if (range.flags & NF_NAT_RANGE_MAP_IPS) invalid();
    const chosen = natRange();
    return {
      fn: ({ skb, hook, in: dev }) => {
        const conn = nfCtGet(skb);
        if (conn === 0) return NF_ACCEPT;
        // what was sent here stays here; what came goes to the interface's first address
        const dest = hook === NF_INET_LOCAL_OUT ? 0x7f000001 : dev === null ? 0 : env.primaryAddress(dev);
        if (dest === 0) return NF_DROP;
        return env.nat.setupInfo(conn, withAddress(chosen, range, dest), NF_NAT_MANIP_DST);
      },
      destroy: env.useConntrack(),
    };
  },
};

export const netmapTarget: XtTarget<NatRange> = {
  name: "NETMAP",
  table: "nat",
  hooks: PRE | IN | OUT | POST,
  create(range, { env }) {
    if (!(range.flags & NF_NAT_RANGE_MAP_IPS)) invalid();
    const chosen = natRange();
    const hostBits = range.minAddr ^ range.maxAddr;
    return {
      fn: ({ skb, hook, iph }) => {
        const conn = nfCtGet(skb);
        if (conn === 0) return NF_ACCEPT;
        const manip = hook2manip(hook);
        const old = get32(skb.head, iph + (manip === NF_NAT_MANIP_DST ? 16 : 12));
        const fresh = ((old & hostBits) | (range.minAddr & ~hostBits)) >>> 0;
        return env.nat.setupInfo(conn, withAddress(chosen, range, fresh), manip);
      },
      destroy: env.useConntrack(),
    };
  },
};
