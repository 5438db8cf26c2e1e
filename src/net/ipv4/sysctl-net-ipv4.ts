// net.ipv4.*: the settings of a namespace as files. Answers to net/ipv4/sysctl_net_ipv4.c, net/ipv4/route.c and
// net/ipv4/ip_fragment.c. TCP registers its own.

import { Errno, NetError } from "../../base/errno.ts";
import { setIpForward } from "./devinet-sysctl.ts";
import type { Ipv4, Ipv4Sysctl } from "./ipv4.ts";
import { formatPortList, parsePortList } from "./local-ports.ts";

type IntField = {
  [K in keyof Ipv4Sysctl]: Ipv4Sysctl[K] extends number ? K : never;
}[keyof Ipv4Sysctl];

/** Name below net/ipv4/, field, least, most. */
const INTS: readonly (readonly [string, IntField, number?, number?])[] = [
  ["ip_default_ttl", "defaultTtl", 1, 255],
  ["ip_no_pmtu_disc", "noPmtuDisc", 0, 3],
  ["ip_nonlocal_bind", "nonlocalBind", 0, 1],
  ["ip_forward_use_pmtu", "ipForwardUsePmtu", 0, 1],
  ["ip_forward_update_priority", "ipForwardUpdatePriority", 0, 1],
  ["ip_autobind_reuse", "autobindReuse", 0, 1],
  ["ip_dynaddr", "dynaddr", 0, 255],
  ["ip_early_demux", "earlyDemux", 0, 1],
  ["ip_unprivileged_port_start", "unprivilegedPortStart", 0, 65535],
  ["fwmark_reflect", "fwmarkReflect", 0, 1],
  ["icmp_echo_ignore_all", "icmpEchoIgnoreAll", 0, 1],
  ["icmp_echo_ignore_broadcasts", "icmpEchoIgnoreBroadcasts", 0, 1],
  ["icmp_echo_enable_probe", "icmpEchoEnableProbe", 0, 0],
  ["icmp_errors_use_inbound_ifaddr", "icmpErrorsUseInboundIfaddr", 0, 1],
  ["icmp_ignore_bogus_error_responses", "icmpIgnoreBogusErrorResponses", 0, 1],
  ["icmp_ratelimit", "icmpRatelimit", 0],
  ["icmp_ratemask", "icmpRatemask", 0],
  ["icmp_msgs_per_sec", "icmpMsgsPerSec", 0],
  ["icmp_msgs_burst", "icmpMsgsBurst", 0],
  ["ipfrag_max_dist", "ipfragMaxDist", 0],
  ["ipfrag_time", "ipfragTime", 0],
  ["fib_multipath_hash_policy", "fibMultipathHashPolicy", 0, 1],
  ["fib_multipath_hash_fields", "fibMultipathHashFields", 7, 7],
  // nothing is offloaded here: there is never a flag to tell of
  ["fib_notify_on_flag_change", "fibNotifyOnFlagChange", 0, 2],
  ["fib_multipath_use_neigh", "fibMultipathUseNeigh", 0, 1],
  ["igmp_max_memberships", "igmpMaxMemberships", 0],
  ["igmp_max_msf", "igmpMaxMsf", 0],
  ["igmp_qrv", "igmpQrv", 1],
  ["igmp_link_local_mcast_reports", "igmpLinkLocalMcastReports", 0, 1],
  ["udp_rmem_min", "udpRmemMin", 1],
  ["udp_wmem_min", "udpWmemMin", 1],
  ["route/min_pmtu", "minPmtu", 68],
  ["route/mtu_expires", "mtuExpires", 0],
  ["route/min_adv_mss", "minAdvMss", 0],
];

/** Registers everything that is not per device. */
export function ipv4SysctlInit(ip4: Ipv4): void {
  const { sysctl } = ip4.net;
  for (const [name, field, min = -2147483648, max = 2147483647] of INTS)
    sysctl.registerInt(
      `net/ipv4/${name}`,
      () => ip4.sysctl[field],
      (value) => {
        ip4.changeSysctl({ [field]: value });
      },
      min,
      max,
    );
  // neither may pass the other
  sysctl.registerInt(
    "net/ipv4/ipfrag_high_thresh",
    () => ip4.sysctl.ipfragHighThresh,
    (value) => {
      if (value < ip4.sysctl.ipfragLowThresh) throw new NetError(Errno.EINVAL);
      ip4.changeSysctl({ ipfragHighThresh: value });
    },
    0,
  );
  sysctl.registerInt(
    "net/ipv4/ipfrag_low_thresh",
    () => ip4.sysctl.ipfragLowThresh,
    (value) => {
      if (value > ip4.sysctl.ipfragHighThresh) throw new NetError(Errno.EINVAL);
      ip4.changeSysctl({ ipfragLowThresh: value });
    },
    0,
  );
  sysctl.registerInt(
    "net/ipv4/ip_forward",
    () => ip4.devconfAll.forwarding,
    (value) => setIpForward(ip4, value),
  );
  sysctl.register("net/ipv4/route/flush", {
    read: () => {
      throw new NetError(Errno.EACCES);
    },
    write: () => ip4.fib.flushCache(),
  });
  registerPair(
    ip4,
    "ip_local_port_range",
    "localPortRange",
    (low, high) => low >= ip4.sysctl.unprivilegedPortStart && high <= 65535 && low <= high,
  );
  registerPair(ip4, "ping_group_range", "pingGroupRange", (low, high) => low >= 0 && high >= 0, true);
  sysctl.register("net/ipv4/ip_local_reserved_ports", {
    read: () => `${formatPortList(ip4.sysctl.localReservedPorts)}\n`,
    write: (text) => {
      ip4.changeSysctl({ localReservedPorts: parsePortList(text) });
    },
  });
}

/** Two numbers apart by a tab; `emptyWhenReversed`: low above high means none, kept as 1 0. */
function registerPair(
  ip4: Ipv4,
  name: string,
  field: "localPortRange" | "pingGroupRange",
  valid: (low: number, high: number) => boolean,
  emptyWhenReversed = false,
): void {
  ip4.net.sysctl.register(`net/ipv4/${name}`, {
    read: () => `${ip4.sysctl[field].join("\t")}\n`,
    write: (text) => {
      const match = /^\s*(\d+)\s+(\d+)\s*$/.exec(text);
      const low = Number(match?.[1]);
      const high = Number(match?.[2]);
      if (!match || !valid(low, high)) throw new NetError(Errno.EINVAL);
      ip4.changeSysctl({ [field]: emptyWhenReversed && high < low ? [1, 0] : [low, high] });
    },
  });
}
