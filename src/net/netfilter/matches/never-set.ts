// Matches on what nothing here can set, so that every packet has 0 of it: realm (of its route), cgroup (the net_cls number of
// its socket). Answers to xt_realm.c, xt_cgroup.c (revision 2); cgroups' paths are left out.

import { NF_INET_FORWARD, NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING } from "../../core/netfilter.ts";
import type { Sock } from "../../core/sock.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export interface RealmInfo {
  id: number;
  mask: number;
  invert: boolean;
}

export const realmMatch: XtMatch<RealmInfo> = {
  name: "realm",
  hooks: (1 << NF_INET_POST_ROUTING) | (1 << NF_INET_FORWARD) | (1 << NF_INET_LOCAL_OUT) | (1 << NF_INET_LOCAL_IN),
  create: ({ id, invert }) => ({ fn: () => (id === 0) !== invert }),
  keys: () => [],
};

export interface CgroupInfo {
  /** undefined: not said */
  classid: number | undefined;
  invert: boolean;
}

export const cgroupMatch: XtMatch<CgroupInfo> = {
  name: "cgroup",
  hooks: (1 << NF_INET_LOCAL_OUT) | (1 << NF_INET_POST_ROUTING) | (1 << NF_INET_LOCAL_IN),
  create({ classid, invert }, { env }) {
    if (classid === undefined) invalid();
    const answer = (classid === 0) !== invert;
    return {
      fn: ({ skb }) => {
        const sk = skb.sk as Sock | null;
        return sk !== null && sk.net === env.net && answer;
      },
    };
  },
};
