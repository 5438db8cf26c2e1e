// Target REJECT: the sender is told, by an ICMP error or a TCP reset. Answers to ipt_REJECT.c.

import { IPPROTO_TCP } from "../../../wire/ipv4.ts";
import { NF_DROP, NF_INET_FORWARD, NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT } from "../../core/netfilter.ts";
import { nfSendReset, nfSendUnreach } from "../reject.ts";
import { invalid, type XtTarget } from "../x-tables.ts";

/** How --reject-with names it, and the code of the ICMP destination unreachable; −1: a TCP reset. */
export const REJECT_CODES: ReadonlyMap<string, number> = new Map([
  ["icmp-net-unreachable", 0],
  ["icmp-host-unreachable", 1],
  ["icmp-proto-unreachable", 2],
  ["icmp-port-unreachable", 3],
  ["icmp-net-prohibited", 9],
  ["icmp-host-prohibited", 10],
  ["tcp-reset", -1],
  ["icmp-admin-prohibited", 13],
]);

export interface RejectInfo {
  /** a key of REJECT_CODES */
  with: string;
}

export const rejectTarget: XtTarget<RejectInfo> = {
  name: "REJECT",
  table: "filter",
  hooks: (1 << NF_INET_LOCAL_IN) | (1 << NF_INET_FORWARD) | (1 << NF_INET_LOCAL_OUT),
  create(info, check) {
    const code = REJECT_CODES.get(info.with);
    if (code === undefined) invalid();
    if (code < 0 && (check.proto !== IPPROTO_TCP || check.invProto)) invalid();
    const { env } = check;
    return {
      fn: ({ skb }) => {
        if (code < 0) nfSendReset(env, skb);
        else nfSendUnreach(env, skb, code);
        return NF_DROP;
      },
    };
  },
};
