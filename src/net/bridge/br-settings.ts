// A bridge's settings by the names that sysfs gives them, with the figures that users read and write: times in 1/100 s,
// switches as 0 and 1. rtnetlink, sysfs and brctl all come here. Answers to net/bridge/br_sysfs_br.c, br_sysfs_if.c and
// br_netlink.c (br_changelink, br_setport).

import { Errno, NetError } from "../../base/errno.ts";
import { brMulticastSetQuerier, brMulticastSetSnooping } from "./br-multicast.ts";
import {
  BR_BCAST_FLOOD,
  BR_BPDU_GUARD,
  BR_FLOOD,
  BR_HAIRPIN_MODE,
  BR_ISOLATED,
  BR_LEARNING,
  BR_MCAST_FLOOD,
  BR_MULTICAST_FAST_LEAVE,
  BR_NEIGH_SUPPRESS,
  BR_ROOT_BLOCK,
  type BridgePort,
  type NetBridge,
} from "./br-private.ts";
import { portStateSelection } from "./br-stp.ts";
import {
  brSetAgeingTime,
  brSetForwardDelay,
  brSetHelloTime,
  brSetMaxAge,
  brStpSetBridgePriority,
  brStpSetEnabled,
  brStpSetPathCost,
  brStpSetPortPriority,
} from "./br-stp-if.ts";

export interface Setting<T> {
  readonly get: (of: T) => number;
  /** Throws NetError. */
  readonly set: (of: T, value: number) => void;
}

/** 1/100 s in ns (USER_HZ). */
const TICK = 10_000_000;

function ticks(get: (br: NetBridge) => number, set: (br: NetBridge, ns: number) => void): Setting<NetBridge> {
  return { get: (br) => Math.floor(get(br) / TICK), set: (br, value) => set(br, value * TICK) };
}

type IntervalField =
  | "lastMemberIntervalNs"
  | "membershipIntervalNs"
  | "querierIntervalNs"
  | "queryIntervalNs"
  | "queryResponseIntervalNs"
  | "startupQueryIntervalNs";

/** The querier's own intervals may not be shorter than a second (BR_MULTICAST_QUERY_INTVL_MIN). */
const SHORTEST_QUERY_INTERVAL = 100;

function interval(field: IntervalField, least = 0): Setting<NetBridge> {
  return ticks(
    (br) => br.multicast[field],
    (br, ns) => {
      br.multicast[field] = Math.max(ns, least * TICK);
    },
  );
}

function toggle(get: (br: NetBridge) => boolean, set: (br: NetBridge, on: boolean) => void): Setting<NetBridge> {
  return { get: (br) => +get(br), set: (br, value) => set(br, value !== 0) };
}

/** What cannot be anything else here. */
function fixed(value: number): Setting<NetBridge> {
  return {
    get: () => value,
    set: (_br, wanted) => {
      if (wanted !== value) throw new NetError(Errno.EOPNOTSUPP);
    },
  };
}

export type BridgeSettingName =
  | "forward_delay"
  | "hello_time"
  | "max_age"
  | "ageing_time"
  | "stp_state"
  | "priority"
  | "group_fwd_mask"
  | "multicast_router"
  | "multicast_snooping"
  | "multicast_query_use_ifaddr"
  | "multicast_querier"
  | "hash_elasticity"
  | "hash_max"
  | "multicast_last_member_count"
  | "multicast_startup_query_count"
  | "multicast_last_member_interval"
  | "multicast_membership_interval"
  | "multicast_querier_interval"
  | "multicast_query_interval"
  | "multicast_query_response_interval"
  | "multicast_startup_query_interval"
  | "multicast_stats_enabled"
  | "multicast_igmp_version"
  | "multicast_mld_version"
  | "nf_call_iptables"
  | "nf_call_ip6tables"
  | "nf_call_arptables"
  | "no_linklocal_learn";

export const BRIDGE_SETTINGS: Readonly<Record<BridgeSettingName, Setting<NetBridge>>> = {
  forward_delay: ticks((br) => br.forwardDelayNs, brSetForwardDelay),
  hello_time: ticks((br) => br.helloTimeNs, brSetHelloTime),
  max_age: ticks((br) => br.maxAgeNs, brSetMaxAge),
  ageing_time: ticks((br) => br.ageingTimeNs, brSetAgeingTime),
  stp_state: { get: (br) => br.stpEnabled, set: (br, value) => brStpSetEnabled(br, value !== 0) },
  priority: { get: (br) => br.bridgeId.priority, set: (br, value) => brStpSetBridgePriority(br, value & 0xffff) },
  group_fwd_mask: {
    get: (br) => br.groupFwdMask,
    set(br, value) {
      // 802.1D's own groups and pause stay forbidden (BR_GROUPFWD_RESTRICTED)
      if (value & 7) throw new NetError(Errno.EINVAL);
      br.groupFwdMask = value;
    },
  },
  multicast_router: {
    get: (br) => br.multicast.router,
    set(br, value) {
      if (value > 2) throw new NetError(Errno.EINVAL);
      br.multicast.router = value;
    },
  },
  multicast_snooping: toggle((br) => br.multicast.enabled, brMulticastSetSnooping),
  multicast_query_use_ifaddr: toggle(
    (br) => br.multicast.queryUseIfaddr,
    (br, on) => {
      br.multicast.queryUseIfaddr = on;
    },
  ),
  multicast_querier: toggle((br) => br.multicast.querierEnabled, brMulticastSetQuerier),
  /** has no meaning any more */
  hash_elasticity: { get: () => 16, set() {} },
  hash_max: {
    get: (br) => br.multicast.hashMax,
    set(br, value) {
      br.multicast.hashMax = value;
    },
  },
  multicast_last_member_count: {
    get: (br) => br.multicast.lastMemberCount,
    set(br, value) {
      br.multicast.lastMemberCount = value;
    },
  },
  multicast_startup_query_count: {
    get: (br) => br.multicast.startupQueryCount,
    set(br, value) {
      br.multicast.startupQueryCount = value;
    },
  },
  multicast_last_member_interval: interval("lastMemberIntervalNs"),
  multicast_membership_interval: interval("membershipIntervalNs"),
  multicast_querier_interval: interval("querierIntervalNs"),
  multicast_query_interval: interval("queryIntervalNs", SHORTEST_QUERY_INTERVAL),
  multicast_query_response_interval: interval("queryResponseIntervalNs"),
  multicast_startup_query_interval: interval("startupQueryIntervalNs", SHORTEST_QUERY_INTERVAL),
  multicast_stats_enabled: fixed(0),
  multicast_igmp_version: {
    get: (br) => br.multicast.igmpVersion,
    set(br, value) {
      if (value !== 2 && value !== 3) throw new NetError(Errno.EINVAL);
      br.multicast.igmpVersion = value;
    },
  },
  multicast_mld_version: {
    get: (br) => br.multicast.mldVersion,
    set(br, value) {
      if (value !== 1 && value !== 2) throw new NetError(Errno.EINVAL);
      br.multicast.mldVersion = value;
    },
  },
  nf_call_iptables: toggle(
    (br) => br.nfCallIptables,
    (br, on) => {
      br.nfCallIptables = on;
      br.dev.net.pathFlush();
    },
  ),
  nf_call_ip6tables: toggle(
    (br) => br.nfCallIp6tables,
    (br, on) => {
      br.nfCallIp6tables = on;
    },
  ),
  nf_call_arptables: toggle(
    (br) => br.nfCallArptables,
    (br, on) => {
      br.nfCallArptables = on;
    },
  ),
  no_linklocal_learn: toggle(
    (br) => br.noLinkLocalLearn,
    (br, on) => {
      br.noLinkLocalLearn = on;
    },
  ),
};

/** br_set_group_address: one of the sixteen reserved groups, but not pause, nor those of slow protocols and 802.1X. */
export function brSetGroupAddress(br: NetBridge, address: Uint8Array): void {
  const [a, b, c, d, e, f] = address;
  const valid = a === 0x01 && b === 0x80 && c === 0xc2 && d === 0 && e === 0 && (f! & 0xf0) === 0;
  if (address.length !== 6 || !valid || f === 1 || f === 2 || f === 3) throw new NetError(Errno.EINVAL);
  br.groupAddress.set(address);
  br.groupAddressSet = true;
}

/** Switches of a port and the flag that each is, by their names in sysfs. */
const PORT_FLAGS: ReadonlyMap<string, number> = new Map([
  ["hairpin_mode", BR_HAIRPIN_MODE],
  ["bpdu_guard", BR_BPDU_GUARD],
  ["root_block", BR_ROOT_BLOCK],
  ["multicast_fast_leave", BR_MULTICAST_FAST_LEAVE],
  ["learning", BR_LEARNING],
  ["unicast_flood", BR_FLOOD],
  ["multicast_flood", BR_MCAST_FLOOD],
  ["broadcast_flood", BR_BCAST_FLOOD],
  ["neigh_suppress", BR_NEIGH_SUPPRESS],
  ["isolated", BR_ISOLATED],
]);

/** br_set_port_flag */
export function brSetPortFlag(port: BridgePort, flag: number, on: boolean): void {
  if (flag === BR_NEIGH_SUPPRESS && on) throw new NetError(Errno.EOPNOTSUPP);
  port.flags = on ? port.flags | flag : port.flags & ~flag;
  if (flag === BR_ROOT_BLOCK) portStateSelection(port.br);
}

function portFlag(flag: number): Setting<BridgePort> {
  return {
    get: (port) => +((port.flags & flag) !== 0),
    set: (port, value) => brSetPortFlag(port, flag, value !== 0),
  };
}

/** A flag that is not modelled: off. */
const NEVER: Setting<BridgePort> = {
  get: () => 0,
  set(_port, value) {
    if (value !== 0) throw new NetError(Errno.EOPNOTSUPP);
  },
};

export const PORT_SETTINGS: ReadonlyMap<string, Setting<BridgePort>> = new Map<string, Setting<BridgePort>>([
  ["path_cost", { get: (port) => port.pathCost, set: brStpSetPathCost }],
  ["priority", { get: (port) => port.priority, set: brStpSetPortPriority }],
  [
    "multicast_router",
    {
      get: (port) => port.multicast.router,
      set(port, value) {
        if (value > 3) throw new NetError(Errno.EINVAL);
        port.multicast.router = value;
      },
    },
  ],
  [
    "group_fwd_mask",
    {
      get: (port) => port.groupFwdMask,
      set(port, value) {
        // pause frames are never forwarded (BR_GROUPFWD_MACPAUSE)
        if (value > 0xffff || value & 2) throw new NetError(Errno.EINVAL);
        port.groupFwdMask = value;
      },
    },
  ],
  ...[...PORT_FLAGS].map(([name, flag]): [string, Setting<BridgePort>] => [name, portFlag(flag)]),
  ["proxyarp", NEVER],
  ["proxyarp_wifi", NEVER],
  ["multicast_to_unicast", NEVER],
]);
