// netstat -s: the kernel's counters in sentences (net-tools' statistics.c), by sections as /proc/net/snmp and
// /proc/net/netstat have them. No IPv6 exists to be counted.

import type { MessageCounts } from "../../net/ipv4/mib.ts";
import { tcpExtCounters } from "../../net/ipv4/snmp-names.ts";
import type { NetNamespace } from "../../net/netns.ts";
import {
  ICMP_SENTENCES,
  IP_SENTENCES,
  type Sentence,
  type SentenceKind,
  TCP_EXT_SENTENCES,
  TCP_SENTENCES,
  UDP_SENTENCES,
} from "./sentences.ts";

const IPV6_RAW = `Ip6:
    0 total packets received
    0 incoming packets discarded
    0 incoming packets delivered
    0 forwarded
    0 requests sent out
Icmp6:
    0 ICMP messages received
    0 input ICMP message failed
    0 ICMP messages sent
    ICMP input histogram:
        ICMP output histogram:
`;
const IPV6_UDP = `Udp6:
    0 packets received
    0 packets to unknown port received
    0 packet receive errors
    0 packets sent
`;

/** @param letters short options; of t, u and w those that are there restrict the sections */
export function statisticsText(ns: NetNamespace, letters: ReadonlySet<string>): string {
  const { mib, sysctl } = ns.ipv4;
  const chosen = ["t", "u", "w", "U", "S"].some((letter) => letters.has(letter));
  const raw = !chosen || letters.has("w");
  const tcp = !chosen || letters.has("t");
  const udp = !chosen || letters.has("u");
  const writer = new Writer();
  if (letters.has("6")) {
    writer.text = `${raw ? IPV6_RAW : ""}${udp ? IPV6_UDP : ""}UdpLite6:\n`;
    if (tcp) writer.section("Tcp", TCP_SENTENCES, Object.entries(ns.tcp.mib.tcp));
    return writer.text;
  }
  if (raw) {
    const forwarding: [string, number] = ["Forwarding", sysctl.ipForward ? 1 : 2];
    writer.section("Ip", IP_SENTENCES, [forwarding, ...Object.entries(mib.ip)]);
    writer.section("Icmp", ICMP_SENTENCES, Object.entries(mib.icmp));
  }
  const messages = [...messageCounters("InType", mib.icmpMsgIn), ...messageCounters("OutType", mib.icmpMsgOut)];
  if (messages.length > 0) writer.section("IcmpMsg", undefined, messages);
  if (tcp) writer.section("Tcp", TCP_SENTENCES, Object.entries(ns.tcp.mib.tcp));
  if (udp) writer.section("Udp", UDP_SENTENCES, Object.entries(mib.udp));
  writer.text += "UdpLite:\n";
  writer.state = "other";
  if (tcp) writer.section("TcpExt", TCP_EXT_SENTENCES, tcpExtCounters(ns.tcp.mib, ns.ipv4.mib));
  writer.section("IpExt", undefined, Object.entries(mib.ipExt));
  writer.text += "MPTcpExt:\n";
  return writer.text;
}

function messageCounters(prefix: string, counts: MessageCounts): [string, number][] {
  return counts.sorted().map(([type, count]) => [`${prefix}${type}`, count]);
}

const HEADINGS = { received: "ICMP input histogram:", sent: "ICMP output histogram:" };

/** What is printed so far, and how far the next line is set in. */
class Writer {
  text = "";
  state: "received" | "sent" | "other" = "other";

  section(title: string, table: readonly Sentence[] | undefined, counters: Iterable<[string, number]>): void {
    this.text += `${title}:\n`;
    if (table) this.state = "other";
    for (const [name, value] of counters) {
      const sentence = table && search(table, name);
      if (sentence) this.#known(sentence[1].replace("%llu", String(value)), sentence[2], value);
      else if (value !== 0) this.#line(`${name}: ${value}`);
    }
  }

  #known(text: string, kind: SentenceKind, value: number): void {
    if (kind === "never") return;
    const state = kind === "received" || kind === "sent" ? kind : "other";
    if (state !== this.state) {
      if (state !== "other") this.#line(HEADINGS[state]);
      this.state = state;
    }
    if (kind === "always" || value !== 0) this.#line(text);
  }

  #line(text: string): void {
    this.text += `${this.state === "other" ? "    " : "        "}${text}\n`;
  }
}

/** bsearch(3) with strcmp, over a table that is not in that order throughout. */
function search(table: readonly Sentence[], name: string): Sentence | undefined {
  let low = 0;
  let high = table.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const sentence = table[middle]!;
    if (name === sentence[0]) return sentence;
    if (name < sentence[0]) high = middle;
    else low = middle + 1;
  }
  return undefined;
}
