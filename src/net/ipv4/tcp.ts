// Puts TCP into a namespace: its tables and settings, protocol 6, stream sockets, and the files net.ipv4.tcp_*. Answers to
// tcp_init, tcp_sk_init and the tcp part of net/ipv4/sysctl_net_ipv4.c. Only settings that something here honours exist.

import { Errno, NetError } from "../../base/errno.ts";
import { newOptions } from "../../wire/tcp-options.ts";
import type { Net } from "../core/net.ts";
import { SOCK_STREAM } from "../core/sock.ts";
import type { SysctlProvider } from "../core/sysctl.ts";
import { inetAddProtocol, inetRegisterSocketType } from "./af-inet.ts";
import { type Ipv4, ipv4Of } from "./ipv4.ts";
import { TCP_CONGESTION_CONTROLS } from "./tcp-cong.ts";
import { tcpFastopenKeyText, tcpFastopenSetKeyText } from "./tcp-fastopen.ts";
import { TcpHashtables } from "./tcp-hashtables.ts";
import { tcpProtocol } from "./tcp-ipv4.ts";
import { TcpMib } from "./tcp-mib.ts";
import { SackState } from "./tcp-sack.ts";
import { SegPool } from "./tcp-segment.ts";
import { HZ, IPPROTO_TCP, type TcpState, TcpSysctl } from "./tcp-sock.ts";
import { TcpStreamSock } from "./tcp-stream.ts";

type IntField = { [K in keyof TcpSysctl]: TcpSysctl[K] extends number ? K : never }[keyof TcpSysctl];

/** Name behind net/ipv4/tcp_, field, least, most, and the factor from the file's unit to the field's. */
const INTS: readonly (readonly [string, IntField, number?, number?, number?])[] = [
  ["abort_on_overflow", "abortOnOverflow", 0, 255],
  ["app_win", "appWin", 0, 31],
  ["backlog_ack_defer", "backlogAckDefer", 0, 1],
  ["base_mss", "baseMss", 48, 32767],
  ["challenge_ack_limit", "challengeAckLimit"],
  ["comp_sack_delay_ns", "compSackDelayNs", 0],
  ["comp_sack_nr", "compSackNr", 0, 255],
  ["dsack", "dsack", 0, 255],
  ["early_retrans", "earlyRetrans", 0, 4],
  ["ecn", "ecn", 0, 2],
  ["ecn_fallback", "ecnFallback", 0, 1],
  ["fack", "fack", 0, 255],
  ["fastopen", "fastopen"],
  ["fin_timeout", "finTimeout", 0, 2147483, HZ],
  ["frto", "frto", 0, 255],
  ["invalid_ratelimit", "invalidRatelimit", 0, 2147483, HZ / 1000],
  ["keepalive_intvl", "keepaliveIntvl", 0, 2147483, HZ],
  ["keepalive_probes", "keepaliveProbes", 0, 255],
  ["keepalive_time", "keepaliveTime", 0, 2147483, HZ],
  ["low_latency", "lowLatency", 0, 255],
  ["max_reordering", "maxReordering"],
  ["max_syn_backlog", "maxSynBacklog"],
  ["min_rtt_wlen", "minRttWlen", 0, 86400],
  ["min_snd_mss", "minSndMss", 48, 32767],
  ["mtu_probe_floor", "mtuProbeFloor", 48, 32767],
  ["mtu_probing", "mtuProbing", 0, 255],
  ["min_tso_segs", "minTsoSegs", 1, 255],
  ["moderate_rcvbuf", "moderateRcvbuf", 0, 255],
  ["notsent_lowat", "notsentLowat", 0, 4294967295],
  ["orphan_retries", "orphanRetries", 0, 255],
  ["pacing_ca_ratio", "pacingCaRatio", 0, 1000],
  ["pacing_ss_ratio", "pacingSsRatio", 0, 1000],
  ["pingpong_thresh", "pingpongThresh", 1, 255],
  ["probe_interval", "probeInterval", 0],
  ["probe_threshold", "probeThreshold"],
  ["recovery", "recovery", 0, 255],
  ["reordering", "reordering"],
  ["retrans_collapse", "retransCollapse", 0, 255],
  ["retries1", "retries1", 0, 255],
  ["retries2", "retries2", 0, 255],
  ["rfc1337", "rfc1337", 0, 255],
  ["rto_max_ms", "rtoMaxMs", 1000, 120000],
  ["rto_min_us", "rtoMinUs", 1],
  ["sack", "sack", 0, 255],
  ["shrink_window", "shrinkWindow", 0, 1],
  ["slow_start_after_idle", "slowStartAfterIdle", 0, 255],
  ["syn_linear_timeouts", "synLinearTimeouts", 0, 127],
  ["syn_retries", "synRetries", 1, 127],
  ["synack_retries", "synackRetries", 0, 255],
  ["syncookies", "syncookies", 0, 255],
  ["thin_linear_timeouts", "thinLinearTimeouts", 0, 255],
  ["timestamps", "timestamps", 0, 2],
  ["tso_rtt_log", "tsoRttLog", 0, 255],
  ["tso_win_divisor", "tsoWinDivisor", 0, 255],
  ["tw_reuse", "twReuse", 0, 2],
  ["tw_reuse_delay", "twReuseDelay", 1],
  ["window_scaling", "windowScaling", 0, 255],
  ["workaround_signed_windows", "workaroundSignedWindows", 0, 255],
];

/** TCP of a namespace (struct netns_ipv4's tcp part): made when a segment, a socket or a setting first asks for it. */
export function tcpOf(ip4: Ipv4): TcpState {
  return (ip4.tcp as TcpState | null) ?? tcpInit(ip4);
}

inetAddProtocol(IPPROTO_TCP, tcpProtocol(tcpOf));
inetRegisterSocketType(SOCK_STREAM, (ip4, protocol) => {
  if (protocol !== 0 && protocol !== IPPROTO_TCP) throw new NetError(Errno.EPROTONOSUPPORT);
  const sk = new TcpStreamSock(tcpOf(ip4));
  sk.hasSocket = true;
  return sk;
});

const ASK_IN: readonly SysctlProvider[] = ["net/ipv4/tcp_", "net/core/"].map((prefix) => ({
  prefix,
  folders: null,
  fill: (net) => void tcpOf(ipv4Of(net)),
}));

/** The settings of a namespace's TCP ask it in, which then provides the keys itself. */
export function tcpProvideSysctls(net: Net): void {
  for (const provider of ASK_IN) net.sysctl.provide(provider);
}

const PROVIDERS: readonly SysctlProvider[] = [
  { prefix: "net/ipv4/tcp_", folders: null, fill: (net) => registerSysctls(tcpOf(ipv4Of(net))) },
  { prefix: "net/core/", folders: null, fill: (net) => registerCoreSysctls(tcpOf(ipv4Of(net))) },
];

/** tcp_sk_init */
export function tcpInit(ip4: Ipv4): TcpState {
  const rng = ip4.rng.fork("tcp");
  const tcp: TcpState = {
    ip4,
    net: ip4.net,
    sysctl: new TcpSysctl(),
    mib: new TcpMib(),
    hash: new TcpHashtables(ip4, rng.fork("ports")),
    rng,
    secret: rng.fork("secret"),
    segs: new SegPool(),
    all: new Set(),
    rxOptions: newOptions(),
    txOptions: newOptions(),
    sackState: new SackState(),
    alert: { flag: 0, rexmit: 0 },
    challengeTimestamp: -1,
    challengeCount: 0,
    synqOverflowTs: -1,
    fastopenKey: null,
    fastopenCache: new Map(),
    fastopenPause: { since: 0, times: 0 },
    newSock: () => new TcpStreamSock(tcp),
  };
  ip4.tcp = tcp;
  for (const provider of PROVIDERS) tcp.net.sysctl.provide(provider);
  return tcp;
}

function registerSysctls(tcp: TcpState): void {
  const { sysctl: table } = tcp.net;
  const { sysctl } = tcp;
  for (const [name, field, min = -2147483648, max = 2147483647, factor = 1] of INTS)
    table.registerInt(
      `net/ipv4/tcp_${name}`,
      () => Math.floor(sysctl[field] / factor),
      (value) => {
        sysctl[field] = Math.ceil(value * factor);
      },
      min,
      max,
    );
  table.register("net/ipv4/tcp_fastopen_key", {
    read: () => `${tcpFastopenKeyText(tcp)}\n`,
    write: (text) => tcpFastopenSetKeyText(tcp, text),
  });
  table.registerInt(
    "net/ipv4/tcp_fastopen_blackhole_timeout_sec",
    () => sysctl.fastopenBlackholeTimeout,
    (value) => {
      sysctl.fastopenBlackholeTimeout = value;
      tcp.fastopenPause.times = 0;
    },
    0,
  );
  registerTriple(tcp, "rmem");
  registerTriple(tcp, "wmem");
  const available = TCP_CONGESTION_CONTROLS.map((ops) => ops.name);
  table.register("net/ipv4/tcp_available_congestion_control", { read: () => `${available.join(" ")}\n` });
  table.register("net/ipv4/tcp_allowed_congestion_control", {
    read: () => `${sysctl.allowedCongestionControl.join(" ")}\n`,
  });
  table.register("net/ipv4/tcp_congestion_control", {
    read: () => `${sysctl.congestionControl}\n`,
    write: (text) => {
      const name = text.trim();
      if (!available.includes(name)) throw new NetError(Errno.ENOENT);
      // what is not in the allowed list takes CAP_NET_ADMIN in the first namespace, and no lab's namespace is that
      if (!sysctl.allowedCongestionControl.includes(name)) throw new NetError(Errno.EPERM);
      sysctl.congestionControl = name;
    },
  });
}

function registerCoreSysctls(tcp: TcpState): void {
  const { sysctl } = tcp;
  for (const [name, field] of [
    ["rmem_max", "rmemMax"],
    ["wmem_max", "wmemMax"],
    ["somaxconn", "somaxconn"],
  ] as const)
    tcp.net.sysctl.registerInt(
      `net/core/${name}`,
      () => sysctl[field],
      (value) => {
        sysctl[field] = value;
      },
      0,
    );
}

/** Three numbers: least, default, most. */
function registerTriple(tcp: TcpState, field: "rmem" | "wmem"): void {
  const { sysctl } = tcp;
  tcp.net.sysctl.register(`net/ipv4/tcp_${field}`, {
    read: () => `${sysctl[field].join("\t")}\n`,
    write: (text) => {
      const values = text.trim().split(/\s+/).map(Number);
      if (values.length > 3 || values.some((v) => !Number.isInteger(v) || v < 1)) throw new NetError(Errno.EINVAL);
      values.forEach((v, i) => {
        sysctl[field][i] = v;
      });
    },
  });
}

export { type TcpInfo, type TcpListed, tcpInfo, tcpSocks } from "./tcp-info.ts";
export { TcpStreamSock } from "./tcp-stream.ts";
export type { TcpState };
