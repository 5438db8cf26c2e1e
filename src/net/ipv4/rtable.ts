// The question to the routing tables and its answer: a flow (struct flowi4) and a route cache entry (struct rtable with
// its dst_entry). An entry is cached at the nexthop that it was made from (nhc_pcpu_rth_output, nhc_rth_input) or at an
// exception of it, and is good while its generation is the namespace's (rt_is_expired).

import { Errno } from "../../base/errno.ts";
import type { Neighbour } from "../core/neighbour.ts";
import type { NetDevice } from "../core/net-device.ts";
import type { SkBuff } from "../core/skb.ts";
import type { FibInfo } from "./fib-types.ts";
import type { Ipv4 } from "./ipv4.ts";

// FLOWI_FLAG_*
/** the source need not be an address of this host */
export const FLOWI_FLAG_ANYSRC = 1;

/** What a packet's route depends on; make one, re-use it: `fl.reset()` and set what matters. */
export class FlowKey {
  daddr = 0;
  /** 0: the look-up chooses and writes it back */
  saddr = 0;
  /** ifindex that the packet must leave by; 0 any */
  oif = 0;
  /** ifindex that it came in by; 0 or loopback's: made here */
  iif = 0;
  /** the TOS byte; only the upper six bits count */
  tos = 0;
  /** RT_SCOPE_* floor of the route */
  scope = 0;
  mark = 0;
  /** IP protocol and ports, for rules; 0 none */
  proto = 0;
  sport = 0;
  dport = 0;
  uid = 0;
  /** FLOWI_FLAG_* */
  flags = 0;

  /** All fields 0; for chaining. */
  reset(): this {
    this.daddr = 0;
    this.saddr = 0;
    this.oif = 0;
    this.iif = 0;
    this.tos = 0;
    this.scope = 0;
    this.mark = 0;
    this.proto = 0;
    this.sport = 0;
    this.dport = 0;
    this.uid = 0;
    this.flags = 0;
    return this;
  }
}

// uapi/linux/in_route.h: RTCF_*, what `ip route get` prints as "cache <local,brd>".
export const RTCF_NOTIFY = 0x00010000;
export const RTCF_DOREDIRECT = 0x01000000;
export const RTCF_BROADCAST = 0x10000000;
export const RTCF_MULTICAST = 0x20000000;
export const RTCF_LOCAL = -0x80000000;
export const RTCF_REDIRECTED = 0x00040000;

/** What becomes of a packet that a route's input or output takes (dst->input, dst->output). */
export const DST_DISCARD = 0;
export const DST_LOCAL_DELIVER = 1;
export const DST_FORWARD = 2;
export const DST_ERROR = 3;
export const DST_OUTPUT = 1;
export const DST_MC_OUTPUT = 2;
export const DST_RT_BUG = 3;

/** RTAX_* that routes carry, 0 where not set. */
export interface RouteMetrics {
  mtu?: number;
  mtuLock?: boolean;
  window?: number;
  rtt?: number;
  rttvar?: number;
  ssthresh?: number;
  cwnd?: number;
  advmss?: number;
  reordering?: number;
  hoplimit?: number;
  initcwnd?: number;
  features?: number;
  rtoMin?: number;
  initrwnd?: number;
  quickack?: number;
  fastopenNoCookie?: number;
  /** congestion control name */
  congctl?: string;
}

/** Smallest MTU of IPv4 (RFC 791). */
export const IPV4_MIN_MTU = 68;
export const IP_MAX_MTU = 0xffff;

export class Rtable {
  readonly ip4: Ipv4;
  /** the device that packets leave by; loopback for local delivery */
  dev: NetDevice;
  /** RTN_* */
  type: number;
  /** RTCF_* */
  flags: number;
  /** next hop; 0: the destination itself is on the link (rt_gw4) */
  gateway = 0;
  /** 0, or what a sender gets: ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL (positive) */
  error = 0;
  /** made by ipRouteInput (rt_is_input) */
  isInput = false;
  /** ifindex to which local sending was bound, 0 none; for broadcast and multicast loopback (rt_iif) */
  rtIif = 0;
  /** the FIB entry that it comes from; null for broadcast, multicast and unreachable ones */
  fromFib: FibInfo | null = null;
  /** path MTU learned, 0 none; locked: below min_pmtu, no DF any more */
  pmtu = 0;
  mtuLocked = false;
  /** virtual ns when pmtu or a redirect is forgotten; 0 never */
  expires = 0;
  /** by an ICMP redirect or PMTU exception (fnhe) */
  isException = false;
  /** generation of the namespace's routes when made */
  genid: number;
  private _dead = false;
  inputKind: number = DST_DISCARD;
  outputKind: number = DST_OUTPUT;
  /** the next hop of the packet that went this way last, to be looked up again when it is dead or another's */
  neigh: Neighbour | null = null;
  /** virtual ns when it was made (dst->lastuse, which nothing here moves) */
  readonly madeNs: number;

  constructor(ip4: Ipv4, dev: NetDevice, flags: number, type: number) {
    this.ip4 = ip4;
    this.dev = dev;
    this.flags = flags;
    this.type = type;
    this.genid = ip4.rtGenid;
    this.madeNs = ip4.net.now;
  }

  /** DST_OBSOLETE_*: true when somebody killed it */
  get dead(): boolean {
    return this._dead;
  }

  set dead(dead: boolean) {
    this._dead = dead;
    this.ip4.net.pathFlush();
  }

  /** RTCF_LOCAL: packets are for this host. */
  get isLocal(): boolean {
    return (this.flags & RTCF_LOCAL) !== 0;
  }

  get isBroadcastOrMulticast(): boolean {
    return (this.flags & (RTCF_BROADCAST | RTCF_MULTICAST)) !== 0;
  }

  /** rt_is_expired or killed: look it up again. */
  get expired(): boolean {
    return this.dead || this.genid !== this.ip4.rtGenid;
  }

  /**
   * What the tables answered will be answered again to the same question: one nexthop that knows of no exceptions, and no
   * choice among several default routes.
   */
  get lasting(): boolean {
    const info = this.fromFib;
    if (info === null || this.dead || this.isException || this.ip4.fib.customRules) return false;
    const { nh } = info;
    return nh.next === null && nh.exceptions === null && (nh.rthInput === this || nh.rthOutput === this);
  }

  /** The same route for a packet that goes to this next hop, whatever its destination (FLOWI_FLAG_KNOWN_NH). */
  via(gateway: number): Rtable {
    const rt = new Rtable(this.ip4, this.dev, this.flags, this.type);
    Object.assign(rt, this);
    if (this.dead) rt.dead = true;
    rt.gateway = this.gateway !== 0 ? this.gateway : gateway;
    return rt;
  }

  /** The next hop's address for a packet to `daddr` (rt_nexthop). */
  nexthop(daddr: number): number {
    return this.gateway !== 0 ? this.gateway : daddr;
  }

  get metrics(): RouteMetrics | null {
    return this.fromFib ? this.fromFib.metrics : null;
  }

  /** Path MTU for packets made here, IP header included (ipv4_mtu). */
  mtu(): number {
    const pmtu = this.pmtuNow();
    return pmtu !== 0 ? Math.min(pmtu, IP_MAX_MTU) : this.linkMtu();
  }

  /** MTU for forwarded packets: what ICMP told does not count unless ip_forward_use_pmtu (ip_dst_mtu_maybe_forward). */
  forwardMtu(): number {
    if (this.ip4.sysctl.ipForwardUsePmtu !== 0 || this.mtuIsLocked()) return this.mtu();
    return this.linkMtu();
  }

  /** ip_mtu_locked: path MTU discovery does not change it, and packets leave without DF. */
  mtuIsLocked(): boolean {
    return this.mtuLocked || this.fromFib?.metrics?.mtuLock === true;
  }

  /** By the route's metric or the device. */
  private linkMtu(): number {
    const metric = this.fromFib?.metrics?.mtu ?? 0;
    if (metric !== 0) return Math.min(metric, IP_MAX_MTU);
    const { mtu } = this.dev;
    if (this.gateway !== 0 && mtu > 576 && this.mtuIsLocked()) return 576;
    return Math.min(mtu, IP_MAX_MTU);
  }

  private pmtuNow(): number {
    if (this.pmtu === 0) return 0;
    return this.expires !== 0 && this.ip4.net.now >= this.expires ? 0 : this.pmtu;
  }

  /** MSS to announce (ipv4_default_advmss, dst_metric_advmss). */
  advmss(): number {
    const metric = this.metrics?.advmss ?? 0;
    if (metric !== 0) return metric;
    return Math.min(Math.max(this.mtu() - 40, this.ip4.sysctl.minAdvMss), 65535 - 40);
  }

  /** Hands a received packet on (dst_input). Takes it over. */
  input(skb: SkBuff): void {
    const { ops } = this.ip4;
    if (this.inputKind === DST_FORWARD) ops.forward(skb);
    else if (this.inputKind === DST_LOCAL_DELIVER) ops.localDeliver(skb);
    else if (this.inputKind === DST_ERROR) ops.error(skb);
    else ops.discard(skb);
  }

  /** Sends a packet on (dst_output). Takes it over. Returns 0 or a positive errno. */
  output(skb: SkBuff): number {
    const { ops } = this.ip4;
    if (this.outputKind === DST_OUTPUT) return ops.output(skb);
    if (this.outputKind === DST_MC_OUTPUT) return ops.mcOutput(skb);
    ops.discard(skb);
    return Errno.EINVAL;
  }
}

/** The routing decision of a packet (skb_rtable). */
export function skbRtable(skb: SkBuff): Rtable | null {
  return skb.dst as Rtable | null;
}
