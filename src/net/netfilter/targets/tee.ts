// Target TEE: a copy of the packet to another station on the link. Answers to xt_TEE.c (revision 1) and nf_dup_ipv4.c.

import * as ip from "../../../wire/ipv4.ts";
import { get16, get32, set16 } from "../../../wire/layout.ts";
import { DropReason } from "../../core/drop-reason.ts";
import { NF_INET_LOCAL_IN, NF_INET_PRE_ROUTING } from "../../core/netfilter.ts";
import { drop } from "../../core/skb.ts";
import { ipLocalOut } from "../../ipv4/ip-output.ts";
import { ipRouteOutputKey } from "../../ipv4/route.ts";
import { FlowKey } from "../../ipv4/rtable.ts";
import { IP_CT_UNTRACKED } from "../conntrack-entry.ts";
import { invalid, XT_CONTINUE, type XtEnv, type XtPar, type XtTarget } from "../x-tables.ts";

export interface TeeInfo {
  gateway: number;
  /** "": as the route has it */
  oif: string;
}

export const teeTarget: XtTarget<TeeInfo> = {
  name: "TEE",
  create({ gateway, oif }, { env }) {
    if (gateway === 0) invalid();
    const fl = new FlowKey();
    let duplicating = false;
    return {
      fn: (par) => {
        if (duplicating) return XT_CONTINUE; // a copy is not copied
        duplicating = true;
        duplicate(env, par, gateway, oif, fl);
        duplicating = false;
        return XT_CONTINUE;
      },
    };
  },
};

/** nf_dup_ipv4: untracked, with DF, and a hop older where a router would have counted it. */
function duplicate(env: XtEnv, { skb, iph, hook }: XtPar, gateway: number, oif: string, fl: FlowKey): void {
  const copy = skb.pool.copy(skb);
  const nh = copy.networkHeader;
  const b = copy.head;
  copy.ct = 0;
  copy.ctinfo = IP_CT_UNTRACKED;
  set16(b, nh + 6, get16(b, nh + 6) | ip.DF);
  if (hook === NF_INET_PRE_ROUTING || hook === NF_INET_LOCAL_IN) b[nh + 8] = b[nh + 8]! - 1;
  fl.reset();
  if (oif !== "") fl.oif = env.net.deviceByName(oif)?.ifindex ?? 0;
  fl.daddr = gateway;
  fl.tos = skb.head[iph + 1]! & 0xfc;
  const rt = ipRouteOutputKey(env.ip4, fl);
  if (rt.error !== 0) {
    drop(copy, DropReason.IP_OUTNOROUTES);
    return;
  }
  copy.dst = get32(b, nh + ip.DESTINATION) === gateway ? rt : rt.via(gateway);
  copy.dev = rt.dev;
  ipLocalOut(env.ip4, copy);
}
