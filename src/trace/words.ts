// What steps say: flows, rules, routes and reasons as text, each as the tool that people know would print it.

import { strerror } from "../base/errno.ts";
import type { Net } from "../net/core/net.ts";
import type { SkBuff } from "../net/core/skb.ts";
import type { Sock } from "../net/core/sock.ts";
import { FibResult } from "../net/ipv4/fib-types.ts";
import { fibRouteOf } from "../net/ipv4/route-get.ts";
import { FlowKey, RTCF_BROADCAST, type Rtable, skbRtable } from "../net/ipv4/rtable.ts";
import { IPS_ASSURED, IPS_SEEN_REPLY } from "../net/netfilter/conntrack-entry.ts";
import type { ConnInfo } from "../net/netfilter/conntrack-info.ts";
import { l4ProtoName, stateText, tupleText } from "../net/netfilter/conntrack-text.ts";
import type { Rule } from "../net/netfilter/rule.ts";
import { XtRule } from "../net/netfilter/xt-rule.ts";
import { tableName } from "../tools/ip/lib/names.ts";
import { routeLine } from "../tools/ip/route-print.ts";
import { policyRuleLine } from "../tools/ip/rule.ts";
import type { NameService } from "../tools/iptables/names.ts";
import { saveRule } from "../tools/iptables/rule-text.ts";
import { ruleLine } from "../tools/nft/print.ts";
import { formatIpv4 } from "../wire/addr.ts";
import { ETH_P_IP } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { get16 } from "../wire/layout.ts";
import type { RuleName } from "./packet.ts";

export interface Flow {
  readonly protocol: number;
  readonly saddr: number;
  /** 0: no ports */
  readonly sport: number;
  readonly daddr: number;
  readonly dport: number;
  /** ICMP's identifier of questions and answers, −1 none */
  readonly id: number;
  readonly tos: number;
  readonly ttl: number;
}

/** Of an IPv4 packet whose networkHeader is set. */
export function flowOf({ head, networkHeader: at, tail }: SkBuff): Flow {
  const protocol = ipv4.getProtocol(head, at);
  const th = at + ipv4.getHeaderLength(head, at);
  const first = (ipv4.getFlagsAndOffset(head, at) & ipv4.OFFSET_MASK) === 0 && th + 4 <= tail;
  const ports = first && (protocol === ipv4.IPPROTO_TCP || protocol === ipv4.IPPROTO_UDP);
  const question = first && protocol === ipv4.IPPROTO_ICMP && ICMP_WITH_ID.has(head[th]!);
  return {
    protocol,
    saddr: ipv4.getSource(head, at),
    sport: ports ? get16(head, th) : 0,
    daddr: ipv4.getDestination(head, at),
    dport: ports ? get16(head, th + 2) : 0,
    id: question ? get16(head, th + 4) : -1,
    tos: ipv4.getTos(head, at),
    ttl: ipv4.getTtl(head, at),
  };
}

/** Echo, timestamp and address mask, questions and answers. */
const ICMP_WITH_ID: ReadonlySet<number> = new Set([0, 8, 13, 14, 17, 18]);

/** True while skb.networkHeader stands at an IPv4 header. */
export function hasIpv4(skb: SkBuff): boolean {
  const { networkHeader: at } = skb;
  return (
    at >= 0 &&
    skb.protocol === ETH_P_IP &&
    at + ipv4.HEADER_LENGTH <= skb.tail &&
    skb.head[at]! >> 4 === 4 &&
    at + ipv4.getHeaderLength(skb.head, at) <= skb.tail
  );
}

export function endText(address: number, port: number): string {
  return formatIpv4(address) + (port === 0 ? "" : `:${port}`);
}

export function flowText({ saddr, sport, daddr, dport }: Flow): string {
  return `${endText(saddr, sport)} → ${endText(daddr, dport)}`;
}

export function viaText(via: string): string {
  return via === "" ? "" : `, next hop ${via}`;
}

export function routeText(skb: SkBuff): string {
  const rt = skbRtable(skb)!;
  return `out ${rt.dev.name}${rt.gateway === 0 ? "" : ` via ${formatIpv4(rt.gateway)}`}`;
}

/** A rule of a namespace as the tool that made it shows it. @param names with those of the namespace's ipsets */
export function ruleText(chain: string, rule: Rule, net: Net, names: NameService): string {
  if (rule instanceof XtRule)
    return saveRule(chain, { spec: rule.spec, packets: 0, bytes: 0 }, "none", names).trimEnd();
  return ruleLine(rule, {
    handles: false,
    stateless: true,
    terse: true,
    symbols: false,
    protocols: false,
    priorities: false,
    services: false,
    users: false,
    names: {
      ifindexOf: (name) => net.deviceByName(name)?.ifindex,
      ifnameOf: (index) => net.deviceByIndex(index)?.name,
    },
    now: net.now,
  }).trim();
}

/** What a rule does, in a word: MASQUERADE, DROP, DOCKER-USER. @param text as ruleText has it */
export function targetOf(rule: Rule, text: string): string {
  if (!(rule instanceof XtRule)) return text.split(" ").at(-1) ?? "";
  return / (?:-j|-g) (\S+)/.exec(text)?.[1] ?? "";
}

/** "filter FORWARD 3 (-A FORWARD …)" */
export function ruleName({ table, chain, number, text }: Omit<RuleName, "target">): string {
  return number === 0 ? `${table} ${chain} policy (${text})` : `${table} ${chain} ${number} (${text})`;
}

const scratchFlow = new FlowKey();
const scratchResult = new FibResult();

export interface RouteWords {
  readonly route: string;
  readonly table: string;
  readonly rule: string;
}

/**
 * The route by which a packet goes, as `ip route` has it, and the table and rule that had it. The tables are asked once more;
 * where they would answer otherwise by now (a socket keeps its route) only what the packet itself knows is told.
 * @param received it came in by skb.dev; otherwise it was made here
 */
export function routeWords(skb: SkBuff, received: boolean): RouteWords {
  const rt = skbRtable(skb)!;
  if (rt.error !== 0) return { route: `none: ${strerror(rt.error)}`, table: "", rule: "" };
  const { ip4 } = rt;
  const { fib } = ip4;
  const flow = flowOf(skb);
  const sk = skb.sk as Sock | null;
  // a packet whose sender did not say from where was routed before its source was chosen
  for (const saddr of received ? [flow.saddr] : [flow.saddr, 0]) {
    const fl = scratchFlow.reset();
    fl.daddr = flow.daddr;
    fl.saddr = saddr;
    fl.tos = flow.tos & 0xfc;
    fl.mark = skb.mark;
    fl.iif = received ? skb.dev!.ifindex : ip4.loopback.ifindex;
    if (!received && sk) {
      fl.oif = sk.boundDevIf;
      fl.uid = sk.uid;
    }
    fl.proto = flow.protocol;
    fl.sport = flow.sport;
    fl.dport = flow.dport;
    scratchResult.clear();
    if (fib.lookup(fl, scratchResult) !== 0 || scratchResult.info === null || scratchResult.info !== rt.fromFib)
      continue;
    const found = fibRouteOf(scratchResult)!;
    // without rules local and main are one table that bears main's number
    const table = fib.customRules ? found.table : scratchResult.info.tableId;
    const rule = fib.customRules ? fib.rules.answered : null;
    return {
      route: routeLine({ ...found, table }),
      table: tableName(table),
      rule: rule === null ? "" : policyRuleLine({ net: ip4.net, ipv4: ip4 }, rule),
    };
  }
  return { route: plainRoute(rt), table: "", rule: "" };
}

function plainRoute(rt: Rtable): string {
  const kind = rt.isBroadcastOrMulticast ? (rt.flags & RTCF_BROADCAST ? "broadcast " : "multicast ") : "";
  return `${kind}${rt.gateway === 0 ? "" : `via ${formatIpv4(rt.gateway)} `}dev ${rt.dev.name}`;
}

/** A connection as `conntrack -L` shows it, without its timeout: "tcp SYN_SENT src=… [UNREPLIED] src=…". */
export function connText(conn: ConnInfo): string {
  const state = stateText(conn);
  const unreplied = conn.status & IPS_SEEN_REPLY ? "" : " [UNREPLIED]";
  const assured = conn.status & IPS_ASSURED ? " [ASSURED]" : "";
  return `${l4ProtoName(conn.protonum)} ${state === undefined ? "" : `${state} `}${tupleText(conn.orig)}${unreplied} ${tupleText(conn.reply)}${assured}`;
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["NEIGH_FAILED", "the next hop does not answer ARP (NEIGH_FAILED)"],
  ["IP_INNOROUTES", "no route to the destination (IP_INNOROUTES)"],
  ["IP_OUTNOROUTES", "no route to the destination (IP_OUTNOROUTES)"],
  ["IP_INADDRERRORS", "not for this machine, and it does not forward here (IP_INADDRERRORS)"],
  ["IP_RPFILTER", "the way back to the source leads by another device (rp_filter: IP_RPFILTER)"],
  ["IP_LOCALNET", "127.0.0.0/8 on a device other than lo (IP_LOCALNET)"],
  ["IP_LOCAL_SOURCE", "the source is this machine's own address (IP_LOCAL_SOURCE)"],
  ["IP_INHDR", "its TTL has run out, or its IP header is wrong (IP_INHDR)"],
  ["PKT_TOO_BIG", "longer than the way on carries (PKT_TOO_BIG)"],
  ["IP_INVALID_DEST", "no address of this machine, nor a group that it listens to (IP_INVALID_DEST)"],
  ["IP_INVALID_SOURCE", "no packet comes from such a source (IP_INVALID_SOURCE)"],
  ["QDISC_DROP", "the device has no carrier, or its queue does not take it (QDISC_DROP)"],
  ["SOCKET_CLOSE", "the socket was closed before it was read (SOCKET_CLOSE)"],
  ["SOCKET_RCVBUFF", "the socket's buffer is full (SOCKET_RCVBUFF)"],
  ["IP_NOPROTO", "no protocol for it, and no raw socket (IP_NOPROTO)"],
  ["INVALID_PROTO", "an ICMP message that is not answered when it comes to all (INVALID_PROTO)"],
  ["NETFILTER_DROP", "by netfilter, without a rule (NETFILTER_DROP)"],
  ["NOT_SPECIFIED", "for a reason that Linux does not name (NOT_SPECIFIED)"],
  ["OTHERHOST", "its MAC address is another station's (OTHERHOST)"],
  ["NO_SOCKET", "no socket for it (NO_SOCKET)"],
  ["BRIDGE_NO_EGRESS_PORT", "no port of the bridge to send it by (BRIDGE_NO_EGRESS_PORT)"],
  ["BRIDGE_INGRESS_STP_STATE", "spanning tree does not let this port forward (BRIDGE_INGRESS_STP_STATE)"],
  ["UNHANDLED_PROTO", "nobody here knows its protocol (UNHANDLED_PROTO)"],
  ["DEV_READY", "the device, or the one at its other end, is down (DEV_READY)"],
  ["FRAG_REASM_TIMEOUT", "the other fragments did not come in time (FRAG_REASM_TIMEOUT)"],
]);

export function reasonText(reason: string): string {
  return REASONS.get(reason) ?? reason;
}

const ICMP_WORDS: ReadonlyMap<string, string> = new Map([
  ["3/0", "net unreachable"],
  ["3/1", "host unreachable"],
  ["3/2", "protocol unreachable"],
  ["3/3", "port unreachable"],
  ["3/4", "fragmentation needed"],
  ["3/5", "source route failed"],
  ["3/9", "net prohibited"],
  ["3/10", "host prohibited"],
  ["3/13", "admin prohibited"],
  ["5/1", "redirect"],
  ["11/0", "time exceeded"],
  ["11/1", "reassembly time exceeded"],
]);

/** @param typeAndCode "3/1" */
export function icmpWords(typeAndCode: string): string {
  return `icmp ${ICMP_WORDS.get(typeAndCode) ?? typeAndCode}`;
}
