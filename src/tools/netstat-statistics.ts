// netstat -s: the kernel's counters in sentences (net-tools' statistics.c). A counter without a sentence is printed by its
// name; most are left out while they are zero.

import type { NetNamespace } from "../net/netns.ts";

/** Counter, sentence with %u for the figure; `always`: printed even when zero. */
type Sentence = readonly [string, string, "always"?];

const IP: readonly Sentence[] = [
  ["Forwarding", "Forwarding: %u", "always"],
  ["InReceives", "%u total packets received", "always"],
  ["InHdrErrors", "%u with invalid headers"],
  ["InAddrErrors", "%u with invalid addresses"],
  ["ForwDatagrams", "%u forwarded", "always"],
  ["InUnknownProtos", "%u with unknown protocol"],
  ["InDiscards", "%u incoming packets discarded", "always"],
  ["InDelivers", "%u incoming packets delivered", "always"],
  ["OutRequests", "%u requests sent out", "always"],
  ["OutDiscards", "%u outgoing packets dropped"],
  ["OutNoRoutes", "%u dropped because of missing route"],
  ["ReasmTimeout", "%u fragments dropped after timeout"],
  ["ReasmReqds", "%u reassemblies required"],
  ["ReasmOKs", "%u packets reassembled ok"],
  ["ReasmFails", "%u packet reassemblies failed"],
  ["FragOKs", "%u fragments received ok"],
  ["FragFails", "%u fragments failed"],
  ["FragCreates", "%u fragments created"],
  ["OutTransmits", "OutTransmits: %u"],
];
const ICMP: readonly Sentence[] = [
  ["InMsgs", "%u ICMP messages received", "always"],
  ["InErrors", "%u input ICMP message failed", "always"],
];
const ICMP_INPUT: readonly Sentence[] = [
  ["InDestUnreachs", "destination unreachable: %u"],
  ["InTimeExcds", "timeout in transit: %u"],
  ["InParmProbs", "wrong parameters: %u"],
  ["InSrcQuenchs", "source quenches: %u"],
  ["InRedirects", "redirects: %u"],
  ["InEchos", "echo requests: %u"],
  ["InEchoReps", "echo replies: %u"],
  ["InTimestamps", "timestamp request: %u"],
  ["InTimestampReps", "timestamp reply: %u"],
];
const ICMP_SENT: readonly Sentence[] = [
  ["OutMsgs", "%u ICMP messages sent", "always"],
  ["OutErrors", "%u ICMP messages failed", "always"],
];
const ICMP_OUTPUT: readonly Sentence[] = [
  ["OutDestUnreachs", "destination unreachable: %u"],
  ["OutTimeExcds", "time exceeded: %u"],
  ["OutParmProbs", "wrong parameters: %u"],
  ["OutSrcQuenchs", "source quench: %u"],
  ["OutRedirects", "redirect: %u"],
  ["OutEchos", "echo requests: %u"],
  ["OutEchoReps", "echo replies: %u"],
  ["OutTimestamps", "timestamp requests: %u"],
  ["OutTimestampReps", "timestamp replies: %u"],
];
const TCP: readonly Sentence[] = [
  ["ActiveOpens", "%u active connection openings", "always"],
  ["PassiveOpens", "%u passive connection openings", "always"],
  ["AttemptFails", "%u failed connection attempts", "always"],
  ["EstabResets", "%u connection resets received", "always"],
  ["CurrEstab", "%u connections established", "always"],
  ["InSegs", "%u segments received", "always"],
  ["OutSegs", "%u segments sent out", "always"],
  ["RetransSegs", "%u segments retransmitted", "always"],
  ["InErrs", "%u bad segments received", "always"],
  ["OutRsts", "%u resets sent", "always"],
  ["InCsumErrors", "InCsumErrors: %u"],
];
const UDP: readonly Sentence[] = [
  ["InDatagrams", "%u packets received", "always"],
  ["NoPorts", "%u packets to unknown port received", "always"],
  ["InErrors", "%u packet receive errors", "always"],
  ["OutDatagrams", "%u packets sent", "always"],
  ["RcvbufErrors", "%u receive buffer errors", "always"],
  ["SndbufErrors", "%u send buffer errors", "always"],
  ["InCsumErrors", "InCsumErrors: %u"],
];
const TCP_EXT: readonly Sentence[] = [
  ["SyncookiesSent", "%u SYN cookies sent"],
  ["SyncookiesRecv", "%u SYN cookies received"],
  ["SyncookiesFailed", "%u invalid SYN cookies received"],
  ["EmbryonicRsts", "%u resets received for embryonic SYN_RECV sockets"],
  ["PruneCalled", "%u packets pruned from receive queue because of socket buffer overrun"],
  ["TW", "%u TCP sockets finished time wait in fast timer"],
  ["TWRecycled", "%u time wait sockets recycled by time stamp"],
  ["PAWSActive", "%u active connections rejected because of time stamp"],
  ["PAWSEstab", "%u packetes rejected in established connections because of timestamp"],
  ["DelayedACKs", "%u delayed acks sent"],
  ["DelayedACKLost", "Quick ack mode was activated %u times"],
  ["ListenOverflows", "%u times the listen queue of a socket overflowed"],
  ["ListenDrops", "%u SYNs to LISTEN sockets dropped"],
  ["TCPHPHits", "%u packet headers predicted", "always"],
  ["TCPPureAcks", "%u acknowledgments not containing data payload received"],
  ["TCPHPAcks", "%u predicted acknowledgments"],
  ["TCPSackRecovery", "%u times recovered from packet loss by selective acknowledgements"],
  ["TCPFastRetrans", "%u fast retransmits"],
  ["TCPSlowStartRetrans", "%u retransmits in slow start"],
  ["TCPTimeouts", "TCPTimeouts: %u"],
  ["TCPLossProbes", "TCPLossProbes: %u"],
  ["TCPLossProbeRecovery", "TCPLossProbeRecovery: %u"],
  ["TCPDSACKOldSent", "%u DSACKs sent for old packets"],
  ["TCPDSACKRecv", "%u DSACKs received"],
  ["TCPAbortOnData", "%u connections reset due to unexpected data"],
  ["TCPAbortOnClose", "%u connections reset due to early user close"],
  ["TCPAbortOnTimeout", "%u connections aborted due to timeout"],
];

export function statisticsText(ns: NetNamespace, letters: ReadonlySet<string>): string {
  const { mib, sysctl } = ns.ipv4;
  const chosen = ["t", "u", "w"].some((letter) => letters.has(letter));
  let text = "";
  if (!chosen || letters.has("w")) {
    const ip = new Map<string, number>(Object.entries(mib.ip));
    ip.set("Forwarding", sysctl.ipForward ? 1 : 2);
    text += `Ip:\n${sentences(IP, ip, false)}`;
    const icmp = new Map<string, number>(Object.entries(mib.icmp));
    text += `Icmp:\n${sentences(ICMP, icmp, false)}`;
    const input = sentences(ICMP_INPUT, icmp, false, 8);
    text += `    ICMP input histogram:\n${input}${sentences(ICMP_SENT, icmp, false)}`;
    text += `    ICMP output histogram:\n${sentences(ICMP_OUTPUT, icmp, false, 8)}`;
    text += `IcmpMsg:\n${icmpMessages(mib.icmpMsgIn, mib.icmpMsgOut)}`;
  }
  if (!chosen || letters.has("t")) text += `Tcp:\n${sentences(TCP, new Map(Object.entries(ns.tcp.mib.tcp)), false)}`;
  if (!chosen || letters.has("u")) text += `Udp:\n${sentences(UDP, new Map(Object.entries(mib.udp)), false)}UdpLite:\n`;
  if (!chosen || letters.has("t"))
    text += `TcpExt:\n${sentences(TCP_EXT, new Map(Object.entries(ns.tcp.mib.ext)), true)}`;
  const ipExt = new Map<string, number>(Object.entries(mib.ipExt));
  text += `IpExt:\n${sentences([], ipExt, true)}`;
  return `${text}MPTcpExt:\n`;
}

/** Sentences in the counters' order; with `rest`, counters without one by their name. */
function sentences(
  table: readonly Sentence[],
  counters: ReadonlyMap<string, number>,
  rest: boolean,
  indent = 4,
): string {
  const known = new Map(table.map((sentence) => [sentence[0], sentence]));
  const names = rest ? [...counters.keys()] : table.map(([name]) => name);
  let text = "";
  for (const name of names) {
    const value = counters.get(name) ?? 0;
    const sentence = known.get(name);
    if (value === 0 && sentence?.[2] !== "always") continue;
    text += `${" ".repeat(indent)}${sentence ? sentence[1].replace("%u", String(value)) : `${name}: ${value}`}\n`;
  }
  return text;
}

function icmpMessages(received: Uint32Array, sent: Uint32Array): string {
  let text = "";
  for (const [type, count] of received.entries()) if (count > 0) text += `        InType${type}: ${count}\n`;
  for (const [type, count] of sent.entries()) if (count > 0) text += `        OutType${type}: ${count}\n`;
  return text;
}
