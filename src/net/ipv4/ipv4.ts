// What IPv4 keeps in one network namespace (struct netns_ipv4), and where transports register. The files of this folder
// are functions over it; `af-inet.ts` makes one, wires the files together and registers `ipRcv` and `arpRcv` with the core.

import { LazyMap } from "../../base/lazy.ts";
import { withSettings } from "../../base/settings.ts";
import type { Rng } from "../../sim/rng.ts";
import type { NeighTable } from "../core/neigh-table.ts";
import type { Net } from "../core/net.ts";
import type { NetDevice } from "../core/net-device.ts";
import type { SkBuff } from "../core/skb.ts";
import type { InetProtocol, Sock } from "../core/sock.ts";
import { INFINITY_LIFE_TIME, type InIfaddr, type Ipv4Devconf } from "./devconf.ts";
import type { FibTables } from "./fib-tables.ts";
import type { IcmpState } from "./icmp.ts";
import type { IfaddrLifetimes } from "./ifaddr-lifetime.ts";
import type { IgmpState } from "./igmp.ts";
import type { InetPeers } from "./inet-peer.ts";
import type { IpFragments } from "./ip-fragment.ts";
import type { IpIdents } from "./ip-ident.ts";
import { Mib } from "./mib.ts";
import type { PingTable } from "./ping.ts";
import type { RawTable } from "./raw.ts";
import type { RouteState } from "./route.ts";
import type { UdpTable } from "./udp-table.ts";

/** Namespace-wide settings, the values behind net.ipv4.* (defaults as Linux 6.18 has them). Times in the sysctl's unit. */
export interface Ipv4Sysctl {
  ipForward: number;
  ipForwardUsePmtu: number;
  ipForwardUpdatePriority: number;
  defaultTtl: number;
  noPmtuDisc: number;
  nonlocalBind: number;
  localPortRange: readonly [number, number];
  localReservedPorts: readonly [number, number][];
  unprivilegedPortStart: number;
  autobindReuse: number;
  dynaddr: number;
  earlyDemux: number;
  fwmarkReflect: number;
  icmpEchoIgnoreAll: number;
  icmpEchoIgnoreBroadcasts: number;
  icmpEchoEnableProbe: number;
  icmpErrorsUseInboundIfaddr: number;
  icmpIgnoreBogusErrorResponses: number;
  /** milliseconds */
  icmpRatelimit: number;
  icmpRatemask: number;
  icmpMsgsPerSec: number;
  icmpMsgsBurst: number;
  ipfragHighThresh: number;
  ipfragLowThresh: number;
  ipfragMaxDist: number;
  /** seconds */
  ipfragTime: number;
  pingGroupRange: readonly [number, number];
  fibMultipathHashPolicy: number;
  fibMultipathHashFields: number;
  fibNotifyOnFlagChange: number;
  fibMultipathUseNeigh: number;
  minPmtu: number;
  /** seconds */
  mtuExpires: number;
  minAdvMss: number;
  igmpMaxMemberships: number;
  igmpMaxMsf: number;
  igmpQrv: number;
  igmpLinkLocalMcastReports: number;
  udpRmemMin: number;
  udpWmemMin: number;
  /** net.ipv4.route.*: redirects: ms, count */
  redirectLoadMs: number;
  redirectNumber: number;
  redirectSilenceMs: number;
  errorCostMs: number;
  errorBurstMs: number;
  /** further keys are added by the file that uses them, through net.sysctl.registerInt */
}

/** Functions that lower files call and higher ones supply (as Linux has them in dst_ops and function pointers). */
export interface Ipv4Ops {
  /** ip_local_deliver, ip_forward, ip_error, dst_discard: take the packet over */
  localDeliver(skb: SkBuff): void;
  forward(skb: SkBuff): void;
  error(skb: SkBuff): void;
  discard(skb: SkBuff): void;
  /** ip_output, ip_mc_output: take the packet over; 0 or a positive errno */
  output(skb: SkBuff): number;
  mcOutput(skb: SkBuff): number;
  /** __icmp_send */
  icmpSend(skb: SkBuff, type: number, code: number, info: number): void;
}

/** An address came or went (inetaddr_chain). */
export type InetaddrNotifier = (event: "UP" | "DOWN", ifa: InIfaddr) => void;

/** What makes the parts that a namespace has only when it needs them; their files import this one. */
export interface Ipv4Makers {
  fragments(ip4: Ipv4): IpFragments;
  peers(ip4: Ipv4): InetPeers;
  icmp(ip4: Ipv4): IcmpState;
  igmp(ip4: Ipv4): IgmpState;
  lifetimes(ip4: Ipv4): IfaddrLifetimes;
  idents(ip4: Ipv4): IpIdents;
  raw(ip4: Ipv4): RawTable;
  udp(ip4: Ipv4): UdpTable;
  ping(ip4: Ipv4): PingTable;
}

let makers: Ipv4Makers;

/** @internal af-inet.ts knows all those classes */
export function setIpv4Makers(all: Ipv4Makers): void {
  makers = all;
}

const DEFAULTS: Readonly<Ipv4Sysctl> = {
  ipForward: 0,
  ipForwardUsePmtu: 0,
  ipForwardUpdatePriority: 1,
  defaultTtl: 64,
  noPmtuDisc: 0,
  nonlocalBind: 0,
  localPortRange: [32768, 60999],
  localReservedPorts: [],
  unprivilegedPortStart: 1024,
  autobindReuse: 0,
  dynaddr: 0,
  earlyDemux: 1,
  fwmarkReflect: 0,
  icmpEchoIgnoreAll: 0,
  icmpEchoIgnoreBroadcasts: 1,
  icmpEchoEnableProbe: 0,
  icmpErrorsUseInboundIfaddr: 0,
  icmpIgnoreBogusErrorResponses: 1,
  icmpRatelimit: 1000,
  icmpRatemask: 6168,
  icmpMsgsPerSec: 1000,
  icmpMsgsBurst: 50,
  ipfragHighThresh: 4194304,
  ipfragLowThresh: 3145728,
  ipfragMaxDist: 64,
  ipfragTime: 30,
  pingGroupRange: [1, 0],
  fibMultipathHashPolicy: 0,
  fibMultipathHashFields: 7,
  fibNotifyOnFlagChange: 0,
  fibMultipathUseNeigh: 0,
  minPmtu: 552,
  mtuExpires: 600,
  minAdvMss: 256,
  igmpMaxMemberships: 20,
  igmpMaxMsf: 10,
  igmpQrv: 2,
  igmpLinkLocalMcastReports: 1,
  udpRmemMin: 4096,
  udpWmemMin: 4096,
  redirectLoadMs: 20,
  redirectNumber: 9,
  redirectSilenceMs: 20480,
  errorCostMs: 1000,
  errorBurstMs: 5000,
};

const NO_NOTIFIERS: readonly InetaddrNotifier[] = [];
const NO_VALIDATORS: Ipv4["inetaddrValidators"] = [];
const NO_PROTOCOLS: Ipv4["protocols"] = [];

/** IPv4's part of a namespace. */
export function ipv4Of(net: Net): Ipv4 {
  return net.ipv4 as Ipv4;
}

export class Ipv4 {
  readonly net: Net;
  /** replaced (changeSysctl), not changed: nearly all namespaces share the defaults, of 500 bytes */
  sysctl: Readonly<Ipv4Sysctl> = DEFAULTS;
  readonly mib: Mib = new Mib();
  /** by IP protocol number (inet_protos) */
  protocols: readonly (InetProtocol<Ipv4> | undefined)[] = NO_PROTOCOLS;
  /** generation of routes: a cached Rtable of another one is looked up again (rt_genid_ipv4) */
  rtGenid = 1;
  inetaddrNotifiers: readonly InetaddrNotifier[] = NO_NOTIFIERS;
  /** may refuse a new address by throwing (inetaddr_validator_chain) */
  inetaddrValidators: readonly ((dev: NetDevice, address: number) => void)[] = NO_VALIDATORS;
  /** this host's addresses, by the address as a signed 32-bit number; the newest first (inet_addr_lst) */
  readonly localAddrs: LazyMap<number, InIfaddr> = new LazyMap();

  // Filled in by createIpv4 (af-inet.ts), each by its own file.
  ops!: Ipv4Ops;
  devconfAll!: Ipv4Devconf;
  devconfDflt!: Ipv4Devconf;
  fib!: FibTables;
  route!: RouteState;
  arp!: NeighTable;

  /** TCP's part, null until something needs it (tcp.ts) */
  tcp: unknown = null;

  // What few namespaces ever use is made when it is first needed.
  private _fragments: IpFragments | null = null;
  private _peers: InetPeers | null = null;
  private _icmp: IcmpState | null = null;
  private _igmp: IgmpState | null = null;
  private lifetimes: IfaddrLifetimes | null = null;
  private _idents: IpIdents | null = null;
  private _raw: RawTable | null = null;
  private _udp: UdpTable | null = null;
  private _ping: PingTable | null = null;

  changeSysctl(values: Partial<Ipv4Sysctl>): void {
    this.sysctl = withSettings(this.sysctl, values);
  }

  get fragments(): IpFragments {
    this._fragments ??= makers.fragments(this);
    return this._fragments;
  }

  get peers(): InetPeers {
    this._peers ??= makers.peers(this);
    return this._peers;
  }

  get icmp(): IcmpState {
    this._icmp ??= makers.icmp(this);
    return this._icmp;
  }

  get idents(): IpIdents {
    this._idents ??= makers.idents(this);
    return this._idents;
  }

  get raw(): RawTable {
    this._raw ??= makers.raw(this);
    return this._raw;
  }

  /** Some raw socket has been there: packets are offered to those. */
  get hasRaw(): boolean {
    return this._raw !== null;
  }

  get udp(): UdpTable {
    this._udp ??= makers.udp(this);
    return this._udp;
  }

  get ping(): PingTable {
    this._ping ??= makers.ping(this);
    return this._ping;
  }

  get igmp(): IgmpState {
    this._igmp ??= makers.igmp(this);
    return this._igmp;
  }

  /** An address came or got other life times; nothing to watch over while all live for ever. */
  kickLifetimes(ifa: InIfaddr): void {
    if (this.lifetimes === null && ifa.validLft === INFINITY_LIFE_TIME) return;
    this.lifetimes ??= makers.lifetimes(this);
    this.lifetimes.kick(ifa);
  }

  constructor(net: Net) {
    this.net = net;
  }

  /** To fork from; made anew each time, because few namespaces need it again. */
  get rng(): Rng {
    return this.net.kernel.rng.fork(`ipv4/${this.net.id}`);
  }

  /** Cached routes are looked up again (rt_cache_flush). */
  rtCacheFlush(): void {
    this.rtGenid++;
    this.net.pathFlush();
  }

  get loopback(): NetDevice {
    return this.net.loopback;
  }
}

export type { Sock };
