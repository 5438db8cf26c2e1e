// A VXLAN tunnel end: Ethernet frames in UDP to one host, to a group, or to whoever the forwarding table names; senders are
// learned from what comes in. Answers to drivers/net/vxlan/vxlan_core.c and RFC 7348. Leaves out IPv6, multicast groups'
// joining, metadata mode (external), GPE, GBP, ARP suppression (proxy) and route short-circuit (rsc).

import { Errno, NetError } from "../../base/errno.ts";
import { type Ns, SEC } from "../../base/time.ts";
import type { Timer } from "../../sim/sim.ts";
import * as ethernet from "../../wire/ethernet.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import * as vxlan from "../../wire/vxlan.ts";
import { bridgePortOf } from "../bridge/br-private.ts";
import { ethTypeTrans, netifRx, registerNetdevice, unregisterNetdevice } from "../core/dev.ts";
import { DropReason } from "../core/drop-reason.ts";
import { ethHwAddrRandom } from "../core/eth-address.ts";
import { NETDEV_UNREGISTER, type Net } from "../core/net.ts";
import { ARPHRD_ETHER, NET_XMIT_SUCCESS, NetDevice, type NetDeviceOps } from "../core/net-device.ts";
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, drop, PACKET_HOST, type SkBuff } from "../core/skb.ts";
import type { Ipv4 } from "../ipv4/ipv4.ts";
import { FlowKey, ipRouteOutputKey, type Rtable } from "../ipv4/route.ts";
import type { UdpSock } from "../ipv4/udp.ts";
import { udpTunnelOpen, udpTunnelXmit } from "../ipv4/udp-tunnel.ts";
import { flowPort, skbFlowHash } from "./flow-hash.ts";
import { tunnelCheckPmtu } from "./tunnel-pmtu.ts";
import { VXLAN_FDB_NOARP, VXLAN_FDB_PERMANENT, VxlanFdb, type VxlanRemote } from "./vxlan-fdb.ts";

/** Outer IPv4, UDP, VXLAN and the inner Ethernet header. */
const VXLAN_HEADROOM = 20 + 8 + 8 + 14;
/** Old entries are looked for this often. */
const FDB_AGE_INTERVAL: Ns = 10 * SEC;
const ETH_MIN_MTU = 68;

export type VxlanDf = "unset" | "set" | "inherit";

export interface VxlanConfig {
  readonly vni: number;
  /** 0: none */
  remote: number;
  readonly local: number;
  /** the device below; null: by the routes */
  readonly lower: NetDevice | null;
  readonly port: number;
  /** outer source ports low … high; 0, 0: the namespace's range */
  readonly portRange: readonly [number, number];
  /** 0: the route's */
  ttl: number;
  /** the inner packet's TTL */
  ttlInherit: boolean;
  /** 1: the inner packet's */
  tos: number;
  df: VxlanDf;
  /** seconds; 0 never */
  ageing: number;
  /** 0: no limit */
  readonly maxAddresses: number;
  learning: boolean;
  readonly udpCsum: boolean;
  /** kept and shown */
  readonly proxy: boolean;
  readonly rsc: boolean;
  readonly l2miss: boolean;
  readonly l3miss: boolean;
}

/** A tunnel with everything that `config` leaves out. */
export function vxlanConfig(config: Partial<VxlanConfig> & { vni: number }): VxlanConfig {
  return {
    remote: 0,
    local: 0,
    lower: null,
    port: vxlan.LINUX_PORT,
    portRange: [0, 0],
    ttl: 0,
    ttlInherit: false,
    tos: 0,
    df: "unset",
    ageing: 300,
    maxAddresses: 0,
    learning: true,
    udpCsum: true,
    proxy: false,
    rsc: false,
    l2miss: false,
    l3miss: false,
    ...config,
  };
}

export class Vxlan {
  readonly dev: NetDevice;
  readonly config: VxlanConfig;
  /** IPv4 of the namespace in which it was made: there the outer packets travel */
  readonly ip4: Ipv4;
  readonly fdb: VxlanFdb = new VxlanFdb();
  readonly hashSeed: number;
  readonly flow: FlowKey = new FlowKey();
  ageTimer!: Timer;
  sock: UdpSock | null = null;
  /** the tunnels of one namespace and port that are up: they share a socket */
  sharing: Set<Vxlan> = new Set();
  onLower: ((event: string) => void) | null = null;
  readonly header: {
    saddr: number;
    daddr: number;
    tos: number;
    ttl: number;
    df: boolean;
    sport: number;
    dport: number;
    noCheck: boolean;
  } = { saddr: 0, daddr: 0, tos: 0, ttl: 0, df: false, sport: 0, dport: 0, noCheck: false };

  constructor(dev: NetDevice, ip4: Ipv4, config: VxlanConfig) {
    this.dev = dev;
    this.ip4 = ip4;
    this.config = config;
    this.hashSeed = ip4.net.kernel.rng.fork("flow-hash").u32();
  }
}

/** The tunnel behind a device, or null. */
export function vxlanOf(dev: NetDevice): Vxlan | null {
  return dev.priv instanceof Vxlan ? dev.priv : null;
}

/**
 * Makes a tunnel end, down. Throws EEXIST (that VNI and port are taken), EINVAL, and what registerNetdevice throws.
 * @param ip4 of the namespace that the outer packets travel in
 */
export function createVxlan(
  net: Net,
  ip4: Ipv4,
  name: string,
  config: VxlanConfig,
  options: { address?: Uint8Array; mtu?: number; ifindex?: number } = {},
): Vxlan {
  for (const other of ip4.net.devices.values()) {
    const that = vxlanOf(other);
    if (that && that.ip4 === ip4 && that.config.vni === config.vni && that.config.port === config.port)
      throw new NetError(Errno.EEXIST, "A VXLAN device with the specified VNI already exists");
  }
  const dev = new NetDevice(net, name, "vxlan", ARPHRD_ETHER, vxlanOps);
  if (options.address) {
    dev.address.set(options.address);
    dev.change({ addrAssignType: 3 });
  } else ethHwAddrRandom(dev);
  const { lower } = config;
  if (lower) {
    const limit = lower.mtu - VXLAN_HEADROOM;
    if (limit < ETH_MIN_MTU) throw new NetError(Errno.EINVAL);
    dev.mtu = Math.min(options.mtu ?? limit, limit);
    dev.lower = lower;
    dev.change({ speedMbps: lower.settings.speedMbps });
  } else if (options.mtu !== undefined) dev.mtu = options.mtu;
  const self = new Vxlan(dev, ip4, config);
  self.fdb.maxAddresses = config.maxAddresses;
  self.ageTimer = ip4.net.kernel.sim.timer(() => cleanup(self));
  dev.priv = self;
  registerNetdevice(dev, options.ifindex ?? 0);
  if (config.remote !== 0) setDefaultRemote(self, config.remote);
  if (lower) {
    self.onLower = (event) => {
      if (event === NETDEV_UNREGISTER) unregisterNetdevice(dev);
    };
    lower.uppers = [...lower.uppers, self.onLower];
  }
  return self;
}

const ZERO_MAC = new Uint8Array(6);

/** Where all goes that has no entry of its own (the all-zero address). */
export function setDefaultRemote(self: Vxlan, ip: number): void {
  const { fdb, config } = self;
  const remote: VxlanRemote = { ip, port: config.port, vni: config.vni, ifindex: config.lower?.ifindex ?? 0 };
  const entry = fdb.find(ZERO_MAC, 0);
  if (entry >= 0) fdb.migrate(entry, remote);
  else {
    const how = { create: true, exclusive: false, replace: false, append: true };
    fdb.update(ZERO_MAC, 0, remote, VXLAN_FDB_PERMANENT, self.ip4.net.now, how);
  }
  config.remote = ip;
}

const vxlanOps: NetDeviceOps = {
  linkNet: (dev) => (dev.priv as Vxlan).ip4.net,
  startXmit: vxlanXmit,
  open(dev: NetDevice): void {
    const self = dev.priv as Vxlan;
    openSocket(self);
    if (self.config.ageing > 0) self.ageTimer.after(FDB_AGE_INTERVAL);
  },
  stop(dev: NetDevice): void {
    const self = dev.priv as Vxlan;
    self.ageTimer.del();
    self.fdb.flush(0, VXLAN_FDB_PERMANENT | VXLAN_FDB_NOARP);
    closeSocket(self);
  },
  uninit(dev: NetDevice): void {
    const self = dev.priv as Vxlan;
    const { lower } = self.config;
    if (lower && self.onLower) lower.uppers = lower.uppers.filter((upper) => upper !== self.onLower);
  },
  changeMtu(dev: NetDevice, mtu: number): void {
    const { lower } = (dev.priv as Vxlan).config;
    if (lower && mtu > lower.mtu - VXLAN_HEADROOM) throw new NetError(Errno.EINVAL);
  },
};

/** vxlan_sock_add: tunnels of one namespace and port share a socket. */
function openSocket(self: Vxlan): void {
  const { ip4, config } = self;
  for (const other of ip4.net.devices.values()) {
    const that = vxlanOf(other);
    if (!that?.sock || that.ip4 !== ip4 || that.config.port !== config.port) continue;
    self.sock = that.sock;
    self.sharing = that.sharing;
    self.sharing.add(self);
    return;
  }
  const sharing = new Set([self]);
  self.sharing = sharing;
  self.sock = udpTunnelOpen(ip4, config.port, (skb) => vxlanRcv(sharing, skb));
}

function closeSocket(self: Vxlan): void {
  const { sock } = self;
  self.sock = null;
  self.sharing.delete(self);
  if (self.sharing.size === 0) sock?.close();
}

/** vxlan_cleanup: what was not used for the ageing time is forgotten. */
function cleanup(self: Vxlan): void {
  const { table } = self.fdb;
  const { now } = self.ip4.net;
  for (const entry of table.entries()) {
    if (table.flags(entry) & (VXLAN_FDB_PERMANENT | VXLAN_FDB_NOARP)) continue;
    if (Math.max(table.used(entry), table.updated(entry)) + self.config.ageing * SEC <= now) table.delete(entry);
  }
  self.ageTimer.after(FDB_AGE_INTERVAL);
}

/** vxlan_xmit: to the station's tunnel end, else to every end of the all-zero entry. */
function vxlanXmit(skb: SkBuff, dev: NetDevice): number {
  const self = dev.priv as Vxlan;
  const { fdb } = self;
  let entry = fdb.find(skb.head, skb.data);
  if (entry < 0) entry = fdb.find(ZERO_MAC, 0);
  else fdb.table.setUsed(entry, self.ip4.net.now);
  if (entry < 0) {
    dev.stats.txDropped++;
    drop(skb, DropReason.NOT_SPECIFIED);
    return NET_XMIT_SUCCESS;
  }
  const remotes = fdb.remotes(entry);
  for (let i = 1; i < remotes.length; i++) xmitOne(self, skb.pool.copy(skb), remotes[i]!);
  xmitOne(self, skb, remotes[0]!);
  return NET_XMIT_SUCCESS;
}

/** vxlan_xmit_one */
function xmitOne(self: Vxlan, skb: SkBuff, remote: VxlanRemote): void {
  const { ip4, config, header, dev } = self;
  const { head } = skb;
  const inner = skb.data + ethernet.HEADER_LENGTH;
  const innerIp = skb.protocol === ethernet.ETH_P_IP;
  let { tos, ttl } = config;
  if (config.ttlInherit && innerIp) ttl = ipv4.getTtl(head, inner);
  if (ttl === 0 && remote.ip >>> 28 === 14) ttl = 1;
  if (tos === 1) tos = innerIp ? ipv4.getTos(head, inner) : 0;
  let [low, high] = config.portRange;
  if (low >= high) [low, high] = ip4.sysctl.localPortRange;
  const sport = flowPort(skbFlowHash(skb, self.hashSeed), low, high);
  const rt = lookUp(self, remote, tos, sport);
  if (!rt) {
    dev.stats.txErrors++;
    drop(skb, DropReason.IP_OUTNOROUTES);
    return;
  }
  if (rt.isLocal && bypass(self, skb, remote)) return;
  if (tunnelCheckPmtu(skb, rt, VXLAN_HEADROOM, bridgePortOf(dev) !== null)) {
    loopBack(dev, skb);
    return;
  }
  const length = skb.len - ethernet.HEADER_LENGTH;
  const df = config.df === "set" || (config.df === "inherit" && innerIp && hasDf(head, inner));
  if (skb.ipSummed !== CHECKSUM_PARTIAL) skb.ipSummed = CHECKSUM_NONE;
  const at = skb.push(vxlan.HEADER_LENGTH);
  vxlan.emit({ flags: vxlan.FLAG_VNI, vni: remote.vni }, head, at);
  header.saddr = config.local || self.flow.saddr;
  header.daddr = remote.ip;
  // the outer packet takes over the inner one's congestion marks (RFC 6040)
  header.tos = innerIp ? (tos & 0xfc) | encapsulateEcn(ipv4.getTos(head, inner)) : tos;
  header.ttl = ttl || rt.metrics?.hoplimit || ip4.sysctl.defaultTtl;
  header.df = df;
  header.sport = sport;
  header.dport = remote.port;
  header.noCheck = !config.udpCsum;
  skb.sk = null;
  if (udpTunnelXmit(ip4, rt, skb, header) !== 0) {
    dev.stats.txErrors++;
    return;
  }
  dev.stats.txPackets++;
  dev.stats.txBytes += length;
}

/** A frame comes back by the device that should have sent it, as if the other end had (vxlan_encap_bypass). */
function loopBack(dev: NetDevice, skb: SkBuff): void {
  const { len } = skb;
  dev.stats.txPackets++;
  dev.stats.txBytes += len;
  ethTypeTrans(skb, dev);
  skb.pktType = PACKET_HOST;
  if (!netifRx(skb)) return;
  dev.stats.rxPackets++;
  dev.stats.rxBytes += len;
}

function hasDf(head: Uint8Array, at: number): boolean {
  return (ipv4.getFlagsAndOffset(head, at) & ipv4.DF) !== 0;
}

/** INET_ECN_encapsulate: a packet that met congestion is marked anew as one that can. */
function encapsulateEcn(tos: number): number {
  const ecn = tos & 3;
  return ecn === 3 ? 2 : ecn;
}

function lookUp(self: Vxlan, remote: VxlanRemote, tos: number, sport: number): Rtable | null {
  const fl = self.flow.reset();
  fl.daddr = remote.ip;
  fl.saddr = self.config.local;
  fl.oif = remote.ifindex;
  fl.tos = tos;
  fl.proto = ipv4.IPPROTO_UDP;
  fl.sport = sport;
  fl.dport = remote.port;
  const rt = ipRouteOutputKey(self.ip4, fl);
  // a tunnel through itself would never end
  return rt.error !== 0 || rt.dev === self.dev ? null : rt;
}

/** encap_bypass_if_local: the other end is a tunnel of this host, which gets the frame directly. */
function bypass(self: Vxlan, skb: SkBuff, remote: VxlanRemote): boolean {
  for (const other of self.ip4.net.devices.values()) {
    const that = vxlanOf(other);
    if (!that || that === self || that.ip4 !== self.ip4 || !that.dev.up) continue;
    if (that.config.vni !== remote.vni || that.config.port !== remote.port) continue;
    const { saddr } = self.flow;
    self.dev.stats.txPackets++;
    self.dev.stats.txBytes += skb.len;
    receive(that, skb, self.config.local || saddr, false);
    return true;
  }
  return false;
}

/** A datagram came to the port (vxlan_rcv): skb.data is behind the UDP header. Takes it over. */
function vxlanRcv(sharing: ReadonlySet<Vxlan>, skb: SkBuff): void {
  const { head } = skb;
  const at = skb.data;
  if (skb.len < vxlan.HEADER_LENGTH + ethernet.HEADER_LENGTH || !(vxlan.getFlags(head, at) & vxlan.FLAG_VNI)) {
    drop(skb, DropReason.HDR_TRUNC);
    return;
  }
  const vni = vxlan.getVni(head, at);
  let self: Vxlan | null = null;
  for (const candidate of sharing) if (candidate.config.vni === vni) self = candidate;
  if (!self) {
    drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  const saddr = ipv4.getSource(head, skb.networkHeader);
  skb.pull(vxlan.HEADER_LENGTH);
  receive(self, skb, saddr, true);
}

/** The inner frame comes in by the tunnel's device. */
function receive(self: Vxlan, skb: SkBuff, saddr: number, scrub: boolean): void {
  const { dev, ip4 } = self;
  // a checksum left to offload belongs to the outer header when it starts there
  if (skb.ipSummed === CHECKSUM_PARTIAL && skb.csumStart < skb.data) skb.ipSummed = CHECKSUM_NONE;
  if (scrub) skb.scrub(dev.net !== ip4.net);
  ethTypeTrans(skb, dev);
  const { head, macHeader } = skb;
  if (ethernet.equalMac(head, macHeader + ethernet.SOURCE, dev.address, 0)) {
    drop(skb, DropReason.LOCAL_MAC);
    return;
  }
  if (self.config.learning && !snoop(self, head, macHeader + ethernet.SOURCE, saddr)) {
    drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  if (!dev.up) {
    dev.stats.rxDropped++;
    drop(skb, DropReason.DEV_READY);
    return;
  }
  dev.stats.rxPackets++;
  dev.stats.rxBytes += skb.len;
  netifRx(skb);
}

/** vxlan_snoop: the sender is behind `saddr`; false when its entry must not move. */
function snoop(self: Vxlan, b: Uint8Array, at: number, saddr: number): boolean {
  const { fdb, config } = self;
  const { now } = self.ip4.net;
  if (ethernet.isMulticast(b, at) || ethernet.isZero(b, at)) return true;
  const entry = fdb.find(b, at);
  if (entry >= 0) {
    fdb.table.setUpdated(entry, now);
    const there = fdb.remotes(entry)[0]!;
    if (there.ip === saddr) return true;
    if (fdb.table.flags(entry) & (VXLAN_FDB_PERMANENT | VXLAN_FDB_NOARP)) return false;
    fdb.migrate(entry, { ...there, ip: saddr });
    return true;
  }
  if (!self.dev.up) return true;
  if (fdb.maxAddresses > 0 && fdb.table.size >= fdb.maxAddresses) return true;
  const remote: VxlanRemote = { ip: saddr, port: config.port, vni: config.vni, ifindex: 0 };
  fdb.update(b, at, remote, 0, now, { create: true, exclusive: true, replace: false, append: false });
  return true;
}
