// A network namespace's core (struct net): its devices, hook points, packet types, sysctls; and what all namespaces of a
// lab share: clock, packet pool, randomness, the CPU's backlog. Protocols keep their own state elsewhere and register here.

import { Errno, NetError } from "../../base/errno.ts";
import { LazyMap } from "../../base/lazy.ts";
import { withItem } from "../../base/settings.ts";
import type { Ns } from "../../base/time.ts";
import type { Rng } from "../../sim/rng.ts";
import type { Sim } from "../../sim/sim.ts";
import { ETH_P_ARP, ETH_P_IP } from "../../wire/ethernet.ts";
import { CaptureStamp } from "./capture-stamp.ts";
import { KernelLog } from "./kernel-log.ts";
import { LinkWatch } from "./link-watch.ts";
import type { NetDevice, Tap } from "./net-device.ts";
import { NETDEV_CHANGE, NETDEV_UNREGISTER, type NetdevEvent } from "./netdev-events.ts";
import { NFPROTO_ARP, NFPROTO_BRIDGE, NFPROTO_IPV4, NFPROTO_IPV6, NfHooks } from "./netfilter.ts";
import { type SkBuff, SkbPool } from "./skb.ts";
import { Backlog } from "./softnet.ts";
import { LatestKeys, SysctlTable } from "./sysctl.ts";
import { TimerBatch } from "./timer-batch.ts";

/** What of CUBIC may be set, for the whole machine; hystartDetect: 1 trains of ACKs, 2 their delay. */
export interface CubicParameters {
  fastConvergence: number;
  hystart: number;
  hystartDetect: number;
  hystartLowWindow: number;
  hystartAckDeltaUs: number;
}

/** What one packet takes on its way, in virtual ns. */
export interface PathCosts {
  /** __netif_receive_skb_core and what is above it, once per device */
  receive: Ns;
  /** dev_hard_start_xmit, once per device and frame */
  transmit: Ns;
  /** __br_forward: to one port */
  bridge: Ns;
  /** ip_forward with its hooks */
  forward: Ns;
  /** what this machine sends itself, headers and hooks */
  output: Ns;
  /** a segment of a connection that is not ESTABLISHED (tcp_rcv_state_process) */
  tcpSlowPath: Ns;
}

/** What all namespaces of one lab share. */
export class Kernel {
  readonly sim: Sim;
  /** fork it by label; never draw from it directly */
  readonly rng: Rng;
  readonly skbs: SkbPool = new SkbPool();
  readonly backlog: Backlog;
  /** makes timers that run with all others of their tick */
  readonly timers: TimerBatch;
  /** every namespace of the lab that is alive */
  readonly nets: Set<Net> = new Set();
  /** major number of the queueing discipline that was made last */
  lastQdiscHandle = 0x8000;
  readonly linkWatch: LinkWatch;
  readonly sysctlKeys: LatestKeys = new LatestKeys();
  /** /sys/module/tcp_cubic/parameters */
  readonly cubic: CubicParameters = {
    fastConvergence: 1,
    hystart: 1,
    hystartDetect: 3,
    hystartLowWindow: 16,
    hystartAckDeltaUs: 2000,
  };
  /** kernel messages (dmesg) */
  readonly log: KernelLog = new KernelLog();
  /** messages before this one were cleared */
  logFrom = 0;
  /** one line per packet of the target NFLOG */
  readonly nflog: { timeNs: Ns; text: string }[] = [];
  /** of the frame that was captured last */
  readonly captured: CaptureStamp = new CaptureStamp(this);
  /** virtual ns that a packet's way costs, by what the tracepoints of the recorded machine show */
  costs: PathCosts = { receive: 900, transmit: 500, bridge: 500, forward: 1_600, output: 200, tcpSlowPath: 800 };
  /** wall-clock milliseconds since 1970 when virtual time was 0 (ICMP and IP timestamps) */
  epochMs = 0;
  private nextNetId = 1;
  private nextSocketInode = 20_000;
  private readonly socketCookies: WeakMap<object, number> = new WeakMap();
  private lastSocketCookie = 0;
  /** not WeakMaps of those protocols: what one holds survives minor collections although its lab is gone */
  private readonly _shared: Map<object, object> = new Map();

  constructor(sim: Sim, rng: Rng) {
    this.sim = sim;
    this.rng = rng;
    this.backlog = new Backlog(this);
    this.linkWatch = new LinkWatch(sim, (dev) => dev.net.notify(NETDEV_CHANGE, dev));
    this.timers = new TimerBatch(sim);
  }

  /** What all namespaces of the lab share of a protocol's own, made when the first asks for it. */
  shared<T extends object>(type: new (...args: never[]) => T, make: () => T): T {
    let made = this._shared.get(type) as T | undefined;
    if (!made) {
      made = make();
      this._shared.set(type, made);
    }
    return made;
  }

  /** @internal */
  allocateNetId(): number {
    return this.nextNetId++;
  }

  /** @internal a number for a socket that a program holds (sock_alloc) */
  allocateSocketInode(): number {
    return this.nextSocketInode++;
  }

  /** The number of a socket, or of what stands for one, given when somebody first asks (sock_gen_cookie). */
  socketCookie(sock: object): number {
    const known = this.socketCookies.get(sock);
    if (known !== undefined) return known;
    this.socketCookies.set(sock, ++this.lastSocketCookie);
    return this.lastSocketCookie;
  }

  /** printk: what `dmesg` shows */
  printk(text: string, level = 6): void {
    const lost = this.log.add(this.sim.now, text, level);
    this.logFrom = Math.max(0, this.logFrom - lost);
  }
}

/** Receives packets of one EtherType (struct packet_type). Takes the packet over. */
export type PacketTypeFn = (skb: SkBuff, dev: NetDevice) => void;

/** Receivers by EtherType (ptype_base), those that every namespace has within reach. */
class PacketTypes {
  ipv4: PacketTypeFn | undefined = undefined;
  private arp: PacketTypeFn | undefined = undefined;
  private others: Map<number, PacketTypeFn> | null = null;

  get(type: number): PacketTypeFn | undefined {
    if (type === ETH_P_IP) return this.ipv4;
    return type === ETH_P_ARP ? this.arp : this.others?.get(type);
  }

  has(type: number): boolean {
    return this.get(type) !== undefined;
  }

  set(type: number, receive: PacketTypeFn): void {
    if (type === ETH_P_IP) this.ipv4 = receive;
    else if (type === ETH_P_ARP) this.arp = receive;
    else {
      this.others ??= new Map();
      this.others.set(type, receive);
    }
  }
}

/** Knows the ways that earlier packets took (netfilter/flow-paths.ts, ipv4/early-demux.ts). */
export interface FlowPathCache {
  /** A frame from the backlog: true when it was taken over. */
  receive(skb: SkBuff, dev: NetDevice): boolean;
}

export * from "./netdev-events.ts";

export type NetdevNotifier = (event: NetdevEvent, dev: NetDevice) => void;

const NO_NOTIFIERS: readonly NetdevNotifier[] = [];

/** A device is found by going through so few; above, by a Map. */
const FEW_DEVICES = 4;

/** Inode of a machine's first network namespace (PROC_DYNAMIC_FIRST and the kernel's order of making them). */
export const INIT_NET_INODE = 4026531840;

/** Ids that other namespaces have in one (net->netns_ids). */
class NsIds extends LazyMap<Net, number> {
  /** they are 0 to size − 1: then the next is known without a look at a thousand */
  private dense = true;

  override set(net: Net, id: number): this {
    if (id !== this.size) this.dense = false;
    return super.set(net, id);
  }

  override delete(net: Net): boolean {
    const id = this.get(net);
    if (id !== undefined && id !== this.size - 1) this.dense = false;
    return super.delete(net);
  }

  /** alloc_netid */
  lowestFree(): number {
    if (this.dense) return this.size;
    const used = new Set(this.values());
    let id = 0;
    while (used.has(id)) id++;
    this.dense = id === this.size;
    return id;
  }
}

const NO_HOOKS_IPV6: NfHooks = new NfHooks(NFPROTO_IPV6, null);
const NO_HOOKS_ARP: NfHooks = new NfHooks(NFPROTO_ARP, null);
const NO_HOOKS_BRIDGE: NfHooks = new NfHooks(NFPROTO_BRIDGE, null);

export class Net {
  readonly kernel: Kernel;
  /** serial number in the lab, from 1 */
  readonly id: number;
  /** for traces and people: "docker-host", "outside", … */
  readonly label: string;
  /** /proc/PID/ns/net inode */
  readonly inode: number;
  readonly sysctl: SysctlTable = new SysctlTable(this);
  /** A packet made in answer to another belongs to its connection (nf_ct_attach); null: nobody tracks connections. */
  ctAttach: ((skb: SkBuff, from: SkBuff) => void) | null = null;
  // each subsystem's own part (struct net's members), which only its files know: `ipv4Of`, `nfOf`, `brnfOf`
  ipv4: unknown = null;
  nf: unknown = null;
  brnf: unknown = null;
  readonly hooksIpv4: NfHooks = new NfHooks(NFPROTO_IPV4, this);
  // without functions all namespaces share one; `hooks` makes those that somebody registers with
  hooksIpv6: NfHooks = NO_HOOKS_IPV6;
  hooksArp: NfHooks = NO_HOOKS_ARP;
  hooksBridge: NfHooks = NO_HOOKS_BRIDGE;
  /** by ifindex, in order of registration */
  readonly devices: LazyMap<number, NetDevice> = new LazyMap();
  readonly packetTypes: PacketTypes = new PacketTypes();
  /** AF_PACKET sockets that want IPv4's packets (those that want all are taps); null while nobody ever did */
  ipv4Sniffers: readonly unknown[] | null = null;
  private notifiers: readonly NetdevNotifier[] = NO_NOTIFIERS;
  private ownNotifiers = false;
  /** listeners on all interfaces (-i any) */
  readonly taps: Tap[] = [];
  /** ids that other namespaces have here (link-netnsid): given when first needed */
  readonly nsids: NsIds = new NsIds();
  /** IPv4's group membership, for devices that listen to groups of their own (ip_mc_inc_group); set by netns.ts */
  ipMulticast: { join(dev: NetDevice, group: number): void; leave(dev: NetDevice, group: number): void } | null = null;
  private _macRng: Rng | null = null;
  private nextIfindex = 1;
  /** null while the devices are few and have no alternative names */
  private byName: Map<string, NetDevice> | null = null;
  /** the loopback device, there from the start (down) */
  loopback!: NetDevice;
  /**
   * Generation of everything that decides what becomes of a packet: routes, addresses, devices, settings. What is remembered
   * of an earlier packet's way counts while this is the same.
   */
  pathGenid = 1;
  /** the ways of connections' packets through this namespace; null while it tracks none */
  flowPaths: FlowPathCache | null = null;
  /** the short way to this host's sockets, where connections are not tracked (ipv4/early-demux.ts) */
  earlyDemux: FlowPathCache | null = null;

  constructor(kernel: Kernel, label: string, inode: number) {
    this.kernel = kernel;
    this.id = kernel.allocateNetId();
    this.label = label;
    this.inode = inode;
    kernel.nets.add(this);
  }

  /** addresses of devices made here (eth_random_addr) */
  get macRng(): Rng {
    this._macRng ??= this.kernel.rng.fork(`mac/${this.id}`);
    return this._macRng;
  }

  /** Some packet socket wants IPv4's packets alone: it is asked for each of them, which a short way does not. */
  get sniffsIpv4(): boolean {
    return this.ipv4Sniffers !== null && this.ipv4Sniffers.length > 0;
  }

  /** Something changed that may send packets another way: nothing that is remembered of their ways counts any more. */
  pathFlush(): void {
    this.pathGenid = (this.pathGenid + 1) | 0;
  }

  /** The namespace is gone: its number is free in the others (unhash_nsid). */
  release(): void {
    this.kernel.nets.delete(this);
    for (const other of this.kernel.nets) other.nsids.delete(this);
  }

  get sim(): Sim {
    return this.kernel.sim;
  }

  get now(): Ns {
    return this.kernel.sim.now;
  }

  /** Of a family, to register with. */
  hooks(family: number): NfHooks {
    switch (family) {
      case NFPROTO_IPV4:
        return this.hooksIpv4;
      case NFPROTO_IPV6:
        if (this.hooksIpv6 === NO_HOOKS_IPV6) this.hooksIpv6 = new NfHooks(family, this);
        return this.hooksIpv6;
      case NFPROTO_ARP:
        if (this.hooksArp === NO_HOOKS_ARP) this.hooksArp = new NfHooks(family, this);
        return this.hooksArp;
      case NFPROTO_BRIDGE:
        if (this.hooksBridge === NO_HOOKS_BRIDGE) this.hooksBridge = new NfHooks(family, this);
        return this.hooksBridge;
      default:
        throw new NetError(Errno.EAFNOSUPPORT);
    }
  }

  deviceByName(name: string): NetDevice | undefined {
    if (this.byName !== null) return this.byName.get(name);
    for (const dev of this.devices.values()) if (dev.name === name) return dev;
    return undefined;
  }

  /** The names' Map once there is one, or when one is needed. */
  #names(needed: boolean): Map<string, NetDevice> | null {
    if (this.byName === null && needed) {
      this.byName = new Map();
      for (const dev of this.devices.values()) this.byName.set(dev.name, dev);
    }
    return this.byName;
  }

  deviceByIndex(ifindex: number): NetDevice | undefined {
    return this.devices.get(ifindex);
  }

  /** The next free number; an ifindex is not used twice. */
  allocateIfindex(): number {
    while (this.devices.has(this.nextIfindex)) this.nextIfindex++;
    return this.nextIfindex++;
  }

  /** Gives `other` a number here unless it has one (peernet2id_alloc). */
  nsidOf(other: Net): number {
    let id = this.nsids.get(other);
    if (id === undefined) {
      id = this.nsids.lowestFree();
      this.nsids.set(other, id);
    }
    return id;
  }

  /**
   * Will be called with every event, after those that were registered before (register_netdevice_notifier). A function that
   * finds its state by dev.net costs a namespace nothing.
   * @param own it is this namespace's: a list with it is nobody else's, and must not outlive the lab by being shared
   */
  registerNotifier(notifier: NetdevNotifier, own: boolean = false): void {
    this.ownNotifiers ||= own;
    this.notifiers = this.ownNotifiers ? [...this.notifiers, notifier] : withItem(this.notifiers, notifier);
  }

  unregisterNotifier(notifier: NetdevNotifier): void {
    this.notifiers = this.notifiers.filter((other) => other !== notifier);
  }

  hasNotifier(notifier: NetdevNotifier): boolean {
    return this.notifiers.includes(notifier);
  }

  notify(event: NetdevEvent, dev: NetDevice): void {
    this.pathFlush();
    for (const notifier of this.notifiers) notifier(event, dev);
    if (dev.uppers.length > 0) for (const upper of [...dev.uppers]) upper(event);
    if (event !== NETDEV_UNREGISTER) this.linkMessage(dev);
  }

  /** What rtnetlink tells of a device names the other end's namespace, which gets a number by that (rtnl_fill_ifinfo). */
  linkMessage(dev: NetDevice): void {
    const other = dev.linkNet();
    if (other !== dev.net) dev.net.nsidOf(other);
  }

  /** @internal */
  addDevice(dev: NetDevice): void {
    this.pathFlush();
    this.devices.set(dev.ifindex, dev);
    const names = this.#names(dev.altNames.length > 0 || this.devices.size > FEW_DEVICES);
    if (names === null) return;
    names.set(dev.name, dev);
    for (const name of dev.altNames) names.set(name, dev);
  }

  /** @internal */
  removeDevice(dev: NetDevice): void {
    this.pathFlush();
    this.devices.delete(dev.ifindex);
    this.byName?.delete(dev.name);
    for (const name of dev.altNames) this.byName?.delete(name);
  }

  /** @internal */
  renameDevice(dev: NetDevice, name: string): void {
    this.pathFlush();
    this.byName?.delete(dev.name);
    dev.name = name;
    this.byName?.set(name, dev);
  }

  /** @internal a further name of a device, or it is taken away */
  setAltName(dev: NetDevice, name: string, on: boolean): void {
    const names = this.#names(true)!;
    if (on) names.set(name, dev);
    else names.delete(name);
  }
}
