// The words of the forwarding information base: what a route is asked to be (FibConfig, as struct fib_config), what it is
// (FibInfo with its nexthops, shared by routes that agree in everything but prefix), and the answer of a look-up
// (FibResult). Answers to include/net/ip_fib.h and uapi/linux/rtnetlink.h.

import { Errno } from "../../base/errno.ts";
import type { NetDevice } from "../core/net-device.ts";
import type { NexthopException } from "./route-exception.ts";
import type { RouteMetrics, Rtable } from "./rtable.ts";

export const RTN_UNSPEC = 0;
export const RTN_UNICAST = 1;
export const RTN_LOCAL = 2;
export const RTN_BROADCAST = 3;
export const RTN_ANYCAST = 4;
export const RTN_MULTICAST = 5;
export const RTN_BLACKHOLE = 6;
export const RTN_UNREACHABLE = 7;
export const RTN_PROHIBIT = 8;
export const RTN_THROW = 9;
export const RTN_NAT = 10;
export const RTN_XRESOLVE = 11;
export const RTN_MAX = 11;

export const RT_SCOPE_UNIVERSE = 0;
export const RT_SCOPE_SITE = 200;
export const RT_SCOPE_LINK = 253;
export const RT_SCOPE_HOST = 254;
export const RT_SCOPE_NOWHERE = 255;

export const RTPROT_UNSPEC = 0;
export const RTPROT_REDIRECT = 1;
export const RTPROT_KERNEL = 2;
export const RTPROT_BOOT = 3;
export const RTPROT_STATIC = 4;

export const RT_TABLE_UNSPEC = 0;
export const RT_TABLE_DEFAULT = 253;
export const RT_TABLE_MAIN = 254;
export const RT_TABLE_LOCAL = 255;

export const RTNH_F_DEAD = 1;
export const RTNH_F_PERVASIVE = 2;
export const RTNH_F_ONLINK = 4;
export const RTNH_F_LINKDOWN = 16;

// Netlink's modifiers of a "new" request.
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

/** fib_props: what a look-up that hits this type returns (positive errno, 0 fine), and the least scope it may have. */
export const FIB_PROPS: readonly { readonly error: number; readonly scope: number }[] = [
  { error: 0, scope: RT_SCOPE_NOWHERE },
  { error: 0, scope: RT_SCOPE_UNIVERSE },
  { error: 0, scope: RT_SCOPE_HOST },
  { error: 0, scope: RT_SCOPE_LINK },
  { error: 0, scope: RT_SCOPE_LINK },
  { error: 0, scope: RT_SCOPE_UNIVERSE },
  { error: Errno.EINVAL, scope: RT_SCOPE_UNIVERSE },
  { error: Errno.EHOSTUNREACH, scope: RT_SCOPE_UNIVERSE },
  { error: Errno.EACCES, scope: RT_SCOPE_UNIVERSE },
  { error: Errno.EAGAIN, scope: RT_SCOPE_UNIVERSE },
  { error: Errno.EINVAL, scope: RT_SCOPE_NOWHERE },
  { error: Errno.EINVAL, scope: RT_SCOPE_NOWHERE },
];

/** One nexthop of a multipath route as asked for (struct rtnexthop). */
export interface NexthopConfig {
  /** ifindex; 0 to be found by the gateway */
  readonly oif: number;
  /** 0: none, on link */
  readonly gw: number;
  /** 1 … 256 */
  readonly weight: number;
  /** RTNH_F_ONLINK */
  readonly flags: number;
}

/** A route as asked for, to add or to delete (struct fib_config). Plain data. */
export interface FibConfig {
  readonly dst: number;
  readonly dstLen: number;
  readonly tos: number;
  /** RTPROT_*; 0 in a deletion: any */
  readonly protocol: number;
  /** RT_SCOPE_*; NOWHERE in a deletion: any */
  readonly scope: number;
  /** RTN_*; 0 in a deletion: any */
  readonly type: number;
  /** 0: main */
  readonly table: number;
  readonly oif: number;
  readonly gw: number;
  readonly priority: number;
  readonly prefsrc: number;
  readonly metrics: RouteMetrics | null;
  readonly multipath: readonly NexthopConfig[] | null;
  /** RTNH_F_ONLINK */
  readonly flags: number;
  /** NLM_F_* */
  readonly nlflags: number;
}

/** A FibConfig with everything that `config` leaves out: a unicast route of universal scope in table main. */
export function fibConfig(config: Partial<FibConfig>): FibConfig {
  return {
    dst: 0,
    dstLen: 0,
    tos: 0,
    protocol: RTPROT_BOOT,
    scope: RT_SCOPE_UNIVERSE,
    type: RTN_UNICAST,
    table: RT_TABLE_MAIN,
    oif: 0,
    gw: 0,
    priority: 0,
    prefsrc: 0,
    metrics: null,
    multipath: null,
    flags: 0,
    nlflags: 0,
    ...config,
  };
}

/** One way out of a route, with the route cache entries made from it (struct fib_nh_common). */
export class FibNh {
  dev: NetDevice | null = null;
  oif: number;
  /** 0 none */
  gw: number;
  /** RT_SCOPE_* of the way to the nexthop: LINK when the gateway is a neighbour */
  scope: number = RT_SCOPE_UNIVERSE;
  /** RTNH_F_* */
  flags: number;
  weight: number;
  /** hash threshold of multipath selection, −1 not in use (nhc_upper_bound) */
  upperBound = -1;
  rthOutput: Rtable | null = null;
  rthInput: Rtable | null = null;
  /** by destination (nhc_exceptions); null while there is none */
  exceptions: Map<number, NexthopException> | null = null;
  /** source address chosen last, as a signed number (none takes a number object of its own), and for which generation of addresses */
  saddr = 0;
  saddrGenid = -1;
  /** the route's next way out, of several */
  next: FibNh | null = null;

  constructor(oif: number, gw: number, weight: number, flags: number) {
    this.oif = oif;
    this.gw = gw;
    this.weight = weight;
    this.flags = flags;
  }
}

/** What routes share that agree in everything but prefix, TOS and table (struct fib_info). */
export class FibInfo {
  /** the first way out, nearly always the only one */
  readonly nh: FibNh;
  readonly protocol: number;
  readonly scope: number;
  readonly type: number;
  readonly prefsrc: number;
  readonly priority: number;
  readonly metrics: RouteMetrics | null;
  readonly tableId: number;
  /** RTNH_F_DEAD, RTNH_F_LINKDOWN, RTNH_F_ONLINK */
  flags: number;
  /** number of routes that use it */
  refs = 0;
  /** released: nobody uses it any more */
  dead = false;

  constructor(config: FibConfig, nhs: readonly FibNh[]) {
    for (const [i, nh] of nhs.entries()) nh.next = nhs[i + 1] ?? null;
    this.nh = nhs[0]!;
    this.protocol = config.protocol;
    this.scope = config.scope;
    this.type = config.type;
    this.prefsrc = config.prefsrc;
    this.priority = config.priority;
    this.metrics = config.metrics;
    this.tableId = config.table;
    this.flags = config.flags & RTNH_F_ONLINK;
  }

  /** All ways out, in a new array. */
  get nhs(): FibNh[] {
    const all: FibNh[] = [];
    for (let nh: FibNh | null = this.nh; nh; nh = nh.next) all.push(nh);
    return all;
  }
}

/** One route of one prefix (struct fib_alias). */
export class FibAlias {
  info: FibInfo;
  readonly tos: number;
  type: number;
  /** the prefix's next route in the kernel's order */
  next: FibAlias | null = null;

  constructor(info: FibInfo, tos: number, type: number) {
    this.info = info;
    this.tos = tos;
    this.type = type;
  }
}

const NO_NEXTHOP: FibNh = new FibNh(0, 0, 1, 0);

/** The answer of a look-up; re-used, filled in by fibLookup. */
export class FibResult {
  prefix = 0;
  prefixLen = 0;
  type: number = RTN_UNSPEC;
  scope: number = RT_SCOPE_UNIVERSE;
  tos = 0;
  info: FibInfo | null = null;
  /** of `info`, the one chosen; means nothing without it */
  nh: FibNh = NO_NEXTHOP;
  tableId = 0;
  /** the first of all routes of the prefix (fa_head) */
  aliases: FibAlias | null = null;

  clear(): void {
    this.info = null;
    this.nh = NO_NEXTHOP;
    this.tableId = 0;
    this.aliases = null;
  }
}

/** What a look-up does not mind. */
export const FIB_LOOKUP_IGNORE_LINKSTATE = 2;

/** One route as dumped (RTM_NEWROUTE). */
export interface FibRoute {
  readonly table: number;
  readonly dst: number;
  readonly dstLen: number;
  readonly tos: number;
  readonly type: number;
  readonly protocol: number;
  readonly scope: number;
  readonly prefsrc: number;
  readonly priority: number;
  readonly metrics: RouteMetrics | null;
  /** RTNH_F_* of the whole route */
  readonly flags: number;
  readonly nexthops: readonly {
    readonly dev: NetDevice | null;
    readonly oif: number;
    readonly gw: number;
    readonly weight: number;
    readonly flags: number;
  }[];
}
