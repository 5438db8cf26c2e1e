// A packet as a script would say it, for messages and --verbose.

import * as icmp from "../wire/icmp.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import { icmpText } from "./icmp-names.ts";
import { findOptions, optionText } from "./tcp-option-bytes.ts";

const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [tcp.FIN, "F"],
  [tcp.SYN, "S"],
  [tcp.RST, "R"],
  [tcp.PSH, "P"],
  [tcp.URG, "U"],
  [tcp.ECE, "E"],
  [tcp.CWR, "W"],
  [tcp.AE, "A"],
  [tcp.ACK, "."],
];

const ECN_TEXTS: readonly string[] = ["", "[ect1] ", "[ect0] ", "[ce] "];

/** One line without time, e.g. `> P. 1:1001(1000) ack 1 win 257`. */
export function packetText(b: Uint8Array, direction: "in" | "out"): string {
  const arrow = direction === "in" ? "<" : ">";
  const at = ipv4.getHeaderLength(b, 0);
  const ecn = ECN_TEXTS[ipv4.getTos(b, 0) & 3]!;
  switch (ipv4.getProtocol(b, 0)) {
    case ipv4.IPPROTO_TCP:
      return `${arrow} ${ecn}${tcpText(b, at)}`;
    case ipv4.IPPROTO_UDP:
      return `${arrow} ${ecn}udp (${udp.getLength(b, at) - udp.HEADER_LENGTH})`;
    case ipv4.IPPROTO_ICMP: {
      const [type, code] = [icmp.getType(b, at), icmp.getCode(b, at)];
      const mtu = type === 3 && code === 4 ? ` mtu ${icmp.getNextHopMtu(b, at)}` : "";
      return `${arrow} ${ecn}icmp ${icmpText(type, code)}${mtu}`;
    }
    default:
      return `${arrow} ${ecn}IP protocol ${ipv4.getProtocol(b, 0)}`;
  }
}

function tcpText(b: Uint8Array, at: number): string {
  const flags = tcp.getFlags(b, at);
  const letters = FLAG_LETTERS.map(([flag, letter]) => (flags & flag ? letter : "")).join("") || "-";
  const end = at + tcp.getDataOffset(b, at);
  const payload = b.length - end;
  const seq = tcp.getSequence(b, at);
  const ack = flags & tcp.ACK ? ` ack ${tcp.getAcknowledgment(b, at)}` : "";
  const urgent = flags & tcp.URG ? ` urg ${tcp.getUrgentPointer(b, at)}` : "";
  const options = findOptions(b, at + tcp.HEADER_LENGTH, end).map((option) => optionText(b, option));
  const tail = options.length > 0 ? ` <${options.join(",")}>` : "";
  return `${letters} ${seq}:${(seq + payload) >>> 0}(${payload})${ack} win ${tcp.getWindow(b, at)}${urgent}${tail}`;
}
