// `ip link … type bridge`: a bridge's settings and timers (iproute2's ip/iplink_bridge.c, br_changelink of the kernel).
// Times are in 1/100 s.

import { Errno, NetError } from "../../../base/errno.ts";
import { createBridge } from "../../../net/bridge/br-device.ts";
import { brFdbFlush } from "../../../net/bridge/br-fdb.ts";
import { type BridgeId, bridgeOf, type NetBridge } from "../../../net/bridge/br-private.ts";
import {
  BRIDGE_SETTINGS,
  type BridgeSettingName,
  brSetGroupAddress,
  type Setting,
} from "../../../net/bridge/br-settings.ts";
import { brTimerValue } from "../../../net/bridge/br-stp-timer.ts";
import { brVlanSetDefaultPvid, brVlanSetFiltering, brVlanSetProtocol, brVlans } from "../../../net/bridge/br-vlan.ts";
import type { BridgeVlans } from "../../../net/bridge/br-vlan-state.ts";
import { unregisterNetdevice } from "../../../net/core/dev.ts";
import type { NetDevice } from "../../../net/core/net-device.ts";
import type { WheelTimer } from "../../../net/core/timer-batch.ts";
import type { NetNamespace } from "../../../net/netns.ts";
import { formatMac, macFromNumber } from "../../../wire/addr.ts";
import { ETH_P_8021AD, ETH_P_8021Q } from "../../../wire/ethernet.ts";
import type { Context } from "../context.ts";
import { type Args, CommandError, getLlAddr, invarg, parseUnsigned } from "../lib/args.ts";
import type { Out } from "../lib/out.ts";
import type { LinkRequest } from "../link-request.ts";
import { commonOptions, type LinkKind, unknownOption } from "./kind.ts";

const USAGE = `Usage: ... bridge [ fdb_flush ]
\t\t  [ forward_delay FORWARD_DELAY ]
\t\t  [ hello_time HELLO_TIME ]
\t\t  [ max_age MAX_AGE ]
\t\t  [ ageing_time AGEING_TIME ]
\t\t  [ stp_state STP_STATE ]
\t\t  [ priority PRIORITY ]
\t\t  [ group_fwd_mask MASK ]
\t\t  [ group_address ADDRESS ]
\t\t  [ no_linklocal_learn NO_LINKLOCAL_LEARN ]
\t\t  [ vlan_filtering VLAN_FILTERING ]
\t\t  [ vlan_protocol VLAN_PROTOCOL ]
\t\t  [ vlan_default_pvid VLAN_DEFAULT_PVID ]
\t\t  [ vlan_stats_enabled VLAN_STATS_ENABLED ]
\t\t  [ vlan_stats_per_port VLAN_STATS_PER_PORT ]
\t\t  [ mcast_snooping MULTICAST_SNOOPING ]
\t\t  [ mcast_vlan_snooping MULTICAST_VLAN_SNOOPING ]
\t\t  [ mcast_router MULTICAST_ROUTER ]
\t\t  [ mcast_query_use_ifaddr MCAST_QUERY_USE_IFADDR ]
\t\t  [ mcast_querier MULTICAST_QUERIER ]
\t\t  [ mcast_hash_elasticity HASH_ELASTICITY ]
\t\t  [ mcast_hash_max HASH_MAX ]
\t\t  [ mcast_last_member_count LAST_MEMBER_COUNT ]
\t\t  [ mcast_startup_query_count STARTUP_QUERY_COUNT ]
\t\t  [ mcast_last_member_interval LAST_MEMBER_INTERVAL ]
\t\t  [ mcast_membership_interval MEMBERSHIP_INTERVAL ]
\t\t  [ mcast_querier_interval QUERIER_INTERVAL ]
\t\t  [ mcast_query_interval QUERY_INTERVAL ]
\t\t  [ mcast_query_response_interval QUERY_RESPONSE_INTERVAL ]
\t\t  [ mcast_startup_query_interval STARTUP_QUERY_INTERVAL ]
\t\t  [ mcast_stats_enabled MCAST_STATS_ENABLED ]
\t\t  [ mcast_igmp_version IGMP_VERSION ]
\t\t  [ mcast_mld_version MLD_VERSION ]
\t\t  [ nf_call_iptables NF_CALL_IPTABLES ]
\t\t  [ nf_call_ip6tables NF_CALL_IP6TABLES ]
\t\t  [ nf_call_arptables NF_CALL_ARPTABLES ]

Where: VLAN_PROTOCOL := { 802.1Q | 802.1ad }
`;

interface Option {
  /** option word, and the key in JSON */
  readonly word: string;
  readonly key: string;
  readonly max: number;
  readonly setting: Setting<NetBridge>;
}

const U8 = 255;
const U16 = 65535;
const U32 = 0xffffffff;

function option(word: string, key: string, max: number, name: BridgeSettingName): Option {
  return { word, key, max, setting: BRIDGE_SETTINGS[name] };
}

/** A switch that is off. */
function never(word: string): Option {
  const refuse = (value: number): void => {
    if (value !== 0) throw new NetError(Errno.EOPNOTSUPP);
  };
  return { word, key: word, max: U8, setting: { get: () => 0, set: (_br, value) => refuse(value) } };
}

const BASIC: readonly Option[] = [
  option("forward_delay", "forward_delay", U32, "forward_delay"),
  option("hello_time", "hello_time", U32, "hello_time"),
  option("max_age", "max_age", U32, "max_age"),
  option("ageing_time", "ageing_time", U32, "ageing_time"),
  option("stp_state", "stp_state", U32, "stp_state"),
  option("priority", "priority", U16, "priority"),
  vlanOption(
    "vlan_filtering",
    U8,
    (vlan) => +vlan.filtering,
    (br, value) => brVlanSetFiltering(br, value !== 0),
  ),
];

function vlanOption(
  word: string,
  max: number,
  get: (vlan: BridgeVlans) => number,
  set: (br: NetBridge, value: number) => void,
): Option {
  return { word, key: word, max, setting: { get: (br) => (br.vlan ? get(br.vlan) : 0), set } };
}

function oneOrNone(value: number): boolean {
  if (value > 1) throw new NetError(Errno.EINVAL);
  return value === 1;
}

/** Shown only by a kernel that filters VLANs. */
const VLAN: readonly Option[] = [
  vlanOption("vlan_default_pvid", U16, (vlan) => vlan.defaultPvid, brVlanSetDefaultPvid),
  vlanOption(
    "vlan_stats_enabled",
    U8,
    (vlan) => +vlan.statsEnabled,
    (br, value) => {
      brVlans(br).statsEnabled = oneOrNone(value);
    },
  ),
  vlanOption(
    "vlan_stats_per_port",
    U8,
    (vlan) => +vlan.statsPerPort,
    (br, value) => {
      if (br.ports.some((port) => (port.vlan?.vlans.size ?? 0) > 0)) throw new NetError(Errno.EBUSY);
      brVlans(br).statsPerPort = oneOrNone(value);
    },
  ),
];
const VLAN_PROTOCOL = "vlan_protocol";

const ROUTER = option("mcast_router", "mcast_router", U8, "multicast_router");

const MULTICAST: readonly Option[] = [
  option("mcast_query_use_ifaddr", "mcast_query_use_ifaddr", U8, "multicast_query_use_ifaddr"),
  option("mcast_querier", "mcast_querier", U8, "multicast_querier"),
  option("mcast_hash_elasticity", "mcast_hash_elasticity", U32, "hash_elasticity"),
  option("mcast_hash_max", "mcast_hash_max", U32, "hash_max"),
  option("mcast_last_member_count", "mcast_last_member_cnt", U32, "multicast_last_member_count"),
  option("mcast_startup_query_count", "mcast_startup_query_cnt", U32, "multicast_startup_query_count"),
  interval("mcast_last_member_interval", "mcast_last_member_intvl", "multicast_last_member_interval"),
  interval("mcast_membership_interval", "mcast_membership_intvl", "multicast_membership_interval"),
  interval("mcast_querier_interval", "mcast_querier_intvl", "multicast_querier_interval"),
  interval("mcast_query_interval", "mcast_query_intvl", "multicast_query_interval"),
  interval("mcast_query_response_interval", "mcast_query_response_intvl", "multicast_query_response_interval"),
  interval("mcast_startup_query_interval", "mcast_startup_query_intvl", "multicast_startup_query_interval"),
  option("mcast_stats_enabled", "mcast_stats_enabled", U8, "multicast_stats_enabled"),
  option("mcast_igmp_version", "mcast_igmp_version", U8, "multicast_igmp_version"),
  option("mcast_mld_version", "mcast_mld_version", U8, "multicast_mld_version"),
  option("nf_call_iptables", "nf_call_iptables", U8, "nf_call_iptables"),
  option("nf_call_ip6tables", "nf_call_ip6tables", U8, "nf_call_ip6tables"),
  option("nf_call_arptables", "nf_call_arptables", U8, "nf_call_arptables"),
];

function interval(word: string, key: string, name: BridgeSettingName): Option {
  return option(word, key, Number.MAX_SAFE_INTEGER, name);
}

const FWD_MASK = option("group_fwd_mask", "group_fwd_mask", U16, "group_fwd_mask");
const SNOOPING = option("mcast_snooping", "mcast_snooping", U8, "multicast_snooping");
const NO_LL_LEARN = option("no_linklocal_learn", "no_linklocal_learn", U8, "no_linklocal_learn");
const VLAN_SNOOPING = never("mcast_vlan_snooping");
/** in the order in which a shortened word is looked for */
const ALL: readonly Option[] = [
  ...BASIC,
  FWD_MASK,
  ...VLAN,
  NO_LL_LEARN,
  ROUTER,
  SNOOPING,
  VLAN_SNOOPING,
  ...MULTICAST,
];

/** In the order in which the kernel takes them, whatever the user's (br_changelink); flags of br_boolopt come last. */
const GROUP_ADDRESS = "group_address";
const FDB_FLUSH = "fdb_flush";
const ORDER: readonly string[] = [
  ...BASIC.map((one) => one.word),
  VLAN_PROTOCOL,
  ...VLAN.map((one) => one.word),
  "group_fwd_mask",
  GROUP_ADDRESS,
  FDB_FLUSH,
  "mcast_router",
  "mcast_snooping",
  ...MULTICAST.map((one) => one.word),
  "no_linklocal_learn",
  "mcast_vlan_snooping",
];

interface Change {
  readonly word: string;
  readonly apply: (br: NetBridge) => void;
}

function applyChanges(br: NetBridge, changes: readonly Change[]): void {
  const sorted = [...changes].sort((a, b) => ORDER.indexOf(a.word) - ORDER.indexOf(b.word));
  for (const { apply } of sorted) apply(br);
}

export const bridge: LinkKind = {
  name: "bridge",
  parse(_ctx: Context, args: Args): Change[] {
    const changes: Change[] = [];
    for (; !args.done; args.advance()) {
      if (args.matches(VLAN_PROTOCOL) && args.word.length > "vlan_".length) {
        const word = args.next();
        const protocol = word.toLowerCase() === "802.1ad" ? ETH_P_8021AD : ETH_P_8021Q;
        if (!/^802\.1(q|ad)$/i.test(word)) invarg("invalid vlan_protocol", word);
        changes.push({ word: VLAN_PROTOCOL, apply: (br) => brVlanSetProtocol(br, protocol) });
      } else if (args.matches("group_address")) {
        const address = getLlAddr(args.next());
        changes.push({ word: GROUP_ADDRESS, apply: (br) => brSetGroupAddress(br, address) });
      } else if (args.matches("fdb_flush")) changes.push({ word: FDB_FLUSH, apply: brFdbFlush });
      else {
        if (args.matches("help")) throw new CommandError(USAGE, 1);
        const found = ALL.find((other) => args.matches(other.word));
        if (!found) unknownOption("bridge", args.word, USAGE);
        const word = args.next();
        const value = parseUnsigned(word, found.max) ?? invarg(`invalid ${found.word}`, word);
        changes.push({ word: found.word, apply: (br) => found.setting.set(br, value) });
      }
    }
    return changes;
  },
  create(_ctx: Context, ns: NetNamespace, name: string, request: LinkRequest, data: unknown): NetDevice {
    const br = createBridge(ns.net, name, commonOptions(request));
    try {
      applyChanges(br, (data as Change[] | undefined) ?? []);
    } catch (error) {
      unregisterNetdevice(br.dev);
      throw error;
    }
    return br.dev;
  },
  change(_ctx: Context, dev: NetDevice, data: unknown): void {
    const br = bridgeOf(dev);
    if (br) applyChanges(br, data as Change[]);
  },
  print({ out }: Context, dev: NetDevice): void {
    const br = bridgeOf(dev)!;
    for (const one of BASIC) printSetting(out, br, one);
    if (br.vlan) {
      const protocol = br.vlan.protocol === ETH_P_8021AD ? "802.1ad" : "802.1Q";
      out.any(VLAN_PROTOCOL, `vlan_protocol ${protocol} `, protocol);
    }
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
    if (br.vlan) for (const one of VLAN) printSetting(out, br, one);
    printHex(out, "group_fwd_mask", br.groupFwdMask);
    const group = formatMac(br.groupAddress);
    out.any("group_addr", `group_address ${group} `, group);
    for (const one of [SNOOPING, NO_LL_LEARN, VLAN_SNOOPING, ROUTER, ...MULTICAST]) printSetting(out, br, one);
  },
};

function printSetting(out: Out, br: NetBridge, one: Option): void {
  const value = one.setting.get(br);
  out.any(one.key, `${one.word} ${value} `, value);
}

/** "8000.2:42:0:0:0:1": ether_ntoa leaves out leading zeros. */
export function bridgeIdText(id: BridgeId): string {
  const mac = new Uint8Array(6);
  macFromNumber(id.mac, mac);
  return `${id.priority.toString(16).padStart(4, "0")}.${[...mac].map((byte) => byte.toString(16)).join(":")}`;
}

/** "hello_timer    1.99 " */
export function printTimer(out: Out, key: string, timer: WheelTimer | null): void {
  const value = brTimerValue(timer);
  const literal = `${Math.floor(value / 100)}.${String(value % 100).padStart(2, "0")}`;
  out.number(key, `${key} ${literal.padStart(7)} `, literal);
}

export function printHex(out: Out, key: string, value: number, word: string = key): void {
  const text = value === 0 ? "0" : `0x${value.toString(16)}`;
  out.any(key, `${word} ${text} `, text);
}
