// `ip route flush cache` writes to net.ipv4.route.flush; here the tables do it themselves.

import type { NetNamespace } from "../../net/netns.ts";

export function flushRouteCache(ns: NetNamespace): void {
  ns.ipv4.fib.flushCache();
}
