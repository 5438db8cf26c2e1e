// br_netfilter soldered to IPv4: what a bridge asks of the IP layer when iptables has changed a frame's destination, or when
// defragmentation made it too long. The bridge itself knows nothing of IP.

import * as ethernet from "../../wire/ethernet.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { type BrNetfilterIp, brNetfilterInit } from "../bridge/br-netfilter.ts";
import type { Net } from "../core/net.ts";
import { inDevOf } from "../ipv4/devconf.ts";
import { RTN_UNICAST } from "../ipv4/fib-types.ts";
import { ipDoFragment } from "../ipv4/ip-do-fragment.ts";
import { type Ipv4, ipv4Of } from "../ipv4/ipv4.ts";
import { FlowKey, ipRouteOutputKey, skbRtable } from "../ipv4/route.ts";
import { ipRouteInput } from "../ipv4/route-input.ts";
import { Rtable } from "../ipv4/rtable.ts";

/** Loads br_netfilter in a namespace: bridged IPv4 goes through iptables from now on. */
export function loadBrNetfilter(net: Net): void {
  brNetfilterInit(net, askIpv4);
}

const askIpv4 = (net: Net): BrNetfilterIp => brNetfilterIp(ipv4Of(net));

function brNetfilterIp(ip4: Ipv4): BrNetfilterIp {
  const fl = new FlowKey();
  return {
    fakeRoute: (dev) => new Rtable(ip4, dev, 0, RTN_UNICAST),
    routeInput: (skb, daddr, saddr, tos, dev) => ipRouteInput(ip4, skb, daddr, saddr, tos, dev),
    routeOutput(skb, daddr, tos, dev) {
      fl.reset();
      fl.daddr = daddr;
      fl.tos = tos;
      const rt = ipRouteOutputKey(ip4, fl);
      if (rt.error !== 0 || rt.dev !== dev) return false;
      skb.dst = rt;
      return true;
    },
    dstDev: (skb) => skbRtable(skb)?.dev ?? null,
    forwarding: (dev) => inDevOf(dev)?.forwarding ?? false,
    resolve(skb) {
      const rt = skbRtable(skb)!;
      const { head, data } = skb;
      const neigh = ip4.arp.lookupOrCreate(rt.dev, rt.nexthop(ipv4.getDestination(head, data)));
      if (!neigh) {
        skb.pool.consume(skb);
        return false;
      }
      if (neigh.connected) {
        ethernet.setDestination(head, skb.macHeader, neigh.ha);
        return true;
      }
      neigh.output(skb);
      return false;
    },
    fragment(skb, mtu, output) {
      ipDoFragment(ip4, skb, mtu, (_ip4, piece) => {
        output(piece);
        return 0;
      });
    },
  };
}
