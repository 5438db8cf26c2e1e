// What a bridge and each of its ports are: settings, spanning-tree state, counters. Answers to net/bridge/br_private.h.
// All times are virtual ns; tools print them in 1/100 s.

import { type Ns, SEC } from "../../base/time.ts";
import type { NetDevice } from "../core/net-device.ts";
import type { SkBuff } from "../core/skb.ts";
import type { WheelTimer } from "../core/timer-batch.ts";
import { BridgeMulticast, PortMulticast } from "./br-multicast-state.ts";
import type { BridgeVlans, VlanGroup } from "./br-vlan-state.ts";
import { Fdb } from "./fdb-table.ts";

// uapi/linux/if_bridge.h
export const BR_STATE_DISABLED = 0;
export const BR_STATE_LISTENING = 1;
export const BR_STATE_LEARNING = 2;
export const BR_STATE_FORWARDING = 3;
export const BR_STATE_BLOCKING = 4;
/** as `bridge link` prints them, by number */
export const BR_STATE_NAMES: readonly string[] = ["disabled", "listening", "learning", "forwarding", "blocking"];

export const BR_NO_STP = 0;
export const BR_KERNEL_STP = 1;

// linux/if_bridge.h: flags of a port
export const BR_HAIRPIN_MODE: number = 1 << 0;
export const BR_BPDU_GUARD: number = 1 << 1;
export const BR_ROOT_BLOCK: number = 1 << 2;
export const BR_MULTICAST_FAST_LEAVE: number = 1 << 3;
export const BR_ADMIN_COST: number = 1 << 4;
export const BR_LEARNING: number = 1 << 5;
export const BR_FLOOD: number = 1 << 6;
export const BR_PROMISC: number = 1 << 7;
export const BR_MCAST_FLOOD: number = 1 << 11;
export const BR_MULTICAST_TO_UNICAST: number = 1 << 12;
export const BR_BCAST_FLOOD: number = 1 << 14;
export const BR_NEIGH_SUPPRESS: number = 1 << 15;
export const BR_ISOLATED: number = 1 << 16;
export const BR_PORT_LOCKED: number = 1 << 21;
export const BR_DEFAULT_PORT_FLAGS: number = BR_LEARNING | BR_FLOOD | BR_MCAST_FLOOD | BR_BCAST_FLOOD;

export const BR_MAX_PORTS = 1024;
const BR_PORT_BITS = 10;

/** Priority (16 bits) and MAC (a number below 2^48) of a bridge in the spanning tree. */
/** Never changed: ports have their bridge's. */
export interface BridgeId {
  readonly priority: number;
  readonly mac: number;
}

/** Below 0, 0 or above 0: as memcmp of two bridge ids. */
export function compareBridgeIds(a: BridgeId, b: BridgeId): number {
  return a.priority - b.priority || a.mac - b.mac;
}

const NO_BRIDGE: BridgeId = { priority: 0, mac: 0 };

type PortTimer = "forwardDelayTimer" | "holdTimer" | "messageAgeTimer";

let timerEnds: Record<PortTimer, (port: BridgePort) => void>;

/** @internal br-stp-timer.ts says what happens when they run out */
export function setPortTimerEnds(ends: Record<PortTimer, (port: BridgePort) => void>): void {
  timerEnds = ends;
}

export class BridgePort {
  readonly br: NetBridge;
  readonly dev: NetDevice;
  readonly portNo: number;
  private _flags: number = BR_DEFAULT_PORT_FLAGS;
  private _state: number = BR_STATE_DISABLED;
  /** 0 … 63 */
  priority = 32;
  /** priority << 10 | number */
  portId: number;
  pathCost = 100;
  topologyChangeAck = false;
  configPending = false;
  designatedRoot: BridgeId = NO_BRIDGE;
  designatedBridge: BridgeId = NO_BRIDGE;
  designatedPort = 0;
  designatedCost = 0;
  groupFwdMask = 0;
  /** null until first armed, as are the next two: few ports take part in a spanning tree (500 bytes) */
  forwardDelayTimer: WheelTimer | null = null;
  holdTimer: WheelTimer | null = null;
  messageAgeTimer: WheelTimer | null = null;
  readonly multicast: PortMulticast = new PortMulticast();
  /** null while the bridge has no VLANs */
  vlan: VlanGroup | null = null;

  constructor(br: NetBridge, dev: NetDevice, portNo: number) {
    this.br = br;
    this.dev = dev;
    this.portNo = portNo;
    this.portId = makePortId(this.priority, portNo);
  }

  /** One of its timers, to be armed. */
  timer(name: PortTimer): WheelTimer {
    this[name] ??= this.br.dev.net.kernel.timers.wheelTimer(() => timerEnds[name](this));
    return this[name];
  }

  /** BR_*; a change may send frames another way, as one of the state does */
  get flags(): number {
    return this._flags;
  }

  set flags(flags: number) {
    this._flags = flags;
    this.dev.net.pathFlush();
  }

  /** BR_STATE_* */
  get state(): number {
    return this._state;
  }

  set state(state: number) {
    this._state = state;
    this.dev.net.pathFlush();
  }
}

export function makePortId(priority: number, portNo: number): number {
  return ((priority << BR_PORT_BITS) | (portNo & ((1 << BR_PORT_BITS) - 1))) & 0xffff;
}

export class NetBridge {
  readonly dev: NetDevice;
  /** newest first: the order in which a frame is flooded */
  ports: BridgePort[] = [];
  /** by port number; [0] stays null */
  readonly portByNo: (BridgePort | null)[] = [null];
  readonly fdb: Fdb = new Fdb();
  /** in force: shorter while the spanning tree changes */
  ageingTimeNs: Ns = 300 * SEC;
  /** as set */
  bridgeAgeingTimeNs: Ns = 300 * SEC;
  stpEnabled: number = BR_NO_STP;
  bridgeId: BridgeId = { priority: 0x8000, mac: 0 };
  designatedRoot: BridgeId = { priority: 0x8000, mac: 0 };
  rootPathCost = 0;
  /** number of the port that leads to the root; 0: this is the root */
  rootPort = 0;
  maxAgeNs: Ns = 20 * SEC;
  helloTimeNs: Ns = 2 * SEC;
  forwardDelayNs: Ns = 15 * SEC;
  bridgeMaxAgeNs: Ns = 20 * SEC;
  bridgeHelloTimeNs: Ns = 2 * SEC;
  bridgeForwardDelayNs: Ns = 15 * SEC;
  topologyChange = false;
  topologyChangeDetected = false;
  /** 01:80:c2:00:00:00 */
  readonly groupAddress: Uint8Array = Uint8Array.of(0x01, 0x80, 0xc2, 0, 0, 0);
  groupAddressSet = false;
  groupFwdMask = 0;
  mtuSetByUser = false;
  noLinkLocalLearn = false;
  /** nf_call_iptables of this bridge (br_netfilter asks; the namespace's sysctl counts too) */
  nfCallIptables = false;
  nfCallIp6tables = false;
  nfCallArptables = false;
  autoPorts = 0;
  helloTimer!: WheelTimer;
  tcnTimer!: WheelTimer;
  topologyChangeTimer!: WheelTimer;
  gcTimer!: WheelTimer;
  readonly multicast: BridgeMulticast = new BridgeMulticast();
  private _vlan: BridgeVlans | null = null;
  /** br_netfilter: the route of frames that only cross the bridge (fake_rtable) */
  fakeDst: SkBuff["dst"] = null;
  /** br_netfilter: true when it took over a frame that the host sends (br_nf_dev_xmit) */
  xmitHook: ((skb: SkBuff) => boolean) | null = null;

  constructor(dev: NetDevice) {
    this.dev = dev;
    const onChange = () => dev.net.pathFlush();
    this.fdb.onChange = onChange;
  }

  /** VLAN filtering, null until a user asks for it (br-vlan.ts) */
  get vlan(): BridgeVlans | null {
    return this._vlan;
  }

  set vlan(vlan: BridgeVlans | null) {
    this._vlan = vlan;
    this.dev.net.pathFlush();
  }

  get now(): Ns {
    return this.dev.net.kernel.sim.now;
  }

  /** br_info: "br0: port 1(veth1) entered forwarding state" */
  info(text: string): void {
    this.dev.net.kernel.printk(`${this.dev.name}: ${text}`);
  }
}

/** The bridge behind a device, or null when it is none (netif_is_bridge_master). */
export function bridgeOf(dev: NetDevice | null): NetBridge | null {
  return dev !== null && dev.priv instanceof NetBridge ? dev.priv : null;
}

/** The port that a device is, or null (br_port_get_rcu). */
export function bridgePortOf(dev: NetDevice): BridgePort | null {
  return dev.rxHandlerData instanceof BridgePort ? dev.rxHandlerData : null;
}

/** How long a learned address lives: shorter while the topology changes (hold_time). */
export function holdTime(br: NetBridge): Ns {
  return br.topologyChange ? br.forwardDelayNs : br.ageingTimeNs;
}

/** Addresses are learned at all (hold_time is not 0). Its own answer, because a time of minutes is a number on the heap to whoever calls. */
export function learns(br: NetBridge): boolean {
  return br.topologyChange ? br.forwardDelayNs > 0 : br.ageingTimeNs > 0;
}

/** netif_running and netif_oper_up: frames pass. */
export function portIsOperational(dev: NetDevice): boolean {
  return dev.up && (dev.operstate === "UP" || dev.operstate === "UNKNOWN");
}
