// The line that LOG writes into the kernel's log. Answers to net/netfilter/nf_log_syslog.c (nf_log_ip_packet) field for
// field. Only the machine's first namespace may log, unless net.netfilter.nf_log_all_netns says otherwise.

import { hex } from "../../base/text.ts";
import { formatIpv4, formatMac } from "../../wire/addr.ts";
import * as icmp from "../../wire/icmp.ts";
import * as ip from "../../wire/ipv4.ts";
import { get16, get32 } from "../../wire/layout.ts";
import { ARPHRD_ETHER } from "../core/net-device.ts";
import type { SkBuff } from "../core/skb.ts";
import type { Sock } from "../core/sock.ts";
import { ControlSock } from "../ipv4/inet-sock.ts";
import type { XtEnv, XtPar } from "./x-tables.ts";

// uapi/linux/netfilter/nf_log.h
export const NF_LOG_TCPSEQ = 0x01;
export const NF_LOG_TCPOPT = 0x02;
export const NF_LOG_IPOPT = 0x04;
export const NF_LOG_UID = 0x08;
export const NF_LOG_MACDECODE = 0x20;

/** Writes one packet's line: level and prefix as the rule says. */
export function logPacket(env: XtEnv, par: XtPar, info: { level: number; logflags: number; prefix: string }): void {
  env.log(packetLine(par, info), info.level);
}

/** What the kernel says of a packet. */
export function packetLine(par: XtPar, info: { logflags: number; prefix: string }): string {
  const { skb } = par;
  let line = `${info.prefix}IN=${par.in?.name ?? ""} OUT=${par.out?.name ?? ""} `;
  if (skb.physInDev !== null && skb.physInDev !== par.in) line += `PHYSIN=${skb.physInDev.name} `;
  if (skb.physOutDev !== null && skb.physOutDev !== par.out) line += `PHYSOUT=${skb.physOutDev.name} `;
  if (par.in !== null) line += macHeader(skb, info.logflags);
  line += dumpIpv4(skb.head, par.iph, skb.tail, info.logflags, false);
  const sk = skb.sk as Sock | null;
  // the kernel's own sockets are no file of anybody's
  if (info.logflags & NF_LOG_UID && sk !== null && !sk.dead && !(sk instanceof ControlSock))
    line += `UID=${sk.uid} GID=${sk.uid} `;
  return skb.mark === 0 ? line : `${line}MARK=0x${(skb.mark >>> 0).toString(16)} `;
}

function macHeader(skb: SkBuff, logflags: number): string {
  const b = skb.head;
  const at = skb.macHeader;
  if (logflags & NF_LOG_MACDECODE && skb.dev?.type === ARPHRD_ETHER) {
    if (at < 0) return "";
    return `MACSRC=${formatMac(b, at + 6)} MACDST=${formatMac(b, at)} MACPROTO=${hex4(get16(b, at + 12))} `;
  }
  const length = skb.dev?.hardHeaderLen ?? 0;
  if (length === 0 || at < 0 || at === skb.networkHeader) return "MAC= ";
  return `MAC=${hex(b.slice(at, at + length), ":")} `;
}

function hex4(value: number): string {
  return value.toString(16).padStart(4, "0");
}

function hex2(value: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(2, "0")}`;
}

function dumpIpv4(b: Uint8Array, iph: number, end: number, logflags: number, inner: boolean): string {
  if (end - iph < ip.HEADER_LENGTH) return "TRUNCATED";
  const tos = ip.getTos(b, iph);
  const fragment = get16(b, iph + 6);
  let line = `SRC=${formatIpv4(get32(b, iph + 12))} DST=${formatIpv4(get32(b, iph + 16))} `;
  line += `LEN=${ip.getTotalLength(b, iph)} TOS=${hex2(tos & 0x1e)} PREC=${hex2(tos & 0xe0)} `;
  line += `TTL=${b[iph + 8]} ID=${get16(b, iph + 4)} `;
  if (fragment & 0x8000) line += "CE ";
  if (fragment & ip.DF) line += "DF ";
  if (fragment & ip.MF) line += "MF ";
  const offset = fragment & ip.OFFSET_MASK;
  if (offset !== 0) line += `FRAG:${offset} `;
  const headerLength = ip.getHeaderLength(b, iph);
  const l4 = iph + headerLength;
  if (logflags & NF_LOG_IPOPT && headerLength > ip.HEADER_LENGTH)
    line += `OPT (${hex(b.slice(iph + 20, Math.min(l4, end))).toUpperCase()}) `;
  switch (b[iph + 9]) {
    case ip.IPPROTO_TCP:
      return line + dumpTcp(b, l4, end, offset, logflags);
    case ip.IPPROTO_UDP:
      return line + dumpUdp("UDP", b, l4, end, offset);
    case ip.IPPROTO_UDPLITE:
      return line + dumpUdp("UDPLITE", b, l4, end, offset);
    case ip.IPPROTO_ICMP:
      return line + dumpIcmp(b, l4, end, offset, logflags, inner);
    case ip.IPPROTO_AH:
    case ip.IPPROTO_ESP: {
      const isAh = b[iph + 9] === ip.IPPROTO_AH;
      if (isAh && offset !== 0) return line;
      line += isAh ? "PROTO=AH " : "PROTO=ESP ";
      if (offset !== 0) return line;
      if (end - l4 < (isAh ? 12 : 8)) return `${line}INCOMPLETE [${end - l4} bytes] `;
      return `${line}SPI=0x${get32(b, isAh ? l4 + 4 : l4).toString(16)} `;
    }
    default:
      return `${line}PROTO=${b[iph + 9]} `;
  }
}

const TCP_FLAGS: readonly (readonly [number, string])[] = [
  [0x80, "CWR "],
  [0x40, "ECE "],
  [0x20, "URG "],
  [0x10, "ACK "],
  [0x08, "PSH "],
  [0x04, "RST "],
  [0x02, "SYN "],
  [0x01, "FIN "],
];

function dumpTcp(b: Uint8Array, th: number, end: number, offset: number, logflags: number): string {
  let line = "PROTO=TCP ";
  if (offset !== 0) return line;
  if (end - th < 20) return `${line}INCOMPLETE [${end - th} bytes] `;
  line += `SPT=${get16(b, th)} DPT=${get16(b, th + 2)} `;
  if (logflags & NF_LOG_TCPSEQ) line += `SEQ=${get32(b, th + 4)} ACK=${get32(b, th + 8)} `;
  line += `WINDOW=${get16(b, th + 14)} RES=0x${((b[th + 12]! & 0x0f) << 2).toString(16).padStart(2, "0")} `;
  for (const [bit, name] of TCP_FLAGS) if (b[th + 13]! & bit) line += name;
  line += `URGP=${get16(b, th + 18)} `;
  const optionsEnd = th + ((b[th + 12]! >>> 4) << 2);
  if (logflags & NF_LOG_TCPOPT && optionsEnd > th + 20) {
    if (optionsEnd > end) return `${line}OPT (TRUNCATED)`;
    line += `OPT (${hex(b.slice(th + 20, optionsEnd)).toUpperCase()}) `;
  }
  return line;
}

function dumpUdp(name: string, b: Uint8Array, uh: number, end: number, offset: number): string {
  const line = `PROTO=${name} `;
  if (offset !== 0) return line;
  if (end - uh < 8) return `${line}INCOMPLETE [${end - uh} bytes] `;
  return `${line}SPT=${get16(b, uh)} DPT=${get16(b, uh + 2)} LEN=${get16(b, uh + 4)} `;
}

/** Bytes that a type must have to be worth decoding. */
const ICMP_REQUIRED: ReadonlyMap<number, number> = new Map([
  [icmp.ICMP_ECHOREPLY, 4],
  [icmp.ICMP_DEST_UNREACH, 28],
  [icmp.ICMP_SOURCE_QUENCH, 28],
  [icmp.ICMP_REDIRECT, 28],
  [icmp.ICMP_ECHO, 4],
  [icmp.ICMP_TIME_EXCEEDED, 28],
  [icmp.ICMP_PARAMETERPROB, 28],
  [icmp.ICMP_TIMESTAMP, 20],
  [icmp.ICMP_TIMESTAMPREPLY, 20],
  [icmp.ICMP_ADDRESS, 12],
  [icmp.ICMP_ADDRESSREPLY, 12],
]);

function dumpIcmp(b: Uint8Array, ih: number, end: number, offset: number, logflags: number, inner: boolean): string {
  let line = "PROTO=ICMP ";
  if (offset !== 0) return line;
  if (end - ih < 8) return `${line}INCOMPLETE [${end - ih} bytes] `;
  const type = b[ih]!;
  const code = b[ih + 1]!;
  line += `TYPE=${type} CODE=${code} `;
  if (end - ih < (ICMP_REQUIRED.get(type) ?? 0)) return `${line}INCOMPLETE [${end - ih} bytes] `;
  if (type === icmp.ICMP_ECHO || type === icmp.ICMP_ECHOREPLY)
    return `${line}ID=${get16(b, ih + 4)} SEQ=${get16(b, ih + 6)} `;
  if (type === icmp.ICMP_PARAMETERPROB) return `${line}PARAMETER=${b[ih + 4]} `;
  if (!icmp.isError(type)) return line;
  if (type === icmp.ICMP_REDIRECT) line += `GATEWAY=${formatIpv4(get32(b, ih + 4))} `;
  if (!inner) line += `[${dumpIpv4(b, ih + 8, end, logflags, true)}] `;
  if (type === icmp.ICMP_DEST_UNREACH && code === icmp.ICMP_FRAG_NEEDED) line += `MTU=${get16(b, ih + 6)} `;
  return line;
}
