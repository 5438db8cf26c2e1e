// `ip link … type bridge`: a bridge's settings and timers (iproute2's ip/iplink_bridge.c, br_changelink of the kernel).
// Times are in 1/100 s. VLAN filtering is not in the kernel that vethlab follows.

import { Errno, NetError } from "../../../base/errno.ts";
import { createBridge } from "../../../net/bridge/br-device.ts";
import { brFdbFlush } from "../../../net/bridge/br-fdb.ts";
import { brMulticastSetQuerier, brMulticastSetSnooping } from "../../../net/bridge/br-multicast.ts";
import { type BridgeId, bridgeOf, type NetBridge } from "../../../net/bridge/br-private.ts";
import {
  brSetAgeingTime,
  brSetForwardDelay,
  brSetHelloTime,
  brSetMaxAge,
  brStpSetBridgePriority,
  brStpSetEnabled,
} from "../../../net/bridge/br-stp-if.ts";
import { brTimerValue } from "../../../net/bridge/br-stp-timer.ts";
import type { NetDevice } from "../../../net/core/net-device.ts";
import type { NetNamespace } from "../../../net/netns.ts";
import type { Timer } from "../../../sim/sim.ts";
import { formatMac, macFromNumber } from "../../../wire/addr.ts";
import type { Context } from "../context.ts";
import { type Args, getLlAddr, invarg, parseUnsigned } from "../lib/args.ts";
import type { Out } from "../lib/out.ts";
import type { LinkRequest } from "../link-request.ts";
import { commonOptions, type LinkKind, unknownOption } from "./kind.ts";

/** 1/100 s in ns (USER_HZ). */
const TICK = 10_000_000;

interface Setting {
  /** option word, JSON key, and the word that is printed (the option's unless given) */
  readonly word: string;
  readonly key: string;
  readonly max: number;
  readonly get: (br: NetBridge) => number;
  readonly set: (br: NetBridge, value: number) => void;
}

const U8 = 255;
const U16 = 65535;
const U32 = 0xffffffff;

function setting(word: string, key: string, max: number, get: Setting["get"], set: Setting["set"]): Setting {
  return { word, key, max, get, set };
}

function refuse(): never {
  throw new NetError(Errno.EOPNOTSUPP);
}

function ticks(get: (br: NetBridge) => number): (br: NetBridge) => number {
  return (br) => Math.floor(get(br) / TICK);
}

const BASIC: readonly Setting[] = [
  setting(
    "forward_delay",
    "forward_delay",
    U32,
    ticks((br) => br.bridgeForwardDelayNs),
    (br, v) => brSetForwardDelay(br, v * TICK),
  ),
  setting(
    "hello_time",
    "hello_time",
    U32,
    ticks((br) => br.bridgeHelloTimeNs),
    (br, v) => brSetHelloTime(br, v * TICK),
  ),
  setting(
    "max_age",
    "max_age",
    U32,
    ticks((br) => br.bridgeMaxAgeNs),
    (br, v) => brSetMaxAge(br, v * TICK),
  ),
  setting(
    "ageing_time",
    "ageing_time",
    U32,
    ticks((br) => br.ageingTimeNs),
    (br, v) => brSetAgeingTime(br, v * TICK),
  ),
  setting(
    "stp_state",
    "stp_state",
    U32,
    (br) => br.stpEnabled,
    (br, v) => brStpSetEnabled(br, v !== 0),
  ),
  setting("priority", "priority", U16, (br) => br.bridgeId.priority, brStpSetBridgePriority),
  setting("vlan_filtering", "vlan_filtering", U8, () => 0, refuse),
];

const MULTICAST: readonly Setting[] = [
  setting(
    "mcast_router",
    "mcast_router",
    U8,
    (br) => br.multicast.router,
    (br, v) => {
      if (v > 2) throw new NetError(Errno.EINVAL);
      br.multicast.router = v;
    },
  ),
  setting(
    "mcast_query_use_ifaddr",
    "mcast_query_use_ifaddr",
    U8,
    (br) => +br.multicast.queryUseIfaddr,
    (br, v) => {
      br.multicast.queryUseIfaddr = v !== 0;
    },
  ),
  setting(
    "mcast_querier",
    "mcast_querier",
    U8,
    (br) => +br.multicast.querierEnabled,
    (br, v) => brMulticastSetQuerier(br, v !== 0),
  ),
  setting(
    "mcast_hash_elasticity",
    "mcast_hash_elasticity",
    U32,
    () => 16,
    () => {},
  ),
  setting(
    "mcast_hash_max",
    "mcast_hash_max",
    U32,
    (br) => br.multicast.hashMax,
    (br, v) => {
      br.multicast.hashMax = v;
    },
  ),
  setting(
    "mcast_last_member_count",
    "mcast_last_member_cnt",
    U32,
    (br) => br.multicast.lastMemberCount,
    (br, v) => {
      br.multicast.lastMemberCount = v;
    },
  ),
  setting(
    "mcast_startup_query_count",
    "mcast_startup_query_cnt",
    U32,
    (br) => br.multicast.startupQueryCount,
    (br, v) => {
      br.multicast.startupQueryCount = v;
    },
  ),
  interval("mcast_last_member_interval", "mcast_last_member_intvl", "lastMemberIntervalNs"),
  interval("mcast_membership_interval", "mcast_membership_intvl", "membershipIntervalNs"),
  interval("mcast_querier_interval", "mcast_querier_intvl", "querierIntervalNs"),
  interval("mcast_query_interval", "mcast_query_intvl", "queryIntervalNs"),
  interval("mcast_query_response_interval", "mcast_query_response_intvl", "queryResponseIntervalNs"),
  interval("mcast_startup_query_interval", "mcast_startup_query_intvl", "startupQueryIntervalNs"),
  setting(
    "mcast_stats_enabled",
    "mcast_stats_enabled",
    U8,
    () => 0,
    (_br, v) => {
      if (v !== 0) refuse();
    },
  ),
  setting(
    "mcast_igmp_version",
    "mcast_igmp_version",
    U8,
    (br) => br.multicast.igmpVersion,
    (br, v) => {
      if (v !== 2) throw new NetError(v === 3 ? Errno.EOPNOTSUPP : Errno.EINVAL);
      br.multicast.igmpVersion = v;
    },
  ),
  setting(
    "mcast_mld_version",
    "mcast_mld_version",
    U8,
    () => 1,
    (_br, v) => {
      if (v !== 1) refuse();
    },
  ),
  setting(
    "nf_call_iptables",
    "nf_call_iptables",
    U8,
    (br) => +br.nfCallIptables,
    (br, v) => {
      br.nfCallIptables = v !== 0;
    },
  ),
  setting(
    "nf_call_ip6tables",
    "nf_call_ip6tables",
    U8,
    (br) => +br.nfCallIp6tables,
    (br, v) => {
      br.nfCallIp6tables = v !== 0;
    },
  ),
  setting(
    "nf_call_arptables",
    "nf_call_arptables",
    U8,
    (br) => +br.nfCallArptables,
    (br, v) => {
      br.nfCallArptables = v !== 0;
    },
  ),
];

type IntervalField =
  | "lastMemberIntervalNs"
  | "membershipIntervalNs"
  | "querierIntervalNs"
  | "queryIntervalNs"
  | "queryResponseIntervalNs"
  | "startupQueryIntervalNs";

function interval(word: string, key: string, field: IntervalField): Setting {
  return setting(
    word,
    key,
    Number.MAX_SAFE_INTEGER,
    ticks((br) => br.multicast[field]),
    (br, v) => {
      br.multicast[field] = v * TICK;
    },
  );
}

const FWD_MASK = setting(
  "group_fwd_mask",
  "group_fwd_mask",
  U16,
  (br) => br.groupFwdMask,
  (br, v) => {
    // 802.1D's own groups and pause stay forbidden (BR_GROUPFWD_RESTRICTED)
    if (v & 7) throw new NetError(Errno.EINVAL);
    br.groupFwdMask = v;
  },
);
const SNOOPING = setting(
  "mcast_snooping",
  "mcast_snooping",
  U8,
  (br) => +br.multicast.enabled,
  (br, v) => brMulticastSetSnooping(br, v !== 0),
);
const NO_LL_LEARN = setting(
  "no_linklocal_learn",
  "no_linklocal_learn",
  U8,
  (br) => +br.noLinkLocalLearn,
  (br, v) => {
    br.noLinkLocalLearn = v !== 0;
  },
);
const VLAN_SNOOPING = setting(
  "mcast_vlan_snooping",
  "mcast_vlan_snooping",
  U8,
  () => 0,
  (_br, v) => {
    if (v !== 0) refuse();
  },
);
/** in the order in which a shortened word is looked for */
const ALL: readonly Setting[] = [
  ...BASIC,
  FWD_MASK,
  NO_LL_LEARN,
  MULTICAST[0]!,
  SNOOPING,
  VLAN_SNOOPING,
  ...MULTICAST.slice(1),
];

type Change = (br: NetBridge) => void;

export const bridge: LinkKind = {
  name: "bridge",
  parse(_ctx: Context, args: Args): Change[] {
    const changes: Change[] = [];
    for (; !args.done; args.advance()) {
      if (args.matches("group_address")) {
        const address = getLlAddr(args.next());
        changes.push((br) => setGroupAddress(br, address));
      } else if (args.matches("fdb_flush")) changes.push(brFdbFlush);
      else {
        const found = ALL.find((other) => args.matches(other.word));
        if (!found) unknownOption("bridge", args.word);
        const word = args.next();
        const value = parseUnsigned(word, found.max) ?? invarg(`invalid ${found.word}`, word);
        changes.push((br) => found.set(br, value));
      }
    }
    return changes;
  },
  create(_ctx: Context, ns: NetNamespace, name: string, request: LinkRequest, data: unknown): NetDevice {
    const br = createBridge(ns.net, name, commonOptions(request));
    for (const change of (data as Change[] | undefined) ?? []) change(br);
    return br.dev;
  },
  change(_ctx: Context, dev: NetDevice, data: unknown): void {
    const br = bridgeOf(dev);
    if (br) for (const change of data as Change[]) change(br);
  },
  print({ out }: Context, dev: NetDevice): void {
    const br = bridgeOf(dev)!;
    for (const one of BASIC) printSetting(out, br, one);
    const id = bridgeIdText(br.bridgeId);
    out.any("bridge_id", `bridge_id ${id} `, id);
    // iproute2 6.1 prints the bridge's own id here
    out.any("root_id", `designated_root ${id} `, id);
    out.any("root_port", `root_port ${br.rootPort} `, br.rootPort);
    out.any("root_path_cost", `root_path_cost ${br.rootPathCost} `, br.rootPathCost);
    out.any("topology_change", `topology_change ${+br.topologyChange} `, +br.topologyChange);
    const detected = +br.topologyChangeDetected;
    out.any("topology_change_detected", `topology_change_detected ${detected} `, detected);
    printTimer(out, "hello_timer", br.helloTimer);
    printTimer(out, "tcn_timer", br.tcnTimer);
    printTimer(out, "topology_change_timer", br.topologyChangeTimer);
    printTimer(out, "gc_timer", br.gcTimer);
    printHex(out, "group_fwd_mask", br.groupFwdMask);
    const group = formatMac(br.groupAddress);
    out.any("group_addr", `group_address ${group} `, group);
    for (const one of [SNOOPING, NO_LL_LEARN, VLAN_SNOOPING, ...MULTICAST]) printSetting(out, br, one);
  },
};

function printSetting(out: Out, br: NetBridge, one: Setting): void {
  const value = one.get(br);
  out.any(one.key, `${one.word} ${value} `, value);
}

/** "8000.2:42:0:0:0:1": ether_ntoa leaves out leading zeros. */
export function bridgeIdText(id: BridgeId): string {
  const mac = new Uint8Array(6);
  macFromNumber(id.mac, mac);
  return `${id.priority.toString(16).padStart(4, "0")}.${[...mac].map((byte) => byte.toString(16)).join(":")}`;
}

/** "hello_timer    1.99 " */
export function printTimer(out: Out, key: string, timer: Timer): void {
  const value = brTimerValue(timer);
  const literal = `${Math.floor(value / 100)}.${String(value % 100).padStart(2, "0")}`;
  out.number(key, `${key} ${literal.padStart(7)} `, literal);
}

export function printHex(out: Out, key: string, value: number, word: string = key): void {
  const text = value === 0 ? "0" : `0x${value.toString(16)}`;
  out.any(key, `${word} ${text} `, text);
}

function setGroupAddress(br: NetBridge, address: Uint8Array): void {
  const [a, b, c, d, e, f] = address;
  const valid = a === 0x01 && b === 0x80 && c === 0xc2 && d === 0 && e === 0 && (f! & 0xf0) === 0;
  if (address.length !== 6 || !valid || f === 1 || f === 2 || f === 3) throw new NetError(Errno.EINVAL);
  br.groupAddress.set(address);
}
