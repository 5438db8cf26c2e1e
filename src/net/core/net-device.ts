// A network interface: identity, flags, counters, and the functions its driver gives it. Answers to
// include/linux/netdevice.h (struct net_device, net_device_ops).

import { smallBytes } from "../../base/bytes.ts";
import { DOUBLE_ZERO } from "../../base/double.ts";
import { withSettings } from "../../base/settings.ts";
import type { CaptureStamp } from "./capture-stamp.ts";
import type { NeighParms } from "./neigh-parms.ts";
import type { Net } from "./net.ts";
import type { SkBuff } from "./skb.ts";

// uapi/linux/if.h
export const IFF_UP: number = 1 << 0;
export const IFF_BROADCAST: number = 1 << 1;
export const IFF_LOOPBACK: number = 1 << 3;
export const IFF_POINTOPOINT: number = 1 << 4;
export const IFF_RUNNING: number = 1 << 6;
export const IFF_NOARP: number = 1 << 7;
export const IFF_PROMISC: number = 1 << 8;
export const IFF_ALLMULTI: number = 1 << 9;
export const IFF_MASTER: number = 1 << 10;
export const IFF_SLAVE: number = 1 << 11;
export const IFF_MULTICAST: number = 1 << 12;
export const IFF_LOWER_UP: number = 1 << 16;

// uapi/linux/if_arp.h
export const ARPHRD_ETHER = 1;
export const ARPHRD_LOOPBACK = 772;

/** RFC 2863 operational state, uapi/linux/if.h IF_OPER_*. */
export const OperState = {
  UNKNOWN: "UNKNOWN",
  NOTPRESENT: "NOTPRESENT",
  DOWN: "DOWN",
  LOWERLAYERDOWN: "LOWERLAYERDOWN",
  TESTING: "TESTING",
  DORMANT: "DORMANT",
  UP: "UP",
} as const;
export type OperState = (typeof OperState)[keyof typeof OperState];

/** rtnl_link_stats64. */
export interface NetDeviceStats {
  rxPackets: number;
  txPackets: number;
  rxBytes: number;
  txBytes: number;
  rxErrors: number;
  txErrors: number;
  rxDropped: number;
  txDropped: number;
  multicast: number;
  collisions: number;
  rxNohandler: number;
}

/** What became of a packet that an rx handler saw. */
export const RX_HANDLER_CONSUMED = 0;
/** skb.dev was changed: receive it again there */
export const RX_HANDLER_ANOTHER = 1;
export const RX_HANDLER_EXACT = 2;
export const RX_HANDLER_PASS = 3;

export type RxHandler = (skb: SkBuff, dev: NetDevice) => number;

const ALL_FEATURES: Readonly<Features> = { rxCsum: true, txCsum: true, sg: true, tso: true, gso: true, gro: false };

const NO_NAMES: readonly string[] = [];
const NO_UPPERS: NetDevice["uppers"] = [];

const NO_ADDRESSES: ReadonlyMap<string, number> = new Map();

const ETHER_BROADCAST = new Uint8Array(6).fill(255);

/** A listener on one interface, both directions (an AF_PACKET socket of ETH_P_ALL: tcpdump). */
export interface Tap {
  /** The frame is head[data … tail), from its link header on; must not be kept or changed. `outgoing`: sent by this host. */
  capture(skb: SkBuff, dev: NetDevice, outgoing: boolean, stamp: CaptureStamp): void;
}

/** What became of a packet that was to be sent; a driver that drops says so to the sender (NET_XMIT_*). */
export const NET_XMIT_SUCCESS = 0;
export const NET_XMIT_DROP = 1;
/** dropped, but no reason to complain */
export const NET_XMIT_CN = 2;

/** A neighbour's frames on a link whose other end is here, sent in one step (Neighbour.output). */
export interface NeighHop {
  /** longest packet that it is for, without its link header */
  readonly mostBytes: number;
  /** nothing has changed since it was made */
  isCurrent(): boolean;
  /** IPv4's packet is one of those it is for; skb.data is at the network header */
  takes(skb: SkBuff): boolean;
  /**
   * Sends it. Takes it over. 0 or a positive errno.
   * @param plain it is known to be what isPlain asks for (plain.ts), but for what the way to the far end does away with
   */
  send(skb: SkBuff, plain: boolean): number;
  /** there is room in the backlog at the other end */
  readonly ready: boolean;
  /** Of a packet on its trail (trail.ts): it leaves, and is at the other end, in no backlog. */
  cross(skb: SkBuff): void;
  /** A packet that has crossed is put into the backlog there, after all. Takes it over. */
  arrive(skb: SkBuff): void;
}

/** What a driver implements; absent functions do the common thing. */
export interface NetDeviceOps {
  /** Takes the frame over (ndo_start_xmit). skb.data stands at the link header. Returns NET_XMIT_*. */
  startXmit(skb: SkBuff, dev: NetDevice): number;
  /**
   * A short way for IPv4 packets to one neighbour, null when there is none now.
   * @param header their link header, two bytes in front of it
   */
  hop?(dev: NetDevice, header: Int32Array): NeighHop | null;
  /** The interface goes up; throws NetError to refuse. */
  open?(dev: NetDevice): void;
  stop?(dev: NetDevice): void;
  /** The other end's ifindex, its own when there is none (ndo_get_iflink). */
  iflink?(dev: NetDevice): number;
  /** Namespace of the other end (rtnl_link_ops' get_link_net). */
  linkNet?(dev: NetDevice): Net;
  /** Before it is unregistered. */
  uninit?(dev: NetDevice): void;
  changeMtu?(dev: NetDevice, mtu: number): void;
  setMacAddress?(dev: NetDevice, address: Uint8Array): void;
  /** IFF_PROMISC or IFF_ALLMULTI (`changed`) was set or cleared */
  changeRxFlags?(dev: NetDevice, changed: number): void;
  /** promiscuity, allmulti or the address lists changed, while up */
  setRxMode?(dev: NetDevice): void;
}

/** Offload features that `ethtool -k` shows and -K changes, by ethtool's names. */
export interface Features {
  rxCsum: boolean;
  txCsum: boolean;
  sg: boolean;
  tso: boolean;
  gso: boolean;
  gro: boolean;
}

/** What a driver or a user may set of a device, and hardly ever does. Never changed, so that devices share one set. */
export interface DeviceSettings {
  readonly minMtu: number;
  readonly maxMtu: number;
  /** NET_ADDR_*: 0 permanent, 1 random, 2 stolen, 3 set by the user */
  readonly addrAssignType: number;
  /** NET_NAME_*: 1 counted up, 2 predictable, 3 given by the user, 4 renamed */
  readonly nameAssignType: number;
  readonly txQueueLen: number;
  /** features that the user switched off; what depends on another comes back with it unless it is here */
  readonly featuresOff: readonly (keyof Features)[];
  /** the user's word on features that change nothing here, by ethtool's names */
  readonly otherFeatures: Readonly<Record<string, boolean>>;
  /** channels in use (ethtool -L) */
  readonly rxChannels: number;
  readonly txChannels: number;
  readonly gsoMaxSegs: number;
  /** as `ip -d link` shows it; without IPv6 it has no effect */
  readonly addrGenMode: string;
  /** -1: as many as the driver makes */
  readonly numTxQueues: number;
  readonly numRxQueues: number;
  /** IF_LINK_MODE_*: DEFAULT or DORMANT */
  readonly linkMode: "DEFAULT" | "DORMANT";
  readonly group: number;
  /** as ethtool says; −1 unknown */
  readonly speedMbps: number;
  /** stays in the namespace where it was made (loopback, bridge) */
  readonly netnsImmutable: boolean;
  /** the driver picks frames to further unicast addresses; without, it becomes promiscuous for them (IFF_UNICAST_FLT) */
  readonly unicastFilter: boolean;
}

const DEFAULTS: DeviceSettings = {
  minMtu: 68,
  maxMtu: 65535,
  addrAssignType: 0,
  nameAssignType: 3,
  txQueueLen: 1000,
  featuresOff: [],
  otherFeatures: {},
  rxChannels: 1,
  txChannels: 1,
  gsoMaxSegs: 65535,
  addrGenMode: "eui64",
  numTxQueues: -1,
  numRxQueues: -1,
  linkMode: "DEFAULT",
  group: 0,
  speedMbps: -1,
  netnsImmutable: false,
  unicastFilter: false,
};

/** A packet queue in front of the driver (tc qdisc): netem, tbf. */
export interface Qdisc {
  readonly kind: string;
  /** Takes the packet over; sends it by `devHardStartXmit` now or later, or drops it. Returns NET_XMIT_*. */
  enqueue(skb: SkBuff, dev: NetDevice): number;
  reset(): void;
}

export class NetDevice {
  net: Net;
  name: string;
  /** unique in its namespace; 0 until registered */
  ifindex = 0;
  /** IFF_UP, IFF_BROADCAST, …; IFF_RUNNING and IFF_LOWER_UP follow operstate and carrier */
  flags: number = IFF_BROADCAST | IFF_MULTICAST;
  /** ARPHRD_* */
  readonly type: number;
  /** "veth", "bridge", … as `ip -d link` calls it; "" for lo */
  readonly kind: string;
  mtu = 1500;
  settings: DeviceSettings = DEFAULTS;
  hardHeaderLen = 14;
  /** MAC address */
  readonly address: Uint8Array = smallBytes(6);
  /** replaced, not changed: nearly all devices share one */
  broadcast: Uint8Array = ETHER_BROADCAST;
  /** as last judged by link-watch.ts; a device that is not up shows DOWN */
  operstate: OperState = OperState.UNKNOWN;
  carrier = true;
  /** how often the carrier came or went (`ip -s -s link`: transns) */
  carrierChanges = 0;
  /** replaced, not changed: nearly all devices share one set */
  private _features: Readonly<Features> = ALL_FEATURES;
  gsoMaxSize = 65536;
  readonly ops: NetDeviceOps;
  /** the bridge, or other device, of which it is a port */
  master: NetDevice | null = null;
  /** the device below (vlan, macvlan, vxlan) */
  lower: NetDevice | null = null;
  private _rxHandler: RxHandler | null = null;
  /** what the rx handler keeps about this port */
  rxHandlerData: unknown = null;
  readonly taps: Tap[] = [];
  /** count of those who want every frame */
  promiscuity = 0;
  /** IFF_PROMISC and IFF_ALLMULTI as the user set them, which is what flags show (dev->gflags) */
  gflags = 0;
  allmulti = 0;
  readonly stats: NetDeviceStats = {
    rxPackets: 0,
    txPackets: 0,
    rxBytes: DOUBLE_ZERO,
    txBytes: DOUBLE_ZERO,
    rxErrors: 0,
    txErrors: 0,
    rxDropped: 0,
    txDropped: 0,
    multicast: 0,
    collisions: 0,
    rxNohandler: 0,
  };
  /** null: noqueue, straight to the driver */
  qdisc: Qdisc | null = null;
  /** has been up in this namespace: its queue shows as noqueue, before as noop */
  activated = false;
  /** its queue works: up, with a carrier when that was last looked at; before, frames are dropped (noop_qdisc) */
  txActive = false;
  /** further names by which it is found (IFLA_ALT_IFNAME) */
  altNames: readonly string[] = NO_NAMES;
  ifalias = "";
  /** the driver's own */
  priv: unknown = null;
  /** IPv4's part (ipv4/devinet.ts in_device); null before it is registered */
  inDev: unknown = null;
  /** ARP's settings and entries here; null without IPv4 */
  neighParms: NeighParms | null = null;
  /** how vlan devices are found: (vlanProto << 12 | vid) → device; null when there is none */
  vlans: Map<number, NetDevice> | null = null;
  /** multicast addresses wanted, as 12 hex digits, with use counts; replaced, not changed: most devices have the same */
  mcAddresses: ReadonlyMap<string, number> = NO_ADDRESSES;
  /** unicast addresses wanted besides its own, likewise */
  ucAddresses: ReadonlyMap<string, number> = NO_ADDRESSES;
  ucPromisc = false;
  registered = false;
  /** on its way to another namespace: what is on top of it stays */
  moving = false;
  /** devices on top of this one hear of its events, in whatever namespace it is */
  uppers: readonly ((event: string) => void)[] = NO_UPPERS;

  constructor(net: Net, name: string, kind: string, type: number, ops: NetDeviceOps) {
    this.net = net;
    this.name = name;
    this.kind = kind;
    this.type = type;
    this.ops = ops;
  }

  change(values: Partial<DeviceSettings>): void {
    this.settings = withSettings(this.settings, values);
  }

  /** the other end's ifindex that `@ifN` shows, its own when there is none (dev_get_iflink) */
  iflink(): number {
    return this.ops.iflink?.(this) ?? this.ifindex;
  }

  /** namespace of iflink, when another (link-netnsid) */
  linkNet(): Net {
    return this.ops.linkNet?.(this) ?? this.net;
  }

  /** takes received frames before their protocol does: a bridge's, say */
  get rxHandler(): RxHandler | null {
    return this._rxHandler;
  }

  set rxHandler(handler: RxHandler | null) {
    this._rxHandler = handler;
    this.net.pathFlush();
  }

  get features(): Readonly<Features> {
    return this._features;
  }

  set features(features: Readonly<Features>) {
    this._features = features;
    this.net.pathFlush();
  }

  get up(): boolean {
    return (this.flags & IFF_UP) !== 0;
  }

  /** netif_running and a carrier: frames can pass */
  get operational(): boolean {
    return (this.flags & IFF_UP) !== 0 && this.carrier;
  }

  get loopback(): boolean {
    return (this.flags & IFF_LOOPBACK) !== 0;
  }
}
