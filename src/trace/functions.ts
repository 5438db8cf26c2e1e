// The functions of the kernel that packets went through, a line each, in the columns of pwru (github.com/cilium/pwru): SKB,
// NETNS, MARK/x, IFACE, PROTO, MTU, LEN, TUPLE, FUNC. In place of an address stands the packet's number (and its copy's),
// in place of an inode the namespace's name; CPU and PROCESS are left out. Functions are Linux 6.18's that take an skb.

import type { Net } from "../net/core/net.ts";
import type { NetDevice } from "../net/core/net-device.ts";
import type { NfHooks } from "../net/core/netfilter.ts";
import type { SkBuff } from "../net/core/skb.ts";
import { skbRtable } from "../net/ipv4/rtable.ts";
import type { TraceEvent } from "../sim/trace.ts";
import { formatIpv4 } from "../wire/addr.ts";
import * as ipv4 from "../wire/ipv4.ts";
import type { Packet, Strand } from "./packet.ts";
import { flowOf, hasIpv4 } from "./words.ts";

export interface FunctionCall {
  readonly packet: Packet;
  readonly copy: number;
  readonly timeNs: number;
  readonly namespace: string;
  readonly mark: number;
  /** "eth0:2" */
  readonly iface: string;
  readonly proto: number;
  readonly mtu: number;
  readonly len: number;
  /** "10.0.0.1:80->10.0.0.2:40000(tcp)" */
  readonly tuple: string;
  readonly func: string;
}

/** Where a name is not the engine's in the kernel's spelling; "": the kernel's function does not take the packet. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ["netifReceiveSkb", "__netif_receive_skb_core"],
  ["devQueueXmit", "__dev_queue_xmit"],
  ["ipLocalOut", "__ip_local_out"],
  ["ipRouteInput", "ip_route_input_noref"],
  ["skbCopy", "skb_clone"],
  ["icmpSend", "__icmp_send"],
  ["icmpReply", "icmp_echo"],
  ["ipFragQueue", "ip_defrag"],
  ["udpRcv", "udp_unicast_rcv_skb"],
  ["kfreeSkb", "sk_skb_reason_drop"],
  ["packetSendmsg", ""],
  ["ipFragReasm", ""],
  ["nfNatSetupInfo", ""],
  ["brFdbUpdate", ""],
  ["neighUpdate", ""],
  ["arpSend", ""],
]);
const HOOKS: ReadonlyMap<string, readonly [(net: Net) => NfHooks, number]> = new Map(
  ["PRE_ROUTING", "LOCAL_IN", "FORWARD", "LOCAL_OUT", "POST_ROUTING"].flatMap((name, hook) => [
    [name, [(net: Net) => net.hooksIpv4, hook]] as const,
    [`NF_BR_${name}`, [(net: Net) => net.hooksBridge, hook]] as const,
  ]),
);

export class FunctionList {
  readonly calls: FunctionCall[] = [];
  readonly #namespaceName: (net: Net) => string;
  /** the table that is being gone through: its function is called once */
  #table = "";

  constructor(namespaceName: (net: Net) => string) {
    this.#namespaceName = namespaceName;
  }

  see(event: TraceEvent, skb: SkBuff, { packet, index }: Strand): void {
    const dev = (event.device as NetDevice | null) ?? skbRtable(skb)?.dev ?? null;
    const func = this.#functionOf(event, dev);
    if (func === "") return;
    this.calls.push({
      packet,
      copy: index,
      timeNs: dev?.net.now ?? 0,
      namespace: dev ? this.#namespaceName(dev.net) : "",
      mark: skb.mark,
      iface: dev ? `${dev.name}:${dev.ifindex}` : "",
      proto: skb.protocol,
      mtu: dev?.mtu ?? 0,
      len: skb.len,
      tuple: hasIpv4(skb) ? tupleText(skb) : "",
      func,
    });
  }

  #functionOf({ where, detail, rule }: TraceEvent, dev: NetDevice | null): string {
    const table = this.#table;
    this.#table = "";
    if (where === "nftDoChain") {
      this.#table = rule!.table;
      return rule!.table === table ? "" : "nft_do_chain";
    }
    const hook = HOOKS.get(where);
    if (hook) {
      const [hooks, point] = hook;
      // without a function there the hook is not even entered
      return dev && hooks(dev.net).entries(point).length > 0 ? "nf_hook_slow" : "";
    }
    if (where.startsWith("NF_")) return "";
    const name = NAMES.get(where) ?? where.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return where === "kfreeSkb" ? `${name}(SKB_DROP_REASON_${detail})` : name;
  }
}

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [ipv4.IPPROTO_ICMP, "icmp"],
  [ipv4.IPPROTO_TCP, "tcp"],
  [ipv4.IPPROTO_UDP, "udp"],
]);

function tupleText(skb: SkBuff): string {
  const { saddr, sport, daddr, dport, protocol } = flowOf(skb);
  return `${formatIpv4(saddr)}:${sport}->${formatIpv4(daddr)}:${dport}(${PROTOCOLS.get(protocol) ?? protocol})`;
}

/** Only those of wanted packets. */
export function functionsText(calls: readonly FunctionCall[]): string {
  const rows = calls
    .filter(({ packet }) => packet.wanted)
    .map(({ packet, copy, timeNs, namespace, mark, iface, proto, mtu, len, tuple, func }) => [
      `#${packet.number}${copy === 0 ? "" : `/${copy}`}`,
      (Math.floor(timeNs / 1000) / 1e6).toFixed(6),
      namespace,
      (mark >>> 0).toString(16),
      iface,
      `0x${proto.toString(16).padStart(4, "0")}`,
      String(mtu),
      String(len),
      tuple,
      func,
    ]);
  const titles = ["SKB", "TIME", "NETNS", "MARK/x", "IFACE", "PROTO", "MTU", "LEN", "TUPLE", "FUNC"];
  const widths = titles.map((title, i) => rows.reduce((width, row) => Math.max(width, row[i]!.length), title.length));
  const line = (row: readonly string[]): string =>
    `${row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join(" ")
      .trimEnd()}\n`;
  return line(titles) + rows.map(line).join("");
}
